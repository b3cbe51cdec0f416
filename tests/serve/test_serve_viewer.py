"""What a page sees of pictures: facts, tiles, colours."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from picture_files import GRAY_ICC, SRGB, png_by_hand, smooth, store
from PIL import Image, ImageCms
from shown_pictures import PHOTO, RNG, Pixels, Shown

from restore import images
from restore.images.named_profiles import profile_for


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photo.png"


def test_the_facts_of_a_picture(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    assert shown.open(path) == {
        **{"bytes": path.stat().st_size, "format": "png", "width": 1281, "height": 927, "bits": 8},
        **{"gray": False, "alpha": False, "pages": 1, "tile": 512, "levels": 3, "notes": []},
    }


def test_tiles_are_the_picture_and_averages_of_it(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    shown.open(path)
    for row, column in ((0, 0), (1, 2)):
        whole = PHOTO[512 * row : 512 * row + 512, 512 * column : 512 * column + 512]
        assert np.array_equal(shown.tile(path, 0, column, row), whole)
    even = cv2.copyMakeBorder(PHOTO, 0, 1, 0, 3, cv2.BORDER_REPLICATE)
    for level, size in ((1, (464, 641)), (2, (232, 321))):
        cell = 2**level
        found = np.concatenate([shown.tile(path, level, column) for column in range(3 - level)], axis=1)
        assert found.shape[:2] == size
        inner = even[: 927 // cell * cell, : 1281 // cell * cell].astype(float)
        means = inner.reshape(927 // cell, cell, 1281 // cell, cell, 3).mean(axis=(1, 3))
        assert np.abs(found[: 927 // cell, : 1281 // cell] - means).mean() < 2
    for place in ((0, 3, 0), (0, 0, 2), (3, 0, 0), (1, 0, -1)):
        assert shown.refused(shown.viewer.tile(path, *place)).status == 404


def test_a_small_view(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    data, kind = shown.do(shown.viewer.thumbnail(path))  # a picture that was not opened before
    with Image.open(io.BytesIO(data)) as image:
        assert (kind, image.size) == ("image/jpeg", (320, 232))
        near = cv2.resize(PHOTO, (320, 232), interpolation=cv2.INTER_AREA)
        assert np.abs(np.asarray(image).astype(int) - near).mean() < 6


@pytest.mark.parametrize("size", [(400, 600), (639, 5), (1, 513)])
def test_half_of_a_picture_may_be_smaller_than_small_views_are(
    shown: Shown, path: Path, size: tuple[int, int]
) -> None:
    stored = np.ascontiguousarray(PHOTO[: size[0], : size[1]])
    Image.fromarray(stored).save(path)
    shown.open(path)
    with Image.open(io.BytesIO(shown.do(shown.viewer.thumbnail(path))[0])) as image:
        assert image.size == (-(-size[1] // 2), -(-size[0] // 2))
    assert np.array_equal(shown.tile(path), stored[:512, :512])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_depths_and_channels(shown: Shown, tmp_path: Path, suffix: str, channels: int, dtype: str) -> None:
    path, top = tmp_path / f"a{suffix}", np.iinfo(dtype).max
    stored = RNG.integers(0, top + 1, (40, 50, channels)).astype(dtype)
    store(path, stored)
    facts = shown.open(path)
    assert (facts["bits"], facts["gray"], facts["alpha"]) == (
        np.dtype(dtype).itemsize * 8, channels < 3, channels in (2, 4),
    )  # fmt: skip
    expected = np.rint(stored / top * 255).astype(np.uint8)
    if channels == 2:
        expected = expected[..., [0, 0, 0, 1]]
    assert np.array_equal(shown.tile(path), expected[..., 0] if channels == 1 else expected)


def test_what_lies_hidden_below_transparency_does_not_run_into_what_is_seen(shown: Shown, path: Path) -> None:
    stored = np.zeros((600, 700, 4), np.uint8)
    stored[..., 0] = 250  # red, where it is clear
    stored[:, ::2] = 0, 0, 250, 255
    store(path, stored)
    found = shown.tile(path, 1).astype(int)
    assert np.abs(found[100:-100, 100:-100] - [0, 0, 250, 128]).max() <= 6


@pytest.mark.parametrize(("top", "low"), [(1.0, 0.0), (255.0, 0.0), (4095.0, 0.0)])
def test_floats_are_shown_in_their_scale(shown: Shown, tmp_path: Path, top: float, low: float) -> None:
    path = tmp_path / "float.tif"
    ramp = np.linspace(low, top * 0.999, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3)
    tifffile.imwrite(path, ramp, photometric="rgb")
    facts = shown.open(path)
    told = [f"values were taken to be from 0 to {top:g} (--data-range)"]
    assert (facts["bits"], facts["notes"]) == (32, told if top > 1 else [])
    assert np.abs(shown.tile(path) - ramp / top * 255).max() <= 0.51


def test_values_beyond_white_are_white_and_holes_of_floats_are_told(shown: Shown, tmp_path: Path) -> None:
    path = tmp_path / "hdr.tif"
    values = np.linspace(0, 1, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3)
    values[0, 0], values[0, 1], values[0, 2] = 9, -1, np.nan
    tifffile.imwrite(path, values, photometric="rgb")
    (note,) = shown.open(path)["notes"]
    assert "hdr.tif: expected numbers, got NaN or infinity at 1 of 4096 pixels" in note
    assert shown.tile(path)[0, :3].tolist() == [[255] * 3, [0] * 3, [0] * 3]


def test_dark_pictures_are_brighter_and_results_are_shown_like_them(shown: Shown, tmp_path: Path) -> None:
    before, after, eight = tmp_path / "before.png", tmp_path / "after.png", tmp_path / "eight.png"
    counts = RNG.integers(0, 4096, (40, 50, 3)).astype(np.uint16)
    store(before, counts)
    store(after, np.minimum(counts, 2000))
    store(eight, (counts // 257).astype(np.uint8))
    (note,) = shown.open(before)["notes"]
    assert note.startswith("it is dark, and shown 14.")
    assert shown.open(after, like=before)["notes"] == []
    shown.open(eight, like=before)
    known = shown.tile(before)[counts < 2000]
    assert known.max() > 100
    assert np.array_equal(known, shown.tile(after)[counts < 2000])
    assert np.abs(shown.tile(eight)[counts < 2000].astype(int) - known).max() <= 15


def in_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """What Little CMS makes of colours."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    how: dict[str, Any] = {"renderingIntent": 1, "flags": ImageCms.Flags.BLACKPOINTCOMPENSATION}
    mode = "L" if pixels.ndim == 2 else "RGB"
    image = Image.fromarray(pixels)
    done = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB", **how)
    assert done is not None
    assert image.mode == mode
    return np.asarray(done)


