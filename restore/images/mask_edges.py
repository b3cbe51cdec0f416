"""The edges of masks: what a soft one covers, and masks of another size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from restore.images.mask_doubts import NEAR, RIM

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DARK = round(255 * NEAR)  # levels above black that the ringing of a JPEG reaches
FAINT = 3  # levels from which a stroke that was drawn with this mask as its opacity can be seen
SEED = 48  # levels above black that a thin stroke reaches somewhere, and the noise of a file does not
LIT = 120  # the most that the black of a photographed mask can be
EVEN = 2  # levels by which neighbours differ in an area of one gray
AREA = 5  # pixels a side of the smallest such area
COVER = 0.02  # of a pixel, from which a stroke that is scaled down covers it


def covered(level: NDArray[np.uint8], *, lossy: bool = False) -> NDArray[np.bool_]:
    """What a mask covers: all that is white, and the soft rim around it down to where it is black.

    A stroke that was drawn with the mask as its opacity shows through wherever the mask is not black, so
    thin and blurred strokes belong to it that are white nowhere. An area of one gray is no rim: it counts by
    its own level, white from half on. Where nothing is white, nothing is covered.

    Parameters
    ----------
    level : 0 for black to 255 for white, ``(h, w)``.
    lossy : whether the file blurs edges, as JPEG does; what is covered is then wider by a pixel.

    Returns
    -------
    array
        bool ``(h, w)``.

    Examples
    --------
    >>> import numpy as np
    >>> covered(np.array([[0, 2, 9, 90, 200, 255, 100, 0]], np.uint8)).astype(int)
    array([[0, 0, 1, 1, 1, 1, 1, 0]])
    """
    import cv2
    import numpy as np

    white: NDArray[np.bool_] = level >= 128
    soft = (level > 0) & (level < 255)
    if not white.any() or not soft.any():
        return white
    black = 0 if white.all() else min(LIT, int(np.median(level[~white])))
    body = (level > black + DARK) & ~_even_gray(level)
    body = reaching(body, level >= min(128, black + SEED)) | white
    around = cv2.dilate(body.astype(np.uint8), np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) > 0
    faint = around & (level >= black + FAINT) & ~_even_gray(level) if black < DARK else body
    found = body | faint
    if lossy:
        found = cv2.dilate(found.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))) > 0
    return found


def reaching(area: NDArray[np.bool_], seeds: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected parts of an area that hold a seed; both bool ``(h, w)``.

    Examples
    --------
    >>> import numpy as np
    >>> reaching(np.array([[1, 1, 0, 1]]) > 0, np.array([[0, 1, 0, 0]]) > 0).astype(int)
    array([[1, 1, 0, 0]])
    """
    import cv2
    import numpy as np

    count, labels = cv2.connectedComponents(area.astype(np.uint8), connectivity=8)
    kept = np.zeros(count, np.bool_)
    kept[np.unique(labels[seeds & area])] = True
    kept[0] = False
    found: NDArray[np.bool_] = kept[labels]
    return found


def _even_gray(level: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Areas of one gray that are darker than half; edges and ramps have none."""
    import cv2
    import numpy as np

    cross = np.ones((3, 3), np.uint8)
    even = (cv2.dilate(level, cross) - cv2.erode(level, cross) <= EVEN) & (level < 128) & (level > FAINT)
    inner = cv2.erode(even.astype(np.uint8), np.ones((AREA, AREA), np.uint8))
    found: NDArray[np.bool_] = (cv2.dilate(inner, np.ones((AREA + 2, AREA + 2), np.uint8)) > 0) & (
        level < 128
    )
    return found


def scaled(hole: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """A hole at another size. Thin strokes survive: every pixel that is covered in part belongs to it.

    Parameters
    ----------
    hole : bool ``(h, w)``.
    size : (h, w) that is wanted.

    Examples
    --------
    >>> import numpy as np
    >>> stroke = np.zeros((8, 8), bool)
    >>> stroke[:, 3] = True
    >>> scaled(stroke, (2, 2)).tolist()
    [[True, False], [True, False]]
    """
    import cv2
    import numpy as np

    if hole.shape == size:
        return hole
    h, w = size
    smaller = h < hole.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    cover = cv2.resize(hole.astype(np.float32), (w, h), interpolation=way)
    found: NDArray[np.bool_] = cover > (COVER if smaller else 0.25)
    return found


def scaled_pixels(pixels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """A picture ``(h, w, c)`` of 8 or 16 bits or floats at another size (h, w), for comparing."""
    import cv2

    h, w = size
    way = cv2.INTER_AREA if h < pixels.shape[0] else cv2.INTER_LINEAR
    found: NDArray[Any] = cv2.resize(pixels, (w, h), interpolation=way)
    return found


def way_to_fit(mask: tuple[int, int], photo: tuple[int, int], turned: int = 1) -> str:
    """How a mask can be made to fit a picture.

    Parameters
    ----------
    mask, photo : their sizes, (h, w).
    turned : the EXIF orientation that was applied to the photo.

    Returns
    -------
    str
        ``same``; ``scale``; ``turn``, as the photo was, and scale if need be; empty where the shapes differ.

    Examples
    --------
    >>> way_to_fit((300, 400), (600, 800)), way_to_fit((400, 300), (600, 800), 6)
    ('scale', 'turn')
    >>> way_to_fit((400, 300), (600, 800)), way_to_fit((400, 400), (600, 800))
    ('', '')
    """
    if mask == photo:
        return "same"
    if _of_one_shape(mask, photo):
        return "scale"
    return "turn" if turned >= 5 and _of_one_shape(mask[::-1], photo) else ""


SHAPES_APART = 0.015  # of the ratio of the sides


def _of_one_shape(first: tuple[int, int], second: tuple[int, int]) -> bool:
    """Whether the ratio of the sides is the same, but for 1.5 % or the rounding of one pixel."""
    (h, w), (k, v) = first, second
    expected = h * v / k
    return abs(w - expected) <= max(1.0, SHAPES_APART * expected)
