"""A real server on loopback, and those who connect to it without wanting anything, or too much."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from asgi_calls import TOKEN, Inner, serving
from loopback import loopback

from restore.cli.serve.limits import Pace
from restore.cli.serve.safety import Safety

__all__ = ["loopback"]
pytestmark = pytest.mark.usefixtures("loopback")


class Large(Inner):
    """Answers with more than any buffer holds, and says how it ended."""

    sent, ended = 0, False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(1000):
            await send({"type": "http.response.body", "body": b"x" * 2**16, "more_body": True})
            self.sent += 1
        self.ended = True


@contextlib.asynccontextmanager
async def served(inner: Any, pace: Pace | None = None, **bounds: Any) -> AsyncIterator[int]:
    """A server with quick bounds; give its port."""
    from restore.cli.serve.connections import Connection
    from restore.cli.serve.server import Server

    begun = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        port = listener.getsockname()[1]
        told = serving(port=port)
        app = Safety(inner, replace(told, limits=replace(told.limits, file_bytes=10_000)), pace)
        server = Server(app, begun.set, lambda: None)
        server.config.lifespan = "off"
        server.config.http = type("Quick", (Connection,), bounds)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await begun.wait()
        try:
            yield port
        finally:
            server.should_exit = server.force_exit = True
            await task


async def said(port: int, *pieces: bytes) -> bytes:
    """What the server says to these bytes, until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.01)
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
        return answer
    return b""


def head(port: int, line: str = "GET /api/session HTTP/1.1", *lines: str, token: bool = True) -> bytes:
    lines = (line, f"Host: 127.0.0.1:{port}", "Connection: close", *lines)
    if token:
        lines = (*lines, f"Authorization: Bearer {TOKEN}")
    return "\r\n".join((*lines, "", "")).encode()


def statuses(answer: bytes) -> list[int]:
    return [int(line.split()[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60))  # type: ignore[arg-type]


def test_an_answer_over_a_socket_says_no_more_than_it_has_to() -> None:
    async def test() -> None:
        async with served(Inner()) as port:
            answer = await said(port, head(port))
            assert statuses(answer) == [200]
            assert b"\r\nserver:" not in answer.lower()
            assert b"uvicorn" not in answer
            assert statuses(await said(port, head(port, token=False))) == [401]

    run(test)


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nx: "])
def test_who_does_not_say_what_he_wants_is_sent_away(sent: bytes) -> None:
    async def test() -> None:
        inner = Inner()
        async with served(inner, head_seconds=0.05) as port:
            assert await said(port, sent) == b""
        assert inner.scopes == []

    run(test)


def test_who_says_it_byte_by_byte_is_sent_away() -> None:
    async def test() -> None:
        async with served(Inner(), head_seconds=0.05) as port:
            answer = await said(port, b"GET / HTTP/1.1\r\n", *[b"x"] * 30)
            assert statuses(answer) in ([], [400])

    run(test)


def test_a_second_request_has_its_time_too() -> None:
    async def test() -> None:
        async with served(Inner(), head_seconds=0.5) as port:
            first = head(port).replace(b"Connection: close\r\n", b"")
            assert statuses(await said(port, first + b"GET /api")) == [200]
            assert statuses(await said(port, first, b"GET /api")) == [200]
            assert statuses(await said(port, first + head(port))) == [200, 200]

    run(test)


def test_who_does_not_read_is_sent_away() -> None:
    async def test() -> None:
        large = Large()
        async with served(large, stalled_seconds=0.1) as port:
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", port))
                await asyncio.get_running_loop().sock_sendall(deaf, head(port))
                while not large.ended:  # once it is sent away, what is sent goes nowhere
                    await asyncio.sleep(0.01)
                received = 0
                with contextlib.suppress(ConnectionError):
                    while data := await asyncio.get_running_loop().sock_recv(deaf, 2**20):
                        received += len(data)
                assert received < 1000 * 2**16

    run(test)


def test_a_slow_upload_is_answered_and_ended() -> None:
    async def test() -> None:
        inner = Inner()
        async with served(inner, Pace(grace=0.5, drain_seconds=0.1)) as port:
            asks = head(port, "POST /api/pictures?name=a.png HTTP/1.1", "Content-Length: 100")
            assert statuses(await said(port, asks, b"x")) == [408]
            assert inner.got == []
            large = head(port, "POST /api/pictures?name=a.png HTTP/1.1", "Content-Length: 20000")
            assert statuses(await said(port, large, b"x" * 20_000)) == [413]
            asked = head(port, "POST /api/pictures HTTP/1.1", "Content-Length: 20000", "Expect: 100-continue")
            assert statuses(await said(port, asked)) == [413]
            right = head(port, "POST /api/pictures HTTP/1.1", "Content-Length: 5", "Expect: 100-continue")
            assert statuses(await said(port, right, b"photo")) == [100, 200]
            assert inner.got == [b"photo"]

    run(test)


SMUGGLED = "GET /api/smuggled HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 4", "Transfer-Encoding: chunked"),
        ("Content-Length: 4", "Content-Length: 5"),
        ("Content-Length: 4, 5",),
        ("Content-Length: +4",),
        ("Content-Length: 0x4",),
        ("Content-Length : 4",),
        (" Content-Length: 4",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding: \x0bchunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("X: a\x00b",),
        ("Content-Length: 4\nHost: evil.example",),
        ("Host: evil.example",),
        ("Content-Length",),
        ("X: y\r",),
    ],
)
def test_what_two_servers_could_read_differently_is_refused(lines: tuple[str, ...]) -> None:
    """And nothing after it is read as a request."""

    async def test() -> None:
        inner = Inner()
        async with served(inner, Pace(grace=0.2, drain_seconds=0.1)) as port:
            asks = head(port, "POST /api/pictures HTTP/1.1", *lines).replace(b"Connection: close\r\n", b"")
            answer = await said(port, asks + f"0\r\n\r\n{SMUGGLED}".encode())
            assert statuses(answer)[0] in (400, 403, 413, 501), answer
            assert len(statuses(answer)) == 1
        assert inner.scopes == []

    run(test)


