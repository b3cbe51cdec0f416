"""Strokes of a page as masks: brushes, lassos, boxes and regions, drawn in the order in which they were made.

Points are in pixels from the top left corner of the picture, so that the middle of the first pixel is 0.5,
0.5, as on the canvas of a page. A pixel is filled where its middle is within a stroke; edges are hard.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Mask = NDArray[np.uint8]

MOST_STROKES = 20_000
MOST_POINTS = 1_000_000  # of all strokes together
FARTHEST = 1e6  # pixels from the corner, and of a radius
STRAIGHT = 0.2  # pixels that points may lie beside a line that is drawn without them
_SHIFT = 8  # bits of a fraction of a pixel, as OpenCV takes it
_ROWS = 256  # that are counted at a time


class Region(Protocol):
    """Where levels, 0 or 255, lie in a picture."""

    @property
    def x(self) -> int:
        """Pixels from the left."""
        ...

    @property
    def y(self) -> int:
        """Pixels from the top."""
        ...

    @property
    def level(self) -> Mask:
        """The levels, within the picture."""
        ...


Load = Callable[[str], Region]
"""gives a region by its id"""


def checked(strokes: object) -> list[dict[str, Any]]:
    """Give strokes as they came, once they are what can be drawn. Raises ValueError."""
    if not isinstance(strokes, list) or not all(isinstance(stroke, dict) for stroke in strokes):
        raise ValueError("strokes: expected a list of strokes")
    if len(strokes) > MOST_STROKES:
        raise ValueError(f"strokes: expected at most {MOST_STROKES}, got {len(strokes)}; upload a mask")
    points = 0
    for number, stroke in enumerate(strokes):
        kind = stroke.get("kind")
        if not isinstance(kind, str) or kind not in _FIELDS:
            raise ValueError(f"strokes[{number}].kind: expected {', '.join(_FIELDS)}, got {str(kind)[:40]!r}")
        for name, check in _FIELDS[kind].items():
            if problem := check(stroke.get(name)):
                raise ValueError(f"strokes[{number}].{name}: expected {problem}")
        points += len(stroke.get("points", ())) // 2
    if points > MOST_POINTS:
        raise ValueError(f"strokes: expected at most {MOST_POINTS} points, got {points}; upload a mask")
    return strokes


def drawn(
    strokes: Sequence[Mapping[str, Any]], size: tuple[int, int], load: Load | None = None
) -> NDArray[np.uint8]:
    """Draw strokes, 255 where they fill a picture and 0 elsewhere.

    strokes: checked. size: (h, w) of the picture. load: gives regions; what it raises is raised.
    """
    import numpy as np

    mask = np.zeros(size, np.uint8)
    for stroke in strokes:
        level = 0 if stroke.get("erase") else 255
        if stroke["kind"] == "brush":
            _brush(mask, np.array(stroke["points"], np.float64).reshape(-1, 2), stroke["radius"], level)
        elif stroke["kind"] == "lasso":
            _lasso(mask, np.array(stroke["points"], np.float64).reshape(-1, 2), level)
        elif stroke["kind"] == "box":
            _box(mask, stroke, level)
        elif load is not None:
            region = load(stroke["region"])
            h, w = region.level.shape
            mask[region.y : region.y + h, region.x : region.x + w][region.level > 0] = level
    return mask


def _brush(mask: Mask, points: NDArray[np.float64], radius: float, level: int) -> None:
    """A line with round ends and joins."""
    import cv2
    import numpy as np

    points = _within(_simplified(points), mask.shape, radius)
    # OpenCV fills what a shape touches, half a pixel farther than the middles of the pixels in it.
    reach = max(0.0, radius - 0.5)
    centres = np.unique(np.rint((points.reshape(-1, 2) - 0.5) * 2**_SHIFT).astype(np.int64), axis=0)
    for centre in centres.tolist():
        cv2.circle(mask, centre, round(reach * 2**_SHIFT), level, cv2.FILLED, cv2.LINE_8, _SHIFT)
    starts, ends = points[:, 0] - 0.5, points[:, 1] - 0.5
    along = ends - starts
    length = np.hypot(along[:, 0], along[:, 1])
    starts, ends, along = starts[length > 0], ends[length > 0], along[length > 0]
    across = np.stack([-along[:, 1], along[:, 0]], 1) / length[length > 0, None] * reach
    corners = np.stack([starts + across, ends + across, ends - across, starts - across], 1)
    for quad in np.rint(corners * 2**_SHIFT).astype(np.int32):
        cv2.fillConvexPoly(mask, quad, level, cv2.LINE_8, _SHIFT)


def _simplified(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same line of fewer points."""
    import cv2
    import numpy as np

    if len(points) < 3:
        return points
    # Single precision is exact enough near the middle of the line only.
    middle = points.mean(axis=0)
    fewer = cv2.approxPolyDP((points - middle).astype(np.float32)[:, None], STRAIGHT, closed=False)
    line: NDArray[np.float64] = fewer[:, 0].astype(np.float64) + middle
    return line


