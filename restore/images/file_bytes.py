"""A file that is read by places, like bytes, without all of it in memory."""

from __future__ import annotations

import os
from pathlib import Path


class FileBytes:
    """The bytes of a file: ``len`` and slices, each read when it is asked for.

    A map of the file into memory would do the same, but ends the program where another one cuts the file.

    Parameters
    ----------
    path : a plain file.

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

    def __init__(self, path: Path):
        self._file = path.open("rb", buffering=0)
        self._size = os.fstat(self._file.fileno()).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: slice) -> bytes:
        start, stop, _ = place.indices(self._size)
        self._file.seek(start)
        pieces, left = [], max(0, stop - start)
        while left and (piece := self._file.read(left)):
            pieces.append(piece)
            left -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
