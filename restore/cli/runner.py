"""Run a command on one picture after the other: read -> plan -> restore -> check -> stamp -> write."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli import jobs
from restore.cli.budgets import Budgets
from restore.cli.command import Checked, Choice, PictureCommand, Plan, Result, Source
from restore.cli.jobs import Job
from restore.cli.options import CANCELLED, Settings
from restore.cli.prior_loader import PriorLoader
from restore.cli.provenance import history_of, stamped, unstamped
from restore.cli.recorder import Recorder
from restore.cli.reporter import Reporter, on_terminal
from restore.cli.trajectory import Trajectories, check_trajectory, trajectory_name
from restore.cli.uncertainty_map import check_map, write_map
from restore.diffusion.seeds import draw_seed
from restore.errors import ImageError, NumbersError
from restore.types import to_255

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def run_command(command: PictureCommand, inputs: Sequence[str], settings: Settings) -> None:
    """Plan, check and restore every input, report, and end the program with the exit code."""
    try:
        seeds = [draw_seed(command.options["seed"], draw) for draw in range(settings.copies or 0)]
        planned = jobs.plan(
            inputs, settings.output, ending=command.ending, samples=settings.samples, seeds=seeds
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if any(job.target is None for job in planned.jobs) and not settings.dry_run:
        if on_terminal(sys.stdout):
            raise click.UsageError("standard output is a terminal; redirect it, or give a file with -o")
        if settings.json:
            raise click.UsageError("--json and the picture both want standard output; give a file with -o")
    check_map(settings, planned.jobs, command.reads)
    todo, skipped = jobs.sort_out(planned, overwrite=settings.overwrite, reads=command.reads)
    check_trajectory(settings, planned.jobs, todo)
    runner = Runner(command, settings, len(todo))
    reporter = runner.reporter
    try:
        for job in skipped if settings.json else []:
            reporter.result("", input=job.name, output=str(job.target), status="skipped")
        tally = jobs.run(todo, runner.restore, runner.failed)
    finally:
        reporter.close()
    _finish(tally, reporter, len(planned.jobs), skipped)


class Runner:
    """Runs a command on one job after the other."""

    def __init__(self, command: PictureCommand, settings: Settings, pictures: int):
        self.command, self.settings = command, settings
        self.reporter = Reporter(settings, pictures)
        self.loader = PriorLoader(settings, self.reporter.loaded)
        self.recorder = Recorder()
        self.budgets = Budgets(settings)
        self.trajectories = Trajectories(settings)
        self._ensemble = settings.ensemble
        self._began = 0.0
        self._facts: dict[str, Any] = {}

    def restore(self, job: Job) -> None:
        """Restore one picture and write the result. Raises RestoreError."""
        start = time.monotonic()
        self._began, self._facts = time.perf_counter(), {}
        self.reporter.begin(job.name, job.draw)
        self.recorder.begin(job.name)
        data = self.recorder.read(job.source)
        picture = images.decode(data, name=job.name, finite=self.command.finite)
        self._notes(*(f"{job.name}: {text}" for text in picture.notes))
        lost = [] if job.target is None else images.lossy_notes(job.target, picture)
        kind = picture.format if job.target is None else images.kind_of(job.target)
        plan = self.command.plan(Source(picture, job.name, kind, self.recorder.read))
        self._notes(*plan.notes)
        if self.settings.dry_run:
            if self.settings.budgeted:
                self._restored(plan, job)
            self._report(job, plan, status="planned")
            return
        self._notes(*(f"{job.target}: {text}" for text in lost))
        choice, result = self._restored(plan, job)
        deviation = self._deviation(plan, choice, job)
        stamped_picture = self._stamped(result.picture, choice, kind, job)
        if self.settings.report_consistency:
            self._check(plan, choice, stamped_picture, kind, job)
        self._write(stamped_picture, kind, job)
        self._write_trajectory(job)  # the picture is safe by now
        if deviation is not None:
            self._write_map(deviation, job)
        self._report(job, plan, status="done", seconds=round(time.monotonic() - start, 3))

    def failed(self, job: Job, message: str) -> None:
        """Report a job that has failed."""
        self.reporter.end()
        self.reporter.error(message)
        if self.settings.json:
            about = {"input": job.name, "output": _target(job), "status": "failed", "error": message}
            self.reporter.result("", **about | self._facts)

    def _notes(self, *notes: str) -> None:
        for note in notes:
            self.reporter.note(note)

    def _progress(self, done: int, total: int) -> None:
        self.recorder.calls += done > 0
        self.reporter.progress(done, total)

    def _restored(self, plan: Plan, job: Job) -> tuple[Choice, Result]:
        """Choose and restore; repeat in single precision when half precision gives no finite values."""
        try:
            return self._computed(plan, job)
        except NumbersError as error:
            if not self.loader.narrow:
                raise
            self._notes(f"{job.name}: {error}; computed again in float32")
        self.recorder.restart()
        self.recorder.precision = "fp32"
        with self.loader.in_float32():
            return self._computed(plan, job)

    def _computed(self, plan: Plan, job: Job) -> tuple[Choice, Result]:
        """Choose and restore; a dry run only chooses. Raises ImageError when memory runs out."""
        try:
            choice = self._chosen(plan, job)
            if choice.unchanged or self.settings.dry_run:
                return choice, Result(plan.source.picture)
            prior = self.loader.prior
            prior.ensemble = self._ensemble
            options = {**choice.options, "seed": draw_seed(choice.options["seed"], job.draw)}
            result = plan.restore(options, self.trajectories.recorded(prior), self._progress)
        except (MemoryError, RuntimeError) as error:
            # torch has a class of its own for a full GPU memory, and none for the machine's.
            full = re.search("can't allocate memory|out of memory", str(error))
            if not (isinstance(error, MemoryError) or full):
                raise
            raise ImageError(f"{job.name}: not enough memory; lower --tile or crop it") from error
        self._facts |= result.facts
        self._notes(*result.notes)
        return choice, result

    def _chosen(self, plan: Plan, job: Job) -> Choice:
        """Complete the options from the picture and the budget."""
        choice = plan.choose(lambda: self.loader.prior)
        self._facts |= choice.facts
        self._notes(*choice.notes)
        self._ensemble = self.settings.ensemble
        if choice.unchanged:
            return choice
        prior = self.loader.prior
        self._notes(*plan.cautions(choice, prior))
        if not self.settings.budgeted:
            return choice
        work = plan.workload(choice.options, prior)
        spent = self.budgets.spend(job.name, choice.options, work, prior, self._began)
        self._facts |= spent.facts
        self._notes(*spent.notes)
        self._ensemble, self.recorder.chosen = spent.ensemble, spent.arguments
        return replace(choice, options=spent.options, facts=choice.facts | spent.facts)

    def _stamped(self, picture: images.Picture, choice: Choice, kind: str, job: Job) -> images.Picture:
        """Add the record of what made the picture, if it is wanted and fits."""
        if not self.settings.provenance:
            return unstamped(picture)
        method = str(choice.facts.get("method") or self.command.options.get("method") or "")
        seed = draw_seed(choice.options["seed"], job.draw)
        marked = stamped(picture, self.recorder.record(method, seed, self.loader.used), kind)
        if kind != "bmp" and not history_of(marked).records:
            self._notes(f"{_target(job)}: no room for the record of what made it, which is left out")
        return marked

    def _check(self, plan: Plan, choice: Choice, result: images.Picture, kind: str, job: Job) -> None:
        """Report how well a result agrees with its input, as a file will hold it: rounded and compressed."""
        checked = plan.check(images.decode(images.encode(result, kind), name=job.name), choice)
        if checked is None:
            unknown = "nothing says what was done to it, so how true the result is cannot be measured"
            checked = Checked(unknown, {})
        self._facts |= checked.facts
        self._notes(f"{job.name}: {checked.line}")

    def _write(self, picture: images.Picture, kind: str, job: Job) -> None:
        if job.target is None:
            sys.stdout.buffer.write(images.encode(picture, kind))
            sys.stdout.buffer.flush()
        else:
            jobs.write(job, picture, overwrite=self.settings.overwrite)

    def _write_trajectory(self, job: Job) -> None:
        """Write how the picture was drawn, if that is asked for, and report it."""
        if self.settings.trajectory is None:
            return
        files = self.trajectories.write([trajectory_name(job)])
        if not files:
            self._notes(f"{job.name}: nothing was drawn, so there is no trajectory")
            return
        self._facts["trajectory"] = [str(path) for path in files]

    def _deviation(self, plan: Plan, choice: Choice, job: Job) -> NDArray[np.float32] | None:
        """Estimate the standard deviation ``(h, w)`` of the result; None if it fails or is not wanted."""
        if self.settings.uncertainty is None or job.draw:
            return None
        from restore.tasks.variance import known_temperature

        prior = self.loader.prior
        chosen, prior.ensemble = prior.ensemble, self.settings.ensemble  # a budget may have chosen another
        if known_temperature(plan.calibrated_as(choice), prior) is None:
            self._notes(
                f"{job.name}: how far deviations are off was not measured for these weights and this task: "
                "where the map is bright is right, by how much is not"
            )
        try:
            count, seed = self.settings.map_samples, choice.options["seed"]
            found = plan.deviation(choice, prior, count=count, seed=seed)
        except NumbersError as error:
            self.reporter.error(f"{job.name}: no map of uncertainty: {error}")
            return None
        finally:
            prior.ensemble = chosen
        deviation: NDArray[np.float32] = found[0, 0].cpu().numpy()
        return deviation

    def _write_map(self, deviation: NDArray[np.float32], job: Job) -> None:
        """Write the map of uncertainty and report it."""
        path: Path | None = self.settings.uncertainty
        assert path is not None  # else no deviation was estimated
        brightest = write_map(path, deviation, overwrite=self.settings.overwrite)
        average = to_255(float((deviation**2).mean() ** 0.5))
        scale = f"; brightest: {to_255(brightest):.1f}" if path.suffix.lower() == ".png" else ""
        self._facts |= {"uncertainty": str(path), "deviation": round(average, 3)}
        self._notes(f"{job.name}: a deviation of {average:.1f} of 255 on average is in {path}{scale}")

    def _report(self, job: Job, plan: Plan, **more: Any) -> None:
        """Report a job that is done or planned."""
        h, w = plan.size
        target = _target(job)
        about = {"input": job.name, "output": target, "width": w, "height": h, **more, **self._facts}
        if more["status"] == "planned":
            before = f"{plan.source.picture.size[1]}x{plan.source.picture.size[0]}"
            self.reporter.result(f"{job.name} ({before}) -> {target} ({w}x{h})", **about)
        elif job.target is not None:
            self.reporter.result(target, **about)
        self.reporter.end()


def _target(job: Job) -> str:
    return "standard output" if job.target is None else str(job.target)


def _finish(tally: jobs.Tally, reporter: Reporter, count: int, skipped: Sequence[Job]) -> None:
    """Report on all jobs and end with the exit code."""
    settings, kept = reporter.settings, len(skipped)
    left = count - kept - tally.done - tally.failed
    if tally.interrupted:
        again = "nothing was written"
        if count > 1:
            # With --overwrite an old output cannot be told from a new one.
            again = "run the same command again to " + ("do all of them" if settings.overwrite else "go on")
        reporter.error(f"interrupted with {tally.done + kept} of {count} done; {again}")
        click.get_current_context().exit(CANCELLED)
    if count > 1:
        parts = [f"{tally.done} {'planned' if settings.dry_run else 'restored'}"]
        parts += [f"{kept} there already and kept"] if kept else []
        parts += [f"{tally.failed} failed"] if tally.failed else []
        parts += [f"{left} not tried"] if left else []
        say = reporter.error if tally.failed else reporter.note
        hint = "; pass --overwrite to replace those there already" if kept else ""
        say(f"{', '.join(parts)} (of {count} pictures){hint}")
    elif skipped:
        reporter.note(f"{skipped[0].target} is there already and was kept; pass --overwrite to replace it")
    if tally.failed:
        click.get_current_context().exit(1)
