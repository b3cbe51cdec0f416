"""Fits that stop and go on, and adapters."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from fitting_runs import base as base
from fitting_runs import different, fit, interrupt_at, load, quick, rows_of, singles, tensors_of
from safetensors import safe_open

from restore.errors import ConfigError, OutputError
from restore.fitting import fit as fitting
from restore.fitting import fitter as fitter_module
from restore.priors import adapters, checkpoint
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import shipped_weights

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture
def said() -> list[str]:
    return []


def test_adapters_are_saved_and_give_the_same(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "base.safetensors").write_bytes(weights.read_bytes())
    base = load(weights)
    output = tmp_path / "own.safetensors"
    report = fit(singles(), output, quick(rank=2, steps=20), base=base, force=True, say=len)
    assert report.saved == str(output)
    with safe_open(output, framework="pt") as file:
        assert file.metadata()["base"] == base.facts["sha256"]
        assert {name.rpartition(".")[2] for name in list(file.keys())} == {"A", "B"}
        kept = json.loads(file.metadata()["facts"])
    assert kept.keys() == {"fit", "fingerprints"}
    fitted = load(output)
    assert fitted.facts["fit"]["config"]["rank"] == 2
    changed = different(fitted.network.state_dict(), base.network.state_dict())
    assert changed
    assert all(fitted.network.state_dict()[name].ndim == 4 for name in changed)
    # The best of all checks is what is loaded, but for half precision.
    state = tensors_of(tmp_path / "own.fit" / "state.safetensors")
    best = {name.removeprefix("best."): t for name, t in state.items() if name.startswith("best.")}
    expected = adapters.merged(base.network.state_dict(), adapters.plain_names(best))
    for name, tensor in fitted.network.state_dict().items():
        assert torch.allclose(tensor, expected[name], atol=2e-3), name
    assert max((expected[name] - base.network.state_dict()[name]).abs().max() for name in changed) > 0.01


def test_adapters_on_adapters_are_refused(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "base.safetensors").write_bytes(weights.read_bytes())
    first = tmp_path / "first.safetensors"
    fit(singles(), first, quick(rank=1, steps=1), base=load(weights), force=True, say=len)
    with pytest.raises(ConfigError, match="adapters are put on whole weights, not on other adapters"):
        fit(singles(), tmp_path / "b.safetensors", quick(rank=1, steps=1), base=load(first), say=len)


def test_whole_weights_that_began_as_adapters_take_adapters(tmp_path: Path, weights: Path) -> None:
    (tmp_path / "base.safetensors").write_bytes(weights.read_bytes())
    names = [tmp_path / f"{name}.safetensors" for name in ("adapters", "whole", "again")]
    started = load(weights)
    for name, rank in zip(names, (1, 0, 1), strict=True):
        fit(singles(), name, quick(rank=rank, steps=1), base=started, force=True, say=len)
        started = load(name)
    assert started.facts["fit"]["config"]["rank"] == 1


@pytest.mark.parametrize("rank", [0, 2])
@pytest.mark.parametrize("branch", ["blind", "gaussian"])
def test_the_branch_begins_with_the_adapters_for_noise(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, branch: str, rank: int
) -> None:
    (tmp_path / "base.safetensors").write_bytes(weights.read_bytes())
    base = load(weights)
    changed = copy.deepcopy(base.network)
    for k, parameter in enumerate(adapters.add_adapters(changed, 1)):
        torch.nn.init.normal_(parameter, std=0.1, generator=torch.Generator().manual_seed(k))
    base.noise_adapters = {name: t.detach() for name, t in adapters.adapter_tensors(changed).items()}
    base.facts["noise_adapters"] = "0123"

    def chosen(report: Any, *_: object) -> None:
        report.branch, report.before = branch, {branch: 1.0}

    monkeypatch.setattr(fitting, "_choose_branch", chosen)
    output = tmp_path / "own.safetensors"
    fit(singles(), output, quick(rank=rank, steps=1, lr=1e-9), base=base, force=True, say=len)
    fitted = load(output)
    assert "noise_adapters" not in fitted.facts
    expected = base.for_noise() if branch == "blind" else base.network
    for name, tensor in expected.state_dict().items():
        assert torch.allclose(fitted.network.state_dict()[name], tensor, atol=2e-3), name


@pytest.mark.slow
@pytest.mark.parametrize(("rank", "step"), [(0, 3), (2, 7)])
def test_resuming_equals_never_stopping(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, rank: int, step: int
) -> None:
    """Bit for bit: weights, averages, the best, the optimiser."""
    config = quick(steps=10, rank=rank)
    fit(singles(), tmp_path / "whole.safetensors", config, base=base, say=len)
    parts = tmp_path / "parts.safetensors"
    with monkeypatch.context() as patch:
        interrupt_at(patch, step)
        assert fit(singles(), parts, config, base=base, say=len).interrupted
    report = fit(singles(), parts, config, base=base, resume=True, say=len)
    assert (report.steps, report.interrupted) == (10, False)
    states = [tensors_of(tmp_path / f"{name}.fit" / "state.safetensors") for name in ("whole", "parts")]
    assert different(*states) == []
    assert {name.split(".")[0] for name in states[0]} == {"network", "average", "best", "optimizer"}
    assert [row["step"] for row in rows_of(tmp_path / "parts.fit" / "log.csv")] == ["10"]


def test_an_interrupt_keeps_the_best_and_says_so(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    interrupt_at(monkeypatch, 7)
    output = tmp_path / "own.safetensors"
    report = fit(singles(), output, quick(), base=base, say=said.append)
    assert report.interrupted
    assert report.steps == 7
    assert report.gain > 0
    assert load(output).facts["fit"]["interrupted"] is True
    with safe_open(tmp_path / "own.fit" / "state.safetensors", framework="pt") as file:
        assert file.metadata()["step"] == "7"


def test_an_interrupt_before_the_first_step(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    interrupt_at(monkeypatch, 0)
    output = tmp_path / "own.safetensors"
    report = fit(singles(), output, quick(), base=base, force=True, say=said.append)
    assert report.interrupted
    assert not output.exists()
    assert not any("inf" in line for line in said)
    json.dumps(report.facts(), allow_nan=False)


def test_a_finished_fit_can_be_made_longer(tmp_path: Path, base: Backbone) -> None:
    output = tmp_path / "own.safetensors"
    fit(singles(), output, quick(steps=4), base=base, say=len)
    same = fit(singles(), output, quick(steps=4), base=base, resume=True, say=len)
    assert same.steps == 4
    assert fit(singles(), output, quick(steps=6), base=base, resume=True, say=len).steps == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": 0.01}, r"with lr = 0\.3, this one has 0\.01; use the same options, or start anew"),
        ({"batch": 3}, "with batch = 4, this one has 3"),
        ({"crop": 40}, "with crop = 32, this one has 40"),
        ({"method": "neighbor2neighbor"}, "with method = 'recorrupted', this one has 'neighbor2neighbor'"),
        ({"rank": 2}, "with rank = 0, this one has 2"),
        ({"seed": 5}, "with seed = 0, this one has 5"),
    ],
)
def test_another_fits_state_is_refused(
    tmp_path: Path, base: Backbone, changes: dict[str, Any], message: str
) -> None:
    output = tmp_path / "own.safetensors"
    fit(singles(), output, quick(steps=1), base=base, say=len)
    with pytest.raises(ConfigError, match=message) as caught:
        fit(singles(), output, quick(steps=2, **changes), base=base, resume=True, say=len)
    assert "\n" not in str(caught.value)


def test_a_state_of_other_weights_is_refused(tmp_path: Path, base: Backbone) -> None:
    output = tmp_path / "own.safetensors"
    fit(singles(), output, quick(steps=1), base=base, say=len)
    base.facts["sha256"] = "1" * 64
    with pytest.raises(ConfigError, match="belongs to a fit with base = "):
        fit(singles(), output, quick(steps=2), base=base, resume=True, say=len)


def test_states_that_cannot_be_gone_on_from(tmp_path: Path, base: Backbone) -> None:
    output = tmp_path / "own.safetensors"
    with pytest.raises(ConfigError, match="no saved state to go on from; start without --resume"):
        fit(singles(), output, quick(steps=1), base=base, resume=True, say=len)
    state = tmp_path / "own.fit" / "state.safetensors"
    for content in (b"nothing", shipped_weights().read_bytes()):
        state.write_bytes(content)
        with pytest.raises(ConfigError, match="damaged, or no state that this version"):
            fit(singles(), output, quick(steps=1), base=base, resume=True, say=len)


def test_a_full_disk_does_not_cost_the_fit(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """States that cannot be saved on the way are said; the weights are written, or kept elsewhere."""
    (tmp_path / "own.fit" / "validation.png").mkdir(parents=True)
    output = tmp_path / "own.safetensors"

    def full(path: Path, *_: object) -> None:
        raise OutputError(f"{path}: cannot be written (No space left on device)")

    monkeypatch.setattr(fitter_module, "write_tensors", full)
    report = fit(singles(), output, quick(), base=base, say=said.append)
    assert report.saved == str(output)
    assert len(load(output).facts["fit"]) > 0
    assert sum("a log cannot be written" in line for line in said) == 1
    state = tmp_path / "own.fit" / "state.safetensors"
    assert f"warning: {state}: cannot be written (No space left on device); the run goes on, and what was " \
        "saved before stays" in said  # fmt: skip

    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    whole = checkpoint.write_tensors

    def full_there(path: Path, *rest: Any) -> None:
        full(path) if path == output else whole(path, *rest)

    monkeypatch.setattr(checkpoint, "write_tensors", full_there)
    with pytest.raises(OutputError, match=r"No space left on device\); what was trained is kept in "):
        fit(singles(), output, quick(), base=base, say=said.append)
    (kept,) = (tmp_path / "tmp").glob("restore-*/own.safetensors")
    assert load(kept).facts["fit"]["method"] == "recorrupted"
    assert load(output).facts["sha256"]  # the older one stays
