"""Colours of strokes: their names, what is like them, and strokes of a colour on black or white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from restore.images.mask_doubts import COLOURED, NEAR, coloured_of, doubt_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Colour = tuple[int, int, int]
KEYED, ROUGHLY = 0.6, 0.3  # likeness of what has a colour, and of what may be meant
SAME_HUE = 0.94  # cosine of 20 degrees between chroma; 60 lie between red and yellow
GRAYISH = 50  # levels between the channels of what has no hue
APART = 64  # levels between what has no hue and what is not like it at all
GROUND = 0.3  # share of a drawing that is black or white around its strokes, at least
MANY = 200_000  # pixels that are enough for the middle of a colour
EXPLAINED = 0.05  # of the strokes: what else may lie on the ground
MIXED = 0.35  # how far a mix of the ground and a colour may be from a pixel, of the way to it
NOISE = 40  # the same in levels, where that is more: JPEG, with colours at half the size
HUES = (
    (15, "red"), (45, "orange"), (68, "yellow"), (165, "green"), (200, "cyan"), (265, "blue"),
    (285, "violet"), (345, "magenta"), (361, "red"),
)  # fmt: skip


def rgb_of(name: str) -> Colour:
    """Red, green and blue, 0 to 255, of a colour by its name.

    Parameters
    ----------
    name : as in CSS, or ``#rrggbb``.

    Raises
    ------
    ValueError
        For another one.

    Examples
    --------
    >>> rgb_of("red"), rgb_of("#00ff7f")
    ((255, 0, 0), (0, 255, 127))
    """
    from PIL import ImageColor

    try:
        red, green, blue = ImageColor.getrgb(name.strip())[:3]
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"expected a colour, such as red or #ff8800, got {name!r}") from error
    return red, green, blue


def name_of(colour: Colour) -> str:
    """The name of the hue of a colour; of one without a hue black, gray or white.

    Examples
    --------
    >>> name_of((230, 20, 30)), name_of((250, 250, 250)), name_of((255, 0, 255))
    ('red', 'white', 'magenta')
    """
    import colorsys

    if max(colour) - min(colour) < GRAYISH:
        bright = sum(colour) / 3
        return "white" if bright > 200 else "black" if bright < 55 else "gray"
    hue = 360 * colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))[0]
    return next(name for end, name in HUES if hue < end)


def likeness(pixels: NDArray[np.uint8], colour: Colour) -> NDArray[np.float32]:
    """How much of a colour there is in pixels.

    Parameters
    ----------
    pixels : ``(..., 3)``.
    colour : red, green and blue.

    Returns
    -------
    array
        ``(...)``, from 0 to 1. Of a colour with a hue: the chroma in the direction of that hue, by that of
        the colour, so that darker and brighter ones count, too. Of black, gray and white: by the distance.

    Examples
    --------
    >>> import numpy as np
    >>> likeness(np.array([[255, 0, 0], [128, 0, 0], [255, 255, 0]], np.uint8), (255, 0, 0)).round(1)
    array([1. , 0.5, 0. ], dtype=float32)
    """
    import numpy as np

    red, green, blue = (pixels[..., channel].astype(np.float32) for channel in range(3))
    if max(colour) - min(colour) < GRAYISH:
        far = np.maximum(abs(red - colour[0]), np.maximum(abs(green - colour[1]), abs(blue - colour[2])))
        near: NDArray[np.float32] = (1 - far / np.float32(APART)).clip(0, 1)
        return near
    mean = sum(colour) / 3
    way = [channel - mean for channel in colour]  # their sum is 0: what is gray adds nothing
    length = float(np.hypot(np.hypot(way[0], way[1]), way[2]))
    along = (red * way[0] + green * way[1] + blue * way[2]) / np.float32(length)
    chroma = np.sqrt(np.maximum(red**2 + green**2 + blue**2 - (red + green + blue) ** 2 / 3, 0))
    found: NDArray[np.float32] = (along / np.float32(length)).clip(0, 1)
    return np.where(along >= SAME_HUE * chroma, found, np.float32(0))


@dataclass(frozen=True, eq=False)
class Drawing:
    """Strokes of a colour on a ground of black or white.

    level : their opacity, uint8 ``(h, w)``. colour : of the strokes. ground : the name of that around them.
    """

    level: NDArray[np.uint8]
    colour: Colour
    ground: str


def on_plain(pixels: NDArray[np.uint8], colour: Colour | None = None) -> Drawing | None:
    """Find strokes of one colour on black or white.

    Parameters
    ----------
    pixels : ``(h, w, 3)``.
    colour : of the strokes; None: found out, where there is nothing else on the ground.

    Returns
    -------
    Drawing or None
        None where most is not black or white, where nothing has the colour, and where it is not known and
        other things are drawn there, too.

    Examples
    --------
    >>> import numpy as np
    >>> drawn = np.zeros((8, 8, 3), np.uint8)
    >>> drawn[2:4, :, 0] = 255
    >>> found = on_plain(drawn)
    >>> found.level[:, 0].tolist(), found.colour, found.ground
    ([0, 0, 255, 255, 0, 0, 0, 0], (255, 0, 0), 'black')
    """
    import numpy as np

    near = round(255 * NEAR)
    red, green, blue = (pixels[..., channel] for channel in range(3))
    black = np.maximum(np.maximum(red, green), blue) <= near
    white = np.minimum(np.minimum(red, green), blue) >= 255 - near
    ground, name = (black, "black") if black.sum() >= white.sum() else (white, "white")
    if ground.mean() < GROUND:
        return None
    inked = _seen_colour(pixels, ground) if colour is None else pixels[likeness(pixels, colour) >= KEYED]
    if not len(inked):
        return None
    drawn = _middle(inked)
    level, rest = _opacity(pixels, _middle(pixels[ground]), drawn)
    others = rest & ~ground
    if others.sum() > (EXPLAINED * (level >= 128).sum() if colour is None else (~ground).sum() * 0.9):
        return None
    if doubt_of(level / np.float32(255)):
        return None
    return Drawing(level, drawn, name)


def _seen_colour(pixels: NDArray[np.uint8], ground: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The stronger half of the coloured pixels ``(n, 3)``; none where they have several hues."""
    import numpy as np

    coloured = pixels[coloured_of(pixels / np.float32(255)) & ~ground]
    if not len(coloured):
        return coloured
    chroma = np.ptp(coloured, axis=1)
    strong = coloured[chroma >= max(float(np.median(chroma)), 255 * COLOURED)]
    alike = likeness(strong, _middle(strong)) > ROUGHLY
    found: NDArray[np.uint8] = strong if alike.mean() > 1 - EXPLAINED else strong[:0]
    return found


def _middle(pixels: NDArray[np.uint8]) -> Colour:
    """The median of pixels ``(n, 3)``, of at most so many of them."""
    import numpy as np

    some = pixels[:: max(1, len(pixels) // MANY)]
    red, green, blue = (int(channel) for channel in np.median(some, axis=0))
    return red, green, blue


def _opacity(
    pixels: NDArray[np.uint8], ground: Colour, colour: Colour
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The share of a colour in a mix with the ground, as levels ``(h, w)``, and where else something is."""
    import numpy as np

    way = [np.float32(end - start) for start, end in zip(ground, colour, strict=True)]
    apart = [pixels[..., channel].astype(np.float32) - ground[channel] for channel in range(3)]
    share = (apart[0] * way[0] + apart[1] * way[1] + apart[2] * way[2]) / max(1, sum(w * w for w in way))
    rest, most = np.zeros_like(share), np.zeros_like(share)
    for a, w in zip(apart, way, strict=True):
        rest, most = np.maximum(rest, np.abs(a - share * w)), np.maximum(most, np.abs(a))
    other = rest > np.maximum(NOISE, MIXED * most)
    level = np.rint(255 * share.clip(0, 1)).astype(np.uint8)
    level[other] = 0
    return level, other
