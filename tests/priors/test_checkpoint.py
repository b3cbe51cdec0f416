"""Checkpoints: everything comes back, and whatever is not one is refused in a clear line."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from networks import SMALL, random_network, random_planes
from refused import refused
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from restore.errors import OutputError, WeightsError
from restore.priors import checkpoint
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.checkpoint import FORMAT, save, tensors_hash

CONFIG = BackboneConfig(network=SMALL, schedule="cosine", sigma_max=40.0)
FACTS = {"steps": 1200, "mix": {"denoise": 0.5}}


def make(seed: int = 0) -> Backbone:
    return Backbone(random_network(SMALL, seed=seed), CONFIG, FACTS)


def content(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        names = list(file.keys())
        return {name: file.get_tensor(name) for name in names}, dict(file.metadata())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sound checkpoint."""
    path = tmp_path / "weights.safetensors"
    save(make(), path, dtype=torch.float32)
    return path


def load(path: Path) -> Backbone:
    return checkpoint.load(path, device="cpu", dtype=torch.float32)


def test_everything_comes_back(path: Path) -> None:
    loaded, original = load(path), make()
    assert loaded.config == CONFIG
    assert {**FACTS, "sha256": loaded.facts["sha256"]} == loaded.facts
    for name, tensor in original.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name
    x = random_planes(1, 3, 12, 12)
    assert torch.equal(loaded.denoiser()(x, 0.2), original.denoiser()(x, 0.2))
    assert not any(p.requires_grad for p in loaded.network.parameters())


@pytest.mark.slow
def test_half_precision_halves_the_file(path: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.safetensors"
    digest = save(make(), half)
    tensors, metadata = content(half)
    assert {t.dtype for t in tensors.values()} == {torch.float16}
    assert metadata["sha256"] == digest == tensors_hash(tensors)
    assert metadata["format"] == FORMAT == "restore-backbone-1"
    assert half.stat().st_size < 0.7 * path.stat().st_size
    for name, tensor in make().network.state_dict().items():
        assert torch.equal(load(half).network.state_dict()[name], tensor.half().float()), name
    assert checkpoint.load(half, device="cpu", dtype=torch.bfloat16).dtype == torch.bfloat16


def test_hash_sees_every_part() -> None:
    tensors = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3.0])}
    changed: list[dict[str, Tensor]] = [
        {"a": torch.tensor([1.0, 2.5]), "b": tensors["b"]},
        {"b": tensors["a"], "a": tensors["b"]},
        {"a": tensors["a"][:, None], "b": tensors["b"]},
        {"a": tensors["a"].view(torch.int32), "b": tensors["b"]},
        {"a": tensors["a"]},
        {"a": tensors["a"], "c": tensors["b"]},
    ]
    digests = {tensors_hash(t) for t in [tensors, *changed]}
    assert len(digests) == 7
    assert tensors_hash(dict(reversed(tensors.items()))) == tensors_hash(tensors)


def test_missing_file(tmp_path: Path) -> None:
    assert "no such weights file" in refused(tmp_path / "none.safetensors")
    assert "expected a weights file, got a folder" in refused(tmp_path)


@pytest.mark.parametrize("keep", [0, 7, 100, -1, -1000])
def test_truncated_file(path: Path, keep: int) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    assert "damaged, or not a safetensors file" in refused(path)


def test_flipped_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)
    assert "damaged: its contents hash to" in refused(path)


