"""What an evaluation found out: plain values that tables, reports and plots are made from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore.evaluation.columns import Metric
from restore.evaluation.protocols import Restorer
from restore.priors.protocol import Prior


@dataclass(frozen=True)
class Method:
    """A row to be measured. prior: whose network calls are counted, for restore's own."""

    name: str
    run: Restorer
    kind: Kind
    device: str = "cpu"
    weights: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Any] = field(default_factory=dict)
    prior: Prior | None = None


Kind = Literal["input", "restore", "floor", "peer", "given"]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Scored:
    """One method on one picture.

    scores: by metric key; None where the picture is too small for the metric. calls: of the network,
    counted; None for a method that has none or does not tell.
    """

    picture: str
    scores: dict[str, float | None]
    seconds: float
    megapixels: float
    calls: int | None = None


@dataclass
class Row:
    """One method on all pictures of a set.

    kind: input (the damaged picture itself), restore, floor (classical), peer (another network), given
    (pictures made elsewhere). options: everything that the function was called with. sweep: the options that
    a sweep varies, such as ``{"steps": 4}``; rows that differ in them alone have the same ``method``.
    weights: hash, empty without. peak_bytes: the largest memory of the whole process, what is loaded
    included (on a GPU: of torch on the card), while the method ran; None where that is not known.
    """

    method: str
    kind: Kind
    device: str = "cpu"
    weights: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, Any] = field(default_factory=dict)
    peak_bytes: int | None = None
    pictures: list[Scored] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The method with what the sweep varies: ``restore sample, ddnm, steps=4``."""
        return ", ".join([self.method, *(f"{key}={value}" for key, value in self.sweep.items())])

    def mean(self, metric: str) -> float | None:
        """Mean over the pictures; None unless every picture has the score: no mean of a part.

        A picture that is exact, whose PSNR is infinite, is left out of the mean, unless all are.
        """
        scores = [picture.scores.get(metric) for picture in self.pictures]
        known = [score for score in scores if score is not None]
        if not known or len(known) < len(scores):
            return None
        finite = [score for score in known if math.isfinite(score)]
        return statistics.fmean(finite or known)

    def exact(self, metric: str) -> list[str]:
        """The pictures whose score is infinite, and in no mean."""
        return [p.picture for p in self.pictures if p.scores.get(metric) == math.inf]

    @property
    def seconds(self) -> float:
        """Median over the pictures of the method alone."""
        return statistics.median(picture.seconds for picture in self.pictures)

    @property
    def seconds_per_megapixel(self) -> float:
        """Median over the pictures, per megapixel of the result."""
        return statistics.median(p.seconds / p.megapixels for p in self.pictures)

    @property
    def calls(self) -> float | None:
        """Mean number of network calls for a picture; None for methods without."""
        counts = [picture.calls for picture in self.pictures if picture.calls is not None]
        return statistics.fmean(counts) if counts and len(counts) == len(self.pictures) else None


@dataclass(frozen=True)
class Shown:
    """A picture of the report: all arrays uint8 ``(h, w, 3)``; given has its own size when upscaling.

    hole: bool ``(h, w)``, for inpainting. results: by the label of each row, in the order of the rows.
    why: why this one is shown, such as "2nd worst" or "by turns".
    """

    picture: str
    reference: Bytes
    given: Bytes
    results: dict[str, Bytes]
    hole: NDArray[np.bool_] | None = None
    why: str = ""


@dataclass
class Table:
    """All methods on one set of pictures under one protocol.

    task: denoise, upscale, inpaint or compare. level: the number that makes this protocol one of a series
    (sigma, scale, quality), None without; series: what that series is. set_hash: of all clean pictures as
    they were used; inputs_hash: of everything the methods were given and told, to a sixteenth of a grey
    level. left_out: pictures that could not be measured, with the reason. failed: methods that could not do
    this, with the reason; they have no row. overlaps: pictures that look like one of those they were checked
    against, with whose; checked: against what, in words. scoring_seconds: what reading, damaging and scoring
    took beside the methods.
    """

    task: str
    set_name: str
    set_hash: str
    protocol: str
    words: str
    level: float | None
    level_name: str
    series: str
    metrics: list[Metric]
    rows: list[Row] = field(default_factory=list)
    count: int = 0
    inputs_hash: str = ""
    left_out: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    overlaps: dict[str, str] = field(default_factory=dict)
    checked: str = ""
    scoring_seconds: float = 0.0
    shown: list[Shown] = field(default_factory=list)

    @property
    def title(self) -> str:
        return f"{self.set_name}, {self.protocol}"


@dataclass
class Evaluation:
    """One run on one machine. facts: version, weights, machine, threads, LPIPS trunk, date, command."""

    facts: dict[str, str]
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
