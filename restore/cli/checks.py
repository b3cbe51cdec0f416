"""Check options against each other before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from restore.cli.job_plan import Job
from restore.cli.options import Settings
from restore.cli.streams import STDIO
from restore.diffusion.samplers import named_sampler
from restore.errors import RestoreError
from restore.tasks import catalogue
from restore.tasks.catalogue import Method


def check_method(task: str, options: Mapping[str, Any], *, among: Sequence[Method] | None = None) -> Method:
    """Give the method that the options name. Raises UsageError for options that have no effect with it.

    options: method, estimate, steps, sampler and guidance. among: the methods that can be used, if not all
    of the task.
    """
    name, estimate, steps = options["method"], options["estimate"], options["steps"]
    methods = catalogue.methods(task) if among is None else among
    method = next((m for m in methods if (m.name, m.estimate) == (name, estimate)), None)
    if method is None and among is None and catalogue.plugin_of(task, name) is not None:
        method = _of_package(task, name, estimate)
    if method is None:
        able = " or ".join(m.name for m in methods if m.estimate == estimate)
        raise click.UsageError(
            f"--method {name} cannot give --estimate {estimate}; pass another estimate, or --method {able}"
        )
    if method.one_call and steps not in (None, 1):
        raise click.UsageError(
            f"--steps has no effect with --method {name} --estimate {estimate}, which takes no steps; "
            "leave it out"
        )
    _check_sampler(method, options["sampler"])
    if options.get("guidance", 1) != 1 and not method.guidable:
        raise click.UsageError("--guidance has an effect with --method conditional --estimate sample only")
    return method


def _of_package(task: str, name: str, estimate: str) -> Method:
    """Give a method of an installed package. Raises UsageError where it cannot give the estimate."""
    try:
        return catalogue.find(task, name, estimate)
    except RestoreError:
        raise
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _check_sampler(method: Method, sampler: str | None) -> None:
    if sampler is None:
        return
    if method.estimate == "mean":
        raise click.UsageError(
            "--sampler draws a sample; it has no effect with --estimate mean; leave it out"
        )
    if method.sampler is None:
        raise click.UsageError(f"--method {method.name} has steps of its own; leave out --sampler")
    chosen = named_sampler(sampler)  # one of another package is imported before anything is computed
    if method.jumps and not chosen.climbs:
        raise click.UsageError(
            f"--sampler {sampler} cannot climb, as --method {method.name} does; pass another one"
        )


def check_jumps(method: Method, steps: int | None, length: int | None = None) -> None:
    """Raise UsageError where RePaint has too few steps for a jump. None: the method's own numbers."""
    steps, length = steps or method.steps, length or catalogue.JUMPS[0]
    if method.jumps and steps <= length:
        raise click.UsageError(
            f"--method {method.name} jumps back by {length} steps and takes more than that in all, got "
            f"{steps}; pass more --steps"
        )


def check_common(settings: Settings, options: Mapping[str, Any], *rivals: tuple[str, Any]) -> None:
    """Check the options of all tasks: samples and budgets.

    rivals: names and values of the options that a budget chooses besides --steps; None when not given.
    """
    if settings.samples > 1 and options["estimate"] == "mean":
        raise click.UsageError(
            f"--samples {settings.samples}: there is one mean; pass --estimate sample, or leave it out"
        )
    if settings.trajectory is not None and options["estimate"] == "mean":
        raise click.UsageError(
            f"--trajectory {settings.trajectory} shows how a sample is drawn, the mean is not; pass "
            "--estimate sample, or leave it out"
        )
    budgets = [name for name in ("nfe", "seconds") if getattr(settings, name) is not None]
    if len(budgets) > 1:
        raise click.UsageError("--nfe and --seconds are two budgets; pass one of them")
    ensemble = None if settings.ensemble == 1 else settings.ensemble
    for name, value in (("steps", options["steps"]), *rivals, ("ensemble", ensemble)) if budgets else ():
        if value is not None:
            raise click.UsageError(f"--{budgets[0]} chooses --{name} itself; leave one of them out")


def check_engine(settings: Settings, jobs: Sequence[Job] = ()) -> None:
    """Check what pictures are restored by. Raises UsageError for what a cluster cannot do."""
    if settings.engine != "ray":
        if settings.address is not None:
            raise click.UsageError("--address is that of a cluster; pass --engine ray, too, or leave it out")
        return
    if settings.watch:
        raise click.UsageError("--watch and --engine ray do not go together; leave one of them out")
    if settings.in_place:
        raise click.UsageError(
            "--in-place moves originals on this machine; leave out --engine ray, or pass -o FOLDER"
        )
    for name in ("uncertainty", "trajectory"):
        if getattr(settings, name) is not None:
            raise click.UsageError(f"--{name} is of one picture, which needs no --engine ray; leave one out")
    piped = STDIO in map(str, click.get_current_context().params.values())  # as a mask may be
    if piped or any(job.source is None or job.target is None for job in jobs):
        raise click.UsageError(
            "--engine ray reads and writes files; name them in place of standard input and output"
        )
