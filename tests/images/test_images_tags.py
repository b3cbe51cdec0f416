"""Tags of the wrong type, count or place count as missing, and take no more memory than the file."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import ImageError
from restore.images import Picture, decode, encode, lossy_notes, png_chunk, writable
from restore.images import tiff_encoder as tiff_module
from restore.images.exif import tree, usable, with_comment

PIXELS = np.random.default_rng(0).integers(0, 65536, (9, 11, 3)).astype(np.uint16)
KINDS = ("png", "jpeg", "tiff", "webp", "bmp")

WRONG: dict[str, list[tuple[int, int, int, Any]]] = {
    "orientation as text": [(274, 2, 4, "abc")],
    "two orientations": [(274, 3, 2, (6, 8))],
    "orientation as a ratio": [(274, 5, 1, (6, 1))],
    "orientation 99": [(274, 3, 1, 99)],
    "resolution as text": [(282, 2, 4, "abc"), (283, 2, 4, "abc")],
    "resolution 0/0": [(282, 5, 1, (0, 0)), (283, 5, 1, (0, 0))],
    "unit as text": [(296, 2, 4, "abc")],
    "profile as numbers": [(34675, 4, 5, (1, 2, 3, 4, 70000))],
    "XMP as numbers": [(700, 4, 2, (1, 70000))],
    "Exif as text": [(34665, 2, 8, "abcdefg")],
    "Exif is the first directory": [(34665, 4, 1, 8)],
    "Exif outside the file": [(34665, 4, 1, 2**32 - 1)],
    "Exif in the pixels": [(34665, 4, 1, 1000)],
    "two GPS": [(34853, 4, 2, (8, 8))],
    "SubIFD that loops": [(330, 4, 2, (8, 8))],
    "fill order as text": [(266, 2, 4, "abc")],
}


def packed(kind: int, value: Any) -> bytes:
    """The values of a tag."""
    if isinstance(value, str):
        return value.encode() + b"\0"
    letter = {3: "H", 4: "I", 5: "I", 11: "f", 12: "d"}[kind]
    values = value if isinstance(value, tuple) else (value,)
    return struct.pack(f"<{len(values)}{letter}", *values)


def tiff_with(tags: list[tuple[int, int, int, Any]]) -> bytes:
    """The pixels as a TIFF with these tags, by hand; the first directory is at byte 8."""
    h, w, count = PIXELS.shape
    told = [(256, 3, 1, w), (257, 3, 1, h), (258, 3, 3, (16, 16, 16)), (259, 3, 1, 1), (262, 3, 1, 2)]
    told += [(273, 4, 1, 2000), (277, 3, 1, count), (278, 3, 1, h), (279, 4, 1, PIXELS.nbytes)]
    fields = {tag: (kind, number, packed(kind, value)) for tag, kind, number, value in [*told, *tags]}
    entries, values = b"", b""
    behind = 8 + 2 + 12 * len(fields) + 4
    for tag, (kind, number, body) in sorted(fields.items()):
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", behind + len(values))
        values += body if len(body) > 4 else b""
        entries += struct.pack("<HHI", tag, kind, number) + place
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + entries + bytes(4) + values
    return data.ljust(2000, b"\0") + PIXELS.tobytes()


@pytest.mark.parametrize("name", WRONG)
def test_wrong_tags_count_as_missing(name: str) -> None:
    picture = decode(tiff_with(WRONG[name]), name="memory")
    np.testing.assert_array_equal(picture.pixels, PIXELS)
    assert (picture.icc, picture.xmp) == (b"", b"")
    assert picture.dpi is None
    for kind in KINDS:
        kept, notes = writable(picture, kind)
        assert not notes
        assert decode(encode(kept, kind), name="memory").size == picture.size


@pytest.mark.parametrize(("kind", "value"), [(3, 300), (4, 300), (5, (300, 1)), (11, 300.0), (12, 300.0)])
def test_resolution_as_any_number(kind: int, value: Any) -> None:
    picture = decode(tiff_with([(282, kind, 1, value), (283, kind, 1, value), (296, 3, 1, 2)]), name="memory")
    assert picture.dpi == (300.0, 300.0)


@pytest.mark.parametrize("number", ["SHORT", "LONG"])
def test_an_orientation_that_is_a_number_is_applied(number: str) -> None:
    picture = decode(tiff_with([(274, {"SHORT": 3, "LONG": 4}[number], 1, 6)]), name="memory")
    assert picture.size == (11, 9)
    assert decode(encode(picture, "tiff"), name="memory").size == (11, 9)


def test_the_first_of_two_orientations_is_applied_and_neither_is_left() -> None:
    entries = struct.pack("<HHIHH", 274, 3, 1, 6, 0) + struct.pack("<HHIHH", 274, 3, 1, 3, 0)
    entries += struct.pack("<HHIHH", 274, 3, 2, 8, 8)
    exif = b"II*\0\x08\0\0\0" + struct.pack("<H", 3) + entries + bytes(4)
    out = io.BytesIO()
    Image.fromarray((PIXELS >> 8).astype(np.uint8)).save(out, "PNG", exif=exif)
    picture = decode(out.getvalue(), name="memory")
    assert picture.size == (11, 9)
    orientation = struct.pack("<HHIHH", 274, 3, 1, 1, 0)
    assert picture.exif[10:46] == 3 * orientation


def file_of_tags(count: int, size: int) -> bytearray:
    """A TIFF of 4 x 4 pixels with so many tags that each claim all of it."""
    head = 8 + 2 + 12 * (9 + count) + 4
    entries = [(256, 4, 1, 4), (257, 4, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    entries += [(273, 4, 1, head), (277, 3, 1, 1), (278, 4, 1, 4), (279, 4, 1, 16)]
    entries += [(40000 + n, 7, size - 8, 8) for n in range(count)]
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries))
    data += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4) + bytes(range(16))
    return bytearray(data.ljust(size, b"\0"))


def test_tags_that_each_claim_the_whole_file_take_no_more_than_it() -> None:
    data = bytes(file_of_tags(1000, 300_000))
    tracemalloc.start()
    try:
        picture = decode(data, name="memory")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert picture.notes == ("999 of its tags would be longer than the file and were dropped",)
    assert len(picture.exif) < 310_000
    assert peak < 20 * len(data)  # 1000 times, if each were copied
    assert len(encode(picture, "tiff")) < 310_000


def test_the_same_in_the_exif_of_a_png() -> None:
    picture = Picture(np.zeros((4, 4, 3), np.uint8), exif=bytes(file_of_tags(1000, 300_000)))
    found = decode(encode(picture, "png"), name="memory")
    assert "1000 EXIF tags are dropped" in lossy_notes("a.tif", found)[0]
    assert len(encode(found, "tiff")) < 10_000


def test_a_tag_of_four_thousand_million_values() -> None:
    data = file_of_tags(1, 3000)
    at = data.index(struct.pack("<HHI", 40000, 7, 2992))
    data[at + 4 : at + 8] = b"\xff" * 4
    assert decode(bytes(data), name="memory").exif == b""


def test_a_chain_of_pages_that_comes_back_to_itself() -> None:
    data = file_of_tags(0, 3000)
    data[118:122] = struct.pack("<I", 8)
    assert decode(bytes(data), name="memory").pages == 1


def test_a_long_chain_of_empty_pages_is_counted_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.images.tiff_tags.MOST_PAGES", 100)
    data = file_of_tags(0, 3000)
    data[118:122] = struct.pack("<I", 3000)
    data += b"".join(struct.pack("<HI", 0, 3000 + 6 * (n + 1)) for n in range(1000))
    assert decode(bytes(data), name="memory").pages == 100


def test_strips_that_claim_more_than_there_is() -> None:
    for tag, place in ((273, 2990), (279, 2990)):
        data = file_of_tags(0, 3000)
        expected = decode(bytes(data), name="memory").pixels
        at = data.index(struct.pack("<HHI", tag, 4, 1))
        data[at + 8 : at + 12] = struct.pack("<I", place)
        if tag == 279:  # all that the pixels need is there
            assert (decode(bytes(data), name="memory").pixels == expected).all()
            continue
        with pytest.raises(ImageError, match="parts of the pixels are missing"):
            decode(bytes(data), name="memory")


def test_tiles_far_larger_than_the_picture_are_refused() -> None:
    data = tiff_with([(322, 4, 1, 2**20), (323, 4, 1, 2**20)])
    with pytest.raises(ImageError, match="tiles of"):
        decode(data, name="memory")


def test_a_strip_that_unpacks_to_far_more_than_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUSPECT", "SPARE"):
        monkeypatch.setattr(f"restore.images.tiff_tags.{name}", 1000)
    bomb = zlib.compress(bytes(2_000_000))
    data = file_of_tags(0, 4000)
    data[2000 : 2000 + len(bomb)] = bomb
    for tag, kind, value in ((259, 3, 8), (273, 4, 2000), (279, 4, len(bomb))):
        at = data.index(struct.pack("<HHI", tag, kind, 1))
        data[at + 8 : at + 12] = struct.pack("<I", value)
    with pytest.raises(ImageError, match="unpacks to more than 1032 bytes"):
        decode(bytes(data), name="memory")
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((300, 300), np.uint8), compression="zlib", rowsperstrip=300)
    assert decode(out.getvalue(), name="memory").size == (300, 300)


def test_bigtiff_keeps_its_tags() -> None:
    out = io.BytesIO()
    extra = [(315, 2, 4, "abc", True), (65000, 9, 2, (-5, 7), True)]
    tifffile.imwrite(out, PIXELS, photometric="rgb", bigtiff=True, extratags=extra, metadata=None)
    fields, dropped = tree(decode(out.getvalue(), name="memory").exif)
    assert dropped == 0
    assert fields[315] == (2, 4, b"abc\0") and fields[65000] == (9, 2, struct.pack("<2i", -5, 7))


@pytest.mark.parametrize("order", ["<", ">"])
def test_long_files_are_written_as_bigtiff(monkeypatch: pytest.MonkeyPatch, order: str) -> None:
    exif = with_comment(b"MM\0*\0\0\0\x08" + bytes(6) if order == ">" else b"", "a note")
    picture = Picture(
        PIXELS, exif=exif, icc=bytes(16) + b"RGB " + bytes(200), xmp=b"<x/>", dpi=(300.0, 300.0)
    )
    plain = encode(picture, "tiff")
    monkeypatch.setattr(tiff_module, "CLASSIC", 100)
    big = encode(picture, "tiff")
    assert big[2:4] in (b"+\0", b"\0+") and plain[2:4] in (b"*\0", b"\0*")
    one, other = decode(plain, name="memory"), decode(big, name="memory")
    for field in ("exif", "icc", "xmp", "dpi"):
        assert getattr(one, field) == getattr(other, field)
    np.testing.assert_array_equal(tifffile.imread(io.BytesIO(big)), PIXELS)


def test_exif_that_cannot_be_changed_is_not_written() -> None:
    assert not usable(b"II*\0\x08\0\0\0\xff\xff")
    picture = Picture(PIXELS, exif=b"rubbish")
    assert lossy_notes("a.tif", picture) == ["TIFF: EXIF is dropped: it is damaged"]
    assert decode(encode(picture, "tiff"), name="memory").exif == b""


def test_png_with_exif_of_rubbish() -> None:
    data = encode(Picture(PIXELS), "png")
    chunk = png_chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff rubbish")
    picture = decode(data[:33] + chunk + data[33:], name="memory")
    assert picture.exif == b""
    assert picture.notes == ("its EXIF data are damaged and were dropped",)
