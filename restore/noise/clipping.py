"""What is left of normal noise where it was cut off at black or white."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SHARES = np.linspace(0, 0.25, 26)  # shares of clipped pixels whose missing noise can be made up for
_DISTANCES = np.linspace(-1, 6, 141)  # of the signal from the end, in deviations of the noise
_NORMAL = NormalDist()


def left_by_share(share: Floats) -> Floats:
    """The share of the noise's variance that is left when a share of the pixels is cut off at one end.

    Parameters
    ----------
    share : of pixels at the end, 0 to 0.25; more counts as 0.25.

    Returns
    -------
    array of the same shape
        0 to 1.

    Examples
    --------
    >>> left_by_share(np.array([0.0, 0.25])).round(2)
    array([1.  , 0.63])
    """
    return np.interp(share, SHARES, _left_at_shares())


def left_by_distance(distance: Floats) -> Floats:
    """The share of the noise's variance that is left where the mean of what was cut off is so far away.

    Parameters
    ----------
    distance : from the end to the mean after the cut, in deviations of the noise before it, 0 or more.

    Returns
    -------
    array of the same shape
        0 to 1.

    Examples
    --------
    >>> left_by_distance(np.array([1.0, 6.0])).round(2)
    array([0.72, 1.  ])
    """
    means, left = _at_distances()
    return np.interp(distance, means, left)


def mean_after(distance: float) -> float:
    """How far from the end the mean is after the cut, for a signal so many deviations away from it."""
    return distance * _NORMAL.cdf(distance) + _NORMAL.pdf(distance)


@cache
def _left_at_shares() -> Floats:
    return np.array([_left_below(_NORMAL.inv_cdf(1 - max(float(share), 1e-6))) for share in SHARES])


@cache
def _at_distances() -> tuple[Floats, Floats]:
    """Mean after the cut, and variance left, at _DISTANCES."""
    means = [mean_after(float(distance)) for distance in _DISTANCES]
    return np.array(means), np.array([_left_below(float(distance)) for distance in _DISTANCES])


def _left_below(cut: float) -> float:
    """The variance of a standard normal number that is cut off above ``cut``."""
    below, density = _NORMAL.cdf(cut), _NORMAL.pdf(cut)
    mean = cut * (1 - below) - density
    return below - cut * density + cut**2 * (1 - below) - mean**2
