"""Objects of stores as files, for as long as a picture is restored: fetched before, and sent after it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.cli.addresses import most_bytes
from restore.cli.remote_jobs import LANE, Call, store_of
from restore.stores import Spool, Url

if TYPE_CHECKING:
    from restore.cli.job_plan import Job
    from restore.cli.outcome import Outcome
    from restore.cli.picture_voice import PictureVoice

SPOOL = Spool()
"""The private files of this process."""

AHEAD = 8
"""Objects that are fetched before their turn."""

_coming: dict[Url, _Fetch] = {}
_last = threading.local()  # what each thread has fetched last, for the samples of one picture


@contextmanager
def at_hand(job: Job, voice: PictureVoice) -> Iterator[Job]:
    """A job of files in place of objects: that of the picture is there, that of the result will be sent.

    What is said of it names the objects. Raises StoreError where the picture cannot be fetched.
    """
    if job.origin is None and job.destination is None:
        yield job
        return
    local, target = job, None
    LANE.check = voice.check
    try:
        if job.destination is not None:
            target = SPOOL.place(job.destination.name)
            local = replace(local, target=target, base=target.parent)
        if job.origin is not None:
            voice.do("fetching")
            local = replace(local, source=_fetched(job.origin))
        voice.renamed = lambda value: _renamed(value, job, local)
        yield local
    finally:
        LANE.check = None
        if target is not None:
            SPOOL.remove(target)


def fetched_ahead(jobs: Iterable[Job], count: int = AHEAD) -> Iterator[Job]:
    """The jobs, while the objects of the next ones are fetched already.

    Of files none is taken before its turn: another process might do it meanwhile.
    """
    waiting: deque[Job] = deque()
    last: Url | None = None  # the samples of a picture follow each other
    for job in jobs:
        if job.origin is not None and job.origin != last:
            _coming[job.origin] = _Fetch(job.origin)
        last = job.origin
        waiting.append(job)
        while waiting and (len(waiting) > count or job.origin is None):
            yield waiting.popleft()
    yield from waiting


class _Fetch:
    """An object on its way into a file."""

    def __init__(self, origin: Url):
        self.origin, self.path = origin, SPOOL.place(origin.name)
        most = most_bytes(Path(origin.name).suffix.lower())
        self._call = Call(lambda: store_of(origin).fetch(origin, self.path, most=most))

    def file(self) -> Path:
        """The file, once it is there. Raises StoreError."""
        self._call.result()
        return self.path


def _fetched(origin: Url) -> Path:
    """The file of an object, which the next one takes the place of in this thread."""
    known: _Fetch | None = getattr(_last, "fetch", None)
    if known is None or known.origin != origin or not known.path.is_file():
        if known is not None:
            SPOOL.remove(known.path)
        known = _last.fetch = _coming.pop(origin, None) or _Fetch(origin)
    return known.file()


def told_of(job: Job, local: Job, outcome: Outcome) -> Outcome:
    """The outcome of a job, which names the objects; local: the job of files that stood for it."""
    if local is job:
        return outcome
    facts, error = _renamed(outcome.facts, job, local), _renamed(outcome.error, job, local)
    return replace(outcome, job=job, facts=facts, error=error)


def _renamed(value: Any, job: Job, local: Job) -> Any:
    """A text, or facts, with the addresses of a job in place of the paths of its files."""
    if isinstance(value, str):
        for path, usual, name in (
            (local.source, job.source, job.name),
            (local.target, job.target, job.output),
        ):
            if path is not None and path != usual:
                value = value.replace(str(path), name)
        return value
    if isinstance(value, dict):
        return {key: _renamed(each, job, local) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_renamed(each, job, local) for each in value)
    return value
