"""The headers of every answer: what a browser may do with it, and who may show it."""

from __future__ import annotations

import json
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

from restore.cli.serve.refusals import Refusal

if TYPE_CHECKING:
    from starlette.types import Scope, Send

Pairs = list[tuple[bytes, bytes]]

# Pictures a browser may show, and answers that it cannot run. All else under /api is for the disk.
SHOWN = (b"image/png", b"image/jpeg", b"image/webp")
DATA = (*SHOWN, b"application/json", b"text/event-stream", b"application/zip", b"application/octet-stream")
NEVER = (b"access-control-", b"server", b"x-powered-by", b"refresh", b"service-worker-allowed")
"""Beginnings of the names of headers that no answer has."""
OURS = (
    b"content-security-policy", b"x-frame-options", b"x-content-type-options", b"referrer-policy",
    b"cross-origin-opener-policy", b"cross-origin-resource-policy", b"permissions-policy",
)  # fmt: skip

_PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; font-src 'none'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'; "
)
_FEATURES = (
    "accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "hid",
    "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock",
    "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip


def is_api(scope: Scope) -> bool:
    """Whether a request is one of the programming interface, and its answer no part of the page."""
    path = scope["path"]
    return bool(path == "/api" or path.startswith("/api/"))


class Headers:
    """The headers of the answers of a server. frame_ancestors: the pages that may frame its own."""

    def __init__(self, frame_ancestors: Iterable[str] = ()) -> None:
        shown_by = " ".join(frame_ancestors) or "'none'"
        same: dict[str, str] = {
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
            "permissions-policy": ", ".join(f"{name}=()" for name in _FEATURES),
        }
        framed = {"x-frame-options": "DENY"}  # which knows no list of pages
        page = {"content-security-policy": f"{_PAGE}frame-ancestors {shown_by}"}
        data = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}
        self._page = _pairs(same | page | ({} if shown_by != "'none'" else framed))
        self._data = _pairs(same | data | framed)

    def of(self, scope: Scope, message: MutableMapping[str, Any]) -> Pairs:
        """Give the headers of an answer that begins: the application's, with ours in place of some."""
        given = [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
        kept = [(name, value) for name, value in given if name not in OURS and not name.startswith(NEVER)]
        if is_api(scope):
            return _for_the_disk(_not_kept(kept)) + self._data
        if b"cache-control" not in dict(kept):
            kept.append((b"cache-control", b"no-cache"))
        silent = (b"referrer-policy", b"no-referrer")
        if silent in given:  # where the address holds a secret
            return [*kept, *(pair for pair in self._page if pair[0] != silent[0]), silent]
        return kept + self._page


def _pairs(headers: dict[str, str]) -> Pairs:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()]


def _not_kept(headers: Pairs) -> Pairs:
    """Let browsers store only answers that never change, and no shared cache store any."""
    told = [part.strip() for part in dict(headers).get(b"cache-control", b"").lower().split(b",")]
    if b"immutable" in told and b"private" in told:
        return headers
    return [*((n, v) for n, v in headers if n != b"cache-control"), (b"cache-control", b"no-store")]


def _for_the_disk(headers: Pairs) -> Pairs:
    """Give all but pictures and data the type of plain bytes: no upload ever runs as a page."""
    told = dict(headers)
    kind = told.get(b"content-type", b"").split(b";")[0].strip().lower()
    if not kind or kind in DATA:
        return headers
    rest = [(name, value) for name, value in headers if name != b"content-type"]
    if not told.get(b"content-disposition", b"").lower().startswith(b"attachment"):
        rest = [(name, value) for name, value in rest if name != b"content-disposition"]
        rest.append((b"content-disposition", b"attachment"))
    return [*rest, (b"content-type", b"application/octet-stream")]


async def refuse(scope: Scope, send: Send, refusal: Refusal, headers: Pairs | None = None) -> None:
    """Answer with a refusal: as data under /api, else as one line of text."""
    if is_api(scope):
        kind, body = b"application/json", json.dumps(refusal.json()).encode()
    else:
        kind, body = b"text/plain; charset=utf-8", f"{refusal.message}\n".encode()
    await answer(send, refusal.status, body, [(b"content-type", kind), *(headers or [])])


async def answer(send: Send, status: int, body: bytes = b"", headers: Pairs | None = None) -> None:
    """Answer a request whole."""
    length = [] if status == 204 else [(b"content-length", str(len(body)).encode())]
    start = {"type": "http.response.start", "status": status, "headers": [*length, *(headers or [])]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
