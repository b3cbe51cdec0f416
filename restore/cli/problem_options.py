"""Options of the commands that solve a problem from a first guess: deblur, colorize, solve, dejpeg."""

from __future__ import annotations

from collections.abc import Callable

import click

from restore.cli.options import SEED, estimate_option
from restore.cli.parameters import SAMPLER, Decorator, Number, all_of, late_option
from restore.tasks.catalogue import MOST_STEPS

Text = Callable[[], str]


def problem_options(*, estimate: str, method: Text, steps: Text, sampler: str, start: str) -> Decorator:
    """How a problem is solved: an estimate as the default, and what the help says of the other options."""
    return all_of(
        estimate_option(estimate),
        late_option("--method", metavar="NAME", late=method),
        late_option(
            "--steps",
            type=click.IntRange(1, MOST_STEPS),
            metavar="N",
            late=lambda: f"Steps from noisy to clean, a network call each.  [default: {steps()}]",
        ),
        click.option("--sampler", type=SAMPLER, help=f"How a sample is drawn, for {sampler}."),
        click.option(
            "--start", type=Number(0.01, 80), metavar="S",
            help="Noise level at which the steps start from a first guess, 0.01 to 80, where 1 is white "
            f"minus black.  [default: {start}]",
        ),
        SEED,
    )  # fmt: skip
