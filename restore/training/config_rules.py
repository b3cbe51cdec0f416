"""The ranges of the values of a training configuration."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

from restore.diffusion.sigmas import PURE_NOISE, known_levels
from restore.errors import ConfigError, WeightsError
from restore.images.outside import shown
from restore.images.perceptual import LPIPS_SMALLEST
from restore.images.similarity import WINDOW
from restore.priors.limits import Limit, check_fields
from restore.training.batches import TASKS, Mix
from restore.training.holes import PAGE_SIZE

if TYPE_CHECKING:
    from restore.priors.backbone import BackboneConfig
    from restore.training.config import OptimConfig, RunConfig, TrainConfig

NAME = Limit(4096)
MOST_PIXELS = 2**30  # of the crops of a step
LIMITS: dict[str, dict[str, Limit]] = {
    "data": {
        "train": Limit(4096, count=100_000), "val": NAME, "crop": Limit(PAGE_SIZE), "text": Limit(1),
        "faded": Limit(1), "gray": Limit(1), "condition": NAME, "encoder": NAME, "drop": Limit(1),
        "noise_std": Limit(10),
    },
    "mix": {
        **dict.fromkeys(TASKS, Limit(1e6)), "prior_share": Limit(1), "top_share": Limit(1),
        "sigma_low": Limit(1e6), "sigma_mid": Limit(1e6), "real": Limit(1), "pages": Limit(1),
    },
    "loss": {
        "huber_delta": Limit(1e6), "min_snr_gamma": Limit(1e6), "ssim": Limit(1e6), "ms_ssim": Limit(1e6),
        "lpips": Limit(1e6), "picture_sigma": Limit(1e6, finite=False),
    },
    "optim": {
        "lr": Limit(100), "betas": Limit(1, count=2), "weight_decay": Limit(100), "decay": Limit(1),
        "warmup_steps": Limit(1e9), "clip": Limit(1e9),
    },
    "run": {
        "out": NAME, "steps": Limit(1e9), "minutes": Limit(1e7), "batch": Limit(65_536),
        "ema": Limit(1, count=16), "seed": Limit(2**63 - 1), "device": Limit(40, printable=True),
        "weights": NAME, "rank": Limit(1024), "log_every": Limit(1e9), "validate_every": Limit(1e9),
        "save_every": Limit(1e9),
    },
}  # fmt: skip
"""The most of every number and name. The tables of the backbone and of a fit check themselves."""

Rules = dict[str, tuple[bool, str]]
"""For a key, whether its value is right, and what is expected."""


def check_ranges(config: TrainConfig, file: str, *, noisy: bool) -> None:
    """Raise ConfigError for the first value out of its range.

    noisy: the training pictures are named elsewhere, so ``data.train`` may be empty.
    """
    rules = {
        **_data_rules(config, noisy=noisy),
        **_sigma_rules(config),
        **_loss_rules(config),
        **_optim_rules(config.optim),
        **_batch_rules(config),
        **_run_rules(config.run),
        **_adapter_rules(config),
    }
    for key, (ok, expected) in rules.items():
        if not ok:
            section, name = key.split(".")
            got = getattr(getattr(config, section), name)
            raise ConfigError(f"{file}: {key} is {shown(got)}; expected {expected}")
    for section, limits in LIMITS.items():
        table = getattr(config, section)
        try:
            check_fields(table, limits, {field.name: f"{section}.{field.name}" for field in fields(table)})
        except ValueError as error:
            raise ConfigError(f"{file}: {error}") from None


def check_warmup(config: TrainConfig, file: str) -> None:
    """Raise ConfigError for a file that asks for a warm-up of more steps than the whole run has."""
    steps, warmup = config.run.steps, config.optim.warmup_steps
    if 0 < steps < warmup and warmup != type(config.optim)().warmup_steps:
        raise ConfigError(
            f"{file}: optim.warmup_steps is {warmup}; expected at most run.steps, which is {steps}"
        )


def _data_rules(config: TrainConfig, *, noisy: bool) -> Rules:
    data, mix = config.data, config.mix
    multiple = config.backbone.network.multiple
    fits = 0 < data.crop <= PAGE_SIZE and data.crop % multiple == 0
    only_prior = not (mix.upscale or mix.inpaint or mix.denoise)
    plain = not (data.half_size or data.text or data.faded or data.gray)
    # Of noisy pictures only squared errors say something of the clean ones (Daras et al. 2024).
    squared = config.loss.kind in ("v", "eps", "x0") and config.loss.norm == "l2"
    return {
        "data.train": (bool(data.train) or noisy, "at least one folder, shard or picture"),
        "data.crop": (fits, f"a multiple of {multiple} up to {PAGE_SIZE}"),
        "data.text": (0 <= data.text < 1, "a share from 0 up to 1"),
        "data.faded": (0 <= data.faded <= 1, "a share from 0 to 1"),
        "data.gray": (0 <= data.gray <= 1, "a share from 0 to 1"),
        "data.condition": (
            not (noisy and data.condition),
            "nothing with --from-noisy, which takes no conditions",
        ),
        "data.drop": (0 <= data.drop <= 1, "a share from 0 to 1"),
        "data.encoder": (
            not data.encoder or data.condition.endswith(".csv"),
            "a folder beside a .csv file of texts as data.condition",
        ),
        "data.noise_std": (
            not data.noise_std
            or (data.noise_std > 0 and only_prior and plain and squared and not config.loss.of_pictures),
            "0, or above 0 with an unconditional mix alone, half_size = false, text, faded and gray 0, and a "
            "loss of squared errors of v, eps or x0 alone",
        ),
    }


def _sigma_rules(config: TrainConfig) -> Rules:
    data, levels, mix = config.data, config.backbone, config.mix
    return {
        "mix.sigma_low": (
            mix.levels != "log-sigma" or levels.sigma_min <= mix.sigma_low,
            f"at least {levels.sigma_min:g}",
        ),
        "mix.prior_share": (
            mix.levels == "log-sigma" or mix.prior_share == Mix.prior_share,
            "nothing, or mix.levels = 'log-sigma', of which it is",
        ),
        "mix.levels": (
            mix.levels != "importance" or not config.loss.balance,
            "schedule or log-sigma, or loss.balance = false: a balanced loss has no use for importance",
        ),
        "backbone.schedule": (
            mix.levels == "log-sigma" or _top_of(levels) >= PURE_NOISE or not mix.unconditional,
            f"one that ends in noise, at a sigma of {PURE_NOISE:g} or more (abar of 0.01 or less); with its "
            f"steps and betas, and backbone.sigma_max, it ends at {_top_of(levels):.3g}",
        ),
        "backbone.sigma_min": (
            levels.sigma_min > 1.02 * data.noise_std,
            f"above the noise of the data, {data.noise_std:g}: nothing can be learned below it",
        ),
        "mix.sigma_mid": (
            mix.levels != "log-sigma" or mix.sigma_mid < levels.sigma_max,
            f"below {levels.sigma_max:g}",
        ),
    }


def _top_of(levels: BackboneConfig) -> float:
    """The highest level of the schedule that the backbone knows; 0 where it knows none of them."""
    try:
        return known_levels(levels.diffusion, lowest=levels.sigma_min, highest=levels.sigma_max)[-1]
    except WeightsError:
        return 0.0


def _loss_rules(config: TrainConfig) -> Rules:
    loss, learned = config.loss, config.backbone.learned_variance
    squared = loss.norm == "l2" and loss.kind != "vlb"
    return {
        "loss.kind": (
            loss.kind in ("hybrid", "vlb") if learned else loss.kind != "hybrid",
            "'hybrid' or 'vlb' with backbone.learned_variance = true, and anything but 'hybrid' without",
        ),
        "loss.simple": (
            loss.simple == "eps" or loss.kind == "hybrid",
            "'eps' unless loss.kind = 'hybrid', whose error it names",
        ),
        "loss.norm": (
            loss.norm == "l2" or loss.kind != "vlb",
            "'l2' with loss.kind = 'vlb', whose terms are divergences",
        ),
        "loss.huber_delta": (
            0 < loss.huber_delta < math.inf if loss.norm == "huber" else loss.huber_delta == 0,
            "above 0 with loss.norm = 'huber', and 0 with another",
        ),
        "loss.min_snr_gamma": (
            0 <= loss.min_snr_gamma < math.inf and (squared or not loss.min_snr_gamma),
            "at least 0, and 0 with loss.kind = 'vlb', which has its own weights, and with a norm other than "
            "'l2': min-SNR weights squared errors",
        ),
        **_picture_rules(config),
    }


def _picture_rules(config: TrainConfig) -> Rules:
    loss, crop = config.loss, config.data.crop
    smallest = {"ssim": WINDOW, "ms_ssim": 2 * WINDOW, "lpips": LPIPS_SMALLEST}
    default = type(loss)()
    return {
        **{
            f"loss.{name}": (
                0 <= getattr(loss, name) < math.inf and (crop >= side or not getattr(loss, name)),
                f"at least 0, and 0 with crops below {side} pixels; data.crop is {crop}",
            )
            for name, side in smallest.items()
        },
        "loss.picture_sigma": (
            loss.picture_sigma > 0 and (loss.of_pictures or loss.picture_sigma == default.picture_sigma),
            f"above 0, and {default.picture_sigma:g} unless loss.ssim, loss.ms_ssim or loss.lpips is above 0",
        ),
        "loss.picture_at": (
            loss.of_pictures or loss.picture_at == default.picture_at,
            f"'{default.picture_at}' unless loss.ssim, loss.ms_ssim or loss.lpips is above 0",
        ),
    }


def _optim_rules(optim: OptimConfig) -> Rules:
    return {
        "optim.lr": (0 < optim.lr < math.inf, "above 0"),
        "optim.betas": (len(optim.betas) == 2 and all(0 <= b < 1 for b in optim.betas), "two in [0, 1)"),
        "optim.weight_decay": (0 <= optim.weight_decay < math.inf, "at least 0"),
        "optim.decay": (0 <= optim.decay <= 1, "a share from 0 to 1"),
        "optim.warmup_steps": (optim.warmup_steps >= 0, "at least 0"),
        "optim.clip": (0 <= optim.clip < math.inf, "at least 0"),
    }


def _batch_rules(config: TrainConfig) -> Rules:
    counts = config.mix.counts(max(0, config.run.batch))
    few = config.run.batch * config.data.crop**2 <= MOST_PIXELS
    starved = [task for task, n in zip(TASKS, counts, strict=True) if getattr(config.mix, task) and not n]
    return {
        "run.batch": (
            not starved and few,
            f"enough for one crop of {' and '.join(starved)} in every step"
            if starved
            else f"crops of {MOST_PIXELS} pixels in all at most; data.crop is {config.data.crop}",
        ),
    }


def _run_rules(run: RunConfig) -> Rules:
    return {
        "run.steps": (run.steps >= 0 and (run.steps > 0 or run.minutes > 0), "steps or minutes above 0"),
        "run.minutes": (0 <= run.minutes < math.inf, "at least 0"),
        "run.ema": (
            bool(run.ema) and all(0 <= decay < 1 for decay in run.ema),
            "one or more decays from 0 up to 1",
        ),
        "run.seed": (run.seed >= 0, "at least 0"),
        "run.log_every": (run.log_every >= 1, "at least 1"),
        "run.validate_every": (run.validate_every >= 1, "at least 1"),
        "run.save_every": (run.save_every >= 0, "at least 0, which is at the end only"),
    }


def _adapter_rules(config: TrainConfig) -> Rules:
    run, plain = config.run, config.optim.kind == "adamw"
    return {
        "run.rank": (
            run.rank >= 0 and not (run.rank and not (run.weights and plain)),
            "0, or at least 1 with run.weights and optim.kind = 'adamw'",
        ),
    }
