"""What was found for a manifest: on disk what names take, in memory a few numbers for each picture."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from restore import images
from restore.cli.addresses import called, is_folder, path_of, readable
from restore.cli.events import event
from restore.cli.job_plan import is_one_entry, place_of, real_path
from restore.cli.manifest_lines import mtime_of
from restore.cli.manifest_walk import PICTURE, UNREAD, Found, walk, walk_store
from restore.errors import ImageError
from restore.images.files import picture_start
from restore.images.page_count import page_count
from restore.images.paths import name_problem, short_path, status_of
from restore.stores import is_url, parse_url

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HEAD = 1024  # bytes that tell a picture, and in which those of a PDF stand
NOT_READ = "not read; convert it first"


class Input(NamedTuple):
    """A picture that was found.

    path: as it was given or found. inside: its path within the folder that was given; empty where only it
    was named. given: the number of that folder, or of the file's own. size: in bytes. mtime: in seconds; None
    where there is no file. pages: how many it holds; None where it is not at hand. etag: of an object in a
    store.
    """

    path: str
    inside: str
    given: int
    size: int
    mtime: float | None
    pages: int | None = None
    etag: str | None = None


class Gathered:
    """The pictures of files and folders, in their order.

    folder: where the temporary files lie. ignore: patterns of what is left out. without: a folder that is
    left out of those that are searched.

    count: how many pictures. folders: those that were given, or hold files that were. problems: how many
    inputs cannot be used, with the first messages. unread: pictures that are not read, by their suffixes.
    """

    def __init__(self, folder: Path, ignore: Sequence[str] = (), without: Path | None = None):
        self.ignore, self.without = ignore, without
        self.count = 0
        self.folders: list[Path] = []
        self.problems: list[str] = []
        self.unread: Counter[str] = Counter()
        self._spool = tempfile.TemporaryFile("w+", dir=folder)  # noqa: SIM115  # closed by `close`
        self._refused = tempfile.TemporaryFile("w+", dir=folder)  # noqa: SIM115
        self._numbers: dict[Path, int] = {}
        self._names, self._parents = array("q"), array("l")
        self._parent_numbers: dict[str, int] = {}
        self._known: set[int] | None = None
        self._sorted: tuple[NDArray[np.intp], NDArray[np.int64]] | None = None

    def close(self) -> None:
        """Remove the temporary files."""
        self._spool.close()
        self._refused.close()

    def search(self, inputs: Sequence[str]) -> None:
        """Find the pictures of all inputs; those of folders are taken once."""
        folders = [path_of(name) for name in inputs if is_folder(name)]
        self._known = set() if len(folders) > 1 else None
        singles: dict[str, Path] = {}
        for name, path in ((name, path_of(name)) for name in inputs):
            if path in folders:
                self._search_folder(name, path)
            elif images.is_ignored(path.name, self.ignore) or self._is_listed(path, folders):
                continue
            else:
                twin = singles.setdefault(place_of(path).casefold(), path)
                if twin is path or not (place_of(twin) == place_of(path) or is_one_entry(twin, path)):
                    self._add_single(name, path)

    def inputs(self) -> Iterator[Input]:
        """The pictures."""
        self._spool.seek(0)
        return (Input(*json.loads(line)) for line in self._spool)

    def refused(self) -> Iterator[str]:
        """The lines of inputs that are no items, for the manifest."""
        self._refused.seek(0)
        return (line.rstrip("\n") for line in self._refused)

    def refuse(self, name: str, status: str, error: str = "") -> None:
        """Note an input that is no item."""
        more = {"error": error} if error else {}
        self._refused.write(event("picture", input=name, output=None, status=status, **more) + "\n")

    def get(self, name: str, none: Sequence[Path] = (), /) -> Sequence[Path]:
        """The pictures of a name."""
        import numpy as np

        order, hashes = self._index
        first, last = (int(np.searchsorted(hashes, hash(name), side=side)) for side in ("left", "right"))
        if first == last:
            return none
        parents = list(self._parent_numbers)
        return [Path(parents[self._parents[each]], name) for each in order[first:last]]

    @property
    def _index(self) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """The pictures in the order of the hashes of their names, and these hashes."""
        import numpy as np

        if self._sorted is None or len(self._sorted[0]) != self.count:
            hashes = np.frombuffer(self._names, np.int64)
            order = np.argsort(hashes, kind="stable")
            self._sorted = order, hashes[order]
        return self._sorted

    def _search_folder(self, name: str, folder: Path) -> None:
        unread: Counter[str] = Counter()
        pictures = problems = 0
        if is_url(name):
            listed = walk_store(parse_url(name), ignore=self.ignore, without=self.without)
        else:
            listed = walk(folder, ignore=self.ignore, without=self.without)
        for found in listed:
            if found.kind == PICTURE:
                pictures += 1
                self._add(found, folder)
            elif found.kind == UNREAD and self._is_new(found.path):
                unread[Path(found.path).suffix.lower()] += 1
                self.refuse(found.path, "failed", NOT_READ)
            elif found.kind != UNREAD:
                problems += 1
                self._problem(found.path, found.problem)
        if pictures or problems:
            self.unread += unread
        else:
            names = [Path(f"x{suffix}") for suffix, count in unread.items() for _ in range(count)]
            self._problem(called(folder), images.no_pictures(called(folder), names, pdf=True))

    def _problem(self, name: str, message: str) -> None:
        self.problems.append(message)
        self.refuse(name, "failed", message)

    def _add_single(self, name: str, path: Path) -> None:
        if is_url(name):
            self._add(Found(PICTURE, called(path), ""), path.parent)
            return
        if problem := name_problem(path):
            self._problem(str(path), f"{short_path(path)}: {problem}")
            return
        status = status_of(path)
        if problem := _problem_of(path, status):
            self._problem(str(path), problem)
        else:
            self._add(Found(PICTURE, str(path), "", status), path.parent)

    def _add(self, found: Found, folder: Path) -> None:
        path = path_of(found.path)
        parent, name = str(path.parent), path.name
        if not self._is_new(found.path):
            return
        if folder not in self._numbers:
            self._numbers[folder] = len(self.folders)
            self.folders.append(folder)
        status = found.status
        size, mtime, pages = found.size, None, None
        if status is not None:
            size, mtime, pages = status.st_size, mtime_of(status), page_count(found.path)
        row = Input(found.path, found.inside, self._numbers[folder], size, mtime, pages, found.etag)
        self._spool.write(json.dumps(row) + "\n")
        self._names.append(hash(name))
        self._parents.append(self._parent_numbers.setdefault(parent, len(self._parent_numbers)))
        self.count += 1

    def _is_new(self, name: str) -> bool:
        """Whether something of a folder was not found in another one."""
        if self._known is None:
            return True
        place = hash(place_of(path_of(name)))
        new = place not in self._known
        self._known.add(place)
        return new

    def _is_listed(self, path: Path, folders: Sequence[Path]) -> bool:
        """Whether a file is found in one of the folders, too."""
        place = real_path(path.parent) / path.name
        for folder in folders:
            real = real_path(folder)
            if not place.is_relative_to(real) or path.suffix.lower() not in readable():
                continue
            inside = place.relative_to(real)
            above = [*inside.parents][:-1]
            hidden = any(part.startswith(".") for part in inside.parts)
            ignored = any(images.is_ignored(each, self.ignore) for each in (inside, *above))
            aside = self.without is not None and place.is_relative_to(real_path(self.without))
            if images.what_is(path) and not (hidden or ignored or aside):
                return True
        return False


def _problem_of(path: Path, status: os.stat_result | None) -> str:
    """Why a file that was given is no picture; empty where it is one."""
    if status is None:
        return f"{path}: no such file; check the name"
    if not stat.S_ISREG(status.st_mode):
        return f"{path}: expected a picture file, got {images.what_is(path)}; name a plain file"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
        if b"%PDF-" not in head:
            picture_start(str(path))(head)
    except ImageError as error:
        return str(error)
    except OSError as error:
        return f"{path}: cannot read the file ({error.strerror or error}); check its permissions"
    return ""
