"""Requests to an application in this process, in any form, also in those that no client would send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

PORT = 8765
OWN = f"127.0.0.1:{PORT}"
TOKEN = "t" * 43
Given = Mapping[str, str] | Iterable[tuple[str, str]]


@dataclass
class Answer:
    """What an application answered. left: whether it was cancelled before the end."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    whole: bool = False

    def __getitem__(self, name: str) -> str:
        """The one header of this name."""
        (value,) = self.all(name)
        return value

    def all(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers if key == name.encode()]

    @property
    def cookie(self) -> str:
        """What the browser sends back."""
        return self["set-cookie"].partition(";")[0]


def serving(folder: Path | str = ".", **changed: Any) -> Any:
    """A server at OWN."""
    from restore.cli.serve.config import Serving

    return Serving(**{"host": "127.0.0.1", "port": PORT, "token": TOKEN, "folder": Path(folder)} | changed)


async def ask(
    app: Any,
    method: str,
    target: str,
    headers: Given = (),
    body: bytes | Iterable[bytes | None] = b"",
    **scope: Any,
) -> Answer:
    """Ask an application. body: its parts; None: no more will come, though there should be.

    A Host header is added where `headers` has none; an empty one is left out.
    """
    given = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if not any(name.lower() == "host" for name, _ in given):
        given.insert(0, ("host", OWN))
    parts = [body] if isinstance(body, bytes) else list(body)
    if isinstance(body, bytes) and body and not any(name.lower() == "content-length" for name, _ in given):
        given.append(("content-length", str(len(body))))
    raw, _, query = target.partition("?")
    whole = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": unquote(raw), "raw_path": raw.encode("latin-1"), "query_string": query.encode("latin-1"),
        "root_path": "", "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", PORT), "state": {},
        "headers": [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given if value
        ],
    } | scope  # fmt: skip
    answer = Answer()
    left = iter(enumerate(parts, 1))

    async def receive() -> dict[str, Any]:
        if answer.whole:
            return {"type": "http.disconnect"}
        for number, part in left:
            if part is None:
                await asyncio.Event().wait()
            return {"type": "http.request", "body": part, "more_body": number < len(parts)}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            assert answer.status == 0, "an answer begins once"
            answer.status, answer.headers = message["status"], list(message["headers"])
        else:
            assert answer.status != 0 and not answer.whole
            answer.body += message.get("body", b"")
            answer.whole = not message.get("more_body", False)

    await app(whole, receive, send)
    return answer


def asked(app: Any, method: str, target: str, headers: Given = (), **rest: Any) -> Answer:
    """The same, from outside of a loop."""
    return asyncio.run(ask(app, method, target, headers, **rest))


class Inner:
    """An application that keeps what reaches it, and reads the whole of every body."""

    def __init__(self, headers: Given = (), body: bytes = b"inside") -> None:
        given = headers.items() if isinstance(headers, Mapping) else headers
        self.headers = [(name.encode(), value.encode()) for name, value in given]
        self.body = body
        self.scopes: list[dict[str, Any]] = []
        self.got: list[bytes] = []
        self.before: Callable[[], Any] | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scopes.append(scope)
        got = b""
        while True:
            message = await receive()
            got += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.got.append(got)
        if self.before is not None:
            await self.before()
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})
