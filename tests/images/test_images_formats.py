"""What each file format can hold, and what is said of what it cannot."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from picture_files import (
    GRAY_ICC,
    SRGB,
    XMP,
    H,
    W,
    exif_block,
    load,
    opened,
    picture_of,
    random_samples,
    refusal,
    store,
)

from restore import images
from restore.errors import OutputError
from restore.images.formats import lossy_notes
from restore.images.picture import Picture
from restore.images.reader import read
from restore.images.writer import write


def test_suffixes_are_those_of_the_readme_table() -> None:
    common = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".heic", ".avif", ".jxl")
    other = (".apng", ".jpe", ".jfif", ".jif", ".mpo", ".dib", ".heif", ".hif", ".heics", ".heifs", ".avifs")
    other += (".gif",)
    assert common + other == images.SUFFIXES
    assert all(re.fullmatch(r"\.[a-z]+", suffix) for suffix in images.SUFFIXES)


def test_unknown_suffixes(tmp_path: Path) -> None:
    known = ".png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl"
    assert refusal(tmp_path / "a.psd") == f"expected a suffix out of {known}, got '.psd'; rename it"
    assert refusal(tmp_path / "a") == f"expected a suffix out of {known}, got none; rename it"


def test_too_large_for_the_format(tmp_path: Path) -> None:
    with pytest.raises(
        OutputError, match=r"a\.webp: WebP ends at 16383 pixels a side, got 16384x1 \(w x h\)"
    ):
        write(tmp_path / "a.webp", Picture(np.zeros((1, 16384, 3), np.uint8)))
    assert list(tmp_path.iterdir()) == []


def test_gray_pictures_stay_gray_after_processing(tmp_path: Path) -> None:
    store(tmp_path / "in.png", random_samples((H, W, 1)))
    picture = read(tmp_path / "in.png")
    changed = np.array([[[1, 2, 3], [10, 10, 11], [10, 11, 11], [255, 255, 255]]], np.uint8)
    write(tmp_path / "out.png", picture.with_pixels(changed))
    assert opened(tmp_path / "out.png").mode == "L"
    assert load(tmp_path / "out.png")[..., 0].tolist() == [[2, 10, 11, 255]]


def test_a_profile_that_does_not_fit_the_channels_is_dropped_with_a_line(tmp_path: Path) -> None:
    store(tmp_path / "in.png", random_samples((H, W, 1)))
    gray = read(tmp_path / "in.png")
    colour = Picture(random_samples((H, W, 3)))

    def kept(picture: Picture, icc: bytes, suffix: str) -> tuple[bool, list[str]]:
        picture = replace(picture, icc=icc)
        path = tmp_path / f"out{suffix}"
        write(path, picture, overwrite=True)
        return read(path).icc == icc, lossy_notes(path, picture)

    assert kept(gray, GRAY_ICC, ".png") == (True, [])
    assert kept(gray, GRAY_ICC, ".jpg") == (True, [])
    assert kept(gray, SRGB, ".png")[0] is False
    assert kept(colour, SRGB, ".png") == (True, [])
    made_for = "WebP: ICC profile is dropped: made for b'GRAY', the picture is b'RGB '"
    assert kept(gray, GRAY_ICC, ".webp") == (False, [made_for])


def test_what_is_lost_is_said() -> None:
    exif = exif_block(1).tobytes().removeprefix(b"Exif\0\0")
    deep = picture_of(random_samples((4, 6, 4), "uint16"), exif=exif, icc=SRGB, xmp=XMP, dpi=(72.0, 72.0))
    assert lossy_notes("a.png", deep) == lossy_notes("a.TIFF", deep) == []
    assert lossy_notes("a.JPG", deep) == ["JPEG: 16 bits a channel become 8", "JPEG: alpha is dropped"]
    assert lossy_notes("a.webp", deep) == ["WebP: 16 bits a channel become 8", "WebP: dpi is dropped"]
    assert lossy_notes("a.bmp", deep) == [
        "BMP: 16 bits a channel become 8",
        *(f"BMP: {what} is dropped" for what in ("EXIF", "ICC profile", "XMP")),
    ]
    real = Picture(random_samples((4, 6, 3), "float32"), xmp=b"x" * 70000)
    assert lossy_notes("a.png", real) == ["PNG: 32 bits a channel become 16, clipped to [0, 1]"]
    assert "JPEG: XMP is dropped: 70000 bytes, the most is 65000" in lossy_notes("a.jpg", real)
    opaque = Picture(random_samples((4, 6, 3)), alpha=np.full((4, 6), 255, np.uint8))
    assert lossy_notes("a.jpg", opaque) == []


def test_depths_are_rounded_not_cut(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint16).repeat(3).reshape(16, 16, 3)
    write(tmp_path / "out.bmp", Picture(levels * 257 - np.sign(levels) * np.uint16(100)))
    np.testing.assert_array_equal(read(tmp_path / "out.bmp").pixels, levels)
    write(tmp_path / "out.png", Picture(np.array([[[-0.5, 0.25, 1.5]]], np.float32)))
    assert load(tmp_path / "out.png").tolist() == [[[0, 16384, 65535]]]
