"""``restore eval likelihood``: the bits per dimension that a checkpoint needs for clean pictures."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore.cli.evaluation_inputs import training_pictures
from restore.cli.evaluation_options import CSV, JSON, LIMIT, LOUDNESS, PLOT, data_options
from restore.cli.evaluation_run import evaluation_run, facts_of
from restore.cli.help_pages import Command
from restore.cli.options import CONFIG, DEVICE, ENSEMBLE, LABEL, PIECES, REPLACE, SEED, WEIGHTS, Settings
from restore.cli.parameters import all_of
from restore.cli.prior_loader import load_prior

if TYPE_CHECKING:
    from restore.evaluation.likelihood_table import Rule
    from restore.priors.protocol import Prior

STEPS = {"bound": 100, "ode": 25}
"""The methods, and the steps of each unless given."""

VARIANCES = ("small", "large", "learned")


@click.command(cls=Command)
@all_of(*data_options())
@click.option(
    "--method", type=click.Choice(list(STEPS)), default="bound", show_default=True,
    help="bound: the variational bound, in one network call a step. ode: the density by the probability-flow "
    "equation, in four calls a step and their gradients; by default some three times slower.",
)  # fmt: skip
@click.option(
    "--steps", type=click.IntRange(2, 10_000), metavar="N",
    help="bound: timesteps that are used, of those of the checkpoint (mostly 1000); the fewer, the looser "
    "the bound. ode: steps from the lowest noise level to the highest.  "
    f"[default: {STEPS['bound']}; ode: {STEPS['ode']}]",
)  # fmt: skip
@click.option(
    "--variance", type=click.Choice(VARIANCES),
    help="bound: variance of the reverse process.  [default: learned where the checkpoint has it, else "
    "small]",
)  # fmt: skip
@click.option(
    "--probes", type=click.IntRange(1, 1000), metavar="N",
    help="ode: random vectors for each estimate of the divergence; more cost time and scatter less.  "
    "[default: 1]",
)  # fmt: skip
@all_of(SEED, LIMIT, JSON, CSV, PLOT, REPLACE, *LOUDNESS, LABEL, ENSEMBLE, WEIGHTS, DEVICE, PIECES, CONFIG)
def likelihood(
    method: str, steps: int | None, variance: str | None, probes: int | None, **options: Any
) -> None:
    """Measure how probable the prior finds pictures: bits per dimension, the fewer the better.

    \b
    restore eval likelihood --data photos --crop 64
    restore eval likelihood --data photos --crop 64 --steps 250 --plot terms.svg
    restore eval likelihood --data photos --crop 64 --method ode

    A dimension is one channel of a pixel. What was measured, and from which noise level on, stands above the
    table. Whole photographs take long; --crop measures the middle of each. The network is computed in single
    precision and sees no condition, so adapters and conditional methods have no likelihood.
    """
    if method == "ode" and variance is not None:
        raise click.UsageError("--variance has no effect with --method ode; leave it out")
    if method == "bound" and probes is not None:
        raise click.UsageError("--probes has no effect with --method bound; leave it out")
    if len({folder.resolve() for folder in options["folders"]}) < len(options["folders"]):
        raise click.UsageError("--data names the same folder twice; name it once")
    if options["listed"] and len(options["folders"]) != 1:
        raise click.UsageError("--list names pictures of one folder; pass one --data with it")
    with evaluation_run(options | {"report": None, "show": 0}) as run:
        from restore.evaluation.likelihood_table import Measuring, measure_likelihood
        from restore.evaluation.pictures import PictureSet

        prior = _prior(options)
        rule = _rule(method, prior, steps or STEPS[method], variance, probes)
        known = training_pictures({"restore": prior}, options["trained_on"], run.reporter)
        narrowed: dict[str, Any] = {"limit": options["limit"], "crop": options["crop"], "known": known}
        sets = [PictureSet.of(folder, listed=options["listed"], **narrowed) for folder in options["folders"]]
        what = Measuring(_name(options["weights"]), prior, rule, options["seed"])
        tables = []
        for pictures in sets:
            tables.append(measure_likelihood(pictures, what, run.reporter.observer))
            run.reporter.table(tables[-1])
        run.publish(tables, facts_of({"restore": prior}, {}))


def _name(weights: Path | None) -> str:
    from restore.evaluation.pictures import printable

    return "restore" if weights is None else printable(weights.stem)


def _prior(options: dict[str, Any]) -> Prior:
    """The prior in single precision: the bits at low noise are lost in less."""
    from restore.evaluation.likelihood_table import check_is_prior

    known = {field.name for field in fields(Settings)}
    given = {name: value for name, value in options.items() if name in known}
    settings = Settings(output=None, precision="fp32", dry_run=False, json=False, **given)
    prior = load_prior(settings)
    check_is_prior(prior, "the package" if settings.weights is None else str(settings.weights))
    return prior


def _rule(method: str, prior: Prior, steps: int, variance: Any, probes: int | None) -> Rule:
    from restore.evaluation.likelihood_table import ByBound, ByFlow

    if method == "ode":
        return ByFlow(prior, steps=steps, probes=probes or 1)
    return ByBound(prior, steps=steps, variance=variance)
