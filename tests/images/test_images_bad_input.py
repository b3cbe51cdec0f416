"""What is not a picture, and what cannot be written: one clear line each, and nothing left half done."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from restore import images
from restore.errors import ImageError, OutputError
from restore.images import formats, writer
from restore.images.picture import Picture
from restore.images.reader import list_inputs, read, read_mask
from restore.images.writer import write

PIXELS = np.random.default_rng(0).integers(0, 256, (11, 13, 3), dtype=np.uint8)
DEEP = PIXELS.astype(np.uint16) * 257


def bytes_of(name: str) -> bytes:
    """A small sound file of each kind, by other people's code."""
    out = io.BytesIO()
    if name == "png16":
        return cv2.imencode(".png", DEEP)[1].tobytes()
    if name == "tiff-lzw16":
        return cv2.imencode(".tif", DEEP, [cv2.IMWRITE_TIFF_COMPRESSION, 5])[1].tobytes()
    if name == "tiff-plain":
        tifffile.imwrite(out, DEEP, photometric="rgb")
    elif name == "tiff-deflate":
        tifffile.imwrite(out, DEEP, photometric="rgb", compression="zlib", rowsperstrip=4)
    elif name == "tiff-lzw8":
        Image.fromarray(PIXELS).save(out, "TIFF", compression="tiff_lzw")
    else:
        kind, _, extra = name.partition("-")
        options = {"progressive": {"progressive": True}, "lossless": {"lossless": True}}.get(extra, {})
        Image.fromarray(PIXELS).save(out, kind, **options)
    return out.getvalue()


NAMES = ["png", "png16", "jpeg", "jpeg-progressive", "webp", "webp-lossless", "bmp"]
NAMES += ["tiff-plain", "tiff-deflate", "tiff-lzw8", "tiff-lzw16"]


