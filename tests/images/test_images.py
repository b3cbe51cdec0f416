"""Pictures come back in kind: every depth, alpha, gray, format, and the metadata of the file.

Inputs are written and outputs are read with Pillow, OpenCV and tifffile, not with the code under test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
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
    seen,
    smooth,
    store,
)
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from restore import images
from restore.images.picture import Picture
from restore.images.reader import read
from restore.images.writer import write

SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))
KINDS = st.sampled_from(
    [(".png", "uint8"), (".png", "uint16"), (".tif", "uint8"), (".tif", "uint16"), (".tif", "float32")]
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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


@pytest.mark.slow
@QUICK
@given(kind=KINDS, size=SIZES, count=st.integers(1, 4), seed=st.integers(0, 99))
def test_read_then_write_is_the_identity(
    tmp_path: Path, kind: tuple[str, str], size: tuple[int, int], count: int, seed: int
) -> None:
    suffix, dtype = kind
    channels = random_samples((*size, count), dtype, seed)
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


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".jpg"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    source, result = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    channels = random_samples((H, W, 3 if suffix == ".jpg" else 4))
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
    channels = random_samples((H, W, count), "uint16")
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


def test_pictures_pass_through_memory_too(tmp_path: Path) -> None:
    picture = Picture(random_samples((H, W, 3), "uint16"))
    data = images.encode(picture, "png")
    write(tmp_path / "out.png", picture)
    assert (tmp_path / "out.png").read_bytes() == data
    np.testing.assert_array_equal(images.decode(data, name="-").pixels, picture.pixels)
    known = "png, jpeg, tiff, webp, bmp, heic, avif, jxl, gif"
    with pytest.raises(ValueError, match=f"one of {known}, got 'psd'"):
        images.encode(picture, "psd")
