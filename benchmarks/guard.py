"""Whether another checkpoint may replace the shipped one: both on the same pictures, at every task.

    python benchmarks/guard.py NEW.safetensors --data DIR            # half an hour on two cores
    python benchmarks/guard.py NEW.safetensors --data DIR --limit 8  # a trial

Validation pictures (DIR/val/cid22_val), centre crops, the functions that users call; pictures that either was
trained on do not count. Prints a Markdown table for the commit message. Exit code 0: at least as good
everywhere and better at most; 1: not so.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import restore
from restore.backbone import Backbone
from restore.errors import RestoreError
from restore.evaluation.methods import Asked, Method, own_methods
from restore.evaluation.pictures import PictureSet
from restore.evaluation.protocols import BicubicDown, Gaussian, Holes, Jpeg, PoissonGaussian, Protocol
from restore.evaluation.results import Row, Table
from restore.evaluation.run import measure
from restore.evaluation.scoring import METRICS, Scorer
from restore.fingerprints import Fingerprints
from restore.metrics import Lpips

CROP = 256
TASKS: tuple[Protocol, ...] = (
    Gaussian(15),
    Gaussian(25),
    Gaussian(50),
    PoissonGaussian(0.02, 4),
    Jpeg(30),
    BicubicDown(2),
    BicubicDown(4),
    Holes("strokes-narrow"),
    Holes("text"),
    Holes("box"),
    Holes("random"),
)
ALLOWED = {"psnr": 0.02, "psnr_y": 0.02, "psnr_hole": 0.02, "lpips_squeeze": 0.002}
"""A smaller loss than this, or than two standard errors, is none."""


@dataclass(frozen=True)
class Compared:
    """One method on one protocol.

    old, new: means of the metric; error: the standard error of their difference over the pictures. colour:
    the mean distance of the mean colours with the new weights, in levels of 255.
    """

    protocol: str
    method: str
    key: str
    old: float
    new: float
    error: float
    colour: float

    @property
    def gain(self) -> float:
        """New over old, above 0 where the new weights are better."""
        return (self.new - self.old) * (1 if METRICS[self.key].higher_is_better else -1)

    @property
    def verdict(self) -> str:
        if self.gain < -max(ALLOWED[self.key], 2 * self.error):
            return "worse"
        return "better" if self.gain > 2 * self.error else "as good"

    def __str__(self) -> str:
        digits = METRICS[self.key].digits
        gain = f"{self.gain:+.{digits}f} ± {self.error:.{digits}f}"
        cells = [self.protocol, self.method, METRICS[self.key].label]
        cells += [
            f"{self.old:.{digits}f}",
            f"{self.new:.{digits}f}",
            gain,
            self.verdict,
            f"{self.colour:.2f}",
        ]
        return "| " + " | ".join(cells) + " |"


HEAD = "| protocol | method | metric | old | new | better by | verdict | colour, new |\n" + "|---" * 8 + "|"


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
        spread = statistics.stdev(differences) if len(differences) > 1 else 0.0
        yield Compared(
            table.protocol, label.removeprefix("new "), key,
            statistics.fmean(_scores(table, old, key)), statistics.fmean(_scores(table, new, key)),
            spread / len(differences) ** 0.5, statistics.fmean(_scores(table, new, "colour")),
        )  # fmt: skip


def _scores(table: Table, row: Row, key: str) -> list[float]:
    scores = [picture.scores[key] for picture in row.pictures if picture.picture not in table.overlaps]
    known = [score for score in scores if score is not None]
    if len(known) < len(scores) or not known:
        raise RestoreError(f"{table.title}: {row.label} has no {key} of some pictures")
    return known


def methods_of(protocol: Protocol, networks: dict[str, Backbone]) -> list[Method]:
    """What users get unasked, of each checkpoint; told the noise level where the protocol tells it."""
    rows = [row for name, net in networks.items() for row in own_methods(protocol, net, Asked(), name)]
    return [row for row in rows if not row.name.endswith("sigma estimated")]


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("new", type=Path, metavar="NEW")
    parser.add_argument("--old", type=Path, metavar="FILE", help="default: the shipped weights")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("RESTORE_DATA", beside)))
    parser.add_argument("--limit", type=int, metavar="N", help="the first N pictures: a trial")
    parser.add_argument("--device", help="default: the best there is")
    options = parser.parse_args()
    networks = {
        "old": restore.load(options.old, device=options.device),
        "new": restore.load(options.new, device=options.device),
    }
    trunk = options.data / "metrics" / "squeezenet1_1_features.pth"
    lpips = Lpips(trunk if trunk.is_file() else None).to(networks["new"].device)
    known = {
        name: Fingerprints.parse(text)
        for name, net in networks.items()
        if (text := net.facts.get("fingerprints")) is not None
    }
    found: list[Compared] = []
    print(HEAD, flush=True)
    for protocol in TASKS:
        key = {"denoise": "psnr", "upscale": "psnr_y", "inpaint": "psnr_hole"}[protocol.task]
        nets = {} if protocol.task == "denoise" else {"squeeze": lpips}
        metrics = [METRICS[k] for k in (key, "colour", *(f"lpips_{net}" for net in nets))]
        pictures = PictureSet.of(
            options.data / "val" / "cid22_val", limit=options.limit, crop=CROP, known=known
        )
        table = measure(pictures, protocol, methods_of(protocol, networks), Scorer(metrics, nets), say=_stop)
        for each in compared(table):
            found.append(each)
            print(each, flush=True)
    worse, better = ([each for each in found if each.verdict == v] for v in ("worse", "better"))
    fits = not worse and len(better) > len(found) / 2
    print(
        f"\n{len(found)} comparisons: {len(better)} better, {len(worse)} worse; "
        + ("the new weights may replace the old ones" if fits else "the old weights stay")
    )
    return 0 if fits else 1


def _stop(problem: str) -> None:
    raise RestoreError(problem)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RestoreError as error:
        sys.exit(f"benchmarks/guard.py: {error}")
