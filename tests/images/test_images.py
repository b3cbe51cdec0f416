"""Pictures come back in kind: every depth, alpha, gray, format, and what is written beside the pixels.

Inputs are written and outputs are read with Pillow, OpenCV and tifffile, not with the code under test.
"""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from restore import images
from restore.errors import OutputError
from restore.images.formats import lossy_notes
from restore.images.picture import Picture, from_tensor, to_tensor
from restore.images.reader import read, read_mask
from restore.images.writer import write

H, W = 31, 37
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_ICC = SRGB[:16] + b"GRAY" + SRGB[20:]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6" b="J\xc3\xbcrgen"/></x:xmpmeta>'

torch.set_num_threads(1)


def noise(shape: tuple[int, ...], dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return (rng.random(shape, np.float32) * 3 - 1).astype(np.float32)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def smooth(shape: tuple[int, ...]) -> np.ndarray:
    """A gentle ramp that JPEG can keep."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    planes = [120 + x, 90 + 2 * y, 60 + x + y][: shape[2] if len(shape) == 3 else 1]
    return np.stack(planes, 2).astype(np.uint8).reshape(shape)


def picture_of(channels: np.ndarray, **rest: Any) -> Picture:
    """A picture from channels (h, w, 1..4)."""
    count = channels.shape[2]
    pixels = channels[..., [0, 0, 0]] if count < 3 else channels[..., :3]
    return Picture(pixels, alpha=channels[..., -1] if count in (2, 4) else None, gray=count < 3, **rest)


def opened(path: Path) -> Image.Image:
    return Image.open(io.BytesIO(path.read_bytes()))


def png_by_hand(channels: np.ndarray, *extra: tuple[bytes, bytes]) -> bytes:
    """The plainest PNG there is; the one way to gray with alpha at 16 bits."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    h, w, count = channels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    rows = channels.astype(channels.dtype.newbyteorder(">")).view(np.uint8).reshape(h, -1)
    packed = zlib.compress(np.concatenate([np.zeros((h, 1), np.uint8), rows], 1).tobytes())
    header = struct.pack(">IIBBBBB", w, h, 8 * channels.itemsize, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *extra, (b"IDAT", packed), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def store(path: Path, channels: np.ndarray) -> None:
    """Channels (h, w, 1..4) to PNG or TIFF by other people's code."""
    count = channels.shape[2]
    if path.suffix == ".tif":
        extra = ["unassalpha"] if count in (2, 4) else None
        flat = channels[..., 0] if count == 1 else channels
        kind = "minisblack" if count < 3 else "rgb"
        tifffile.imwrite(
            path, flat, photometric=kind, planarconfig="contig" if count > 1 else None, extrasamples=extra
        )
    elif channels.dtype == np.uint8:
        Image.fromarray(channels[..., 0] if count == 1 else channels).save(path)
    elif count == 2:
        path.write_bytes(png_by_hand(channels))
    else:
        cv2.imwrite(str(path), channels[..., {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]])


def load(path: Path) -> np.ndarray:
    """Channels (h, w, 1..4) of a PNG or TIFF by other people's code."""
    if path.suffix == ".tif":
        channels = tifffile.imread(path)
    elif path.read_bytes()[24] == 8:
        channels = np.asarray(opened(path))
    else:
        channels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if channels.ndim == 3:
            channels = channels[..., [2, 1, 0, 3][: channels.shape[2]]]
            if path.read_bytes()[25] == 4:
                channels = channels[..., [0, 3]]
    return channels if channels.ndim == 3 else channels[..., None]


# ------------------------------------------------------------------------------------- identity

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
KINDS = st.sampled_from(
    [(".png", "uint8"), (".png", "uint16"), (".tif", "uint8"), (".tif", "uint16"), (".tif", "float32")]
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUICK
@given(kind=KINDS, size=SIZES, count=st.integers(1, 4), seed=st.integers(0, 99))
def test_read_then_write_is_the_identity(
    tmp_path: Path, kind: tuple[str, str], size: tuple[int, int], count: int, seed: int
) -> None:
    suffix, dtype = kind
    channels = noise((*size, count), dtype, seed)
    source, result = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    store(source, channels)

    picture = read(source)
    colours = channels[..., :3] if count > 2 else channels[..., [0, 0, 0]]
    np.testing.assert_array_equal(picture.pixels, colours, strict=True)
    assert picture.gray == (count < 3)
    assert picture.bits == 8 * channels.itemsize
    assert (picture.alpha is not None) == (count in (2, 4))
    assert picture.notes == ()

    write(result, picture, overwrite=True)
    np.testing.assert_array_equal(load(result), channels, strict=True)


@QUICK
@given(kind=KINDS, size=SIZES, count=st.integers(1, 4), seed=st.integers(0, 99))
def test_tensor_round_trip_is_the_identity(
    kind: tuple[str, str], size: tuple[int, int], count: int, seed: int
) -> None:
    picture = Picture(noise((*size, 3), kind[1], seed), gray=count < 3)
    image = to_tensor(picture)
    assert image.shape == (1, 3, *size) and image.dtype == torch.float32
    np.testing.assert_array_equal(from_tensor(image, picture), picture.pixels, strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_level_survives_the_tensor(dtype: str) -> None:
    top = int(np.iinfo(dtype).max)
    levels = np.arange(top + 1, dtype=dtype).reshape(16, -1)
    picture = Picture(np.stack([levels, levels[::-1], levels], 2))
    image = to_tensor(picture)
    assert (float(image.min()), float(image.max())) == (0.0, 1.0)
    np.testing.assert_array_equal(from_tensor(image, picture), picture.pixels)
    below, above = image - 0.49 / top, image + 0.49 / top
    np.testing.assert_array_equal(from_tensor(below, picture), picture.pixels)
    np.testing.assert_array_equal(from_tensor(above, picture), picture.pixels)


def test_integers_are_clipped_and_floats_are_not() -> None:
    image = torch.tensor([-0.25, 0.5, 1.25]).reshape(1, 3, 1, 1)
    byte = from_tensor(image, Picture(noise((1, 1, 3))))
    assert byte.tolist() == [[[0, 128, 255]]]
    real = from_tensor(image, Picture(noise((1, 1, 3), "float32")))
    assert real.tolist() == [[[-0.25, 0.5, 1.25]]]


def test_from_tensor_refuses_what_is_not_a_picture() -> None:
    like = Picture(noise((2, 2, 3)))
    with pytest.raises(ValueError, match=r"\(1, 3, h, w\), got shape \(2, 3, 4, 4\)"):
        from_tensor(torch.zeros(2, 3, 4, 4), like)
    image = torch.zeros(1, 3, 2, 2)
    image[0, 1, 1, 1] = torch.nan
    with pytest.raises(ValueError, match="1 values that are not finite"):
        from_tensor(image, like)


def test_tensors_do_not_share_memory_with_the_picture() -> None:
    picture = Picture(noise((4, 5, 3), "float32"))
    before = picture.pixels.copy()
    to_tensor(picture).fill_(7)
    np.testing.assert_array_equal(picture.pixels, before)
    image = to_tensor(picture)
    from_tensor(image, picture)[:] = 9
    np.testing.assert_array_equal(image.numpy(), to_tensor(picture).numpy())


# -------------------------------------------------------------------------------- other formats


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_webp_is_lossless_also_under_clear_pixels(tmp_path: Path, count: int) -> None:
    channels = noise((H, W, count))
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
    channels = noise((H, W, count))
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


@pytest.mark.parametrize("count", [1, 3])
def test_colour_key_of_a_16_bit_png_becomes_alpha(tmp_path: Path, count: int) -> None:
    channels = noise((H, W, count), "uint16")
    key = channels[5, 6].astype(">u2").tobytes()
    path = tmp_path / "in.png"
    path.write_bytes(png_by_hand(channels, (b"tRNS", key)))
    picture = read(path)
    assert picture.alpha is not None and picture.alpha.dtype == np.uint16
    assert picture.alpha[5, 6] == 0 and int((picture.alpha == 65535).sum()) == H * W - 1
    np.testing.assert_array_equal(picture.pixels, channels if count == 3 else channels[..., [0, 0, 0]])


@pytest.mark.parametrize("profile", [None, SRGB])
def test_cmyk_becomes_rgb_and_says_so(tmp_path: Path, profile: bytes | None) -> None:
    path = tmp_path / "in.jpg"
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(path, icc_profile=profile)  # an RGB profile: unusable
    picture = read(path)
    assert (picture.pixels[4, 4] >= [240, 0, 0]).all() and (picture.pixels[4, 4] <= [255, 30, 30]).all()
    assert picture.icc == b""
    assert picture.notes == ("CMYK became RGB without a colour profile; colours are approximate",)


def test_a_bmp_without_resolution_gets_none(tmp_path: Path) -> None:
    for count in (3, 4):
        write(tmp_path / "out.bmp", picture_of(noise((H, W, count))), overwrite=True)
        assert read(tmp_path / "out.bmp").dpi is None


def test_cmyk_goes_through_its_own_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    converted = Image.fromarray(noise((8, 8, 3)))
    monkeypatch.setattr(ImageCms, "profileToProfile", lambda *_, **__: converted)
    Image.new("CMYK", (8, 8)).save(tmp_path / "in.jpg", icc_profile=SRGB)
    picture = read(tmp_path / "in.jpg")
    np.testing.assert_array_equal(picture.pixels, np.asarray(converted))
    assert picture.notes == ("CMYK became sRGB through the picture's own ICC profile",)
    assert picture.icc == b""


def test_only_the_first_of_many_pictures_is_used(tmp_path: Path) -> None:
    first, second = Image.fromarray(noise((4, 5, 3))), Image.new("RGB", (5, 4))
    for name in ("in.png", "in.webp", "in.tif"):
        path = tmp_path / name
        options = {"lossless": True} if name == "in.webp" else {}
        first.save(path, save_all=True, append_images=[second, first], **options)
        picture = read(path)
        assert picture.pages == 3
        assert picture.notes == ("the file holds 3 pictures; only the first is used",)
        np.testing.assert_array_equal(picture.pixels, np.asarray(first))
    first.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[second])  # as some cameras do
    assert (read(tmp_path / "in.jpg").format, read(tmp_path / "in.jpg").pages) == ("jpeg", 2)


# ------------------------------------------------------------------------------ kinds of TIFF


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_lzw_tiff(tmp_path: Path, dtype: str, count: int) -> None:
    channels = noise((H, W, count), dtype)
    path = tmp_path / "in.tif"
    if dtype == "uint8":
        Image.fromarray(channels[..., 0] if count == 1 else channels).save(path, compression="tiff_lzw")
    else:
        order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
        cv2.imwrite(str(path), channels[..., order], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    with tifffile.TiffFile(path) as tif:
        old = [1] if dtype == "float32" else []  # OpenCV 4 does not compress floats
        assert tif.pages.first.compression in [5, *old]
    picture = read(path)
    np.testing.assert_array_equal(
        picture.pixels, channels[..., :3] if count > 2 else channels[..., [0, 0, 0]]
    )
    assert (picture.alpha is not None) == (count == 4)
    if picture.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, channels[..., 3])


@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate"},
        {"tile": (16, 16), "compression": "zlib"},
        {"byteorder": ">"},
        {"bigtiff": True},
        {"compression": "zlib", "predictor": True, "rowsperstrip": 7},
    ],
    ids=["planar", "tiled", "big-endian", "bigtiff", "predictor"],
)
def test_layouts_of_tiff(tmp_path: Path, options: dict[str, object]) -> None:
    channels = noise((H, W, 3), "uint16")
    path = tmp_path / "in.tif"
    data = channels.transpose(2, 0, 1) if "planarconfig" in options else channels
    tifffile.imwrite(path, data, photometric="rgb", iccprofile=SRGB, **options)
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, channels, strict=True)
    assert picture.icc == SRGB


