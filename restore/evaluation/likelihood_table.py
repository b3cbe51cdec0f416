"""Tables of likelihoods: a row of a prior on a set of pictures, with what its number is the sum of."""

from __future__ import annotations

import hashlib
import math
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from restore.diffusion.samplers import LearnedVariance
from restore.diffusion.schedule import Schedule
from restore.diffusion.seeds import picture_rng
from restore.errors import ConfigError, ImageError, NumbersError
from restore.evaluation.cases import to_bytes
from restore.evaluation.columns import Metric
from restore.evaluation.likelihood import FlowPath, flow_bits, known_process, noise_bits, respaced
from restore.evaluation.observer import SILENT, Observer
from restore.evaluation.pictures import Picture, PictureSet
from restore.evaluation.results import Row, Scored, Table
from restore.priors.protocol import Prior
from restore.training.bound import variational_bound
from restore.types import Progress, Rng, to_255

Variance = Literal["small", "large", "learned"]
Parts = tuple[dict[str, float], list[float]]
"""The scores of one picture by the key of their column, and the part of each noise level."""

TOTAL = Metric(
    "bits", "bits / dim", False, 3, "-log2 p(picture) per channel of a pixel, of each picture; mean"
)
_BOUND = (
    TOTAL,
    Metric("prior", "prior", False, 4, "KL(q(x_T | x0) || N(0, 1)): what the schedule leaves of the picture"),
    Metric("decoder", "decoder", False, 3, "-log2 p(x0 | x) at the lowest noise level, in bins of 8 bits"),
    Metric("steps", "KL terms", False, 3, "the sum of the divergences of all other steps"),
)
_FLOW = (
    TOTAL,
    Metric("prior", "prior", False, 3, "-log2 N(x_T; 0, 1) at the end of the flow"),
    Metric("volume", "volume", False, 3, "the integral of the divergence along the flow"),
    Metric("bins", "bins", False, 3, "the change to densities of pictures, and log2 255 for bins of 8 bits"),
)
_PICTURES = "Pictures of more than 8 bits are rounded to 8; gray ones count as three equal channels"


class Rule(ABC):
    """How a likelihood is measured.

    Attributes
    ----------
    name, description : in the title of the table and below it.
    metrics : the columns; the first is the sum of the others.
    options : what the row was measured with.
    """

    name: str
    description: str
    metrics: Sequence[Metric]
    options: dict[str, Any]

    @property
    @abstractmethod
    def sigmas(self) -> list[float]:
        """The noise level of each part, [0, 1] units."""

    @abstractmethod
    def measure(self, image: Tensor, rng: Rng, progress: Progress) -> Parts:
        """Measure one picture ``(1, 3, h, w)``."""


class ByBound(Rule):
    """By the variational bound of a respaced schedule.

    Raises ConfigError for steps that the schedule has not, and for a variance that the checkpoint has not.
    """

    def __init__(self, prior: Prior, *, steps: int = 100, variance: Variance | None = None):
        if variance is None:
            variance = "learned" if learns_variance(prior) else "small"
        if variance == "learned" and not learns_variance(prior):
            raise ConfigError(
                "--variance learned: these weights have no learned variance; use small or large"
            )
        known = known_process(prior.schedule, lowest=prior.sigma_min, highest=prior.sigma_max)
        self._variance, self._schedule = variance, _respaced(known, steps)
        self._denoise = prior.denoiser()
        self.name = f"bound, {steps} steps"
        low, high = (to_255(float(self._schedule.sigmas[end])) for end in (0, -1))
        self.description = (
            "Variational bound (Ho et al. 2020, arXiv:2006.11239, eq. 5): what the true number is at most, "
            f"but for the chance of one draw at each timestep. {steps} of the {known.steps} timesteps that "
            f"the network knows, even in log SNR, sigma {low:.3g} to {high:.4g} of 255; reverse variance "
            f"{variance}. The decoder is a Gaussian around the answer at sigma {low:.3g}, in bins of 8 "
            f"bits. {_shown(prior)}. {_PICTURES}"
        )
        self.metrics, self.options = _BOUND, {"steps": steps, "variance": variance}

    @property
    def sigmas(self) -> list[float]:
        """Of the timesteps that are used."""
        return [float(sigma) for sigma in self._schedule.sigmas]

    def measure(self, image: Tensor, rng: Rng, progress: Progress) -> Parts:
        """Measure one picture ``(1, 3, h, w)``."""
        bound = variational_bound(
            self._denoise, image, self._schedule, rng=rng, variance=self._variance, progress=progress
        )
        terms = [float(term) for term in bound.terms[0]]
        parts = {"prior": float(bound.prior), "decoder": terms[0], "steps": math.fsum(terms[1:])}
        return {"bits": math.fsum(parts.values())} | parts, terms


