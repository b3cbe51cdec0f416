"""Samplers: plain functions that walk a ladder of noise levels with a denoiser.

A sampler is called ``sampler(denoise, x, sigmas, rng=..., progress=...)``. ``x`` starts as
``x0 + sigmas[0] * n``, sigmas are those of `restore.diffusion.sigmas` (in [0, 1] units, as a rule ending with
0.0), and every pair (s, s') of neighbours is one step. A step up the ladder (s' > s) re-noises,
``x + sqrt(s'^2 - s^2) z``, and costs no network call, so RePaint's ladder works with every sampler
but `annealed_langevin`. All raise ValueError for a ladder that cannot be walked or when random numbers are
needed and no ``rng`` is given, and NumbersError, with the step, when the picture is no longer finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from restore.diffusion.progress import with_progress
from restore.diffusion.sigmas import network_calls
from restore.errors import NumbersError
from restore.types import Denoiser, Progress, Rng

if TYPE_CHECKING:
    from torch import Tensor

Update = Callable[["Tensor", float, float, Rng], "Tensor"]
"""``update(x, sigma, below, rng) -> x'``: one step of a ladder, down from one noise level to another."""

StepSize = Callable[["Tensor", "Tensor", float], "float | Tensor"]
"""``step_size(score, z, sigma)``: Langevin's alpha, one number or one for each picture ``(b, 1, 1, 1)``."""


class Sampler(Protocol):
    """What the command line can choose between."""

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        sigmas: Sequence[float],
        *,
        rng: Rng | None = None,
        progress: Progress | None = None,
    ) -> Tensor: ...


@runtime_checkable
class LearnedVariance(Protocol):
    """A denoiser that also says where its variance lies between the two bounds of `ddpm`, 0 to 1."""

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]: ...


def learned_variance(denoise: Denoiser) -> LearnedVariance:
    """Give the denoiser back when it has learned variances; ValueError when it has not."""
    if not isinstance(denoise, LearnedVariance):
        raise ValueError(f"{denoise!r} has no with_variance; choose the variance small or large")
    return denoise


def run_updates(update: Update, x: Tensor, sigmas: Sequence[float], *, rng: Rng | None = None) -> Tensor:
    """Take every step of a ladder that goes down by ``update``, every one that goes up by noise.

    Up it is ``x + sqrt(s'^2 - s^2) z`` (Lugmayr et al. 2022). Raises NumbersError, with the step, as soon as
    x is not finite.
    """
    steps, check = _steps(sigmas), FiniteCheck(sigmas)
    draw = partial(_draw, rng)
    import torch

    with torch.no_grad():
        for sigma, below in steps:
            if below > sigma:
                x = x + math.sqrt(below**2 - sigma**2) * draw(x)
            else:
                x = update(x, sigma, below, draw)
            check(x)
    check.end()
    return x


