"""Training configuration: one TOML file, checked key by key."""

from __future__ import annotations

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from restore.errors import ConfigError
from restore.priors.backbone import BackboneConfig
from restore.priors.device import Precision
from restore.training.batches import TASKS, Mix
from restore.training.holes import PAGE_SIZE

Method = Literal["auto", "noise2noise", "neighbor2neighbor", "recorrupted"]


@dataclass(frozen=True)
class FitConfig:
    """How to fit.

    method: ``noise2noise`` for pairs and bursts, ``recorrupted`` and ``neighbor2neighbor`` for single
        pictures; ``auto`` takes noise2noise where every scene has two views, else recorrupted, which knows of
        correlated noise, works at full resolution and got farther in equal time on white noise.
    loss: of noise2noise: ``l2``, ``l1`` or ``l0`` (see `restore.training.objectives.noise2noise`).
    sigma: standard deviation of white Gaussian noise on the 0..255 scale; 0 measures the noise.
    minutes, steps: the run ends at whichever comes first; 0 means no such limit. Minutes count everything
        after reading, also compiling and checking.
    rank: of low-rank adapters, which are saved in place of the weights; 0 trains all weights.
    from_scratch: begin with random weights of the same shape.
    lr: 0 takes 3e-4, and 1e-3 for adapters and from scratch.
    held_out: share of the scenes that are kept aside.
    """

    method: Method = "auto"
    loss: Loss = "l2"
    sigma: float = 0.0
    minutes: float = 8.0
    steps: int = 0
    rank: int = 0
    from_scratch: bool = False
    lr: float = 0.0
    batch: int = 16
    crop: int = 96
    held_out: float = 0.1
    ema: float = 0.998
    seed: int = 0
    precision: Precision = "auto"
    compile: bool = True

    def __post_init__(self) -> None:
        if not (self.minutes > 0 or self.steps > 0):
            raise ConfigError("a fit needs minutes or steps above 0")
        if self.from_scratch and self.rank:
            raise ConfigError(
                "adapters change trained weights; from scratch there are none: leave out the rank"
            )
        if self.loss != "l2" and self.method not in ("auto", "noise2noise"):
            raise ConfigError(f"the loss {self.loss} belongs to noise2noise, not to {self.method}")
        if self.sigma and self.method in ("noise2noise", "neighbor2neighbor"):
            raise ConfigError(f"{self.method} has no use for sigma; leave it out")

    @property
    def rate(self) -> float:
        return self.lr or (1e-3 if self.rank or self.from_scratch else 3e-4)


Loss = Literal["l2", "l1", "l0"]


@dataclass(frozen=True)
class DataConfig:
    """Where the pictures are.

    train: folders, .tar shards or single pictures. val: a folder of pictures never trained on.
    crop: side of a training crop, a multiple of the network's coarsest cell.
    half_size: also use every picture at half size, which is sharper.
    text: share of crops taken from rendered pages of text.
    faded: share of crops that look like faded prints, low in contrast and tinted, and are to stay so.
    gray: share of crops whose colour is taken away; the noise put on these is the same in all channels.
    noise_std: of white Gaussian noise that the training pictures have, [0, 1] units: an unconditional prior
        is then trained on them as they are (`restore.training.loss.noised_again`).
    """

    train: tuple[str, ...] = ()
    val: str = ""
    crop: int = 96
    half_size: bool = True
    text: float = 0.06
    faded: float = 0.05
    gray: float = 0.05
    noise_std: float = 0.0


@dataclass(frozen=True)
class LossConfig:
    """What is minimised.

    kind: ``v`` (Salimans and Ho 2022), ``eps`` (the simple loss of Ho et al. 2020), ``x0``, or ``hybrid``
        (simple loss plus 0.001 of the variational bound, for learned variances; Nichol and Dhariwal 2021).
    min_snr_gamma: weight noise levels as Hang et al. (2023); 0 turns it off.
    balance: divide each (task, noise level) by the running mean of its own loss.
    """

    kind: Literal["v", "eps", "x0", "hybrid"] = "v"
    min_snr_gamma: float = 0.0
    balance: bool = True


