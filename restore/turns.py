"""Threads that take turns at everything but waiting, where they would only hold each other up.

Python runs one thread at a time. Threads that work in many short pieces each wait for all others after every
piece, and what computes in the background for a moment may wait as long to go on.

Examples
--------
>>> turns = threading.Semaphore(1)
>>> with taking(turns), waiting(), taking(turns):
...     print("another's turn")
another's turn
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_held = threading.local()


@contextmanager
def taking(turns: threading.Semaphore | None) -> Iterator[None]:
    """Take one of so many turns for this block; None takes none.

    Parameters
    ----------
    turns : a turn for each thread that may go on at once.
    """
    if turns is None:
        yield
        return
    before = getattr(_held, "turns", None)
    turns.acquire()
    _held.turns = turns
    try:
        yield
    finally:
        _held.turns = before
        turns.release()


@contextmanager
def waiting() -> Iterator[None]:
    """Leave the turn of this thread, if it has one, to others while it waits for something."""
    turns = getattr(_held, "turns", None)
    if turns is None:
        yield
        return
    turns.release()
    _held.turns = None
    try:
        yield
    finally:
        turns.acquire()
        _held.turns = turns
