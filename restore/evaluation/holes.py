"""The holes that inpainting is measured with, drawn the same with every version of every library.

Not by the code that draws holes in training. The families of the inpainting papers (Lugmayr et al. 2022:
narrow, wide, half, expand, alternate lines, super-resolution 2x) and those of damaged photographs.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Mask = NDArray[np.bool_]
Rng = np.random.RandomState  # NumPy's legacy generator: its stream is frozen
Point = NDArray[np.float64]


def draw(family: str, size: tuple[int, int], seed: int, picture: bytes) -> Mask:
    """A hole of one family for one picture: bool ``size`` (h, w), True where content is missing.

    picture: its pixels as bytes; the same picture has the same hole in whatever company it is measured.
    Raises ValueError for an unknown family and for a picture under 16 pixels a side.
    """
    if family not in DRAWN:
        raise ValueError(f"family is one of {', '.join(DRAWN)}; got {family!r}")
    if min(size) < 16:
        raise ValueError(f"holes are drawn into pictures of at least 16x16 pixels, got {size[1]}x{size[0]}")
    rng = Rng([seed, zlib.crc32(family.encode()), zlib.crc32(picture)])
    return DRAWN[family](rng, *size)


def _box(rng: Rng, h: int, w: int) -> Mask:
    side = min(h, w) // 4
    top, left = (rng.randint(side // 2, length - side - side // 2 + 1) for length in (h, w))
    hole = np.zeros((h, w), np.bool_)
    hole[top : top + side, left : left + side] = True
    return hole


def _strokes(count: int, thin: float, thick: float) -> Callable[[Rng, int, int], Mask]:
    """Broken lines of six points; radii as shares of the shorter side."""

    def draw(rng: Rng, h: int, w: int) -> Mask:
        unit, size = min(h, w), np.array([h, w])
        hole = np.zeros((h, w), np.bool_)
        for _ in range(count):
            path = rng.rand(1, 2) * size + np.cumsum(rng.uniform(-0.3, 0.3, (6, 2)) * unit, axis=0)
            path = np.abs(np.mod(path + size, 2 * size) - size)  # mirrored back into the picture
            radius = rng.uniform(thin, thick) * unit
            for start, end in pairwise(path):
                hole |= _segment(start, end, radius, h, w)
        return hole

    return draw


def _segment(start: Point, end: Point, radius: float, h: int, w: int) -> Mask:
    """True within ``radius`` pixels of the segment from start to end, both (y, x)."""
    y, x = np.ogrid[:h, :w]
    dy, dx = end - start
    along = ((y - start[0]) * dy + (x - start[1]) * dx) / max(dy * dy + dx * dx, 1e-9)
    along = np.clip(along, 0, 1)
    return np.asarray((y - start[0] - along * dy) ** 2 + (x - start[1] - along * dx) ** 2 <= radius**2)


def _scratches(rng: Rng, h: int, w: int) -> Mask:
    """Long hairlines, nearly upright, as a film's transport leaves them, and specks of dust."""
    unit = min(h, w)
    hole = np.zeros((h, w), np.bool_)
    for _ in range(6):
        x, lean, bend = rng.uniform(0, w), rng.uniform(-0.1, 0.1) * w, rng.uniform(-0.02, 0.02) * w
        start, end = sorted(rng.uniform(-0.2, 1.2, 2))
        down = np.linspace(start, end, 9)
        path = np.stack([down * h, x + lean * down + bend * np.sin(3 * down)], 1)
        radius = max(0.7, rng.uniform(0.5, 1.5) * unit / 256)
        for one, other in pairwise(path):
            hole |= _segment(one, other, radius, h, w)
    for _ in range(12):
        centre = rng.rand(2) * (h, w)
        hole |= _segment(centre, centre + rng.uniform(-3, 3, 2), rng.uniform(1, 3.5) * unit / 256, h, w)
    return hole


def _text(rng: Rng, h: int, w: int) -> Mask:
    """Lines of print, letters 20 pixels high."""
    hole = np.zeros((h, w), np.bool_)
    for top in range(int(rng.randint(2, 12)), h, int(rng.randint(32, 44))):
        line = _print_line(rng, w)[: h - top, :w]
        hole[top : top + line.shape[0]] |= line
    return hole


def _print_line(rng: Rng, w: int) -> Mask:
    """A line of nonsense at least w pixels long, in Pillow's bitmap font at twice its size."""
    font = ImageFont.load_default_imagefont()
    letters = list("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;&")
    text = " ".join("".join(rng.choice(letters, rng.randint(2, 9))) for _ in range(w // 24 + 1))
    left, top, right, bottom = (int(side) for side in font.getbbox(text))
    page = Image.new("1", (right, bottom))
    ImageDraw.Draw(page).text((-left, -top), text, fill=1, font=font)
    return np.kron(np.asarray(page), np.ones((2, 2), np.bool_))


def _random(rng: Rng, h: int, w: int) -> Mask:
    return np.asarray(rng.random_sample((h, w)) < 0.5)


def _half(rng: Rng, h: int, w: int) -> Mask:
    hole = np.zeros((h, w), np.bool_)
    hole[:, w // 2 :] = True
    return hole


def _expand(rng: Rng, h: int, w: int) -> Mask:
    hole = np.ones((h, w), np.bool_)
    hole[3 * h // 8 : 3 * h // 8 + h // 4, 3 * w // 8 : 3 * w // 8 + w // 4] = False
    return hole


def _alternate_lines(rng: Rng, h: int, w: int) -> Mask:
    hole = np.zeros((h, w), np.bool_)
    hole[1::2] = True
    return hole


def _grid2x(rng: Rng, h: int, w: int) -> Mask:
    hole = np.ones((h, w), np.bool_)
    hole[::2, ::2] = False
    return hole


DRAWN: dict[str, Callable[[Any, int, int], Mask]] = {
    "strokes-narrow": _strokes(4, 1.5 / 256, 6 / 256),
    "strokes-wide": _strokes(3, 8 / 256, 20 / 256),
    "text": _text,
    "scratches": _scratches,
    "box": _box,
    "random": _random,
    "half": _half,
    "expand": _expand,
    "alternate-lines": _alternate_lines,
    "grid2x": _grid2x,
}
"""What each of `restore.evaluation.columns.HOLES` is drawn by."""
