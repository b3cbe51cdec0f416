"""Samplers: plain functions that step through noise levels with a denoiser.

A sampler is called ``sampler(denoise, x, sigmas, rng=..., progress=...)``. ``x`` starts as
``x0 + sigmas[0] * n``, sigmas are those of `restore.diffusion.sigmas` (in [0, 1] units, as a rule ending with
0.0), and every pair (s, s') of neighbours is one step. A step up (s' > s) adds noise,
``x + sqrt(s'^2 - s^2) z``, and costs no network call, so that RePaint's rising noise levels work with every
sampler but `annealed_langevin`. All raise ValueError for noise levels that cannot be stepped through or for
random numbers without ``rng``, and NumbersError, with the step, when the picture is no longer finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from restore.diffusion.dpm_solver import dpmpp_2m, dpmpp_2m_sde
from restore.diffusion.langevin import annealed_langevin
from restore.diffusion.named_samplers import (
    SAMPLERS,
    NamedSampler,
    Sampler,
    named_sampler,
    register,
    sampler_names,
    sampler_of,
    unregister,
)
from restore.diffusion.progress import with_progress
from restore.diffusion.sigmas import network_calls
from restore.diffusion.updates import Update, run_updates, steps_of
from restore.types import Denoiser, Progress, Rng

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "SAMPLERS", "LearnedVariance", "NamedSampler", "Sampler", "Update", "Variance", "annealed_langevin",
    "check_share", "ddim", "ddim_step", "ddpm", "dpmpp_2m", "dpmpp_2m_sde", "heun", "learned_variance",
    "named_sampler", "register", "run_updates", "sampler_names", "sampler_of", "unregister",
]  # fmt: skip

Variance = Literal["small", "large", "learned"]
"""Of the reverse process; see `ddpm`."""


@runtime_checkable
class LearnedVariance(Protocol):
    """A denoiser that also says where its variance lies between the two bounds of `ddpm`, 0 to 1."""

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Give E[x0 | x] and the place between the small bound, 0, and the large one, 1."""
        ...


def learned_variance(denoise: Denoiser) -> LearnedVariance:
    """Give the denoiser back when it has learned variances; ValueError when it has not."""
    if not isinstance(denoise, LearnedVariance):
        raise ValueError(f"{denoise!r} has no with_variance; choose the variance small or large")
    return denoise


