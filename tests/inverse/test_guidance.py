"""Steering a denoiser: known pixels, measurements, splitting; against Gaussian priors in closed form."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from gaussian_oracle import GaussianPrior, assert_moments, generator_noise
from mutants import edited, mutant_tests, wrong
from torch import Tensor

from restore.diffusion import samplers, schedule
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import climbing, log_sigma, repaint_sigmas
from restore.inverse import guidance
from restore.inverse.catalogue import solvers
from restore.inverse.operators import Hole, Resize
from restore.types import Denoiser

PIXELS = 9
MEAN = 0.5


class CorrelatedPrior:
    """A row of pixels from N(mean, C) whose neighbours are alike, and three of them missing."""

    def __init__(self) -> None:
        place = torch.arange(PIXELS, dtype=torch.float64)
        self.covariance = 0.04 * torch.exp(-(place[:, None] - place).abs() / 4)
        self.hole = torch.zeros(1, 1, 1, PIXELS, dtype=torch.float64)
        self.hole[..., 3:6] = 1
        self.y = torch.tensor([0.9, 0.8, 0.6, 0, 0, 0, 0.2, 0.3, 0.1], dtype=torch.float64).view(1, 1, 1, -1)
        self.start = self.y + self.hole * MEAN

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """E[x0 | x] = mean + C (C + sigma^2 I)^-1 (x - mean)."""
        noisy = self.covariance + sigma**2 * torch.eye(PIXELS, dtype=torch.float64)
        return MEAN + (x - MEAN) @ torch.linalg.solve(noisy, self.covariance)

    def error(self, x: Tensor) -> float:
        """How far the hole of x is from its conditional mean, given the known pixels."""
        hole = self.hole.flatten() > 0
        C, known = self.covariance, self.y.flatten()[~hole]
        expected = MEAN + C[hole][:, ~hole] @ torch.linalg.solve(C[~hole][:, ~hole], known - MEAN)
        return float((x.flatten()[hole] - expected).abs().max())


def no_noise(like: Tensor) -> Tensor:
    """Of affine steps: their result with all noise at its mean is the mean of their results."""
    return torch.zeros_like(like)


def tiny() -> tuple[Tensor, Tensor]:
    y = torch.rand(2, 3, 37, 31, generator=torch.Generator().manual_seed(1))
    hole = torch.zeros(2, 1, 37, 31)
    hole[0, :, 5:20, 7:9] = 1
    hole[1, :, 30:] = 1
    return y, hole


def check_injection() -> None:
    """The denoiser sees y at the state's own noise level, fresh each time; its answer is y there."""
    y, hole = tiny()
    known = (hole == 0).expand_as(y)
    seen: list[Tensor] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        seen.append(x)
        return torch.full_like(x, 0.25)

    injected = guidance.inject_known(denoise, y, hole, seeded_rng(0))
    x = torch.rand(y.shape, generator=torch.Generator().manual_seed(2))
    for sigma in (0.3, 20.0):
        x0 = injected(x, sigma)
        assert torch.equal(seen[-1][~known], x[~known])
        noise = ((seen[-1] - y) / sigma)[known]
        assert_moments(noise, mean=0.0, variance=1.0)
        assert torch.equal(x0[known], y[known])
        assert (x0[~known] == 0.25).all()
    assert not torch.equal((seen[0] - y) / 0.3, (seen[1] - y) / 20.0)


def check_damping() -> None:
    """The correction trusts y as the noise allows: half way where y is as noisy as the state."""
    y, hole = tiny()
    known = (hole == 0).expand_as(y)
    for noise_std, share in ((0.0, 1.0), (0.2, 0.5), (0.4, 0.2)):
        enforced = guidance.enforce(lambda x, sigma: x * 0.5, y, Hole(hole), noise_std=noise_std)
        x0 = enforced(y * 0.4, 0.2)
        torch.testing.assert_close(x0[known], (0.2 * y + share * 0.8 * y)[known], rtol=0, atol=1e-6)
        assert torch.equal(x0[~known], (y * 0.4 * 0.5)[~known])


def check_per_pixel_start() -> None:
    """A pixel's steps are those of a run from its own level, around the start; at 0 nothing moves."""
    prior, start = GaussianPrior(mean=0.4, std=0.3), torch.full((1, 3, 6, 8), 0.9)
    levels = torch.zeros(1, 1, 6, 8)
    levels[..., :4], levels[..., 4:6] = 0.2, 1.0
    noise = torch.randn(start.shape, generator=torch.Generator().manual_seed(3))
    denoise = guidance.per_pixel_start(prior.denoise, start, levels)
    found = samplers.ddim(denoise, start + 1.0 * noise, log_sigma(1.0, 0.001, 400))
    for level, columns in ((0.2, slice(0, 4)), (1.0, slice(4, 6))):
        expected = prior.flow(start + level * noise, level, 0.0)[..., columns]
        torch.testing.assert_close(found[..., columns], expected, rtol=0, atol=0.01)
    torch.testing.assert_close(found[..., 6:], start[..., 6:], rtol=0, atol=1e-6)


