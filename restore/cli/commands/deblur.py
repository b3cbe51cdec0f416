"""``restore deblur``: sharpen pictures blurred by a known kernel."""

from __future__ import annotations

from typing import Any

import click

from restore.cli.help_pages import Command
from restore.cli.kernel_files import BLUR, KernelFile, KernelWord, specs_of
from restore.cli.options import INPUTS, RESTORING, Settings, with_settings
from restore.cli.registry import register
from restore.cli.solving import SIGMA, run_solver, solver_options


@register
@click.command(cls=Command)
@INPUTS
@click.option(
    "--kernel", required=True, type=KernelWord(), metavar="KERNEL",
    help="gaussian:SIGMA, motion:LENGTH:ANGLE with the angle in degrees from the right turning up, or "
    "disc:RADIUS for a lens out of focus; in pixels. Or a file: a picture whose gray "
    "values are the kernel, or its numbers as .npy or as text, a row each line.",
)  # fmt: skip
@SIGMA
@solver_options
@with_settings(*RESTORING)
def deblur(settings: Settings, inputs: tuple[str, ...], kernel: str | KernelFile, **options: Any) -> None:
    """Sharpen pictures blurred by a known kernel: files, folders with their sub-folders, or -.

    \b
    restore deblur soft.jpg --kernel gaussian:1.6
    restore deblur shaken.png --kernel motion:15:30 --sigma 2 -o sharp.png
    restore deblur unfocused.png --kernel disc:3
    """
    words = specs_of([kernel if isinstance(kernel, KernelFile) else BLUR + kernel])
    run_solver(inputs, settings, words, options, "deblurred")
