"""A web server on loopback that answers as it is asked to: /403/name, /slow/name, /cut/name ..."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "what-the-server-says"


@dataclass
class Answers:
    """files: what is there by path. asked: the lines that came. port: of 127.0.0.1."""

    port: int = 0
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def answering() -> Iterator[Answers]:
    """Start the server."""
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answers.asked.append(f"{self.command} {self.path}")
            _answer(self, answers)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """The client has gone."""

    with Server(("127.0.0.1", 0), Handler) as server:
        answers.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield answers
        finally:
            answers.ended.set()
            server.shutdown()
            thread.join()


def _answer(handler: BaseHTTPRequestHandler, answers: Answers) -> None:
    length = int(handler.headers.get("Content-Length") or 0)
    handler.rfile.read(length)
    path = handler.path.partition("?")[0]
    parts = path.split("/")
    body = answers.files.get(path, b"0123456789" * 10)
    status = next((int(part) for part in parts if part.isdigit() and len(part) == 3), 200)
    count = sum(path in line for line in answers.asked)
    if "slow" in parts or ("late" in parts and count < 2):
        answers.ended.wait(20)
        handler.close_connection = True
        return
    if "busy" in parts and count < 3:
        status = 503
    if "unconditional" in parts and handler.command != "GET":
        status = 501 if handler.headers.get("If-None-Match") else 404 if handler.command == "HEAD" else 200
        body = b""
    if status != 200:
        body = f"{SECRET} {handler.headers.get('Authorization', '')}".encode()
    if status == 200 and path not in answers.files and "missing" in parts:
        status, body = 404, SECRET.encode()
    handler.send_response(status)
    if "endless" in parts:
        handler.close_connection = True
    else:
        handler.send_header("Content-Length", str(10**13 if "huge" in parts else len(body)))
    if handler.command == "PUT":
        handler.send_header("ETag", '"etag"')
    handler.end_headers()
    if handler.command == "HEAD":
        return
    broken = "cut" in parts or ("torn" in parts and count < 2)
    handler.wfile.write(body[: len(body) // 2] if broken else body)
    handler.wfile.flush()
    handler.close_connection |= broken
    if "stalled" in parts:
        answers.ended.wait(20)