def test_white_is_zero_in_some_tiffs(tmp_path: Path) -> None:
    gray = noise((H, W), "uint16")
    tifffile.imwrite(tmp_path / "in.tif", gray, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "in.tif").pixels[..., 0], 65535 - gray)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_are_read_as_float32_and_say_so(tmp_path: Path, dtype: str) -> None:
    values = noise((H, W, 3), "float32").astype(dtype)
    tifffile.imwrite(tmp_path / "in.tif", values, photometric="rgb")
    picture = read(tmp_path / "in.tif")
    np.testing.assert_array_equal(picture.pixels, values.astype(np.float32), strict=True)
    assert picture.notes == (f"{dtype} is read as float32",)


def test_premultiplied_alpha_is_divided_out(tmp_path: Path) -> None:
    channels = np.array([[[100, 50, 0, 128], [0, 0, 0, 0], [7, 8, 9, 255]]], np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", channels, photometric="rgb", extrasamples=["assocalpha"])
    picture = read(tmp_path / "in.tif")
    assert picture.pixels.tolist() == [[[199, 100, 0], [0, 0, 0], [7, 8, 9]]]
    assert picture.alpha is not None and picture.alpha.tolist() == [[128, 0, 255]]


@pytest.mark.parametrize("meaning", [0, 1, 2])
def test_the_fourth_channel_of_an_lzw_tiff(tmp_path: Path, meaning: int) -> None:
    """ExtraSamples 0 is not said, 1 premultiplied alpha, 2 alpha; Pillow alone loses the first."""
    channels = noise((H, W, 4)) // 2
    channels[..., 3] += 127
    path = tmp_path / "in.tif"
    Image.fromarray(channels).save(path, compression="tiff_lzw")
    tag = struct.pack("<HHIH", 338, 3, 1, 2)
    assert path.read_bytes().count(tag) == 1
    path.write_bytes(path.read_bytes().replace(tag, tag[:-2] + struct.pack("<H", meaning)))
    picture = read(path)
    np.testing.assert_array_equal(picture.alpha, channels[..., 3])
    colours = channels[..., :3].astype(float)
    if meaning == 1:
        colours = np.minimum(np.rint(colours * 255 / channels[..., 3:]), 255)
    np.testing.assert_allclose(picture.pixels, colours, atol=0.5 if meaning == 1 else 0)


@pytest.mark.parametrize("codec", ["jpeg", "tiff_lzw", "packbits"])
def test_8_bit_codecs_of_tiff(tmp_path: Path, codec: str) -> None:
    picture = smooth((H, W, 3))
    Image.fromarray(picture).save(tmp_path / "in.tif", compression=codec)
    assert np.abs(read(tmp_path / "in.tif").pixels.astype(int) - picture).max() <= (
        8 if codec == "jpeg" else 0
    )


def test_palette_and_one_bit_tiff(tmp_path: Path) -> None:
    colours = noise((H, W, 3)) // 128 * 200
    Image.fromarray(colours).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "in.tif")
    assert not read(tmp_path / "in.tif").gray
    np.testing.assert_array_equal(read(tmp_path / "in.tif").pixels, colours)
    bits = noise((H, W)) > 127
    Image.fromarray(bits).save(tmp_path / "in.tif")
    assert read(tmp_path / "in.tif").gray
    np.testing.assert_array_equal(read(tmp_path / "in.tif").pixels[..., 0], bits * np.uint8(255))


