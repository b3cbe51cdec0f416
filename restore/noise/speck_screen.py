"""Tell quickly that a picture holds too few pixels that could be specks.

Nearly every picture has none, and to find that out takes the medians of its surroundings and no more. Every
test here lets through all that `restore.noise.specks` does, and a little besides.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from restore.noise.estimate import MEDIAN_DEVIATION

Plane = NDArray[np.float32]

SLACK = 1e-5  # more than sums of float32 in another order differ by


class Limits(NamedTuple):
    """What single pixels must be like, and how many there must be.

    peaks : their least height, the same in deviations of their surroundings, and the most of it that the
        mean of the four next and the brightest neighbour have.
    ends : the least distance of values at the ends of the range, and the same in deviations.
    least_peaks, least_ends : pixels below which there are none.
    """

    peaks: tuple[float, float, float, float]
    ends: tuple[float, float]
    least_peaks: float
    least_ends: float


def may_have(planes: Iterable[Plane], ends: tuple[float, float], limits: Limits) -> tuple[bool, bool]:
    """Whether a picture may have peaks, and whether it may have values at its ends, that are specks.

    Parameters
    ----------
    planes : the channels of the picture, each ``(h, w)`` and contiguous.
    ends : the least and the greatest value of the picture.
    limits : what specks are like.

    Returns
    -------
    (bool, bool)
        False where there are surely fewer than the limits say.

    Examples
    --------
    >>> ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    >>> limits = Limits((0.1, 8.0, 0.15, 0.35), (0.15, 4.0), 1, 1)
    >>> may_have([ramp], (0.0, 1.0), limits)
    (False, False)
    >>> ramp[40, 20] = 1
    >>> may_have([ramp], (0.0, 1.0), limits)
    (True, True)
    """
    import cv2

    peaks, at_ends = [], []
    lowest, deviations, *sharpness = limits.peaks
    for plane in planes:
        around: NDArray[Any] = cv2.medianBlur(plane, 5)
        distance: NDArray[Any] = cv2.absdiff(plane, around)
        # The deviation of surroundings near the ends is taken for higher, never for lower.
        deviation: NDArray[Any] = cv2.medianBlur(distance, 5)
        deviation /= np.float32(MEDIAN_DEVIATION)
        place = np.flatnonzero((plane <= ends[0]) | (plane >= ends[1]))
        away = np.maximum(limits.ends[0], limits.ends[1] * deviation.ravel()[place])
        at_ends.append(place[distance.ravel()[place] > away])
        deviation *= np.float32(deviations)
        high = np.flatnonzero(distance > np.maximum(deviation, np.float32(lowest), out=deviation))
        peaks.append(high[_are_sharp(plane, around, high, sharpness)] if len(high) else high)
    return _count(peaks) >= limits.least_peaks, _count(at_ends) >= limits.least_ends


def _count(places: list[NDArray[np.intp]]) -> int:
    """How many places there are in any of the channels."""
    return len(places[0]) if len(places) == 1 else len(np.unique(np.concatenate(places)))


def _are_sharp(
    plane: Plane, around: Plane, place: NDArray[np.intp], sharpness: list[float]
) -> NDArray[np.bool_]:
    """Which places stand out from the pixels next to them, or lie at the edge of the picture."""
    mean, most = sharpness
    h, w = plane.shape
    rows, columns = np.divmod(place, w)
    edge = (rows == 0) | (rows == h - 1) | (columns == 0) | (columns == w - 1)
    values, middle = plane.ravel(), around.ravel()[place]
    cross, corners = (-w, -1, 1, w), (-w - 1, -w + 1, w - 1, w + 1)
    limit = values.size - 1
    near = np.stack([values[(place + step).clip(0, limit)] for step in cross + corners])
    height = values[place] - middle
    near = (near - middle) * np.sign(height)
    height = np.abs(height)
    sharp: NDArray[np.bool_] = near[:4].mean(0) < mean * height + SLACK
    sharp &= near.max(0) < most * height + SLACK
    sharp |= edge
    return sharp
