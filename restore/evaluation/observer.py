"""Who is told how an evaluation goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _ignore(*_: object) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Observer:
    """What to call while pictures are measured.

    Parameters
    ----------
    warn : callable
        ``warn(text)``: a picture or a method is left out.
    progress : callable
        ``progress(title, done, total)``: how many restorations of a table are done.
    """

    warn: Callable[[str], None] = _ignore
    progress: Callable[[str, int, int], None] = _ignore


SILENT = Observer()
