"""The pictures that noise is measured in, as planes."""

from __future__ import annotations

import numpy as np

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
