"""What a manifest holds of the file of a result: its size, when it was changed, and its hash."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from restore.cli.in_place import file_hash
from restore.cli.job_plan import Job
from restore.cli.manifest_lines import mtime_of
from restore.cli.outcome import Outcome
from restore.images.paths import status_of


def output_facts(path: Path | None, *, times: bool = True) -> dict[str, Any]:
    """What a manifest holds of a result; nothing where there is no file. times: also when it was changed."""
    try:
        if path is None or (status := status_of(path)) is None:
            return {}
        told: dict[str, Any] = {"output_size_bytes": status.st_size}
        told |= {"output_mtime_seconds": mtime_of(status)} if times else {}
        return told | {"output_sha256": file_hash(path)}
    except OSError:
        return {}


def with_files(outcome: Outcome, local: Job) -> Outcome:
    """The outcome of an item with what a manifest holds of its result. local: the job of files."""
    if local.item is None or outcome.status not in ("done", "unchanged", "damaged", "skipped"):
        return outcome
    if outcome.facts.get("output", "") is None:
        return outcome
    facts = output_facts(local.target, times=local.destination is None)
    return replace(outcome, facts=outcome.facts | facts)
