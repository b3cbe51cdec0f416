"""Run a command on the pictures of its jobs: what all of them share, and what becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from restore.cli import jobs
from restore.cli.at_hand import at_hand, fetched_ahead, told_of
from restore.cli.command import PictureCommand
from restore.cli.document_run import DocumentRun
from restore.cli.documents import opened
from restore.cli.hosted import host
from restore.cli.jobs import Job
from restore.cli.lanes import Lanes
from restore.cli.options import Settings
from restore.cli.outcome import Outcome
from restore.cli.picture_run import PictureRun
from restore.cli.picture_voice import PictureVoice
from restore.cli.prior_loader import Networks, is_shared
from restore.cli.record_match import Matcher
from restore.cli.recorder import Recorder, StandardInput
from restore.cli.reporter import Reporter
from restore.cli.result_facts import with_files
from restore.cli.saved_masks import SavedMasks
from restore.cli.trajectory import Trajectories
from restore.cli.units import Units
from restore.errors import ConfigError, WeightsError

if TYPE_CHECKING:
    from restore.cli.manifest_run import ManifestRun


class Engine(Protocol):
    """What restores the pictures of jobs: lanes on this machine, or several machines."""

    def outcomes(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Restore all pictures, and give their outcomes in the order of the jobs."""

    def end(self) -> None:
        """Begin no more pictures, and give up those in flight."""


class Runner:
    """Runs a command on jobs of these weights. folder: what may be created for the results."""

    def __init__(
        self,
        command: PictureCommand,
        settings: Settings,
        weights: Sequence[float],
        folder: Path | None = None,
    ):
        self.command, self.settings, self.folder = command, settings, folder
        self.reporter = Reporter(settings, weights)
        around = host()
        self.networks = around.networks(settings, Networks) if around else Networks()
        self.piped = StandardInput()
        self.units = Units(command, settings)
        self.speeds: dict[tuple[object, ...], float] = {}  # of the machine, by setting
        self.trajectories, self.masks = Trajectories(settings), SavedMasks(settings)
        self.rehearsed = False
        self.alone = len(weights) == 1
        self.listeners: list[Callable[[Outcome], None]] = []
        self.engine: Engine | None = None  # in place of lanes on this machine
        self.ledger: ManifestRun | None = None  # where the pictures come from a manifest
        self._matcher: Matcher | None = None

    def recorder(self) -> Recorder:
        """Give a reader of the files of a picture."""
        return Recorder(self.piped)

    def outcomes(self, todo: Iterable[Job]) -> Iterator[Outcome]:
        """Restore the pictures of jobs, and tell the listeners of each; in order.

        Ctrl-C and a full disk end it. So do unusable weights and devices, which are raised: no other job
        could do better. With many jobs a fault of the program itself is that job's failure, told with its
        traceback; a single job raises it.
        """
        engine = self.engine
        if engine is None:
            engine = self.engine = Lanes(
                self.attempt, self.reporter, self.recorder, count=self._lanes(), growth=self.command.growth
            )
            todo = fetched_ahead(todo)
        self.networks.merges = self._lanes() != 1
        if isinstance(engine, Lanes):
            self.networks.in_flight = engine.in_flight
        for outcome in engine.outcomes(todo):
            if self.ledger is not None and not isinstance(engine, Lanes):
                self.ledger.record(outcome)  # which other machines cannot append to
            for listener in self.listeners:
                listener(outcome)
            yield outcome
            if outcome.full:
                engine.end()

    def _lanes(self) -> int | None:
        """How many pictures are restored at once; None for as many as help."""
        settings = self.settings
        timed = settings.seconds is not None  # the speed of the machine is measured for one
        one = self.alone or settings.dry_run or timed or settings.trajectory is not None
        return 1 if one or not is_shared(settings) else settings.jobs

    def attempt(self, job: Job, recorder: Recorder, voice: PictureVoice) -> Outcome:
        """Restore one picture, write the result and report it, or what went wrong."""
        outcome = self._tried(job, recorder, voice)
        if self.ledger is not None:
            self.ledger.record(outcome)
        return outcome

    def matcher(self) -> Matcher:
        """What compares results that are there with those that the command would write."""
        if self._matcher is None:
            self._matcher = Matcher(self.command, self.settings, self.recorder())
        return self._matcher

    def _tried(self, job: Job, recorder: Recorder, voice: PictureVoice) -> Outcome:
        run = PictureRun(self, job, recorder, voice)
        try:
            pages = self.settings.pages
            with at_hand(job, voice) as run.job, opened(run.job, recorder, pages) as document:
                if document is not None:
                    run = whole = DocumentRun(self, run.job, recorder, voice, document)
                    run = whole.one_page() or whole
                outcome = with_files(run.restore(), run.job)
            return told_of(job, run.job, outcome)
        except jobs.Overtaken:
            return with_files(Outcome(job, "skipped"), job)
        except (WeightsError, ConfigError, BrokenPipeError):
            raise
        except Exception as error:
            if self.alone and jobs.is_fault(error):
                raise
            failed = replace(run.failed(jobs.message(job, error)), full=jobs.disk_is_full(error))
            return told_of(job, run.job, failed)
