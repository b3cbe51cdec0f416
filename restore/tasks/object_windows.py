"""Windows of a picture, reduced to a size at which objects are looked for, and masks in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HALF = 60  # pixels at most that a window has on either side of its middle
SMOOTHED = 0.7  # deviation in pixels of the filter against noise, before colours are sorted


@dataclass(frozen=True, eq=False)
class Window:
    """A part of a picture in CIELAB, perhaps reduced.

    Parameters
    ----------
    lab : float32 ``(n, m, 3)``: lightness 0 to 100, a and b around 0.
    left, top : of its first pixel, in pixels of the picture.
    across, down : pixels of the window for one of the picture, at most 1.
    borders : whether its left, top, right and bottom side is that of the picture.
    """

    lab: NDArray[np.float32]
    left: int
    top: int
    across: float
    down: float
    borders: tuple[bool, bool, bool, bool]

    @property
    def pixels(self) -> float:
        """How many pixels of the window there are for one of the picture."""
        return self.across * self.down

    @property
    def colours(self) -> NDArray[np.uint8]:
        """Its colours without most of their noise, as three bytes each."""
        import cv2
        import numpy as np

        smooth: Any = cv2.GaussianBlur(self.lab, (0, 0), SMOOTHED)
        bytes_of = smooth * (2.55, 1, 1) + (0, 128, 128)
        found: NDArray[np.uint8] = bytes_of.clip(0, 255).astype(np.uint8)
        return found

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the picture, in pixels of the window (x, y)."""
        return (x - self.left + 0.5) * self.across - 0.5, (y - self.top + 0.5) * self.down - 0.5

    def carried(self, mask: NDArray[np.bool_], window: Window) -> NDArray[np.bool_]:
        """The mask of another window, as far as it lies in this one."""
        import cv2
        import numpy as np

        across, down = self.across / window.across, self.down / window.down
        left, top = self.place(window.left - 0.5, window.top - 0.5)
        way = np.array([[across, 0, left + across / 2], [0, down, top + down / 2]])
        n, m = self.lab.shape[:2]
        there: NDArray[np.bool_] = cv2.warpAffine(mask.astype(np.float32), way, (m, n)) > 0.5
        return there

    def box(self, mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what a mask holds, in pixels of the picture."""
        rows, columns = mask.nonzero()
        return (
            self.left + float(columns.min()) / self.across,
            self.top + float(rows.min()) / self.down,
            self.left + float(columns.max() + 1) / self.across,
            self.top + float(rows.max() + 1) / self.down,
        )

    def whole(self, mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
        """A mask of the whole picture ``(h, w)``."""
        import cv2
        import numpy as np

        n, m = mask.shape
        found = np.zeros(size, np.bool_)
        part = found[
            self.top : self.top + round(n / self.down), self.left : self.left + round(m / self.across)
        ]
        way = np.array(
            [[1 / self.across, 0, 0.5 / self.across - 0.5], [0, 1 / self.down, 0.5 / self.down - 0.5]]
        )
        part[:] = (
            cv2.warpAffine(mask.astype(np.float32), way, part.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
            > 0.5
        )
        return found


def window_at(pixels: NDArray[np.float32], x: float, y: float, half: float) -> Window:
    """The window around a point, as far as the picture goes.

    Parameters
    ----------
    pixels : ``(h, w, 3)``, RGB in [0, 1].
    x, y : the point.
    half : pixels of the picture from the point to its sides.
    """
    import cv2
    import numpy as np

    h, w = pixels.shape[:2]
    left, top = max(0, int(x - half)), max(0, int(y - half))
    right, bottom = min(w, int(x + half) + 1), min(h, int(y + half) + 1)
    part: Any = np.ascontiguousarray(pixels[top:bottom, left:right])
    if (scale := HALF / half) < 1:
        size = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    n, m = part.shape[:2]
    borders = left == 0, top == 0, right == w, bottom == h
    lab: Any = cv2.cvtColor(part, cv2.COLOR_RGB2Lab)
    return Window(lab, left, top, m / (right - left), n / (bottom - top), borders)


def cut(window: Window, start: NDArray[np.uint8], rounds: int) -> NDArray[np.bool_]:
    """Cut a window into object and background by GrabCut.

    start : of its size, what every pixel is at first, as OpenCV's ``GC_`` constants say it. It must hold
    both.
    """
    import cv2
    import numpy as np

    given, models = start.copy(), (np.zeros((1, 65)), np.zeros((1, 65)))
    cv2.setRNGSeed(1)  # it sorts the colours by k-means from a random start
    cv2.grabCut(window.colours, given, None, *models, rounds, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    found: NDArray[np.bool_] = (given == cv2.GC_FGD) | (given == cv2.GC_PR_FGD)
    return found


def without_threads(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without what is a pixel or two wide."""
    import cv2
    import numpy as np

    cross = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    return cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, cross) > 0


def main_part(mask: NDArray[np.bool_], within: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The piece of a mask with most pixels in a region, its holes filled; None where there is none."""
    import cv2
    import numpy as np

    _, pieces = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    there = pieces[within & mask]
    if not there.size:
        return None
    return _filled(pieces == np.bincount(there).argmax())


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    import cv2
    import numpy as np

    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, pieces = cv2.connectedComponents(outside, connectivity=4)
    found: NDArray[np.bool_] = (pieces != pieces[0, 0])[1:-1, 1:-1]
    return found