# ----------------------------------------------------------------------------- beside the pixels


def exif_block(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x0132] = "2024:05:06 07:08:09"
    exif[0x013B] = "An Artist"
    exif[0x8769] = {
        0x9003: "2023:01:02 03:04:05",
        0x927C: b"maker note \x00\x01\x02",
        0xA002: W,
        0xA003: H,
    }
    exif[0x8825] = {1: "N"}
    return exif


def seen(array: np.ndarray, orientation: int) -> np.ndarray:
    """Stored pixels as they are to be seen, in the words of EXIF: where row 0 and column 0 lie."""
    return {
        1: lambda a: a,  # top, left
        2: lambda a: a[:, ::-1],  # top, right
        3: lambda a: a[::-1, ::-1],  # bottom, right
        4: lambda a: a[::-1],  # bottom, left
        5: lambda a: np.swapaxes(a, 0, 1),  # left, top
        6: lambda a: np.rot90(a, -1),  # right, top
        7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),  # right, bottom
        8: lambda a: np.rot90(a),  # left, bottom
    }[orientation](array)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    source, result = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    channels = noise((H, W, 3 if suffix == ".jpg" else 4))
    options = {"lossless": True, "exact": True} if suffix == ".webp" else {}
    xmp = {"xmp": XMP} if suffix in (".jpg", ".webp") else {}
    exif = exif_block(orientation).tobytes()
    Image.fromarray(channels).save(source, exif=exif, dpi=(300, 150), **options, **xmp)
    stored = np.asarray(opened(source)) if suffix == ".jpg" else channels
    expected = seen(stored, orientation)

    picture = read(source)
    np.testing.assert_array_equal(picture.pixels, expected[..., :3])
    if picture.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, expected[..., 3])
    if suffix != ".webp":
        assert picture.dpi == pytest.approx((300, 150) if orientation < 5 else (150, 300), rel=1e-4)

    write(result, picture)
    other = opened(result)
    assert other.size == expected.shape[1::-1]
    tags = other.getexif()
    assert tags.get(0x0112, 1) == 1
    assert (tags[0x0132], tags[0x013B]) == ("2024:05:06 07:08:09", "An Artist")
    inner = tags.get_ifd(0x8769)
    assert inner[0x9003] == "2023:01:02 03:04:05"
    assert inner[0x927C] == b"maker note \x00\x01\x02"
    assert (inner[0xA002], inner[0xA003]) == other.size
    assert tags.get_ifd(0x8825)[1] == "N"
    if xmp:
        assert other.info["xmp"] == (XMP if orientation == 1 else XMP.replace(b'"6"', b'"1"'))
    np.testing.assert_array_equal(read(result).size, expected.shape[:2])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_by_every_tiff_decoder(tmp_path: Path, orientation: int) -> None:
    """Pillow and OpenCV turn TIFFs by themselves, tifffile does not."""
    path = tmp_path / "in.tif"
    byte = noise((H, W, 3))
    Image.fromarray(byte).save(path, compression="tiff_lzw", tiffinfo={0x0112: orientation})
    np.testing.assert_array_equal(read(path).pixels, seen(byte, orientation))

    deep = noise((H, W, 3), "uint16")
    cv2.imwrite(str(path), deep[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    with tifffile.TiffFile(path) as tif:
        page, whole = tif.pages.first, path.read_bytes()
        strips = [whole[at : at + n] for at, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
        rows = page.rowsperstrip
    tags = [(0x0112, 3, 1, orientation, True)]
    # the same strips, declared as Deflate since tifffile has no LZW, then called LZW again
    options = {"compression": "zlib", "predictor": True, "rowsperstrip": rows, "extratags": tags}
    tifffile.imwrite(path, iter(strips), shape=deep.shape, dtype=deep.dtype, photometric="rgb", **options)
    deflate, lzw = (struct.pack("<HHIH", 259, 3, 1, code) for code in (8, 5))
    assert path.read_bytes().count(deflate) == 1
    path.write_bytes(path.read_bytes().replace(deflate, lzw))
    np.testing.assert_array_equal(read(path).pixels, seen(deep, orientation))


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_icc_and_xmp_are_kept_byte_for_byte(tmp_path: Path, suffix: str) -> None:
    source, result = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    options: dict[str, object] = {"icc_profile": SRGB}
    if suffix == ".png":
        text = PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode())
        text.add_text("Title", "kept")
        options["pnginfo"] = text
    elif suffix == ".tif":
        options["tiffinfo"] = {700: XMP}
    else:
        options["xmp"] = XMP
    Image.fromarray(smooth((H, W, 3))).save(source, **options)
    picture = read(source)
    assert (picture.icc, picture.xmp) == (SRGB, XMP)
    write(result, picture)
    other = opened(result)
    assert other.info["icc_profile"] == SRGB
    assert (bytes(other.tag_v2[700]) if suffix == ".tif" else other.info["xmp"]) == XMP
    if suffix == ".png":
        assert other.text["Title"] == "kept"
        assert result.read_bytes().count(b"XML:com.adobe.xmp") == 1


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("count", [1, 4])
def test_16_bit_files_keep_what_is_beside_the_pixels(tmp_path: Path, suffix: str, count: int) -> None:
    channels = noise((H, W, count), "uint16")
    exif = exif_block(1).tobytes().removeprefix(b"Exif\0\0")
    icc = SRGB if count == 4 else GRAY_ICC
    path = tmp_path / f"out{suffix}"
    write(path, picture_of(channels, exif=exif, icc=icc, xmp=XMP, dpi=(72.0, 96.0)))
    picture = read(path)
    assert (picture.icc, picture.xmp) == (icc, XMP)
    assert picture.dpi == pytest.approx((72, 96), rel=1e-3)
    tags = Image.Exif()
    tags.load(picture.exif)
    assert tags[0x013B] == "An Artist" and tags.get_ifd(0x8769)[0x9003] == "2023:01:02 03:04:05"
    np.testing.assert_array_equal(load(path), channels)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_tags_keep_their_type_and_bytes(tmp_path: Path, order: str) -> None:
    artist = "Jürgen".encode() + b"\0"
    extra = [
        (315, 7, len(artist), artist, True),  # UTF-8, which TIFF does not foresee and people do
        (33550, 12, 3, (1.5, -2.5, 0.0), True),  # a GeoTIFF pixel scale
        (65000, 9, 2, (-5, 7), True),
    ]
    source, result = tmp_path / "in.tif", tmp_path / "out.tif"
    channels = noise((H, W, 3), "uint16")
    tifffile.imwrite(source, channels, photometric="rgb", extratags=extra, byteorder=order, metadata=None)
    write(result, read(source))
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(result) as after:
        for code in (315, 33550, 65000):
            ours, theirs = after.pages.first.tags[code], before.pages.first.tags[code]
            assert (ours.dtype, ours.count, ours.value) == (theirs.dtype, theirs.count, theirs.value)
        np.testing.assert_array_equal(after.asarray(), channels)


def test_the_thumbnail_is_not_kept(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(noise((8, 8, 3))).save(thumbnail, "JPEG")
    small = thumbnail.getvalue()
    first = struct.pack("<HHHIIIH", 1, 0x0112, 3, 1, 1, 26, 2)  # one entry, then the second directory at 26
    second = struct.pack("<HHIIHHII", 0x0201, 4, 1, 56, 0x0202, 4, 1, len(small))
    block = b"II*\0\x08\0\0\0" + first + second + struct.pack("<I", 0) + small
    assert block[26:28] == b"\x02\0" and block[56:58] == b"\xff\xd8"
    path = tmp_path / "in.jpg"
    Image.fromarray(smooth((H, W, 3))).save(path, exif=b"Exif\0\0" + block)
    exif = read(path).exif
    assert len(exif) == len(block) and exif[22:26] == bytes(4)
    assert exif[56:] == bytes(len(small))


def test_gray_pictures_stay_gray_after_processing(tmp_path: Path) -> None:
    store(tmp_path / "in.png", noise((H, W, 1)))
    picture = read(tmp_path / "in.png")
    changed = np.array([[[1, 2, 3], [10, 10, 11], [10, 11, 11], [255, 255, 255]]], np.uint8)
    write(tmp_path / "out.png", picture.with_pixels(changed))
    assert opened(tmp_path / "out.png").mode == "L"
    assert load(tmp_path / "out.png")[..., 0].tolist() == [[2, 10, 11, 255]]


def test_a_profile_that_does_not_fit_the_channels_is_dropped_with_a_line(tmp_path: Path) -> None:
    store(tmp_path / "in.png", noise((H, W, 1)))
    gray = read(tmp_path / "in.png")
    colour = Picture(noise((H, W, 3)))

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


def test_new_sizes_need_a_new_alpha() -> None:
    picture = picture_of(noise((4, 6, 4)), dpi=(10.0, 10.0))
    bigger = picture.with_pixels(noise((8, 12, 3)), alpha=noise((8, 12)))
    assert (bigger.size, bigger.dpi) == ((8, 12), (10.0, 10.0))
    with pytest.raises(ValueError, match=r"alpha must be \(8, 12\) \(h, w\).*got \(4, 6\)"):
        picture.with_pixels(noise((8, 12, 3)))
    with pytest.raises(TypeError, match="must be uint8 as before, got uint16"):
        picture.with_pixels(noise((4, 6, 3), "uint16"))


def test_what_is_lost_is_said() -> None:
    exif = exif_block(1).tobytes().removeprefix(b"Exif\0\0")
    deep = picture_of(noise((4, 6, 4), "uint16"), exif=exif, icc=SRGB, xmp=XMP, dpi=(72.0, 72.0))
    assert lossy_notes("a.png", deep) == lossy_notes("a.TIFF", deep) == []
    assert lossy_notes("a.JPG", deep) == ["JPEG: 16 bits a channel become 8", "JPEG: alpha is dropped"]
    assert lossy_notes("a.webp", deep) == ["WebP: 16 bits a channel become 8", "WebP: dpi is dropped"]
    assert lossy_notes("a.bmp", deep) == [
        "BMP: 16 bits a channel become 8",
        *(f"BMP: {what} is dropped" for what in ("EXIF", "ICC profile", "XMP")),
    ]
    real = Picture(noise((4, 6, 3), "float32"), xmp=b"x" * 70000)
    assert lossy_notes("a.png", real) == ["PNG: 32 bits a channel become 16, clipped to [0, 1]"]
    assert "JPEG: XMP is dropped: 70000 bytes, the most is 65000" in lossy_notes("a.jpg", real)
    opaque = Picture(noise((4, 6, 3)), alpha=np.full((4, 6), 255, np.uint8))
    assert lossy_notes("a.jpg", opaque) == []


def test_depths_are_rounded_not_cut(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint16).repeat(3).reshape(16, 16, 3)
    write(tmp_path / "out.bmp", Picture(levels * 257 - np.sign(levels) * np.uint16(100)))
    np.testing.assert_array_equal(read(tmp_path / "out.bmp").pixels, levels)
    write(tmp_path / "out.png", Picture(np.array([[[-0.5, 0.25, 1.5]]], np.float32)))
    assert load(tmp_path / "out.png").tolist() == [[[0, 16384, 65535]]]


# ----------------------------------------------------------------------------- masks and folders


def test_a_mask_is_white_from_half_on(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8)).save(tmp_path / "m.png")
    mask = read_mask(tmp_path / "m.png")
    assert mask.white.dtype == np.bool_
    assert mask.white.tolist() == [[False, False, True, True]]
    assert mask.gray_fraction == 0.5


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_mask_may_count_to_one(tmp_path: Path, kind: type) -> None:
    for values in ([0, 1, 1, 0], [1, 1, 1, 1], [0, 0, 0, 0]):
        tifffile.imwrite(tmp_path / "m.tif", np.array([values], kind))
        mask = read_mask(tmp_path / "m.tif")
        assert mask.white.tolist() == [[bool(value) for value in values]]
        assert mask.gray_fraction == 0
    tifffile.imwrite(tmp_path / "m.tif", np.array([[0, 1, 2]], kind))  # nearly black, and not of one bit
    assert not read_mask(tmp_path / "m.tif").white.any()
    clear = np.array([[[1, 255], [1, 0]]], np.uint8)  # one on a clear layer
    Image.fromarray(clear).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png").white.tolist() == [[True, False]]


def test_ringing_is_not_gray(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 16, 239, 255], [17, 238, 0, 0]], np.uint8)).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png").gray_fraction == 0.25


