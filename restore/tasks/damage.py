"""Find scratches, hairs, dust and fold lines in a picture by what it looks like."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from restore.images.canvas import Picture, canvas
from restore.images.value_range import whole_range
from restore.tasks.damage_context import chosen
from restore.tasks.damage_head import Floats, head, probabilities

Sensitivity = Literal["low", "normal", "high"]
Kind = Literal["specks", "scratches"]
Mask = NDArray[np.bool_]

# What is taken for damage should be that with such a probability, as simulated damage goes.
THRESHOLDS: dict[str, float] = {"low": 0.6, "normal": 0.35, "high": 0.15}
HALVED = 1024  # pixels along the shorter side from which on damage is also looked for at half the size
SIZES = 3  # at most: as it is, half, a quarter
LONG = 4.0  # times longer than wide: a scratch, else a speck


@dataclass(frozen=True)
class Tally:
    """What a mask holds: separate specks and scratches, and its share of the picture, 0 to 1."""

    specks: int
    scratches: int
    share: float

    def describe(self) -> str:
        """Say it in words.

        Examples
        --------
        >>> Tally(23, 1, 0.004).describe()
        '23 specks and 1 scratch, 0.4 % of the picture'
        """
        named = [(self.specks, "speck", "specks"), (self.scratches, "scratch", "scratches")]
        parts = [f"{count} {one if count == 1 else many}" for count, one, many in named if count]
        return f"{' and '.join(parts) or 'nothing'}, {100 * self.share:.2g} % of the picture"


def damage_mask(
    image: Picture,
    *,
    sensitivity: Sensitivity | float = "normal",
    only: Kind | None = None,
    infrared: Any = None,
) -> Mask:
    """Find thin scratches, hairs, dust and fold lines.

    A small network looks at every pixel and its surroundings, in large pictures at half and a quarter of the
    size, too, and a second one again at what that suspects: how much else is suspected there, and how lively
    the picture is. Both were trained on simulated damage alone. With an infrared channel that alone is used:
    film is clear there, dust and scratches are not (`restore.tasks.infrared`).

    Parameters
    ----------
    image : array, tensor or PIL image
        One picture, as `restore.inpaint` takes it. What alpha 0 hides is not looked at.
    sensitivity : {'low', 'normal', 'high'} or float
        How much is taken for damage; a number, above 0 and below 1, is one minus the probability that is
        asked for.
    only : {'specks', 'scratches'}, optional
        Leave out what is long, or what is not.
    infrared : array, optional
        ``(h, w)`` of the picture's size, as scanners record it with film.

    Returns
    -------
    array
        bool ``(h, w)``. It covers what is seen of the damage, not the last pixel of its rim: widen it by one
        before it is filled.

    Raises
    ------
    ValueError
        For options out of range, several pictures, and an infrared channel of another size, without
        contrast, or that holds the picture itself.

    Examples
    --------
    >>> image = np.full((64, 64, 3), 90, np.uint8)
    >>> image[8:56, 30:32] = 250
    >>> mask = damage_mask(image)
    >>> bool(mask[12:52, 30:32].all()), bool(mask[:, :26].any())
    (True, False)
    """
    sure = sureness(sensitivity)
    if only not in (None, *get_args(Kind)):
        raise ValueError(f"only is 'specks', 'scratches' or None, got {only!r}")
    given = canvas(image)
    if len(given.batch) != 1:
        raise ValueError(f"expected one picture, got {len(given.batch)}; call it for each")
    visible = None if given.visible is None else given.visible[0, 0]
    used = whole_range(given.batch[0], visible, bits=given.bits)
    picture = used.unit(given.batch[0]).clamp(0, 1).permute(1, 2, 0).contiguous().numpy()
    if infrared is None:
        found = _found(picture, sure)
    else:
        from restore.tasks.infrared import infrared_mask

        found = infrared_mask(infrared, picture, sure=sure)
    if visible is not None:
        found &= visible.numpy()
    return found if only is None else _of_kind(found, only)


def sureness(sensitivity: str | float) -> float:
    """Give the probability that is asked for. Raises ValueError for a sensitivity out of range."""
    if isinstance(sensitivity, str):
        if sensitivity in THRESHOLDS:
            return THRESHOLDS[sensitivity]
    elif isinstance(sensitivity, Real) and 0 < sensitivity < 1:
        return 1 - float(sensitivity)
    told = " ".join(repr(sensitivity).split())[:80]
    raise ValueError(f"sensitivity is low, normal, high or a number above 0 and below 1, got {told}")


def _found(picture: Floats, sure: float) -> Mask:
    """Look at the picture as it is, and at half and a quarter of the size; (h, w)."""
    import cv2

    h, w = picture.shape[:2]
    smaller: Any = picture
    found = chosen(picture, probabilities(picture, head()), sure)
    for _ in range(SIZES - 1):
        if min(smaller.shape[:2]) < HALVED:
            break
        size = smaller.shape[1] // 2, smaller.shape[0] // 2
        smaller = cv2.resize(smaller, size, interpolation=cv2.INTER_AREA)
        coarse = chosen(smaller, probabilities(smaller, head()), sure).astype(np.uint8)
        found |= cv2.resize(coarse, (w, h), interpolation=cv2.INTER_NEAREST) > 0
    return found


def tally(mask: Mask) -> Tally:
    """Count the specks and scratches of a mask ``(h, w)``.

    Examples
    --------
    >>> mask = np.zeros((40, 50), bool)
    >>> mask[3:5, 4:44] = mask[20:23, 10:13] = True
    >>> tally(mask)
    Tally(specks=1, scratches=1, share=0.0445)
    """
    _, long = _parts(mask)
    return Tally(int((~long).sum()), int(long.sum()), float(mask.mean()))


def _parts(mask: Mask) -> tuple[NDArray[Any], Mask]:
    """The number of the part that each pixel belongs to, from 1, 0 for none; and which parts are long."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    sides = stats[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    length = np.hypot(sides[:, 0], sides[:, 1])
    long: Mask = length**2 >= LONG * stats[1:, cv2.CC_STAT_AREA]
    return labels, long & (length >= 3 * LONG)


def _of_kind(mask: Mask, only: Kind) -> Mask:
    labels, long = _parts(mask)
    kept: Mask = np.concatenate([[False], long if only == "scratches" else ~long])[labels]
    return kept