@pytest.mark.parametrize(
    ("asks", "status"),
    [
        ("GET http://evil.example/api/session HTTP/1.1\r\nHost: 127.0.0.1:{port}", 400),
        ("GET http://127.0.0.1:{port}/api/session HTTP/1.1\r\nHost: 127.0.0.1:{port}", 400),
        ("GET /api/session HTTP/1.1", 400),  # without Host
        ("GET /api/session HTTP/1.0", 403),
        ("GET /api/session HTTP/1.1\r\nHost:", 403),
        ("GET /api/../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1:{port}", 400),
        ("OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1:{port}", 405),
        ("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:{port}", 405),
        ("PRI * HTTP/2.0\r\n\r\nSM", 405),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS
        ("SSH-2.0-OpenSSH_9.0", 400),
    ],
)
def test_odd_requests(asks: str, status: int) -> None:
    async def test() -> None:
        inner = Inner()
        async with served(inner, head_seconds=5.0) as port:
            told = asks.replace("{port}", str(port)) + f"\r\nAuthorization: Bearer {TOKEN}\r\n"
            answer = await said(port, told.encode("latin-1") + b"Connection: close\r\n\r\n")
            assert statuses(answer)[:1] == [status]
        assert inner.scopes == []

    run(test)


@pytest.mark.parametrize("long", ["GET / HTTP/1.1\r\nX: ", "GET /", "x"])
def test_long_heads_end_the_connection(long: str) -> None:
    async def test() -> None:
        inner = Inner()
        async with served(inner) as port:
            # The rest of it is not read, so that the answer may be lost on its way.
            assert statuses(await said(port, (long + "y" * 100_000).encode())) in ([400], [])
            assert statuses(await said(port, head(port))) == [200]
        assert len(inner.scopes) == 1

    run(test)


def test_a_web_socket_is_no_way_in() -> None:
    async def test() -> None:
        inner = Inner()
        async with served(inner) as port:
            asks = head(
                port, "GET /api/events HTTP/1.1", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: http://evil.example",
            )  # fmt: skip
            answer = await said(port, asks.replace(b"Connection: close", b"Connection: Upgrade, close"))
            assert statuses(answer) == [403]
        assert inner.scopes == []

    run(test)


def test_a_thousand_connections_at_once() -> None:
    """Some are answered, the others are told to come again, and all of it is over soon."""

    class Slow(Inner):
        inside = most = 0

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            self.inside += 1
            self.most = max(self.most, self.inside)
            await asyncio.sleep(0.05)
            await super().__call__(scope, receive, send)
            self.inside -= 1

    async def test() -> None:
        slow = Slow()
        async with served(slow, most=100) as port:
            asks = head(port)
            answers = await asyncio.gather(*(said(port, asks) for _ in range(1000)))
            count = Counter(found[0] if (found := statuses(each)) else 0 for each in answers)
            assert set(count) <= {200, 503, 0}
            assert count[200] >= 1
            assert count[200] + count[503] + count[0] == 1000
            assert slow.most <= 64
            assert statuses(await said(port, asks)) == [200]

    run(test)


def test_the_end_of_an_answer_does_not_wait_for_its_beginning_to_be_read() -> None:
    from restore.cli.serve.connections import Connection

    options: list[int] = []

    def made(self: Any, transport: Any) -> None:
        Connection.connection_made(self, transport)
        own = transport.get_extra_info("socket")
        options.append(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def test() -> None:
        async with served(Inner(), connection_made=made) as port:
            await said(port, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    asyncio.run(test())
    assert len(options) == 1 and options[0]
