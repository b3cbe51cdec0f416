"""The results of an evaluation: plain values that tables, reports and plots are made from."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore.evaluation.cases import Restorer
from restore.evaluation.columns import Metric
from restore.priors.protocol import Prior

Kind = Literal["input", "restore", "baseline", "peer", "given"]
Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Candidate:
    """A row to be measured.

    Parameters
    ----------
    name : str
        The row's name.
    run : callable
        The restorer.
    kind : str
        As in `Row`.
    device, weights : str
        Where it is computed; the first digits of the hash of its weights.
    options, sweep : mapping
        As in `Row`.
    prior : Prior, optional
        Whose network calls are counted, for restore's own rows.
    """

    name: str
    run: Restorer
    kind: Kind
    device: str = "cpu"
    weights: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Any] = field(default_factory=dict)
    prior: Prior | None = None


@dataclass(frozen=True)
class Scored:
    """One method on one picture.

    Parameters
    ----------
    picture : str
        Its name.
    scores : dict
        By the key of the metric; None where the picture is too small for it.
    seconds, megapixels : float
        The time of the method alone; the size of the result.
    calls : int, optional
        Network calls, counted; None for a method without.
    """

    picture: str
    scores: dict[str, float | None]
    seconds: float
    megapixels: float
    calls: int | None = None


@dataclass
class Row:
    """One method on all pictures of a set.

    Parameters
    ----------
    method : str
        Its name.
    kind : {'input', 'restore', 'baseline', 'peer', 'given'}
        The damaged picture itself, restore, a classical method, another network, pictures made elsewhere.
    device, weights : str
        Where it was computed; the first digits of the hash of its weights, empty without.
    options : dict
        Everything that the function was called with.
    sweep : dict
        The options that a sweep varies, such as ``{"steps": 4}``; rows that differ in them alone have the
        same ``method``.
    peak_bytes : int, optional
        The largest memory of the whole process while the method ran, everything that is loaded included
        (on a GPU: of torch on the card); None where it is not known.
    pictures : list of Scored
        The scores.
    errors : dict
        Standard errors of the means by the key of the metric, where a table has them.
    curve : dict
        What is drawn of a row as a curve: two lists of one length by their names, x first; empty for none.
    """

    method: str
    kind: Kind
    device: str = "cpu"
    weights: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    sweep: dict[str, Any] = field(default_factory=dict)
    peak_bytes: int | None = None
    pictures: list[Scored] = field(default_factory=list)
    errors: dict[str, float] = field(default_factory=dict)
    curve: dict[str, list[float]] = field(default_factory=dict)

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
    """A picture of the report; all pixels are uint8 ``(h, w, 3)``.

    Parameters
    ----------
    picture : str
        Its name.
    reference, given : ndarray
        The clean picture and the damaged one, which has its own size when upscaling.
    results : dict
        By the label of each row, in the order of the rows.
    hole : ndarray, optional
        bool ``(h, w)``, for inpainting.
    why : str
        Why this one is shown, such as "2nd worst" or "by turns".
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

    Parameters
    ----------
    task : str
        A task, or compare.
    set_name, set_hash : str
        The set of pictures; the hash of all clean pictures as they were used.
    protocol, description : str
        The protocol's name and description.
    level, level_name, series :
        The number that makes this protocol one of a series (sigma, scale, quality), None without; what it
        is called; what the series is called.
    metrics : list of Metric
        The columns.
    rows : list of Row
        The rows.
    count : int
        How many pictures are in the means.
    inputs_hash : str
        The hash of everything the methods were given and told, to a sixteenth of a grey level.
    left_out, failed : dict
        Pictures that could not be measured, and methods that failed and have no row, with the reason.
    overlaps, checked :
        Pictures that look like one of those that they were checked against, with whose it is; a sentence
        that says against what.
    scoring_seconds : float
        The time of reading, damaging and scoring, beside the methods.
    shown : list of Shown
        Pictures for a report.
    """

    task: str
    set_name: str
    set_hash: str
    protocol: str
    description: str
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
    """One run on one machine.

    Parameters
    ----------
    facts : dict
        Version, weights, machine, threads, LPIPS trunk, date, command.
    tables : list of Table
        The tables.
    notes : list of str
        What is to be known beside the numbers.
    """

    facts: dict[str, str]
    tables: list[Table] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
