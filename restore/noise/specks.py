"""Find single pixels that are no part of the picture: salt and pepper, and the hot pixels of cameras."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from restore.noise.chance import is_chance
from restore.noise.estimate import MEDIAN_DEVIATION
from restore.noise.model import Floats
from restore.noise.planes import planes_of
from restore.noise.speck_screen import Limits, may_have

Kind = Literal["salt and pepper", "hot pixels"]
Mask = NDArray[np.bool_]
Planes = NDArray[np.float32]

SMALLEST = 32  # pixels a side; in smaller pictures nothing is found
LOOKED_AT = 1536  # pixels a side of the middle of a picture that says whether there are specks
FEWEST = 12  # specks below which nothing is said
LEAST = {"salt and pepper": 0.0005, "hot pixels": 0.0001}  # shares of the pixels, likewise
MOST_HOT = 0.015  # above this share it is salt
AWAY = 0.15  # salt and pepper lie at least so far from the median of their surroundings
DEVIATIONS = 4.0  # and so many deviations of these surroundings
FAINT = 0.03  # where there are specks, what lies at an end is one when it is so far from its surroundings
NEAR_END = 0.08  # values this close to an end are as frequent in content and noise as those at the end
SHARPEST = 0.25  # the median of 3x3 pixels has no more of them; a star of 1.7 pixels has 0.4
SPIKE = 4.0  # specks at an end are at least so many times as frequent as those near it
BRIGHTER = 0.08  # hot pixels are at least so much brighter than their surroundings
# How far peaks are above their surroundings, in deviations, and the most of it that the mean of the four next
# and the brightest neighbour have: for peaks that say that there are hot pixels, then for the others.
STRICT, LOOSE = (8.0, 0.15, 0.35), (3.0, 0.25, 0.6)
# Where one channel has a peak and the others less than COLOURED of it, which no star has.
LOOSEST, COLOURED = (3.0, 0.5, 0.8), 0.25
DARK = 0.1  # dark specks like them to the hot pixels: in texture and noise there are as many
QUIET = 8  # pixels around a hot pixel in which nothing else is half as high
EVEN = 4 / 255  # surroundings so close to the ends of the range may have been cut off there
CLUSTERED = 0.05  # values at an end are specks if they have no more neighbours there than chance and these
BILEVEL = 0.01  # with fewer values between black and white a picture is a drawing or a screen


@dataclass(frozen=True)
class Specks:
    """Damaged pixels of a picture.

    Parameters
    ----------
    kind : "salt and pepper" or "hot pixels".
    values : which values are damaged, bool ``(h, w, c)``.
    """

    kind: Kind
    values: Mask

    @property
    def mask(self) -> Mask:
        """Pixels that are damaged in any channel, bool ``(h, w)``."""
        damaged: Mask = np.any(self.values, axis=2)
        return damaged

    @property
    def share(self) -> float:
        """Damaged pixels to all pixels, 0 to 1."""
        return float(self.mask.mean())

    def describe(self) -> str:
        """What was found, for users.

        Examples
        --------
        >>> values = np.zeros((10, 20, 1), bool)
        >>> values[3, 4] = True
        >>> Specks("hot pixels", values).describe()
        'hot pixels: 0.5 % of the pixels'
        """
        return f"{self.kind}: {100 * self.share:.2g} % of the pixels"


def find_specks(pixels: Floats) -> Specks | None:
    """Look for salt and pepper and for hot pixels, from the picture alone.

    Salt and pepper are values at the ends of the range, far from the median of their surroundings. In
    pictures and in noise that was clipped there are also values near the ends, and here there are none. Hot
    pixels are bright and sharper than a lens can be: their neighbours show nothing of them, as those of stars
    and highlights do. In texture there would be dark ones, too. Both lie anywhere in the picture and do not
    mind each other: their number is even over all places where they can be seen, and pairs are as frequent
    as chance has them, which letters, halftone screens, glitter and drawings are not.

    Parameters
    ----------
    pixels : float array ``(h, w)`` or ``(h, w, c)``, nominal range [0, 1].

    Returns
    -------
    Specks or None
        None where there are none, and where they cannot be told from content.

    Raises
    ------
    ValueError
        For another shape, no pixels, or values that are not finite.

    References
    ----------
    .. [1] R. H. Chan, C.-W. Ho, M. Nikolova, "Salt-and-pepper noise removal by median-type noise detectors
       and detail-preserving regularization", IEEE TIP 14(10), 2005, :doi:`10.1109/TIP.2005.852196`.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> picture = np.full((64, 64, 3), 0.5)
    >>> picture[rng.random((64, 64)) < 0.05] = 1
    >>> picture[rng.random((64, 64)) < 0.05] = 0
    >>> find_specks(picture).kind
    'salt and pepper'
    """
    planes, channels = planes_of(pixels), 1 if pixels.ndim == 2 else pixels.shape[2]
    if min(planes.shape[:2]) < SMALLEST:
        return None
    # One channel after the other, as all that looks at surroundings takes them.
    values = np.moveaxis(np.ascontiguousarray(np.moveaxis(planes, 2, 0), np.float32), 0, 2)
    ends = float(values.min()), float(values.max())
    if np.count_nonzero((values > ends[0]) & (values < ends[1])) / values.size < BILEVEL:
        return None
    peaks, at_ends = _may_have(values, ends)
    found = (_alone_in_calm_places(values) if peaks else None) or (
        _salt_and_pepper(values) if at_ends else None
    )
    if found is None:
        return None
    return Specks(found.kind, np.broadcast_to(found.values, (*values.shape[:2], channels)))


def _may_have(values: Planes, ends: tuple[float, float]) -> tuple[bool, bool]:
    """Whether a picture may have specks that stand out in calm places, and at the ends of its range."""
    middle = _middle(values)
    area = middle[..., 0].size
    limits = Limits(
        peaks=(BRIGHTER, *STRICT),
        ends=(AWAY, DEVIATIONS),
        least_peaks=max(FEWEST, LEAST["hot pixels"] * area),
        least_ends=max(FEWEST, LEAST["salt and pepper"] * area),
    )
    planes = (np.ascontiguousarray(middle[..., k]) for k in range(middle.shape[2]))
    return may_have(planes, ends, limits)


def _salt_and_pepper(values: Planes) -> Specks | None:
    """Values at the ends of the range that are far from their surroundings, in each channel or in all."""
    middle = _middle(values)
    ends = float(values.min()), float(values.max())
    found, possible, near = _at_ends(middle, ends)
    black_white = _in_all_channels(middle, ends)
    together = found.any(3, keepdims=True) & black_white
    alike, rates = together.sum() >= 0.8 * found.any(3).sum(), None
    if not alike:
        rates = _rates(found, possible, near)
    if rates is None:
        alike = True
        wider = _in_all_channels(middle, (ends[0] + NEAR_END, ends[1] - NEAR_END))
        near = near.any(3, keepdims=True) & wider & ~black_white
        rates = _rates(together, np.any(possible, axis=3, keepdims=True), near)
    if rates is None:
        return None
    specks = _named(values, ends, rates, alike=bool(alike))
    return specks if specks.share >= LEAST["salt and pepper"] else None


def _at_ends(values: Planes, ends: tuple[float, float]) -> tuple[Mask, Mask, Mask]:
    """Values at each end that are far from their surroundings, ``(2, h, w, c)``.

    Then where such would be seen, and values that are near an end and as far from their surroundings.
    """
    around, deviation = _surroundings(values)
    away = np.maximum(AWAY, DEVIATIONS * deviation)
    possible = np.stack([around - ends[0] > away, ends[1] - around > away])
    far = np.stack([around - values > away, values - around > away])
    far &= np.abs(_median(values, 3) - around) < SHARPEST * np.abs(values - around)
    at = np.stack([values <= ends[0], values >= ends[1]])
    near = np.stack([values <= ends[0] + NEAR_END, values >= ends[1] - NEAR_END])
    return far & at, possible, far & near & ~at


def _in_all_channels(values: Planes, ends: tuple[float, float]) -> Mask:
    """Pixels at or beyond one end in all channels, ``(2, h, w, 1)``."""
    at: Mask = np.all([values <= ends[0], values >= ends[1]], axis=3, keepdims=True)
    return at


def _rates(found: Mask, possible: Mask, near: Mask) -> Floats | None:
    """The shares of pepper and of salt; None where what was found are no specks.

    All ``(2, h, w, c)``: what was found, where it is possible, and content as far off near the ends.
    """
    area = found[0, ..., 0].size
    # Those without neighbours at their end are looked at: letters have some.
    alone = np.stack([_neighbours(each) == 0 for each in found | near])
    lonely, count = found & alone, (found & alone).sum((1, 2, 3))
    least = max(FEWEST, LEAST["salt and pepper"] * area)
    if lonely.any((0, 3)).sum() < least or count.sum() < SPIKE * (near & alone).sum():
        return None
    seen = possible.sum((1, 2, 3)).clip(1)
    expected = np.einsum("e,ehwc->hw", count / seen, possible.astype(np.float32))
    if not is_chance(lonely.sum((0, 3)).astype(np.float32), expected):
        return None
    rates: Floats = found.sum((1, 2, 3)) / seen
    return rates


def _named(values: Planes, ends: tuple[float, float], rates: Floats, *, alike: bool) -> Specks:
    """All specks of a picture of which pepper and salt have these shares; alike: in all channels."""
    left, damaged = values.copy(order="K"), np.zeros_like(values, bool)
    for _ in range(3):
        # What has neighbours at its end is content, as long as these are no specks themselves.
        new = np.zeros_like(damaged)
        around, deviation = _surroundings(left)
        for end, rate, sign in zip(ends, rates, (-1, 1), strict=True):
            at: Mask = (left - end) * sign >= 0
            at = np.broadcast_to(at.all(2, keepdims=True), at.shape) if alike else at
            only_specks = at.any() and _neighbours(at)[at].mean() < 8 * at.mean() + CLUSTERED
            off = (left - around) * sign > (0 if only_specks else np.maximum(FAINT, 0.7 * deviation))
            off = np.any(off, axis=2, keepdims=True) if alike else off
            near = (left - end) * sign >= -NEAR_END
            near = np.broadcast_to(near.all(2, keepdims=True), at.shape) if alike else near
            new |= at & off & (only_specks | (_neighbours(near) <= _likely(rate)))
        if not new.any():
            break
        damaged |= new
        left = np.where(new, around, left)
    salt, share = (damaged & (values >= ends[1])).any(2).sum(), damaged.any(2).mean()
    hot = salt > (1 - DARK) * damaged.any(2).sum() and share < MOST_HOT
    return Specks("hot pixels", damaged | _all_peaks(values)) if hot else Specks("salt and pepper", damaged)


def _likely(rate: float) -> int:
    """How many of the eight neighbours of a speck may be specks at the same end, in 99 of 100 cases."""
    from math import comb

    chance, number = 0.0, -1
    while chance < 0.99 and number < 8:
        number += 1
        chance += comb(8, number) * rate**number * (1 - rate) ** (8 - number)
    return number


def _alone_in_calm_places(values: Planes) -> Specks | None:
    """Pixels whose neighbours show nothing of them, where nothing else near stands out.

    Those that are bright are hot pixels; bright or dark ones, all at the ends of the range, salt and pepper.
    """
    middle = _middle(values)
    around, deviation = _surroundings(middle)
    bright, dark = (_peaks(sign * middle, sign * around, deviation, STRICT) for sign in (1, -1))
    area, peaks = bright[..., 0].size, bright | dark
    least = max(FEWEST, LEAST["hot pixels"] * area)
    if not least <= peaks.any(2).sum() <= MOST_HOT * area:
        return None
    distance = np.abs(middle - around)
    usual = float(np.quantile(distance[peaks], 0.25))
    calm = _calm(np.where(peaks, 0, distance), usual / 2) & (STRICT[0] * deviation < usual)
    calm &= around < values.max() - usual
    calm &= around > values.min()  # single photons lie on nothing, and so may small stars
    possible, alone = np.any(calm, axis=2), np.any(calm & peaks, axis=2)
    number, expected = int(alone.sum()), np.zeros(possible.shape, np.float32)
    expected[possible] = number / max(int(possible.sum()), 1)
    if number < least or not is_chance(alone.astype(np.float32), expected):
        return None
    bright, dark = bright & calm, dark & calm
    if dark.any(2).sum() <= DARK * bright.any(2).sum():
        return Specks("hot pixels", _all_peaks(values))
    ends = float(values.min()), float(values.max())
    black, white = dark & (middle <= ends[0]), bright & (middle >= ends[1])
    if (black | white).sum() < (1 - DARK) * (bright | dark).sum():
        return None
    alike = (alone & _in_all_channels(middle, ends).any((0, 3))).sum() > 0.8 * number
    planes = (each.any(2) if alike else each for each in (black, white))
    rates = np.array([each.sum() for each in planes]) / (possible.sum() if alike else calm.sum())
    return _named(values, ends, rates, alike=bool(alike))


def _all_peaks(values: Planes) -> Mask:
    """All hot pixels of a picture that has some: as faint as leaves no more than a tenth of others."""
    found, left = np.zeros_like(values, bool), values
    for _ in range(2):  # two that touch hide each other until the first is gone
        around, deviation = _surroundings(left)
        bright, dark = (_loose_peaks(sign * left, sign * around, deviation) for sign in (1, -1))
        sharp, height = _peaks(left, around, deviation, STRICT), np.abs(left - around)
        if not bright.any():
            break
        levels = np.quantile(height[bright], np.linspace(0, 1, 41))
        if sharp.any():
            levels = levels.clip(min=0.8 * float(np.quantile(height[sharp], 0.05)))
        heights, others = np.sort(height[bright]), np.sort(height[dark])
        above = [each.size - np.searchsorted(each, levels) for each in (heights, others)]
        enough = above[1] <= DARK * above[0]
        new = (bright & (height >= levels[enough.argmax()]) if enough.any() else sharp) | sharp
        found, left = found | new, np.where(new, around, left)
    return found


def _loose_peaks(values: Planes, around: Planes, deviation: Planes) -> Mask:
    """Values that may be hot, where it is known that there are hot pixels, bool ``(h, w, c)``."""
    found = _peaks(values, around, deviation, LOOSE)
    if values.shape[2] == 1:
        return found
    height = values - around
    first, second = np.sort(height, axis=2)[..., -1:], np.sort(np.abs(height), axis=2)[..., -2:-1]
    coloured = (height == first) & (second < COLOURED * first)
    found |= coloured & _peaks(values, around, deviation, LOOSEST)
    return found


def _calm(distance: Planes, limit: float) -> Mask:
    """Where nothing else near stands out, bool ``(h, w, c)``; distance: from the surroundings."""
    import cv2

    near = np.ones((2 * QUIET + 1, 2 * QUIET + 1), np.uint8)
    return _each(lambda plane: cv2.dilate(plane, near), distance) < limit


def _peaks(values: Planes, around: Planes, deviation: Planes, sharpness: tuple[float, float, float]) -> Mask:
    """Values that stand out brightly and alone, bool ``(h, w, c)``; sharpness: as `STRICT`."""
    import cv2

    deviations, mean, most = sharpness
    ring = np.ones((3, 3), np.uint8)
    ring[1, 1] = 0
    cross = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32) / 4
    height = values - around
    next_to = _each(lambda plane: cv2.filter2D(plane, -1, cross), values) - around
    brightest = _each(lambda plane: cv2.dilate(plane, ring), values) - around
    high = height > np.maximum(BRIGHTER, deviations * deviation)
    found: Mask = high & (next_to < mean * height) & (brightest < most * height)
    return found


def _surroundings(values: Planes) -> tuple[Planes, Planes]:
    """The median of 5x5 pixels, and the deviation from it by the median of distances."""
    around = _median(values, 5)
    deviation = _median(np.abs(values - around), 5) / MEDIAN_DEVIATION
    # Noise that was cut off at black or white is there all the same.
    for k in range(values.shape[2]):
        inside = (around[..., k] > values.min() + EVEN) & (around[..., k] < values.max() - EVEN)
        usual = np.median(deviation[..., k][inside]) if inside.any() else 0.0
        deviation[..., k][~inside] = np.maximum(deviation[..., k][~inside], usual)
    return around, deviation.astype(np.float32)


def _median(values: Planes, side: int) -> Planes:
    import cv2

    return _each(lambda plane: cv2.medianBlur(plane, side), values)


def _each(function: Callable[[Planes], Any], values: Planes) -> Planes:
    """A function of one plane, on every channel."""
    planes = [function(np.ascontiguousarray(values[..., k])) for k in range(values.shape[2])]
    return np.moveaxis(np.stack(planes), 0, 2)


def _neighbours(mask: Mask) -> NDArray[np.float32]:
    """How many of the eight pixels around are in a mask ``(h, w, c)``."""
    import cv2

    ring = np.ones((3, 3), np.float32)
    ring[1, 1] = 0
    return _each(lambda plane: cv2.filter2D(plane, -1, ring), mask.astype(np.float32))


def _middle(values: Planes) -> Planes:
    h, w = values.shape[:2]
    top, left = max(0, (h - LOOKED_AT) // 2), max(0, (w - LOOKED_AT) // 2)
    return values[top : top + LOOKED_AT, left : left + LOOKED_AT]
