"""Losses of pictures: where and at which noise levels they count, and what they do to the mean."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from networks import SMALL
from perceptual_trunks import random_trunk_file as random_trunk_file
from torch import Tensor, nn
from training_runs import ONLY_PRIOR, batch_of

from restore.diffusion.coordinates import signal_and_noise_of, to_network
from restore.errors import ConfigError
from restore.images.perceptual import Lpips
from restore.images.similarity import ms_ssim, ssim
from restore.priors.backbone import BackboneConfig
from restore.training.batches import Batch, Mix
from restore.training.config import DataConfig, LossConfig, OptimConfig, RunConfig, TrainConfig
from restore.training.objective import Objective
from restore.training.picture_loss import PictureLoss
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
CPU = torch.device("cpu")


def estimates(batch: Batch, error: float = 0.1) -> Tensor:
    """Estimates of X0, off by noise."""
    noise = torch.randn(batch.clean.shape, generator=torch.Generator().manual_seed(5))
    return to_network(batch.clean + error * noise, 0.0)


def test_the_three_are_summed_with_their_weights(random_trunk_file: Path) -> None:
    batch = dataclasses.replace(batch_of(ONLY_PRIOR, 2, size=32), sigma=torch.tensor([0.1, 0.3]))
    found = PictureLoss(LossConfig(ssim=2, ms_ssim=3, lpips=4), CPU)(estimates(batch), batch)
    shown = (estimates(batch) + 1) / 2
    each = 2 * (1 - ssim(shown, batch.clean)) + 3 * (1 - ms_ssim(shown, batch.clean))
    each = each + 4 * Lpips(random_trunk_file)(shown, batch.clean)
    torch.testing.assert_close(found, torch.tensor([0.5, 0.1]) * each, rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", ["ssim", "ms_ssim", "lpips"])
def test_only_the_hole_counts(name: str, random_trunk_file: Path) -> None:
    batch = batch_of(Mix(0, 0, 1, 0), 4, size=32)
    loss = PictureLoss(LossConfig(**{name: 1.0}, picture_sigma=math.inf), CPU)
    hole = batch.weight.expand_as(batch.clean) > 0
    right = to_network(batch.clean, 0.0)
    outside = torch.where(hole, right, torch.randn(right.shape, generator=torch.Generator().manual_seed(0)))
    assert loss(outside, batch).abs().max() < 1e-5
    wrong = estimates(batch).requires_grad_()
    loss(wrong, batch).sum().backward()
    assert wrong.grad is not None
    assert wrong.grad[hole].abs().max() > 0
    assert wrong.grad[~hole].abs().max() == 0


def test_the_weight_falls_with_the_noise_unless_there_is_a_hint() -> None:
    batch = batch_of(Mix(0.25, 0.25, 0.25, 0.25))
    sigma = torch.tensor([0.05, 0.1, 80.0, 80.0, 0.1, 80.0, 0.1, 80.0])
    state = torch.tensor([False] * 6 + [True] * 2)  # two noisy pictures that are no hints
    batch = dataclasses.replace(batch, sigma=sigma, is_state=state)
    by_level = [0.8, 0.5, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0]
    weights = PictureLoss(LossConfig(ssim=1), CPU).level_weight(batch)
    assert weights.tolist() == pytest.approx(by_level, abs=1e-5)
    weights = PictureLoss(LossConfig(ssim=1, picture_at="hints"), CPU).level_weight(batch)
    assert weights.tolist() == pytest.approx([0.8, 0.5, 1, 1, 1, 1, 0.5, 0], abs=1e-5)
    weights = PictureLoss(LossConfig(ssim=1, picture_sigma=math.inf), CPU).level_weight(batch)
    assert weights.tolist() == [1] * 8


def test_pictures_come_beside_the_balanced_loss() -> None:
    batch = batch_of(Mix(0.5, 0.5, 0, 0), size=32)
    totals = []
    for loss in (LossConfig(), LossConfig(ssim=0.7)):
        objective = Objective(BackboneConfig(network=SMALL), loss, 0.0, CPU)
        generator = torch.Generator().manual_seed(0)
        total, each = objective(
            lambda planes, log_snr: 0.1 * planes[:, :3], batch, generator=generator, dtype=torch.float32
        )
        totals.append((total, each))
    assert torch.equal(totals[0][1], totals[1][1])  # what is logged is of loss.kind alone
    assert totals[0][0].item() == pytest.approx(1, rel=1e-4)
    assert 0.001 < (totals[1][0] - totals[0][0]).item() < 0.7


def test_lpips_without_its_weights_stops_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORE_LPIPS_TRUNK", str(tmp_path / "none.pth"))
    config = TrainConfig(
        DataConfig(("unused",)),
        BackboneConfig(network=SMALL),
        ONLY_PRIOR,
        LossConfig(lpips=0.5),
        OptimConfig(),
        RunConfig(out=str(tmp_path / "run"), steps=1, device="cpu", compile=False),
    )
    with pytest.raises(ConfigError, match=r"loss\.lpips is 0\.5, but .*none\.pth: no such file, named by"):
        Trainer(config)
    assert not (tmp_path / "run").exists()


# --- what they do to the mean ---------------------------------------------------------------------

STRIPES = 0.1 * (-1.0) ** (torch.arange(24) // 2).view(1, 1, 24, 1).expand(1, 3, 24, 24)
"""A texture in [0, 1] units. Half of the windows see it raised, half lowered."""

LIKELY = 0.75


def contrast_learned(loss: LossConfig, sigma: float) -> float:
    """The contrast that an estimate gets of a texture which is there in one of two phases, as 1 or as -1.

    At that noise nothing says which: the posterior mean has the contrast ``2 LIKELY - 1``.
    """
    signs = torch.where(torch.arange(8) < 8 * LIKELY, 1.0, -1.0).view(8, 1, 1, 1)
    clean = 0.5 + signs * STRIPES
    batch = dataclasses.replace(
        batch_of(ONLY_PRIOR, 8, size=24), clean=clean, state=clean, sigma=torch.full((8,), sigma)
    )
    objective = Objective(BackboneConfig(network=SMALL, prediction="x0"), loss, 0.0, CPU)
    contrast = nn.Parameter(torch.tensor(0.2))
    optimizer = torch.optim.Adam([contrast], lr=0.05)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        optimizer.zero_grad()
        answer = lambda planes, log_snr: (2 * contrast * STRIPES).expand(8, 3, 24, 24)  # noqa: E731
        objective(answer, batch, generator=generator, dtype=torch.float32)[0].backward()
        optimizer.step()
    return contrast.item()


def closed_form(weight: float, sigma: float) -> float:
    """The contrast with the least ``|v error|^2 + weight (1 - SSIM)``, by a search on a grid."""
    contrast = torch.linspace(0, 1.5, 3001, dtype=torch.float64)[:, None]
    signs = torch.tensor([1.0, -1.0], dtype=torch.float64)
    share = torch.tensor([LIKELY, 1 - LIKELY], dtype=torch.float64)
    _, s = signal_and_noise_of(sigma)
    error = (0.2 * (contrast - signs) / s) ** 2
    flat = torch.full((1, 3, 24, 24), 0.5)
    similar = torch.stack(
        [
            torch.stack([ssim(flat + float(c) * STRIPES, flat + float(sign) * STRIPES)[0] for sign in signs])
            for c in contrast[::60, 0]
        ]
    ).double()
    total = ((error[::60] + weight * (1 - similar)) * share).sum(1)
    return contrast[::60][total.argmin()].item()


def test_at_high_noise_similarity_pulls_the_mean_away_and_the_weight_of_the_level_stops_it() -> None:
    """Of two phases, 3 to 1, SSIM prefers nearly the whole contrast of the likelier; the mean has half."""
    mean, sigma = 2 * LIKELY - 1, 5.0
    plain = contrast_learned(LossConfig(balance=False), sigma)
    low_noise = contrast_learned(LossConfig(balance=False, ssim=0.3), sigma)
    all_levels = contrast_learned(LossConfig(balance=False, ssim=0.3, picture_sigma=math.inf), sigma)
    assert plain == pytest.approx(mean, abs=0.01)
    assert low_noise == pytest.approx(mean, abs=0.01)
    assert all_levels == pytest.approx(closed_form(0.3, sigma), abs=0.03)
    assert all_levels > mean + 0.2