def message_for(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


# ------------------------------------------------------------------------------------- reading


def test_no_such_file(tmp_path: Path) -> None:
    assert message_for(tmp_path / "no.png") == "no such file; check the name"


def test_a_folder(tmp_path: Path) -> None:
    assert message_for(tmp_path) == "expected a picture file, got a folder; name a file in it"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    assert message_for(path) == "expected a picture, got an empty file (0 bytes); get a fresh copy"


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    wanted = "cannot read the file (Permission denied); check its permissions"
    assert message_for(tmp_path / "secret.png") == wanted


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    path.write_bytes(b"Dear Sir or Madam")
    assert message_for(path) == (
        "expected a PNG, JPEG, TIFF, WebP or BMP picture, got a file that starts with b'Dear Sir'; "
        "convert it first"
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_file_is_an_error_at_every_length(name: str) -> None:
    """Wherever a file is cut, it is refused or, where the cut hit only padding, read as it was."""
    whole = bytes_of(name)
    expected = images.decode(whole, name="whole").pixels
    accepted = 0
    for length in range(len(whole)):
        try:
            picture = images.decode(whole[:length], name="cut")
        except ImageError as error:
            assert str(error).startswith("cut: ") and "\n" not in str(error)
        else:
            accepted += 1
            np.testing.assert_array_equal(picture.pixels, expected)
    assert accepted == (1 if name == "bmp" else 0)  # rows of a BMP end on four bytes, the last byte is idle


def test_complaints_of_decoders_do_not_reach_the_terminal(tmp_path: Path) -> None:
    for name in ("tiff-plain", "tiff-lzw16", "tiff-lzw8"):
        whole = bytearray(bytes_of(name))
        whole[len(whole) // 3 :] = bytes(len(whole) - len(whole) // 3)
        (tmp_path / f"{name}.tif").write_bytes(whole)
        (tmp_path / f"{name}-cut.tif").write_bytes(whole[:150])
    (tmp_path / "deep.png").write_bytes(bytes_of("png16")[:-200])
    code = """
import pathlib, sys
from restore.errors import ImageError
from restore.images import read
for path in pathlib.Path(sys.argv[1]).iterdir():
    try:
        read(path)
    except ImageError as error:
        print(path.name)
"""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert result.stderr == ""
    assert {"tiff-plain-cut.tif", "tiff-lzw16-cut.tif", "deep.png"} <= set(result.stdout.split())


@pytest.mark.parametrize("name", ["photo.jpg", "photo.png", "deep.png"])
def test_a_truncated_photo_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = bytes_of({"photo.jpg": "jpeg", "photo.png": "png", "deep.png": "png16"}[name])
    path.write_bytes(whole[: len(whole) * 3 // 4])
    message = message_for(path)
    assert message.startswith("expected a whole picture, got a damaged or truncated file (")
    assert message.endswith("); get a fresh copy")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4))
def test_flipped_bytes_never_crash(monkeypatch: pytest.MonkeyPatch, name: str, seed: int, count: int) -> None:
    monkeypatch.setattr(formats, "MAX_PIXELS", 10_000)
    rng = np.random.default_rng(seed)
    data = bytearray(bytes_of(name))
    for _ in range(count):
        # mostly the header, where the harm is greatest
        data[int(rng.integers(0, 120 if rng.random() < 0.7 else len(data))) % len(data)] = rng.integers(256)
    with contextlib.suppress(ImageError):
        assert images.decode(bytes(data), name="x").pixels.shape[2] == 3


def test_a_damaged_png_chunk(tmp_path: Path) -> None:
    path, data = tmp_path / "a.png", bytearray(bytes_of("png16"))
    data[data.index(b"IDAT") + 10] ^= 1
    path.write_bytes(data)
    assert "the b'IDAT' chunk at byte 33 is damaged" in message_for(path)


def test_nan_in_a_float_tiff(tmp_path: Path) -> None:
    path, values = tmp_path / "a.tif", np.zeros((7, 9, 3), np.float32)
    values[2, 5, 1], values[2, 5, 2], values[4, 0, 0] = np.nan, np.inf, -np.inf
    tifffile.imwrite(path, values, photometric="rgb")
    assert message_for(path) == (
        "expected numbers, got NaN or infinity at 2 of 63 pixels, first at x=5, y=2; replace them first"
    )


def test_nan_in_the_alpha_of_a_float_tiff(tmp_path: Path) -> None:
    path, values = tmp_path / "a.tif", np.ones((3, 4, 4), np.float32)
    values[1, 2, 3] = np.nan
    tifffile.imwrite(path, values, photometric="rgb", extrasamples=["unassalpha"])
    assert "NaN or infinity at 1 of 12 pixels, first at x=2, y=1" in message_for(path)


def test_missing_strips_of_a_tiff_are_not_filled_with_black(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(bytes_of("tiff-deflate"))
    with tifffile.TiffFile(path, mode="r+") as tif:
        counts = tif.pages.first.tags["StripByteCounts"]
        counts.overwrite([0, *counts.value[1:]])
    assert "(parts of the pixels are missing)" in message_for(path)


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
    tifffile.imwrite(path, np.ones((4, 5, 6), np.uint8), photometric="rgb", planarconfig="contig")
    assert message_for(path) == "expected 1 to 4 channels, got 6; split it first"


def test_foreign_colour_models(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(PIXELS).convert("LAB").save(path)
    assert message_for(path) == "expected gray, RGB or CMYK, got mode LAB; convert it first"


def jpeg_of(w: int, h: int) -> bytes:
    data = bytearray(bytes_of("jpeg"))
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
        assert images.decode(bytes_of(name), name=name).size == (11, 13)
    assert Image.MAX_IMAGE_PIXELS == 20


def test_zero_size() -> None:
    with pytest.raises(
        ImageError, match=r"^x: expected a picture, got one of 13x0 pixels \(w x h\)|^x: .*damaged"
    ):
        images.decode(jpeg_of(13, 0), name="x")


def test_damaged_exif_is_dropped_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    for block in (b"rubbish", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\x09\0", b"MM"):
        Image.fromarray(PIXELS).save(path, exif=b"Exif\0\0" + block)
        picture = read(path)
        assert picture.exif == b""
        assert picture.notes == ("its EXIF data are damaged and were dropped",)
        write(tmp_path / "out.png", picture, overwrite=True)


def test_a_mask_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_mask(tmp_path / "mask.png")


def test_inputs_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no/such: no such file or folder; check the name$"):
        list_inputs([tmp_path / "no/such"])
    with pytest.raises(ImageError, match=r"expected a folder with pictures \(\.png .*\), got none$"):
        list_inputs([tmp_path])


@pytest.mark.parametrize(
    ("pixels", "alpha", "error"),
    [
        (PIXELS.astype(np.float64), None, TypeError),
        (PIXELS[..., 0], None, ValueError),
        (PIXELS[:0], None, ValueError),
        (PIXELS, DEEP[..., 0], TypeError),
        (PIXELS, PIXELS[1:, :, 0], ValueError),
    ],
)
def test_pictures_are_checked(pixels: np.ndarray, alpha: np.ndarray | None, error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        Picture(pixels, alpha=alpha)


# ------------------------------------------------------------------------------------- writing


def refusal(path: Path, *, overwrite: bool = False) -> str:
    with pytest.raises(OutputError) as caught:
        write(path, Picture(PIXELS), overwrite=overwrite)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_unknown_suffixes(tmp_path: Path) -> None:
    known = ".png .jpg .jpeg .tif .tiff .webp .bmp"
    assert refusal(tmp_path / "a.gif") == f"expected a suffix out of {known}, got '.gif'; rename it"
    assert refusal(tmp_path / "a") == f"expected a suffix out of {known}, got none; rename it"


def test_missing_folders_and_folders_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "no" / "a.png"
    assert refusal(path) == f"cannot write (folder {path.parent} does not exist); create the folder first"
    (tmp_path / "a.png").mkdir()
    assert refusal(tmp_path / "a.png", overwrite=True).startswith("expected a file name, got a folder; ")
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "a.png") == "cannot write (Not a directory); choose another folder"


def test_existing_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    assert refusal(path) == "the file is already there; choose another name or pass --overwrite"
    assert path.read_bytes() == b"old"


def test_too_large_for_the_format(tmp_path: Path) -> None:
    with pytest.raises(
        OutputError, match=r"a\.webp: WebP ends at 16383 pixels a side, got 16384x1 \(w x h\)"
    ):
        write(tmp_path / "a.webp", Picture(np.zeros((1, 16384, 3), np.uint8)))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["new", "old"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path to write to, in an empty folder or over an older file; afterwards all is as before."""
    path = tmp_path / "a.png"
    if request.param == "old":
        path.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    yield path
    assert sorted(tmp_path.iterdir()) == before
    assert not before or path.read_bytes() == b"old"


def failing(error: BaseException) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "cannot write (No space left on device); free some space or write elsewhere"),
        (errno.EACCES, "cannot write (Permission denied); choose a folder that can be written to"),
        (errno.EROFS, "cannot write (Read-only file system); choose a folder that can be written to"),
    ],
)
def test_failing_in_the_middle(target: Path, monkeypatch: pytest.MonkeyPatch, code: int, hint: str) -> None:
    monkeypatch.setattr(os, "fsync", failing(OSError(code, os.strerror(code))))
    assert refusal(target, overwrite=True) == hint


def test_failing_at_the_rename(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", failing(PermissionError(errno.EPERM, "Operation not permitted")))
    assert refusal(target, overwrite=True).startswith("cannot write (Operation not permitted)")


def test_a_write_that_really_stops_half_way(target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write(target, Picture(PIXELS), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot write (File too large)" in str(caught.value)


def test_interrupted(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write(target, Picture(PIXELS), overwrite=True)


def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    message = refusal(tmp_path / "a.png")
    tmp_path.chmod(0o700)
    assert message == "cannot write (Permission denied); choose a folder that can be written to"


@pytest.mark.parametrize("harm", ["cut", "other"])
def test_what_reads_back_wrong_is_not_kept(target: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    right = writer._write_out
    other = images.encode(Picture(PIXELS[::-1].copy()), "png")

    def wrong(temporary: Path, data: bytes) -> None:
        right(temporary, data[:-20] if harm == "cut" else other)

    monkeypatch.setattr(writer, "_write_out", wrong)
    found = "cannot be read" if harm == "cut" else "reads back wrong"
    assert found in refusal(target, overwrite=True)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "a.png"

    def appear(_: int) -> None:
        path.write_bytes(b"somebody else's")

    monkeypatch.setattr(os, "fsync", appear)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", failing(OSError(errno.EPERM, "no links here")))
    assert refusal(path) == "the file is already there; choose another name or pass --overwrite"
    assert path.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [path]


def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    monkeypatch.setattr(Path, "hardlink_to", failing(OSError(errno.EPERM, "no links here")))
    write(path, Picture(PIXELS))
    np.testing.assert_array_equal(read(path).pixels, PIXELS)
    path.unlink()
    monkeypatch.setattr(Path, "replace", failing(OSError(errno.EIO, "Input/output error")))
    assert refusal(path).startswith("cannot write (Input/output error)")
    assert list(tmp_path.iterdir()) == []
