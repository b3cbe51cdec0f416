"""How much memory there is, how much a picture takes, and what is refused because of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from restore.errors import ImageError

SHARE = 0.8
"""The part of the memory that is there which a picture may take, unless another limit is set."""

_LIMIT: ContextVar[int | None] = ContextVar("most bytes of memory", default=None)


@contextlib.contextmanager
def limited_to(most: int | None) -> Iterator[None]:
    """Within this block refuse pictures that take more than so many bytes.

    Parameters
    ----------
    most : bytes of memory; None for ``SHARE`` of what is there when a picture comes.

    Examples
    --------
    >>> with limited_to(1000):
    ...     check_need(2000, "a.png", "crop it")
    Traceback (most recent call last):
    restore.errors.ImageError: a.png: takes about 2 kB of memory, more than the 1 kB that may be used; crop it
    """
    token = _LIMIT.set(most)
    try:
        yield
    finally:
        _LIMIT.reset(token)


def limit() -> int | None:
    """Bytes of memory that a picture may take; None where nobody knows what there is."""
    most = _LIMIT.get()
    if most is not None:
        return most
    there = available()
    return None if there is None else int(SHARE * there)


def check_need(need: float, name: str, advice: str) -> None:
    """Refuse what takes more memory than there is.

    Parameters
    ----------
    need : bytes.
    name : what the message calls the picture.
    advice : what to do.

    Raises
    ------
    ImageError
    """
    if need < 2**20 and _LIMIT.get() is None:
        return  # not worth asking the system
    most = limit()
    if most is not None and need > most and _LIMIT.get() is None and give_back():
        most = limit()
    if most is not None and need > most:
        raise ImageError(
            f"{name}: takes about {in_words(need)} of memory, more than the {in_words(most)} that may be "
            f"used; {advice}"
        )


def give_back() -> bool:
    """Give the system memory that this process has kept though nothing uses it; say whether there was some.

    Examples
    --------
    >>> give_back() in (True, False)
    True
    """
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        return bool(ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0)))
    except (OSError, AttributeError):  # another C library
        return False


def in_words(size: float) -> str:
    """A number of bytes for people.

    Examples
    --------
    >>> in_words(8e9), in_words(123_456_789)
    ('8 GB', '123 MB')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}"
    return f"{size / 1e3:.3g} kB"


def available() -> int | None:
    """Bytes of memory that are free, or can be made so, for this process.

    That is the least of what Linux calls available and what its control groups leave; elsewhere all of the
    memory of the machine; None where even that is not told.
    """
    found = [size for size in (_of_machine(), *_of_groups()) if size is not None]
    return min(found, default=None)


def _of_machine() -> int | None:
    """What the machine has available, or has at all."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return _of_windows()


def _of_windows() -> int | None:
    """What Windows has available (GlobalMemoryStatusEx)."""
    if sys.platform != "win32":
        return None
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = (
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            ("total", ctypes.c_uint64),
            ("available", ctypes.c_uint64),
            ("rest", ctypes.c_uint64 * 5),
        )

    status = Status(length=ctypes.sizeof(Status))
    told = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return int(status.available) if told else None


def _of_groups(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """What each control group that this process is in leaves of its limit (Linux, versions 1 and 2)."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        controllers, _, place = line.partition(":")[2].partition(":")
        if controllers not in ("", "memory"):
            continue
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        names = names if controllers else ("memory.max", "memory.current", "inactive_file")
        base = root / "memory" if controllers else root
        here = base / place.lstrip("/")
        for folder in (here, *here.parents):
            with contextlib.suppress(OSError, ValueError):
                yield _left(folder, *names)
            if folder == base:
                break


def _left(folder: Path, most: str, used: str, cache: str) -> int:
    """What a control group leaves of its limit. Raises OSError or ValueError where it has none."""
    size, taken = (int((folder / name).read_text()) for name in (most, used))
    with contextlib.suppress(OSError):
        for line in (folder / "memory.stat").read_text().splitlines():
            if line.startswith(cache + " "):
                taken -= int(line.split()[1])  # files in memory give way
    return max(0, size - taken)
