"""What can be minimised without clean pictures: Noise2Noise, Neighbor2Neighbor, recorrupted pairs.

f is a restoration: a noisy picture ``(b, 3, h, w)`` in [0, 1] and how strong its noise is, 1 for that of the
set, give the clean picture; gradients pass through. Every objective returns one number whose minimum over f
is, in expectation, that of the error against the clean picture.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from restore.noise.model import NoiseModel
from restore.training.config import Loss

Restoration = Callable[[Tensor, float], Tensor]
ALPHA = 0.5
"""Share of new noise in what is seen: less is nearer to the pictures themselves, more is safer."""

FLOOR = 0.15
"""The white floor under correlated noise, in units of its level."""

# The eight ways to choose two neighbours of a 2x2 cell, as places 0 1 / 2 3.
_NEIGHBOURS = ((0, 1), (0, 2), (1, 3), (2, 3), (1, 0), (2, 0), (3, 1), (3, 2))


def noise2noise(
    f: Restoration, noisy: Tensor, other: Tensor, loss: Loss = "l2", *, done: float = 0.0
) -> Tensor:
    """The error against another noisy view of the same scene (Lehtinen et al. 2018).

    ``l2`` finds the mean of what the views would show, right for noise of mean zero; ``l1`` their median,
    for up to half of the pixels replaced by outliers, such as text or impulses; ``l0`` their mode, for more
    than half: ``(|f(y) - y'| + 1e-8)^g`` with g falling from 2 to 0 (their annealed L0).

    noisy, other: ``(b, 3, h, w)``. done: how much of the run is over, 0 to 1.
    """
    error = f(noisy, 1.0) - other
    if loss == "l2":
        return error.square().mean()
    if loss == "l1":
        return error.abs().mean()
    return (error.abs() + 1e-8).pow(2 * (1 - done)).mean()


def neighbor2neighbor(
    f: Restoration, noisy: Tensor, *, weight: float, generator: Generator | None = None
) -> Tensor:
    """One neighbour predicts another: noise of neighbours is independent (Huang et al. 2021, eq. 5 to 7).

    Two sub-images g1, g2 take two neighbouring pixels of each 2x2 cell. The regulariser, times ``weight``,
    makes up for the two not being the same scene: the difference of the sub-images of f's own result::

        |f(g1 y) - g2 y|^2 + weight |f(g1 y) - g2 y - (g1 f(y) - g2 f(y))|^2

    Wrong where neighbours share noise: f then learns to keep it. noisy ``(b, 3, h, w)``, h and w even.
    """
    b, _, h, w = noisy.shape
    choice = torch.randint(8, (b, 1, h // 2, w // 2), device=noisy.device, generator=generator)
    first, second = sub_images(noisy, choice)
    with torch.no_grad():
        whole = f(noisy, 1.0)
    error = f(first, 1.0) - second
    expected_1, expected_2 = sub_images(whole, choice)
    return error.square().mean() + weight * (error - (expected_1 - expected_2)).square().mean()


def sub_images(image: Tensor, choice: Tensor) -> tuple[Tensor, Tensor]:
    """Two neighbouring pixels of each 2x2 cell as pictures of half the size.

    image ``(b, c, h, w)``; choice ``(b, 1, h/2, w/2)`` of 0..7 says which of the eight pairs.
    """
    b, c, h, w = image.shape
    cells = F.pixel_unshuffle(image, 2).view(b, c, 4, h // 2, w // 2)
    pairs = torch.tensor(_NEIGHBOURS, device=image.device)[choice]  # (b, 1, h/2, w/2, 2)
    places = pairs.movedim(-1, 2).expand(b, c, 2, h // 2, w // 2)
    first, second = cells.gather(2, places).unbind(2)
    return first, second


def recorrupted(
    f: Restoration, noisy: Tensor, noise: NoiseModel, signal: Tensor, *, alpha: float = ALPHA,
    generator: Generator | None = None,
) -> Tensor:  # fmt: skip
    """Two pictures with independent noise, made of one (Pang, Zheng, Quan and Ji 2021), for each ``(b,)``.

    For y = x + n with Gaussian n, and m drawn anew from the same law, the noise of the two ::

        y + alpha m     and     y - m / alpha

    is uncorrelated, hence independent: one is what f sees, the other what it is compared with, and the
    minimum over f is that of the error against x. As alpha goes to 0 this is Stein's unbiased risk (Monroy,
    Bacca and Tachella 2025), without its weakness: where a model of the noise puts a little of it into a gap
    of its spectrum, the risk rewards answering to it without bound; here by at most 1 / alpha^2. Correlated
    noise, whose spectrum has gaps, is given a white floor beside which such mistakes are small, in the
    pictures and in the model alike. A model that noise can be drawn from is all it takes: correlated noise
    and noise that grows with the signal are as good as white.

    noisy ``(b, 3, h, w)``, not cut off at 0 and 1, see `NoiseModel.uncut`. signal: the clean picture as well
    as it is known, for the level of the noise in each place; means of a neighbourhood would not do, since
    strokes of ink would be given the noise of the paper around, and f would learn to tell the two. The result
    is less what the noise of the comparison alone amounts to: an estimate of the mean squared error.
    """
    fresh, variance = noise.draw(signal, generator), noise.variance(signal)
    if noise.kernel.size > 1:
        floor = FLOOR * noise.sigma
        shape = (2, len(noisy), len(noise.gain), *noisy.shape[2:])
        white = floor * torch.randn(shape, device=noisy.device, generator=generator)
        noisy, fresh, variance = noisy + white[0], fresh + white[1], variance + floor**2
    error = f(noisy + alpha * fresh, (1 + alpha**2) ** 0.5) - (noisy - fresh / alpha)
    alone = (1 + alpha**-2) * variance
    return (error.square() - alone).mean((1, 2, 3))


def answer(f: Restoration, noisy: Tensor) -> Tensor:
    """What f takes for the signal, in [0, 1] and without gradients."""
    with torch.no_grad():
        return f(noisy, 1.0).clamp(0, 1)


def clipped(f: Restoration) -> Restoration:
    """The same where all pictures end at 0 and 1."""
    return lambda noisy, strength: f(noisy.clamp(0, 1), strength)
