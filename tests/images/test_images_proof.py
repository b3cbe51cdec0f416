"""What would fail at writing is found, and dropped, before anything is computed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from restore.errors import OutputError
from restore.images import Picture, check_side, decode, encode, writable

PICTURE = Picture(np.zeros((40, 60, 3), np.uint16), dpi=(72.0, 72.0), xmp=b"<x/>")


def test_a_picture_that_can_be_written_is_left_alone() -> None:
    for kind in ("png", "jpeg", "tiff", "webp", "bmp"):
        assert writable(PICTURE, kind) == (PICTURE, [])


def test_what_hinders_is_dropped_and_the_rest_kept() -> None:
    kept, notes = writable(replace(PICTURE, chunks=b"no chunk"), "png")
    assert notes == ["PNG text is dropped: it cannot be written as PNG"]
    assert (kept.chunks, kept.xmp, kept.dpi) == (b"", PICTURE.xmp, PICTURE.dpi)
    assert decode(encode(kept, "png"), name="memory").xmp == PICTURE.xmp


def test_two_that_hinder() -> None:
    picture = replace(PICTURE, chunks=b"no chunk", dpi=(float("nan"), 72.0))
    kept, notes = writable(picture, "png")
    assert len(notes) == 2 and (kept.chunks, kept.dpi, kept.xmp) == (b"", None, PICTURE.xmp)


def test_what_will_be_done_to_the_result_is_tried_too() -> None:
    def finish(picture: Picture) -> Picture:
        if picture.xmp:
            raise KeyError("no")
        return picture

    kept, notes = writable(PICTURE, "tiff", finish=finish)
    assert kept.xmp == b"" and notes == ["XMP is dropped: it cannot be written as TIFF"]


def test_what_nothing_helps_against_is_an_error() -> None:
    def finish(picture: Picture) -> Picture:
        raise ValueError("two\nlines")

    with pytest.raises(OutputError, match=r"cannot be written as TIFF \(two lines\)"):
        writable(PICTURE, "tiff", finish=finish)


@pytest.mark.parametrize(("name", "side"), [("a.webp", 16384), ("a.jpg", 65501)])
def test_sides_that_are_too_long(name: str, side: int) -> None:
    kind = "webp" if name.endswith("webp") else "jpeg"
    check_side(kind, (1, side - 1), name)
    for size in ((1, side), (side, 1)):
        with pytest.raises(OutputError, match="pixels a side"):
            check_side(kind, size, name)


def test_any_failure_of_an_encoder_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(picture: Picture) -> bytes:
        raise TypeError("of another\nkind")

    monkeypatch.setattr("restore.images.writer.encode_png", broken)
    with pytest.raises(OutputError, match=r"cannot encode as PNG \(of another kind\); try .png"):
        encode(PICTURE, "png")
