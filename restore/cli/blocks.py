"""Jobs on their way to workers and back: which go out together, which again, and whose turn it is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from restore.cli.job_plan import Job
from restore.cli.outcome import Outcome

MOST = 64
"""Jobs of a block."""

LONGEST = 30.0
"""Seconds that a block takes, by those that are done; single pictures may take longer."""

SHARES = 4
"""Blocks for each worker that the jobs that are left are divided into, so that all end at once."""

AHEAD = 4 * MOST
"""Jobs for each worker that may be out, or done before those whose turn it is."""

SUSPECTS = 4
"""Jobs that come back one by one where a worker was lost: it does them in order, a few at once."""

FATAL = 2
"""Workers that a job may end."""

Numbered = tuple[int, Job]


@dataclass
class Block:
    """Jobs that a worker is given at once.

    again: whether a worker was lost that had them, so that some may be done. begun: whether it has come to
    the first of them.
    """

    jobs: list[Numbered]
    again: bool = False
    begun: bool = False
    since: float = 0.0
    left: dict[int, Job] = field(init=False)

    def __post_init__(self) -> None:
        self.left = dict(self.jobs)

    @property
    def name(self) -> str:
        """What it is called: by the numbers of its jobs, from 1."""
        first, last = self.jobs[0][0] + 1, self.jobs[-1][0] + 1
        return f"picture {first}" if first == last else f"pictures {first} to {last}"


class Blocks:
    """Gives jobs out in blocks and their outcomes in the order of the jobs.

    weights: of the jobs, as far as they are known. clock: gives seconds.
    """

    def __init__(
        self, jobs: Iterable[Job], weights: Sequence[float] = (), clock: Callable[[], float] = time.monotonic
    ):
        # The samples of a picture stay together: it is read once for all of them.
        self._groups = (list(group) for _, group in groupby(jobs, key=lambda job: job.source))
        self._weights, self._clock = weights, clock
        self._exhausted = False
        self._given = 0
        self._turn = 0
        self._again: deque[Block] = deque()
        self._out: dict[int, Job] = {}
        self._done: dict[int, Outcome] = {}
        self._deaths: dict[int, int] = {}
        self._spent = (0.0, 0)  # seconds of workers, and the jobs that were done in them

    @property
    def finished(self) -> bool:
        """Whether all jobs are done and given."""
        return self._exhausted and self._turn == self._given

    @property
    def current(self) -> Job | None:
        """The job whose turn it is; None where it is not out yet."""
        return self._out.get(self._turn)

    @property
    def ahead(self) -> float:
        """The weight of what is done of the jobs after the current one."""
        return sum(self._weight(number) for number in self._done if number != self._turn)

    def next(self, workers: int) -> Block | None:
        """Give the next block; None while there is none, or enough are done ahead of their turn.

        workers: how many there are.
        """
        if self._again:
            return self._again.popleft()
        room = AHEAD * max(1, workers) - (self._given - self._turn)
        size = min(room, self._size(max(1, workers)))
        jobs: list[Numbered] = []
        while not self._exhausted and len(jobs) < size:
            group = next(self._groups, None)
            if group is None:
                self._exhausted = True
                break
            jobs += enumerate(group, self._given)
            self._given += len(group)
        self._out |= jobs
        return Block(jobs) if jobs else None

    def begun(self, block: Block) -> None:
        """A worker has come to a block."""
        block.begun, block.since = True, self._clock()

    def done(self, block: Block, outcomes: Iterable[tuple[int, Outcome]]) -> None:
        """Some jobs of a block are done."""
        count = 0
        for number, outcome in outcomes:
            block.left.pop(number, None)
            count += 1
            job = self._out.pop(number, None)
            if job is not None:  # else another worker was faster
                self._done[number] = replace(outcome, job=job)
        now = self._clock()
        if count:
            seconds, jobs = self._spent
            self._spent = seconds + now - block.since, jobs + count
            block.since = now

    def lost(self, block: Block, *, by: str = "") -> None:
        """The worker of a block was lost: its jobs are done again, those singly that may have ended it.

        by: what ended it, where it may have been one of the jobs; one that ends several is failed.
        """
        left = [(number, job) for number, job in block.left.items() if number in self._out]
        if not (by and block.begun):
            self._repeat(left)
            return
        suspects, others = left[:SUSPECTS], left[SUSPECTS:]
        for number, job in suspects:
            self._deaths[number] = self._deaths.get(number, 0) + 1
            if len(left) == 1 and self._deaths[number] >= FATAL:
                self._out.pop(number)
                self._done[number] = _fatal(job, by)
            else:
                self._repeat([(number, job)])
        self._repeat(others)

    def turn(self) -> Iterator[Outcome]:
        """Give the outcomes whose turn it is."""
        while self._turn in self._done:
            outcome = self._done.pop(self._turn)
            self._turn += 1
            yield outcome

    def rest(self) -> Iterator[Outcome]:
        """Give all outcomes that are there, where no more will come."""
        for number in sorted(self._done):
            yield self._done.pop(number)

    def _repeat(self, jobs: list[Numbered]) -> None:
        if jobs:
            self._again.append(Block(jobs, again=True))

    def _size(self, workers: int) -> int:
        """How many jobs the next block has."""
        seconds, jobs = self._spent
        size = MOST if not jobs else min(MOST, int(LONGEST * jobs / max(seconds, 1e-3)))
        if len(self._weights) > self._given:
            size = min(size, (len(self._weights) - self._given) // (SHARES * workers))
        return max(1, size)

    def _weight(self, number: int) -> float:
        return self._weights[number] if number < len(self._weights) else 1.0


def _fatal(job: Job, by: str) -> Outcome:
    """The outcome of a job that has ended its worker again."""
    from restore.cli.picture_voice import Said

    error = f"{job.name}: its worker was lost {FATAL} times while it was restored ({by}); see Ray's logs"
    facts = {"input": job.name, "output": job.output, "status": "failed", "error": error}
    said = Said("error", (error,)), Said("end"), Said("nothing", (), facts)
    return Outcome(job, "failed", facts, error, said=said)
