"""The place of a result, looked at when the turn of its picture comes: what is there is kept, or refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.cli import jobs
from restore.cli.job_plan import Job
from restore.cli.kept import compared, refusal
from restore.cli.picture_voice import PictureVoice
from restore.errors import OutputError

if TYPE_CHECKING:
    from restore.cli.runner import Runner


def check_place(runner: Runner, job: Job, voice: PictureVoice, *, overwrite: bool, pages: int = 1) -> None:
    """Check where the result will be. pages: of the result; a file that is there may have as many.

    Raises Overtaken for a picture that is done meanwhile, and OutputError.
    """
    noted = job.item is not None and _check_item(runner, job, voice, overwrite=overwrite)
    try:
        jobs.check(job, overwrite=overwrite, folder=runner.folder, pages=pages)
    except jobs.Overtaken:
        if noted and job.destination is not None:  # an object of another size than was written
            raise OutputError(refusal(job, "with other contents than were written")) from None
        say_skipped(job, voice, as_json=runner.settings.json)
        raise


def say_skipped(job: Job, voice: PictureVoice, *, as_json: bool) -> None:
    """Report a job that another process has done meanwhile."""
    voice.end()
    voice.note(f"{job.output}: another process has written it meanwhile, which is kept")
    if as_json:
        voice.result("", input=job.name, output=job.output, status="skipped")


def _check_item(runner: Runner, job: Job, voice: PictureVoice, *, overwrite: bool) -> bool:
    """Say why an item of a manifest is done again, and look at a result of which it has no line.

    Gives whether there was anything to say. A result that the command would write, as a run that was killed
    leaves it, is kept; another one is refused.
    """
    noted = runner.ledger is not None and runner.ledger.notes.pop(job.item or 0, "")
    if noted:
        voice.note(noted)
    if overwrite or not jobs.is_done(job):
        return bool(noted)
    if jobs.is_same(job):
        raise OutputError(f"{job.output}: the output is the input itself; choose another folder for results")
    there = compared([job], runner.matcher())
    for refused, problem in there.refused:
        raise OutputError(refusal(refused, problem))
    voice.end()
    if runner.settings.json:
        voice.result("", input=job.name, output=job.output, status="skipped")
    raise jobs.Overtaken