class ByFlow(Rule):
    """By the probability flow of the prior, from its lowest noise level to its highest."""

    def __init__(self, prior: Prior, *, steps: int = 25, probes: int = 1):
        self._path = FlowPath(prior.sigma_min, prior.sigma_max, steps, probes)
        self._denoise = prior.denoiser(differentiable=True)
        self.name = f"ode, {steps} steps"
        low, high = to_255(prior.sigma_min), to_255(prior.sigma_max)
        least = noise_bits(prior.sigma_min)
        self.description = (
            f"Probability flow (Song et al. 2021, arXiv:2011.13456, section 4.3): {steps} steps of "
            f"Runge-Kutta (4th order), even in log sigma, {probes} Rademacher probe{'s' * (probes > 1)} for "
            "each divergence. Bits are -log2 p(x) per dimension + log2 255, for x = (k + u) / 255 with u "
            f"uniform in -1/2..1/2. p is the density at sigma {low:.3g} of 255, the lowest noise these "
            f"weights know: that of pictures with so much noise left, which alone costs {least:.2f} bits "
            f"where all else is known. At sigma {high:.4g} of 255 p is N(0, 1) of the network's state. "
            f"{_shown(prior)}. {_PICTURES}"
        )
        self.metrics, self.options = _FLOW, {"steps": steps, "probes": probes}

    @property
    def sigmas(self) -> list[float]:
        """Where each step begins."""
        return self._path.sigmas[:-1]

    def measure(self, image: Tensor, rng: Rng, progress: Progress) -> Parts:
        """Measure one picture ``(1, 3, h, w)``."""
        found = flow_bits(self._denoise, image, self._path, rng=rng, progress=progress)
        parts = {"prior": float(found.prior), "volume": float(found.volume), "bins": found.bins}
        return {"bits": math.fsum(parts.values())} | parts, [float(term) for term in found.terms[0]]


def learns_variance(prior: Prior) -> bool:
    """Whether it has learned the variances of its reverse process."""
    return isinstance(prior.denoiser(), LearnedVariance)


def check_is_prior(prior: Prior, name: str) -> None:
    """Raise ConfigError for adapters: they are trained to remove noise, and are no model of pictures."""
    if "adapts" in prior.facts:
        raise ConfigError(
            f"{name}: these are adapters that were fitted to noisy pictures, which are no model of clean "
            f"ones; measure the weights they belong to ({str(prior.facts['adapts'])[:12]})"
        )


@dataclass(frozen=True)
class Measuring:
    """Whose likelihood is measured, and how. name: of the row. seed: of the random numbers."""

    name: str
    prior: Prior
    rule: Rule
    seed: int = 0