def check_splitting_converges() -> None:
    """The fixed point of splitting tends to the conditional mean, with the square of sigma."""
    prior = CorrelatedPrior()
    denoise = guidance.enforce(prior.denoise, prior.y, Hole(prior.hole))

    def error(sigma: float) -> float:
        steps = round(30 / (sigma / 0.1) ** 2)
        return prior.error(guidance.half_quadratic_splitting(denoise, prior.start, [sigma] * steps))

    assert error(0.02) < 0.004
    assert 3.5 < error(0.02) / error(0.01) < 4.5


def check_repaint() -> None:
    """Injection alone does not reach the conditional mean; the more it is resampled the closer it comes."""
    prior = CorrelatedPrior()
    denoise = guidance.inject_known(prior.denoise, prior.y, prior.hole, no_noise)

    def error(repeats: int) -> float:
        sigmas = repaint_sigmas(schedule.linear(), 30, 1, repeats)
        x = samplers.ddpm(denoise, torch.full_like(prior.y, MEAN), sigmas, rng=no_noise)
        assert torch.equal(x[prior.hole == 0], prior.y[prior.hole == 0])
        return prior.error(x)

    once, often, very_often = error(1), error(5), error(25)
    assert once > 0.07
    assert often < 0.75 * once
    assert very_often < 0.5 * once


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [check_injection, check_damping, check_per_pixel_start, check_splitting_converges, check_repaint],
)
def test_right_guidance_passes(check: Callable[[], None]) -> None:
    check()


def test_injection_gives_the_posterior_where_pixels_are_independent() -> None:
    prior, noise = GaussianPrior(mean=0.4, std=0.2), generator_noise(3)
    y = torch.full((1, 3, 64, 32), 0.9, dtype=torch.float64)
    hole = torch.zeros(1, 1, 64, 32, dtype=torch.float64)
    hole[..., :16] = 1
    sigmas = climbing(log_sigma(10.0, 0.01, 6), 2, 2)
    denoise = guidance.inject_known(prior.posterior_draws(noise), y, hole, noise)
    x = samplers.ddpm(denoise, prior.noisy(10.0, noise, like=y), sigmas, rng=noise)
    assert (x[..., 16:] == 0.9).all()
    assert_moments(x[..., :16], mean=0.4, variance=0.04)


@pytest.mark.parametrize("noise_std", [0.0, 0.05])
def test_projection_gives_the_posterior_mean_of_independent_pixels(noise_std: float) -> None:
    """N(mean, std^2 I) seen through a reduction: E[x0 | y] = mean + A^T (A A^T)^-1 (y - A mean).

    At rest on the mean every step is exact. For a noisy y the last correction counts, and it is exact
    where the denoiser's error has the spread that the damping says.
    """
    operator, sigma = Resize((12, 10), (6, 5)), 0.2
    y = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(4))
    mean = torch.full((1, 3, 12, 10), 0.4)
    prior = GaussianPrior(mean=0.4, std=0.3)
    denoise = guidance.enforce(prior.denoise, y, operator, noise_std=noise_std)
    expected = mean + operator.adjoint(operator.solve(y - operator.forward(mean), (noise_std / sigma) ** 2))
    torch.testing.assert_close(denoise(mean, sigma), expected, rtol=0, atol=1e-6)
    if noise_std == 0:
        x = samplers.ddim(denoise, mean, log_sigma(20.0, 0.01, 15))
        assert (operator.forward(x) - y).abs().max() < 1e-4
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-3)


def test_projection_samples_what_the_measurement_does_not_see() -> None:
    """What y leaves open follows the prior's own flow, what y tells is met exactly."""
    operator = Resize((12, 10), (6, 5))
    y = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(4))
    prior = GaussianPrior(mean=0.4, std=0.3)
    x = prior.noisy(20.0, generator_noise(5), like=torch.empty(1, 3, 12, 10)).float()
    sigmas = log_sigma(20.0, 0.01, 60)
    found = samplers.heun(guidance.enforce(prior.denoise, y, operator), x, sigmas)
    assert (operator.forward(found) - y).abs().max() < 1e-4

    def unseen(x: Tensor) -> Tensor:
        return x - operator.adjoint(operator.solve(operator.forward(x), 0.0))

    torch.testing.assert_close(unseen(found), unseen(prior.flow(x, 20.0, 0.0)), rtol=0, atol=5e-3)


def test_projection_is_no_posterior_where_pixels_are_alike() -> None:
    """The closed form says how far DDNM's mean is off, so that nobody takes it for a posterior sampler."""
    prior = CorrelatedPrior()
    denoise = guidance.enforce(prior.denoise, prior.y, Hole(prior.hole))
    x = samplers.ddim(denoise, prior.start, log_sigma(80.0, 0.01, 30))
    unconditional = prior.error(prior.start)
    assert 0.4 * unconditional < prior.error(x) < 0.7 * unconditional
    split = guidance.half_quadratic_splitting(denoise, prior.start, log_sigma(0.5, 0.01, 200))
    assert prior.error(split) < 0.06 * unconditional


