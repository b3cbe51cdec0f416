"""Which numbers a result is judged by, and how they are computed once for each picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from restore.evaluation import metrics
from restore.evaluation.metrics import Lpips
from restore.evaluation.protocols import Case
from restore.evaluation.results import Metric

_SSIM = "Wang et al. 2004 as scikit-image computes it: Gaussian window 11x11, sigma 1.5, no sample covariance"
_MS_SSIM = "Wang et al. 2003, five scales"
_TRUNKS = {"squeeze": "SqueezeNet 1.1", "alex": "AlexNet", "vgg": "VGG-16"}
_Y = "on Y (BT.601, MATLAB's rgb2ycbcr)"
_HOLE = "inside the hole only"
_ALL = [
    Metric("psnr", "PSNR", True, 2, "PSNR in dB on RGB, of each picture, then the mean"),
    Metric("psnr_y", "PSNR Y", True, 2, f"PSNR {_Y}"),
    Metric("ssim", "SSIM", True, 4, f"SSIM on RGB, channel by channel ({_SSIM})"),
    Metric("ssim_y", "SSIM Y", True, 4, f"SSIM {_Y}"),
    Metric("ms_ssim", "MS-SSIM", True, 4, f"MS-SSIM on RGB ({_MS_SSIM})"),
    Metric(
        "colour", "Colour", False, 3, "distance of the mean colours, channel by channel, in levels of 255"
    ),
    Metric("psnr_hole", "PSNR hole", True, 2, f"PSNR on RGB {_HOLE}"),
    Metric("psnr_y_hole", "PSNR Y hole", True, 2, f"PSNR {_Y} {_HOLE}"),
    Metric("ssim_hole", "SSIM hole", True, 4, f"SSIM on RGB of the windows around the pixels {_HOLE}"),
]
_LPIPS = [
    metric
    for net, trunk in _TRUNKS.items()
    for metric in (
        Metric(
            f"lpips_{net}", f"LPIPS {net}", False, 4, f"LPIPS 0.1, {trunk} trunk, on RGB without a border"
        ),
        Metric(f"lpips_{net}_hole", f"LPIPS {net} hole", False, 4, f"LPIPS 0.1, {trunk} trunk, {_HOLE}"),
    )
]
METRICS = {metric.key: metric for metric in _ALL + _LPIPS}
# What each task is judged by first comes first; LPIPS of every trunk at hand follows.
_ORDER = {
    "denoise": ("psnr", "ssim", "psnr_y", "ssim_y", "ms_ssim", "colour"),
    "upscale": ("psnr_y", "ssim_y", "psnr", "ssim", "ms_ssim", "colour"),
    "inpaint": (
        "psnr_hole",
        "ssim_hole",
        "psnr_y_hole",
        "psnr",
        "ssim",
        "psnr_y",
        "ssim_y",
        "ms_ssim",
        "colour",
    ),
    **dict.fromkeys(
        ("compare", "dejpeg", "solve"), ("psnr", "ssim", "psnr_y", "ssim_y", "ms_ssim", "colour")
    ),
}


def metrics_of(task: str, nets: Sequence[str], only: Sequence[str] = ()) -> list[Metric]:
    """The columns of a task's table with these LPIPS trunks, or those of ``only`` among them."""
    keys = list(_ORDER[task])
    for net in nets:
        keys += [f"lpips_{net}"] + ([f"lpips_{net}_hole"] if task == "inpaint" else [])
    return [METRICS[key] for key in keys if not only or _family(key) in only]


def _family(key: str) -> str:
    """What the command line calls it: the metric without trunk and hole."""
    return key.removesuffix("_hole").split("_squeeze")[0].split("_alex")[0].split("_vgg")[0].replace("_", "-")


FAMILIES = ("psnr", "psnr-y", "ssim", "ssim-y", "ms-ssim", "colour", "lpips")


@dataclass(frozen=True)
class Scorer:
    """Scores results by the chosen metrics; nets: the LPIPS networks by trunk."""

    chosen: Sequence[Metric]
    nets: Mapping[str, Lpips]

    def of(self, case: Case, border: int) -> Reference:
        """Scores against one clean picture, whose part of the work is done once for all methods."""
        return Reference(self, case, border)


class Reference:
    """One clean picture; see Scorer."""

    def __init__(self, scorer: Scorer, case: Case, border: int):
        self._scorer = scorer
        self._hole = case.given.hole
        self._clean = case.clean
        self._inner = slice(border, -border or None)
        self._cut = self._inside(case.clean)
        self._luma = metrics.luma(self._cut)
        self._features = {
            net: lpips.features(case.clean)
            for net, lpips in scorer.nets.items()
            if any(metric.key.startswith(f"lpips_{net}") for metric in scorer.chosen)
            and min(case.clean.shape[-2:]) >= metrics.LPIPS_SMALLEST
        }

    def _inside(self, image: Tensor) -> Tensor:
        return image[..., self._inner, self._inner]

    def scores(self, result: Tensor) -> dict[str, float | None]:
        """Of a result ``(1, 3, h, w)``, already rounded; None where the picture is too small to tell."""
        cut = self._inside(result)
        y, side = metrics.luma(cut), min(cut.shape[-2:])
        hole = None if self._hole is None else self._inside(self._hole)
        features = {net: self._scorer.nets[net].features(result) for net in self._features}
        keys = {metric.key for metric in self._scorer.chosen}
        windows: dict[bool, Tensor] = {}  # of SSIM: on luma or not
        if side >= metrics.SSIM_SMALLEST:
            if keys & {"ssim", "ssim_hole"}:
                windows[False] = metrics.ssim_map(cut, self._cut)
            if "ssim_y" in keys:
                windows[True] = metrics.ssim_map(y, self._luma)
        found: dict[str, float | None] = {}
        for metric in self._scorer.chosen:
            key = metric.key
            where = hole if key.endswith("_hole") else None
            on_luma = key.startswith(("psnr_y", "ssim_y"))
            value: float | None = None
            if key.startswith("psnr"):
                a, b = (y, self._luma) if on_luma else (cut, self._cut)
                value = metrics.psnr(a, b, where=where).item()
            elif key.startswith("ssim") and on_luma in windows:
                value = metrics.mean_of_windows(windows[on_luma], where).item()
            elif key == "colour":
                value = 255 * metrics.colour_shift(cut, self._cut).item()
            elif key == "ms_ssim" and side >= metrics.MS_SSIM_SMALLEST:
                value = metrics.ms_ssim(cut, self._cut).item()
            elif key.startswith("lpips") and (net := key.split("_")[1]) in features:
                lpips = self._scorer.nets[net]
                whole = self._hole if where is not None else None
                value = lpips.distance(features[net], self._features[net], where=whole).item()
            found[key] = None if value is None or math.isnan(value) else value
        return found
