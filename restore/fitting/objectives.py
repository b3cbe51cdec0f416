"""What can be minimised without clean pictures: Noise2Noise, Neighbor2Neighbor, recorrupted pairs.

f is a restoration: it takes noisy pictures ``(b, 3, h, w)`` in [0, 1] and the strength of their noise, 1 for
that of the set, and gives clean ones; gradients pass through. The minimum of every objective over f is, in
expectation, that of the error against the clean pictures.
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
    """The error against another noisy view of the same scene.

    Parameters
    ----------
    f : the restoration.
    noisy, other : two views ``(b, 3, h, w)``.
    loss : ``l2`` finds the mean of the views, for noise of mean zero; ``l1`` their median, for up to half of
        the pixels replaced by outliers, such as text or impulses; ``l0`` their mode, for more than half:
        ``(|f(y) - y'| + 1e-8)^g`` with g falling from 2 to 0.
    done : how much of the run is over, 0 to 1.

    Returns
    -------
    The mean error, a number.

    References
    ----------
    J. Lehtinen et al., "Noise2Noise: Learning Image Restoration without Clean Data", 2018, arXiv:1803.04189.

    Examples
    --------
    >>> views = torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)
    >>> noise2noise(lambda noisy, strength: noisy, *views)
    tensor(0.2500)
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
    """The error of one pixel predicted from its neighbour, where the noise of both is independent.

    Two sub-images g1, g2 take two neighbouring pixels of each 2x2 cell. The regulariser, times ``weight``,
    makes up for the two not being the same scene: the difference of the sub-images of f's own result::

        |f(g1 y) - g2 y|^2 + weight |f(g1 y) - g2 y - (g1 f(y) - g2 f(y))|^2

    Where neighbours share noise, f learns to keep it.

    Parameters
    ----------
    f : the restoration.
    noisy : pictures ``(b, 3, h, w)``, h and w even.
    weight : of the regulariser.
    generator : draws the neighbours.

    Returns
    -------
    The mean error, a number.

    References
    ----------
    T. Huang, S. Li, X. Jia, H. Lu, J. Liu, "Neighbor2Neighbor: Self-Supervised Denoising from Single Noisy
    Images", CVPR 2021, arXiv:2101.02824, eq. 5 to 7.

    Examples
    --------
    >>> flat = torch.full((1, 3, 4, 4), 0.5)
    >>> neighbor2neighbor(lambda noisy, strength: noisy, flat, weight=2.0)
    tensor(0.)
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
    """The mean squared error of a restoration, estimated from pairs that are made of one noisy picture.

    For y = x + n with Gaussian n, and m drawn anew from the same law, the noise of the two ::

        y + alpha m     and     y - m / alpha

    is uncorrelated, hence independent: one is what f sees, the other what it is compared with, and the
    minimum over f is that of the error against x. As alpha goes to 0 this is Stein's unbiased risk, without
    its weakness: where the model puts a little noise into a gap of the true spectrum, Stein's risk rewards
    amplifying it without bound, this one by at most 1 / alpha^2. Correlated noise, whose spectrum has gaps,
    is given a white floor that makes such errors small, in the pictures and in the model alike. All that is
    needed is a model from which noise can be drawn: it may be correlated and may grow with the signal.

    Parameters
    ----------
    f : the restoration.
    noisy : pictures ``(b, 3, h, w)``, not cut off at 0 and 1; see `NoiseModel.uncut`.
    noise : the model of their noise.
    signal : the clean pictures as well as they are known, for the level of the noise in each place. Means of
        a neighbourhood would not do: strokes of ink would get the noise of the paper around them, and f would
        learn to tell the two apart.
    alpha : share of new noise in what f sees.
    generator : draws the noise.

    Returns
    -------
    The estimate for each picture ``(b,)``: the error against the second picture, less the noise of that one.

    References
    ----------
    T. Pang, H. Zheng, Y. Quan, H. Ji, "Recorrupted-to-Recorrupted: Unsupervised Deep Learning for Image
    Denoising", CVPR 2021, doi:10.1109/CVPR46437.2021.00208.
    B. Monroy, J. Bacca, J. Tachella, "Generalized Recorrupted-to-Recorrupted: Self-Supervised Learning Beyond
    Gaussian Noise", CVPR 2025, arXiv:2412.04648.
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
