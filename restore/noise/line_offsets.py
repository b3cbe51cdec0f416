"""Tell offsets of lines from what content does from line to line."""

from __future__ import annotations

import numpy as np

from restore.noise.estimate import MEDIAN_DEVIATION
from restore.noise.model import Floats

PARTS = 8  # every line is looked at in so many parts, which must agree
DRIFT = 2.0  # content that all parts of a line share, to the difference between its parts


def slow(lines: Floats) -> Floats:
    """What varies slowly from line to line, as shading does: running medians, smoothed.

    lines ``(n,)`` or ``(n, parts)``, NaN where nothing is known.
    """
    from scipy.ndimage import gaussian_filter1d, median_filter

    filled = np.nan_to_num(lines)
    window = (15,) + (1,) * (lines.ndim - 1)
    slow: Floats = gaussian_filter1d(
        median_filter(filled, size=window, mode="nearest"), 5, axis=0, mode="nearest"
    )
    return slow


def separated(steps: Floats, parts: Floats, variance: float, noise: float) -> Floats:
    """White offsets from differences between lines, which hold the steps of content, too.

    The smoother minimises ``sum rho((steps - drift - diff(offsets)) / scale) + sum offsets^2 / variance``.
    rho is first the absolute value, which has one minimum; from there, the logarithm of Student's
    distribution.

    Parameters
    ----------
    steps : differences between lines, ``(n - 1,)``.
    parts : those of each part, ``(n - 1, PARTS)``.
    variance : of the offsets.
    noise : variance of what noise does to the mean of one part of a line.
    """
    known = np.isfinite(parts).sum(1) >= PARTS / 2
    spread = np.abs(parts[known] - np.nanmedian(parts[known], axis=1, keepdims=True))
    squared = (np.nanmedian(spread, axis=1) / MEDIAN_DEVIATION) ** 2
    squared = np.maximum(squared - 2 * noise, 0.1 * squared)
    squared = squared + np.median(squared) + PARTS * (0.1 / 255) ** 2
    scale = np.ones_like(steps)  # a step of which nothing is known may be any
    scale[known] = DRIFT * (squared / PARTS) ** 0.5
    drift = np.zeros_like(steps)
    weights = 1 / (variance + scale**2)
    for turn in range(35):
        offsets = _smoother(steps - drift, weights, variance)
        left = steps - np.diff(offsets)
        drift = slow(left) if turn > 3 else drift
        left = left - drift
        heavy = scale * np.sqrt(left**2 + 0.01 * scale**2) if turn < 25 else (scale**2 + left**2) / 3
        weights = 1 / heavy
    return offsets


def _smoother(steps: Floats, weights: Floats, variance: float) -> Floats:
    """The minimum of ``sum weights (steps - diff(offsets))^2 + sum offsets^2 / variance``."""
    from scipy.linalg import solveh_banded

    bands = np.zeros((2, len(steps) + 1))
    bands[1] = 1 / variance
    bands[1, 1:] += weights
    bands[1, :-1] += weights
    bands[0, 1:] = -weights
    right = np.zeros(len(steps) + 1)
    right[1:] += weights * steps
    right[:-1] -= weights * steps
    offsets: Floats = solveh_banded(bands, right)
    return offsets
