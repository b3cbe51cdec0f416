"""Erase objects: holes from boxes and points, filled by `restore.inpaint`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import NEARLY_ALL
from restore.tasks.objects import object_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.images.canvas import Picture

    Box = Sequence[float] | NDArray[Any]
    Point = Sequence[float] | NDArray[Any]

RIM, PART = 4, 0.02  # pixels around an object found at a point, and more by its size, that show it still


@any_kind
def erase(
    image: Picture,
    /,
    *,
    box: Box | Sequence[Box] = (),
    at: Point | Sequence[Point] = (),
    radius: float | None = None,
    grow: int | None = None,
    **options: Any,
) -> Picture:
    """Remove objects from a picture: what boxes hold, and small objects found from points.

    It is `restore.inpaint` with the hole of `erase_mask`.

    Parameters
    ----------
    image, box, at, radius, grow
        As `erase_mask` takes them.
    **options
        As `restore.inpaint` takes them: estimate, method, steps, seed, prior and others, but no mask.

    Returns
    -------
    array, tensor, PIL image, Picture or list
        The same kind as ``image``, a Picture for a path;
        outside the hole every number is the input's own.

    Raises
    ------
    ValueError
        As `erase_mask` and `restore.inpaint`.
    MaskError
        Where there is no small object at a point.

    References
    ----------
    .. [1] C. Rother, V. Kolmogorov, A. Blake (2004). GrabCut: interactive foreground extraction using
       iterated graph cuts. ACM Transactions on Graphics 23(3), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import erase
    >>> from restore.testing import tiny_prior
    >>> image = np.full((32, 32, 3), 120, np.uint8)
    >>> image[8:12, 10:20] = 250
    >>> erased = erase(image, box=(9, 7, 12, 6), steps=2, prior=tiny_prior())
    >>> bool((erased[:7] == image[:7]).all()), bool((erased[8:12, 10:20] == 250).any())
    (True, False)
    """
    from restore.tasks.inpaint import inpaint

    return inpaint(image, erase_mask(image, box=box, at=at, radius=radius, grow=grow), **options)


def erase_mask(
    image: Picture,
    *,
    box: Box | Sequence[Box] = (),
    at: Point | Sequence[Point] = (),
    radius: float | None = None,
    grow: int | None = None,
) -> NDArray[np.bool_]:
    """Give the hole that `erase` fills: all boxes, and the objects at all points.

    Parameters
    ----------
    image : array, tensor or PIL image
        As `restore.inpaint` takes it; one picture where there are points.
    box : four numbers, or a sequence of such
        ``(x, y, width, height)`` in pixels, from the left and the top of the picture.
    at : two numbers, or a sequence of such
        ``(x, y)``: points in small objects, which `restore.tasks.objects.object_at` finds.
    radius : float, optional
        Pixels around each point beyond which its object does not reach.
    grow : int, optional
        Pixels by which the hole is widened. None leaves boxes as they are and widens objects by four pixels
        and two hundredths of their size, for soft rims and what JPEG leaves around them.

    Returns
    -------
    array
        bool ``(h, w)``, True is the hole.

    Raises
    ------
    ValueError
        For no box and no point, boxes and points that are not in the picture, boxes of no size, and a hole
        of nearly all of the picture.
    MaskError
        Where there is no small object at a point.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import erase_mask
    >>> mask = erase_mask(np.zeros((8, 10), np.uint8), box=(2, 3, 4, 1))
    >>> mask.shape, mask.nonzero()[0].tolist(), mask.nonzero()[1].tolist()
    ((8, 10), [3, 3, 3, 3], [2, 3, 4, 5])
    """
    import numpy as np

    from restore.images.canvas import canvas
    from restore.tasks.checked import check_arguments
    from restore.tasks.holes import widened

    check_arguments({"radius": radius, "grow": grow})
    boxes, points = _several(box, 4, "box"), _several(at, 2, "at")
    if not boxes and not points:
        raise ValueError("nothing says what to erase; pass box=(x, y, width, height) or at=(x, y)")
    h, w = canvas(image, checked=False).batch.shape[-2:]
    hole = np.zeros((h, w), np.bool_)
    for each in boxes:
        hole |= box_hole(each, (h, w))
    for x, y in points:
        try:
            found = object_at(image, x, y, radius=radius)
        except ValueError as error:
            raise ValueError(f"at {error}") from error
        hole |= found if grow is not None else with_rim(found)
    hole = widened(hole, grow or 0)
    if problem := too_large(hole):
        raise ValueError(problem)
    return hole


def box_hole(box: Sequence[float], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The hole of one box ``(x, y, width, height)`` in a picture of a size ``(h, w)``.

    Raises ValueError for a box that is not in the picture, and for one of no size.
    """
    import numpy as np

    h, w = size
    told = ",".join(f"{each:g}" for each in box)
    if any(each != int(each) for each in box):
        raise ValueError(f"box {told}: expected whole pixels")
    x, y, width, height = map(int, box)
    if width < 1 or height < 1:
        raise ValueError(f"box {told}: it is {width}x{height} pixels (w x h), and needs at least 1x1")
    if x < 0 or y < 0 or x + width > w or y + height > h:
        raise ValueError(f"box {told}: it is not within the picture, which is {w}x{h} (w x h)")
    hole = np.zeros(size, np.bool_)
    hole[y : y + height, x : x + width] = True
    return hole


def with_rim(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """An object ``(h, w)`` with what shows of it around: a soft rim, and what JPEG leaves."""
    rows, columns = found.nonzero()
    size = max(int(rows.max() - rows.min()), int(columns.max() - columns.min())) + 1
    from restore.tasks.holes import widened

    return widened(found, round(RIM + PART * size))


def too_large(hole: NDArray[np.bool_]) -> str:
    """Say that a hole leaves too little of the picture; empty where it does not."""
    share = float(hole.mean())
    if share <= NEARLY_ALL:
        return ""
    return f"the hole is {share:.1%} of the picture, too little is left to fill it from; pass smaller boxes"


def _several(given: Any, count: int, name: str) -> list[tuple[float, ...]]:
    """One group of so many numbers, or several, as a list of groups."""
    import numpy as np

    try:
        numbers = np.asarray(given, np.float64)
    except (TypeError, ValueError):
        numbers = np.zeros(1)
    if numbers.ndim == 1 and numbers.size:
        numbers = numbers[None]
    if numbers.size and (numbers.ndim != 2 or numbers.shape[1] != count or not np.isfinite(numbers).all()):
        expected = "(x, y, width, height)" if count == 4 else "(x, y)"
        told = " ".join(repr(given).split())
        raise ValueError(f"{name} is {expected} in pixels, or a list of such, got {told[:80]}")
    return [tuple(map(float, each)) for each in numbers] if numbers.size else []