def test_splitting_denoises_once_at_each_level_above_zero() -> None:
    calls, reports = [], []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        calls.append((float(x), sigma))
        return x + 1

    x = guidance.half_quadratic_splitting(
        denoise, torch.zeros(1, 1, 1, 1), [0.5, 0.2, 0.1, 0.0], progress=lambda *each: reports.append(each)
    )
    assert calls == [(0, 0.5), (1, 0.2), (2, 0.1)]
    assert float(x) == 3
    assert reports == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(("steps", "moved"), [(1, 1), (12, 12), (24, 24), (48, 24), (1000, 24)])
def test_splitting_in_many_steps_moves_as_far_as_in_24(steps: int, moved: float) -> None:
    """Whatever is denoised completely a thousand times is smooth."""
    x = solvers()["splitting"].sampler(
        lambda x, sigma: x + 1, torch.zeros(1, 3, 2, 2), log_sigma(0.25, 0.01, steps)
    )
    torch.testing.assert_close(x, torch.full_like(x, moved), rtol=1e-4, atol=0)


def smaller_noise(right: Callable[..., Denoiser]) -> Callable[..., Denoiser]:
    return lambda denoise, y, hole, rng: right(denoise, y, hole, lambda like: rng(like) / 2**0.5)


def flipped_hole(right: Callable[..., Denoiser]) -> Callable[..., Denoiser]:
    return lambda denoise, y, hole, rng: right(denoise, y, 1 - hole, rng)


def without_noise_std(right: Callable[..., Denoiser]) -> Callable[..., Denoiser]:
    return lambda denoise, y, operator, noise_std=0.0: right(denoise, y, operator)


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_injection: [
            wrong(guidance.inject_known, smaller_noise, "noise smaller by the square root of 2"),
            edited(guidance.inject_known, "level * rng(y)", "rng(y)"),
            edited(
                guidance.inject_known,
                "torch.where(hole > 0, x, y + level * rng(y))",
                "torch.where(hole > 0, y + level * rng(y), x)",
            ),
            wrong(guidance.inject_known, flipped_hole, "the hole is what is known"),
            edited(guidance.inject_known, "return torch.where(hole > 0, x, y + level * rng(y))", "return x"),
        ],
        check_damping: [
            edited(guidance.enforce, "(noise_std / sigma) ** 2 if", "noise_std / sigma**2 if"),
            edited(guidance.enforce, "(noise_std / sigma) ** 2 if", "(sigma / noise_std) ** 2 if"),
            wrong(guidance.enforce, without_noise_std, "the measurement's noise is ignored"),
        ],
        check_per_pixel_start: [
            wrong(
                guidance.per_pixel_start,
                lambda right: lambda denoise, start, levels: right(denoise, start, levels / 2),
                "levels are halved",
            ),
            edited(guidance.per_pixel_start, "levels < sigma", "levels > sigma"),
            edited(guidance.per_pixel_start, "start, x0))", "x, x0))"),
        ],
        check_splitting_converges: [
            edited(
                guidance.half_quadratic_splitting,
                "x = found if share == 1 else",
                "_ = found if share == 1 else",
            ),
            wrong(
                guidance.enforce,
                lambda right: lambda denoise, y, operator: denoise,
                "the measurement is ignored",
            ),
        ],
        check_repaint: [
            edited(
                guidance.inject_known,
                "lambda x, x0, sigma: torch.where(hole > 0, x0, y)",
                "lambda x, x0, sigma: x0",
            ),
        ],
    }
)


def test_a_classifier_moves_estimates_along_its_gradient() -> None:
    """For a Gaussian prior and an exact classifier of brightness, Bayes' rule gives the posterior mean."""
    prior, told = GaussianPrior(mean=0.5, std=0.2), 0.05  # the class says: each pixel is .7 +- told
    x, sigma = 0.5 + 0.3 * torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double(), 0.3

    def classifier(x: Tensor, sigma: float) -> Tensor:
        """Log p(class | x) by p(class | x0) = exp(-(x0 - .7)^2 / 2 told^2), against what it is without."""
        mean, variance = prior.denoise(x, sigma), prior.posterior_variance(sigma) + told**2
        likely = -((mean - 0.7) ** 2 / (2 * variance)).sum((1, 2, 3))
        return torch.stack([torch.log1p(-likely.exp().clamp(max=1 - 1e-12)), likely], 1)

    guided = guidance.classifier_guided(prior.denoise, classifier, torch.tensor([1, 1]), 1.0)
    posterior = prior.posterior_variance(sigma)
    exact = (prior.denoise(x, sigma) / posterior + 0.7 / told**2) / (1 / posterior + 1 / told**2)
    torch.testing.assert_close(guided(x, sigma), exact, rtol=0, atol=1e-9)
    half = guidance.classifier_guided(prior.denoise, classifier, torch.tensor([1, 1]), 0.5)
    middle = (exact + prior.denoise(x, sigma)) / 2
    torch.testing.assert_close(half(x, sigma), middle, rtol=0, atol=1e-9)
