"""How much noise a set of pictures has, and whether it is noise at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.fitting.held_out import as_used
from restore.fitting.objectives import Restoration
from restore.fitting.views import NoisySet, Scene, as_colour
from restore.noise.measure import SIDE, is_clipped, measure_noise, noise_from_views, with_residuals
from restore.noise.model import CLEAN, NoiseModel, white_noise
from restore.priors.backbone import Backbone
from restore.tasks.noise_choice import Choice, choose
from restore.types import to_255

SAMPLE = 8  # pictures that noise is removed from to see it
SAMPLE_SIDE = 384  # pixels of their middle
PLAIN = 3 / 255  # noise that can be distinguished from what cameras and JPEG leave in clean photographs
SHORT = 0.6  # of what `denoise` finds; less of it cannot be learned from
MEASURED = 40  # scenes that the noise is measured on, at most


def measure_set(noisy: NoisySet, sigma: float = 0.0) -> NoiseModel:
    """Measure the noise of a set of pictures.

    Parameters
    ----------
    noisy : the pictures. Where every scene has two views or more, their differences are measured.
    sigma : standard deviation of white noise on the 0..255 scale, where it is known; 0 measures the noise.

    Returns
    -------
    The noise, [0, 1] units.

    Raises
    ------
    ConfigError
        Where no picture is as large as the patches in which noise is measured.
    """
    step = -(-len(noisy.scenes) // MEASURED)
    scenes = noisy.scenes[::step]
    channels = 1 if all(scene.gray for scene in scenes) else 3
    if not any(min(scene.size) >= SIDE for scene in scenes):
        raise ConfigError(f"noise is measured in patches of {SIDE}x{SIDE} pixels, and no picture is as large")
    if sigma:
        ends = any(is_clipped(scene.floats()[0]) for scene in scenes)
        return replace(white_noise(sigma / 255, channels=channels), clipped=ends)
    if not noisy.paired:
        return measure_noise(scene.floats()[0] for scene in scenes)
    scenes = tuple(scene for scene in scenes if min(scene.size) >= SIDE)
    views = ((view[..., :channels] for view in map(as_colour, scene.floats()[:2])) for scene in scenes)
    return noise_from_views((first, second) for first, second in views)


def first_answer(base: Backbone, noise: NoiseModel) -> Restoration:
    """The weights' answers before anything is known of which branch does better."""
    return as_used(base, "blind" if noise.correlated else "gaussian", noise)


def _some(noisy: NoisySet) -> tuple[Scene, ...]:
    return noisy.scenes[:: max(1, len(noisy.scenes) // SAMPLE)]


def _middles(noisy: NoisySet) -> Iterator[Tensor]:
    """The middle of some of the pictures, ``(1, 3, h, w)``."""
    for scene in _some(noisy):
        h, w = scene.size
        top, left = max(0, (h - SAMPLE_SIDE) // 2), max(0, (w - SAMPLE_SIDE) // 2)
        crop = as_colour(scene.floats()[0])[top : top + SAMPLE_SIDE, left : left + SAMPLE_SIDE]
        yield torch.from_numpy(crop.copy()).permute(2, 0, 1)[None]


def nothing_to_learn(noisy: NoisySet, noise: NoiseModel, base: Backbone, *, single: bool) -> str:
    """Why there is nothing to learn from pictures, in words; empty where there is.

    single: whether what `denoise` makes of them counts, as it does where every scene has one view.
    """
    choices = [choose(middle[0], base) for middle in _middles(noisy)] if single else []
    level = _missed_level(noise, choices)
    if level:
        return (
            f"but denoise finds noise of sigma {to_255(level):.1f} in them, as cameras and JPEG leave it; "
            "single pictures tell too little of that: nothing was written (give several shots of each scene "
            "with --pairs, or pass --force)"
        )
    if noise.sigma < CLEAN:
        return "that is as good as none: there is nothing to learn, nothing was written"
    if choices and _looks_clean(noisy, noise, choices):
        return (
            "but single pictures look clean, and what was measured is their texture: there is nothing to "
            "learn, nothing was written (pass --force, or the noise as --sigma, if you do see noise)"
        )
    return ""


def _missed_level(noise: NoiseModel, choices: list[Choice]) -> float:
    """The level of the noise that `denoise` finds where far less was measured on the set; 0 elsewhere.

    Cameras and JPEG leave little of the finest frequencies, by which noise is told from texture here. What is
    learned from a model of so little noise leaves the rest in.
    """
    levels = [_level_of(choice) for choice in choices]
    found = [level for level in levels if level]
    if len(found) <= len(choices) / 2:
        return 0.0
    level = float(np.median(found))
    return level if noise.sigma < SHORT * level else 0.0


def _level_of(choice: Choice) -> float:
    """The level that `denoise` finds in a picture; 0 where it finds none, or does not ask for it."""
    if choice.method == "real" and choice.noise is not None:
        return choice.noise.sigma
    return choice.noise_std or 0.0 if choice.method == "gaussian" else 0.0


def _looks_clean(noisy: NoisySet, noise: NoiseModel, choices: list[Choice]) -> bool:
    """Whether what was measured is texture, which looks like smooth noise where it is all over a picture.

    Noise is in all pictures, texture is another in each. Where that does not tell, as in one picture alone,
    it is clean if `denoise` would leave most of it as it is.
    """
    levels = [measure_noise([s.floats()[0]]).sigma for s in _some(noisy) if min(s.size) >= SIDE]
    if len(levels) >= 3 and noise.sigma > PLAIN and np.quantile(levels, 0.25) > noise.sigma / 2:
        return False
    return sum(choice.method == "none" for choice in choices) > len(choices) / 2


def with_signal_dependence(noise: NoiseModel, noisy: NoisySet, base: Backbone) -> NoiseModel:
    """The dependence on the signal, from what the weights remove from the middle of some pictures."""
    restoration = first_answer(base, noise)
    before = list(_middles(noisy))
    after = [restoration(middle, 1.0) for middle in before]
    columns = (np.concatenate([p[0].flatten(1).T.numpy() for p in pictures]) for pictures in (before, after))
    return with_residuals(noise, *columns)
