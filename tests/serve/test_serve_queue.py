"""The queue of `restore serve`: the order of jobs, cancelling, and a process that ends by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import restore.cli.serve.work as work_module
from restore.cli.serve.feed import KEPT, Feed
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.state import Job, Picture, Session, new_id
from restore.cli.serve.work import Work

SUPPORT = Path(__file__).parents[1] / "support"
PATIENT = 60.0  # seconds, after which a test has failed


class Desk:
    """A queue with a pretended process, and what it tells."""

    def __init__(self, folder: Path):
        self.session = Session(folder)
        self.picture = Picture(new_id(), "a.png", folder / "a.png", "input", {})
        self.ended: list[str] = []
        self.told: dict[str, dict[str, Any]] = {}
        self.work = Work(folder, self._take_result, module="pretend_worker")

    async def _take_result(self, session: Session, job: Job, ended: dict[str, Any]) -> None:
        job.status = "cancelled" if ended["code"] == 130 else "failed" if ended["fault"] else "done"
        self.ended.append(job.argv[0])
        self.told[job.id] = ended
        job.progress = None

    def job(self, word: str, kind: str = "restore") -> Job:
        job = Job(new_id(), kind, "denoise", self.picture, {}, self.session.folder, argv=[word])
        self.work.add(self.session, job)
        return job

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENT):
            while not holds():
                await asyncio.sleep(0.005)


Run = Callable[[Callable[[Desk], Awaitable[None]]], None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("PYTHONPATH", str(SUPPORT))

    def run(does: Callable[[Desk], Awaitable[None]]) -> None:
        async def whole() -> None:
            desk = Desk(tmp_path)
            await desk.work.start()
            try:
                await does(desk)
            finally:
                await desk.work.stop()

        asyncio.run(whole())

    return run


def test_previews_and_looks_come_before_what_takes_long(run: Run) -> None:
    async def does(desk: Desk) -> None:
        first = desk.job("wait")
        await desk.until(lambda: first.progress)
        jobs = [desk.job("b"), desk.job("e", "look"), desk.job("d"), desk.job("c", "preview")]
        assert [each.place for each in jobs] == [3, 2, 4, 1]
        await desk.work.cancel(first)
        await desk.until(lambda: len(desk.ended) == 5)
        assert desk.ended == ["wait", "c", "e", "b", "d"]
        assert first.status == "cancelled" and {each.status for each in jobs} == {"done"}
        assert first.seconds is not None and not any(each.place for each in jobs)

    run(does)


def test_the_next_job_runs_while_results_are_looked_at(run: Run) -> None:
    async def does(desk: Desk) -> None:
        looking = asyncio.Event()
        plain = desk._take_result

        async def slow(session: Session, job: Job, ended: dict[str, Any]) -> None:
            if job.argv[0] == "a":
                await looking.wait()
            await plain(session, job, ended)

        desk.work._take_result = slow
        first, second, third = desk.job("a"), desk.job("wait"), desk.job("c")
        await desk.until(lambda: second.progress)
        assert (first.status, second.status, third.place) == ("running", "running", 1)
        await desk.work.cancel(second)
        await asyncio.sleep(0.05)
        assert desk.ended == []  # in their order
        looking.set()
        await desk.until(lambda: third.ended)
        assert desk.ended == ["a", "wait", "c"]

    run(does)


def test_all_that_has_moved_is_told_in_one_event(run: Run) -> None:
    async def does(desk: Desk) -> None:
        first = desk.job("wait")
        await desk.until(lambda: first.progress)
        jobs = [desk.job(word) for word in "abc"]
        before = desk.session.feed.number
        await desk.work.cancel(jobs[0])
        stream = desk.session.feed.stream(before)
        told = [await anext(stream) for _ in range(3)][1:]
        assert [each.splitlines()[1] for each in told] == ["event: job", "event: places"]
        places = json.loads(told[1].splitlines()[2].removeprefix("data: "))
        assert places == {"places": {jobs[1].id: 1, jobs[2].id: 2}}
        await desk.work.cancel(first)
        await desk.until(lambda: jobs[2].ended)

    run(does)


def test_a_job_that_waits_is_taken_out_and_one_that_has_ended_stays(run: Run) -> None:
    async def does(desk: Desk) -> None:
        first, second, third = desk.job("wait"), desk.job("b"), desk.job("c")
        await desk.work.cancel(second)
        assert second.status == "cancelled" and third.place in (1, 2)
        await desk.until(lambda: first.progress)
        assert third.place == 1
        await desk.work.cancel(first)
        await desk.until(lambda: third.ended)
        with pytest.raises(Refusal, match="has ended already"):
            await desk.work.cancel(third)
        assert desk.ended == ["wait", "c"]

    run(does)


def test_a_process_that_is_killed_fails_its_job_and_is_started_anew(run: Run) -> None:
    async def does(desk: Desk) -> None:
        first, second = desk.job("die"), desk.job("b")
        await desk.until(lambda: second.ended)
        assert desk.told[first.id]["fault"] == (
            "the process that computes was ended by signal 9, probably for lack of memory; try again"
        )
        assert (first.status, second.status) == ("failed", "done")

    run(does)


def test_what_does_not_end_when_it_is_cancelled_is_ended_by_force(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "PATIENCE", 0.01)

    async def does(desk: Desk) -> None:
        first, second = desk.job("stuck"), desk.job("b")
        await desk.until(lambda: first.progress)
        await desk.work.cancel(first)
        await desk.until(lambda: second.ended)
        assert (first.status, second.status) == ("cancelled", "done")

    run(does)


def test_a_tab_that_comes_back_is_told_what_it_missed(tmp_path: Path) -> None:
    async def first_of(feed: Feed, last: int | None, count: int) -> list[str]:
        stream = feed.stream(last)
        found = [await anext(stream) for _ in range(count)]
        await stream.aclose()  # type: ignore[attr-defined]
        return found[1:]

    async def does() -> None:
        feed = Feed()
        for number in range(3):
            feed.send("job", {"number": number})
        missed = await first_of(feed, 1, 3)
        assert [each.splitlines()[0] for each in missed] == ["id: 2", "id: 3"]
        assert 'data: {"number": 2}' in missed[1]
        assert "event: ready" in (await first_of(feed, None, 2))[0]
        for unknown in (4, 10**9):  # of another server
            assert "event: reset" in (await first_of(feed, unknown, 2))[0]
        for number in range(KEPT):
            feed.send("job", {"number": number})
        assert "event: reset" in (await first_of(feed, 1, 2))[0]
        assert not feed.read

    asyncio.run(does())


def test_a_tab_that_does_not_read_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.cli.serve.feed.WAITING", 4)

    async def does() -> None:
        feed = Feed()
        stream = feed.stream(None)
        assert "retry" in await anext(stream) and "ready" in await anext(stream)
        for number in range(10):
            feed.send("job", {"number": number})
        rest = [each async for each in stream]
        assert len(rest) <= 4 and not feed.read

    asyncio.run(does())
