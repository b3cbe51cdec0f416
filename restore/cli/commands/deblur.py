"""``restore deblur``: sharpen pictures blurred by a known kernel."""

from __future__ import annotations

from typing import Any

import click

from restore.cli.options import INPUTS, RESTORING, Settings, with_settings
from restore.cli.registry import register
from restore.cli.solving import SIGMA, run_solver, solver_options
from restore.inverse.spec import KERNELS, parse_spec


@register
@click.command()
@INPUTS
@click.option(
    "--kernel", required=True, metavar="KERNEL",
    help="gaussian:SIGMA, or motion:LENGTH:ANGLE with the angle in degrees from the right turning up; in "
    "pixels.",
)  # fmt: skip
@SIGMA
@solver_options
@with_settings(*RESTORING)
def deblur(settings: Settings, inputs: tuple[str, ...], kernel: str, **options: Any) -> None:
    """Sharpen pictures blurred by a known kernel: files, folders with their sub-folders, or -.

    \b
    restore deblur soft.jpg --kernel gaussian:1.6
    restore deblur shaken.png --kernel motion:15:30 --sigma 2 -o sharp.png
    """
    try:
        words = [parse_spec(f"blur={kernel}")]
    except ValueError:
        raise click.UsageError(f"--kernel {kernel}: {KERNELS}") from None
    run_solver(inputs, settings, words, options, "deblurred")
