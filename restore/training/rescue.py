"""What training has come to is written somewhere, whatever has become of the disk that it was meant for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from restore.errors import OutputError


def write_or_rescue(write: Callable[[Path], object], path: Path) -> None:
    """Write a result; where that fails, write it into a new folder for temporary files.

    Parameters
    ----------
    write : writes the result to the path that it is given; raises OutputError where it cannot.
    path : where it belongs, a file or a folder.

    Raises
    ------
    OutputError
        Where it could not be written there; the message names the place where it is now, if there is one.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_or_rescue(lambda path: path.write_bytes(b"weights"), Path(folder, "a.safetensors"))
    """
    try:
        write(path)
    except OutputError as error:
        try:
            rescued = Path(tempfile.mkdtemp(prefix="restore-")) / path.name
            write(rescued)
        except (OSError, OutputError):
            raise error from None
        raise OutputError(f"{error}; what was trained is kept in {rescued}") from error


def write_or_say(write: Callable[[], object], say: Callable[[str], None]) -> None:
    """Write a state in the middle of a run, which goes on where that fails: the one before is still there.

    Examples
    --------
    >>> def full():
    ...     raise OutputError("a: cannot be written (disk full)")
    >>> write_or_say(full, print)
    warning: a: cannot be written (disk full); the run goes on, and what was saved before stays
    """
    try:
        write()
    except OutputError as error:
        say(f"warning: {error}; the run goes on, and what was saved before stays")
