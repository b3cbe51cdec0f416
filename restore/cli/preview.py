"""``--preview N``: some of the pictures before and after on a page, and how long all of them would take."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from restore.cli.browser import open_page
from restore.cli.course import duration
from restore.cli.events import event
from restore.cli.job_plan import Job, Plan
from restore.cli.options import Settings
from restore.cli.outcome import Outcome
from restore.cli.report_file import check_report, is_preview, is_report, results_of
from restore.cli.reporter import path_for, say
from restore.cli.spread import spread
from restore.cli.typed import command_line
from restore.cli.weighing import weights_of
from restore.errors import OutputError

if TYPE_CHECKING:
    from restore.cli.prior_loader import Networks
    from restore.cli.runner import Runner

OWN = ("preview", "report", "opened")
"""Names of options that the command for all pictures does not have."""


@dataclass(frozen=True)
class Preview:
    """Pictures that stand for many.

    jobs: with their results in a place of their own. settings: for these. everything: the jobs that they
    stand for. opened: whether the page is opened.
    """

    jobs: tuple[Job, ...]
    settings: Settings
    everything: Sequence[Job]
    opened: bool | None

    @property
    def page(self) -> Path:
        """The page that shows them."""
        assert self.settings.report is not None  # `prepared` gives it
        return self.settings.report

    def plan(self) -> Plan:
        """The plan of these alone."""
        return Plan(self.jobs, results_of(self.page))


def check_preview(settings: Settings, jobs: Sequence[Job]) -> None:
    """Refuse what does not go with a preview. Raises OutputError for a page that is something else."""
    if any(job.target is None for job in jobs):
        raise click.UsageError("--preview is of files, and of results that have names; leave out -")
    if settings.dry_run:
        raise click.UsageError("--preview restores some pictures, --dry-run none; leave one of them out")
    page = settings.report
    if page is None:
        return
    check_report(page, overwrite=settings.overwrite)
    if is_report(page) and not is_preview(page) and not settings.overwrite:
        raise OutputError(
            f"{page}: the report of a run is there, which a preview would replace; pass another --report"
        )


def prepared(settings: Settings, todo: Sequence[Job]) -> Preview:
    """Choose some of the jobs, and a place for their results. Nothing goes where those of all would."""
    page, count = settings.report, settings.preview or 1
    if page is None:
        page = Path(tempfile.mkdtemp(prefix="restore-preview-")) / "index.html"
    chosen = tuple(
        replace(
            job,
            target=results_of(page) / f"{number:03}" / job.target.name,
            base=page.parent,
            destination=None,
        )
        for number, job in enumerate(spread(todo, count), 1)
        if job.target is not None
    )
    bare = replace(
        settings,
        preview=None,
        opened=None,
        report=page,
        overwrite=True,
        compare=False,
        skip_unchanged=False,
        save_mask=None,
        trajectory=None,
        uncertainty=None,
    )
    return Preview(chosen, bare, todo, settings.opened)


class Pace:
    """How fast pictures are done. jobs: all that there are, done or not."""

    def __init__(self, jobs: Sequence[Job]):
        weights = weights_of(jobs)
        self._weights = {job.name: weight for job, weight in zip(jobs, weights, strict=True)}
        self._all = sum(weights)
        self._done = 0.0
        self._networks: Networks | None = None
        self._start = self._last = 0.0

    def follow(self, runner: Runner) -> None:
        """Measure what it does."""
        import torch  # noqa: F401  # takes seconds, which pictures do not

        self._networks = runner.networks
        runner.listeners.append(self._add)
        self._start = self._last = time.monotonic()

    def _add(self, outcome: Outcome) -> None:
        self._done += self._weights[outcome.job.name]
        self._last = time.monotonic()

    def seconds(self) -> float | None:
        """The time that all jobs take, without loading the network; None where nothing was done."""
        if self._networks is None or not self._done:
            return None
        return max(0.0, self._last - self._start - self._networks.seconds) * self._all / self._done


def tell(preview: Preview, seconds: float | None) -> None:
    """Say where the page is, what all would take and by which command, and open the page."""
    context, settings, count = click.get_current_context(), preview.settings, len(preview.everything)
    line = command_line(context, without=OWN)
    if settings.json:
        planned = {} if seconds is None else {"planned_seconds": round(seconds, 1)}
        about = {"pictures_count": count, "command": line, **planned}
        click.echo(event("page", output=str(preview.page), status="done", **about))
    else:
        click.echo(path_for(sys.stdout, str(preview.page)))
    if not settings.quiet:
        takes = "" if seconds is None else f" would take about {duration(seconds)} on this machine"
        say(f"note: {count} picture{'s' * (count != 1)}{takes}; to restore them: {line}")
    open_page(preview.page, asked=preview.opened, quiet=settings.quiet)
