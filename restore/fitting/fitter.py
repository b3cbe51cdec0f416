"""Training on noisy pictures: a branch of the network, an objective, and the best weights so far."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Generator, Tensor, nn

from restore.diffusion.coordinates import to_network
from restore.errors import ConfigError, RestoreError
from restore.fitting import objectives
from restore.fitting.held_out import Branch, HeldOut, as_used
from restore.fitting.objectives import Restoration
from restore.fitting.views import Say
from restore.images.colours import gray_as
from restore.images.outside import parse_json, shown
from restore.noise.model import NoiseModel
from restore.priors import adapters
from restore.priors import backbone as backbones
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.checkpoint import check_finite, write_tensors
from restore.priors.condition import Condition, no_condition
from restore.priors.device import dtype_of
from restore.priors.unet import UNet
from restore.training.clock import RunClock
from restore.training.compiling import as_called, once_more
from restore.training.config import FitConfig
from restore.training.data import PictureStore
from restore.training.interrupts import Interrupts
from restore.training.log import RunLog, progress_bar
from restore.training.rescue import write_or_say
from restore.training.state import (
    copied,
    fitting,
    load_optimizer,
    optimizer_tensors,
    positive,
    read_state,
    restoring,
    whole,
)

LOG_FIELDS = ("step", "minutes", "rate", "loss")
CHECKS = 8  # times that the pictures kept aside are looked at during a run
CHECKING = 0.25  # share of the time that this may take at most; then it is done fewer times
PATIENCE = 3  # checks without a gain after which the run ends


def regression(
    network: backbones.Network, config: BackboneConfig, branch: Branch, noise: NoiseModel
) -> Restoration:
    """One call of a branch of the network as a restoration that gradients pass through.

    ``gaussian`` is the prior at the level of the noise, ``blind`` the conditional branch at the top of the
    noise axis: the same as `denoise` computes with that method.
    """

    def restoration(noisy: Tensor, strength: float) -> Tensor:
        if branch == "gaussian":
            gray = 3**0.5 if len(noise.gain) == 1 else 1.0  # noise of gray pictures, see `denoise`
            level = min(max(strength * gray * noise.sigma, config.sigma_min), config.sigma_max)
            planes = no_condition(noisy)
        else:
            level, planes = config.sigma_max, Condition(noisy, noise_std=None).planes()
        sigma = torch.tensor([level], dtype=torch.float64)
        clean, _ = backbones.predict(network, config, to_network(noisy, sigma), planes, sigma)
        return gray_as((clean + 1) / 2, noisy)

    return restoration


@dataclass(frozen=True)
class FitSetup:
    """What is trained, and how it learns.

    Parameters
    ----------
    method : the objective: ``noise2noise``, ``neighbor2neighbor`` or ``recorrupted``.
    branch : of the network that is trained.
    noise : of the pictures.
    base : the weights to begin with.
    """

    method: str
    branch: Branch
    noise: NoiseModel
    base: Backbone


@dataclass(frozen=True, eq=False)
class FitStep:
    """One training step of a fit, as a callback is told of it.

    Parameters
    ----------
    number : of the step, from 1; a fit that is resumed counts on.
    share : of the fit that is done, 0 to 1.
    loss : of the step, a tensor of one number on the fit's device.
    """

    number: int
    share: float
    loss: Tensor


class Fitter:
    """One fit: network, averaged and best weights, optimiser, crops.

    The state from which a fit is resumed is ``state.safetensors`` in its folder.

    Parameters
    ----------
    config : length, rate and size of the fit.
    setup : what is trained, and how it learns.
    store : the pictures to learn from.
    out : the folder of the fit.
    """

    def __init__(self, config: FitConfig, setup: FitSetup, store: PictureStore, out: Path):
        base = setup.base
        self.config, self.store, self.out = config, store, out
        self.method, self.branch, self.noise, self.base = setup.method, setup.branch, setup.noise, base
        self.device = base.device
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)  # initial weights and adapters; crops have their own numbers
            self.network = UNet(base.config.network).to(self.device)
            if not config.from_scratch:
                self.network.load_state_dict(base.network.state_dict())
            if config.rank:
                adapters.add_adapters(self.network, config.rank)
        self.network.to(memory_format=torch.channels_last)
        self.trained = {n: p for n, p in self.network.named_parameters() if p.requires_grad}
        self.average = {n: p.detach().clone() for n, p in self.trained.items()}
        self.best = {n: p.detach().clone() for n, p in self.trained.items()}
        self.best_error, self.waited = math.inf, 0
        self.optimizer = torch.optim.AdamW(
            self.trained.values(), lr=config.rate, betas=(0.9, 0.98), weight_decay=0.0,
            fused=self.device.type in ("cpu", "cuda"),
        )  # fmt: skip
        self.step, self.seconds = 0, 0.0
        self.clock, self.interrupts = RunClock(config.minutes), Interrupts()
        self.called: backbones.Network = self.network  # what is called in training
        self.generator = Generator(self.device)
        self.dtype = dtype_of(config.precision, self.device)  # of calls; the weights stay exact
        self.callback: Callable[[FitStep], None] | None = None

    @property
    def state(self) -> Path:
        """The file of the state to resume from."""
        return self.out / "state.safetensors"

    @property
    def progress(self) -> float:
        """How much of the fit is done, 0 to 1."""
        by_steps = self.step / self.config.steps if self.config.steps else 0.0
        return min(1.0, max(by_steps, self.clock.progress(self.seconds)))

    def loss(self, f: Restoration) -> Tensor:
        """The objective on fresh crops."""
        config, noise, generator = self.config, self.noise, self.generator
        if self.method == "noise2noise":
            noisy, other = self.store.pairs(config.batch, generator)
            if noise.clipped and config.loss == "l2":
                # Cut off noise is not zero in the mean, but medians and modes stay where they are.
                other = noise.uncut(other, objectives.answer(f, noisy), generator)
            return objectives.noise2noise(f, noisy, other, config.loss, done=self.progress)
        noisy = self.store.crops(config.batch, generator)
        signal = objectives.answer(f, noisy) if noise.depends_on_signal else noisy
        noisy = noise.uncut(noisy, signal, generator)
        if noise.clipped:
            f = objectives.clipped(f)
        if self.method == "recorrupted":
            return objectives.recorrupted(f, noisy, noise, signal, generator=generator).mean()
        # The paper raises the regulariser's weight from 0 to 2 over the run.
        return objectives.neighbor2neighbor(f, noisy, weight=2 * self.progress, generator=generator)

    def restoration(self, say: Say) -> Restoration:
        """What is trained, as a function that gradients pass through."""
        if self.config.compile:
            self.called = as_called(self.network, self.clock, say)
        return regression(self.called, self.base.config, self.branch, self.noise)

    def train_step(self, f: Restoration) -> Tensor:
        """One step on fresh crops; the loss."""
        done, config = self.progress, self.config
        loss = once_more(self.called, lambda: self._gradients(f))
        with self.interrupts.not_now():
            nn.utils.clip_grad_norm_(self.trained.values(), 1.0)
            warmup = min(1.0, (self.step + 1) / 100)
            for group in self.optimizer.param_groups:
                group["lr"] = config.rate * warmup * min(1.0, (1 - done) / 0.75)
            self.optimizer.step()
            self.step += 1
            decay = min(config.ema, (1 + self.step) / (10 + self.step))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.values()), list(self.trained.values()), 1 - decay)
        return loss.detach()

    def _gradients(self, f: Restoration) -> Tensor:
        self.generator.manual_seed((self.config.seed * 1_000_003 + self.step) % 2**63)
        self.optimizer.zero_grad(set_to_none=True)
        with self.interrupts.at_once():
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16):
                loss = self.loss(f)
            torch.autograd.backward(loss)
        return loss

    def with_weights(self, weights: dict[str, Tensor], dtype: torch.dtype | None = None) -> Backbone:
        """A backbone with these values of what is trained, for use, or as exact as ``dtype``."""
        state = {n: t.float() for n, t in self.base.network.state_dict().items()}
        state = (
            adapters.merged(state, adapters.plain_names(weights))
            if self.config.rank
            else {**state, **weights}
        )
        backbone = self.base.copy(torch.float32)
        backbone.network.load_state_dict(state)
        # `denoise` asks whether they have learned what noise that is cut off looks like.
        backbone.facts["fit"] = {"branch": self.branch, "noise": self.noise.facts()}
        return backbone.to(dtype=dtype or self.dtype)

    def check(self, held_out: HeldOut) -> float:
        """Score the averaged weights on the pictures kept aside; keep them where they are the best so far."""
        if not all(bool(t.isfinite().all()) for t in self.average.values()):
            raise self._diverged()
        error = held_out.error(as_used(self.with_weights(self.average), self.branch, self.noise))
        if error < self.best_error:
            self.best_error, self.waited = error, 0
            self.best = {n: t.clone() for n, t in self.average.items()}
        else:
            self.waited += 1
        return error

    def run(self, held_out: HeldOut, say: Say, *, before: float, quiet: bool = False) -> None:
        """Train until the time is over or nothing is gained any more; KeyboardInterrupt when interrupted.

        before: the error to compare with.
        """
        self.clock.earlier, self.seconds = self.seconds, self.seconds + self.clock.seconds()
        f = self.restoration(say)
        looks = self._looks()
        checked = int(self.progress * looks)
        with (
            closing(RunLog(self.out, LOG_FIELDS, fresh=self.step == 0, say=say)) as log,
            progress_bar("fit", quiet=quiet) as bar,
        ):
            while self.progress < 1:
                loss = self.train_step(f)
                self.seconds = self.clock.seconds()
                bar.n = round(100 * self.progress, 1)
                if self.callback is not None:
                    self.callback(FitStep(self.step, self.progress, loss))
                if self.step % 10 == 0:
                    bar.refresh()
                    self._log(log, float(loss))
                if int(self.progress * looks) > checked or self.progress >= 1:
                    checked = int(self.progress * looks)
                    with self.interrupts.at_once():
                        error, grid = self.check(held_out), self.grid(held_out)
                    log.validation(self.step, {"held out": 255**2 * error}, grid)
                    gained = held_out.compare(before, error)
                    bar.set_postfix_str(gained, refresh=False)
                    say(f"{self.seconds / 60:.1f} min, step {self.step}, on those kept aside: {gained}")
                    write_or_say(self.save, say)
                    if self.waited >= PATIENCE:
                        say("nothing is gained any more: stopping early")
                        break
                if self.interrupts.number:
                    raise KeyboardInterrupt

    def _looks(self) -> int:
        """How often the pictures kept aside are looked at; ``clock.reserve`` is what one look takes."""
        reserve, left = self.clock.reserve, self.clock.left()
        affordable = CHECKING * left / reserve if reserve > 0 else math.inf
        return CHECKS if affordable >= CHECKS else max(1, int(affordable))

    def _log(self, log: RunLog, loss: float) -> None:
        if not math.isfinite(loss):
            raise self._diverged()
        rate = self.optimizer.param_groups[0]["lr"]
        cells = (self.step, f"{self.seconds / 60:.2f}", f"{rate:.3g}", f"{loss:.6f}")
        log.row(self.step, cells, {"loss": loss, "rate": rate})

    def _diverged(self) -> RestoreError:
        return RestoreError(f"the fit diverged at step {self.step}; lower --lr")

    @cached_property
    def _used_base(self) -> Backbone:
        return self.base.copy(self.dtype)

    def grid(self, held_out: HeldOut) -> Tensor:
        """Four crops kept aside: noisy above, by the weights it began with, and as fitted."""
        crops = held_out.noisy[:4]
        before = as_used(self._used_base, self.branch, self.noise)
        after = as_used(self.with_weights(self.average), self.branch, self.noise)
        rows = (crops, before(crops, 1.0), after(crops, 1.0))
        return torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).clamp(0, 1)

    # --- state ----------------------------------------------------------------------------------

    def save(self, path: Path | None = None) -> None:
        """Write the state to resume from, beside its target and renamed; path: None is that of the fit."""
        tensors: dict[str, Tensor] = {f"network.{n}": p for n, p in self.trained.items()}
        tensors |= {f"average.{n}": t for n, t in self.average.items()}
        tensors |= {f"best.{n}": t for n, t in self.best.items()}
        tensors |= optimizer_tensors(self.optimizer)
        path = path or self.state
        check_finite(path, tensors)
        metadata = {
            "step": str(self.step),
            "seconds": repr(self.seconds),
            "best_error": repr(self.best_error),
            "waited": str(self.waited),
            "identity": json.dumps(self.identity()),
        }
        write_tensors(path, copied(tensors), metadata)

    def identity(self) -> dict[str, Any]:
        """What a state must have in common with the fit that resumes it; its length may change."""
        free = ("minutes", "steps", "compile")
        config = {k: v for k, v in asdict(self.config).items() if k not in free}
        return {
            **config,
            "method": self.method,
            "branch": self.branch,
            "base": self.base.facts.get("sha256", ""),
        }

    def resume(self) -> None:
        """Go on from the saved state. Raises ConfigError where there is none, or one of another fit."""
        path = self.state
        (saved, step, seconds, best_error, waited), tensors = read_state(
            path,
            lambda facts: (
                parse_json(facts["identity"]), whole(facts["step"]), positive(facts["seconds"]),
                positive(facts["best_error"], most=math.inf), whole(facts["waited"]),
            ),
        )  # fmt: skip
        for key, value in json.loads(json.dumps(self.identity())).items():
            told = saved.get(key) if isinstance(saved, dict) else None
            if told != value:
                raise ConfigError(
                    f"{path} belongs to a fit with {key} = {shown(told)}, this one has {value!r}; use "
                    "the same options, or start anew with --overwrite"
                )
        with torch.no_grad(), restoring(path):
            for name, parameter in self.trained.items():
                parameter.copy_(fitting(tensors, f"network.{name}", parameter))
                self.average[name].copy_(fitting(tensors, f"average.{name}", parameter))
                self.best[name].copy_(fitting(tensors, f"best.{name}", parameter))
            load_optimizer(self.optimizer, tensors)
        self.step, self.seconds = step, seconds
        self.best_error, self.waited = best_error, waited
