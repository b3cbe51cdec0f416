"""Fit the backbone to somebody's own noisy pictures: from noise alone, judged on pictures kept aside.

What is trained is the branch of the network that does better on them to begin with, where one call gives the
posterior mean: the prior at the level of the noise, or the conditional branch with the picture as its hint.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore.errors import ConfigError, OutputError, StoppedError
from restore.fitting.fitter import FitSetup, FitStep, Fitter
from restore.fitting.held_out import Branch, HeldOut, as_used, hold_out
from restore.fitting.set_noise import first_answer, measure_set, nothing_to_learn, with_signal_dependence
from restore.fitting.views import NoisySet, Say, split
from restore.images.fingerprints import Fingerprints, fingerprint
from restore.noise.model import NoiseModel
from restore.priors import adapters
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load, save, save_adapters
from restore.priors.device import dtype_of
from restore.tasks.noise_choice import knows_real_noise
from restore.training.clock import RunClock
from restore.training.config import FitConfig
from restore.training.data import PictureStore, to_bytes
from restore.training.interrupts import Interrupts
from restore.training.rescue import write_or_rescue, write_or_say
from restore.training.state import read_state

TWICE = "adapters are put on whole weights, not on other adapters; leave out the rank"
LAST_LOOK = 1.5  # times as long as one measurement on the pictures kept aside
SMALL = 0.5  # megapixels below which little can be learned


@dataclass(frozen=True)
class FitOptions:
    """How a fit is run; none of it changes what is learned.

    Parameters
    ----------
    resume : continue the fit whose state is in the folder beside the output.
    force : write the weights also where they are no gain on the pictures kept aside, and fit to single
        pictures that look clean or tell too little of their noise.
    say : called with every line for the user.
    quiet : show no progress bar.
    callback : called with every training step. KeyboardInterrupt ends the fit as Ctrl-C does; what else it
        raises passes through, and the state of the last check is left to resume from.
    started : `time.monotonic` of when the fit began, from which its minutes count; None for now.
    """

    resume: bool = False
    force: bool = False
    say: Say = print
    quiet: bool = True
    callback: Callable[[FitStep], None] | None = None
    started: float | None = None


@dataclass
class FitReport:
    """What came out of a fit.

    Parameters
    ----------
    noise : of the pictures.
    method : how it was learned; empty where nothing was.
    branch : of the network that was trained, named after the method of `denoise` that uses it.
    before, after : errors on the pictures kept aside, by each method before and by the trained one after; see
        `HeldOut.error`.
    scored_by : how these errors were measured.
    scenes, held_out, skipped : scenes learned from, scenes kept aside, files left out.
    steps, minutes : of training.
    interrupted : whether Ctrl-C ended it.
    stopped_by : the number of the signal that did, 0 for none.
    saved : the file of the weights; empty where nothing was written.
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
    stopped_by: int = 0
    saved: str = ""

    @property
    def gain(self) -> float:
        """By how much the error is lower than the lowest before."""
        return self.best_before - self.after

    @property
    def best_before(self) -> float:
        """The lowest error before the fit, by any method."""
        return min(self.before.values())

    def facts(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        plain = {k: v for k, v in vars(self).items() if k not in ("noise", "stopped_by")}
        numbers = {k: round(v, 3) if isinstance(v, float) else v for k, v in plain.items()}
        numbers["before"] = {k: round(v, 8) for k, v in self.before.items()}
        numbers["after"] = round(self.after, 8)
        if not math.isfinite(self.after):
            numbers["after"] = None
        return {"noise": self.noise.facts(), **numbers}


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
    options: FitOptions | None = None,
) -> FitReport:  # fmt: skip
    """Fit the backbone to noisy pictures; write it where that is a gain on pictures kept aside.

    Nothing is done for pictures with less noise than one grey level, nor for single pictures that look clean
    or tell too little of their noise, as those of cameras and JPEGs do.

    Parameters
    ----------
    noisy : the pictures, as `read_noisy` reads them.
    output : the file of the fitted weights, .safetensors. Logs and the state to resume from are in a folder
        beside it, see `run_folder`.
    config : the method, the length and the size of the fit.
    base : the weights to begin with, best in full precision; None for those in the package.
    options : whether to resume an earlier fit, to write without a gain, and where messages go.

    Returns
    -------
    What happened; ``saved`` is empty where nothing was written.

    Raises
    ------
    ConfigError
        For options that do not fit the pictures, and for a saved state of another fit.
    StoppedError
        When interrupted before the first step; later an interrupt gives what was fitted so far.
    RestoreError
        When the fit diverges.
    OutputError
        Where the result cannot be written; the message says where it is kept instead.
    """
    options, output = options or FitOptions(), Path(output)
    clock = RunClock(config.minutes, started=options.started)
    with Interrupts() as interrupts:
        try:
            with interrupts.at_once():
                base = base or load(dtype=torch.float32)
                begun = _begin(noisy, config, base, options, clock)
                fitter = _fitter(begun, base, config, output, options)
        except KeyboardInterrupt:
            number = interrupts.number or int(signal.SIGINT)
            raise StoppedError("stopped before the first step: nothing was written", number) from None
        report, held_out = begun.report, begun.held_out
        if fitter is None or held_out is None:
            return report
        fitter.clock, fitter.interrupts = clock, interrupts
        if _train(fitter, report, held_out, options):
            adapted = base.noise_adapters if report.branch == "blind" else {}
            write_or_rescue(lambda path: _write(fitter, report, begun.learning, path, adapted), output)
            gain = held_out.compare(report.best_before, report.after)
            options.say(f"on those kept aside: {gain}: {output}")
        return report


