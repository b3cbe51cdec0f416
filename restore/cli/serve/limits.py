"""How much at once: requests, streams of events, bytes of a body, and how slowly they may come.

What happens before a request is whole (slow headers, idle and stalled connections) is in `connections`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restore.cli.serve.config import Limits
from restore.cli.serve.headers import refuse
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.request_form import has_body, header

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

UPLOADS = re.compile(r"/api/(?:pictures|assets|pictures/[^/]+/regions)")
STREAM = "/api/events"
SHARE = 4  # one visitor of many gets at most this part of what is answered at once
TABS = 8  # and so many streams of events


@dataclass(frozen=True)
class Pace:
    """How slowly a body may come. grace: seconds without a byte, and before the rate counts.

    drain_seconds, drain_bytes: how long and how much of a body that was refused is read all the same: a
    browser that is still sending does not read the answer.
    """

    grace: float = 15.0
    drain_seconds: float = 1.0
    drain_bytes: int = 4 * 2**20


class Bounded:
    """An application, of which no more is asked at once than it can do."""

    def __init__(self, app: ASGIApp, limits: Limits, pace: Pace | None = None) -> None:
        self._app, self._limits, self._pace = app, limits, pace or Pace()
        self._requests: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(scope, receive, send, self._pace)
        try:
            body.bound = self._bound_of(scope)
            with self._counted(scope):
                body.bytes_a_second = self._limits.body_bytes_a_second
                await self._app(scope, body.receive, body.send)
        except Refusal as refusal:
            await body.refuse(refusal)

    @contextmanager
    def _counted(self, scope: Scope) -> Iterator[None]:
        """Count the request in. Raises Refusal."""
        visitor = scope.get("state", {}).get("visitor", "")
        if scope["path"] == STREAM and scope["method"] == "GET":
            counted, most, share = self._streams, self._limits.streams, TABS
        else:
            counted, most = self._requests, self._limits.requests
            share = max(1, most // SHARE)
        share = share if visitor else most
        if counted.total() >= most or counted[visitor] >= share:
            raise Refusal("the server has as much to do as it can; try again in a moment", 503)
        counted[visitor] += 1
        try:
            yield
        finally:
            counted[visitor] -= 1
            if not counted[visitor]:
                del counted[visitor]

    def _bound_of(self, scope: Scope) -> int:
        """Give how many bytes of a body are read. Raises Refusal for more, or for a wrong kind."""
        if not has_body(scope):
            return 0
        upload = _is_upload(scope)
        kind = (header(scope, b"content-type") or "").split(";")[0].strip().lower()
        if not upload and kind != "application/json":
            raise Refusal(f"expected a body of application/json, got {kind[:80] or 'no Content-Type'}", 415)
        bound = self._limits.file_bytes if upload else self._limits.json_bytes
        if int(header(scope, b"content-length") or 0) > bound:
            raise _too_large(scope, bound)
        return bound


def _is_upload(scope: Scope) -> bool:
    return bool(scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"]))


def _too_large(scope: Scope, bound: int) -> Refusal:
    shown = f"{bound / 2**20:,.0f} MB" if bound >= 2**20 else f"{bound} bytes"
    if _is_upload(scope):
        return Refusal(f"expected at most {shown}, got more; choose a smaller file", 413, "file")
    return Refusal(f"expected at most {shown} of JSON, got more; upload large masks as files", 413)


class _Body:
    """The body of one request, and the answer to it."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, pace: Pace) -> None:
        self._scope, self._receive, self._send, self._pace = scope, receive, send, pace
        self.bound = 0
        self.bytes_a_second = 0
        self._whole = not has_body(scope)
        self._bytes, self._waited = 0, 0.0
        self._begun = self._refused = False

    async def receive(self) -> Message:
        """Give the next part. Raises Refusal where there are too many, or they come too slowly."""
        if self._whole:
            return await self._receive()
        try:
            return await self._next()
        except Refusal as refusal:
            # Answered here: what the application makes of the exception is not sent any more.
            await self.refuse(refusal)
            raise

    async def _next(self) -> Message:
        start = time.monotonic()
        try:
            async with asyncio.timeout(self._pace.grace):
                message = await self._receive()
        except TimeoutError:
            raise _too_slow(self._bytes, self._waited + self._pace.grace) from None
        self._waited += time.monotonic() - start
        if message["type"] != "http.request":
            self._whole = True
            return message
        self._bytes += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._bytes > self.bound:
            raise _too_large(self._scope, self.bound)
        slow = self._waited > self._pace.grace and self._bytes < self._waited * self.bytes_a_second
        if slow and not self._whole:
            raise _too_slow(self._bytes, self._waited)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer, but where a refusal was one already."""
        if self._refused:
            return
        if message["type"] == "http.response.start":
            self._begun = True
            message = await self._last(message)
        await self._send(message)

    async def _last(self, message: Message) -> Message:
        """End the connection with this answer where the rest of the body would be read for another."""
        if self._whole:
            return message
        if await drained(self._scope, self._receive, self._pace):
            self._whole = True
            return message
        return {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with a refusal, once, and where no answer has begun."""
        if self._begun or self._refused:
            return
        self._refused = True
        headers = [(b"retry-after", b"1")] if refusal.status == 503 else []
        if not self._whole:
            slow = refusal.status == 408
            if slow or not await drained(self._scope, self._receive, self._pace):
                headers.append((b"connection", b"close"))
        await refuse(self._scope, self._send, refusal, headers)


def _too_slow(count: int, seconds: float) -> Refusal:
    return Refusal(
        f"expected the file to come faster, got {count} bytes in {seconds:.0f} s; send it again", 408
    )


async def drained(scope: Scope, receive: Receive, pace: Pace) -> bool:
    """Read what is left of a body that is not wanted, in bounds; give whether that was all of it."""
    if any(name == b"expect" for name, _ in scope["headers"]):
        return False  # who asks first is told by the answer
    left = pace.drain_bytes
    with suppress(TimeoutError):
        async with asyncio.timeout(pace.drain_seconds):
            while left >= 0:
                message: Any = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return True
    return False
