"""Run a command on all its inputs, report on them, and end the program with the exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from restore.cli import jobs, signals, streams
from restore.cli.addresses import called
from restore.cli.command import PictureCommand
from restore.cli.events import event
from restore.cli.jobs import Job
from restore.cli.kept import There, examined, refusal
from restore.cli.manifest_command import check_batch, run_listed
from restore.cli.naming import Naming, numbers
from restore.cli.options import Settings
from restore.cli.outcome import Tally
from restore.cli.reporter import on_terminal
from restore.cli.result_files import check_files
from restore.cli.results import left_out
from restore.cli.runner import Runner
from restore.cli.saved_masks import check_saved_masks
from restore.cli.shards import of_shard
from restore.cli.trajectory import check_trajectory
from restore.cli.uncertainty_map import check_map
from restore.cli.weighing import weights_of
from restore.diffusion.seeds import draw_seed
from restore.errors import OutputError, RestoreError
from restore.images.memory import limited_to


def run_command(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    """Plan, check and restore every input, report, and end the program with the exit code."""
    check_batch(settings)
    if settings.manifest is not None or settings.in_place:
        _run_listed(command, inputs, settings)
        return
    planned = of_shard(_planned(command, inputs, settings), settings.shard)
    if any(job.target is None for job in planned.jobs):
        if settings.json:
            raise click.UsageError("--json and the picture both want standard output; give a file with -o")
        if streams.is_closed(1):
            raise OutputError("standard output is closed; give a file with -o")
        if settings.skip_unchanged:
            raise click.UsageError("--skip-unchanged would leave standard output empty; leave it out")
        if on_terminal(sys.stdout) and not settings.dry_run:  # where a plan is to be read
            raise click.UsageError("standard output is a terminal; redirect it, or give a file with -o")
    pairs = [(job.name, job.output) for job in planned.jobs]
    with _refusing(settings, pairs):
        check_files(settings, planned.jobs)
        check_map(settings, planned.jobs, command.reads)
        todo, done = jobs.sort_out(planned, overwrite=settings.overwrite, reads=command.reads)
        check_trajectory(settings, planned.jobs, todo)
        check_saved_masks(settings, planned.jobs, todo, command.reads)
    weights = [1.0] * len(todo) if settings.quiet or settings.dry_run else weights_of(todo)
    runner = Runner(command, settings, weights, planned.folder)
    reporter = runner.reporter
    try:
        with limited_to(settings.max_memory), _refusing(settings, pairs):
            there = examined(done, command, settings, runner.recorder())
        _tell_of_others(runner, planned, there)
        if not settings.dry_run:
            jobs.sweep(todo)
        with limited_to(settings.max_memory):
            tally = _restored(runner, todo)
    finally:
        reporter.close()
    tally.failed += len(planned.failures)
    _finish(tally, runner, len(planned.jobs) + len(planned.failures), there, planned.unread)


def _run_listed(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    with _refusing(settings, [(name, None) for name in inputs]):
        try:
            run_listed(command, inputs, settings, _naming(command, settings))
        except ValueError as error:
            raise click.UsageError(str(error)) from error


def _restored(runner: Runner, todo: Sequence[Job]) -> Tally:
    """Restore the pictures of these jobs. When that ends, tell --json of those that it has not come to."""
    tally, tried = Tally(), set[int]()
    try:
        for outcome in runner.outcomes(todo):
            tally.add(outcome)
            tried.add(id(outcome.job))
    except KeyboardInterrupt:
        tally.interrupted = True
    except BrokenPipeError:
        raise  # nobody reads
    except Exception as error:
        left = [job for job in todo if id(job) not in tried]
        with suppress(OSError):
            for job in left[:1]:
                _tell_failed(runner, job, jobs.message(job, error))
            _not_tried(runner, left[1:])
        raise
    _not_tried(runner, [job for job in todo if id(job) not in tried])
    return tally


def _tell_of_others(runner: Runner, planned: jobs.Plan, there: There) -> None:
    """Report on what is not to be restored: earlier results, those that are kept, and what is no picture."""
    reporter, as_json = runner.reporter, runner.settings.json
    for note in planned.notes:
        reporter.note(note)
    if planned.results:
        reporter.note(left_out(planned.results))
    for path in planned.results if as_json else ():
        reporter.result("", input=called(path), output=None, status="left out")
    for job in there.kept if as_json else ():
        reporter.result("", input=job.name, output=job.output, status="skipped")
    for line in there.errors():
        reporter.error(line)
    for job, problem in there.refused:
        _tell_failed(runner, job, refusal(job, problem))
    for name, message in planned.failures:
        reporter.refused(name, message)


def _planned(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> jobs.Plan:
    with _refusing(settings, [(name, None) for name in inputs]):
        try:
            naming = _naming(command, settings)
            planned = jobs.plan(inputs, settings.output, naming, ignore=settings.ignore)
            found = [job.source for job in planned.jobs if job.source]
            return jobs.without(planned, command.aside([*dict.fromkeys(found), *planned.unread]))
        except ValueError as error:
            raise click.UsageError(str(error)) from error


def _naming(command: PictureCommand, settings: Settings) -> Naming:
    """What the results are called. Raises ValueError."""
    count = settings.copies or settings.samples
    seeds = tuple(draw_seed(command.options["seed"], draw) for draw in range(count))
    return Naming(
        ending=command.ending,
        suffix=settings.suffix,
        format=settings.format,
        template=settings.output_template,
        command=str(click.get_current_context().info_name),
        marks=tuple(f"seed{seed}" for seed in seeds) if settings.copies else numbers(count),
        seeds=seeds,
    )


@contextmanager
def _refusing(settings: Settings, pairs: Sequence[tuple[str, str | None]]) -> Iterator[None]:
    """Where all is refused before anything is done, tell --json of every input and its output."""
    try:
        yield
    except RestoreError:
        with suppress(OSError):
            for name, output in pairs if settings.json else ():
                click.echo(event("picture", input=name, output=output, status="not tried"))
        raise


def _tell_failed(runner: Runner, job: Job, message: str) -> None:
    """Tell --json of a job that has failed before it was tried."""
    runner.reporter.nothing(input=job.name, output=job.output, status="failed", error=message)


def _not_tried(runner: Runner, left: Sequence[Job]) -> None:
    for job in left if runner.settings.json else ():
        runner.reporter.result("", input=job.name, output=job.output, status="not tried")


def _finish(tally: Tally, runner: Runner, count: int, there: There, unread: Sequence[Path]) -> None:
    """Report on all jobs and end with the exit code."""
    reporter, settings, damaged = runner.reporter, runner.settings, tally.damaged
    kept, refused = len(there.kept) + tally.overtaken, len(there.refused)
    left = count - kept - refused - tally.done - tally.failed
    if tally.interrupted:
        again = "nothing was written"
        if count > 1:
            # With --overwrite an old output cannot be told from a new one.
            again = "run the same command again to " + ("do all of them" if settings.overwrite else "go on")
        reporter.error(f"interrupted with {tally.done + kept} of {count} done; {again}")
        click.get_current_context().exit(signals.exit_code())
    if count > 1:
        parts = [f"{tally.done - tally.left} {'planned' if settings.dry_run else 'restored'}"]
        parts += [f"{damaged} of them from damaged files"] if damaged else []
        parts += [f"{tally.left} left as they are"] if tally.left else []
        parts += [f"{kept} there already and kept"] if kept else []
        parts += [f"{len(there.unknown)} of them without a record of what made them"] if there.unknown else []
        parts += [f"{len(there.stored)} of them in a store and not compared"] if there.stored else []
        parts += [f"{refused} there already but not as asked"] if refused else []
        parts += [f"{tally.failed} failed"] if tally.failed else []
        parts += [f"{left} not tried"] if left else []
        say = reporter.error if tally.failed or refused else reporter.note
        hint = "; pass --overwrite to replace those there already" if kept else ""
        say(f"{', '.join(parts)} (of {count} pictures){hint}")
    elif there.kept:
        job = there.kept[0]
        aside = there.aside(job)
        reporter.note(f"{job.output} is there already{aside} and was kept; pass --overwrite to replace it")
    if unread:
        reporter.unread(unread)
    if tally.failed or refused or unread or damaged:
        click.get_current_context().exit(1)