@dataclass(frozen=True)
class _Begun:
    """What is known before the first step; ``held_out`` is None where there is nothing to learn."""

    report: FitReport
    learning: NoisySet
    held_out: HeldOut | None = None


def _begin(
    noisy: NoisySet, config: FitConfig, base: Backbone, options: FitOptions, clock: RunClock
) -> _Begun:  # fmt: skip
    """Measure the noise and the errors before the fit."""
    used = base.copy(dtype_of(config.precision, base.device))
    if config.rank and "adapts" in base.facts:
        raise ConfigError(TWICE)
    learning, aside = split(noisy, config.held_out, config.seed, options.say)
    _crop(learning, config, base)  # refuses pictures that are too small before anything is measured
    report = FitReport(measure_set(learning, config.sigma), skipped=noisy.skipped)
    report.scenes, report.held_out = len(learning.scenes), len(aside.scenes)
    alone = not config.sigma and not learning.paired
    if alone:
        report.noise = with_signal_dependence(report.noise, learning, used)
    options.say(report.noise.describe())
    why = nothing_to_learn(learning, report.noise, used, single=alone and not options.force)
    if why:
        options.say(why)
        return _Begun(report, learning)
    report.method = choose_method(config, learning, report.noise, options.say)
    held_out = _held_out(aside, report, config, used)
    _choose_branch(report, held_out, used, options.say, clock)
    return _Begun(report, learning, held_out)


