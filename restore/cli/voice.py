"""What commands say that restore no pictures, such as ``restore train``: as much as they are told to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from restore.cli.logged import Logged
from restore.cli.reporter import say


class Voice:
    """Says lines on standard error, above the bar of a training run.

    quiet: says nothing. verbose: says details, too. clock: gives seconds.
    """

    def __init__(self, *, quiet: bool, verbose: bool, clock: Callable[[], float] = time.monotonic):
        self.quiet, self._verbose, self._clock = quiet, verbose, clock

    def say(self, line: str) -> None:
        """Say a line, unless it is to be quiet."""
        if self.quiet:
            return
        tqdm = sys.modules.get("tqdm")
        with nullcontext() if tqdm is None else tqdm.tqdm.external_write_mode(file=sys.stderr):
            say(line)

    def detail(self, line: str) -> None:
        """Say a line, where more is asked for."""
        if self._verbose:
            self.say(f"detail: {line}")

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """Say how long something took, and what is logged meanwhile."""
        began, log = self._clock(), Logged(self.detail) if self._verbose else None
        try:
            yield
        finally:
            if log is not None:
                log.close()
        self.detail(f"{doing} {self._clock() - began:.1f} s")
