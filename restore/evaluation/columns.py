"""The columns of a table: the metrics by name, and which of them each task is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A column of a table.

    Parameters
    ----------
    key : str
        The name in JSON and CSV.
    label : str
        The heading.
    higher_is_better : bool
        Whether more is better.
    digits : int
        Decimal places in tables.
    description : str
        How it is computed, printed below the tables.
    """

    key: str
    label: str
    higher_is_better: bool
    digits: int
    description: str


_SSIM = "Wang et al. 2004 as scikit-image computes it: Gaussian window 11x11, sigma 1.5, no sample covariance"
_MS_SSIM = "Wang et al. 2003, five scales"
TRUNKS = {"squeeze": "SqueezeNet 1.1", "alex": "AlexNet", "vgg": "VGG-16"}
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
    Metric(
        "seam",
        "Seam",
        False,
        2,
        "by what factor the steps from pixel to pixel across the hole's border are larger, or smaller, than "
        "those of the clean picture there; 1 is as there",
    ),
    Metric("ssim_hole", "SSIM hole", True, 4, f"SSIM on RGB of the windows around the pixels {_HOLE}"),
]
_LPIPS = [
    metric
    for net, trunk in TRUNKS.items()
    for metric in (
        Metric(
            f"lpips_{net}", f"LPIPS {net}", False, 4, f"LPIPS 0.1, {trunk} trunk, on RGB without a border"
        ),
        Metric(f"lpips_{net}_hole", f"LPIPS {net} hole", False, 4, f"LPIPS 0.1, {trunk} trunk, {_HOLE}"),
    )
]
METRICS = {metric.key: metric for metric in _ALL + _LPIPS}
# What a task is judged by comes first; LPIPS of every trunk at hand follows.
_USUAL = ("psnr", "ssim", "psnr_y", "ssim_y", "ms_ssim", "colour")
_ORDER = {
    "upscale": ("psnr_y", "ssim_y", "psnr", "ssim", "ms_ssim", "colour"),
    "inpaint": ("psnr_hole", "ssim_hole", "psnr_y_hole", "seam", *_USUAL),
}


def metrics_of(task: str, nets: Sequence[str], only: Sequence[str] = ()) -> list[Metric]:
    """The columns of a task's table.

    Parameters
    ----------
    task : str
        A task, or compare.
    nets : sequence of str
        The trunks that LPIPS is measured with, of `TRUNKS`.
    only : sequence of str
        The families to keep, of `FAMILIES`; empty for all.

    Examples
    --------
    >>> [metric.key for metric in metrics_of("inpaint", ["alex"], ["psnr", "lpips"])]
    ['psnr_hole', 'psnr', 'lpips_alex', 'lpips_alex_hole']
    """
    keys = list(_ORDER.get(task, _USUAL))
    for net in nets:
        keys += [f"lpips_{net}"] + ([f"lpips_{net}_hole"] if task == "inpaint" else [])
    return [METRICS[key] for key in keys if not only or family(key) in only]


def family(key: str) -> str:
    """What the command line calls a metric: its key without trunk and hole.

    Examples
    --------
    >>> family("psnr_y_hole"), family("lpips_alex")
    ('psnr-y', 'lpips')
    """
    return "lpips" if key.startswith("lpips") else key.removesuffix("_hole").replace("_", "-")


FAMILIES = tuple(dict.fromkeys(map(family, METRICS)))
"""The metrics as the command line calls them."""

HOLES = {
    "strokes-narrow": "four broken lines, 1 to 5 % of the shorter side wide",
    "strokes-wide": "three broken lines, 6 to 16 % of the shorter side wide",
    "text": "lines of print, letters 20 pixels high",
    "scratches": "six hairlines, nearly upright, and twelve specks",
    "box": "a square of a quarter of the shorter side",
    "box-64": "a square of 64 pixels near the middle, at most half the shorter side",
    "box-96": "a square of 96 pixels near the middle, at most half the shorter side",
    "box-128": "a square of 128 pixels near the middle, at most half the shorter side",
    "object": "the outline of a person, an animal, a vehicle or a bush, 4 to 12 % of the picture",
    "random": "every pixel with probability one half",
    "half": "the right half",
    "expand": "all but the middle, a quarter of each side",
    "alternate-lines": "every other row",
    "grid2x": "all but every other pixel of every other row",
}
"""The families of holes that inpainting is measured with, in words; `restore.evaluation.holes` draws them."""
