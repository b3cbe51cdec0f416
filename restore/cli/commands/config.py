"""``restore config``: show what is configured, and where each value comes from."""

from __future__ import annotations

import os
from pathlib import Path

import click

from restore.cli.config_file import close_to
from restore.cli.config_report import EXAMPLE, as_event, as_lines, gathered, unknown_variables
from restore.cli.config_tables import UNCONFIGURED, Commands
from restore.cli.configuration import FILE_VARIABLE, user_file
from restore.cli.configured import sources_of
from restore.cli.help_pages import Command
from restore.cli.parameters import FileName
from restore.cli.printable import printable
from restore.cli.registry import register
from restore.cli.reporter import say, say_error


@register
@click.command(cls=Command)
@click.argument("command", nargs=-1, metavar="[COMMAND]...")
@click.option("--all", "defaults", is_flag=True, help="Also show the options that have their defaults.")
@click.option("--json", "as_json", is_flag=True, help="All of it as one event of JSON.")
@click.option(
    "--path", "only_path", is_flag=True, help="Print the name of your own configuration file alone."
)
@click.option("--example", is_flag=True, help="Print a configuration file to start from.")
@click.option(
    "--config", "file", type=FileName(path_type=Path), metavar="FILE",
    help="Show what holds with this file, as the commands take it.",
)  # fmt: skip
@click.option(
    "--no-config", "alone", is_flag=True, help="Leave out your own configuration file and RESTORE_ variables."
)
def config(command: tuple[str, ...], file: Path | None, alone: bool, **asked: bool) -> None:
    """Show what is configured for all commands, or for COMMAND, and where each value comes from.

    Values come from, the first one wins: the command line; variables of the environment such as
    RESTORE_DEVICE, or RESTORE_DENOISE_STRENGTH for one command; the file of --config; your own file; the
    defaults. Exit code 1: something of it cannot be read.

    \b
    restore config
    restore config denoise --all
    restore config --config studio.toml
    restore config --example > "$(restore config --path)"
    """
    if asked["example"]:
        click.echo(EXAMPLE, nl=False)
        return
    if asked["only_path"]:
        _say_path()
        return
    commands = Commands(click.get_current_context().find_root().command)
    _check(commands, command)
    sources = sources_of(file, alone=alone)
    found = gathered(commands, command, sources, defaults=asked["defaults"])
    if asked["as_json"]:
        click.echo(as_event(found, sources))
    else:
        for line in as_lines(found, sources):
            click.echo(printable(line))
    for note in unknown_variables(commands, list(sources.environment)):
        say(note)
    for problem in found.problems:
        say_error(problem)
    if found.problems:
        click.get_current_context().exit(1)


def _say_path() -> None:
    path = user_file(os.environ)
    if path is None:
        say(f"note: {FILE_VARIABLE} is empty, so the file is not read")
        path = user_file({})
    click.echo(printable(str(path)))


def _check(commands: Commands, names: tuple[str, ...]) -> None:
    """Raise UsageError for a command that is not there, or that nothing can be configured for."""
    if names and names[0] in UNCONFIGURED:
        raise click.UsageError(f"restore {names[0]} takes no configuration; name another command")
    for depth, name in enumerate(names):
        known = {each[depth] for each, _ in commands.each(names[:depth]) if len(each) > depth}
        if name not in known:
            raise click.UsageError(
                f"there is no restore {' '.join(names[: depth + 1])}; {close_to(name, known)}"
            )
