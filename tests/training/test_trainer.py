"""Training runs: learning rate, averages, logs, and what is learned."""

from __future__ import annotations

import csv
import dataclasses
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import SMALL, random_planes
from PIL import Image
from training_runs import ONLY_PRIOR, batch_of, encoded, photograph, tensors_of, tiny_run, train, with_run
from training_runs import photographs as photographs

from restore.errors import ConfigError, RestoreError
from restore.images.fingerprints import Fingerprints
from restore.priors import backbone as backbones
from restore.priors.backbone import BackboneConfig
from restore.priors.checkpoint import load
from restore.priors.unet import UNet
from restore.training.batches import Mix
from restore.training.config import DataConfig, LossConfig, OptimConfig, RunConfig, TrainConfig
from restore.training.trainer import Trainer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def rates(optim: OptimConfig, steps: int = 10, **run: Any) -> list[float]:
    settings = RunConfig(steps=steps, device="cpu", compile=False, **run)
    trainer = Trainer(TrainConfig(DataConfig(("x",)), BackboneConfig(SMALL), optim=optim, run=settings))
    found = []
    for trainer.step in range(steps):
        found.append(trainer.rate())
    return found


def test_constant_rate_with_warm_up_and_decay() -> None:
    found = rates(OptimConfig(lr=2.0, warmup_steps=4, decay=0.4))
    assert found == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0, 1.5, 1.0, 0.5])
    assert rates(OptimConfig(lr=2.0, warmup_steps=0, decay=0)) == [2.0] * 10


def test_cosine_rate() -> None:
    found = rates(OptimConfig(lr=2.0, warmup_steps=2, schedule="cosine"))
    expected = [(1 + math.cos(math.pi * k / 10)) * min(1, (k + 1) / 2) for k in range(10)]
    assert found == pytest.approx(expected)


def test_the_rate_follows_the_clock_when_that_is_farther() -> None:
    run = RunConfig(steps=100, minutes=2, device="cpu", compile=False)
    optim = OptimConfig(lr=1.0, warmup_steps=0, decay=0.5)
    trainer = Trainer(TrainConfig(DataConfig(("x",)), BackboneConfig(SMALL), optim=optim, run=run))
    trainer.step, trainer.seconds = 10, 90.0
    assert trainer.progress() == 0.75
    assert trainer.rate() == 0.5
    trainer.seconds = 300.0
    assert trainer.progress() == 1


def test_the_average_follows_the_weights(photographs: Path, tmp_path: Path) -> None:
    trainer = Trainer(tiny_run(photographs, tmp_path, ema=(0.6, 0.0)))
    pictures = trainer.read_data()
    expected = {n: t.detach().clone() for n, t in trainer.network.named_parameters()}
    for step in range(1, 9):
        trainer.train_step(trainer.network, pictures)
        decay = min(0.6, (1 + step) / (10 + step))  # 0.18, 0.25, ... 0.53, then 0.6 at most
        for name, parameter in trainer.network.named_parameters():
            expected[name] = decay * expected[name] + (1 - decay) * parameter.detach()
    for name, tensor in expected.items():
        torch.testing.assert_close(trainer.averages.states[0][name], tensor, rtol=1e-5, atol=1e-7)
    for name, tensor in trainer.averaged(torch.float32).network.named_parameters():
        assert torch.equal(tensor, trainer.averages.states[0][name])
    assert not torch.equal(trainer.averages.states[0]["stem.weight"], trainer.network.stem.weight)
    assert torch.equal(trainer.averages.states[1]["stem.weight"], trainer.network.stem.weight)


