"""Validation during a run, and the choice between averages at its end."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import pytest
import torch
from networks import SMALL, random_network
from perceptual_trunks import random_trunk_file as random_trunk_file
from PIL import Image
from torch import Tensor
from training_runs import ONLY_PRIOR, encoded, photograph, tensors_of, tiny_run, train, with_validation
from training_runs import photographs as photographs

from restore.errors import RestoreError
from restore.evaluation import metrics
from restore.images.perceptual import Lpips
from restore.images.resize import resize
from restore.inverse.fill import push_pull
from restore.priors import backbone as backbones
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import load
from restore.priors.unet import UNet
from restore.training import trainer as loop
from restore.training import validation
from restore.training.holes import stroke_holes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def test_validation_scores_and_pictures(photographs: Path, tmp_path: Path) -> None:
    checks = tmp_path / "val"
    checks.mkdir()
    (checks / "a.png").write_bytes(encoded(photograph(192, 200)))
    config = tiny_run(photographs, tmp_path / "run", steps=4, validate_every=2)
    said: list[str] = []
    loop.train(
        dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(checks))), say=said.append
    )
    with (tmp_path / "run" / "validation.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[0]["bicubic x4"]) > 30
    assert rows[0]["bicubic x4"] == rows[1]["bicubic x4"]
    assert rows[0]["denoise 25"] != rows[1]["denoise 25"]
    with Image.open(tmp_path / "run" / "validation.png") as grid:
        assert grid.size == (192, 7 * 192)
    assert any(line.startswith("step 2: denoise 15 ") for line in said)
    assert said[-1] == f"trained 4 steps, 24 crops: {tmp_path / 'run' / 'weights.safetensors'}"


def test_an_interrupt_of_the_choice_loses_nothing(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_validation(tiny_run(photographs, tmp_path / "run", steps=4), tmp_path / "val")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(validation, "measure", interrupted)
    with pytest.raises(RestoreError, match="stopped at step 4; nothing is lost"):
        train(config)
    assert tensors_of(tmp_path / "run" / "state.safetensors")["optimizer.0.step"] == 4


def test_the_choice_is_made_on_all_pictures_by_what_was_trained(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = with_validation(tiny_run(photographs, tmp_path / "run", steps=4), tmp_path / "val", 17)
    config = dataclasses.replace(config, mix=ONLY_PRIOR)
    counts = []
    scores = iter([1.0, 2.0])

    def measure(backbone: object, checks: Tensor) -> tuple[dict[str, float], Tensor]:
        counts.append(len(checks))
        prior = next(scores)
        return {"denoise 25": prior, "upscale x4": 10 - 5 * prior, "bicubic x4": 20.0}, torch.zeros(3, 8, 8)

    monkeypatch.setattr(validation, "measure", measure)
    train(config)
    assert counts == [17, 17]
    assert load(tmp_path / "run" / "weights.safetensors", device="cpu").facts["ema"] == 0.0


def test_many_validation_pictures_are_measured_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = backbones.Backbone(random_network(SMALL), BackboneConfig(SMALL))
    crops = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    whole, grid = validation.measure(backbone, crops[:2])
    rest, _ = validation.measure(backbone, crops[2:])
    monkeypatch.setattr(validation, "AT_ONCE", 2)
    parts, grid_of_parts = validation.measure(backbone, crops)
    assert torch.equal(grid, grid_of_parts)
    assert parts["bicubic x4"] == pytest.approx((2 * whole["bicubic x4"] + rest["bicubic x4"]) / 3)
    assert parts["denoise 25"] != pytest.approx(whole["denoise 25"])


def test_similarity_and_lpips_of_the_same_results(
    random_trunk_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fresh network answers with its hint and a trace of the noise: scores of bicubic and the fill."""
    backbone = backbones.Backbone(UNet(SMALL), BackboneConfig(SMALL))
    crops = torch.stack([torch.from_numpy(photograph(64, 64, k)) for k in range(3)])
    crops = crops.permute(0, 3, 1, 2).float() / 255
    lpips = Lpips(random_trunk_file)
    found = validation.measure_pictures(backbone, crops, lpips)
    assert set(found) == {"ssim", "lpips"}
    assert set(found["ssim"]) == set(found["lpips"]) == set(validation.TASK)
    hint = resize(resize(crops, (16, 16)), (64, 64)).clamp(0, 1)
    assert found["ssim"]["upscale x4"] == pytest.approx(metrics.ssim(hint, crops).mean().item(), abs=5e-3)
    assert found["lpips"]["upscale x4"] == pytest.approx(lpips(hint, crops).mean().item(), rel=0.2)
    hole = stroke_holes((3, 64, 64), generator=_after_noise(crops))
    filled = torch.where(hole > 0, push_pull(crops, hole), crops)
    expected = metrics.ssim(filled, crops, where=hole).mean().item()
    assert found["ssim"]["inpaint strokes"] == pytest.approx(expected, abs=5e-3)
    expected = lpips(filled, crops, where=hole).mean().item()
    assert found["lpips"]["inpaint strokes"] == pytest.approx(expected, rel=0.2)
    monkeypatch.setattr(validation, "AT_ONCE", 2)
    parts = validation.measure_pictures(backbone, crops, lpips)
    assert parts["ssim"]["upscale x4"] == pytest.approx(found["ssim"]["upscale x4"], abs=1e-3)


def _after_noise(crops: Tensor) -> torch.Generator:
    """The random numbers of the first part, when its noise is drawn."""
    generator = torch.Generator().manual_seed(0)
    torch.randn(crops.shape, generator=generator)
    return generator


def test_validation_decides_between_averages(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written is what scored best, and says so; the state keeps all of them."""
    said: list[str] = []
    config = with_validation(
        tiny_run(photographs, tmp_path / "run", steps=4, ema=(0.2, 0.9)), tmp_path / "val"
    )
    for best in range(3):
        scores = iter(float(number == best) for number in range(3))
        monkeypatch.setattr(
            validation,
            "measure",
            lambda *_, scores=scores: ({"denoise 25": next(scores)}, torch.zeros(3, 8, 8)),
        )
        out = tmp_path / f"run{best}"
        run = dataclasses.replace(config.run, out=str(out))
        loop.train(dataclasses.replace(config, run=run), say=said.append)
        state = tensors_of(out / "state.safetensors")
        chosen = load(out / "weights.safetensors", device="cpu", dtype=torch.float32)
        prefix = ("average.0.", "average.1.", "network.")[best]
        assert chosen.facts["ema"] == (0.2, 0.9, 0.0)[best]
        for name, tensor in chosen.network.state_dict().items():
            torch.testing.assert_close(tensor.float(), state[prefix + name], rtol=1e-3, atol=1e-6)
    assert not torch.equal(state["average.0.stem.weight"], state["average.1.stem.weight"])
    assert "last weights: denoise 25 1.000; mean 1.000" in said
