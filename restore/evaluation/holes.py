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


def _square(side: int) -> Callable[[Rng, int, int], Mask]:
    """A square of so many pixels, in the middle half of the room that is left."""

    def draw(rng: Rng, h: int, w: int) -> Mask:
        long = min(side, min(h, w) // 2)
        top, left = (rng.randint(room // 4, room - room // 4 + 1) for room in (h - long, w - long))
        hole = np.zeros((h, w), np.bool_)
        hole[top : top + long, left : left + long] = True
        return hole

    return draw


def _object(rng: Rng, h: int, w: int) -> Mask:
    """The outline of a person, an animal, a vehicle or a bush: a body of ellipses and tapering limbs.

    Scaled to 4 to 12 % of the picture and put where it touches no edge; less where it does not fit.
    """
    share = rng.uniform(0.04, 0.12)
    limbs = _FIGURES[rng.randint(len(_FIGURES))](rng)  # (n, 2, 3): y, x and radius at both ends
    if rng.rand() < 0.5:
        limbs[..., 1] *= -1
    turn = rng.uniform(-0.2, 0.2)
    limbs[..., :2] @= np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    limbs[..., :2] -= (limbs[..., :2] - limbs[..., 2:]).min((0, 1))
    size, extent = np.array([h, w]), (limbs[..., :2] + limbs[..., 2:]).max((0, 1))
    place, scale, largest = rng.rand(2), np.sqrt(h * w) / 2, (0.94 * size / extent).min()
    for _ in range(3):  # limbs overlap: the area is known only when they are drawn, roughly at first
        drawn = _figure(scale * limbs, (0, 0), (int(scale * extent[0]) + 1, int(scale * extent[1]) + 1), 3)
        scale = min(scale * np.sqrt(share * h * w / max(9 * drawn.sum(), 1)), largest)
    room = size - scale * extent
    margin = np.minimum(0.03 * min(h, w), room / 2)
    return _figure(scale * limbs, margin + place * (room - 2 * margin), (h, w), 1)


def _figure(limbs: Point, corner: Any, size: tuple[int, int], step: int) -> Mask:
    """Every ``step``-th pixel of the union of limbs moved by ``corner``.

    Its edge is where a smooth minimum of the distances to all limbs is 0, which rounds the notches between
    them.
    """
    y, x = np.ogrid[: size[0] : step, : size[1] : step]
    soft = 0.08 * limbs[..., 2].max()
    total = np.zeros((y.size, x.size))
    for start, end in limbs:
        dy, dx = end[:2] - start[:2]
        top, left = start[:2] + corner
        along = np.clip(((y - top) * dy + (x - left) * dx) / max(dy * dy + dx * dx, 1e-9), 0, 1)
        radius = start[2] + along * (end[2] - start[2])
        distance = np.sqrt((y - top - along * dy) ** 2 + (x - left - along * dx) ** 2)
        total += np.exp((radius - distance) / soft)
    return np.asarray(total > 1)


def _limb(*points: tuple[float, float, float]) -> Point:
    """The segments between points of (y, x, radius): (n, 2, 3)."""
    return np.array(list(pairwise(points)))


def _person(rng: Rng) -> Point:
    stride, left, right = rng.uniform(0.05, 0.3), *rng.uniform(0.1, 0.55, 2)
    lift = rng.uniform(0.5, 1.05)  # how far down the hands are
    return np.concatenate(
        [
            _limb((0.13, 0, 0.12), (0.17, 0, 0.11)),
            _limb((0.4, 0, 0.2), (0.65, 0, 0.17), (0.95, 0, 0.2)),
            _limb((0.38, -0.2, 0.08), (0.65, -0.2 - left / 2, 0.07), (lift, -0.2 - left, 0.06)),
            _limb((0.38, 0.2, 0.08), (0.65, 0.2 + right / 2, 0.07), (lift, 0.2 + right / 2, 0.06)),
            _limb((0.95, -0.1, 0.12), (1.4, -0.1 - stride / 2, 0.09), (1.85, -0.1 - stride, 0.08)),
            _limb((0.95, 0.1, 0.12), (1.4, 0.1 + stride, 0.09), (1.85, 0.1 + stride / 2, 0.08)),
        ]
    )


def _animal(rng: Rng) -> Point:
    legs = rng.uniform(0.45, 0.7)
    neck, tail = rng.uniform(-0.45, 0.05), rng.uniform(-0.4, 0.3)
    steps = rng.uniform(-0.12, 0.12, 4)
    parts = [
        _limb((0, -0.5, 0.25), (0.05, 0, 0.26), (0, 0.5, 0.24)),
        _limb((-0.05, 0.55, 0.15), (neck, 0.85, 0.13), (neck + 0.08, 1.1, 0.09)),
        _limb((neck - 0.05, 0.82, 0.06), (neck - 0.25, 0.78, 0.03)),
        _limb((-0.05, -0.65, 0.08), (tail, -1.0, 0.05)),
    ]
    for x, step in zip((-0.6, -0.42, 0.4, 0.58), steps, strict=True):
        parts.append(_limb((0.1, x, 0.11), (0.1 + legs, x + step, 0.06)))
    return np.concatenate(parts)


def _vehicle(rng: Rng) -> Point:
    roof, hood, back = rng.uniform(0.3, 0.55), rng.uniform(0.25, 0.7), rng.uniform(0.25, 0.8)
    return np.concatenate(
        [
            _limb((0, -1, 0.2), (0.03, 0, 0.24), (0.04, 1, 0.17)),
            _limb((-0.1, -back, 0.18), (-roof, 0.2 - back, 0.09), (-roof, hood - 0.3, 0.09), (0, hood, 0.18)),
            _limb((-roof / 2, -0.1, 0.2), (-roof / 2, hood - 0.4, 0.18)),
            _limb((0.2, -0.62, 0.17), (0.2, -0.6, 0.17)),
            _limb((0.2, 0.62, 0.17), (0.2, 0.6, 0.17)),
        ]
    )  # fmt: skip


def _bush(rng: Rng) -> Point:
    count = rng.randint(5, 9)
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False) + rng.uniform(-0.2, 0.2, count)
    reach = rng.uniform(0.35, 0.9, count)
    parts = [_limb((0, -0.1, 0.4), (0, 0.1, 0.4))]
    for angle, far in zip(angles, reach, strict=True):
        tip = far * np.sin(angle), far * np.cos(angle), rng.uniform(0.08, 0.25)
        parts.append(_limb((0, 0, 0.3), tip))
    return np.concatenate(parts)


_FIGURES: tuple[Callable[[Rng], Point], ...] = (_person, _animal, _vehicle, _bush)


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
    "box-64": _square(64),
    "box-96": _square(96),
    "box-128": _square(128),
    "object": _object,
    "random": _random,
    "half": _half,
    "expand": _expand,
    "alternate-lines": _alternate_lines,
    "grid2x": _grid2x,
}
"""What each of `restore.evaluation.columns.HOLES` is drawn by."""
