"""Who may ask a server for what: around the whole application, the page included.

Whoever opens a page of some other site lets it send requests to this machine. None of them is answered:
the name that was called, the page that calls and the secret that only the user's browser has are checked, in
this order.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from restore.cli.serve.config import Serving
from restore.cli.serve.headers import Headers, Pairs, answer, is_api, refuse
from restore.cli.serve.host_names import Names
from restore.cli.serve.limits import Bounded, Pace, drained
from restore.cli.serve.login import Login, Signed, TooOften, same
from restore.cli.serve.refusals import Refusal
from restore.cli.serve.request_form import METHODS, SAFE, check_form, has_body, header

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGIN = "/api/login"
LOGINS = 8  # at once
PASSWORD_BYTES = 4096
PAGE = "page"  # what the cookie of the token says

_NO_TOKEN = "expected the token of this server; open the address that `restore serve` has printed"
_NO_PASSWORD = "expected the password of this server; log in first"
_NO_COOKIE = "expected the cookie of this server; open its page first, and let it keep cookies"


class Safety:
    """An application that answers nobody but its own page and those who know its secret.

    Sets ``scope["state"]["visitor"]``: who asks, where every visitor has a session of their own; else "".
    """

    def __init__(self, app: ASGIApp, serving: Serving, pace: Pace | None = None) -> None:
        self._serving, self._pace = serving, pace or Pace()
        self._names = Names(serving)
        self._headers = Headers(serving.frame_ancestors)
        self._app = Bounded(app, serving.limits, self._pace)
        few = replace(serving.limits, requests=LOGINS, json_bytes=PASSWORD_BYTES)
        self._log_in = Bounded(self._login_answer, few, self._pace)
        self._login = Login(serving.password) if serving.password else None
        self._cookies = Signed(serving.token)
        self._opening = serving.opening
        self._visitors = Signed(secrets.token_hex(32))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:  # there are no web sockets here
            await receive()
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        cookies: Pairs = []

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*self._headers.of(scope, message), *cookies]}
            await send(message)

        try:
            check_form(scope)
            self._check_caller(scope)
            if (right := self._opens(scope)) is not None:
                await self._answer_token(scope, sealed, right=right)
                return
            visitor, new = self._admitted(scope)
        except Refusal as refusal:
            await self._refuse(scope, receive, sealed, refusal)
            return
        if new:
            cookies.append(self._cookie(scope, self._visitors.sign(visitor)))
        scope = {**scope, "state": {**scope.get("state", {}), "visitor": visitor}}
        app = self._log_in if self._login is not None and _is_login(scope) else self._app
        await app(scope, receive, sealed)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, refusal: Refusal) -> None:
        headers: Pairs = []
        if refusal.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if refusal.status == 405:
            headers.append((b"allow", ", ".join(METHODS).encode()))
        if refusal.status in (400, 431) or (
            has_body(scope) and not await drained(scope, receive, self._pace)
        ):
            headers.append((b"connection", b"close"))
        await refuse(scope, send, refusal, headers)

    def _check_caller(self, scope: Scope) -> None:
        """Check by which name the server was called, and from which page. Raises Refusal."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not self._names.knows(hosts[0]):
            raise Refusal(
                "expected one of the server's own names in Host, got another one; "
                "use the address that was printed, or start it with --allow-host",
                403,
            )
        origin = header(scope, b"origin")
        if origin is not None and not self._names.is_own(origin, hosts[0], self._scheme(scope)):
            raise Refusal("expected a request of the server's own page, got one of another site", 403)
        site = header(scope, b"sec-fetch-site")
        if site in (None, "same-origin", "none"):
            return
        # From elsewhere the page can only be gone to: by a link, or in the frame of a page that may show it.
        places = ("document", "iframe", "frame") if self._serving.frame_ancestors else ("document",)
        goes = header(scope, b"sec-fetch-mode") == "navigate" and header(scope, b"sec-fetch-dest") in places
        if is_api(scope) or scope["method"] not in SAFE or not goes:
            raise Refusal("expected a request of the server's own page, got one of another site", 403)

    def _scheme(self, scope: Scope) -> str:
        """HTTPS also where a proxy says that it was: a page of another site cannot add that header."""
        told = dict(scope["headers"]).get(b"x-forwarded-proto", b"").strip().lower()
        return "https" if told == b"https" or scope.get("scheme") == "https" else "http"

    def _opens(self, scope: Scope) -> bool | None:
        """Whether the token in the address of a request is right; None where there is none.

        A browser that brings another one is shown the page, which says what to do. Raises Refusal where it
        is no browser.
        """
        if scope["method"] != "GET" or scope["path"] != "/":
            return None
        told = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in told if name == "token"]
        if not given or self._serving.public:
            return None
        if len(given) == 1 and self._opening and same(given[0], self._opening):
            self._opening = ""
        elif len(given) != 1 or not self._is_token(given[0]):
            if "text/html" in (header(scope, b"accept") or ""):
                return False
            raise Refusal(_NO_TOKEN, 401, "token")
        return True

    async def _answer_token(self, scope: Scope, send: Send, *, right: bool) -> None:
        """Put the right token into a cookie, and go on to the page without it in the address."""
        cookie = [self._cookie(scope, self._cookies.sign(PAGE))] if right else []
        plain = [(b"location", b"/"), (b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]
        await answer(send, 303, b"", [*plain, *cookie])

    def _is_token(self, given: str) -> bool:
        return bool(self._serving.token) and same(given, self._serving.token)

    def _admitted(self, scope: Scope) -> tuple[str, bool]:
        """Give who asks, and whether for the first time. Raises Refusal."""
        cookies = self._cookies_of(scope)
        if self._serving.public:
            return self._visitor(scope, cookies)
        if not is_api(scope) or (self._login is not None and _is_login(scope)):
            return "", False
        given = header(scope, b"authorization")
        if given is not None:
            kind, _, token = given.partition(" ")
            if kind.lower() == "bearer" and self._is_token(token.strip()):
                return "", False
            raise Refusal(_NO_TOKEN, 401, "token")
        if not any(map(self._is_session, cookies)):
            known = (_NO_PASSWORD, "password") if self._login else (_NO_TOKEN, "token")
            raise Refusal(known[0], 401, known[1])
        told = {name for name, _ in scope["headers"]} & {b"origin", b"sec-fetch-site"}
        if scope["method"] not in SAFE and not told:
            # Of an old browser: the cookie alone does not say which page asks.
            raise Refusal(
                "expected Origin beside the cookie, got none; scripts send the token as Bearer", 403
            )
        return "", False

    def _visitor(self, scope: Scope, cookies: list[str]) -> tuple[str, bool]:
        known = next(filter(None, map(self._visitors.value, cookies)), None)
        if known is not None:
            return known, False
        if scope["method"] == "GET" and scope["path"] in ("/", "/api/session"):
            return secrets.token_urlsafe(18), True
        if is_api(scope):
            raise Refusal(_NO_COOKIE, 401)
        return "", False

    def _is_session(self, cookie: str) -> bool:
        if self._login is not None and self._login.knows(cookie):
            return True
        return bool(self._serving.token) and self._cookies.value(cookie) == PAGE

    def _cookies_of(self, scope: Scope) -> list[str]:
        """The values of our cookie: of other ports of this machine there can be more of the same name."""
        told = b";".join(value for name, value in scope["headers"] if name == b"cookie").decode("latin-1")
        pairs = [part.strip().partition("=") for part in told.split(";")]
        return [value for name, _, value in pairs if name == self._cookie_name(scope)]

    def _cookie_name(self, scope: Scope) -> str:
        secure = self._scheme(scope) == "https" or bool(self._serving.frame_ancestors)
        return f"{'__Host-' if secure else ''}restore-{self._serving.port}"

    def _cookie(self, scope: Scope, value: str) -> tuple[bytes, bytes]:
        name = self._cookie_name(scope)
        parts = [f"{name}={value}", "Path=/", "HttpOnly"]
        if self._serving.frame_ancestors:
            parts += ["SameSite=None", "Partitioned"]
        else:  # Lax: a visitor who comes back by a link is the same one
            parts.append("SameSite=Lax" if self._serving.public else "SameSite=Strict")
        if name.startswith("__Host-"):
            parts.append("Secure")
        return b"set-cookie", "; ".join(parts).encode()

    async def _login_answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer to a password."""
        assert self._login is not None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        try:
            session = await self._login.begin(bytes(body), self._address(scope))
        except TooOften as refusal:
            await refuse(scope, send, refusal, [(b"retry-after", str(refusal.seconds).encode())])
        else:
            await answer(send, 204, b"", [self._cookie(scope, session)])

    def _address(self, scope: Scope) -> str:
        """Who tries passwords. Who is not behind the proxy may lie, but not to the bound of all together."""
        client = scope.get("client")
        address = str(client[0]) if client else ""
        told = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        if told and self._serving.allowed_hosts:
            address += f" {told.decode('latin-1').rpartition(',')[2].strip()[:64]}"
        return address


def _is_login(scope: Scope) -> bool:
    return bool(scope["path"] == LOGIN and scope["method"] == "POST")
