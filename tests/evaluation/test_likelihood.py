"""Likelihoods: flow and bound meet closed forms of a Gaussian prior, and tables say what they hold."""

from __future__ import annotations

import dataclasses
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from gaussian_oracle import ExactReverse, GaussianPrior, generator_noise
from networks import SMALL, random_backbone
from PIL import Image
from scenes import scene
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import alphas_cumprod_of
from restore.errors import ConfigError, ImageError, NumbersError
from restore.evaluation.likelihood import FlowPath, flow_bits, flow_density, noise_bits, respaced
from restore.evaluation.likelihood_table import (
    ByBound,
    ByFlow,
    Measuring,
    check_is_prior,
    measure_likelihood,
)
from restore.evaluation.observer import Observer
from restore.evaluation.pictures import PictureSet
from restore.evaluation.results import Evaluation
from restore.evaluation.tables import as_json, footer, markdown
from restore.priors.backbone import BackboneConfig
from restore.testing import tiny_prior
from restore.training.bound import variational_bound

pytestmark = pytest.mark.usefixtures("one_thread")

SIGMA_MIN, SIGMA_MAX = 0.5 / 255, 80.0
PRIOR = GaussianPrior(0.5, 0.12)
LEARNED = BackboneConfig(network=dataclasses.replace(SMALL, outputs=6), learned_variance=True)


def path(steps: int, probes: int = 1) -> FlowPath:
    return FlowPath(SIGMA_MIN, SIGMA_MAX, steps, probes)


def normal(mean: float, std: float) -> Normal:
    return Normal(*(torch.tensor(value, dtype=torch.float64) for value in (mean, std)))


def eight_bit(n: int, side: int, seed: int = 1) -> Tensor:
    """Draws from the prior, rounded; its tails end far from 0 and 1."""
    x = PRIOR.noisy(0, generator_noise(seed), like=torch.empty(n, 3, side, side))
    return (255 * x).round() / 255


def surprise(images: Tensor) -> Tensor:
    """The exact ``-log2`` probability per dimension of 8-bit pictures."""
    bins = (torch.arange(257, dtype=torch.float64) - 0.5) / 255
    log_p = normal(PRIOR.mean, PRIOR.std).cdf(bins).diff().log2()
    return -log_p[(255 * images).round().long()].mean(dim=(1, 2, 3))


# --- the flow -------------------------------------------------------------------------------------


def test_the_flow_gives_the_density_of_the_gaussian() -> None:
    """The Jacobian is a multiple of the identity, so that one probe is exact."""
    x = PRIOR.noisy(SIGMA_MIN, generator_noise(1), like=torch.empty(4, 3, 8, 8))
    exact = -normal(PRIOR.mean, math.hypot(PRIOR.std, SIGMA_MIN)).log_prob(x) / math.log(2)
    found = flow_density(PRIOR.denoise, x, path(60), rng=generator_noise(2))
    # What is left is the DDPM's prior, which is not quite the state's distribution at sigma 80.
    torch.testing.assert_close(found.total, exact.mean(dim=(1, 2, 3)), atol=3e-4, rtol=0)
    torch.testing.assert_close(found.total, found.prior + found.terms.sum(dim=1) + found.bins)


def test_the_flow_is_exact_for_what_it_takes_as_its_end() -> None:
    """Where the flow of the oracle ends, in closed form, under the standard normal density of x_t."""
    x = PRIOR.noisy(SIGMA_MIN, generator_noise(3), like=torch.empty(2, 3, 6, 6))
    a = math.sqrt(alphas_cumprod_of(SIGMA_MAX))
    x_t = a * (2 * PRIOR.flow(x, SIGMA_MIN, SIGMA_MAX) - 1)
    stretch = 2 * a * math.sqrt((PRIOR.std**2 + SIGMA_MAX**2) / (PRIOR.std**2 + SIGMA_MIN**2))
    exact = -(normal(0, 1).log_prob(x_t).mean(dim=(1, 2, 3)) + math.log(stretch)) / math.log(2)
    errors = []
    for steps in (15, 30, 60):
        found = flow_density(PRIOR.denoise, x, path(steps), rng=generator_noise(4)).total
        errors.append((found - exact).abs().max().item())
    assert errors[-1] < 1e-4
    # Of fourth order: a sixteenth of the error with twice the steps.
    assert errors[0] > 12 * errors[1] > 144 * errors[2]


