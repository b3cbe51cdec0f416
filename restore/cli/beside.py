"""What is written beside a result: the mask of its hole, how it was drawn, how sure it is, a comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from restore import images
from restore.cli.command import Plan, Source
from restore.cli.comparisons import write_comparison
from restore.cli.reporting import views_for
from restore.cli.trajectory import trajectory_name
from restore.cli.uncertainty_map import write_map
from restore.errors import RestoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.cli.jobs import Job
    from restore.cli.report_views import Views
    from restore.cli.runner import Runner


class Made(NamedTuple):
    """A result that is to be written; None: the picture as it is stored.

    deviation: of it, if wanted. shown: it as it is compared with the picture, in units as that.
    """

    picture: images.Picture | None
    deviation: NDArray[np.float32] | None
    shown: images.Picture


def _ending(source: Source) -> str:
    """What tells the pictures of a document apart in names: the page, and which of its pictures it is."""
    if source.pages == 1 and source.number == 1:
        return ""
    return f"-p{source.page}" if source.number == 1 else f"-p{source.page}-{source.number}"


def write_beside(
    runner: Runner,
    job: Job,
    plan: Plan,
    made: Made,
    say: Callable[[str], None],
) -> tuple[dict[str, Any], tuple[Views, ...], RestoreError | None]:
    """Write what goes beside a picture; give facts, what a report shows, and an error, which costs no result.

    say: says a note.
    """
    facts: dict[str, Any] = {}
    settings, deviation = runner.settings, made.deviation
    views = views_for(settings, plan.source.picture, made.shown)
    try:
        if mask := runner.masks.write(plan.hole, job, _ending(plan.source)):
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
        if settings.compare and made.picture is not None:
            path = write_comparison(plan.source.picture, made.shown, job, overwrite=settings.overwrite)
            facts["comparison"] = str(path)
    except RestoreError as error:
        return facts, views, error
    return facts, views, None
