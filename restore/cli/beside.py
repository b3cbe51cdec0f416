"""What is written beside a result: the mask of its hole, how it was drawn, how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from restore.cli.command import Plan
from restore.cli.trajectory import trajectory_name
from restore.cli.uncertainty_map import write_map
from restore.errors import RestoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.cli.jobs import Job
    from restore.cli.runner import Runner


def write_beside(
    runner: Runner,
    job: Job,
    plan: Plan,
    deviation: NDArray[np.float32] | None,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], RestoreError | None]:
    """Write what goes beside a picture; give facts, and the error, which does not cost it its report.

    say: says a note.
    """
    facts: dict[str, Any] = {}
    settings = runner.settings
    try:
        if mask := runner.masks.write(plan.hole, job, plan.source.page if plan.source.pages > 1 else 0):
            facts["saved_mask"] = str(mask)
        if settings.trajectory is not None:
            if files := runner.trajectories.write([trajectory_name(job)]):
                facts["trajectory"] = [str(path) for path in files]
            else:
                say(f"{job.name}: nothing was drawn, so there is no trajectory")
        if deviation is not None and settings.uncertainty is not None:
            more, told = write_map(settings.uncertainty, deviation, overwrite=settings.overwrite)
            facts |= more
            say(f"{job.name}: {told}")
    except RestoreError as error:
        return facts, error
    return facts, None
