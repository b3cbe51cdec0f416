"""Folders of masks, each found by the name of its picture."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore import images
from restore.cli.addresses import is_folder, path_of
from restore.cli.command import Source
from restore.cli.hole_masks import MaskFile, Reading
from restore.cli.per_lane import PerLane
from restore.errors import ImageError, MaskError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ENDINGS = ("", "_mask", "-mask", ".mask")  # after the name of the picture
SUFFIXES = frozenset((*images.SUFFIXES, ".gif"))
LOSSY = frozenset((".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo"))


class MaskFolder:
    """A folder of masks. inputs: the pictures and folders of pictures that were given."""

    def __init__(self, folder: Path, inputs: Sequence[str], reading: Reading):
        self.folder, self.reading = folder, reading
        self.reads: tuple[Path, ...] = ()
        self._given = [path_of(name) for name in inputs if is_folder(name)]
        self._listed: dict[Path, list[Path]] = {}
        self._own = PerLane()  # the mask of the picture at hand, in each lane
        if not images.is_folder(folder):
            got = images.what_is(folder) or "nothing"
            raise ImageError(f"{folder}: expected a folder of masks, got {got}; check the name")

    def aside(self, found: Sequence[Path]) -> set[Path]:
        """The masks among the inputs: those of other pictures, and all in a folder within one of pictures."""
        masks = {path: self._candidates(path) for path in found}
        self.reads = tuple(dict.fromkeys(mask for each in masks.values() for mask in each))
        owners: dict[Path, set[Path]] = {}
        for picture, each in masks.items():
            for mask in each:
                owners.setdefault(_real(mask), set()).add(_real(picture))
        own = _real(self.folder)
        within = any(_real(given) in own.parents for given in self._given)
        return {
            path
            for path in found
            if owners.get(_real(path), set()) - {_real(path)} or (within and own in _real(path).parents)
        }

    def hole(self, source: Source) -> tuple[NDArray[np.bool_], list[str]]:
        """Give the checked hole (h, w) that the mask of a picture shows, and notes. Raises MaskError."""
        assert source.path is not None  # standard input has no name and is refused with the options
        mask = self.mask_of(source.path)
        current = self._current
        if current is None or current.path != mask:
            current = self._own.current = MaskFile(mask, self.reading)
        return current.hole(source)

    @property
    def _current(self) -> MaskFile | None:
        return getattr(self._own, "current", None)

    @property
    def facts(self) -> dict[str, Any]:
        """How the mask of the picture at hand was read."""
        return {} if self._current is None else self._current.facts

    def mask_of(self, picture: Path) -> Path:
        """Give the mask of a picture. Raises MaskError where there is none, and where there are several."""
        found = self._candidates(picture)
        if not found:
            place = self._places(picture)[0]
            raise MaskError(
                f"{picture}: expected a mask called {place}.*, or so with {', '.join(ENDINGS[1:-1])} or "
                f"{ENDINGS[-1]} after the name, found none; draw one, or leave the picture out with --ignore"
            )
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            raise MaskError(f"{picture}: expected one mask in {found[0].parent}, found {names}; keep one")
        return found[0]

    def _candidates(self, picture: Path) -> list[Path]:
        """All files that can be meant as the mask of a picture."""
        for place in self._places(picture):
            stem = place.name.casefold()
            wanted = {stem + ending for ending in ENDINGS}
            named = [path for path in self._files(place.parent) if path.stem.casefold() in wanted]
            others = [path for path in named if not _is_beside(path, picture)]
            if found := others or [path for path in named if _real(path) == _real(picture)]:
                return found
        return []

    def _places(self, picture: Path) -> list[Path]:
        """Where the mask of a picture can be, without what its name ends in."""
        inside = [picture.relative_to(each) for each in self._given if picture.is_relative_to(each)]
        if not inside:
            inside = [Path(picture.name)]
            if not picture.is_absolute() and ".." not in picture.parts:
                inside.insert(0, picture)
        return [self.folder / path.with_name(path.stem) for path in inside]

    def _files(self, folder: Path) -> list[Path]:
        """The files of a folder that can be masks, by name; none where there is no such folder."""
        if folder not in self._listed:
            try:
                there = sorted(folder.iterdir())
            except OSError:
                there = []
            seen = (path for path in there if not path.name.startswith("."))
            self._listed[folder] = [path for path in seen if path.suffix.lower() in SUFFIXES]
        return self._listed[folder]


def _is_beside(mask: Path, picture: Path) -> bool:
    """Whether a file of the right name is the picture, or one more picture of its name beside it.

    A file in the folder of a JPEG that has its name and loses nothing is its mask.
    """
    if _real(mask.parent) != _real(picture.parent) or mask.stem.casefold() != picture.stem.casefold():
        return False
    same = _real(mask) == _real(picture)
    return same or not (picture.suffix.lower() in LOSSY and mask.suffix.lower() not in LOSSY)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
