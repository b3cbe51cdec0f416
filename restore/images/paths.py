"""What can be told of a path before it is opened: names that no file can have, and what is no plain file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Bytes of a name, and of a path in all: what Linux and most file systems can hold."""
FILE, FOLDER, PIPE, LOOSE = "a file", "a folder", "a named pipe", "a link to nothing"


def name_problem(path: str | Path) -> str:
    """What is wrong with a name that no file can have, as a message; empty where nothing is.

    Examples
    --------
    >>> name_problem("")
    'expected a file name, got an empty one; is a variable not set?'
    >>> name_problem("a" * 300 + ".png")
    "expected names of at most 255 bytes, got 304: 'aaaaaaaaaaaa...aaaa.png'; shorten it"
    >>> name_problem("photo.png")
    ''
    """
    text = os.fspath(path)
    if not text:
        return "expected a file name, got an empty one; is a variable not set?"
    if "\0" in text:
        return "expected a file name, got one with a NUL character; check the name"
    try:
        whole = os.fsencode(text)
    except UnicodeEncodeError:
        return "expected a file name, got characters that no name can hold; check the name"
    parts = text.replace(os.sep, "/").split("/")
    longest = max(parts, key=lambda part: len(os.fsencode(part)))
    size = len(os.fsencode(longest))
    if size > LONGEST_NAME:
        return f"expected names of at most {LONGEST_NAME} bytes, got {size}: {_shown(longest)!r}; shorten it"
    if len(whole) > LONGEST_PATH:
        return f"expected paths of at most {LONGEST_PATH} bytes, got {len(whole)}; use shorter folders"
    return ""


def _shown(name: str) -> str:
    """The ends of a long name."""
    return f"{name[:12]}...{name[-8:]}"


def short_path(path: str | Path) -> str:
    """A path as messages show it: a name that is too long is cut, and none is shown as two quotes."""
    text = os.fspath(path)
    if not text:
        return "''"
    return _shown(text) if name_problem(path) else text


def status_of(path: str | Path, *, follow: bool = True) -> os.stat_result | None:
    """What the system says of a path, through links unless told otherwise; None where it says nothing.

    Unlike the questions of `pathlib` it never raises, be it for a folder that is locked or for a name that
    cannot be.
    """
    try:
        return Path(path).stat(follow_symlinks=follow)
    except (OSError, ValueError):
        return None


def what_is(path: str | Path) -> str:
    """What there is at a path, in words: ``a file``, ``a folder``, ``a named pipe``; empty for nothing.

    Examples
    --------
    >>> what_is("."), what_is("no/such")
    ('a folder', '')
    """
    status = status_of(path)
    if status is None:
        link = status_of(path, follow=False)
        return LOOSE if link is not None and stat.S_ISLNK(link.st_mode) else ""
    kinds = {
        stat.S_IFREG: FILE,
        stat.S_IFDIR: FOLDER,
        stat.S_IFIFO: PIPE,
        stat.S_IFSOCK: "a socket",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "a device")


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder that can be seen."""
    return what_is(path) == FOLDER


def is_empty(path: str | Path) -> bool:
    """Whether there is a plain file of 0 bytes, no link, as a process that is killed may leave it."""
    status = status_of(path, follow=False)
    return status is not None and stat.S_ISREG(status.st_mode) and status.st_size == 0
