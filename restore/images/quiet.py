"""Keep what decoders print off the terminal: errors say what is wrong with a file."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SILENT = logging.NullHandler()


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
