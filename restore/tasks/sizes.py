"""The sizes that pictures are enlarged to, in whole pixels. Importing this does not import torch."""

from __future__ import annotations

from restore.tasks.catalogue import SCALES

Size = tuple[int, int]


def size_of(size: Size, *, width: int | None = None, height: int | None = None) -> Size:
    """Give the size whose width or height is the one wanted, and whose shape is that of the picture.

    Parameters
    ----------
    size : (int, int)
        Height and width of the picture.
    width, height : int, optional
        What is wanted, in pixels; one of them, or both, where they fit the shape (`check_shape`).

    Returns
    -------
    (int, int)
        Height and width; the side that is not given is rounded to the nearest pixel.

    Raises
    ------
    ValueError
        For neither of them, and for two that do not fit.

    Examples
    --------
    >>> size_of((480, 641), width=1920), size_of((480, 641), height=960)
    ((1438, 1920), (960, 1282))
    """
    h, w = size
    if width is not None and height is not None:
        check_shape(size, (height, width))
        return height, width
    if width is not None:
        return _scaled(h, width, w), width
    if height is not None:
        return height, _scaled(w, height, h)
    raise ValueError("a width or a height is wanted, got neither")


def longest_of(size: Size, side: int) -> Size:
    """Give the size of the same shape whose longer side is the one wanted.

    Examples
    --------
    >>> longest_of((480, 640), 1920), longest_of((640, 480), 1920)
    ((1440, 1920), (1920, 1440))
    """
    return size_of(size, width=side) if size[1] >= size[0] else size_of(size, height=side)


def check_shape(size: Size, wanted: Size) -> None:
    """Refuse a size that no factor leads to.

    A factor leads to a size where both sides, times the factor, round to it.

    Parameters
    ----------
    size, wanted : (int, int)
        Height and width of the picture and of the result.

    Raises
    ------
    ValueError
        The message names the heights that fit the width.

    Examples
    --------
    >>> check_shape((480, 640), (1440, 1920))
    >>> check_shape((480, 640), (1080, 1920))
    Traceback (most recent call last):
    ValueError: 640x480 cannot become 1920x1080 (w x h), which has another shape; heights that fit a \
width of 1920: 1440
    """
    (h, w), (tall, wide) = size, wanted
    low, high = _heights(size, wide)
    if not low <= tall <= high:
        fitting = f"{low} to {high}" if low < high else str(low)
        raise ValueError(
            f"{w}x{h} cannot become {wide}x{tall} (w x h), which has another shape; heights that fit a width "
            f"of {wide}: {fitting}"
        )


def check_larger(size: Size, wanted: Size) -> float:
    """Give the factor from one size to another. Raises ValueError for one below 1, or above 8.

    Examples
    --------
    >>> check_larger((480, 640), (960, 1280))
    2.0
    """
    (h, w), (tall, wide) = size, wanted
    if tall < h or wide < w:
        raise ValueError(
            f"{w}x{h} cannot become {wide}x{tall} (w x h): upscaling enlarges, and this would reduce; pass a "
            f"size of {w}x{h} or more"
        )
    factor = max(tall / h, wide / w)
    if factor > SCALES[1]:
        raise ValueError(
            f"{w}x{h} cannot become {wide}x{tall} (w x h), which is {factor:.4g} times as large; the most is "
            f"{SCALES[1]:g} times, {SCALES[1] * w:g}x{SCALES[1] * h:g}"
        )
    return factor


def _scaled(side: int, wanted: int, other: int) -> int:
    """``side * wanted / other``, rounded to the nearest, upwards in the middle."""
    return (2 * side * wanted + other) // (2 * other)


def _heights(size: Size, wide: int) -> Size:
    """The least and the greatest height of results of this width: those with a factor in common."""
    h, w = size
    low = -(-((2 * wide - 1) * h - w) // (2 * w))
    return max(h if wide >= w else 1, low), ((2 * wide + 1) * h + w) // (2 * w)
