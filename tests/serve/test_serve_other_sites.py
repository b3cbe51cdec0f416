"""A real browser that has the server's page open, and opens pages of others, which try what pages can try."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from asgi_calls import TOKEN, serving
from chromium import Browser, browser

from restore.cli.serve.safety import Safety

__all__ = ["browser"]
pytestmark = pytest.mark.slow

PAGE = b"""<!doctype html><meta charset="utf-8"><title>page</title><script src="/assets/own.js"></script>"""
RUNS = b"document.title = 'ran'"
EVIL = b"<!doctype html><title>evil</title><script>document.title = 'ran'</script>"
POLYGLOT = b"\x89PNG\r\n\x1a\n" + EVIL
FILES = {
    "/": (b"text/html", PAGE),
    "/assets/own.js": (b"text/javascript", RUNS),
    "/api/session": (b"application/json", b'{"secret": 1}'),
    "/api/pictures/html": (b"text/html", EVIL),
    "/api/pictures/svg": (b"image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'),
    "/api/pictures/png": (b"image/png", POLYGLOT),
    "/api/pictures/script": (b"text/javascript", RUNS),
}


class Own:
    """An application that keeps what reaches it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/favicon.ico":  # which the browser asks for when it likes
            self.seen.append(f"{scope['method']} {scope['path']}")
        kind, body = FILES.get(scope["path"], (b"application/json", b"{}"))
        if scope["path"] == "/api/events":
            kind, body = b"text/event-stream", b"data: secret\n\n"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        await send({"type": "http.response.body", "body": body})


class Evil(BaseHTTPRequestHandler):
    """The page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(b"<!doctype html><title>evil</title><body>")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[Own, int]]:
    from restore.cli.serve.server import Server

    app, begun = Own(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = Server(Safety(app, serving(port=port)), begun.set, lambda: None)
        server.config.lifespan = "off"
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        assert begun.wait(30)
        yield app, port
        server.should_exit = server.force_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def other() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Evil) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join(30)


def go(browser: Browser, url: str, title: str = "") -> None:
    """Open an address, and wait for its title."""
    told = browser.call("Page.navigate", url=url)
    end = time.monotonic() + 30
    while title and browser.run("return document.readyState + document.title") != f"complete{title}":
        assert time.monotonic() < end, (told, browser.run("return document.documentElement.outerHTML"))
        time.sleep(0.02)


@pytest.fixture
def logged_in(browser: Browser, own: tuple[Own, int]) -> tuple[Own, int]:
    """The user has opened the page by its address."""
    app, port = own
    go(browser, f"http://127.0.0.1:{port}/?token={TOKEN}", "ran")
    app.seen.clear()
    return own


def test_the_page_itself_works(browser: Browser, logged_in: tuple[Own, int]) -> None:
    app, port = logged_in
    assert browser.run("return location.href") == f"http://127.0.0.1:{port}/"
    assert browser.run("return document.cookie") == ""  # scripts do not see it
    assert browser.run("return (await fetch('/api/session')).json()") == {"secret": 1}
    assert browser.run("return (await fetch('/api/pictures', {method: 'POST', body: 'x'})).status") == 200
    body = "{method: 'POST', body: '{}', headers: {'content-type': 'application/json'}}"
    assert browser.run(f"return (await fetch('/api/jobs', {body})).status") == 200
    told = browser.run(
        "return new Promise(done => { const s = new EventSource('/api/events');"
        "s.onmessage = e => { s.close(); done(e.data); }; s.onerror = () => done('error'); })"
    )
    assert told == "secret"
    assert len(app.seen) == 4


def test_the_page_runs_nothing_of_others(browser: Browser, logged_in: tuple[Own, int]) -> None:
    tried = browser.run(
        """
        const result = {};
        const attempt = (name, act) => {
          try { act(); result[name] = "done"; } catch (e) { result[name] = e.name; }
        };
        attempt("inner", () => { document.body.innerHTML = "<img src=x onerror='document.title=1'>"; });
        attempt("worker", () => new Worker("blob:x"));
        result.eval = await new Promise(done => {
          addEventListener("securitypolicyviolation", e => done(e.effectiveDirective), {once: true});
          const s = document.createElement("script"); s.append("document.title = 'inline'");
          document.head.append(s);
        });
        result.image = await new Promise(done => {
          const i = new Image(); i.onload = () => done("loaded"); i.onerror = () => done("refused");
          i.src = "http://localhost:1/x.png";
        });
        result.title = document.title;
        return result;
        """
    )
    assert tried["inner"] == "TypeError"
    assert tried["worker"] == "TypeError"
    assert tried["image"] == "refused"
    assert tried["title"] == "ran"


ATTACKS = """
  const at = "http://127.0.0.1:PORT", result = {};
  const soon = (promise, other) => Promise.race([promise, new Promise(d => setTimeout(d, 3000, other))]);
  const fetched = async (path, options) => {
    try {
      const answer = await fetch(at + path, {credentials: "include", ...options});
      return answer.type + ":" + (await answer.text()).length;
    } catch (e) { return e.name; }
  };
  const element = (name, attributes) => soon(new Promise(done => {
    const e = document.createElement(name);
    e.onload = () => done("loaded"); e.onerror = () => done("refused");
    Object.assign(e, attributes); document.body.append(e);
  }), "nothing");
  result.read = await fetched("/api/session");
  result.blind = await fetched("/api/session", {mode: "no-cors"});
  result.simple = await fetched("/api/jobs", {method: "POST", body: '{"task": "denoise"}'});
  result.json = await fetched("/api/jobs",
    {method: "POST", body: "{}", headers: {"content-type": "application/json"}});
  result.upload = await fetched("/api/pictures?name=a.png", {method: "POST", body: "x", mode: "no-cors"});
  result.delete = await fetched("/api/pictures/png", {method: "DELETE"});
  result.bearer = await fetched("/api/session", {headers: {authorization: "Bearer x"}});
  result.beacon = navigator.sendBeacon(at + "/api/jobs", "{}");
  result.image = await element("img", {src: at + "/api/pictures/png"});
  result.script = await element("script", {src: at + "/assets/own.js"});
  result.data = await element("script", {src: at + "/api/session"});
  result.style = await element("link", {rel: "stylesheet", href: at + "/"});
  result.socket = await soon(new Promise(done => {
    const s = new WebSocket(at.replace("http", "ws") + "/api/events");
    s.onopen = () => done("open"); s.onerror = () => done("refused");
  }), "nothing");
  result.events = await soon(new Promise(done => {
    const s = new EventSource(at + "/api/events", {withCredentials: true});
    s.onmessage = () => done("message"); s.onerror = () => { s.close(); done("refused"); };
  }), "nothing");
  const frame = document.createElement("iframe"); frame.name = "inside"; frame.src = at + "/";
  await new Promise(done => { frame.onload = done; document.body.append(frame); });
  const form = document.createElement("form");
  Object.assign(form, {action: at + "/api/jobs", method: "POST", enctype: "text/plain", target: "inside"});
  const field = document.createElement("input");
  Object.assign(field, {name: '{"task": "denoise", "x": "', value: '"}'});
  form.append(field); document.body.append(form);
  await new Promise(done => { frame.onload = done; form.submit(); });
  result.frame = frame.contentDocument === null ? "closed" : "open";
  result.title = document.title;
  return result;
