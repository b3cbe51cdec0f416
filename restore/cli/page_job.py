"""One page or frame of a document, as messages and file names call it."""

from __future__ import annotations

from dataclasses import dataclass

from restore.cli.job_plan import Job


@dataclass(frozen=True)
class PageJob(Job):
    """One page of a job. whole: the job. part: which page; pages: how many there are."""

    whole: Job | None = None
    label: str = ""
    page: int = 0
    pages: int = 0

    @property
    def name(self) -> str:
        """What messages call the page."""
        return f"{super().name}, {self.label}"

    @property
    def output(self) -> str:
        """What messages call the result, which is that of all pages."""
        return "" if self.whole is None else self.whole.output
