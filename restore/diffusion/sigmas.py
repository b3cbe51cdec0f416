"""Noise levels for samplers to step through: falling, and for RePaint sometimes rising."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from restore.errors import WeightsError

if TYPE_CHECKING:
    from restore.diffusion.schedule import Schedule

Map = Callable[[float], float]


def even_t(schedule: Schedule, n: int, *, lowest: float = 0.0, highest: float = math.inf) -> list[float]:
    """Give the noise levels of n evenly spaced timesteps from the last to the first, then 0.0.

    Parameters
    ----------
    schedule : a DDPM schedule of T timesteps.
    n : number of steps, 1 to T. Timesteps are rounded to whole ones.
    lowest, highest : noise levels that a network knows, [0, 1] units; timesteps beyond are left out.

    Returns
    -------
    n + 1 falling noise levels, [0, 1] units, the last one 0.

    Raises
    ------
    ValueError
        For more steps than there are timesteps.
    WeightsError
        As `known_levels`.

    References
    ----------
    Nichol and Dhariwal (2021), arXiv:2102.09672, section 4.

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> [round(sigma, 3) for sigma in even_t(linear(), 3)]
    [78.704, 1.712, 0.005, 0.0]
    """
    known = known_levels(schedule, lowest=lowest, highest=highest)
    if not 1 <= n <= len(known):
        raise ValueError(f"this schedule can be sampled in 1 to {len(known)} steps; got {n}")
    last = len(known) - 1
    return [*(known[last - round(i * last / max(n - 1, 1))] for i in range(n)), 0.0]


def known_levels(schedule: Schedule, *, lowest: float, highest: float) -> list[float]:
    """Give the noise levels of a schedule that a network knows, rising, [0, 1] units.

    Raises
    ------
    WeightsError
        Where there is none.

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> len(known_levels(linear(), lowest=0.0, highest=1.0))
    396
    """
    slack = 1e-6  # relative; levels that were rounded on their way through a file still count
    levels = schedule.sigmas.tolist()
    known = [sigma for sigma in levels if lowest * (1 - slack) <= sigma <= highest * (1 + slack)]
    if not known:
        raise WeightsError(
            f"the schedule of these weights has noise levels from {levels[0]:.3g} to {levels[-1]:.3g}, none "
            f"of which their network knows, {lowest:.3g} to {highest:.3g}; train again or convert them anew"
        )
    return known


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


def repaint_sigmas(
    schedule: Schedule,
    t_T: int,
    jump_length: int,
    jump_repeats: int,
    *,
    lowest: float = 0.0,
    highest: float = math.inf,
) -> list[float]:
    """Give RePaint's timesteps as noise levels, on t_T timesteps evenly spaced over the schedule.

    Takes and raises what `even_t` and `repaint` do.

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> len(repaint_sigmas(linear(), 20, 10, 2))  # 30 network calls, 10 steps up
    41
    """
    sigmas = even_t(schedule, t_T, lowest=lowest, highest=highest)
    return climbing(sigmas, jump_length, jump_repeats)


LADDERS = ("karras", "log-snr", "schedule")
"""The names of `ladder`."""

PURE_NOISE = 4.98
"""The noise level from which a state counts as pure noise, [0, 1] units: a share of signal of 1 %."""


def ladder(name: str, n: int, schedule: Schedule, *, lowest: float, highest: float) -> list[float]:
    """Give the noise levels of that name: `karras`, ``log-snr`` (`log_sigma`) or ``schedule`` (`even_t`).

    Parameters
    ----------
    name : one of LADDERS.
    n : number of steps, at least 1.
    schedule : that of the network.
    lowest, highest : the noise levels that the network knows, [0, 1] units.

    Returns
    -------
    n + 1 falling noise levels, the last one 0.

    Raises
    ------
    ValueError
        For an unknown name, and as the three functions.

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> [round(sigma, 3) for sigma in ladder("log-snr", 3, linear(), lowest=0.01, highest=1.0)]
    [1.0, 0.1, 0.01, 0.0]
    """
    if name == "karras":
        return karras(highest, lowest, n)
    if name == "log-snr":
        return log_sigma(highest, lowest, n)
    if name == "schedule":
        return even_t(schedule, n, lowest=lowest, highest=highest)
    raise ValueError(f"ladder is one of {', '.join(LADDERS)}, got {name!r}")


def check_pure_noise(sigma: float) -> None:
    """Raise WeightsError where the noise level that sampling begins at leaves too much of a picture.

    Examples
    --------
    >>> check_pure_noise(80.0)
    """
    if sigma < PURE_NOISE:
        abar = 1 / (1 + 4 * sigma**2)
        raise WeightsError(
            f"these weights end before pure noise: at their highest noise level, {sigma:.3g}, the share of "
            f"signal is still {abar:.2g}, but drawing from noise needs 0.01 or less; use weights whose "
            "schedule has a higher beta_end or more steps"
        )


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
