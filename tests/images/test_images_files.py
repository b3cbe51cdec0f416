"""Files are read to a bound, by their kind and their first bytes, and never wait for nothing."""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from restore.errors import ImageError
from restore.images import (
    Picture,
    encode,
    files,
    read,
    read_bytes,
    read_mask,
    read_picture_bytes,
    read_stream,
)

PNG = encode(Picture(np.zeros((4, 6, 3), np.uint8)), "png")


class Endless(io.RawIOBase):
    """A stream without an end, which counts what is read of it."""

    def __init__(self, start: bytes):
        self.begun, self.given = start, 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all of a stream without an end"
        self.given += size
        chunk, self.begun = self.begun[:size], self.begun[size:]
        return chunk.ljust(size, b"\0")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """A bound that is soon reached."""
    monkeypatch.setattr(files, "MAX_BYTES", 5_000_000)
    return 5_000_000


def test_ordinary_files_and_streams(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    for data in (PNG, PNG + bytes(3 * 2**20), b"", b"x"):
        path.write_bytes(data)
        assert read_bytes(path) == data
        assert read_stream(io.BytesIO(data), "it") == data


def test_a_long_file_of_another_kind_is_refused_by_its_start(tmp_path: Path) -> None:
    path = tmp_path / "video.png"
    with path.open("wb") as file:
        file.write(b"\0\0\0\x20ftypisom")
        file.truncate(2**36)  # with holes, so that it takes no room
    for reading in (read, read_mask, read_picture_bytes):
        with pytest.raises(
            ImageError, match="expected a PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or JPEG XL picture"
        ):
            reading(path)
    with pytest.raises(ImageError, match=r"expected a picture of at most 8\.3 GB, got more"):
        read_bytes(path)


def test_a_long_file_that_begins_like_a_picture(tmp_path: Path, small: int) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(PNG + bytes(small))
    with pytest.raises(ImageError, match=r"at most 0\.0 GB, got more"):
        read(path)


@pytest.mark.parametrize("start", [b"", b"\x89PNG\r\n\x1a\n"])
def test_a_stream_without_an_end(start: bytes, small: int) -> None:
    stream = Endless(start)
    with pytest.raises(ImageError, match=r"^it: expected a .*picture"):
        read_stream(stream, "it", start=files.picture_start("it"))
    assert stream.given < (2 * small if start else 100)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_devices(tmp_path: Path) -> None:
    link = tmp_path / "link.png"
    link.symlink_to("/dev/zero")
    for path in (link, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(ImageError, match="expected a picture file, got a device; name a plain file"):
            read(path)


def test_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as there:
        there.bind("a.png")
        with pytest.raises(ImageError, match="got a socket"):
            read("a.png")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    os.mkfifo(tmp_path / "pipe.png")
    yield tmp_path / "pipe.png"


def test_a_pipe_that_nobody_writes_into(pipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIPE_WAIT", 0.1)
    start = time.monotonic()
    with pytest.raises(ImageError, match=r"nothing was written into this pipe for 0.1 s"):
        read(pipe)
    assert time.monotonic() - start < 2


def test_a_pipe_that_is_written_slowly(pipe: Path) -> None:
    def write() -> None:
        time.sleep(0.05)
        with pipe.open("wb", buffering=0) as file:
            for at in range(0, len(PNG), 30):
                file.write(PNG[at : at + 30])
                time.sleep(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert read(pipe).size == (4, 6)
    finally:
        writer.join()


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="needs /dev/fd")
def test_what_a_shell_gives_for_a_command() -> None:
    """As in ``restore denoise <(command)``."""
    out, into = os.pipe()
    try:
        os.write(into, PNG)
        os.close(into)
        assert read(f"/dev/fd/{out}").size == (4, 6)
    finally:
        os.close(out)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_files_that_state_no_size() -> None:
    assert b"Name:" in read_bytes("/proc/self/status")
    with pytest.raises(ImageError, match="expected a PNG"):
        read("/proc/self/status")
