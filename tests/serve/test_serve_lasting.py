"""What a server keeps for long: names beside each other, files that go, and how it ends."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest
from asgi_calls import serving

pytest.importorskip("starlette", reason="the web extra is not installed")
pytest.importorskip("uvicorn", reason="the web extra is not installed")
from served_pictures import PNG, NoViewer, NoWork

import restore.cli.serve.service as service_module
from restore.cli.serve import routes_jobs, uploads
from restore.cli.serve.config import PUBLIC
from restore.cli.serve.job_results import JobResults
from restore.cli.serve.names import clean_name
from restore.cli.serve.process import Ended, Process
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.server import Server, bound
from restore.cli.serve.service import Service
from restore.cli.serve.state import Job, Picture, Region, Session, new_id
from restore.cli.serve.worker import HOLE

ENDED = {"code": 0, "events": [], "said": [], "fault": ""}


class Forgetful(NoViewer):
    """Ends for the first picture, and knows what it was told to forget."""

    def __init__(self, folder: Path, ends: int = 0):
        super().__init__(folder)
        self.forgotten: list[Path] = []
        self._ends = ends

    async def open(self, path: Path, *, name: str, like: Path | None = None) -> dict[str, Any]:
        self._ends -= 1
        if self._ends >= 0:
            raise Refusal("the process that shows pictures has ended", 503)
        return await super().open(path, name=name, like=like)

    async def forget(self, path: Path) -> None:
        self.forgotten.append(path)


def picture(session: Session, name: str, job: Job | None = None) -> Picture:
    """A picture of a session, in a folder of its own or in that of a job."""
    folder = session.folder / "files" / new_id() if job is None else job.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(PNG)
    kind, id = ("input", None) if job is None else ("result", job.id)
    made = Picture(new_id(), name, folder / name, kind, {}, job=id)
    session.pictures[made.id] = made
    return made


def job(session: Session, of: Picture, *argv: str, kind: str = "restore") -> Job:
    """A job that has ended."""
    folder = session.folder / "jobs" / new_id()
    folder.mkdir(parents=True)
    made = Job(new_id(), kind, "denoise", of, {}, folder, argv=["denoise", of.name, *argv], status="done")
    session.jobs[made.id] = made
    return made


def ended(viewer: NoViewer, session: Session, made: Job, **event: Any) -> Job:
    """The job, once what has become of it is known."""
    events = [{"event": "picture", "status": "done", "output": "a-denoised.png"} | event] if event else []
    asyncio.run(JobResults(viewer)(session, made, ENDED | {"events": events}))
    return made


def test_pictures_called_as_the_server_calls_its_own_are_none_of_these(tmp_path: Path) -> None:
    session, viewer = Session(tmp_path), NoViewer(tmp_path)
    assert clean_name(HOLE) != HOLE
    for name in ("a-uncertainty.png", "hole.png", "region.png"):
        made = job(session, picture(session, name), kind="look")
        (made.folder / name).write_bytes(PNG)
        ended(viewer, session, made)
        assert (made.status, made.map, made.region) == ("done", None, None)
    made = job(session, picture(session, "a.png"), "--uncertainty", "a-uncertainty.png", kind="look")
    for name in ("a-uncertainty.png", HOLE):
        (made.folder / name).write_bytes(PNG)
    ended(viewer, session, made)
    assert made.map is not None and session.pictures[made.map].name == "a-uncertainty.png"
    assert made.region is not None and made.region.path.parent == tmp_path / "regions"


def test_a_result_is_looked_at_again_where_the_viewer_has_ended(tmp_path: Path) -> None:
    session = Session(tmp_path)
    for ends, status in ((1, "done"), (2, "failed")):
        made = job(session, picture(session, "a.png"))
        (made.folder / "a-denoised.png").write_bytes(PNG)
        ended(Forgetful(tmp_path, ends), session, made, seed=1)
        assert made.status == status and bool(made.results) == (status == "done")


def test_what_is_removed_leaves_no_file_though_its_result_was_used(tmp_path: Path) -> None:
    service = Service(
        serving(tmp_path), Forgetful(tmp_path), NoWork(tmp_path, JobResults(NoViewer(tmp_path)))
    )
    session = service.session("")
    first = picture(session, "a.png")
    made = job(session, first)
    region = session.region_file()
    region.write_bytes(PNG)
    result = picture(session, "a-denoised.png", made)
    result.regions["r"] = Region("r", region, {})
    second = job(session, result)
    asyncio.run(service.remove_job(session, made))
    assert not made.folder.exists() and not region.exists() and second.folder.exists()
    asyncio.run(service.remove_job(session, second))
    asyncio.run(service.remove_picture(session, first))
    assert not [each for each in session.folder.rglob("*") if each.is_file()]


def test_who_has_gone_is_forgotten_with_all_that_is_kept_of_their_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "SWEEP", 0.001)
    viewer = Forgetful(tmp_path)
    told = serving(tmp_path, public=True, limits=PUBLIC)
    service = Service(told, viewer, NoWork(tmp_path, JobResults(viewer)))
    session = service.session("visitor")
    path = picture(session, "a.png").path
    session.used = float("-inf")

    async def sweep() -> None:
        await service.start()
        async with asyncio.timeout(60):
            while session.folder.exists():
                await asyncio.sleep(0.005)
        await service.stop()

    asyncio.run(sweep())
    assert viewer.forgotten == [path] and not service.sessions
    assert service.session("visitor").folder != session.folder


def test_a_file_of_several_names_counts_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a").write_bytes(b"x" * 1000)
    uploads.linked([(tmp_path / "in" / "a", "b")], tmp_path)
    (tmp_path / "c").write_bytes(b"x" * 10)
    assert uploads.used(tmp_path) == (1010, 3)
    assert uploads.used(tmp_path / "gone") == (0, 0)


def test_names_in_an_archive_differ_also_where_case_does_not_count(tmp_path: Path) -> None:
    session = Session(tmp_path)
    made = [job(session, picture(session, name)) for name in ("a.png", "A.png")]
    for each in made:
        of = picture(session, each.picture.name.replace("a", "scan").replace("A", "Scan"), each)
        os.utime(of.path, (0, 0))  # before the first year of such files
        each.results.append({"picture": of.id, "name": of.name, "seed": None})
    files = routes_jobs.archived(session, made)
    assert list(files) == ["scan.png", "Scan (2).png"]

    async def whole() -> bytes:
        return b"".join([piece async for piece in routes_jobs.zipped(files)])

    with zipfile.ZipFile(io.BytesIO(asyncio.run(whole()))) as found:
        assert found.testzip() is None and found.namelist() == list(files)


def test_a_process_that_says_no_message_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "chatter.py").write_text("def main():\n    print('hello', flush=True)\n    input()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    async def does() -> None:
        process = Process("chatter", tmp_path)
        await process.start()
        with pytest.raises(Ended) as raised:
            await process.receive()
        assert raised.value.code == -9 and not process.runs

    asyncio.run(does())


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="there is none here")
@pytest.mark.parametrize(("numbers", "interrupts"), [(["SIGHUP"], False), (["SIGINT", "SIGINT"], True)])
def test_a_closed_terminal_and_a_second_ctrl_c_end_it_in_order(numbers: list[str], interrupts: bool) -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            seen.append(message["type"])
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    def begun() -> None:
        for name in numbers:
            os.kill(os.getpid(), getattr(signal, name))

    # A test run in the background has them turned off.
    usual = {signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    given = {number: signal.signal(number, handler) for number, handler in usual.items()}
    before = signal.getsignal(signal.SIGHUP)
    with bound("127.0.0.1", 0) as listener:
        server = Server(app, begun, lambda: seen.append("ending"))
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            seen.append("interrupted")
    assert seen == ["lifespan.startup", "ending", "lifespan.shutdown", *["interrupted"] * interrupts]
    assert signal.getsignal(signal.SIGHUP) == before
    for number, handler in given.items():
        signal.signal(number, handler)
