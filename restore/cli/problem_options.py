"""Options of the commands that start from a first guess: deblur, colorize, solve, dejpeg."""

from __future__ import annotations

import click

from restore.cli.options import SEED, estimate_option
from restore.cli.parameters import SAMPLER, Decorator, Number, Text, all_of, late_option
from restore.diffusion.samplers import sampler_names
from restore.tasks.catalogue import MOST_STEPS


def problem_options(*, estimate: str, method: Text, steps: Text, sampler: Text, start: Text) -> Decorator:
    """Give the options. estimate: the default; the others are parts of the help texts."""
    return all_of(
        estimate_option(estimate),
        late_option("--method", metavar="NAME", late=method),
        late_option(
            "--steps",
            type=click.IntRange(1, MOST_STEPS),
            metavar="N",
            late=lambda: f"Steps from noisy to clean, a network call each.  [default: {steps()}]",
        ),
        late_option(
            "--sampler",
            type=SAMPLER,
            late=lambda: f"How a sample is drawn, for {sampler()}: {', '.join(sampler_names())}.",
        ),
        late_option(
            "--start",
            type=Number(0.01, 80),
            metavar="S",
            late=lambda: (
                "Noise level at which the steps start from a first guess, 0.01 to 80, where 1 is "
                f"white minus black.  [default: {start()}]"
            ),
        ),
        SEED,
    )
