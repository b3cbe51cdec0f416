"""EXIF that is damaged, or shows the picture as it was before."""

from __future__ import annotations

import io
import struct
from pathlib import Path

from picture_files import PIXELS, H, W, random_samples, smooth
from PIL import Image

from restore.images.reader import read
from restore.images.writer import write


def test_the_thumbnail_is_not_kept(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(random_samples((8, 8, 3))).save(thumbnail, "JPEG")
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


def test_damaged_exif_is_dropped_and_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    for block in (b"rubbish", b"II*\0\xff\xff\xff\x7f", b"II*\0\x08\0\0\0\x09\0", b"MM"):
        Image.fromarray(PIXELS).save(path, exif=b"Exif\0\0" + block)
        picture = read(path)
        assert picture.exif == b""
        assert picture.notes == ("its EXIF data are damaged and were dropped",)
        write(tmp_path / "out.png", picture, overwrite=True)
