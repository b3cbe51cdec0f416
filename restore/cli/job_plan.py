"""Which output belongs to which input, and which inputs cannot be jobs at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from restore import images
from restore.cli.addresses import addressed, addresses, called, check_output, is_folder, path_of, plain
from restore.cli.naming import Naming
from restore.cli.remote_jobs import surveyed
from restore.cli.results import NAMED, results_among
from restore.cli.streams import STDIO
from restore.cli.told_apart import labels
from restore.errors import ImageError, OutputError
from restore.images.formats import FORMAT_OF_SUFFIX, PDF_SUFFIX
from restore.stores import Url, shown

Survey = Callable[..., images.Listing]
"""Lists a folder, as `images.survey`."""


@dataclass(frozen=True)
class Job:
    """One picture: where it is read and where the result goes; None is standard input or output.

    draw: which of several samples of it this is to be, from 0. inside: the path of the picture within the
    folder that was given, if one was, or that which tells it from others of its name. base: the folder within
    which those of the result may be created, beside what the plan says. origin, destination: the addresses of
    objects, for which the paths stand (`restore.cli.addresses`). item: its number in a manifest. replaces:
    whether it takes the place of a file that is known to be ours, or of the picture's own. backup: where the
    original goes before that.
    """

    source: Path | None
    target: Path | None
    draw: int = 0
    inside: Path | None = field(default=None, compare=False)
    base: Path | None = field(default=None, compare=False)
    origin: Url | None = field(default=None, compare=False)
    destination: Url | None = field(default=None, compare=False)
    item: int | None = None
    replaces: bool = field(default=False, compare=False)
    backup: Path | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """What messages call the picture."""
        return "standard input" if self.source is None else str(self.origin or self.source)

    @property
    def known_as(self) -> Path | None:
        """The path by which the plan knows the picture, wherever it is read."""
        return self.source if self.origin is None else self.origin.path

    @property
    def output(self) -> str:
        """What messages call the result."""
        return "standard output" if self.target is None else str(self.destination or self.target)


@dataclass(frozen=True)
class Plan:
    """All jobs of a command.

    folder: where results go and what may be created; None: beside the inputs. failures: names of inputs
    that are no jobs, with messages. unread: pictures in folders of kinds that are not read. results: pictures
    that are left out, since they were made from others of these. notes: for the user.
    """

    jobs: tuple[Job, ...]
    folder: Path | None = None
    failures: tuple[tuple[str, str], ...] = ()
    unread: tuple[Path, ...] = ()
    results: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A picture: its path within the folder that was given, and that folder; None where only it was named."""

    inside: Path | None = None
    given: Path | None = None


def plan(
    inputs: Sequence[str],
    output: str | None,
    naming: Naming,
    *,
    ignore: Sequence[str] = (),
    survey: Survey | None = None,
) -> Plan:
    """Pair every input with its output, or with one for each of the marks: ``name-1.png`` and on.

    ignore: patterns of names that are left out. survey: lists folders, in place of what does by itself.

    One file goes to ``output``, or into it where that is a folder. Many files go into ``output`` under their
    own names, and so do the pictures of folders and of all their sub-folders, whose structure is kept.
    Where names are the same, results go below the names of their folders (`restore.cli.told_apart`). Without
    ``output`` the result stands beside the input with ``-ending`` in its name; ``-`` goes to ``-``. Pictures
    that were made from others of these, as an earlier run leaves them beside those, are left out.

    A folder that cannot be listed or has no pictures is a failure beside the jobs, if there are any.

    A picture that is given twice, be it by its name and by its folder, is one; its place is that within the
    folder.

    Raises ValueError where inputs, output, names and samples do not go together, ImageError where results and
    what is ignored are all there is, OutputError where two inputs would go to one output.
    """
    given = addresses(inputs)
    check_output(output)
    many = len(inputs) > 1 or any(map(is_folder, inputs))
    if STDIO in inputs:
        if many:
            raise ValueError("- (standard input) stands alone, it cannot be one of many inputs")
        piped = _piped(output)
        check_names(naming, STDIO if piped is None else output, None)
        return Plan(_drawn(addressed(Job(None, piped), {}, output), naming.marks))
    if output == STDIO:
        if many:
            raise ValueError("-o - (standard output) takes one picture, got many; give a folder")
        check_names(naming, output, None)
        job = addressed(Job(path_of(inputs[0]), None), given, output)
        return Plan(_drawn(job, naming.marks))
    folder = output_folder(output, many=many)
    check_names(naming, output, folder)
    found, failures, unread = _search(inputs, folder, ignore, survey)
    made = results_among(found, naming.pattern)
    place = Placing(naming, output, folder)
    results = _results(place.jobs(found, made), found, folder, made)
    # The numbers of names are those of the pictures that are left.
    pictures = {path: each for path, each in found.items() if path not in results}
    place.tell_apart(pictures)
    jobs = [addressed(job, given, output) for job in place.jobs(pictures)]
    if not jobs and not failures:
        named = not any(map(is_folder, inputs))
        hint = "--ignore leaves out all of them" if named else f"found only results in {output}"
        raise ImageError(f"{', '.join(map(shown, inputs))}: expected pictures, {hint}")
    _check_collisions(jobs)
    return Plan(tuple(jobs), folder, tuple(failures), tuple(unread), tuple(results), place.notes(jobs))


