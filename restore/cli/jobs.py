"""Many pictures at once: which output belongs to which input, and one bad file never stops the rest."""

from __future__ import annotations

import errno
import os
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from restore import images
from restore.cli.trouble import trouble
from restore.errors import ConfigError, ImageError, OutputError, RestoreError, WeightsError

STDIO = "-"
"""What stands for standard input and standard output."""
FAULT = ", a fault in this program:\n"  # before its traceback


@dataclass(frozen=True)
class Job:
    """One picture: where it is read and where the result goes; None is standard input or output.

    draw: which of several samples of it this is to be, from 0.
    """

    source: Path | None
    target: Path | None
    draw: int = 0

    @property
    def name(self) -> str:
        """What messages call the picture."""
        return "standard input" if self.source is None else str(self.source)


@dataclass(frozen=True)
class Plan:
    """All jobs of a command. folder: where results go and what may be created; None: beside the inputs."""

    jobs: tuple[Job, ...]
    folder: Path | None = None


@dataclass
class Tally:
    """How the jobs went. interrupted: the user ended the run before its last job."""

    done: int = 0
    failed: int = 0
    interrupted: bool = False


def plan(
    inputs: Sequence[str],
    output: str | None,
    *,
    ending: str,
    samples: int = 1,
    seeds: Sequence[int] = (),
) -> Plan:
    """Pair every input with its output, or with so many: ``name-1.png`` and on.

    With seeds there is one for each, and it stands in the name: ``name-seed7.png``.

    One file goes to ``output``, or into it where that is a folder. Many files go into ``output`` under their
    own names, and so do the pictures of folders and of all their sub-folders, whose structure is kept.
    Without ``output`` the result stands beside the input with ``-ending`` in its name; ``-`` goes to ``-``.
    Pictures that are themselves outputs of this plan, as an earlier run leaves them in the folder, are left
    out.

    Raises ValueError where inputs, output and samples do not go together, ImageError for a folder without
    pictures, OutputError where two inputs would go to one output.
    """
    marks = [f"seed{seed}" for seed in seeds] or _numbers(samples)
    many = len(inputs) > 1 or any(Path(name).is_dir() for name in inputs)
    if STDIO in inputs:
        if many:
            raise ValueError("- (standard input) stands alone, it cannot be one of many inputs")
        return Plan(_drawn(Job(None, _piped(output)), marks))
    if output == STDIO:
        if many:
            raise ValueError("-o - (standard output) takes one picture, got many; give a folder")
        return Plan(_drawn(Job(Path(inputs[0]), None), marks))
    folder = _folder(output, many=many)
    found = _found(inputs, folder)
    pairs = [Job(path, _target(path, inside, output, folder, ending)) for path, inside in found.items()]
    jobs = [job for pair in pairs for job in _drawn(pair, marks)]
    found_in_folders = {_place(path) for path, inside in found.items() if inside is not None}
    owners = {_place(job.target): job.source for job in jobs if job.target}
    jobs = [job for job in jobs if not (job.source and _is_result(job.source, found_in_folders, owners))]
    if not jobs:
        raise ImageError(f"{', '.join(inputs)}: expected pictures, found only results in {output}")
    _check_collisions(jobs)
    return Plan(tuple(jobs), folder)


def _numbers(samples: int) -> list[str]:
    """What the names of so many samples end in; nothing where there is one."""
    width = len(str(samples))
    return [f"{number:0{width}}" for number in range(1, samples + 1)] if samples > 1 else []


def _drawn(job: Job, marks: Sequence[str]) -> tuple[Job, ...]:
    """The job with a result for each mark; ValueError where several would go to standard output."""
    target = job.target
    if not marks or (target is None and len(marks) == 1):
        return (job,)
    if target is None:
        raise ValueError(f"{len(marks)} samples do not fit into standard output; give a file with -o")
    names = (f"{target.stem}-{mark}" for mark in marks)
    return tuple(replace(job, target=target.with_stem(name), draw=k) for k, name in enumerate(names))


def _piped(output: str | None) -> Path | None:
    if output is None or output == STDIO:
        return None
    if _is_folder(output):
        raise ValueError(f"-o {output} is a folder, but standard input has no name; give a file name")
    return Path(output)


def _folder(output: str | None, *, many: bool) -> Path | None:
    """The output where it is a folder, there already or to be created; None where it is a file."""
    if output is None or not (many or _is_folder(output)):
        return None
    names_file = Path(output).is_file() or Path(output).suffix.lower() in images.SUFFIXES
    if names_file and not _is_folder(output):
        raise ValueError(f"-o {output} is a file name, but many inputs need a folder")
    return Path(output)


def _is_folder(output: str) -> bool:
    return Path(output).is_dir() or output.endswith(("/", os.sep))


