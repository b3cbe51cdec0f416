"""The training loop: resumable, everything but decoding on the device, nothing waited for in between."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import (
    Prediction,
    eps_from,
    log_snr_of,
    target,
    to_network,
    v_from,
    x0_from,
)
from restore.errors import ConfigError, OutputError, RestoreError, WeightsError
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.priors import backbone as backbones
from restore.priors import checkpoint
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import check_finite, config_from_dict, write_tensors
from restore.priors.device import best_device, dtype_of
from restore.priors.unet import UNet
from restore.training import loss as losses
from restore.training import validation
from restore.training.batches import TASKS, Batch, make_batch
from restore.training.config import TrainConfig
from restore.training.data import (
    PictureStore,
    halved,
    page_pictures,
    read_pictures,
    some_faded,
    some_gray,
    to_bytes,
)
from restore.training.log import RunLog, progress_bar
from restore.training.optimizer import Descent
from restore.training.state import copied, part, read_state

LEVELS = 8  # bins of the noise axis in which the loss is balanced and logged
LOG_FIELDS = ("step", "minutes", "crops", "lr", *TASKS)


class Trainer:
    """One run: network, averaged weights, optimiser, data and logs.

    The state that a run continues from is ``state.safetensors`` in its folder; the averaged weights,
    ready for use, are ``weights.safetensors`` beside it.
    """

    def __init__(self, config: TrainConfig, *, say: Callable[[str], None] = print):
        self.config = config
        self.device = _device(config.run.device)
        self.rank, self.world = _join_group(self.device)
        self.say = say if self.rank == 0 else _silent
        self.out = Path(config.run.out)
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.run.seed)  # initial weights only; data draw from their own generators
            network = UNet(config.backbone.network)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        self.schedule = schedules.named(config.backbone.schedule, config.backbone.steps)
        state = self.network.state_dict()
        self.averages = [{n: t.detach().clone() for n, t in state.items()} for _ in config.run.ema]
        self.descent = Descent(self.network, config.optim)
        self.step, self.seconds, self.resumed = 0, 0.0, False
        self.earlier: list[dict[str, float]] = []  # the runs that this one started from
        self.running = torch.zeros(2, len(TASKS), LEVELS, device=self.device)
        self.facts: dict[str, Any] = {}
        self.fingerprints = Fingerprints()  # of all pictures that these weights have seen, in all their runs
        self.generator = torch.Generator(self.device)
        self.dice = random.Random()

    # --- one step -------------------------------------------------------------------------------

    def loss(self, forward: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """(the number to minimise, the unweighted loss of each picture ``(b,)``)."""
        config, loss = self.config.backbone, self.config.loss
        clean = to_network(batch.clean, 0.0)
        noise = torch.randn(clean.shape, device=self.device, generator=self.generator)
        state, known = losses.noised(clean, noise, batch.sigma), torch.ones_like(batch.sigma)
        if self.config.data.noise_std:
            state, known = losses.noised_again(clean, noise, batch.sigma, self.config.data.noise_std)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
            predicted, raw = backbones.predict(forward, config, state.x_t, batch.planes, batch.sigma)
        kind = "eps" if loss.kind == "hybrid" else loss.kind
        each = _error(kind, predicted, state, batch.weight) * known.to(predicted)
        weights = torch.ones_like(each)
        if loss.min_snr_gamma:
            weights = losses.min_snr_weight(kind, state.snr, gamma=loss.min_snr_gamma)
        if loss.balance:
            weights = weights / self._balance(batch, each.detach())
        total = (weights * each).mean()
        if loss.kind == "hybrid":
            t = schedules.nearest_timestep(self.schedule, batch.sigma)
            between = backbones.interpolation(raw)
            total = total + losses.hybrid_extra(self.schedule, clean, predicted, between, t).mean()
        return total, each.detach()

    @property
    def dtype(self) -> torch.dtype:
        return dtype_of(self.config.run.precision, self.device)

    def _balance(self, batch: Batch, each: Tensor) -> Tensor:
        """The running mean of the loss in each picture's own (task, noise level) bin, ``(b,)``."""
        level = self._bins(batch.sigma)
        sums = torch.zeros_like(self.running)
        sums[0].index_put_((batch.task, level), each, accumulate=True)
        sums[1].index_put_((batch.task, level), torch.ones_like(each), accumulate=True)
        # Forget over about a hundred pictures of the bin; early on the mean is that of what was seen.
        keep = 0.99 ** sums[1]
        self.running = self.running * keep + sums
        mean = self.running[0] / self.running[1].clamp_min(1e-6)
        return mean[batch.task, level].clamp_min(1e-8)

    def _bins(self, sigma: Tensor) -> Tensor:
        config = self.config.backbone
        low = log_snr_of(config.sigma_max)
        high = log_snr_of(config.sigma_min)
        place = (log_snr_of(sigma) - low) / (high - low)
        return (place * LEVELS).long().clamp(0, LEVELS - 1)

    def rate(self) -> float:
        """The learning rate now."""
        optim, done = self.config.optim, self.progress()
        warmup = min(1.0, (self.step + 1) / max(1, optim.warmup_steps))
        if optim.schedule == "cosine":
            return optim.lr * warmup * 0.5 * (1 + math.cos(math.pi * done))
        return optim.lr * warmup * (min(1.0, (1 - done) / optim.decay) if optim.decay else 1.0)

    def progress(self) -> float:
        """How much of the run is done, 0 to 1, by steps or by minutes, whichever is farther."""
        run = self.config.run
        by_steps = self.step / run.steps if run.steps else 0.0
        by_time = self.seconds / (60 * run.minutes) if run.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    # --- the run --------------------------------------------------------------------------------

    def run(self) -> Path:
        """Train until steps or minutes are used up; return the path of the averaged weights.

        An interrupt saves the state first; the message says how to go on.
        """
        self._prepare_folder()
        photos, pages = self.read_data()
        checks = validation.prepare(self.config.data.val) if self.config.data.val else None
        forward = self.compiled()
        interrupted = False
        with ExitStack() as stack:
            interrupt_asked = stack.enter_context(_interrupts())
            log = (
                stack.enter_context(closing(RunLog(self.out, LOG_FIELDS, fresh=self.step == 0)))
                if self.rank == 0
                else None
            )
            try:
                self._loop(forward, photos, pages, checks, log, interrupt_asked)
            except KeyboardInterrupt:
                interrupted = True
        if self.rank == 0:
            self.save()
            if checks is not None and not interrupted:
                try:
                    self._choose_average()
                except KeyboardInterrupt:
                    interrupted = True
        if self.world > 1:
            _agreed(self.world, 0.0)  # wait for the first one's choice
            torch.distributed.destroy_process_group()
        if interrupted:
            raise RestoreError(
                f"stopped at step {self.step}; nothing is lost: run the same command with --resume to go on"
            )
        weights = self.out / "weights.safetensors"
        self.say(f"trained {self.step} steps, {self._compute()['crops']} crops: {weights}")
        return weights

    def compiled(self) -> nn.Module:
        """The network as it is called in training."""
        forward: Any = self.network
        if self.world > 1:
            forward = nn.parallel.DistributedDataParallel(self.network)
        if self.config.run.compile:
            forward = torch.compile(forward, dynamic=False)
        module: nn.Module = forward
        return module

    def _loop(
        self,
        forward: nn.Module,
        photos: PictureStore,
        pages: PictureStore | None,
        checks: Tensor | None,
        log: RunLog | None,
        interrupt_asked: Callable[[], bool],
    ) -> None:
        run = self.config.run
        sums = torch.zeros(2, len(TASKS), device=self.device)
        started, before = time.monotonic(), self.seconds
        with progress_bar("train", quiet=self.rank > 0) as bar:
            while self.progress() < 1:
                batch, each = self.train_step(forward, photos, pages)
                sums[0].index_add_(0, batch.task, each)
                sums[1].index_add_(0, batch.task, torch.ones_like(each))
                seconds = before + time.monotonic() - started
                self.seconds, stop = _agreed(self.world, seconds, interrupt_asked())
                bar.n = round(100 * self.progress(), 1)
                if self.step % 10 == 0:
                    bar.refresh()
                if log and self.step % run.log_every == 0:
                    bar.set_postfix_str(self._log_losses(log, sums), refresh=False)
                    sums.zero_()
                if self.rank == 0 and run.save_every and self.step % run.save_every == 0:
                    self.save()
                if log and checks is not None and self.step % run.validate_every == 0:
                    scores, grid = validation.measure(self.averaged(), checks)
                    log.validation(self.step, scores, grid)
                    self.say(f"step {self.step}: " + ", ".join(f"{k} {v:.2f}" for k, v in scores.items()))
                if stop:
                    raise KeyboardInterrupt

    def train_step(
        self, forward: nn.Module, photos: PictureStore, pages: PictureStore | None
    ) -> tuple[Batch, Tensor]:
        """(the crops of this step, their losses ``(b,)``)."""
        batch = self.batch(photos, pages)
        loss, each = self.loss(forward, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        self.descend()
        return batch, each

    def batch(self, photos: PictureStore, pages: PictureStore | None) -> Batch:
        """The crops of this step, damaged."""
        self.generator.manual_seed(self._seed())
        self.dice.seed(self._seed())
        crops = self._crops(photos, pages)
        crops = some_faded(crops, self.config.data.faded, self.generator)
        crops = some_gray(crops, self.config.data.gray, self.generator)
        top = self.config.backbone.sigma_max
        return make_batch(crops, self.config.mix, top, generator=self.generator, dice=self.dice)

    def descend(self) -> None:
        """Change the weights along the gradients they have now, and the averages with them."""
        if self.config.optim.clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.config.optim.clip)
        self.descent.step(self.rate())
        self.step += 1
        self._update_averages()

    def _log_losses(self, log: RunLog, sums: Tensor) -> str:
        """Log the mean loss of each task since the last time; return it in a few characters."""
        run = self.config.run
        seen = {task: s / n for task, s, n in zip(TASKS, *sums.tolist(), strict=True) if n}
        if not all(map(math.isfinite, seen.values())):
            raise self._diverged("the loss is not a number")
        crops, rate = self.step * run.batch * self.world, self.rate()
        cells = [f"{seen[task]:.5f}" if task in seen else "" for task in TASKS]
        scalars = {"rate": rate, **{f"loss/{task}": mean for task, mean in seen.items()}}
        log.row(self.step, [self.step, f"{self.seconds / 60:.2f}", crops, f"{rate:.3g}", *cells], scalars)
        return " ".join(f"{mean:.4f}" for mean in seen.values())

    def _seed(self) -> int:
        """Each step and each process draws its own numbers, the same ones after a resume."""
        return ((self.config.run.seed * 1_000_003 + self.step) * 1_009 + self.rank) % 2**63

    def _crops(self, photos: PictureStore, pages: PictureStore | None) -> Tensor:
        batch = self.config.run.batch
        text = sum(self.dice.random() < self.config.data.text for _ in range(batch)) if pages else 0
        crops = photos.crops(batch - text, self.generator) if text < batch else None
        if not text or pages is None:
            assert crops is not None
            return crops
        letters = pages.crops(text, self.generator)
        both = letters if crops is None else torch.cat([crops, letters])
        return both[torch.randperm(batch, device=self.device, generator=self.generator)]

    def _update_averages(self) -> None:
        # A young average forgets faster, so that the first weights do not linger.
        steps = self.step + sum(int(run["steps"]) for run in self.earlier)
        young = (1 + steps) / (10 + steps)
        with torch.no_grad():
            state = self.network.state_dict()
            floats = [n for n, t in state.items() if t.is_floating_point()]
            for decay, average in zip(self.config.run.ema, self.averages, strict=True):
                share = 1 - min(decay, young)
                torch._foreach_lerp_([average[n] for n in floats], [state[n] for n in floats], share)

    def _choose_average(self) -> None:
        """Let validation decide which of the averages or the last weights are saved for use.

        By the mean in dB of the tasks that were trained, on all pictures of ``data.val``, not the few of the
        checks during the run: what is compared is close.
        """
        checks = validation.prepare(self.config.data.val, all_of_them=True)
        means = []
        names = [*(f"average {decay:g}" for decay in self.config.run.ema), "last weights"]
        for number, name in enumerate(names):
            scores, _ = validation.measure(self.averaged(chosen=number), checks)
            means.append(validation.mean_of(scores, self.config.mix))
            told = ", ".join(f"{k} {v:.3f}" for k, v in scores.items() if k in validation.TASK)
            self.say(f"{name}: {told}; mean {means[-1]:.3f}")
        best = means.index(max(means))
        self.say(f"{names[best]}: the best of them on {len(checks)} validation pictures, saved")
        checkpoint.save(self.averaged(torch.float32, chosen=best), self.out / "weights.safetensors")

    def read_data(self) -> tuple[PictureStore, PictureStore | None]:
        """(the training pictures, rendered pages of text where the configuration wants them)."""
        data = self.config.data
        pictures = list(read_pictures(data.train, deep=data.noise_std > 0))
        if data.val:
            held_out = Fingerprints(fingerprint(picture) for picture in read_pictures([data.val]))
            read, pictures = (
                pictures,
                [picture for picture in pictures if not held_out.holds(to_bytes(picture))],
            )
            if len(pictures) < len(read):
                self.say(f"{len(read) - len(pictures)} pictures look like one of data.val and are left out")
            if not pictures:
                raise ConfigError(f"every training picture looks like one of {data.val}; keep them apart")
        self.fingerprints = self.fingerprints.merged(Fingerprints(fingerprint(to_bytes(p)) for p in pictures))
        count, pixels = len(pictures), sum(p.shape[0] * p.shape[1] for p in pictures)
        if data.half_size:
            pictures += [halved(p) for p in pictures if min(p.shape[:2]) >= 2 * data.crop]
        photos = PictureStore(pictures, data.crop, self.device)
        self.say(f"{count} pictures, {pixels / 1e6:.0f} megapixels, on {self.device}")
        self.facts = {"pictures": count, "megapixels": round(pixels / 1e6)}
        return photos, PictureStore(page_pictures(), data.crop, self.device) if data.text else None

    # --- state ----------------------------------------------------------------------------------

    def _prepare_folder(self) -> None:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"{self.out}: cannot make the run's folder ({error.strerror})") from None
        if not self.resumed and self.rank == 0 and (self.out / "state.safetensors").exists():
            raise ConfigError(f"{self.out} holds a run already: go on with --resume, or name another run.out")

    def averaged(self, dtype: torch.dtype | None = None, *, chosen: int = 0) -> Backbone:
        """One of the averages, or after the last of them the weights themselves, in their own network."""
        state = [*self.averages, self.network.state_dict()][chosen]
        with torch.device("meta"):
            network = UNet(self.config.backbone.network)
        network.load_state_dict({n: t.detach().clone() for n, t in state.items()}, assign=True)
        runs = [*self.earlier, self._compute()]
        facts = {
            **self.facts,
            **{key: sum(run[key] for run in runs) for key in runs[0]},
            "runs": runs,
            "crop": self.config.data.crop,
            "device": str(self.device),
            "mix": asdict(self.config.mix),
            "loss": asdict(self.config.loss),
            "optim": asdict(self.config.optim),
            "ema": [*self.config.run.ema, 0.0][chosen],
            "fingerprints": self.fingerprints.text(),
        }
        return Backbone(network, self.config.backbone, facts).to(dtype=dtype or self.dtype)

    def _compute(self) -> dict[str, float]:
        """What this run has taken so far."""
        crops = self.step * self.config.run.batch * self.world
        return {"steps": self.step, "crops": crops, "minutes": round(self.seconds / 60, 1)}

    def save(self) -> None:
        """Write the averaged weights and the state to go on from, each beside its target and renamed.

        Raises RestoreError when they are not finite; what was saved before then stays.
        """
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        for number, average in enumerate(self.averages):
            tensors |= {f"average.{number}.{n}": t for n, t in average.items()}
        tensors["running"] = self.running
        tensors |= self.descent.tensors()
        metadata = {
            "step": str(self.step),
            "seconds": repr(self.seconds),
            "ema": json.dumps(self.config.run.ema),
            "runs": json.dumps([*self.earlier, self._compute()]),
            "backbone": json.dumps(asdict(self.config.backbone)),
            "fingerprints": self.fingerprints.text(),
        }
        path = self.out / "state.safetensors"
        try:
            check_finite(path, tensors)
        except WeightsError:
            raise self._diverged("the weights are not finite") from None
        checkpoint.save(self.averaged(torch.float32), self.out / "weights.safetensors")
        write_tensors(path, copied(tensors), metadata)

    def _diverged(self, what: str) -> RestoreError:
        return RestoreError(
            f"{what} at step {self.step}; lower optim.lr and go on from the last good state with --resume"
        )

    def resume(self, path: str | Path | None = None, *, restart_schedule: bool = False) -> None:
        """Go on from a saved state (None: this run's own).

        restart_schedule: keep weights, averages and optimiser, but count steps and minutes from zero, so
        that several short slots with a schedule each add up to one long run.
        """
        path = Path(path) if path else self.out / "state.safetensors"
        (saved, step, seconds, ema, runs, seen), tensors = read_state(
            path,
            lambda facts: (
                config_from_dict(json.loads(facts["backbone"])), int(facts["step"]),
                float(facts["seconds"]), list(map(float, json.loads(facts["ema"]))),
                json.loads(facts["runs"]), Fingerprints.parse(facts["fingerprints"]),
            ),
        )  # fmt: skip
        if saved != self.config.backbone:
            raise ConfigError(f"{path} was trained as {saved}, the configuration says {self.config.backbone}")
        self.network.load_state_dict(part(tensors, "network."))
        for decay, average in zip(self.config.run.ema, self.averages, strict=True):
            nearest = min(range(len(ema)), key=lambda i: abs(math.log((1 - ema[i]) / (1 - decay))))
            for name, tensor in average.items():
                tensor.copy_(tensors[f"average.{nearest}.{name}"])
        self.running = tensors["running"].to(self.device)
        self.fingerprints = seen
        self.descent.load(tensors)
        if restart_schedule:
            self.earlier = runs
        else:
            self.step, self.seconds, self.resumed, self.earlier = step, seconds, True, runs[:-1]


