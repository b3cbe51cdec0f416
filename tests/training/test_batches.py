"""The task mix: what each task sees, and where its loss counts."""

from __future__ import annotations

import dataclasses
import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from training_runs import ONLY_PRIOR, batch_of
from training_runs import photographs as photographs

from restore.diffusion import schedule as schedules
from restore.inverse.fill import push_pull
from restore.priors.backbone import BackboneConfig
from restore.priors.condition import UNKNOWN_NOISE
from restore.training import data
from restore.training.batches import TASKS, Batch, Mix, make_batch
from restore.training.data import some_gray
from restore.training.levels import NoiseLevels

pytestmark = pytest.mark.usefixtures("one_thread")


@given(
    batch=st.integers(0, 300),
    shares=st.tuples(*[st.one_of(st.just(0.0), st.floats(1e-3, 10))] * 4).filter(lambda s: sum(s) > 0),
)
def test_counts_follow_the_shares(batch: int, shares: tuple[float, ...]) -> None:
    settings = Mix(**dict(zip(TASKS, shares, strict=True)))
    counts = settings.counts(batch)
    assert sum(counts) == batch
    for count, share in zip(counts, shares, strict=True):
        assert abs(count - batch * share / sum(shares)) < 1
        assert share or not count


def test_counts_by_hand() -> None:
    assert Mix(0.5, 0.25, 0.125, 0.125).counts(16) == [8, 4, 2, 2]
    assert Mix().counts(16) == [8, 4, 2, 2]  # 8, 4, 2.4, 1.6
    assert ONLY_PRIOR.counts(7) == [7, 0, 0, 0]


def test_a_batch_is_split_over_the_tasks() -> None:
    batch = batch_of(Mix(0.25, 0.25, 0.25, 0.25))
    assert batch.task.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert batch.planes.shape == (8, 6, 16, 16)
    assert batch.weight.shape == (8, 1, 16, 16)
    assert batch.sigma.shape == (8,)
    present = batch.planes[:, 4].mean((1, 2))
    assert present.tolist() == [0, 0, 1, 1, 1, 1, 1, 1]
    assert not batch.planes[:2].any()
    assert not batch.planes[[2, 3, 6, 7], 3].any()  # exact pixels are known in inpainting only
    assert (batch.weight[batch.task != 2] == 1).all()


def test_batches_repeat_with_their_seed() -> None:
    one, same, other = (batch_of(Mix(), seed=seed) for seed in (5, 5, 6))
    for field in dataclasses.fields(Batch):
        if field.name != "given":  # nothing is told here
            assert torch.equal(getattr(one, field.name), getattr(same, field.name))
    assert not torch.equal(one.planes, other.planes)
    assert not torch.equal(one.sigma, other.sigma)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_inpainting_sees_a_fill_and_counts_the_hole(seed: int) -> None:
    batch = batch_of(Mix(0, 0, 1, 0), 4, seed=seed)
    hole, known = batch.weight, batch.planes[:, 3:4]
    assert torch.equal(known, 1 - hole)
    assert (hole.flatten(1).amax(1) == 1).all()
    assert (known.flatten(1).amax(1) == 1).all()
    hint = (batch.planes[:, :3] + 1) / 2
    torch.testing.assert_close(hint * known, batch.clean * known)
    torch.testing.assert_close(hint, push_pull(batch.clean, hole))
    assert (hint - batch.clean).abs().max() > 1e-3
    assert not batch.planes[:, 5].any()


@pytest.mark.parametrize("seed", range(6))
def test_upscaling_sees_a_softer_picture(seed: int) -> None:
    batch = batch_of(Mix(0, 1, 0, 0), 4, seed=seed, size=32)
    hint = (batch.planes[:, :3] + 1) / 2
    assert all(12 < value < 70 for value in data.psnr(hint, batch.clean))
    assert not batch.planes[:, 5].any()


def test_denoising_sees_a_noisy_picture_and_sometimes_its_level() -> None:
    told = blind = 0
    for seed in range(40):
        batch = batch_of(Mix(0, 0, 0, 1), 2, seed=seed, size=32)
        hint, claimed = (batch.planes[:, :3] + 1) / 2, batch.planes[:, 5, 0, 0] / 2
        assert (batch.planes[:, 5] == batch.planes[:, 5, :1, :1]).all()
        assert (hint != batch.clean).any()
        if (claimed == UNKNOWN_NOISE / 2).all():
            blind += 1
            continue
        told += 1
        measured = (hint - batch.clean).flatten(1).std(1)
        assert ((measured / claimed - 1).abs() < 0.2).all()  # clipping takes a little
    assert told > 2
    assert blind > told