def _within(points: NDArray[np.float64], shape: tuple[int, ...], radius: float) -> NDArray[np.float64]:
    """The parts of the pieces of a line ``(n, 2, 2)`` from which something of the picture is reached."""
    import numpy as np

    pieces = np.stack([points[:-1], points[1:]], 1) if len(points) > 1 else np.stack([points, points], 1)
    start, along = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    low, high = -radius - 2.0, np.array([shape[1], shape[0]]) + radius + 2.0
    if (points > low).all() and (points < high).all():
        return pieces
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([(low - start) / along, (high - start) / along])
    # A piece that does not move along an axis is within its borders throughout, or nowhere.
    still, inside = along == 0, (start >= low) & (start <= high)
    first = np.where(still, np.where(inside, 0.0, 2.0), shares.min(axis=0)).max(axis=1).clip(0, None)
    last = np.where(still, np.where(inside, 1.0, -1.0), shares.max(axis=0)).min(axis=1).clip(None, 1)
    seen = first <= last
    start, along, first, last = start[seen], along[seen], first[seen, None], last[seen, None]
    return np.stack([start + first * along, start + last * along], 1)


def _lasso(mask: Mask, points: NDArray[np.float64], level: int) -> None:
    """A polygon: what its border goes around, at least once (non-zero winding).

    For each row of pixels it is counted where edges cross the line through their middles, upwards or
    downwards.
    """
    import numpy as np

    h, w = mask.shape
    ends = np.roll(points, -1, axis=0)
    turns = np.where(points[:, 1] < ends[:, 1], 1, -1)
    flip = turns[:, None] < 0
    upper, lower = np.where(flip, ends, points), np.where(flip, points, ends)
    # Rows whose middles lie from the upper end up to the lower one.
    first = np.ceil(upper[:, 1] - 0.5).clip(0, h).astype(np.int64)
    last = np.ceil(lower[:, 1] - 0.5).clip(0, h).astype(np.int64)
    if not (last > first).any():
        return
    slope = (lower[:, 0] - upper[:, 0]) / np.maximum(lower[:, 1] - upper[:, 1], 1e-12)
    for top in range(int(first.min()), int(last.max()), _ROWS):
        begin, end = first.clip(top, top + _ROWS), last.clip(top, top + _ROWS)
        counts = np.maximum(end - begin, 0)
        edges = np.repeat(np.arange(len(points)), counts)
        rows = np.arange(len(edges)) - np.repeat(np.cumsum(counts) - counts, counts) + begin[edges]
        x = upper[edges, 0] + (rows + 0.5 - upper[edges, 1]) * slope[edges]
        columns = np.ceil(x - 0.5).clip(0, w).astype(np.int64)
        if not len(columns) or columns.min() == w:
            continue
        left, right, n = int(columns.min()), int(columns.max()), min(_ROWS, h - top)
        cells = (rows - top) * (right - left + 1) + columns - left
        winding = np.bincount(cells, turns[edges], minlength=n * (right - left + 1))
        inside = winding.reshape(n, -1).astype(np.int32).cumsum(axis=1) != 0
        mask[top : top + n, left:right][inside[:, :-1]] = level


def _box(mask: Mask, box: Mapping[str, Any], level: int) -> None:
    left, top = (max(0, math.ceil(box[name] - 0.5)) for name in ("x", "y"))
    right, bottom = (
        max(0, math.ceil(box[name] + box[side] - 0.5)) for name, side in (("x", "width"), ("y", "height"))
    )
    mask[top:bottom, left:right] = level


def _number(value: object, least: float = -FARTHEST) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= FARTHEST


def _points(value: object) -> str:
    if isinstance(value, list) and value and len(value) % 2 == 0 and all(map(_number, value)):
        return ""
    return f"x and y by turns, numbers between -{FARTHEST:g} and {FARTHEST:g}"


def _place(value: object) -> str:
    return "" if _number(value) else f"a number between -{FARTHEST:g} and {FARTHEST:g}"


def _length(value: object) -> str:
    return "" if _number(value, 0) else f"a number from 0 to {FARTHEST:g}"


def _switch(value: object) -> str:
    return "" if value is None or isinstance(value, bool) else "true or false"


def _id(value: object) -> str:
    return "" if isinstance(value, str) and 0 < len(value) <= 64 else "the id of a region"


_FIELDS: dict[str, dict[str, Callable[[object], str]]] = {
    "brush": {"erase": _switch, "radius": _length, "points": _points},
    "lasso": {"erase": _switch, "points": _points},
    "box": {"erase": _switch, "x": _place, "y": _place, "width": _length, "height": _length},
    "region": {"erase": _switch, "region": _id},
}
"""What each kind of stroke has, and what says what was expected; empty for what is right."""
