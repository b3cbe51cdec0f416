"""The lines of a manifest: how they are written, and told apart without reading all of each.

A manifest is JSON Lines, of the same schema as the events of ``--json``: a ``manifest`` line first, an
``item`` line for each input, a ``run`` line for each run, and a ``picture`` line for each item that is
finished. Of several lines about one item the last counts.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

from restore.cli.events import event

STATES = ("waiting", "begun", "done", "unchanged", "damaged", "skipped", "failed", "undone")
"""What an item can be, as in the status of its last picture line; waiting: there is none."""
WAITING, BEGUN, DONE, UNCHANGED, DAMAGED, SKIPPED, FAILED, UNDONE = range(len(STATES))
FINISHED = (DONE, UNCHANGED, DAMAGED, SKIPPED)
CODES = {name.encode(): code for code, name in enumerate(STATES)}


class Item(NamedTuple):
    """An input, as its line says.

    number: from 0. output: None where nothing says where the result goes. inside: its path within the folder
    that was given. size_bytes, mtime: of the file when it was listed, in seconds since 1970; None where that
    is not known. etag: of an object in a store. draw: which sample, from 0. backup: where the original goes
    when the result takes its place.
    """

    number: int
    input: str
    output: str | None
    inside: str | None = None
    size_bytes: int = 0
    mtime: float | None = None
    etag: str | None = None
    pages: int | None = None
    draw: int = 0
    backup: str | None = None

    def line(self) -> str:
        """The line of it."""
        told: dict[str, Any] = {"item": self.number, "size_bytes": self.size_bytes}
        more = {
            "mtime_seconds": self.mtime,
            "etag": self.etag,
            "pages_count": self.pages,
            "draw": self.draw or None,
            "inside": self.inside,
            "backup": self.backup,
        }
        told |= {name: value for name, value in more.items() if value is not None}
        return event("item", **told, input=self.input, output=self.output)


def item_of(told: dict[str, Any]) -> Item:
    """Read a line of an item. Raises KeyError, TypeError and ValueError for one that is none."""
    if not isinstance(told["input"], str) or not isinstance(told.get("output"), str | None):
        raise TypeError("expected names")
    return Item(
        number=int(told["item"]),
        input=told["input"],
        output=told.get("output"),
        inside=told.get("inside"),
        size_bytes=int(told.get("size_bytes") or 0),
        mtime=told.get("mtime_seconds"),
        etag=told.get("etag"),
        pages=told.get("pages_count"),
        draw=int(told.get("draw") or 0),
        backup=told.get("backup"),
    )


def result_line(number: int, status: str, seconds: float | None, facts: dict[str, Any]) -> str:
    """The line of a finished item. facts: as of its ``picture`` event."""
    told: dict[str, Any] = {"item": number, "status": status}
    if seconds is not None:
        told["seconds"] = max(0.0, round(seconds, 3))
    first = {name: facts[name] for name in ("output_size_bytes", "output_mtime_seconds") if name in facts}
    return event("picture", **told | first | facts | told)


def begun_line(number: int, run: int, facts: dict[str, Any] | None = None) -> str:
    """The line of an item that a run has begun. facts: what is known of its result by now."""
    return event("picture", item=number, status="begun", run=run, **facts or {"output": None})


def parsed(line: bytes) -> dict[str, Any] | None:
    """A line as a dict; None for what is no JSON object, as a line that was cut short."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def name_in(line: bytes, field: bytes) -> str | None:
    """A name in the line of an item, such as ``b"input"``, without parsing all of it; None for none."""
    start = line.find(b'"%b": "' % field)
    if start >= 0:
        start += len(field) + 5
        name = line[start : line.find(b'"', start)]
        if b"\\" not in name:
            return name.decode("ascii", "replace")
    told = (parsed(line) or {}).get(field.decode())
    return told if isinstance(told, str) else None


def micros(seconds: float) -> int:
    """A time in whole microseconds, which a number of JSON holds exactly."""
    return round(seconds * 1e6)


def mtime_of(status: os.stat_result) -> float:
    """When a file was changed, in seconds, to the microsecond."""
    return (status.st_mtime_ns // 1000) / 1e6


def now() -> str:
    """The time, as lines have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def seconds_of(text: str) -> float | None:
    """What `now` has written, in seconds since 1970; None for anything else."""
    import calendar

    try:
        return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))
    except (TypeError, ValueError):
        return None


def located(name: str, folder: str) -> Path:
    """The path of a name in a manifest. folder: the current one when it was written, if it is there."""
    path = Path(name)
    return path if path.is_absolute() or not folder else Path(folder, path)
