"""Fit the backbone to somebody's own noisy pictures: from noise alone, judged on pictures kept aside.

What is trained is the branch of the network that does better on them to begin with, where one call gives the
posterior mean: the prior at the level of the noise, or the conditional branch with the picture as its hint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.fitting.fitter import Fitter
from restore.fitting.held_out import Branch, as_used, hold_out
from restore.fitting.objectives import Restoration
from restore.fitting.views import NoisySet, Say, Scene, as_colour, split
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.noise.measure import SIDE, is_clipped, measure_noise, noise_from_views, with_residuals
from restore.noise.model import CLEAN, NoiseModel, white_noise
from restore.priors import adapters
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load, save, save_adapters
from restore.priors.device import dtype_of
from restore.tasks.noise_choice import choose
from restore.training.config import FitConfig
from restore.training.data import PictureStore, to_bytes

LOOKED_AT = 8  # pictures that noise is removed from to see it
LOOKED_AT_SIDE = 384  # pixels of their middle
PLAIN = 3 / 255  # noise that can be told from what cameras and JPEG leave in clean photographs
MEASURED = 40  # scenes that the noise is measured on, at most
SMALL = 0.5  # megapixels below which little can be learned


@dataclass
class FitReport:
    """What came out of a fit.

    before (by each method), after: errors on pictures kept aside, see `HeldOut.error`; scored_by: how.
    """

    noise: NoiseModel
    method: str = ""
    branch: Branch = "blind"
    before: dict[str, float] = field(default_factory=dict)
    after: float = math.nan
    scored_by: str = ""
    scenes: int = 0
    held_out: int = 0
    skipped: int = 0
    steps: int = 0
    minutes: float = 0.0
    interrupted: bool = False
    saved: str = ""

    @property
    def gain(self) -> float:
        """By how much the error is lower than the lowest before."""
        return self.before[self.branch] - self.after

    def facts(self) -> dict[str, Any]:
        plain = {k: v for k, v in vars(self).items() if k != "noise"}
        numbers = {k: round(v, 3) if isinstance(v, float) else v for k, v in plain.items()}
        numbers["before"] = {k: round(v, 8) for k, v in self.before.items()}
        numbers["after"] = round(self.after, 8)
        if not math.isfinite(self.after):
            numbers["after"] = None
        return {"noise": self.noise.facts(), **numbers}


def measure_set(noisy: NoisySet, sigma: float = 0.0) -> NoiseModel:
    """The noise of a set: as told, from the differences of views, or from the pictures alone."""
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


def _at_first(base: Backbone, noise: NoiseModel) -> Restoration:
    """The weights' answers before anything is known of which branch does better."""
    return as_used(base, "blind" if noise.correlated else "gaussian", noise)