def _fitter(
    begun: _Begun, base: Backbone, config: FitConfig, output: Path, options: FitOptions
) -> Fitter | None:  # fmt: skip
    """What trains; None where there is nothing to learn."""
    if begun.held_out is None:
        return None
    report, learning = begun.report, begun.learning
    store = _store(learning, config, _crop(learning, config, base), base, options.say)
    folder = run_folder(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot make the folder of the fit ({error.strerror})") from error
    # The branch begins with what it knows of the noise of cameras.
    first = base.alone(for_noise=report.branch == "blind")
    return Fitter(config, FitSetup(report.method, report.branch, report.noise, first), store, folder)


def plan_fit(
    noisy: NoisySet, output: str | Path, config: FitConfig, *, base: Backbone, options: FitOptions
) -> tuple[NoiseModel, str]:  # fmt: skip
    """Measure the noise and choose the method as `fit` does; the method is empty where nothing is to learn.

    What `fit` would refuse before its first network call is refused with the same errors.
    """
    if config.rank and "adapts" in base.facts:
        raise ConfigError(TWICE)
    learning, aside = split(noisy, config.held_out, config.seed, options.say)
    _crop(learning, config, base)
    noise = measure_set(learning, config.sigma)
    if nothing_to_learn(learning, noise, base, single=False):
        return noise, ""
    method = choose_method(config, learning, noise, options.say)
    hold_out(aside, noise, config.loss, base.config.network.multiple, known=config.sigma > 0)
    if options.resume:
        read_state(run_folder(Path(output)) / "state.safetensors", lambda facts: facts["identity"])
    return noise, method


def _held_out(aside: NoisySet, report: FitReport, config: FitConfig, used: Backbone) -> HeldOut:
    """The pictures kept aside, ready to be measured on."""
    multiple = used.config.network.multiple
    held_out = hold_out(aside, report.noise, config.loss, multiple, known=config.sigma > 0)
    held_out = held_out.with_signal(first_answer(used, report.noise))
    report.scored_by = held_out.scored_by
    return held_out


def _choose_branch(
    report: FitReport, held_out: HeldOut, used: Backbone, say: Say, clock: RunClock
) -> None:  # fmt: skip
    """Train the branch of the network that does better to begin with."""
    branches: tuple[Branch, ...] = ("gaussian", "blind")
    begun = clock.seconds()
    report.before = {name: held_out.error(as_used(used, name, report.noise)) for name in branches}
    # The last look at the pictures kept aside takes as long, and writes a picture of some.
    clock.reserve = LAST_LOOK * (clock.seconds() - begun) / len(branches)
    # By level the prior is ahead for noise that is white and of one level, else the conditional branch.
    report.branch = min(branches, key=lambda name: report.before[name])
    if report.noise.correlated and knows_real_noise(used):
        # What `denoise` does by default with such noise; a fit that is behind it is none.
        report.before["real"] = held_out.error(as_used(used, "real", report.noise))
    best = min(report.before, key=lambda name: report.before[name])
    trained = "and is trained" if best == report.branch else f"and --method {report.branch} is trained"
    say(f"--method {best} does better so far, {trained}; measured {report.scored_by}")


def _train(fitter: Fitter, report: FitReport, held_out: HeldOut, options: FitOptions) -> bool:
    """Train; whether the result is to be written."""
    before, say, interrupts = report.best_before, options.say, fitter.interrupts
    fitter.callback = options.callback
    if options.resume:
        fitter.resume()
    report.stopped_by = interrupts.during(
        lambda: fitter.run(held_out, say, before=before, quiet=options.quiet)
    )
    report.interrupted = report.stopped_by != 0
    if report.interrupted and fitter.step:
        write_or_say(fitter.save, say)  # measuring may take longer than the program is given
        say("measuring what was learned so far; a second interrupt leaves that out")
        try:
            fitter.check(held_out)
        except KeyboardInterrupt:
            say("not measured")
        else:
            write_or_rescue(fitter.save, fitter.state)
    report.after, report.steps = fitter.best_error, fitter.step
    report.minutes = fitter.seconds / 60
    if not fitter.step:
        why = (
            "interrupted" if report.interrupted else "measuring alone has used up the minutes: the fit ended"
        )
        say(f"{why} before the first step: nothing was learned, nothing was written")
        return False
    if math.isinf(report.after):
        say("what was learned was not measured on those kept aside: not written; --resume goes on")
        return False
    if not report.gain > 0 and not options.force:
        say(
            f"no better than before ({held_out.compare(before, report.after)}): not written (pass --force "
            "to write it nevertheless, or give it more time or pictures)"
        )
        return False
    return True


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


def _write(
    fitter: Fitter, report: FitReport, noisy: NoisySet, output: Path, before: dict[str, Tensor]
) -> None:
    """Write what was learned; before: adapters that are in the weights it began with."""
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
        tensors = adapters.stacked(before, adapters.plain_names(fitter.best))
        facts = {key: facts[key] for key in ("fit", "fingerprints")}
        save_adapters(tensors, output, base=base.facts.get("sha256", ""), facts=facts)
    else:
        exact = fitter.with_weights(fitter.best, torch.float32)
        save(Backbone(exact.network, base.config, facts), output)
