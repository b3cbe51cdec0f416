"""Make the sample pictures: damage three public-domain and CC0 photographs, restore them, compare.

    python samples/make.py

The photographs are those inside the scikit-image package: astronaut (NASA, public domain), chelsea
(Stefan van der Walt, CC0) and coffee (Rachel Michetti, CC0). None of them was in the training data.
"""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from PIL import Image

import restore
from restore.cli.demo_pictures import camera_noise, scratch_mask
from restore.training.holes import text_pages

HERE = Path(__file__).parent
SIGMA = 25


def spoon_mask(height: int, width: int) -> np.ndarray:
    """The spoon beside the cup of coffee, as somebody paints it over; 255 where to fill."""
    mask = np.zeros((height, width), np.uint8)
    handle = np.array([[354, 44], [346, 120], [327, 205]], np.int32)
    cv2.polylines(mask, [handle], False, 255, 24)
    cv2.ellipse(mask, (305, 262), (48, 56), 20, 0, 360, 255, -1)
    cv2.ellipse(mask, (285, 228), (32, 16), -15, 0, 360, 255, -1)
    return np.where(mask > 0, np.uint8(255), np.uint8(0))


def tear_mask(height: int, width: int) -> np.ndarray:
    """A tear from side to side and a corner that is gone; 255 where to fill."""
    rng = np.random.default_rng(5)
    x = np.linspace(0, width, 60)
    y = height * np.linspace(0.35, 0.6, 60) + np.cumsum(rng.normal(0, 3, 60))
    path = np.stack([x, y], 1).astype(np.int32)
    mask = np.zeros((height, width), np.uint8)
    for start, end in pairwise(path.tolist()):
        cv2.line(mask, start, end, 255, int(6 + abs(rng.normal(0, 4))))
    corner = [[0, 0], [-90, 0], [-70, -30], [-40, -45], [-25, -80], [0, -95]]
    cv2.fillPoly(mask, [np.array(corner, np.int32) + np.array([width, height], np.int32)], 255)
    return np.where(mask > 0, np.uint8(255), np.uint8(0))


def side_by_side(*pictures: np.ndarray) -> Image.Image:
    """The pictures in a row, a thin white line between them."""
    gap = np.full((pictures[0].shape[0], 4, 3), 255, np.uint8)
    row = [part for picture in pictures for part in (picture, gap)][:-1]
    return Image.fromarray(np.hstack(row))


def failures() -> Image.Image:
    """Four tasks that these weights are not good at, a row each: given, restored, true."""
    rows = []
    cat = skimage.data.chelsea()[30:286, 100:356]
    hole = np.zeros(cat.shape[:2], np.uint8)
    hole[70:190, 66:186] = 255
    given = np.where(hole[..., None] > 0, np.uint8(245), cat)
    rows.append((given, restore.inpaint(given, hole), cat))

    letters = text_pages()[0, :256, :256].numpy()
    page = np.repeat(255 - letters[..., None], 3, axis=2)
    small = Image.fromarray(page).resize((64, 64), Image.Resampling.BICUBIC)
    enlarged = np.asarray(small.resize((256, 256), Image.Resampling.NEAREST))
    rows.append((enlarged, restore.upscale(np.asarray(small), 4), page))

    table = skimage.data.coffee()[130:386, 300:556]
    noise = np.random.default_rng(0).normal(0, 75, table.shape)
    grainy = np.clip(np.rint(table + noise), 0, 255).astype(np.uint8)
    rows.append((grainy, restore.denoise(grainy, sigma=75), table))

    face = skimage.data.astronaut()[20:276, 100:356]
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "JPEG", quality=6)
    blocks = Image.open(buffer)
    rows.append((np.asarray(blocks), np.asarray(restore.dejpeg(blocks)), face))
    parts = [np.asarray(side_by_side(*row)) for row in rows]
    gap = np.full((4, parts[0].shape[1], 3), 255, np.uint8)
    return Image.fromarray(np.vstack([part for row in parts for part in (row, gap)][:-1]))


def save(name: str, picture: np.ndarray) -> None:
    Image.fromarray(picture).save(HERE / name, optimize=True)


def main() -> None:
    clean = skimage.data.astronaut()[:320, 60:380]
    noise = np.random.default_rng(0).normal(0, SIGMA, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    save("noisy.png", noisy)
    side_by_side(noisy, restore.denoise(noisy, sigma=SIGMA), clean).save(HERE / "denoise.jpg", quality=92)

    clean = skimage.data.coffee()[60:380, 120:440]
    noisy = camera_noise(clean)
    side_by_side(noisy, restore.denoise(noisy), clean).save(HERE / "camera.jpg", quality=92)

    clean = skimage.data.chelsea()
    mask = scratch_mask(*clean.shape[:2])
    scratched = np.where(mask[..., None] > 0, np.uint8(245), clean)
    save("scratched.png", scratched)
    save("scratched-mask.png", mask)
    filled = restore.inpaint(scratched, mask)
    side_by_side(scratched, filled, clean).save(HERE / "inpaint.jpg", quality=92)

    clean = skimage.data.coffee()[20:380, 60:580]
    mask = spoon_mask(*clean.shape[:2])
    painted = np.where(mask[..., None] > 0, 255 - (255 - clean) // 2, clean)
    side_by_side(painted, restore.inpaint(clean, mask), clean).save(HERE / "erase.jpg", quality=92)

    clean = skimage.data.chelsea()[:, 60:420]
    mask = tear_mask(*clean.shape[:2])
    torn = np.where(mask[..., None] > 0, np.uint8(250), clean)
    side_by_side(torn, restore.inpaint(torn, mask), clean).save(HERE / "torn.jpg", quality=92)

    clean = skimage.data.coffee()[20:380, 100:580]
    small = np.asarray(Image.fromarray(clean).resize((160, 120), Image.Resampling.BICUBIC))
    save("small.png", small)
    bicubic = np.asarray(Image.fromarray(small).resize((480, 360), Image.Resampling.BICUBIC))
    side_by_side(bicubic, restore.upscale(small, 3), clean).save(HERE / "upscale.jpg", quality=92)

    grid = restore.sample(4, size=(256, 256), steps=50)
    rows = (grid.permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    side_by_side(*rows).save(HERE / "sample.jpg", quality=92)

    failures().save(HERE / "failures.jpg", quality=90)


if __name__ == "__main__":
    main()
