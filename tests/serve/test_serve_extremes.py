"""What seldom happens to `restore serve`: results removed while they are downloaded, results too large to be
computed, names that the system has no letters for, streams of another server, an end in the middle of it."""

from __future__ import annotations

import asyncio
import errno
import io
import logging
import socket
import sys
import zipfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="the web extra is not installed")
pytest.importorskip("uvicorn", reason="the web extra is not installed")

from loopback import loopback
from served_pictures import FACTS, KNOWN, PNG, TOKEN, served
from starlette.testclient import TestClient

from restore.cli.serve import feed as feed_module
from restore.cli.serve.config import PUBLIC, Limits
from restore.cli.serve.feed import Feed
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.result_size import check_enlarged
from restore.cli.serve.routes_jobs import Archive
from restore.cli.serve.server import Server
from restore.cli.serve.service import Service
from restore.cli.serve.state import Session
from restore.cli.serve.uploads import held, storable

__all__ = ["loopback"]
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MILLIONS = 400 * 10**6


@pytest.fixture
def both(tmp_path: Path) -> tuple[Any, Service]:
    return served(tmp_path)


@pytest.fixture
def service(both: tuple[Any, Service]) -> Service:
    return both[1]


@pytest.fixture
def client(both: tuple[Any, Service]) -> TestClient:
    return TestClient(both[0], base_url="http://testserver", headers=BEARER)


def test_an_archive_holds_results_that_are_removed_meanwhile(service: Service) -> None:
    session = service.session("")
    folder = session.folder / "archives" / "one"
    paths = {}
    for name in ("a.png", "b.png"):
        paths[name] = session.folder / name
        paths[name].write_bytes(PNG + name.encode() * 2**18)
    wanted = {name: path.read_bytes() for name, path in paths.items()}
    session.used = 0
    sent = bytearray()

    async def send(message: Any) -> None:
        for path in paths.values():
            path.unlink(missing_ok=True)
        sent.extend(message.get("body", b""))

    async def receive() -> Any:
        await asyncio.Event().wait()

    answer = Archive(session, held(paths, folder), folder)
    asyncio.run(answer({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send))
    with zipfile.ZipFile(io.BytesIO(sent)) as whole:
        assert {name: whole.read(name) for name in whole.namelist()} == wanted
    assert not folder.exists() and session.used > 0


def test_an_archive_has_every_job_once(client: TestClient) -> None:
    answer = client.get(f"/api/archive?jobs={KNOWN},{KNOWN},{KNOWN}")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as whole:
        assert whole.namelist() == ["photo.png"]


def test_files_that_cannot_be_linked_are_read_where_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)

    def link(*_: object) -> None:
        raise PermissionError(1, "there are no links here")

    monkeypatch.setattr("os.link", link)
    files = {"a.png": tmp_path / "a.png"}
    assert held(files, tmp_path / "links") == files
    (tmp_path / "full").touch()  # where no folder can be made
    assert held(files, tmp_path / "full" / "links") == files
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError):
        held(files, tmp_path / "links")


def test_an_archive_of_a_file_that_is_gone(client: TestClient, service: Service) -> None:
    service.session("").pictures[KNOWN].path.unlink()
    answer = client.get(f"/api/archive?jobs={KNOWN}")
    assert answer.status_code == 404 and "not there any more" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("task", "options", "option"),
    [
        ("upscale", {"scale": "8"}, "scale"),
        ("upscale", {"scale": 2.5}, "scale"),
        ("upscale", {"width": "24001"}, "width"),
        ("upscale", {"height": 24000, "width": None}, "height"),
        ("upscale", {"max_side": 30000}, "max_side"),
        ("solve", {"operator": ["blur=gaussian:2", "down=2", "area=2"]}, "operator"),
    ],
)
def test_a_result_that_is_too_large_is_refused_before_it_is_computed(
    task: str, options: dict[str, Any], option: str
) -> None:
    with pytest.raises(Refusal, match="megapixels, more than the 400 that can be written") as raised:
        check_enlarged("a.png", (9000, 9000), task, options, MILLIONS)
    assert (raised.value.status, raised.value.option) == (422, option)


@pytest.mark.parametrize(
    ("task", "options"),
    [
        ("upscale", {"scale": "2"}),
        ("upscale", {"max_side": 20000}),
        ("upscale", {"max_side": 9000}),
        ("solve", {"operator": "down=2"}),
        ("solve", {"operator": ["blur=nB4Jx0cQe1_r", "jpeg=20"]}),
        ("denoise", {"sigma": 10}),
    ],
)
def test_a_result_that_is_not_is_taken(task: str, options: dict[str, Any]) -> None:
    check_enlarged("a.png", (9000, 9000), task, options, MILLIONS)


def test_a_size_that_would_reduce_is_refused_at_once(client: TestClient) -> None:
    asked = {"task": "upscale", "picture": KNOWN, "options": {"width": 320}}
    for path in ("/api/commands", "/api/jobs"):
        answer = client.post(path, json=asked)
        error = answer.json()["error"]
        assert answer.status_code == 422 and error["option"] == "width"
        assert error["message"].startswith("photo.png: 640x480 cannot become 320x240 (w x h): upscaling enl")


