"""What an evaluation says: progress, notes and warnings on standard error, tables on standard output."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from restore.cli.course import NAMED
from restore.cli.printable import bounded, message, printable, printable_lines

if TYPE_CHECKING:
    from restore.evaluation.observer import Observer
    from restore.evaluation.results import Table


class EvaluationReporter:
    """Says what happens while tables are measured.

    quiet: no progress and no notes, warnings only. tables: whether tables are printed; not where standard
    output is for something else.
    """

    def __init__(self, *, quiet: bool, tables: bool):
        self._quiet, self._tables = quiet, tables
        self._bar: Any = None
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
        """Show a bar for so many restorations, where there is a terminal."""
        self._expected = True
        if self._quiet or not sys.stderr.isatty():
            return
        from tqdm import tqdm

        form = "{desc} {percentage:3.0f}% |{bar}| {elapsed}, {remaining} left"
        self._bar = tqdm(total=total, file=sys.stderr, bar_format=form, leave=False, dynamic_ncols=True)

    def progress(self, title: str, done: int, total: int) -> None:
        """Show how many restorations of a table are done."""
        if not self._expected:
            self.expect(total)
        if title != self._title:
            self._done, self._title, self._total = self._done + self._total, title, total
        if self._bar is not None:
            self._bar.set_description_str(bounded(printable(title), NAMED), refresh=False)
            self._bar.update(self._done + done - self._bar.n)

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
        if self._tables:
            if self._bar is not None:
                self._bar.clear()
            click.echo(printable_lines(markdown(table)))

    def say(self, text: str) -> None:
        """Write a line on standard error."""
        if self._bar is not None:
            self._bar.clear()
        click.echo(message(text), err=True)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
