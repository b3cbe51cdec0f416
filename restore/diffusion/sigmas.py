"""Noise levels for samplers to step through: falling, and for RePaint sometimes rising."""

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

    Parameters
    ----------
    schedule : a DDPM schedule of T timesteps.
    n : number of steps, 1 to T. Timesteps are rounded to whole ones.

    Returns
    -------
    n + 1 falling noise levels, [0, 1] units, the last one 0.

    Raises
    ------
    ValueError
        For an n out of range.

    References
    ----------
    Nichol and Dhariwal (2021), arXiv:2102.09672, section 4.

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> [round(sigma, 3) for sigma in even_t(linear(), 3)]
    [78.704, 1.712, 0.005, 0.0]
    """
    if not 1 <= n <= schedule.steps:
        raise ValueError(f"this schedule can be sampled in 1 to {schedule.steps} steps; got {n}")
    last = schedule.steps - 1
    timesteps = [last - round(i * last / max(n - 1, 1)) for i in range(n)]
    return [*schedule.sigmas[timesteps].tolist(), 0.0]


def log_sigma(sigma_max: float, sigma_min: float, n: int) -> list[float]:
    """Give n noise levels in geometric progression from sigma_max to sigma_min, then 0.0.

    Parameters
    ----------
    sigma_max, sigma_min : the first and the last level above 0, [0, 1] units; both are met exactly.
    n : number of steps, at least 1; one step goes from sigma_max to 0.

    Returns
    -------
    n + 1 falling noise levels, the last one 0.

    Raises
    ------
    ValueError
        Unless ``sigma_max > sigma_min > 0`` and ``n >= 1``.

    Examples
    --------
    >>> [round(sigma, 6) for sigma in log_sigma(1.0, 0.01, 3)]
    [1.0, 0.1, 0.01, 0.0]
    """
    return _between(sigma_max, sigma_min, n, into=math.log, back=math.exp)


def karras(sigma_max: float, sigma_min: float, n: int, rho: float = 7.0) -> list[float]:
    """Give n noise levels evenly spaced in ``sigma^(1/rho)``, then 0.0.

    Parameters
    ----------
    sigma_max, sigma_min : the first and the last level above 0, [0, 1] units; both are met exactly.
    n : number of steps, at least 1; one step goes from sigma_max to 0.
    rho : above 0. The larger, the more of the steps are at low noise.

    Returns
    -------
    n + 1 falling noise levels, the last one 0.

    Raises
    ------
    ValueError
        Unless ``sigma_max > sigma_min > 0``, ``n >= 1`` and ``rho > 0``.

    References
    ----------
    Karras et al. (2022), arXiv:2206.00364, eq. 5.

    Examples
    --------
    >>> [round(sigma, 3) for sigma in karras(1.0, 0.01, 3)]
    [1.0, 0.145, 0.01, 0.0]
    """
    if not rho > 0:
        raise ValueError(f"rho must be positive; got {rho}")
    return _between(sigma_max, sigma_min, n, into=lambda v: v ** (1 / rho), back=lambda v: v**rho)


def _between(sigma_max: float, sigma_min: float, n: int, *, into: Map, back: Map) -> list[float]:
    """Space n noise levels evenly in ``into(sigma)``; both ends are met exactly."""
    if not math.inf > sigma_max > sigma_min > 0:
        raise ValueError(f"expected sigma_max > sigma_min > 0; got {sigma_max} and {sigma_min}")
    if at_least_one("n", n) == 1:
        return [sigma_max, 0.0]
    top, bottom = into(sigma_max), into(sigma_min)
    inner = [back(top + (bottom - top) * i / (n - 1)) for i in range(1, n - 1)]
    return [sigma_max, *inner, sigma_min, 0.0]


def repaint(t_T: int, jump_length: int, jump_repeats: int) -> list[int]:
    """Give RePaint's timesteps, from ``t_T - 1`` down to -1 (clean), with its jumps back up.

    At every jump_length-th timestep the noise rises again by jump_length steps, so that each stretch but the
    topmost is stepped through jump_repeats times. ``(250, 10, 10)`` is the paper's setting: 2410 network
    calls, 2160 steps up.

    Parameters
    ----------
    t_T : number of timesteps.
    jump_length : how far a jump goes, 1 to t_T - 1.
    jump_repeats : how often each stretch is stepped through, at least 1.

    Returns
    -------
    Timesteps, neighbours one apart.

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Lugmayr et al. (2022), arXiv:2201.09865, and the scheduler of their released code.

    Examples
    --------
    >>> repaint(4, 2, 2)
    [3, 2, 1, 0, 1, 2, 1, 0, -1]
    """
    if not 1 <= jump_length < t_T:
        raise ValueError(f"jump_length must lie in 1..{t_T - 1} when t_T is {t_T}; got {jump_length}")
    at_least_one("jump_repeats", jump_repeats)
    climbs_left = dict.fromkeys(range(0, t_T - jump_length, jump_length), jump_repeats - 1)
    timesteps = [t_T - 1]
    while timesteps[-1] >= 0:
        t = timesteps[-1]
        if climbs_left.get(t, 0) > 0:
            climbs_left[t] -= 1
            timesteps.extend(range(t + 1, t + jump_length + 1))
        timesteps.append(timesteps[-1] - 1)
    return timesteps


def climbing(sigmas: Sequence[float], jump_length: int, jump_repeats: int) -> list[float]:
    """Give falling noise levels the jumps of `repaint`.

    Parameters
    ----------
    sigmas : falling noise levels, [0, 1] units, the last one 0.
    jump_length, jump_repeats : those of `repaint`.

    Returns
    -------
    The same noise levels, some of them several times.

    Raises
    ------
    ValueError
        For noise levels that do not fall to 0, and for jumps out of range.

    Examples
    --------
    >>> climbing([4.0, 3.0, 2.0, 1.0, 0.0], 2, 2)
    [4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0, 0.0]
    """
    if len(sigmas) < 2 or sigmas[-1] != 0 or any(low >= high for high, low in pairwise(sigmas)):
        raise ValueError(f"jumps need noise levels that fall all the way to 0; got {list(sigmas)}")
    steps = len(sigmas) - 1
    return [sigmas[steps - 1 - t] for t in repaint(steps, jump_length, jump_repeats)]


def repaint_sigmas(schedule: Schedule, t_T: int, jump_length: int, jump_repeats: int) -> list[float]:
    """Give RePaint's timesteps as noise levels, on t_T timesteps evenly spaced over the schedule.

    Takes and raises what `even_t` and `repaint` do.

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> len(repaint_sigmas(linear(), 20, 10, 2))  # 30 network calls, 10 steps up
    41
    """
    return climbing(even_t(schedule, t_T), jump_length, jump_repeats)


def network_calls(sigmas: Sequence[float]) -> int:
    """Count the steps that go down: each is one network call in DDPM, DDIM and DPM-Solver++.

    Examples
    --------
    >>> network_calls([2.0, 1.0, 2.0, 1.0, 0.0])
    3
    """
    return sum(low < high for high, low in pairwise(sigmas))


def at_least_one(name: str, count: int) -> int:
    """Give the count back; ValueError below 1."""
    if count < 1:
        raise ValueError(f"{name} must be at least 1; got {count}")
    return count
