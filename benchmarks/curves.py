"""Measure the shipped weights on validation pictures: quality by network calls, and how sure they are.

    python benchmarks/curves.py --data DIR

writes restore/weights/measured.json, which --nfe, --seconds and --uncertainty tell users from. Validation
pictures (DIR/val/cid22_val), never those that the README's numbers are of.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import add_data_option, lpips_of

from restore.backbone import Backbone, load
from restore.budget import calls_of
from restore.evaluation.methods import Asked, own_methods
from restore.evaluation.pictures import PictureSet
from restore.evaluation.protocols import BicubicDown, Degraded, Gaussian, Holes, Jpeg, Protocol
from restore.evaluation.run import measure
from restore.evaluation.scoring import METRICS, Scorer
from restore.measured import FILE
from restore.options import STEPS

# What is measured: the damage in words, its protocol, the method, the estimate, and the steps; for what takes
# one call, orientations. The steps of the default are among them.
CURVES: list[tuple[str, Protocol, str, str, Sequence[int]]] = [
    ("narrow strokes", Holes("strokes-narrow"), "alternating", "mean", (1, 2, 4, 8, 12, 20, 40, 80)),
    ("narrow strokes", Holes("strokes-narrow"), "alternating", "sample", (2, 4, 8, 12, 24, 48, 96)),
    ("pictures reduced 4 times", BicubicDown(4), "projection", "mean", (1, 2, 4, 6, 12, 24, 48)),
    ("pictures reduced 4 times", BicubicDown(4), "projection", "sample", (1, 2, 4, 10, 20, 48)),
    ("white noise of sigma 25", Gaussian(25), "gaussian", "mean", (1, 2, 4, 8)),
    ("white noise of sigma 25", Gaussian(25), "gaussian", "sample", (2, 5, 10, 20, 50)),
    ("JPEG of quality 30", Jpeg(30), "splitting", "mean", (1, 2, 4, 8, 16)),
    ("JPEG of quality 30", Jpeg(30), "ddnm", "sample", (1, 2, 6, 12, 24)),
    ("a blur of 1.6 pixels", Degraded(("blur=gaussian:1.6",)), "splitting", "mean", (2, 5, 12, 24, 48)),
    ("a blur of 1.6 pixels", Degraded(("blur=gaussian:1.6",)), "pigdm", "sample", (2, 5, 10, 20, 30)),
]


def curves(
    data: Path, scorer: Scorer, backbone: Backbone, limit: int, crop: int
) -> Iterator[tuple[str, Any]]:
    """(key, curve) of each; a line on standard error as they come."""
    pictures = PictureSet.of(data, limit=limit, crop=crop)
    for damage, protocol, method, estimate, steps in CURVES:
        walked = (method, estimate) != ("gaussian", "mean")
        points = []
        for number in steps:
            backbone.ensemble = 1 if walked else number
            asked = Asked([estimate], [method], {"steps": number} if walked else {})
            rows = own_methods(protocol, backbone, asked)[:1]
            (row,) = measure(pictures, protocol, rows, scorer).rows
            scores = [row.mean(metric.key) for metric in scorer.chosen if metric.key in keys_of(protocol)]
            calls = min(picture.calls or 0 for picture in row.pictures)  # of a hole that is not deep
            points.append([calls, *(round(score or math.nan, 4) for score in scores)])
            print(protocol.task, method, estimate, points[-1], file=sys.stderr)
        backbone.ensemble = 1
        walk = {"method": method, "estimate": estimate}
        default = calls_of(protocol.task, walk, STEPS[protocol.task][method, estimate]) if walked else 1
        what = f"{damage} in {limit} validation pictures of {crop}x{crop}"
        yield f"{protocol.task} {method} {estimate}", {"what": what, "points": points, "default": default}


def keys_of(protocol: Protocol) -> tuple[str, str]:
    """The metrics of a curve: PSNR as the task is judged by it, and LPIPS."""
    psnr = {"inpaint": "psnr_hole", "upscale": "psnr_y"}.get(protocol.task, "psnr")
    return psnr, "lpips_squeeze"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument("--limit", type=int, default=10, help="pictures")
    parser.add_argument("--crop", type=int, default=256)
    options = parser.parse_args()
    lpips = lpips_of(options.data)
    keys = ["psnr", "psnr_y", "psnr_hole", "lpips_squeeze"]
    scorer = Scorer([METRICS[key] for key in keys], {"squeeze": lpips})
    backbone = load()
    told = json.loads(FILE.read_text(encoding="utf-8"))
    found = dict(curves(options.data / "val" / "cid22_val", scorer, backbone, options.limit, options.crop))
    told |= {"weights": backbone.facts["sha256"], "curves": found}
    FILE.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
