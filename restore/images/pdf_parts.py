"""A PDF that goes on behind the end of its file: objects that stand for others are kept in a second one.

That is an incremental update (ISO 32000-2, 7.5.6): what is read later stands for what was read before. The
two files are read as one, without copying them together, so that no image is held in memory.
"""

from __future__ import annotations

import os
import re
import struct
import threading
from typing import IO, Any

from restore.images.page_file import PageFile

_LAST = re.compile(rb"startxref\s+([0-9]+)")
_HEADER = 1024
"""Bytes in which a PDF begins."""


class FilePart:
    """The bytes of an open file, read where they are asked for. Threads may share it."""

    def __init__(self, file: IO[bytes]):
        self._file, self._lock = file, threading.Lock()
        self._size = file.seek(0, os.SEEK_END)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: slice) -> bytes:
        start, stop, _ = place.indices(self._size)
        if start >= stop:
            return b""
        with self._lock:
            self._file.seek(start)
            return self._file.read(stop - start)


def as_file(*parts: FilePart) -> Any:
    """A file to be read: one part after the other."""
    return PageFile(list(parts))


class Update:
    """Objects of a PDF that stand for those of the same number, in a file of their own.

    Parameters
    ----------
    source : the PDF.
    trailer : of the same, as pikepdf gives it.
    file : where the objects are written.
    """

    def __init__(self, source: FilePart, trailer: Any, file: IO[bytes]):
        self._source, self._trailer, self._file = source, trailer, file
        self._start = len(source) - max(0, source[:_HEADER].find(b"%PDF-"))
        self._next = int(trailer.Size)
        self._at: dict[tuple[int, int], int] = {}
        file.write(b"\n")

    def new(self) -> tuple[int, int]:
        """The number of an object that is not in the PDF."""
        self._next += 1
        return self._next - 1, 0

    def add(self, where: tuple[int, int], entries: Any, data: bytes) -> None:
        """Write a stream.

        Parameters
        ----------
        where : its number and generation.
        entries : of its dictionary, a `pikepdf.Dictionary`.
        data : what is in it, as it is stored.
        """
        self._at[where] = self._start + self._file.tell()
        entries["/Length"] = len(data)
        self._file.write(b"%d %d obj\n" % where + entries.unparse() + b"\nstream\n")
        self._file.write(data)
        self._file.write(b"\nendstream\nendobj\n")

    def finish(self) -> FilePart:
        """Write where the objects are (ISO 32000-2, 7.5.8); what was written continues the PDF."""
        where, start = self.new(), self._start + self._file.tell()
        self._at[where] = start
        ordered = sorted(self._at)
        index = b" ".join(b"%d 1" % number for number, _ in ordered)
        table = b"".join(
            struct.pack(">BQH", 1, self._at[each], each[1]) for each in ordered
        )
        kept = [key for key in ("/Root", "/Info", "/ID") if key in self._trailer]
        own = b" ".join(key.encode() + b" " + _written(self._trailer, key) for key in kept)
        before = _LAST.findall(self._source[max(0, len(self._source) - 2048) :])[-1]
        self._file.write(
            b"%d %d obj\n<</Type/XRef/W[1 8 2]/Size %d/Prev %s/Index[%s]/Length %d %s>>\nstream\n"
            % (*where, self._next, before, index, len(table), own)
        )
        self._file.write(table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start)
        self._file.flush()
        return FilePart(self._file)


def _written(dictionary: Any, key: str) -> bytes:
    """An entry as it stands in a dictionary: a reference where it is one."""
    value = dictionary[key]
    if value.is_indirect:
        return b"%d %d R" % value.objgen
    return bytes(value.unparse())
