"""Many pictures at once: which output belongs to which input, and one bad file never stops the rest."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import repeat
from pathlib import Path

from restore import images
from restore.cli.job_plan import Job, Plan, plan, without
from restore.cli.remote_jobs import check_not_an_input, check_object, existing, send
from restore.cli.streams import STDIO
from restore.cli.trouble import trouble
from restore.errors import AlreadyThereError, OutputError, RestoreError

__all__ = [
    "FAULT", "STDIO", "Job", "Overtaken", "Plan", "check", "check_folder", "check_new", "check_writable",
    "disk_is_full", "is_done", "is_fault", "message", "plan", "sort_out", "sweep", "without", "write",
]  # fmt: skip
FAULT = ", a fault in this program:\n"  # before its traceback


class Overtaken(Exception):  # noqa: N818  # it is no error
    """Another process has written the result of a job meanwhile."""


def sort_out(planned: Plan, *, overwrite: bool, reads: Iterable[Path] = ()) -> tuple[list[Job], list[Job]]:
    """Check all outputs before anything is computed; give the jobs to do and those that are done already.

    With ``overwrite`` all are to be done. reads: further files that are read, such as a mask; no output may
    replace them. Raises OutputError where an output would replace an input, or none can be written. What
    hinders only some is told when their turns come.
    """
    jobs = planned.jobs
    read = [*(job.source for job in jobs if job.source), *reads]
    inputs = {mark: path for path in read if (mark := _mark(path))}
    todo: list[Job] = []
    done: list[Job] = []
    origins = {job.origin: job for job in jobs if job.origin}
    sent = set() if overwrite else existing(jobs)
    for job in jobs:
        if job.destination is not None:
            check_not_an_input(job, origins, overwrite=overwrite)
            (done if job.destination in sent else todo).append(job)
            continue
        mark = _mark(job.target) if job.target else None
        if mark is None or job.target is None:
            todo.append(job)
            continue
        _check_not_an_input(job, inputs.get(mark), mark, overwrite=overwrite)
        # A folder in the way is no output: it is told when the turn of this picture comes. Neither is an
        # empty file, which a process that was killed may have left.
        (done if is_done(job) and not overwrite else todo).append(job)
    parents = {job.target.parent: job for job in todo if job.target and not job.destination}
    if planned.folder is None and len(parents) == 1:
        _check_parent(next(iter(parents.values())), None)
    elif planned.folder is not None and parents and all(map(_is_refused, parents, repeat(planned.folder))):
        check_writable(planned.folder, planned.folder)
    return todo, done


def is_done(job: Job) -> bool:
    """Whether there is an output that is not empty."""
    target = job.target
    return target is not None and images.what_is(target) == "a file" and not images.is_empty(target)


def check(job: Job, *, overwrite: bool, folder: Path | None = None, pages: int = 1) -> None:
    """Check that the result of a job can be written, when its turn has come and before it is computed.

    folder: what may be created. pages: of the result. Raises OutputError, and Overtaken where another process
    has done it meanwhile.
    """
    if job.target is None:
        return
    try:
        check_object(job, overwrite=overwrite)
        images.check_place(job.target, overwrite=overwrite, pages=pages)
    except AlreadyThereError as error:
        raise Overtaken(str(error)) from error
    _check_parent(job, folder)


def _check_parent(job: Job, folder: Path | None) -> None:
    assert job.target is not None
    parent = job.target.parent
    if job.source is not None and job.source.parent == parent:
        folder = parent  # that it is missing is told as the picture is read
    elif job.base is not None:
        folder = job.base
    check_writable(parent, folder)


def _is_refused(parent: Path, folder: Path) -> bool:
    try:
        check_writable(parent, folder)
    except OutputError:
        return True
    return False


def sweep(jobs: Iterable[Job]) -> None:
    """Remove what processes that were killed have left in the folders that these jobs write to."""
    for folder in dict.fromkeys(job.target.parent for job in jobs if job.target and not job.destination):
        images.sweep(folder)


def check_new(paths: Sequence[Path], folder: Path, *, overwrite: bool) -> None:
    """Check files that will be written into a folder, which may be missing, before anything is computed.

    Raises OutputError where one is there already, or cannot be written.
    """
    there = [path for path in paths if _mark(path)]
    if there and not overwrite:
        raise OutputError(
            f"{len(there)} of {len(paths)} files are already there, the first is {there[0]}; choose another "
            "folder or pass --overwrite"
        )
    check_writable(folder, folder)


def _mark(path: Path) -> tuple[int, int] | None:
    """What a symbolic or hard link shares with its file; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _check_not_an_input(job: Job, owner: Path | None, mark: tuple[int, int], *, overwrite: bool) -> None:
    if job.source is not None and _mark(job.source) == mark:
        if not overwrite:
            raise OutputError(
                f"{job.target}: the output is the input {job.name} itself; choose another name, or pass "
                "--overwrite to replace it"
            )
    elif owner is not None:
        raise OutputError(
            f"{job.target}: the output of {job.name} would replace {owner}, which is read too; choose "
            "another name or folder"
        )


