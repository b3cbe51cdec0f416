"""A file of parts, as decoders of TIFF and PDF read it."""

from __future__ import annotations

import io
from typing import Any

from restore.images.file_bytes import FileBytes

Piece = bytes | memoryview | FileBytes


class PageFile(io.RawIOBase):
    """A file in parts, which are not copied to put them together. parts: in memory, or files."""

    def __init__(self, parts: list[Piece]):
        super().__init__()
        self._parts, self._at = parts, 0

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def seekable(self) -> bool:
        """Whether one can go to a place in it: always."""
        return True

    def tell(self) -> int:
        """The place that is read next."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place, as in any file."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: sum(map(len, self._parts))}[whence]
        self._at = max(0, start + offset)
        return self._at

    def _taken(self, size: int) -> list[bytes | memoryview]:
        """The next so many bytes."""
        found, at, end = [], self._at, self._at + size
        for part in self._parts:
            if piece := part[max(0, at) : max(0, end)]:
                found.append(piece)
            at, end = at - len(part), end - len(part)
        self._at += sum(map(len, found))
        return found

    def read(self, size: int | None = -1) -> bytes:
        """So many bytes, or fewer at the end."""
        left = max(0, sum(map(len, self._parts)) - self._at)
        return b"".join(self._taken(left if size is None or size < 0 else size))

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; gives the number of bytes."""
        into, done = memoryview(buffer).cast("B"), 0
        for piece in self._taken(len(into)):
            into[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def whole(self) -> bytes:
        """All bytes, copied."""
        return b"".join(part[:] for part in self._parts)
