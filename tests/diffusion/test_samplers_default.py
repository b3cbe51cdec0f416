"""Every sampler, as it is used by default, gives the exact mean and covariance of a Gaussian."""

from __future__ import annotations

import math

import pytest
import torch
from gaussian_oracle import CorrelatedPrior, GaussianPrior, generator_noise
from torch import Tensor

from restore.diffusion.samplers import SAMPLERS, ddpm
from restore.diffusion.schedule import linear
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import LADDERS, karras, ladder, log_sigma
from restore.diffusion.thresholding import thresholded
from restore.priors.backbone import BackboneConfig
from restore.tasks import catalogue

LEVELS = BackboneConfig()
PRIOR = CorrelatedPrior(mean=0.45, least=0.05, most=0.3)
DRAWS = 20_000
# The largest error of a deviation at the default 50 steps, by the order of the sampler.
ALLOWED = {1: 0.16, 2: 0.035}


def drawn(sampler: str, steps: int) -> Tensor:
    """Draws ``(n, 12)`` from pure noise."""
    sigmas = karras(LEVELS.sigma_max, LEVELS.sigma_min, steps)
    start = 0.5 + sigmas[0] * generator_noise(1)(torch.empty(DRAWS, 3, 2, 2))
    return SAMPLERS[sampler](PRIOR.denoise, start, sigmas, rng=seeded_rng(0)).flatten(1)


