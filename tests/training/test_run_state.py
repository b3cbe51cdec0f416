"""Runs that stop and go on, and states that are refused."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor
from training_runs import photographs as photographs
from training_runs import tensors_of, tiny_run, train, with_run

from restore.errors import ConfigError, RestoreError
from restore.priors.checkpoint import load
from restore.training.config import OptimConfig
from restore.training.trainer import Trainer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


def interrupted_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    whole = Trainer.train_step

    def step(self: Trainer, *arguments: Any) -> Any:
        if self.step == steps:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    monkeypatch.setattr(Trainer, "train_step", step)


@pytest.mark.parametrize(("steps", "kind"), [(0, "adamw"), (10, "adamw"), (10, "muon")])
def test_resuming_equals_never_stopping(
    photographs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
    kind: Literal["adamw", "muon"],
) -> None:
    """Bit for bit: weights, averages, optimiser and running means."""
    optim = OptimConfig(kind=kind, lr=0.01, warmup_steps=3)
    whole_run, config = (
        dataclasses.replace(tiny_run(photographs, tmp_path / name, ema=(0.5, 0.9)), optim=optim)
        for name in ("whole", "parts")
    )
    train(whole_run)
    with monkeypatch.context() as patch:
        interrupted_after(patch, steps)
        with pytest.raises(RestoreError, match=f"stopped at step {steps}; .*same command with --resume"):
            train(config)
    train(config, resume=True)
    whole, parts = (tensors_of(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert whole.keys() == parts.keys()
    assert {name.split(".")[0] for name in whole} == {"network", "average", "running", "squares", "optimizer"}
    different = [name for name in whole if not torch.equal(whole[name], parts[name])]
    assert different == []
    assert whole["optimizer.0.step"] == 20
    files = [tmp_path / name / "weights.safetensors" for name in ("whole", "parts")]
    one, two = (tensors_of(file) for file in files)
    assert all(torch.equal(one[name], two[name]) for name in one)
    with (tmp_path / "parts" / "log.csv").open(newline="") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["5", "10", "15", "20"]


def test_moments_come_back_in_the_layout_of_their_weights(photographs: Path, tmp_path: Path) -> None:
    train(tiny_run(photographs, tmp_path, steps=6))
    trainer = Trainer(tiny_run(photographs, tmp_path, steps=6))
    trainer.resume()
    for parameter in trainer.network.parameters():
        moments = trainer.updater.optimizers[0][0].state[parameter]
        assert moments["exp_avg"].stride() == parameter.stride() == moments["exp_avg_sq"].stride()
        assert moments["exp_avg"].any()


def test_a_new_run_from_an_old_state(photographs: Path, tmp_path: Path) -> None:
    """Weights, averages and moments go on; steps, clock and schedule begin again."""
    train(tiny_run(photographs, tmp_path / "first", steps=4))
    trainer = Trainer(tiny_run(photographs, tmp_path / "second", steps=6))
    trainer.resume(tmp_path / "first" / "state.safetensors", restart_schedule=True)
    old = tensors_of(tmp_path / "first" / "state.safetensors")
    assert (trainer.step, trainer.seconds) == (0, 0)
    assert torch.equal(trainer.network.stem.weight, old["network.stem.weight"])
    assert torch.equal(trainer.averages.states[0]["stem.weight"], old["average.0.stem.weight"])
    assert torch.equal(trainer.objective.running, old["running"])
    train(
        tiny_run(photographs, tmp_path / "third", steps=6),
        start_from=tmp_path / "first" / "state.safetensors",
    )
    new = tensors_of(tmp_path / "third" / "state.safetensors")
    assert new["optimizer.0.step"] == 10
    facts = load(tmp_path / "third" / "weights.safetensors", device="cpu").facts
    assert (facts["steps"], facts["crops"]) == (10, 60)
    assert [run["steps"] for run in facts["runs"]] == [4, 6]
    # What it took is told of all runs together, also after a resume.
    train(tiny_run(photographs, tmp_path / "third", steps=7), resume=True)
    facts = load(tmp_path / "third" / "weights.safetensors", device="cpu").facts
    assert [run["steps"] for run in facts["runs"]] == [4, 7]
    assert facts["steps"] == 11
    assert facts["crops"] == sum(run["crops"] for run in facts["runs"])


def test_a_finished_run_is_not_overwritten(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path, steps=1)
    train(config)
    with pytest.raises(ConfigError, match="holds a run already: go on with --resume, or name another"):
        train(config)


def test_states_that_cannot_be_gone_on_from(photographs: Path, tmp_path: Path) -> None:
    config = tiny_run(photographs, tmp_path, steps=1)
    with pytest.raises(ConfigError, match=r"state\.safetensors: no saved state to go on from"):
        train(config, resume=True)
    train(config)
    for path in (tmp_path / "weights.safetensors", tmp_path / "log.csv"):
        with pytest.raises(ConfigError, match=f"{path.name}: damaged, or no state that this version"):
            train(with_run(config, out=str(tmp_path / "new")), start_from=path)
    other = dataclasses.replace(config, backbone=dataclasses.replace(config.backbone, prediction="eps"))
    with pytest.raises(ConfigError, match=r"was trained as .*prediction='v'.*configuration says .*'eps'"):
        train(other, resume=True)
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-5])
    with pytest.raises(ConfigError, match=r"state\.safetensors: damaged"):
        train(config, resume=True)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_a_number_stops_the_run(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    train(tiny_run(photographs, tmp_path, steps=4))
    good = (tmp_path / "state.safetensors").read_bytes()
    whole = Trainer.loss

    def loss(self: Trainer, *arguments: Any) -> tuple[Tensor, Tensor]:
        total, each = whole(self, *arguments)
        return total * value, each * value

    monkeypatch.setattr(Trainer, "loss", loss)
    with pytest.raises(RestoreError, match=r"loss is not a number at step 5; lower optim\.lr"):
        train(tiny_run(photographs, tmp_path, steps=9), resume=True)
    assert (tmp_path / "state.safetensors").read_bytes() == good
    # Neither is it saved when the run stops before the next look at the losses.
    with pytest.raises(RestoreError, match=r"weights are not finite at step 6; lower optim\.lr"):
        train(tiny_run(photographs, tmp_path, steps=9, save_every=2, log_every=100), resume=True)
    assert (tmp_path / "state.safetensors").read_bytes() == good


def test_a_state_with_other_averages_gives_the_nearest(photographs: Path, tmp_path: Path) -> None:
    train(tiny_run(photographs, tmp_path / "first", steps=4, ema=(0.2, 0.9)))
    old = tensors_of(tmp_path / "first" / "state.safetensors")
    trainer = Trainer(tiny_run(photographs, tmp_path / "second", ema=(0.8, 0.3, 0.95)))
    trainer.resume(tmp_path / "first" / "state.safetensors", restart_schedule=True)
    for average, number in zip(trainer.averages.states, (1, 0, 1), strict=True):
        assert torch.equal(average["stem.weight"], old[f"average.{number}.stem.weight"])