def test_a_public_server_enlarges_to_four_times_its_bound(service: Service) -> None:
    assert PUBLIC.result_pixels == 4 * PUBLIC.pixels < Limits().result_pixels == Limits().pixels
    serving = replace(
        service.serving, limits=replace(service.limits, pixels=FACTS["width"] * FACTS["height"])
    )
    service.serving = serving
    asked = {"task": "upscale", "picture": KNOWN, "options": {"scale": 2}}
    assert "--scale 2" in service.command(service.session(""), asked)
    with pytest.raises(Refusal, match=r"1440x1080 .w x h. would be 2 megapixels, more than the 1 that"):
        service.command(service.session(""), {**asked, "options": {"scale": 2.25}})
    box = {"x": 0, "y": 0, "width": 100, "height": 100}
    part = {**asked, "options": {"scale": 2.25}, "kind": "preview", "box": box}
    assert "--scale 2.25" in service.command(service.session(""), part)


def test_options_are_not_longer_than_a_command_that_somebody_types(client: TestClient) -> None:
    long = "blur=gaussian:1." + "0" * 900
    asked = {"task": "solve", "picture": KNOWN, "options": {"operator": [long] * 10}}
    assert client.post("/api/commands", json=asked).status_code == 200
    asked["options"] = {"operator": [long] * 100}
    answer = client.post("/api/commands", json=asked)
    assert (
        answer.status_code == 422 and "at most 16384 characters in all" in answer.json()["error"]["message"]
    )


def test_a_session_keeps_so_many_jobs(service: Service) -> None:
    service.limits = replace(service.limits, jobs=2)
    asked = {"task": "denoise", "picture": KNOWN}
    with pytest.raises(Refusal, match="there are 2 jobs here already; remove some first") as raised:
        asyncio.run(service.add_job(service.session(""), asked))
    assert raised.value.status == 429


def test_events_take_so_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_module, "KEPT_CHARACTERS", 1000)

    async def first(feed: Feed, last: int) -> str:
        stream = feed.stream(last)
        await anext(stream)
        return await anext(stream)

    feed = Feed()
    for _ in range(100):
        feed.send("job", {"long": "x" * 200})
    assert len(feed._kept) == 4
    assert "event: reset" in asyncio.run(first(feed, 90))
    assert asyncio.run(first(feed, 97)).startswith("id: 98\n")
    feed.send("job", {"long": "x" * 2000})  # more than is kept at all
    assert "event: reset" in asyncio.run(first(feed, 100))


def test_a_disk_that_is_full_is_told_wherever_it_is_noticed(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = OSError(errno.ENOSPC, "No space left on device")

    def region_file(_: Session) -> Path:
        raise problem

    monkeypatch.setattr(Session, "region_file", region_file)
    asked = {"json": {"x": 1, "y": 1}}
    answer = client.post(f"/api/pictures/{KNOWN}/select", **asked)
    assert answer.status_code == 507 and "the disk of the server is full" in answer.json()["error"]["message"]
    problem.errno = errno.EIO
    with pytest.raises(OSError, match="No space"):  # which is written to the terminal
        client.post(f"/api/pictures/{KNOWN}/select", **asked)


@pytest.mark.parametrize("last", ["-1", "abc", "+1", "1.5", "9" * 20, "\u00b2", "1e3"])
def test_who_comes_back_from_another_stream_begins_anew(
    client: TestClient, service: Service, monkeypatch: pytest.MonkeyPatch, last: str
) -> None:
    asked: list[int | None] = []

    async def stream(self: Feed, last: int | None) -> Any:
        asked.append(last)
        for each in self._since(last):
            yield each

    monkeypatch.setattr(Feed, "stream", stream)
    headers = {b"Last-Event-ID": last.encode("latin-1")}
    assert "event: reset" in client.get("/api/events", headers=headers).text
    for fresh in ("", "?since="):
        assert "event: ready" in client.get(f"/api/events{fresh}").text
    assert asked == [-1, None, None]


def test_a_radius_is_refused_as_it_was_told(client: TestClient) -> None:
    for radius, told in ((0.5, "got 0.5"), (-5, "got -5"), (1e300, "got 1e+300")):
        answer = client.post(f"/api/pictures/{KNOWN}/select", json={"x": 1, "y": 1, "radius": radius})
        error = answer.json()["error"]
        assert (answer.status_code, error["option"]) == (422, "radius")
        assert error["message"] == f"radius: expected a number from 1 to 100000, {told}"


@pytest.mark.parametrize(
    ("coding", "name"),
    [("utf-8", "Ümläut 日本.png"), ("ascii", "_ml_ut __.png"), ("iso8859-1", "Ümläut __.png")],
)
def test_names_have_letters_that_files_here_can_have(
    monkeypatch: pytest.MonkeyPatch, coding: str, name: str
) -> None:
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: coding)
    assert storable("Ümläut 日本.png") == name
    assert storable("日本.png") == ("日本.png" if coding == "utf-8" else "picture.png")
    assert storable("../ü/a.png") == "a.png"


@pytest.mark.usefixtures("loopback")
def test_requests_that_the_end_cuts_off_are_no_news(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("restore.cli.serve.server.GRACE", 0)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if scope["path"] == "/fault":
                raise LookupError("a fault")
            asked.set()
            await asyncio.Event().wait()
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def does() -> None:
        writers = []
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = Server(app, lambda: None, lambda: None)
            runs = asyncio.create_task(server._serve([listening]))
            async with asyncio.timeout(30):
                while not server.started:
                    await asyncio.sleep(0.01)
                for path in ("/fault", "/waits"):
                    _, writer = await asyncio.open_connection(*listening.getsockname())
                    writers.append(writer)
                    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                await asked.wait()
                server.should_exit = True
                await runs
            for writer in writers:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()

    asked = asyncio.Event()
    with caplog.at_level(logging.ERROR):
        asyncio.run(does())
    said = [record.exc_info[0] for record in caplog.records if record.exc_info]
    assert said == [LookupError] and len(caplog.records) == 1
