"""Noise schedules, the closed-form diffusion process, and the ladders of sigmas that samplers walk.

The dictionary between the two coordinate systems (abar is ``alphas_cumprod``)::

    x   = x0 + sigma n            pictures in [0, 1]: all that samplers and wrappers know
    x_t = a X0 + s eps            X0 = 2 x0 - 1, a = sqrt(abar), s = sqrt(1 - abar): the network's own
    sigma = sqrt((1 - abar) / abar) / 2     abar = 1 / (1 + 4 sigma^2)     log SNR = -2 log(2 sigma)
    x_t = (2 x - 1) sqrt(abar)

Everything that belongs to a schedule is float64 on the CPU. Timesteps count from 0 to T - 1.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal, TypeVar, overload

import torch
from torch import Tensor

Prediction = Literal["eps", "x0", "v"]
"""What a network's output means: the noise, the clean picture, or ``v = a eps - s X0``."""

Coefficient = float | Tensor
"""One number for all pictures, or one for each: ``(b,)``."""

Scalar = TypeVar("Scalar", float, Tensor)
Map = Callable[[float], float]


# --- the two coordinate systems -------------------------------------------------------------------


def sigma_of(alphas_cumprod: Scalar) -> Scalar:
    """Give the noise level in [0, 1] units: ``sqrt((1 - abar) / abar) / 2``; abar in (0, 1]."""
    sigma: Scalar = 0.5 * ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5
    return sigma


def alphas_cumprod_of(sigma: Scalar) -> Scalar:
    """Give the share of signal variance ``abar = 1 / (1 + 4 sigma^2)``, the inverse of `sigma_of`."""
    return 1 / (1 + 4 * sigma * sigma)


def signal_and_noise_of(sigma: Scalar) -> tuple[Scalar, Scalar]:
    """Give ``a = 1 / sqrt(1 + 4 sigma^2)`` and ``s = 2 sigma a``, the scales in ``x_t = a X0 + s eps``."""
    a: Scalar = alphas_cumprod_of(sigma) ** 0.5
    return a, 2 * sigma * a


def log_snr_of(sigma: Scalar) -> Scalar:
    """Give ``log(abar / (1 - abar)) = -2 log(2 sigma)``; sigma above 0."""
    return -2 * (torch.log(2 * sigma) if isinstance(sigma, Tensor) else math.log(2 * sigma))


def sigma_of_log_snr(log_snr: Scalar) -> Scalar:
    """Give the noise level in [0, 1] units, ``exp(-log_snr / 2) / 2``: the inverse of `log_snr_of`."""
    return 0.5 * (torch.exp(-0.5 * log_snr) if isinstance(log_snr, Tensor) else math.exp(-0.5 * log_snr))


def to_network(x: Tensor, sigma: Coefficient) -> Tensor:
    """Give ``x_t = (2 x - 1) sqrt(abar)``: the one place where [0, 1] becomes [-1, 1].

    sigma is a number or one per picture, ``(b,)``; with ``sigma = 0`` a clean picture becomes X0.
    """
    return (2 * x - 1) * _signal(sigma, x)


def from_network(x_t: Tensor, sigma: Coefficient) -> Tensor:
    """Give ``x = (x_t / sqrt(abar) + 1) / 2``, the exact inverse of `to_network`."""
    return (x_t / _signal(sigma, x_t) + 1) / 2


@overload
def per_picture(values: Tensor, like: Tensor) -> Tensor: ...
@overload
def per_picture(values: Coefficient, like: Tensor) -> Coefficient: ...
def per_picture(values: Coefficient, like: Tensor) -> Coefficient:
    """Shape ``(b,)`` as ``(b, 1, 1, 1)``, of the dtype and on the device of like; the rest passes through."""
    if isinstance(values, Tensor) and values.ndim == 1:
        return values.to(like).reshape(-1, *(1,) * (like.ndim - 1))
    return values


def _signal(sigma: Coefficient, like: Tensor) -> Coefficient:
    """Give ``sqrt(abar)``, ready to multiply pictures."""
    if isinstance(sigma, Tensor):
        return per_picture(alphas_cumprod_of(sigma).sqrt(), like)
    return math.sqrt(alphas_cumprod_of(sigma))


