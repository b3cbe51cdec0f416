"""What is too large, too slow or too much at once is refused, and costs little."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest
from asgi_calls import Answer, Inner, ask, asked, serving

from restore.cli.serve.config import Limits
from restore.cli.serve.limits import TABS, Bounded, Pace
from restore.cli.serve.refusals import Refusal

FAST = Pace(grace=0.05, drain_seconds=0.05, drain_bytes=1000)
FILES = "/api/pictures"


def bounded(inner: Any, pace: Pace = FAST, **limits: Any) -> Bounded:
    return Bounded(inner, Limits(**{"file_bytes": 1000} | limits), pace)


def upload(app: Any, parts: Iterable[bytes | None], length: int | None = None, path: str = FILES) -> Answer:
    chunked = {"transfer-encoding": "chunked"}
    headers = chunked if length is None else {"content-length": str(length)}
    return asked(app, "POST", path, headers, body=list(parts))


def message(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"]["message"])


@pytest.mark.parametrize("path", [FILES, "/api/assets", "/api/pictures/abc/regions"])
def test_files_up_to_the_bound(path: str) -> None:
    inner = Inner()
    assert upload(bounded(inner), [b"x" * 600, b"y" * 400], path=path).status == 200
    assert upload(bounded(inner), [b"x" * 1000], 1000, path=path).status == 200
    assert [len(got) for got in inner.got] == [1000, 1000]


def test_a_file_that_says_it_is_too_large_is_not_read() -> None:
    inner = Inner()
    answer = upload(bounded(inner), [b"x", None], 1001)
    assert answer.status == 413
    assert answer["connection"] == "close"
    assert message(answer) == "expected at most 1000 bytes, got more; choose a smaller file"
    assert inner.scopes == []


def test_a_file_that_is_larger_than_it_says_is_cut_off() -> None:
    inner = Inner()
    answer = upload(bounded(inner), [b"x" * 100] * 50)
    assert answer.status == 413
    assert answer["connection"] == "close"
    assert inner.got == []


def test_what_is_no_file_is_small_json() -> None:
    app = bounded(Inner(), file_bytes=2**40)
    kind = {"content-type": "application/json"}
    assert asked(app, "POST", "/api/jobs", kind, body=b"{}").status == 200
    assert asked(app, "PUT", "/api/pictures/a/strokes", kind, body=b"{}").status == 200
    large = kind | {"content-length": str(Limits.json_bytes + 1)}
    refused = asked(app, "POST", "/api/jobs", large, body=[b"{"])
    assert refused.status == 413
    assert message(refused) == "expected at most 4 MB of JSON, got more; upload large masks as files"
    for told in ({}, {"content-type": "text/plain"}, {"content-type": "multipart/form-data; boundary=x"}):
        assert asked(app, "POST", "/api/jobs", told, body=b"{}").status == 415
    assert asked(app, "POST", "/api/jobs/a/cancel").status == 200


def test_an_upload_that_stops_is_ended() -> None:
    inner = Inner()
    answer = upload(bounded(inner), [b"x" * 10, None], 500)
    assert answer.status == 408
    assert answer["connection"] == "close"
    assert message(answer).startswith("expected the file to come faster, got 10 bytes in 0 s")
    assert inner.got == []


def test_an_upload_that_trickles_is_ended() -> None:
    """One byte is enough against silence, but not against the rate."""

    async def trickle() -> Answer:
        class Slow:
            left = 100

            async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
                async def slowly() -> Any:
                    await asyncio.sleep(0.01)
                    Slow.left -= 1
                    return {"type": "http.request", "body": b"x", "more_body": True}

                await bounded(Inner(), body_bytes_a_second=10_000)(scope, slowly, send)

        answer = await ask(Slow(), "POST", FILES, {"content-length": "500"})
        assert Slow.left > 50
        return answer

    assert asyncio.run(trickle()).status == 408


def test_the_time_of_the_application_is_not_that_of_the_upload() -> None:
    class Busy(Inner):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def after() -> Any:
                await asyncio.sleep(0.03)
                return await receive()

            await super().__call__(scope, after, send)

    answer = upload(bounded(Busy(), body_bytes_a_second=100_000), [b"x"] * 10 + [b"y"], 11)
    assert answer.status == 200


def test_an_application_that_catches_the_refusal_answers_nothing_else() -> None:
    class Catching:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            try:
                while True:
                    await receive()
            except Refusal:
                await send({"type": "http.response.start", "status": 500, "headers": []})
                await send({"type": "http.response.body", "body": b"a fault"})
            raise RuntimeError("the application's own")

    with pytest.raises(RuntimeError):
        upload(bounded(Catching()), [b"x" * 2000, b"y"])

    class Quiet(Catching):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            with suppress(RuntimeError):
                await super().__call__(scope, receive, send)

    assert upload(bounded(Quiet()), [b"x" * 2000, b"y"]).status == 413


class Unread(Inner):
    """Answers at once, whatever comes."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_a_body_that_nobody_reads_ends_the_connection() -> None:
    """A short one is read, so that the browser gets to see the answer; who asks first is told by it."""
    app = bounded(Unread())
    assert upload(app, [b"x" * 100], 100).all("connection") == []
    assert upload(app, [b"x" * 400] * 3 + [None], 1000).all("connection") == ["close"]
    expects = {"expect": "100-continue", "content-length": "100"}
    assert asked(app, "POST", FILES, expects, body=[None]).all("connection") == ["close"]


