"""Many machines: pictures are restored by the workers of a Ray cluster, one a graphics card or machine.

This process gives jobs out in blocks, takes the outcomes in the order of the jobs and says what there is to
say, as for one machine. A worker that is lost is replaced where its machine is still there, and its pictures
are done again; machines that join are used.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from restore.cli import jobs as planned
from restore.cli.blocks import Block, Blocks
from restore.cli.course import duration
from restore.cli.job_plan import Job
from restore.cli.outcome import Outcome
from restore.cli.picture_voice import Said, replay
from restore.cli.ray_cluster import Place, connected, places
from restore.cli.ray_worker import RayWorker, errand_of
from restore.cli.runner import Runner
from restore.errors import ConfigError, RestoreError
from restore.images.paths import status_of

QUEUED = 2
"""Blocks that a worker has, so that it never waits for the next."""

LOOK = 5.0
"""Seconds after which machines that have joined or are gone are looked for."""

BEGINNINGS = 2
"""Workers that may be lost in one place before any of them is ready."""

PATIENCE = 10.0
"""Seconds in which workers end by themselves, and a result is seen here that another machine has written."""


@dataclass(eq=False)
class _Worker:
    """A worker and the blocks that it has. called: by Ray; None until it is ready."""

    actor: Any
    place: Place
    starting: Any
    host: str = ""
    blocks: deque[tuple[Any, Block]] = field(default_factory=deque)
    seen: bool = False  # whether a result of it is here


class RayEngine:
    """Restores the pictures of a run on a cluster. address: of it; None starts Ray on this machine."""

    def __init__(self, runner: Runner, address: str | None):
        self.runner, self.address = runner, address
        self._workers: list[_Worker] = []
        self._started = 0
        self._vain: dict[Place, int] = {}  # workers that were lost before they were ready
        self._why = ""  # the last of them was
        self._looked = 0.0
        self._kinds: set[tuple[str, ...]] = set()
        self._lost: list[Job] = []  # those of workers that were lost
        self._ended = False

    def outcomes(self, todo: Iterable[Job]) -> Iterator[Outcome]:
        """Restore the pictures of jobs; in order. Raises ConfigError and WeightsError.

        What ends it is raised after all that is done by then was given.
        """
        jobs = iter(todo)
        first = next(jobs, None)
        if first is None:
            return
        self._errand = errand_of(self.runner, first)
        weights = self.runner.reporter.course.weights
        self._blocks = Blocks(chain([first], jobs), weights)
        self.runner.reporter.course.ahead = lambda: self._blocks.ahead
        self.runner.reporter.do("starting Ray" if self.address is None else "connecting to the cluster")
        with connected(self.address) as ray:
            self._ray = ray
            self.runner.reporter.do(self._doing())
            try:
                yield from self._outcomes()
            except (Exception, KeyboardInterrupt):
                self._dismiss()
                yield from map(self._said, self._blocks.rest())
                raise
            finally:
                self._dismiss()
                # The worker that did them again may have looked before the lost one had ended.
                planned.sweep(self._lost)

    def _outcomes(self) -> Iterator[Outcome]:
        told: Job | None = None
        while not self._blocks.finished:
            if self._ended:
                self._dismiss()
                yield from map(self._said, self._blocks.rest())
                return
            self._look()
            self._send()
            if (job := self._blocks.current) is not None and job is not told:
                told = job
                self.runner.reporter.begin(job.name, job.draw)
                self.runner.reporter.do(self._doing())
            self._take()
            for outcome in self._blocks.turn():
                yield self._said(outcome)

    def end(self) -> None:
        """Begin no more pictures, and give up those in flight."""
        self._ended = True

    def _said(self, outcome: Outcome) -> Outcome:
        """An outcome, once what there is to say of it is said."""
        job, said, ledger = outcome.job, outcome.said, self.runner.ledger
        if ledger is not None and job.item is not None and job.item in ledger.notes:
            said = (Said("note", (ledger.notes.pop(job.item),)), *said)
        replay(self.runner.reporter, job.name, job.draw, said)
        return replace(outcome, said=())

    def _doing(self) -> str:
        ready = [worker for worker in self._workers if worker.host]
        if not ready:
            return "starting workers"
        return f"{len(ready)} workers" if len(ready) > 1 else "1 worker"

    def _look(self) -> None:
        """Have a worker in every place of the machines that are there. Raises ConfigError for none."""
        if self._workers and time.monotonic() - self._looked < LOOK:
            self.runner.reporter.show()
            return
        self._looked = time.monotonic()
        there = places(self._ray, self.runner.settings.device)
        taken = {worker.place for worker in self._workers}
        for place in there:
            if place not in taken and self._vain.get(place, 0) < BEGINNINGS:
                self._start(place)
        if not self._workers:
            raise ConfigError(f"no worker could be started: {self._why or 'the cluster has no processors'}")

    def _start(self, place: Place) -> None:
        ray = self._ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self._started += 1
        options = {
            "num_cpus": place.cpus,
            "num_gpus": place.cards,
            "max_concurrency": QUEUED + 1,  # and one to stop it
            "scheduling_strategy": NodeAffinitySchedulingStrategy(place.node, soft=False),
            "name": f"restore {self._started} on {place.host}",
        }
        actor = ray.remote(RayWorker).options(**options).remote(
            self._errand, place.cpus, place.cards, place.beside
        )  # fmt: skip
        self._workers.append(_Worker(actor, place, actor.ready.remote()))

    def _send(self) -> None:
        """Give work to those that wait for it."""
        ready = [worker for worker in self._workers if worker.host]
        for _ in range(QUEUED):
            for worker in ready:
                if len(worker.blocks) >= QUEUED:
                    continue
                block = self._blocks.next(len(ready))
                if block is None:
                    return
                options = {"num_returns": "streaming", "name": self._named(block)}
                stream = worker.actor.restore.options(**options).remote(block.jobs, block.again)
                worker.blocks.append((stream, block))

    def _named(self, block: Block) -> str:
        """What Ray's dashboard calls a block: which pictures, of how many, and the time that is left."""
        course = self.runner.reporter.course
        left = course.left
        more = "" if left is None else f", {duration(left)} left"
        return f"{block.name} of {course.pictures}{more}"

    def _take(self) -> None:
        """Wait for workers, and take what they have."""
        ray = self._ray
        waited = {worker.starting: worker for worker in self._workers if not worker.host}
        waited |= {stream: worker for worker in self._workers for stream, _ in worker.blocks}
        if not waited:
            time.sleep(0.1)
            return
        there, _ = ray.wait([*waited], num_returns=1, timeout=1.0)
        if there and len(waited) > 1:  # and what else is there by now
            there, _ = ray.wait([*waited], num_returns=len(waited), timeout=0)
        for each in there:
            worker = waited[each]
            if worker not in self._workers:
                continue  # it was lost with another block
            try:
                if worker.host:
                    self._take_part(worker, each)
                else:
                    self._greet(worker, ray.get(each))
            except ray.exceptions.RayTaskError as error:
                raise (error.cause or error) from None
            except ray.exceptions.RayError as error:
                self._lose(worker, error)

    def _greet(self, worker: _Worker, facts: dict[str, Any]) -> None:
        """A worker is ready. Raises ConfigError where it has another version of this program."""
        from restore import __version__

        if facts["version"] != __version__:
            raise ConfigError(
                f"{facts['host']}: has version {facts['version']} of restore, this machine has "
                f"{__version__}; install the same everywhere"
            )
        worker.host = str(facts["host"])
        self._vain.pop(worker.place, None)
        kind = tuple(str(facts[name]) for name in ("machine", "torch", "threads"))
        reporter = self.runner.reporter
        reporter.detail(f"worker on {worker.host}: {kind[0]}, torch {kind[1]}, {kind[2]} threads")
        if self._kinds and kind not in self._kinds and len(self._kinds) == 1:
            reporter.note("the machines differ, and with them the last bits of results, as records say")
        self._kinds.add(kind)
        reporter.do(self._doing())

    def _take_part(self, worker: _Worker, stream: Any) -> None:
        """Take the outcomes that a worker has sent. Raises ConfigError and WeightsError."""
        block = next(block for each, block in worker.blocks if each is stream)
        try:
            part = self._ray.get(next(stream))
        except StopIteration:
            worker.blocks.remove((stream, block))
            if block.left:  # it was stopped
                self._blocks.lost(block)
            return
        if isinstance(part, RestoreError):
            raise part
        if not part:
            self._blocks.begun(block)
            return
        self._check_seen(worker, [outcome for _, outcome in part])
        self._blocks.done(block, part)

    def _check_seen(self, worker: _Worker, outcomes: list[Outcome]) -> None:
        """Check that the first result of a worker is found here. Raises ConfigError."""
        done = [each.job for each in outcomes if each.status == "done"]
        made = [job.target for job in done if job.target and job.destination is None]
        if worker.seen or not made:
            return
        until = time.monotonic() + PATIENCE  # a network file system may tell it late
        while status_of(made[0]) is None:
            if time.monotonic() > until:
                raise ConfigError(
                    f"{worker.host}: has written {made[0]}, which is not found on this machine; results have "
                    "to lie where all machines find them by the same path"
                )
            time.sleep(0.2)
        worker.seen = True

    def _lose(self, worker: _Worker, error: Exception) -> None:
        """A worker is gone: another one does its blocks."""
        self._workers.remove(worker)
        there = {place.node for place in places(self._ray, self.runner.settings.device)}
        why = _reason(error)
        reporter = self.runner.reporter
        if worker.place.node not in there:
            reporter.note(f"{worker.host or worker.place.host} is gone; its pictures are done elsewhere")
            why = ""
        elif worker.host:
            reporter.note(f"a worker on {worker.host} was lost ({why}); another takes its pictures")
        else:
            self._vain[worker.place] = self._vain.get(worker.place, 0) + 1
            self._why = f"{worker.place.host}: {why}"
            if self._vain[worker.place] == BEGINNINGS:
                reporter.note(f"{worker.place.host}: a worker cannot be started there ({why})")
        blocks = [block for _, block in worker.blocks]
        if blocks and not any(block.begun for block in blocks):
            blocks[0].begun = True  # it ended before it could tell
        for block in blocks:
            self._lost += [job for _, job in block.jobs]
            self._blocks.lost(block, by=why)
        with suppress(Exception):
            self._ray.kill(worker.actor)
        self._looked = 0.0

    def _dismiss(self) -> None:
        """Let all workers end, and take what they have done by then."""
        ray, until = self._ray, time.monotonic() + PATIENCE
        workers, self._workers = self._workers, []
        for worker in workers:
            with suppress(ray.exceptions.RayError):
                worker.actor.stop.remote()
        for worker in workers:
            for stream, block in worker.blocks:
                self._take_rest(stream, block, until)
        for worker in workers:
            with suppress(ray.exceptions.RayError):
                ray.kill(worker.actor)

    def _take_rest(self, stream: Any, block: Block, until: float) -> None:
        ray = self._ray
        with suppress(ray.exceptions.RayError, StopIteration):
            while ray.wait([stream], timeout=max(0.0, until - time.monotonic()))[0]:
                part = ray.get(next(stream))
                if not isinstance(part, RestoreError):
                    self._blocks.done(block, part)


def _reason(error: Exception) -> str:
    """Why a worker was lost, in a few words of Ray's many."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line.split(":")[0] and " " not in line.split(":")[0]]
    if told:
        return told[-1]
    if "running low on memory" in " ".join(lines):
        return "the machine ran out of memory"
    return "it was killed or crashed"
