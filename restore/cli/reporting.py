"""``--report``: the report of a run, as its pictures are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import __version__, images
from restore.cli.events import event
from restore.cli.lanes import AHEAD
from restore.cli.options import Settings
from restore.cli.outcome import Outcome
from restore.cli.report_file import Report, check_report, is_preview
from restore.cli.report_views import Views, views_of
from restore.cli.typed import command_line
from restore.errors import OutputError, RestoreError

if TYPE_CHECKING:
    from restore.cli.job_plan import Job
    from restore.images import Picture
    from restore.stores import Url


def views_for(settings: Settings, before: Picture, after: Picture) -> tuple[Views, ...]:
    """What a report shows of a picture; nothing where none is wanted, or memory is too little for it."""
    if settings.report is None:
        return ()
    try:
        return (views_of(before, after),)
    except MemoryError:
        return ()


def with_page(facts: dict[str, Any], page: dict[str, Any]) -> dict[str, Any]:
    """The facts of a document, whose row shows its first page, with what is known of that page."""
    status = page["status"] if facts["status"] == "done" and "status" in page else facts["status"]
    return page | facts | {"status": status}


def _views_of_files(job: Job) -> tuple[Views, ...]:
    """What a report shows of a result that is there already; nothing where its files cannot be read."""
    if job.source is None or job.target is None or job.origin is not None or job.destination is not None:
        return ()
    try:
        return (views_of(images.read(job.source), images.read(job.target)),)
    except (RestoreError, MemoryError):
        return ()


class Reporting:
    """Adds the outcomes of a run to its report, if there is one.

    trouble: says what went wrong; the run goes on without its report, and `broken` says so.
    """

    def __init__(self, settings: Settings, trouble: Callable[[str], None]):
        self.page = settings.report
        self._settings, self._trouble = settings, trouble
        self._report: Report | None = None  # once it is begun
        self._start = time.monotonic()
        self.broken = False

    def check(self) -> None:
        """Raise OutputError where no report can be written."""
        if self.page is not None:
            check_report(self.page, overwrite=self._settings.overwrite)

    def begin(self) -> None:
        """Begin, in a new report where results are replaced. Raises OutputError."""
        if self.page is None or self._settings.dry_run:
            return
        report = Report(self.page)
        line = command_line(click.get_current_context())
        report.begin(line, f"restore {__version__}", anew=self._settings.overwrite)
        self._report, self._start = report, time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Add a picture that has been tried."""
        if outcome.status not in ("planned", "skipped"):
            error = {"error": outcome.error} if outcome.error else {}
            self._add(outcome.facts | error, outcome.job.origin or outcome.job.source, outcome)

    def keep(self, jobs: Iterable[Job]) -> None:
        """Add results that are there already where the report does not have them.

        So are those of a run that was killed before it could add them, which are few; they are shown.
        """
        if self._report is None:
            return
        shown = 0
        for job in jobs:
            facts: dict[str, Any] = {"input": job.name, "output": job.output, "status": "skipped"}
            if self._report.has(facts):
                continue
            shown += 1
            views = _views_of_files(job) if shown <= AHEAD else ()
            self._add(facts, job.origin or job.source, Outcome(job, "skipped", facts, views=views))

    def refuse(self, failures: Iterable[tuple[str, str]]) -> None:
        """Add what cannot be tried, with messages."""
        for name, message in failures:
            self._add({"input": name, "output": None, "status": "failed", "error": message}, Path(name))

    def _add(self, facts: dict[str, Any], source: Path | Url | None, outcome: Outcome | None = None) -> None:
        views: tuple[Views, ...] = () if outcome is None else outcome.views
        target = None if outcome is None else outcome.job.destination or outcome.job.target
        pages = {each["label"]: each for each in facts.get("pages", ())}
        first = with_page(facts, pages.get(views[0].label, {})) if views else facts
        self._try(lambda report: report.add(first, views[:1], source=source, target=target))
        for each in views[1:]:
            about = {"input": f"{facts['input']}, {each.label}", "output": facts["output"]}
            page = about | pages.get(each.label, {"status": facts["status"]})
            self._try(partial(Report.add, facts=page, views=(each,), source=source, target=target))

    def end(self, *, kept: int = 0, interrupted: bool = False) -> None:
        """End, and tell where the report is."""
        seconds = time.monotonic() - self._start
        self._try(lambda report: report.end(seconds, kept=kept, interrupted=interrupted))
        if self._report is None or self.broken or not self._settings.json:
            return
        if not is_preview(self._report.page):
            click.echo(event("page", output=str(self._report.page), status="done"))

    def _try(self, write: Callable[[Report], None]) -> None:
        if self._report is None or self.broken:
            return
        try:
            write(self._report)
        except OutputError as error:
            self.broken = True
            self._trouble(str(error))
