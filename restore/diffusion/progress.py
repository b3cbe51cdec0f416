"""Progress reports, counted in network calls."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, TypeVar

from restore.diffusion import watch
from restore.types import Progress

if TYPE_CHECKING:
    from torch import Tensor

Answer = TypeVar("Answer")


def with_progress(
    answer: Callable[[Tensor, float], Answer], progress: Progress | None, total: int
) -> Callable[[Tensor, float], Answer]:
    """Give the same function; after each call ``progress(calls so far, total)`` is called."""
    if progress is None:
        return answer
    watch.expect(total)
    calls = count(1)

    def counted(x: Tensor, sigma: float) -> Answer:
        result = answer(x, sigma)
        progress(next(calls), total)
        return result

    return counted


def part_of(progress: Progress | None, before: int, after: int) -> Progress | None:
    """Report calls that come after ``before`` others, and before ``after`` more."""
    if progress is None:
        return None
    return lambda done, total: progress(before + done, before + total + after)


def part_progress(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Report the calls of one part, counted from 0, of several that take as many calls each."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)


def in_turn(progress: Progress | None) -> Callable[[], Progress | None]:
    """Report the calls of one part after the other, which take as many as they take, as one count.

    Returns
    -------
    What is called at the beginning of each part, and gives what its calls are reported to.

    Examples
    --------
    >>> begin = in_turn(lambda done, total: print(f"{done} of {total}"))
    >>> first = begin()
    >>> first(1, 2), first(2, 2)
    1 of 2
    2 of 2
    (None, None)
    >>> begin()(1, 3)
    3 of 5
    """
    done_before = done_now = 0

    def begin() -> Progress | None:
        nonlocal done_before, done_now
        if progress is None:
            return None
        done_before, done_now = done_before + done_now, 0
        before = done_before

        def report(done: int, total: int) -> None:
            nonlocal done_now
            done_now = max(done, done_now)
            progress(before + done, before + total)

        return report

    return begin


def reporter(progress: Progress | bool | None) -> Progress | None:
    """What a task reports to: True and False are seen to by `restore.tasks.watching.shown` before it runs."""
    return None if isinstance(progress, bool) else progress


def twice(progress: Progress | None) -> Progress | None:
    """Report two calls for every one."""
    if progress is None:
        return None

    def report(done: int, total: int) -> None:
        progress(2 * done - 1, 2 * total)
        progress(2 * done, 2 * total)

    return report
