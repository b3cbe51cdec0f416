"""The pictures that noise is measured in, as planes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.noise.model import Floats

SAME = 0.5 / 255  # channels that differ by less everywhere are one
SPARSE = 61  # one line in so many is looked at first


def planes_of(pixels: Floats) -> Floats:
    """A picture as ``(h, w, c)``, with one channel where all are the same.

    Parameters
    ----------
    pixels : float array ``(h, w)`` or ``(h, w, c)``.

    Raises
    ------
    ValueError
        For another shape, no pixels, or values that are not finite.

    Examples
    --------
    >>> planes_of(np.zeros((4, 6))).shape, planes_of(np.zeros((4, 6, 3))).shape
    ((4, 6, 1), (4, 6, 1))
    """
    planes = pixels[..., None] if pixels.ndim == 2 else pixels
    if planes.ndim != 3 or planes.size == 0:
        raise ValueError(f"expected a picture (h, w) or (h, w, c), got shape {pixels.shape}")
    if not np.isfinite(planes).all():
        raise ValueError("the picture holds values that are not finite (NaN or infinity)")
    # A few lines tell of nearly every picture in colours that it is one.
    if planes.shape[2] > 1 and _are_same(planes[::SPARSE]) and _are_same(planes):
        return planes[..., :1]
    return planes


def _are_same(planes: Floats) -> bool:
    """Whether the channels of ``(h, w, c)`` differ by less than a step everywhere."""
    high = low = planes[..., 0]
    for channel in range(1, planes.shape[2]):
        high, low = np.maximum(high, planes[..., channel]), np.minimum(low, planes[..., channel])
    return bool((high - low).max() < SAME)


def one_by_one(planes: NDArray[Any]) -> NDArray[Any]:
    """The channels of ``(h, w, c)`` one after the other, ``(c, h, w)``, each of them in one piece of memory.

    What is done to lines and cells of a picture is several times quicker there.

    Examples
    --------
    >>> one_by_one(np.zeros((4, 6, 3))).shape
    (3, 4, 6)
    """
    return np.ascontiguousarray(np.moveaxis(planes, 2, 0))


def cell_ends(channels: NDArray[Any], side: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The least and the greatest value in each cell of channels ``(c, h, w)``.

    Parameters
    ----------
    channels : as `one_by_one` gives them.
    side : of a cell, in pixels. What is left of the picture at the bottom and to the right is no cell.

    Returns
    -------
    low, high
        ``(c, rows, columns)``.

    Examples
    --------
    >>> low, high = cell_ends(np.arange(16.0).reshape(1, 4, 4), 2)
    >>> low[0], high[0]
    (array([[ 0.,  2.],
           [ 8., 10.]]), array([[ 5.,  7.],
           [13., 15.]]))
    """
    c, rows, columns = len(channels), channels.shape[1] // side, channels.shape[2] // side
    whole = channels[:, : rows * side, : columns * side].reshape(c, rows, side, columns * side)
    # Down first, line by line: what is left for the slower way along them is a fraction.
    low, high = (
        end(end(whole, axis=2).reshape(c, rows, columns, side), axis=3)
        for end in (np.minimum.reduce, np.maximum.reduce)
    )
    return low, high
