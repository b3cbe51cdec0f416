"""``--watch``: restore what is in a folder, then what comes into it, until the program is told to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from restore import images
from restore.cli.changes import ANYHOW, EVERY, TURN, Wait, changes_in
from restore.cli.settling import Settling
from restore.errors import OutputError
from restore.images import Listing

RETRY = 30.0
"""Seconds after which pictures are tried again whose results could not be written for want of a place."""

RESTFUL = 4
"""Times that a look at the folder took, for which there is none after it."""

Restore = Callable[[Listing], None]
"""Restores the pictures of a listing. Raises OutputError where none of them can be written."""


class Watching:
    """Waits for pictures in a folder.

    restore: what is done with those that are new. tell: says something, of a kind: waiting, gone, back.
    trouble: says what went wrong.
    """

    def __init__(
        self,
        folder: Path,
        restore: Restore,
        *,
        settle: float,
        tell: Callable[[str, str], None],
        trouble: Callable[[str], None],
    ):
        self.folder, self._restore = folder, restore
        self._tell, self._trouble = tell, trouble
        self._settling = Settling(settle, clock=time.monotonic, now=time.time)
        self._settle = settle
        self._told: set[tuple[Path, str]] = set()  # what is no picture, and why
        self._refused = ""
        self._retry: tuple[float, Sequence[Path]] | None = None

    def run(self, *, ours: Callable[[Path], bool], ignore: Sequence[str], poll: bool) -> None:
        """Watch until KeyboardInterrupt. ours: whether a file is one that this program has written."""

        def listed() -> Listing:
            return self._news(images.survey(self.folder, ignore=ignore, pdf=True), ours)

        def counts(path: Path) -> bool:
            return not (path.name.startswith(".") or ours(path))

        gone = False
        while True:
            if not images.is_folder(self.folder):
                if not gone:
                    self._tell("gone", f"{self.folder}: the folder is gone; waiting until it is back")
                gone = True
                time.sleep(TURN)
                continue
            if gone:
                self._tell("back", f"{self.folder}: the folder is back")
                gone = False
            try:
                with changes_in(self.folder, counts, poll=poll) as wait:
                    self._while_there(listed, wait, EVERY if poll else ANYHOW)
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = error.strerror or str(error)
                self._trouble(f"{self.folder}: no events of the system ({reason}); looking every few seconds")
                poll = True

    def _while_there(self, listed: Callable[[], Listing], wait: Wait, anyhow: float) -> None:
        """Restore what comes until the folder is another one. anyhow: seconds between looks."""
        place = _identity(self.folder)
        idle, changed = False, False
        while place is not None and _identity(self.folder) == place:
            start = time.monotonic()
            listing = listed()
            took = time.monotonic() - start
            if listing.pictures or listing.unread or listing.problems:
                idle = False
                self._tried(listing)
                continue  # more may have come meanwhile
            if not idle and not self._settling.waiting:
                self._tell("waiting", f"waiting for pictures in {self.folder}")
                idle = True
            # After a change once more: in a folder that was new, files may have come before its events did.
            latest = min(anyhow, 1.0) if changed else anyhow
            latest = min(latest, max(0.1, self._settle / 2)) if self._settling.waiting else latest
            changed, rested = False, start + RESTFUL * took
            while _identity(self.folder) == place:
                changed = wait() or changed
                now = time.monotonic()
                if now >= rested and (changed or now - start >= latest or self._due(now)):
                    break

    def _tried(self, listing: Listing) -> None:
        try:
            self._restore(listing)
        except OutputError as error:
            if str(error) != self._refused:
                self._trouble(f"{error}; tried again from time to time")
            self._refused = str(error)
            self._retry = time.monotonic() + RETRY, listing.pictures
        else:
            self._refused = ""

    def _due(self, now: float) -> bool:
        return self._retry is not None and now >= self._retry[0]

    def _news(self, listing: Listing, ours: Callable[[Path], bool]) -> Listing:
        """What of a folder is to be tried now, or told."""
        if self._retry is not None and time.monotonic() >= self._retry[0]:
            self._settling.again(self._retry[1])
            self._retry = None
        found = (path for path in listing.pictures if not ours(path))
        unread = [path for path, _ in self._new((path, "") for path in listing.unread if not ours(path))]
        problems = self._new(listing.problems)
        self._told = {(path, "") for path in listing.unread} | set(listing.problems)
        return replace(
            listing,
            pictures=tuple(self._settling.settled(found)),
            unread=tuple(unread),
            problems=tuple(problems),
        )

    def _new(self, told: Iterable[tuple[Path, str]]) -> list[tuple[Path, str]]:
        return [each for each in told if each not in self._told]


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