def test_dequantised_pictures_need_the_bits_of_their_bins() -> None:
    images = eight_bit(8, 16)
    found = flow_bits(PRIOR.denoise, images, path(60), rng=generator_noise(5))
    torch.testing.assert_close(found.total, surprise(images), atol=3e-3, rtol=0)


def test_a_flat_prior_pays_for_the_noise_that_it_leaves() -> None:
    """Sure of every pixel: only the noise at the lowest level costs anything."""
    grey = torch.full((1, 3, 48, 48), 128 / 255, dtype=torch.float64)
    sure = GaussianPrior(128 / 255, 1e-9)
    found = flow_bits(sure.denoise, grey, path(60), rng=generator_noise(6)).total.item()
    # u^2 has the standard deviation 1 / sqrt(180).
    error = 255**2 / (2 * math.log(2) * (255 * 255 * SIGMA_MIN) ** 2) / math.sqrt(180 * grey.numel())
    assert found == pytest.approx(noise_bits(SIGMA_MIN), abs=4.5 * error + 1e-4)


def correlated(x: Tensor, sigma: float) -> Tensor:
    """The denoiser of pictures 0.5 + N(0, C), whose neighbours in a row are correlated; C = V diag V^T."""
    values, vectors = _spectrum(x.shape[-1])
    shrink = values / (values + sigma**2)
    return 0.5 + (x - 0.5) @ (vectors * shrink) @ vectors.T


