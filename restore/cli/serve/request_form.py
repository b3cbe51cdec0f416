"""The form of a request, before anything of it is believed: method, address, headers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from restore.cli.serve.refusals import Refusal

if TYPE_CHECKING:
    from starlette.types import Scope

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
SAFE = ("GET", "HEAD")
LONGEST_PATH = 1024
LONGEST_QUERY = 16 * 2**10  # the ids of a thousand results
LONGEST_HEADERS = 32 * 2**10
MOST_HEADERS = 100

_PATH = re.compile(rb"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")
_QUERY = re.compile(rb"(?:[\x21-\x7e])*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")


def header(scope: Scope, name: bytes) -> str | None:
    """Give the value of a header that a request has at most once; None where it has none. Raises Refusal."""
    found = [value for key, value in scope["headers"] if key == name]
    if len(found) > 1:
        raise Refusal(f"expected one header {name.decode()}, got {len(found)}", 400)
    return str(found[0].decode("latin-1")) if found else None


def has_body(scope: Scope) -> bool:
    """Whether a request comes with a body."""
    names = dict(scope["headers"])
    return b"transfer-encoding" in names or names.get(b"content-length", b"0").strip(b"0") != b""


def check_form(scope: Scope) -> None:
    """Check method, path, query and headers. Raises Refusal."""
    headers = scope["headers"]
    if len(headers) > MOST_HEADERS or sum(len(n) + len(v) for n, v in headers) > LONGEST_HEADERS:
        raise Refusal(
            f"expected at most {MOST_HEADERS} headers of {LONGEST_HEADERS} bytes in all, got more", 431
        )
    if scope["method"] not in METHODS:
        raise Refusal(f"expected one of the methods {', '.join(METHODS)}, got another one", 405)
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and b"content-length" in names:
        raise Refusal("expected Content-Length or Transfer-Encoding, got both", 400)
    if (header(scope, b"content-encoding") or "identity").strip().lower() != "identity":
        raise Refusal("expected a body that is not compressed, got a Content-Encoding; send it as it is", 415)
    length = header(scope, b"content-length")
    if length is not None and not re.fullmatch("[0-9]{1,18}", length):
        raise Refusal("expected a Content-Length in digits, got something else", 400)
    _check_path(scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass"))
    query = scope["query_string"]
    if len(query) > LONGEST_QUERY:
        raise Refusal(
            f"expected at most {LONGEST_QUERY} bytes after the question mark, got {len(query)}", 414
        )
    if not _QUERY.fullmatch(query) or b"\x00" in unquote_to_bytes(query):
        raise Refusal("expected an address in printable characters, got others", 400)


def _check_path(raw: bytes) -> None:
    if len(raw) > LONGEST_PATH:
        raise Refusal(f"expected a path of at most {LONGEST_PATH} bytes, got {len(raw)}", 414)
    wrong = Refusal("expected a plain path that begins with /, without .., // or encoded slashes", 400)
    if not _PATH.fullmatch(raw) or b"%2f" in raw.lower():
        raise wrong
    try:
        path = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        raise wrong from None
    parts = path.split("/")[1:]
    if _CONTROL.search(path) or "" in parts[:-1] or {".", ".."} & set(parts):
        raise wrong
