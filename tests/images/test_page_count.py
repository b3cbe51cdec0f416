"""Pages are counted as other programs count them, and a picture never replaces a file of several."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore import images
from restore.errors import OutputError
from restore.images.page_count import page_count

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (4, 8, 9, 3), np.uint8)


def frames() -> list[Image.Image]:
    """Four pictures; new ones, since Pillow notes in them how they were saved last."""
    return [Image.fromarray(pixels) for pixels in PIXELS]


def saved(path: Path, number: int, **rest: object) -> Path:
    first, *more = frames()
    first.save(path, save_all=True, append_images=more[: number - 1], **rest)
    return path


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".png", ".gif"])
@pytest.mark.parametrize("number", [1, 2, 4])
def test_pages_and_frames(tmp_path: Path, suffix: str, number: int) -> None:
    path = saved(tmp_path / f"a{suffix}", number)
    with Image.open(path) as image:
        assert page_count(path) == getattr(image, "n_frames", 1) == number
    path.rename(tmp_path / "b.jpg")  # the contents count, not the name
    assert page_count(tmp_path / "b.jpg") == number


def test_a_plain_picture_before_an_animation(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    first, *more = frames()
    first.save(path, save_all=True, append_images=more[:2], default_image=True)
    assert page_count(path) == 3


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("large", [False, True])
def test_tiff_of_every_kind(tmp_path: Path, order: str, large: bool) -> None:
    stack = RNG.integers(0, 65536, (3, 8, 9), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, bigtiff=large, byteorder=order, photometric="minisblack")
    assert page_count(tmp_path / "a.tif") == 3


def test_files_that_are_one_or_none(tmp_path: Path) -> None:
    phone = tmp_path / "phone.jpg"
    saved(phone, 4, format="MPO")
    with Image.open(phone) as image:
        assert image.n_frames == 4  # type: ignore[attr-defined]
    assert page_count(phone) == 1
    assert page_count(tmp_path / "missing.tif") == page_count(tmp_path) == 1
    for data in (
        b"",
        b"II*\0",
        b"II*\0\x08\0\0\0",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\0\0\0\0WEBP",
        b"GIF89a",
        b"text",
    ):
        (tmp_path / "a").write_bytes(data)
        assert page_count(tmp_path / "a") == 1


def test_damaged_files_come_to_an_end(tmp_path: Path) -> None:
    path = tmp_path / "circle.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IHI", 8, 0, 8))  # a directory that is its own successor
    assert page_count(path) == 1
    announced = struct.pack(">II", 2**31, 0)
    chunk = struct.pack(">I", 8) + b"acTL" + announced + struct.pack(">I", zlib.crc32(b"acTL" + announced))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + b"IDAT")
    assert page_count(path) == 100_000
    whole = saved(tmp_path / "a.tif", 4).read_bytes()
    for cut in range(0, len(whole), 7):
        path.write_bytes(whole[:cut])
        assert 1 <= page_count(path) <= 4


@pytest.mark.parametrize("name", ["a.tif", "a.webp", "a.png"])
def test_a_file_of_several_pages_is_never_replaced(tmp_path: Path, name: str) -> None:
    path = saved(tmp_path / name, 3)
    before = path.read_bytes()
    (tmp_path / f"link-{name}").symlink_to(path)
    (tmp_path / f"hard-{name}").hardlink_to(path)
    picture = images.read(path)
    for target in (path, tmp_path / f"link-{name}", tmp_path / f"hard-{name}"):
        for written in (picture, images.Picture(picture.pixels)):
            with pytest.raises(OutputError) as caught:
                images.write(target, written, overwrite=True)
            assert str(caught.value) == (
                f"{target}: it holds 3 pictures and the result is one, so the others would be lost; write to "
                "another name"
            )
    assert path.read_bytes() == before
    images.write(tmp_path / f"new-{name}", picture)
    assert page_count(tmp_path / f"new-{name}") == 1


def test_a_photograph_of_a_phone_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    saved(path, 4, format="MPO")
    images.write(path, images.read(path), overwrite=True)
    assert images.read(path).pages == 1
