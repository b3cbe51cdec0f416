"""Run a command on all its inputs, report on them, and end the program with the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import click

from restore.cli import jobs, signals, streams
from restore.cli.addresses import called
from restore.cli.checking import files_to_be
from restore.cli.checks import check_engine
from restore.cli.command import PictureCommand
from restore.cli.comparisons import check_comparisons
from restore.cli.engines import engage
from restore.cli.events import event
from restore.cli.job_plan import Survey
from restore.cli.jobs import Job
from restore.cli.kept import There, examined, refusal
from restore.cli.manifest_options import check_batch
from restore.cli.naming import Naming, numbers
from restore.cli.options import Settings
from restore.cli.outcome import Tally
from restore.cli.preview import Pace, check_preview, prepared, tell
from restore.cli.reporter import on_terminal
from restore.cli.reporting import Reporting
from restore.cli.result_files import check_files
from restore.cli.results import left_out
from restore.cli.runner import Runner
from restore.cli.saved_masks import check_saved_masks
from restore.cli.shards import of_shard
from restore.cli.trajectory import check_trajectory
from restore.cli.uncertainty_map import check_map
from restore.cli.watch_run import Shared, check_shown, watched_folder
from restore.cli.watching import Watching
from restore.cli.weighing import weights_of
from restore.diffusion.seeds import draw_seed
from restore.errors import ImageError, OutputError, RestoreError
from restore.images import Listing
from restore.images.memory import limited_to
from restore.stores import shown

SIGNALLED = 128
"""Exit codes from here on are of signals."""


def run_command(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    """Plan, check and restore every input, report, and end the program with the exit code."""
    check_shown(settings)
    check_engine(settings)
    check_batch(settings)
    if files_to_be() is not None:
        _check_alone(command, inputs, settings)
        return
    if settings.watch:
        _watch(command, inputs, settings)
        return
    if settings.preview is None and (settings.manifest is not None or settings.in_place):
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
    if settings.preview is None:
        _run(command, settings, planned)
    else:
        _preview(command, settings, planned)


def _check_alone(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    """Check what can be checked without the pictures."""
    try:
        naming = _naming(command, settings)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    pictures = [Path(name) for name in inputs]
    check_files(settings, [Job(each, Path(naming.name(each, 1, beside=True))) for each in pictures])
    if settings.uncertainty is None:
        check_map(settings, (), ())


def _run(
    command: PictureCommand,
    settings: Settings,
    planned: jobs.Plan,
    *,
    follow: Callable[[Runner], None] = lambda _: None,
) -> None:
    """Restore what is planned, report, and end with the exit code. follow: is shown who does it."""
    pairs = [(job.name, job.output) for job in planned.jobs]
    check_engine(settings, planned.jobs)
    with _refusing(settings, pairs):
        todo, done = _sorted_out(command, settings, planned)
    weights = [1.0] * len(todo) if settings.quiet or settings.dry_run else weights_of(todo)
    runner = Runner(command, settings, weights, planned.folder)
    engage(runner)
    reporter = runner.reporter
    report = Reporting(settings, reporter.error)
    runner.listeners.append(report.add)
    follow(runner)
    try:
        with limited_to(settings.max_memory), _refusing(settings, pairs):
            report.check()
            there = examined(done, command, settings, runner.recorder())
            report.begin()
        _tell_of_others(runner, planned, there)
        report.refuse(planned.failures)
        report.keep(there.kept)
        if not settings.dry_run:
            jobs.sweep(todo)
        with limited_to(settings.max_memory):
            tally = _restored(runner, todo)
        report.end(kept=len(there.kept), interrupted=tally.interrupted)
    finally:
        reporter.close()
    tally.failed += len(planned.failures)
    _finish(tally, runner, len(planned.jobs) + len(planned.failures), there, planned.unread)
    if report.broken:
        click.get_current_context().exit(1)


def _preview(command: PictureCommand, settings: Settings, planned: jobs.Plan) -> None:
    """Restore some of what is planned onto a page, and tell what all would take."""
    with _refusing(settings, [(job.name, job.output) for job in planned.jobs]):
        check_preview(settings, planned.jobs)
        todo, _ = _sorted_out(command, settings, planned)
    preview = prepared(settings, todo or planned.jobs)
    pace, code = Pace(preview.everything), 0
    try:
        _run(command, preview.settings, preview.plan(), follow=pace.follow)
    except click.exceptions.Exit as end:
        code = end.exit_code
    if code < SIGNALLED:
        tell(preview, pace.seconds())
    click.get_current_context().exit(code)


def _watch(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    """Restore what is in a folder and what comes into it, until the program is told to stop."""
    folder = watched_folder(settings, inputs)
    shared = Shared(folder, settings)
    stopped = False
    shared.begin()

    def restore(listing: Listing) -> None:
        nonlocal stopped
        if tally := _batch(command, settings, shared, listing):
            stopped = tally.interrupted
            if tally.interrupted:
                raise KeyboardInterrupt

    watching = Watching(folder, restore, settle=settings.settle, tell=shared.tell, trouble=shared.trouble)
    with suppress(KeyboardInterrupt):
        watching.run(ours=shared.is_ours, ignore=settings.ignore, poll=settings.poll)
    shared.end(interrupted=stopped)
    click.get_current_context().exit(signals.exit_code() if stopped else 0)


def _batch(command: PictureCommand, settings: Settings, shared: Shared, listing: Listing) -> Tally | None:
    """Restore the pictures of a listing; None where there is none."""
    shared.tell_of_others(listing)
    pictures = shared.pictures_of(listing, _naming(command, settings))
    if not pictures:
        return None
    found = Listing(pictures)
    try:
        planned = _planned(command, [str(shared.folder)], settings, survey=lambda *_, **__: found)
    except ImageError:  # masks of others
        return None
    todo, done = _sorted_out(command, settings, planned)
    again = [job for job in done if job.target in shared.written]
    done = [job for job in done if job.target not in shared.written]
    tally = Tally()
    for some, chosen in ((todo, settings), (again, replace(settings, overwrite=True))):
        if not (some or done):
            continue
        runner = Runner(command, chosen, weights_of(some), planned.folder)
        shared.join(runner)
        try:
            there = examined(done, command, settings, runner.recorder())
            _tell_of_others(runner, replace(planned, notes=()), there)
            shared.keep(there.kept)
            jobs.sweep(some)
            with limited_to(settings.max_memory):
                each = _restored(runner, some)
        finally:
            runner.reporter.close()
        _summarise(each, runner, len(some) + len(done), there)
        tally.interrupted, done = each.interrupted, []
        if tally.interrupted:
            break
    return tally


def _sorted_out(
    command: PictureCommand, settings: Settings, planned: jobs.Plan
) -> tuple[list[Job], list[Job]]:
    """Check all that is to be written; give the jobs to do and those that are done already."""
    check_files(settings, planned.jobs)
    check_map(settings, planned.jobs, command.reads)
    todo, done = jobs.sort_out(planned, overwrite=settings.overwrite, reads=command.reads)
    check_trajectory(settings, planned.jobs, todo)
    check_saved_masks(settings, planned.jobs, todo, command.reads)
    check_comparisons(settings, planned.jobs, command.reads)
    return todo, done


def _run_listed(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    from restore.cli.manifest_command import run_listed

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


def _planned(
    command: PictureCommand, inputs: Sequence[str], settings: Settings, *, survey: Survey | None = None
) -> jobs.Plan:
    with _refusing(settings, [(shown(name), None) for name in inputs]):
        try:
            naming = _naming(command, settings)
            planned = jobs.plan(inputs, settings.output, naming, ignore=settings.ignore, survey=survey)
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
    reporter, settings = runner.reporter, runner.settings
    if tally.interrupted:
        again = "nothing was written"
        if count > 1:
            # With --overwrite an old output cannot be told from a new one.
            again = "run the same command again to " + ("do all of them" if settings.overwrite else "go on")
        done = tally.done + len(there.kept) + tally.overtaken
        reporter.error(f"interrupted with {done} of {count} done; {again}")
        click.get_current_context().exit(signals.exit_code())
    _summarise(tally, runner, count, there)
    if unread:
        reporter.unread(unread)
    if tally.failed or there.refused or unread or tally.damaged:
        click.get_current_context().exit(1)


def _summarise(tally: Tally, runner: Runner, count: int, there: There) -> None:
    """Say how many pictures were restored, kept and so on."""
    reporter, settings, damaged = runner.reporter, runner.settings, tally.damaged
    kept, refused = len(there.kept) + tally.overtaken, len(there.refused)
    left = count - kept - refused - tally.done - tally.failed
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
