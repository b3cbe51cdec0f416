"""The training loop: resumable, everything but decoding on the device, nothing waited for in between."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restore.errors import RestoreError, StoppedError, WeightsError
from restore.images.fingerprints import Fingerprints
from restore.priors.backbone import Backbone, Network
from restore.priors.checkpoint import check_finite, write_tensors
from restore.priors.device import dtype_of
from restore.training import validation
from restore.training.averages import Averages
from restore.training.batches import TASKS, Batch, make_batch
from restore.training.clock import RunClock
from restore.training.compiling import as_called, once_more
from restore.training.conditions import dropped
from restore.training.config import TrainConfig
from restore.training.data import some_faded, some_gray
from restore.training.first_network import first_network
from restore.training.interrupts import Interrupts
from restore.training.levels import NoiseLevels
from restore.training.log import RunLog, TaskLosses, progress_bar
from restore.training.objective import Objective
from restore.training.optimizer import WeightUpdater, learning_rate
from restore.training.processes import device_of, join_processes
from restore.training.rescue import write_or_rescue, write_or_say
from restore.training.result import network_with, recipe, write_weights
from restore.training.run_state import RunState, prepare_folder, read_run, stopped_at
from restore.training.state import copied, fitting, part, restoring
from restore.training.training_set import TrainingSet, read_training_set

LOG_FIELDS = ("step", "minutes", "crops", "lr", *TASKS)
CHOICE = 0.05  # share of a run's minutes that is left for the choice between averages at its end


class Trainer:
    """One training run: network, averaged weights, optimiser, data and logs.

    The state from which a run is resumed is ``state.safetensors`` in its folder. The averaged weights, ready
    for use, are ``weights.safetensors`` beside it.

    Parameters
    ----------
    config : what is trained, on what and for how long; see `read_config`.
    say : called with every line for the user, in the first process only.
    started : `time.monotonic` of when the run began, from which its minutes count; None for now.

    Raises
    ------
    ConfigError
        Where the device of the configuration cannot be used.
    """

    def __init__(
        self, config: TrainConfig, *, say: Callable[[str], None] = print, started: float | None = None
    ):  # fmt: skip
        self.config = config
        self.clock = RunClock(config.run.minutes, started=started)
        self.clock.reserve = CHOICE * 60 * config.run.minutes if config.data.val else 0.0
        self.interrupts = Interrupts()
        self.device = device_of(config.run.device)
        self.processes = join_processes(self.device)
        self.say = say if self.processes.first else lambda _: None  # the first process speaks for all
        self.out = Path(config.run.out)
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
        network, self.base = first_network(config)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.averages = Averages(self.network, config.run.ema)
        self.updater = WeightUpdater(self.network, config.optim)
        self.objective = Objective(config.backbone, config.loss, config.data.noise_std, self.device)
        self.levels = NoiseLevels(config.mix, config.backbone, self.device)
        self.step, self.seconds, self.resumed = 0, 0.0, False
        self.saved: int | None = None  # the step of the state in the run's folder
        self.data: TrainingSet | None = None
        self.checks: Tensor | None = None  # pictures that it is validated on
        self.earlier: list[dict[str, float]] = []  # the runs that this one started from
        self.facts: dict[str, Any] = {}
        self.fingerprints = Fingerprints()  # of all pictures that these weights have seen, in all their runs
        self.generator = torch.Generator(self.device)
        self.rng = random.Random()

    @property
    def dtype(self) -> torch.dtype:
        """The precision of network calls; weights are always float32."""
        return dtype_of(self.config.run.precision, self.device)

    def progress(self) -> float:
        """How much of the run is done, 0 to 1, by steps or by minutes, whichever is farther."""
        steps = self.config.run.steps
        return min(1.0, max(self.step / steps if steps else 0.0, self.clock.progress(self.seconds)))

    def rate(self) -> float:
        """The learning rate now."""
        return learning_rate(self.config.optim, self.step, self.progress())

    def batch(self, data: TrainingSet) -> Batch:
        """The crops of this step, damaged."""
        self.generator.manual_seed(self.seed())
        self.rng.seed(self.seed())
        config = self.config
        crops, given = data.crops(config.run.batch, config.data.text, generator=self.generator, rng=self.rng)
        crops = some_faded(crops, config.data.faded, self.generator)
        crops = some_gray(crops, config.data.gray, self.generator)
        batch = make_batch(crops, config.mix, self.levels, generator=self.generator, rng=self.rng)
        return replace(batch, given=dropped(given, config.data.drop, self.generator))

    def seed(self) -> int:
        """Each step and each process draws its own numbers, the same ones after a resume."""
        return ((self.config.run.seed * 1_000_003 + self.step) * 1_009 + self.processes.rank) % 2**63

    def loss(self, forward: Network, batch: Batch) -> tuple[Tensor, Tensor]:
        """(the number to minimise, the unweighted loss of each picture ``(b,)``)."""
        return self.objective(forward, batch, generator=self.generator, dtype=self.dtype)

    def train_step(self, forward: Network, data: TrainingSet) -> tuple[Batch, Tensor]:
        """(the crops of this step, their losses ``(b,)``)."""
        batch, each = once_more(forward, lambda: self._gradients(forward, data))
        with self.interrupts.not_now():
            self.update_weights()
        return batch, each

    def _gradients(self, forward: Network, data: TrainingSet) -> tuple[Batch, Tensor]:
        """The same before the weights change; what ends it, such as an interrupt, undoes it."""
        before = self.objective.running, self.levels.squares
        try:
            with self._at_once():
                batch = self.batch(data)
                loss, each = self.loss(forward, batch)
                torch.autograd.backward(loss)
                self.levels.learn(batch.sigma[~batch.is_state], each[~batch.is_state])
        except BaseException:
            self.objective.running, self.levels.squares = before
            self.network.zero_grad(set_to_none=True)
            raise
        return batch, each

    def _at_once(self) -> AbstractContextManager[None]:
        """Where an interrupt need not wait; in several processes all must come to the end of the step."""
        return self.interrupts.at_once() if self.processes.world == 1 else nullcontext()

    def update_weights(self) -> None:
        """Change the weights along the gradients they have now, and the averages with them."""
        if self.config.optim.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optim.clip)
        self.updater.step(self.rate())
        self.step += 1
        earlier = sum(int(run["steps"]) for run in self.earlier)
        self.averages.update(self.network, self.step + earlier)

    def run(self) -> Path:
        """Train until steps or minutes are used up.

        An interrupt saves the state first; the message says how to resume.

        Returns
        -------
        The path of the averaged weights.

        Raises
        ------
        StoppedError
            When interrupted.
        RestoreError
            When the loss or the weights are not finite.
        OutputError
            When the result cannot be written; the message says where it is kept instead.
        ConfigError
            For data that cannot be used, and for a folder with another run.
        """
        prepare_folder(self.out, fresh=not self.resumed and self.processes.first)
        with self.interrupts as interrupts:
            stopped = interrupts.during(self._begin)
            if self.data is not None:
                stopped = stopped or interrupts.during(self._train)
                if self.processes.first:
                    stopped = interrupts.during(partial(write_or_rescue, self.save, self.out))
                    stopped = stopped or interrupts.during(self._save_best)
        self.processes.leave()
        if stopped:
            raise StoppedError(stopped_at(self.step, self.saved, self.out), stopped)
        weights = self.out / "weights.safetensors"
        self.say(f"trained {self.step} steps, {self._compute()['crops']} crops: {weights}")
        return weights

    def _begin(self) -> None:
        with self.interrupts.at_once():
            val, data = self.config.data.val, self.read_data()
            self.checks = validation.prepare(val) if val else None
            self.data = data

    def read_data(self) -> TrainingSet:
        """The training pictures; their number and fingerprints are kept for the checkpoint."""
        data = read_training_set(self.config.data, self.device, say=self.say)
        self.fingerprints = self.fingerprints.merged(data.fingerprints)
        self.facts = {"pictures": data.pictures, "megapixels": data.megapixels}
        return data

    def compiled(self) -> Network:
        """The network as it is called in training."""
        forward: Any = self.network
        if self.processes.world > 1:
            forward = nn.parallel.DistributedDataParallel(self.network)
        return as_called(forward, self.clock, self.say) if self.config.run.compile else forward

    def _train(self) -> None:
        """Take the steps of the run until it is over or interrupted."""
        assert self.data is not None
        forward = self.compiled()
        with ExitStack() as stack:
            log = None
            if self.processes.first:
                log = RunLog(self.out, LOG_FIELDS, fresh=self.step == 0, say=self.say)
                stack.enter_context(closing(log))
            bar = stack.enter_context(progress_bar("train", quiet=not self.processes.first))
            losses, stop = TaskLosses(self.device), 0.0
            while self.progress() < 1 and not stop:
                batch, each = self.train_step(forward, self.data)
                losses.add(batch.task, each)
                self.seconds, stop = self.processes.agree(self.clock.seconds(), self.interrupts.number)
                bar.n = round(100 * self.progress(), 1)
                if self.step % 10 == 0:
                    bar.refresh()
                if log:
                    self._report(log, bar, losses)
        if self.processes.world > 1:
            self.interrupts.number = int(stop)  # as the first process has it

    def _report(self, log: RunLog, bar: Any, losses: TaskLosses) -> None:
        """Log, save and validate where it is this step's turn."""
        run = self.config.run
        if self.step % run.log_every == 0:
            bar.set_postfix_str(self._log_losses(log, losses.take()), refresh=False)
        if run.save_every and self.step % run.save_every == 0:
            write_or_say(self.save, self.say)
        turn = self.step % run.validate_every == 0
        if self.checks is not None and turn and self.clock.fits("validation"):
            with self.clock.timing("validation"), self._at_once():
                scores, grid = validation.measure(self.averaged(), self.checks)
            log.validation(self.step, scores, grid)
            self.say(f"step {self.step}: " + ", ".join(f"{k} {v:.2f}" for k, v in scores.items()))

    def _log_losses(self, log: RunLog, means: dict[str, float]) -> str:
        """Log the mean loss of each task since the last time; return it in a few characters."""
        if not all(map(math.isfinite, means.values())):
            raise self._diverged("the loss is not a number")
        crops, rate = self._compute()["crops"], self.rate()
        cells = [f"{means[task]:.5f}" if task in means else "" for task in TASKS]
        scalars = {"rate": rate, **{f"loss/{task}": mean for task, mean in means.items()}}
        log.row(self.step, [self.step, f"{self.seconds / 60:.2f}", crops, f"{rate:.3g}", *cells], scalars)
        return " ".join(f"{mean:.4f}" for mean in means.values())

    def _save_best(self) -> None:
        """Let validation decide which of the averages or the last weights are saved for use."""
        if not self.config.data.val:
            return
        names = [*(f"average {decay:g}" for decay in self.config.run.ema), "last weights"]
        source, mix, left = self.config.data.val, self.config.mix, self.clock.left_in_all
        with self.interrupts.at_once():
            candidates = [(name, self.averaged(chosen=number)) for number, name in enumerate(names)]
            best = validation.best_of(candidates, source, mix, self.say, left=left)
        write_or_rescue(partial(self._save_weights, best), self.out)

    def averaged(self, dtype: torch.dtype | None = None, *, chosen: int = 0) -> Backbone:
        """One of the averages, or after the last of them the weights themselves, in their own network."""
        network = network_with(self._state(chosen), self.config)
        runs = [*self.earlier, self._compute()]
        facts = {
            **self.facts,
            **{key: sum(run[key] for run in runs) for key in runs[0]},
            "runs": runs,
            **recipe(self.config),
            "device": str(self.device),
            "ema": [*self.config.run.ema, 0.0][chosen],
            "fingerprints": self.fingerprints.text(),
        }
        return Backbone(network, self.config.backbone, facts).to(dtype=dtype or self.dtype)

    def _state(self, chosen: int) -> Mapping[str, Tensor]:
        return [*self.averages.states, self.network.state_dict()][chosen]

    def _save_weights(self, chosen: int, out: Path) -> None:
        """Write one of the averages, or of its adapters, into a folder for use."""
        backbone, rank = self.averaged(torch.float32, chosen=chosen), self.config.run.rank
        write_weights(backbone, out, self._state(chosen) if rank else None, base=self.base)

    def save(self, out: Path | None = None) -> None:
        """Write the averaged weights and the state to resume from, each beside its target and renamed.

        out: the folder; None is that of the run. Raises RestoreError when they cannot be written or are not
        finite; what was saved before then stays.
        """
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        tensors |= self.averages.tensors()
        tensors |= {
            "running": self.objective.running,
            "squares": self.levels.squares,
            **self.updater.tensors(),
        }
        state = RunState(
            backbone=self.config.backbone,
            step=self.step,
            seconds=self.seconds,
            decays=self.config.run.ema,
            runs=[*self.earlier, self._compute()],
            fingerprints=self.fingerprints,
        )
        path = (out or self.out) / "state.safetensors"
        try:
            check_finite(path, tensors)
        except WeightsError:
            raise self._diverged("the weights are not finite") from None
        self._save_weights(0, path.parent)
        write_tensors(path, copied(tensors), state.metadata())
        self.saved = self.step if path.parent == self.out else self.saved

    def resume(self, path: str | Path | None = None, *, restart_schedule: bool = False) -> None:
        """Go on from a saved state.

        Parameters
        ----------
        path : of the state; None for this run's own.
        restart_schedule : keep weights, averages and optimiser, but count steps and minutes from zero, so
            that several short runs, each with a schedule of its own, add up to one long run.

        Raises
        ------
        ConfigError
            Where there is no state, a damaged one, or one of another backbone.
        """
        path = Path(path) if path else self.out / "state.safetensors"
        saved, tensors = read_run(path, self.config.backbone)
        with restoring(path):
            self.network.load_state_dict(part(tensors, "network."))
            self.averages.load(tensors, saved.decays)
            self.objective.running = fitting(tensors, "running", self.objective.running).to(self.device)
            squares = {"squares": self.levels.squares} | tensors  # older states have none
            self.levels.squares = fitting(squares, "squares", self.levels.squares).to(self.device)
            self.updater.load(tensors)
        self.fingerprints = saved.fingerprints
        self.earlier = saved.runs if restart_schedule else saved.runs[:-1]
        if not restart_schedule:
            self.step, self.seconds, self.resumed = saved.step, saved.seconds, True
            self.clock.earlier, self.saved = saved.seconds, saved.step

    def _compute(self) -> dict[str, float]:
        """What this run has taken so far."""
        crops = self.step * self.config.run.batch * self.processes.world
        return {"steps": self.step, "crops": crops, "minutes": round(self.seconds / 60, 1)}

    def _diverged(self, what: str) -> RestoreError:
        return RestoreError(
            f"{what} at step {self.step}; lower optim.lr and go on from the last good state with --resume"
        )


def train(
    config: TrainConfig, *, resume: bool = False, start_from: str | Path | None = None,
    say: Callable[[str], None] = print, started: float | None = None,
) -> Path:  # fmt: skip
    """Train a backbone as configured.

    Parameters
    ----------
    config : what is trained, on what and for how long; see `read_config`.
    resume : continue this run where it stopped.
    start_from : begin a new run, with its own schedule, from the weights, averages and optimiser of another
        run's ``state.safetensors``.
    say : called with every line for the user.
    started : `time.monotonic` of when the run began, from which its minutes count; None for now.

    Returns
    -------
    The path of the averaged weights, ``weights.safetensors`` in ``config.run.out``.

    Raises
    ------
    ConfigError
        For pictures, a device, a folder or a saved state that cannot be used.
    RestoreError
        When interrupted, and when the loss or the weights are not finite.
    """
    trainer = Trainer(config, say=say, started=started)
    if resume:
        trainer.resume()
    elif start_from:
        trainer.resume(start_from, restart_schedule=True)
    return trainer.run()
