"""Connections that take long: to say what they want, to say anything, or to take what they asked for.

uvicorn ends a connection that is silent after an answer. It waits without end for the first request, for the
rest of one's head, and for a reader that does not read; each such connection takes a descriptor and memory.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 15.0  # from the first byte of a request, or from connecting, to the end of its head
STALLED_SECONDS = 120.0  # in which a reader takes nothing of an answer
CONNECTIONS = 400  # at once
_UNIX = getattr(socket, "AF_UNIX", None)
SPARE = 64  # descriptors of files that are left for all else

_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 38\r\n\r\n"
    b"too many connections; try again later\n"
)


def most_connections() -> int:
    """How many this process can have: systems let one have some 1000 descriptors, or 256."""
    try:
        import resource
    except ImportError:  # Windows, which sets no such bound
        return CONNECTIONS
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return CONNECTIONS if allowed < 0 else max(1, min(CONNECTIONS, allowed - SPARE))


class Connection(H11Protocol):
    """A connection of a browser or a script, bounded in time.

    The bounds are attributes of the class, so that another class of them can be given to uvicorn.
    """

    head_seconds = HEAD_SECONDS
    stalled_seconds = STALLED_SECONDS
    most = most_connections()

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._head: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, or refuse to."""
        super().connection_made(transport)
        # asyncio does so itself, but not for a socket that was made without naming TCP: the end of an answer
        # would wait for its beginning to be acknowledged, which takes up to 40 ms.
        if (own := transport.get_extra_info("socket")) is not None and own.family != _UNIX:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if len(self.connections) > self.most:
            transport.write(_BUSY)
            transport.close()
            return
        self._head = self.loop.call_later(self.head_seconds, self._end)

    def data_received(self, data: bytes) -> None:
        """Read on. The head of a request has its time; how long its body takes is bounded elsewhere."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._watch_head()
        else:
            self._cancel_head()

    def on_response_complete(self) -> None:
        """Go on to the next request, a part of which may be here already."""
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._watch_head()

    def _watch_head(self) -> None:
        """Let a head that has begun have its time, from its first byte."""
        if self._head is None:
            self._head = self.loop.call_later(self.head_seconds, self._end)

    def _cancel_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def pause_writing(self) -> None:
        """Begin to wait for a reader."""
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self.stalled_seconds, self._end)

    def resume_writing(self) -> None:
        """The reader has read."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._cancel_head()
        super().connection_lost(exc)  # which calls `resume_writing`
        self._unset_keepalive_if_required()

    def _end(self) -> None:
        """End at once: a reader that does not read would keep what is left of its answer."""
        self.transport.abort()
