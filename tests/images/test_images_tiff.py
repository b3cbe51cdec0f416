"""The many kinds of TIFF: codecs, layouts, depths, tags, and damage."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from picture_files import PIXELS, SRGB, H, W, intact_file, message_for, random_samples, seen, smooth
from PIL import Image

from restore.errors import DamagedError
from restore.images.reader import decode, read
from restore.images.tiff_tags import page
from restore.images.writer import write


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("count", [1, 3, 4])
def test_lzw_tiff(tmp_path: Path, dtype: str, count: int) -> None:
    channels = random_samples((H, W, count), dtype)
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
    channels = random_samples((H, W, 3), "uint16")
    path = tmp_path / "in.tif"
    data = channels.transpose(2, 0, 1) if "planarconfig" in options else channels
    tifffile.imwrite(path, data, photometric="rgb", iccprofile=SRGB, **options)
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels, channels, strict=True)
    assert picture.icc == SRGB


def test_white_is_zero_in_some_tiffs(tmp_path: Path) -> None:
    gray = random_samples((H, W), "uint16")
    tifffile.imwrite(tmp_path / "in.tif", gray, photometric="miniswhite")
    np.testing.assert_array_equal(read(tmp_path / "in.tif").pixels[..., 0], 65535 - gray)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_other_floats_are_read_as_float32_and_say_so(tmp_path: Path, dtype: str) -> None:
    values = random_samples((H, W, 3), "float32").astype(dtype)
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
    channels = random_samples((H, W, 4)) // 2
    channels[..., 3] += 127
    path = tmp_path / "in.tif"
    Image.fromarray(channels).save(path, compression="tiff_lzw")
    tag = struct.pack("<HHIH", 338, 3, 1, 2)
    assert path.read_bytes().count(tag) == 1
    path.write_bytes(path.read_bytes().replace(tag, tag[:-2] + struct.pack("<H", meaning)))
    picture = read(path)
    fourth = picture.alpha if meaning else picture.extra[..., 0]
    assert (picture.alpha is None, picture.extra is None) == (meaning == 0, meaning > 0)
    np.testing.assert_array_equal(fourth, channels[..., 3])
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
    colours = random_samples((H, W, 3)) // 128 * 200
    Image.fromarray(colours).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "in.tif")
    assert not read(tmp_path / "in.tif").gray
    np.testing.assert_array_equal(read(tmp_path / "in.tif").pixels, colours)
    bits = random_samples((H, W)) > 127
    Image.fromarray(bits).save(tmp_path / "in.tif")
    assert read(tmp_path / "in.tif").gray
    np.testing.assert_array_equal(read(tmp_path / "in.tif").pixels[..., 0], bits * np.uint8(255))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once_by_every_tiff_decoder(tmp_path: Path, orientation: int) -> None:
    """Pillow and OpenCV turn TIFFs by themselves, tifffile does not."""
    path = tmp_path / "in.tif"
    byte = random_samples((H, W, 3))
    Image.fromarray(byte).save(path, compression="tiff_lzw", tiffinfo={0x0112: orientation})
    np.testing.assert_array_equal(read(path).pixels, seen(byte, orientation))

    deep = random_samples((H, W, 3), "uint16")
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


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_tags_keep_their_type_and_bytes(tmp_path: Path, order: str) -> None:
    artist = "Jürgen".encode() + b"\0"
    extra = [
        (315, 7, len(artist), artist, True),  # UTF-8, which TIFF does not foresee and people do
        (33550, 12, 3, (1.5, -2.5, 0.0), True),  # a GeoTIFF pixel scale
        (65000, 9, 2, (-5, 7), True),
    ]
    source, result = tmp_path / "in.tif", tmp_path / "out.tif"
    channels = random_samples((H, W, 3), "uint16")
    tifffile.imwrite(source, channels, photometric="rgb", extratags=extra, byteorder=order, metadata=None)
    write(result, read(source))
    with tifffile.TiffFile(source) as before, tifffile.TiffFile(result) as after:
        for code in (315, 33550, 65000):
            ours, theirs = after.pages.first.tags[code], before.pages.first.tags[code]
            assert (ours.dtype, ours.count, ours.value) == (theirs.dtype, theirs.count, theirs.value)
        np.testing.assert_array_equal(after.asarray(), channels)


def test_missing_strips_of_a_tiff_are_not_filled_with_black(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(intact_file("tiff-deflate"))
    with tifffile.TiffFile(path, mode="r+") as tif:
        counts = tif.pages.first.tags["StripByteCounts"]
        counts.overwrite([0, *counts.value[1:]])
    assert "(parts of the pixels are missing)" in message_for(path)


def with_last_count(data: bytes, size: int | None, *, tag: str = "StripByteCounts") -> bytes:
    """The file with another size of its last strip or tile, the size of the first where None."""
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        entry = tif.pages.first.tags[tag]
        width = {3: 2, 4: 4}[int(entry.dtype)]
        at = entry.valueoffset + (entry.count - 1) * width
        size = entry.value[0] if size is None else size
    packed = struct.pack(("<" if data[:2] == b"II" else ">") + {2: "H", 4: "I"}[width], size)
    return data[:at] + packed + data[at + width :]


@pytest.mark.parametrize("size", [None, 60_000, 2**32 - 1])
@pytest.mark.parametrize("options", [
    {"rowsperstrip": 8}, {"rowsperstrip": 8, "planarconfig": "separate"}, {"tile": (16, 16)},
    {"rowsperstrip": 8, "compression": "zlib"}, {"tile": (16, 16), "compression": "zlib"}, {"byteorder": ">"},
], ids=["strips", "planes", "tiles", "deflate", "deflated tiles", "big-endian"])  # fmt: skip
def test_a_last_strip_that_is_said_to_be_longer(options: dict[str, object], size: int | None) -> None:
    """Writers give it the size of the others, round up, or say that they do not know."""
    channels, out = random_samples((H, W, 3)), io.BytesIO()
    stored = channels.transpose(2, 0, 1) if "planarconfig" in options else channels
    tifffile.imwrite(out, stored, photometric="rgb", **options)
    tag = "TileByteCounts" if "tile" in options else "StripByteCounts"
    size = 60_000 if size == 2**32 - 1 and "compression" in options else size
    with tifffile.TiffFile(io.BytesIO(out.getvalue())) as tif:
        if tif.pages.first.tags[tag].dtype == 3:  # of 16 bits
            size = None if size is None else min(size, 65_535)
    data = with_last_count(out.getvalue(), size, tag=tag)
    np.testing.assert_array_equal(decode(data, name="x").pixels, channels)
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        last = tif.pages.first.dataoffsets[-1]
    with pytest.raises(DamagedError):
        decode(data[: last + 20], name="x")


@pytest.mark.parametrize("name", ["tiff-lzw8", "tiff-lzw16", "tiff-jpeg", "tiff-packbits"])
def test_the_only_strip_of_a_compressed_tiff_that_is_said_to_be_longer(name: str) -> None:
    if name in ("tiff-jpeg", "tiff-packbits"):
        out = io.BytesIO()
        Image.fromarray(PIXELS).save(out, "TIFF", compression=name[5:])
        data = out.getvalue()
    else:
        data = intact_file(name)
    expected = decode(data, name="x").pixels
    with tifffile.TiffFile(io.BytesIO(data)) as tif:
        longer = len(data) - tif.pages.first.dataoffsets[0] + 1000
    wrong = with_last_count(data, longer)
    np.testing.assert_array_equal(decode(wrong, name="x").pixels, expected)


def test_a_tiff_is_read_without_a_copy_of_it() -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((2000, 1000, 3), np.uint8), photometric="rgb")
    own, _ = page(out.getvalue(), 0)
    tracemalloc.start()
    file = own.alone()
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()
    whole = file.whole()
    assert file.read(8) == whole[:8] and file.read() == whole[8:] and file.read(1) == b""
    assert file.seek(-5, 2) == len(whole) - 5 and file.read(9) == whole[-5:]
    file.seek(4)
    into = bytearray(20)
    assert file.readinto(into) == 20 and into == whole[4:24] and file.tell() == 24


def test_values_outside_the_range_of_a_float_tiff_are_no_error(tmp_path: Path) -> None:
    values = np.array([[-1.0, 0.5, 7.0]], np.float32)
    tifffile.imwrite(tmp_path / "a.tif", values)
    assert read(tmp_path / "a.tif").pixels[0, :, 0].tolist() == [-1.0, 0.5, 7.0]


@pytest.mark.parametrize("dtype", ["int16", "uint32", "complex64"])
def test_other_samples_are_refused(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((4, 5), dtype), photometric="minisblack")
    assert "expected 8 or 16 bit integers or floats, gray or RGB" in message_for(path)
    assert dtype in message_for(path)


def test_too_many_channels(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((4, 5, 17), np.uint8), photometric="rgb", planarconfig="contig")
    assert message_for(path) == "expected 1 to 16 channels, got 17; split it first"


def test_foreign_colour_models(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(PIXELS).convert("LAB").save(path)
    assert message_for(path) == "expected gray, RGB or CMYK, got mode LAB; convert it first"


@pytest.mark.parametrize(("compression", "code"), [("tiff_ccitt", 2), ("group3", 3), ("group4", 4)])
def test_lines_of_a_fax_that_are_garbled(compression: str, code: int) -> None:
    y, x = np.mgrid[:300, :200]
    drawing, out = (x // 7 + y // 11) % 2 > 0, io.BytesIO()
    Image.fromarray(drawing).save(out, "TIFF", compression=compression)
    whole = out.getvalue()
    with tifffile.TiffFile(io.BytesIO(whole)) as tif:
        assert int(tif.pages.first.compression) == code
        at, size = tif.pages.first.dataoffsets[0], tif.pages.first.databytecounts[0]
    said = set()
    for seed in range(30):
        place = at + int(np.random.default_rng(seed).integers(5, size - 50))
        damaged = whole[:place] + b"\xa5\0" + whole[place + 2 :]
        try:
            picture = decode(damaged, name="x")
        except DamagedError as error:
            said.add("refused" if "the pixel data are garbled" in str(error) else "")
            continue
        same = (picture.pixels[..., 0] == 255 * drawing).all(axis=1).mean()
        if picture.notes:
            assert picture.notes[0].endswith(" of its 300 lines could not be read in full") and same > 0.8
            said.add("noted")
    assert said >= ({"refused"} if code == 4 else {"noted"})
    assert code < 4 or "noted" not in said
    many = bytearray(whole)
    for place in range(at + 5, at + size - 5, 9):
        many[place : place + 2] = b"\xa5\0"
    with pytest.raises(DamagedError, match="the pixel data are garbled"):
        decode(bytes(many), name="x")
    assert decode(bytes(many), name="x", damaged=True).size == (300, 200)
