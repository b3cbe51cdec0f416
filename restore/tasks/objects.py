"""Find a small object from a point in it, by colour alone: no network, no training.

Around the point, windows of growing size are cut into object and background by GrabCut, and each answer is
cut again in a window that fits it. An object is what comes back the same from windows of several sizes,
differs from what is around it along its whole border, and ends within the picture. Where nothing does all of
that, nothing is found: a mask that runs over half of a picture is worse than none.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restore.errors import MaskError
from restore.tasks.object_windows import Window, cut, main_part, window_at, without_threads

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from restore.images.canvas import Picture

FIRST, FACTOR = 6.0, 1.25  # radii that are tried: pixels of the first, and from one to the next
LARGEST = 0.3  # of the shorter side of the picture: the last radius
SURE, FAR = 0.12, 1.6  # radii from the point: nearer is certainly of the object, farther certainly not
SIDE = 1500  # pixels of the shorter side of what is searched, at most
AROUND = 4.0  # radii around a point that are looked at, where one is given
BACKGROUND = 20  # pixels that are certainly not of it, at least
FEWEST = 12  # pixels of an object in its window, at least
TIMES_SURE = 3.0  # areas of the certain disc that an object has; less is that disc and some noise
STABLE = 0.7  # likeness of an answer and what it was cut from
NEAR, FACING, BEYOND = (
    2.0,
    3.0,
    8.0,
)  # pixels inside the border, outside it and farther out: where colours are compared
SEEN, ALONG = 6.0, 0.8  # a difference of colours in CIELAB that is seen, along how much of the border
CONTRAST, PLENTY = 8.0, 20.0  # the median difference along the border: at least, and where more is no better
CUT = 0.25  # of the border of an object may be that of the picture
CONVEX = 0.6  # of the area of its convex hull is the object
AREA = 0.25  # of the picture: no small object
AGREE, WELL = 0.5, 2.0  # how many other windows agree: at least, and where more is no better
PLAUSIBLE = 0.175  # the least score


@dataclass(frozen=True, eq=False)
class Answer:
    """What one window was cut into.

    Parameters
    ----------
    mask : bool, of the window's size.
    window : where it lies in the picture.
    stable : likeness to what it was cut from, 0 to 1.
    """

    mask: NDArray[np.bool_]
    window: Window
    stable: float

    @property
    def area(self) -> float:
        """In pixels of the picture."""
        return float(self.mask.sum()) / self.window.pixels

    def likeness(self, other: Answer) -> float:
        """Intersection over union with an answer of another window."""
        there = self.window.carried(other.mask, other.window)
        both = float((self.mask & there).sum()) / self.window.pixels
        return both / max(1.0, self.area + other.area - both)

    def holds(self, x: float, y: float) -> bool:
        """Whether a point of the picture lies in it, or beside it."""
        left, top = (max(0, round(at) - 2) for at in self.window.place(x, y))
        return bool(self.mask[top : top + 5, left : left + 5].any())

    def reach(self, x: float, y: float) -> float:
        """How far it goes from a point, in pixels of the picture."""
        rows, columns = self.mask.nonzero()
        right, down = self.window.place(x, y)
        far = ((columns - right) / self.window.across) ** 2 + ((rows - down) / self.window.down) ** 2
        return math.sqrt(float(far.max()))


def object_at(
    image: Picture, x: float, y: float, *, radius: float | None = None, view: View | None = None
) -> NDArray[np.bool_]:
    """Find the small object that a point lies in.

    Large pictures are searched at a shorter side of 1500 pixels, so it takes a second or two. Which of
    several nested things is meant, the button, the coat or the person, cannot be known: it is the one that
    stands out best.

    Parameters
    ----------
    image : array, tensor or PIL image
        One picture, as `restore.inpaint` takes it. What is not finite counts as black.
    x, y : float
        The point in pixels from the left and from the top; 0, 0 is the middle of the first pixel.
    radius : float, optional
        Pixels around the point beyond which the object does not reach. None: an object may be about half as
        large as the shorter side.
    view : View, optional
        What `view_of` gave for this picture: where several points are looked at, that is done once. Not used
        with a radius.

    Returns
    -------
    array
        bool ``(h, w)``, the object without its soft rim, in one piece and without holes.

    Raises
    ------
    ValueError
        For a point outside the picture, a radius that is not above 0, and several pictures.
    MaskError
        Where there is no small object.

    References
    ----------
    .. [1] C. Rother, V. Kolmogorov, A. Blake (2004). GrabCut: interactive foreground extraction using
       iterated graph cuts. ACM Transactions on Graphics 23(3), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((64, 64, 3), 200, np.uint8)
    >>> image[20:36, 24:44] = 180, 30, 40
    >>> found = object_at(image, 30, 28)
    >>> bool(found[22:34, 26:42].all()), int(found.sum()) <= 16 * 20
    (True, True)
    """
    if view is None or radius is not None:
        view = _view(image, (x, y), radius)
    else:
        _check_point(view.size, x, y)
    pixels, (h, w) = view.pixels, view.pixels.shape[:2]
    point, reach = view.place(x, y), None if radius is None else radius * view.scale
    found = (_answer(pixels, point, r) for r in _radii(LARGEST * min(h, w), reach))
    answers = [each for each in found if each is not None]
    if reach is not None:
        answers = [each for each in answers if each.reach(*point) <= reach + 1]
    scores = [_score(each, answers, h * w) for each in answers]
    if not scores or max(scores) < PLAUSIBLE:
        within = "" if radius is None else f" within {radius:g} pixels"
        raise MaskError(f"{x:g},{y:g}: no small object there{within} stands out from what is around it")
    best = answers[scores.index(max(scores))]
    return view.whole(best.window.whole(best.mask, (h, w)))


@dataclass(frozen=True, eq=False)
class View:
    """The part of a picture that is searched, perhaps reduced.

    pixels: RGB ``(n, m, 3)`` in [0, 1]. rows, columns: the part. size: (h, w) of the picture.
    """

    pixels: NDArray[np.float32]
    rows: slice
    columns: slice
    size: tuple[int, int]

    @property
    def scale(self) -> float:
        """Pixels of the view for one of the picture."""
        width: int = self.columns.stop - self.columns.start
        return float(self.pixels.shape[1] / width)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture in the view."""
        down = self.pixels.shape[0] / (self.rows.stop - self.rows.start)
        return (x - self.columns.start + 0.5) * self.scale - 0.5, (y - self.rows.start + 0.5) * down - 0.5

    def whole(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask of the view as one of the picture."""
        import cv2
        import numpy as np

        found = np.zeros(self.size, np.bool_)
        part = found[self.rows, self.columns]
        n, m = part.shape
        part[:] = cv2.resize(mask.astype(np.float32), (m, n), interpolation=cv2.INTER_LINEAR) > 0.5
        return found


def view_of(image: Picture) -> View:
    """Bring a picture to a size at which objects are looked for.

    Parameters
    ----------
    image : array, tensor or PIL image
        As `object_at` takes it.

    Raises
    ------
    ValueError
        For several pictures.

    Examples
    --------
    >>> import numpy as np
    >>> view_of(np.zeros((6, 8), np.uint8)).pixels.shape
    (6, 8, 3)
    """
    return _view(image, (0, 0), None)


def _check_point(size: tuple[int, int], x: float, y: float) -> None:
    h, w = size
    if not (0 <= x < w and 0 <= y < h):
        raise ValueError(f"{x:g},{y:g}: the point is outside the picture, which is {w}x{h} (w x h)")


def _view(image: Picture, point: tuple[float, float], radius: float | None) -> View:
    """Check what `object_at` is given, and bring the picture to a size at which it can be searched."""
    import torch
    from torch.nn.functional import interpolate

    from restore.images.canvas import canvas
    from restore.images.value_range import whole_range

    picture = canvas(image, checked=False)
    (count, _, h, w), bits = picture.batch.shape, picture.bits
    if count > 1:
        raise ValueError(f"an object is found in one picture, got a batch of {count}")
    _check_point((h, w), *point)
    if radius is not None and not radius > 0:
        raise ValueError(f"the radius around a point is above 0 pixels, got {radius:g}")
    x, y = point
    away = max(h, w) if radius is None else math.ceil(AROUND * radius + 2 * BACKGROUND)
    rows = slice(max(0, int(y) - away), min(h, int(y) + away + 1))
    columns = slice(max(0, int(x) - away), min(w, int(x) + away + 1))
    part = torch.nan_to_num(picture.batch[..., rows, columns], nan=0.0, posinf=0.0, neginf=0.0)
    n, m = part.shape[-2:]
    if (reduction := min(n, m) / SIDE) > 1:
        part = interpolate(part, (round(n / reduction), round(m / reduction)), mode="area")
    unit = whole_range(part[0], bits=bits).unit(part[0]).clamp(0, 1)
    return View(unit.permute(1, 2, 0).contiguous().cpu().numpy(), rows, columns, (h, w))


def _radii(most: float, radius: float | None) -> Iterator[float]:
    r, last = FIRST, most if radius is None else min(radius, most)
    while r < last:
        yield r
        r *= FACTOR


def _answer(pixels: NDArray[np.float32], point: tuple[float, float], r: float) -> Answer | None:
    """What is found around a point when it is looked for within a radius of about r."""
    import cv2
    import numpy as np

    window = window_at(pixels, *point, 2 * r + FIRST)
    right, down = window.place(*point)
    rows, columns = np.mgrid[: window.lab.shape[0], : window.lab.shape[1]]
    away = np.hypot((columns - right) / window.across, (rows - down) / window.down)
    start = np.where(away < r, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    start[away > FAR * r] = cv2.GC_BGD
    sure = away < max(1.5, SURE * r)
    start[sure] = cv2.GC_FGD
    if (start == cv2.GC_BGD).sum() < BACKGROUND:
        return None
    mask = main_part(without_threads(cut(window, start, 4)), sure)
    if mask is None or mask.sum() < max(FEWEST, TIMES_SURE * sure.sum()):
        return None
    again = _cut_again(pixels, Answer(mask, window, 0.0))
    return again if again is not None and again.holds(*point) else None


def _cut_again(pixels: NDArray[np.float32], answer: Answer) -> Answer | None:
    """The same in a window that fits it, from what it is itself."""
    import cv2
    import numpy as np

    left, top, right, bottom = answer.window.box(answer.mask)
    size = max(right - left, bottom - top)
    window = window_at(pixels, (left + right) / 2, (top + bottom) / 2, size / 2 + max(6.0, 0.4 * size))
    before = window.carried(answer.mask, answer.window)
    if before.sum() < FEWEST:
        return None
    outside = cv2.distanceTransform((~before).astype(np.uint8), cv2.DIST_L2, 5)
    inside = cv2.distanceTransform(before.astype(np.uint8), cv2.DIST_L2, 5)
    start = np.where(before, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    start[outside > 0.35 * math.sqrt(before.sum()) + 2] = cv2.GC_BGD
    start[inside > 0.6 * inside.max()] = cv2.GC_FGD
    if (start == cv2.GC_BGD).sum() < BACKGROUND:
        return None
    mask = main_part(without_threads(cut(window, start, 2)), before)
    if mask is None or mask.sum() < FEWEST:
        return None
    return Answer(mask, window, float((mask & before).sum() / (mask | before).sum()))


def _score(answer: Answer, answers: Sequence[Answer], pixels: int) -> float:
    """How plausible it is that this is an object, 0 to 1. pixels: of the picture."""
    share = answer.area / pixels
    if answer.stable < STABLE or share >= AREA:
        return 0.0
    agree = sum(max(0.0, 2 * answer.likeness(other) - 1) for other in answers if other is not answer)
    if agree < AGREE or _convex(answer.mask) < CONVEX or _cut_off(answer) > CUT:
        return 0.0
    contrast, around, seen = _contrast(answer)
    if contrast < CONTRAST or seen < ALONG:
        return 0.0
    alone = contrast / (contrast + 2 * around + 4)  # more than what is around it differs within itself
    clear = seen * min(1.0, contrast / PLENTY)
    return alone * clear * answer.stable * min(1.0, agree / WELL) * (1 - share / AREA)


def _contour(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The pixels (x, y) of the border of a mask, ``(n, 2)``."""
    import cv2
    import numpy as np

    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    pieces: list[Any] = list(found)
    contour: NDArray[np.int32] = np.concatenate(pieces)[:, 0]
    return contour


def _convex(mask: NDArray[np.bool_]) -> float:
    import cv2

    return float(mask.sum()) / max(1.0, cv2.contourArea(cv2.convexHull(_contour(mask))))


def _cut_off(answer: Answer) -> float:
    """How much of the border of an object is that of the picture."""
    x, y = _contour(answer.mask).T
    left, top, right, bottom = answer.window.borders
    n, m = answer.mask.shape
    ends = ((x == 0) & left) | ((y == 0) & top) | ((x == m - 1) & right) | ((y == n - 1) & bottom)
    return float(ends.mean())


def _contrast(answer: Answer) -> tuple[float, float, float]:
    """Median differences in CIELAB along the border: across it, and just outside; how much of it is seen."""
    import cv2
    import numpy as np

    mask = answer.mask.astype(np.uint8)
    smooth: Any = cv2.GaussianBlur(answer.window.lab, (0, 0), 0.8)
    inward: Any = cv2.distanceTransform(mask, cv2.DIST_L2, 5) - cv2.distanceTransform(
        1 - mask, cv2.DIST_L2, 5
    )
    inward = cv2.GaussianBlur(inward, (0, 0), 1.5)
    slope = np.stack([cv2.Sobel(inward, cv2.CV_32F, 1, 0), cv2.Sobel(inward, cv2.CV_32F, 0, 1)], axis=2)
    at = _contour(answer.mask)
    normal = slope[at[:, 1], at[:, 0]]
    normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-6)

    def colours(inwards: float) -> Any:
        places: Any = (at + inwards * normal).astype(np.float32)
        edges = cv2.BORDER_REPLICATE
        return cv2.remap(smooth, places[None, :, 0], places[None, :, 1], cv2.INTER_LINEAR, borderMode=edges)[
            0
        ]

    outside = colours(-FACING)
    across = np.linalg.norm(colours(NEAR) - outside, axis=1)
    around = np.linalg.norm(colours(-BEYOND) - outside, axis=1)
    return float(np.median(across)), float(np.median(around)), float((across > SEEN).mean())
