"""What ``--json`` prints: events, one JSON object a line, as `events.schema.json` beside this describes.

Numbers carry their units in their names: pixels, seconds, calls; ``_255`` counts from 0 (black) to 255
(white), whatever the depth of the file; ``_share`` is a part of one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import click

from restore.cli.trouble import exit_code_of, told_of

SCHEMA = Path(__file__).with_name("events.schema.json")
VERSION = 1
"""Of the schema: it grows where a name or its meaning changes, not where one is added."""

Kind = Literal[
    "picture",
    "error",
    "fit",
    "record",
    "doctor",
    "config",
    "page",
    "watch",
    "manifest",
    "item",
    "run",
    "status",
]


def event(kind: Kind, **facts: Any) -> str:
    """Write an event in one line. Numbers that JSON does not have become null.

    Examples
    --------
    >>> event("error", error="no such file", exit_code=1, seconds=float("nan"))
    '{"event": "error", "schema": 1, "error": "no such file", "exit_code": 1, "seconds": null}'
    """
    return json.dumps({"event": kind, "schema": VERSION, **_plain(facts)}, allow_nan=False)


@contextmanager
def errors_told(asked: bool) -> Iterator[None]:
    """Tell of an error that ends the command as an event, too, if that is asked for."""
    try:
        yield
    except (click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except Exception as error:
        if asked:
            with suppress(OSError):
                click.echo(event("error", error=_line(error), exit_code=_exit_code(error)))
        raise


def _line(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    return told_of(error) or type(error).__name__


def _exit_code(error: Exception) -> int:
    return error.exit_code if isinstance(error, click.ClickException) else exit_code_of(error)


def _plain(value: Any) -> Any:
    """The same without numbers that are not finite."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
