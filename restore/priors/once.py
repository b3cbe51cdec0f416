"""What is done once, or by one thread at a time, however many share a prior."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, update_wrapper
from threading import RLock
from typing import Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
Loaded = TypeVar("Loaded")


ONE_AT_A_TIME = RLock()
"""Held for a moment by the thread that changes something of a prior which several share."""


class Counted(Protocol):
    """What has a number of calls."""

    calls: int


def count_call(prior: Counted) -> None:
    """Add one to the calls of a prior, by whatever thread.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> prior = tiny_prior()
    >>> count_call(prior)
    >>> prior.calls
    1
    """
    with ONE_AT_A_TIME:
        prior.calls += 1


class once(Generic[P, Loaded]):  # noqa: N801 - a decorator
    """`functools.cache` for what takes long: others wait for the first, in place of doing the same again.

    Parameters
    ----------
    load : its arguments can be hashed.

    Examples
    --------
    >>> @once
    ... def load(name):
    ...     print("loading", name)
    ...     return object()
    >>> load("a") is load("a")
    loading a
    True
    """

    def __init__(self, load: Callable[P, Loaded]):
        cached = cache(load)
        self._load: Callable[P, Loaded] = cached
        self._clear, self._lock = cached.cache_clear, RLock()
        update_wrapper(self, load)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Loaded:
        """Give what was loaded with these arguments."""
        with self._lock:
            return self._load(*args, **kwargs)

    def cache_clear(self) -> None:
        """Load anew when it is asked for again."""
        with self._lock:
            self._clear()