def test_a_mask_on_a_clear_layer(tmp_path: Path) -> None:
    alpha = np.array([[0, 255], [100, 200]], np.uint8)
    for colour in (0, 255):  # painted in black or in white: the alpha is the drawing
        layer = np.dstack([np.full((2, 2, 3), colour, np.uint8), alpha])
        Image.fromarray(layer).save(tmp_path / "m.png")
        assert read_mask(tmp_path / "m.png").white.tolist() == [[False, True], [False, True]]
    # opaque everywhere: the alpha says nothing
    Image.fromarray(np.dstack([np.zeros((2, 2, 3), np.uint8), np.full((2, 2), 255, np.uint8)])).save(
        tmp_path / "m.png"
    )
    assert not read_mask(tmp_path / "m.png").white.any()
    # black and white on a clear layer: clear is black
    drawn = np.dstack([np.repeat(np.array([[[255], [255]], [[0], [255]]], np.uint8), 3, axis=2), alpha])
    Image.fromarray(drawn).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png").white.tolist() == [[False, True], [False, True]]


def test_a_mask_may_be_16_bit_or_float(tmp_path: Path) -> None:
    half = np.array([[0, 32767, 32768, 65535]], np.uint16)
    tifffile.imwrite(tmp_path / "m.tif", half)
    assert read_mask(tmp_path / "m.tif").white.tolist() == [[False, False, True, True]]
    tifffile.imwrite(tmp_path / "m.tif", np.array([[0, 0.49, 0.5, 2.0]], np.float32))
    assert read_mask(tmp_path / "m.tif").white.tolist() == [[False, False, True, True]]


