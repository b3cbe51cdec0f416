"""Results of the same name in one folder, told apart by the folders of their pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

Parts = tuple[str, ...]


def labels(places: Mapping[Path, Iterable[str]]) -> dict[Path, Path]:
    """Give the folders into which results go that would otherwise have the name of another one.

    A folder that shares a name with another one, be it in one of its pictures alone, gets a label, and all
    of its results go below that. The label is the end of the folder's path: as little of it as no other of
    these folders ends in, or all of it. So the label of a folder changes only where another one of the same
    end comes to share a name with any of them; the current folder has none.

    Parameters
    ----------
    places : folders, each with the names that its results would have.

    Returns
    -------
    dict
        The labels of those folders that share a name.

    Examples
    --------
    >>> found = {"a": ["x.png", "y.png"], "b": ["x.png"], "c": ["z.png"], "d/a": ["x.png"]}
    >>> told = labels({Path(folder): names for folder, names in found.items()})
    >>> {str(folder): label.as_posix() for folder, label in told.items()}
    {'a': 'a', 'b': 'b', 'd/a': 'd/a'}
    """
    owners: dict[str, list[Path]] = {}
    for folder, names in places.items():
        for name in dict.fromkeys(map(os.path.normcase, names)):
            owners.setdefault(name, []).append(folder)
    sharing = dict.fromkeys(folder for each in owners.values() if len(each) > 1 for folder in each)
    return labels_among(list(sharing))


def labels_among(sharing: list[Path]) -> dict[Path, Path]:
    """The labels of folders that share names."""
    ends = _comparable(sharing)
    return {folder: Path(*_label(ends[folder], ends.values())) for folder in sharing}


def _comparable(folders: list[Path]) -> dict[Path, Parts]:
    """The parts of each path: as they were given, where all are below the current folder."""
    plain = {folder: Path(os.path.normpath(folder)) for folder in folders}
    if any(path.is_absolute() or ".." in path.parts for path in plain.values()):
        plain = {folder: Path(os.path.normpath(folder.absolute())) for folder in folders}
    return {folder: path.parts[len(path.anchor) > 0 :] for folder, path in plain.items()}


def _label(own: Parts, others: Iterable[Parts]) -> Parts:
    """The shortest end of a path that is the end of no other one; else all of it."""
    others = [each for each in others if each != own]
    for count in range(1, len(own)):
        end = own[-count:]
        if not any(other[-count:] == end for other in others):
            return end
    return own
