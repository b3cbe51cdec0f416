"""Random holes in batches of pictures, on any device."""

from __future__ import annotations

import math
import random
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

from restore.images.device_constants import constant

if TYPE_CHECKING:
    from PIL import ImageFont

PAGE_SIZE = 768
"""Side of a rendered page of text, and so of the largest text hole."""


def stroke_holes(
    shape: tuple[int, int, int], device: torch.device | str = "cpu", generator: Generator | None = None
) -> Tensor:
    """Free-hand strokes: a few connected lines of random width. shape is (b, h, w)."""
    b, h, w = shape
    points, side = 8, min(h, w)
    start = torch.rand(b, 1, 2, device=device, generator=generator)
    steps = (torch.rand(b, points, 2, device=device, generator=generator) - 0.5) * 0.7
    path = torch.cat([start, start + steps.cumsum(1)], 1).remainder(2)
    path = torch.where(path > 1, 2 - path, path) * constant((h, w), path.device)
    width = (torch.rand(b, 1, device=device, generator=generator) * 0.05 + 0.01) * side + 1
    return _distance_below(path[:, :-1], path[:, 1:], width.expand(b, points), h, w)


def scratch_holes(
    shape: tuple[int, int, int], device: torch.device | str = "cpu", generator: Generator | None = None
) -> Tensor:
    """Thin long scratches, as on film and prints. shape is (b, h, w)."""
    return segments(shape, 5, (0.3, 1.0), (0.6, 1.6), torch.device(device), generator)


def box_holes(
    shape: tuple[int, int, int], device: torch.device | str = "cpu", generator: Generator | None = None
) -> Tensor:
    """One rectangle, each side from an eighth to a half of the picture's. shape is (b, h, w)."""
    b, h, w = shape
    u = torch.rand(4, b, 1, 1, 1, device=device, generator=generator)
    height, width = h * (0.125 + 0.375 * u[0]), w * (0.125 + 0.375 * u[1])
    top, left = u[2] * (h - height), u[3] * (w - width)
    y = torch.arange(h, device=device).view(1, 1, h, 1)
    x = torch.arange(w, device=device).view(1, 1, 1, w)
    return ((y >= top) & (y < top + height) & (x >= left) & (x < left + width)).float()


def random_holes(
    shape: tuple[int, int, int], device: torch.device | str = "cpu", generator: Generator | None = None
) -> Tensor:
    """Independent pixels, a share of 20 to 80 percent of them. shape is (b, h, w)."""
    b, h, w = shape
    share = 0.2 + 0.6 * torch.rand(b, 1, 1, 1, device=device, generator=generator)
    return (torch.rand(b, 1, h, w, device=device, generator=generator) < share).float()


def grid_holes(
    shape: tuple[int, int, int], device: torch.device | str = "cpu", generator: Generator | None = None
) -> Tensor:
    """Every other line, every other column, or all but one pixel of each 2x2. shape is (b, h, w)."""
    b, h, w = shape
    kind = torch.randint(3, (b, 1, 1, 1), device=device, generator=generator)
    row = (torch.arange(h, device=device) % 2).view(1, 1, h, 1)
    column = (torch.arange(w, device=device) % 2).view(1, 1, 1, w)
    both = 1 - (1 - row) * (1 - column)
    hole = torch.where(kind == 0, row, torch.where(kind == 1, column, both))
    return hole.expand(b, 1, h, w).float()


def text_holes(
    shape: tuple[int, int, int], device: torch.device | str = "cpu", generator: Generator | None = None
) -> Tensor:
    """Printed letters over the picture: crops of a rendered page of text. shape is (b, h, w)."""
    return (text_crops(shape, torch.device(device), generator) > 127 / 255).float()


def text_crops(
    shape: tuple[int, int, int], device: torch.device, generator: Generator | None = None
) -> Tensor:
    """Crops of rendered pages of text ``(b, 1, h, w)``, 1 where there is ink. shape is (b, h, w)."""
    b, h, w = shape
    pages = _pages_on(device)
    size = PAGE_SIZE
    if h > size or w > size:
        raise ValueError(f"text holes are at most {size}x{size}, got {h}x{w}")
    page = torch.randint(len(pages), (b,), generator=generator, device=device)
    top = torch.randint(size - h + 1, (b, 1), generator=generator, device=device)
    left = torch.randint(size - w + 1, (b, 1), generator=generator, device=device)
    rows = top + torch.arange(h, device=device)
    columns = left + torch.arange(w, device=device)
    return pages[page[:, None, None], rows[:, :, None], columns[:, None, :]][:, None].float() / 255


