"""Files that lack a part of their pixels are refused, or read as far as they go; whole ones never are."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from picture_files import SRGB, XMP, intact_file, picture_of, png_by_hand, random_samples, smooth
from PIL import Image, PngImagePlugin
from skimage import data as photographs

from restore import images
from restore.errors import DamagedError, ImageError
from restore.images import jpeg_file
from restore.images.jpeg_file import laid_out, whole_jpeg
from restore.images.picture import Picture

PHOTO = np.ascontiguousarray(photographs.astronaut()[20:221, 100:275])  # 201 x 175, not whole blocks
ALIGNED = np.ascontiguousarray(photographs.chelsea()[:128, 100:292])
GRAY = np.ascontiguousarray(photographs.camera()[100:228, 100:260])
DATA = b"\xff\xd9"


def encoded(pixels: np.ndarray, kind: str = "JPEG", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def without_last(jpeg: bytes, count: int, scan: int = -1) -> bytes:
    """The file without so many bytes at the end of a scan's data, the markers after them kept."""
    stop = laid_out(jpeg).scans[scan].stop
    return jpeg[: stop - count] + jpeg[stop:]


def refusal(data: bytes) -> str:
    """Why a file is refused as damaged."""
    with pytest.raises(DamagedError) as caught:
        images.decode(data, name="x")
    message = str(caught.value)
    head, tail = "x: expected a whole picture, got a damaged or truncated file (", "); get a fresh copy"
    assert message.startswith(head) and message.endswith(tail) and "\n" not in message
    return message.removeprefix(head).removesuffix(tail)


def salvaged(data: bytes) -> Picture:
    """What is read of a damaged file."""
    refusal(data)
    picture = images.decode(data, name="x", damaged=True)
    assert picture.damage
    return picture


# ------------------------------------------------------------------------------------------------ JPEG

