"""Wrappers that steer a denoiser: towards known pixels, measurements and conditions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.progress import with_progress
from restore.diffusion.thresholding import mapped
from restore.diffusion.updates import FiniteCheck
from restore.inverse.ends import Ends, data_step
from restore.inverse.protocols import Operator, Projecting
from restore.types import Denoiser, Progress, Rng

SAME = 1e-6  # relative difference of noise levels that are the same
FULL_STEPS = 24  # the most that DPIR takes (Zhang et al. 2021, section 5)


def inject_known(
    denoise: Denoiser,
    y: Tensor,
    hole: Tensor,
    rng: Rng,
    *,
    variance: Literal["corrected", "printed"] = "corrected",
) -> Denoiser:
    """Replace the known pixels of the state by the measurement at the state's own noise level.

    ``x <- known (y + sigma z) + hole x`` before every network call, with fresh z. The known pixels of the
    answer are y itself.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    y : the picture ``(b, 3, h, w)``; what it holds in the hole does not matter.
    hole : ``(b, 1, h, w)``, 1 where content is missing.
    rng : the random numbers.
    variance : ``printed`` is that of the paper's algorithm 1, where the noise's scale 1 - abar lacks a square
        root, so that known pixels are less noisy than the rest by ``sqrt(1 - abar)``; ``corrected`` is that
        of eq. 8 and of the released code.

    Returns
    -------
    A denoiser; a learned variance stays what it is.

    References
    ----------
    Lugmayr et al. (2022), "RePaint: Inpainting using Denoising Diffusion Probabilistic Models",
    arXiv:2201.09865, eq. 8.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.testing import tiny_prior
    >>> half = torch.full((1, 3, 8, 8), 0.5)
    >>> hole = torch.zeros(1, 1, 8, 8)
    >>> inpainter = inject_known(tiny_prior().denoiser(), half, hole, seeded_rng(0))
    >>> bool((inpainter(half, 0.2) == half).all())  # all of it is known
    True
    """

    def inject(x: Tensor, sigma: float) -> Tensor:
        level = sigma if variance == "corrected" else sigma * 2 * sigma / math.sqrt(1 + 4 * sigma**2)
        return torch.where(hole > 0, x, y + level * rng(y))

    return mapped(denoise, lambda x, x0, sigma: torch.where(hole > 0, x0, y), inject)


def enforce(
    denoise: Denoiser,
    y: Tensor,
    operator: Operator | Projecting,
    *,
    noise_std: float = 0.0,
    ends: Ends | None = None,
) -> Denoiser:
    """Make every clean estimate agree with the measurement before the sampler goes on from it.

    For a noisy measurement the correction trusts y as much as the noise allows at the present level,
    ``damping = (noise_std / sigma)^2``. Where the operator is not linear estimates are projected, whatever
    the noise.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    y : the measurement ``(b, *operator.y_shape)``.
    operator : the degradation.
    noise_std : noise of the measurement, [0, 1] units, 0 or more.
    ends : which pixels of y are one-sided; None for none, and for what is projected.

    Returns
    -------
    A denoiser.

    References
    ----------
    Wang, Yu and Zhang (2023), arXiv:2212.00490, eq. 13, for noise_std 0; Zhang et al. (2021),
    arXiv:2008.13751, eq. 6a.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> half = torch.full((1, 3, 8, 8), 0.5)
    >>> enforced = enforce(tiny_prior().denoiser(), half[:, :1], Gray((8, 8)))
    >>> seen = Gray((8, 8)).forward(enforced(half, 0.2))
    >>> torch.allclose(seen, half[:, :1], atol=1e-5)
    True
    """
    if not isinstance(operator, Operator):
        project = operator.projection(y)
        return mapped(denoise, lambda x, x0, sigma: project(x0))

    def enforced(x: Tensor, x0: Tensor, sigma: float) -> Tensor:
        return x0 + data_step(x0, y, operator, (noise_std / sigma) ** 2 if noise_std else 0.0, ends)

    return mapped(denoise, enforced)


def per_pixel_start(denoise: Denoiser, start: Tensor, levels: Tensor) -> Denoiser:
    """Let every pixel start from its own noise level.

    Above its level the clean estimate of a pixel is ``start``, by which DDIM and DDPM leave it at ``start``
    with the state's noise on it. Samplers that combine two estimates mix both in the step in which a pixel
    starts.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    start : the picture ``(b, 3, h, w)`` to start from.
    levels : the noise level of each pixel, ``(b, 1, h, w)``, [0, 1] units; at 0 a pixel stays as it is.

    Returns
    -------
    A denoiser.

    References
    ----------
    Meng et al. (2022), "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations",
    arXiv:2108.01073, whose level is the same for all pixels.

    Examples
    --------
    >>> import torch
    >>> from restore.testing import tiny_prior
    >>> half = torch.full((1, 3, 8, 8), 0.5)
    >>> denoise = per_pixel_start(tiny_prior().denoiser(), half, torch.zeros(1, 1, 8, 8))
    >>> bool((denoise(half + 0.1, 0.2) == half).all())
    True
    """
    # Levels that are computed as the first one may come out a rounding below it.
    return mapped(denoise, lambda x, x0, sigma: torch.where(levels < sigma * (1 - SAME), start, x0))


def half_quadratic_splitting(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    share: float = 1.0,
    progress: Progress | None = None,
) -> Tensor:
    """Denoise at falling noise levels without adding noise: a posterior mean, not a sample.

    ``x <- D(x, sigma)`` for each sigma above 0, with D wrapped by `enforce`. Deterministic.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``, wrapped by `enforce`.
    x : the first picture ``(b, 3, h, w)``.
    sigmas : falling noise levels, [0, 1] units.
    share : how far x moves towards D(x, sigma) in every step, above 0 and up to 1. Less than 1 is for many
        steps (`share_of`), which would smooth the texture away.
    progress : called after every network call, one for each level above 0.

    Returns
    -------
    The picture ``(b, 3, h, w)``.

    Raises
    ------
    NumbersError
        When x is no longer finite; it names the step.

    References
    ----------
    Zhang et al. (2021), "Plug-and-Play Image Restoration with Deep Denoiser Prior", arXiv:2008.13751, eq. 6.

    Examples
    --------
    >>> import torch
    >>> from restore.testing import tiny_prior
    >>> half = torch.full((1, 3, 8, 8), 0.5)
    >>> half_quadratic_splitting(tiny_prior().denoiser(), half, [0.2, 0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """
    levels = [sigma for sigma in sigmas if sigma > 0]
    denoise, check = with_progress(denoise, progress, len(levels)), FiniteCheck(levels)
    for sigma in levels:
        found = denoise(x, sigma)
        x = found if share == 1 else x + share * (found - x)
        check(x)
    check.end()
    return x


def share_of(steps: int) -> float:
    """Give the share by which splitting in so many steps moves x as far as in FULL_STEPS.

    Examples
    --------
    >>> share_of(12), share_of(48)
    (1.0, 0.5)
    """
    return min(1.0, FULL_STEPS / steps)


def classifier_free(conditional: Denoiser, unconditional: Denoiser, strength: float) -> Denoiser:
    """Go beyond the condition, ``u + strength (c - u)``; each call is two network calls.

    Parameters
    ----------
    conditional, unconditional : two denoisers of the same network.
    strength : w + 1 of the paper. 1 is the conditional denoiser alone, as SR3 and Palette use it.

    Returns
    -------
    A denoiser.

    References
    ----------
    Ho and Salimans (2022), "Classifier-Free Diffusion Guidance", arXiv:2207.12598, eq. 6.

    Examples
    --------
    >>> import torch
    >>> guided = classifier_free(lambda x, sigma: x + 1, lambda x, sigma: x, 1.5)
    >>> float(guided(torch.zeros(1, 3, 2, 2), 0.1).mean())
    1.5
    """

    def guided(x: Tensor, x0: Tensor, sigma: float) -> Tensor:
        without = unconditional(x, sigma)
        return without + strength * (x0 - without)

    return mapped(conditional, guided)


def classifier_guided(
    denoise: Denoiser, classifier: Callable[[Tensor, float], Tensor], labels: Tensor, strength: float
) -> Denoiser:
    """Move clean estimates towards what a classifier of noisy pictures takes for a class.

    ``x0 + strength sigma^2 grad_x log p(label | x)``, which adds the classifier's gradient to the score.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    classifier : ``(x, sigma)`` to logits ``(b, classes)``, for states ``x = x0 + sigma n`` in [0, 1] units:
        any `torch.nn.Module` that was trained on them.
    labels : the wanted classes ``(b,)``.
    strength : 0 or more; 1 is Bayes' rule.

    Returns
    -------
    A denoiser.

    References
    ----------
    Dhariwal and Nichol (2021), "Diffusion Models Beat GANs on Image Synthesis", arXiv:2105.05233,
    algorithm 2.

    Examples
    --------
    >>> def bright(x, sigma):
    ...     mean = x.mean((1, 2, 3))
    ...     return torch.stack([-mean, mean], 1)
    >>> guided = classifier_guided(lambda x, sigma: x, bright, torch.tensor([1]), 1.0)
    >>> bool((guided(torch.zeros(1, 3, 2, 2), 0.5) > 0).all())
    True
    """

    def guided(x: Tensor, x0: Tensor, sigma: float) -> Tensor:
        with torch.enable_grad():
            state = x.detach().requires_grad_()
            log_odds = classifier(state, sigma).log_softmax(1).gather(1, labels[:, None]).sum()
            (gradient,) = torch.autograd.grad(log_odds, state)
        return x0 + strength * sigma**2 * gradient

    return mapped(denoise, guided)