def _found(inputs: Sequence[str], output: Path | None) -> dict[Path, Path | None]:
    """Every picture once -> its path within the folder it was found in; None where it was named itself."""
    found: dict[Path, Path | None] = {}
    for given in map(Path, inputs):
        if not given.is_dir():  # a missing file is reported when its turn comes, the others are restored
            found[given] = None
            continue
        # An output folder within an input folder holds results, not inputs.
        results = None if output is None or output.resolve() == given.resolve() else output.resolve()
        for path in images.list_inputs([given]):
            if results is None or not path.resolve().is_relative_to(results):
                found.setdefault(path, path.relative_to(given))
    return found


def _target(path: Path, inside: Path | None, output: str | None, folder: Path | None, ending: str) -> Path:
    if output is None:
        return path.with_name(f"{path.stem}-{ending}{path.suffix}")
    return Path(output) if folder is None else folder / (inside or path.name)


def _place(path: Path) -> str:
    """One spelling for each place, whether or not there is a file."""
    return os.path.normcase(path.parent.resolve() / path.name)


def _is_result(source: Path, found_in_folders: set[str], owners: dict[str, Path | None]) -> bool:
    """A picture found in a folder, not named by the user, that another picture's result will replace."""
    place = _place(source)
    owner = owners.get(place)
    return place in found_in_folders and owner is not None and _place(owner) != place


def _check_collisions(jobs: Iterable[Job]) -> None:
    taken: dict[str, Job] = {}
    for job in jobs:
        if job.target is None:
            continue
        other = taken.setdefault(_place(job.target), job)
        if other is not job:
            raise OutputError(
                f"{other.name} and {job.name} would both be written to {job.target}; rename one, or choose "
                "another folder for it"
            )


def sort_out(planned: Plan, *, overwrite: bool, reads: Iterable[Path] = ()) -> tuple[list[Job], list[Job]]:
    """Check all outputs before anything is computed; give the jobs to do and those that are done already.

    With ``overwrite`` all are to be done. reads: further files that are read, such as a mask; no output may
    replace them. Raises OutputError where an output would replace an input, or cannot be written.
    """
    jobs = planned.jobs
    read = [*(job.source for job in jobs if job.source), *reads]
    inputs = {mark: path for path in read if (mark := _mark(path))}
    todo: list[Job] = []
    done: list[Job] = []
    for job in jobs:
        mark = _mark(job.target) if job.target else None
        if mark is None or job.target is None:
            todo.append(job)
            continue
        _check_not_an_input(job, inputs.get(mark), mark, overwrite=overwrite)
        # A folder in the way is no output: writing there says so when the turn of this picture comes.
        (todo if overwrite or job.target.is_dir() else done).append(job)
    for parent in dict.fromkeys(job.target.parent for job in todo if job.target):
        check_writable(parent, planned.folder)
    return todo, done


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


def check_writable(parent: Path, folder: Path | None) -> None:
    """Raise OutputError where no file can be created in a folder; folder: what may be created itself."""
    there = next(place for place in (parent, *parent.absolute().parents) if _mark(place))
    if not there.is_dir():
        raise OutputError(f"{parent}: cannot write there, {there} is a file; choose another folder")
    if there != parent and folder is None:
        raise OutputError(f"{parent}: the output folder does not exist; create it first")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{there}: no permission to write in this folder; choose another one")


def run(jobs: Sequence[Job], work: Callable[[Job], None], fail: Callable[[Job, str], None]) -> Tally:
    """Do the work for each job; a bad one is told to ``fail`` with its message and the next begins.

    Ctrl-C and a full disk end the run. Unusable weights and devices are raised: no other job could do
    better. With many jobs a fault of the program itself is that job's failure, told with its traceback; a
    single job raises it.
    """
    tally = Tally()
    for job in jobs:
        try:
            work(job)
            tally.done += 1
        except KeyboardInterrupt:
            tally.interrupted = True
            break
        except (WeightsError, ConfigError, BrokenPipeError):
            raise
        except RestoreError as error:
            tally.failed += 1
            # Only an error that is about no file in particular does not name one.
            fail(job, f"{job.name}: {error}" if type(error) is RestoreError else str(error))
            if _disk_is_full(error):
                break
        except Exception as error:
            told = trouble(error)
            if told is None and len(jobs) == 1:
                raise
            tally.failed += 1
            if told is None:
                told = f"{type(error).__name__}{FAULT}{traceback.format_exc()}"
            fail(job, f"{job.name}: {told}")
            if _disk_is_full(error):
                break
    return tally


def _disk_is_full(error: BaseException) -> bool:
    causes = (error, error.__cause__)
    return any(isinstance(each, OSError) and each.errno in (errno.ENOSPC, errno.EDQUOT) for each in causes)


def write(job: Job, picture: images.Picture, *, overwrite: bool) -> None:
    """Write a job's result to its file, creating the folder of a tree. Raises OutputError."""
    if job.target is None:
        raise ValueError("the target is standard output, which is not a file")
    try:
        job.target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{job.target.parent}: cannot create the folder ({error.strerror})") from error
    images.write(job.target, picture, overwrite=overwrite)
