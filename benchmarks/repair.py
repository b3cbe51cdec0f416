"""How much of scratches, hairs, dust and folds `restore repair` finds, and how many clean pixels it touches.

``python benchmarks/repair.py FOLDER --first 20`` damages the first pictures of a folder, by name, and prints
a table. The damage is drawn by other code than that of the detector's training (train_damage.py): soft
brushes along Bezier curves that screen or multiply the light, as dust on a negative or on a print does.
What is found is widened as the command does it. "stands out" counts only damage whose brightness differs from
what was there by more than the picture itself varies around it; the rest is hard to see.

"clean touched" counts the pixel by which a mask is widened, as the command widens it: around hard and jagged
rims that pixel is clean. The row "perfect mask" shows what a detector would get that makes no mistake: 0.44 %
of the clean pixels on the first 20 of CID22. So "away from it", more than 3 pixels from what damage changes,
is the share that tells false finds from the rim of true ones.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from restore import images
from restore.tasks.damage import THRESHOLDS, damage_mask
from restore.tasks.holes import grown
from restore.tasks.repair import GROW

Plane = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Rng = np.random.Generator
VISIBLE = 10 / 255  # what changes a pixel by more is damage that is to be found
UNTOUCHED = 1 / 255  # what changes it by less leaves it clean
AROUND = 9  # pixels a side within which a picture's own variation is measured
RIM = 3  # pixels around damage that "away" leaves out
KINDS = ("scratches", "hairs", "dust", "folds")


@dataclass(frozen=True)
class Damaged:
    """A picture (h, w, 3), and by how much each kind of damage alone has changed it, (h, w) of 0 to 1.

    plain: where damage stands out, bool (h, w).
    """

    pixels: Pixels
    changes: dict[str, Plane]
    plain: NDArray[np.bool_]


def _brushed(shape: tuple[int, int], points: Plane, radii: Plane, strengths: Plane) -> Plane:
    """The strongest of Gaussian stamps at points (n, 2) as x, y."""
    out = np.zeros(shape, np.float32)
    for (x, y), radius, strength in zip(points, radii, strengths, strict=True):
        reach = int(np.ceil(3.2 * radius)) + 1
        x0, x1 = max(0, int(x) - reach), min(shape[1], int(x) + reach + 2)
        y0, y1 = max(0, int(y) - reach), min(shape[0], int(y) + reach + 2)
        if x0 >= x1 or y0 >= y1:
            continue
        far = (np.arange(x0, x1) - x) ** 2 + (np.arange(y0, y1)[:, None] - y) ** 2
        stamp = strength * np.exp(-((far / (2 * radius**2)) ** 1.5))
        out[y0:y1, x0:x1] = np.maximum(out[y0:y1, x0:x1], stamp)
    return out


def _bezier(corners: NDArray[np.float64], spacing: float = 0.6) -> Plane:
    """Points along a Bezier curve of any degree, by de Casteljau."""
    length = np.linalg.norm(np.diff(corners, axis=0), axis=1).sum()
    t = np.linspace(0, 1, max(4, int(length / spacing)))[:, None, None]
    level = np.broadcast_to(corners, (len(t), *corners.shape))
    while level.shape[1] > 1:
        level = level[:, :-1] * (1 - t) + level[:, 1:] * t
    return level[:, 0].astype(np.float32)


def _scratch(rng: Rng, h: int, w: int, *, along: bool) -> Plane:
    """A long line, straight or a little bent, with tapering ends; along: down the film."""
    if along:
        x, lean = rng.uniform(0, w), rng.uniform(-4, 4)
        corners = np.array([[x, -5], [x + lean * 2, h / 2], [x + lean, h + 5]])
    else:
        start, turn = rng.uniform(0, 1, 2) * (w, h), rng.uniform(0, np.pi)
        end = start + rng.uniform(0.1, 0.8) * w * np.array([np.cos(turn), np.sin(turn)])
        corners = np.stack([start, (start + end) / 2 + rng.normal(0, 0.04 * w, 2), end])
    points = _bezier(corners)
    t = np.linspace(0, 1, len(points))
    taper = 1.0 if along else np.minimum(1, 6 * np.minimum(t, 1 - t)) ** 0.5
    slow = 0.75 + 0.25 * np.sin(2 * np.pi * (rng.uniform(0.5, 6) * t + rng.uniform()))
    radius = rng.uniform(0.4, 1.6)
    return _brushed((h, w), points, radius * (0.4 + 0.6 * taper) * np.ones(len(t)), slow * taper)


def _hair(rng: Rng, h: int, w: int) -> Plane:
    middle, size = rng.uniform(0, 1, 2) * (w, h), rng.uniform(15, 70)
    points = _bezier(middle + rng.normal(0, size, (rng.integers(4, 7), 2)))
    radius = rng.uniform(0.4, 1.0)
    return _brushed((h, w), points, np.full(len(points), radius), np.ones(len(points)))


def _dust(rng: Rng, h: int, w: int) -> Plane:
    out = np.zeros((h, w), np.float32)
    spots = [rng.uniform(0, 1, (rng.integers(15, 40), 2)) * (w, h)]
    for _ in range(rng.integers(1, 3)):
        middle = rng.uniform(0, 1, 2) * (w, h)
        spots.append(middle + rng.standard_t(3, (rng.integers(5, 20), 2)) * rng.uniform(8, 30))
    for spot in np.concatenate(spots):
        radius = float(np.clip(np.exp(rng.normal(0.1, 0.5)), 0.5, 4))
        bits = rng.integers(1, 4)  # a speck is some grains that stick together
        grains = spot + rng.normal(0, 0.6 * radius, (bits, 2))
        sizes, strengths = radius * rng.uniform(0.5, 1, bits), np.full(bits, rng.uniform(0.5, 1))
        out = np.maximum(out, _brushed((h, w), grains, sizes, strengths))
    return out


def _fold(rng: Rng, h: int, w: int) -> tuple[Plane, Plane]:
    """A line across the picture where the coating has cracked, and the shade of the bent paper there."""
    upright = rng.random() < 0.5
    long, wide = (h, w) if upright else (w, h)
    at, lean = rng.uniform(0.15, 0.85) * wide, rng.uniform(-0.2, 0.2) * wide
    along = np.arange(0, long, 0.7)
    wander = cv2.GaussianBlur(rng.normal(0, 12, (1, len(along))), (0, 0), 12)[0]
    across = at + lean * along / long + wander
    points = np.stack([across, along] if upright else [along, across], 1).astype(np.float32)
    cracks = cv2.GaussianBlur(rng.normal(0, 1, (1, len(along))), (0, 0), 4)[0]
    strengths = np.clip(0.75 + 1.5 * cracks, 0, 1)
    core = _brushed((h, w), points, np.full(len(along), rng.uniform(0.8, 2.2)), strengths)
    side = np.zeros((h, w), np.float32)
    sparse = points[:: max(1, len(points) // 200)]
    side = _brushed((h, w), sparse, np.full(len(sparse), 6.0), np.ones(len(sparse)))
    return core, side * np.float32(rng.uniform(-0.1, 0.1))


def _laid(light: Plane, cover: Plane, tint: Plane, *, bright: bool) -> Plane:
    """Light with bright damage screened onto it, or dark damage multiplied into it."""
    cover = cover[..., None] * tint
    return 1 - (1 - light) * (1 - cover) if bright else light * (1 - cover)


def _tint(rng: Rng, film: bool) -> Plane:
    """How opaque damage is to red, green and blue: alike, or on film by the layers that are scratched."""
    if film and rng.random() < 0.3:
        return np.array(
            [[1, 1, 0.3], [1, 0.3, 0.2], [0.3, 0.8, 1], [1, 0.4, 0.9]][rng.integers(4)], np.float32
        )
    return np.float32(rng.uniform(0.9, 1, 3))


def _strokes(rng: Rng, h: int, w: int, *, film: bool) -> Iterator[tuple[str, Plane]]:
    for _ in range(rng.integers(2, 6)):
        yield "scratches", _scratch(rng, h, w, along=film and rng.random() < 0.6)
    for _ in range(rng.integers(1, 4)):
        yield "hairs", _hair(rng, h, w)
    yield "dust", _dust(rng, h, w)


def print_damage(clean: Plane, rng: Rng, *, film: bool = False) -> Damaged:
    """Damage to a print, saved as a JPEG of quality 90 with halved chroma; film: with grain."""
    h, w = clean.shape[:2]
    light = whole = clean
    changes = {kind: np.zeros((h, w), np.float32) for kind in KINDS}

    def put(kind: str, new: Plane) -> None:
        nonlocal light
        changes[kind] = np.maximum(changes[kind], np.abs(new - light).max(2))
        light = new

    if not film and rng.random() < 0.5:
        core, shade = _fold(rng, h, w)
        light = whole = (light + shade[..., None]).clip(0, 1)  # not lost, and so no damage here
        put("folds", _laid(light, core * rng.uniform(0.6, 1), _tint(rng, film), bright=rng.random() < 0.8))
    for kind, cover in _strokes(rng, h, w, film=film):
        bright = rng.random() < (0.7 if film else 0.5)
        put(kind, _laid(light, cover * rng.uniform(0.4, 1), _tint(rng, film), bright=bright))
    if film:
        grain = cv2.GaussianBlur(rng.normal(0, 1, (h, w, 3)).astype(np.float32), (0, 0), 0.7)
        grain = 0.7 * grain.mean(2, keepdims=True) * np.sqrt(3) + 0.3 * grain
        grain *= 7 / 255 / grain.std()
        light, whole = (each + grain * np.sqrt(4 * each * (1 - each) + 0.1) for each in (light, whole))
    return Damaged(_compressed(light), changes, _plain(light, whole))


def _plain(light: Plane, whole: Plane) -> NDArray[np.bool_]:
    """Where the two differ by more than the second varies around."""
    after, before = (each @ np.float32([0.299, 0.587, 0.114]) for each in (light, whole))
    mean, squares = (cv2.blur(each, (AROUND, AROUND)) for each in (before, before**2))
    varies = np.sqrt(np.maximum(squares - mean**2, 0))
    found: NDArray[np.bool_] = np.abs(after - before) > np.maximum(VISIBLE, varies)
    return found


def _compressed(light: Plane) -> Pixels:
    pixels = (light.clip(0, 1) * 255).round().astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, 0x221111]
    found: Pixels = cv2.imdecode(cv2.imencode(".jpg", pixels[..., ::-1].copy(), options)[1], 1)[..., ::-1]
    return np.ascontiguousarray(found)


def gray_damage(clean: Plane, rng: Rng) -> Damaged:
    """Damage to a black and white print."""
    gray = np.repeat(clean @ np.float32([[0.299], [0.587], [0.114]]), 3, axis=2)
    return print_damage(gray, rng)


def film_damage(clean: Plane, rng: Rng) -> Damaged:
    """Damage to film: scratches along it, of layers, and grain."""
    return print_damage(clean, rng, film=True)


SETS: dict[str, Callable[[Plane, Rng], Damaged]] = {
    "print": print_damage, "gray print": gray_damage, "film": film_damage,
}  # fmt: skip


def scores(mask: NDArray[np.bool_], damaged: Damaged) -> dict[str, tuple[float, float]]:
    """Numerators and denominators of the shares that the table shows."""
    change = np.max(list(damaged.changes.values()), axis=0)
    hole, clean = change > VISIBLE, change < UNTOUCHED
    away = cv2.dilate((~clean).astype(np.uint8), np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) == 0
    found = {"found": (float((mask & hole).sum()), float(hole.sum()))}
    plain = hole & damaged.plain
    found["stands out"] = (float((mask & plain).sum()), float(plain.sum()))
    for kind, own in damaged.changes.items():
        found[kind] = (float((mask & (own > VISIBLE)).sum()), float((own > VISIBLE).sum()))
    found["clean touched"] = (float((mask & clean).sum()), float(clean.sum()))
    found["away from it"] = (float((mask & away).sum()), float(away.sum()))
    return found


def widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """As the command widens what is found."""
    wider: NDArray[np.bool_] = grown(torch.from_numpy(mask)[None, None].float(), GROW)[0, 0].numpy() > 0
    return wider


def _row(title: str, pairs: list[NDArray[np.float64]], last: str) -> str:
    cells = [f"{100 * a / b:.2f} %" if b else "" for a, b in pairs]
    return f"| {title} | " + " | ".join(cells) + f" | {last} |"


def table(pictures: list[Plane], detect: Callable[[Pixels], NDArray[np.bool_]]) -> list[str]:
    """The lines of the table."""
    names = ["found", "stands out", *KINDS, "clean touched", "away from it"]
    lines = ["| damage | " + " | ".join(names) + " | s / picture |", "|---" * (len(names) + 2) + "|"]
    total, perfect = ({name: np.zeros(2) for name in names} for _ in range(2))
    for title, damage in SETS.items():
        sums, spent = {name: np.zeros(2) for name in names}, 0.0
        for number, clean in enumerate(pictures):
            damaged = damage(clean, np.random.default_rng([number, len(title)]))
            start = time.perf_counter()
            mask = detect(damaged.pixels)
            spent += time.perf_counter() - start
            for name, pair in scores(mask, damaged).items():
                sums[name] += pair
                total[name] += pair
            whole = np.max(list(damaged.changes.values()), axis=0) > VISIBLE
            for name, pair in scores(widened(whole), damaged).items():
                perfect[name] += pair
        lines.append(_row(title, [sums[name] for name in names], f"{spent / len(pictures):.2f}"))
    for title, sums in (("all", total), ("perfect mask", perfect)):
        lines.append(_row(title, [sums[name] for name in names], ""))
    for title, way in (("none", lambda x: (x * 255).round().astype(np.uint8)), ("none, JPEG", _compressed)):
        touched = [100 * float(detect(way(clean)).mean()) for clean in pictures]
        lines.append(
            f"| {title} |"
            + " |" * (len(KINDS) + 1)
            + f" | {np.mean(touched):.3f} % (worst {max(touched):.2f} %) | | |"
        )
    return lines


def sheet(pictures: list[Plane], detect: Callable[[Pixels], NDArray[np.bool_]], path: Path) -> None:
    """A contact sheet: damaged, and with found in green, missed in red, touched for nothing in blue."""
    rows: list[Any] = []
    for number, clean in enumerate(pictures):
        damaged = list(SETS.values())[number % len(SETS)](clean, np.random.default_rng([number, 5]))
        mask, change = detect(damaged.pixels), np.max(list(damaged.changes.values()), axis=0)
        marked = damaged.pixels // 2
        marked[mask & (change > UNTOUCHED)] = (0, 255, 0)
        marked[~mask & (change > VISIBLE)] = (255, 0, 0)
        marked[mask & (change <= UNTOUCHED)] = (60, 60, 255)
        rows.append(np.hstack([damaged.pixels, marked]))
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=20, help="how many pictures, by name")
    parser.add_argument("--skip", type=int, default=0, help="how many pictures to leave out before them")
    parser.add_argument("--sensitivity", default="normal")
    parser.add_argument("--sheet", type=Path, help="write a contact sheet there")
    options = parser.parse_args()
    sensitivity = options.sensitivity if options.sensitivity in THRESHOLDS else float(options.sensitivity)
    files = sorted(options.folder.iterdir())[options.skip : options.skip + options.first]
    pictures = [images.read(path).pixels.astype(np.float32) / 255 for path in files]

    def detect(pixels: Pixels) -> NDArray[np.bool_]:
        return widened(damage_mask(pixels, sensitivity=sensitivity))

    if options.sheet is not None:
        sheet(pictures, detect, options.sheet)
    print("\n".join(table(pictures, detect)))


if __name__ == "__main__":
    main()
