"""Keep what decoders print off the terminal: errors say what is wrong with a file."""

from __future__ import annotations

import ctypes
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

_SILENT = logging.NullHandler()
_TAKEN = threading.Lock()


class _Shared:
    """A change of the whole process, for as long as any thread wants it.

    The first thread makes it and the last one takes it back. If each did, one that ends later than another
    would bring back what that one had changed.

    change : gives the context in which it holds.
    """

    def __init__(self, change: Callable[[], AbstractContextManager[None]]):
        self._change, self._lock, self._inside = change, threading.Lock(), 0
        self._made: AbstractContextManager[None] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._made = self._change()
                self._made.__enter__()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._made is not None:
                made, self._made = self._made, None
                made.__exit__(None, None, None)


@contextmanager
def _without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        # Pillow warns about odd metadata, which is either repaired later or does not matter.
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _without_log_of_opencv() -> Iterator[None]:
    import cv2

    log: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4 and 5
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield
    finally:
        log.setLogLevel(level)


_WITHOUT_WARNINGS, _WITHOUT_LOG_OF_OPENCV = _Shared(_without_warnings), _Shared(_without_log_of_opencv)


@contextmanager
def quietly() -> Iterator[None]:
    """Decode without a word: no warnings of Pillow, no log of tifffile, Pillow or pikepdf.

    Without a handler Python prints what they log on standard error.
    """
    for name in ("tifffile", "PIL", "pikepdf"):
        logging.getLogger(name).addHandler(_SILENT)
    # From Python 3.14 on each thread may have filters of its own.
    own = getattr(sys.flags, "context_aware_warnings", False)
    with _without_warnings() if own else _WITHOUT_WARNINGS:
        yield


@contextmanager
def opencv_quietly() -> Iterator[Any]:
    """OpenCV, its log turned off meanwhile."""
    import cv2

    with _WITHOUT_LOG_OF_OPENCV:
        yield cv2


@contextmanager
def libtiff_quietly() -> Iterator[list[str]]:
    """Pillow's libtiff, which would print its errors on standard error; gives a list that takes them.

    Its handler of errors (TIFFSetErrorHandler) holds for the process, so that one thread at a time is here.
    Where the library cannot be reached, as it is part of Pillow's own on some systems, the list stays empty.
    """
    from PIL import _imaging

    found: list[str] = []
    kind = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)

    def take(module: bytes | None, form: bytes | None, _: int | None) -> None:
        found.append(f"{(module or b'').decode('latin-1')}: {(form or b'').decode('latin-1')}")

    try:
        exchange: Any = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError):
        yield found
        return
    exchange.restype, exchange.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    handler = kind(take)
    with _TAKEN:
        before = exchange(ctypes.cast(handler, ctypes.c_void_p))
        try:
            yield found
        finally:
            exchange(before)