def test_noise_levels_of_the_prior_and_of_conditions() -> None:
    settings = Mix(unconditional=0.5, upscale=0.5, inpaint=0, denoise=0, levels="log-sigma")
    levels = NoiseLevels(settings, BackboneConfig())
    generator = torch.Generator().manual_seed(0)

    def draw(prior: bool) -> Tensor:
        sigma, weights = levels.draw(4000, prior=prior, generator=generator)
        assert (weights == 1).all()
        return sigma

    sigma = draw(True)
    assert 0.5 / 255 * 0.999 <= sigma.min() < 0.0022
    assert 40 < sigma.max() <= 80.01
    assert (sigma <= 0.5).float().mean().item() == pytest.approx(0.8, abs=0.03)
    useful = sigma[sigma <= 0.5].log()
    assert useful.mean().item() == pytest.approx(math.log(0.5 / 255 * 0.5) / 2, abs=0.08)
    sigma = draw(False)
    assert (sigma == sigma.max()).float().mean().item() == pytest.approx(0.6, abs=0.03)
    assert sigma.max().item() == pytest.approx(80, rel=1e-5)
    # Below the top they are even in log sigma, with no gap under it.
    below = sigma[sigma < sigma.max()].log()
    assert below.mean().item() == pytest.approx(math.log(0.5 / 255 * 80) / 2, abs=0.2)
    assert 60 < below.max().exp() < 80


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_some_crops_are_gray_with_gray_noise(share: float) -> None:
    crops = torch.rand(400, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    found = some_gray(crops, share, torch.Generator().manual_seed(1))
    gray = (found == found[:, :1]).flatten(1).all(1)
    assert gray.float().mean().item() == pytest.approx(share, abs=0.06 * (0 < share < 1))
    assert torch.equal(found[~gray], crops[~gray])
    luma = crops.permute(0, 2, 3, 1) @ torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(found[gray, 0], luma[gray])
    mix = Mix(0, 0, 0, 1)
    for seed in range(10):
        batch = make_batch(
            found[:8], mix, NoiseLevels(mix, BackboneConfig()), generator=torch.Generator().manual_seed(seed),
            rng=random.Random(seed),
        )  # fmt: skip
        hint = batch.planes[:, :3]
        assert torch.equal((hint == hint[:, :1]).flatten(1).all(1), gray[:8])


def test_timesteps_of_the_schedule_are_uniform() -> None:
    schedule = schedules.cosine(200)
    backbone = BackboneConfig(schedule="cosine", steps=200, sigma_min=0.01, sigma_max=20)
    known = [sigma for sigma in schedule.sigmas.tolist() if 0.01 <= sigma <= 20]
    levels = NoiseLevels(Mix(levels="schedule"), backbone)
    generator = torch.Generator().manual_seed(0)
    sigma, weights = levels.draw(20 * len(known), prior=True, generator=generator)
    assert sorted(set(sigma.tolist())) == pytest.approx(known, rel=1e-6)
    assert (sigma.unique(return_counts=True)[1] == 20).all()  # the draws are stratified
    assert (weights == 1).all()
    sigma, _ = levels.draw(4000, prior=False, generator=generator)
    assert (sigma == sigma.max()).float().mean().item() == pytest.approx(0.6, abs=0.03)


def test_importance_follows_the_losses_and_leaves_the_mean_alone() -> None:
    levels = NoiseLevels(Mix(levels="importance"), BackboneConfig())
    generator = torch.Generator().manual_seed(0)
    plain, weights = levels.draw(50_000, prior=True, generator=generator)
    assert (weights == 1).all()  # nothing is known yet

    def loss(sigma: Tensor) -> Tensor:
        return 1 / (0.02 + sigma)

    for _ in range(4):
        sigma, weights = levels.draw(50_000, prior=True, generator=generator)
        levels.learn(sigma, loss(sigma))
    sigma, weights = levels.draw(50_000, prior=True, generator=generator)
    assert (sigma < 0.05).float().mean() > 2 * (plain < 0.05).float().mean()
    assert (weights * loss(sigma)).mean().item() == pytest.approx(loss(plain).mean().item(), rel=0.02)
    assert (weights * loss(sigma)).std() < 0.6 * loss(plain).std()


@pytest.mark.parametrize("schedule", ["linear", "constant", "exponential", "sigmoid"])
def test_the_schedule_decides_what_is_seen(schedule: str) -> None:
    levels = NoiseLevels(Mix(), BackboneConfig(schedule=schedule))
    mean = levels.draw(1000, prior=True, generator=torch.Generator().manual_seed(0))[0].log().mean().item()
    known = schedules.named(schedule).sigmas.log().mean().item()
    assert mean == pytest.approx(known, abs=0.01)
