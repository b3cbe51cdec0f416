"""Falling, and sometimes climbing, sequences of noise levels that samplers step through."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from restore.diffusion.schedule import Schedule

Map = Callable[[float], float]


def even_t(schedule: Schedule, n: int) -> list[float]:
    """Give the noise levels of n timesteps evenly spaced from T - 1 to 0, then 0.0.

    Nichol & Dhariwal (2021), section 4 (rounded to whole timesteps). Raises ValueError unless
    1 <= n <= T.
    """
    if not 1 <= n <= schedule.steps:
        raise ValueError(f"a ladder on this schedule has 1 to {schedule.steps} steps; got {n}")
    last = schedule.steps - 1
    timesteps = [last - round(i * last / max(n - 1, 1)) for i in range(n)]
    return [*schedule.sigmas[timesteps].tolist(), 0.0]


def log_sigma(sigma_max: float, sigma_min: float, n: int) -> list[float]:
    """Give n noise levels in geometric progression from sigma_max to sigma_min, then 0.0."""
    return _between(sigma_max, sigma_min, n, into=math.log, back=math.exp)


def karras(sigma_max: float, sigma_min: float, n: int, rho: float = 7.0) -> list[float]:
    """Give n noise levels evenly spaced in ``sigma^(1/rho)``, then 0.0 (Karras et al. 2022, eq. 5)."""
    if not rho > 0:
        raise ValueError(f"rho must be positive; got {rho}")
    return _between(sigma_max, sigma_min, n, into=lambda v: v ** (1 / rho), back=lambda v: v**rho)


def _between(sigma_max: float, sigma_min: float, n: int, *, into: Map, back: Map) -> list[float]:
    """Space n noise levels evenly in ``into(sigma)``; both ends are met exactly."""
    if not math.inf > sigma_max > sigma_min > 0:
        raise ValueError(f"a ladder needs sigma_max > sigma_min > 0; got {sigma_max} and {sigma_min}")
    if at_least_one("n", n) == 1:
        return [sigma_max, 0.0]
    top, bottom = into(sigma_max), into(sigma_min)
    inner = [back(top + (bottom - top) * i / (n - 1)) for i in range(1, n - 1)]
    return [sigma_max, *inner, sigma_min, 0.0]


def repaint(t_T: int, jump_length: int, jump_repeats: int) -> list[int]:
    """Give the timesteps of RePaint's climbing walk, from ``t_T - 1`` down to -1 (clean).

    Lugmayr et al. (2022), as in their released scheduler: at every jump_length-th timestep the walk
    climbs back jump_length steps, so that each stretch but the topmost is walked jump_repeats times.
    ``(250, 10, 10)`` is their setting: 2410 network calls, 2160 re-noisings. Raises ValueError unless
    ``1 <= jump_length < t_T`` and ``jump_repeats >= 1``.
    """
    if not 1 <= jump_length < t_T:
        raise ValueError(f"jump_length must lie in 1..{t_T - 1} when t_T is {t_T}; got {jump_length}")
    at_least_one("jump_repeats", jump_repeats)
    climbs_left = dict.fromkeys(range(0, t_T - jump_length, jump_length), jump_repeats - 1)
    walk = [t_T - 1]
    while walk[-1] >= 0:
        t = walk[-1]
        if climbs_left.get(t, 0) > 0:
            climbs_left[t] -= 1
            walk.extend(range(t + 1, t + jump_length + 1))
        walk.append(walk[-1] - 1)
    return walk


def climbing(sigmas: Sequence[float], jump_length: int, jump_repeats: int) -> list[float]:
    """Give any falling ladder that ends with 0.0 the climbs of `repaint`, so it may start in the middle."""
    if len(sigmas) < 2 or sigmas[-1] != 0 or any(low >= high for high, low in pairwise(sigmas)):
        raise ValueError(f"only a ladder that falls all the way to 0 can be given climbs; got {list(sigmas)}")
    rungs = len(sigmas) - 1
    return [sigmas[rungs - 1 - t] for t in repaint(rungs, jump_length, jump_repeats)]


def repaint_sigmas(schedule: Schedule, t_T: int, jump_length: int, jump_repeats: int) -> list[float]:
    """Give RePaint's walk as noise levels, on t_T timesteps evenly spaced over the schedule."""
    return climbing(even_t(schedule, t_T), jump_length, jump_repeats)


def network_calls(sigmas: Sequence[float]) -> int:
    """Count the steps that go down: each is one network call in DDPM, DDIM and DPM-Solver++."""
    return sum(low < high for high, low in pairwise(sigmas))


def at_least_one(word: str, count: int) -> int:
    """Give the count back; ValueError below 1."""
    if count < 1:
        raise ValueError(f"{word} must be at least 1; got {count}")
    return count
