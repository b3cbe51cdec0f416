"""Find dust and scratches in the infrared channel of a film scanner.

The dyes of colour film let infrared through, dust and scratches do not. Silver, in black and white film, and
the cyan dye of Kodachrome stop it as well: there the channel holds the picture itself and is of no use.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from restore.errors import MaskError
from restore.tasks.damage_head import WHITE, Floats

Mask = NDArray[np.bool_]

BLOCKS = 64  # of the background along the shorter side
SMALLEST_BLOCK = 16  # pixels
FLAT = 1e-3  # of the range: with less between its 1 % and 99 % quantiles a channel shows nothing
# Of the changes of red light that go through to infrared, by powers: dyes leak less, silver more.
PICTURE, AGREES = 0.4, 0.8  # where so much comes through and the two agree so well it is the picture
DARKER = 0.06, 0.03  # dust lets at least so much less through: what is surely dust, and what is around
DEVIATIONS = 8.0, 4.0  # and so many deviations of the noise
AT_END, BILEVEL, BLACK = 0.01, 0.95, 0.02  # a channel that is black or white, and by so much black
MOST = 0.15  # of the picture; more is no damage, or no infrared
APART = 4  # pixels by which scanners may shift infrared against the colours
SURER = 1.15  # a shift is believed where colours change so much more under the dust than without it
SAMPLES = 20_000  # pixels of dust that the shift is measured with
ROUND = 1  # pixels around dust that it shades
FLOOR = 1 / 1024  # below this there is no light to speak of


def infrared_mask(infrared: Any, picture: Floats, *, sure: float = 0.3) -> Mask:
    """Find what is dark in infrared and not in the picture.

    Light is compared as logarithms. What the dyes let through of the picture is fitted to its red channel
    and taken away, as in [1]_; then each pixel is compared with the median of its surroundings. A shift
    between the channels of up to four pixels is found by where the colours change, too.

    Parameters
    ----------
    infrared : array ``(h, w)`` of uint8, uint16 or floats in [0, 1].
    picture : ``(h, w, 3)`` in [0, 1], of the same scan.
    sure : 0 to 1, as `restore.tasks.damage.sureness` gives it: how much darker dust must be.

    Returns
    -------
    array
        bool ``(h, w)``, in the place of the colours.

    Raises
    ------
    ValueError
        For another shape or kind of numbers.
    MaskError
        Where the channel has no contrast, holds the picture itself, or is no infrared.

    References
    ----------
    .. [1] A. Edgar (1997). Method and apparatus for the correction of surface defects by infrared. Patent
       US 5266805 and its successors.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> infrared = rng.normal(0.8, 0.005, (96, 96))
    >>> infrared[40:44, 50:60] = 0.4
    >>> found = infrared_mask(infrared, np.full((96, 96, 3), 0.5, np.float32))
    >>> bool(found[40:44, 50:60].all()), int(found.sum()) < 100
    (True, True)
    """
    light = _unit(infrared, picture.shape[:2])
    low, high = np.quantile(light[:: max(1, len(light) // 512)], (0.002, 0.998))
    if max(high - low, float(np.ptp(light))) < FLAT or high <= FLOOR:
        raise MaskError("the infrared channel has no contrast: all of it is the same; scan it again")
    black = light < AT_END
    if black.mean() > BLACK and (black | (light > 1 - AT_END)).mean() > BILEVEL:
        raise MaskError("the channel is black and white, as a selection is, and no infrared")
    dark = np.log(light.clip(FLOOR)).astype(np.float32)
    dark -= _leak(dark, picture)
    dark -= _background(dark)
    noise = 1.4826 * float(np.median(np.abs(dark[::3, ::3])))
    scale = 0.85 + sure / 2
    strong, weak = (max(d, n * noise) * scale for d, n in zip(DARKER, DEVIATIONS, strict=True))
    found = _grown_from(dark < -strong, dark < -weak)
    if found.mean() > MOST:
        raise MaskError(
            f"{found.mean():.0%} of the infrared channel is dark, which is too much for dust; it may be "
            "another kind of channel"
        )
    found = _moved(found, _shift(found, picture)) if found.any() else found
    return _dilated(found, ROUND)


def _unit(infrared: Any, shape: tuple[int, ...]) -> Floats:
    """The channel as floats (h, w) in [0, 1]."""
    light = np.asarray(infrared)
    if light.ndim == 3 and light.shape[2] == 1:
        light = light[..., 0]
    if light.shape != shape:
        raise ValueError(f"infrared must be (h, w) of the picture's size {shape}, got shape {light.shape}")
    if light.dtype.kind not in "uf":
        raise ValueError(f"infrared must be uint8, uint16 or floats, got {light.dtype}")
    if light.dtype.kind == "u":
        return (light / np.float32(np.iinfo(light.dtype).max)).astype(np.float32)
    if not np.isfinite(light).all():
        raise ValueError("infrared must be finite; it holds NaN or infinity")
    return light.astype(np.float32)


def _block_medians(plane: Floats) -> Floats:
    """The median of every block of pixels, so large that dust covers less than half of it."""
    side = max(SMALLEST_BLOCK, min(plane.shape) // BLOCKS)
    h, w = plane.shape
    rows, columns = max(1, h // side), max(1, w // side)
    tops, lefts = (np.linspace(0, n, k + 1).astype(int) for n, k in ((h, rows), (w, columns)))
    found = [
        [np.median(plane[top:bottom, left:right]) for left, right in pairwise(lefts)]
        for top, bottom in pairwise(tops)
    ]
    return np.array(found, np.float32)


def _leak(dark: Floats, picture: Floats) -> Floats:
    """What comes through of the picture, as logarithms (h, w). Raises MaskError where it is the picture."""
    red = np.log(picture[..., 0].clip(1 / 64))
    x, y = (_block_medians(plane).ravel() for plane in (red, dark))
    x, y = x - np.median(x), y - np.median(y)
    if x.size < 16 or x.std() < 0.05 or y.std() < 1e-4:
        return np.zeros_like(dark)
    slope = float((x * y).sum() / (x * x).sum())
    for _ in range(3):  # what is far off is dust that covers a block
        off = np.abs(y - slope * x)
        near = off <= 3 * np.median(off) + 1e-6
        slope = float((x * y)[near].sum() / max(float((x * x)[near].sum()), 1e-6))
    agrees = abs(float(np.corrcoef(x, y)[0, 1]))
    if abs(slope) > PICTURE and agrees > AGREES:
        raise MaskError(
            f"the infrared channel holds the picture itself (correlation {agrees:.2f} with red), as silver "
            "film and Kodachrome do, so dust cannot be told in it"
        )
    leak: Floats = (slope * (red - np.median(red))).astype(np.float32)
    return leak


def _background(dark: Floats) -> Floats:
    """The median of the surroundings of each pixel."""
    import cv2

    blocks: Any = _block_medians(dark)
    if min(blocks.shape) >= 3:
        blocks = cv2.medianBlur(blocks, 3)
    h, w = dark.shape
    return np.asarray(cv2.resize(blocks, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)


def _grown_from(strong: Mask, weak: Mask) -> Mask:
    """What is weak and hangs together with something strong."""
    import cv2

    count, labels = cv2.connectedComponents((weak | strong).astype(np.uint8), connectivity=8)
    kept = np.zeros(count, bool)
    kept[np.unique(labels[strong])] = True
    kept[0] = False
    found: Mask = kept[labels]
    return found


def _shift(found: Mask, picture: Floats) -> tuple[int, int]:
    """By how many pixels, down and right, the colours have the dust elsewhere; (0, 0) if unsure."""
    import cv2

    brightness = np.ascontiguousarray(picture @ WHITE)
    square = np.ones((9, 9), np.uint8)
    change = cv2.morphologyEx(brightness, cv2.MORPH_TOPHAT, square)
    np.maximum(change, cv2.morphologyEx(brightness, cv2.MORPH_BLACKHAT, square), out=change)
    rows, columns = np.nonzero(found)
    every = max(1, len(rows) // SAMPLES)
    rows, columns = rows[::every], columns[::every]
    padded = np.pad(change, APART)
    scores = {
        (y, x): float(padded[rows + APART + y, columns + APART + x].mean())
        for y in range(-APART, APART + 1)
        for x in range(-APART, APART + 1)
    }
    best = max(scores, key=lambda at: (scores[at], -abs(at[0]) - abs(at[1])))
    return best if scores[best] > SURER * scores[0, 0] + 1e-6 else (0, 0)


def _moved(mask: Mask, by: tuple[int, int]) -> Mask:
    (y, x), (h, w) = by, mask.shape
    if by == (0, 0):
        return mask
    padded = np.pad(mask, APART)
    return padded[APART - y : APART - y + h, APART - x : APART - x + w]


def _dilated(mask: Mask, pixels: int) -> Mask:
    import cv2

    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    wider: Mask = cv2.dilate(mask.astype(np.uint8), square) > 0
    return wider
