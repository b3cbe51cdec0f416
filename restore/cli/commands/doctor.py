"""``restore doctor``: say what is installed, what will be used, and what is missing."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from restore.cli.events import event
from restore.cli.health import NEEDED, Finding, findings
from restore.cli.help_pages import Command
from restore.cli.printable import printable
from restore.cli.registry import register

SIGNS = {"fine": "  ", "optional": "- ", "missing": "! "}
WIDTH = 80  # characters of a line of names
HEADINGS = {
    "installed": "Installed",
    "optional": "Can be done without",
    "plugins": "Of other packages",
    "used": "Used here",
}


@register
@click.command(cls=Command)
@click.option("--json", "as_json", is_flag=True, help="All of it as one event of JSON.")
def doctor(as_json: bool) -> None:
    """Say what is installed, which device and precision will be used and why, and what is missing.

    The weights in the package are read and compared with their hashes. For all that is missing there is the
    command that mends it. Exit code 0: all that is needed is there; 1: something is not.

    \b
    restore doctor
    restore doctor --json
    restore doctor > doctor.txt
    """
    found = list(findings())
    missing = [each for each in found if each.state == "missing"]
    if as_json:
        click.echo(event("doctor", healthy=not missing, findings=[asdict(each) for each in found]))
    else:
        click.echo("\n".join(map(printable, shown(found))))
        names = ", ".join(each.name for each in missing)
        click.echo(f"Missing: {names}." if missing else "All that is needed is there.")
    if missing:
        click.get_current_context().exit(1)


def shown(found: Sequence[Finding]) -> Iterator[str]:
    """The findings as lines; those packages that are as they should be share a paragraph."""
    widest = min(max(len(each.name) for each in found), WIDTH // 3)  # packages choose names
    for group, heading in HEADINGS.items():
        own = [each for each in found if each.group == group]
        if own:
            yield f"{heading}:"
        fine = [each for each in own if each.name in NEEDED and each.state == "fine"]
        for each in (each for each in own if each not in fine):
            yield f"{SIGNS[each.state]}{each.name:{widest}}  {each.text}"
            if each.mend:
                yield f"{'':{widest}}    {each.mend}"
        if fine:
            words = ", ".join(f"{each.name} {each.text}" for each in fine)
            first, rest = f"  {'packages':{widest}}  ", " " * (widest + 4)
            yield from textwrap.wrap(words, WIDTH, initial_indent=first, subsequent_indent=rest)
