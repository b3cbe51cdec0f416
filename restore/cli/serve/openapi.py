"""The API of the page as an OpenAPI 3.1 document, for those who write scripts."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from restore import __version__
from restore.cli.serve.schemas import COUNT, ID, SCHEMAS, TEXT, Schema, listed, one_of, ref, said

ABOUT = """\
The API of `restore serve`, which restores pictures by the commands of the command line.

Every request has the token of the server, which it prints with its address when it starts, as
`Authorization: Bearer TOKEN`; browsers have a cookie instead. Times are seconds, sizes are pixels. What is
refused is answered by an `Error`, whose message is in the words of the command line.
"""

EVERY = (400, 401, 403, 414, 431, 503)
"""Statuses that any request can be answered by."""

WORDS = {
    400: "The request is malformed.",
    401: "The token, the password or the cookie is missing or wrong.",
    403: "The request comes from another site, or by another name of this machine.",
    404: "There is no such picture, job, region, tile or file.",
    408: "The body came too slowly.",
    409: "Its state does not allow it.",
    413: "The file or the body is too large.",
    414: "The address is too long.",
    415: "It is not a picture that can be read, or not JSON.",
    422: "It is refused, as the command line refuses it.",
    429: "There are too many of them already, or too many wrong passwords.",
    431: "The headers are too long.",
    503: "The server is busy, or a process of it is being started again.",
    507: "The disk is full.",
}
BODY = (408, 413, 415)  # of those with a body
STORES = (429, 507)  # of those that keep something

PICTURE_TYPES = ("image/png", "image/webp", "image/jpeg")
EXAMPLE = {
    "task": "inpaint",
    "picture": "nB4Jx0cQe1_r",
    "options": {"grow": 2, "seed": 7},
    "strokes": [{"kind": "brush", "erase": False, "radius": 6, "points": [120, 80, 160, 96]}],
}


@dataclass(frozen=True)
class Operation:
    """What can be asked for.

    id: a name for it in programs. answer: its status; gives: a schema, or the types of a file; None for
    nothing. takes: the name of a schema, or "file". query: the parameters of the address. refused: statuses
    beside those that every request can have.
    """

    method: str
    path: str
    id: str
    summary: str
    answer: int = 200
    gives: Schema | tuple[str, ...] | None = None
    takes: str | None = None
    query: dict[str, Schema] = field(default_factory=dict)
    refused: tuple[int, ...] = ()
    headers: tuple[str, ...] = ()
    open: bool = False  # whether it needs no token


_NAME = {"name": said({**TEXT, "default": "", "maxLength": 1000}, "of the file, as scan.tif")}
_LEVEL = {"level": said({**COUNT, "maximum": 99, "default": 0}, "by 2**level it is reduced")}
_SWITCH = one_of("0", "1")
_PICTURE = "/api/pictures/{picture}"

OPERATIONS = (
    Operation("GET", "/api/session", "session", "All that is known", gives=ref("Session")),
    Operation("GET", "/api/tasks", "tasks", "The tasks and their options", gives=listed(ref("Task"))),
    Operation("GET", "/api/pictures", "pictures", "All pictures", gives=listed(ref("Picture"))),
    Operation(
        *("POST", "/api/pictures", "add_picture", "Upload a picture", 201, ref("Picture"), "file"),
        query=_NAME, refused=(*BODY, 422, *STORES),
    ),
    Operation("GET", _PICTURE, "picture", "A picture", gives=ref("Picture"), refused=(404,)),
    Operation(
        *("DELETE", _PICTURE, "remove_picture", "Forget a picture, and what was made of it", 204),
        refused=(404, 409),
    ),
    Operation(
        *("GET", f"{_PICTURE}/file", "picture_file", "The file of a picture, byte for byte", 200),
        gives=("application/octet-stream",), refused=(404,), headers=("Content-Disposition",),
    ),
    Operation(
        *("GET", f"{_PICTURE}/tiles/{{level}}/{{column}}/{{row}}", "tile", "A tile to be shown, in sRGB"),
        gives=PICTURE_TYPES, refused=(404, 422), headers=("Cache-Control",),
    ),
    Operation(
        *("GET", f"{_PICTURE}/thumbnail", "thumbnail", "At most 320 pixels a side", 200, PICTURE_TYPES),
        refused=(404, 422), headers=("Cache-Control",),
    ),
    Operation(
        *("GET", f"{_PICTURE}/strokes", "strokes", "What is painted on a picture", 200, ref("StrokesKept")),
        refused=(404,),
    ),
    Operation(
        *("PUT", f"{_PICTURE}/strokes", "keep_strokes", "Keep what is painted", 200, ref("Version")),
        takes="Strokes", refused=(404, *BODY, 422),
    ),
    Operation(
        *("POST", f"{_PICTURE}/mask", "mask", "Strokes as a mask file: white is filled", 200, ("image/png",)),
        takes="Painted", refused=(404, *BODY, 422, 507), headers=("Content-Disposition",),
    ),
    Operation(
        *("POST", f"{_PICTURE}/regions", "add_region", "Upload a mask file", 201, ref("Region"), "file"),
        query={
            **_NAME,
            "invert": said({**_SWITCH, "default": "0"}, "1: what it shows is kept, and the rest is filled"),
            "fit": said({**_SWITCH, "default": "0"}, "1: it may have another size, and is scaled"),
        },
        refused=(404, *BODY, 422, *STORES),
    ),
    Operation(
        *("GET", f"{_PICTURE}/regions/{{region}}", "region", "The box of a region, clear outside it", 200),
        gives=("image/png",), query=_LEVEL, refused=(404, 422), headers=("Cache-Control",),
    ),
    Operation(
        *("POST", f"{_PICTURE}/select", "select", "Find the object that a point lies in", 201, ref("Region")),
        takes="Point", refused=(404, *BODY, 422, *STORES),
    ),
    Operation(
        *("POST", "/api/assets", "add_asset", "Upload another file, as a blur kernel", 201, ref("Asset")),
        takes="file", query=_NAME, refused=(*BODY, 422, *STORES),
    ),
    Operation(
        *("POST", "/api/commands", "command", "Check a job, and give its command", 200, ref("Command")),
        takes="JobRequest", refused=(404, *BODY, 422),
    ),
    Operation("GET", "/api/jobs", "jobs", "All jobs", gives=listed(ref("Job"))),
    Operation(
        *("POST", "/api/jobs", "add_job", "Put a job into the queue", 202, ref("Job"), "JobRequest"),
        refused=(404, *BODY, 422, *STORES),
    ),
    Operation("GET", "/api/jobs/{job}", "job", "A job", gives=ref("Job"), refused=(404,)),
    Operation(
        *("DELETE", "/api/jobs/{job}", "remove_job", "Forget a job that has ended, with its results", 204),
        refused=(404, 409),
    ),
    Operation(
        *("POST", "/api/jobs/{job}/cancel", "cancel_job", "End a job", 202, ref("Job")), refused=(404, 409)
    ),
    Operation(
        *("GET", "/api/archive", "archive", "The results of jobs in one file", 200, ("application/zip",)),
        query={"jobs": said({**TEXT, "default": "", "maxLength": 16_000}, "their ids, with commas between")},
        refused=(404, 422), headers=("Content-Disposition",),
    ),
    Operation(
        *("GET", "/api/events", "events", "What changes from here on, until the connection is closed", 200),
        gives=("text/event-stream",), query={"since": said(COUNT, "the number of an event that is known")},
    ),
    Operation("GET", "/api/openapi.json", "openapi", "This document", gives={"type": "object"}),
    Operation(
        *("POST", "/api/login", "login", "Begin a session, of a server with --password", 204),
        takes="Password", refused=(404, *BODY, 429), headers=("Set-Cookie",), open=True,
    ),
)  # fmt: skip
"""All that a server answers under /api."""

EVENTS = """\
Server-sent events: `job` (a Job), `picture` (a Picture), `strokes` (`{picture, version}`), `places`
(`{places}`: those of jobs that have moved in the queue, by their ids), `removed` (`{kind, id}`) and `reset`,
after which all is to be read again; a stream from now on begins with `ready`.
Their ids increase; Last-Event-ID, or `since`, goes on from one of them."""


@cache
def document() -> dict[str, Any]:
    """Give the document."""
    paths: dict[str, dict[str, Any]] = {}
    for each in OPERATIONS:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "restore serve", "version": __version__, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "responses": {str(status): _refusal(text) for status, text in WORDS.items()},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "The token that was printed."},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "restore-PORT",
                    "description": "What a browser has once it has opened the address, or logged in.",
                },
            },
        },
    }


def _operation(asked: Operation) -> dict[str, Any]:
    statuses = sorted({*EVERY, *asked.refused})
    answers: dict[str, Any] = {str(asked.answer): _answer(asked)}
    answers |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in statuses}
    found: dict[str, Any] = {"operationId": asked.id, "summary": asked.summary, "responses": answers}
    if asked.id == "events":
        found["description"] = EVENTS
    if asked.open:
        found["security"] = []
    if parameters := [*_in_path(asked.path), *_in_query(asked)]:
        found["parameters"] = parameters
    if asked.takes is not None:
        found["requestBody"] = {"required": True, "content": _content(asked.takes)}
    return found


def _content(name: str) -> dict[str, Any]:
    if name == "file":
        return {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        }
    content: dict[str, Any] = {"schema": ref(name)}
    if name == "JobRequest":
        content["example"] = EXAMPLE
    return {"application/json": content}


def _answer(asked: Operation) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": asked.summary}
    if isinstance(asked.gives, tuple):
        answer["content"] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in asked.gives}
    elif asked.gives is not None:
        answer["content"] = {"application/json": {"schema": asked.gives}}
    if asked.headers:
        answer["headers"] = {name: {"schema": TEXT} for name in asked.headers}
    return answer


def _refusal(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": ref("Error")}}}


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    kinds = {"level": {**COUNT, "maximum": 99}, "column": COUNT, "row": COUNT}
    return [{"name": name, "in": "path", "required": True, "schema": kinds.get(name, ID)} for name in names]


def _in_query(asked: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "query",
            "description": schema.get("description", ""),
            "schema": {key: value for key, value in schema.items() if key != "description"},
        }
        for name, schema in asked.query.items()
    ]
