"""A DDPM's diffusion process: its variances and what follows from them in closed form.

Everything is float64 on the CPU. Timesteps count from 0 to T - 1. `restore.diffusion.schedule` has the named
schedules, and the dictionary between the coordinates of a DDPM and those of samplers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from restore.diffusion.coordinates import log_snr_of, sigma_of


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

    @classmethod
    def of_signal(cls, alphas_cumprod: Tensor) -> Schedule:
        """Give the schedule of falling shares of signal ``(T,)``, ``beta = 1 - abar / (the one before)``.

        Examples
        --------
        >>> [round(beta, 6) for beta in Schedule.of_signal(torch.tensor([0.9, 0.72])).betas.tolist()]
        [0.1, 0.2]
        """
        abar = alphas_cumprod.double()
        return cls(1 - abar / torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1]]))

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