def measure_likelihood(pictures: PictureSet, what: Measuring, observer: Observer = SILENT) -> Table:
    """Measure every picture of a set by itself; the mean counts each once, whatever its size.

    Parameters
    ----------
    pictures : PictureSet
        The pictures.
    what : Measuring
        Of what, and how.
    observer : Observer
        Is told of progress, in network calls, and of pictures that are left out.

    Returns
    -------
    Table
        One row, with the standard errors of its means and the mean part of each noise level.

    Raises
    ------
    ImageError
        Not one picture could be measured.
    """
    started = time.perf_counter()
    rule, prior = what.rule, what.prior
    crop = f"Centre crops of {pictures.crop}x{pictures.crop}" if pictures.crop else "Whole pictures"
    table = Table(
        "likelihood", pictures.name, "", rule.name, f"{rule.description}. {crop}.", None, "", "likelihood",
        list(rule.metrics), checked=pictures.checked,
    )  # fmt: skip
    weights = str(prior.facts.get("sha256", ""))[:12]
    where = f"{prior.device} {str(prior.dtype).removeprefix('torch.')}"
    row = Row(what.name, "restore", where, weights, dict(rule.options) | {"seed": what.seed})
    levels, digest = [], hashlib.sha256()
    for number, picture in enumerate(pictures.read()):
        if not isinstance(picture, Picture):
            table.left_out[picture[0]] = picture[1]
            continue
        try:
            scored, parts = _measured(picture, number, what, _steps(observer, table, number, pictures))
        except NumbersError as error:
            table.left_out[picture.name] = str(error)
            continue
        except torch.OutOfMemoryError:
            table.left_out[picture.name] = "it does not fit into memory; pass --crop, or a smaller --tile"
            continue
        row.pictures.append(scored)
        levels.append(parts)
        digest.update(to_bytes(picture.clean).tobytes() + repr(tuple(picture.clean.shape)).encode())
        if picture.overlap:
            table.overlaps[picture.name] = picture.overlap
    for name, reason in table.left_out.items():
        observer.warn(f"{name} is left out of {table.title}: {reason}")
    if not row.pictures:
        first = next(iter(table.left_out.values()), "no pictures")
        raise ImageError(f"{pictures.name}: not one picture could be measured ({first})")
    table.rows, table.count = [row], len(row.pictures)
    table.set_hash = table.inputs_hash = digest.hexdigest()[:12]
    row.errors = {metric.key: _standard_error(row, metric) for metric in rule.metrics if table.count > 1}
    row.curve = _curve(rule.sigmas, levels)
    table.scoring_seconds = time.perf_counter() - started - math.fsum(p.seconds for p in row.pictures)
    return table


def _measured(
    picture: Picture, number: int, what: Measuring, progress: Progress
) -> tuple[Scored, list[float]]:
    before, start = what.prior.calls, time.perf_counter()
    scores, parts = what.rule.measure(picture.clean, picture_rng(what.seed, number), progress)
    seconds = time.perf_counter() - start
    if not math.isfinite(scores["bits"]):
        raise NumbersError("the likelihood is not finite")
    megapixels = picture.clean.shape[-2] * picture.clean.shape[-1] / 1e6
    calls = what.prior.calls - before
    return Scored(picture.name, dict(scores), seconds, megapixels, calls), parts


def _steps(observer: Observer, table: Table, number: int, pictures: PictureSet) -> Progress:
    """Tell the observer of the calls for one picture among those for all."""

    def progress(done: int, calls: int) -> None:
        observer.progress(table.title, number * calls + done, len(pictures.files) * calls)

    return progress


def _standard_error(row: Row, metric: Metric) -> float:
    """Of a mean over two pictures at least."""
    values = [picture.scores[metric.key] or 0.0 for picture in row.pictures]
    return statistics.stdev(values) / math.sqrt(len(values))


def _curve(sigmas: Sequence[float], levels: Sequence[Sequence[float]]) -> dict[str, list[float]]:
    """The mean part of each noise level, on the scale that users are shown."""
    means = [statistics.fmean(parts) for parts in zip(*levels, strict=True)]
    return {"sigma": [to_255(sigma) for sigma in sigmas], "bits per dimension, each step": means}


def _respaced(schedule: Schedule, steps: int) -> Schedule:
    try:
        return respaced(schedule, steps)
    except ValueError as error:
        raise ConfigError(f"--steps {steps}: {error}") from None


def _shown(prior: Prior) -> str:
    """What the network sees beside the state, in words."""
    return "The prior alone, which is shown no condition" if prior.conditional else "The prior alone"
