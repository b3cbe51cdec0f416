"""Whether another checkpoint may replace the shipped one: both on the same pictures, at every task.

    python benchmarks/guard.py NEW.safetensors --data DIR            # forty minutes on two cores
    python benchmarks/guard.py NEW.safetensors --data DIR --limit 8  # a trial

Validation pictures (DIR/val/cid22_val) and, where they are there, pairs of photographs (DIR/real/camera),
centre crops, the functions that users call; pictures that either was trained on do not count. The new weights
have an advantage where training chose between its averages on the same pictures. Prints a Markdown table for
the commit message. Exit code 0: at least as good everywhere and better at more than half; 1: not so; 2: it
could not be measured.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from common import add_data_option, lpips_of
from torch import Tensor

import restore
from restore.errors import RestoreError
from restore.evaluation.camera import Camera, JpegOfNoisy
from restore.evaluation.cases import Case, Given, Protocol, rounded
from restore.evaluation.columns import METRICS
from restore.evaluation.measure import measure
from restore.evaluation.observer import Observer
from restore.evaluation.pairs import Pairs, PairSet
from restore.evaluation.pictures import PictureSet
from restore.evaluation.protocols import BicubicDown, Gaussian, Holes, Jpeg, LegacyRng, PoissonGaussian
from restore.evaluation.results import Candidate, Row, Table
from restore.evaluation.rows import own_rows
from restore.evaluation.scoring import Scorer
from restore.evaluation.selection import Selection
from restore.images.colours import ycc_of
from restore.images.fingerprints import Fingerprints
from restore.priors.backbone import Backbone
from restore.training.cameras import blurred

CROP = 256


@dataclass(frozen=True)
class GrayScan(Protocol):
    """A gray picture with grain: white noise blurred by 0.8 pixels and brought back to the level sigma."""

    task: ClassVar[str] = "denoise"
    level_name: ClassVar[str] = "grain"
    any_noise: ClassVar[bool] = True
    sigma: float

    @property
    def name(self) -> str:
        return f"gray scan, grain {self.sigma:g}"

    @property
    def description(self) -> str:
        return f"Luma alone, grain of {self.sigma:g}/255 blurred by 0.8 pixels, 8 bits; its level is not told"

    def apply(self, clean: Tensor) -> Case:
        gray = ycc_of(clean)[:, :1]
        grain = blurred(torch.from_numpy(LegacyRng(0).normal(0, 1, gray.shape)), 0.8)
        noisy = rounded(gray + self.sigma / 255 * grain / grain.std())
        return Case(rounded(gray).expand(-1, 3, -1, -1), Given(noisy.float().expand(-1, 3, -1, -1)))


TASKS: tuple[Protocol, ...] = (
    Gaussian(15),
    Gaussian(25),
    Gaussian(50),
    PoissonGaussian(0.02, 4),
    Camera(0.0004),
    Camera(0.0064),
    JpegOfNoisy(20, 95),
    GrayScan(15),
    Jpeg(30),
    BicubicDown(2),
    BicubicDown(4),
    Holes("strokes-narrow"),
    Holes("text"),
    Holes("box"),
    Holes("random"),
)
ALLOWED = {"psnr": 0.02, "psnr_y": 0.02, "psnr_hole": 0.02, "lpips_squeeze": 0.002}
"""Losses that are surely smaller than these do not count."""


@dataclass(frozen=True)
class Compared:
    """One method on one protocol.

    old, new: means of the metric; error: the standard error of their difference over the pictures. colours:
    the mean distance of the mean colours, old and new, in levels of 255.
    """

    protocol: str
    method: str
    key: str
    old: float
    new: float
    error: float
    colours: tuple[float, float]

    @property
    def gain(self) -> float:
        """New over old, above 0 where the new weights are better."""
        return (self.new - self.old) * (1 if METRICS[self.key].higher_is_better else -1)

    @property
    def verdict(self) -> str:
        allowed = ALLOWED[self.key]
        if self.gain > 2 * self.error:
            return "better"
        if self.gain - 2 * self.error >= -allowed:
            return "as good"
        return "worse" if self.gain < -max(allowed, 2 * self.error) else "unclear"

    def __str__(self) -> str:
        digits = METRICS[self.key].digits
        gain = f"{self.gain:+.{digits}f} ± {self.error:.{digits}f}"
        means = [f"{mean:.{digits}f}" for mean in (self.old, self.new)]
        colours = "{:.2f} -> {:.2f}".format(*self.colours)
        cells = [self.protocol, self.method, METRICS[self.key].label, *means, gain, self.verdict, colours]
        return "| " + " | ".join(cells) + " |"


HEAD = "| protocol | method | metric | old | new | better by | verdict | colour |\n" + "|---" * 8 + "|"


def compared(table: Table) -> Iterator[Compared]:
    """The rows of both checkpoints, in pairs."""
    rows = {row.label: row for row in table.rows}
    for label, new in rows.items():
        if not label.startswith("new "):
            continue
        old = rows["old " + label.removeprefix("new ")]
        measured = [metric.key for metric in table.metrics]
        key = "lpips_squeeze" if " sample" in label else next(k for k in ALLOWED if k in measured)
        differences = [a - b for a, b in zip(_scores(table, new, key), _scores(table, old, key), strict=True)]
        error = statistics.stdev(differences) / len(differences) ** 0.5
        colours = [statistics.fmean(_scores(table, row, "colour")) for row in (old, new)]
        yield Compared(
            table.protocol, label.removeprefix("new "), key,
            statistics.fmean(_scores(table, old, key)), statistics.fmean(_scores(table, new, key)),
            error, (colours[0], colours[1]),
        )  # fmt: skip


def may_replace(found: Sequence[Compared]) -> bool:
    """Whether the new weights are at least as good everywhere and better at more than half."""
    verdicts = [each.verdict for each in found]
    return not {"worse", "unclear"} & set(verdicts) and verdicts.count("better") > len(verdicts) / 2


def _scores(table: Table, row: Row, key: str) -> list[float]:
    scores = [picture.scores[key] for picture in row.pictures if picture.picture not in table.overlaps]
    known = [score for score in scores if score is not None and math.isfinite(score)]
    if len(known) < len(scores) or len(known) < 2:
        raise RestoreError(
            f"{table.title}: {row.label} must have a {key} of every picture, and of two at least"
        )
    return known


def candidates_of(protocol: Protocol, networks: dict[str, Backbone]) -> list[Candidate]:
    """The default rows of each checkpoint, told the noise level where the protocol tells it."""
    untold = protocol.task == "denoise" and protocol.level_name != "sigma"
    selection = Selection(methods=("auto", "blind")) if untold else Selection()
    rows = [row for name, net in networks.items() for row in own_rows(protocol, net, selection, name)]
    return [row for row in rows if not row.name.endswith("sigma estimated")]


def work(
    data: Path, limit: int | None, known: dict[str, Fingerprints]
) -> Iterator[tuple[PictureSet, Protocol]]:
    """What both checkpoints are measured on."""
    pictures = PictureSet.of(data / "val" / "cid22_val", limit=limit, crop=CROP, known=known)
    for protocol in TASKS:
        yield pictures, protocol
    if (data / "real" / "camera").is_dir():
        yield PairSet.found(data / "real" / "camera", limit=limit, crop=CROP, known=known), Pairs()
    else:
        print("no pairs of photographs among the data: real noise is not compared", file=sys.stderr)


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--old", type=Path, metavar="FILE", help="default: the shipped weights")
    add_data_option(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="the first N pictures: a trial")
    parser.add_argument("--device", help="default: the best there is")
    options = parser.parse_args()
    networks = {
        "old": restore.load(options.old, device=options.device),
        "new": restore.load(options.new, device=options.device),
    }
    lpips = lpips_of(options.data).to(networks["new"].device)
    for name, net in networks.items():
        if "fingerprints" not in net.facts:
            raise RestoreError(f"the {name} weights carry no hashes of what they were trained on")
    known = {name: Fingerprints.parse(net.facts["fingerprints"]) for name, net in networks.items()}
    found: list[Compared] = []
    print(HEAD, flush=True)
    for pictures, protocol in work(options.data, options.limit, known):
        key = {"upscale": "psnr_y", "inpaint": "psnr_hole"}.get(protocol.task, "psnr")
        nets = {} if protocol.task == "denoise" else {"squeeze": lpips}
        metrics = [METRICS[k] for k in (key, "colour", *(f"lpips_{net}" for net in nets))]
        table = measure(
            pictures,
            protocol,
            candidates_of(protocol, networks),
            Scorer(metrics, nets),
            observer=Observer(_stop),
        )
        for each in compared(table):
            found.append(each)
            print(each, flush=True)
    counts = Counter(each.verdict for each in found)
    fits = may_replace(found)
    print(
        f"\n{len(found)} comparisons: {', '.join(f'{n} {verdict}' for verdict, n in counts.items())}; "
        + ("the new weights may replace the old ones" if fits else "the old weights stay")
    )
    return 0 if fits else 1


def _stop(problem: str) -> None:
    raise RestoreError(problem)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RestoreError as error:
        print(f"benchmarks/guard.py: {error}", file=sys.stderr)
        sys.exit(2)