def test_profiles_are_converted_and_those_of_srgb_leave_pixels_alone(shown: Shown, path: Path) -> None:
    part, p3 = np.ascontiguousarray(PHOTO[:200, :300]), profile_for(12, 13)
    Image.fromarray(part).save(path, icc_profile=p3)
    assert shown.open(path)["notes"] == ["profile Display P3"]
    assert np.array_equal(shown.tile(path), in_srgb(part, p3))
    plain = path.with_name("plain.png")
    Image.fromarray(part).save(plain, icc_profile=SRGB)
    assert shown.open(plain)["notes"] == []
    assert np.array_equal(shown.tile(plain), part)


@pytest.mark.parametrize("channels", [1, 2])
def test_gray_stays_gray_whatever_its_profile(shown: Shown, path: Path, channels: int) -> None:
    icc, stored = profile_for(1, 8, gray=True), np.repeat(np.arange(256, dtype=np.uint8)[None], 4, axis=0)
    alpha = np.full_like(stored, 200)
    image = Image.fromarray(stored)
    if channels == 2:
        image.putalpha(Image.fromarray(alpha))
    image.save(path, icc_profile=icc)
    facts = shown.open(path)
    assert (facts["gray"], len(facts["notes"])) == (True, 1)
    found, expected = shown.tile(path), in_srgb(stored, icc)[..., 1]
    if channels == 2:
        assert (found[..., 0] == found[..., 2]).all()
        assert np.array_equal(found[..., 1], expected)
    else:
        assert np.array_equal(found, expected)


