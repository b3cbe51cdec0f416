"""Scores are those of the metrics, over the pixels that count."""

from __future__ import annotations

import math

import pytest
import torch
from protocols_at_hand import CLEAN
from scenes import scene

from restore.evaluation import metrics
from restore.evaluation.cases import from_bytes, rounded
from restore.evaluation.columns import METRICS, metrics_of
from restore.evaluation.protocols import BicubicDown, Gaussian, Holes
from restore.evaluation.scoring import Scorer


def test_the_border_is_left_out() -> None:
    scorer = Scorer(metrics_of("upscale", [], ["psnr", "psnr-y"]), {})
    case = BicubicDown(4).apply(CLEAN)
    wrong = case.clean.clone()
    wrong[..., :4] = 1 - wrong[..., :4]
    assert all(v == math.inf for v in scorer.of(case, 4).scores(wrong).values())
    assert all(v is not None and v < 30 for v in scorer.of(case, 3).scores(wrong).values())


def test_inside_the_hole_only() -> None:
    scorer = Scorer(metrics_of("inpaint", [], ["psnr", "ssim"]), {})
    case = Holes("box").apply(CLEAN)
    assert case.given.hole is not None
    inside = case.given.hole.bool().expand_as(CLEAN)
    wrong_outside = torch.where(inside, CLEAN, 1 - CLEAN)
    found = scorer.of(case, 0).scores(wrong_outside)
    assert found["psnr_hole"] == math.inf
    assert found["psnr"] is not None
    assert found["psnr"] < 20
    wrong_inside = torch.where(inside, CLEAN + 0.1, CLEAN)
    found = scorer.of(case, 0).scores(wrong_inside)
    assert found["psnr_hole"] == pytest.approx(20, abs=0.01)
    assert found["ssim_hole"] is not None
    assert found["ssim_hole"] < found["ssim"]


def test_metrics_of_a_task() -> None:
    keys = [m.key for m in metrics_of("inpaint", ["squeeze", "alex"])]
    assert keys[0] == "psnr_hole"
    assert {"lpips_squeeze", "lpips_squeeze_hole", "lpips_alex", "ssim_hole", "ms_ssim"} <= set(keys)
    assert [m.key for m in metrics_of("inpaint", ["alex"], ["lpips"])] == ["lpips_alex", "lpips_alex_hole"]
    assert not any(m.higher_is_better for m in METRICS.values() if m.label.startswith("LPIPS"))


@pytest.mark.parametrize("task", ["denoise", "upscale", "inpaint", "compare"])
def test_every_score_is_that_of_its_function(task: str) -> None:
    """Each metric alone and all of them together, against the functions that compute them."""
    clean = from_bytes(scene(3, 184, 188))
    protocol = {"upscale": BicubicDown(4), "inpaint": Holes("box")}.get(task, Gaussian(25))
    case = protocol.apply(clean)
    result = rounded(
        case.clean + 0.1 * torch.randn(case.clean.shape, generator=torch.Generator().manual_seed(0))
    )
    border = protocol.border
    inner = slice(border, -border or None)
    a, b = (x[..., inner, inner] for x in (result, case.clean))
    y, y_clean = metrics.luma(a), metrics.luma(b)
    hole = case.given.hole
    wanted = {
        "psnr": metrics.psnr(a, b).item(),
        "psnr_y": metrics.psnr(y, y_clean).item(),
        "ssim": metrics.ssim(a, b).item(),
        "ssim_y": metrics.ssim(y, y_clean).item(),
        "ms_ssim": metrics.ms_ssim(a, b).item(),
        "colour": 255 * metrics.colour_shift(a, b).item(),
    }
    if task == "inpaint":
        wanted["psnr_hole"] = metrics.psnr(a, b, where=hole).item()
        wanted["psnr_y_hole"] = metrics.psnr(y, y_clean, where=hole).item()
        wanted["ssim_hole"] = metrics.ssim(a, b, where=hole).item()
        assert hole is not None
        wanted["seam"] = metrics.seam_ratio(a, b, hole).item()
        assert wanted["seam"] > 1
    chosen = metrics_of(task, [])
    assert {metric.key for metric in chosen} == set(wanted)
    assert Scorer(chosen, {}).of(case, border).scores(result) == pytest.approx(wanted)
    for metric in chosen:
        alone = Scorer([metric], {}).of(case, border).scores(result)
        assert alone == {metric.key: pytest.approx(wanted[metric.key])}
    assert len(set(wanted.values())) == len(wanted)  # no two of them could be mistaken for each other
