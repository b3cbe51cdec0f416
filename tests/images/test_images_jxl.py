"""JPEG XL: 8 and 16 bits and floats, gray and alpha, with profiles and text, lossless."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from changed_files import check_changed, check_cut_short
from picture_files import SRGB, XMP, random_samples
from PIL import Image

from restore import images
from restore.errors import ImageError, OutputError
from restore.images import Picture, decode, encode, lossy_notes
from restore.images.exif import with_comment
from restore.images.isobmff import boxes
from restore.images.jxl_head import JxlHead, jxl_head
from restore.images.named_profiles import profile_for
from restore.images.reader import turned
from restore.images.stored_depth import stored_bits
from restore.images.told import told_in, told_size

pyjpegxl = pytest.importorskip("pyjpegxl", reason="comes with the extra jxl")


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(("gray", "alpha"), [(False, False), (False, True), (True, False), (True, True)])
def test_every_number_comes_back(dtype: str, gray: bool, alpha: bool, tmp_path: Path) -> None:
    samples = np.abs(random_samples((19, 23, 4), dtype))
    pixels = np.repeat(samples[..., :1], 3, axis=2) if gray else np.ascontiguousarray(samples[..., :3])
    picture = Picture(
        pixels,
        alpha=np.ascontiguousarray(samples[..., 3]) if alpha else None,
        gray=gray,
        icc=profile_for(1, 4, gray=True) if gray else profile_for(12, 13),
        exif=with_comment(b"", "a note"),
        xmp=XMP.replace(b'"6"', b'"1"'),
    )
    path = tmp_path / "a.jxl"
    images.write(path, picture)
    again = images.read(path)
    assert (again.format, again.gray, again.notes) == ("jxl", gray, ())
    np.testing.assert_array_equal(again.pixels, pixels)
    assert again.pixels.dtype == pixels.dtype
    assert (again.alpha is None) == (not alpha)
    if picture.alpha is not None:
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    assert (again.icc, again.exif, again.xmp) == (picture.icc, picture.exif, picture.xmp)
    assert (told_size(path), told_in(path).comment) == ((19, 23), "a note")
    assert stored_bits(path.read_bytes()) == picture.bits


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("gray", [False, True])
def test_without_a_profile_it_is_srgb(dtype: str, gray: bool) -> None:
    """The encoder would call floats linear."""
    picture = Picture(np.zeros((8, 8, 3), dtype), gray=gray)
    data = encode(picture, "jxl")
    assert decode(data, name="plain").icc == b""
    told = pyjpegxl.probe(data).icc
    assert "Lin".encode("utf-16-be") not in told, "a viewer would show it too bright"


@pytest.mark.parametrize("icc", [b"", SRGB, profile_for(12, 13), profile_for(9, 8)])
def test_quality_loses_little_and_keeps_the_profile(icc: bytes) -> None:
    y, x = np.mgrid[:60, :90]
    pixels = np.stack([x * 2, y * 4, x + y], 2).astype(np.uint8)
    picture = Picture(pixels, icc=icc)
    again = decode(encode(picture, "jxl", quality=95), name="lossy")
    assert again.icc == icc
    error = np.abs(again.pixels.astype(int) - pixels)
    assert 0 < error.mean() < 3
    coarse = decode(encode(picture, "jxl", quality=5), name="coarse")
    assert np.abs(coarse.pixels.astype(int) - pixels).mean() > error.mean()
    np.testing.assert_array_equal(decode(encode(picture, "jxl", quality=100), name="all").pixels, pixels)


def test_numbers_below_0() -> None:
    """Its encoder fails on them; whoever writes them is told."""
    values = np.linspace(-0.5, 1.5, 27, dtype=np.float32).reshape(3, 3, 3)
    picture = Picture(values)
    assert lossy_notes("a.jxl", picture) == [
        "JPEG XL: numbers below 0 become 0, for its encoder fails on them; TIFF keeps them"
    ]
    np.testing.assert_array_equal(decode(encode(picture, "jxl"), name="-").pixels, values.clip(0))
    assert lossy_notes("a.jxl", Picture(values.clip(0))) == []


def test_a_jpeg_in_it_is_turned_once() -> None:
    pixels = np.zeros((24, 40, 3), np.uint8)
    pixels[:12, :20] = 200
    exif = Image.Exif()
    exif[0x112] = 6
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=98, exif=exif)
    data = pyjpegxl.jpeg_to_jxl(out.getvalue())
    picture = decode(data, name="from JPEG")
    assert (picture.turned, picture.size) == (6, (40, 24))
    assert np.abs(picture.pixels.astype(int) - turned(pixels, 6)).mean() < 8
    assert jxl_head(BytesIO(data)) == JxlHead((24, 40), 8, 6, False)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (256, 256), (1, 300), (700, 3), (9, 16), (600, 800)])
def test_sizes_from_the_head_alone(size: tuple[int, int]) -> None:
    for data in (
        pyjpegxl.encode_from_numpy(np.zeros((*size, 3), np.uint8), lossless=True),
        encode(Picture(np.zeros((*size, 3), np.uint8), xmp=b"<x/>"), "jxl"),
    ):
        assert jxl_head(BytesIO(data)) == JxlHead(size, 8, 1, False)


def test_metadata_stand_before_the_picture_uncompressed() -> None:
    data = encode(Picture(np.zeros((8, 8, 3), np.uint8), exif=with_comment(b"", "x"), xmp=b"<x/>"), "jxl")
    kinds = [each.kind for each in boxes(data, 0, len(data))]
    assert kinds[:4] == ["JXL ", "ftyp", "Exif", "xml "]
    assert encode(Picture(np.zeros((8, 8, 3), np.uint8)), "jxl").startswith(b"\xff\x0a")


def test_damaged_animated_and_large_files() -> None:
    data = encode(Picture(random_samples((40, 50, 3)), exif=with_comment(b"", "x")), "jxl")
    check_cut_short(data, start=12, step=len(data) // 30)
    check_changed(data, start=12)
    # (4, 30 bits) of 2**30 - 1 more rows, as wide as high.
    bits = 0 | 3 << 1 | (2**30 - 1) << 3 | 1 << 33
    with pytest.raises(ImageError, match="megapixels, more than the 500"):
        decode(b"\xff\x0a" + bits.to_bytes(8, "little") + bytes(30), name="bomb")
    # 8x8, not all by default, further fields: upright, no size, no preview, an animation.
    bits = 1 | 0 << 1 | 1 << 6 | 0 << 9 | 1 << 10 | 0 << 11 | 0 << 14 | 0 << 15 | 1 << 16
    with pytest.raises(ImageError, match="film: expected a still picture, got an animation; extract a frame"):
        decode(b"\xff\x0a" + bits.to_bytes(8, "little") + bytes(30), name="film")


def test_without_pyjpegxl_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images.write(tmp_path / "a.jxl", Picture(np.zeros((4, 6, 3), np.uint8)))
    monkeypatch.setitem(sys.modules, "pyjpegxl", None)
    with pytest.raises(ImageError, match=r"a\.jxl: JPEG XL needs pyjpegxl; pip install 'restore-diffusion"):
        images.read(tmp_path / "a.jxl")
    with pytest.raises(OutputError, match="JPEG XL needs pyjpegxl"):
        encode(Picture(np.zeros((4, 6, 3), np.uint8)), "jxl")
    assert images.survey(tmp_path).pictures == ()
    assert told_size(tmp_path / "a.jxl") == (4, 6)
