"""Tell damage from lines and dots of the picture itself by what is around it.

The network of `restore.tasks.damage_head` says how likely each pixel is damage. The pixels it suspects are
looked at once more here, by a few facts about their surroundings: how much else is suspected near and far,
how lively the picture is there, how rough it is as a whole, whether an edge runs there. A line in an empty
sky is judged differently so than one of a hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.tasks.damage_head import WHITE, Floats, parameters

Mask = NDArray[np.bool_]
Place = tuple[NDArray[np.intp], NDArray[np.intp]]
LOOKED_AT = 0.1  # of the network's answer
SUSPECTED, SURE = 0.3, 0.7  # what counts as a neighbour, and as one for certain
TOP_HAT = 9  # pixels
RIM, NEAR, AROUND, FAR = 5, 25, 31, 65  # pixels a side of a pixel's surroundings
BESIDE = 15  # pixels a side within which the light to both sides is compared
FACTS = 16
# Photographs are rougher. The network that judges has seen no smoother ones, and is not asked there.
SMOOTH = 0.0005
WHOLE = 384**2  # pixels; in a smaller picture a scratch may have a larger share
SPREAD = 3.0  # times the usual deviation, at which facts are cut off


def _logit(likely: Any) -> Any:
    sure = np.clip(likely, 1e-4, 1 - 1e-4)
    return np.log(sure / (1 - sure))


def _grain(brightness: Floats, neighbours: Floats) -> float:
    """How rough what is not suspected is; lines in a flat picture are not its grain."""
    import cv2

    away = np.abs(brightness - cv2.medianBlur(brightness, 3))
    return float((np.minimum(away, 0.05) * (1 - neighbours)).mean())


def _tilt(brightness: Floats, suspected: Floats) -> Floats:
    """How much lighter it is on one side of what is suspected than on the other: much at edges of things."""
    import cv2

    smooth = cv2.GaussianBlur(brightness, (0, 0), 2.5)
    around = cv2.blur(suspected, (BESIDE, BESIDE)) + np.float32(1e-6)
    slopes = [
        cv2.blur(cv2.Sobel(smooth, cv2.CV_32F, *way, scale=0.125) * suspected, (BESIDE, BESIDE)) / around
        for way in ((1, 0), (0, 1))
    ]
    found: Floats = np.hypot(*slopes)
    return found


def _planes(picture: Floats, likely: Floats) -> Iterator[Any]:
    """The facts one after the other, (h, w), or a number where a fact is about the whole picture."""
    import cv2

    answer = _logit(likely).astype(np.float32)
    neighbours, sure = ((likely > level).astype(np.float32) for level in (SUSPECTED, SURE))
    yield answer
    yield cv2.dilate(answer, np.ones((3, 3), np.uint8))
    yield cv2.blur(answer, (RIM, RIM))
    yield cv2.blur(answer, (AROUND, AROUND))
    for plane, side in ((neighbours, NEAR), (neighbours, FAR), (sure, FAR)):
        yield np.log(cv2.blur(plane, (side, side)) + 1e-3)
    for plane in (neighbours, sure):
        yield np.log(float(plane.sum()) / max(likely.size, WHOLE) + 1e-3)
    brightness = np.ascontiguousarray(picture @ WHITE)
    square = np.ones((TOP_HAT, TOP_HAT), np.uint8)
    white = cv2.morphologyEx(brightness, cv2.MORPH_TOPHAT, square)
    black = cv2.morphologyEx(brightness, cv2.MORPH_BLACKHAT, square)
    for light in (white, black):
        yield np.log(light + 0.01)
    for side in (NEAR, FAR):
        yield np.log(cv2.blur(np.maximum(white, black), (side, side)) + 0.01)
    yield np.log(_tilt(brightness, neighbours) + 0.002)
    yield np.log(picture.max(2) - picture.min(2) + 0.02)
    yield np.log(_grain(brightness, neighbours) + 0.002)


def facts(picture: Floats, likely: Floats) -> tuple[Floats, Place]:
    """Give the facts about each pixel that is looked at again, and where these are.

    Parameters
    ----------
    picture : ``(h, w, 3)`` in [0, 1].
    likely : ``(h, w)``, the network's answer.

    Returns
    -------
    tuple
        Facts ``(n, 16)``, and the rows and columns of the pixels ``(n,)``.

    Examples
    --------
    >>> likely = np.zeros((9, 9), np.float32)
    >>> likely[4, 3:6] = 0.5
    >>> about, (rows, columns) = facts(np.zeros((9, 9, 3), np.float32), likely)
    >>> about.shape, rows.tolist(), columns.tolist()
    ((3, 16), [4, 4, 4], [3, 4, 5])
    """
    at = np.nonzero(likely >= LOOKED_AT)
    found = np.empty((len(at[0]), FACTS), np.float32)
    for number, plane in enumerate(_planes(picture, likely)):
        found[:, number] = plane[at] if np.ndim(plane) else plane
    return found, (at[0], at[1])


def judged(about: Floats, network: dict[str, Floats]) -> Floats:
    """Give how likely each pixel is damage ``(n,)``, 0 to 1, by a network of two hidden layers.

    Examples
    --------
    >>> network = {"mean": np.zeros(1), "spread": np.ones(1)}
    >>> for layer in "012":
    ...     network |= {f"{layer}.weight": np.eye(1), f"{layer}.bias": np.zeros(1)}
    >>> judged(np.array([[-3.0], [0.0], [9.0]]), network).round(3).tolist()
    [0.5, 0.5, 0.953]
    """
    values = ((about - network["mean"]) / network["spread"]).clip(-SPREAD, SPREAD)
    for layer in range(3):
        values = values @ network[f"{layer}.weight"].T + network[f"{layer}.bias"]
        values = values if layer == 2 else np.maximum(values, 0)
    found: Floats = 1 / (1 + np.exp(-values[:, 0]))
    return found


def chosen(picture: Floats, likely: Floats, sure: float, network: dict[str, Floats] | None = None) -> Mask:
    """Take the pixels that are so likely to be damage.

    Parameters
    ----------
    picture : ``(h, w, 3)`` in [0, 1].
    likely : ``(h, w)``, the network's answer.
    sure : 0 to 1.
    network : as `judged` takes it; None for the one in the package.

    Returns
    -------
    array
        bool ``(h, w)``.

    Examples
    --------
    >>> nothing = np.zeros((40, 40), np.float32)
    >>> bool(chosen(np.zeros((40, 40, 3), np.float32), nothing, 0.5).any())
    False
    """
    found = np.zeros(likely.shape, bool)
    if likely.max(initial=0) < LOOKED_AT:
        return found
    if network is None:
        grain = _grain(np.ascontiguousarray(picture @ WHITE), (likely > SUSPECTED).astype(np.float32))
        if grain < SMOOTH:
            return likely >= (1 + sure) / 2
    about, at = facts(picture, likely)
    found[at] = judged(about, parameters("judge.") if network is None else network) >= sure
    return found