def check_names(naming: Naming, output: str | None, folder: Path | None) -> None:
    """Raise ValueError for names of results where the output has one, or where they would be the inputs'."""
    if output is None or folder is not None:
        if folder is None and naming.suffix == "" and naming.format is None:
            raise ValueError(
                "--suffix '' gives results the names of their pictures; pass a folder with -o, or a --format"
            )
        return
    if naming.named:
        told = "standard output has no name" if output == STDIO else f"-o {output} is the name of the result"
        raise ValueError(f"{told}; leave out {naming.named}, or give a folder with -o")
    if output != STDIO and naming.format is not None:
        kinds = {FORMAT_OF_SUFFIX.get(each.lower()) for each in (Path(output).suffix, f".{naming.format}")}
        if len(kinds) > 1:
            raise ValueError(
                f"-o {output} is no name for --format {naming.format}; name it .{naming.format}, or leave "
                "out --format"
            )


class Placing:
    """Finds the places of results. output, folder: where they go; folder: where many of them do."""

    def __init__(self, naming: Naming, output: str | None, folder: Path | None):
        self.naming, self.output, self.folder = naming, output, folder
        self.labels: dict[Path, Path] = {}
        self._first: dict[Path, Path] = {}  # picture of each folder that has a label

    def jobs(self, found: Mapping[Path, Found], made: Collection[Path] = ()) -> list[Job]:
        """Give the jobs of pictures. made: those that do not count in numbers."""
        jobs: list[Job] = []
        number = 0
        for path, each in found.items():
            number += path not in made
            jobs += self.of_picture(path, each, number)
        return jobs

    def of_picture(self, path: Path, each: Found, number: int) -> tuple[Job, ...]:
        label = self.labels.get(given_of(path, each))
        inside = each.inside if label is None else label / (each.inside or path.name)
        base = path.parent if self.output is None else None
        first = Job(path, self._target(path, inside, number, 0), inside=inside, base=base)
        if not self.naming.drawn_apart:
            return _drawn(first, self.naming.marks)
        draws = range(len(self.naming.marks))
        more = (replace(first, target=self._target(path, inside, number, k), draw=k) for k in draws)
        return tuple(more) or (first,)

    def _target(self, path: Path, inside: Path | None, number: int, draw: int) -> Path:
        if self.output is not None and self.folder is None:
            return path_of(self.output)
        name = self.naming.name(path, number, beside=self.folder is None, draw=draw)
        if self.folder is None:
            return path.parent / name
        return self.folder / ((inside or path).parent if inside and not self.naming.by_folders else "") / name

    def tell_apart(self, found: Mapping[Path, Found]) -> None:
        """Let pictures that share the name of a result, or of a mask, be told apart by their folders."""
        places: dict[Path, list[str]] = {}
        for number, (path, each) in enumerate(found.items(), 1):
            places.setdefault(given_of(path, each), []).append(self.shared_name(path, each, number))
            self._first.setdefault(given_of(path, each), path)
        self.labels = {folder: plain(label) for folder, label in labels(places).items()}

    def shared_name(self, path: Path, each: Found, number: int) -> str:
        """What a picture must not share with one of another folder: the name of its result or its mask."""
        if self.folder is None:
            return str((each.inside or Path(path.name)).with_suffix(""))
        return str(self._target(path, each.inside, number, 0))

    def notes(self, jobs: Sequence[Job]) -> tuple[str, ...]:
        """Say where pictures of the same name go, for the first of each folder."""
        if self.folder is None or not self.labels or self.naming.by_folders:
            return ()
        first = {path for folder, path in self._first.items() if folder in self.labels}
        shown = {job.source: job.output for job in reversed(jobs) if job.source in first}
        listed = ", ".join(list(reversed(shown.values()))[:NAMED])
        return (f"pictures of the same name are told apart by their folders: {listed}",)


def given_of(path: Path, each: Found) -> Path:
    """The folder that was given, or that of the file that was."""
    return path.parent if each.given is None else each.given


def without(planned: Plan, aside: Collection[Path]) -> Plan:
    """Leave out inputs that are no pictures to restore, such as the masks of others.

    Raises ImageError where nothing else was found.
    """
    if not aside:
        return planned
    jobs = tuple(job for job in planned.jobs if job.source not in aside)
    unread = tuple(path for path in planned.unread if path not in aside)
    if not jobs and not planned.failures:
        raise ImageError(f"{min(aside)}: expected pictures, found only masks")
    return replace(planned, jobs=jobs, unread=unread)


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
    return path_of(output)


