"""How far a network call is, for whoever watches: a command line that shows it, a program that waits.

Steps are told by ``progress(done, total)``. A step of a large picture takes minutes, and what goes on within
it is told here. Nobody has to pass anything on: the watcher is that of the thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

CALLS = 10  # of a round of which nothing is known yet


class _Watcher(NamedTuple):
    share: Callable[[float], None]
    expect: Callable[[int], None] | None


_WATCHER: ContextVar[_Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched(share: Callable[[float], None], expect: Callable[[int], None] | None = None) -> Iterator[None]:
    """Tell how far each step is that this thread computes meanwhile.

    Results do not depend on it. On a GPU, whose work is queued, a step looks done before it is.

    Parameters
    ----------
    share : called with how much of the current step is done, above 0 to 1, after every block of layers of
        every tile, and within the search for patches; quick, since work waits for it.
    expect : called before the first step with the least number of steps that are to come.

    Examples
    --------
    >>> from restore import denoise
    >>> from restore.testing import tiny_prior
    >>> import numpy as np
    >>> seen = []
    >>> with watched(seen.append):
    ...     clean = denoise(np.full((8, 12), 0.5, np.float32), sigma=25, prior=tiny_prior())
    >>> len(seen), seen[-1]
    (3, 1.0)
    """
    with _set(_Watcher(share, expect)):
        yield


@contextmanager
def unwatched() -> Iterator[None]:
    """Tell nobody what this thread computes meanwhile: a trial, whose steps are not those of the result.

    Examples
    --------
    >>> with watched(print), unwatched():
    ...     parts_of(10.0) is None
    True
    """
    with _set(None):
        yield


@contextmanager
def stretch(number: int, count: int) -> Iterator[None]:
    """Tell what is computed meanwhile as one of several parts of a step that take as long, each.

    Parameters
    ----------
    number : of the part, from 0.
    count : how many parts the step has.

    Examples
    --------
    >>> with watched(print), stretch(1, 4):
    ...     parts_of(1.0)(1)
    0.5
    """
    with between(number / count, (number + 1) / count):
        yield


@contextmanager
def between(low: float, high: float) -> Iterator[None]:
    """Tell what is computed meanwhile as a part of a whole.

    Parameters
    ----------
    low, high : how much of the whole is done before, and after.

    Examples
    --------
    >>> with watched(print), between(0.5, 0.75):
    ...     parts_of(1.0)(1)
    0.75
    """
    watcher = _WATCHER.get()
    if watcher is None:
        yield
        return
    with _set(_Watcher(lambda share: watcher.share(low + (high - low) * share), None)):
        yield


class Rounds:
    """Tell how far computations are that take as long, each, and several network calls.

    How many calls a round has is known after the first; until then it is taken to be `CALLS`.

    Parameters
    ----------
    count : how many rounds there are.

    Examples
    --------
    >>> def two_calls():
    ...     parts_of(1.0)(1)
    ...     parts_of(1.0)(1)
    >>> with watched(print):
    ...     rounds = Rounds(2)
    ...     for number in range(2):
    ...         with rounds.round(number):
    ...             two_calls()
    0.05
    0.1
    0.5
    0.75
    1.0
    1.0
    """

    def __init__(self, count: int):
        self._count, self._calls = count, CALLS

    @contextmanager
    def round(self, number: int) -> Iterator[None]:
        """Compute the next round. number: from 0."""
        watcher = _WATCHER.get()
        if watcher is None:
            yield
            return
        calls, last = 0, 1.0

        def share(now: float) -> None:
            nonlocal calls, last
            calls += now <= last  # another one has begun
            last = now
            watcher.share((number + min(1.0, (calls - 1 + now) / self._calls)) / self._count)

        with _set(_Watcher(share, None)):
            yield
        self._calls = calls or self._calls
        watcher.share((number + 1) / self._count)


@contextmanager
def _set(watcher: _Watcher | None) -> Iterator[None]:
    token = _WATCHER.set(watcher)
    try:
        yield
    finally:
        _WATCHER.reset(token)


def parts_of(total: float) -> Callable[[float], None] | None:
    """Begin a step of so many parts: give what is to be called with the parts that are done anew.

    Parameters
    ----------
    total : in any unit, such as pixels; above 0.

    Returns
    -------
    None where nobody watches.

    Examples
    --------
    >>> with watched(print):
    ...     done = parts_of(4.0)
    ...     done(1), done(3)
    0.25
    1.0
    (None, None)
    """
    watcher, done = _WATCHER.get(), 0.0
    if watcher is None:
        return None

    def add(parts: float) -> None:
        nonlocal done
        done += parts
        watcher.share(min(1.0, done / total))

    return add


def expect(steps: int) -> None:
    """Say that so many steps are to come at least.

    Examples
    --------
    >>> with watched(print, print):
    ...     expect(20)
    20
    """
    watcher = _WATCHER.get()
    if watcher is not None and watcher.expect is not None:
        watcher.expect(steps)
