"""``restore undo``: put the originals of a run with --in-place back."""

from __future__ import annotations

from pathlib import Path

import click

from restore.cli.events import event
from restore.cli.help_pages import Command
from restore.cli.manifest_undo import undo_all
from restore.cli.parameters import FileName
from restore.cli.registry import register
from restore.cli.reporter import say, say_error


@register
@click.command(cls=Command)
@click.argument("file", type=FileName(path_type=Path), metavar="MANIFEST")
@click.option("--json", "as_json", is_flag=True, help="An event of JSON for each picture.")
def undo(file: Path, as_json: bool) -> None:
    """Put the originals of a run with --in-place back from its backup.

    A result that has been changed since it was written stays, and is named; the exit code is then 1. Doing it
    twice does no harm.

    \b
    restore undo run.jsonl
    restore undo run.jsonl --json | jq -r .input
    restore status run.jsonl
    """
    back = failed = 0
    for told in undo_all(file):
        if as_json:
            click.echo(event("picture", **told))
        if told["status"] == "undone":
            back += 1
        else:
            failed += 1
            say_error(str(told["error"]))
    if failed:
        say_error(f"{back} originals are back, {failed} are not")
        click.get_current_context().exit(1)
    say(f"note: {back} originals are back" if back else "note: all originals are back already")
