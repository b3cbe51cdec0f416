"""Write a manifest: pair every picture with its output, in an amount of memory that names have no part in.

The outputs are those that `restore.cli.job_plan.plan` gives; the two differ in how much they keep in memory.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import __version__
from restore.cli.addresses import addressed, addresses, called, check_output, is_folder, path_of, plain
from restore.cli.events import event
from restore.cli.job_plan import (
    Found,
    Placing,
    check_names,
    collision,
    given_of,
    output_folder,
    place_of,
    real_path,
    target_place,
)
from restore.cli.jobs import Job
from restore.cli.manifest_found import Gathered, Input
from restore.cli.manifest_lines import Item, now
from restore.cli.naming import Naming
from restore.cli.results import NAMED, is_result
from restore.cli.streams import STDIO
from restore.cli.told_apart import labels_among
from restore.errors import ImageError, OutputError
from restore.stores import is_url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Asked:
    """What a manifest is made of.

    output, naming, ignore: as the options have them. backup: the folder that originals go to where results
    take their places; None where they do not.
    """

    inputs: tuple[str, ...]
    output: str | None
    naming: Naming
    ignore: tuple[str, ...] = ()
    backup: Path | None = None

    def header(self) -> dict[str, Any]:
        """What the first line of the manifest says of it."""
        naming = self.naming
        named = {
            "suffix": naming.suffix,
            "format": naming.format,
            "output_template": naming.template,
            "marks": list(naming.marks) or None,
            "ending": naming.ending if self._by_command else None,
            "ignore": list(self.ignore) or None,
            "backup": None if self.backup is None else str(self.backup),
        }
        inputs = [called(path_of(name)) if is_url(name) else name for name in self.inputs]
        told = {"inputs": inputs, "output": self.output}
        return told | {name: value for name, value in named.items() if value is not None}

    @property
    def _by_command(self) -> bool:
        """Whether names of results have what the command adds to them."""
        naming = self.naming
        if naming.template is not None:
            return "{ending" in naming.template
        return self.output is None and naming.suffix is None and self.backup is None

    def line(self, folder: Path | None) -> str:
        """The first line of the manifest. folder: where results go and what may be created."""
        told = {"version": __version__, "time": now(), "folder": str(Path.cwd()), **self.header()}
        results = None if folder is None or self.backup is not None else called(folder)
        return event("manifest", **told, results_folder=results)


@dataclass
class Told:
    """What was written.

    items: how many. size: bytes of their inputs. changed: how many were listed anew. notes: for the user.
    results: pictures that are left out, since they were made from others, the first of results_count.
    problems: messages of inputs that cannot be used. unread: pictures of kinds that are not read, by their
    suffixes.
    """

    items: int = 0
    size: int = 0
    pages: int = 0
    changed: int = 0
    notes: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    results_count: int = 0
    problems: list[str] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)


class Planner:
    """Finds the items of a manifest.

    asked: what it is made of. folder: where temporary files lie. Raises ValueError where inputs, output and
    names do not go together, and what `items` raises.
    """

    def __init__(self, asked: Asked, folder: Path):
        self.asked, self.told = asked, Told()
        inputs, output = asked.inputs, asked.output
        if STDIO in inputs or output == STDIO:
            raise ValueError(
                "a manifest is of files, - (standard input or output) is none; give folders or files"
            )
        if asked.backup is not None and any(map(is_url, inputs)):
            raise ValueError("--in-place is for files; objects of stores go to another place, with -o")
        check_output(output)
        many = len(inputs) > 1 or any(map(is_folder, inputs))
        naming = asked.naming
        if asked.backup is not None:
            # Originals lie in the backup as they do in the folder.
            naming, output, many = Naming(ending=""), str(asked.backup), True
        self.folder = output_folder(output, many=many)
        check_names(naming, output, self.folder)
        self.gathered = Gathered(folder, asked.ignore, self.folder)
        self._placing = Placing(naming, output, self.folder)
        self._pattern = asked.naming.pattern
        self._made: NDArray[np.bool_] | None = None

    def close(self) -> None:
        """Remove the temporary files."""
        self.gathered.close()

    def search(self) -> None:
        """Find all pictures, and what their results are called."""
        import numpy as np

        found = self.gathered
        found.search(self.asked.inputs)
        if found.problems and not found.count:
            raise ImageError(found.problems[0])
        made = np.zeros(found.count, bool)
        if found.count > 1:
            for number, each in enumerate(found.inputs()):
                made[number] = is_result(path_of(each.path), found, self._pattern)
        self._made = made
        made = made | self._in_places_of_results()
        self._made = made if not made.all() else np.zeros_like(made)
        self._tell_apart()
        self.told.problems, self.told.unread = found.problems, dict(found.unread)

    def items(self, first: int = 0) -> Iterator[Item]:
        """The items. first: the number of the first one.

        Raises OutputError for names that leave the folder, and where two results would be one file.
        """
        told, seen = self.told, set[Path]()
        targets, places, apart = _Targets(), _Targets(), list[str]()
        number = first
        for each, job in self._jobs():
            label = self._placing.labels.get(given_of(path_of(each.path), _found(each, self.gathered)))
            if label is not None and label not in seen and len(seen) < NAMED:
                seen.add(label)
                apart.append(job.output)
            told.items, told.size = told.items + 1, told.size + each.size
            told.pages += each.pages or 1
            targets.add(job)
            if self.asked.backup is not None:
                places.add(_in_place(each, job))
            yield self._item(number, each, job)
            number += 1
        if targets.collide:
            targets.refuse(job for _, job in self._jobs())
        if places.collide:
            places.refuse((_in_place(each, job) for each, job in self._jobs()), error=_one_file)
        if apart and self.folder is not None and not self._placing.naming.by_folders:
            told.notes.append(
                f"pictures of the same name are told apart by their folders: {', '.join(apart)}"
            )
        if not told.items:
            raise ImageError(
                f"{', '.join(self.asked.inputs)}: expected pictures, --ignore leaves out all of them"
            )

    def left_out(self) -> Iterator[str]:
        """The names of pictures that are results of others."""
        for number, each in enumerate(self.gathered.inputs()):
            if self._is_made(number):
                yield each.path

    def _item(self, number: int, each: Input, job: Job) -> Item:
        place = each.path if self.asked.backup is not None else job.output
        backup = None if self.asked.backup is None else str(job.target)
        inside = None if job.inside is None else str(job.inside)
        about = (each.size, each.mtime, each.etag, each.pages, job.draw, backup)
        return Item(number, job.name, place, inside, *about)

    def _is_made(self, number: int) -> bool:
        return self._made is not None and bool(self._made[number])

    def _pictures(self) -> Iterator[tuple[Input, Found, int]]:
        """The pictures that are no results, each with its number from 1."""
        count = 0
        for number, each in enumerate(self.gathered.inputs()):
            if not self._is_made(number):
                count += 1
                yield each, _found(each, self.gathered), count

    def _jobs(self) -> Iterator[tuple[Input, Job]]:
        given = addresses(self.asked.inputs)
        for each, found, count in self._pictures():
            for job in self._placing.of_picture(path_of(each.path), found, count):
                yield each, addressed(job, given, self.asked.output)

    def _in_places_of_results(self) -> NDArray[np.bool_]:
        """Which pictures lie where results of others will, in a folder in which both lie."""
        import numpy as np

        found, folder = self.gathered, self.folder
        nowhere = np.zeros(found.count, bool)
        beside = [folder is None or real_path(folder) == real_path(given) for given in found.folders]
        if self.asked.backup is not None or not any(beside):
            return nowhere
        places, owners = array("q"), array("q")
        for each, _, _ in self._pictures_all():
            places.append(hash((place_of(path_of(each.path)), each.given)))
        count = 0
        for number, (each, source, _) in enumerate(self._pictures_all()):
            count += not self._is_made(number)
            for job in self._placing.of_picture(path_of(each.path), source, count):
                here = beside[each.given] and (each.inside or folder is None)
                if here and job.target != path_of(each.path):
                    owners.append(hash((place_of(job.target or Path()), each.given)))
        return np.isin(np.frombuffer(places, np.int64), np.frombuffer(owners, np.int64))

    def _pictures_all(self) -> Iterator[tuple[Input, Found, int]]:
        for number, each in enumerate(self.gathered.inputs(), 1):
            yield each, _found(each, self.gathered), number

    def _tell_apart(self) -> None:
        """Find the folders whose pictures share names."""
        import numpy as np

        folders = self.gathered.folders
        if len(folders) < 2:
            return
        names, owners = array("q"), array("l")
        for each, found, count in self._pictures():
            name = self._placing.shared_name(path_of(each.path), found, count)
            names.append(hash(os.path.normcase(name)))
            owners.append(each.given)
        hashes, numbers = np.frombuffer(names, np.int64), np.asarray(owners)
        order = np.lexsort((numbers, hashes))
        hashes, numbers = hashes[order], numbers[order]
        shared = (hashes[1:] == hashes[:-1]) & (numbers[1:] != numbers[:-1])
        among = sorted({*numbers[1:][shared].tolist(), *numbers[:-1][shared].tolist()})
        told = labels_among([folders[number] for number in among])
        self._placing.labels = {folder: plain(label) for folder, label in told.items()}


def _found(each: Input, gathered: Gathered) -> Found:
    if not each.inside:
        return Found()
    return Found(Path(each.inside), gathered.folders[each.given])


class _Targets:
    """Finds results that would be one file, by the hashes of their places."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, job: Job) -> None:
        """Note where the result of a job goes."""
        assert job.target is not None
        self._hashes.append(hash(os.path.normcase(target_place(job.target))))

    @property
    def collide(self) -> bool:
        """Whether two have the same hash."""
        return len(self._twice()) > 0

    def _twice(self) -> NDArray[np.int64]:
        import numpy as np

        hashes = np.sort(np.frombuffer(self._hashes, np.int64))
        twice: NDArray[np.int64] = hashes[1:][hashes[1:] == hashes[:-1]]
        return twice

    def refuse(
        self, jobs: Iterator[Job], *, error: Callable[[str, str, str], OutputError] = collision
    ) -> None:
        """Raise OutputError for the first two jobs of one place."""
        wanted = set(self._twice().tolist())
        owners: dict[str, str] = {}
        for job in jobs:
            place = os.path.normcase(target_place(job.target or Path()))
            if hash(place) in wanted and owners.setdefault(place, job.name) != job.name:
                raise error(owners[place], job.name, job.output)


def _in_place(each: Input, job: Job) -> Job:
    """The job whose result goes where its picture is, rather than into the backup."""
    return replace(job, target=path_of(each.path))


def _one_file(one: str, other: str, _: str) -> OutputError:
    return OutputError(
        f"{one} and {other} are one file, which --in-place would restore twice; --ignore the link"
    )


def asked_again(header: dict[str, Any], asked: Asked, *, only_given: bool = False) -> str:
    """In what a manifest is of other outputs or names than those asked for; empty where it is not.

    only_given: what is not given now is that of the manifest.
    """
    for name in ("output", "suffix", "format", "output_template", "backup", "marks", "ending"):
        before, wanted = header.get(name), asked.header().get(name)
        if only_given and (name == "ending" or (wanted is None and name != "marks")):
            continue
        if before != wanted:
            if name == "marks":
                counts = (len(each or ()) or 1 for each in (before, wanted))
                return ", now ".join(f"{count} results of each picture" for count in counts)
            option = f"--{name.replace('_', '-')}"
            told = ("no " + option if each is None else f"{option} {each}" for each in (before, wanted))
            return ", now ".join(told)
    return ""
