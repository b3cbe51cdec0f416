"""The training loop: resumable, everything but decoding on the device, nothing waited for in between."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restore import backbone as backbones
from restore import schedule as schedules
from restore.backbone import Backbone
from restore.errors import ConfigError, RestoreError
from restore.training import validation
from restore.training.config import TrainConfig
from restore.training.data import PictureStore, halved, page_pictures, read_pictures
from restore.training.mix import TASKS, Batch, make_batch
from restore.unet import UNet

LEVELS = 8  # bins of the noise axis in which the loss is balanced and logged
LOG_FIELDS = ("step", "minutes", "crops", "lr", *TASKS)


class Trainer:
    """One run: network, averaged weights, optimiser, data and logs.

    The state that a run continues from is ``state.safetensors`` in its folder; the averaged weights,
    ready for use, are ``weights.safetensors`` beside it.
    """

    def __init__(self, config: TrainConfig, *, say: Callable[[str], None] = print):
        self.config, self.say = config, say
        self.rank, self.world = _join_group(config.run.device)
        self.device = torch.device(_device(config.run.device, self.rank))
        self.out = Path(config.run.out)
        torch.manual_seed(config.run.seed)  # initial weights only; data draw from their own generators
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")
            torch.backends.cudnn.benchmark = True
        self.network = UNet(config.backbone.network).to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {n: t.detach().clone() for n, t in self.network.state_dict().items()}
        betas = (config.optim.betas[0], config.optim.betas[1])
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.optim.lr,
            betas=betas,
            weight_decay=config.optim.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.step, self.seconds = 0, 0.0
        self.running = torch.zeros(2, len(TASKS), LEVELS, device=self.device)
        self.generator = torch.Generator(self.device)
        self.dice = random.Random()

    # --- one step -------------------------------------------------------------------------------

    def loss(self, forward: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """(the number to minimise, the unweighted loss of each picture ``(b,)``)."""
        config, loss = self.config.backbone, self.config.loss
        abar = schedules.alphas_cumprod_of(batch.sigma)
        clean = schedules.to_network(batch.clean, 0.0)
        noise = torch.randn(clean.shape, device=self.device, generator=self.generator)
        scales = (abar.sqrt()[:, None, None, None], (1 - abar).sqrt()[:, None, None, None])
        x_t = scales[0] * clean + scales[1] * noise
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._bf16()):
            predicted, raw = backbones.predict(forward, config, x_t, batch.planes, batch.sigma)
        squared = (predicted - clean).square().mean(1, keepdim=True) * batch.weight
        # The error of X0 in the units of the chosen prediction: v by 1/s^2, eps by a^2/s^2.
        units = {"v": 1 / (1 - abar), "eps": abar / (1 - abar), "hybrid": abar / (1 - abar)}
        each = squared.sum((1, 2, 3)) / batch.weight.sum((1, 2, 3)) * units.get(loss.kind, torch.ones_like(abar))
        weights = torch.ones_like(each)
        if loss.min_snr_gamma:
            # Hang et al. (2023), eq. 5, relative to the weight that this kind has by itself.
            snr = abar / (1 - abar)
            weights = snr.clamp_max(loss.min_snr_gamma) / (units.get(loss.kind, torch.ones_like(abar)))
        if loss.balance:
            weights = weights / self._balance(batch, each.detach())
        total = (weights * each).mean()
        if loss.kind == "hybrid":
            from restore.training.loss import hybrid_extra

            total = total + hybrid_extra(clean, x_t, predicted.detach(), raw[:, 3:], batch.sigma, config)
        return total, each.detach()

    def _bf16(self) -> bool:
        precision = self.config.run.precision
        return precision == "bf16" or (
            precision == "auto" and backbones.best_dtype(self.device) == torch.bfloat16
        )

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
        low = schedules.log_snr_of(torch.tensor(config.sigma_max))
        high = schedules.log_snr_of(torch.tensor(config.sigma_min))
        place = (schedules.log_snr_of(sigma) - low.to(sigma)) / (high - low).to(sigma)
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
        run = self.config.run
        self._prepare_folder()
        photos, pages = self._read_data()
        checks = validation.prepare(self.config.data.val) if self.config.data.val else None
        forward: Any = self.network
        if self.world > 1:
            forward = nn.parallel.DistributedDataParallel(self.network)
        if run.compile:
            forward = torch.compile(forward, dynamic=False)
        log = _Log(self.out, self.step) if self.rank == 0 else None
        interrupted = False
        try:
            self._loop(forward, photos, pages, checks, log)
        except KeyboardInterrupt:
            interrupted = True
        if self.rank == 0:
            weights = self.save()
            if log:
                log.close()
            if interrupted:
                raise RestoreError(
                    f"stopped at step {self.step}; nothing is lost: run the same command with --resume to go on"
                )
            self.say(f"trained {self.step} steps, {self.step * run.batch * self.world} crops: {weights}")
        if self.world > 1:
            torch.distributed.destroy_process_group()
        return self.out / "weights.safetensors"

    def _loop(
        self, forward: Any, photos: PictureStore, pages: PictureStore | None, checks: Tensor | None, log: _Log | None
    ) -> None:
        from tqdm import tqdm

        run, optim = self.config.run, self.config.optim
        sums = torch.zeros(2, len(TASKS), device=self.device)
        bar = tqdm(total=100.0, unit="%", disable=None if self.rank == 0 else True, desc="train",
                   bar_format="{desc} {percentage:5.1f}%|{bar}| {elapsed}<{remaining} {postfix}")  # fmt: skip
        started, before = time.monotonic(), self.seconds
        while self.progress() < 1:
            self.generator.manual_seed(self._seed())
            self.dice.seed(self._seed())
            batch = make_batch(
                self._crops(photos, pages),
                self.config.mix,
                self.config.backbone.sigma_max,
                generator=self.generator,
                dice=self.dice,
            )
            loss, each = self.loss(forward, batch)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            if optim.clip:
                nn.utils.clip_grad_norm_(self.network.parameters(), optim.clip)
            for group in self.optimizer.param_groups:
                group["lr"] = self.rate()
            self.optimizer.step()
            self.step += 1
            self._update_average()
            sums[0].index_add_(0, batch.task, each)
            sums[1].index_add_(0, batch.task, torch.ones_like(each))
            self.seconds = before + time.monotonic() - started
            bar.n = round(100 * self.progress(), 1)
            bar.refresh(nolock=False) if self.step % 10 == 0 else None
            if self.rank == 0 and self.step % run.log_every == 0 and log:
                means = (sums[0] / sums[1]).tolist()
                sums.zero_()
                if not all(m == m for m, share in zip(means, self._shares(), strict=True) if share):
                    raise RestoreError(f"the loss is not a number at step {self.step}; lower optim.lr")
                log.losses(self.step, self.seconds, self.step * run.batch * self.world, self.rate(), means)
                bar.set_postfix_str(" ".join(f"{m:.4f}" for m in means), refresh=False)
            if self.rank == 0 and run.save_every and self.step % run.save_every == 0:
                self.save()
            if self.rank == 0 and checks is not None and self.step % run.validate_every == 0:
                scores, grid = validation.measure(self.averaged(), checks)
                if log:
                    log.validation(self.step, scores, grid)
                self.say(f"step {self.step}: " + ", ".join(f"{k} {v:.2f}" for k, v in scores.items()))
        bar.close()

    def _shares(self) -> list[int]:
        return self.config.mix.counts(self.config.run.batch)

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

    def _update_average(self) -> None:
        # A young average forgets faster, so that the first weights do not linger.
        decay = min(self.config.run.ema, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            state = self.network.state_dict()
            floats = [n for n, t in state.items() if t.is_floating_point()]
            torch._foreach_lerp_([self.average[n] for n in floats], [state[n] for n in floats], 1 - decay)

    def _read_data(self) -> tuple[PictureStore, PictureStore | None]:
        data = self.config.data
        pictures = list(read_pictures(data.train))
        count, pixels = len(pictures), sum(p.shape[0] * p.shape[1] for p in pictures)
        if data.half_size:
            pictures += [halved(p) for p in pictures]
        photos = PictureStore(pictures, data.crop, self.device)
        self.say(f"{count} pictures, {pixels / 1e6:.0f} megapixels, on {self.device}")
        self.facts = {"pictures": count, "megapixels": round(pixels / 1e6)}
        return photos, PictureStore(page_pictures(), data.crop, self.device) if data.text else None

    # --- state ----------------------------------------------------------------------------------

    def _prepare_folder(self) -> None:
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RestoreError(f"{self.out}: cannot make the run's folder ({error.strerror})") from None
        if self.step == 0 and (self.out / "state.safetensors").exists() and self.rank == 0:
            raise ConfigError(f"{self.out} holds a run already: go on with --resume, or name another run.out")

    def averaged(self, dtype: torch.dtype | None = None) -> Backbone:
        """The averaged weights as a backbone in their own copy of the network."""
        network = UNet(self.config.backbone.network).to(self.device)
        network.load_state_dict(self.average)
        facts = {
            **getattr(self, "facts", {}),
            "steps": self.step,
            "crops": self.step * self.config.run.batch * self.world,
            "crop": self.config.data.crop,
            "minutes": round(self.seconds / 60, 1),
            "device": str(self.device),
            "mix": asdict(self.config.mix),
            "loss": asdict(self.config.loss),
            "optim": asdict(self.config.optim),
            "ema": self.config.run.ema,
        }
        dtype = dtype or (torch.bfloat16 if self._bf16() else torch.float32)
        return Backbone(network, self.config.backbone, facts).to(dtype=dtype)

    def save(self) -> Path:
        """Write the averaged weights and the state to go on from, each beside its target and renamed."""
        from safetensors.torch import save_file

        weights = self.out / "weights.safetensors"
        backbones.save(self.averaged(torch.float32), weights)
        tensors = {f"network.{n}": t for n, t in self.network.state_dict().items()}
        tensors |= {f"average.{n}": t for n, t in self.average.items()}
        tensors["running"] = self.running
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{k}": v for k, v in values.items()}
        metadata = {
            "step": str(self.step),
            "seconds": repr(self.seconds),
            "backbone": json.dumps(asdict(self.config.backbone)),
        }
        path = self.out / "state.safetensors"
        part = path.with_suffix(".part")
        save_file({n: t.detach().cpu().contiguous().clone() for n, t in tensors.items()}, part, metadata=metadata)
        part.replace(path)
        return weights

    def resume(self, path: str | Path | None = None, *, restart_schedule: bool = False) -> None:
        """Go on from a saved state (None: this run's own).

        restart_schedule: keep weights, averages and optimiser, but count steps and minutes from zero, so
        that several short slots with a schedule each add up to one long run.
        """
        from safetensors import SafetensorError, safe_open

        path = Path(path) if path else self.out / "state.safetensors"
        if not path.is_file():
            raise ConfigError(f"{path}: no saved state to go on from; start without --resume")
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, not a dict
        except (SafetensorError, OSError) as error:
            raise ConfigError(f"{path}: damaged, or not a saved state ({error})") from None
        saved = backbones.config_from_dict(json.loads(metadata.get("backbone", "{}") or "{}"))
        if saved != self.config.backbone:
            raise ConfigError(f"{path} was trained as {saved}, the configuration says {self.config.backbone}")
        self.network.load_state_dict(_part(tensors, "network."))
        self.average = {n: t.to(self.device) for n, t in _part(tensors, "average.").items()}
        self.running = tensors["running"].to(self.device)
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _part(tensors, "optimizer.").items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        if not restart_schedule:
            self.step, self.seconds = int(metadata["step"]), float(metadata["seconds"])


class _Log:
    """CSV always; TensorBoard where it is installed; sample grids as PNG."""

    def __init__(self, out: Path, step: int):
        self.out = out
        new = not (out / "log.csv").exists() or step == 0
        self._file = (out / "log.csv").open("w" if new else "a", newline="")
        self._csv = csv.writer(self._file)
        if new:
            self._csv.writerow(LOG_FIELDS)
        self._board: Any = None
        try:
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(out)  # type: ignore[no-untyped-call]
        except ImportError:
            pass  # an extra: restore[train]

    def losses(self, step: int, seconds: float, crops: int, rate: float, means: list[float]) -> None:
        self._csv.writerow([step, f"{seconds / 60:.2f}", crops, f"{rate:.3g}", *(f"{m:.5f}" for m in means)])
        self._file.flush()
        if self._board:
            self._board.add_scalar("rate", rate, step)
            for task, mean in zip(TASKS, means, strict=True):
                self._board.add_scalar(f"loss/{task}", mean, step)

    def validation(self, step: int, scores: dict[str, float], grid: Tensor) -> None:
        from torchvision.utils import save_image

        path = self.out / "validation.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *scores])
            writer.writerow([step, *(f"{v:.3f}" for v in scores.values())])
        save_image(grid, self.out / "validation.png")
        if self._board:
            for name, value in scores.items():
                self._board.add_scalar(f"validation/{name}", value, step)
            self._board.add_image("validation", grid, step)

    def close(self) -> None:
        self._file.close()
        if self._board:
            self._board.close()


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}


def _join_group(device: str) -> tuple[int, int]:
    """(rank, world size) as torchrun and Accelerate set them; joins the process group when there is one."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return 0, 1
    cuda = torch.cuda.is_available() and not device.startswith("cpu")
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    return torch.distributed.get_rank(), world


def _device(name: str, rank: int) -> str:
    if name == "auto":
        name = backbones.best_device()
    local = int(os.environ.get("LOCAL_RANK", rank))
    return f"cuda:{local}" if name == "cuda" else name


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