def test_a_profile_that_cannot_be_used_is_left_out(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO[:20, :30]).save(path, icc_profile=GRAY_ICC)
    shown.open(path)
    assert np.array_equal(shown.tile(path), PHOTO[:20, :30])


def test_turned_and_cmyk_pictures(shown: Shown, tmp_path: Path) -> None:
    turned, cmyk = tmp_path / "turned.jpg", tmp_path / "cmyk.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(smooth((40, 60, 3))).save(turned, quality=95, exif=exif)
    facts = shown.open(turned)
    assert (facts["width"], facts["height"]) == (40, 60)
    assert np.array_equal(shown.tile(turned), images.read(turned).pixels)
    Image.fromarray(smooth((40, 60, 3))).convert("CMYK").save(cmyk)
    (note,) = shown.open(cmyk)["notes"]
    assert note.startswith("CMYK became RGB")
    assert np.array_equal(shown.tile(cmyk), images.read(cmyk).pixels)


def test_pages_are_counted_and_the_first_is_shown(shown: Shown, tmp_path: Path) -> None:
    path, gif = tmp_path / "pages.tif", tmp_path / "film.gif"
    tifffile.imwrite(
        path, np.stack([PHOTO[:30, :40], PHOTO[30:60, :40], PHOTO[60:90, :40]]), photometric="rgb"
    )
    facts = shown.open(path)
    assert facts["pages"] == 3
    (note,) = facts["notes"]
    assert note.startswith("the file holds 3 pictures; only the first is shown here; --pages says which")
    assert np.array_equal(shown.tile(path), PHOTO[:30, :40])
    frames = [Image.fromarray(np.full((9, 9), level, np.uint8)) for level in (0, 100, 200)]
    frames[0].save(gif, save_all=True, append_images=frames[1:])
    assert shown.open(gif)["pages"] == 3


def test_damaged_files_are_shown_as_far_as_they_go(shown: Shown, path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(PHOTO).save(out, "jpeg")
    path.write_bytes(out.getvalue()[: len(out.getvalue()) // 2])
    (note,) = shown.open(path)["notes"]
    assert note.startswith("damaged: photo.png: expected a whole picture, got a damaged or truncated file (")
    assert np.array_equal(shown.tile(path), images.read(path, damaged=True).pixels[:512, :512])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    error = shown.refused(shown.viewer.open(path, name="a.png"))
    assert (error.status, error.option) == (415, "picture")
    assert error.message.startswith("a.png: expected a picture, got a damaged file of which nothing can be")


def test_bombs_and_what_is_no_picture_are_refused(shown: Shown, path: Path) -> None:
    bomb = png_by_hand(np.zeros((1, 1, 3), np.uint8))
    path.write_bytes(bomb[:16] + b"\x00\x00\xff\xff\x00\x00\xff\xff" + bomb[24:])
    cases = {"photo.png: 65535x65535 (w x h) is 4295 megapixels, more than the 8 that are opened": path}
    larger, text = path.with_name("larger.png"), path.with_name("text.png")
    Image.new("1", (4000, 2001)).save(larger)
    text.write_text("<svg onload=alert(1)>")
    cases["larger.png: 4000x2001 (w x h) is 8 megapixels, more than the 8"] = larger
    cases["text.png: expected a PNG, JPEG, TIFF"] = text
    cases["missing.png: no such file; check the name"] = path.with_name("missing.png")
    for message, file in cases.items():
        error = shown.refused(shown.viewer.open(file, name=file.name))
        assert (error.status, error.option) == (415, "picture")
        assert message in error.message
