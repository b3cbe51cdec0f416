"""``restore schema``: print the JSON Schema of what --json prints."""

from __future__ import annotations

import click

from restore.cli.events import SCHEMA
from restore.cli.help_pages import Command
from restore.cli.registry import register


@register
@click.command(cls=Command)
def schema() -> None:
    """Print the JSON Schema (2020-12) of what --json prints: one event a line.

    Names and meanings stay as they are while the number in the field schema does; new names may come.

    \b
    restore schema
    restore schema > events.schema.json
    restore denoise scan.jpg --json | jq -r .output
    """
    click.echo(SCHEMA.read_text(encoding="utf-8"), nl=False)
