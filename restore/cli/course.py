"""How far a command is: which picture, what is being done to it, how much is done, the time that is left."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import accumulate

from restore.cli.printable import bounded, printable

NAMED = 60  # characters of a name
LOADING = "loading the network"
RESTORING = "restoring"
MEASURING = "measuring how sure the result is"
SURE = 3.0  # seconds of work on which an estimate is based at least
SHARE = 0.02  # of a picture, the same
SLOW = 2.0  # seconds after which it is said how long something has taken


class Stage:
    """What is being done to one picture, and how much of it is done.

    name: of the picture. clock: gives seconds.
    """

    def __init__(self, clock: Callable[[], float], name: str = ""):
        self.name = bounded(printable(name), NAMED)
        self.doing, self._clock = "", clock
        self.steps = (0, 0)
        self.share = 0.0
        self.later = 0  # network calls of what is measured of the result, as many as are expected
        self.measured = 0.0  # how much of that is done
        self.place = ""  # which part of several it is
        self._parts = (0, 1)  # how many of them are done, of how many
        self.spent: dict[str, float] = {}  # seconds, by what was done
        self._since = clock()

    def part(self, number: int, count: int, label: str) -> None:
        """Come to the next of several parts, such as the pages of a document."""
        self.steps, self._parts = (0, 0), (number - 1, count)
        self.place = f"{label} of {count}"

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
        """So many steps are done."""
        self.steps = done, total
        self.within(0.0)

    def within(self, share: float) -> None:
        """How much of the current step is done, 0 to 1."""
        done, total = self.steps
        if self.doing == MEASURING:
            self.measured = max(self.measured, share)
            self._reach(1.0)
        elif self.doing == RESTORING and total:  # what goes before is of no step
            before, parts = self._parts
            self._reach((before + min(1.0, (done + share) / total)) / parts)

    def _reach(self, restored: float) -> None:
        """So much of the result is there."""
        calls = max(1, self.steps[1])
        done = (calls * restored + self.later * self.measured) / (calls + self.later)
        self.share = max(self.share, done)

    @property
    def left(self) -> float | None:
        """The seconds that are left as the rest takes what is done has; None where that is not known yet."""
        measuring = self.seconds_of(MEASURING)
        if self.measured >= SHARE and measuring >= SURE:
            return measuring * (1 - self.measured) / self.measured
        gone = self.seconds_of(RESTORING) + measuring
        return gone * (1 - self.share) / self.share if self.share >= SHARE and gone >= SURE else None

    @property
    def seconds(self) -> float:
        """How long what is being done has taken."""
        return self._clock() - self._since

    def seconds_of(self, doing: str) -> float:
        """How long something has been done."""
        return self.spent.get(doing, 0.0) + (self.seconds if self.doing == doing else 0.0)

    @property
    def worked(self) -> float:
        """Seconds of work."""
        known = {*self.spent, self.doing} - {LOADING, ""}
        return sum(map(self.seconds_of, known))


class Course:
    """Follows a command from picture to picture.

    The time that is left is what the rest would take as what is done has. Loading the network is none of
    it. Pictures still to come count by their weights.

    weights: of all pictures, such as their pixels. clock: gives seconds. word: for what there are several of.
    ahead: where several pictures are restored at once, gives the weight of what is done of those that come
    after the current one.
    """

    def __init__(self, weights: Sequence[float], clock: Callable[[], float], word: str = "picture"):
        self.weights, self.word, self._clock = weights, word, clock
        self.ahead: Callable[[], float] | None = None
        self.finished = 0
        self.stage = Stage(clock)
        self._sums = array("d", accumulate(weights, initial=0.0))
        self._before = 0.0  # seconds of the pictures that are finished
        self._began: float | None = None  # when the first of several pictures was begun
        self._left: tuple[float, float] | None = None  # the time that is left, and when that was said

    @property
    def name(self) -> str:
        """The current picture."""
        return self.stage.name

    @property
    def doing(self) -> str:
        """What is being done to it."""
        return self.stage.doing

    @property
    def steps(self) -> tuple[int, int]:
        """How many steps of it are done, of how many."""
        return self.stage.steps

    @property
    def spent(self) -> dict[str, float]:
        """Seconds of the current picture, by what was done."""
        return self.stage.spent

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

    def begin(self, name: str, stage: Stage | None = None) -> None:
        """Come to the next picture. stage: what is being done to it already."""
        self.stage = stage or Stage(self._clock, name)
        self._look_ahead()

    def do(self, doing: str) -> None:
        """Say what is being done from here on."""
        self.stage.do(doing)

    def during(self, doing: str) -> AbstractContextManager[None]:
        """Do something else for a while."""
        return self.stage.during(doing)

    def expect(self, steps: int) -> None:
        """So many steps are to come at least; counts until the first is done."""
        self.stage.expect(steps)

    def step(self, done: int, total: int) -> None:
        """So many steps are done of the current picture."""
        self.stage.step(done, total)
        self._look_ahead()

    def within(self, share: float) -> None:
        """How much of the current step is done, 0 to 1."""
        self.stage.within(share)
        self._look_ahead()

    def end(self) -> None:
        """The current picture is done or has failed."""
        self.do("")
        self._before += self.stage.worked
        self.finished += 1
        self.stage = Stage(self._clock)

    @property
    def seconds(self) -> float:
        """How long what is being done has taken."""
        return self.stage.seconds

    @property
    def share(self) -> float:
        """How much is done of all pictures, 0 to 1."""
        return self._done / (self._sums[-1] or 1)

    @property
    def _done(self) -> float:
        """The weight of what is done."""
        known = self._sums[min(self.finished, self.pictures)]
        return known + self.stage.share * self._weight + (self.ahead() if self.ahead else 0.0)

    @property
    def _weight(self) -> float:
        """That of the current picture."""
        return self.weights[self.finished] if self.finished < self.pictures else 0.0

    @property
    def left(self) -> float | None:
        """The seconds that are left for all pictures; None where that cannot be told yet."""
        if self._left is None or self.share >= 1:
            return None
        seconds, at = self._left
        return max(0.0, seconds - (self._clock() - at))

    def _look_ahead(self) -> None:
        """Estimate the time that is left."""
        if self.ahead is not None:
            self._look_ahead_of_many()
            return
        stage, weight = self.stage, self._weight
        done = self._sums[min(self.finished, self.pictures)]
        this = stage.left
        if this is None and done:
            this = max(0.0, weight * self._before / done - stage.worked)
        if this is None:
            return
        rate = (self._before + stage.worked + this) / (done + weight)
        self._left = this + rate * (self._sums[-1] - done - weight), self._clock()

    def _look_ahead_of_many(self) -> None:
        """The same for pictures that are restored at once: by how long all that is done has taken."""
        now, done = self._clock(), self._done
        if done and self._began is None:
            self._began = now
        if self._began is not None and now - self._began >= SURE and done >= SHARE * self._weight:
            self._left = (now - self._began) * (self._sums[-1] - done) / done, now


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
    doing = [each for each in (course.name, course.stage.place, status(course)) if each]
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
