"""How much a command says: ``--quiet`` and ``--verbose``, which every command has that says anything."""

from __future__ import annotations

import click
from click.core import ParameterSource

from restore.cli.parameters import switch

OTHER = {"quiet": "verbose", "verbose": "quiet"}


def one_of_two(ctx: click.Context, parameter: click.Parameter, value: bool) -> bool:
    """Refuse both at once; the command line goes before other places that set the other."""
    name = str(parameter.name)
    if not (value and ctx.params.get(OTHER[name])):
        return value
    if _on_command_line(ctx, OTHER[name]) and not _on_command_line(ctx, name):
        return False
    raise click.UsageError("--quiet and --verbose contradict each other; leave one of them out")


def _on_command_line(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


QUIET = switch(
    "-q", "--quiet", callback=one_of_two, help="Only errors on standard error, no notes and no progress."
)
VERBOSE = switch(
    "-v", "--verbose", callback=one_of_two,
    help="Also say on standard error what was decided, what is used and how long each part took.",
)  # fmt: skip
LOUDNESS = (QUIET, VERBOSE)
