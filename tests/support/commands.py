"""The command line as tests call it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from restore.cli.events import SCHEMA
from restore.cli.main import main


def cli(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run ``restore ARGUMENTS`` in this process. Only errors of the user end up in the result; bugs raise.

    What --json prints is held against its schema.
    """
    words = [str(argument) for argument in arguments]
    done = CliRunner().invoke(main, words, input=stdin, catch_exceptions=False, prog_name="restore")
    if "--json" in words and words[0] != "eval":  # there it is a file
        check_events(done.stdout)
    return done


def check_events(text: str) -> None:
    """Raise AssertionError for what is no event."""
    for line in text.splitlines():
        told = json.loads(line)
        wrong = [f"{each.json_path}: {each.message}" for each in _validator(told["event"]).iter_errors(told)]
        assert not wrong, (line, wrong)


@cache
def _validator(event: str) -> Any:
    """Of one kind of event: of all kinds together, the error would not say what is wrong."""
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    assert {"$ref": f"#/$defs/{event}"} in schema["oneOf"]
    return Draft202012Validator({"$ref": f"#/$defs/{event}", "$defs": schema["$defs"]})