def output_folder(output: str | None, *, many: bool) -> Path | None:
    """The output where it is a folder, there already or to be created; None where it is a file."""
    if output is None or not (many or _is_folder(output)):
        return None
    suffix = Path(output).suffix.lower()
    names_file = images.what_is(output) == "a file" or suffix in (*images.SUFFIXES, PDF_SUFFIX)
    if names_file and not _is_folder(output):
        raise ValueError(f"-o {output} is a file name, but many inputs need a folder; choose another")
    return path_of(output)


def _is_folder(output: str) -> bool:
    return is_folder(output) or output.endswith(("/", os.sep))


def _search(
    inputs: Sequence[str], output: Path | None, ignore: Sequence[str], survey: Survey | None
) -> tuple[dict[Path, Found], list[tuple[str, str]], list[Path]]:
    """Every picture once; names and messages of what cannot be used; pictures that are not read.

    A missing file is reported when its turn comes, the others are restored.
    """
    found: dict[Path, Found] = {}
    failures: list[tuple[str, str]] = []
    unread: dict[Path, None] = {}
    spellings: dict[str, Path] = {}
    places: dict[str, Path] = {}  # of what was found so far, each as it was spelled first
    for name, given in zip(inputs, map(path_of, inputs), strict=True):
        if not is_folder(name):
            twin = spellings.setdefault(place_of(given).casefold(), given)
            if not images.is_ignored(given.name, ignore) and not is_one_entry(twin, given):
                path = places.setdefault(place_of(given), given)
                found.setdefault(path, Found())
            continue
        listing = surveyed(name, given, ignore) if survey is None else survey(given, ignore=ignore)
        failures += [(called(path), problem) for path, problem in listing.problems]
        pictures, others = (_outside(each, given, output) for each in (listing.pictures, listing.unread))
        for path in pictures:
            known = places.setdefault(place_of(path), path)
            if known not in found or found[known].given is None:
                found[known] = Found(path.relative_to(given), given)
        if listing.pictures or listing.problems:
            unread |= dict.fromkeys(others)
        else:
            failures.append((called(given), images.no_pictures(called(given), others, pdf=True)))
    return found, failures, list(unread)


def is_one_entry(first: Path, second: Path) -> bool:
    """Whether two names that differ in case are one file, as on a file system that ignores case."""
    if first.name == second.name:
        return False
    try:
        return first.samefile(second) and first.stat().st_nlink == 1
    except OSError:
        return False


def _outside(paths: Sequence[Path], given: Path, output: Path | None) -> Sequence[Path]:
    """Files of a folder that are no results: those within an output folder that lies in it."""
    if output is None or not (results := real_path(output)).is_relative_to(real_path(given)):
        return paths
    if results == real_path(given):
        return paths
    return [path for path in paths if not real_path(path.parent).is_relative_to(results)]


def real_path(path: Path) -> Path:
    """The path without links; also where it is missing, or links lead in a circle."""
    return Path(os.path.realpath(path))


def place_of(path: Path) -> str:
    """One spelling for each place, whether or not there is a file."""
    return os.path.normcase(real_path(path.parent) / path.name)


def target_place(path: Path) -> str:
    """The place that is written to: through a link, that of the file it points to."""
    return os.path.normcase(real_path(path)) if images.what_is(path) else place_of(path)


def _results(
    jobs: list[Job], found: dict[Path, Found], folder: Path | None, made: Collection[Path]
) -> dict[Path, None]:
    """The pictures that were made from others of these. made: those that say so.

    So are those in the places of results, where results stand beside their pictures. Where results go
    elsewhere, a picture in their place is one of the user's, unless its record says otherwise.
    """
    owners = {place_of(job.target): job.source for job in jobs if job.target and job.source}
    beside = {
        given: folder is None or (given is not None and real_path(folder) == real_path(given))
        for given in dict.fromkeys(each.given for each in found.values())
    }

    def is_result(source: Path) -> bool:
        given = found[source].given
        owner = owners.get(place_of(source)) if beside[given] else None
        return owner is not None and found[owner].given == given and place_of(owner) != place_of(source)

    results = dict.fromkeys(source for source in found if source in made or is_result(source))
    return results if len(results) < len(found) else {}


def _check_collisions(jobs: Iterable[Job]) -> None:
    """Refuse two jobs whose results would be one file, be it through a link."""
    taken: dict[str, Job] = {}
    for job in jobs:
        if job.target is None:
            continue
        place = os.path.normcase(target_place(job.target))
        other = taken.setdefault(place, job)
        if other is not job:
            raise collision(other.name, job.name, job.output)


def collision(one: str, other: str, target: str) -> OutputError:
    """The error for two pictures whose results would be one file."""
    return OutputError(
        f"{one} and {other} would both be written to {target}; rename one, or choose another folder for it"
    )
