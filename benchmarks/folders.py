"""How long folders take: thumbnails against another checkout, photographs against their network calls.

    python benchmarks/folders.py thumbnails --against CHECKOUT [--count 500] [--rounds 3]
    python benchmarks/folders.py photographs [--count 100] [--rounds 1] [--precision fp32]

Thumbnails are of 64x64 pixels, photographs of two megapixels; both are JPEGs with white noise. A round runs
the command on a quarter of them and on all of them, so that what a picture takes is known without the start.
Beside the seconds on the clock stand those of the processors, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

import restore
from restore import images
from restore.evaluation.environment import machine
from restore.priors import merged
from restore.priors.device import PRECISIONS, Precision, dtype_of

HERE = Path(__file__).resolve().parents[1]
SHARE = 4
"""One in so many pictures is restored by the shorter of two runs."""

NOISE = {"thumbnails": (8.0, 25.0), "photographs": (4.0, 12.0)}  # of 255, the least and the most
SIZES = {"thumbnails": (64, 64), "photographs": (1224, 1632)}


class Cost(NamedTuple):
    """Seconds on the clock, and of all processors."""

    clock: float
    processors: float


def write_pictures(folder: Path, kind: str, count: int) -> None:
    """Write noisy JPEGs: parts of scikit-image's astronaut, small ones or enlarged."""
    import cv2
    from skimage import data

    rng = np.random.default_rng(0)
    h, w = SIZES[kind]
    clean: NDArray[np.uint8] = data.astronaut()  # type: ignore[no-untyped-call]
    for number in range(count):
        side = int(rng.integers(200, 400))
        y, x = rng.integers(0, 512 - side, 2)
        part = clean[y : y + side, x : x + side]
        shrinks = min(h, w) < side
        part = cv2.resize(part, (w, h), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
        noisy = part + rng.normal(0, rng.uniform(*NOISE[kind]), part.shape)
        pixels = np.ascontiguousarray(noisy.clip(0, 255).round().astype(np.uint8)[..., ::-1])
        # Chroma at half size, as cameras and programs write them.
        cv2.imwrite(str(folder / f"{number:05d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 92])


def run(checkout: Path, folder: Path, out: Path, precision: Precision) -> Cost:
    """Restore a folder with the program of a checkout."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "restore", "denoise", str(folder), "-o", str(out), "--quiet"]
    command += ["--precision", precision]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    subprocess.run(command, check=True, cwd=out.parent, env=environment, stdout=subprocess.DEVNULL)
    clock, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def network_alone(folder: Path, precision: Precision) -> Cost:
    """What the network calls of all pictures take one after the other, the pictures being in memory."""
    prior = restore.load(dtype=dtype_of(precision, "cpu"), device="cpu")
    spent = [0.0, 0.0]

    def timed(network: nn.Module, inputs: Tensor, *told: Tensor, **more: Any) -> Tensor:
        began = time.perf_counter(), time.process_time()
        output = merged.apart(network, inputs, *told, **more)
        spent[0] += time.perf_counter() - began[0]
        spent[1] += time.process_time() - began[1]
        return output

    pictures = [images.read(path) for path in sorted(folder.glob("*.jpg"))]
    restore.denoise(pictures[0], prior=prior)  # the first is slower
    prior.computes = timed
    for picture in pictures:
        restore.denoise(picture, prior=prior)
    return Cost(*spent)


class Folders:
    """The pictures of a measurement: in one folder all of them, in another a quarter."""

    def __init__(self, place: Path, kind: str, count: int):
        self.place, self.count = place, count
        self.few, self.all = place / "few", place / "all"
        for folder, number in ((self.few, count // SHARE), (self.all, count)):
            folder.mkdir()
            write_pictures(folder, kind, number)

    def each_takes(self, checkout: Path, precision: Precision) -> Cost:
        """What one picture takes, by the difference of two runs with the program of a checkout."""
        with tempfile.TemporaryDirectory(dir=self.place) as out:
            short, long = (
                run(checkout, folder, Path(out, folder.name), precision) for folder in (self.few, self.all)
            )
        more = self.count - self.count // SHARE
        return Cost(*((b - a) / more for a, b in zip(short, long, strict=True)))


def compared(folders: Folders, against: Path | None, precision: Precision) -> tuple[Cost, Cost, Cost]:
    """What a picture takes here and there, and how many times faster here, or slower than the network."""
    here = folders.each_takes(HERE, precision)
    if against is not None:
        there = folders.each_takes(against.resolve(), precision)
        return here, there, Cost(*(b / a for a, b in zip(here, there, strict=True)))
    network = Cost(*(each / folders.count for each in network_alone(folders.all, precision)))
    return here, network, Cost(*(a / b for a, b in zip(here, network, strict=True)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=NOISE)
    parser.add_argument("--against", type=Path, help="another checkout of this project")
    parser.add_argument("--count", type=int, help="pictures; default: 500 thumbnails, 100 photographs")
    parser.add_argument("--precision", choices=PRECISIONS, default="auto", help="as the command takes it")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count = options.count or (500 if options.kind == "thumbnails" else 100)
    name = "network" if options.against is None else "there"
    print(f"{count} {options.kind}; precision {options.precision}; {machine()}", flush=True)
    ratios = []
    with tempfile.TemporaryDirectory() as place:
        folders = Folders(Path(place), options.kind, count)
        for _ in range(options.rounds):
            here, other, ratio = compared(folders, options.against, options.precision)
            ratios.append(ratio)
            print(
                f"a picture: here {1000 * here.clock:.1f} ms ({1000 * here.processors:.1f} of processors), "
                f"{name} {1000 * other.clock:.1f} ms ({1000 * other.processors:.1f}), "
                f"ratio {ratio.clock:.2f} ({ratio.processors:.2f})",
                flush=True,
            )
    clock, processors = (statistics.median(column) for column in zip(*ratios, strict=True))
    print(f"median ratio {clock:.2f}, of processors {processors:.2f}")


if __name__ == "__main__":
    main()
