"""Which files of a folder are new or have changed, and are written to no more."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple


class Stamp(NamedTuple):
    """By which a change of a file is noticed."""

    size: int
    modified: int  # nanoseconds
    changed: int  # of its name, owner or contents
    inode: int


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a file; None where it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


class Settling:
    """Files that are waited for until nobody writes to them.

    seconds: for how long size and time of a file have to stay as they are. clock: seconds that pass; now:
    the time of day, against which the times of files are held that were there before.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float],
        now: Callable[[], float],
        look: Callable[[Path], Stamp | None] = stamp_of,
    ):
        self.seconds, self._clock, self._now, self._look = seconds, clock, now, look
        self._tried: dict[Path, Stamp] = {}
        self._waiting: dict[Path, tuple[Stamp, float]] = {}  # and since when it looks so
        self._first = True

    @property
    def waiting(self) -> int:
        """How many files have not settled yet."""
        return len(self._waiting)

    def settled(self, files: Iterable[Path]) -> list[Path]:
        """Of all files that there are, those that are to be tried now; each is given once for each change."""
        waiting, tried, ready = self._waiting, self._tried, list[Path]()
        self._waiting, self._tried = {}, {}  # what has vanished is forgotten
        at = self._clock()
        for path in files:
            stamp = self._look(path)
            if stamp is None:
                continue
            if tried.get(path) == stamp:
                self._tried[path] = stamp
                continue
            known, since = waiting.get(path, (None, at))
            if known != stamp:
                since = at
            if at - since >= self.seconds or (self._first and self._is_old(stamp)):
                self._tried[path] = stamp
                ready.append(path)
            else:
                self._waiting[path] = stamp, since
                if path in tried:
                    self._tried[path] = tried[path]
        self._first = False
        return ready

    def again(self, paths: Iterable[Path]) -> None:
        """Let files be tried again though they have not changed."""
        for path in paths:
            self._tried.pop(path, None)

    def _is_old(self, stamp: Stamp) -> bool:
        """Whether nothing was written lately, by the time of day; a time to come says nothing."""
        return self._now() - max(stamp.modified, stamp.changed) / 1e9 - self.seconds >= 0


def inside(path: str | Path, folder: str | Path) -> bool:
    """Whether a path lies in a folder, whatever links are on the way.

    >>> inside("a/b/c.png", "a"), inside("ab/c.png", "a")
    (True, False)
    """
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
