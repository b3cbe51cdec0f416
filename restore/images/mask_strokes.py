"""Strokes over a photograph, found by comparing the picture that holds them with the photograph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.images.mask_colours import Colour

LOOKED_AT = 1_000_000  # pixels that are enough to tell whether two pictures are one
ALIKE = 24  # levels that JPEG seldom changes a pixel by
OF_ALL = 0.5  # share of pixels that are alike in a picture with strokes and without
UNLIKE = 0.25  # of the variance of a picture: what its copy may differ by where both are alike
# In a copy without loss what differs are strokes: so many, and by the number of pixels that differ.
SOME, EXACT = 20, 0.01
CLEAR_CHANGE, SLIGHT_CHANGE = 10, 3  # levels, in a copy without loss
MANY = 200_000  # pixels that are enough to measure a colour
SPECK = 6  # pixels of the smallest stroke in a JPEG
OF_STROKES = 0.4  # of the change that strokes make: what each of them makes somewhere, in a JPEG
NEAR_COLOUR, NEAR_MIX = 40, 30  # levels from a stroke's colour, and from what it makes of the photograph
FEWER = 50  # times fewer pixels than the largest stroke has what is not measured in a JPEG
MOST_OF = 0.6  # of the changed pixels have the colour of strokes
LEAST_OPAQUE, OPAQUE = 0.12, 0.9
FLAT = 6  # levels that an even photograph deviates by
NEARLY_ALL = 0.8  # of them, or the strokes have several colours
ONE_WAY = 0.75  # cosine between the change of a pixel and the way to the colour
WIDEST = 32  # pixels, of the gap that is closed between strokes where they could not be seen


@dataclass(frozen=True, eq=False)
class Strokes:
    """Strokes over a photograph.

    covered : bool ``(h, w)``. colour : None where what was changed has no one colour. changed : the share of
    pixels that differ, 0 to 1.
    """

    covered: NDArray[np.bool_]
    colour: Colour | None
    changed: float


def is_same_picture(picture: NDArray[np.uint8], photo: NDArray[np.uint8], seen: NDArray[np.bool_]) -> bool:
    """Whether a picture is the photograph, with strokes over less than half of it or none.

    Parameters
    ----------
    picture, photo : ``(h, w, 3)``.
    seen : where both can be compared, bool ``(h, w)``.

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    >>> marked = photo.copy()
    >>> marked[2, 2:6] = (255, 0, 0)
    >>> everywhere = np.ones((8, 8), bool)
    >>> is_same_picture(marked, photo, everywhere), is_same_picture(255 - photo, photo, everywhere)
    (True, False)
    """
    import numpy as np

    step = max(1, int((seen.size / LOOKED_AT) ** 0.5))
    here = seen[::step, ::step]
    first = picture[::step, ::step][here].astype(np.float32)
    second = photo[::step, ::step][here].astype(np.float32)
    alike = np.abs(first - second).max(axis=1) <= ALIKE
    if not len(alike) or alike.mean() < OF_ALL:
        return False
    first, second = first[alike], second[alike]
    return bool(((first - second) ** 2).mean() <= UNLIKE * second.var(axis=0).mean())


def strokes_between(
    picture: NDArray[np.uint8],
    photo: NDArray[np.uint8],
    seen: NDArray[np.bool_],
    colour: Colour | None = None,
) -> Strokes:
    """Find the strokes that a picture has and the photograph has not, opaque or not.

    A picture without loss gives them to the last pixel. In a JPEG what differs by more than JPEG can do is a
    stroke, with what differs less around it. Gaps are closed where the photograph itself has the colour.

    Parameters
    ----------
    picture, photo : ``(h, w, 3)``.
    seen : where both can be compared, bool ``(h, w)``.
    colour : of the strokes; None: that of most of what differs.

    Returns
    -------
    Strokes

    Examples
    --------
    >>> import numpy as np
    >>> photo = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
    >>> marked = photo.copy()
    >>> marked[2, 2:6] = (255, 0, 0)
    >>> found = strokes_between(marked, photo, np.ones((8, 8), bool))
    >>> np.argwhere(found.covered).tolist(), found.colour
    ([[2, 2], [2, 3], [2, 4], [2, 5]], (255, 0, 0))
    """
    import numpy as np

    apart = np.where(seen, _most_apart(picture, photo), np.uint8(0))
    slight, clear, least = _thresholds(apart, seen)
    changed = _clear_parts(apart >= slight, apart >= clear, least)
    if not changed.any():
        return Strokes(changed, colour, 0.0)
    share = float(changed.mean())
    named, opaque = colour is not None, 1.0
    strong = changed & (apart >= clear)
    if least > 1:
        strong &= _clear_parts(changed, strong, _largest(changed) // FEWER)
    if colour is None:
        measured = _measured(picture, photo, strong, apart, clear)
        if measured is None:
            return Strokes(changed, None, share)
        colour, opaque = measured
    if least > 1:  # what JPEG has changed most is still far from what the strokes have
        clear = max(clear, round(OF_STROKES * float(np.quantile(apart[strong], 0.75))))
    towards = _towards(picture, photo, colour)
    if not named and towards[strong].mean() < NEARLY_ALL:
        return Strokes(changed, None, share)
    changed = _clear_parts(changed & towards, apart >= clear, least)
    full = np.empty_like(photo)
    full[:] = colour
    unseen = (_most_apart(full, photo) * np.float32(opaque) < 2 * slight) & (apart < clear)
    return Strokes(_closed(changed, unseen), colour, float(changed.mean()))


def _most_apart(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest difference of the three channels ``(h, w)``."""
    import cv2

    red, green, blue = cv2.split(cv2.absdiff(first, second))
    largest: NDArray[np.uint8] = cv2.max(red, cv2.max(green, blue))  # type: ignore[assignment]
    return largest


