"""Measure the time and the memory that large holes take: restore.inpaint beside OpenCV and G'MIC.

    python benchmarks/large_holes.py                          # a hole of 128x128 in one megapixel
    python benchmarks/large_holes.py --large                  # and one of 2000x1500 in 24 megapixels: minutes
    python benchmarks/large_holes.py --pictures DIR           # its first photograph, enlarged or cropped

Each method runs in a process of its own, with a call on a small picture before the clock starts. Prints a
Markdown table: seconds of the call, seconds of all processors together (which other work on the machine
changes less), the largest resident memory, and multiples of OpenCV's Telea, which runs in the same table.
The time of G'MIC includes its reading and writing of PNG files.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
SMALL, LARGE = (1024, 1024, 128, 128), (4000, 6000, 1500, 2000)  # h, w of the picture, then of the hole
FILL, TELEA = "restore.inpaint", "OpenCV Telea"
COMMANDS = {  # restore.evaluation.gmic's, which would bring torch into this process
    "G'MIC inpaint_matchpatch": "inpaint_matchpatch[0] [1],0,7,10,5,1",
    "G'MIC inpaint (patches)": "inpaint[0] [1],11,30,1,1,9,0.5",
}
UNDER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(code != 0)
"""
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes of ru_maxrss
TEXTURE = 96  # pixels: the period of the made picture


@dataclass(frozen=True)
class Job:
    """One method on one size. source: a photograph, none for a made picture. threads: 0 for torch's own."""

    method: str
    size: tuple[int, int, int, int]
    source: Path | None
    threads: int


@dataclass(frozen=True)
class Found:
    """What one method took: seconds, seconds of all processors, the peak in bytes."""

    seconds: float
    cpu: float
    peak: int


def picture_of(job: Job) -> tuple[Pixels, Pixels]:
    """A picture and its mask, 255 in a hole in the middle."""
    h, w, hole_h, hole_w = job.size
    if job.source is None:
        rng = np.random.RandomState(0)
        tile = rng.randint(0, 64, (TEXTURE, TEXTURE, 3)).astype(np.uint8)
        pixels = np.tile(tile, (-(-h // TEXTURE), -(-w // TEXTURE), 1))[:h, :w]
        pixels += np.linspace(0, 190, w).astype(np.uint8)[:, None]
    else:
        with Image.open(job.source) as file:
            picture = file.convert("RGB")
        scale = max(1.0, h / picture.height, w / picture.width)
        larger = (round(scale * picture.width), round(scale * picture.height))
        pixels = np.array(picture.resize(larger, Image.Resampling.BICUBIC))[:h, :w]
    mask = np.zeros((h, w), np.uint8)
    top, left = (h - hole_h) // 2, (w - hole_w) // 2
    mask[top : top + hole_h, left : left + hole_w] = 255
    pixels[mask > 0] = 128
    return pixels, mask


def _filler(job: Job) -> Callable[[Pixels, Pixels], Any]:
    if job.method == TELEA:
        import cv2

        if job.threads:
            cv2.setNumThreads(job.threads)
        return lambda pixels, mask: cv2.inpaint(pixels, mask, 3, cv2.INPAINT_TELEA)
    import torch

    import restore

    if job.threads:
        torch.set_num_threads(job.threads)
    prior = restore.load()
    return lambda pixels, mask: restore.inpaint(pixels, mask, prior=prior)


def _child(job: Job, answers: Any) -> None:
    fill = _filler(job)
    fill(*picture_of(Job(job.method, (96, 96, 24, 24), None, 0)))
    pixels, mask = picture_of(job)
    start, start_cpu = time.perf_counter(), time.process_time()
    fill(pixels, mask)
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    answers.send(Found(seconds, cpu, _own_peak()))


def _own_peak() -> int:
    """Bytes; ru_maxrss of a new process on Linux begins with the peak of the process that started it."""
    status = Path("/proc/self/status")
    if found := status.exists() and re.search(r"VmHWM:\s+(\d+) kB", status.read_text()):
        return 1024 * int(found[1])
    return UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _gmic(job: Job, command: str) -> Found:
    """Run G'MIC below a small Python, so that the peak is its own."""
    pixels, mask = picture_of(job)
    with tempfile.TemporaryDirectory() as folder:
        Image.fromarray(pixels).save(Path(folder, "photo.png"))
        Image.fromarray(mask).save(Path(folder, "mask.png"))
        words = ["gmic", "photo.png", "mask.png", *command.split(), "keep[0]", "output", "filled.png"]
        threads = {"OMP_NUM_THREADS": str(job.threads)} if job.threads else {}
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", UNDER, *words], cwd=folder, env=os.environ | threads, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    if done.returncode:
        raise ChildProcessError(f"ended with exit code {done.returncode}")
    cpu, peak = done.stdout.split()[-2:]
    return Found(seconds, float(cpu), UNIT * int(peak))


def measured(job: Job) -> Found:
    """Run a process of its own. Raises ChildProcessError where it ended early."""
    if job.method in COMMANDS:
        return _gmic(job, COMMANDS[job.method])
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(job, there))
    child.start()
    there.close()
    try:
        found: Found = here.recv()
    except EOFError:
        child.join()
        raise ChildProcessError(f"ended with exit code {child.exitcode} before it was done") from None
    child.join()
    return found


def lines(size: tuple[int, int, int, int], source: Path | None, threads: int, only: str) -> Iterator[str]:
    """The rows of one size; only: a word that the methods' names hold."""
    h, w, hole_h, hole_w = size
    what = f"{hole_w}x{hole_h} in {w}x{h}"
    base: Found | None = None
    for method in [TELEA, FILL, *(COMMANDS if shutil.which("gmic") else ())]:
        if only not in method and method != TELEA:
            continue
        try:
            found = measured(Job(method, size, source, threads))
        except ChildProcessError as error:
            yield f"| {what} | {method} | {error} | | | | |"
            continue
        base = base or found
        times, memory = found.cpu / base.cpu, found.peak / base.peak
        yield (
            f"| {what} | {method} | {found.seconds:.2f} | {found.cpu:.2f} | {found.peak / 2**30:.2f} "
            f"| {times:.1f} | {memory:.1f} |"
        )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", action="store_true", help="also 2000x1500 in 24 megapixels")
    parser.add_argument("--pictures", type=Path, help="folder of photographs; default: a made texture")
    parser.add_argument("--only", default="", help="the methods whose name holds this word, and Telea")
    parser.add_argument("--threads", type=int, default=0, help="of torch and G'MIC; default: torch's own")
    options = parser.parse_args()
    source = None
    if options.pictures is not None:
        found = [
            p for p in sorted(options.pictures.iterdir()) if p.suffix.lower() in (".png", ".jpg", ".jpeg")
        ]
        if not found:
            print(f"{options.pictures}: expected PNG or JPEG photographs, found none", file=sys.stderr)
            return 2
        source = found[0]
    print(
        "| hole | method | s | processor s | peak GiB | x Telea's processor s | x its memory |\n"
        + "|---" * 7
        + "|"
    )
    for size in [SMALL, LARGE] if options.large else [SMALL]:
        for line in lines(size, source, options.threads, options.only):
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
