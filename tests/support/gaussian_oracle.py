"""The exact denoiser of a Gaussian prior, and what follows from it in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.diffusion.schedule import Schedule

Noise = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class GaussianPrior:
    """Pictures whose pixels are independent draws from N(mean, std^2)."""

    mean: float
    std: float

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """E[x0 | x] for ``x = x0 + sigma n``."""
        return (self.std**2 * x + sigma**2 * self.mean) / (self.std**2 + sigma**2)

    def posterior_variance(self, sigma: float) -> float:
        """Var[x0 | x]."""
        return self.std**2 * sigma**2 / (self.std**2 + sigma**2)

    def posterior_draws(self, noise: Noise) -> Callable[[Tensor, float], Tensor]:
        """A "denoiser" that draws x0 from p(x0 | x).

        With it every step of DDIM and of DDPM with the small variance keeps the exact distribution of x
        at its noise level, for any noise levels, however coarse.
        """

        def draw(x: Tensor, sigma: float) -> Tensor:
            return self.denoise(x, sigma) + self.posterior_variance(sigma) ** 0.5 * noise(x)

        return draw

    def noisy(self, sigma: float, noise: Noise, *, like: Tensor) -> Tensor:
        """Draws of x at a noise level: N(mean, std^2 + sigma^2)."""
        return self.mean + (self.std**2 + sigma**2) ** 0.5 * noise(like)

    def flow(self, x: Tensor, sigma: float, below: float) -> Tensor:
        """Where the probability-flow equation carries x from one noise level to another."""
        return self.mean + (x - self.mean) * ((self.std**2 + below**2) / (self.std**2 + sigma**2)) ** 0.5


class CorrelatedPrior:
    """Pictures of 3 x 2 x 2 values with a full covariance: deviations from least to most along its axes."""

    def __init__(self, mean: float, least: float, most: float):
        self.mean = mean
        noise = torch.randn(12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        self.axes = torch.linalg.qr(noise).Q
        self.stds = torch.linspace(least, most, 12, dtype=torch.float64)

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """E[x0 | x] for ``x = x0 + sigma n``."""
        shrink = self.stds**2 / (self.stds**2 + sigma**2)
        along = (x.flatten(1).double() - self.mean) @ self.axes
        return (self.mean + (along * shrink) @ self.axes.T).view_as(x).to(x)


class ExactReverse:
    """The oracle with the exact reverse variance at every timestep of a schedule."""

    def __init__(self, prior: GaussianPrior, schedule: Schedule):
        self.prior, self.schedule = prior, schedule

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.prior.denoise(x, sigma)

    def interpolation(self, t: int) -> float:
        posterior, sigma = self.schedule.posterior, self.schedule.sigmas[t].item()
        spread = 4 * self.prior.posterior_variance(sigma)  # of X0, in [-1, 1]
        exact = (posterior.variance[t] + posterior.x0_weight[t] ** 2 * spread).item()
        small, large = posterior.log_variance[t].exp().item(), self.schedule.betas[t].item()
        return math.log(exact / small) / math.log(large / small)

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        t = self.schedule.sigmas.tolist().index(sigma)
        return self(x, sigma), torch.full_like(x, self.interpolation(t))


def generator_noise(seed: int) -> Noise:
    """Float64 normal numbers that do not depend on the code under test."""
    generator = torch.Generator().manual_seed(seed)
    return lambda like: torch.randn(like.shape, generator=generator, dtype=torch.float64)


def assert_moments(x: Tensor, *, mean: float, variance: float, errors: float = 4.5) -> None:
    """Mean and variance of independent normal draws agree to so many standard errors."""
    n = x.numel()
    got_mean, got_variance = x.mean().item(), x.var().item()
    assert abs(got_mean - mean) < errors * (variance / n) ** 0.5, f"mean {got_mean}, expected {mean}"
    tolerance = errors * variance * (2 / n) ** 0.5
    assert abs(got_variance - variance) < tolerance, f"variance {got_variance}, expected {variance}"
