"""What a browser shows of a picture: small views in sRGB of 8 bits, whatever the picture holds."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from restore.images.picture import TOP, Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[Any]  # uint8 (h, w, 3)

Box = tuple[int, int, int, int]
"""Top, left, height and width of a part, in pixels."""

DARK = 0.1  # of white: a picture of more than 8 bits whose brightest parts are below is shown brighter
BRIGHTEST = 0.9  # and then these are shown as this
_SQUARE = 8  # pixels of the squares that show through where a picture is transparent
_SQUARES = (0.80, 0.90)
_SPARE = 4  # times the size of a view, to which a transparent picture is thinned out first


def fitted_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size of a picture made to fit into a square; one that fits keeps its own.

    Parameters
    ----------
    size : (h, w) in pixels.
    side : of the square.

    Examples
    --------
    >>> fitted_size((2000, 3000), 300), fitted_size((5, 90000), 300), fitted_size((4, 6), 300)
    ((200, 300), (1, 300), (4, 6))
    """
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def view(
    picture: Picture, size: tuple[int, int] | None = None, *, box: Box | None = None, gain: float = 1.0
) -> Bytes:
    """Make a view of a picture, or of a part of it.

    Parameters
    ----------
    picture : of any depth; floats in their nominal range.
    size : (h, w) of the view; None for that of the part. What shrinks is averaged, what grows interpolated.
    box : the part; None for all of it.
    gain : by which the values are multiplied, as `gain_of` gives it.

    Returns
    -------
    array
        uint8 ``(h, w, 3)`` in sRGB, by the ICC profile of the picture. Squares show through where it is
        transparent.

    Examples
    --------
    >>> import numpy as np
    >>> view(Picture(np.full((40, 60, 3), 1.5, np.float32)), (2, 3)).tolist()[0][0]
    [255, 255, 255]
    """
    import numpy as np

    pixels, alpha = picture.pixels, picture.alpha
    if box is not None:
        top, left, h, w = box
        part = slice(top, top + h), slice(left, left + w)
        pixels, alpha = pixels[part], None if alpha is None else alpha[part]
    size = pixels.shape[:2] if size is None else size
    cover: NDArray[Any] | None = None
    if alpha is None:
        colours = _unit(_resized(pixels, size))
    else:
        steps = tuple(max(1, int(n / (_SPARE * m))) for n, m in zip(pixels.shape, size, strict=False))
        thin = slice(None, None, steps[0]), slice(None, None, steps[1])
        cover = _unit(alpha[thin])[..., None]
        # What lies hidden below transparency must not run into what is seen.
        colours = _resized(_unit(pixels[thin]) * cover, size)
        cover = _resized(np.repeat(cover, 3, axis=2), size)
        colours = np.divide(colours, cover, out=np.zeros_like(colours), where=cover > 0)
    levels = np.rint(np.clip(np.nan_to_num(colours * np.float32(gain)), 0, 1) * 255).astype(np.uint8)
    levels = in_srgb(levels, picture.icc, gray=picture.gray)
    if cover is None:
        return levels
    shown: Bytes = np.rint(levels * cover + _squares(size) * 255 * (1 - cover)).astype(np.uint8)
    return shown


def gain_of(picture: Picture, side: int = 256) -> float:
    """By how much the view of a picture has to be brighter to be seen; 1 for most.

    Numbers of 12 bits in a file of 16, and floats of a scale of their own, would be black.

    Parameters
    ----------
    picture : of any depth; those of 8 bits are shown as they are.
    side : of the small view that is looked at.

    Examples
    --------
    >>> import numpy as np
    >>> gain_of(Picture(np.full((8, 8, 3), 655, np.uint16))), gain_of(Picture(np.zeros((8, 8, 3), np.uint8)))
    (90.0, 1.0)
    """
    import numpy as np

    if picture.bits == 8:
        return 1.0
    small = np.nan_to_num(_unit(_resized(picture.pixels, fitted_size(picture.size, side))))
    bright = float(np.quantile(small, 0.995))
    return round(BRIGHTEST / bright, 1) if 0 < bright < DARK else 1.0


