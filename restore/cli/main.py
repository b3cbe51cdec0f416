"""The command line. Nothing heavy is imported before a command really runs."""

from __future__ import annotations

from typing import Any

import click

from restore import __version__
from restore.cli.options import CANCELLED
from restore.cli.registry import command_names, find_command, summary
from restore.errors import RestoreError


class Program(click.Group):
    """Turns a `RestoreError` into one line and exit code 1; wrong usage is exit code 2."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return command_names()

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return find_command(name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Without importing all commands, as click would.
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary(name)) for name in command_names()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RestoreError as error:
            click.echo(f"error: {error}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("error: interrupted", err=True)
            ctx.exit(CANCELLED)


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Completion for bash, zsh and fish: put the output of _RESTORE_COMPLETE=bash_source restore "
    "(zsh_source, fish_source) into your shell's start file.",
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
