"""Holes are those of the papers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from restore.evaluation import holes
from restore.evaluation.protocols import Holes


@pytest.mark.parametrize(
    ("family", "share"),
    [("half", 0.5), ("expand", 15 / 16), ("alternate-lines", 0.5), ("grid2x", 0.75), ("box", 1 / 16)],
)
def test_holes_have_their_papers_shares(family: str, share: float) -> None:
    assert holes.draw(family, (128, 128), 0, b"x").mean() == pytest.approx(share, abs=1e-9)
    assert holes.draw("random", (128, 128), 0, b"x").mean() == pytest.approx(0.5, abs=0.02)


def test_known_pixels_are_where_the_papers_have_them() -> None:
    assert not holes.draw("alternate-lines", (16, 16), 0, b"")[0].any()
    assert not holes.draw("grid2x", (16, 16), 0, b"")[::2, ::2].any()
    assert not holes.draw("expand", (64, 64), 0, b"")[24:40, 24:40].any()
    assert not holes.draw("half", (16, 16), 0, b"")[:, :8].any()


def test_holes_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match=r"family is one of strokes-narrow, .*; got 'ring'"):
        Holes("ring")
    with pytest.raises(ValueError, match="at least 16x16 pixels, got 15x40"):
        holes.draw("box", (40, 15), 0, b"")


@pytest.mark.parametrize("side", [64, 96, 128])
def test_squares_have_their_size_and_stay_away_from_the_edges(side: int) -> None:
    places = set()
    for seed in range(20):
        hole = holes.draw(f"box-{side}", (384, 400), seed, b"x")
        y, x = hole.nonzero()
        assert hole.sum() == side**2
        assert np.ptp(y) == np.ptp(x) == side - 1
        assert (384 - side) // 4 <= y.min() <= y.max() < 384 - (384 - side) // 4
        assert (400 - side) // 4 <= x.min() <= x.max() < 400 - (400 - side) // 4
        places.add((y.min(), x.min()))
    assert len(places) > 15
    assert holes.draw(f"box-{side}", (80, 64), 0, b"x").sum() == 32**2


@pytest.mark.parametrize("size", [(128, 128), (96, 160), (160, 96)])
def test_objects_are_one_piece_of_their_size_inside_the_picture(size: tuple[int, int]) -> None:
    shares = []
    for seed in range(40):
        hole = holes.draw("object", size, seed, b"x")
        assert not (hole[0].any() or hole[-1].any() or hole[:, 0].any() or hole[:, -1].any())
        assert label(hole)[1] == 1
        shares.append(hole.mean())
    assert max(shares) < 0.13
    assert np.mean(np.array(shares) < 0.035) < 0.2  # where a long one does not fit
    assert np.ptp(shares) > 0.04


def test_objects_have_notches_and_differ() -> None:
    """They fill less of the box around them than an ellipse would."""
    drawn = [holes.draw("object", (128, 128), seed, b"x") for seed in range(20)]
    filled = []
    for hole in drawn:
        y, x = hole.nonzero()
        filled.append(hole.sum() / ((np.ptp(y) + 1) * (np.ptp(x) + 1)))
    assert np.mean(filled) < 0.65
    assert len({hole.tobytes() for hole in drawn}) == 20


def test_objects_are_scaled_with_the_picture() -> None:
    small, large = (holes.draw("object", (side, side), 5, b"x") for side in (96, 384))
    assert np.mean(small != large[1::4, 1::4]) < 0.01
