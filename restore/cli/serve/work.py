"""The queue of a server: jobs go to the process that restores, one at a time, previews first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from restore.cli.serve.process import Ended, Process
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Job, Session
from restore.cli.serve.worker import CANCELLED

MODULE = "restore.cli.serve.worker"
ORDER = ("preview", "look", "restore")
PATIENCE = 30.0  # seconds after which what was cancelled is ended by force

TakeResult = Callable[[Session, Job, dict[str, Any]], Awaitable[None]]
"""makes the results of what has become of a job known"""


@dataclass
class _Waiting:
    session: Session
    job: Job


class Work:
    """The jobs of all visitors.

    take_result: is given what has become of each. folder: where the process starts. network: words of the
    command line that say which network is used.
    """

    def __init__(
        self, folder: Path, take_result: TakeResult, network: Sequence[str] = (), module: str = MODULE
    ):
        self._process = Process(module, folder)
        self._take_result, self._network = take_result, list(network)
        self._waiting: list[_Waiting] = []
        self._current: _Waiting | None = None
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._told: asyncio.Task[None] | None = None  # of the job before: its results are looked at
        self._forced: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Start the process, which loads the network meanwhile."""
        await self._begin()
        self._task = asyncio.create_task(self._go())

    async def _begin(self) -> None:
        with suppress(OSError, Ended):
            await self._process.start()
            await self._process.send(do="warm", network=self._network)

    async def stop(self) -> None:
        """End the process and what it does."""
        for task in (self._task, self._told):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self._process.stop()

    def add(self, session: Session, job: Job) -> None:
        """Put a job into the queue: previews first, then what only looks, then what restores."""
        before = ORDER[: ORDER.index(job.kind) + 1]
        place = sum(each.job.kind in before for each in self._waiting)
        self._waiting.insert(place, _Waiting(session, job))
        self._tell_places()
        self._changed.set()

    async def cancel(self, job: Job) -> None:
        """Take a job out of the queue, or end it. Raises Refusal for one that has ended."""
        if job.ended:
            raise Refusal(f"this job has ended already ({job.status})", 409)
        for each in self._waiting:
            if each.job is job:
                self._waiting.remove(each)
                job.status, job.place = "cancelled", 0
                each.session.tell(job)
                self._tell_places()
                return
        if self._current is not None and self._current.job is job:
            with suppress(Ended):
                await self._process.send(do="cancel", job=job.id)
            loop = asyncio.get_running_loop()
            self._forced = loop.call_later(PATIENCE, self._force, job)

    def _force(self, job: Job) -> None:
        if self._current is not None and self._current.job is job:
            self._stopping = asyncio.create_task(self._process.stop(0.0))

    def _tell_places(self) -> None:
        """Tell all visitors whose jobs have moved."""
        moved: dict[int, tuple[Session, dict[str, int]]] = {}
        for place, each in enumerate(self._waiting, 1):
            if each.job.place != place:
                each.job.place = place
                moved.setdefault(id(each.session), (each.session, {}))[1][each.job.id] = place
        for session, places in moved.values():
            session.feed.send("places", {"places": places})

    async def _go(self) -> None:
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            self._current = current = self._waiting.pop(0)
            current.job.status, current.job.place = "running", 0
            current.session.tell(current.job)
            self._tell_places()
            began = time.monotonic()
            try:
                ended = await self._run(current)
            except (Ended, OSError) as error:
                ended = {"code": 1, "events": [], "said": [], "fault": f"{error}; try again"}
            if self._forced is not None:
                self._forced.cancel()
                self._forced = None
                if ended["fault"]:
                    ended["code"] = CANCELLED
            self._current = None
            current.job.seconds = round(time.monotonic() - began, 3)
            if not self._process.runs:
                await self._begin()
            # The next job does not wait until the results of this one are looked at; the one after it does.
            if self._told is not None:
                await self._told
            self._told = asyncio.create_task(self._tell(current, ended))

    async def _tell(self, current: _Waiting, ended: dict[str, Any]) -> None:
        await self._take_result(current.session, current.job, ended)

    async def _run(self, current: _Waiting) -> dict[str, Any]:
        """Let the process run a job, and tell of its progress."""
        job = current.job
        await self._process.start()
        request = {"folder": str(job.folder), "argv": job.argv, "look": job.kind == "look"}
        await self._process.send(do="run", job=job.id, **request)
        while True:
            answer = await self._process.receive()
            if answer.get("job") != job.id:
                continue  # that it is ready, or the last word on another
            if "ended" in answer:
                ended: dict[str, Any] = answer["ended"]
                return ended
            job.progress = answer["progress"]
            current.session.tell(job)
