"""The scores of a result, with the work that concerns the reference done once for each picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from restore.evaluation import metrics
from restore.evaluation.cases import Case
from restore.evaluation.columns import Metric
from restore.images.perceptual import LPIPS_SMALLEST, Lpips


@dataclass(frozen=True)
class Scorer:
    """Scores results by some metrics.

    Parameters
    ----------
    chosen : sequence of Metric
        The metrics.
    nets : mapping
        LPIPS by the trunk.
    """

    chosen: Sequence[Metric]
    nets: Mapping[str, Lpips]

    def of(self, case: Case, border: int) -> Reference:
        """Prepare the reference of a case; border: pixels at each side that PSNR and SSIM leave out."""
        return Reference(self, case, border)


class Reference:
    """One clean picture that results are scored against; see `Scorer`."""

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
            and min(case.clean.shape[-2:]) >= LPIPS_SMALLEST
        }

    def _inside(self, image: Tensor) -> Tensor:
        return image[..., self._inner, self._inner]

    def scores(self, result: Tensor) -> dict[str, float | None]:
        """Score a rounded result ``(1, 3, h, w)``; None where the picture is too small for a metric."""
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
            elif key in ("colour", "seam", "ms_ssim"):
                value = self._by_function(key, result, cut)
            elif key.startswith("lpips") and (net := key.split("_")[1]) in features:
                lpips = self._scorer.nets[net]
                whole = self._hole if where is not None else None
                value = lpips.distance(features[net], self._features[net], where=whole).item()
            found[key] = None if value is None or math.isnan(value) else value
        return found

    def _by_function(self, key: str, result: Tensor, cut: Tensor) -> float | None:
        """Of a metric that shares no work with others; cut: the result without its border."""
        if key == "colour":
            return 255 * metrics.colour_shift(cut, self._cut).item()
        if key == "seam" and self._hole is not None:
            ratio = metrics.seam_ratio(result, self._clean, self._hole).item()
            return max(ratio, 1 / ratio)
        if key == "ms_ssim" and min(cut.shape[-2:]) >= metrics.MS_SSIM_SMALLEST:
            return metrics.ms_ssim(cut, self._cut).item()
        return None
