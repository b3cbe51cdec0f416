"""Tell pictures that cannot be meant as masks: photographs and coloured drawings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NEAR = 16 / 255  # from black or white; JPEG ringing on a black and white drawing stays mostly within this
RIM = 2  # pixels over which an antialiased edge, or one that JPEG has softened, is neither black nor white
# Photographs are neither black nor white at 0.7 of their pixels or more, the night sky at 0.3; drawings with
# soft brushes at a third.
MOSTLY_GRAY = 0.4
FEW_TONES = 8  # labels and chessboards have no more; photographs do
COLOURED = 50 / 255  # of the scale between the channels: cream and the noise of colour are below
BAND = 1024  # rows that are looked at together
FEW_COLOURED = 0.02  # of what is not black
# A soft brush leaves much that is black and something that is white. In a ramp each is 6 %.
FEW_OF_EACH, OF_BOTH = 0.05, 0.25


def spread_of(colours: NDArray[Any]) -> NDArray[Any]:
    """The largest of three channels minus the smallest ``(h, w)``."""
    import numpy as np

    red, green, blue = (colours[..., channel] for channel in range(3))
    largest, smallest = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    spread: NDArray[Any] = largest - smallest
    return spread


def doubt_of(value: NDArray[Any], drawn: NDArray[Any] | None = None) -> str:
    """Say why a picture cannot be meant as a mask, and what to do; empty where it can.

    Parameters
    ----------
    value : 0 for black to 1 for white, of any shape.
    drawn : RGB ``(h, w, 3)`` in [0, 1], for what may have colours.

    Returns
    -------
    str
        What follows the name of the mask in a message.

    Examples
    --------
    >>> import numpy as np
    >>> doubt_of(np.linspace(0, 1, 100))
    'looks like a photograph: 86% of it is neither black nor white; paint what is meant white on black'
    >>> red = np.zeros((8, 8, 3))
    >>> red[2:4, :, 0] = 1
    >>> doubt_of(red.mean(2), red)
    'has colours, red 255, green 0, blue 0 at 25% of it; paint what is meant white on black'
    >>> doubt_of(np.eye(8))
    ''
    """
    gray = float(_gray(value).mean())
    what_to_do = "paint what is meant white on black"
    if is_mostly_gray(value):
        black, white = float((value <= NEAR).mean()), float((value >= 1 - NEAR).mean())
        if min(black, white) >= FEW_OF_EACH and black + white >= OF_BOTH:
            return f"is a very soft mask: {gray:.0%} of it is neither black nor white; harden its edge"
        return f"looks like a photograph: {gray:.0%} of it is neither black nor white; {what_to_do}"
    if drawn is None:
        return ""
    coloured = coloured_of(drawn)
    if coloured.sum() <= FEW_COLOURED * (value > NEAR).sum():
        return ""
    return f"has colours, {_most_frequent(drawn[coloured])} at {coloured.mean():.0%} of it; {what_to_do}"


def is_mostly_gray(value: NDArray[Any]) -> bool:
    """Whether a picture, of values 0 to 1 and any shape, is a photograph or a ramp by its tones."""
    return float(_gray(value).mean()) > MOSTLY_GRAY and not _of_two_tones(value)


def _gray(value: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a mask is neither nearly black nor nearly white."""
    between: NDArray[np.bool_] = (value > NEAR) & (value < 1 - NEAR)
    return between


def _of_two_tones(value: NDArray[Any]) -> bool:
    """Whether a drawing has a dark and a bright tone, though not black and white, or a few flat tones."""
    import numpy as np

    if np.count_nonzero(np.bincount((value * 255).astype(np.uint8).ravel())) <= FEW_TONES:
        return True
    bright = value >= 0.5
    if bright.all() or not bright.any():
        return False
    dark, light = np.median(value[~bright]), np.median(value[bright])
    apart = np.minimum(abs(value - dark), abs(value - light))
    return bool(light - dark > 0.5 and (apart > 1.5 * NEAR).mean() < 0.1)


def coloured_of(drawn: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a drawing ``(h, w, 3)`` has colours, but for those at the edges of letters drawn for a screen.

    Each edge of such a letter has the colours that the other lacks, a pixel or two away along the row.
    """
    import numpy as np

    rows = len(drawn)
    bands = []  # so that a large mask takes little more memory
    for top in range(0, rows, BAND):
        start, end = max(0, top - RIM), min(rows, top + BAND + RIM)
        bands.append(_coloured_band(drawn[start:end])[top - start :][:BAND])
    return np.concatenate(bands)


def _coloured_band(drawn: NDArray[Any]) -> NDArray[np.bool_]:
    import cv2
    import numpy as np

    coloured: NDArray[np.bool_] = spread_of(drawn) > COLOURED
    if not coloured.any():
        return coloured
    coloured &= spread_of(cv2.blur(drawn.astype(np.float32), (2 * RIM + 1, 1))) > COLOURED
    around = np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)
    black = cv2.dilate((drawn.max(axis=2) < NEAR).astype(np.uint8), around)
    white = cv2.dilate((drawn.min(axis=2) > 1 - NEAR).astype(np.uint8), around)
    away: NDArray[np.bool_] = coloured & ~((black > 0) & (white > 0))
    return away


def _most_frequent(colours: NDArray[Any]) -> str:
    """Name the colour that most of ``(n, 3)`` have."""
    import numpy as np

    found, times = np.unique(
        (colours * 255).round().clip(0, 255).astype(np.uint8), axis=0, return_counts=True
    )
    red, green, blue = found[times.argmax()]
    return f"red {red}, green {green}, blue {blue}"
