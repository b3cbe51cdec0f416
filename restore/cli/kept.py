"""Results that are there already: kept where they are what the command would write, refused where not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import click

from restore import __version__, images
from restore.cli.command import PictureCommand
from restore.cli.jobs import Job
from restore.cli.options import Settings
from restore.cli.provenance import UNRECORDED, Record, history_in, history_of, stamped
from restore.cli.record_match import Matcher
from restore.cli.recorder import Recorder
from restore.cli.result_files import has_depth, idle_in
from restore.cli.results import NO_RECORD, is_copy
from restore.errors import ImageError
from restore.images.told import told_in

AT_ONCE = 256
"""Results that are looked at while their pictures are hashed."""

FEW = 3  # results that are named one by one where they differ in the same way
REPLACE = "pass --overwrite to replace"


@dataclass
class There:
    """Results that are there already.

    kept: those of this command, and those of which that is not known. unknown: of the kept, those that hold
    no record. copies: of the kept, those that are copies of their pictures, in which there was nothing to
    do. stored: of the kept, those in stores, which would have to be fetched to be compared. refused: those
    that differ from what the command would write, and in what.
    """

    kept: list[Job] = field(default_factory=list)
    unknown: list[Job] = field(default_factory=list)
    copies: list[Job] = field(default_factory=list)
    stored: list[Job] = field(default_factory=list)
    refused: list[tuple[Job, str]] = field(default_factory=list)

    def aside(self, job: Job) -> str:
        """What is to be said of a result that is kept."""
        if job in self.copies:
            return ", a copy of the picture,"
        if job in self.stored:
            return ", in a store where it is not compared,"
        return ", without a record of what made it," if job in self.unknown else ""

    def errors(self) -> Iterator[str]:
        """A line for each result that is refused, or one for many that differ in the same way."""
        alike: dict[str, list[Job]] = {}
        for job, problem in self.refused:
            alike.setdefault(problem, []).append(job)
        for problem, jobs in alike.items():
            if len(jobs) > FEW:
                more = f"{jobs[0].output} and {len(jobs) - 1} more are there"
                yield f"{more}, {problem}; {REPLACE} them, or another -o"
            else:
                yield from (refusal(job, problem) for job in jobs)


def refusal(job: Job, problem: str) -> str:
    """Say that a result is there and in what it differs."""
    return f"{job.output} is there, {problem}; {REPLACE} it, or another -o"


def examined(there: Sequence[Job], command: PictureCommand, settings: Settings, recorder: Recorder) -> There:
    """Compare results that are there with what the command would write. Raises WeightsError."""
    return compared(there, Matcher(command, settings, recorder))


def compared(there: Sequence[Job], matcher: Matcher) -> There:
    """The same with what compares them."""
    found = There()
    for start in range(0, len(there), AT_ONCE):
        some = there[start : start + AT_ONCE]
        with matcher.hashing_ahead(job.source for job in some if job.origin is None):
            _compare(some, found, matcher)
    return found


def _compare(there: Sequence[Job], found: There, matcher: Matcher) -> None:
    for job in there:
        if job.destination is not None:
            # To fetch what is done would take as long as to do it.
            found.kept.append(job)
            found.stored.append(job)
            continue
        try:
            problem = _judged(job, found, matcher)
        except ImageError as error:
            problem = f"but what it was made from cannot be compared ({error})"
        if problem:
            found.refused.append((job, problem))
        else:
            found.kept.append(job)


def _judged(job: Job, found: There, matcher: Matcher) -> str:
    """Say in what a result differs; empty where it is kept."""
    assert job.target is not None
    copied = _is_copied(job, matcher.recorder)
    if copied and matcher.command.may_leave(job.target) and _has_depth(job, matcher.settings):
        found.copies.append(job)
        return ""
    if records := history_in(job.target).records:
        return " and ".join(matcher.differences(records[-1], job))
    if not matcher.settings.provenance or not _has_room(job):
        found.unknown.append(job)
        return ""
    return "a copy of the picture" if copied else "without a record of restore"


def _is_copied(job: Job, recorder: Recorder) -> bool:
    """Whether a result is its picture, byte for byte."""
    assert job.target is not None
    if job.source is not None:
        return is_copy(job.target, job.source)
    try:
        return job.target.read_bytes() == recorder.read_picture(None, start=lambda _: None)
    except OSError:
        return False


def _has_depth(job: Job, settings: Settings) -> bool:
    """Whether a result holds the depth that is asked for."""
    assert job.target is not None
    if settings.depth is None or "depth" in idle_in(job, settings):
        return True
    return has_depth(images.read_bytes(job.target), settings)


def _has_room(job: Job) -> bool:
    """Whether a result could hold a record: no BMP or GIF, nor a JPEG whose EXIF is as long as can be."""
    assert job.target is not None
    if told_in(job.target).format in UNRECORDED or job.target.suffix.lower() in NO_RECORD:
        return False
    if images.page_count(job.target) > 1:
        return True
    try:
        picture = images.read(job.target)
    except ImageError:
        return True
    name, digest = str(click.get_current_context().info_name), "0" * 64
    record = Record(__version__, name, inputs=((str(job.target.name), digest),), weights=digest)
    return bool(history_of(stamped(picture, record, picture.format)).records)