def worst_deviation(x: Tensor) -> float:
    """The largest relative error of a deviation, along the axes of the exact covariance."""
    along = (x - PRIOR.mean) @ PRIOR.axes
    return float((along.std(0) / PRIOR.stds - 1).abs().max())


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_the_default_steps_give_the_exact_gaussian(name: str) -> None:
    x = drawn(name, catalogue.SAMPLE_STEPS)
    assert (x.mean(0) - PRIOR.mean).abs().max() < 5 * 0.3 / math.sqrt(
        DRAWS
    ) + 1e-3  # mid-gray was the start's
    assert worst_deviation(x) < ALLOWED[SAMPLERS[name].order]
    correlation = torch.corrcoef((x @ PRIOR.axes).T) - torch.eye(12)
    assert correlation.abs().max() < 5 / math.sqrt(DRAWS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_more_steps_come_closer(name: str) -> None:
    """Four times the steps leave a quarter of the error of first order; what is left is chance."""
    chance = 4 / math.sqrt(2 * DRAWS)
    few, many = worst_deviation(drawn(name, 25)), worst_deviation(drawn(name, 100))
    assert many < few / (3 if SAMPLERS[name].order == 1 else 9) + chance


def test_langevin_gives_no_noise() -> None:
    """The deviation once came out as 55; it is .2, to 8 % by default and 2 % in many steps."""
    prior = GaussianPrior(mean=0.4, std=0.2)
    like = torch.zeros(1, 3, 64, 64, dtype=torch.float64)
    for steps, within in ((50, 0.1), (300, 0.03)):
        sigmas = karras(LEVELS.sigma_max, LEVELS.sigma_min, steps)
        start = 0.5 + sigmas[0] * generator_noise(2)(like)
        x = SAMPLERS["langevin"](prior.denoise, start, sigmas, rng=seeded_rng(0))
        assert x.std().item() == pytest.approx(0.2, rel=within)


@pytest.mark.parametrize("sigma", [10 / 255, 25 / 255, 100 / 255])
@pytest.mark.parametrize("std", [0.05, 0.2, 0.3])
def test_a_draw_of_denoising_has_the_deviation_of_the_posterior(sigma: float, std: float) -> None:
    """To 3 % at the default sampler and steps, where ancestral steps lack 15 %."""
    prior = GaussianPrior(mean=0.4, std=std)
    method = catalogue.find("denoise", None, "sample")
    y = torch.full((1, 3, 96, 96), 0.6, dtype=torch.float64)
    sigmas = karras(sigma, LEVELS.sigma_min, method.steps)
    x = SAMPLERS[method.sampler](prior.denoise, y, sigmas, rng=seeded_rng(0))
    exact = prior.posterior_variance(sigma) ** 0.5
    chance = 3 / math.sqrt(2 * x.numel())
    assert x.std().item() == pytest.approx(exact, rel=0.03 + chance)
    assert x.mean().item() == pytest.approx(prior.denoise(y, sigma).mean().item(), abs=0.005)
    short = ddpm(prior.denoise, y, sigmas, rng=seeded_rng(0)).std().item()
    assert short < 0.95 * exact


@pytest.mark.parametrize("std", [0.05, 0.2])
@pytest.mark.parametrize("name", LADDERS)
def test_pictures_from_noise_have_the_deviation_of_the_prior(name: str, std: float) -> None:
    """The default of `sample` to 3 %; few timesteps of a schedule lie where they matter."""
    prior = GaussianPrior(mean=0.4, std=std)
    sigmas = ladder(name, catalogue.SAMPLE_STEPS, linear(), lowest=LEVELS.sigma_min, highest=LEVELS.sigma_max)
    x = prior.noisy(sigmas[0], generator_noise(3), like=torch.zeros(1, 3, 64, 64, dtype=torch.float64))
    x = SAMPLERS[catalogue.SAMPLE_SAMPLER](prior.denoise, x, sigmas, rng=seeded_rng(0))
    within = 0.16 if name == "schedule" else 0.03
    assert x.std().item() == pytest.approx(std, rel=within + 3 / math.sqrt(2 * x.numel()))


DRAWING = [
    # task, method, the ladder it draws on
    ("upscale", "projection", lambda n: log_sigma(0.1, 0.01, n)),
    ("upscale", "conditional", lambda n: log_sigma(LEVELS.sigma_max, LEVELS.sigma_min, n)),
    ("inpaint", "conditional", lambda n: log_sigma(LEVELS.sigma_max, LEVELS.sigma_min, n)),
    ("inpaint", "alternating", lambda n: log_sigma(0.1, 0.01, n)),
    ("inpaint", "alternating", lambda n: log_sigma(0.9, 0.01, n)),
    ("inpaint", "splitting-ddnm", lambda n: log_sigma(0.1, 0.01, n)),
    ("dejpeg", "ddnm", lambda n: log_sigma(0.04, 0.01, n)),
]


@pytest.mark.parametrize(("task", "name", "levels"), DRAWING)
def test_every_task_draws_with_the_right_deviation(task: str, name: str, levels: object) -> None:
    """From the exact state its default sampler and steps end at the prior, to 3 %."""
    method = catalogue.find(task, name, "sample")
    sigmas = levels(method.drawn(method.steps))
    for std in (0.1, 0.2):
        prior = GaussianPrior(mean=0.4, std=std)
        x = prior.noisy(sigmas[0], generator_noise(3), like=torch.zeros(1, 3, 96, 96, dtype=torch.float64))
        x = SAMPLERS[method.sampler](prior.denoise, x, sigmas, rng=seeded_rng(0))
        assert x.std().item() == pytest.approx(std, rel=0.03 + 3 / math.sqrt(2 * x.numel()))


def wild(x: Tensor, sigma: float) -> Tensor:
    """A network whose eps is a seventh too small: at sigma 80 its x0 is off by 12."""
    exact = GaussianPrior(mean=0.4, std=0.2).denoise(x, sigma)
    return exact + 0.15 * (x - exact)


@pytest.mark.parametrize("how", ["static", "dynamic"])
def test_limits_keep_samples_from_running_away(how: str) -> None:
    sigmas = karras(LEVELS.sigma_max, LEVELS.sigma_min, 50)
    start = 0.5 + sigmas[0] * generator_noise(2)(torch.zeros(4, 3, 16, 16, dtype=torch.float64))
    free = SAMPLERS["ddim"](wild, start, sigmas)
    held = SAMPLERS["ddim"](thresholded(wild, how), start, sigmas)
    assert free.std().item() > 0.45
    assert held.std().item() < 0.3


def test_dynamic_thresholding_scales_and_leaves_ordinary_pictures_alone() -> None:
    x0 = torch.linspace(-0.5, 1.5, 300).view(1, 3, 10, 10)
    scaled = thresholded(lambda x, sigma: x0, "dynamic")(x0, 0.1)
    assert 0 <= float(scaled.min()) < 0.01
    assert 0.99 < float(scaled.max()) <= 1
    assert float(scaled[0, 1, 5, 0]) == pytest.approx(0.5, abs=0.01)
    assert (scaled.diff(dim=-1) > 0).float().mean() > 0.95  # clipping would leave half of them equal
    inside = x0 / 4 + 0.4
    same = thresholded(lambda x, sigma: inside, "dynamic")(inside, 0.1)
    torch.testing.assert_close(same, inside)
    assert thresholded(wild, "none") is wild
    with pytest.raises(ValueError, match="thresholding is one of static, dynamic, none, got 'hard'"):
        thresholded(wild, "hard")  # type: ignore[arg-type]
