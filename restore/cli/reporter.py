"""Output of commands: progress, notes and details on standard error, results on standard output."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import click

from restore import images
from restore.cli.addresses import called
from restore.cli.course import RESTORING, Course, Stage
from restore.cli.display import Display
from restore.cli.events import event
from restore.cli.hosted import host
from restore.cli.logged import Logged
from restore.cli.options import Settings
from restore.cli.printable import message, printable, printable_lines
from restore.diffusion.watch import watched

Clock = Callable[[], float]


class Reporter:
    """Reports on the pictures of a command, one after the other.

    weights: of the pictures in the time that they take, such as their pixels.
    """

    def __init__(self, settings: Settings, weights: Sequence[float], clock: Clock = time.monotonic):
        self.settings, self.clock = settings, clock
        self.name, self._draw = "", 0
        self.course = Course(weights, clock)
        shows = not (settings.quiet or settings.dry_run)
        around = host()
        seen = None if around is None else around.seen
        self._display = Display(self.course, sys.stderr if shows else None, clock=clock, seen=seen)
        self._log = Logged(self.detail) if settings.verbose else None

    @property
    def finished(self) -> int:
        """How many pictures are done or have failed."""
        return self.course.finished

    def begin(self, name: str, draw: int = 0, stage: Stage | None = None) -> None:
        """Start a new picture. draw: the number of the sample. stage: what is being done to it already."""
        self.name, self._draw = name, draw
        self.course.begin(name, stage)
        self._display.start()

    def do(self, doing: str) -> None:
        """Say what is being done from here on."""
        self.course.do(doing)
        self._display.show(now=True)

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """Say what is being done for a while."""
        with self.course.during(doing):
            self._display.show(now=True)
            yield
        self._display.show(now=True)

    @contextmanager
    def restoring(self) -> Iterator[None]:
        """Show how far the steps are that are taken meanwhile."""
        self.do(RESTORING)
        with watched(self.within, self.course.expect):
            yield

    def within(self, share: float) -> None:
        """Show how much of the current step is done, 0 to 1."""
        self.course.within(share)
        self._display.show()

    def show(self, *, now: bool = False) -> None:
        """Show how far it is. now: what is being done has changed."""
        self._display.show(now=now)

    def progress(self, done: int, total: int) -> None:
        """Show the progress of the current picture in network calls."""
        self.course.step(done, total)
        self._display.show()

    def end(self) -> None:
        """The current picture is done or has failed."""
        self.course.do("")
        spent = [f"{doing} {seconds:.1f} s" for doing, seconds in self.course.spent.items()]
        if spent:
            self.detail(f"{self.name}: {', '.join(spent)}")
        self.course.end()

    def detail(self, text: str) -> None:
        """Say, where more is asked for, what was decided and how long it took."""
        if self.settings.verbose:
            self._say(message(f"detail: {text}"), err=True)

    def note(self, text: str) -> None:
        """Print a note for the user. The notes on the first sample of a picture hold for all."""
        if not self.settings.quiet and not self._draw:
            self._say(message(f"note: {text}"), err=True)

    def warn(self, text: str) -> None:
        """Print what makes the program end with 1 though a result is written, once for all samples of it."""
        if not self._draw:
            self._say(message(f"warning: {text}"), err=True)

    def error(self, text: str, details: str = "") -> None:
        """Say what went wrong. details: lines that follow, as of a fault of the program."""
        self._say(message(f"error: {text}"), err=True)
        if details:
            self._say(printable_lines(details), err=True)

    def unread(self, files: Sequence[Path]) -> None:
        """Say which pictures were passed over because their kinds are not read."""
        self.error(images.unread_note(files, pdf=True))
        for path in files if self.settings.json else ():
            self.result(
                "", input=called(path), output=None, status="failed", error="not read; convert it first"
            )

    def result(self, text: str, **facts: Any) -> None:
        """Print a line on standard output: a path, or all facts as JSON."""
        line = event("picture", **facts) if self.settings.json else text
        self._say(path_for(sys.stdout, line), err=False)

    def refused(self, name: str, message: str) -> None:
        """Report an input that is no job, such as a folder without pictures."""
        self.error(message)
        self.nothing(input=name, output=None, status="failed", error=message)

    def nothing(self, **facts: Any) -> None:
        """Tell --json of a picture for which nothing is written."""
        if self.settings.json:
            self.result("", **facts)

    def plan(self, text: str, **facts: Any) -> None:
        """Print what would be done in one line, or all facts as JSON."""
        self._say(event("picture", **facts) if self.settings.json else printable(text), err=False)

    def close(self) -> None:
        """All pictures are done. What is said from here on is of no sample in particular."""
        self._draw = 0
        self._display.close()
        if self._log is not None:
            self._log.close()

    def _say(self, text: str | bytes, *, err: bool) -> None:
        with self._display.aside():
            click.echo(text, err=err)


def path_for(stream: TextIO, text: str) -> str | bytes:
    """A path as it is written to a stream: its very bytes, whatever they are; shown on a terminal."""
    return printable(text) if on_terminal(stream) else os.fsencode(text)


def say_error(text: str) -> None:
    """Say what went wrong, in one line."""
    click.echo(message(f"error: {text}"), err=True)


def say(text: str) -> None:
    """Say something in one line."""
    click.echo(message(text), err=True)


def on_terminal(stream: TextIO) -> bool:
    """Whether the stream is a terminal."""
    return stream.isatty()