"""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"], ids=["another site", "another port"])
def test_pages_of_others_get_nothing(
    browser: Browser, logged_in: tuple[Own, int], other: int, host: str
) -> None:
    app, port = logged_in
    go(browser, f"http://{host}:{other}/", "evil")
    result = browser.run(ATTACKS.replace("PORT", str(port)))
    assert app.seen == []
    # A blind request may be sent, and is refused; what it gets cannot be seen.
    assert result.pop("blind") in ("TypeError", "opaque:0")
    assert result.pop("upload") in ("TypeError", "opaque:0")
    assert result.pop("beacon") in (True, False)
    assert result == {
        "read": "TypeError", "simple": "TypeError", "json": "TypeError", "delete": "TypeError",
        "bearer": "TypeError", "image": "refused", "script": "refused", "data": "refused", "style": "refused",
        "socket": "refused", "events": "refused", "frame": "closed", "title": "evil",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["html", "svg", "png", "script"])
def test_files_of_others_never_run(browser: Browser, logged_in: tuple[Own, int], kind: str) -> None:
    """Not as a page, nor as a script of the page."""
    app, port = logged_in
    page = f"http://127.0.0.1:{port}/"
    browser.call("Page.navigate", url=f"{page}api/pictures/{kind}")
    end = time.monotonic() + 30
    place = f"{page}api/pictures/png" if kind == "png" else page
    while (shown := browser.call("Target.getTargetInfo")["targetInfo"])["url"] != place:
        assert time.monotonic() < end, shown
        time.sleep(0.02)
    assert f"GET /api/pictures/{kind}" in app.seen
    if kind == "png":  # a picture, though not a good one
        assert shown["title"] not in ("evil", "ran")
    # All else is a download, which leaves the page as it is.
    go(browser, page, "ran")
    loaded = browser.run(
        "document.title = 'page'; return new Promise(done => {"
        "const s = document.createElement('script'); s.onload = () => done('loaded');"
        "s.onerror = () => done('refused');"
        f"try {{ s.src = '/api/pictures/{kind}'; document.head.append(s); }} catch {{ done('refused'); }} }})"
    )
    assert loaded == "refused"
    assert browser.run("return document.title") == "page"
