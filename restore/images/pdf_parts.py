"""A PDF that goes on behind the end of its file: objects that stand for others are kept in a second one.

That is an incremental update (ISO 32000-2, 7.5.6): what is read later stands for what was read before. The
two files are read as one, without copying them together, so that no image is held in memory.
"""

from __future__ import annotations

import re
import struct
from typing import IO, Any

from restore.images.file_bytes import FileBytes

_LAST = re.compile(rb"startxref\s+([0-9]+)")
_HEADER, _FOOTER = 1024, 2048
"""Bytes in which a PDF begins and ends."""


_MANY = 2**23  # objects, more than there are in a file


class Update:
    """Objects of a PDF that stand for those of the same number, in a file of their own.

    Parameters
    ----------
    source : the PDF.
    trailer : of the same, as pikepdf gives it.
    file : where the objects are written.
    """

    def __init__(self, source: FileBytes, trailer: Any, file: IO[bytes]):
        self._source, self._trailer, self._file = source, trailer, file
        self._start = len(source) - max(0, source[:_HEADER].find(b"%PDF-"))
        self._next = int(trailer.get("/Size", _MANY))  # a broken file says nothing, and gets no update
        self._at: dict[tuple[int, int], int] = {}
        self._data: dict[tuple[int, int], tuple[int, int]] = {}
        file.write(b"\n")

    def new(self) -> tuple[int, int]:
        """The number of an object that is not in the PDF."""
        self._next += 1
        return self._next - 1, 0

    def add(self, where: tuple[int, int], entries: Any, data: bytes, more: bytes = b"") -> None:
        """Write a stream.

        Parameters
        ----------
        where : its number and generation.
        entries : of its dictionary, a `pikepdf.Dictionary`.
        data : what is in it, as it is stored.
        more : further entries, as they are written.
        """
        entries["/Length"] = len(data)
        self._at[where] = self._file.tell()
        own = entries.unparse().removesuffix(b">>")
        self._file.write(b"%d %d obj\n" % where + own + more + b">>\nstream\n")
        self._data[where] = self._file.tell(), len(data)
        self._file.write(data + b"\nendstream\nendobj\n")

    def data(self, where: tuple[int, int]) -> bytes:
        """What is in a stream that was written."""
        at, size = self._data[where]
        self._file.seek(at)
        return self._file.read(size)

    def finish(self) -> FileBytes:
        """Write where the objects are (ISO 32000-2, 7.5.8); what was written continues the PDF."""
        where, at = self.new(), self._file.tell()
        self._at[where] = at
        ordered = sorted(self._at)
        index = b" ".join(b"%d 1" % number for number, _ in ordered)
        table = b"".join(struct.pack(">BQH", 1, self._start + self._at[each], each[1]) for each in ordered)
        kept = [key for key in ("/Root", "/Info", "/ID") if key in self._trailer]
        own = b" ".join(key.encode() + b" " + _written(self._trailer, key) for key in kept)
        found = _LAST.findall(self._source[max(0, len(self._source) - _FOOTER) :])
        self._file.write(
            b"%d %d obj\n<</Type/XRef/W[1 8 2]/Size %d%s/Index[%s]/Length %d %s>>\nstream\n"
            % (*where, self._next, b"/Prev " + found[-1] if found else b"", index, len(table), own)
        )
        self._file.write(table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % (self._start + at))
        self._file.flush()
        return FileBytes(self._file)


def _written(dictionary: Any, key: str) -> bytes:
    """An entry as it stands in a dictionary: a reference where it is one."""
    value = dictionary[key]
    if value.is_indirect:
        return b"%d %d R" % value.objgen
    return bytes(value.unparse())
