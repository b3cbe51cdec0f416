"""A file that is read by places, like bytes, without all of it in memory."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import IO


class FileBytes:
    """The bytes of a file: ``len`` and slices, each read when it is asked for.

    A map of the file into memory would do the same, but ends the program where another one cuts the file.
    Threads may share it.

    Parameters
    ----------
    file : a plain file: its path, or one that is open, which is closed with this.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "letters")
    ...     written = path.write_bytes(b"abcdef")
    ...     found = FileBytes(path)
    ...     len(found), found[2:4], found[4:100]
    ...     found.close()
    (6, b'cd', b'ef')
    """

    def __init__(self, file: Path | IO[bytes]):
        self._file = file.open("rb", buffering=0) if isinstance(file, Path) else file
        self._size = os.fstat(self._file.fileno()).st_size
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: slice) -> bytes:
        start, stop, _ = place.indices(self._size)
        pieces, left = [], max(0, stop - start)
        if not left:
            return b""
        with self._lock:
            self._file.seek(start)
            while left and (piece := self._file.read(left)):
                pieces.append(piece)
                left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