def _thresholds(apart: NDArray[np.uint8], seen: NDArray[np.bool_]) -> tuple[int, int, int]:
    """What a pixel differs by in a stroke, slightly and clearly, and the pixels of the smallest stroke."""
    import cv2
    import numpy as np

    other = apart > 0
    if other[seen].mean() < 1 - OF_ALL:
        parts, _ = cv2.connectedComponents(other.astype(np.uint8), connectivity=8)
        if parts <= SOME + EXACT * other.sum():  # a JPEG of an even picture has many more
            return SLIGHT_CHANGE, CLEAR_CHANGE, 1
    noise = float(np.quantile(apart[other & (apart <= ALIKE) & seen], 0.95))
    clear = round(max(ALIKE, 2.5 * noise))
    return round(clear / 2), clear, SPECK


def _clear_parts(area: NDArray[np.bool_], clear: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """The connected parts of an area with at least so many pixels, and one among them that is clear."""
    import cv2
    import numpy as np

    count, labels, about, _ = cv2.connectedComponentsWithStats(area.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[clear & area])] = True
    kept &= about[:, cv2.CC_STAT_AREA] >= least
    kept[0] = False
    found: NDArray[np.bool_] = kept[labels]
    return found


def _largest(area: NDArray[np.bool_]) -> int:
    """The number of pixels of the largest connected part."""
    import cv2

    about = cv2.connectedComponentsWithStats(area.astype("uint8"), connectivity=8)[2]
    return int(about[1:, cv2.CC_STAT_AREA].max(initial=0))


def _measured(
    picture: NDArray[np.uint8],
    photo: NDArray[np.uint8],
    changed: NDArray[np.bool_],
    apart: NDArray[Any],
    clear: int,
) -> tuple[Colour, float] | None:
    """The colour of the strokes and how opaque they are; None where they have no one colour.

    A stroke makes (1 - a) p + a c of a pixel p: a line in p, whose slope is the same in all channels.
    """
    import numpy as np

    strong = changed & (apart >= np.median(apart[changed]))
    places = np.flatnonzero(strong)
    places = places[:: max(1, len(places) // MANY)]
    drawn = picture.reshape(-1, 3)[places].astype(np.float64)
    under = photo.reshape(-1, 3)[places].astype(np.float64)
    middle = np.median(drawn, axis=0)
    of_one_colour = (np.abs(drawn - middle).max(axis=1) <= NEAR_COLOUR).mean() >= MOST_OF
    if of_one_colour and under.std(axis=0).mean() < FLAT:
        return _rounded(middle), 1.0  # a slope cannot be told where the photograph is even
    kept = np.ones(len(drawn), np.bool_)
    slope, offset = 0.0, middle
    for _ in range(5):
        y, x = drawn[kept], under[kept]
        spread = ((x - x.mean(0)) ** 2).sum()
        slope = float(((x - x.mean(0)) * (y - y.mean(0))).sum() / spread) if spread else 0.0
        offset = y.mean(0) - slope * x.mean(0)
        missed = np.abs(drawn - slope * under - offset).max(axis=1)
        kept = missed <= max(float(NEAR_MIX), float(np.median(missed)))
    opaque = 1 - slope
    if of_one_colour and opaque > OPAQUE:
        return _rounded(middle), 1.0
    if not LEAST_OPAQUE <= opaque <= 1.2 or (missed <= max(NEAR_MIX, clear)).mean() < MOST_OF:
        return None
    colour = offset / opaque
    if colour.min() < -NEAR_COLOUR or colour.max() > 255 + NEAR_COLOUR:
        return None
    return _rounded(colour.clip(0, 255)), min(1.0, opaque)


def _rounded(colour: NDArray[np.float64]) -> Colour:
    red, green, blue = (round(float(channel)) for channel in colour)
    return red, green, blue


def _towards(picture: NDArray[np.uint8], photo: NDArray[np.uint8], colour: Colour) -> NDArray[np.bool_]:
    """Where a pixel has changed towards a colour, or has it."""
    import numpy as np

    along, changed, whole = (np.zeros(picture.shape[:2], np.float32) for _ in range(3))
    for channel, target in enumerate(colour):
        under = photo[..., channel].astype(np.float32)
        change, way = picture[..., channel] - under, target - under
        along += change * way
        changed += change**2
        whole += way**2
    full = np.empty_like(picture)
    full[:] = colour
    near = _most_apart(picture, full) <= NEAR_COLOUR
    lengths = np.sqrt(changed * whole)
    found: NDArray[np.bool_] = near | ((along >= ONE_WAY * lengths) & (lengths > 0))
    return found


def _closed(strokes: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Strokes with their pinholes closed, and gaps up to their width where they could not be seen."""
    import cv2
    import numpy as np

    if not strokes.any():
        return strokes
    edge = np.pad(strokes.astype(np.uint8), 2)
    small = cv2.morphologyEx(edge, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))[2:-2, 2:-2] > 0
    inside = cv2.distanceTransform(np.pad(strokes.astype(np.uint8), 1), cv2.DIST_L2, 5)
    reach = min(WIDEST, 1 + float(np.quantile(inside[inside > 0], 0.9)))
    away = cv2.distanceTransform((~np.pad(strokes, WIDEST + 1)).astype(np.uint8), cv2.DIST_L2, 5)
    within = cv2.distanceTransform((away <= reach).astype(np.uint8), cv2.DIST_L2, 5)
    wide = (within > reach)[WIDEST + 1 : -WIDEST - 1, WIDEST + 1 : -WIDEST - 1]
    found: NDArray[np.bool_] = small | (wide & unseen)
    return found
