"""Measure the shipped weights on validation pictures: quality by network calls, and how sure they are.

    python benchmarks/curves.py --data DIR

writes restore/weights/calibration.json, which --nfe, --seconds and --uncertainty tell users from. Validation
pictures (DIR/val/cid22_val), never those that the README's numbers are of.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from common import add_data_option, lpips_of
from torch import Tensor
from torch.nn.functional import avg_pool2d

from restore.evaluation.cases import Given, Protocol
from restore.evaluation.columns import METRICS
from restore.evaluation.measure import measure
from restore.evaluation.pictures import Picture, PictureSet
from restore.evaluation.protocols import BicubicDown, Degraded, Gaussian, Holes, Jpeg
from restore.evaluation.rows import own_rows
from restore.evaluation.scoring import Scorer
from restore.evaluation.selection import Selection
from restore.inverse.build import chain_of
from restore.priors.backbone import Backbone
from restore.priors.calibration import FILE
from restore.priors.checkpoint import load
from restore.tasks import catalogue
from restore.tasks.budget import plan
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.solve import solve
from restore.tasks.uncertainty import (
    of_dejpeg,
    of_denoising,
    of_inpainting,
    of_solving,
    of_upscaling,
)
from restore.tasks.upscale import upscale
from restore.tasks.variance import known_temperature

# What is measured: the damage in words, its protocol, the method, the estimate, and the budgets of calls,
# that of the default among them.
CURVES: list[tuple[str, Protocol, str, str, Sequence[int]]] = [
    ("narrow strokes", Holes("strokes-narrow"), "alternating", "mean", (1, 2, 4, 8, 12, 24, 48)),
    ("narrow strokes", Holes("strokes-narrow"), "alternating", "sample", (2, 4, 8, 12, 24, 48)),
    ("pictures reduced 4 times", BicubicDown(4), "projection", "mean", (3, 4, 8, 16, 32)),
    ("pictures reduced 4 times", BicubicDown(4), "projection", "sample", (3, 4, 6, 10, 20, 50)),
    ("white noise of sigma 25", Gaussian(25), "gaussian", "mean", (1, 2, 4, 8)),
    ("white noise of sigma 25", Gaussian(25), "gaussian", "sample", (2, 5, 10, 20, 50)),
    ("JPEG of quality 30", Jpeg(30), "splitting", "mean", (2, 3, 5, 10, 20, 40)),
    ("JPEG of quality 30", Jpeg(30), "ddnm", "sample", (2, 3, 7, 13, 25)),
    ("a blur of 1.6 pixels", Degraded(("blur=gaussian:1.6",)), "splitting", "mean", (2, 5, 12, 24, 48)),
    ("a blur of 1.6 pixels", Degraded(("blur=gaussian:1.6",)), "pigdm", "sample", (2, 5, 10, 20, 30)),
]


def curves(
    data: Path, scorer: Scorer, backbone: Backbone, limit: int, crop: int, task: str = ""
) -> Iterator[tuple[str, Any]]:
    """(key, curve) of each; a line on standard error as they come."""
    pictures = PictureSet.of(data, limit=limit, crop=crop)
    for damage, protocol, method, estimate, budgets in CURVES:
        if task not in ("", protocol.task):
            continue
        options = {"method": method, "estimate": estimate}
        points = []
        for number in budgets:
            chosen = plan(protocol.task, options, number)
            backbone.ensemble = chosen.ensemble
            selection = Selection([estimate], [method], chosen.options)
            rows = own_rows(protocol, backbone, selection)[:1]
            (row,) = measure(pictures, protocol, rows, scorer).rows
            scores = [row.mean(metric.key) for metric in scorer.chosen if metric.key in keys_of(protocol)]
            calls = min(picture.calls or 0 for picture in row.pictures)  # of a hole that is not deep
            points.append([calls, *(round(score or math.nan, 4) for score in scores)])
            print(protocol.task, method, estimate, points[-1], file=sys.stderr)
        backbone.ensemble = 1
        known = catalogue.find(protocol.task, method, estimate)
        default = known.calls(known.steps)
        what = f"{damage} in {limit} validation pictures of {crop}x{crop}"
        yield f"{protocol.task} {method} {estimate}", {"what": what, "points": points, "default": default}


def keys_of(protocol: Protocol) -> tuple[str, str]:
    """The metrics of a curve: PSNR as the task is judged by it, and LPIPS."""
    psnr = {"inpaint": "psnr_hole", "upscale": "psnr_y"}.get(protocol.task, "psnr")
    return psnr, "lpips_squeeze"


Sure = Callable[[Given, Backbone], tuple[Tensor, Tensor]]


def _denoised(given: Given, backbone: Backbone) -> tuple[Tensor, Tensor]:
    sigma = given.sigma or 0.0
    return denoise(given.image, sigma=sigma, prior=backbone), of_denoising(given.image, sigma, prior=backbone)


def _inpainted(given: Given, backbone: Backbone) -> tuple[Tensor, Tensor]:
    found = inpaint(given.image, given.hole, estimate="mean", prior=backbone)
    return found, of_inpainting(given.image, given.hole, prior=backbone)


def _upscaled(given: Given, backbone: Backbone) -> tuple[Tensor, Tensor]:
    scale = given.scale or 1
    found = upscale(given.image, scale, estimate="mean", prior=backbone)
    return found, of_upscaling(given.image, scale, prior=backbone)


def _decompressed(given: Given, backbone: Backbone) -> tuple[Tensor, Tensor]:
    assert given.coding is not None  # a JPEG has told it
    found = dejpeg(given.image, coding=given.coding, prior=backbone)
    return found, of_dejpeg(given.image, given.coding, prior=backbone)


def _solved(given: Given, backbone: Backbone) -> tuple[Tensor, Tensor]:
    operator = chain_of(given.specs)
    return solve(given.image, operator, prior=backbone), of_solving(given.image, operator, prior=backbone)


# The protocols that one temperature is for, each weighing the same; the mean restored, and its deviation.
SURE: dict[str, tuple[Sure, tuple[Protocol, ...]]] = {
    "denoise": (_denoised, (Gaussian(15), Gaussian(25), Gaussian(50))),
    "inpaint": (_inpainted, (Holes("strokes-narrow"), Holes("text"), Holes("box"))),
    "upscale": (_upscaled, (BicubicDown(2), BicubicDown(4))),
    "dejpeg": (_decompressed, (Jpeg(10), Jpeg(30), Jpeg(60))),
    "solve": (_solved, (Degraded(("blur=gaussian:1.6",)), Degraded(("blur=motion:15:30",)))),
}
BINS = 10


def predicted_and_real(
    sure: Sure, protocol: Protocol, cleans: Sequence[Tensor], backbone: Backbone
) -> tuple[Tensor, Tensor]:
    """The predicted deviation and the squared error of every pixel that was restored."""
    deviations, errors = [], []
    for clean in cleans:
        case = protocol.apply(clean)
        found, deviation = sure(case.given, backbone)
        error = (found.clamp(0, 1) - case.clean).square().mean(1, keepdim=True)
        where = torch.ones_like(error) if case.given.hole is None else case.given.hole
        deviations.append(deviation[where > 0])
        errors.append(error[where > 0])
    return torch.cat(deviations), torch.cat(errors)


def _cleans(data: Path, limit: int, crop: int, *, halve: bool = False) -> Iterator[Tensor]:
    """Crops ``(1, 3, crop, crop)``; halve: at half size, where less of a crop is blurred background."""
    for picture in PictureSet.of(data, limit=limit, crop=crop * (1 + halve)).read():
        if isinstance(picture, Picture):
            yield (255 * avg_pool2d(picture.clean, 2)).round() / 255 if halve else picture.clean


def ratios(deviation: Tensor, error: Tensor) -> list[float]:
    """Measured over predicted error in each tenth of the pixels, from those that are surest on."""
    parts = deviation.argsort().tensor_split(BINS)
    return [float((error[part].mean() / deviation[part].square().mean()).sqrt()) for part in parts]


def calibration(
    data: Path, backbone: Backbone, limit: int, crop: int, tasks: Sequence[str], *, halves: bool = True
) -> dict[str, float]:
    """The temperature of each task; how well it fits goes to standard error.

    The one by which measured is nearest to predicted across the range: the geometric mean of their ratio over
    the tenths of the pixels. The mean square error itself is that of the few pixels with the largest.
    """
    temperatures = {}
    for task in tasks:
        sure, protocols = SURE[task]
        cleans = [*_cleans(data, limit, crop), *(_cleans(data, limit, crop, halve=True) if halves else ())]
        found = [predicted_and_real(sure, protocol, cleans, backbone) for protocol in protocols]
        logs = [math.log(ratio) for deviation, error in found for ratio in ratios(deviation, error)]
        temperatures[task] = round(math.exp(sum(logs) / len(logs)), 4)
        for protocol, (deviation, error) in zip(protocols, found, strict=True):
            # What comes at the stored temperature is looked at as it is.
            scale = 1.0 if known_temperature(task, backbone) else temperatures[task]
            told = " ".join(f"{ratio:.2f}" for ratio in ratios(scale * deviation, error))
            print(task, round(scale, 4), protocol.name, told, file=sys.stderr)
    return temperatures


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_data_option(parser)
    parser.add_argument("--limit", type=int, default=10, help="pictures")
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--task", choices=list(SURE), default="", help="of both parts, what is of one task")
    parser.add_argument("--only", choices=["curves", "temperatures"], help="of the two parts")
    parser.add_argument(
        "--check",
        type=Path,
        metavar="FOLDER",
        help="how well the stored temperatures fit on these; writes nothing",
    )
    options = parser.parse_args()
    lpips = lpips_of(options.data)
    keys = ["psnr", "psnr_y", "psnr_hole", "lpips_squeeze"]
    scorer = Scorer([METRICS[key] for key in keys], {"squeeze": lpips})
    backbone, tasks = load(), [options.task] if options.task else list(SURE)
    if options.check:  # the deviations are at the stored temperatures already
        calibration(options.check, backbone, options.limit, options.crop, tasks, halves=False)
        return
    told = json.loads(FILE.read_text(encoding="utf-8"))
    if told["weights"] != backbone.facts["sha256"]:  # nothing there is of these
        told = {"weights": backbone.facts["sha256"], "curves": {}, "temperatures": {}}
    validation = options.data / "val" / "cid22_val"
    if options.only != "temperatures":
        found = curves(validation, scorer, backbone, options.limit, options.crop, options.task)
        told["curves"] |= dict(found)
    if options.only != "curves":
        backbone.facts["sha256"] = ""  # without the temperatures that are there
        told["temperatures"] |= calibration(validation, backbone, options.limit, options.crop, tasks)
    FILE.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