HOLES = {
    "strokes": stroke_holes,
    "scratches": scratch_holes,
    "box": box_holes,
    "text": text_holes,
    "random": random_holes,
    "grid": grid_holes,
}


@cache
def _pages_on(device: torch.device) -> Tensor:
    return text_pages().to(device)


@cache
def text_pages(count: int = 6, size: int = PAGE_SIZE) -> Tensor:
    """Rendered pages of nonsense words, uint8 ``(count, size, size)``, 255 where there is ink.

    Letter heights of 10 to 40 pixels, in Pillow's own font (Aileron) and in the system's fonts
    where there are any. The same pages every time.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    rng = random.Random(0)
    pages = []
    for number in range(count):
        height = round(10 * 4 ** (number / max(1, count - 1)))
        page = Image.new("L", (size, size))
        draw = ImageDraw.Draw(page)
        font = _font(height, number)
        for top in range(4, size, round(height * 1.3)):
            words = (_word(rng) for _ in range(6 + 3 * size // (2 * height)))
            draw.text((4, top), " ".join(words), fill=255, font=font)
        pages.append(torch.from_numpy(np.array(page)))
    return torch.stack(pages)


def _word(rng: random.Random) -> str:
    letters = "etaoinshrdlucmfwypvbgkqjxzETAOINSHRD0123456789.,;:-()&%"
    weights = [12] * 12 + [5] * 14 + [1] * 10 + [1] * 10 + [1] * 9
    return "".join(rng.choices(letters, weights, k=rng.randint(2, 10)))


def _font(height: int, number: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of the system's, or Pillow's own every second time and where there is none."""
    from PIL import ImageFont

    folders = map(Path, ("/usr/share/fonts", "/Library/Fonts"))
    found = sorted(path for folder in folders for path in folder.rglob("*.ttf"))
    if found and number % 2:
        return ImageFont.truetype(str(found[number * 7919 % len(found)]), height)
    return ImageFont.load_default(height)


def segments(
    shape: tuple[int, int, int], count: int, length: tuple[float, float], radius: tuple[float, float],
    device: torch.device, generator: Generator | None,
) -> Tensor:  # fmt: skip
    """Straight lines at random, ``count`` in each picture.

    length: shortest and longest, as shares of the shorter side. radius: thinnest and thickest, in pixels from
    the middle of the line to its edge.
    """
    b, h, w = shape
    (shortest, longest), (thinnest, thickest) = length, radius
    u = torch.rand(5, b, count, device=device, generator=generator)
    start = torch.stack([u[0] * h, u[1] * w], -1)
    lengths = (shortest + (longest - shortest) * u[2]) * min(h, w)
    angle = u[3] * math.pi
    end = start + lengths[..., None] * torch.stack([angle.sin(), angle.cos()], -1)
    return _distance_below(start, end, thinnest + (thickest - thinnest) * u[4], h, w)


def _distance_below(start: Tensor, end: Tensor, radius: Tensor, h: int, w: int) -> Tensor:
    """1 where a pixel is within ``radius`` (b, n) of one of the segments start-end (b, n, 2), in (y, x)."""
    y = torch.arange(h, device=start.device, dtype=torch.float32)
    x = torch.arange(w, device=start.device, dtype=torch.float32)
    hole = torch.zeros(len(start), h, w, dtype=torch.bool, device=start.device)
    for i in range(start.shape[1]):
        a, d = start[:, i, :, None, None], (end - start)[:, i, :, None, None]
        py, px = y[None, :, None] - a[:, 0], x[None, None, :] - a[:, 1]
        along = ((py * d[:, 0] + px * d[:, 1]) / (d * d).sum(1).clamp_min(1e-6)).clamp(0, 1)
        distance = (py - along * d[:, 0]).square() + (px - along * d[:, 1]).square()
        hole |= distance <= radius[:, i, None, None] ** 2
    return hole.float()[:, None]
