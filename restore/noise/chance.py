"""Whether points in a picture lie as if each had fallen by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

REACH = 4  # pairs at up to this distance are as frequent as chance has them
UNEVEN = 0.2  # the squared variation of their share over the picture that content explains


def is_chance(count: Plane, expected: Plane) -> bool:
    """Whether points are spread evenly, not on a grid, and do not mind each other.

    Parameters
    ----------
    count : how many points are at each pixel, ``(h, w)``, without those that touch others, or with them.
    expected : how many chance has there on average; as many in all.

    Examples
    --------
    >>> points = (np.random.default_rng(0).random((128, 128)) < 0.01).astype(np.float32)
    >>> is_chance(points, np.full_like(points, points.mean()))
    True
    >>> points = np.zeros((128, 128), np.float32)
    >>> points[::10, ::10] = 1
    >>> is_chance(points, np.full_like(points, points.mean()))
    False
    """
    return _is_even(count, expected) and _is_irregular(count, expected) and _is_alone(count, expected)


def _is_even(count: Plane, expected: Plane) -> bool:
    """Whether the numbers in the cells of a grid vary as chance has it, and as content explains."""
    cells = int(np.clip((count.sum() / 8) ** 0.5, 2, 16))
    sums = []
    for plane in (count, expected):
        rows = [part.sum(0) for part in np.array_split(plane, cells, axis=0)]
        sums.append(np.array([part.sum(1) for part in np.array_split(np.array(rows), cells, axis=1)]).ravel())
    seen, mean = (each[sums[1] >= 1] for each in sums)
    if len(seen) < 3 or seen.sum() < count.sum() / 2:
        return False
    spread = float(((seen - mean) ** 2 / mean).mean())
    luck = (2 / len(seen)) ** 0.5
    return bool(0.6 - 3 * luck < spread < 1 + 4 * luck + UNEVEN * mean.mean())


def _is_irregular(count: Plane, expected: Plane) -> bool:
    """Whether there are neighbours within the distance at which chance has one: on a grid there are none."""
    import cv2

    density = float(expected.sum() / (expected > 0).sum())
    side = 2 * int((density**-0.5 - 1) / 2) + 1
    around = [cv2.boxFilter(plane, -1, (side, side), normalize=False) - plane for plane in (count, expected)]
    seen, mean = float((count * around[0]).sum()), float((count * around[1]).sum())
    luck: float = (mean + 1) ** 0.5
    return 0.5 * mean - 3 * luck <= seen <= 1.6 * mean + 5 * luck


def _is_alone(count: Plane, expected: Plane) -> bool:
    """Whether pairs are as frequent at every small distance as chance has them."""
    h, w = count.shape
    slack = 0.05 * float(count.sum())
    for down in range(REACH + 1):
        for right in range(-REACH if down else 1, REACH + 1):
            first = np.s_[: h - down, max(0, -right) : w - max(0, right)]
            second = np.s_[down:, max(0, right) : w - max(0, -right)]
            seen = float((count[first] * count[second]).sum())
            mean = float((expected[first] * expected[second]).sum())
            luck = 5 * (mean + 1) ** 0.5
            # Next to each other there may be none, where only those without neighbours are looked at.
            if max(down, abs(right)) > 1 and not 0.5 * mean - luck <= seen <= 2 * mean + luck + slack:
                return False
    return True
