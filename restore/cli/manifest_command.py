"""Run a command on the pictures of a manifest, report on them, and end the program with the exit code."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from restore.cli import signals
from restore.cli.addresses import called, path_of
from restore.cli.command import PictureCommand
from restore.cli.engines import engage
from restore.cli.jobs import Job
from restore.cli.manifest import Manifest
from restore.cli.manifest_match import differences, run_facts
from restore.cli.manifest_options import LISTED
from restore.cli.manifest_plan import Asked, asked_again
from restore.cli.manifest_run import ManifestRun
from restore.cli.manifest_told import tell_planned
from restore.cli.manifest_write import check_place, write_manifest
from restore.cli.naming import Naming
from restore.cli.options import Settings
from restore.cli.outcome import Tally
from restore.cli.reporter import say, say_error
from restore.cli.reporting import Reporting
from restore.cli.result_files import check_files
from restore.cli.runner import Runner
from restore.cli.saved_masks import check_saved_masks
from restore.errors import ManifestError, OutputError
from restore.images.memory import limited_to
from restore.images.paths import what_is


def run_listed(command: PictureCommand, inputs: Sequence[str], settings: Settings, naming: Naming) -> None:
    """Restore the pictures of a manifest, which is written first if it is missing."""
    backup = settings.backup
    path = settings.manifest or (backup or Path()) / LISTED
    asked = Asked(tuple(inputs), settings.output, naming, settings.ignore, backup)
    with ExitStack() as stack:
        problems = 0
        if not what_is(path):
            if settings.manifest is None and not settings.dry_run:
                _create(path.parent)
            check_place(path)
            if settings.dry_run:
                path = Path(stack.enter_context(tempfile.TemporaryDirectory()), LISTED)
            told = write_manifest(path, asked)
            tell_planned(told, quiet=settings.quiet)
            problems = len(told.problems) + sum(told.unread.values())
        facts = run_facts(settings)
        manifest = stack.enter_context(Manifest(path))
        _check_same(manifest, asked, facts, settings)
        run = ManifestRun(
            manifest,
            shard=settings.shard,
            retry=settings.retry_failed,
            aside=_aside(command, manifest),
            dry=settings.dry_run,
        )
        stack.callback(run.close)
        _check_names(command, run, settings)
        run.begin(facts)
        tally, broken = _run(command, run, settings)
    _finish(tally, run, problems + broken, settings)


def _create(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise OutputError(f"{folder}: cannot create the folder ({why}); choose another --backup") from error


def _run(command: PictureCommand, run: ManifestRun, settings: Settings) -> tuple[Tally, bool]:
    """Restore the pictures; give how that went, and whether the report broke off."""
    told = run.manifest.header.get("results_folder")
    folder = run.manifest.path_of(told) if isinstance(told, str) else None
    runner = Runner(command, settings, run.weights, folder)
    runner.alone = runner.alone and len(run.numbers) == 1
    runner.ledger = run
    if run.in_place and settings.engine == "ray":
        raise click.UsageError(
            f"--engine ray: results of {run.manifest.path} take the places of their pictures; leave it out"
        )
    engage(runner)
    report = Reporting(settings, runner.reporter.error)
    runner.listeners.append(report.add)
    tally = Tally()
    try:
        report.check()
        report.begin()
        with limited_to(settings.max_memory):
            try:
                for outcome in runner.outcomes(run.jobs()):
                    tally.add(outcome)
            except KeyboardInterrupt:
                tally.interrupted = True
        report.end(kept=run.passed.done, interrupted=tally.interrupted)
    finally:
        runner.reporter.close()
    return tally, report.broken


def _check_same(manifest: Manifest, asked: Asked, facts: dict[str, Any], settings: Settings) -> None:
    """Refuse a manifest of other pictures, results, options or weights, unless that is meant."""
    path = manifest.path
    listed = [manifest.path_of(str(name)) for name in manifest.header.get("inputs") or ()]
    if [path_of(name) for name in asked.inputs] != listed:
        names = ", ".join(map(called, listed)) or "other pictures"
        raise ManifestError(
            f"{path}: it lists {names}; leave INPUT out, or add pictures to it by restore plan"
        )
    if problem := asked_again(manifest.header, asked, only_given=True):
        raise ManifestError(f"{path}: it has {problem}; leave that out, or choose another --manifest")
    if not manifest.told_runs or settings.forced:
        return
    if said := " and ".join(differences(manifest.told_runs[-1][1], facts)):
        raise ManifestError(
            f"{path}: it belongs to another run: {said}; choose another --manifest, or pass --force to go on"
        )


def _aside(command: PictureCommand, manifest: Manifest) -> set[Path]:
    """The inputs that are no pictures to restore, such as masks."""
    if type(command).aside is PictureCommand.aside:
        return set()
    names = (manifest.names(number)[0] for number in range(len(manifest)))
    return command.aside([manifest.path_of(name) for name in names if name is not None])


def _check_names(command: PictureCommand, run: ManifestRun, settings: Settings) -> None:
    """Refuse results and masks that could not be written as asked, before anything is computed."""
    if settings.depth is not None or settings.output_quality is not None:
        check_files(settings, _kinds(run.manifest))
    if settings.save_mask is not None:
        jobs = [_job(run, int(number)) for number in run.numbers]
        done = run.manifest.finished[run.numbers]
        todo = [job for job, finished in zip(jobs, done, strict=True) if not finished]
        check_saved_masks(settings, jobs, todo, command.reads)


def _kinds(manifest: Manifest) -> Iterator[Job]:
    """A job for each ending of a result."""
    seen: dict[str, str] = {}
    for number in range(len(manifest)):
        name = manifest.names(number)[1]
        if name is not None:
            seen.setdefault(Path(name).suffix.lower(), name)
    return (Job(None, Path(name)) for name in seen.values())


def _job(run: ManifestRun, number: int) -> Job:
    item = run.manifest.item(number)
    target = None if item.output is None else run.manifest.path_of(item.output)
    return Job(
        run.manifest.path_of(item.input), target, inside=None if item.inside is None else Path(item.inside)
    )


def _finish(tally: Tally, run: ManifestRun, problems: int, settings: Settings) -> None:
    """Report on the run and end with the exit code."""
    passed, count = run.passed, len(run.numbers)
    context = click.get_current_context()
    if tally.interrupted:
        done = tally.done + tally.overtaken + passed.done
        say_error(f"interrupted with {done} of {count} done; run the same command again to go on")
        context.exit(signals.exit_code())
    parts = [f"{tally.done - tally.left} {'planned' if settings.dry_run else 'restored'}"]
    for number, word in (
        (tally.damaged, "of them from damaged files"),
        (tally.left, "left as they are"),
        (passed.done, "done before"),
        (passed.edited, "done before and changed since, which stay"),
        (tally.overtaken, "there already and kept"),
        (passed.busy, "begun by another process"),
        (tally.failed, "failed"),
        (passed.failed, "failed before and not tried again (--retry-failed tries them)"),
    ):
        parts += [f"{number} {word}"] if number else []
    failed = tally.failed or passed.failed or problems
    if failed or not settings.quiet:
        text = f"{', '.join(parts)} (of {count} pictures)"
        if failed:
            say_error(text)
        else:
            say(f"note: {text}")
    if failed or tally.damaged:
        context.exit(1)
