"""Denoisers on photographs: pairs of noisy pictures and references, or a simulated camera, in one table.

    python benchmarks/camera.py --data DIR                       # the pairs of DIR/real/camera
    python benchmarks/camera.py --data DIR --pairs night         # other pairs
    python benchmarks/camera.py --data DIR --protocol camera     # a simulated camera on DIR/val/cid22_val
    python benchmarks/camera.py --data DIR --limit 2             # a trial

Nobody is told the noise. restore with its defaults finds it out; what is told a level has a row for each of
several, and non-local means a row for the best of several strengths, by the mean PSNR over a set. BM3D (the
bm3d package, where it is installed) is given the spectrum that `restore.noise` measures. A cell holds the
mean PSNR in dB, the mean SSIM and the smallest gain over the noisy picture, in dB, of any picture.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import add_data_option
from numpy.typing import NDArray
from peers import ffdnet
from torch import Tensor

import restore
from restore.errors import RestoreError
from restore.evaluation.baselines import DAMAGED
from restore.evaluation.camera import SHOTS, Camera, JpegOfNoisy
from restore.evaluation.cases import Given, Protocol, Restorer, from_bytes, to_bytes
from restore.evaluation.columns import METRICS
from restore.evaluation.measure import measure
from restore.evaluation.observer import Observer
from restore.evaluation.pairs import Pairs, PairSet
from restore.evaluation.pictures import PictureSet
from restore.evaluation.results import Candidate, Row, Table
from restore.evaluation.rows import baseline_rows
from restore.evaluation.scoring import Scorer
from restore.images.fingerprints import Fingerprints
from restore.priors.backbone import Backbone
from restore.tasks.noise_choice import measured

LEVELS = (5, 10, 15, 20)
PROTOCOLS: dict[str, list[Protocol]] = {
    "camera": [Camera(shot) for shot in SHOTS],
    "jpeg": [JpegOfNoisy(sigma, quality) for quality in (85, 95) for sigma in (10, 20, 30)],
}
MEANS = "OpenCV non-local means"
OPPONENTS = np.array([[1 / 3, 1 / 3, 1 / 3], [0.5, 0, -0.5], [0.25, -0.5, 0.25]])  # of BM3D for colour
Planes = NDArray[np.floating[Any]]


def candidates(prior: Backbone, weights: Path, *, bm3d: bool) -> Iterator[Candidate]:
    """The rows, in the order of the table; every strength of non-local means is one."""
    device = f"{prior.device} {str(prior.dtype).removeprefix('torch.')}"
    own = partial(Candidate, kind="restore", device=device, prior=prior)
    for row in baseline_rows(Pairs()):
        if row.name == DAMAGED:
            yield replace(row, name="noisy")
    yield own("restore, defaults", partial(restored, prior))
    yield own("restore, blind", partial(restored, prior, method="blind"))
    for level in LEVELS:
        yield own(f"restore, told {level}", partial(restored, prior, sigma=level))
    if weights.is_file():
        network = ffdnet(weights)
        for level in LEVELS:
            yield Candidate(f"FFDNet, told {level}", partial(at_level, network, level), "peer")
    else:
        print(f"FFDNet is left out: no {weights}", file=sys.stderr)
    yield from (row for row in baseline_rows(Pairs()) if row.name.startswith(MEANS))
    if not bm3d:
        return
    if find_spec("bm3d"):
        yield Candidate("BM3D, measured spectrum", partial(with_spectrum, prior), "baseline")
    else:
        print("BM3D is left out: pip install bm3d (free for non-commercial use)", file=sys.stderr)


def restored(prior: Backbone, given: Given, **options: Any) -> Tensor:
    """`restore.denoise` on the pixels as a file holds them."""
    return from_bytes(restore.denoise(to_bytes(given.image), prior=prior, **options))


def at_level(run: Restorer, level: float, given: Given) -> Tensor:
    return run(replace(given, sigma=float(level)))


def with_spectrum(prior: Backbone, given: Given) -> Tensor:
    """BM3D for correlated noise (Makinen, Azzari, Foi 2020, doi:10.1109/TIP.2020.3014721).

    Level and spectrum are those that `restore.denoise` measures, in luma and chroma apart.
    """
    if not hasattr(np, "trapz"):
        vars(np)["trapz"] = np.trapezoid  # bm4d 4.2.5 calls it by the name that NumPy 2.4 has dropped
    from bm3d import bm3d

    noise = measured(given.image[0], prior)
    planes = given.image[0].permute(1, 2, 0).double().numpy() @ OPPONENTS.T
    luma = spectrum_of(noise.luma_sigma, noise.luma_spectrum, planes.shape[:2])
    chroma = spectrum_of(noise.chroma_sigma, noise.chroma_spectrum, planes.shape[:2])
    # In luma and each of the chromas of BM3D white noise has another level.
    spectra = np.stack([luma, chroma, chroma], 2) * (OPPONENTS**2).sum(1)
    floor = planes[..., 0].size * (0.1 / 255) ** 2
    clean = bm3d(planes, spectra.clip(floor)) @ np.linalg.inv(OPPONENTS).T
    return torch.from_numpy(np.ascontiguousarray(clean)).permute(2, 0, 1)[None].float()


def spectrum_of(sigma: float, orders: Planes, size: tuple[int, int]) -> Planes:
    """The variance of each Fourier coefficient of a plane, from powers in orders of the cosine transform."""
    rows, columns = (2 * len(orders) * np.abs(np.fft.fftfreq(n)) for n in size)
    known = np.arange(len(orders))
    along = np.array([np.interp(columns, known, row) for row in orders])
    whole = np.array([np.interp(rows, known, column) for column in along.T]).T
    spectrum: Planes = sigma**2 * whole / whole.mean() * size[0] * size[1]
    return spectrum


def printed(tables: list[Table]) -> Iterator[str]:
    """The lines of one table with a column for each set and protocol."""
    yield "| | " + " | ".join(f"{table.title} ({table.count})" for table in tables) + " | s / MP |"
    yield "|---" * (len(tables) + 2) + "|"
    names = [row.method for row in tables[0].rows if not row.method.startswith(MEANS)]
    names.insert(len(names) - names.count("BM3D, measured spectrum"), MEANS)
    for name in names:
        rows = [row_of(table, name) for table in tables]
        cells = [cell(table, row) if row else "" for table, row in zip(tables, rows, strict=True)]
        seconds = f"{rows[0].seconds_per_megapixel:.1f}" if rows[0] and name != "noisy" else ""
        yield f"| {name} | " + " | ".join(cells) + f" | {seconds} |"


def row_of(table: Table, name: str) -> Row | None:
    """A row by its name; of non-local means the best one."""
    rows = [row for row in table.rows if row.method == name or (name == MEANS and MEANS in row.method)]
    return max(rows, key=lambda row: row.mean("psnr") or 0, default=None)


def cell(table: Table, row: Row) -> str:
    noisy = row_of(table, "noisy")
    assert noisy is not None  # nothing can go wrong with it
    gains = [
        (one.scores["psnr"] or 0) - (before.scores["psnr"] or 0)
        for one, before in zip(row.pictures, noisy.pictures, strict=True)
    ]
    strength = row.method.removeprefix(MEANS).removeprefix(", ") if MEANS in row.method else ""
    worst = "" if row is noisy else f" / {min(gains):+.2f}"
    return f"{row.mean('psnr'):.2f} / {row.mean('ssim'):.4f}{worst}" + (f" ({strength})" if strength else "")


def sets_of(options: argparse.Namespace, known: dict[str, Fingerprints]) -> Iterator[tuple[Any, Protocol]]:
    """What is measured: sets of pictures with their protocols."""
    narrowed = {"limit": options.limit, "crop": options.crop, "known": known}
    if options.pairs or not options.protocol:
        yield PairSet.found(options.pairs or options.data / "real" / "camera", **narrowed), Pairs()
    if options.protocol:
        pictures = PictureSet.of(options.pictures or options.data / "val" / "cid22_val", **narrowed)
        for protocol in PROTOCOLS[options.protocol]:
            yield pictures, protocol


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add_data_option(parser)
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="default: DATA/real/camera")
    parser.add_argument("--protocol", choices=list(PROTOCOLS), help="noise that is made, on --pictures")
    parser.add_argument("--pictures", type=Path, metavar="DIR", help="default: DATA/val/cid22_val")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="default: the shipped weights")
    parser.add_argument("--device", help="default: the best there is")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N pictures: a trial")
    parser.add_argument("--crop", type=int, default=0, metavar="N", help="centre crops; default: whole")
    parser.add_argument("--no-bm3d", action="store_true", help="without BM3D, which takes most of the time")
    options = parser.parse_args()
    prior = restore.load(options.weights, device=options.device)
    prints = prior.facts.get("fingerprints")
    known = {"in the training data": Fingerprints.parse(prints)} if prints else {}
    rows = list(candidates(prior, options.data / "peers" / "ffdnet_color.npz", bm3d=not options.no_bm3d))
    scorer = Scorer([METRICS["psnr"], METRICS["ssim"]], {})
    observer = Observer(lambda problem: print(problem, file=sys.stderr))
    tables = [
        measure(pictures, protocol, rows, scorer, observer=observer)
        for pictures, protocol in sets_of(options, known)
    ]
    for table in tables:
        seen = f" Seen in training: {', '.join(table.overlaps)}." if table.overlaps else ""
        hashes = f"Set {table.set_hash}, inputs {table.inputs_hash}."
        print(f"{table.title}: {table.description} {hashes}{seen}\n")
    for line in printed(tables):
        print(line)


if __name__ == "__main__":
    try:
        main()
    except RestoreError as error:
        sys.exit(f"benchmarks/camera.py: {error}")
