"""Keep what decoders print off the terminal: errors say what is wrong with a file."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SILENT = logging.NullHandler()
_TAKEN = threading.Lock()


@contextmanager
def quietly() -> Iterator[None]:
    """Decode without a word: no warnings of Pillow, no log of tifffile or Pillow.

    Without a handler Python prints what they log on standard error.
    """
    for name in ("tifffile", "PIL"):
        logging.getLogger(name).addHandler(_SILENT)
    with warnings.catch_warnings():
        # Pillow warns about odd metadata, which is either repaired later or does not matter.
        warnings.simplefilter("ignore")
        yield


@contextmanager
def opencv_quietly() -> Iterator[Any]:
    """OpenCV, its log turned off meanwhile."""
    import cv2

    log: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4 and 5
    level = log.getLogLevel()
    log.setLogLevel(0)
    try:
        yield cv2
    finally:
        log.setLogLevel(level)


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