def test_folders_are_listed_in_natural_order(tmp_path: Path) -> None:
    names = ["p10.png", "p2.PNG", "p1.jpg", "notes.txt", ".hidden.png", "sub/a.tif", ".cache/b.png"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    listed = images.list_inputs([tmp_path])
    assert [str(p.relative_to(tmp_path)) for p in listed] == ["p1.jpg", "p2.PNG", "p10.png", "sub/a.tif"]
    flat = images.list_inputs([tmp_path], recursive=False)
    assert [p.name for p in flat] == ["p1.jpg", "p2.PNG", "p10.png"]
    named = images.list_inputs([tmp_path / "notes.txt", tmp_path / "sub", tmp_path / "sub" / "a.tif"])
    assert [p.name for p in named] == ["notes.txt", "a.tif"]


# --------------------------------------------------------------------------------------- writing


def test_pictures_pass_through_memory_too(tmp_path: Path) -> None:
    picture = Picture(noise((H, W, 3), "uint16"))
    data = images.encode(picture, "png")
    write(tmp_path / "out.png", picture)
    assert (tmp_path / "out.png").read_bytes() == data
    np.testing.assert_array_equal(images.decode(data, name="-").pixels, picture.pixels)
    with pytest.raises(ValueError, match="one of png, jpeg, tiff, webp, bmp, got 'gif'"):
        images.encode(picture, "gif")


def test_new_files_have_ordinary_permissions_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "out.png"
    plain.touch()
    write(path, Picture(noise((4, 5, 3))))
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o640)
    write(path, Picture(noise((4, 5, 3))), overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_overwriting_a_link_replaces_what_it_points_to(tmp_path: Path) -> None:
    target, link = tmp_path / "target.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(OutputError, match="already there"):
        write(link, Picture(noise((4, 5, 3))))
    write(link, Picture(noise((4, 5, 3))), overwrite=True)
    assert link.is_symlink() and read(target).size == (4, 5)


def test_importing_is_instant() -> None:
    heavy = "{'numpy', 'PIL', 'cv2', 'torch', 'tifffile', 'skimage'}"
    code = f"import sys, restore.images; print(sorted({heavy} & set(sys.modules)))"
    root = str(Path(__file__).parents[2])
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert (result.stdout.strip(), result.stderr) == ("[]", "")


def test_suffixes_are_those_of_the_readme_table() -> None:
    assert images.SUFFIXES == (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp")
    assert all(re.fullmatch(r"\.[a-z]+", suffix) for suffix in images.SUFFIXES)
