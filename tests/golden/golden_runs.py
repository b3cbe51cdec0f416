"""How a golden case is run, what is kept of its result, and how two results are compared."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import PIL
import tifffile
import torch
from cases import Case, make_configurations, make_weights
from commands import cli
from golden_inputs import make_inputs
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

Array = NDArray[Any]
EVERY = 37  # of the numbers of written weights one in so many is stored
EVERY_FLOAT = 6  # and of the floats that calls give; what is hashed is all of them

FOLDER = Path(os.environ.get("RESTORE_GOLDEN") or Path(__file__).parent)
"""Where the recorded results are; the variable names others, recorded on this machine."""


@dataclass(frozen=True)
class Outcome:
    """digest: SHA-256 of all that was written. arrays: the numbers in it, by the names of the files."""

    digest: str
    arrays: dict[str, Array]


@dataclass(frozen=True)
class Recorded:
    """The recorded results. machine: on which they were."""

    machine: dict[str, str]
    digests: dict[str, str]
    arrays: dict[str, Array]

    def of(self, case: Case) -> dict[str, Array]:
        """The numbers of one case."""
        start = f"{case.name}/"
        return {key.removeprefix(start): a for key, a in self.arrays.items() if key.startswith(start)}


def machine() -> dict[str, str]:
    """What exact bytes depend on: where it is as recorded, they must be."""
    cpu = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)$", cpu.read_text() if cpu.exists() else "", re.MULTILINE)
    return {
        "machine": platform.machine(),
        "cpu": found[1] if found else platform.processor(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "opencv": cv2.__version__,
        "tifffile": tifffile.__version__,
    }


def prepare(folder: Path) -> dict[str, str]:
    """Make all that cases read; give what stands for the braces in their commands."""
    make_inputs(folder)
    make_weights(folder / "tiny.safetensors")
    make_configurations(folder)
    return {"in": str(folder), "tiny": str(folder / "tiny.safetensors")}


def run(case: Case, places: dict[str, str]) -> Outcome:
    """Run a case in this process, by one thread and without a compiler."""
    with tempfile.TemporaryDirectory() as out, _plainly():
        if case.call is not None:
            found = [np.ascontiguousarray(array) for array in case.call(places)]
            floats = [array.ravel()[::EVERY_FLOAT] for array in found if array.dtype == np.float32]
            arrays = {f"{k}": array for k, array in enumerate(found) if array.dtype != np.float32}
            return Outcome(
                _digest(map(_with_shape, found)),
                arrays | ({"floats": np.concatenate(floats)} if floats else {}),
            )
        result = cli(*(word.format(out=out, **places) for word in case.command))
        assert result.exit_code == 0, f"{case.name}: exit code {result.exit_code}: {result.stderr}"
        read = [_read(Path(out) / name) for name in case.outputs]
        arrays = {name: array for name, (_, array) in zip(case.outputs, read, strict=True)}
        return Outcome(_digest(data for data, _ in read), arrays)


def differences(found: dict[str, Array], stored: dict[str, Array], tolerances: dict[str, float]) -> list[str]:
    """What differs by more than is tolerated, a line for each file; tolerances: by kinds of numbers."""
    lines = []
    if found.keys() != stored.keys():
        lines.append(f"the files are {', '.join(found)}, not {', '.join(stored)}")
    for name in found.keys() & stored.keys():
        new, old = found[name], stored[name]
        if (new.shape, new.dtype) != (old.shape, old.dtype):
            lines.append(f"{name} is {new.shape} {new.dtype}, not {old.shape} {old.dtype}")
            continue
        apart = np.abs(new.astype(np.float64) - old.astype(np.float64))
        most = float(np.nan_to_num(apart, nan=np.inf).max(initial=0))
        if most > tolerances[new.dtype.name]:
            place = np.unravel_index(int(apart.argmax()), apart.shape)
            lines.append(
                f"{name} differs by {most:g} at most, at {tuple(map(int, place))}, where "
                f"{tolerances[new.dtype.name]:g} is tolerated; {np.count_nonzero(apart)} of {apart.size} "
                "numbers are others"
            )
    return lines


def largest(found: dict[str, Array], stored: dict[str, Array]) -> float:
    """The largest difference between numbers that both have."""
    pairs = [(found[name], stored[name]) for name in found.keys() & stored.keys()]
    fitting = [(a, b) for a, b in pairs if a.shape == b.shape]
    return max(
        (float(np.abs(a.astype(float) - b.astype(float)).max(initial=0)) for a, b in fitting), default=np.nan
    )


def read_recorded(folder: Path = FOLDER) -> Recorded:
    """What was recorded; nothing where there are no files."""
    if not (folder / "results.json").exists():
        return Recorded({}, {}, {})
    text = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    with np.load(folder / "results.npz") as stored:
        return Recorded(text["machine"], text["sha256"], dict(stored))


def write_recorded(recorded: Recorded, folder: Path = FOLDER) -> None:
    """Write both files, in the order of the names."""
    folder.mkdir(parents=True, exist_ok=True)
    text = {"machine": recorded.machine, "sha256": dict(sorted(recorded.digests.items()))}
    (folder / "results.json").write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
    arrays: dict[str, Any] = dict(sorted(recorded.arrays.items()))
    np.savez_compressed(folder / "results.npz", **arrays)


@contextmanager
def _plainly() -> Iterator[None]:
    """One thread, so that sums are in one order; torch.compile gives the network back as it is."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with mock.patch.object(torch, "compile", lambda network, **_: network):
            yield
    finally:
        torch.set_num_threads(threads)


def _digest(parts: Iterable[bytes]) -> str:
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "little"))
        whole.update(part)
    return whole.hexdigest()


def _with_shape(array: Array) -> bytes:
    return f"{array.shape} {array.dtype}".encode() + array.tobytes()


def _read(path: Path) -> tuple[bytes, Array]:
    """(what is hashed, the numbers in it). Pictures are read without the project's own reader."""
    if path.suffix == ".json":
        scores = _scores(json.loads(path.read_text(encoding="utf-8")))
        return json.dumps(scores).encode(), np.array(scores, np.float64)
    if path.suffix == ".safetensors":  # the rest of the file says when and from what it was made
        tensors = dict(sorted(load_file(path).items()))
        numbers = np.concatenate([tensor.ravel() for tensor in tensors.values()])
        return b"".join(map(_with_shape, tensors.values())), numbers[::EVERY].copy()
    data = path.read_bytes()
    if path.suffix == ".png":
        pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert pixels is not None
        return data, pixels
    if path.suffix == ".tif":
        return data, tifffile.imread(path)
    with Image.open(path) as picture:
        return data, np.array(picture)


def _scores(evaluation: dict[str, Any]) -> list[float]:
    """The scores of every picture in every row of every table, to six digits, and the network calls."""
    numbers: list[float] = []
    for table in evaluation["tables"]:
        for row in table["rows"]:
            for each in row["pictures"]:
                scores = [each["scores"][key] for key in sorted(each["scores"])]
                numbers += [round(float(score), 6) for score in scores]
                numbers.append(float(each["calls"] or 0))
    return numbers