def ddim(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    eta: float = 0.0,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Step along the direction to x0, with a share eta of DDPM's noise (Song et al. 2021, eq. 12, 16).

    ``up = eta s' sqrt(1 - (s'/s)^2)``, ``x' = x0 + sqrt(s'^2 - up^2)/s (x - x0) + up z``. eta 0 is
    deterministic, eta 1 is `ddpm` with the small variance. Raises ValueError unless 0 <= eta <= 1.
    """
    check_share("eta", eta)
    denoise = with_progress(denoise, progress, network_calls(sigmas))

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        return ddim_step(x, denoise(x, sigma), sigma, below, eta, rng)

    return run_updates(update, x, sigmas, rng=rng)


def ddim_step(x: Tensor, x0: Tensor, sigma: float, below: float, eta: float, rng: Rng) -> Tensor:
    """One step of `ddim` for a clean estimate x0."""
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
    variance: Literal["small", "large", "learned"] = "small",
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Draw every x' from the reverse process (Ho et al. 2020, algorithm 2), ``x' = mean + up z``.

    ``mean = x0 + (s'/s)^2 (x - x0)``. With S = 2 s the variance up^2 is, in [-1, 1] units,
    ``small``: beta tilde / abar' = S'^2 (S^2 - S'^2) / S^2, that of q(x' | x, x0);
    ``large``: beta / abar' = (1 + S'^2) (S^2 - S'^2) / (1 + S^2);
    ``learned``: geometrically between the two, where ``denoise.with_variance(x, s) -> (x0, v)`` says:
    log up^2 = v log large + (1 - v) log small (Nichol & Dhariwal 2021, eq. 15). The step to s' = 0
    draws nothing. Raises ValueError for ``learned`` when the denoiser has no such method.
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
    denoise: Denoiser, variance: Literal["small", "large", "learned"]
) -> Callable[[Tensor, float], tuple[Tensor, float | Tensor]]:
    """Give x0 and where the log variance lies between small, 0, and large, 1."""
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
    """Follow dx/ds = (x - x0)/s with Heun's second-order steps (Karras et al. 2022, algorithm 1).

    Two network calls a step; one, Euler's, in a step to 0. rng is used where the noise level rises.
    """
    to_zero = sum(below == 0 for _, below in _steps(sigmas))
    denoise = with_progress(denoise, progress, 2 * network_calls(sigmas) - to_zero)

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        slope = (x - denoise(x, sigma)) / sigma
        euler = x + (below - sigma) * slope
        if below == 0:
            return euler
        slope_below = (euler - denoise(euler, below)) / below
        return x + (below - sigma) * (slope + slope_below) / 2

    return run_updates(update, x, sigmas, rng=rng)


def dpmpp_2m(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Step as DDIM does, towards an x0 carried on from the last two (Lu et al. 2022, algorithm 2).

    DPM-Solver++(2M): with h = log(s/s') and r = h_last/h, ``D = x0 + (x0 - x0_last) / (2 r)`` and
    ``x' = D + (s'/s) (x - D)``. Second order, one network call a step. The first step, one to 0 and
    one after a climb are of first order. rng is used where the noise level rises.
    """
    denoise = with_progress(denoise, progress, network_calls(sigmas))
    last: tuple[Tensor, float, float] | None = None  # x0, h and where that step ended

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        nonlocal last
        x0 = denoise(x, sigma)
        if below == 0:
            return x0
        h = math.log(sigma / below)
        ahead = x0
        if last is not None and last[2] == sigma:  # else the ladder has climbed since
            ahead = x0 + h / (2 * last[1]) * (x0 - last[0])
        last = x0, h, below
        return ahead + below / sigma * (x - ahead)

    return run_updates(update, x, sigmas, rng=rng)


def step_by_ratio(ratio: float = 0.16) -> StepSize:
    """Give ``alpha = 4 (ratio |z| / |score|)^2``, each picture its own (Song et al. 2021b, algorithm 4).

    ratio is the signal-to-noise ratio of one step, score against noise. (Their epsilon is alpha / 2.)
    """
    if not ratio > 0:
        raise ValueError(f"the signal-to-noise ratio must be positive; got {ratio}")

    def step_size(score: Tensor, z: Tensor, sigma: float) -> Tensor:
        lengths = z.flatten(1).norm(dim=1) / score.flatten(1).norm(dim=1)
        alpha: Tensor = 4 * (ratio * lengths) ** 2
        return alpha.reshape(-1, 1, 1, 1)

    return step_size


def step_by_level(epsilon: float, last_sigma: float) -> StepSize:
    """Give ``alpha = epsilon (s / s_L)^2`` (Song & Ermon 2019, algorithm 1); s_L is the lowest level above 0.

    Stable while alpha stays below 4 s^2, that is ``epsilon < 4 s_L^2``; theirs is 0.2 s_L^2.
    """
    if not (epsilon > 0 and last_sigma > 0):
        raise ValueError(f"epsilon and last_sigma must be positive; got {epsilon} and {last_sigma}")
    return lambda score, z, sigma: epsilon * (sigma / last_sigma) ** 2


def annealed_langevin(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rng: Rng | None = None,
    progress: Progress | None = None,
    steps_per_level: int = 3,
    step_size: StepSize | None = None,
) -> Tensor:
    """Walk at random around each noise level, one after the other (Song & Ermon 2019, algorithm 1).

    ``x <- x + alpha/2 score + sqrt(alpha) z`` with ``score = (x0 - x)/s^2``, steps_per_level times at
    every level above 0. A ladder that ends with 0 ends with one more network call, x0 at the lowest
    level (Jolicoeur-Martineau et al. 2021). alpha comes from step_size, `step_by_ratio` unless given.
    """
    if steps_per_level < 1:
        raise ValueError(f"steps_per_level must be at least 1; got {steps_per_level}")
    if climb := next((pair for pair in _steps(sigmas) if pair[1] > pair[0]), None):
        raise ValueError(f"annealed Langevin cannot climb from sigma {climb[0]} to {climb[1]}; use ddim")
    levels = [sigma for sigma in sigmas if sigma > 0]
    to_zero = sigmas[-1] == 0
    step_size = step_size or step_by_ratio()
    denoise = with_progress(denoise, progress, len(levels) * steps_per_level + to_zero)
    check = FiniteCheck(sigmas)
    import torch

    with torch.no_grad():
        for sigma in levels:
            for _ in range(steps_per_level):
                score = (denoise(x, sigma) - x) / sigma**2
                z = _draw(rng, x)
                alpha = step_size(score, z, sigma)
                x = x + alpha / 2 * score + alpha**0.5 * z
            check(x)
        if to_zero:
            x = denoise(x, levels[-1])
            check(x)
    check.end()
    return x


