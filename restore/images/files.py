"""Read files as they are, never more than a picture can have, and nothing that has no end."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from restore.errors import ImageError
from restore.images.formats import MAX_PIXELS, sniffed
from restore.images.memory import check_need
from restore.images.paths import FILE, FOLDER, LOOSE, PIPE, name_problem, short_path, what_is

MAX_BYTES = 16 * MAX_PIXELS + 2**28
"""Longer files are refused: these are the pixels of the largest picture as float RGBA, and 256 MiB beside."""

PIPE_WAIT = 5.0
"""Seconds in which something must begin to write into a named pipe."""

_HEAD, _CHUNK = 64, 2**20

Start = Callable[[bytes], object]
"""looks at the first bytes of a file, and raises ImageError where they are not what was expected"""


def read_bytes(path: str | Path, *, start: Start | None = None) -> bytes:
    """Read a file as it is.

    Devices and sockets are refused, without waiting. From a named pipe is read what is written into it.

    Parameters
    ----------
    path : the file.
    start : called with its first bytes, before the rest is read.

    Raises
    ------
    ImageError
        Where the file is missing, cannot be read, is no file, or has more than ``MAX_BYTES``.
    """
    if problem := name_problem(path):
        raise ImageError(f"{short_path(path)}: {problem}")
    path, kind = Path(path), what_is(path)
    if kind not in (FILE, PIPE, ""):  # for the last, opening it says why it cannot be
        hint = {FOLDER: "name a file in it", LOOSE: "mend the link"}.get(kind, "name a plain file")
        raise ImageError(f"{path}: expected a picture file, got {kind}; {hint}")
    try:
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
        with os.fdopen(os.open(path, flags), "rb") as file:
            there = os.fstat(file.fileno())
            if stat.S_ISFIFO(there.st_mode):
                return _gathered(_written(file.fileno(), str(path)), str(path), start)
            if there.st_size == 0:  # empty, or made as it is read, as those in /proc
                return _gathered(iter(lambda: file.read(_CHUNK), b""), str(path), start)
            return _regular(file, there.st_size, str(path), start)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file; check the name") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"{path}: cannot read the file ({reason}); check its permissions") from error


def hash_of(path: str | Path) -> str:
    """SHA-256 of a file, which is read a piece at a time.

    Parameters
    ----------
    path : a plain file of any length, or a pipe, which is read as `read_bytes` does.

    Raises
    ------
    ImageError
        Where it is missing or cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = Path(folder, "empty").write_bytes(b"")
    ...     hash_of(Path(folder, "empty"))[:12]
    'e3b0c44298fc'
    """
    import hashlib

    if what_is(path) != FILE:
        return hashlib.sha256(read_bytes(path)).hexdigest()
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ImageError(f"{path}: cannot read the file ({error.strerror}); check its permissions") from error


def read_stream(stream: BinaryIO, name: str, *, start: Start | None = None) -> bytes:
    """Read a stream, such as standard input, to its end.

    Parameters
    ----------
    stream : what to read.
    name : what messages call it.
    start : called with the first bytes, before the rest is read.

    Raises
    ------
    ImageError
        For more than ``MAX_BYTES``.

    Examples
    --------
    >>> read_stream(BytesIO(b"all of it"), "standard input")
    b'all of it'
    """
    rest = iter(lambda: stream.read(_CHUNK), b"")
    return _gathered(chain([stream.read(_HEAD)], rest), name, start)


def picture_start(name: str) -> Start:
    """Refuse what does not begin like a picture. name: what messages call the file."""
    return lambda head: sniffed(head, name)


def read_picture_bytes(path: str | Path) -> bytes:
    """Read a picture file as it is, for `decode`; another one is refused by its first bytes.

    Parameters
    ----------
    path : the file.

    Raises
    ------
    ImageError
        As `read_bytes`, and for a file that does not begin like a picture.
    """
    return read_bytes(path, start=picture_start(str(path)))


def _regular(file: BinaryIO, size: int, name: str, start: Start | None) -> bytes:
    """The contents of an ordinary file, in one piece of memory."""
    if start is not None:
        start(file.read(_HEAD))
        file.seek(0)
    _check_length(size, name)
    data = file.read(size)
    further = file.read(1)
    if not further:
        return data
    return _gathered(chain([data, further], iter(lambda: file.read(_CHUNK), b"")), name, None)  # it grows


def _gathered(chunks: Iterator[bytes], name: str, start: Start | None) -> bytes:
    """All chunks, up to ``MAX_BYTES``."""
    sink, looked = BytesIO(), False
    for chunk in chunks:
        sink.write(chunk)
        if start is not None and not looked and sink.tell() >= _HEAD:
            looked = True
            start(sink.getvalue()[:_HEAD])
        _check_length(sink.tell(), name)
    if start is not None and not looked:
        start(sink.getvalue())
    return sink.getvalue()


def _check_length(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise ImageError(
            f"{name}: expected a picture of at most {MAX_BYTES / 1e9:.1f} GB, got more; crop or downscale it"
        )
    check_need(size, name, "crop or downscale it, or allow more memory")


def _written(pipe: int, name: str) -> Iterator[bytes]:
    """What is written into a pipe, opened without waiting, until its writers close it."""
    patience = time.monotonic() + PIPE_WAIT
    begun = False
    while True:
        try:
            chunk = os.read(pipe, _CHUNK)
        except BlockingIOError:  # somebody is there, but has not written yet
            begun = True
            select.select([pipe], [], [], 1.0)
            continue
        if chunk:
            begun = True
            yield chunk
        elif begun:
            return
        elif time.monotonic() > patience:
            raise ImageError(f"{name}: nothing was written into this pipe for {PIPE_WAIT:g} s; name a file")
        else:
            time.sleep(0.02)
