"""Draw one sheet of filled holes to look at: a row for each picture, a cell for each method.

    python benchmarks/hole_sheet.py PICTURES sheet.png --holes object --methods restore,gmic,telea
    python benchmarks/hole_sheet.py PICTURES sheet.png --holes box-128,object --limit 8 --jobs 2

A row shows the picture, the hole, then every method, with LPIPS of the whole crop (SqueezeNet, lower is
better) and PSNR of the hole below. The means are printed as a Markdown table. Methods: restore (the default),
restore:METHOD for another one of restore.inpaint, matchpatch and patches (both of G'MIC; gmic names both),
telea, navier-stokes, biharmonic. Holes are those of `restore eval inpaint`, so the numbers are the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from common import add_data_option, lpips_of
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import restore
from restore.evaluation.baselines import baselines
from restore.evaluation.cases import Given, Restorer, rounded, to_bytes
from restore.evaluation.columns import HOLES
from restore.evaluation.metrics import psnr
from restore.evaluation.pictures import Picture, PictureSet
from restore.evaluation.protocols import Holes
from restore.images.perceptual import Lpips

Pixels = NDArray[np.uint8]
SHORT = {
    "matchpatch": "G'MIC inpaint_matchpatch",
    "patches": "G'MIC inpaint (patches)",
    "telea": "OpenCV Telea",
    "navier-stokes": "OpenCV Navier-Stokes",
    "biharmonic": "scikit-image biharmonic",
}
LINE = 14  # pixels of a line of text


@dataclass(frozen=True)
class Cell:
    """A picture and what stands below it."""

    pixels: Pixels
    text: str
    lpips: float | None = None
    psnr: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Wanted:
    """What is drawn."""

    data: Path
    methods: tuple[str, ...]
    seed: int
    estimate: str


@cache
def _lpips(data: Path) -> Lpips:
    return lpips_of(data)


@cache
def _prior() -> restore.Prior:
    return restore.load()


def _filled(given: Given, *, method: str | None, estimate: str) -> torch.Tensor:
    assert given.hole is not None
    return restore.inpaint(given.image, given.hole, method=method, estimate=estimate, prior=_prior())  # type: ignore[arg-type]


def _restorer(name: str, protocol: Holes, estimate: str) -> Restorer:
    own, _, method = name.partition(":")
    if own == "restore":
        return partial(_filled, method=method or None, estimate=estimate)
    return baselines(protocol)[SHORT[name]]


def row(wanted: Wanted, job: tuple[str, Picture]) -> list[Cell]:
    """The cells of one picture with one family of holes."""
    family, picture = job
    protocol = Holes(family, wanted.seed)
    case = picture.case(protocol)
    hole, lpips = case.given.hole, _lpips(wanted.data)
    cells = [Cell(to_bytes(case.clean), picture.name), Cell(to_bytes(case.given.image), family)]
    for name in wanted.methods:
        run = _restorer(name, protocol, wanted.estimate)
        start = time.perf_counter()
        result = rounded(run(case.given).float().cpu())
        seconds = time.perf_counter() - start
        distance = lpips(result, case.clean).item()
        decibels = psnr(result, case.clean, where=hole).item()
        text = f"{distance:.4f}  {decibels:.2f} dB"
        cells.append(Cell(to_bytes(result), text, distance, decibels, seconds))
    return cells


def sheet(rows: list[list[Cell]], heads: list[str]) -> Image.Image:
    """All cells below the names of their columns."""
    side_h = max(cell.pixels.shape[0] for cells in rows for cell in cells)
    side_w = max(cell.pixels.shape[1] for cells in rows for cell in cells)
    page = Image.new("RGB", (len(heads) * (side_w + 4), LINE + len(rows) * (side_h + LINE + 4)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default_imagefont()
    for column, head in enumerate(heads):
        pen.text((column * (side_w + 4) + 2, 1), head, fill="black", font=font)
    for line, cells in enumerate(rows):
        top = LINE + line * (side_h + LINE + 4)
        scores = [cell.lpips for cell in cells if cell.lpips is not None]
        for column, cell in enumerate(cells):
            left = column * (side_w + 4)
            page.paste(Image.fromarray(cell.pixels), (left, top))
            best = cell.lpips is not None and cell.lpips == min(scores)
            pen.text(
                (left + 2, top + side_h + 1), cell.text, fill="darkgreen" if best else "black", font=font
            )
    return page


def table(rows: list[list[Cell]], jobs: list[tuple[str, Picture]], methods: tuple[str, ...]) -> Iterator[str]:
    """The means of every family in lines of Markdown."""
    yield "| hole | method | LPIPS squeeze | PSNR hole | best of pictures | s |\n|---|---|---|---|---|---|"
    for family in dict.fromkeys(family for family, _ in jobs):
        found = np.array(
            [
                [(cell.lpips, cell.psnr, cell.seconds) for cell in cells[2:]]
                for cells, (each, _) in zip(rows, jobs, strict=True)
                if each == family
            ]
        )
        wins = np.bincount(found[..., 0].argmin(1), minlength=len(methods))
        for number, name in enumerate(methods):
            distance, decibels, _ = found[:, number].mean(0)
            seconds = np.median(found[:, number, 2])
            yield (
                f"| {family} | {name} | {distance:.4f} | {decibels:.2f} | {wins[number]}/{len(found)} "
                f"| {seconds:.1f} |"
            )


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, help="folder of clean pictures")
    parser.add_argument("sheet", type=Path, help="PNG file to write")
    add_data_option(parser)
    parser.add_argument("--holes", default="object", help=f"families, of {', '.join(HOLES)}")
    parser.add_argument("--methods", default="restore,gmic,telea")
    parser.add_argument("--estimate", default="sample", choices=("mean", "sample"))
    parser.add_argument("--crop", type=int, default=384, help="centre crops of so many pixels; 0: whole")
    parser.add_argument("--limit", type=int, metavar="N", help="so many pictures, spread over the folder")
    parser.add_argument("--only", default="", help="the pictures whose name holds one of these words")
    parser.add_argument("--seed", type=int, default=0, help="of the holes")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    return parser.parse_args()


def main() -> int:
    """Measure, write the sheet and print the means."""
    asked = arguments()
    methods = tuple(
        each
        for name in asked.methods.split(",")
        for each in (("matchpatch", "patches") if name == "gmic" else (name,))
    )
    if unknown := [name for name in methods if name not in SHORT and name.split(":")[0] != "restore"]:
        print(f"unknown methods: {', '.join(unknown)}; expected restore, {', '.join(SHORT)}", file=sys.stderr)
        return 2
    found = PictureSet.of(asked.pictures, crop=asked.crop).read()
    pictures = [each for each in found if isinstance(each, Picture)]
    words = asked.only.split(",")
    pictures = [each for each in pictures if any(word in each.name for word in words)]
    if asked.limit:
        places = np.linspace(0, len(pictures) - 1, min(asked.limit, len(pictures)))
        pictures = [pictures[int(place)] for place in places]
    jobs = [(family, picture) for family in asked.holes.split(",") for picture in pictures]
    wanted = Wanted(asked.data, methods, asked.seed, asked.estimate)
    with ProcessPoolExecutor(asked.jobs) as pool:
        found_rows = (
            pool.map(partial(row, wanted), jobs) if asked.jobs > 1 else map(partial(row, wanted), jobs)
        )
        rows = []
        for cells, (family, picture) in zip(found_rows, jobs, strict=True):
            rows.append(cells)
            words = "; ".join(f"{m} {c.text}" for m, c in zip(methods, cells[2:], strict=True))
            print(f"{family} {picture.name}: {words}", file=sys.stderr, flush=True)
    sheet(rows, ["truth", "hole", *methods]).save(asked.sheet)
    print(*table(rows, jobs, methods), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
