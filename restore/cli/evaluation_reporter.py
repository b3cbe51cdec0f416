"""What an evaluation says: progress, notes and warnings on standard error, tables on standard output."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from restore.cli.course import RESTORING, Course
from restore.cli.display import Display
from restore.cli.logged import Logged
from restore.cli.printable import message, printable_lines

if TYPE_CHECKING:
    from restore.evaluation.observer import Observer
    from restore.evaluation.results import Table


class EvaluationReporter:
    """Says what happens while tables are measured.

    quiet: no progress and no notes, warnings only. verbose: details, too. tables: whether tables are
    printed; not where standard output is for something else. clock: gives seconds.
    """

    def __init__(
        self, *, quiet: bool, tables: bool, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ):
        self._quiet, self._verbose, self._tables, self._clock = quiet, verbose, tables, clock
        self._display = Display(Course([], clock), None)
        self._log = Logged(self.detail) if verbose else None
        self._expected = False
        self._done = 0  # of the tables before this one
        self._title, self._total = "", 0
        self.notes: list[str] = []
        self.warned = False

    @property
    def observer(self) -> Observer:
        """For those who measure."""
        from restore.evaluation.observer import Observer

        return Observer(self.warn, self.progress)

    def expect(self, total: int) -> None:
        """Show how far so many restorations are."""
        self._expected = True
        if not self._quiet:
            course = Course([1.0] * total, self._clock, word="measurement")
            self._display = Display(course, sys.stderr, clock=self._clock)

    def progress(self, title: str, done: int, total: int) -> None:
        """Show how many restorations of a table are done."""
        if not self._expected:
            self.expect(total)
        if title != self._title:
            self._done, self._title, self._total = self._done + self._total, title, total
        course = self._display.course
        while course.finished < self._done + done:
            course.end()
        course.begin(title)
        course.do(RESTORING)
        self._display.start()
        self._display.show()

    def warn(self, text: str) -> None:
        """Say, even when quiet, what changes the meaning of the numbers; the exit code becomes 1."""
        self.warned = True
        self.say(f"warning: {text}")

    def note(self, text: str, detail: str = "") -> None:
        """Say something and keep it beside the numbers; detail, such as a local path, is only said."""
        self.notes.append(text)
        if not self._quiet:
            self.say(f"note: {text}{detail}")

    def wrote(self, path: object) -> None:
        """Name a file that was written."""
        if not self._quiet:
            self.say(f"wrote {path}")

    def table(self, table: Table) -> None:
        """Print a table, and warn of pictures that were trained on."""
        from restore.evaluation.tables import markdown

        if table.overlaps:
            self.say(
                f"warning: {len(table.overlaps)} of {table.count} pictures of {table.title} were seen "
                "before, which makes the numbers too good: "
                + ", ".join(f"{name} ({what})" for name, what in table.overlaps.items())
            )
        for row in table.rows:
            self.detail(f"{table.title}: {row.label}: {sum(one.seconds for one in row.pictures):.1f} s")
        self.detail(f"{table.title}: scoring: {table.scoring_seconds:.1f} s")
        if self._tables:
            with self._display.aside():
                click.echo(printable_lines(markdown(table)))

    def detail(self, text: str) -> None:
        """Say, where more is asked for, what is used and how long it took."""
        if self._verbose:
            self.say(f"detail: {text}")

    def say(self, text: str) -> None:
        """Write a line on standard error."""
        with self._display.aside():
            click.echo(message(text), err=True)

    def close(self) -> None:
        """Show nothing any more."""
        self._display.close()
        if self._log is not None:
            self._log.close()
