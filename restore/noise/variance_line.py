"""Fit the line ``variance = gain * signal + read variance`` to measured variances."""

from __future__ import annotations

import numpy as np

from restore.noise.medians import medians
from restore.noise.model import Floats

BINS = 12  # the most bins of brightness
NARROW = 0.1  # within this range of brightness no dependence on it can be seen
FEWEST = 20  # patches that a bin of brightness needs


def variance_line(mean: Floats, variance: Floats) -> tuple[float, float]:
    """Fit a robust line through variances over brightness.

    The line goes through the medians of bins of brightness, by least squares with weights that fall for
    bins far above it, where texture was taken for noise.

    Parameters
    ----------
    mean : brightness of each patch, in [0, 1], ``(n,)``.
    variance : variance of each patch, in [0, 1] units, ``(n,)``.

    Returns
    -------
    gain, read variance
        Both at least 0. The gain is 0 where all patches are of about one brightness.

    Examples
    --------
    >>> mean = np.linspace(0.1, 0.9, 400)
    >>> gain, read = variance_line(mean, 0.02 * mean + 0.001)
    >>> round(gain, 4), round(read, 4)
    (0.02, 0.001)
    """
    bins = max(1, min(BINS, len(mean) // FEWEST))
    parts = [part for part in np.array_split(np.argsort(mean), bins) if len(part)]
    x = [mean[part].mean() for part in parts]
    y = [medians(variance[part]) for part in parts]
    n = [len(part) for part in parts]
    points, levels = np.array(x), np.array(y)
    if np.ptp(points) < NARROW:
        return 0.0, float(np.average(levels, weights=n))
    weights = np.array(n, float) / levels.clip(1e-10) ** 2  # the spread of a variance grows with it
    for _ in range(10):
        gain, read = nonnegative_line(points, levels, weights)
        over = (levels - gain * points - read) / (gain * points + read + 1e-12)
        robust = np.where(over > 0.1, (0.1 / over.clip(0.1)) ** 2, 1.0)
        weights = np.array(n, float) * robust / (gain * points + read + 1e-10) ** 2
    return gain, read


def nonnegative_line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Fit ``y = gain x + read`` by weighted least squares with both numbers at least 0.

    Parameters
    ----------
    x, y, weights : arrays ``(n,)``.

    Returns
    -------
    gain, read

    Examples
    --------
    >>> nonnegative_line(np.array([0.0, 1.0]), np.array([2.0, 1.0]), np.ones(2))
    (0.0, 1.5)
    """
    total = weights.sum()
    middle_x, middle_y = (weights * x).sum() / total, (weights * y).sum() / total
    spread = (weights * (x - middle_x) ** 2).sum()
    gain = (weights * (x - middle_x) * (y - middle_y)).sum() / spread if spread > 0 else 0.0
    if gain <= 0:
        return 0.0, max(0.0, float(middle_y))
    read = middle_y - gain * middle_x
    if read < 0:
        return float((weights * x * y).sum() / (weights * x * x).sum()), 0.0
    return float(gain), float(read)