class Bomb:
    """What a pickle can do to whoever opens it."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.target,)


def test_pickled_files_are_not_run(tmp_path: Path) -> None:
    fired = tmp_path / "fired"
    for name, write in {
        "raw.pt": lambda p: p.write_bytes(pickle.dumps(Bomb(fired))),
        "zip.pt": lambda p: torch.save({"weight": Bomb(fired)}, p),
        "renamed.safetensors": lambda p: torch.save({"weight": Bomb(fired)}, p),
    }.items():
        write(tmp_path / name)
        assert "damaged, or not a safetensors file" in refused(tmp_path / name)
    assert not fired.exists()


def test_foreign_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    assert refused(path) == (
        f"{path}: expected a checkpoint of format restore-backbone-1, got none named; "
        "foreign weights cannot be loaded"
    )


def rewritten(path: Path, **metadata: str | None) -> Path:
    """The same tensors under other metadata (None: that entry is left out)."""
    tensors, found = content(path)
    merged = {**found, **metadata}
    save_file(tensors, path, metadata={k: v for k, v in merged.items() if v is not None})
    return path


def test_another_format_version(path: Path) -> None:
    assert "got restore-backbone-2" in refused(rewritten(path, format="restore-backbone-2"))


def broken_config(**changes: object) -> str:
    from dataclasses import asdict

    values = asdict(CONFIG)
    values["network"] |= changes.pop("network", {})  # type: ignore[operator]
    return json.dumps({**values, **changes})


@pytest.mark.parametrize(
    "config",
    [
        None,
        "",
        "[]",
        "5",
        '{"network": null}',
        "{}",
        broken_config(prediction="score"),
        broken_config(schedule="quartic"),
        broken_config(sigma_min=-1.0),
        broken_config(sigma_max="much"),
        broken_config(network={"channels": []}),
        broken_config(network={"channels": "wide"}),
        broken_config(network={"channels": [10**12]}),
        broken_config(network={"blocks": None}),
        broken_config(network={"embedding": 10}),
        broken_config(network={"inputs": 4}),
        broken_config(novelty=1),
    ],
)
def test_unreadable_configuration(path: Path, config: str | None) -> None:
    assert "its configuration cannot be read" in refused(rewritten(path, config=config))


@pytest.mark.parametrize("facts", [None, "5", "{"])
def test_unreadable_facts(path: Path, facts: str | None) -> None:
    assert "its configuration cannot be read" in refused(rewritten(path, facts=facts))


def test_huge_networks_cost_no_memory(path: Path) -> None:
    """Numbers are compared before anything of their size is made: this one would need gigabytes."""
    config = broken_config(network={"channels": [7000]})
    message = refused(rewritten(path, config=config))
    assert "its configuration is that of a network of 885171126 numbers" in message
    assert message.endswith("it holds 8078 in 31")


def test_missing_extra_and_misshapen_tensors(path: Path) -> None:
    tensors, metadata = content(path)

    def with_tensors(changed: dict[str, Tensor]) -> Path:
        digest = tensors_hash(changed)
        save_file(changed, path, metadata={**metadata, "sha256": digest})
        return path

    rest = {n: t for n, t in tensors.items() if n != "stem.weight"}
    assert refused(with_tensors(rest)) == f"{path}: lacks tensor stem.weight"
    assert refused(with_tensors({**tensors, "zoo": torch.ones(1)})) == f"{path}: has an unknown tensor zoo"
    message = refused(with_tensors({**rest, "stem.weight": torch.ones(8, 36, 3, 1)}))
    assert message == f"{path}: tensor stem.weight is (8, 36, 3, 1), expected (8, 36, 3, 3)"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite(path: Path, value: float) -> None:
    tensors, metadata = content(path)
    tensors["head.bias"][3] = value
    save_file(tensors, path, metadata={**metadata, "sha256": tensors_hash(tensors)})
    assert refused(path) == f"{path}: tensor head.bias holds numbers that are not finite"


@pytest.mark.parametrize("digest", [None, "", "0" * 64])
def test_wrong_hash(path: Path, digest: str | None) -> None:
    assert "damaged: its contents hash to" in refused(rewritten(path, sha256=digest))


# --- writing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), 1e6])
def test_what_could_not_be_loaded_is_not_written(path: Path, value: float) -> None:
    """1e6 is infinite in half precision."""
    before, bad = path.read_bytes(), make()
    bad.network.head.bias[0] = value
    with pytest.raises(WeightsError, match=r"tensor head\.bias holds numbers that are not finite"):
        save(bad, path)
    assert path.read_bytes() == before


def test_a_full_disk_costs_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match=r"weights\.safetensors: cannot write .*No space left"):
        save(make(1), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_others_may_read_it(path: Path) -> None:
    path.parent.joinpath("ordinary").touch()
    assert path.stat().st_mode == path.parent.joinpath("ordinary").stat().st_mode


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="create the folder first"):
        save(make(), tmp_path / "none" / "weights.safetensors")