@dataclass(frozen=True)
class OptimConfig:
    """The optimiser (`restore.training.optimizer`), warm-up, gradient clipping and a schedule.

    kind: ``adamw``, or ``muon`` for the convolutions; one ``lr`` serves both. betas: of AdamW.
    schedule: ``constant`` holds the rate and lowers it linearly to zero over the last ``decay`` share;
        ``cosine`` lowers it along half a cosine from the start.
    clip: largest norm of the gradient; 0 turns clipping off.
    """

    kind: Literal["adamw", "muon"] = "adamw"
    lr: float = 1e-3
    betas: tuple[float, ...] = (0.9, 0.98)
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine"] = "constant"
    decay: float = 0.4
    warmup_steps: int = 200
    clip: float = 1.0


@dataclass(frozen=True)
class RunConfig:
    """How long, how large, where to.

    steps, minutes: the run ends at whichever comes first; 0 means no such limit.
    ema: decays of averaged weights. The first is validated and saved during the run; at its end validation
        decides which of them, or the last weights themselves, are saved.
    compile: torch.compile the network (twice as fast on a CPU, a minute to start).
    """

    out: str = "runs/restore"
    steps: int = 0
    minutes: float = 0.0
    batch: int = 16
    ema: tuple[float, ...] = (0.999,)
    seed: int = 0
    device: str = "auto"
    precision: Precision = "auto"
    compile: bool = True
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 500


@dataclass(frozen=True)
class TrainConfig:
    """A whole training run; each field is a table of the TOML file. fit: of ``--from-noisy`` only."""

    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    mix: Mix = field(default_factory=Mix)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    run: RunConfig = field(default_factory=RunConfig)
    fit: FitConfig = field(default_factory=FitConfig)


