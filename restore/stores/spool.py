"""A private folder for the files of objects, while they are read and written."""

from __future__ import annotations

import atexit
import hashlib
import os
import re
import shutil
import tempfile
import threading
from pathlib import Path

from restore.images.publishing import is_left_over, temporary_name

LONGEST = 120  # bytes of a name
_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # of Windows


class Spool:
    """Gives files of their own to objects; the folder is made with the first and is only the user's.

    What a process that was killed has left is removed by the next one.

    Examples
    --------
    >>> spool = Spool()
    >>> with_one = spool.place("a.png")
    >>> with_one.name, with_one.parent.is_dir()
    ('a.png', True)
    >>> spool.close()
    >>> with_one.parent.exists()
    False
    """

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._lock, self._count = threading.Lock(), 0

    def place(self, name: str) -> Path:
        """A file that is not there yet, in a folder that holds nothing else.

        Parameters
        ----------
        name : of the object; the file has it as far as a file can.
        """
        with self._lock:
            if self._folder is None:
                self._folder = _new_folder()
                atexit.register(self.close)
            self._count += 1
            folder = self._folder / str(self._count)
            folder.mkdir(mode=0o700)
        return folder / safe_name(name)

    def remove(self, path: Path) -> None:
        """Remove a file, and all beside it.

        Parameters
        ----------
        path : as `place` gave it.
        """
        shutil.rmtree(path.parent, ignore_errors=True)

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            folder, self._folder = self._folder, None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
            atexit.unregister(self.close)


def _new_folder() -> Path:
    """A new folder in that of temporary files, from which those of killed processes are removed."""
    temporary = Path(tempfile.gettempdir())
    own = os.getuid() if hasattr(os, "getuid") else None
    for path in temporary.glob(".restore-*.part"):
        try:
            status = path.lstat()
        except OSError:
            continue
        if own in (None, status.st_uid) and is_left_over(path, folder=True):
            shutil.rmtree(path, ignore_errors=True)
    folder = temporary / temporary_name()
    folder.mkdir(mode=0o700)
    return folder


def safe_name(name: str) -> str:
    """A name that any file system can hold, of the same ending.

    Parameters
    ----------
    name : of an object.

    Examples
    --------
    >>> safe_name("a b.png"), safe_name("what?.png"), safe_name("..")
    ('a b.png', 'what_.png', '_')
    """
    safe = _UNSAFE.sub("_", name).strip(". ")
    if _DEVICES.fullmatch(safe):
        safe = f"_{safe}"
    if len(os.fsencode(safe)) > LONGEST:
        stem, dot, suffix = safe.rpartition(".")
        ending = dot + suffix if dot and len(suffix) < 8 else ""
        mark = hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=6).hexdigest()
        safe = f"{(stem or safe)[:24]}-{mark}{ending}"
    return safe or "_"
