"""``restore status``: say how far the runs of a manifest are."""

from __future__ import annotations

from pathlib import Path

import click

from restore.cli.events import event
from restore.cli.help_pages import Command
from restore.cli.manifest import Manifest
from restore.cli.manifest_status import facts_of, lines_of
from restore.cli.parameters import FileName
from restore.cli.registry import register


@register
@click.command(cls=Command)
@click.argument("file", type=FileName(path_type=Path), metavar="MANIFEST")
@click.option("--json", "as_json", is_flag=True, help="All of it as one event of JSON.")
def status(file: Path, as_json: bool) -> None:
    """Say how far a manifest is: how many pictures are done, what failed and why, and the time left.

    It may be asked while runs go on.

    \b
    restore status run.jsonl
    restore status run.jsonl --json | jq .failures
    watch restore status run.jsonl
    """
    with Manifest(file) as found:
        told = facts_of(found)
        if as_json:
            click.echo(event("status", **told))
            return
        for line in lines_of(found, told):
            click.echo(line)