def ddim(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 0.0,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Step along the direction to x0, with a share eta of DDPM's noise.

    ``up = eta s' sqrt(1 - (s'/s)^2)``, ``x' = x0 + sqrt(s'^2 - up^2)/s (x - x0) + up z``.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    x : state ``(b, c, h, w)`` at the noise level ``sigmas[0]``.
    sigmas : two or more noise levels, [0, 1] units; only the last may be 0.
    eta : 0 to 1. 0 is deterministic, 1 is `ddpm` with the small variance.
    rng : the random numbers, needed for an eta above 0 and where the noise level rises.
    progress : called after every network call, one a step down.

    Returns
    -------
    The state at the last noise level.

    Raises
    ------
    ValueError
        For an eta out of range, and as every sampler.
    NumbersError
        When the state is no longer finite; it names the step.

    References
    ----------
    Song, Meng and Ermon (2021), "Denoising Diffusion Implicit Models", arXiv:2010.02502, eq. 12 and 16.

    Examples
    --------
    >>> import torch
    >>> from restore.testing import tiny_prior
    >>> ddim(tiny_prior().denoiser(), torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """
    check_share("eta", eta)
    denoise = with_progress(denoise, progress, network_calls(sigmas))

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        return ddim_step(x, denoise(x, sigma), sigma, below, eta, rng)

    return run_updates(update, x, sigmas, rng=rng)


def ddim_step(x: Tensor, x0: Tensor, sigma: float, below: float, eta: float, rng: Rng) -> Tensor:
    """Take one step of `ddim` for a clean estimate x0."""
    up = eta * below * math.sqrt(1 - (below / sigma) ** 2)
    x = x0 + math.sqrt(below**2 - up**2) / sigma * (x - x0)
    return x + up * rng(x) if up > 0 else x


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless 0 <= value <= 1."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must lie in 0..1; got {value}")


def ddpm(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    variance: Variance | None = None,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Draw every x' from the reverse process, ``x' = mean + up z``; the step to 0 draws nothing.

    ``mean = x0 + (s'/s)^2 (x - x0)``. With S = 2 s the variance up^2 is, in [-1, 1] units,
    ``small``: beta tilde / abar' = S'^2 (S^2 - S'^2) / S^2, that of q(x' | x, x0);
    ``large``: beta / abar' = (1 + S'^2) (S^2 - S'^2) / (1 + S^2);
    ``learned``: log up^2 = v log large + (1 - v) log small, with v of the denoiser.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``; for ``learned`` a `LearnedVariance`, whose
        ``with_variance(x, sigma)`` gives (x0, v).
    x : state ``(b, c, h, w)`` at the noise level ``sigmas[0]``.
    sigmas : two or more noise levels, [0, 1] units; only the last may be 0.
    variance : one of the three above; None is learned where the denoiser has it, else small.
    rng : the random numbers.
    progress : called after every network call, one a step down.

    Returns
    -------
    The state at the last noise level.

    Raises
    ------
    ValueError
        For ``learned`` when the denoiser has no learned variance, and as every sampler.
    NumbersError
        When the state is no longer finite; it names the step.

    References
    ----------
    Ho, Jain and Abbeel (2020), "Denoising Diffusion Probabilistic Models", arXiv:2006.11239, algorithm 2;
    Nichol and Dhariwal (2021), "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672, eq. 15.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.testing import tiny_prior
    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> ddpm(tiny_prior().denoiser(), x, [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    answer = with_progress(_variance_answer(denoise, variance), progress, network_calls(sigmas))

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0, between = answer(x, sigma)
        x = x0 + (below / sigma) ** 2 * (x - x0)
        if below == 0:
            return x
        down = math.sqrt(sigma**2 - below**2)
        small = below / sigma * down
        large = math.sqrt((1 + 4 * below**2) / (1 + 4 * sigma**2)) * down
        return x + small * (large / small) ** between * rng(x)

    return run_updates(update, x, sigmas, rng=rng)


def _variance_answer(
    denoise: Denoiser, variance: Variance | None
) -> Callable[[Tensor, float], tuple[Tensor, float | Tensor]]:
    """Give x0 and where the log variance lies between small, 0, and large, 1."""
    if variance is None:
        variance = "learned" if isinstance(denoise, LearnedVariance) else "small"
    if variance == "learned":
        return learned_variance(denoise).with_variance
    between = {"small": 0.0, "large": 1.0}.get(variance)
    if between is None:
        raise ValueError(f"there is no variance {variance!r}; choose one of small, large, learned")
    return lambda x, sigma: (denoise(x, sigma), between)


def heun(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Follow dx/ds = (x - x0)/s with Heun's second-order steps; a step to 0 is Euler's.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    x : state ``(b, c, h, w)`` at the noise level ``sigmas[0]``.
    sigmas : two or more noise levels, [0, 1] units; only the last may be 0.
    rng : the random numbers, needed only where the noise level rises.
    progress : called after every network call, two a step down and one for the step to 0.

    Returns
    -------
    The state at the last noise level.

    Raises
    ------
    ValueError, NumbersError
        As every sampler.

    References
    ----------
    Karras et al. (2022), "Elucidating the Design Space of Diffusion-Based Generative Models",
    arXiv:2206.00364, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from restore.testing import tiny_prior
    >>> heun(tiny_prior().denoiser(), torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """
    to_zero = sum(below == 0 for _, below in steps_of(sigmas))
    denoise = with_progress(denoise, progress, 2 * network_calls(sigmas) - to_zero)

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        slope = (x - denoise(x, sigma)) / sigma
        euler = x + (below - sigma) * slope
        if below == 0:
            return euler
        slope_below = (euler - denoise(euler, below)) / below
        return x + (below - sigma) * (slope + slope_below) / 2

    return run_updates(update, x, sigmas, rng=rng)


register(NamedSampler("ddim", ddim, options=("eta",)))
register(NamedSampler("ddpm", ddpm, draws=True, options=("variance",)))
register(NamedSampler("heun", heun, order=2, calls=lambda steps: 2 * steps - 1))
register(NamedSampler("dpmpp-2m", dpmpp_2m, order=2))
register(NamedSampler("dpmpp-2m-sde", dpmpp_2m_sde, order=2, draws=True))
register(
    NamedSampler("langevin", annealed_langevin, draws=True, calls=lambda steps: 3 * steps - 2, climbs=False)
)
