"""How far a command is: which picture, what is being done to it, how much is done, the time that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from restore.cli.printable import bounded, printable

NAMED = 60  # characters of a name
LOADING = "loading the network"
RESTORING = "restoring"
SURE = 3.0  # seconds of work on which an estimate is based at least
SHARE = 0.02  # of a picture, the same
SLOW = 2.0  # seconds after which it is said how long something has taken


class Course:
    """Follows a command from picture to picture.

    The time that is left is what the rest would take as what is done has. Loading the network is none of
    it. Pictures still to come count by their weights.

    weights: of all pictures, such as their pixels. clock: gives seconds. word: for what there are several of.
    """

    def __init__(self, weights: Sequence[float], clock: Callable[[], float], word: str = "picture"):
        self.weights, self.word, self._clock = weights, word, clock
        self.finished = 0
        self.name, self.doing = "", ""
        self.steps = (0, 0)
        self.spent: dict[str, float] = {}  # seconds of the current picture, by what was done
        self._share = 0.0  # of the current picture
        self._since = clock()
        self._before = 0.0  # seconds of the pictures that are finished
        self._left: tuple[float, float] | None = None  # the time that is left, and when that was said

    @property
    def pictures(self) -> int:
        """How many there are."""
        return len(self.weights)

    @property
    def place(self) -> str:
        """Which picture it is, of how many; empty for a single one."""
        return f"{self.word} {self.number} of {self.pictures}" if self.pictures > 1 else ""

    @property
    def number(self) -> int:
        """The current picture, from 1."""
        return min(self.finished + 1, self.pictures)

    def begin(self, name: str) -> None:
        """Come to the next picture."""
        self.name = bounded(printable(name), NAMED)
        self.steps, self._share, self.spent = (0, 0), 0.0, {}
        self.doing, self._since = "", self._clock()
        self._look_ahead()

    def do(self, doing: str) -> None:
        """Say what is being done from here on."""
        now = self._clock()
        if self.doing:
            self.spent[self.doing] = self.spent.get(self.doing, 0.0) + now - self._since
        self.doing, self._since = doing, now

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """Do something else for a while."""
        before = self.doing
        self.do(doing)
        try:
            yield
        finally:
            self.do(before)

    def expect(self, steps: int) -> None:
        """So many steps are to come at least; counts until the first is done."""
        done, total = self.steps
        if not done:
            self.steps = 0, max(total, steps)

    def step(self, done: int, total: int) -> None:
        """So many steps are done of the current picture."""
        self.steps = done, total
        self.within(0.0)

    def within(self, share: float) -> None:
        """How much of the current step is done, 0 to 1."""
        done, total = self.steps
        if self.doing == RESTORING and total:  # what goes before is of no step
            self._share = max(self._share, min(1.0, (done + share) / total))
            self._look_ahead()

    def end(self) -> None:
        """The current picture is done or has failed."""
        self.do("")
        self._before += self._worked
        self.finished += 1
        self.steps, self._share, self.spent = (0, 0), 0.0, {}

    @property
    def seconds(self) -> float:
        """How long what is being done has taken."""
        return self._clock() - self._since

    @property
    def share(self) -> float:
        """How much is done of all pictures, 0 to 1."""
        done = sum(self.weights[: self.finished]) + self._share * sum(self.weights[self.finished :][:1])
        return done / (sum(self.weights) or 1)

    @property
    def left(self) -> float | None:
        """The seconds that are left for all pictures; None where that cannot be told yet."""
        if self._left is None or self.share >= 1:
            return None
        seconds, at = self._left
        return max(0.0, seconds - (self._clock() - at))

    def _seconds_of(self, doing: str) -> float:
        return self.spent.get(doing, 0.0) + (self.seconds if self.doing == doing else 0.0)

    @property
    def _worked(self) -> float:
        """Seconds of work on the current picture."""
        known = {*self.spent, self.doing} - {LOADING, ""}
        return sum(map(self._seconds_of, known))

    def _look_ahead(self) -> None:
        """Estimate the time that is left."""
        weight, *later = self.weights[self.finished :] or (0.0,)
        done = sum(self.weights[: self.finished])
        restoring = self._seconds_of(RESTORING)
        if self._share >= SHARE and restoring >= SURE:
            this = restoring * (1 - self._share) / self._share
        elif done:
            this = max(0.0, weight * self._before / done - self._worked)
        else:
            return
        rate = (self._before + self._worked + this) / (done + weight)
        self._left = this + rate * sum(later), self._clock()


def status(course: Course) -> str:
    """Say what is being done to the current picture."""
    done, total = course.steps
    if course.doing == RESTORING and total > 1:
        return f"step {min(done + 1, total)} of {total}"
    if course.doing in ("", RESTORING) or course.seconds < SLOW:
        return course.doing
    return f"{course.doing}, {duration(course.seconds)}"


def line(course: Course) -> str:
    """Say all of it in a line."""
    left = course.left
    much = [f"{int(100 * course.share)} %"] if course.share else []
    much += [] if left is None else [f"{duration(left)} left"]
    doing = [each for each in (course.name, status(course)) if each]
    if course.pictures == 1:
        return f"{doing[0]}: {', '.join([*doing[1:], *much])}" if len(doing) > 1 else ", ".join(doing + much)
    return f"{', '.join([course.place, *much])}: {', '.join(doing)}"


def duration(seconds: float) -> str:
    """Give a duration in words, as exactly as an estimate is."""
    if seconds < 10:
        return f"{round(seconds)} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"{minutes} min" if not hours else f"{hours} h {rest} min" if rest else f"{hours} h"
