"""Temporary files beside their targets, of which none is left: not by an error, not by an interrupt."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from restore.images.publishing import temporary_name

_there: dict[Path, int] = {}  # and the process that has made each


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Give the name of a new file in the folder of a target; what is there in the end is removed.

    Parameters
    ----------
    target : the file that the temporary one will be renamed to.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with temporary_beside(Path(folder, "photo.png")) as part:
    ...         written = part.write_bytes(b"half")
    ...     list(Path(folder).iterdir())
    []
    """
    part = target.parent / temporary_name()
    _there[part] = os.getpid()
    try:
        yield part
    finally:
        _remove(part)
        del _there[part]


def _remove(part: Path) -> None:
    with suppress(OSError):  # where the folder is none, the file is not there either
        part.unlink(missing_ok=True)


@atexit.register
def _sweep() -> None:
    """Remove what an interrupt has left, because it came while something else was being removed."""
    for part, process in _there.items():
        if process == os.getpid():
            _remove(part)
