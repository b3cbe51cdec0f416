"""The command line as tests call it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from restore.cli.main import main


def cli(*arguments: object) -> Result:
    """What a command says, and how it ends; what is no error of the user's is raised."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
