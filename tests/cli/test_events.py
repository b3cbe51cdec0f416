"""What --json prints is what its schema says; `commands.cli` holds all that tests print against it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest
from commands import check_events, cli

from restore.cli import events, registry

pytestmark = pytest.mark.usefixtures("one_thread", "here")

SCHEMA = json.loads(events.SCHEMA.read_text())
WITH_FLAG = [
    name
    for name in registry.command_names()
    for command in [registry.find_command(name)]
    if command
    and any(
        "--json" in each.opts and each.is_flag for each in command.params if isinstance(each, click.Option)
    )
]
UNITS = ("_pixels", "seconds", "minutes", "calls", "_255", "_share", "_shares", "_count", "_parts", "_bytes")
WITHOUT_UNIT = {
    *("schema", "exit_code", "seed", "strength", "quality", "correlation", "chroma_correlation"),
    *("item", "run", "draw", "page"),
    *("scenes", "held_out", "skipped", "steps", "after", "threads", "stopped_by"),
}
"""Numbers that have no unit, or whose name is one: so many scenes."""


def test_the_schema_is_printed_and_is_one() -> None:
    done = cli("schema")
    assert (done.exit_code, json.loads(done.stdout)) == (0, SCHEMA)
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$defs"]["schema"]["const"] == events.VERSION


def _fields(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property that the schema describes, with its name."""
    if isinstance(node, dict):
        for name, each in node.get("properties", {}).items():
            yield name, each
        for each in node.values():
            yield from _fields(each, path)


def test_every_field_is_explained_and_numbers_have_units() -> None:
    found = [pair for each in SCHEMA["$defs"].values() for pair in _fields(each)]
    assert len(found) > 60
    for name, about in found:
        assert "description" in about or "$ref" in about or name == "event", name
        kinds = about.get("type", "")
        if {"number", "integer"} & {*([kinds] if isinstance(kinds, str) else kinds)}:
            assert name in WITHOUT_UNIT or any(unit in name for unit in UNITS), name


@pytest.mark.parametrize("name", WITH_FLAG)
def test_wrong_usage_is_an_event_too(name: str) -> None:
    done = cli(name, "--no-such-option", "--json")
    (told,) = map(json.loads, done.stdout.splitlines())
    assert (done.exit_code, told["event"], told["exit_code"]) == (2, "error", 2)
    assert "--no-such-option" in told["error"] and told["error"] in done.stderr


def test_errors_in_planning_are_events(tmp_path: Path, weights: Path) -> None:
    """Of options that contradict each other, of weights, and of folders."""
    Path("broken.safetensors").write_bytes(b"no weights")
    for words, code, said in (
        (("denoise", "photo.png", "--sigma", 9, "--method", "page"), 2, "--sigma"),
        (("denoise", "photo.png", "--weights", "broken.safetensors"), 1, "broken.safetensors"),
        (("denoise", "photo.png", "-o", "no/such/x.png", "--weights", weights), 1, "no/such"),
        (("info", "photo.png"), 1, "photo.png"),
        (("fit", "nowhere", "-o", "own.safetensors"), 1, "nowhere"),
        (("sample", "-n", 2, "-o", "photo.png"), 1, "photo.png"),
    ):
        done = cli(*words, "--json")
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.exit_code, told[-1]["event"], told[-1]["exit_code"]) == (code, "error", code), words
        assert said in told[-1]["error"], words
        assert all(each["status"] in ("not tried", "failed") for each in told[:-1])
        # Without it standard output stays empty.
        assert cli(*words).stdout == ""


def test_an_event_is_one_line_of_json() -> None:
    line = events.event("error", error="two\nlines", exit_code=1, more=[math.nan, {"x": math.inf}])
    assert "\n" not in line
    assert json.loads(line)["more"] == [None, {"x": None}]


def test_what_is_no_event_is_found() -> None:
    """The check that all commands pass can fail."""
    with pytest.raises(AssertionError, match="'seconds' was unexpected"):
        check_events('{"event": "error", "schema": 1, "error": "x", "exit_code": 1, "seconds": 3}')
    with pytest.raises(AssertionError, match="'output' is a required"):
        check_events('{"event": "picture", "schema": 1, "status": "done"}')
