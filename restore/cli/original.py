"""The file of a picture while it is restored: it must stay as it is, and may make room for the result."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.cli.in_place import back_up, file_hash, keep_times
from restore.cli.job_plan import Job
from restore.cli.result_facts import output_facts
from restore.errors import ImageError
from restore.images.paths import status_of

if TYPE_CHECKING:
    from restore.cli.manifest_run import ManifestRun


class Original:
    """The file that the picture of a job is read from.

    facts: of its event, once the result has taken its place.
    """

    def __init__(self, job: Job):
        self.job = job
        self.facts: dict[str, Any] = {}
        self._seen = self._status()

    def check(self) -> None:
        """Raise ImageError where the file has changed since it was begun to be read."""
        if self._status() != self._seen:
            raise ImageError(
                f"{self.job.name}: the file was changed while it was read; run it again once it is written"
            )

    def mover(self, ledger: ManifestRun | None) -> Callable[[Path], None] | None:
        """What makes room for the result; None where it goes elsewhere. ledger: is told of it first."""
        source, backup = self.job.source, self.job.backup
        if source is None or backup is None:
            return None

        def move(part: Path) -> None:
            self.check()
            hashes = {"input_sha256": file_hash(source)}
            keep_times(source, part)
            if ledger is not None:
                ledger.written(self.job, hashes | output_facts(part))
            back_up(source, backup)
            self.check()  # or it might be another file that lies in the backup
            self.facts |= hashes

        return move

    def _status(self) -> tuple[int, int, int] | None:
        """Which file it is, and when it was changed; None where it is none."""
        status = None if self.job.source is None else status_of(self.job.source)
        if status is None or not stat.S_ISREG(status.st_mode):
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns
