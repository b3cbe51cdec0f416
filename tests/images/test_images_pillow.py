"""JPEG, WebP, BMP and 8-bit PNG."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from picture_files import SRGB, H, W, intact_file, message_for, opened, picture_of, random_samples, smooth
from PIL import Image, ImageCms

from restore import images
from restore.errors import ImageError
from restore.images.reader import read
from restore.images.writer import write


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_webp_is_lossless_also_under_clear_pixels(tmp_path: Path, count: int) -> None:
    channels = random_samples((H, W, count))
    if count in (2, 4):
        channels[:9, :, -1] = 0
    path = tmp_path / "out.webp"
    write(path, picture_of(channels))
    colours = channels[..., :3] if count > 2 else channels[..., [0, 0, 0]]
    decoded = np.asarray(opened(path))
    np.testing.assert_array_equal(decoded[..., :3], colours)
    if count in (2, 4):
        np.testing.assert_array_equal(decoded[..., 3], channels[..., -1])
    np.testing.assert_array_equal(read(path).pixels, colours)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_bmp_is_lossless(tmp_path: Path, count: int) -> None:
    channels = random_samples((H, W, count))
    path = tmp_path / "out.bmp"
    write(path, picture_of(channels, dpi=(300.0, 150.0)))
    other = opened(path)
    assert other.mode == {1: "L", 2: "RGBA", 3: "RGB", 4: "RGBA"}[count]
    assert other.info["dpi"] == pytest.approx((300, 150), rel=1e-4)
    decoded = np.asarray(other).reshape(H, W, -1)
    colours = channels if count == 1 else channels[..., [0, 0, 0] if count == 2 else [0, 1, 2]]
    np.testing.assert_array_equal(decoded[..., :3], colours)
    if count in (2, 4):
        np.testing.assert_array_equal(decoded[..., 3], channels[..., -1])


def test_a_bmp_without_resolution_gets_none(tmp_path: Path) -> None:
    for count in (3, 4):
        write(tmp_path / "out.bmp", picture_of(random_samples((H, W, count))), overwrite=True)
        assert read(tmp_path / "out.bmp").dpi is None


@pytest.mark.parametrize("shape", [(H, W, 3), (H, W)])
def test_jpeg_stays_within_two_levels(tmp_path: Path, shape: tuple[int, ...]) -> None:
    source, result = tmp_path / "in.jpg", tmp_path / "out.jpg"
    Image.fromarray(smooth(shape)).save(source, quality=95, subsampling=0)
    picture = read(source)
    np.testing.assert_array_equal(
        picture.pixels[..., 0], np.asarray(opened(source)).reshape(H, W, -1)[..., 0]
    )
    write(result, picture)
    again = opened(result)
    assert again.mode == ("RGB" if len(shape) == 3 else "L")
    if len(shape) == 3:
        assert again.layer[0][1:3] == again.layer[1][1:3]  # the same sampling for luma and chroma: 4:4:4
    difference = np.abs(read(result).pixels.astype(int) - picture.pixels)
    assert difference.max() <= 2


def test_palette_one_bit_and_colour_key_become_plain(tmp_path: Path) -> None:
    path = tmp_path / "in.png"
    palette = Image.new("P", (3, 1))
    palette.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    palette.putdata([2, 0, 1])
    palette.save(path)
    assert read(path).pixels.tolist() == [[[70, 80, 90], [10, 20, 30], [40, 50, 60]]]
    assert read(path).alpha is None and not read(path).gray

    palette.save(path, transparency=bytes([0, 128, 255]))
    picture = read(path)
    assert picture.pixels.tolist() == [[[70, 80, 90], [10, 20, 30], [40, 50, 60]]]
    assert picture.alpha is not None and picture.alpha.tolist() == [[255, 0, 128]]

    Image.fromarray(np.array([[True, False, True]])).save(path)
    picture = read(path)
    assert picture.pixels[..., 1].tolist() == [[255, 0, 255]] and picture.gray

    Image.fromarray(np.array([[9, 7, 9]], np.uint8)).save(path, transparency=7)
    picture = read(path)
    assert picture.gray and picture.alpha is not None and picture.alpha.tolist() == [[255, 0, 255]]


@pytest.mark.parametrize("profile", [None, SRGB])
def test_cmyk_becomes_rgb_and_says_so(tmp_path: Path, profile: bytes | None) -> None:
    path = tmp_path / "in.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path, icc_profile=profile)  # an RGB profile: unusable
    picture = read(path)
    assert (picture.pixels[4, 4] >= [240, 0, 0]).all() and (picture.pixels[4, 4] <= [255, 30, 30]).all()
    assert picture.icc == b""
    assert picture.notes == ("CMYK became RGB without a colour profile; colours are approximate",)


def test_cmyk_goes_through_its_own_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = Image.fromarray(random_samples((8, 8, 3)))
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda *_, **__: converted)
    Image.new("CMYK", (8, 8)).save(tmp_path / "in.jpg", icc_profile=SRGB)
    picture = read(tmp_path / "in.jpg")
    np.testing.assert_array_equal(picture.pixels, np.asarray(converted))
    assert picture.notes == ("CMYK became sRGB through the picture's own ICC profile",)
    assert picture.icc == b""


def jpeg_of(w: int, h: int) -> bytes:
    data = bytearray(intact_file("jpeg"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", h, w)
    return bytes(data)


def test_bombs_are_measured_before_they_go_off(tmp_path: Path) -> None:
    path = tmp_path / "bomb.jpg"
    path.write_bytes(jpeg_of(60000, 50000))
    assert message_for(path) == (
        "60000x50000 (w x h) is 3000 megapixels, more than the 500 that are opened; "
        "crop or downscale it first"
    )
    path.write_bytes(b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(9))
    message = message_for(path)  # which of the two depends on how early Pillow measures
    assert "at most 179 megapixels" in message or "damaged or truncated" in message


def test_large_pictures_are_opened_without_touching_the_limit_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # as if each file here had hundreds of megapixels
    for name in ("png", "jpeg", "bmp", "tiff-lzw8"):
        assert images.decode(intact_file(name), name=name).size == (11, 13)
    assert Image.MAX_IMAGE_PIXELS == 20


def test_zero_size() -> None:
    with pytest.raises(
        ImageError, match=r"^x: expected a picture, got one of 13x0 pixels \(w x h\)|^x: .*damaged"
    ):
        images.decode(jpeg_of(13, 0), name="x")
