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

import torch
from torch import Tensor

from restore.diffusion.coordinates import per_picture
from restore.diffusion.process import Posterior, Schedule
from restore.diffusion.sigmas import at_least_one

__all__ = [
    "SCHEDULES", "Posterior", "Schedule", "add_noise", "at", "constant", "cosine", "exponential", "linear",
    "named", "nearest_timestep", "scaled_linear", "sigmoid", "signal_and_noise_at", "with_betas",
    "zero_terminal_snr",
]  # fmt: skip


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
    _check_ends(start, end)
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


def scaled_linear(steps: int = 1000, start: float = 8.5e-4, end: float = 0.012) -> Schedule:
    """Give betas whose square roots are evenly spaced, from start to end.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    start, end : the first and last beta, in (0, 1); unless given those of latent diffusion.

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Rombach et al. (2022), "High-Resolution Image Synthesis with Latent Diffusion Models", arXiv:2112.10752,
    in their released code.

    Examples
    --------
    >>> [round(beta, 4) for beta in scaled_linear(3, 0.01, 0.09).betas.tolist()]
    [0.01, 0.04, 0.09]
    """
    _check_ends(start, end)
    ends = math.sqrt(start), math.sqrt(end)
    return Schedule(torch.linspace(*ends, at_least_one("steps", steps), dtype=torch.float64) ** 2)


def zero_terminal_snr(
    steps: int = 1000, start: float = 1e-4, end: float = 0.02, max_beta: float = 0.999
) -> Schedule:
    """Give linear betas, moved so that the last timestep holds no signal.

    ``sqrt(abar)`` is shifted and scaled to keep its first value and to end at 0. In [0, 1] units the last
    noise level would be infinite; as in `cosine`, no beta is above max_beta, which ends just short of that.

    Parameters
    ----------
    steps : number of timesteps, at least 1.
    start, end : the first and last of the linear betas, in (0, 1).
    max_beta : no beta is larger, in (0, 1).

    Raises
    ------
    ValueError
        For numbers out of range.

    References
    ----------
    Lin et al. (2024), "Common Diffusion Noise Schedules and Sample Steps are Flawed", arXiv:2305.08891,
    algorithm 1.

    Examples
    --------
    >>> zero_terminal_snr(10, 0.1, 0.2).alphas_cumprod[-1] < 1e-3
    tensor(True)
    """
    signal = linear(steps, start, end).alphas_cumprod.sqrt()
    first, last = signal[0], signal[-1]
    signal = (signal - last) * (first / (first - last)) if steps > 1 else signal - last
    return _from_curve(torch.cat([torch.ones(1, dtype=torch.float64), signal.square()]), max_beta)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "linear": linear,
    "scaled-linear": scaled_linear,
    "cosine": cosine,
    "sigmoid": sigmoid,
    "exponential": exponential,
    "constant": constant,
    "zero-terminal-snr": zero_terminal_snr,
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


def with_betas(name: str, steps: int, beta_start: float = 0.0, beta_end: float = 0.0) -> Schedule:
    """Give the schedule of that name with its first and last beta, as checkpoints hold them.

    Parameters
    ----------
    name : one of `SCHEDULES`.
    steps : number of timesteps, at least 1.
    beta_start, beta_end : 0 for the schedule's own; ``constant`` has beta_start alone, cosine and sigmoid
        have none.

    Raises
    ------
    ValueError
        For a name that does not exist, betas out of range, and a beta that the schedule has no use for.

    Examples
    --------
    >>> with_betas("constant", 2, beta_start=0.5).betas.tolist()
    [0.5, 0.5]
    """
    ends = {"beta": beta_start} if name == "constant" else {"start": beta_start, "end": beta_end}
    if (name == "constant" and beta_end) or (name in ("cosine", "sigmoid") and (beta_start or beta_end)):
        spare = "beta_end" if name == "constant" else "beta_start and beta_end"
        raise ValueError(
            f"a {name} schedule has no use for {spare}, got {beta_start:g} and {beta_end:g}; leave it out"
        )
    return named(name, steps, **{option: value for option, value in ends.items() if value})


def _check_ends(start: float, end: float) -> None:
    if not (0 < start < 1 and 0 < end < 1):
        raise ValueError(f"start and end must lie strictly between 0 and 1; got {start} and {end}")


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
