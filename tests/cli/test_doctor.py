"""``restore doctor``: what it finds, what it says of what is missing, and its exit code."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import cli
from safetensors.torch import load_file, save_file

from restore.cli import health
from restore.cli.health import Finding
from restore.priors import device
from restore.priors.tensor_file import read_header

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]


def by_name(found: Any) -> dict[str, Finding]:
    return {each.name: each for each in found}


def test_it_looks_for_what_the_package_asks_for() -> None:
    wanted = dict(re.fullmatch(r"([\w-]+)>=([\d.]+)", each).groups() for each in PROJECT["dependencies"])  # type: ignore[union-attr]
    assert {name: least for name, (_, least) in health.NEEDED.items()} == wanted
    extras = PROJECT["optional-dependencies"]
    for name, (extra, _) in health.OPTIONAL.items():
        assert name in [each.split(">")[0] for each in extras[extra]]
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, health.LEAST_PYTHON))
    assert PROJECT["name"] == health.DISTRIBUTION


@pytest.mark.slow
def test_all_is_well_here() -> None:
    done = cli("doctor")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[-1] == "All that is needed is there."
    assert len(lines) <= 40  # a screen
    assert sum("whole, sha256 " in line for line in lines) == 3
    told = json.loads(cli("doctor", "--json").stdout)
    assert told["healthy"] is True
    assert {each["name"] for each in told["findings"]} >= {*health.NEEDED, "device", "precision", "threads"}


def test_what_is_missing_is_said_with_what_mends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Finding("installed", "torch", "cannot be imported (No module)", "missing", "pip install torch")
    less = Finding("optional", "gmic", "not found", "optional", "apt-get install gmic")
    for found, code, end in (
        ([lost, less], 1, "Missing: torch."),
        ([less], 0, "All that is needed is there."),
    ):
        monkeypatch.setattr("restore.cli.commands.doctor.findings", lambda found=found: iter(found))
        done = cli("doctor")
        assert (done.exit_code, done.stderr) == (code, "")
        assert done.stdout.splitlines()[-1] == end
        assert all(each.mend in [line.strip() for line in done.stdout.splitlines()] for each in found)
        told = cli("doctor", "--json")
        assert (told.exit_code, json.loads(told.stdout)["healthy"]) == (code, code == 0)


def test_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.of_package("numpy", "numpy", "1.26").state == "fine"
    old = health.of_package("numpy", "numpy", "9999")
    assert (old.state, old.mend) == ("missing", 'python -m pip install "numpy>=9999"')
    gone = health.of_package("nothing-of-it", "nothing_of_it", "1.0")
    assert gone == Finding(
        "installed", "nothing-of-it", "cannot be imported (No module named 'nothing_of_it')", "missing",
        'python -m pip install "nothing-of-it>=1.0"',
    )  # fmt: skip

    def broken(module: str) -> None:
        raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(health.importlib, "import_module", broken)
    assert health.HEADLESS in health.of_package("opencv-python", "cv2", "4.10").mend
    assert "--force-reinstall" in health.of_package("numpy", "numpy", "1.26").mend


@pytest.mark.parametrize("module", ["torch", "numpy", "safetensors"])
def test_without_what_the_rest_needs(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be looked at is left out; the rest is told, and what is missing."""
    monkeypatch.setattr(health, "trouble_importing", lambda name: "no" if name == module else None)
    done = cli("doctor")
    assert done.exit_code == 1
    assert done.stdout.endswith(f"Missing: {module}.\n") and "Used here" not in done.stdout


def test_versions_are_compared_as_numbers() -> None:
    assert health.numbers("2.10.1+cpu") == (2, 10, 1) > health.numbers("2.9")
    assert health.numbers("dev") == ()
    assert health.version_of("nothing-of-it") == ""


def test_options_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}" if name == "clang++" else None)
    monkeypatch.setattr(health, "version_of", lambda name: "")
    found = by_name(health.of_options())
    assert found["matplotlib"].mend == "python -m pip install 'restore-diffusion[plot]'"
    assert (found["gmic"].state, found["gmic"].mend[-20:]) == ("optional", "apt-get install gmic")
    assert found["C++ compiler"].text == "/bin/clang++, for faster steps of fit and train"


def test_the_device_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def found() -> dict[str, Finding]:
        return by_name(health.of_device())

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert found()["device"].text == "cpu, since there is no CUDA card and no Mac's graphics processor"
    for native, words in ((True, "bf16, which this processor"), (False, "fp32, since this processor")):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda native=native: native)
        assert found()["precision"].text.startswith(words)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/nvidia-smi")
    for cuda, words in ((None, "pytorch.org"), ("12.8", "nvidia-smi")):
        monkeypatch.setattr(torch.version, "cuda", cuda)
        assert (found()["device"].state, words in found()["device"].mend) == ("optional", True)
    monkeypatch.setattr(device, "best_device", lambda: "cuda")
    monkeypatch.setattr(device, "best_dtype", lambda place: torch.bfloat16)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "a card")
    assert [each.text for each in health.of_device()] == [
        "cuda, since torch finds a card", "bf16, which this card computes itself",
    ]  # fmt: skip


def test_weights_that_are_not_whole(tmp_path: Path) -> None:
    """One that is missing, one with a number changed, one cut short."""
    tensors = load_file(health.WEIGHTS / "damage.safetensors")
    name = min(tensors)
    told = read_header(health.WEIGHTS / "damage.safetensors")[0]
    save_file({**tensors, name: tensors[name] + 1}, tmp_path / "damage.safetensors", told)
    data = (health.WEIGHTS / "noise.safetensors").read_bytes()
    (tmp_path / "noise.safetensors").write_bytes(data[:-100])
    found = by_name(health.of_weights(tmp_path))
    assert {each.state for each in found.values()} == {"missing"}
    assert found["restore.safetensors"].text == "no such weights file"
    assert found["noise.safetensors"].text.startswith("damaged, or not a safetensors file")
    assert re.fullmatch(r"damaged: .* hash to \w{12}, expected \w{12}", found["damage.safetensors"].text)
    assert all("--force-reinstall --no-deps restore-diffusion" in each.mend for each in found.values())


def test_memory_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health.memory, "available", lambda: 10_000_000_000)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    found = by_name(health.of_machine())
    assert found["memory"].text == "10 GB available, 8 GB for a picture (--max-memory)"
    assert found["threads"].text.endswith("as OMP_NUM_THREADS=3 says")
    monkeypatch.setattr(health.memory, "available", lambda: None)
    assert "not told" in by_name(health.of_machine())["memory"].text
