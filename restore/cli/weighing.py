"""How long pictures will take beside each other: by their pixels, where their headers tell these."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from restore.cli.job_plan import Job
from restore.images.page_count import page_count
from restore.images.told import told_size

MOST = 2000  # files that are looked at; headers of more take too long


def weights_of(jobs: Sequence[Job]) -> list[float]:
    """Give the weight of each job: the pixels of its pictures, the mean of the others where nothing says."""
    files = list(dict.fromkeys(job.source for job in jobs))
    if not 1 < len(files) <= MOST:
        return [1.0] * len(jobs)
    known = {path: _pixels(path) for path in files}
    sizes = [size for size in known.values() if size]
    mean = sum(sizes) / len(sizes) if sizes else 1.0
    return [float(known[job.source] or mean) for job in jobs]


def _pixels(path: Path | None) -> int:
    size = None if path is None else told_size(path)
    return 0 if size is None or path is None else size[0] * size[1] * page_count(path)