# --- schedules ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(x_{t-1} | x_t, x0) = N(x0_weight X0 + x_t_weight x_t, variance); each ``(T,)`` float64.

    Ho et al. (2020), equations 6 and 7. The variance at t = 0 is 0; ``log_variance`` holds there the
    value of t = 1 (that of beta when there is one step only), so that it is finite.
    """

    x0_weight: Tensor
    x_t_weight: Tensor
    variance: Tensor
    log_variance: Tensor


@dataclass(frozen=True, eq=False)
class Schedule:
    """The variances ``betas`` ``(T,)`` of a diffusion process, and all that follows from them.

    Ho et al. (2020), section 2. Raises ValueError when betas are not a list of numbers strictly
    between 0 and 1, or when they leave no signal that float64 can tell from 0.
    """

    betas: Tensor

    def __post_init__(self) -> None:
        betas = torch.as_tensor(self.betas).detach().to("cpu", torch.float64, copy=True)
        if betas.ndim != 1 or len(betas) == 0:
            raise ValueError(f"betas must be a list of at least one number; got shape {tuple(betas.shape)}")
        bad = ~((betas > 0) & (betas < 1))
        if bad.any():
            step = int(bad.nonzero()[0])
            raise ValueError(
                f"betas must lie strictly between 0 and 1; got {betas[step].item():g} at step {step} "
                f"of {len(betas)}; change the schedule's start and end"
            )
        object.__setattr__(self, "betas", betas)
        if not math.isfinite(self.sigmas[-1]):
            raise ValueError(
                f"{len(betas)} betas of {betas.mean().item():g} on average leave no signal; "
                f"use smaller betas or fewer steps"
            )

    @property
    def steps(self) -> int:
        """The number of timesteps, T."""
        return len(self.betas)

    @cached_property
    def alphas_cumprod(self) -> Tensor:
        """``abar_t = prod (1 - beta)``, ``(T,)``, falling."""
        return torch.cumprod(1 - self.betas, dim=0)

    @cached_property
    def sigmas(self) -> Tensor:
        """Noise levels in [0, 1] units, ``(T,)``, rising."""
        return sigma_of(self.alphas_cumprod)

    @cached_property
    def log_snr(self) -> Tensor:
        """``log(abar / (1 - abar))``, ``(T,)``, falling."""
        return log_snr_of(self.sigmas)

    @cached_property
    def posterior(self) -> Posterior:
        """The coefficients of q(x_{t-1} | x_t, x0)."""
        abar = self.alphas_cumprod
        before = torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]])
        variance = self.betas * (1 - before) / (1 - abar)
        first = variance[1:2] if self.steps > 1 else self.betas[:1]
        return Posterior(
            x0_weight=self.betas * before.sqrt() / (1 - abar),
            x_t_weight=(1 - self.betas).sqrt() * (1 - before) / (1 - abar),
            variance=variance,
            log_variance=torch.cat([first, variance[1:]]).log(),
        )


def linear(steps: int = 1000, start: float = 1e-4, end: float = 0.02) -> Schedule:
    """Give betas evenly spaced from start to end (Ho et al. 2020, section 4, for 1000 steps)."""
    return Schedule(torch.linspace(start, end, _at_least_one("steps", steps), dtype=torch.float64))


def cosine(steps: int = 1000, offset: float = 0.008, max_beta: float = 0.999) -> Schedule:
    """Give ``abar(u) = cos^2((u + offset) / (1 + offset) pi / 2)`` (Nichol & Dhariwal 2021, eq. 17)."""
    u = torch.linspace(0, 1, _at_least_one("steps", steps) + 1, dtype=torch.float64)
    return _from_curve(torch.cos((u + offset) / (1 + offset) * math.pi / 2) ** 2, max_beta)


def sigmoid(
    steps: int = 1000, start: float = -3.0, end: float = 3.0, tau: float = 1.0, max_beta: float = 0.999
) -> Schedule:
    """Give an abar that falls from 1 to 0 along a sigmoid from start/tau to end/tau (Jabri et al. 2022).

    Raises ValueError unless start < end and tau > 0.
    """
    if not (start < end and tau > 0):
        raise ValueError(f"a sigmoid schedule needs start < end and tau > 0; got {start}, {end} and {tau}")
    u = torch.linspace(start / tau, end / tau, _at_least_one("steps", steps) + 1, dtype=torch.float64)
    fall = torch.sigmoid(u[-1]) - torch.sigmoid(u)
    return _from_curve(fall / fall[0], max_beta)


def exponential(steps: int = 1000, start: float = 1e-4, end: float = 0.06) -> Schedule:
    """Give betas in geometric progression from start to end, both in (0, 1)."""
    if not (0 < start < 1 and 0 < end < 1):
        raise ValueError(f"start and end must lie strictly between 0 and 1; got {start} and {end}")
    ends = math.log(start), math.log(end)
    return Schedule(torch.linspace(*ends, _at_least_one("steps", steps), dtype=torch.float64).exp())


def constant(steps: int = 1000, beta: float = 0.01) -> Schedule:
    """Give the same beta at every step (Sohl-Dickstein et al. 2015, in its simplest form)."""
    return Schedule(torch.full((_at_least_one("steps", steps),), beta, dtype=torch.float64))


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "linear": linear,
    "cosine": cosine,
    "sigmoid": sigmoid,
    "exponential": exponential,
    "constant": constant,
}


def named(name: str, steps: int = 1000, **options: float) -> Schedule:
    """Give the schedule of that name, as configuration files ask for it.

    Raises ValueError for a name or an option that does not exist, saying which do.
    """
    if name not in SCHEDULES:
        raise ValueError(f"there is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}")
    known = list(inspect.signature(SCHEDULES[name]).parameters)[1:]
    if foreign := [option for option in options if option not in known]:
        raise ValueError(f"the {name} schedule has no option {foreign[0]!r}; it has {', '.join(known)}")
    return SCHEDULES[name](steps, **options)


def _from_curve(alphas_cumprod: Tensor, max_beta: float) -> Schedule:
    """Turn a falling curve abar ``(T + 1,)`` into betas, none above max_beta."""
    return Schedule((1 - alphas_cumprod[1:] / alphas_cumprod[:-1]).clamp(max=max_beta))


def _at_least_one(word: str, count: int) -> int:
    if count < 1:
        raise ValueError(f"{word} must be at least 1; got {count}")
    return count


# --- the process in closed form, in the network's coordinates -------------------------------------


def at(values: Tensor, t: Tensor) -> Tensor:
    """Pick ``values[t]`` ``(b,)`` from a schedule's ``(T,)`` list for whole timesteps t ``(b,)``.

    Raises ValueError when a timestep lies outside 0..T - 1 (a negative one would wrap round).
    """
    low, high = (int(bound) for bound in torch.aminmax(t))
    if low < 0 or high >= len(values):
        raise ValueError(f"timesteps must lie in 0..{len(values) - 1}; got {low}..{high}")
    return values.to(t.device)[t]


def signal_and_noise_at(schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """Give ``a = sqrt(abar_t)`` and ``s = sqrt(1 - abar_t)``, each ``(b,)``."""
    abar = at(schedule.alphas_cumprod, t)
    return abar.sqrt(), (1 - abar).sqrt()


def nearest_timestep(schedule: Schedule, sigma: Tensor) -> Tensor:
    """Give the timesteps ``(b,)`` whose noise levels are nearest to sigma ``(b,)``, in log sigma."""
    levels = schedule.sigmas.log()
    return torch.bucketize(sigma.log(), ((levels[1:] + levels[:-1]) / 2).to(sigma))


def add_noise(schedule: Schedule, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """Give ``x_t = sqrt(abar_t) X0 + sqrt(1 - abar_t) eps`` (Ho et al. 2020, eq. 4); X0 in [-1, 1]."""
    a, s = signal_and_noise_at(schedule, t)
    return per_picture(a, x0) * x0 + per_picture(s, x0) * eps


def posterior_mean(schedule: Schedule, x0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    """Give the mean of q(x_{t-1} | x_t, x0) (Ho et al. 2020, eq. 7); X0 in [-1, 1]."""
    x0_weight = per_picture(at(schedule.posterior.x0_weight, t), x0)
    return x0_weight * x0 + per_picture(at(schedule.posterior.x_t_weight, t), x0) * x_t


# --- what a network predicts ----------------------------------------------------------------------
# All tensors are (b, 3, h, w) in the network's coordinates; a and s are numbers or (b,), a^2 + s^2 = 1.


def x0_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into X0: ``(x_t - s eps) / a``, X0 itself, or ``a x_t - s v``.

    Ho et al. (2020), eq. 15; Salimans & Ho (2022), appendix D. Raises ValueError for an unknown kind.
    """
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return (x_t - s * prediction) / a
    if kind == "x0":
        return prediction
    if kind == "v":
        return a * x_t - s * prediction
    raise _unknown(kind)


def eps_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into eps: eps itself, ``(x_t - a X0) / s``, or ``s x_t + a v``."""
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return prediction
    if kind == "x0":
        return (x_t - a * prediction) / s
    if kind == "v":
        return s * x_t + a * prediction
    raise _unknown(kind)


def v_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into v: ``(eps - s x_t) / a``, ``(a x_t - X0) / s``, or v itself."""
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return (prediction - s * x_t) / a
    if kind == "x0":
        return (a * x_t - prediction) / s
    if kind == "v":
        return prediction
    raise _unknown(kind)


def target(kind: Prediction, x0: Tensor, eps: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Give what a perfect network of that kind would answer: eps, X0, or ``a eps - s X0``."""
    if kind == "eps":
        return eps
    if kind == "x0":
        return x0
    if kind == "v":
        return per_picture(a, x0) * eps - per_picture(s, x0) * x0
    raise _unknown(kind)


def _unknown(kind: str) -> ValueError:
    return ValueError(f"there is no prediction {kind!r}; choose one of eps, x0, v")


# --- ladders: the sigmas a sampler visits, ending with 0.0 ----------------------------------------


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
    if _at_least_one("n", n) == 1:
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
    _at_least_one("jump_repeats", jump_repeats)
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
