"""``restore solve``: undo what was done to pictures."""

from __future__ import annotations

from typing import Any

import click

from restore import plugins
from restore.cli.help_pages import Command
from restore.cli.kernel_files import KernelFile, OperatorWord, specs_of
from restore.cli.options import INPUTS, RESTORING, Settings, with_settings
from restore.cli.parameters import late_option
from restore.cli.registry import register
from restore.cli.solving import SIGMA, run_solver, solver_options


def _operator_help() -> str:
    own = "".join(f", {name} (of {each.package})" for name, each in plugins.found("operators").items())
    return (
        "What was done to the picture: blur=KERNEL (as for deblur), down=FACTOR (bicubic), area=FACTOR "
        f"(means), gray, jpeg=QUALITY{own}. May be given several times, in the order in which it happened."
    )


@register
@click.command(cls=Command)
@INPUTS
@late_option(
    "--operator", "words", multiple=True, required=True, type=OperatorWord(), metavar="WHAT",
    late=_operator_help,
)  # fmt: skip
@SIGMA
@solver_options
@with_settings(*RESTORING)
def solve(
    settings: Settings, inputs: tuple[str, ...], words: tuple[str | KernelFile, ...], **options: Any
) -> None:
    """Undo what was done to pictures: files, folders with their sub-folders, or -.

    \b
    restore solve small.png --operator blur=gaussian:1.2 --operator down=3
    restore solve small.png --operator area=2 --sigma 2 -o large.png
    restore solve bad.jpg --operator down=2 --operator jpeg=20 --method dps --estimate sample
    """
    run_solver(inputs, settings, specs_of(words), options, "restored")
