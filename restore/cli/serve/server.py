"""Run the server: bind, say where it is, open the browser, and end in order."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from restore.cli.serve.connections import Connection
from restore.errors import ConfigError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

USUAL = 8765  # the port that is tried first
TRIED = 20  # ports, where none is told
GRACE = 2  # seconds for answers that are being sent at the end
HEADERS = 2**15  # bytes of the head of a request


def bound(host: str, port: int | None) -> socket.socket:
    """Give a socket that listens. port: None for the usual one, or a free one near it.

    Raises ConfigError where it cannot be had.
    """
    ports = [port] if port is not None else range(USUAL, USUAL + TRIED)
    problem: OSError | None = None
    for each in ports:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return socket.create_server((host, each), family=family, backlog=2048)
        except OSError as error:
            problem = error
            if error.errno != errno.EADDRINUSE:
                break
    assert problem is not None
    if problem.errno == errno.EADDRINUSE:
        which = (
            f"port {port} of {host} is" if port is not None else f"ports {USUAL} to {USUAL + TRIED - 1} are"
        )
        raise ConfigError(f"{which} in use already; pass --port 0 for any that is free") from problem
    why = os.strerror(problem.errno) if problem.errno else str(problem)
    raise ConfigError(f"cannot listen at {host}, port {port or USUAL} ({why}); pass another --host or --port")


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is no more than that a request was cut off, as uploads are when the server ends."""
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, asyncio.CancelledError) and not str(record.msg).startswith("Cancel ")


class Server(uvicorn.Server):
    """Serves an application. begun: is called once it answers. ending: before connections are closed."""

    def __init__(self, app: ASGIApp, begun: Callable[[], None], ending: Callable[[], None], **options: Any):
        config = uvicorn.Config(
            app,
            lifespan="on",
            log_config=None,
            log_level="error",  # strangers do not fill the terminal with their mistakes
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            http=Connection,
            h11_max_incomplete_event_size=HEADERS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=GRACE,
            **options,
        )
        super().__init__(config)
        self._begun, self._ending = begun, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        if not self.should_exit:
            self._begun()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what would never end by itself, and then the rest."""
        self._ending()
        log = logging.getLogger("uvicorn.error")
        log.addFilter(_is_news)
        try:
            await super().shutdown(sockets)
        finally:
            log.removeFilter(_is_news)
        if self.force_exit:  # by a second Ctrl-C: the processes are ended all the same
            await self.lifespan.shutdown()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order also where the terminal is closed, unless ``nohup`` has it go on."""
        number = getattr(signal, "SIGHUP", None)
        main = threading.current_thread() is threading.main_thread()
        if number is None or not main or signal.getsignal(number) is signal.SIG_IGN:
            with super().capture_signals():
                yield
            return
        before = signal.signal(number, self.handle_exit)
        try:
            with super().capture_signals():
                yield
        finally:
            signal.signal(number, before)
