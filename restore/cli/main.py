"""The command line. Nothing heavy is imported before a command really runs."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import click

from restore import __version__
from restore.cli import signals, start
from restore.cli.help_pages import Group
from restore.cli.printable import message
from restore.cli.registry import command_names, find_command, grouped_commands, summary
from restore.cli.reporter import say_error
from restore.cli.trouble import exit_code_of, told_of

WELCOME = """\
restore takes damage out of photographs and writes each result beside its picture:

  restore denoise night.jpg                    takes out noise and grain
  restore repair scan.png                      finds scratches and dust, and fills them
  restore erase photo.jpg --box 120,80,60,40   takes out what is in a box
  restore dejpeg small.jpg                     takes out the blocks of JPEG
  restore upscale small.png --scale 2          makes a picture twice as wide and high

restore --help lists all commands, and restore denoise --help explains one."""
"""What is said to a newcomer, who types the name alone."""


class Program(Group):
    """Turns what goes wrong into one line and an exit code: 1; for wrong usage 2; see `signals` for 130."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return command_names()

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return find_command(name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Without importing all commands, as click would.
        groups = grouped_commands()
        widest = max(len(name) for names in groups.values() for name in names)
        for heading, names in groups.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), summary(name)) for name in names])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **more: Any) -> Any:
        """Run as click commands do; without arguments as the program, with its streams and signals."""
        if args is None:
            start.run(lambda: self.run)
        if not more.get("standalone_mode", True):
            return super().main(args, *rest, **more)
        sys.exit(self.run(args, *rest, **more))

    def run(self, args: Sequence[str], *rest: Any, **more: Any) -> int:
        """Run a command line and give its exit code; only faults of the program are raised."""
        try:
            code = super().main(list(args), *rest, **{**more, "standalone_mode": False})
        except click.ClickException as error:
            return _misused(error)
        except (KeyboardInterrupt, click.Abort):
            say_error("interrupted")
            return signals.exit_code()
        except Exception as error:
            told = told_of(error)
            if told is None:
                raise
            say_error(told)
            return exit_code_of(error)
        return code if isinstance(code, int) else 0

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise click.Abort from error  # click would begin a new line for it


def _misused(error: click.ClickException) -> int:
    """Show what is wrong with the usage in lines that are safe to show; give the exit code."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(WELCOME if isinstance(error.ctx.command, Program) else error.format_message(), err=True)
    else:
        context = error.ctx if isinstance(error, click.UsageError) else None
        text = re.sub(r"([:,])\n\t", r"\1 ", error.format_message())  # choices, each in a line
        click.UsageError(message(text), context).show()
    return error.exit_code


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="restore completion bash (or zsh, fish) prints a script by which the shell completes commands.",
)
@click.version_option(__version__)
def main() -> None:
    """Restore photographs and scans by diffusion: denoise, inpaint, upscale.

    \b
    restore denoise scan.jpg                    writes scan-denoised.jpg
    restore inpaint photo.png --mask mask.png   fills what is white in the mask
    restore upscale small.png --scale 2         writes small-x2.png
    restore denoise holiday -o clean            a folder and all its sub-folders

    The path of each written picture goes to standard output, everything else to standard error.
    Exit code 0: all went well; 1: a picture failed; 2: wrong usage.
    """
