"""How the C library keeps the memory that arrays leave."""

from __future__ import annotations

import sys

ARENA_MAX, MMAP_MAX, TRIM_THRESHOLD = -8, -4, -1  # parameters of mallopt(3)
KEPT = 2**30
"""Bytes at the end of the heap that are kept for the next arrays."""


def keep_memory() -> bool:
    """Let arrays take memory that others have left, on Linux with glibc; say whether it will.

    By itself glibc gives the memory of every large array back at once, and the system has to clear and map
    each page again for the next. With several threads that is a fifth of the time that pictures take.
    """
    if sys.platform != "linux":
        return False
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # another C library
        return False
    # One heap: those of single threads are too small for pictures.
    return all(
        mallopt(name, value) for name, value in ((ARENA_MAX, 1), (MMAP_MAX, 0), (TRIM_THRESHOLD, KEPT))
    )