@dataclass(frozen=True)
class NamedSampler:
    """A sampler with what is known of it before it runs; called like the function itself.

    name: what users call it. run: the function. calls: the network calls that it takes for so many steps on
    noise levels that end with 0. climbs: whether noise levels may rise in between, as RePaint's do.
    """

    name: str
    run: Sampler
    calls: Callable[[int], int] = int
    climbs: bool = True

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        sigmas: Sequence[float],
        *,
        rng: Rng | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        return self.run(denoise, x, sigmas, rng=rng, progress=progress)


SAMPLERS: dict[str, NamedSampler] = {}
"""All samplers by name. The command line, the tasks, budgets and evaluation know those that are in here."""


def register(sampler: NamedSampler) -> NamedSampler:
    """Make a sampler known by its name. Raises ValueError where there is one of that name already."""
    if sampler.name in SAMPLERS:
        raise ValueError(f"there is a sampler {sampler.name!r} already; choose another name")
    SAMPLERS[sampler.name] = sampler
    return sampler


register(NamedSampler("ddim", ddim))
register(NamedSampler("ddpm", ddpm))
register(NamedSampler("heun", heun, calls=lambda steps: 2 * steps - 1))
register(NamedSampler("dpmpp-2m", dpmpp_2m))
register(NamedSampler("langevin", annealed_langevin, calls=lambda steps: 3 * steps + 1, climbs=False))


def named_sampler(name: str) -> NamedSampler:
    """The sampler of that name. Raises ValueError for an unknown name, saying which there are."""
    if name not in SAMPLERS:
        raise ValueError(f"sampler is one of {', '.join(SAMPLERS)}, got {name!r}")
    return SAMPLERS[name]


def _steps(sigmas: Sequence[float]) -> list[tuple[float, float]]:
    """Give the pairs (s, s') of a ladder that can be walked; ValueError says why another cannot."""
    if len(sigmas) < 2:
        raise ValueError(f"a ladder needs at least two sigmas, one step; got {list(sigmas)}")
    for i, sigma in enumerate(sigmas):
        if not 0 <= sigma < math.inf:
            raise ValueError(f"sigmas must be finite and 0 or more; number {i} of {len(sigmas)} is {sigma}")
        if sigma == 0 and i < len(sigmas) - 1:
            raise ValueError(f"a ladder may reach 0 at its end only; number {i} of {len(sigmas)} is 0")
    pairs = list(pairwise(sigmas))
    for i, (sigma, below) in enumerate(pairs):
        if sigma == below:
            raise ValueError(f"neighbours on a ladder must differ; step {i} of {len(pairs)} stays at {sigma}")
    return pairs


def _draw(rng: Rng | None, like: Tensor) -> Tensor:
    if rng is None:
        raise ValueError("this walk draws random numbers; pass rng=seeded_rng(seed)")
    return rng(like)


class FiniteCheck:
    """Stops a walk whose state is no longer finite.

    What a step gave is looked at after the next one, so that no device has to wait for the answer.
    """

    def __init__(self, sigmas: Sequence[float]):
        self._sigmas = sigmas
        self._finite: Tensor | None = None
        self._step = 0

    def __call__(self, x: Tensor) -> None:
        self.end()
        self._finite = x.isfinite().all()
        self._step += 1

    def end(self) -> None:
        """Raise NumbersError unless what was looked at last is finite."""
        if self._finite is None or self._finite:
            return
        steps = max(1, sum(sigma > 0 for sigma in self._sigmas))
        step = min(self._step, steps)
        raise NumbersError(
            f"the picture holds values that are not finite after step {step} of {steps}, from sigma "
            f"{self._sigmas[step - 1]:g}; check the input and the weights"
        )