@cache
def _spectrum(side: int) -> tuple[Tensor, Tensor]:
    k = torch.arange(side, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(0.04 * 0.9 ** (k[:, None] - k).abs())
    return values, vectors


def test_probes_leave_no_bias() -> None:
    """Where the Jacobian is no multiple of the identity, the estimates scatter around the density."""
    side, n = 8, 32
    values, vectors = _spectrum(side)
    x = (0.5 + generator_noise(7)(torch.empty(1, 3, side, side)) * 0.2).expand(n, -1, -1, -1)
    std = (values + SIGMA_MIN**2).sqrt()
    exact = -(Normal(torch.zeros_like(std), std).log_prob((x[:1] - 0.5) @ vectors)).mean() / math.log(2)
    errors = {}
    for probes in (1, 4):
        found = flow_density(correlated, x, path(25, probes), rng=generator_noise(8)).total
        errors[probes] = found.std().item()
        assert abs(found.mean().item() - exact) < 4.5 * errors[probes] / math.sqrt(n) + 1e-3
    assert errors[1] > 1e-3
    assert errors[4] == pytest.approx(errors[1] / 2, rel=0.5)


def test_the_flow_reports_its_calls_and_wants_eight_bits() -> None:
    reports: list[tuple[int, int]] = []
    images = eight_bit(1, 4)
    before = images.clone()
    flow_bits(
        PRIOR.denoise, images, path(3), rng=generator_noise(0), progress=lambda *done: reports.append(done)
    )
    assert reports == [(done, 12) for done in range(1, 13)]
    assert images.equal(before)
    with pytest.raises(ValueError, match="bits per dimension need 8-bit pictures"):
        flow_bits(PRIOR.denoise, images + 0.001, path(3), rng=generator_noise(0))
    with pytest.raises(NumbersError, match="no longer finite at sigma"):
        flow_bits(lambda x, sigma: x * math.inf, images, path(3), rng=generator_noise(0))


def test_the_flow_differentiates_the_backbone_in_tiles() -> None:
    """The same bits from the whole picture and from pieces."""
    prior, images = random_backbone(), eight_bit(1, 24).float()
    found = []
    for prior.tile in (64, 8):
        denoise = prior.denoiser(differentiable=True)
        found.append(flow_bits(denoise, images, path(1), rng=generator_noise(9)).total)
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.1, 1.0, 0, 1), "at least 1 step and 1 probe; got 0 and 1"),
        ((1.0, 0.1, 5, 1), "sigma_min < sigma_max"),
    ],
)
def test_paths_out_of_range(arguments: tuple[float, float, int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FlowPath(*arguments)


# --- the bound of fewer timesteps -----------------------------------------------------------------


def test_respaced_schedules_hold_levels_of_the_whole_one() -> None:
    whole = schedules.linear(200, 5e-4, 0.1)
    for steps in (2, 7, 50, 199):
        short = respaced(whole, steps)
        assert short.steps == steps
        places = [int((whole.alphas_cumprod - abar).abs().argmin()) for abar in short.alphas_cumprod]
        assert places == sorted(set(places))
        assert (places[0], places[-1]) == (0, 199)
        torch.testing.assert_close(short.alphas_cumprod, whole.alphas_cumprod[places])
    torch.testing.assert_close(respaced(whole, 200).betas, whole.betas)
    gaps = -respaced(schedules.linear(), 30).log_snr.diff()
    assert gaps[10:].max() < 1.3 * gaps[10:].min()
    assert respaced(schedules.linear(1), 1).steps == 1
    for steps in (1, 201):
        with pytest.raises(ValueError, match=f"has 200 timesteps; expected steps from 2 to 200, got {steps}"):
            respaced(whole, steps)


def test_the_bound_of_fewer_timesteps_is_a_bound() -> None:
    """Tight for every number of them with the exact reverse variances; else it falls with their number."""
    images, whole, gaps = eight_bit(8, 16), schedules.linear(300, 0.01, 0.05), {}
    for steps in (4, 30, 300):
        schedule = respaced(whole, steps)
        abar = schedule.alphas_cumprod[-1]
        last = Normal(abar.sqrt() * (2 * PRIOR.mean - 1), (4 * abar * PRIOR.std**2 + 1 - abar).sqrt())
        floor = surprise(images) + kl_divergence(last, normal(0, 1)) / math.log(2)
        denoise = ExactReverse(PRIOR, schedule)
        for variance in ("learned", "small"):
            bound = variational_bound(denoise, images, schedule, rng=generator_noise(10), variance=variance)
            gap = bound.total - floor
            gaps[variance, steps] = gap.mean().item(), gap.std().item() / math.sqrt(len(gap))
    for steps in (4, 30, 300):
        gap, error = gaps["learned", steps]
        assert error < 0.02
        assert abs(gap) < 4.5 * error, f"{steps} steps: {gap} bits, standard error {error}"
        assert gaps["small", steps][0] > 0.02
    assert gaps["small", 4][0] > gaps["small", 30][0] + 0.05


# --- tables ---------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path) -> PictureSet:
    for seed in (1, 2, 3):
        Image.fromarray(scene(seed, 24, 20)).save(tmp_path / f"{seed}.png")
    return PictureSet.of(tmp_path, crop=16)


def test_a_table_of_the_bound(pictures: PictureSet) -> None:
    prior, seen = tiny_prior(sha256="abc"), []
    observer = Observer(progress=lambda *words: seen.append(words[1:]))
    table = measure_likelihood(pictures, Measuring("tiny", prior, ByBound(prior, steps=6)), observer)
    (row,) = table.rows
    assert row.calls == 6
    assert seen[-1] == (18, 18)
    for picture in row.pictures:
        scores = {key: value or 0.0 for key, value in picture.scores.items()}
        assert scores["bits"] == pytest.approx(scores["prior"] + scores["decoder"] + scores["steps"])
    values = [picture.scores["bits"] for picture in row.pictures]
    assert row.errors["bits"] == pytest.approx(np.std(values, ddof=1) / math.sqrt(3))
    sigmas, bits = row.curve.values()
    assert len(sigmas) == 6
    assert math.fsum(bits) == pytest.approx((row.mean("decoder") or 0) + (row.mean("steps") or 0))
    text = markdown(table)
    assert f"{row.mean('bits'):.3f} ± {row.errors['bits']:.3f}" in text
    assert "6 of the 1000 timesteps" in text
    assert "reverse variance small" in text
    assert "Centre crops of 16x16" in text
    assert "±: the standard error" in footer(Evaluation({}, [table]))
    assert '"curve"' in as_json(Evaluation({}, [table]))


def test_a_table_of_the_flow_says_what_is_measured(pictures: PictureSet) -> None:
    prior = tiny_prior()
    table = measure_likelihood(pictures, Measuring("tiny", prior, ByFlow(prior, steps=3, probes=2), seed=4))
    (row,) = table.rows
    assert row.calls == 12
    assert row.options == {"steps": 3, "probes": 2, "seed": 4}
    assert "sigma 0.5 of 255" in table.description
    assert "which alone costs 0.57 bits" in table.description
    again = measure_likelihood(pictures, Measuring("tiny", prior, ByFlow(prior, steps=3, probes=2), seed=4))
    assert [p.scores for p in again.rows[0].pictures] == [p.scores for p in row.pictures]
    other = measure_likelihood(pictures, Measuring("tiny", prior, ByFlow(prior, steps=3, probes=2), seed=5))
    assert other.rows[0].mean("bits") != row.mean("bits")


def test_a_learned_variance_is_used_where_there_is_one(pictures: PictureSet) -> None:
    prior = random_backbone(LEARNED)
    assert ByBound(prior, steps=4).options["variance"] == "learned"
    means = []
    for variance in ("learned", "small", "large"):
        rule = ByBound(prior, steps=4, variance=variance)
        means.append(measure_likelihood(pictures, Measuring("x", prior, rule)).rows[0].mean("bits"))
    assert len(set(means)) == 3
    with pytest.raises(ConfigError, match="no learned variance; use small or large"):
        ByBound(tiny_prior(), steps=4, variance="learned")
    with pytest.raises(ConfigError, match="--steps 1001: this schedule has 1000 timesteps"):
        ByBound(tiny_prior(), steps=1001)


def test_adapters_are_no_model_of_pictures() -> None:
    with pytest.raises(ConfigError, match=r"mine: these are adapters .* the weights they belong to \(0123\)"):
        check_is_prior(tiny_prior(adapts="0123"), "mine")
    check_is_prior(tiny_prior(), "mine")


def test_pictures_that_cannot_be_measured_are_left_out(tmp_path: Path) -> None:
    Image.fromarray(scene(1, 24, 20)).save(tmp_path / "a.png")
    Image.fromarray(scene(2, 8, 20)).save(tmp_path / "small.png")
    (tmp_path / "b.png").write_bytes(b"no picture")
    prior, warned = tiny_prior(), []
    rule = ByBound(prior, steps=3)
    table = measure_likelihood(
        PictureSet.of(tmp_path, crop=16), Measuring("x", prior, rule), Observer(warn=warned.append)
    )
    assert (table.count, sorted(table.left_out)) == (1, ["b.png", "small.png"])
    assert len(warned) == 2
    assert table.rows[0].errors == {}  # one picture has no standard error
    with pytest.raises(ImageError, match="not one picture could be measured"):
        measure_likelihood(PictureSet.of(tmp_path, crop=64), Measuring("x", prior, rule))


def test_sixteen_bits_are_rounded_and_it_is_said(tmp_path: Path) -> None:
    deep = (scene(1, 16, 16)[..., 0].astype(np.uint16) * 257) + 60
    Image.fromarray(deep).save(tmp_path / "deep.png")
    prior = tiny_prior()
    table = measure_likelihood(PictureSet.of(tmp_path), Measuring("x", prior, ByBound(prior, steps=3)))
    assert table.count == 1
    assert "Pictures of more than 8 bits are rounded to 8" in table.description
