"""The whole application, with the process that decodes: hostile files, names, ids and options."""

from __future__ import annotations

import asyncio
import json
import struct
import zlib
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from asgi_calls import TOKEN, Answer, ask, serving

pytest.importorskip("starlette", reason="the web extra is not installed")
from served_pictures import NoViewer, NoWork

from restore.cli.serve.app import create_app
from restore.cli.serve.config import PUBLIC, Limits
from restore.cli.serve.service import Service

BEARER = {"authorization": f"Bearer {TOKEN}"}
JSON = BEARER | {"content-type": "application/json"}


async def _take_result(*_: object) -> None:
    pass


class Site:
    """The application, and its folder beside which nothing may appear."""

    def __init__(self, folder: Path, *, decodes: bool = True, **changed: Any) -> None:
        self.folder = folder / "private"
        self.folder.mkdir()
        (folder / "secret.png").write_bytes(small_png())
        told = serving(self.folder, **changed)
        viewer = None if decodes else NoViewer(self.folder)
        self.service = Service(told, viewer, NoWork(self.folder, _take_result))
        self.app = create_app(told, self.service)

    async def __call__(self, method: str, path: str, headers: Any = BEARER, **rest: Any) -> Answer:
        return await ask(self.app, method, path, headers, **rest)

    async def upload(self, data: bytes, name: str = "a.png", headers: Any = BEARER) -> Answer:
        return await self("POST", f"/api/pictures?name={quote(name, safe='')}", headers, body=data)

    def files(self) -> list[str]:
        """What was uploaded and kept."""
        return sorted(path.name for path in self.folder.glob("session-*/files/*/*"))


def run(
    folder: Path, test: Callable[[Site], Awaitable[None]], *, decodes: bool = False, **changed: Any
) -> None:
    async def whole() -> None:
        site = Site(folder, decodes=decodes, **changed)
        try:
            await test(site)
        finally:
            await site.service.stop()

    asyncio.run(asyncio.wait_for(whole(), 120))
    assert sorted(path.name for path in folder.iterdir()) == ["private", "secret.png"]


