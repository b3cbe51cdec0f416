"""Noise schedules of DDPMs and the closed-form diffusion process.

The dictionary between the two coordinate systems (abar is ``alphas_cumprod``)::

    x   = x0 + sigma n            pictures in [0, 1]: those of samplers and solvers
    x_t = a X0 + s eps            X0 = 2 x0 - 1, a = sqrt(abar), s = sqrt(1 - abar): the network's own
    sigma = sqrt((1 - abar) / abar) / 2     abar = 1 / (1 + 4 sigma^2)     log SNR = -2 log(2 sigma)
    x_t = (2 x - 1) sqrt(abar)

Everything that belongs to a schedule is float64 on the CPU. Timesteps count from 0 to T - 1.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from restore.diffusion.coordinates import log_snr_of, per_picture, sigma_of
from restore.diffusion.sigmas import at_least_one


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
    """A diffusion process by its variances, and what follows from them; timesteps count from 0.

    Parameters
    ----------
    betas : the variances ``(T,)``, each strictly between 0 and 1.

    Raises
    ------
    ValueError
        When betas are not a list of numbers strictly between 0 and 1, or when they leave no signal that
        float64 can tell from 0.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239, section 2.

    Examples
    --------
    >>> import torch
    >>> Schedule(torch.tensor([0.1, 0.2])).steps
    2
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
    """Give betas evenly spaced from start to end.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    start, end : the first and last beta, in (0, 1); those unless given are for 1000 steps.

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239, section 4.

    Examples
    --------
    >>> [round(beta, 3) for beta in linear(3, 0.1, 0.3).betas.tolist()]
    [0.1, 0.2, 0.3]
    """
    return Schedule(torch.linspace(start, end, at_least_one("steps", steps), dtype=torch.float64))


def cosine(steps: int = 1000, offset: float = 0.008, max_beta: float = 0.999) -> Schedule:
    """Give ``abar(u) = cos^2((u + offset) / (1 + offset) pi / 2)``, u from 0 to 1.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    offset : keeps the first betas from being too small, 0 or more.
    max_beta : no beta is larger, in (0, 1).

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Nichol and Dhariwal (2021), arXiv:2102.09672, eq. 17.

    Examples
    --------
    >>> round(float(cosine(100).alphas_cumprod[49]), 3)
    0.494
    """
    u = torch.linspace(0, 1, at_least_one("steps", steps) + 1, dtype=torch.float64)
    return _from_curve(torch.cos((u + offset) / (1 + offset) * math.pi / 2) ** 2, max_beta)


def sigmoid(
    steps: int = 1000, start: float = -3.0, end: float = 3.0, tau: float = 1.0, max_beta: float = 0.999
) -> Schedule:
    """Give an abar that falls from 1 to 0 along a sigmoid from start/tau to end/tau.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    start, end : the part of the sigmoid, start below end.
    tau : its temperature, above 0.
    max_beta : no beta is larger, in (0, 1).

    Raises
    ------
    ValueError
        Unless ``start < end`` and ``tau > 0``.

    References
    ----------
    Jabri, Fleet and Chen (2022), "Scalable Adaptive Computation for Iterative Generation",
    arXiv:2212.11972.

    Examples
    --------
    >>> round(float(sigmoid(100).alphas_cumprod[49]), 3)
    0.5
    """
    if not (start < end and tau > 0):
        raise ValueError(f"a sigmoid schedule needs start < end and tau > 0; got {start}, {end} and {tau}")
    u = torch.linspace(start / tau, end / tau, at_least_one("steps", steps) + 1, dtype=torch.float64)
    fall = torch.sigmoid(u[-1]) - torch.sigmoid(u)
    return _from_curve(fall / fall[0], max_beta)


def exponential(steps: int = 1000, start: float = 1e-4, end: float = 0.06) -> Schedule:
    """Give betas in geometric progression from start to end.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    start, end : the first and last beta, in (0, 1).

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> [round(beta, 3) for beta in exponential(3, 0.01, 0.25).betas.tolist()]
    [0.01, 0.05, 0.25]
    """
    if not (0 < start < 1 and 0 < end < 1):
        raise ValueError(f"start and end must lie strictly between 0 and 1; got {start} and {end}")
    ends = math.log(start), math.log(end)
    return Schedule(torch.linspace(*ends, at_least_one("steps", steps), dtype=torch.float64).exp())


