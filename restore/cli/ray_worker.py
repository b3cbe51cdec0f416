"""What a machine of a Ray cluster does: it restores blocks of pictures as one machine alone would."""

from __future__ import annotations

import os
import platform
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from restore import __version__
from restore.cli import jobs
from restore.cli.blocks import Numbered
from restore.cli.command import PictureCommand
from restore.cli.course import Stage
from restore.cli.job_plan import Job
from restore.cli.options import Settings
from restore.cli.outcome import Outcome
from restore.cli.picture_voice import Said, Stopped
from restore.cli.registry import find_command
from restore.cli.reporter import Reporter
from restore.cli.runner import Runner
from restore.errors import ConfigError, RestoreError
from restore.images.memory import limit, limited_to

OFTEN = 0.2
"""Seconds after which outcomes are sent at the latest, unless the next takes longer."""

Sent = list[tuple[int, Outcome]]


@dataclass(frozen=True)
class Errand:
    """What all workers are to do.

    name, values, sources: of the command, its parameters and where they come from. folder, alone: as of the
    `Runner`. place: the folder that the command was started in. threads: of a process that computes, where
    the user has set them. probe: a picture, its size in bytes and its time of modification.
    """

    name: str
    values: Mapping[str, Any]
    sources: Mapping[str, ParameterSource | None]
    command: PictureCommand
    settings: Settings
    folder: Path | None
    alone: bool
    place: str
    threads: str | None
    probe: tuple[Path, int, int] | None

    def context(self) -> click.Context:
        """The context of the command, which records are made from. Raises ConfigError."""
        command = find_command(self.name)
        if command is None:
            raise ConfigError(f"there is no command {self.name!r} here; install the same packages everywhere")
        context = click.Context(command, info_name=self.name)
        context.params = dict(self.values)
        for name, source in self.sources.items():
            if source is not None:
                context.set_parameter_source(name, source)
        return context


def errand_of(runner: Runner, first: Job | None) -> Errand:
    """What the workers of a run are to do. first: a job."""
    context = click.get_current_context()
    probe = None
    if first is not None and first.source is not None:
        with suppress(OSError):
            status = first.source.stat()
            probe = first.source, status.st_size, int(status.st_mtime)
    return Errand(
        str(context.info_name),
        dict(context.params),
        {name: context.get_parameter_source(name) for name in context.params},
        runner.command,
        runner.settings,
        runner.folder,
        runner.alone,
        str(Path.cwd()),
        os.environ.get("OMP_NUM_THREADS"),
        probe,
    )


class Transcript(Reporter):
    """Keeps what is said of a picture, to be said elsewhere."""

    def __init__(self, settings: Settings, weights: Sequence[float]):
        super().__init__(replace(settings, quiet=True, verbose=False), weights)
        self.said: list[Said] = []

    def begin(self, name: str, draw: int = 0, stage: Stage | None = None) -> None:
        """Start a new picture."""
        self.said = []
        super().begin(name, draw, stage)

    def end(self) -> None:
        """The picture is done or has failed; how long each part has taken is a detail."""
        super().end()
        self.said.append(Said("end"))

    def detail(self, text: str) -> None:
        """Keep what was decided."""
        self.said.append(Said("detail", (text,)))

    def note(self, text: str) -> None:
        """Keep a note."""
        self.said.append(Said("note", (text,)))

    def warn(self, text: str) -> None:
        """Keep a warning."""
        self.said.append(Said("warn", (text,)))

    def error(self, text: str, details: str = "") -> None:
        """Keep what went wrong."""
        self.said.append(Said("error", (text, details)))

    def result(self, text: str, **facts: Any) -> None:
        """Keep the line of a result."""
        self.said.append(Said("result", (text,), facts))

    def nothing(self, **facts: Any) -> None:
        """Keep the event of a picture for which nothing is written."""
        self.said.append(Said("nothing", (), facts))


