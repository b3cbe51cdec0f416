"""Damage for the training of `restore repair` (train_damage.py): strokes, blobs and folds over pictures.

They are drawn at four times the size. benchmarks/repair.py, which measures, draws its damage by other code.
"""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.tasks.damage_head import WHITE

Plane = NDArray[np.float32]
Rng = np.random.Generator
FINE = 4  # times the size at which strokes are drawn
VISIBLE, INVISIBLE = 0.045, 0.012  # a change by more is damage, by less none; between counts for neither


def _path(rng: Rng, h: int, w: int, bend: float, length: float) -> Plane:
    """Points (n, 2) as x, y along a walk whose direction wanders."""
    n = max(2, int(length / 4))
    angle = rng.uniform(0, 2 * math.pi)
    turn = np.cumsum(rng.normal(0, bend, n)) + rng.normal(0, bend * 3) * np.arange(n) / 8
    steps = 4 * np.stack([np.cos(angle + turn), np.sin(angle + turn)], 1)
    points = np.cumsum(steps, 0)
    return points - points.mean(0) + rng.uniform(0, 1, 2) * (w, h)


def _shrunk(fine: Any, h: int, w: int) -> Plane:
    return cv2.resize(fine, (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def _stroke(h: int, w: int, points: Any, width: float, tapers: bool = False) -> Plane:
    """A line along points; tapers: thinner and thinner towards its ends."""
    fine = np.zeros((h * FINE, w * FINE), np.uint8)
    corners = (points * FINE * 16).astype(np.int32)[:, None]
    pieces = np.array_split(np.arange(len(points)), min(10, len(points) // 2)) if tapers else []
    if len(pieces) < 3:
        pieces = [np.arange(len(points))]
    for number, piece in enumerate(pieces):
        full = 1.0 if len(pieces) == 1 else math.sin(math.pi * (number + 0.5) / len(pieces)) ** 0.5
        joined = corners[piece[0] : piece[-1] + 2]
        cv2.polylines(fine, [joined], False, 255, max(1, round(full * width * FINE)), cv2.LINE_AA, 4)
    return _shrunk(fine, h, w)


def _softened(rng: Rng, cover: Plane) -> Plane:
    """With a hard rim, a soft one, or one as soft as it is wide that is as opaque in the middle."""
    kind = rng.random()
    if kind < 0.25:
        return cover
    soft = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.3, 1.0 if kind < 0.65 else 1.8))
    return soft if kind < 0.45 else (soft * np.float32(cover.max() / (soft.max() + 1e-6))).clip(0, 1)


def _uneven(rng: Rng, h: int, w: int, scale: float) -> Plane:
    """Smooth random values in [0, 1]."""
    small = rng.random((int(h / scale) + 2, int(w / scale) + 2)).astype(np.float32)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def _log_uniform(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))


def _colour(rng: Rng) -> Plane:
    kind = rng.random()
    if kind < 0.85:  # white or black, a little off
        gray = rng.uniform(0.75, 1.0) if kind < 0.5 else rng.uniform(0.0, 0.25)
        return (gray + rng.normal(0, 0.03, 3)).clip(0, 1).astype(np.float32)
    colour = rng.uniform(0, 1, 3)
    colour[rng.integers(3)] = rng.choice([0.05, 0.95])
    return colour.astype(np.float32)


def _scratch(rng: Rng, h: int, w: int) -> Plane:
    points: Any = _path(rng, h, w, rng.choice([0.0, 0.01, 0.04]), rng.uniform(15, 1.6 * max(h, w)))
    if rng.random() < 0.25:  # along the film
        x, tilt = rng.uniform(0, w), rng.normal(0, 0.01)
        points = np.array([[x, -2.0], [x + tilt * h, h + 2.0]])
        if rng.random() < 0.3:
            points = points[:, ::-1] * np.array([w / h, h / w])
    width, cover = _log_uniform(rng, 0.5, 5), np.zeros((h, w), np.float32)
    for beside in range(rng.integers(1, 4) if rng.random() < 0.15 else 1):
        apart = beside * rng.uniform(3, 12, 2)
        cover = np.maximum(cover, _stroke(h, w, points + apart, width, rng.random() < 0.5))
    if rng.random() < 0.6:
        cover = cover * (_uneven(rng, h, w, rng.uniform(6, 60)) * rng.uniform(1.2, 2.5)).clip(0, 1)
    if rng.random() < 0.3:
        cover = cover * (_uneven(rng, h, w, 2) > rng.uniform(0.1, 0.5))
    return cover


def _hair(rng: Rng, h: int, w: int) -> Plane:
    """Fibres: some curl into loops, some lie in a knot."""
    bend, length = _log_uniform(rng, 0.05, 0.45), _log_uniform(rng, 15, 250)
    cover, width = np.zeros((h, w), np.float32), rng.uniform(0.5, 2.5)
    points = _path(rng, h, w, bend, length)
    for _ in range(1 if rng.random() < 0.85 else rng.integers(2, 5)):
        other = _path(rng, h, w, bend, length)
        near = points.mean(0) + rng.normal(0, 8, 2)
        cover = np.maximum(cover, _stroke(h, w, other - other.mean(0) + near, width, rng.random() < 0.3))
    return cover


def _dust(rng: Rng, h: int, w: int) -> Plane:
    fine = np.zeros((h * FINE, w * FINE), np.uint8)
    cluster = rng.random() < 0.3
    middle, spread = rng.uniform(0, 1, 2) * (w, h), rng.uniform(5, 60)
    largest, at = _log_uniform(rng, 1, 6), middle
    for _ in range(round(_log_uniform(rng, 1, 50))):
        size, corners = _log_uniform(rng, 0.5, largest), rng.integers(6, 12)
        if rng.random() < 0.8:  # else it sticks to the one before
            at = middle + rng.normal(0, spread, 2) if cluster else rng.uniform(0, 1, 2) * (w, h)
        else:
            at = at + rng.normal(0, size, 2)
        t = np.linspace(0, 2 * math.pi, corners, endpoint=False)
        radii = size * rng.uniform(0.6, 1.2, corners)[:, None] * np.array([1.0, rng.uniform(0.4, 1)])
        outline = at + radii * np.stack([np.cos(t), np.sin(t)], 1)
        cv2.fillPoly(fine, [(outline * FINE * 16).astype(np.int32)[:, None]], 255, cv2.LINE_AA, 4)
    return _shrunk(fine, h, w)


def _fold(rng: Rng, h: int, w: int) -> tuple[Plane, Plane]:
    """The crack, and the shade around it."""
    points = _path(rng, h, w, rng.choice([0.0, 0.006, 0.02]), 3 * max(h, w))
    core = _stroke(h, w, points, _log_uniform(rng, 0.8, 5))
    aside, soft = rng.normal(0, 3, 2), rng.uniform(2, 6)
    shade = cv2.GaussianBlur(_stroke(h, w, points + aside, 6), (0, 0), soft)
    if rng.random() < 0.5:  # light on one side, dark on the other
        shade = shade - cv2.GaussianBlur(_stroke(h, w, points - aside, 6), (0, 0), soft)
    cover = core * (_uneven(rng, h, w, rng.uniform(1.5, 6)) > rng.uniform(0.0, 0.45))
    return cover, shade[..., None] * np.float32(rng.uniform(-0.3, 0.3))


def _written(rng: Rng, picture: Plane) -> Plane:
    """Print, which is no damage."""
    pixels = np.ascontiguousarray((picture * 255).round().astype(np.uint8))
    letters = np.array(list("abcdefghiklmnoprstuvwyABCDEFGHIKLMNORSTUVW0123456789.,:-'  "))
    colour = tuple(255 * float(value) for value in _colour(rng))
    font, scale = int(rng.choice([0, 2, 3, 4, 5, 6, 7])), rng.uniform(0.3, 1.5)
    x, y = int(rng.uniform(-40, 60)), rng.uniform(10, len(picture))
    for line in range(rng.integers(1, 6)):
        text = "".join(rng.choice(letters, rng.integers(3, 30)))
        place, thick = (x, int(y + line * 32 * scale)), int(rng.integers(1, 3))
        cv2.putText(pixels, text, place, font, scale, colour, thick, cv2.LINE_AA)
    return pixels.astype(np.float32) / 255


def _before(rng: Rng, clean: Plane) -> Plane:
    """A picture as prints and scans have it: gray, soft, faded, with print on it."""
    picture = clean
    if rng.random() < 0.3:
        picture = np.repeat(picture @ WHITE[:, None], 3, 2)
        if rng.random() < 0.3:  # toned
            picture = picture ** rng.uniform(0.7, 1.4, 3).astype(np.float32)
    if rng.random() < 0.25:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.5))
    elif rng.random() < 0.15:  # sharpened
        fine = picture - cv2.GaussianBlur(picture, (0, 0), 1.0)
        picture = (picture + np.float32(rng.uniform(0.3, 1.2)) * fine).clip(0, 1)
    if rng.random() < 0.3:
        picture = picture ** np.float32(rng.uniform(0.6, 1.6))
    if rng.random() < 0.2:
        picture = picture * np.float32(rng.uniform(0.5, 1)) + np.float32(rng.uniform(0, 0.2))
    picture = picture.clip(0, 1)
    if rng.random() < 0.05:
        picture = _ruled(rng, picture)
    return _written(rng, picture) if rng.random() < 0.1 else picture


