"""Holes are those of the papers."""

from __future__ import annotations

import pytest

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