KINDS: dict[str, dict[str, Any]] = {
    "4:4:4": {"subsampling": 0},
    "4:2:0": {"subsampling": 2},
    "optimized": {"optimize": True},
    "progressive": {"progressive": True},
    "progressive 4:2:0": {"progressive": True, "subsampling": 2},
    "restarts": {"restart_marker_rows": 1, "subsampling": 2},
    "many restarts": {"restart_marker_blocks": 3},
    "progressive restarts": {"progressive": True, "restart_marker_blocks": 7},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pixels", [PHOTO, ALIGNED, GRAY], ids=["odd", "aligned", "gray"])
@pytest.mark.parametrize("exact", [True, False])
def test_a_jpeg_that_lacks_blocks_is_refused(
    pixels: np.ndarray, kind: str, exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exact:
        monkeypatch.setattr(jpeg_file, "EXACT", 0)  # as pictures of many pixels are looked at
    for quality in (40, 92):
        whole = encoded(pixels, quality=quality, **KINDS[kind])
        np.testing.assert_array_equal(np.asarray(whole_jpeg(whole)), np.asarray(opened_bytes(whole)))
        for scan, part in enumerate(laid_out(whole).scans):
            size = part.stop - part.start
            # The smallest loss is larger than a block or two, which only exact looks always tell.
            for count in {size // 2, size - 1, min(size - 1, 150)}:
                if count > 60 and part.low == 0:
                    with pytest.raises((OSError, ValueError)):
                        whole_jpeg(without_last(whole, count, scan))


def opened_bytes(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_half_a_jpeg_with_an_end_marker(tmp_path: Path) -> None:
    whole = encoded(PHOTO, quality=90)
    scan = laid_out(whole).scans[0]
    half = without_last(whole, (scan.stop - scan.start) // 2)
    assert refusal(half) == "its pixel data end early"
    picture = salvaged(half)
    assert picture.damage == "its pixel data end early"
    expected = np.asarray(opened_bytes(whole))
    np.testing.assert_array_equal(picture.pixels[:64], expected[:64])
    assert (picture.pixels[-16:] == 128).all()  # flat gray, which nobody may take for a picture
    cut = salvaged(whole[: len(whole) * 3 // 4])
    assert cut.damage == "the end is missing"
    np.testing.assert_array_equal(cut.pixels[:64], expected[:64])


@pytest.mark.parametrize("kind", KINDS)
def test_flat_pictures_are_whole(kind: str) -> None:
    """Gray, sky, letter boxes and documents: what is flat at the bottom is no damage."""
    photo = PHOTO.copy()
    photo[100:] = 128
    sky = PHOTO.copy()
    sky[60:] = (200, 220, 250)
    page = np.full((100, 90), 255, np.uint8)
    page[10:14, 10:70] = 0
    for pixels in (photo, sky, page, np.full((64, 64, 3), 128, np.uint8), np.zeros((1, 1, 3), np.uint8)):
        for quality in (10, 75, 100):
            picture = images.decode(encoded(pixels, quality=quality, **KINDS[kind]), name="x")
            assert picture.damage == ""


def test_scans_of_a_progressive_jpeg_that_are_left_out() -> None:
    whole = encoded(PHOTO, progressive=True)
    for scan in laid_out(whole).scans[:-1]:
        assert refusal(whole[: scan.stop] + DATA) == "scans are missing"
    first = salvaged(whole[: laid_out(whole).scans[0].stop] + DATA)
    assert first.size == PHOTO.shape[:2]


def test_restart_markers_that_are_left_out() -> None:
    whole = encoded(ALIGNED, restart_marker_rows=1, quality=90)
    assert len(laid_out(whole).scans) == 1
    at, after = whole.index(b"\xff\xd3"), whole.index(b"\xff\xd4")
    assert refusal(whole[:at] + whole[after:]) == "expected 7 restart markers, got 6"
    swapped = whole.replace(b"\xff\xd3", b"\xff\xd7", 1)
    assert refusal(swapped) == "its restart markers are out of order"
    middle = whole[: (at + after) // 2] + whole[after:]  # a stretch in the middle ends early
    assert refusal(middle) == "its pixel data end early"


def test_coded_data_that_are_left_over() -> None:
    whole = encoded(PHOTO, quality=85)
    at = laid_out(whole).scans[0].start + 500
    garbled = whole[:at] + b"\xfb" * 2600 + whole[at + 2600 :]
    assert "its pixel data" in refusal(garbled)  # of too few blocks
    for behind in (
        b"\xaa" * 400,
        np.random.default_rng(0).bytes(5000).replace(b"\xff", b"\xff\0"),
        b"\r\n" * 99,
    ):
        picture = images.decode(whole[:-2] + behind + DATA, name="x")
        assert picture.notes == (
            "at least 64 bytes are left over behind its pixels; if it looks garbled, get a fresh copy",
        )
        np.testing.assert_array_equal(picture.pixels, np.asarray(opened_bytes(whole)))
    # Cameras may leave a few bytes, or zeros, before the end.
    for spare in (b"\0" * 300, b"\x12\x34\x56", b"\xff\xff"):
        assert not images.decode(whole[:-2] + spare + DATA + b"more", name="x").damage


@pytest.mark.parametrize("kind", ["4:4:4", "4:2:0", "restarts"])
def test_a_jpeg_with_something_in_place_of_its_end(kind: str) -> None:
    whole = encoded(PHOTO, quality=85, **KINDS[kind])
    expected = np.asarray(opened_bytes(whole))
    picture = images.decode(whole[:-2] + bytes(512), name="x")
    assert picture.notes == ("its end marker is missing, its pixels are all there",)
    np.testing.assert_array_equal(picture.pixels, expected)
    for lost in (2, 20, 200, 2000):  # also in place of what was not downloaded
        assert refusal(whole[:-lost]) == "the end is missing"
        assert lost == 2 or refusal(whole[:-lost] + bytes(512 + lost)) == "the end is missing"
    scans = encoded(PHOTO, progressive=True)
    assert refusal(scans[:-2] + bytes(512)) == "the end is missing"


def test_other_pictures_in_a_jpeg_are_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "phone.mpo"
    first, second = Image.fromarray(PHOTO), Image.fromarray(ALIGNED)
    first.save(path, "MPO", save_all=True, append_images=[second])
    picture = images.read(path)
    assert (picture.pages, picture.format) == (1, "jpeg")
    assert picture.notes == (
        "it holds 2 pictures; all but the first, such as a gain map or a preview, are not kept",
    )


def test_a_profile_of_a_jpeg_that_is_not_whole() -> None:
    whole = encoded(PHOTO, icc_profile=SRGB * 300)
    at = whole.index(b"ICC_PROFILE\0") - 4
    lacking = whole[:at] + whole[at + 2 + int.from_bytes(whole[at + 2 : at + 4]) :]
    picture = images.decode(lacking, name="x")
    assert picture.icc == b""
    assert picture.notes == ("parts of its ICC profile are missing, it was dropped",)


# ------------------------------------------------------------------------------------------------- PNG


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    return list(images.png.png_chunks(data))


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(images.png_chunk(*chunk) for chunk in chunks)


def with_pixels(data: bytes, change: Callable[[bytes], bytes], *, raw: bool = True) -> bytes:
    """The file with other pixel data, all checksums right."""
    parts = chunks_of(data)
    packed = b"".join(body for kind, body in parts if kind == b"IDAT")
    packed = zlib.compress(change(zlib.decompress(packed))) if raw else change(packed)
    others = [part for part in parts if part[0] not in (b"IDAT", b"IEND")]
    return png_of(*others, (b"IDAT", packed), (b"IEND", b""))


def interlaced(channels: np.ndarray) -> bytes:
    """A PNG in seven passes."""
    h, w, count = channels.shape
    rows = channels.astype(channels.dtype.newbyteorder(">"))
    raw = b""
    for x, y, dx, dy in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        for row in rows[y::dy, x::dx]:
            raw += b"\0" + row.tobytes() if row.size else b""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    header = struct.pack(">IIBBBBB", w, h, 8 * channels.itemsize, kind, 0, 0, 1)
    return png_of((b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b""))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_png_whose_rows_end_early(dtype: str, count: int) -> None:
    channels = random_samples((23, 17, count), dtype)
    expected = picture_of(channels).pixels
    whole = png_by_hand(channels)
    assert refusal(with_pixels(whole, lambda raw: raw[: len(raw) // 2])) == (
        "the pixel data end after 11 of 23 rows"
    )
    picture = salvaged(with_pixels(whole, lambda raw: raw[: len(raw) // 2]))
    np.testing.assert_array_equal(picture.pixels[:11], expected[:11])
    assert not picture.pixels[12:].any()
    assert refusal(with_pixels(whole, lambda raw: raw[:-1])) == "the pixel data end after 22 of 23 rows"
    passes = interlaced(channels)
    np.testing.assert_array_equal(images.decode(passes, name="x").pixels, expected)
    assert refusal(with_pixels(passes, lambda raw: raw[:-1])) == (
        "the pixel data end after 10 of 11 rows in pass 7"
    )
    assert salvaged(with_pixels(passes, lambda raw: raw[: len(raw) // 2])).size == (23, 17)
    for data in (whole, passes):  # as libpng, which leaves further rows out
        more = images.decode(with_pixels(data, lambda raw: raw + bytes(500)), name="x")
        assert more.notes == ("it holds more rows than its header says; they are left out",)
        np.testing.assert_array_equal(more.pixels, expected)
    assert not images.decode(
        with_pixels(whole, lambda raw: raw + b"\0"), name="x"
    ).damage  # some leave a byte


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_png_whose_pixels_are_garbled(dtype: str) -> None:
    whole = png_by_hand(random_samples((23, 17, 3), dtype))
    size = len(chunks_of(whole)[1][1])
    wrong = with_pixels(
        whole, lambda packed: packed[: size // 2] + b"\xff" * 9 + packed[size // 2 :], raw=False
    )
    assert "pixel data" in refusal(wrong)
    np.testing.assert_array_equal(salvaged(wrong).pixels[:3], images.decode(whole, name="x").pixels[:3])
    stride = 1 + 17 * 3 * np.dtype(dtype).itemsize
    filters = with_pixels(whole, lambda raw: raw[: 5 * stride] + b"\x07" + raw[5 * stride + 1 :])
    assert refusal(filters) == "the pixel data are garbled after 5 of 23 rows"
    check = with_pixels(whole, lambda packed: packed[:-1] + bytes([packed[-1] ^ 1]), raw=False)
    assert refusal(check) == "the checksum of the pixel data is wrong"


@pytest.mark.parametrize("name", ["png", "png16"])
def test_a_png_that_is_cut_or_has_wrong_checksums(name: str) -> None:
    whole = intact_file(name)
    expected = images.decode(whole, name="x").pixels
    assert np.array_equal(salvaged(whole[:-12]).pixels, expected)  # nothing but the end is missing
    at = whole.index(b"IEND")
    assert np.array_equal(salvaged(whole[: at - 8] + bytes(4) + whole[at - 4 :]).pixels, expected)
    np.testing.assert_array_equal(salvaged(whole[: len(whole) * 3 // 4]).pixels[:4], expected[:4])
    with pytest.raises(ImageError, match=r"^x: .* of which nothing can be read \(.*\); get a fresh copy$"):
        images.decode(whole[:20], name="x", damaged=True)


def test_a_palette_that_is_missing_or_short() -> None:
    whole = encoded(np.tile(np.arange(64, dtype=np.uint8), (4, 1)), "PNG")
    shades = Image.frombytes("P", (64, 4), bytes(range(64)) * 4)
    shades.putpalette([v for k in range(64) for v in (k, 2 * k, 3 * k)])
    out = io.BytesIO()
    shades.save(out, "PNG")
    whole = out.getvalue()
    expected = images.decode(whole, name="x").pixels
    assert expected[0, 63].tolist() == [63, 126, 189]
    parts = chunks_of(whole)
    none = png_of(*(part for part in parts if part[0] != b"PLTE"))
    assert refusal(none) == "expected a palette, got one of 0 bytes"
    assert salvaged(none).pixels[0, 63].tolist() == [63, 63, 63]
    short = png_of(*((kind, body[:60] if kind == b"PLTE" else body) for kind, body in parts))
    picture = images.decode(short, name="x")
    assert picture.notes == ("176 pixels name colours that its palette lacks; they are black",)
    np.testing.assert_array_equal(picture.pixels[:, :20], expected[:, :20])
    assert not picture.pixels[:, 20:].any()


def test_the_frames_of_an_animation_are_counted(tmp_path: Path) -> None:
    first, second = Image.fromarray(PHOTO), Image.fromarray(PHOTO[::-1])
    for still, pages in ((False, 2), (True, 3)):
        first.save(
            tmp_path / "a.apng", "PNG", save_all=True, append_images=[second, first][: 2 if still else 1],
            default_image=still,
        )  # fmt: skip
        picture = images.read(tmp_path / "a.apng")
        assert picture.pages == pages
        np.testing.assert_array_equal(picture.pixels, PHOTO)


# ------------------------------------------------------------------------- profiles and text of PNG

LONG = SRGB + np.random.default_rng(0).bytes(1_500_000)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_long_profile_goes_from_tiff_to_png_and_back(tmp_path: Path, dtype: str) -> None:
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    picture = picture_of(random_samples((9, 7, 3), dtype), icc=LONG, xmp=XMP + b" " * 2_000_000)
    images.write(tmp_path / "a.tif", picture)
    images.write(tmp_path / "a.png", images.read(tmp_path / "a.tif"))
    again = images.read(tmp_path / "a.png")
    assert (again.icc, again.xmp, again.notes) == (picture.icc, picture.xmp, ())
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


def test_long_texts_of_a_png_are_kept() -> None:
    texts = [(b"zTXt", b"story\0\0" + zlib.compress(b"once upon a time " * 200_000))]
    texts += [(b"tEXt", b"story\0" + b"and so on " * 300_000)]
    texts += [(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP + b" " * 3_000_000))]
    whole = png_by_hand(random_samples((9, 7, 3)), *texts)
    picture = images.decode(whole, name="x")
    assert picture.notes == () and picture.xmp == XMP + b" " * 3_000_000
    kept = chunks_of(images.encode(picture, "png"))
    assert [part for part in kept if part[0] in (b"zTXt", b"tEXt")] == texts[:2]


@pytest.mark.parametrize(("kind", "head", "title"), [
    (b"iCCP", b"ICC\0\0", "ICC profile"), (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0", "XMP"),
])  # fmt: skip
def test_metadata_beyond_the_bound_are_dropped_with_a_note(kind: bytes, head: bytes, title: str) -> None:
    packer = zlib.compressobj()
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(65)) + packer.flush()
    channels = random_samples((9, 7, 3))
    picture = images.decode(png_by_hand(channels, (kind, head + bomb)), name="x")
    assert picture.notes == (f"its {title} is longer than 64 MB and was dropped",)
    assert (picture.icc, picture.xmp) == (b"", b"")
    np.testing.assert_array_equal(picture.pixels, channels)
    picture = images.decode(png_by_hand(channels, (kind, head + b"no zlib")), name="x")
    assert picture.notes == (f"its {title} is damaged and was dropped",)


def test_a_profile_that_a_format_cannot_hold_is_named() -> None:
    picture = picture_of(random_samples((9, 7, 3)), icc=SRGB[:20] + bytes(17_000_000))
    assert images.lossy_notes("a.jpg", picture) == [
        "JPEG: ICC profile is dropped: 17000020 bytes, the most is 16707345"
    ]
    assert images.decode(images.encode(picture, "jpeg"), name="x").icc == b""
    fits = picture_of(random_samples((9, 7, 3)), icc=SRGB[:20] + bytes(16_707_345 - 20))
    assert len(images.decode(images.encode(fits, "jpeg"), name="x").icc) == 16_707_345


# ----------------------------------------------------------------------------------- WebP, BMP and TIFF


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"exact": True, "lossless": True, "exif": b"MM\0*"}]
)
def test_a_webp_that_ends_early(options: dict[str, Any]) -> None:
    whole = encoded(PHOTO, "WEBP", **options)
    expected = images.decode(whole, name="x").pixels
    at = max(whole.find(b"VP8 "), whole.find(b"VP8L"))
    end = at + 8 + (int.from_bytes(whole[at + 4 : at + 8], "little") * 3 // 4 // 2 * 2)
    shorter = bytearray(whole[:end])
    shorter[at + 4 : at + 8] = struct.pack("<I", end - at - 8)
    shorter[4:8] = struct.pack("<I", len(shorter) - 8)  # all sizes are right
    for data in (whole[:end], bytes(shorter)):
        np.testing.assert_array_equal(salvaged(data).pixels[:64], expected[:64])


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_bmp_with_fewer_rows(mode: str) -> None:
    out = io.BytesIO()
    Image.fromarray(PHOTO).convert(mode).save(out, "BMP")
    whole = out.getvalue()
    expected = images.decode(whole, name="x").pixels
    picture = salvaged(whole[: len(whole) * 3 // 4])
    np.testing.assert_array_equal(picture.pixels[-140:], expected[-140:])  # the last row comes first
    assert (picture.pixels[:20] == picture.pixels[0, 0]).all()


@pytest.mark.parametrize("compression", [None, "zlib", "packbits"])
@pytest.mark.parametrize("tile", [None, (32, 32)])
def test_strips_and_tiles_of_a_tiff_that_are_missing(tmp_path: Path, compression: Any, tile: Any) -> None:
    if compression == "packbits" and tile:
        compression = "zlib"  # tifffile writes no such tiles by itself
    path = tmp_path / "a.tif"
    pixels = random_samples((96, 64, 3))
    if compression == "packbits":
        Image.fromarray(pixels).save(path, compression="packbits")
    else:
        about: dict[str, Any] = {"tile": tile} if tile else {"rowsperstrip": 16}
        tifffile.imwrite(path, pixels, photometric="rgb", compression=compression, **about)
    whole = path.read_bytes()
    np.testing.assert_array_equal(images.read(path).pixels, pixels)
    with tifffile.TiffFile(path) as tif:
        ends = [
            a + b for a, b in zip(tif.pages.first.dataoffsets, tif.pages.first.databytecounts, strict=True)
        ]
    if max(ends) < len(whole) - 8:  # the directory comes last, and is lost with the end of the file
        return
    picture = salvaged(whole[:-200])
    np.testing.assert_array_equal(picture.pixels[:32], pixels[:32])
    assert not (picture.pixels == pixels).all()


@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw", "group4"])
def test_damage_in_a_tiff_of_libtiff(capfd: pytest.CaptureFixture[str], compression: str) -> None:
    out = io.BytesIO()
    drawing = Image.fromarray(PHOTO[..., 0] > 99) if compression == "group4" else Image.fromarray(PHOTO)
    drawing.save(out, "TIFF", compression=compression)
    whole = out.getvalue()
    assert not images.decode(whole, name="x").damage
    with tifffile.TiffFile(io.BytesIO(whole)) as tif:
        at, size = tif.pages.first.dataoffsets[0], tif.pages.first.databytecounts[0]
    if compression == "jpeg":
        stop = laid_out(whole[at : at + size]).scans[0].stop
        damaged = whole[: at + stop - 900] + DATA + bytes(898) + whole[at + stop :]
        assert "its pixel data end early" in refusal(damaged)
    else:
        filling = {"group4": b"\xa5\x5a" * 60, "tiff_lzw": bytes(120)}[compression]
        damaged = whole[: at + size // 2] + filling + whole[at + size // 2 + 120 :]
        refusal(damaged)
    assert images.decode(damaged, name="x", damaged=True).size == PHOTO.shape[:2]
    assert capfd.readouterr() == ("", "")  # libtiff has something to say about each


# ------------------------------------------------------------------------------- what decoders print


def test_decoders_keep_quiet(tmp_path: Path) -> None:
    """Nothing reaches standard error, and the handlers of others are back in place."""
    rng = np.random.default_rng(1)
    for name in ("tiff-lzw8", "tiff-lzw16", "tiff-plain", "png16", "jpeg", "webp"):
        whole = intact_file(name)
        for k in range(12):
            data = bytearray(whole)
            at = int(rng.integers(30, len(data) - 9))
            data[at : at + 8] = rng.bytes(8)
            (tmp_path / f"{name}-{k}").write_bytes(data)
    code = """
import pathlib, sys
from restore.errors import ImageError
from restore.images import read
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    for damaged in (False, True):
        try:
            read(path, damaged=damaged)
        except ImageError:
            print(path.name)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert result.stderr == ""
    assert len(result.stdout.split()) > 30


def test_a_whole_file_is_not_called_damaged() -> None:
    for name in ("png", "png16", "jpeg", "jpeg-progressive", "webp", "bmp", "tiff-lzw8", "tiff-deflate"):
        data = intact_file(name)
        strict, lenient = (images.decode(data, name="x", damaged=damaged) for damaged in (False, True))
        assert lenient.damage == ""
        np.testing.assert_array_equal(strict.pixels, lenient.pixels)


@pytest.mark.parametrize(("suffix", "kind"), [
    (".jfif", "jpeg"), (".jpe", "jpeg"), (".jif", "jpeg"), (".mpo", "jpeg"), (".dib", "bmp"),
    (".apng", "png"),
])  # fmt: skip
def test_other_names_of_the_formats(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"Photo{suffix.upper()}"
    images.write(path, picture_of(smooth((9, 7, 3))))
    assert images.read(path).format == kind
    assert images.list_inputs([tmp_path]) == [path]