def _ruled(rng: Rng, picture: Plane) -> Plane:
    """With even lines beside each other, as of blinds, fences and paper, which are no damage."""
    h, w = picture.shape[:2]
    cover, width = np.zeros((h, w), np.float32), _log_uniform(rng, 0.6, 4)
    turn, gap = rng.uniform(0, math.pi), rng.uniform(3 * width + 4, 40)
    way, middle = np.array([math.cos(turn), math.sin(turn)]), rng.uniform(0, 1, 2) * (w, h)
    for number in range(rng.integers(4, 16)):
        start = middle + number * gap * way[::-1] * (1, -1)
        ends = start[None] + np.array([[-1.0], [1.0]]) * (way[None] * 2 * max(h, w))
        cover = np.maximum(cover, _stroke(h, w, ends, width))
    layer = cv2.GaussianBlur(cover, (0, 0), rng.uniform(0.3, 1.0))[..., None] * rng.uniform(0.3, 1)
    return (picture + layer * (_colour(rng) - picture)).astype(np.float32)


def _opacity(rng: Rng) -> Plane:
    """How much of each colour is covered: alike, or by layers of film that are scratched away."""
    opacity = rng.uniform(0.2, 1.0) * np.ones(3)
    if rng.random() < 0.12:
        opacity *= rng.permutation([1.0, rng.uniform(0, 1), rng.uniform(0, 0.5)])
    return opacity.astype(np.float32)


