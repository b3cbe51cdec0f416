"""Wrappers that steer a denoiser: known pixels injected, measurements enforced, noise left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.progress import with_progress
from restore.diffusion.updates import FiniteCheck
from restore.inverse.protocols import Operator, Projecting, consistent
from restore.types import Denoiser, Progress, Rng

FULL_STEPS = 24  # of DPIR's ladders the longest (Zhang et al. 2021, section 5)


def inject_known(
    denoise: Denoiser,
    y: Tensor,
    hole: Tensor,
    rng: Rng,
    *,
    variance: Literal["corrected", "printed"] = "corrected",
) -> Denoiser:
    """Replace the known pixels of the state by the measurement at the state's own noise level.

    RePaint (Lugmayr et al. 2022, eq. 8): ``x <- known (y + sigma z) + hole x`` before every network
    call, with fresh z. The answer's known pixels are y itself.

    variance: ``printed`` is that of the paper's algorithm 1, where the noise's scale 1 - abar lacks a
    square root, so that known pixels are less noisy than the rest by ``sqrt(1 - abar)``; ``corrected`` is
    that of eq. 8 and of the released code.
    """

    def injected(x: Tensor, sigma: float) -> Tensor:
        level = sigma if variance == "corrected" else sigma * 2 * sigma / math.sqrt(1 + 4 * sigma**2)
        x = torch.where(hole > 0, x, y + level * rng(y))
        return torch.where(hole > 0, denoise(x, sigma), y)

    return injected


def enforce(
    denoise: Denoiser, y: Tensor, operator: Operator | Projecting, *, noise_std: float = 0.0
) -> Denoiser:
    """Make every clean estimate agree with the measurement before the sampler goes on from it.

    DDNM (Wang et al. 2023) for noise_std 0; for a noisy measurement the correction trusts y as much as
    the noise allows at the present level, ``damping = (noise_std / sigma)^2``. What is not linear is
    projected, whatever the noise.
    """
    if not isinstance(operator, Operator):
        project = operator.projection(y)
        return lambda x, sigma: project(denoise(x, sigma))

    def enforced(x: Tensor, sigma: float) -> Tensor:
        return consistent(denoise(x, sigma), y, operator, (noise_std / sigma) ** 2 if noise_std else 0.0)

    return enforced


def per_pixel_start(denoise: Denoiser, start: Tensor, levels: Tensor) -> Denoiser:
    """Let every pixel join a walk where the noise level has come down to the pixel's own.

    A start in the middle of the ladder (SDEdit, Meng et al. 2022) that differs from pixel to pixel. Above its
    level a pixel's clean estimate is ``start``, by which DDIM and DDPM leave it at ``start`` with the walk's
    noise on it; samplers that look at two estimates at once mix both in the step in which it joins. levels
    ``(b, 1, h, w)``, [0, 1] units.
    """
    return lambda x, sigma: torch.where(levels < sigma, start, denoise(x, sigma))


def half_quadratic_splitting(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    share: float = 1.0,
    progress: Progress | None = None,
) -> Tensor:
    """Denoise again and again at a falling noise level, adding no noise: a posterior mean, not a sample.

    Plug-and-play splitting (Zhang et al. 2021, DPIR, eq. 6): ``x <- D(x, sigma)`` for each sigma > 0,
    with D wrapped by `enforce`. Deterministic. share: how far x moves towards D(x, sigma) in every step, for
    ladders so fine (`share_of`) that all of it would smooth away what there is. Raises NumbersError when x
    is no longer finite.
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
    """Of splitting on a ladder of so many steps: all of them together move x as often as FULL_STEPS would."""
    return min(1.0, FULL_STEPS / steps)


def classifier_free(conditional: Denoiser, unconditional: Denoiser, strength: float) -> Denoiser:
    """Go beyond the condition, ``u + strength (c - u)`` (Ho and Salimans 2022, eq. 6, w = strength - 1).

    strength 1 is the conditional denoiser alone, as SR3 and Palette use it. Two calls each.
    """

    def guided(x: Tensor, sigma: float) -> Tensor:
        without = unconditional(x, sigma)
        return without + strength * (conditional(x, sigma) - without)

    return guided
