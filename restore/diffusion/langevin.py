"""Annealed Langevin dynamics: random steps at each noise level in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from restore.diffusion.progress import with_progress
from restore.diffusion.updates import FiniteCheck, draw_from, steps_of
from restore.types import Denoiser, Progress, Rng

if TYPE_CHECKING:
    from torch import Tensor

StepSize = Callable[["Tensor", "Tensor", float], "float | Tensor"]
"""``step_size(score, z, sigma)``: Langevin's alpha, one number or one for each picture ``(b, 1, 1, 1)``."""


def step_by_ratio(ratio: float = 0.16) -> StepSize:
    """Choose the step ``alpha = 4 (ratio |z| / |score|)^2``, for each picture by itself.

    Parameters
    ----------
    ratio : signal-to-noise ratio of one step, score against noise, above 0.

    Returns
    -------
    A step size for `LangevinSteps`.

    Raises
    ------
    ValueError
        For a ratio of 0 or less.

    References
    ----------
    Song et al. (2021), "Score-Based Generative Modeling through Stochastic Differential Equations",
    arXiv:2011.13456, algorithm 4. Their epsilon is alpha / 2.

    Examples
    --------
    >>> import torch
    >>> ones = torch.ones(1, 3, 2, 2)
    >>> float(step_by_ratio(0.5)(ones, ones, 0.1))
    1.0
    """
    if not ratio > 0:
        raise ValueError(f"the signal-to-noise ratio must be positive; got {ratio}")

    def step_size(score: Tensor, z: Tensor, sigma: float) -> Tensor:
        lengths = z.flatten(1).norm(dim=1) / score.flatten(1).norm(dim=1)
        alpha: Tensor = 4 * (ratio * lengths) ** 2
        return alpha.reshape(-1, 1, 1, 1)

    return step_size


def step_by_level(epsilon: float, last_sigma: float) -> StepSize:
    """Choose the step ``alpha = epsilon (sigma / last_sigma)^2``, the same for all pictures.

    Parameters
    ----------
    epsilon : the step at the lowest level, above 0. Sampling is stable while alpha stays below
        ``4 sigma^2``, that is for ``epsilon < 4 last_sigma^2``; the paper's is ``0.2 last_sigma^2``.
    last_sigma : the lowest noise level above 0, [0, 1] units.

    Returns
    -------
    A step size for `LangevinSteps`.

    Raises
    ------
    ValueError
        For numbers of 0 or less.

    References
    ----------
    Song and Ermon (2019), "Generative Modeling by Estimating Gradients of the Data Distribution",
    arXiv:1907.05600, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> nothing = torch.zeros(1, 3, 2, 2)
    >>> round(step_by_level(2e-5, 0.01)(nothing, nothing, 0.1), 6)
    0.002
    """
    if not (epsilon > 0 and last_sigma > 0):
        raise ValueError(f"epsilon and last_sigma must be positive; got {epsilon} and {last_sigma}")
    return lambda score, z, sigma: epsilon * (sigma / last_sigma) ** 2


@dataclass(frozen=True)
class LangevinSteps:
    """How many steps `annealed_langevin` takes at each noise level, and how long they are.

    Parameters
    ----------
    per_level : number of steps at each level above 0, at least 1.
    size : `step_by_ratio` or `step_by_level`.

    Raises
    ------
    ValueError
        For less than one step.

    Examples
    --------
    >>> LangevinSteps(per_level=5).per_level
    5
    """

    per_level: int = 3
    size: StepSize = field(default_factory=step_by_ratio)

    def __post_init__(self) -> None:
        if self.per_level < 1:
            raise ValueError(f"per_level must be at least 1; got {self.per_level}")


def annealed_langevin(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    steps: LangevinSteps | None = None,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Take random steps at each noise level, one level after the other.

    ``x <- x + alpha/2 score + sqrt(alpha) z`` with ``score = (x0 - x)/s^2``, several times at every level
    above 0. Noise levels that end with 0 end with one more network call, x0 at the lowest level.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    x : state ``(b, c, h, w)`` at the noise level ``sigmas[0]``.
    sigmas : two or more falling noise levels, [0, 1] units; the last may be 0.
    steps : how many, and how long. None is three a level by `step_by_ratio`.
    rng : the random numbers.
    progress : called after every network call.

    Returns
    -------
    The state at the last noise level.

    Raises
    ------
    ValueError
        For noise levels that rise or cannot be stepped through, and without rng.
    NumbersError
        When the state is no longer finite; it names the step.

    References
    ----------
    Song and Ermon (2019), arXiv:1907.05600, algorithm 1; Jolicoeur-Martineau et al. (2021), "Adversarial
    score matching and improved sampling for image generation", arXiv:2009.05475 (the last call).

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.testing import tiny_prior
    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> annealed_langevin(tiny_prior().denoiser(), x, [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    if climb := next((pair for pair in steps_of(sigmas) if pair[1] > pair[0]), None):
        raise ValueError(f"annealed Langevin cannot climb from sigma {climb[0]} to {climb[1]}; use ddim")
    steps = steps or LangevinSteps()
    levels = [sigma for sigma in sigmas if sigma > 0]
    to_zero = sigmas[-1] == 0
    denoise = with_progress(denoise, progress, len(levels) * steps.per_level + to_zero)
    check = FiniteCheck(sigmas)
    import torch

    with torch.no_grad():
        for sigma in levels:
            for _ in range(steps.per_level):
                score = (denoise(x, sigma) - x) / sigma**2
                z = draw_from(rng, x)
                alpha = steps.size(score, z, sigma)
                x = x + alpha / 2 * score + alpha**0.5 * z
            check(x)
        if to_zero:
            x = denoise(x, levels[-1])
            check(x)
    check.end()
    return x
