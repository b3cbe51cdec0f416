"""The geometry of holes: boxes, growth and sizes; filling large ones from coarse to fine."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recording import Recorder, box_mask, picture

from restore.tasks.holes import grown, surroundings
from restore.tasks.inpaint import inpaint


@settings(max_examples=30)
@given(
    h=st.integers(1, 90),
    w=st.integers(1, 90),
    holes=st.lists(st.tuples(st.integers(0, 89), st.integers(0, 89)), min_size=1, max_size=5),
    context=st.integers(0, 40),
)
def test_boxes_cover_every_hole_and_its_surroundings(
    h: int, w: int, holes: list[tuple[int, int]], context: int
) -> None:
    hole = torch.zeros(1, 1, h, w)
    for y, x in holes:
        hole[..., y % h, x % w] = 1
    boxes = surroundings(hole, context)
    covered = torch.zeros(h, w)
    for top, bottom, left, right in boxes:
        covered[top:bottom, left:right] += 1
        assert hole[..., top:bottom, left:right].any()
        assert top % 16 == left % 16 == 0
        assert bottom % 16 == 0 or bottom == h
        assert right % 16 == 0 or right == w
    assert covered.max() == 1  # nothing is computed twice
    for y, x in holes:
        near = covered[
            max(0, y % h - context) : y % h + context + 1, max(0, x % w - context) : x % w + context + 1
        ]
        assert near.min() == 1


def test_many_specks_are_few_boxes() -> None:
    hole = (picture(1, 1, 2000, 1500) < 0.003).float()
    assert hole.sum() > 8000
    assert surroundings(hole, 96) == [(0, 2000, 0, 1500)]


@settings(max_examples=25)
@given(
    h=st.integers(1, 20),
    w=st.integers(1, 20),
    holes=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=4),
    pixels=st.integers(0, 9),
)
def test_grown_hole_is_a_disc_around_it(h: int, w: int, holes: list[tuple[int, int]], pixels: int) -> None:
    hole, expected = torch.zeros(2, 1, h, w), torch.zeros(2, 1, h, w)
    for y, x in holes:
        hole[1, 0, y % h, x % w] = 1
        distance = (torch.arange(h)[:, None] - y % h) ** 2 + (torch.arange(w) - x % w) ** 2
        expected[1, 0][distance <= pixels**2] = 1
    assert torch.equal(grown(hole, pixels), expected)


def test_a_grown_hole_is_filled_as_one() -> None:
    image, mask = picture(3, 9, 7), box_mask(9, 7, 4, 5, 3, 4)
    found = inpaint(image, mask, grow=2, prior=Recorder())
    inside = grown(torch.from_numpy(mask > 0).float()[None, None], 2)[0].expand_as(image) > 0
    assert torch.equal(found[~inside], image[~inside])
    assert (found[inside] != image[inside]).all()
    with pytest.raises(ValueError, match="leaves no known pixel"):
        inpaint(image, mask, grow=9)