def test_large_gradients_are_clipped(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_run(photographs, tmp_path)
    norms = []
    for clip in (0.0, 0.01):
        trainer = Trainer(dataclasses.replace(config, optim=OptimConfig(clip=clip)))
        pictures = trainer.read_data()
        monkeypatch.setattr(trainer.updater, "step", lambda rate: None)  # which would forget the gradients
        trainer.train_step(trainer.network, pictures)
        gradients = [p.grad for p in trainer.network.parameters() if p.grad is not None]
        norms.append(torch.stack([g.norm() for g in gradients]).norm().item())
    assert norms[0] > 0.02
    assert norms[1] == pytest.approx(0.01, rel=1e-3)


def test_training_learns(photographs: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(tiny_run(photographs, tmp_path, steps=60, batch=8), mix=ONLY_PRIOR)
    weights = train(dataclasses.replace(config, loss=LossConfig(balance=False)))
    assert weights == tmp_path / "weights.safetensors"
    trained = load(weights, device="cpu", dtype=torch.float32)
    fresh = backbones.Backbone(UNet(SMALL), BackboneConfig(SMALL))
    clean = batch_of(ONLY_PRIOR, 8).clean
    noisy = clean + 0.3 * random_planes(*clean.shape)
    before, after = (b.denoiser()(noisy, 0.3).sub(clean).square().mean() for b in (fresh, trained))
    assert after < 0.7 * before
    assert trained.facts["steps"] == 60
    assert trained.facts["crops"] == 480
    assert trained.facts["pictures"] == 3
    assert trained.facts["mix"]["denoise"] == 0
    assert trained.config == config.backbone


def test_log_of_a_run_with_tasks_left_out(photographs: Path, tmp_path: Path) -> None:
    """A task without a share has no loss, which is no error; its cells stay empty."""
    mixed = Mix(unconditional=0.5, upscale=0, inpaint=0.5, denoise=0)
    train(dataclasses.replace(tiny_run(photographs, tmp_path, steps=11), mix=mixed))
    with (tmp_path / "log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["5", "10"]
    assert [row["crops"] for row in rows] == ["30", "60"]
    assert all(float(row["unconditional"]) > 0 and float(row["inpaint"]) > 0 for row in rows)
    assert all(row["upscale"] == row["denoise"] == "" for row in rows)
    assert float(rows[0]["lr"]) == 0.01
    assert list(tmp_path.glob("events.out.tfevents*"))  # TensorBoard


def test_pages_of_text_are_mixed_in(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path)
    trainer = Trainer(dataclasses.replace(config, data=dataclasses.replace(config.data, text=0.5)))
    pictures = trainer.read_data()
    assert pictures.pages is not None
    white = torch.zeros(())
    for seed in range(30):
        trainer.generator.manual_seed(seed)
        crops, _ = pictures.crops(6, 0.5, generator=trainer.generator, rng=random.Random(seed))
        assert crops.shape == (6, 3, 16, 16)
        tones = [len(crop.flatten(1).T.unique(dim=0)) for crop in crops]
        white += sum(count <= 130 for count in tones)
    assert 60 < white < 120  # about half of 180


def test_what_looks_like_a_validation_picture_is_not_trained_on(photographs: Path, tmp_path: Path) -> None:
    checks = tmp_path / "val"
    checks.mkdir()
    with Image.open(photographs / "1.png") as picture:
        picture.transpose(Image.Transpose.ROTATE_90).resize((80, 112)).save(checks / "copy.jpg", quality=80)
    said: list[str] = []
    config = tiny_run(photographs, tmp_path / "run", steps=1)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(checks)))
    trainer = Trainer(config, say=said.append)
    trainer.read_data()
    assert said[0] == "1 pictures look like one of data.val and are left out"
    assert trainer.facts["pictures"] == len(trainer.fingerprints) == 2
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(photographs)))
    with pytest.raises(RestoreError, match="every training picture looks like one of"):
        Trainer(config).read_data()


def test_a_checkpoint_knows_the_pictures_of_all_its_runs(photographs: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "new.png").write_bytes(encoded(photograph(40, 60, 7)))
    train(tiny_run(photographs, tmp_path / "first", steps=1))
    train(tiny_run(more, tmp_path / "second", steps=1), start_from=tmp_path / "first" / "state.safetensors")
    facts = load(tmp_path / "second" / "weights.safetensors", device="cpu").facts
    known = Fingerprints.parse(facts["fingerprints"])
    assert len(known) == 4
    for path in (*photographs.iterdir(), *more.iterdir()):
        with Image.open(path) as picture:
            assert known.distance(np.asarray(picture.convert("RGB"))) == 0
    with Image.open(more / "new.png") as picture:
        other = np.asarray(picture.convert("RGB"))
    first = load(tmp_path / "first" / "weights.safetensors", device="cpu").facts
    assert not Fingerprints.parse(first["fingerprints"]).holds(other)


def test_bf16_trains_in_full_precision_weights(photographs: Path, tmp_path: Path) -> None:
    train(tiny_run(photographs, tmp_path, steps=3, precision="bf16"))
    state = tensors_of(tmp_path / "state.safetensors")
    assert {t.dtype for t in state.values()} == {torch.float32}


def test_global_random_state_is_left_alone(photographs: Path, tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(31)
        before = torch.get_rng_state()
        train(tiny_run(photographs, tmp_path, steps=2))
        assert torch.equal(torch.get_rng_state(), before)


def test_seeds_make_runs(photographs: Path, tmp_path: Path) -> None:
    states = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tiny_run(photographs, tmp_path / name, steps=3, seed=seed))
        states.append(tensors_of(tmp_path / name / "state.safetensors")["network.stem.weight"])
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_what_cannot_be_used_is_named(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path / "run")
    for device in ("gpu", "cuda:77", "cpu:banana"):
        with pytest.raises(ConfigError, match=f"run.device '{device}' cannot be used"):
            train(with_run(config, device=device))
    for source, message in ((tmp_path / "none", "expected a folder"), (tmp_path, "no picture in")):
        missing = dataclasses.replace(config, data=dataclasses.replace(config.data, train=(str(source),)))
        with pytest.raises(ConfigError, match=message):
            train(missing)
    (tmp_path / "file").touch()
    with pytest.raises(RestoreError, match="cannot make the run's folder"):
        train(with_run(config, out=str(tmp_path / "file" / "run")))
