"""Results that are there already of items of which a manifest says nothing: kept, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.cli import jobs
from restore.cli.job_plan import Job
from restore.cli.kept import compared, refusal
from restore.cli.picture_voice import PictureVoice
from restore.errors import OutputError

if TYPE_CHECKING:
    from restore.cli.runner import Runner


def check_item(runner: Runner, job: Job, voice: PictureVoice, *, overwrite: bool) -> None:
    """Say why an item is done again, and look at what is there of it.

    Raises Overtaken where that is what the command would write, as a run that was killed leaves it, and
    OutputError where it is something else.
    """
    if runner.ledger is not None and job.item in runner.ledger.notes:
        voice.note(runner.ledger.notes.pop(job.item))
    if overwrite or not jobs.is_done(job):
        return
    if job.source is not None and job.target is not None and job.target.samefile(job.source):
        raise OutputError(f"{job.target}: the output is the input itself; choose another folder for results")
    there = compared([job], runner.matcher())
    for refused, problem in there.refused:
        raise OutputError(refusal(refused, problem))
    voice.end()
    if runner.settings.json:
        voice.result("", input=job.name, output=job.output, status="skipped")
    raise jobs.Overtaken
