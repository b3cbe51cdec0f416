"""Write a manifest, whole or not at all, and add to one what has come since."""

from __future__ import annotations

import tempfile
from array import array
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

from restore import images
from restore.cli.events import event
from restore.cli.manifest import Manifest
from restore.cli.manifest_file import ManifestFile
from restore.cli.manifest_lines import Item, micros
from restore.cli.manifest_plan import Asked, Planner, Told, asked_again
from restore.cli.results import NAMED
from restore.errors import ManifestError, OutputError
from restore.images.paths import name_problem, short_path, what_is
from restore.images.publishing import publish, sweep_once
from restore.images.temporary import temporary_beside

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 1000  # lines that are added at once


def check_place(path: Path) -> None:
    """Raise OutputError where no manifest can be written."""
    if problem := name_problem(path):
        raise OutputError(f"{short_path(path)}: {problem}")
    if kind := what_is(path):
        raise OutputError(f"{path}: expected a name for a manifest, got {kind}; choose another --manifest")
    if not images.is_folder(path.absolute().parent):
        raise OutputError(f"{path}: the folder {path.parent} does not exist; create it first")


def write_manifest(path: Path, asked: Asked) -> Told:
    """Write a new manifest; one that another process has written meanwhile is kept.

    Raises OutputError, ImageError and ValueError.
    """
    check_place(path)
    sweep_once(path.absolute().parent)
    try:
        planner = Planner(asked, path.absolute().parent)
        try:
            planner.search()
            with temporary_beside(path) as part:
                with part.open("x", encoding="ascii", newline="\n") as file:
                    file.write(asked.line(planner.folder) + "\n")
                    file.writelines(f"{line}\n" for line in _refused(planner))
                    file.writelines(f"{item.line()}\n" for item in planner.items())
                publish(part, path, overwrite=False)
        finally:
            planner.close()
    except FileExistsError:
        pass  # the same list, by another process of this run
    except OSError as error:
        raise _failed(path, error) from error
    return planner.told


def extend_manifest(path: Path, asked: Asked) -> Told:
    """Add pictures that are not in a manifest yet, and list those anew that have changed.

    Raises ManifestError for a manifest of other outputs or names, and what `write_manifest` raises.
    """
    with Manifest(path) as manifest:
        return _extended(manifest, asked)


def _extended(manifest: Manifest, asked: Asked) -> Told:
    path = manifest.path
    if problem := asked_again(manifest.header, asked):
        raise ManifestError(f"{path}: the manifest has {problem}; choose another --manifest")
    if "{number" in (asked.naming.template or ""):
        raise ManifestError(
            f"{path}: nothing can be added, since results are numbered; choose another --manifest"
        )
    try:
        planner = Planner(asked, path.absolute().parent)
        try:
            planner.search()
            with ManifestFile(path) as file, file.locked(), _spool(path) as spool:
                manifest.refresh()
                spool.writelines(f"{item.line()}\n" for item in _news(manifest, planner))
                spool.seek(0)  # all of it has been checked by now
                while batch := [line.rstrip("\n") for line in islice(spool, BATCH)]:
                    file.append(*batch)
        finally:
            planner.close()
    except OSError as error:
        raise _failed(path, error) from error
    return planner.told


def _spool(path: Path) -> IO[str]:
    return tempfile.TemporaryFile("w+", dir=path.absolute().parent)


def _news(manifest: Manifest, planner: Planner) -> Iterator[Item]:
    """What is not in a manifest yet."""
    inputs, outputs = _Known(), set[int]()
    for number, item in enumerate(manifest.items(range(len(manifest)))):
        inputs.add(number, item)
        outputs.add(hash(item.output))
    told, first = planner.told, len(manifest)
    items, size, pages = 0, 0, 0
    for item in planner.items():
        old = inputs.find(item)
        if old is None:
            if hash(item.output) in outputs:
                raise OutputError(
                    f"{item.input} would be written to {item.output}, which is the output of another item; "
                    "choose another --manifest"
                )
            yield item._replace(number=first + items)
            items, size, pages = items + 1, size + item.size_bytes, pages + (item.pages or 1)
        elif not is_same(before := manifest.item(old), item):
            told.changed += 1
            yield item._replace(number=old, output=before.output, inside=before.inside, backup=before.backup)
    told.items, told.size, told.pages = items, size, pages


def is_same(before: Item, now: Item) -> bool:
    """Whether an input is as it was, by its size and the time of its change, or its mark in a store."""
    if before.etag is not None or now.etag is not None:
        return before.etag == now.etag
    if before.size_bytes != now.size_bytes or (before.mtime is None) != (now.mtime is None):
        return False
    return before.mtime is None or now.mtime is None or micros(before.mtime) == micros(now.mtime)


class _Known:
    """The numbers of items by their inputs."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._sorted: tuple[NDArray[np.intp], NDArray[np.int64]] | None = None

    def add(self, number: int, item: Item) -> None:
        """Note an item; they come in the order of their numbers."""
        assert number == len(self._hashes)
        self._hashes.append(hash((item.input, item.draw)))

    def find(self, item: Item) -> int | None:
        """The number of an item of the same input."""
        import numpy as np

        if self._sorted is None:
            hashes = np.frombuffer(self._hashes, np.int64)
            order = np.argsort(hashes, kind="stable")
            self._sorted = order, hashes[order]
        order, hashes = self._sorted
        wanted = hash((item.input, item.draw))
        place = int(np.searchsorted(hashes, wanted))
        return int(order[place]) if place < len(hashes) and hashes[place] == wanted else None


def _refused(planner: Planner) -> Iterator[str]:
    """The lines of inputs that are no items."""
    yield from planner.gathered.refused()
    told = planner.told
    for name in planner.left_out():
        told.results_count += 1
        if len(told.results) < NAMED:
            told.results.append(name)
        yield event("picture", input=name, output=None, status="left out")


def _failed(path: Path, error: OSError) -> OutputError:
    why = error.strerror or str(error)
    return OutputError(f"{path}: cannot write the manifest ({why}); check the folder and the disk")
