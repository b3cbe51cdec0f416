"""Read masks from files, and tell those that cannot be meant: photographs and coloured drawings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import MaskError
from restore.images.files import read_picture_bytes
from restore.images.picture import TOP
from restore.images.reader import decode

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
SAME = 1.5 / 255  # colours apart by less, as far as they can be seen, are rounded differently
# A soft brush leaves much that is black and something that is white. In a ramp each is 6 %.
FEW_OF_EACH, OF_BOTH = 0.05, 0.25


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask file.

    Parameters
    ----------
    white : where the mask is white, bool ``(h, w)``.
    soft : where it is neither nearly black nor nearly white, bool ``(h, w)``.
    brightest : its largest value, 0 to 1.
    scale : the number that stands for white in the file, as 255 or 65535.
    """

    white: NDArray[np.bool_]
    soft: NDArray[np.bool_]
    brightest: float
    scale: float = 255.0

    @property
    def gray_fraction(self) -> float:
        """Share of pixels that are neither nearly black nor nearly white, 0 to 1."""
        return float(self.soft.mean())


def read_mask(path: str | Path) -> Mask:
    """Read a picture as a mask.

    A mask is white at half of the full scale or more. A picture of integers up to 1 counts as one of zeros
    and ones: 1 is white, as in a mask given as an array. A mask drawn on a layer of one colour is taken from
    its alpha channel; otherwise the value is the mean of r, g and b times alpha, so that clear pixels are
    black.

    Parameters
    ----------
    path : the file.

    Returns
    -------
    Mask

    Raises
    ------
    ImageError
        As `restore.images.read`.
    MaskError
        For what cannot be meant as a mask: a photograph, or a drawing with colours.
    """
    return decode_mask(read_picture_bytes(path), name=str(path))


def decode_mask(data: bytes, *, name: str) -> Mask:
    """Decode a mask that is already in memory, as `read_mask` does.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images import Picture, encode
    >>> drawing = np.array([[0, 127, 128, 255]], np.uint8)[..., None].repeat(3, axis=2)
    >>> mask = decode_mask(encode(Picture(drawing), "png"), name="memory")
    >>> mask.white.tolist(), mask.gray_fraction
    ([[False, False, True, True]], 0.5)
    """
    picture = decode(data, name=name)
    value, drawn = values_of(picture.pixels, picture.alpha)
    doubt = doubt_of(value, drawn)
    if doubt:
        raise MaskError(f"{name} {doubt}")
    scale = float(TOP[picture.pixels.dtype.name])
    return Mask(white=value >= 0.5, soft=_gray(value), brightest=float(value.max()), scale=scale)


def values_of(
    pixels: NDArray[Any], alpha: NDArray[Any] | None
) -> tuple[NDArray[np.float32], NDArray[Any] | None]:
    """Give the values of a mask and what they were taken from.

    Parameters
    ----------
    pixels : RGB, as in `restore.images.Picture`, ``(h, w, 3)``.
    alpha : ``(h, w)`` of the same dtype, or None.

    Returns
    -------
    value : 0 for black to 1 for white, ``(h, w)``.
    drawn : RGB ``(h, w, 3)`` in [0, 1], on black where it is clear; None where there is no colour in it.
    """
    import numpy as np

    kind = pixels.dtype.name
    if kind == "float32":
        pixels = pixels.clip(0, 1)
    top, brightest = np.float32(TOP[kind]), pixels.max()
    full = np.float32(brightest if brightest == 1 and kind != "float32" else top)
    value = (pixels.mean(axis=2, dtype=np.float32) / full).clip(0, 1)
    opaque = np.ones((1, 1), np.float32) if alpha is None else alpha.astype(np.float32) / top
    if np.ptp(opaque) > 0 and _of_one_colour(pixels / top, opaque):
        return opaque, None
    coloured = (_spread(pixels) > COLOURED * full).any()
    return value * opaque, pixels / full * opaque[..., None] if coloured else None


def _of_one_colour(pixels: NDArray[Any], opaque: NDArray[np.float32]) -> bool:
    """Whether all that can be seen of a layer has one colour; programs put black under what is clear.

    pixels: ``(h, w, 3)`` in [0, 1]. Where a layer is nearly clear, its colours are rounded coarsely.
    """
    import numpy as np

    colour = pixels.reshape(-1, 3)[opaque.argmax()]
    return bool((np.abs(pixels - colour).max(axis=2) * opaque <= SAME).all())


def values_of_image(image: Any) -> NDArray[Any]:
    """Give the values of a mask that is a PIL image: at its own depth, of colours 0 to 1.

    Raises ValueError for what cannot be meant as a mask.

    Examples
    --------
    >>> from PIL import Image
    >>> values_of_image(Image.new("RGB", (2, 1), "white")).tolist()
    [[1.0, 1.0]]
    """
    import numpy as np

    if image.mode not in ("RGB", "RGBA", "LA", "P", "PA"):
        values = np.asarray(image)
        return values if values.dtype.kind in "bu" else np.asarray(image.convert("L"))
    layers = np.asarray(image.convert("RGBA"))
    value, drawn = values_of(layers[..., :3], layers[..., 3])
    if doubt := doubt_of(value, drawn):
        raise ValueError(f"the mask {doubt}")
    return value


def _spread(colours: NDArray[Any]) -> NDArray[Any]:
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
    if gray > MOSTLY_GRAY and not _of_two_tones(value):
        black, white = float((value <= NEAR).mean()), float((value >= 1 - NEAR).mean())
        if min(black, white) >= FEW_OF_EACH and black + white >= OF_BOTH:
            return f"is a very soft mask: {gray:.0%} of it is neither black nor white; harden its edge"
        return f"looks like a photograph: {gray:.0%} of it is neither black nor white; {what_to_do}"
    if drawn is None:
        return ""
    coloured = _coloured(drawn)
    if coloured.sum() <= FEW_COLOURED * (value > NEAR).sum():
        return ""
    return f"has colours, {_most_frequent(drawn[coloured])} at {coloured.mean():.0%} of it; {what_to_do}"


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


def _coloured(drawn: NDArray[Any]) -> NDArray[np.bool_]:
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

    coloured: NDArray[np.bool_] = _spread(drawn) > COLOURED
    if not coloured.any():
        return coloured
    coloured &= _spread(cv2.blur(drawn.astype(np.float32), (2 * RIM + 1, 1))) > COLOURED
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
