"""Strokes of a page as masks, against what geometry says of each pixel."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from soon import ends_soon

from restore.cli.serve.regions import Part
from restore.cli.serve.strokes import MOST_STROKES, checked, drawn

H, W = 90, 120


def brush(points: Any, radius: float, *, erase: bool = False) -> dict[str, Any]:
    return {"kind": "brush", "erase": erase, "radius": radius, "points": np.ravel(points).tolist()}


def lasso(points: Any) -> dict[str, Any]:
    return {"kind": "lasso", "erase": False, "points": np.ravel(points).tolist()}


def distances(points: NDArray[np.float64], size: tuple[int, int] = (H, W)) -> NDArray[np.float64]:
    """How far the middle of every pixel is from a line."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    found: NDArray[np.float64] = np.hypot(x - points[0, 0], y - points[0, 1])
    for start, end in pairwise(points):
        along = end - start
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / max(along @ along, 1e-9)
        share = share.clip(0, 1)
        found = np.minimum(found, np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1]))
    return found


@pytest.mark.parametrize("radius", [0.5, 1.3, 6.25, 24.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_brush_is_what_is_near_its_line_to_a_pixel(radius: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-40, 150, (rng.integers(1, 6), 2))
    found = drawn([brush(points, radius)], (H, W)) > 0
    far = distances(points)
    wrong = found != (far <= radius)
    assert np.abs(far - radius)[wrong].max(initial=0) < 1
    assert wrong.mean() < 0.01


def test_a_line_of_many_points_is_drawn_as_exactly() -> None:
    turn = np.linspace(0, 9, 4000)
    points = np.stack([60 + 5 * turn * np.cos(turn), 45 + 4 * turn * np.sin(turn)], 1)
    found = drawn([brush(points, 3.5)], (H, W)) > 0
    far = distances(points)
    assert np.abs(far - 3.5)[found != (far <= 3.5)].max(initial=0) < 1


def windings(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """How often a polygon goes around the middle of every pixel."""
    y, x = np.mgrid[:H, :W] + 0.5
    found = np.zeros((H, W), np.int64)
    for start, end in zip(points, np.roll(points, -1, axis=0), strict=True):
        side = (end[0] - start[0]) * (y - start[1]) - (x - start[0]) * (end[1] - start[1])
        found += (start[1] <= y) & (end[1] > y) & (side > 0)
        found -= (start[1] > y) & (end[1] <= y) & (side < 0)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_a_lasso_is_what_it_goes_around(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-40, 150, (rng.integers(3, 12), 2))
    assert np.array_equal(drawn([lasso(points)], (H, W)) > 0, windings(points) != 0)


def test_what_a_lasso_goes_around_twice_is_inside() -> None:
    turn = np.linspace(0, 4 * np.pi, 100)
    points = np.stack([60 + 30 * np.cos(turn), 45 + 30 * np.sin(turn)], 1)
    assert drawn([lasso(points)], (H, W))[45, 60] == 255


def test_boxes_hold_the_pixels_whose_middles_they_hold() -> None:
    box = {"kind": "box", "x": 10.4, "y": -5, "width": 3.2, "height": 7}
    found = drawn([box], (H, W)) > 0
    expected = np.zeros((H, W), np.bool_)
    expected[:2, 10:14] = True
    assert np.array_equal(found, expected)


def test_strokes_are_drawn_and_erased_in_order() -> None:
    line = [[10, 20], [110, 20]]
    region = Part((H, W), 30, 60, np.full((10, 10), 255, np.uint8))
    strokes = [
        brush(line, 8),
        brush([[60, 20]], 12, erase=True),
        brush([[60, 20]], 2),
        {"kind": "region", "region": "abc"},
        {"kind": "box", "erase": True, "x": 30, "y": 60, "width": 5, "height": 10},
    ]
    found = drawn(checked(strokes), (H, W), {"abc": region}.__getitem__)
    assert found[20, 20] == 255
    assert found[20, 52] == 0
    assert found[20, 60] == 255
    assert found[65, 32] == 0
    assert found[65, 37] == 255
    assert set(np.unique(found)) == {0, 255}
    assert np.array_equal(found, drawn(strokes, (H, W), {"abc": region}.__getitem__))


def test_strokes_far_outside_are_cut_off_at_the_picture() -> None:
    across = [brush([[-9e5, -9e5], [9e5, 9e5]], 4), lasso([[-1e6, 60], [1e6, 60], [1e6, 1e6], [-1e6, 1e6]])]
    found = drawn(checked(across), (H, W)) > 0
    y, x = np.mgrid[:H, :W] + 0.5
    expected = (np.abs(x - y) / np.sqrt(2) <= 4) | (y > 60)
    assert (found != expected).mean() < 0.005
    assert not drawn(checked([brush([[-5e5, 7], [-4e5, 9]], 50)]), (H, W)).any()
    assert drawn(checked([brush([[60, 45]], 1e6)]), (H, W)).all()


@pytest.mark.parametrize(
    ("stroke", "expected"),
    [
        ("brush", "expected a list of strokes"),
        ([3], "expected a list of strokes"),
        ([{"kind": "pen"}], "strokes[0].kind: expected brush, lasso, box, region, got 'pen'"),
        ([{"kind": ["brush"]}], "strokes[0].kind"),
        ([brush([1, 2], 3), brush([1, 2, 3], 3)], "strokes[1].points: expected x and y by turns"),
        ([brush([], 3)], "strokes[0].points"),
        ([brush([1, float("nan")], 3)], "strokes[0].points"),
        ([brush([1, 2e6], 3)], "strokes[0].points"),
        ([brush([1, 2], -1)], "strokes[0].radius: expected a number from 0"),
        ([brush([1, 2], True)], "strokes[0].radius"),
        ([{**brush([1, 2], 3), "erase": "no"}], "strokes[0].erase: expected true or false"),
        ([{"kind": "box", "x": 1, "y": 2, "width": 3}], "strokes[0].height"),
        ([{"kind": "region", "region": 7}], "strokes[0].region: expected the id of a region"),
        ([brush([1, 2], 3)] * (MOST_STROKES + 1), f"at most {MOST_STROKES}"),
    ],
)
def test_what_is_no_stroke_is_refused(stroke: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=r"^strokes") as refused:
        checked(stroke)
    assert expected in str(refused.value)


def test_points_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.cli.serve.strokes.MOST_POINTS", 5)
    strokes = [brush([[1, 2], [3, 4]], 3), lasso([[1, 2], [3, 4], [5, 6]])]
    assert checked(strokes) is strokes
    with pytest.raises(ValueError, match="expected at most 5 points, got 6"):
        checked([*strokes, brush([[1, 2]], 3)])


def test_hundreds_of_strokes_on_a_large_picture_end_soon() -> None:
    rng = np.random.default_rng(0)
    turn = np.linspace(0, 3, 60)
    wave = np.stack([300 * turn, 100 * np.sin(turn)], 1)
    strokes = [brush(wave + rng.uniform(0, [5000, 3000]), 12.5, erase=k % 9 == 8) for k in range(400)]
    strokes += [lasso(wave + rng.uniform(0, [5000, 3000])) for _ in range(50)]
    with ends_soon():
        assert drawn(checked(strokes), (4000, 6000)).any()
