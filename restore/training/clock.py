"""How long a run has taken, and what of its minutes is left."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def monotonic() -> float:
    """Seconds on a clock that is never set back."""
    return time.monotonic()


class RunClock:
    """The time of a run: reading, compiling and validation count as training does.

    Training ends when ``reserve`` seconds are left, which are for what comes at the end.

    Parameters
    ----------
    minutes : the limit of the run in all its parts; 0 for none.
    started : `time.monotonic` of when this part of the run began; None for now.
    now : the clock, in seconds.

    Examples
    --------
    >>> clock = RunClock(1, started=0, now=lambda: 15)
    >>> clock.seconds(), clock.left(), clock.progress(clock.seconds())
    (15.0, 45.0, 0.25)
    >>> clock.reserve = 30
    >>> clock.left(), clock.progress(clock.seconds())
    (15.0, 0.5)
    """

    def __init__(
        self, minutes: float, *, started: float | None = None, now: Callable[[], float] | None = None
    ):
        self._now = now or monotonic
        self.limit = 60 * minutes if minutes else math.inf
        self.started = self._now() if started is None else started
        self.earlier = 0.0  # seconds that the parts before this one have taken
        self.reserve = 0.0
        self._took: dict[str, float] = {}

    def seconds(self) -> float:
        """What the run has taken so far, with its earlier parts."""
        return float(self.earlier + self._now() - self.started)

    def left(self) -> float:
        """Seconds until training ends; infinite without a limit."""
        return self.limit - self.reserve - self.seconds()

    def left_in_all(self) -> float:
        """Seconds until the run ends, the reserve among them."""
        return self.limit - self.seconds()

    def progress(self, seconds: float) -> float:
        """The share of the time for training that is over after so many seconds, 0 to 1."""
        training = self.limit - self.reserve
        return min(1.0, seconds / training) if training > 0 else 1.0

    @contextmanager
    def timing(self, work: str) -> Iterator[None]:
        """Note how long a kind of work takes."""
        begun = self._now()
        try:
            yield
        finally:
            self._took[work] = self._now() - begun

    def fits(self, work: str) -> bool:
        """Whether there is time for work that takes as long as it did last; work never done before fits."""
        return self._took.get(work, 0.0) <= self.left()
