"""Medians and quantiles, which take a fraction of the time of NumPy's own.

Those look for several ranks at once, and for values that are not a number. NumPy has a quick way to partition
at one rank, and to sort short rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.noise.model import Floats


def medians(values: Floats, axis: int = -1) -> Floats:
    """Give ``numpy.median`` of finite values along an axis.

    Parameters
    ----------
    values : at least one along the axis.
    axis : the axis.

    Examples
    --------
    >>> medians(np.array([[3.0, 1.0, 2.0, 10.0], [4.0, 4.0, 5.0, 4.0]]))
    array([2.5, 4. ])
    """
    rows = np.moveaxis(values, axis, -1)
    middle = rows.shape[-1] // 2
    parts = np.partition(rows, middle, axis=-1)
    found: Floats = parts[..., middle]
    return found if rows.shape[-1] % 2 else (parts[..., :middle].max(-1) + found) / 2


def median(values: NDArray[Any]) -> np.floating[Any]:
    """Give ``numpy.median`` of finite values of any shape, in their precision.

    Parameters
    ----------
    values : at least one.

    Examples
    --------
    >>> float(median(np.array([[3.0, 1.0], [2.0, 10.0]])))
    2.5
    """
    found: np.floating[Any] = medians(values.reshape(1, -1))[0]
    return found


def known_medians(values: Floats) -> Floats:
    """Give ``numpy.nanmedian`` along the last axis; NaN where no value is known.

    Parameters
    ----------
    values : ``(..., n)``.

    Examples
    --------
    >>> known_medians(np.array([[3.0, np.nan, 2.0], [np.nan, 7.0, np.nan]]))
    array([2.5, 7. ])
    """
    rows = np.sort(values, axis=-1)  # NaN goes to the end
    count = np.isfinite(rows).sum(-1, keepdims=True)
    low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, rows.shape[-1] - 1)
    both = [np.take_along_axis(rows, place, axis=-1)[..., 0] for place in (low, high)]
    found: Floats = (both[0] + both[1]) / 2
    return found


def lower_median(values: NDArray[Any]) -> float:
    """Give the median of finite values ``(n,)``, of an even number of them the lower of both in the middle.

    Parameters
    ----------
    values : at least one.

    Examples
    --------
    >>> lower_median(np.array([4.0, 1.0, 3.0, 2.0]))
    2.0
    """
    middle = (len(values) - 1) // 2
    return float(np.partition(values, middle)[middle])


def quantile(values: Floats, share: float) -> float:
    """Give ``numpy.quantile`` of finite values ``(n,)``.

    Parameters
    ----------
    values : at least one.
    share : 0 to 1.

    Examples
    --------
    >>> quantile(np.array([4.0, 1.0, 2.0]), 0.25)
    1.5
    """
    rows = np.sort(values)
    place = share * (len(rows) - 1)
    below = int(place)
    low, high = rows[below], rows[min(below + 1, len(rows) - 1)]
    # As NumPy has it, from the nearer end.
    near = place - below
    return float(high - (high - low) * (1 - near) if near >= 0.5 else low + (high - low) * near)
