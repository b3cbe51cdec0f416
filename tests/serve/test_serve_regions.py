"""Masks, selected objects and parts of pictures, as the command line has them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import store
from PIL import Image
from shown_pictures import PHOTO, RNG, SPOT, Shown

import restore
from restore import images


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photo.png"


def test_a_point_selects_what_the_command_line_does(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    shown.open(path)
    out = path.with_name("region.png")
    region = shown.do(shown.viewer.select(path, 50.7, 37.2, None, out))
    expected = restore.erase_mask(SPOT, at=(50, 37))
    assert np.array_equal(images.read_mask(out).white, expected)
    rows, columns = expected.nonzero()
    w, h = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert region == {
        **{"x": columns.min(), "y": rows.min(), "width": w, "height": h, "area": expected.sum()},
        "words": f"a region of {w}x{h} pixels",
    }
    assert shown.do(shown.viewer.select(path, 45.1, 33.9, None, out)) == region  # seen before
    for x, words in ((5, "no small object there stands out"), (150, "it is not within the picture, which")):
        error = shown.refused(shown.viewer.select(path, x, 5, None, out))
        assert (error.status, error.option) == (422, "mask")
        assert error.message.startswith(f"photo.png: --at {x},5: {words}")


def test_masks_are_read_as_by_the_command_line(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    mask, out = path.with_name("mask.png"), path.with_name("region.png")
    drawn = np.zeros((40, 50), np.uint8)
    drawn[10:12, 20:25] = 255
    Image.fromarray(drawn).save(mask)
    error = shown.refused(shown.viewer.region(mask, path, out))
    assert (error.status, error.option) == (422, "mask")
    assert error.message.startswith("mask.png is 50x40 but photo.png is 100x80 (w x h); pass --fit-mask")
    region = shown.do(shown.viewer.region(mask, path, out, fit=True))
    assert (region["x"], region["y"], region["width"], region["height"]) == (40, 20, 10, 4)
    Image.fromarray(255 - drawn).save(mask)
    assert shown.do(shown.viewer.region(mask, path, out, fit=True, invert=True)) == region
    strokes = SPOT.copy()
    strokes[3:6, 2:90] = 255, 0, 0
    Image.fromarray(strokes).save(mask)
    assert shown.do(shown.viewer.region(mask, path, out))["area"] == 3 * 88
    frame = np.full((80, 100), 255, np.uint8)
    frame[20:60, 30:70] = 0
    Image.fromarray(frame).save(mask)
    (note,) = shown.do(shown.viewer.region(mask, path, out))["notes"]
    assert note.startswith("mask.png: the hole is 80% of the picture") and "looks inverted" in note
    Image.fromarray(drawn * 0).save(mask)
    error = shown.refused(shown.viewer.region(mask, path, out, fit=True, name="upload.png"))
    assert "upload.png: nothing in it is white: it is black, so there is nothing to fill" in error.message


def test_strokes_make_a_mask(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    shown.open(path)
    region, out = path.with_name("region.png"), path.with_name("x.png")
    shown.do(shown.viewer.select(path, 50, 37, None, region))
    strokes: list[dict[str, Any]] = [
        {"kind": "region", "region": "one"},
        {"kind": "box", "x": 0, "y": 0, "width": 50, "height": 80, "erase": True},
    ]
    found = shown.do(shown.viewer.mask(path, strokes, {"one": region}, out))
    expected = restore.erase_mask(SPOT, at=(50, 37))
    expected[:, :50] = False
    with Image.open(out) as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), expected * np.uint8(255))
    assert found["area"] == expected.sum()
    box = {"x": 45, "y": 30, "width": 20, "height": 10}
    shown.do(shown.viewer.mask(path, strokes, {"one": region}, out, box))
    assert np.array_equal(images.read_mask(out).white, expected[30:40, 45:65])
    strokes[1] |= {"width": 100}
    cases = [
        (strokes, 422, "photo-mask.png: nothing in it is white: it is black, so there is nothing to fill; "),
        (strokes[:1], 422, "a part of the mask is not known any more"),
        ([{"kind": "pen"}], 400, "strokes[0].kind"),
        ([{**strokes[1], "erase": False}], 422, "the hole is the whole picture"),
    ]
    for given, status, message in cases:
        known = {} if given == strokes[:1] else {"one": region}
        error = shown.refused(shown.viewer.mask(path, given, known, out))
        assert (error.status, error.option) == (status, "mask")
        assert message in error.message


def test_a_region_is_shown_on_the_grid_of_the_tiles(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    strokes = [{"kind": "box", "x": 13, "y": 21, "width": 6, "height": 9}]
    out = path.with_name("mask.png")
    shown.do(shown.viewer.mask(path, strokes, {}, out))
    for level, size in ((0, (6, 9)), (2, (2, 3))):
        with Image.open(io.BytesIO(shown.do(shown.viewer.region_image(out, level)))) as image:
            assert (image.mode, image.size) == ("LA", size)
            white, cover = np.asarray(image).transpose(2, 0, 1)
            assert (white == 255).all()
            assert cover.sum() / 255 * 4**level == pytest.approx(54, abs=1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_parts_are_written_in_kind(shown: Shown, tmp_path: Path, dtype: str, channels: int) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "part.tif"
    values = RNG.random((40, 50, channels))
    stored = values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    store(path, stored)
    box = {"x": 10, "y": 20, "width": 7, "height": 9}
    assert shown.do(shown.viewer.crop(path, box, out)) == box
    whole, part = images.read(path), images.read(out)
    assert (part.gray, part.bits) == (whole.gray, whole.bits)
    assert np.array_equal(part.pixels, whole.pixels[20:29, 10:17])
    if channels == 4:
        assert whole.alpha is not None
        assert part.alpha is not None
        assert np.array_equal(part.alpha, whole.alpha[20:29, 10:17])
    error = shown.refused(shown.viewer.crop(path, box | {"width": 41}, out))
    assert (error.status, error.option) == (422, "box")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_part_of_a_jpeg_is_coded_as_it_was(shown: Shown, tmp_path: Path, turn: int, sampling: int) -> None:
    path, out = tmp_path / "a.jpg", tmp_path / "part.jpg"
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(PHOTO[:101, :155]).save(path, quality=40, subsampling=sampling, exif=exif)
    asked = {"x": 30, "y": 41, "width": 50, "height": 33}
    box = shown.do(shown.viewer.crop(path, asked, out))
    assert box["x"] <= 30
    assert box["y"] <= 41
    assert box["x"] + box["width"] >= 80
    assert box["y"] + box["height"] >= 74
    assert box["width"] <= 50 + 30
    whole, part = images.read(path), images.read(out)
    assert part.coding == whole.coding
    expected = whole.pixels[box["y"] :, box["x"] :][: box["height"], : box["width"]]
    assert part.pixels.shape == expected.shape
    # Blocks lie where they lay: their numbers are rounded as they were, but for chroma that was scaled.
    assert np.abs(part.pixels.astype(int) - expected).mean() < (0.4 if sampling == 0 else 4)
