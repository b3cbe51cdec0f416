"""Tell damage from lines and dots of the picture itself by what hangs together.

The network of `restore.tasks.damage_head` sees little at once. Here the parts are looked at that hang
together where it suspects damage: how long, how straight, how alone, how even in brightness. That is done at
several levels of suspicion, as a scratch may cross a fence at one level and stand alone at the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.tasks.damage_head import WHITE, Floats, parameters

Mask = NDArray[np.bool_]
LEVELS = (0.25, 0.4, 0.55, 0.7, 0.82, 0.9, 0.95)  # of the network's answer
SUSPECTED = 0.3  # what counts as a neighbour
TOP_HAT = 9  # pixels
NEAR, FAR = 25, 65  # pixels a side of a part's surroundings
BESIDE = 15  # pixels a side within which the light to both sides of a part is compared
FACTS = 18
# Photographs are rougher. The network that judges parts has seen no smoother ones, and is not asked there.
SMOOTH = 0.0005
WHOLE = 512**2  # pixels; in a smaller picture a scratch may have a larger share
SPREAD = 3.0  # times the usual deviation, at which facts are cut off


@dataclass(frozen=True)
class _Pixels:
    """What is known about the pixels that are suspected, (n,) each, and about the picture."""

    at: tuple[NDArray[np.intp], NDArray[np.intp]]
    values: dict[str, NDArray[np.float64]]
    share: float
    grain: float


def _suspected(picture: Floats, likely: Floats) -> _Pixels:
    import cv2

    brightness = np.ascontiguousarray(picture @ WHITE)
    square = np.ones((TOP_HAT, TOP_HAT), np.uint8)
    white = cv2.morphologyEx(brightness, cv2.MORPH_TOPHAT, square)
    black = cv2.morphologyEx(brightness, cv2.MORPH_BLACKHAT, square)
    neighbours = (likely > SUSPECTED).astype(np.float32)
    away = np.abs(brightness - cv2.medianBlur(brightness, 3))
    planes = {
        "answer": _logit(likely), "white": white, "black": black, "brightness": brightness,
        "far": cv2.blur(neighbours, (FAR, FAR)), "near": cv2.blur(neighbours, (NEAR, NEAR)),
        "lively": cv2.blur(np.maximum(white, black), (FAR, FAR)),
    }  # fmt: skip
    at = np.nonzero(likely >= LEVELS[0])
    planes["tilt"] = _tilt(brightness, (likely >= LEVELS[0]).astype(np.float32))
    values = {name: plane[at].astype(np.float64) for name, plane in planes.items()}
    values |= {"x": at[1].astype(np.float64), "y": at[0].astype(np.float64)}
    # The mean of what is not suspected; lines in a flat picture are not its grain.
    grain = float((np.minimum(away, 0.05) * (1 - neighbours)).mean())
    return _Pixels((at[0], at[1]), values, float(neighbours.sum()) / max(likely.size, WHOLE), grain)


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


def _logit(likely: Any) -> Any:
    sure = np.clip(likely, 1e-4, 1 - 1e-4)
    return np.log(sure / (1 - sure))


def parts(picture: Floats, likely: Floats) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
    """Give for every level the facts about each part, and the number of each pixel's part.

    Parameters
    ----------
    picture : ``(h, w, 3)`` in [0, 1].
    likely : ``(h, w)``, the network's answer.

    Yields
    ------
    tuple
        Facts ``(n, 18)``, and ``(h, w)``: 0 where the answer is below the level, else 1 to n.
    """
    import cv2

    pixels = _suspected(picture, likely)
    for level in LEVELS:
        _, labels, stats, _ = cv2.connectedComponentsWithStats((likely >= level).astype(np.uint8))
        yield _facts(pixels, labels[pixels.at], stats[1:], float(_logit(level))), labels


def _facts(pixels: _Pixels, owner: Any, stats: Any, level: float) -> NDArray[np.float64]:
    inside = owner > 0
    owner, count = owner[inside] - 1, len(stats)
    area = stats[:, 4].astype(np.float64)
    mean = {}
    for name, values in pixels.values.items():
        mean[name] = np.bincount(owner, values[inside], minlength=count) / area
    top = np.full(count, -np.inf)
    np.maximum.at(top, owner, pixels.values["answer"][inside])

    def apart(one: str, other: str) -> NDArray[np.float64]:
        products = (pixels.values[one][inside] - mean[one][owner]) * (
            pixels.values[other][inside] - mean[other][owner]
        )
        found: NDArray[np.float64] = np.bincount(owner, products, minlength=count) / area
        return found

    across, down, slanted = apart("x", "x"), apart("y", "y"), apart("x", "y")
    half = np.hypot((across - down) / 2, slanted)
    middle = (across + down) / 2
    # A straight line of n pixels has the variance (n^2 - 1) / 12.
    length = np.maximum(np.sqrt(12 * (middle + half) + 1), 0.9 * np.hypot(stats[:, 2], stats[:, 3]))
    width = np.sqrt(12 * np.maximum(middle - half, 0) + 1)
    strong = np.maximum(mean["white"], mean["black"])
    same = np.ones(count)
    columns = [
        level * same, mean["answer"], top, np.log(area), np.log(length), np.log(area / length),
        np.log(width / length), np.log(mean["far"] + 1e-3), np.log(mean["near"] + 1e-3),
        np.log(pixels.share + 1e-3) * same,
        (mean["white"] - mean["black"]) / (mean["white"] + mean["black"] + 0.01),
        np.log(strong + 0.01), np.log(mean["lively"] + 0.01),
        np.minimum(mean["brightness"], 1 - mean["brightness"]), mean["brightness"],
        np.sqrt(apart("brightness", "brightness")), np.log(pixels.grain + 0.002) * same,
        np.log(mean["tilt"] + 0.002),
    ]  # fmt: skip
    return np.stack(columns, 1)


def judged(facts: NDArray[np.float64], network: dict[str, Floats]) -> NDArray[np.float64]:
    """Give the share of each part that is damage ``(n,)``, 0 to 1, by a network of two hidden layers.

    Examples
    --------
    >>> network = {"mean": np.zeros(1), "spread": np.ones(1)}
    >>> for layer in "012":
    ...     network |= {f"{layer}.weight": np.eye(1), f"{layer}.bias": np.zeros(1)}
    >>> judged(np.array([[-3.0], [0.0], [9.0]]), network).round(3).tolist()
    [0.5, 0.5, 0.953]
    """
    values = ((facts - network["mean"]) / network["spread"]).clip(-SPREAD, SPREAD)
    for layer in range(3):
        values = values @ network[f"{layer}.weight"].T + network[f"{layer}.bias"]
        values = values if layer == 2 else np.maximum(values, 0)
    found: NDArray[np.float64] = 1 / (1 + np.exp(-values[:, 0]))
    return found


def chosen(picture: Floats, likely: Floats, sure: float, network: dict[str, Floats] | None = None) -> Mask:
    """Take the parts of every level of which so large a share is likely to be damage.

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
    if likely.max(initial=0) < LEVELS[0]:
        return found
    if network is None and _suspected(picture, likely).grain < SMOOTH:
        return likely >= (1 + sure) / 2
    used = parameters("parts.") if network is None else network
    for facts, labels in parts(picture, likely):
        good = np.concatenate([[False], judged(facts, used) >= sure])
        if good.any():
            found |= good[labels]
    return found
