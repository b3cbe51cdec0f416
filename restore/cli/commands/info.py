"""``restore info``: show how a picture was made."""

from __future__ import annotations

from pathlib import Path

import click

from restore import images
from restore.cli.events import event
from restore.cli.help_pages import Command
from restore.cli.jobs import STDIO
from restore.cli.parameters import FileName
from restore.cli.provenance import named_document, read_named, read_piped, told_of, visible
from restore.cli.providers import in_words
from restore.cli.recorder import read_input
from restore.cli.registry import register


@register
@click.command(cls=Command)
@click.argument("file", type=FileName(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One event of JSON a line for each command.")
def info(file: Path, as_json: bool) -> None:
    """Show how a picture was made: the commands, their seeds, weights and network calls.

    FILE is a picture that restore has written, or - for standard input.

    The last command, run in the folder of its files, gives the same picture again, byte for byte where all
    that its line "the same bytes need" names is the same; where options are configured, with --no-config.
    File names are shown without their folders. Of a file of several pages or frames their number is told,
    and what made the first that holds a record.

    \b
    restore info photo-inpainted.png
    restore info photo-inpainted.png --json
    restore info - < photo-inpainted.png
    """
    if str(file) == STDIO:
        history, name = read_piped(read_input(images.picture_start("standard input")))
    else:
        if (told := pages_told(file)) and not as_json:
            click.echo(told)
        history, name = read_named(file)
    if as_json:
        for record in history.records:
            click.echo(event("record", **told_of(record)))
        return
    for record, line in zip(history.records, history.lines(name), strict=True):
        click.echo(line)
        files = ", ".join(f"{name} sha256 {digest[:12]}" for name, digest in record.inputs)
        details = (
            f"restore {record.version}",
            f"weights {record.weights[:12]}" if record.weights else "no weights",
            f"{record.device} {record.precision}".strip(),
            f"method {record.method}" if record.method else "",
            in_words(record),
            "" if record.seed is None else f"seed {record.seed}",
            f"{record.calls} network call{'s' * (record.calls != 1)}",
            files,
        )
        click.echo("  " + visible("; ".join(detail for detail in details if detail)))
        if needs := record.needs():
            click.echo("  " + visible(needs))


def pages_told(path: Path) -> str:
    """Say how many pages a document has; nothing for a file of one picture."""
    with named_document(path) as document:
        if document is None:
            return ""
        more = f"; {document.damage}" if document.damage else ""
        return visible(f"{path.name}: {document.pages} {document.unit}s{more}")
