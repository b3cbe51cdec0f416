"""Find the pictures of a folder one after the other, in natural order; one folder at a time is in memory."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from restore import images
from restore.cli.addresses import most_bytes, readable
from restore.cli.remote_jobs import store_of, waited
from restore.errors import StoreError
from restore.images.folders import OTHER_PICTURES
from restore.images.formats import FORMAT_OF_SUFFIX
from restore.images.paths import FILE, LOOSE, short_path, what_is
from restore.stores import Url, survey

PICTURE, UNREAD, PROBLEM = "picture", "unread", "problem"
_NUMBER = re.compile(r"0*([0-9]+)")


class Found(NamedTuple):
    """Something in a folder.

    kind: a picture, one of a kind that is not read, or a problem, of which ``problem`` is the message.
    inside: the path within the folder that was given. status: of its file, where there is one. size, etag: of
    an object in a store.
    """

    kind: str
    path: str
    inside: str
    status: os.stat_result | None = None
    problem: str = ""
    size: int = 0
    etag: str | None = None


def walk(folder: Path, *, ignore: Sequence[str] = (), without: Path | None = None) -> Iterator[Found]:
    """Find what lies in a folder and in those within it, as `restore.images.folders.survey` does.

    ignore: patterns of what is left out. without: a folder within that is left out, such as that of results.
    """
    real = os.path.realpath(folder)
    aside = None if without is None else os.path.realpath(without)
    if aside == real:
        aside = None
    read = readable()
    levels = [_listed(str(folder), "", ignore, read)]
    while levels:
        try:
            found = next(levels[-1])
        except StopIteration:
            levels.pop()
            continue
        if isinstance(found, Found):
            yield found
        elif str(Path(real, found)) != aside:
            levels.append(_listed(str(Path(folder, found)), found, ignore, read))


def walk_store(prefix: Url, *, ignore: Sequence[str] = (), without: Path | None = None) -> Iterator[Found]:
    """The same of what lies below a prefix in a store."""
    base = prefix.path
    try:
        found = waited(
            lambda: survey(store_of(prefix), prefix, ignore=ignore, most=most_bytes, reads=readable())
        )
    except StoreError as error:
        yield Found(PROBLEM, str(prefix), "", problem=str(error))
        return
    for url, each in found.pictures:
        if without is None or without == base or not url.path.is_relative_to(without):
            inside = url.path.relative_to(base).as_posix()
            yield Found(PICTURE, str(url), inside, size=each.size, etag=each.etag or None)
    for url in found.unread:
        yield Found(UNREAD, str(url), url.path.relative_to(base).as_posix())
    for url, problem in found.problems:
        yield Found(PROBLEM, str(url), "", problem=problem)


def _listed(here: str, inside: str, ignore: Sequence[str], read: Collection[str]) -> Iterator[Found | str]:
    """What one folder holds; of each folder in it only the path within the one that was given."""
    try:
        names, folders = _names(here, read, may_be_aside=bool(inside))
    except OSError as error:
        reason = f"cannot list the folder ({error.strerror}); check its permissions"
        yield Found(PROBLEM, here, inside, problem=f"{short_path(here)}: {reason}")
        return
    for name in sorted(names, key=natural_key):
        within = f"{inside}/{name}" if inside else name
        if ignore and images.is_ignored(PurePath(within), ignore):
            continue
        if name in folders:
            yield within
        else:
            yield _file(os.path.join(here, name), within, read)  # noqa: PTH118  # a Path each would take longer


def _names(here: str, read: Collection[str], *, may_be_aside: bool) -> tuple[list[str], set[str]]:
    """The names of pictures and folders in one folder, and those of the folders. Raises OSError."""
    names, folders = [], set[str]()
    with os.scandir(here) as entries:
        for entry in entries:
            if entry.name == images.ASIDE and may_be_aside:
                return [], set()
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                if not entry.is_symlink():
                    folders.add(entry.name)
                    names.append(entry.name)
            elif (
                (suffix := _suffix(entry.name)) in read
                or suffix in FORMAT_OF_SUFFIX
                or suffix in OTHER_PICTURES
            ):
                names.append(entry.name)
    return names, folders


def _file(path: str, inside: str, read: Collection[str]) -> Found:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        status = None
    if status is None or not stat.S_ISREG(status.st_mode):
        kind = what_is(path)
        if kind not in (FILE, LOOSE, ""):  # reading it might never end
            problem = f"{path}: expected a picture file, got {kind}; remove it from the folder"
            return Found(PROBLEM, path, inside, problem=problem)
    kind = PICTURE if _suffix(path) in read else UNREAD
    return Found(kind, path, inside, status)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def natural_key(name: str) -> str:
    """A text that sorts ``a2`` before ``a10``, whatever the case; shorter than a list of its parts.

    Before each number stands how many digits it has.
    """
    return _NUMBER.sub(lambda found: f"\0{chr(1 + len(found[1]))}{found[1]}", name.casefold())
