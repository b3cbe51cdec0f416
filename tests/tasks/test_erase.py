"""Erasing by boxes and points: which hole that is, and that it is filled as by inpainting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import restore
from restore.errors import MaskError
from restore.tasks.erase import with_rim
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

IMAGE = np.random.default_rng(5).integers(0, 256, (40, 50, 3)).astype(np.uint8)


def test_boxes_are_the_hole() -> None:
    mask = restore.erase_mask(IMAGE, box=[(3, 5, 4, 2), (40, 30, 10, 10)])
    expected = np.zeros((40, 50), bool)
    expected[5:7, 3:7] = expected[30:, 40:] = True
    assert np.array_equal(mask, expected)
    assert np.array_equal(restore.erase_mask(IMAGE, box=np.array([3, 5, 4, 2])) | expected, expected)


def test_a_box_grows_by_a_disc_if_that_is_asked_for() -> None:
    mask = restore.erase_mask(IMAGE, box=(20, 20, 1, 1), grow=2)
    rows, columns = np.mgrid[:40, :50]
    assert np.array_equal(mask, np.hypot(rows - 20, columns - 20) <= 2)


def test_points_and_boxes_together() -> None:
    image = np.full((80, 100, 3), 180, np.uint8)
    image[30:44, 40:60] = 60, 20, 90
    found = restore.tasks.objects.object_at(image, 50, 37)
    exact = restore.erase_mask(image, at=(50, 37), box=(0, 0, 5, 5), grow=0)
    expected = found.copy()
    expected[:5, :5] = True
    assert np.array_equal(exact, expected)
    wide = restore.erase_mask(image, at=[(50, 37)])
    assert np.array_equal(wide, with_rim(found))
    assert wide[28, 50] and wide[26, 50] and not wide[20, 50]  # four pixels, and two hundredths of twenty


def test_erase_is_inpainting_with_that_hole() -> None:
    prior, box = tiny_prior(), (10, 8, 12, 6)
    mask = restore.erase_mask(IMAGE, box=box, grow=1)
    expected = restore.inpaint(IMAGE, mask, steps=2, seed=3, prior=prior)
    found = restore.erase(IMAGE, box=box, grow=1, steps=2, seed=3, prior=prior)
    assert np.array_equal(found, expected)
    assert np.array_equal(found[~mask], IMAGE[~mask])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"nothing says what to erase; pass box=\(x, y, width, height\) or at=\(x, y\)"),
        ({"box": (1, 2, 3)}, r"box is \(x, y, width, height\) in pixels, or a list of such, got \(1, 2, 3\)"),
        ({"at": (1, 2, 3)}, r"at is \(x, y\) in pixels"),
        ({"box": "abc"}, "box is"),
        ({"box": (1, 2, 0, 4)}, r"box 1,2,0,4: it is 0x4 pixels \(w x h\), and needs at least 1x1"),
        ({"box": (45, 2, 6, 4)}, r"box 45,2,6,4: it is not within the picture, which is 50x40 \(w x h\)"),
        ({"box": (-1, 2, 6, 4)}, "not within the picture"),
        ({"box": (1.5, 2, 6, 4)}, "expected whole pixels"),
        ({"box": (0, 0, 50, 40)}, "the hole is 100.0% of the picture, too little is left"),
        ({"at": (50, 1)}, r"50,1: the point is outside the picture, which is 50x40 \(w x h\)"),
        ({"box": (1, 2, 3, 4), "grow": -1}, "grows by 0 pixels or more, got -1"),
    ],
)
def test_what_cannot_be_erased(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        restore.erase_mask(IMAGE, **options)


def test_a_point_on_nothing() -> None:
    with pytest.raises(MaskError, match="25,20: no small object there"):
        restore.erase(np.full((40, 50, 3), 90, np.uint8), at=(25, 20), prior=tiny_prior())
