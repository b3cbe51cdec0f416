"""A prior from noisy pictures only: of what a fitted denoiser makes of them, or of them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from restore import images
from restore.errors import ConfigError, ImageError, RestoreError
from restore.fitting.fit import FitOptions, fit
from restore.fitting.set_noise import measure_set
from restore.fitting.showing import show
from restore.fitting.views import Say, read_noisy
from restore.noise.model import CLEAN
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load, shipped
from restore.tasks.denoise import denoise
from restore.training.batches import Mix
from restore.training.config import TrainConfig
from restore.training.trainer import train

How = Literal["cleaned", "as-they-are"]
UNEVEN = 0.15  # share of signal-dependent noise above which noise is not of one level


def train_from_noisy(
    config: TrainConfig, noisy: Sequence[str | Path], how: How = "cleaned", *, resume: bool = False,
    say: Say = print,
) -> Path:  # fmt: skip
    """Train a backbone on noisy pictures only.

    Parameters
    ----------
    config : as for `restore.training.trainer.train`; ``config.data.train`` is not used.
    noisy : files and folders of noisy pictures.
    how : ``cleaned`` fits the shipped weights to the pictures (``config.fit``), denoises the pictures with
        them into the run's folder, and trains the backbone on the result. ``as-they-are`` trains an
        unconditional prior on the pictures themselves, for noise levels above theirs; their noise must be
        white and of one level. See `restore.training.loss.noised_again`.
    resume : continue where the run stopped; what is in its folder already is used.
    say : called with every line for the user.

    Returns
    -------
    The path of the averaged weights. With cleaned pictures ``samples.png`` and ``restored.png`` beside them
    show what the prior draws and restores.

    Raises
    ------
    ConfigError
        For options or noise that do not allow it.
    ImageError
        Where no picture can be read.
    """
    out = Path(config.run.out)
    if how == "as-they-are":
        return train(_as_they_are(config, noisy, say), resume=resume, say=say)
    cleaned = out / "cleaned"
    fitted = _fitted(config, noisy, out, resume=resume, say=say)
    _clean(noisy, cleaned, fitted, say)
    state = out / "state.safetensors"
    config = replace(config, data=replace(config.data, train=(str(cleaned),)))
    weights = train(config, resume=resume and state.exists(), say=say)
    pairs = [pair for pair in _targets(noisy, cleaned) if pair[1].exists()]
    try:
        show(load(weights), pairs, out, side=config.data.crop)
    except (OSError, RestoreError) as error:
        say(f"warning: no pictures of what the prior does: {error}; the weights are written")
    else:
        say(f"{out / 'samples.png'}: drawn by the prior; {out / 'restored.png'}: pictures restored by it")
    return weights


def _fitted(
    config: TrainConfig, noisy: Sequence[str | Path], out: Path, *, resume: bool, say: Say
) -> Backbone:
    """The weights fitted to the pictures, or the shipped ones where a fit is no gain."""
    path = out / "fitted.safetensors"
    if path.exists():
        say(f"{path} is there already and is used")
        return load(path)
    out.mkdir(parents=True, exist_ok=True)
    began = (out / "fitted.fit" / "state.safetensors").exists()
    options = FitOptions(resume=resume and began, say=say)
    report = fit(read_noisy(noisy, say=say), path, config.fit, options=options)
    if not report.saved:
        say("the weights in the package clean these pictures as well as they can")
        return shipped()
    return load(path)


def _clean(noisy: Sequence[str | Path], folder: Path, backbone: Backbone, say: Say) -> None:
    """Clean every picture into the folder as PNG; those there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    files = _targets(noisy, folder)
    done = failed = 0
    for file, target in files:
        if target.exists():
            continue
        try:
            picture = images.read(file)
        except ImageError as error:
            failed += 1
            say(f"left out: {error}")
            continue
        images.write(target, picture.with_pixels(denoise(picture.pixels, prior=backbone)))
        done += 1
    if failed == len(files):
        raise ImageError(f"none of {failed} files can be read; name a folder with noisy pictures")
    say(f"{done} pictures cleaned into {folder}, {len(files) - done - failed} were there, {failed} left out")


def _targets(noisy: Sequence[str | Path], folder: Path) -> list[tuple[Path, Path]]:
    """Each noisy picture, and where it is cleaned to."""
    files = enumerate(images.list_inputs(noisy))
    return [(file, folder / f"{number:05}-{file.stem}.png") for number, file in files]


def _as_they_are(config: TrainConfig, noisy: Sequence[str | Path], say: Say) -> TrainConfig:
    """The configuration of a prior that learns above the level of the pictures' own noise."""
    found = measure_set(read_noisy(noisy, say=say), config.fit.sigma)
    say(found.describe())
    if found.sigma < CLEAN:
        raise ConfigError("these pictures have hardly any noise: train on them as they are, with data.train")
    if found.correlated or found.signal_dependence > UNEVEN:
        raise ConfigError(
            "a prior can be trained on noisy pictures as they are only where the noise is white and of one "
            f"level; got {found.describe()}; pass --prior cleaned"
        )
    lowest = 1.1 * found.sigma
    say(f"the prior learns noise levels from {255 * lowest:.1f} of 255 up; sampling ends there with one call")
    data = replace(
        config.data, train=tuple(map(str, noisy)), noise_std=found.sigma, half_size=False, text=0.0,
        faded=0.0, gray=0.0,
    )  # fmt: skip
    mix = Mix(
        unconditional=1, upscale=0, inpaint=0, denoise=0, levels=config.mix.levels,
        prior_share=config.mix.prior_share,
        sigma_low=max(lowest, config.mix.sigma_low), sigma_mid=max(2 * lowest, config.mix.sigma_mid),
    )  # fmt: skip
    return replace(config, data=data, mix=mix, backbone=replace(config.backbone, sigma_min=lowest))
