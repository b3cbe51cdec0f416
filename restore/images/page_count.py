"""How many pictures a file holds, from its structure alone: nothing is decoded."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from restore.images.extras import lacking
from restore.images.isobmff import frames_in, heif_in

HEAD_OF_PDF = 1024
"""Bytes in which a PDF begins."""

MOST = 100_000
"""Pages at which counting ends."""


def page_count(path: str | Path) -> int:
    """Count the pages of a TIFF or a PDF, the frames of an animation, or the pictures of a HEIF file.

    Other files count as one; so do JPEG files with several pictures, as phones write them: the first is the
    photograph. Damaged files count as far as they can be followed.

    Parameters
    ----------
    path : a file; only a few bytes of each page are read.

    Returns
    -------
    int
        At least 1.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from restore.images import Picture, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "a.tif"), Picture(np.zeros((4, 6, 3), np.uint8)))
    ...     page_count(Path(folder, "a.tif"))
    1
    """
    try:
        with Path(path).open("rb") as file:
            if b"%PDF-" in file.read(HEAD_OF_PDF):
                return _pages_of_pdf(file)
            file.seek(0)
            return pages_in(file)
    except (OSError, ValueError):  # missing
        return 1


def _pages_of_pdf(file: BinaryIO) -> int:
    """The pages of a PDF; 1 where it cannot be read, or what it needs is not there."""
    if lacking("pdf"):
        return 1
    import pikepdf

    try:
        with pikepdf.open(file) as pdf:
            return max(1, len(pdf.pages))
    except (pikepdf.PdfError, RuntimeError):
        return 1


def pages_in(file: BinaryIO) -> int:
    """Count the same in an open file."""
    count = 0
    with suppress(OSError, ValueError, struct.error):  # it ends early
        for _ in islice(_pages(file), MOST):
            count += 1
    return max(1, count)


def _pages(file: BinaryIO) -> Iterator[object]:
    """Something for each page."""
    start = file.read(16)
    if start[:2] in (b"II", b"MM") and start[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+"):
        yield from _of_tiff(file, start)
    elif start.startswith(b"\x89PNG\r\n\x1a\n"):
        yield from _of_png(file)
    elif start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        yield from _of_webp(file)
    elif start[4:8] == b"ftyp":
        yield from range(_of_heif(file))
    elif start[:6] in (b"GIF87a", b"GIF89a"):
        yield from _of_gif(file)


def _of_tiff(file: BinaryIO, start: bytes) -> Iterator[int]:
    """The directories of the chain (TIFF 6.0, section 2; BigTIFF has longer numbers)."""
    order = "<" if start[:2] == b"II" else ">"
    large = b"+" in start[2:4]
    number, entry, link = (order + "Q", 20, order + "Q") if large else (order + "H", 12, order + "I")
    (at,) = struct.unpack_from(link, start, 8 if large else 4)
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        file.seek(at)
        fields = _number(file, number)
        yield at
        file.seek(fields * entry, os.SEEK_CUR)
        at = _number(file, link)


def _of_png(file: BinaryIO) -> Iterator[int]:
    """The frames that ``acTL`` announces, and the plain picture where it is none of them (PNG 3, 11.3.6)."""
    file.seek(8)
    frames = first = 0
    while True:
        size, kind = _number(file, ">I"), file.read(4)
        if kind == b"IDAT":
            yield from range(frames + (frames > 0 and not first))
            return
        end = file.tell() + size + 4
        if kind == b"acTL":
            frames = _number(file, ">I")
        first += kind == b"fcTL"
        file.seek(end)


def _of_webp(file: BinaryIO) -> Iterator[bytes]:
    file.seek(12)
    while kind := file.read(4):
        if kind == b"ANMF":
            yield kind
        size = _number(file, "<I")
        file.seek(size + size % 2, os.SEEK_CUR)


def _of_heif(file: BinaryIO) -> int:
    """The pictures that are shown by themselves, or the frames of a film."""
    return max(frames_in(file), heif_in(file).pages)


def _of_gif(file: BinaryIO) -> Iterator[bytes]:
    """Image descriptors; colour tables and blocks of data are passed over (GIF89a, section 20)."""
    file.seek(10)
    flags = _number(file, "B")
    file.seek(13)
    _pass_colours(file, flags)
    while (mark := file.read(1)) in (b",", b"!"):
        if mark == b",":
            yield mark
            file.seek(8, os.SEEK_CUR)
            _pass_colours(file, _number(file, "B"))
        file.seek(1, os.SEEK_CUR)
        while size := _number(file, "B"):
            file.seek(size, os.SEEK_CUR)


def _pass_colours(file: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        file.seek(3 * 2 ** ((flags & 7) + 1), os.SEEK_CUR)


def _number(file: BinaryIO, form: str) -> int:
    """The next number. Raises struct.error at the end of the file."""
    return int(struct.unpack(form, file.read(struct.calcsize(form)))[0])