def _some(noisy: NoisySet) -> tuple[Scene, ...]:
    return noisy.scenes[:: max(1, len(noisy.scenes) // LOOKED_AT)]


def _middles(noisy: NoisySet) -> Iterator[Tensor]:
    """The middle of some of the pictures, ``(1, 3, h, w)``."""
    for scene in _some(noisy):
        h, w = scene.size
        top, left = max(0, (h - LOOKED_AT_SIDE) // 2), max(0, (w - LOOKED_AT_SIDE) // 2)
        crop = as_colour(scene.floats()[0])[top : top + LOOKED_AT_SIDE, left : left + LOOKED_AT_SIDE]
        yield torch.from_numpy(crop.copy()).permute(2, 0, 1)[None]


def _looks_clean(noisy: NoisySet, noise: NoiseModel, base: Backbone) -> bool:
    """Whether what was measured is texture, which looks like smooth noise where it is all over a picture.

    Noise is in all pictures, texture is another in each. Where that does not tell, as in one picture alone,
    it is clean if `denoise` would leave most of it as it is.
    """
    levels = [measure_noise([s.floats()[0]]).sigma for s in _some(noisy) if min(s.size) >= SIDE]
    if len(levels) >= 3 and noise.sigma > PLAIN and np.quantile(levels, 0.25) > noise.sigma / 2:
        return False
    choices = [choose(middle[0], base).method for middle in _middles(noisy)]
    return choices.count("none") > len(choices) / 2


def _by_residuals(noise: NoiseModel, noisy: NoisySet, base: Backbone) -> NoiseModel:
    """The dependence on the signal, from what the weights remove from the middle of some pictures."""
    restoration = _at_first(base, noise)
    before = list(_middles(noisy))
    after = [restoration(middle, 1.0) for middle in before]
    columns = (np.concatenate([p[0].flatten(1).T.numpy() for p in pictures]) for pictures in (before, after))
    return with_residuals(noise, *columns)


def choose_method(config: FitConfig, noisy: NoisySet, noise: NoiseModel, say: Say = print) -> str:
    """The method that fits the pictures. Raises ConfigError for one that cannot."""
    method = config.method
    if method == "auto":
        method = "noise2noise" if noisy.paired and not config.sigma else "recorrupted"
    if method == "noise2noise" and not noisy.paired:
        raise ConfigError(
            "noise2noise needs two views or more of each scene: tell which files belong together with "
            "--pairs, or choose another method"
        )
    if method != "noise2noise" and config.loss != "l2":
        raise ConfigError(f"the loss {config.loss} belongs to noise2noise, not to {method}")
    if method == "neighbor2neighbor" and noise.correlated:
        say(
            f"warning: neighbouring pixels share noise (correlation {noise.correlation:.2f}); "
            "neighbor2neighbor will leave most of it in, recorrupted will not"
        )
    return method


def fit(
    noisy: NoisySet, output: str | Path, config: FitConfig, *, base: Backbone | None = None,
    resume: bool = False, force: bool = False, say: Say = print, quiet: bool = True,
) -> FitReport:  # fmt: skip
    """Fit the backbone to noisy pictures; write it to ``output`` where that is a gain on pictures kept aside.

    base: the weights to begin with, best in full precision; None the shipped ones. resume: go on with the fit
    whose state lies in the folder beside ``output``, named after it. force: write it also where it is no
    gain. Nothing is done for pictures with less noise than one grey level. The report says what happened;
    ``report.saved`` is empty where nothing was written. Raises ConfigError and ImageError.
    """
    started = time.monotonic()
    output = Path(output)
    out = run_folder(output)
    base = base or load(dtype=torch.float32)
    used = base.copy(dtype_of(config.precision, base.device))
    if config.rank and "adapts" in base.facts:
        raise ConfigError("adapters are put on whole weights, not on other adapters; leave out the rank")
    learning, aside = split(noisy, config.held_out, config.seed, say)
    crop = _crop(learning, config, base)
    report = FitReport(measure_set(learning, config.sigma), skipped=noisy.skipped)
    report.scenes, report.held_out = len(learning.scenes), len(aside.scenes)
    alone = not config.sigma and not learning.paired
    if alone:
        report.noise = _by_residuals(report.noise, learning, used)
    say(report.noise.describe())
    if report.noise.sigma < CLEAN:
        say("that is as good as none: there is nothing to learn, nothing was written")
        return report
    if alone and not force and _looks_clean(learning, report.noise, used):
        say(
            "but single pictures look clean, and what was measured is their texture: there is nothing to "
            "learn, nothing was written (pass --force, or the noise as --sigma, if you do see noise)"
        )
        return report
    report.method = choose_method(config, learning, report.noise, say)
    multiple = base.config.network.multiple
    held_out = hold_out(aside, report.noise, config.loss, multiple, known=config.sigma > 0)
    held_out = held_out.with_signal(_at_first(used, report.noise))
    report.scored_by = held_out.scored_by
    store = _store(learning, config, crop, base, say)
    branches: tuple[Branch, ...] = ("gaussian", "blind")
    report.before = {name: held_out.error(as_used(used, name, report.noise)) for name in branches}
    # By level the prior is ahead for noise that is white and of one level, else the conditional branch.
    report.branch = min(branches, key=lambda name: report.before[name])
    before = report.before[report.branch]
    say(f"--method {report.branch} does better so far, and is trained; measured {report.scored_by}")
    out.mkdir(parents=True, exist_ok=True)
    fitter = Fitter(config, report.method, report.branch, store, report.noise, base, out)
    if resume:
        fitter.resume()
    report.interrupted = not fitter.run(held_out, say, before=before, started=started, quiet=quiet)
    if report.interrupted and fitter.step:
        fitter.check(held_out)
        fitter.save()
    report.after, report.steps = fitter.best_error, fitter.step
    report.minutes = fitter.seconds / 60
    if not fitter.step:
        say("interrupted before the first step: nothing was learned, nothing was written")
        return report
    if not report.gain > 0 and not force:
        say(
            f"no better than before ({held_out.compare(before, report.after)}): not written (pass --force "
            "to write it nevertheless, or give it more time or pictures)"
        )
        return report
    _write(fitter, report, learning, output)
    say(f"on those kept aside: {held_out.compare(before, report.after)}: {output}")
    return report


def run_folder(output: Path) -> Path:
    """Where logs and state of a fit lie: beside its output, with its name."""
    return output.with_name(output.stem + ".fit")


def _crop(noisy: NoisySet, config: FitConfig, base: Backbone) -> int:
    """The side of the crops: smaller than asked for where half of the pictures are. Raises ConfigError."""
    multiple = 2 * base.config.network.multiple  # sub-images of half the size are pictures too
    sides = sorted(min(scene.size) for scene in noisy.scenes)
    fitting = min(config.crop, sides[len(sides) // 2]) // multiple * multiple
    if fitting < multiple:
        raise ConfigError(
            f"half of the pictures are smaller than {multiple}x{multiple} pixels; a fit needs larger ones"
        )
    return fitting


def _store(noisy: NoisySet, config: FitConfig, crop: int, base: Backbone, say: Say) -> PictureStore:
    if crop < config.crop - config.crop % (2 * base.config.network.multiple):
        say(f"the pictures are small: learning from crops of {crop}x{crop} pixels")
    if noisy.megapixels < SMALL:
        say(f"only {noisy.megapixels:.2f} megapixels to learn from; {SMALL} or more are needed for much gain")
    return PictureStore([scene.views for scene in noisy.scenes], crop, base.device)


def _write(fitter: Fitter, report: FitReport, noisy: NoisySet, output: Path) -> None:
    base, config = fitter.base, fitter.config
    seen = Fingerprints.parse(base.facts.get("fingerprints", ""))
    learned = Fingerprints(fingerprint(to_bytes(scene.views[0])) for scene in noisy.scenes)
    report.saved = str(output)
    facts = {
        **{key: value for key, value in base.facts.items() if key != "adapts"},
        "fit": {**report.facts(), "config": asdict(config), "base": base.facts.get("sha256", "")},
        "fingerprints": seen.merged(learned).text(),
    }
    if config.rank:
        tensors = adapters.plain_names(fitter.best)
        facts = {key: facts[key] for key in ("fit", "fingerprints")}
        save_adapters(tensors, output, base=base.facts.get("sha256", ""), facts=facts)
    else:
        exact = fitter.with_weights(fitter.best, torch.float32)
        save(Backbone(exact.network, base.config, facts), output)
