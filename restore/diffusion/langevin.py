"""Annealed Langevin dynamics: random steps at each noise level in turn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from restore.diffusion.progress import with_progress
from restore.diffusion.score import score
from restore.diffusion.updates import run_updates, steps_of
from restore.types import Denoiser, Progress, Rng

if TYPE_CHECKING:
    from torch import Tensor

PER_LEVEL = 3


def annealed_langevin(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    per_level: int = PER_LEVEL,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Take random steps at each noise level s, the last of them to the next level s'.

    A step is ``x <- x + alpha/2 score + beta z`` with ``score = (x0 - x)/s^2`` and ``alpha = 2 s (s - s')``,
    which is proportional to s^2 where levels fall in geometric progression. ``beta^2 = s^2 - s'^2`` is what
    leaves the state at the noise level s; the last step adds no noise, which leaves it at s'. In short steps
    that is Langevin dynamics, beta^2 = alpha; in long ones alpha is too much noise.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    x : state ``(b, c, h, w)`` at the noise level ``sigmas[0]``.
    sigmas : two or more falling noise levels, [0, 1] units; the last may be 0, and is then reached in one
        call.
    per_level : number of steps at each level, at least 1; with 1 it is `ddim`.
    rng : the random numbers.
    progress : called after every network call.

    Returns
    -------
    The state at the last noise level.

    Raises
    ------
    ValueError
        For noise levels that rise or cannot be stepped through, less than one step, and without rng.
    NumbersError
        When the state is no longer finite; it names the step.

    References
    ----------
    Song and Ermon (2019), "Generative Modeling by Estimating Gradients of the Data Distribution",
    arXiv:1907.05600, algorithm 1; Jolicoeur-Martineau et al. (2021), "Adversarial score matching and improved
    sampling for image generation", arXiv:2009.05475, algorithm 2 (beta).

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.testing import tiny_prior
    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> annealed_langevin(tiny_prior().denoiser(), x, [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    if per_level < 1:
        raise ValueError(f"per_level must be at least 1; got {per_level}")
    pairs = steps_of(sigmas)
    if climb := next((pair for pair in pairs if pair[1] > pair[0]), None):
        raise ValueError(f"annealed Langevin cannot climb from sigma {climb[0]} to {climb[1]}; use ddim")
    denoise = with_progress(denoise, progress, sum(per_level if below else 1 for _, below in pairs))

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        alpha = 2 * sigma * (sigma - below)
        beta = math.sqrt(sigma**2 - below**2)
        for _ in range(per_level - 1 if below else 0):
            x = x + alpha / 2 * score(denoise, x, sigma) + beta * rng(x)
        return x + alpha / 2 * score(denoise, x, sigma)

    return run_updates(update, x, sigmas, rng=rng)
