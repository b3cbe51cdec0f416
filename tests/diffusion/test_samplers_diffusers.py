"""Step by step agreement with diffusers' schedulers, for one fixed random linear network.

Each step is compared by itself: ours gets (sigma, sigma_next), theirs the timestep, both the same state
and the same noise. Their tables are float32; they are replaced by the same float64 betas, so that the
agreement is to rounding. ``leading`` spacing, because elsewhere their previous timestep, which they
derive again, is not the next one that is stepped to.
"""

from __future__ import annotations

import math
from typing import Any

import diffusers
import pytest
import torch
from diffusers.schedulers import scheduling_ddpm
from gaussian_oracle import generator_noise
from torch import Tensor

from restore.diffusion import samplers
from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import from_network, log_snr_of, signal_and_noise_of, to_network, x0_from

SCHEDULE = schedules.linear(1000)
WEIGHTS = generator_noise(11)(torch.zeros(6, 3)) / 3
SHAPE = torch.zeros(2, 3, 4, 5, dtype=torch.float64)
COMMON: dict[str, Any] = {"clip_sample": False, "timestep_spacing": "leading", "beta_schedule": "linear"}


def network(x_t: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """The noise, and where the learned variance lies in [-1, 1]: linear in x_t, a little in log SNR."""
    out = torch.einsum("oc,bchw->bohw", WEIGHTS, x_t) + 0.01 * log_snr_of(sigma)
    return out[:, :3], out[:, 3:].tanh()


class Denoiser:
    """The same network behind the seam that samplers know."""

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.with_variance(x, sigma)[0]

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        x_t = to_network(x, sigma)
        eps, between = network(x_t, sigma)
        x0 = x0_from("eps", x_t, eps, *signal_and_noise_of(sigma))
        return from_network(x0, 0.0), (between + 1) / 2


def theirs(kind: type, n: int, **options: Any) -> Any:
    scheduler = kind(num_train_timesteps=1000, **COMMON, **options)
    scheduler.betas, scheduler.alphas = SCHEDULE.betas, 1 - SCHEDULE.betas
    scheduler.alphas_cumprod = SCHEDULE.alphas_cumprod
    scheduler.set_timesteps(n)
    return scheduler


def steps_of(scheduler: Any) -> list[tuple[int, float, float]]:
    """(timestep, sigma, sigma_next) of every step."""
    timesteps = scheduler.timesteps.tolist()
    sigmas = [*SCHEDULE.sigmas[timesteps].tolist(), 0.0]
    return list(zip(timesteps, sigmas[:-1], sigmas[1:], strict=True))


def assert_same(ours: Tensor, sigma: float, sample: Tensor) -> None:
    torch.testing.assert_close(to_network(ours, sigma), sample, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n", [1000, 50, 30])
@pytest.mark.parametrize("variance", ["small", "large", "learned"])
def test_ddpm(monkeypatch: pytest.MonkeyPatch, n: int, variance: str) -> None:
    named = {"small": "fixed_small", "large": "fixed_large", "learned": "learned_range"}[variance]
    scheduler = theirs(diffusers.DDPMScheduler, n, variance_type=named)
    noise = generator_noise(12)
    drawn: list[Tensor] = []

    def draw(like: Tensor) -> Tensor:
        drawn.append(noise(like))
        return drawn[-1]

    # The same numbers for them: the ones we drew for this step.
    monkeypatch.setattr(scheduling_ddpm, "randn_tensor", lambda *_, **__: drawn[-1])
    x = SCHEDULE.sigmas[-1].item() * noise(SHAPE)
    for t, sigma, below in steps_of(scheduler)[:: max(1, n // 60)] + steps_of(scheduler)[-2:]:
        x_t = to_network(x, sigma)
        answer = torch.cat(network(x_t, sigma), dim=1) if variance == "learned" else network(x_t, sigma)[0]
        x = samplers.ddpm(Denoiser(), x, [sigma, below], variance=variance, rng=draw)
        assert_same(x, below, scheduler.step(answer, t, x_t).prev_sample)


@pytest.mark.parametrize("n", [50, 30, 7])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim(n: int, eta: float) -> None:
    scheduler = theirs(diffusers.DDIMScheduler, n)
    noise = generator_noise(13)
    x = SCHEDULE.sigmas[-1].item() * noise(SHAPE)
    for t, sigma, below in steps_of(scheduler):
        x_t, z = to_network(x, sigma), noise(SHAPE)
        x = samplers.ddim(Denoiser(), x, [sigma, below], eta=eta, rng=lambda like, z=z: z)
        sample = scheduler.step(network(x_t, sigma)[0], t, x_t, eta=eta, variance_noise=z).prev_sample
        assert_same(x, below, sample)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # theirs, with NumPy 2
def test_dpmpp_2m() -> None:
    """A whole run, because the method remembers; to the precision of their float32 tables."""
    scheduler = diffusers.DPMSolverMultistepScheduler(
        num_train_timesteps=1000,
        beta_schedule="linear",
        timestep_spacing="leading",
        algorithm_type="dpmsolver++",
        solver_order=2,
        solver_type="midpoint",
        lower_order_final=False,
        final_sigmas_type="zero",
    )
    scheduler.set_timesteps(20)
    timesteps = scheduler.timesteps.tolist()
    sigmas = [*SCHEDULE.sigmas[timesteps].tolist(), 0.0]
    x = generator_noise(14)(SHAPE) * math.hypot(sigmas[0], 0.5)
    sample = to_network(x, sigmas[0])
    for t, sigma in zip(timesteps, sigmas, strict=False):
        sample = scheduler.step(network(sample, sigma)[0], t, sample).prev_sample
    ours = samplers.dpmpp_2m(Denoiser(), x, sigmas)
    torch.testing.assert_close(to_network(ours, 0.0), sample, rtol=1e-4, atol=1e-4)


def test_their_tables_are_ours() -> None:
    scheduler = diffusers.DDPMScheduler(num_train_timesteps=1000, beta_schedule="linear")
    abar = SCHEDULE.alphas_cumprod.float()
    torch.testing.assert_close(scheduler.alphas_cumprod, abar, rtol=1e-4, atol=1e-7)
    cosine = diffusers.DDPMScheduler(num_train_timesteps=100, beta_schedule="squaredcos_cap_v2")
    torch.testing.assert_close(cosine.betas, schedules.cosine(100).betas.float(), rtol=1e-4, atol=1e-7)
    noise, x0 = generator_noise(15)(SHAPE), generator_noise(16)(SHAPE)
    t = torch.tensor([3, 700])
    torch.testing.assert_close(
        schedules.add_noise(SCHEDULE, x0, noise, t), scheduler.add_noise(x0, noise, t), rtol=0, atol=1e-4
    )
