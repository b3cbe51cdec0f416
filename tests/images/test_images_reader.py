"""Reading files, masks and folders; what is not a picture is one clear line."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_files import INTACT_FILES, intact_file, message_for, random_samples
from PIL import Image

from restore import images
from restore.errors import ImageError
from restore.images import formats
from restore.images.folders import list_inputs
from restore.images.masks import read_mask
from restore.images.reader import read


def test_no_such_file(tmp_path: Path) -> None:
    assert message_for(tmp_path / "no.png") == "no such file; check the name"


def test_a_folder(tmp_path: Path) -> None:
    assert message_for(tmp_path) == "expected a picture file, got a folder; name a file in it"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.png"
    path.touch()
    assert message_for(path) == "expected a picture, got an empty file (0 bytes); get a fresh copy"


def test_a_file_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    (tmp_path / "secret.png").touch()
    monkeypatch.setattr(os, "open", refuse)
    wanted = "cannot read the file (Permission denied); check its permissions"
    assert message_for(tmp_path / "secret.png") == wanted


def test_not_an_image(tmp_path: Path) -> None:
    path = tmp_path / "letter.png"
    path.write_bytes(b"Dear Sir or Madam")
    assert message_for(path) == (
        "expected a PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or JPEG XL picture, got a file that starts with "
        "b'Dear Sir'; convert it first"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", INTACT_FILES)
def test_a_cut_file_is_an_error_at_every_length(name: str) -> None:
    """Wherever a file is cut, it is refused or, where the cut hit only padding, read as it was."""
    whole = intact_file(name)
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
        whole = bytearray(intact_file(name))
        whole[len(whole) // 3 :] = bytes(len(whole) - len(whole) // 3)
        (tmp_path / f"{name}.tif").write_bytes(whole)
        (tmp_path / f"{name}-cut.tif").write_bytes(whole[:150])
    (tmp_path / "deep.png").write_bytes(intact_file("png16")[:-200])
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
    whole = intact_file({"photo.jpg": "jpeg", "photo.png": "png", "deep.png": "png16"}[name])
    path.write_bytes(whole[: len(whole) * 3 // 4])
    message = message_for(path)
    assert message.startswith("expected a whole picture, got a damaged or truncated file (")
    assert message.endswith("); get a fresh copy")


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(INTACT_FILES), seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4))
def test_flipped_bytes_never_crash(monkeypatch: pytest.MonkeyPatch, name: str, seed: int, count: int) -> None:
    monkeypatch.setattr(formats, "MAX_PIXELS", 10_000)
    rng = np.random.default_rng(seed)
    data = bytearray(intact_file(name))
    for _ in range(count):
        # mostly the header, where the harm is greatest
        data[int(rng.integers(0, 120 if rng.random() < 0.7 else len(data))) % len(data)] = rng.integers(256)
    with contextlib.suppress(ImageError):
        assert images.decode(bytes(data), name="x").pixels.shape[2] == 3


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


def test_only_the_first_of_many_pictures_is_used(tmp_path: Path) -> None:
    first, second = Image.fromarray(random_samples((4, 5, 3))), Image.new("RGB", (5, 4))
    for name in ("in.png", "in.webp", "in.tif"):
        path = tmp_path / name
        options = {"lossless": True} if name == "in.webp" else {}
        first.save(path, save_all=True, append_images=[second, first], **options)
        picture = read(path)
        assert picture.pages == 3
        assert picture.notes == ("the file holds 3 pictures; only the first is used",)
        np.testing.assert_array_equal(picture.pixels, np.asarray(first))
    first.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[second])  # as some cameras do
    picture = read(tmp_path / "in.jpg")
    assert (picture.format, picture.pages) == ("jpeg", 1)  # what is behind the first is no page
    others = "it holds 2 pictures; all but the first, such as a gain map or a preview, are not kept"
    assert picture.notes == (others,)


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


def test_a_mask_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no such file"):
        read_mask(tmp_path / "mask.png")


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


def test_inputs_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no/such: no such file or folder; check the name$"):
        list_inputs([tmp_path / "no/such"])
    with pytest.raises(ImageError, match=r"expected a folder with pictures \(\.png .*\), got none$"):
        list_inputs([tmp_path])


def test_what_is_no_file_in_a_folder_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    os.mkfifo(tmp_path / "notes.txt")
    with pytest.raises(ImageError, match=r"pipe.png: expected a picture file, got a named pipe; remove it"):
        list_inputs([tmp_path])
    assert [path.name for path in list_inputs([tmp_path], ignore=["pipe*"])] == ["a.png"]
    with pytest.raises(ImageError, match=r"^/dev/zero: expected a picture file, got a device; name a plain"):
        images.read("/dev/zero")
    with pytest.raises(ImageError, match=r"^'': expected a file name, got an empty one"):
        list_inputs([""])