def read_config(
    path: str | Path, *, changes: Sequence[str] = (), noisy: bool = False, **run: Any
) -> TrainConfig:
    """Read and check a training configuration; every error names the file and the key.

    changes: ``TABLE.KEY=VALUE`` that go before the file's, such as ``optim.lr=1e-3``; what is no TOML value
    is text. run: fields of the run table (out, minutes, device, ...) that go before both. noisy: the
    training pictures are named elsewhere, so ``data.train`` may be empty.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the configuration ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    for change in changes:
        _change(values, change, str(path))
    source = " ".join([str(path), *(f"--set {change}" for change in changes)])
    config: TrainConfig = _build(TrainConfig, values, source, "")
    config = dataclasses.replace(config, run=dataclasses.replace(config.run, **run))
    _check_ranges(config, source, noisy=noisy)
    return config


def _change(values: dict[str, Any], change: str, file: str) -> None:
    """Put ``TABLE.KEY=VALUE`` into what was read; whether there is such a key is checked later."""
    key, equals, text = change.partition("=")
    names = [name.strip() for name in key.split(".")]
    if not equals or len(names) < 2 or not all(names):
        raise ConfigError(f"a change of {file} is TABLE.KEY=VALUE, such as optim.lr=1e-3; got {change!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for name in names[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: {name} is no table, so there is no {key.strip()} to change")
    values[names[-1]] = value


def _build(cls: type[Any], values: Any, file: str, prefix: str) -> Any:
    """Build a dataclass from a TOML table, refusing unknown keys and wrong types."""
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: {prefix.rstrip('.')} must be a table, got {values!r}")
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]
    for key in values:
        if key not in names:
            raise ConfigError(f"{file}: unknown key {prefix}{key}; expected one of {', '.join(names)}")
    arguments = {k: _value(hints[k], v, file, prefix + k) for k, v in values.items()}
    try:
        return cls(**arguments)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{file}: {prefix.rstrip('.') or 'configuration'}: {error}") from None


def _value(hint: Any, value: Any, file: str, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        return _build(typing.cast(type[Any], hint), value, file, key + ".")
    origin = typing.get_origin(hint)
    if origin is Literal:
        if value not in typing.get_args(hint):
            allowed = ", ".join(map(repr, typing.get_args(hint)))
            raise ConfigError(f"{file}: {key} must be one of {allowed}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{file}: {key} must be a list, got {value!r}")
        return tuple(_value(typing.get_args(hint)[0], v, file, key) for v in value)
    if origin in (typing.Union, types.UnionType):  # pragma: no cover, none in use
        raise TypeError(f"{key}: unions are not supported in configurations")
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{file}: {key} must be of type {hint.__name__}, got {value!r}")
    return value


def _check_ranges(config: TrainConfig, file: str, *, noisy: bool) -> None:
    data, levels, loss = config.data, config.backbone, config.loss
    optim, run = config.optim, config.run
    multiple = config.backbone.network.multiple
    fits = 0 < data.crop <= PAGE_SIZE and data.crop % multiple == 0
    counts = config.mix.counts(max(0, run.batch))
    only_prior = not (config.mix.upscale or config.mix.inpaint or config.mix.denoise)
    plain = not (data.half_size or data.text or data.faded or data.gray)
    starved = [task for task, n in zip(TASKS, counts, strict=True) if getattr(config.mix, task) and not n]
    rules = {
        "data.train": (bool(data.train) or noisy, "at least one folder, shard or picture"),
        "data.crop": (fits, f"a multiple of {multiple} up to {PAGE_SIZE}"),
        "data.text": (0 <= data.text < 1, "a share from 0 up to 1"),
        "data.faded": (0 <= data.faded <= 1, "a share from 0 to 1"),
        "data.gray": (0 <= data.gray <= 1, "a share from 0 to 1"),
        "data.noise_std": (
            not data.noise_std or (data.noise_std > 0 and only_prior and plain),
            "0, or above 0 with an unconditional mix alone, half_size = false, and text, faded and gray 0",
        ),
        "mix.sigma_low": (levels.sigma_min <= config.mix.sigma_low, f"at least {levels.sigma_min:g}"),
        "backbone.sigma_min": (
            levels.sigma_min > 1.02 * data.noise_std,
            f"above the noise of the data, {data.noise_std:g}: nothing can be learned below it",
        ),
        "mix.sigma_mid": (config.mix.sigma_mid < levels.sigma_max, f"below {levels.sigma_max:g}"),
        "loss.min_snr_gamma": (0 <= loss.min_snr_gamma < math.inf, "at least 0"),
        "loss.kind": (
            (loss.kind == "hybrid") == config.backbone.learned_variance,
            "'hybrid' exactly when backbone.learned_variance is true",
        ),
        "optim.lr": (0 < optim.lr < math.inf, "above 0"),
        "optim.betas": (len(optim.betas) == 2 and all(0 <= b < 1 for b in optim.betas), "two in [0, 1)"),
        "optim.weight_decay": (0 <= optim.weight_decay < math.inf, "at least 0"),
        "optim.decay": (0 <= optim.decay <= 1, "a share from 0 to 1"),
        "optim.warmup_steps": (optim.warmup_steps >= 0, "at least 0"),
        "optim.clip": (0 <= optim.clip < math.inf, "at least 0"),
        "run.batch": (not starved, f"enough for one crop of {' and '.join(starved)} in every step"),
        "run.steps": (run.steps >= 0 and (run.steps or run.minutes > 0), "steps or minutes above 0"),
        "run.minutes": (0 <= run.minutes < math.inf, "at least 0"),
        "run.ema": (
            bool(run.ema) and all(0 <= decay < 1 for decay in run.ema),
            "one or more decays from 0 up to 1",
        ),
        "run.log_every": (run.log_every >= 1, "at least 1"),
        "run.validate_every": (run.validate_every >= 1, "at least 1"),
        "run.save_every": (run.save_every >= 0, "at least 0, which is at the end only"),
    }
    for key, (ok, expected) in rules.items():
        if not ok:
            section, name = key.split(".")
            got = getattr(getattr(config, section), name)
            raise ConfigError(f"{file}: {key} is {got!r}; expected {expected}")
