"""The command line as tests call it."""

from __future__ import annotations

from click.testing import CliRunner, Result

from restore.cli.main import main


def cli(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run ``restore ARGUMENTS`` in this process. Only errors of the user end up in the result; bugs raise."""
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, words, input=stdin, catch_exceptions=False, prog_name="restore")
