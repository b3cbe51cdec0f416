"""What users see of a task while it runs: a bar, and every network call with its estimate."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from torch import Tensor

from restore.priors.protocol import Prior
from restore.priors.watched import Watched
from restore.types import Callback, Progress, Step

BAR = "{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left{postfix}"


@contextmanager
def shown(progress: Progress | bool | None, name: str) -> Iterator[Progress | None]:
    """Show a bar while a task runs, where that is asked for.

    Parameters
    ----------
    progress : as tasks take it: True is a bar on standard error, in a notebook one of its own.
    name : of the task.

    Yields
    ------
    What the task reports to.

    Raises
    ------
    TypeError
        For what is neither.

    Examples
    --------
    >>> with shown(False, "denoise") as report:
    ...     print(report)
    None
    """
    if progress is None or progress is False:
        yield None
    elif progress is not True:
        yield checked(progress, "progress", "True, or a function of (done, total)")
    else:
        bar, seen = _bar(name), False

        def report(done: int, total: int) -> None:
            nonlocal seen
            seen = True
            bar.set_postfix_str(f"call {done} of {total}", refresh=False)
            bar.update(done / total - bar.n)

        try:
            yield report
        finally:
            bar.leave = seen  # nothing was to be done
            bar.close()


def _bar(name: str) -> Any:
    """A bar from 0 to 1 on standard error. Its class starts no thread, as those of tqdm do."""
    from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        monitor_interval = 0

    return Bar(total=1.0, desc=name, bar_format=BAR)


def checked(function: Any, name: str, expected: str) -> Any:
    """Give a function of the user's back; TypeError for what cannot be called."""
    if not callable(function):
        raise TypeError(f"{name} is {expected}, got {function!r}")
    return function


class Steps:
    """Joins the calls that a watched prior tells of to the reports that count them, for a callback.

    Every call is reported once, in order, so that they need only be queued.

    Parameters
    ----------
    callback : of the user.
    progress : what else is reported to.
    """

    def __init__(self, callback: Callback, progress: Progress | None):
        self._callback: Callback = checked(callback, "callback", "a function of a step")
        self._progress = progress
        self._calls: deque[tuple[float, Tensor]] = deque(maxlen=2)  # guidance reports two calls at once

    def watched(self, prior: Prior) -> Prior:
        """Give the prior, whose calls are told of."""
        return _Stepping(prior, self._called)

    def _called(self, sigma: float, x0: Tensor) -> None:
        self._calls.append((sigma, x0.detach().clone()))

    def report(self, done: int, total: int) -> None:
        """Tell the user of a call."""
        if self._progress is not None:
            self._progress(done, total)
        if self._calls:  # copying from elsewhere in a picture is reported, too, and is no call
            sigma, estimate = self._calls.popleft()
            self._callback(Step(done, total, sigma, estimate))


class _Stepping(Watched):
    """A prior that passes the level and the estimate of every call on."""

    def __init__(self, prior: Prior, called: Callable[[float, Tensor], None]):
        super().__init__(prior)
        self._called = called

    @property
    def watched(self) -> Prior:
        """The prior itself."""
        return self._prior

    def _watch(self, x: Tensor, sigma: float, x0: Tensor, *, nothing: bool) -> None:
        self._called(sigma, x0)


def unwatched(prior: Prior) -> Prior:
    """Give the prior itself, for calls that only measure a picture: they are not reported."""
    return prior.watched if isinstance(prior, _Stepping) else prior


def watched(
    prior: Prior, progress: Progress | None, callback: Callback | None
) -> tuple[Prior, Progress | None]:
    """Give a prior and what to report to, such that a callback is called with every step."""
    if callback is None:
        return prior, progress
    steps = Steps(callback, progress)
    return steps.watched(prior), steps.report


def part_callback(callback: Callback | None, number: int, parts: int) -> Callback | None:
    """Tell of the steps of one picture, counted from 0, of several: `part_progress` for callbacks."""
    if callback is None:
        return None

    def call(step: Step) -> None:
        done, total = number * step.total + step.number, parts * step.total
        callback(replace(step, number=done, total=total, picture=number))

    return call


class Outside:
    """Functions of the user's, and whether an exception is one that they have raised."""

    def __init__(self) -> None:
        self._raised = 0

    def __call__(self, function: Callable[..., None] | None) -> Callable[..., None] | None:
        """Give the function."""
        if function is None:
            return None

        def call(*args: Any) -> None:
            try:
                function(*args)
            except BaseException as error:
                self._raised = id(error)  # itself would be kept alive, with all that its frames hold
                raise

        return call

    def has_raised(self, error: BaseException) -> bool:
        """Whether an exception that is on its way was raised by one of the functions."""
        return id(error) == self._raised