def message(answer: Answer, folder: Path) -> str:
    told = json.loads(answer.body)["error"]["message"]
    assert isinstance(told, str)
    assert "\n" not in told
    assert str(folder) not in told and "/private" not in told
    return told


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: int, bits: int = 1) -> bytes:
    """A gray PNG, all of it black, with as many rows as are told."""
    row = b"\0" * (1 + -(-width * bits // 8))
    packed = zlib.compressobj(9)
    data = b"".join([packed.compress(row) for _ in range(rows)] + [packed.flush()])
    head = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def small_png() -> bytes:
    return png(16, 16, 16, bits=8)


HTML = b"<!doctype html><script>alert(document.domain)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.slow
def test_bombs_are_refused_before_they_unfold(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        bomb = png(30_000, 30_000, 5_000)
        assert len(bomb) < 20_000
        answer = await site.upload(bomb)
        assert answer.status == 415
        assert message(answer, site.folder).startswith("a.png: 30000x30000 (w x h) is 900 megapixels, more")
        for size in ((2**31 - 1, 2**31 - 1), (2**31 - 1, 1), (0, 5)):
            assert (await site.upload(png(*size, 0))).status == 415
        assert site.files() == []
        # The compressed profile of a picture, as far as it is kept, does not unfold either.
        profile = chunk(b"iCCP", b"x\0\0" + zlib.compress(b"\0" * 80_000_000, 1))
        plain = small_png()
        answer = await site.upload(plain[:33] + profile + plain[33:])
        assert json.loads(answer.body)["notes"] == ["its ICC profile is longer than 64 MB and was dropped"]

    run(tmp_path, test, decodes=True)


def test_a_server_may_take_smaller_pictures_only(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        assert (await site.upload(small_png())).status == 201  # it is taken to be one of 640x480
        site.service.limits = replace(Limits(), pixels=640 * 480 - 1)
        answer = await site.upload(small_png())
        assert answer.status == 415
        assert "640x480 (w x h) is 0 megapixels, more than the 0 that" in message(answer, site.folder)
        assert site.files() == ["a.png"]

    run(tmp_path, test)


@pytest.mark.parametrize(
    "data",
    [
        *(
            HTML,
            SVG,
            b"\x89PNG\r\n\x1a\n",
            b"\x89PNG\r\n\x1a\n" + HTML,
            b"GIF89a" + HTML,
            b"%PDF-1.7\n" + HTML,
        ),
        *(b"\x7fELF" + b"\0" * 100, b"MZ" + b"\0" * 100, b"PK\x03\x04" + b"\0" * 100, b"\xff\xd8\xff\xe0"),
        *(b"II*\0\xff\xff\xff\xff", b"RIFF\xff\xff\xff\xffWEBP", b"BM" + b"\xff" * 60, b"\0" * 1000, b"x"),
        *(
            b"#!/bin/sh\ntouch x\n",
            b'push graphic-context\nimage over 0,0 0,0 "|touch x"\n',
            b"\x80\x04\x95.",
        ),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_picture_is_not_kept(tmp_path: Path, site_once: Any, data: bytes) -> None:
    site = site_once
    answer = site.run(site.upload(data, "photo.png"))
    assert answer.status == 415, answer.body
    assert answer["content-type"] == "application/json"
    told = message(answer, site.folder)
    assert told.startswith("photo.png: ")
    assert site.files() == []


@pytest.fixture(scope="module")
def site_once(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One site for many tests, with the loop that its processes belong to."""
    folder = tmp_path_factory.mktemp("site")
    with asyncio.Runner() as runner:
        site: Any = Site(folder)
        site.run = runner.run
        yield site
        runner.run(site.service.stop())


@pytest.mark.parametrize("ending", [HTML, SVG, b"PK\x03\x04" + b"\0" * 100], ids=["html", "svg", "zip"])
def test_polyglots_come_back_as_they_are_and_run_nowhere(site_once: Any, ending: bytes) -> None:
    site = site_once
    data = small_png() + ending
    made = site.run(site.upload(data, "photo.html.png"))
    assert made.status == 201
    id = json.loads(made.body)["id"]
    answer = site.run(site("GET", f"/api/pictures/{id}/file"))
    assert answer.body == data
    assert answer["content-type"] == "application/octet-stream"
    assert answer["content-disposition"].startswith("attachment; filename=")
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["content-security-policy"].endswith("sandbox")
    for kind in ("thumbnail", "tiles/0/0/0"):
        shown = site.run(site("GET", f"/api/pictures/{id}/{kind}"))
        assert shown.status == 200
        assert shown["content-type"] in ("image/png", "image/webp", "image/jpeg")
        assert ending not in shown.body
    assert site.run(site("DELETE", f"/api/pictures/{id}")).status == 204
    assert site.files() == []


NAMES = [
    *(
        "../../../../etc/cron.d/x.png",
        "..\\..\\x.png",
        "/etc/x.png",
        "C:\\x.png",
        "file:///x.png",
        "x.png/",
        "..",
    ),
    *(
        ".htaccess",
        "-rf.png",
        "--output=x.png",
        "~/x.png",
        "$(touch x).png",
        "`touch x`.png",
        "a;b|c&d.png",
        "%",
    ),
    *(
        "a\r\nSet-Cookie: x=y.png",
        'a".png',
        "a\u202egnp.exe",
        "\ud7ff\ufffd.png",
        "é" * 500 + ".png",
        "",
        " ",
        ".",
    ),
    *("con.png", "<script>.png", "a\tb.png", "photo.png\u2028.html", "x" * 5000),
]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name[:30]))
def test_names_stay_names(site_once: Any, name: str) -> None:
    site = site_once
    before = sorted(site.folder.parent.iterdir())
    made = site.run(site.upload(small_png(), name))
    assert made.status == 201, made.body
    picture = json.loads(made.body)
    (kept,) = site.files()
    assert picture["name"] == kept
    assert len(kept.encode()) <= 255 and not kept.startswith((".", "-"))
    assert not set(kept) & set('/\\:*?"<>|\r\n\t\0$`;~%')
    download = site.run(site("GET", f"/api/pictures/{picture['id']}/file"))
    told = download["content-disposition"]
    assert told.isascii() and told.isprintable()
    assert download.all("set-cookie") == []
    assert sorted(site.folder.parent.iterdir()) == before
    site.run(site("DELETE", f"/api/pictures/{picture['id']}"))


@pytest.mark.parametrize(
    "path",
    [
        *("/api/pictures/..", "/api/pictures/../session", "/api/pictures/%2e%2e/file", "/api/jobs/.."),
        *("/api/pictures/..%2f..%2fx/file", "/api/pictures/secret.png/file", "/api/pictures/%00/file"),
        *("/api/pictures/x/tiles/0/0/-1", "/api/pictures/x/tiles/99999999999999999999/0/0", "/api/file"),
        *("/assets/../config.py", "/assets/%2e%2e/config.py", "/config.py", "/../config.py", "/assets"),
        *("/assets/", "/.lock", "/.git/config", "/etc/passwd", "/api/archive?jobs=../../x"),
        *("/api/archive?jobs=/etc/passwd", "/api/pictures/x/regions/..%5c..?level=0"),
    ],
)  # fmt: skip
def test_no_path_leads_to_a_file(site_once: Any, path: str) -> None:
    site = site_once
    answer = site.run(site("GET", path))
    assert answer.status in (400, 404), answer.body
    assert len(answer.body) < 300
    assert b"import" not in answer.body and b"root:" not in answer.body


@pytest.mark.parametrize(
    ("task", "options"),
    [
        *(
            ("denoise", {name: "/tmp/x.png"})
            for name in ("output", "weights", "config", "report", "manifest", "suffix")
        ),
        ("denoise", {"overwrite": True}),
        ("deblur", {"kernel": "/etc/passwd"}),
        ("deblur", {"kernel": "../../secret.png"}),
        ("solve", {"operator": ["blur=/etc/passwd"]}),
        ("vary", {"reference": "../secret.png"}),
        ("vary", {"mask": "secret.png"}),
        ("repair", {"infrared": "/dev/zero"}),
        ("serve", {"host": "0.0.0.0"}),
        ("train", {}),
        ("--help", {}),
        ("../denoise", {}),
    ],
)
def test_no_option_leads_to_a_file(site_once: Any, task: str, options: Any) -> None:
    site = site_once
    made = json.loads(site.run(site.upload(small_png())).body)
    for path in ("/api/jobs", "/api/commands"):
        body = json.dumps({"task": task, "picture": made["id"], "options": options}).encode()
        answer = site.run(site("POST", path, JSON, body=body))
        assert answer.status in (400, 422), answer.body
        message(answer, site.folder)
    site.run(site("DELETE", f"/api/pictures/{made['id']}"))


def test_requests_of_other_kinds_of_json(site_once: Any) -> None:
    site = site_once
    for body in (
        b"[" * 100_000,
        b'{"task": ' * 10_000,
        b"1e999",
        b"\xff\xfe{",
        b'{"a": 1, "a": 2}',
        b"null",
        b"{}",
    ):
        answer = site.run(site("POST", "/api/jobs", JSON, body=body))
        assert 400 <= answer.status < 500
        assert len(answer.body) < 1000


def test_visitors_do_not_see_each_other(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        cookies = [{"cookie": (await site("GET", "/api/session", {})).cookie} for _ in range(2)]
        page = {"sec-fetch-site": "same-origin"}
        made = json.loads((await site.upload(small_png(), headers=cookies[0] | page)).body)
        paths = ["", "/file", "/thumbnail", "/tiles/0/0/0", "/strokes"]
        for path in paths:
            assert (await site("GET", f"/api/pictures/{made['id']}{path}", cookies[0])).status == 200
            assert (await site("GET", f"/api/pictures/{made['id']}{path}", cookies[1])).status == 404
            assert (await site("GET", f"/api/pictures/{made['id']}{path}", {})).status == 401
        assert (await site("DELETE", f"/api/pictures/{made['id']}", cookies[1] | page)).status == 404
        body = json.dumps({"task": "denoise", "picture": made["id"]}).encode()
        kind = {"content-type": "application/json"}
        assert (await site("POST", "/api/jobs", cookies[1] | page | kind, body=body)).status == 404
        assert json.loads((await site("GET", "/api/session", cookies[1])).body)["pictures"] == []
        assert (await site("GET", "/api/session", BEARER)).all("set-cookie") != []  # a visitor like others

    run(tmp_path, test, public=True, limits=PUBLIC)


def test_visitors_without_end_find_no_room(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        page = {"sec-fetch-site": "same-origin"}
        stays = {"cookie": (await site("GET", "/api/session", {})).cookie}
        await site.upload(small_png(), headers=stays | page)
        for _ in range(10):
            assert (await site("GET", "/api/session", {})).status == 200
            assert len(site.service.sessions) <= 3
            assert len(list(site.folder.glob("session-*"))) <= 3
        assert len(json.loads((await site("GET", "/api/session", stays)).body)["pictures"]) == 1
        for _ in range(2):
            comes = {"cookie": (await site("GET", "/api/session", {})).cookie}
            await site.upload(small_png(), headers=comes | page)
        assert (await site("GET", "/api/session", {})).status == 503

    run(tmp_path, test, public=True, limits=replace(PUBLIC, visitors=3))


def test_regions_and_results_without_end_find_no_room(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        made = json.loads((await site.upload(small_png())).body)
        place = f"/api/pictures/{made['id']}"
        answers = [await site("POST", f"{place}/regions", body=small_png()) for _ in range(4)]
        assert [answer.status for answer in answers] == [201, 201, 201, 429]
        assert len(list(site.folder.glob("session-*/regions/*"))) == 3
        site.service.limits = replace(site.service.limits, stored_bytes=10)
        body = json.dumps({"task": "denoise", "picture": made["id"]}).encode()
        for answer in (await site("POST", "/api/jobs", JSON, body=body), await site.upload(small_png())):
            assert answer.status == 507
            assert message(answer, site.folder).startswith("there is no more room for files here")

    run(tmp_path, test, limits=replace(Limits(), regions=3))


def test_a_thousand_requests_at_once_of_the_whole_application(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        answers = await asyncio.gather(*(site("GET", "/api/session") for _ in range(1000)))
        count = Counter(answer.status for answer in answers)
        assert set(count) <= {200, 503}
        assert count[200] > 0
        uploads = await asyncio.gather(*(site.upload(small_png(), f"{i}.png") for i in range(30)))
        count = Counter(answer.status for answer in uploads)
        assert count == {201: 5, 429: 25}
        assert len(site.files()) == 5

    run(tmp_path, test, limits=replace(Limits(), pictures=5))


def test_an_upload_that_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    async def test(site: Site) -> None:
        headers = BEARER | {"content-length": "500"}
        task = asyncio.create_task(site("POST", "/api/pictures?name=a.png", headers, body=[b"x" * 100, None]))
        while not site.files():  # it has begun
            await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert site.files() == []

    run(tmp_path, test)
