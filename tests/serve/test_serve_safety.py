"""Nobody but the page of the server, and who knows its secret, gets an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from asgi_calls import OWN, PORT, TOKEN, Answer, Inner, asked, serving

from restore.cli.serve.safety import Safety

PAGE = {"origin": f"http://{OWN}", "sec-fetch-site": "same-origin"}
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def inner() -> Inner:
    return Inner()


@pytest.fixture
def app(inner: Inner) -> Safety:
    return Safety(inner, serving())


def cookie(app: Safety) -> dict[str, str]:
    return {"cookie": asked(app, "GET", f"/?token={TOKEN}").cookie}


def is_refused(answer: Answer, status: int, inner: Inner) -> None:
    assert answer.status == status, answer.body
    assert inner.scopes == []
    assert answer.all("access-control-allow-origin") == []
    assert b"\n" not in answer.body.strip()


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", f"evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}", f"localhost.:{PORT}",
        f"127.0.0.1.:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1:{PORT + 1}", f"127.0.0.1:0{PORT}0",
        f"user@127.0.0.1:{PORT}", f"127.0.0.1:{PORT}@evil.example", f"127.0.0.1:{PORT}/", f"0.0.0.0:{PORT}",
        f"http://127.0.0.1:{PORT}", f"127.0.0.1:{PORT}, evil.example", f"127.0.0.1:{PORT} ", f"[::1]:{PORT}x",
        f"::1:{PORT}", f"[::1%lo]:{PORT}", f"127.1:{PORT}", f"2130706433:{PORT}", "127.0.0.1:٨٧٦٥".encode()
        .decode("latin-1"), "\xb9", "[", "]", ":", f":{PORT}", f"127.0.0.1:{PORT}:{PORT}", f"*:{PORT}",
        f"127.0.0.1:{PORT}\x00", f"localhost#:{PORT}", f"localhost\\:{PORT}", "x" * 10_000, "",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/session", f"/?token={TOKEN}"])
def test_other_names_are_refused(app: Safety, inner: Inner, host: str, path: str) -> None:
    answer = asked(app, "GET", path, {"host": host, **BEARER})
    is_refused(answer, 403, inner)
    assert b"--allow-host" in answer.body
    assert answer.all("set-cookie") == []


def test_several_names_are_refused(app: Safety, inner: Inner) -> None:
    is_refused(asked(app, "GET", "/", [("host", OWN), ("host", OWN)]), 403, inner)
    is_refused(asked(app, "GET", "/", [("host", OWN), ("host", "evil.example")]), 403, inner)


@pytest.mark.parametrize("host", [OWN, f"localhost:{PORT}", f"[::1]:{PORT}", f"LocalHost:{PORT}"])
def test_its_own_names(app: Safety, inner: Inner, host: str) -> None:
    origin = {"origin": f"http://{host.lower()}"}
    assert asked(app, "POST", "/api/pictures", {"host": host, **BEARER, **origin}).status == 200
    assert len(inner.scopes) == 1


def test_a_port_that_is_not_told_is_80(inner: Inner) -> None:
    app = Safety(inner, serving(port=80))
    assert asked(app, "GET", "/", {"host": "127.0.0.1"}).status == 200
    assert asked(app, "GET", "/", {"host": OWN}).status == 403


@pytest.mark.parametrize(
    ("changed", "host", "status"),
    [
        ({"allowed_hosts": ("photos.example",)}, "photos.example", 200),
        ({"allowed_hosts": ("Photos.Example",)}, "photos.example:443", 200),
        ({"allowed_hosts": ("photos.example:8443",)}, "photos.example:8443", 200),
        ({"allowed_hosts": ("photos.example:8443",)}, "photos.example", 403),
        ({"allowed_hosts": ("photos.example",)}, "x.photos.example", 403),
        ({"allowed_hosts": ("*",)}, "evil.example", 403),
        ({"host": "192.168.1.7"}, "192.168.1.7:8765", 200),
        ({"host": "192.168.1.7"}, "192.168.1.8:8765", 403),
        ({"host": "0.0.0.0"}, "192.168.1.7:9000", 200),
        ({"host": "::"}, "[fe80::1]:8765", 200),
        ({"host": "0.0.0.0"}, "evil.example:8765", 403),
        ({"host": "0.0.0.0"}, "localhost:9000", 200),  # a container behind another port
    ],
)
def test_names_that_were_told(inner: Inner, changed: dict[str, Any], host: str, status: int) -> None:
    app = Safety(inner, serving(password="long enough", **changed))
    assert asked(app, "GET", "/", {"host": host}).status == status


@pytest.mark.parametrize(
    "origin",
    [
        "null", "", "http://evil.example", f"http://evil.example:{PORT}", f"http://127.0.0.1:{PORT + 1}",
        "http://127.0.0.1", f"http://localhost:{PORT}", f"http://{OWN}.evil.example", f"http://{OWN}/",
        f"http://x@{OWN}", f"ftp://{OWN}", f"file://{OWN}", OWN, f"//{OWN}", f"http://{OWN}, http://evil.example",
        "chrome-extension://abcdef", f"http://{OWN}\x00",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("GET", "/api/session"), ("POST", "/api/pictures")]
)
def test_other_pages_are_refused(app: Safety, inner: Inner, origin: str, method: str, path: str) -> None:
    headers = [("origin", origin or " "), *BEARER.items(), *cookie(app).items()]
    is_refused(asked(app, method, path, headers), 403, inner)


def test_several_origins_are_refused(app: Safety, inner: Inner) -> None:
    twice = [("origin", f"http://{OWN}")] * 2
    is_refused(asked(app, "POST", "/api/pictures", [*twice, *BEARER.items()]), 400, inner)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "", "Same-Origin", "odd"])
def test_requests_of_other_sites_are_refused(app: Safety, inner: Inner, site: str) -> None:
    told = [("sec-fetch-site", site or " ")]
    going = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
    known = [*BEARER.items(), *cookie(app).items()]
    is_refused(asked(app, "GET", "/api/session", [*told, *going, *known]), 403, inner)
    is_refused(asked(app, "POST", "/api/pictures", [*told, *going, *known]), 403, inner)
    is_refused(asked(app, "DELETE", "/", [*told, *known]), 403, inner)
    for place in ("image", "script", "style", "iframe", "object", "embed", "empty"):
        mode = "navigate" if place in ("iframe", "object", "embed") else "no-cors"
        headers = [*told, ("sec-fetch-mode", mode), ("sec-fetch-dest", place)]
        is_refused(asked(app, "GET", "/", headers), 403, inner)


def test_a_link_of_another_site_leads_to_the_page(app: Safety) -> None:
    going = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    assert asked(app, "GET", "/", going).status == 200
    assert asked(app, "GET", f"/?token={TOKEN}", going).status == 303


def test_only_pages_that_were_named_may_frame_it(inner: Inner) -> None:
    going = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    framed = Safety(inner, serving(public=True, frame_ancestors=("https://huggingface.co",)))
    answer = asked(framed, "GET", "/", going)
    assert answer.status == 200
    assert "frame-ancestors https://huggingface.co" in answer["content-security-policy"]
    assert answer.all("x-frame-options") == []
    assert answer["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=None; Partitioned; Secure")
    assert answer.cookie.startswith(f"__Host-restore-{PORT}=")
    assert asked(framed, "GET", "/api/session", going).status == 403


def test_the_token_becomes_a_cookie(app: Safety, inner: Inner) -> None:
    answer = asked(app, "GET", f"/?token={TOKEN}")
    assert (answer.status, answer["location"], answer["cache-control"]) == (303, "/", "no-store")
    assert answer["referrer-policy"] == "no-referrer"
    assert answer["set-cookie"] == f"{answer.cookie}; Path=/; HttpOnly; SameSite=Strict"
    assert TOKEN not in answer["set-cookie"]
    assert inner.scopes == []
    known = {"cookie": f"a=b; {answer.cookie}; c"}
    assert asked(app, "GET", "/api/session", known).status == 200
    assert asked(app, "POST", "/api/pictures", known | PAGE).status == 200
    assert [scope["state"]["visitor"] for scope in inner.scopes] == ["", ""]
    assert asked(app, "POST", "/api/pictures", known).status == 403  # which page asks is not told


def test_the_cookie_of_another_run_or_place_is_none(app: Safety, inner: Inner) -> None:
    other = Safety(Inner(), serving(token="u" * 43))
    forged = asked(other, "GET", f"/?token={'u' * 43}").cookie
    name = forged.partition("=")[0]
    values = ["", TOKEN, "page", "page.", ".", "page." + "0" * 64, "é", forged.partition("=")[2]]
    for value in values:
        is_refused(asked(app, "GET", "/api/session", {"cookie": f"{name}={value}"}), 401, inner)
    both = (
        f"{forged}; {cookie(app)['cookie']}"  # another server of this machine has set one for a longer path
    )
    assert asked(app, "GET", "/api/session", {"cookie": both}).status == 200


def test_over_https_the_cookie_is_bound_to_it(app: Safety) -> None:
    behind = {"x-forwarded-proto": "https"}
    answer = asked(app, "GET", f"/?token={TOKEN}", behind)
    assert answer["set-cookie"].startswith(f"__Host-restore-{PORT}=")
    assert answer["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Strict; Secure")
    known = {"cookie": answer.cookie, **behind}
    assert asked(app, "POST", "/api/pictures", known | {"origin": f"https://{OWN}"}).status == 200
    assert asked(app, "POST", "/api/pictures", known | {"origin": f"http://{OWN}"}).status == 403
    assert asked(app, "GET", "/api/session", {"cookie": answer.cookie}).status == 401


def test_guesses_are_all_answered_alike(app: Safety, inner: Inner) -> None:
    guesses = [
        "",
        "x",
        TOKEN[:-1],
        TOKEN[:-1] + "u",
        TOKEN + "t",
        TOKEN.upper(),
        "\x00",
        "é" * 43,
        "t" * 5000,
    ]
    answers = [asked(app, "GET", "/api/session", {"authorization": f"Bearer {guess}"}) for guess in guesses]
    answers += [asked(app, "GET", "/api/session", {"authorization": word}) for word in ("Basic dDp0", TOKEN)]
    answers.append(asked(app, "GET", "/api/session"))
    for answer in answers:
        is_refused(answer, 401, inner)
    assert len({(answer.body, *answer.headers) for answer in answers}) == 1
    assert json.loads(answers[0].body)["error"]["option"] == "token"
    assert answers[0]["www-authenticate"] == "Bearer"
    twice = [("authorization", f"Bearer {TOKEN}")] * 2
    is_refused(asked(app, "GET", "/api/session", twice), 400, inner)
    for query in ("token=", "token=x", f"token={TOKEN}&token={TOKEN}", f"token={TOKEN[:-1]}", "token=%C3%A9"):
        is_refused(asked(app, "GET", f"/?{query}"), 401, inner)
        # A browser goes on to the page, which says what to do; nothing lets it in.
        shown = asked(app, "GET", f"/?{query}", {"accept": "text/html,*/*"})
        assert (shown.status, shown["location"]) == (303, "/")
        assert "set-cookie" not in dict(shown.headers)


def test_the_token_of_the_browser_that_is_started_counts_once(inner: Inner) -> None:
    """Others of this machine see it among the processes."""
    app = Safety(inner, serving(opening="o" * 43))
    bearer = {"authorization": f"Bearer {'o' * 43}"}
    is_refused(asked(app, "GET", "/api/session", bearer), 401, inner)
    first = asked(app, "GET", f"/?token={'o' * 43}")
    assert first.status == 303
    is_refused(asked(app, "GET", f"/?token={'o' * 43}"), 401, inner)
    is_refused(asked(app, "GET", "/?token="), 401, inner)
    assert asked(app, "GET", f"/?token={TOKEN}").cookie == first.cookie
    assert asked(app, "GET", "/api/session", {"cookie": first.cookie}).status == 200


def test_the_token_counts_nowhere_else(app: Safety, inner: Inner) -> None:
    is_refused(asked(app, "GET", f"/api/session?token={TOKEN}"), 401, inner)
    assert asked(app, "GET", f"/index.html?token={TOKEN}").all("set-cookie") == []
    assert asked(app, "POST", f"/?token={TOKEN}").all("set-cookie") == []


def test_an_empty_token_opens_nothing(inner: Inner) -> None:
    app = Safety(inner, serving(token="", password="long enough"))
    is_refused(asked(app, "GET", "/?token="), 401, inner)
    is_refused(asked(app, "GET", "/api/session", {"authorization": "Bearer "}), 401, inner)
    is_refused(asked(app, "GET", "/api/session", {"authorization": "Bearer"}), 401, inner)


def test_each_visitor_of_a_public_server_is_another(inner: Inner) -> None:
    app = Safety(inner, serving(public=True, token=""))
    is_refused(asked(app, "GET", "/api/jobs"), 401, inner)
    is_refused(asked(app, "POST", "/api/pictures", PAGE), 401, inner)
    first, second = asked(app, "GET", "/"), asked(app, "GET", "/api/session")
    assert first["set-cookie"].endswith("; Path=/; HttpOnly; SameSite=Lax")
    for answer in (first, second):
        again = asked(app, "GET", "/api/session", {"cookie": answer.cookie})
        assert again.status == 200
        assert again.all("set-cookie") == []
    made = [scope["state"]["visitor"] for scope in inner.scopes]
    assert made[0] == made[2] != made[1] == made[3]
    assert all(len(visitor) == 24 for visitor in made)
    name, _, value = first.cookie.partition("=")
    inner.scopes.clear()
    for forged in (made[1], f"{made[1]}.{value.partition('.')[2]}", f"x{value}", ".", "a.b"):
        is_refused(asked(app, "GET", "/api/jobs", {"cookie": f"{name}={forged}"}), 401, inner)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PATCH", "PROPFIND", "get", "X" * 300])
def test_other_methods_are_refused(app: Safety, inner: Inner, method: str) -> None:
    preflight = {"access-control-request-method": "POST", "access-control-request-private-network": "true"}
    answer = asked(app, method, "/api/pictures", {**BEARER, **preflight})
    is_refused(answer, 405, inner)
    assert answer["allow"] == "GET, HEAD, POST, PUT, DELETE"
    assert answer.all("access-control-allow-private-network") == []


@pytest.mark.parametrize(
    "path",
    [
        "/..", "/../etc/passwd", "/a/../b", "/%2e%2e/etc/passwd", "/.%2e/x", "/./x", "/a/.",
        "//evil.example/", "//", "/a//b", "/%2fetc", "/a%2Fb", "/a%5cb", "/a\\b", "/a%00.png",
        "/a%0d%0aSet-Cookie:x", "/%ff", "/%c0%ae%c0%ae/x", "/%", "/%zz", "/%1", "/a b", "/\xe9", "/<script>",
        '/"', "*", "", "a", "http://evil/", f"http://{OWN}/api/session", "/%7f", "/" + "a" * 2000,
    ],
)  # fmt: skip
def test_odd_paths_are_refused(app: Safety, inner: Inner, path: str) -> None:
    is_refused(asked(app, "GET", path, BEARER), 414 if len(path) > 1024 else 400, inner)


def test_odd_queries_are_refused(app: Safety, inner: Inner) -> None:
    is_refused(asked(app, "POST", "/api/pictures?name=a%00.png", BEARER), 400, inner)
    is_refused(asked(app, "POST", "/api/pictures?name=\xe9", BEARER), 400, inner)
    is_refused(asked(app, "GET", "/api/archive?jobs=" + "a" * 20_000, BEARER), 414, inner)


def test_long_heads_are_refused(app: Safety, inner: Inner) -> None:
    is_refused(asked(app, "GET", "/", {"x": "y" * 40_000}), 431, inner)
    is_refused(asked(app, "GET", "/", [("x", "y")] * 200), 431, inner)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("content-length", "3"), ("transfer-encoding", "chunked")], 400),
        ([("content-length", "3"), ("content-length", "4")], 400),
        ([("content-length", "-1")], 400),
        ([("content-length", "+3")], 400),
        ([("content-length", "3, 3")], 400),
        ([("content-length", "²")], 400),
        ([("content-length", "9" * 40)], 400),
        ([("content-encoding", "gzip"), ("content-length", "3")], 415),
    ],
)
def test_smuggled_bodies_are_refused(app: Safety, inner: Inner, headers: Any, status: int) -> None:
    answer = asked(app, "POST", "/api/pictures", [*headers, *BEARER.items()], body=[b"abc"])
    is_refused(answer, status, inner)


def test_every_answer_has_the_headers(app: Safety, inner: Inner) -> None:
    for answer in (
        asked(app, "GET", "/"),
        asked(app, "GET", "/", {"host": "evil.example"}),
        asked(app, "GET", "/api/session"),
        asked(app, "GET", "/api/session", BEARER),
        asked(app, "OPTIONS", "/"),
        asked(app, "POST", "/api/jobs", BEARER, body=b"x"),
    ):
        assert answer["x-content-type-options"] == "nosniff"
        assert answer["x-frame-options"] == "DENY"
        assert answer["cross-origin-resource-policy"] == "same-origin"
        assert answer["cross-origin-opener-policy"] == "same-origin"
        assert answer["referrer-policy"] == "same-origin"
        assert "camera=()" in answer["permissions-policy"]
        policy = answer["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "*" not in policy and "http" not in policy
        assert [name for name, _ in answer.headers if name.startswith(b"access-control")] == []
    assert asked(app, "GET", "/api/session", BEARER)["cache-control"] == "no-store"
    assert asked(app, "GET", "/")["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "kept", "told"),
    [
        ("/api/x", "private, max-age=9, immutable", "private, max-age=9, immutable"),
        ("/api/x", "public, immutable", "no-store"),
        ("/api/x", "max-age=9", "no-store"),
        ("/assets/a.js", "public, max-age=9, immutable", "public, max-age=9, immutable"),
    ],
)
def test_what_may_be_stored(path: str, kept: str, told: str) -> None:
    app = Safety(Inner({"cache-control": kept, "content-type": "image/png"}), serving())
    assert asked(app, "GET", path, BEARER)["cache-control"] == told


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("text/html", "application/octet-stream"),
        ("text/html; charset=utf-8", "application/octet-stream"),
        ("image/svg+xml", "application/octet-stream"),
        ("application/xhtml+xml", "application/octet-stream"),
        ("text/javascript", "application/octet-stream"),
        ("application/pdf", "application/octet-stream"),
        ("multipart/x-mixed-replace; boundary=x", "application/octet-stream"),
        ("image/png", "image/png"),
        ("image/webp", "image/webp"),
        ("application/json", "application/json"),
        ("text/event-stream; charset=utf-8", "text/event-stream; charset=utf-8"),
    ],
)
def test_what_was_uploaded_never_runs(kind: str, told: str) -> None:
    page = {"content-security-policy": "script-src *", "x-frame-options": "ALLOWALL", "server": "x"}
    open_to_all = {"access-control-allow-origin": "*", "refresh": "0; url=http://evil.example"}
    app = Safety(Inner({"content-type": kind, **page, **open_to_all}), serving())
    answer = asked(app, "GET", "/api/pictures/x/file", BEARER)
    assert answer["content-type"] == told
    assert answer["x-content-type-options"] == "nosniff"
    assert answer["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert answer["x-frame-options"] == "DENY"
    assert answer.all("content-disposition") == (["attachment"] if told != kind else [])
    for name in ("access-control-allow-origin", "refresh", "server"):
        assert answer.all(name) == []


def test_the_name_of_a_download_stays() -> None:
    headers = {"content-type": "text/html", "content-disposition": 'attachment; filename="a.png"'}
    app = Safety(Inner(headers), serving())
    answer = asked(app, "GET", "/api/pictures/x/file", BEARER)
    assert answer["content-disposition"] == 'attachment; filename="a.png"'
    app = Safety(Inner(headers | {"content-disposition": "inline"}), serving())
    assert asked(app, "GET", "/api/x", BEARER)["content-disposition"] == "attachment"


def test_web_sockets_are_closed(app: Safety, inner: Inner) -> None:
    import asyncio

    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/api/events", "headers": [(b"host", OWN.encode())]}
    asyncio.run(app(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert inner.scopes == []
