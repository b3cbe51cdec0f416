"""What the runs on a folder that is watched share: the network, the report, and which files are results."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from restore import images
from restore.cli.changes import check_events
from restore.cli.events import event
from restore.cli.job_plan import Job
from restore.cli.naming import Naming
from restore.cli.options import Settings
from restore.cli.outcome import Outcome
from restore.cli.prior_loader import Networks
from restore.cli.report_file import folder_of
from restore.cli.reporter import Reporter
from restore.cli.reporting import Reporting
from restore.cli.results import results_among
from restore.cli.runner import Runner
from restore.cli.streams import STDIO
from restore.errors import RestoreError
from restore.images import Listing
from restore.stores import is_url


def check_shown(settings: Settings) -> None:
    """Refuse options that do nothing without another."""
    if settings.opened is not None and settings.preview is None:
        word = "--open" if settings.opened else "--no-open"
        raise click.UsageError(f"{word} is of the page of --preview N; pass that, too")
    if settings.poll and not settings.watch:
        raise click.UsageError("--poll says how --watch looks for files; pass that, too")


def watched_folder(settings: Settings, inputs: Sequence[str]) -> Path:
    """The folder to be watched. Raises UsageError for others, ConfigError where a package is missing."""
    refused = {
        "--dry-run": settings.dry_run,
        "--preview": settings.preview is not None,
        "--uncertainty": settings.uncertainty is not None,
        "--trajectory": settings.trajectory is not None,
        "-o -": settings.output == STDIO,
    }
    for word, there in refused.items():
        if there:
            raise click.UsageError(f"--watch does not go with {word}; leave one of them out")
    if "{number" in (settings.output_template or ""):
        raise click.UsageError(
            "--watch does not know the number of a picture; leave {number} out of --output-template"
        )
    if len(inputs) != 1 or not images.is_folder(inputs[0]):
        got = f"{len(inputs)} inputs" if len(inputs) != 1 else images.what_is(inputs[0]) or "none"
        got = "an address" if is_url(inputs[0]) else got
        raise click.UsageError(f"--watch takes one folder, got {got}; for several folders start one for each")
    check_events(poll=settings.poll)
    return Path(inputs[0])


class FullError(RestoreError):
    """The disk is full, so that waiting does not help."""


class Shared:
    """What the runs on a folder share."""

    def __init__(self, folder: Path, settings: Settings):
        self.folder, self.settings = folder, settings
        self.networks = Networks()
        self.speeds: dict[tuple[object, ...], float] = {}
        self.written: set[Path] = set()
        """Results of this program, as it was started."""
        self._reporter = Reporter(replace(settings, verbose=False), [])  # that of each run says more
        self._report = Reporting(settings, self._reporter.error)
        self._own = tuple(self._places())

    def _places(self) -> Iterator[Path]:
        """Folders within the one that is watched that hold what this program writes, in all spellings."""
        real = Path(os.path.realpath(self.folder))
        given = (self.settings.output, self.settings.save_mask)
        written = [Path(each) for each in given if each is not None]
        written += [] if self.settings.report is None else [folder_of(self.settings.report)]
        for each in written:
            place = Path(os.path.realpath(each))
            if place != real and place.is_relative_to(real):
                inside = place.relative_to(real)
                yield from {start / inside for start in (self.folder, self.folder.absolute(), real)}

    def is_ours(self, path: Path) -> bool:
        """Whether a file is one that this program has written."""
        return path in self.written or any(path.is_relative_to(own) for own in self._own)

    def pictures_of(self, listing: Listing, naming: Naming) -> tuple[Path, ...]:
        """The pictures of a listing without results of others."""
        beside = images.survey(self.folder, pdf=True).pictures if listing.pictures else ()
        made = results_among(listing.pictures, naming.pattern, beside=beside)
        return tuple(path for path in listing.pictures if path not in made)

    def join(self, runner: Runner) -> None:
        """Let a run use what is shared."""
        runner.networks, runner.speeds = self.networks, self.speeds
        runner.alone = False
        runner.listeners += [self._report.add, self._note]

    def _note(self, outcome: Outcome) -> None:
        if outcome.job.target is not None and outcome.status in ("done", "unchanged", "damaged"):
            self.written.add(outcome.job.target)
        if outcome.full:
            raise FullError(outcome.error)

    def keep(self, jobs: Iterable[Job]) -> None:
        """Add results that are there already to the report."""
        self._report.keep(jobs)

    def begin(self) -> None:
        """Begin the report. Raises OutputError."""
        self._report.check()
        self._report.begin()

    def end(self, *, interrupted: bool) -> None:
        """End the report, and say so."""
        self._report.end(interrupted=interrupted)
        self.tell("stopped", "stopped" + (", and the picture at hand was given up" if interrupted else ""))
        self._reporter.close()

    def tell(self, status: str, text: str) -> None:
        """Say how it is with the folder."""
        if self.settings.json:
            click.echo(event("watch", input=str(self.folder), status=status))
        self._reporter.note(text)

    def trouble(self, text: str) -> None:
        """Say what went wrong."""
        self._reporter.error(text)

    def tell_of_others(self, listing: Listing) -> None:
        """Say what is no picture that can be read."""
        if listing.unread:
            self._reporter.unread(listing.unread)
        for path, problem in listing.problems:
            self._reporter.refused(str(path), problem)
        self._report.refuse((str(path), problem) for path, problem in listing.problems)