def telling_part(before: Picture, after: Picture, size: tuple[int, int]) -> Box:
    """Find a part of a result that shows what was done: where much has changed, and there is much to see.

    Parameters
    ----------
    before, after : a picture and its result, which may be larger.
    size : (h, w) of the part, cut down to the result's.

    Returns
    -------
    tuple of int
        Top, left, height and width in the result.

    Examples
    --------
    >>> import numpy as np
    >>> gray = np.full((100, 200, 3), 99, np.uint8)
    >>> changed = gray.copy()
    >>> changed[60:80, 150:170] = 0
    >>> top, left, h, w = telling_part(Picture(gray), Picture(changed), (40, 40))
    >>> top <= 60 and top + h >= 80 and left <= 150 and left + w >= 170
    True
    """
    import cv2
    import numpy as np

    h, w = (min(n, m) for n, m in zip(size, after.size, strict=True))
    cell = max(1, min(h, w) // 16)  # the maps have a value for each such square
    grid = (-(-after.size[0] // cell), -(-after.size[1] // cell))
    # Reduced no further than the noise survives as a measure: twice the grid, its differences then averaged.
    fine = (grid[0] * 2, grid[1] * 2)
    old, new = (
        np.nan_to_num(_unit(_resized(_thinned(each, fine), fine))).mean(axis=2) for each in (before, after)
    )
    change = _resized(np.abs(new - old), grid)
    slopes = np.abs(cv2.Laplacian(new, cv2.CV_32F))
    detail = np.minimum(_resized(slopes, grid), np.quantile(slopes, 0.98) + 1e-6)
    window = (max(1, h // cell), max(1, w // cell))
    sums = [_window_means(each, window) for each in (change, detail)]
    peaks = [float(each.max()) or 1.0 for each in sums]
    score = (sums[0] / peaks[0] + 0.01) * (sums[1] / peaks[1] + 0.1)
    row, column = np.unravel_index(int(score.argmax()), score.shape)
    top, left = min(int(row) * cell, after.size[0] - h), min(int(column) * cell, after.size[1] - w)
    return top, left, h, w


def _thinned(picture: Picture, size: tuple[int, int]) -> NDArray[Any]:
    """Every so many pixels of a picture: enough for a map of what differs, which an average would hide."""
    steps = (max(1, picture.size[0] // size[0]), max(1, picture.size[1] // size[1]))
    return picture.pixels[:: steps[0], :: steps[1]]


def _window_means(values: NDArray[Any], window: tuple[int, int]) -> NDArray[Any]:
    """The mean of each window that lies within."""
    import numpy as np

    h, w = (min(n, m) for n, m in zip(window, values.shape, strict=True))
    sums = np.pad(values.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    means: NDArray[Any] = (sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]) / (h * w)
    return means


def _unit(values: NDArray[Any]) -> NDArray[Any]:
    """As float32, 1 for white."""
    import numpy as np

    unit: NDArray[Any] = values.astype(np.float32) / np.float32(TOP[values.dtype.name])
    return unit


def _resized(values: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Averaged over areas where it shrinks, cubic where it grows."""
    import cv2
    import numpy as np

    if values.shape[:2] == size:
        return values
    grows = size[0] > values.shape[0] or size[1] > values.shape[1]
    how = cv2.INTER_CUBIC if grows else cv2.INTER_AREA
    return cv2.resize(np.ascontiguousarray(values), size[::-1], interpolation=how)


def _squares(size: tuple[int, int]) -> NDArray[Any]:
    """Light and lighter squares ``(h, w, 1)``, from 0 to 1."""
    import numpy as np

    rows, columns = (np.arange(n) // _SQUARE for n in size)
    shades: NDArray[Any] = np.array(_SQUARES, np.float32)[(rows[:, None] + columns) % 2][..., None]
    return shades


def in_srgb(levels: Bytes, icc: bytes, *, gray: bool) -> Bytes:
    """The same colours in sRGB; as they are where the profile is none that can be used.

    Parameters
    ----------
    levels : uint8 ``(h, w, 3)``; of a gray picture one level three times.
    icc : the profile; empty for none.
    gray : whether the profile is of one channel.

    Examples
    --------
    >>> import numpy as np
    >>> in_srgb(np.full((1, 1, 3), 77, np.uint8), b"", gray=False).tolist()
    [[[77, 77, 77]]]
    """
    import numpy as np
    from PIL import Image

    transform = _to_srgb(icc, gray) if icc else None
    if transform is None:
        return levels
    given = np.ascontiguousarray(levels[..., 0] if gray else levels)
    return np.asarray(transform.apply(Image.fromarray(given)))


@functools.lru_cache(maxsize=16)
def _to_srgb(icc: bytes, gray: bool) -> Any:
    """A transform of Pillow's from a profile; None where it is broken, or is of other channels."""
    from io import BytesIO

    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(BytesIO(icc))
        if profile.profile.xcolor_space.strip() != ("GRAY" if gray else "RGB"):
            return None
        return ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            "L" if gray else "RGB",
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
