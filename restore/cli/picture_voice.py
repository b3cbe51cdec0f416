"""What is said of one picture, and how far it is, where several are restored at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from restore.cli.course import MEASURING, RESTORING, Stage
from restore.cli.reporter import Reporter
from restore.diffusion.watch import watched


class Said(NamedTuple):
    """Something that is to be said: by which method of `Reporter`, and what."""

    kind: str
    words: tuple[str, ...] = ()
    facts: Mapping[str, Any] = {}


class Stopped(BaseException):
    """The run ends, and this picture is given up."""


class PictureVoice:
    """Says what there is to say of a picture: at once when its turn has come, and keeps it until then.

    draw: the number of the sample. stopped: whether the run ends.
    """

    def __init__(
        self, reporter: Reporter, name: str, draw: int = 0, *, stopped: Callable[[], bool] | None = None
    ):
        self.name, self._draw, self._reporter = name, draw, reporter
        self.stage = Stage(reporter.clock, name)
        self._stopped = stopped or (lambda: False)
        self.renamed: Callable[[Any], Any] | None = None  # puts other names into what is said
        self._lock = threading.RLock()
        self._open = False
        self._kept: list[Said] = []

    def open(self) -> None:
        """The turn of this picture has come: say what was kept, and from here on all at once."""
        with self._lock:
            if not self._open:
                self._open = True
                replay(self._reporter, self.name, self._draw, self.said(), self.stage)
                self._kept = []

    def said(self) -> tuple[Said, ...]:
        """What is still to be said."""
        return tuple(self._kept)

    def part(self, number: int, count: int, label: str) -> None:
        """Come to the next part of the picture. count: how many there are. label: what it is called."""
        self.check()
        self.stage.part(number, count, label)
        self._show()

    def do(self, doing: str) -> None:
        """Say what is being done from here on."""
        self.check()
        self.stage.do(doing)
        self._show()

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """Say what is being done for a while."""
        self.check()
        with self.stage.during(doing):
            self._show()
            yield
        self._show()

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Show how far the steps are that are taken meanwhile."""
        self.do(RESTORING)
        with watched(self._within, self.stage.expect):
            yield

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Show how much is done of what is measured of the result meanwhile."""
        self.do(MEASURING)
        with watched(self._within):
            yield

    def progress(self, done: int, total: int) -> None:
        """Show the progress in network calls."""
        self.check()
        if self._open:
            self._reporter.progress(done, total)
        else:
            self.stage.step(done, total)

    def _within(self, share: float) -> None:
        self.check()
        if self._open:
            self._reporter.within(share)
        else:
            self.stage.within(share)

    def _show(self) -> None:
        if self._open:
            self._reporter.show(now=True)

    def check(self) -> None:
        """Raise Stopped where the run ends."""
        if self._stopped():
            raise Stopped

    def end(self) -> None:
        """The picture is done or has failed."""
        self.stage.do("")
        self._say("end")

    def detail(self, text: str) -> None:
        """Say, where more is asked for, what was decided and how long it took."""
        self._say("detail", text)

    def note(self, text: str) -> None:
        """Print a note for the user. The notes on the first sample of a picture hold for all."""
        self._say("note", text)

    def warn(self, text: str) -> None:
        """Print what makes the program end with 1 though a result is written, once for all samples of it."""
        self._say("warn", text)

    def error(self, text: str, details: str = "") -> None:
        """Say what went wrong. details: lines that follow, as of a fault of the program."""
        self._say("error", text, details)

    def result(self, text: str, **facts: Any) -> None:
        """Print a line on standard output: a path, or all facts as JSON."""
        self._say("result", text, **facts)

    def nothing(self, **facts: Any) -> None:
        """Tell --json of a picture for which nothing is written."""
        self._say("nothing", **facts)

    def plan(self, text: str, **facts: Any) -> None:
        """Print what would be done in one line, or all facts as JSON."""
        self._say("plan", text, **facts)

    def _say(self, kind: str, *words: str, **facts: Any) -> None:
        if self.renamed is not None:
            words, facts = self.renamed(words), self.renamed(facts)
        with self._lock:
            if self._open:
                getattr(self._reporter, kind)(*words, **facts)
            else:
                self._kept.append(Said(kind, words, facts))


def replay(
    reporter: Reporter, name: str, draw: int, said: tuple[Said, ...], stage: Stage | None = None
) -> None:
    """Say what was kept of a picture. stage: what is being done to it."""
    reporter.begin(name, draw, stage)
    for kind, words, facts in said:
        getattr(reporter, kind)(*words, **facts)
