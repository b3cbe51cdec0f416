"""``restore colorize``: give gray pictures colours."""

from __future__ import annotations

from typing import Any

import click

from restore.cli.help_pages import Command
from restore.cli.options import INPUTS, RESTORING, Settings, with_settings
from restore.cli.problem_options import problem_options
from restore.cli.registry import register
from restore.cli.solving import method_help, run_solver, sampler_help, steps_help
from restore.inverse.spec import parse_spec
from restore.tasks.catalogue import COLOUR_START, ROUNDING

colour_options = problem_options(
    estimate="sample",
    method=method_help,
    steps=steps_help,
    sampler=sampler_help,
    start=lambda: f"of a sample {COLOUR_START:g}",
)


@register
@click.command(cls=Command)
@INPUTS
@colour_options
@with_settings(*RESTORING)
def colorize(settings: Settings, inputs: tuple[str, ...], **options: Any) -> None:
    """Give gray pictures colours: files, folders with their sub-folders, or -.

    The network knows textures, not objects: expect plausible tints, not the right ones. Colours that are
    there are not looked at. The mean of all that is possible is nearly gray.

    \b
    restore colorize old.png
    restore colorize old.png --samples 4
    restore colorize album -o coloured --seed 3
    """
    if options["start"] is None and options["estimate"] == "sample":
        options["start"] = COLOUR_START
    # The luma stays the picture's own, whatever its noise.
    run_solver(inputs, settings, [parse_spec("gray")], options, "colorized", sigma=ROUNDING)
