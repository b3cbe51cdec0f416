"""Which of the given pictures are results of others of them, as a glob catches them."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from restore import images
from restore.cli.addresses import called
from restore.cli.provenance import history_in
from restore.errors import ImageError
from restore.images.told import told_in

ENDINGS = (
    r"denoised|inpainted|erased|repaired|dejpeg|deblurred|colorized|restored|varied|x\d[\d.]*|\d+[wh]|"
    r"\d+x\d+|max\d+"
)
"""What commands add to the names of results."""

NAMED = 5  # results that are named in a message

_NAMED = re.compile(rf"(?P<stem>.+)-({ENDINGS})(-\d+|-seed\d+)?")
COMPARISON = "-compare.png"
"""What names of files end in that show a picture and its result side by side."""
COMPARISON_HEAD = b"restore-compare\0\0\0\0\0"
"""Of their iTXt chunk: its keyword, not compressed, no language."""
NO_RECORD = (".bmp", ".dib", ".gif")
"""Endings of files whose format has no room for a record."""


def left_out(results: Sequence[Path], count: int | None = None) -> str:
    """Say that pictures are left out, since they are results of others. count: where not all are given."""
    count = len(results) if count is None else count
    shown = ", ".join(map(called, results[:NAMED]))
    if count == 1:
        return f"{shown} is the result of an earlier run and is left out; name it alone to restore it"
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return (
        f"{shown}{more} are results of earlier runs and are left out; name them without the others to "
        "restore them"
    )


def results_among(
    paths: Iterable[Path], pattern: re.Pattern[str] | None = None, *, beside: Iterable[Path] = ()
) -> set[Path]:
    """The pictures that were made from others of these, or of those beside them.

    A picture says so by its record. One that holds none, as a BMP or a copy of a picture in which there was
    nothing to do, is known by its name beside that of the other. pattern: of names of results beside those
    that commands give, with the group ``stem`` or ``name`` for that of the picture.
    """
    names: dict[str, list[Path]] = {}
    asked = list(paths)
    for path in dict.fromkeys((*asked, *beside)):
        names.setdefault(path.name, []).append(path)
    if sum(map(len, names.values())) < 2:
        return set()
    return {path for path in asked if is_result(path, names, pattern)}


def is_comparison(path: Path) -> bool:
    """Whether a file shows a picture and its result side by side: its name and its contents say so."""
    return path.name.endswith(COMPARISON) and COMPARISON_HEAD in told_in(path).chunks


class Names(Protocol):
    """The pictures that were found, by their names."""

    def get(self, name: str, none: Sequence[Path], /) -> Sequence[Path]:
        """The pictures of a name."""


def is_result(path: Path, names: Names, pattern: re.Pattern[str] | None) -> bool:
    """Whether a picture was made from another one of these."""
    if is_comparison(path):
        return True
    records = history_in(path).records
    if not records:
        own = _NAMED.fullmatch(path.stem), pattern.fullmatch(path.name) if pattern else None
        return any(_is_named_as_one(path, names, found) for found in own if found)
    sources = (record.inputs[0] for record in records if record.inputs)
    return any(
        _is_source(other, path, digest)
        for name, digest in sources
        for other in names.get(Path(name).name, ())
        if other != path
    )


def _is_source(other: Path, path: Path, digest: str) -> bool:
    """Whether a picture of the right name is the one that another was made from."""
    if os.path.realpath(other.parent) == os.path.realpath(path.parent):
        return True
    try:
        return images.hash_of(other) == digest
    except ImageError:
        return False


def _is_named_as_one(path: Path, names: Names, found: re.Match[str]) -> bool:
    groups = found.groupdict()
    name = groups.get("name") or groups["stem"] + path.suffix
    beside = [each for each in names.get(name, ()) if each.parent == path.parent and each != path]
    return any(path.suffix.lower() in NO_RECORD or is_copy(path, other) for other in beside)


def is_copy(path: Path, other: Path) -> bool:
    """Whether two files hold the same bytes; not where one cannot be read."""
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError:
        return False