def _with_damage(rng: Rng, picture: Plane) -> tuple[Plane, Plane]:
    """The damaged picture, and the same without what is damage: shade remains."""
    h, w = picture.shape[:2]
    base = picture
    for _ in range(rng.integers(1, 6)):
        kind = rng.choice(["scratch", "hair", "dust", "fold"], p=[0.35, 0.25, 0.3, 0.1])
        colour, opacity = _colour(rng), _opacity(rng)
        if kind == "fold":
            cover, shade = _fold(rng, h, w)
            picture, base = picture + shade, base + shade
        else:
            cover = {"scratch": _scratch, "hair": _hair, "dust": _dust}[kind](rng, h, w)
        layer = _softened(rng, cover)[..., None] * opacity
        way = rng.random()
        if way < 0.5:  # it covers
            picture = picture + layer * (colour - picture)
        elif way < 0.75:  # it lets light through, or adds it
            picture = picture + layer * (1 - picture)
        else:
            picture = picture * (1 - layer)
        if kind == "dust" and rng.random() < 0.3:  # its shadow
            shadow = np.roll(layer, rng.integers(-2, 3, 2), (0, 1))
            picture = picture - 0.3 * shadow * (1 - layer)
    return picture, base


def damaged(rng: Rng, clean: Plane) -> tuple[Plane, Plane, Plane]:
    """A crop (h, w, 3) in [0, 1] with damage, 1 where that is, and 1 where it counts, (h, w)."""
    base = picture = _before(rng, clean)
    if rng.random() < 0.75:
        picture, base = _with_damage(rng, picture)
    apart, (h, w) = np.abs(picture - base), clean.shape[:2]
    change = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])
    sigma = rng.uniform(0, 0.05) if rng.random() < 0.4 else 0.0
    if sigma:
        noise = rng.standard_normal((h, w, 3 if rng.random() < 0.5 else 1), np.float32)
        if rng.random() < 0.4:  # grain is strongest in middle tones
            whole = picture.clip(0, 1)
            noise = noise * np.sqrt(4 * whole * (1 - whole) + 0.1).astype(np.float32)
        if rng.random() < 0.6:
            noise = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.4, 0.9)).reshape(h, w, -1)
        picture = picture + noise * np.float32(sigma / noise.std())
    pixels = (picture.clip(0, 1) * 255).round().astype(np.uint8)
    if rng.random() < 0.65:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(65, 100))]
        pixels = cv2.imdecode(cv2.imencode(".jpg", pixels[..., ::-1].copy(), quality)[1], 1)[..., ::-1]
    seen = max(VISIBLE, 1.5 * sigma)
    label = (change > seen).astype(np.float32)
    counts = 1 - ((change > INVISIBLE) & (change <= seen)).astype(np.float32)
    return pixels.astype(np.float32) / 255, label, counts
