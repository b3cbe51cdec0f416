"""Holes deeper than the network knows: from coarse to fine, the same in any company, without seams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from mutants import edited, mutant_tests, wrong
from recording import Recorder, Reports, box_mask, picture
from scenes import scene
from torch import Tensor

from restore.inverse.fill import push_pull
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load
from restore.tasks import holes
from restore.tasks.holes import enlarged, halvings
from restore.tasks.inpaint import inpaint


def hole_of(mask: np.ndarray[Any, Any]) -> Tensor:
    return torch.from_numpy(mask > 0).float()[None, None]


def test_how_often_a_picture_is_halved() -> None:
    """Until its hole is no deeper than twelve pixels for a sample, 24 for the mean."""
    for side, mean, sample in ((20, 0, 0), (40, 0, 1), (60, 1, 2), (120, 2, 3)):
        hole = hole_of(box_mask(400, 500, 100, 100 + side, 50, 450))  # half as deep as it is high
        assert (halvings(hole, "mean"), halvings(hole, "sample")) == (mean, sample)
    # The border of the picture is nothing known.
    assert halvings(hole_of(box_mask(400, 500, 0, 20, 0, 500)), "sample") == 1
    assert halvings(hole_of(box_mask(70, 60, 5, 65, 5, 55)), "sample") == 0  # too small to be halved


def check_coarse_to_fine() -> None:
    """Half the size first: means of what is known, then from what was found there, without a step."""
    image, mask = picture(1, 3, 131, 150), box_mask(131, 150, 30, 100, 20, 120)
    checks = ((torch.arange(75) // 4 % 2)[None] ^ (torch.arange(66) // 4 % 2)[:, None]).float()

    def answer(x: Tensor, sigma: float) -> Tensor:
        """At half the size something that no smooth fill has, and that the last answer leaves."""
        return 0.9 * x + (checks if x.shape[-1] == 75 else 0.01)

    hole, recorder, reports = hole_of(mask), Recorder(answer), Reports()
    found = inpaint(image, mask, estimate="mean", steps=6, prior=recorder, progress=reports)
    reports.assert_complete(12)
    sizes = [tuple(state.shape[-2:]) for state in recorder.states]
    assert sizes == [(66, 75)] * 6 + [(131, 150)] * 6
    small, large = recorder.states[0], recorder.states[6]
    # The known part of every cell, and nothing of what lies under the hole.
    for row, column in ((0, 0), (14, 40), (40, 5), (65, 74)):
        cell = image[..., 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten(2)
        torch.testing.assert_close(small[..., row, column], cell.mean(2))
    missing = (hole_of(mask)[..., :130, :].unfold(-2, 2, 2).unfold(-2, 2, 2).amin((-2, -1)) > 0).float()
    known = small[..., :65, :75] * (1 - missing)
    torch.testing.assert_close(small[..., :65, :75], push_pull(known, missing), rtol=0, atol=0.02)
    assert torch.equal(large[..., hole[0, 0] == 0], image[..., hole[0, 0] == 0])
    # What the coarse size ended in is what the fine one starts from, moved by what it lacked at the edge.
    inner = torch.nn.functional.avg_pool2d(large[..., :130, :], 2)[..., 25:40, 25:45]
    coarse = (0.9 * recorder.states[5] + checks)[..., 25:40, 25:45]
    assert (inner - coarse).std() < 0.2 * coarse.std()
    assert torch.equal(found[..., hole[0, 0] == 0], image[..., hole[0, 0] == 0])


def test_coarse_to_fine() -> None:
    check_coarse_to_fine()


def test_what_is_enlarged_meets_what_is_known() -> None:
    """A fill that is off by a constant comes right, at the edge and inside."""
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 48, 64)
    hole = hole_of(box_mask(48, 64, 8, 40, 10, 54))
    small = torch.nn.functional.avg_pool2d(ramp, 2) + 0.2
    found = enlarged(small, ramp, hole)
    assert torch.equal(found[..., :8, :], ramp[..., :8, :])
    assert (found - ramp).abs().max() < 0.01


def test_a_picture_is_filled_the_same_in_whatever_company() -> None:
    pictures = picture(3, 3, 160, 150)
    masks = [box_mask(160, 150, 20, 130, 30, 120), box_mask(160, 150, 20, 28, 30, 60)]
    masks.append(masks[0])
    recorder = Recorder(lambda x, sigma: 0.9 * x + 0.01)
    all_holes = torch.cat([hole_of(mask) for mask in masks])
    reports = Reports()
    together = inpaint(pictures, all_holes, estimate="mean", steps=4, prior=recorder, progress=reports)
    reports.assert_complete(4 * 3)  # two holes at two sizes, together, and one at one
    for one, hole, found in zip(pictures, all_holes, together, strict=True):
        alone = inpaint(one, hole[None], estimate="mean", steps=4, prior=recorder)
        assert torch.equal(alone, found)


# --------------------------------------------------------------------------------- with real weights


@pytest.fixture(scope="module")
def shipped() -> Backbone:
    return load(device="cpu")


def steps_across(image: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How much neighbouring columns differ, for each pair of them."""
    grey = image.astype(float).mean(axis=2)
    return np.asarray(np.abs(np.diff(grey, axis=1)).mean(axis=0))


@pytest.mark.slow
def test_tile_borders_are_as_smooth_as_anything_in_a_large_fill(shipped: Backbone) -> None:
    photo = scene(1, 96, 384)
    mask = np.zeros((96, 384), np.uint8)
    mask[:, 80:] = 255
    shipped.tile = 64
    try:
        tiled = inpaint(photo, mask, method="alternating", steps=9, prior=shipped)
    finally:
        shipped.tile = 2048
    steps = steps_across(tiled)[96:]
    borders = np.arange(96, 383) % 64 == 63
    assert borders.sum() == 4
    others = steps[~borders]
    # The four are no outliers of the others: their mean lies where means of four others lie.
    spread = others.std() / 4**0.5
    assert abs(steps[borders].mean() - others.mean()) < 3 * spread
    whole = inpaint(photo, mask, method="alternating", steps=9, prior=shipped)
    assert np.abs(whole.astype(int) - tiled).max() <= 2


@pytest.mark.slow
def test_the_edge_of_a_large_hole_is_no_step(shipped: Backbone) -> None:
    photo = scene(2, 160, 256)
    mask = np.zeros((160, 256), np.uint8)
    mask[:, 128:] = 255
    for estimate in ("mean", "sample"):
        found: np.ndarray[Any, Any] = inpaint(photo, mask, estimate=estimate, steps=12, prior=shipped)  # type: ignore[arg-type]
        steps = steps_across(found)
        assert steps[127] < 1.5 * np.quantile(steps[:120], 0.95)
        assert np.abs(found[:, 200:].mean((0, 1)) - photo[:, :128].mean((0, 1))).max() < 40  # one picture


test_the_check_finds_the_mutant = mutant_tests({
    check_coarse_to_fine: [
        edited(holes.halved, "share.clamp_min(0.25)", "1"),
        edited(holes.halved, "(share == 0).to(hole)", "(share < 1).to(hole)"),
        wrong(enlarged, lambda right: lambda fill, image, hole: push_pull(image, hole), "filled anew"),
        edited(enlarged, "return torch.where(hole > 0, large, image)", "return large"),
    ],
})  # fmt: skip
