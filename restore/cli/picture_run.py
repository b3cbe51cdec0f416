"""One picture on its way through a command: read -> plan -> restore -> check -> stamp -> write."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli import jobs
from restore.cli.beside import Made, write_beside
from restore.cli.budgets import Budgets
from restore.cli.command import Checked, Choice, Plan, Result, Source
from restore.cli.details import restoring
from restore.cli.extra_channels import restored_apart, with_extra
from restore.cli.hosted import looking
from restore.cli.jobs import Job
from restore.cli.left_alone import is_the_file
from restore.cli.memory_need import check_memory
from restore.cli.original import Original
from restore.cli.outcome import Outcome
from restore.cli.picture_voice import PictureVoice
from restore.cli.prior_loader import PriorLoader, concerns_network
from restore.cli.provenance import UNRECORDED, history_of, recordable, stamped, unstamped
from restore.cli.recorder import Recorder
from restore.cli.rehearsal import check_piece
from restore.cli.result_files import fitted, has_depth, kind_of, without_effect
from restore.cli.result_place import check_place, say_skipped
from restore.cli.trouble import is_memory
from restore.cli.uncertainty_map import deviation_of, expect_map
from restore.diffusion.seeds import draw_seed
from restore.errors import (
    AlreadyThereError,
    DamagedError,
    ImageError,
    NumbersError,
    RestoreError,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.cli.report_views import Views
    from restore.cli.runner import Runner
    from restore.priors.protocol import Prior


class PictureRun:
    """Restores the picture of one job.

    runner: what it shares with the other pictures of the command. recorder: reads its files. voice: says what
    there is to say of it.
    """

    def __init__(self, runner: Runner, job: Job, recorder: Recorder, voice: PictureVoice):
        self.runner, self.job, self.recorder, self.reporter = runner, job, recorder, voice
        self.command, self.settings = runner.command, runner.settings
        self._overwrite = runner.settings.overwrite or job.replaces
        self.loader = PriorLoader(runner.settings, voice, runner.networks)
        self.budgets = Budgets(runner.settings, runner.speeds)
        self._ensemble = runner.settings.ensemble
        self._began = time.perf_counter()
        self._channels: list[Plan] = []  # each is restored by itself
        self._facts: dict[str, Any] = {}
        self._changed, self._lost = False, list[str]()  # what the result cannot hold
        self._outcome: Outcome | None = None  # once it is reported
        self.original = Original(job)
        self.views: tuple[Views, ...] = ()  # for a report

    def restore(self) -> Outcome:
        """Restore the picture and write the result. Raises RestoreError."""
        start = time.monotonic()
        self.recorder.begin(self.job.name)
        self._check_place()
        self.reporter.do("reading")
        data, picture = self._read()
        plan, picture, kind = self._planned(picture)
        if self.settings.dry_run:
            self._rehearse(plan)
            return self._report(plan, status="planned")
        made = self._made(plan, picture, kind, data)
        self._write(data if made.picture is None else made.picture, kind)
        problem = self._beside(plan, made)  # the picture is safe by now
        more = {} if problem is None else {"error": str(problem)}
        status = "damaged" if picture.damage else "unchanged" if made.picture is None else "done"
        outcome = self._report(plan, status=status, seconds=round(time.monotonic() - start, 3), **more)
        if problem is not None:
            raise problem
        return outcome

    def _read(self) -> tuple[bytes, images.Picture]:
        """The file of the picture, and what is in it."""
        self.original = Original(self.job)
        data = self.recorder.read_picture(self.job.source)
        self.original.check()
        return data, self._decoded(data)

    def _made(self, plan: Plan, picture: images.Picture, kind: str, stored: bytes) -> Made:
        """Restore a picture. stored: its file."""
        choice, result = self._restored(plan)
        deviation = self._deviation(plan, choice)
        self.reporter.do("writing")
        found = self._found
        whole = found.back(self._with_extra(plan.source.picture, result.picture))
        as_it_is = not self._changed and self._can_stay(plan, picture, stored)
        if not as_it_is:
            self._changes()
            whole = self._stamped(whole, choice, result, kind)
        if self.settings.report_consistency:
            data = stored if as_it_is and stored else self._encoded(whole, kind)
            self._check(plan, choice, found.decoded(data, self.job.name))
        return Made(None if as_it_is else whole, deviation, result.picture)

    def _can_stay(self, plan: Plan, picture: images.Picture, stored: bytes) -> bool:
        """Whether the file of a picture that has not changed can be copied."""
        same = is_the_file(plan.source, picture, self.settings)
        return same and has_depth(stored, self._found.settings)

    def _kind(self, picture: images.Picture) -> str:
        """The format of the result."""
        return kind_of(self.job, picture, self.settings)

    def _source(self, picture: images.Picture, kind: str) -> Source:
        return Source(picture, self.job.name, kind, self.recorder.read_picture, self.job.known_as)

    def _planned(self, picture: images.Picture) -> tuple[Plan, images.Picture, str]:
        """Plan what is done to a picture; give it without records that do not fit, and the format."""
        self._notes(*(f"{self.job.name}: {text}" for text in picture.notes))
        kind, recorded = self._kind(picture), self.settings.provenance
        picture, dropped = recordable(picture, kind, self.job.output, recorded=recorded)
        found = self._found = self.runner.units.of(self._source(picture, kind))
        self._changed = False
        self._lost = [f"{self.job.output}: {text}" for text in dropped + found.losses(self.job)]
        self.loader.prepare()
        self.reporter.do(self.command.looking)
        self._channels = [
            self.command.plan(replace(found.source, picture=each, name=name))
            for each, name in restored_apart(found.source.picture, self.job.name, kind)
        ]
        plan = self._channels[0]
        self._notes(*found.notes, *plan.notes)
        self._facts |= found.facts | plan.facts
        images.check_side(kind, plan.size, self.job.output)
        check_memory(plan.task, plan.size, self.job.name)
        return plan, picture, kind

    def _changes(self) -> None:
        """The result will be another file than the picture's; say once what that cannot hold."""
        self._changed = True
        self._notes(*self._lost)
        self._lost = []

    def _rehearse(self, plan: Plan) -> None:
        """Do all that a run would do before its first network call, where it could fail by then."""
        plan.check_picture()
        if (looked := looking()) is not None:
            self._chosen(plan)
            looked(plan.hole)
            return
        if self.settings.budgeted:
            self._restored(plan)
            return
        check_piece(plan, self.job.name, self.loader)
        if concerns_network(click.get_current_context()) and not self.runner.rehearsed:
            from restore.priors.uncalled import CalledError, Uncalled

            with suppress(CalledError):
                choice = plan.choose(lambda: Uncalled(self.loader.prior))
                if not choice.unchanged:
                    self._begin(plan, choice, self.loader.prior)

    def _begin(self, plan: Plan, choice: Choice, prior: Prior) -> None:
        """Restore a picture, and estimate its deviation, up to the first network call of each."""
        from restore.priors.uncalled import until_called

        self.runner.rehearsed = True  # what the network refuses is the same for all pictures
        options = plan.rehearsed({**choice.options, "seed": draw_seed(choice.options["seed"], 0)})
        if options is not None:
            until_called(lambda each: plan.restore(options, each, self._progress), prior)
        if self.settings.uncertainty is not None:
            count, seed = self.settings.map_samples, choice.options["seed"]
            until_called(lambda each: plan.deviation(choice, each, count=count, seed=seed), prior)

    def failed(self, message: str) -> Outcome:
        """Report that the job has failed, or only what was to be written beside its picture."""
        told, fault, details = message.partition(jobs.FAULT)
        self.reporter.error(told + fault.rstrip(), details)
        if self._outcome is not None:
            return replace(self._outcome, error=message)
        self.reporter.end()
        about = {"input": self.job.name, "output": self.job.output, "status": "failed", "error": message}
        facts = about | self._facts
        self.reporter.nothing(**facts)
        return Outcome(self.job, "failed", facts, message)

    def _check_place(self, pages: int = 1) -> None:
        """Check where the result will be, of so many pages."""
        check_place(self.runner, self.job, self.reporter, overwrite=self._overwrite, pages=pages)

    def _skipped(self) -> None:
        say_skipped(self.job, self.reporter, as_json=self.settings.json)

    def _decoded(self, data: bytes) -> images.Picture:
        """Decode a picture, of a damaged file what is there if that is wanted."""
        allowed = self.settings.allow_damaged
        with self._telling_damage():
            return self._told(
                images.decode(data, name=self.job.name, finite=self.command.finite, damaged=allowed)
            )

    @contextmanager
    def _telling_damage(self) -> Iterator[None]:
        """Say how what is there of a damaged file can be restored."""
        try:
            yield
        except DamagedError as error:
            raise ImageError(f"{error}, or pass --allow-damaged to restore what is there") from error

    def _told(self, picture: images.Picture) -> images.Picture:
        """Say that a picture is damaged."""
        if picture.damage:
            self._facts["damage"] = picture.damage
            self.reporter.warn(
                f"{self.job.name}: the file is damaged ({picture.damage}); what is there is restored"
            )
        return picture

    def _notes(self, *notes: str) -> None:
        for note in notes:
            self.reporter.note(note)

    def _progress(self, done: int, total: int) -> None:
        self.recorder.calls += done > 0
        self.reporter.progress(done, total)

    def _restored(self, plan: Plan) -> tuple[Choice, Result]:
        """Choose and restore; repeat in single precision when half precision gives no finite values."""
        calls = self.recorder.calls
        try:
            return self._computed(plan)
        except NumbersError as error:
            if not self.loader.narrow:
                raise
            self._notes(f"{self.job.name}: {error}; computed again in float32")
        self.recorder.calls = calls  # those before belong to other channels
        self.recorder.precision = "fp32"
        with self.loader.in_float32():
            return self._computed(plan)

    def _with_extra(self, before: images.Picture, after: images.Picture) -> images.Picture:
        """Restore the further channels of a gray picture; those of another are carried as they are.

        In the facts they stand as ``channels``.
        """
        others = self._channels[1:]
        if before.extra is None:
            return after
        if not (others and after.gray):
            if after.extra is None:
                self._notes(f"{self.job.name}: extra channels are dropped, as the size has changed")
            return after
        if self.settings.uncertainty is not None or self.settings.report_consistency:
            self._notes(f"{self.job.name}: what is measured is of its first channel")
        if self.settings.trajectory is not None:
            self._notes(f"{self.job.name}: the trajectory is that of its first channel")
        facts, channels, found = self._facts, [], []
        for plan in others:
            self._facts = {}
            found.append(self._restored(plan)[1].picture.pixels[..., 0])
            channels.append(self._facts)
        self._facts = facts | {"channels": channels}
        return with_extra(after, found, before.meanings)

    def _computed(self, plan: Plan) -> tuple[Choice, Result]:
        """Choose and restore; a dry run only chooses. Raises ImageError when memory runs out."""
        try:
            choice = self._chosen(plan)
            if choice.unchanged:
                return choice, Result(plan.source.picture)
            prior = self.loader.prior
            if self.settings.dry_run:
                self._begin(plan, choice, prior)
                return choice, Result(plan.source.picture)
            self._changes()
            prior.ensemble = self._ensemble
            options = {**choice.options, "seed": draw_seed(choice.options["seed"], self.job.draw)}
            if plan is self._channels[0]:
                prior = self.runner.trajectories.recorded(prior)
            expect_map(plan, choice, self.settings, self.job, self.reporter)
            with restoring(self.reporter, options, prior, plan.size):
                result = plan.restore(options, prior, self._progress)
        except (MemoryError, RuntimeError) as error:
            if not is_memory(error):
                raise
            raise ImageError(f"{self.job.name}: not enough memory; lower --tile or crop it") from error
        self._facts |= result.facts
        self.recorder.chosen = tuple(dict.fromkeys((*self.recorder.chosen, *result.arguments)))
        self._notes(*result.notes)
        return choice, result

    def _chosen(self, plan: Plan) -> Choice:
        """Complete the options from the picture and the budget."""
        self.reporter.do(self.command.looking)
        choice = plan.choose(lambda: self.loader.prior)
        self._facts |= choice.facts
        self._notes(*choice.notes)
        self._ensemble = self.settings.ensemble
        if choice.unchanged:
            return choice
        prior = self.loader.prior
        piece = self.settings.tile if prior.device.type == "cpu" else 0
        check_memory(plan.task, plan.size, self.job.name, piece=piece)
        self._notes(*plan.cautions(choice, prior))
        if not self.settings.budgeted:
            return choice
        left = self._channels[self._channels.index(plan) :]
        with self.reporter.during("measuring the speed of this machine"):
            spent = self.budgets.spend(left, choice.options, prior, self._began)
        self._facts |= spent.facts
        self._notes(*spent.notes)
        self._ensemble, self.recorder.chosen = spent.ensemble, spent.arguments
        return replace(choice, options=spent.options, facts=choice.facts | spent.facts)

    def _stamped(self, picture: images.Picture, choice: Choice, result: Result, kind: str) -> images.Picture:
        """Add the record of what made the picture, if it is wanted and fits."""
        if not self.settings.provenance:
            return unstamped(picture)
        chosen = choice.facts.get("method") or self.command.options.get("method") or ""
        method = result.method or str(chosen)
        seed = draw_seed(choice.options["seed"], self.job.draw)
        idle = without_effect(kind, self.settings)
        marked = stamped(picture, self.recorder.record(method, seed, self.loader.used, idle=idle), kind)
        if kind not in UNRECORDED and not history_of(marked).records:
            self._notes(f"{self.job.output}: no room for the record of what made it, which is left out")
        return marked

    def _check(self, plan: Plan, choice: Choice, result: images.Picture) -> None:
        """Report how well a result agrees with its input, as a file will hold it: rounded and compressed."""
        checked = plan.check(result, choice)
        if checked is None:
            unknown = "nothing says what was done to it, so how true the result is cannot be measured"
            checked = Checked(unknown, {})
        self._facts |= checked.facts
        self._notes(f"{self.job.name}: {checked.line}")

    def _encoded(self, picture: images.Picture, kind: str) -> bytes:
        return images.encode(picture, kind, quality=fitted(self.settings, kind).output_quality)

    def _write(self, picture: images.Picture | bytes, kind: str) -> None:
        if isinstance(picture, bytes) and self.settings.skip_unchanged:
            return
        if self.job.target is None:
            data = picture if isinstance(picture, bytes) else self._encoded(picture, kind)
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        try:
            quality = fitted(self.settings, kind).output_quality
            before = self.original.mover(self.runner.ledger)
            jobs.write(self.job, picture, overwrite=self._overwrite, quality=quality, before=before)
            self._facts |= self.original.facts
        except AlreadyThereError as error:
            self._skipped()
            raise jobs.Overtaken(str(error)) from error

    def _beside(self, plan: Plan, made: Made) -> RestoreError | None:
        """Write what goes beside the picture; give the error, which does not cost the picture its report."""
        facts, self.views, problem = write_beside(self.runner, self.job, plan, made, self._notes)
        self._facts |= facts
        return problem

    def _deviation(self, plan: Plan, choice: Choice) -> NDArray[np.float32] | None:
        """Estimate the standard deviation ``(h, w)`` of the result; None if it fails or is not wanted."""
        if self.settings.uncertainty is None or self.job.draw:
            return None
        return deviation_of(plan, choice, self.loader.prior, self.settings, self.reporter, self.job.name)

    def _report(self, plan: Plan, **more: Any) -> Outcome:
        """Report a job that is done or planned."""
        h, w = plan.size
        target, status = self.job.output, more["status"]
        sizes = {"width_pixels": w, "height_pixels": h}
        about = {"input": self.job.name, "output": target, **sizes, **more, **self._facts}
        if status == "planned":
            before = f"{plan.source.picture.size[1]}x{plan.source.picture.size[0]}"
            self.reporter.plan(f"{self.job.name} ({before}) -> {target} ({w}x{h})", **about)
        elif status == "unchanged" and self.settings.skip_unchanged:
            about["output"] = None
            self.reporter.nothing(**about)
        elif self.job.target is not None:
            self.reporter.result(target, **about)
        self.reporter.end()
        self._outcome = Outcome(self.job, status, about, views=self.views)
        return self._outcome