class Held(Inner):
    """Answers when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.most = self.inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        await self.go.wait()
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.inside -= 1


async def together(app: Any, held: Held, asks: Iterable[tuple[str, str]]) -> Counter[int]:
    async def one(visitor: str, path: str) -> int:
        return (await ask(app, "GET", path, state={"visitor": visitor})).status

    tasks = [asyncio.create_task(one(*each)) for each in asks]
    for _ in range(5):
        await asyncio.sleep(0)
    held.go.set()
    return Counter(await asyncio.gather(*tasks))


def test_a_thousand_requests_at_once() -> None:
    async def flood() -> None:
        held = Held()
        app = bounded(held, requests=64)
        assert await together(app, held, [("", "/api/jobs")] * 1000) == {200: 64, 503: 936}
        assert held.most == 64
        assert held.inside == 0
        assert await together(app, held, [("", "/api/jobs")] * 64) == {200: 64}
        busy = await ask(bounded(held, requests=0), "GET", "/api/jobs")
        assert (busy.status, busy["retry-after"]) == (503, "1")

    asyncio.run(flood())


def test_streams_and_requests_have_bounds_of_their_own() -> None:
    async def flood() -> None:
        held = Held()
        app = bounded(held, requests=10, streams=5)
        asks = [("", "/api/events")] * 20 + [("", "/api/jobs")] * 20
        assert await together(app, held, asks) == {200: 15, 503: 25}

    asyncio.run(flood())


def test_one_visitor_leaves_room_for_others() -> None:
    async def flood() -> None:
        held = Held()
        app = bounded(held, requests=16, streams=16)
        asks = [("greedy", "/api/jobs")] * 50 + [("other", "/api/jobs")] * 3
        assert await together(app, held, asks) == {200: 7, 503: 46}

        held = Held()
        tabs = [("greedy", "/api/events")] * 50 + [("other", "/api/events")]
        app = bounded(held, requests=16, streams=200)
        assert await together(app, held, tabs) == {200: TABS + 1, 503: 50 - TABS}

    asyncio.run(flood())


def test_a_request_that_fails_is_counted_out() -> None:
    class Failing:
        async def __call__(self, *_: Any) -> None:
            raise RuntimeError("fails")

    app = bounded(Failing(), requests=1)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="fails"):
            asked(app, "GET", "/api/jobs")


def test_waiting_for_the_end_of_a_stream_has_no_end() -> None:
    """An application that streams events waits for the browser to go."""

    class Stream:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await receive()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    assert asked(bounded(Stream()), "GET", "/api/events").status == 200


def test_lifespan_passes() -> None:
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    from restore.cli.serve.safety import Safety

    asyncio.run(Safety(app, serving())({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