def check_folder(path: Path) -> None:
    """Raise OutputError where the folder that a file is to be written into is missing, or is none."""
    kind = images.what_is(path.absolute().parent)
    if not kind:
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")
    if kind != "a folder":
        raise OutputError(f"{path}: expected a folder, but {path.parent} is {kind}; choose another name")


def check_writable(parent: Path, folder: Path | None) -> None:
    """Raise OutputError where no file can be created in a folder; folder: what may be created itself."""
    there = next(place for place in (parent, *parent.absolute().parents) if _mark(place))
    loose = (place for place in (parent, *parent.parents) if images.what_is(place) == "a link to nothing")
    if link := next(loose, None):
        raise OutputError(f"{link}: expected a folder, got a link to nothing; choose another folder")
    if not there.is_dir():
        kind = images.what_is(there)
        raise OutputError(f"{parent}: cannot write there, {there} is {kind}; choose another folder")
    if there != parent and folder is None:
        raise OutputError(f"{parent}: the output folder does not exist; create it first")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{there}: no permission to write in this folder; choose another one")


def is_fault(error: Exception) -> bool:
    """Whether an error is one of the program itself."""
    return not isinstance(error, RestoreError) and trouble(error) is None


def message(job: Job, error: Exception) -> str:
    """Say what has gone wrong with a job."""
    if isinstance(error, RestoreError):
        # Only an error that is about no file in particular does not name one.
        return f"{job.name}: {error}" if type(error) is RestoreError else str(error)
    told = trouble(error) or f"{type(error).__name__}{FAULT}{traceback.format_exc()}"
    return f"{job.name}: {told}"


def disk_is_full(error: BaseException) -> bool:
    """Whether an error says that the disk is full, or a quota used up."""
    causes = (error, error.__cause__)
    return any(isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT) for each in causes)


def write(
    job: Job,
    picture: images.Picture | bytes,
    *,
    overwrite: bool,
    quality: int | None = None,
    before: Callable[[Path], None] | None = None,
) -> None:
    """Write a job's result, or the bytes of its file, creating the folder of a tree. Raises OutputError.

    That is AlreadyThereError where the file has appeared meanwhile. A copy of a file onto itself is left out.
    before: called with the temporary file when it is whole, and about to take its name.
    """
    if job.target is None:
        raise ValueError("the target is standard output, which is not a file")
    make_folder(job)
    if not isinstance(picture, bytes):
        images.write(job.target, picture, overwrite=overwrite, quality=quality, before=before)
    elif not is_same(job):
        images.check_place(job.target, overwrite=overwrite)
        images.write_bytes(job.target, picture, overwrite=overwrite, check=partial(_check_copy, job, picture))
    send(job, overwrite=overwrite)


def make_folder(job: Job) -> None:
    """Create the folder of a job's result. Raises OutputError."""
    if job.target is None:
        return
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{job.target.parent}: cannot create the folder ({error.strerror})") from error


def is_same(job: Job) -> bool:
    """Whether the result of a job is its picture's own file."""
    if job.source is None or job.target is None:
        return False
    mark = _mark(job.source)
    return mark is not None and mark == _mark(job.target)


def _check_copy(job: Job, data: bytes, written: Path) -> None:
    if written.read_bytes() != data:
        raise OutputError(f"{job.target}: what was written reads back wrong, nothing is kept; check the disk")
