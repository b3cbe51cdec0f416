"""Reading what the page sends, and answering it."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response

from restore.cli.serve.refusals import Refusal
from restore.cli.serve.service import Service
from restore.cli.serve.state import Session

HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""The escape of one half of a character, which is text only beside the other one."""
FOREVER = "private, max-age=31536000, immutable"


def service_of(request: Request) -> Service:
    """Give the service of the server."""
    service: Service = request.app.state.service
    return service


def session_of(request: Request) -> Session:
    """Give the session of whoever asks."""
    return service_of(request).session(getattr(request.state, "visitor", ""))


async def body_of(request: Request) -> dict[str, Any]:
    """Give the JSON object that was sent. Raises Refusal."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(f"expected Content-Type application/json, got {kind or 'none'}", 415)
    data = bytearray()
    try:
        async for piece in request.stream():
            data += piece  # `Bounded` ends it where it is too large
    except ClientDisconnect as error:
        raise Refusal("the request was interrupted", 400) from error
    try:
        text = str(data, "utf-8")
        found = json.loads(text, parse_constant=_refused)
        if HALF.search(text):  # what could not be sent back
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refusal(f"this is not JSON: {error}", 400) from error
    if not isinstance(found, dict):
        raise Refusal("expected a JSON object", 400)
    return found


def _refused(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def number(given: object, name: str, option: str | None = None) -> float:
    """Give a finite number. Raises Refusal."""
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise Refusal(f"{name}: expected a number, got {given!r:.40}", 422, option)
    try:
        if math.isfinite(given):
            return float(given)
    except OverflowError:
        pass
    raise Refusal(f"{name}: expected a number that is not so large", 422, option)


def whole(given: object, name: str, most: int) -> int:
    """Give a whole number from 0. Raises Refusal."""
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= most:
        raise Refusal(f"{name}: expected a whole number from 0 to {most}, got {given!r:.40}", 422)
    return given


def download(path: Path, name: str, kind: str = "application/octet-stream") -> Response:
    """Give a file to be kept, which the browser is not to show by itself."""
    if not path.is_file():
        raise Refusal("this file is not there any more", 404)
    return FileResponse(path, media_type=kind, headers=attachment(name))


def attachment(name: str) -> dict[str, str]:
    """Say what a download is to be called."""
    plain = name.encode("ascii", "replace").decode().replace('"', "'").replace("\\", "_").replace("?", "_")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"}


def image(data: bytes, kind: str) -> Response:
    """Give a picture that never changes."""
    return Response(data, media_type=kind, headers={"Cache-Control": FOREVER})


async def refused(_: Request, error: Exception) -> Response:
    """Answer what is refused."""
    assert isinstance(error, Refusal)
    return JSONResponse(error.json(), error.status)
