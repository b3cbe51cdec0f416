"""What has become of a job, for those who count, record and show it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from restore.cli.job_plan import Job
from restore.cli.picture_voice import Said
from restore.cli.report_views import Views


@dataclass(frozen=True)
class Outcome:
    """A job that has been tried.

    status: done, unchanged, damaged, planned, skipped or failed, as in its event. facts: those of its event.
    error: what went wrong; a picture may be done though something beside it went wrong. full: whether the
    disk is full, so that no other job could be done. said: what is still to be said of it. views: what a
    report shows of it, or of the first pages of a document.
    """

    job: Job
    status: str
    facts: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    full: bool = False
    said: tuple[Said, ...] = ()
    views: tuple[Views, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether it counts as a failure."""
        return bool(self.error)


@dataclass
class Tally:
    """How the jobs went.

    left: pictures whose files are copied, or left alone. damaged: results of damaged files. overtaken: those
    that another process has done meanwhile. interrupted: the user ended the run before its last job.
    """

    done: int = 0
    failed: int = 0
    left: int = 0
    damaged: int = 0
    overtaken: int = 0
    interrupted: bool = False

    def add(self, outcome: Outcome) -> None:
        """Count a job."""
        self.failed += outcome.failed
        self.overtaken += outcome.status == "skipped"
        self.done += not outcome.failed and outcome.status != "skipped"
        if outcome.status != "failed":
            self.left += outcome.status == "unchanged"
            self.damaged += "damage" in outcome.facts