def constant(steps: int = 1000, beta: float = 0.01) -> Schedule:
    """Give the same beta at every step.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    beta : in (0, 1).

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Sohl-Dickstein et al. (2015), "Deep Unsupervised Learning using Nonequilibrium Thermodynamics",
    arXiv:1503.03585, in its simplest form.

    Examples
    --------
    >>> constant(2, 0.25).betas.tolist()
    [0.25, 0.25]
    """
    return Schedule(torch.full((at_least_one("steps", steps),), beta, dtype=torch.float64))


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "linear": linear,
    "cosine": cosine,
    "sigmoid": sigmoid,
    "exponential": exponential,
    "constant": constant,
}


def named(name: str, steps: int = 1000, **options: float) -> Schedule:
    """Give the schedule of that name, as configuration files ask for it.

    Parameters
    ----------
    name : one of `SCHEDULES`.
    steps : number of timesteps, at least 1.
    **options : those of the schedule's function.

    Raises
    ------
    ValueError
        For a name or an option that does not exist, saying which do.

    Examples
    --------
    >>> named("linear", 10).steps
    10
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


def at(values: Tensor, t: Tensor) -> Tensor:
    """Pick ``values[t]`` ``(b,)`` from a schedule's ``(T,)`` list for whole timesteps t ``(b,)``.

    Raises
    ------
    ValueError
        When a timestep lies outside 0..T - 1; a negative one would count from the end.

    Examples
    --------
    >>> import torch
    >>> at(torch.tensor([0.1, 0.2, 0.3]), torch.tensor([2, 0]))
    tensor([0.3000, 0.1000])
    """
    low, high = (int(bound) for bound in torch.aminmax(t))
    if low < 0 or high >= len(values):
        raise ValueError(f"timesteps must lie in 0..{len(values) - 1}; got {low}..{high}")
    return values.to(t.device)[t]


def signal_and_noise_at(schedule: Schedule, t: Tensor) -> tuple[Tensor, Tensor]:
    """Give ``a = sqrt(abar_t)`` and ``s = sqrt(1 - abar_t)``, each ``(b,)``, for timesteps t ``(b,)``.

    Examples
    --------
    >>> import torch
    >>> a, s = signal_and_noise_at(linear(), torch.tensor([500]))
    >>> round(float(a**2 + s**2), 12)
    1.0
    """
    abar = at(schedule.alphas_cumprod, t)
    return abar.sqrt(), (1 - abar).sqrt()


def nearest_timestep(schedule: Schedule, sigma: Tensor) -> Tensor:
    """Give the timesteps ``(b,)`` whose noise levels are nearest to sigma ``(b,)``, in log sigma.

    Examples
    --------
    >>> import torch
    >>> nearest_timestep(linear(), torch.tensor([0.5, 1e9]))
    tensor([258, 999])
    """
    levels = schedule.sigmas.log()
    return torch.bucketize(sigma.log(), ((levels[1:] + levels[:-1]) / 2).to(sigma))


def add_noise(schedule: Schedule, x0: Tensor, eps: Tensor, t: Tensor) -> Tensor:
    """Give ``x_t = sqrt(abar_t) X0 + sqrt(1 - abar_t) eps``.

    Parameters
    ----------
    schedule : of T timesteps.
    x0 : clean pictures X0 ``(b, c, h, w)``, [-1, 1] units.
    eps : standard normal numbers ``(b, c, h, w)``.
    t : timesteps ``(b,)``, 0 to T - 1.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239, eq. 4.

    Examples
    --------
    >>> import torch
    >>> x0 = torch.zeros(2, 3, 4, 4)
    >>> add_noise(linear(), x0, x0, torch.tensor([0, 999])).shape
    torch.Size([2, 3, 4, 4])
    """
    a, s = signal_and_noise_at(schedule, t)
    return per_picture(a, x0) * x0 + per_picture(s, x0) * eps
