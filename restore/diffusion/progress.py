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


def twice(progress: Progress | None) -> Progress | None:
    """Report two calls for every one."""
    if progress is None:
        return None

    def report(done: int, total: int) -> None:
        progress(2 * done - 1, 2 * total)
        progress(2 * done, 2 * total)

    return report