def _error(kind: Prediction, x0_hat: Tensor, state: losses.Noised, where: Tensor) -> Tensor:
    """The squared error of X0_hat in units of a prediction, averaged where it counts, ``(b,)``."""
    answer = {"v": v_from, "eps": eps_from, "x0": x0_from}[kind]
    wanted = target(kind, state.x0, state.eps, state.a, state.s)
    squared = (answer("x0", state.x_t, x0_hat, state.a, state.s) - wanted).square().mean(1, keepdim=True)
    return (squared * where).sum((1, 2, 3)) / where.sum((1, 2, 3))


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Ctrl-C only makes what is given say True, so that a step under way is made to its end.

    A second one does not wait. Where interrupts are ignored, or this is not the main thread, nothing changes.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before in (signal.SIG_IGN, None):
        yield lambda: False
        return
    asked = False

    def ask(*_: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


def _silent(line: str) -> None:
    """What processes other than the first say."""


def _join_group(device: torch.device) -> tuple[int, int]:
    """(rank, world size) as torchrun and Accelerate set them; joins the process group when there is one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return 0, 1
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # Networks are averaged over the devices' own links, clocks over the CPU, which waits for no device.
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    return torch.distributed.get_rank(), world


def _agreed(world: int, *mine: float) -> list[float]:
    """The first process's numbers: all must have the same learning rate and end at the same step."""
    if world == 1:
        return list(mine)
    numbers = torch.tensor(mine, dtype=torch.float64)
    torch.distributed.broadcast(numbers, 0)
    return numbers.tolist()


def _device(name: str) -> torch.device:
    """The device of that name, this process's own card where there are several; raises ConfigError."""
    if name == "auto":
        name = best_device()
    if name == "cuda":
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"run.device {name!r} cannot be used ({reason}); expected auto, cpu or cuda"
        ) from None


def train(
    config: TrainConfig, *, resume: bool = False, start_from: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Path:  # fmt: skip
    """Train a backbone as configured; return the path of its averaged weights.

    resume: go on with this run where it stopped. start_from: begin a new run, with its own schedule, from
    the weights and optimiser of another run's ``state.safetensors``.
    """
    trainer = Trainer(config, say=say)
    if resume:
        trainer.resume()
    elif start_from:
        trainer.resume(start_from, restart_schedule=True)
    return trainer.run()
