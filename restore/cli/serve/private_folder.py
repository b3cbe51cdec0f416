"""The private folder of a server: nobody else may look into it, and nothing of it stays.

It lies among the temporary files of the machine and holds a file that the server keeps locked. The system
takes the lock away when the process ends, in whichever way, so that the next server knows which folders are
nobody's and removes them.
"""

from __future__ import annotations

import atexit
import os
import shutil
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from restore.cli.serve.refusals import Refusal
from restore.errors import OutputError

PREFIX = "restore-serve-"
LOCK = ".lock"
YOUNG = 60.0
"""Seconds in which a folder without a lock file may be one that another server is just making."""
TRIES = 5  # where somebody still writes to the folder while it is removed
SPARE = 64 * 2**20
"""Bytes of the disk that uploads leave free, for what computing writes."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class PrivateFolder:
    """A new folder of mode 0700, removed by `close`, at the end of the program, or by the next server.

    parent: where it is made; by default among the temporary files. Files that this process and its children
    make from now on are for this user alone, until `close`.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = Path(tempfile.gettempdir()) if parent is None else parent
        self._umask = os.umask(0o077)
        try:
            remove_leftovers(parent)
            self.path, self._lock = _made(parent)
        except OSError as error:
            os.umask(self._umask)
            why = error.strerror or str(error)
            raise OutputError(
                f"{parent}: cannot make a private folder there ({why}); check the folder and the disk, "
                "or set TMPDIR to another folder"
            ) from error
        self._process = os.getpid()
        self._closed = False
        atexit.register(self.close)

    def __enter__(self) -> PrivateFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def folder(self, name: str) -> Path:
        """Give a new folder in it, or the one of this name that is there."""
        path = self.path / name
        path.mkdir(mode=0o700, exist_ok=True)
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise OutputError(f"{path}: expected a folder, got a link; remove it")
        return path

    def close(self) -> None:
        """Remove it with all it holds. A child of the process, forked from it, leaves it alone."""
        if self._closed or os.getpid() != self._process:
            return
        if sys.platform == "win32":  # where no file is removed while it is open
            self._lock.close()
        _remove(self.path)
        self._lock.close()
        self._closed = True  # at the end only: an interrupt in the middle has `atexit` go on with it
        os.umask(self._umask)
        atexit.unregister(self.close)


def _made(parent: Path) -> tuple[Path, BinaryIO]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        descriptor = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_FOLLOW, 0o600)
        lock = os.fdopen(descriptor, "r+b")
        if _locked(lock) is not False:
            return path, lock
        lock.close()  # another server took it for a leftover, between the two lines, and removes it


def remove_leftovers(parent: Path) -> list[Path]:
    """Remove the folders of servers that are gone; give their names."""
    removed = []
    with suppress(OSError):
        for path in sorted(parent.glob(f"{PREFIX}*")):
            with suppress(OSError):
                if _is_leftover(path):
                    _remove(path)
                    removed.append(path)
    return removed


def _is_leftover(path: Path) -> bool:
    """Whether it is a folder of this user's, no link to one, that no process has locked."""
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
        return False
    try:
        lock = os.fdopen(os.open(path / LOCK, os.O_RDWR | _NO_FOLLOW), "r+b")
    except FileNotFoundError:
        return time.time() - status.st_mtime > YOUNG
    with lock:
        return stat.S_ISREG(os.fstat(lock.fileno()).st_mode) and _locked(lock) is True


def _remove(path: Path) -> None:
    """Remove a folder; links in it are removed, and what they point to is not."""
    for left in reversed(range(TRIES)):
        shutil.rmtree(path, ignore_errors=True)
        if not os.path.lexists(path):
            return
        with suppress(OSError):  # a folder without rights keeps what is in it
            path.chmod(0o700)
            for folder, names, _ in os.walk(path):
                for inner in (Path(folder, name) for name in names):
                    if not inner.is_symlink():
                        inner.chmod(0o700)
        if left:
            time.sleep(0.05)


def check_room(folder: Path, length: int) -> None:
    """Refuse a file of that many bytes that would fill the disk. Raises Refusal."""
    free = shutil.disk_usage(folder).free
    if length + SPARE > free:
        raise Refusal(
            f"expected at least {(length + SPARE) / 2**20:,.0f} MB free on the server's disk, "
            f"got {free / 2**20:,.0f} MB; remove pictures and results, or free some space",
            507,
            "file",
        )


if sys.platform == "win32":
    import msvcrt

    def _locked(file: BinaryIO) -> bool | None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _locked(file: BinaryIO) -> bool | None:
        """Whether this process has the lock now; None: a file system without locks, where leftovers stay."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
