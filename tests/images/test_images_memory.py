"""Pictures that take more memory than there is are refused before they are decoded."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from restore.errors import ImageError
from restore.images import Picture, decode, encode, memory, png_chunk, read
from restore.images.memory import SHARE, available, check_need, limit, limited_to


def large_png(side: int) -> bytes:
    """A PNG of black pixels, a few bytes for each row."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(side * (3 * side + 1)))
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in chunks)


def test_the_limit_is_a_share_of_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 1000)
    assert limit() == int(SHARE * 1000)
    with limited_to(77):
        assert limit() == 77
        with limited_to(None):
            assert limit() == int(SHARE * 1000)
    monkeypatch.setattr(memory, "available", lambda: None)
    assert limit() is None
    check_need(1e18, "a", "crop it")


def test_something_is_there() -> None:
    there = available()
    assert there is not None and there > 2**24


def test_a_picture_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(large_png(1000))
    with pytest.raises(
        ImageError, match=r"a.png: 1000x1000 \(w x h\): takes about 21 MB of memory, more than"
    ):
        read(path, max_memory=20_000_000)
    assert read(path, max_memory=22_000_000).size == (1000, 1000)


def test_deeper_pixels_take_more() -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((50, 60, 4), np.float32), photometric="rgb", extrasamples=[2])
    for data, need in (
        (out.getvalue(), 336_000),
        (encode(Picture(np.zeros((50, 60, 3), np.uint16)), "png"), 126_000),
    ):
        with limited_to(need):
            decode(data, name="a")
        with limited_to(need - 1), pytest.raises(ImageError, match="takes about"):
            decode(data, name="a")


def test_a_long_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(Picture(np.zeros((4, 6, 3), np.uint8)), "png") + bytes(100_000))
    with pytest.raises(ImageError, match=r"a.png: takes about 100 kB of memory"):
        read(path, max_memory=50_000)


def write_all(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_control_groups_of_both_versions(tmp_path: Path) -> None:
    own = tmp_path / "cgroup"
    own.write_text("4:memory:/a\n3:cpu:/a\n0::/b/c\n")
    write_all(tmp_path / "memory/a", memory__limit_in_bytes="1000", memory__usage_in_bytes="400")
    (tmp_path / "memory/a/memory.stat").write_text("inactive_file 7\ntotal_inactive_file 100\n")
    write_all(tmp_path / "b/c", memory__max="max", memory__current="5")
    write_all(tmp_path / "b", memory__max="5000", memory__current="4500", memory__stat="inactive_file 50\n")
    assert list(memory._of_groups(tmp_path, own)) == [700, 550]
    assert list(memory._of_groups(tmp_path, tmp_path / "missing")) == []
