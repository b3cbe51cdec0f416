"""Output of commands: a progress bar and notes on standard error, results on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from restore import images
from restore.cli.events import event
from restore.cli.options import Settings
from restore.cli.printable import bounded, message, printable, printable_lines

if TYPE_CHECKING:
    from tqdm import tqdm

NAMED = 60  # characters of a name beside the bar


class Reporter:
    """Reports on the pictures of a command, one after the other.

    finished: how many are done or have failed.
    """

    def __init__(self, settings: Settings, pictures: int):
        self.settings = settings
        self.finished = 0
        self._name, self._draw = "", 0
        self._bar = _bar(pictures) if not (settings.quiet or settings.dry_run) else None

    def begin(self, name: str, draw: int = 0) -> None:
        """Start a new picture. draw: the number of the sample."""
        self._name, self._draw = bounded(printable(name), NAMED), draw
        self.progress(0, 1)

    def loaded(self) -> None:
        """The network is loaded. The remaining time is estimated without loading."""
        if self._bar is not None:
            self._bar.unpause()

    def progress(self, done: int, total: int) -> None:
        """Show the progress of the current picture in network calls."""
        if self._bar is not None:
            step = f" step {done}/{total}" if done else ""
            self._bar.set_description_str(self._name + step, refresh=False)
            self._bar.update(self.finished + done / total - self._bar.n)

    def end(self) -> None:
        """The current picture is done or has failed."""
        self.finished += 1

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
        self.error(images.unread_note(files))
        for path in files if self.settings.json else ():
            self.result("", input=str(path), output=None, status="failed", error="not read; convert it first")

    def result(self, text: str, **facts: Any) -> None:
        """Print a line on standard output: a path, or all facts as JSON."""
        line = event("picture", **facts) if self.settings.json else text
        self._say(path_for(sys.stdout, line), err=False)

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
        if self._bar is not None:
            self._bar.close()

    def _say(self, text: str | bytes, *, err: bool) -> None:
        if self._bar is not None:
            self._bar.clear()
        click.echo(text, err=err)
        if self._bar is not None:
            self._bar.refresh()


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


def _bar(pictures: int) -> tqdm[Any] | None:
    """Give a progress bar on standard error, if that is a terminal."""
    if not on_terminal(sys.stderr):
        return None
    from tqdm import tqdm

    of = f" of {pictures} pictures" if pictures > 1 else ""
    form = f"{{desc}} {{percentage:3.0f}}%{of} |{{bar}}| {{elapsed}}, {{remaining}} left"
    return tqdm(total=pictures, file=sys.stderr, bar_format=form, leave=False, dynamic_ncols=True)
