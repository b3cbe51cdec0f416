"""Several pictures at once on one machine: one is read or written while the network computes another.

Every lane is a thread that takes one picture after the other all the way. Network calls are put together
(`restore.priors.merged`). What is said, and in which order, is as for one picture after the other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from itertools import groupby

import click
from click.globals import push_context

from restore.cli.heap import keep_memory
from restore.cli.hosted import host
from restore.cli.job_plan import Job
from restore.cli.memory_need import PER_PIXEL_ELSE
from restore.cli.outcome import Outcome
from restore.cli.picture_voice import PictureVoice, Stopped
from restore.cli.recorder import Recorder
from restore.cli.reporter import Reporter
from restore.images.memory import give_back, limit
from restore.images.told import told_size
from restore.turns import taking

MOST = 24
"""Lanes, unless told otherwise."""

FEW = 3
"""Pictures that are in flight at least: one is read, one computed, one written."""

SMALL = 2**18
"""Pixels of pictures in flight up to which more are taken."""

QUICK = 2**17
"""Pixels of pictures that take turns: what is done to them between network calls are many short steps."""

TURNS = 2
"""Such pictures that are worked on at once, without those that wait for the network."""

AHEAD = 64
"""Pictures that may be done before the one whose turn it is."""

Attempt = Callable[[Job, Recorder, PictureVoice], Outcome]
"""restores the picture of a job"""


class _Flight:
    """A job in a lane."""

    def __init__(self, job: Job, voice: PictureVoice, weight: float):
        self.job, self.voice, self.weight = job, voice, weight
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None

    @property
    def ended(self) -> bool:
        return self.outcome is not None or self.error is not None

    @property
    def done(self) -> float:
        """How much of its weight is done."""
        return self.weight * (1.0 if self.ended else self.voice.stage.share)


class Lanes:
    """Restores the pictures of jobs and gives their outcomes in order.

    attempt: restores one. recorder: gives one for a picture and all its samples. count: lanes; None for as
    many as help, by the sizes of the pictures. growth: pixels of a result for each of its picture.
    """

    def __init__(
        self,
        attempt: Attempt,
        reporter: Reporter,
        recorder: Callable[[], Recorder],
        *,
        count: int | None = None,
        growth: float = 1.0,
    ):
        self._attempt, self._reporter, self._recorder = attempt, reporter, recorder
        self._count, self._growth = count, growth
        self._changed, self._taking = threading.Condition(), threading.Lock()
        self._flights: deque[_Flight] = deque()
        self._computing: dict[int, int] = {}  # pixels in each lane
        self._turns = threading.Semaphore(TURNS)
        self._stopped = False
        self._exhausted = False
        self._broken: BaseException | None = None  # what the jobs themselves raised
        self._begun = 0
        self._most: int | None = None

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Restore all pictures. What ends the run is raised after all that is done by then was given."""
        groups = (list(group) for _, group in groupby(jobs, key=lambda job: job.source))
        if self._count == 1:
            yield from self._one_by_one(groups)
            return
        self._most = limit()
        if host() is None:  # a program that goes on gives its memory back
            keep_memory()
        self._reporter.course.ahead = self._ahead
        context = click.get_current_context(silent=True)
        lanes = [
            threading.Thread(target=copy_context().run, args=(self._work, groups, n, context), daemon=True)
            for n in range(self._count or MOST)
        ]
        for lane in lanes:
            lane.start()
        try:
            yield from self._in_order()
        except (Exception, KeyboardInterrupt):
            self._stop(lanes)
            yield from self._done()
            raise
        finally:
            self._stop(lanes)
            give_back()  # the next pictures may be hours away

    def _one_by_one(self, groups: Iterator[list[Job]]) -> Iterator[Outcome]:
        for group in groups:
            recorder = self._recorder()
            for job in group:
                voice = self._voice(job)
                voice.open()
                yield self._attempt(job, recorder, voice)
                if self._stopped:
                    return

    def _in_order(self) -> Iterator[Outcome]:
        while True:
            with self._changed:
                while not (self._flights or self._exhausted):
                    self._changed.wait()
                if not self._flights:
                    if self._broken is not None:
                        raise self._broken
                    return
                flight = self._flights[0]
            flight.voice.open()
            with self._changed:
                while not flight.ended:
                    self._changed.wait()
                self._flights.popleft()
                self._changed.notify_all()
            if flight.outcome is not None:
                yield flight.outcome
            elif flight.error is not None and not isinstance(flight.error, Stopped):
                raise flight.error

    def in_flight(self) -> int:
        """Give how many pictures are being restored."""
        return len(self._computing)

    def end(self) -> None:
        """Begin no more pictures, and give up those in flight."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _done(self) -> Iterator[Outcome]:
        """Those in flight that are done, though they were not to be waited for."""
        while self._flights:
            flight = self._flights.popleft()
            if flight.outcome is not None:
                flight.voice.open()
                yield flight.outcome

    def _ahead(self) -> float:
        """The weight of what is done of pictures after the current one."""
        return sum(flight.done for flight in list(self._flights)[1:])

    def _work(self, groups: Iterator[list[Job]], lane: int, context: click.Context | None) -> None:
        """Take one picture after the other."""
        if context is not None:
            push_context(context)
        while True:
            flights = self._next(groups, lane)
            if not flights:
                return
            recorder = self._recorder()
            for flight in flights:
                try:
                    with taking(self._turns if self._computing[lane] <= QUICK else None):
                        outcome = self._attempt(flight.job, recorder, flight.voice)
                except BaseException as error:
                    self._ended(flight, error=error)
                else:
                    self._ended(flight, outcome)
            with self._changed:
                self._computing.pop(lane, None)
                self._changed.notify_all()

    def _ended(
        self, flight: _Flight, outcome: Outcome | None = None, error: BaseException | None = None
    ) -> None:
        with self._changed:
            flight.outcome, flight.error = outcome, error
            self._changed.notify_all()

    def _next(self, groups: Iterator[list[Job]], lane: int) -> list[_Flight]:
        """The samples of the next picture, once there is room for it; nothing where there is none."""
        with self._taking:  # the head of its file is read while others compute
            group = self._group(groups)
            pixels = _pixels(group[0]) if group else 0
            with self._changed:
                while group and not (self._stopped or self._has_room(pixels)):
                    self._changed.wait()
                if not group or self._stopped:
                    self._exhausted = True
                    self._changed.notify_all()
                    return []
                weights = self._reporter.course.weights[self._begun : self._begun + len(group)]
                flights = [
                    _Flight(job, self._voice(job), weights[k] if k < len(weights) else 1.0)
                    for k, job in enumerate(group)
                ]
                self._begun += len(group)
                self._computing[lane] = pixels
                self._flights.extend(flights)
                self._changed.notify_all()
                return flights

    def _group(self, groups: Iterator[list[Job]]) -> list[Job]:
        if self._stopped or self._exhausted:
            return []
        try:
            return next(groups, [])
        except BaseException as error:
            self._broken = error
            return []

    def _voice(self, job: Job) -> PictureVoice:
        return PictureVoice(self._reporter, job.name, job.draw, stopped=lambda: self._stopped)

    def _has_room(self, pixels: int) -> bool:
        """Whether a picture of so many pixels can be taken beside those in flight."""
        if sum(flight.ended for flight in self._flights) >= AHEAD:
            return False
        if not self._computing:
            return True
        pixels += sum(self._computing.values())
        # The other half is left to network calls.
        if self._most is not None and pixels * self._growth * PER_PIXEL_ELSE > self._most / 2:
            return False
        return self._count is not None or len(self._computing) < FEW or pixels <= SMALL

    def _stop(self, lanes: list[threading.Thread]) -> None:
        """Give up what is in flight, but not a file that is being written."""
        self.end()
        for lane in lanes:
            lane.join()


def _pixels(job: Job) -> int:
    """The pixels of a picture, by its header; many where it does not tell."""
    size = None if job.source is None else told_size(job.source)
    return SMALL if size is None else size[0] * size[1]