class RayWorker:
    """An actor that restores pictures. cpus, gpus: what it may use. beside: how many share the machine."""

    def __init__(self, errand: Errand, cpus: int, gpus: int, beside: int):
        self._errand = errand
        self._turn = threading.Lock()  # blocks wait here for the one before them
        self._stopped = False
        self._cards = gpus
        _set_threads(errand.threads, cpus)
        self._most = errand.settings.max_memory
        there = limit()
        if self._most is None and there is not None and beside > 1:
            self._most = there // beside
        self._runner, self._repeater = self._runners()

    def _runners(self) -> tuple[Runner, Runner]:
        """One for jobs, and one for those that a lost worker may have done: their results are replaced."""
        errand = self._errand
        weights = [1.0] * (1 if errand.alone else 2)
        runners = []
        for settings in (errand.settings, replace(errand.settings, overwrite=True)):
            runner = Runner(errand.command, settings, weights, errand.folder)
            runner.reporter.close()
            runner.reporter = Transcript(settings, weights)
            runners.append(runner)
        first, second = runners
        second.networks = first.networks
        return first, second

    def ready(self) -> dict[str, Any]:
        """What there is on this machine, once it can begin. Raises RestoreError."""
        import torch

        errand, host = self._errand, socket.gethostname()
        if errand.probe is not None and not self._sees(errand.probe):
            raise ConfigError(
                f"{host}: cannot see {errand.probe[0]} as the machine that the command runs on does; the "
                "pictures and the results have to lie where all machines find them by the same path, as on a "
                "network file system"
            )
        if self._cards and not torch.cuda.is_available():
            raise ConfigError(
                f"{host}: Ray has a card there, which torch {torch.__version__} cannot use; pass --device "
                "cpu, or check the driver with nvidia-smi"
            )
        machine = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
        if self._cards:
            machine = torch.cuda.get_device_name()
        return {
            "host": host,
            "version": __version__,
            "torch": torch.__version__,
            "machine": machine,
            "threads": torch.get_num_threads(),
        }

    def _sees(self, probe: tuple[Path, int, int]) -> bool:
        """Whether a picture is here, too."""
        path, size, modified = probe
        try:
            os.chdir(self._errand.place)
        except OSError:
            if not path.is_absolute():
                return False
        try:
            status = path.stat()
        except OSError:
            return False
        return status.st_size == size and abs(int(status.st_mtime) - modified) <= 1

    def restore(self, todo: Sequence[Numbered], again: bool) -> Iterator[Sent | RestoreError]:
        """Restore the pictures of a block; give an empty list first, then their outcomes in order.

        A RestoreError ends the run: the weights or the device cannot be used.
        """
        with self._turn:
            yield []
            runner = self._repeater if again else self._runner
            if again:
                jobs.sweep(job for _, job in todo)
            try:
                yield from _seldom(self._outcomes(runner, todo))
            except RestoreError as error:
                yield error

    def _outcomes(self, runner: Runner, todo: Sequence[Numbered]) -> Iterator[tuple[int, Outcome]]:
        transcript = runner.reporter
        assert isinstance(transcript, Transcript)
        numbers = {id(job): number for number, job in todo}
        with self._errand.context(), limited_to(self._most), suppress(Stopped):
            runner.engine = None  # lanes of its own for each block
            for outcome in () if self._stopped else runner.outcomes([job for _, job in todo]):
                yield numbers[id(outcome.job)], replace(outcome, said=tuple(transcript.said))

    def stop(self) -> None:
        """Give up what is being done, but not a file that is being written."""
        self._stopped = True
        for engine in (self._runner.engine, self._repeater.engine):
            if engine is not None:
                engine.end()


def _seldom(outcomes: Iterator[tuple[int, Outcome]]) -> Iterator[Sent]:
    """Put outcomes together that come soon after each other."""
    kept: Sent = []
    sent = time.monotonic()
    for each in outcomes:
        kept.append(each)
        if time.monotonic() - sent >= OFTEN:
            yield kept
            kept, sent = [], time.monotonic()
    if kept:
        yield kept


def _set_threads(given: str | None, cpus: int) -> None:
    """Compute with as many threads as one machine alone would, but no more than were asked of Ray."""
    os.environ.pop("OMP_NUM_THREADS", None)  # Ray's own number
    if given is not None:
        os.environ["OMP_NUM_THREADS"] = given
    import torch

    torch.set_num_threads(max(1, min(torch.get_num_threads(), cpus)))
