"""The pictures that the golden cases read: made with integers from seeds, the same on every machine.

Nothing of the project is used here, so that no change to it can change an input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

Pixels = NDArray[np.uint8]
SAMPLES = Path(__file__).parents[2] / "samples"


def picture(seed: int, h: int, w: int) -> Pixels:
    """Coloured patches with soft edges and a little texture, ``(h, w, 3)``."""
    rng = np.random.default_rng(seed)
    patches = rng.integers(20, 236, (h // 9 + 2, w // 9 + 2, 3))
    large = patches.repeat(9, axis=0).repeat(9, axis=1)
    soft = sum(large[i : i + h, j : j + w] for i in range(5) for j in range(5)) // 25
    pixels: Pixels = (soft + rng.integers(-4, 5, (h, w, 3))).clip(0, 255).astype(np.uint8)
    return pixels


def noisy(seed: int, h: int, w: int, *, spread: int = 20, shared: bool = False) -> Pixels:
    """The same with nearly Gaussian noise of that deviation; shared: between neighbouring pixels."""
    rng = np.random.default_rng(1000 + seed)
    # Twelve throws of variance 1/12 each have a variance of 1.
    noise = rng.integers(0, 1001, (12, h + 1, w + 1, 3)).sum(axis=0) - 6000
    if shared:
        noise = (noise[:-1, :-1] + noise[1:, :-1] + noise[:-1, 1:] + noise[1:, 1:]) // 2
    noise = noise[:h, :w] * spread // 1000
    pixels: Pixels = (picture(seed, h, w) + noise).clip(0, 255).astype(np.uint8)
    return pixels


def deep(seed: int, h: int, w: int) -> NDArray[np.uint16]:
    """A noisy picture of 16 bits, in which the lower eight are used."""
    rng = np.random.default_rng(2000 + seed)
    return noisy(seed, h, w, spread=8) * np.uint16(256) + rng.integers(0, 256, (h, w, 3)).astype(np.uint16)


def hole(h: int, w: int) -> Pixels:
    """A mask: a box, a thin line, and one white pixel."""
    mask = np.zeros((h, w), np.uint8)
    mask[h // 3 : h // 3 + 9, w // 4 : w // 4 + 11] = 255
    mask[3 * h // 4, 2 : w - 3] = 255
    mask[1, 1] = 255
    return mask


def ramp(h: int, w: int) -> Pixels:
    """A picture with no noise at all."""
    y, x = np.mgrid[:h, :w]
    return np.stack([60 + 4 * x, 80 + 3 * y, 200 - 2 * x - y], axis=2).astype(np.uint8)


def profile() -> bytes:
    """An sRGB profile that does not say when it was made."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = bytes(12)
    return bytes(data)


def _save(path: Path, pixels: Pixels, **options: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def make_inputs(folder: Path) -> None:
    """Write all of them into a folder."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    exif[0x010E] = "a made-up picture"
    alpha = np.random.default_rng(3).integers(0, 256, (23, 24, 1)).astype(np.uint8)

    _save(folder / "photo.png", picture(1, 29, 25))
    _save(folder / "mask.png", hole(29, 25))
    _save(folder / "keep.png", 255 - hole(29, 25))
    _save(folder / "noisy.png", noisy(2, 25, 27))
    _save(folder / "white.png", noisy(2, 35, 43))
    _save(folder / "grainy.png", noisy(3, 37, 33, spread=12, shared=True))
    _save(folder / "clean.png", ramp(33, 27))
    _save(folder / "alpha.png", np.concatenate([noisy(4, 23, 24), alpha], axis=2))
    _save(folder / "alpha-mask.png", hole(23, 24))
    _save(folder / "gray.png", picture(5, 27, 33)[..., 1])
    _save(folder / "noisy.webp", noisy(6, 24, 25), lossless=True)
    _save(folder / "noisy.bmp", noisy(7, 24, 23))
    _save(folder / "small.png", picture(8, 13, 17))
    _save(folder / "small.jpg", picture(9, 14, 12), quality=85, subsampling=0)
    _save(folder / "bad.jpg", picture(10, 27, 35), quality=15, subsampling=2)
    _save(folder / "bad-gray.jpg", picture(11, 26, 21)[..., 1], quality=25)
    _save(folder / "turned.jpg", picture(12, 25, 30), quality=40, exif=exif, icc_profile=profile())
    _save(folder / "turned-mask.png", hole(30, 25))
    _save(folder / "large.png", noisy(13, 33, 69))
    _save(folder / "large-mask.png", hole(33, 69) | np.roll(hole(33, 69), (9, 36), (0, 1)))
    for k in range(2):
        _save(folder / "folder" / f"{k}.png", noisy(20 + k, 24 + k, 28))
    for k in range(3):
        _save(folder / "to-fit" / f"{k}.png", noisy(30 + k, 48, 56))
        _save(folder / "to-learn" / f"{k}.png", picture(40 + k, 40, 48))
        _save(folder / "to-measure" / f"{k}.png", picture(50 + k, 40, 36 + k))

    cv2.imwrite(str(folder / "gray16.png"), deep(14, 33, 28)[..., 1])
    cv2.imwrite(str(folder / "gray16-mask.png"), hole(33, 28))
    tifffile.imwrite(folder / "deep.tif", deep(16, 25, 23), photometric="rgb")
    _save(folder / "deep-mask.png", hole(25, 23))
    tifffile.imwrite(folder / "float.tif", (deep(17, 23, 25) / np.float32(65536)), photometric="rgb")

    for name, box in {
        "noisy": (150, 100, 186, 137), "scratched": (24, 226, 64, 265), "scratched-mask": (24, 226, 64, 265),
        "small": (40, 40, 66, 65),
    }.items():  # fmt: skip
        with Image.open(SAMPLES / f"{name}.png") as whole:
            whole.crop(box).save(folder / f"real-{name}.png")
    with Image.open(folder / "real-small.png") as crop:
        crop.convert("RGB").save(folder / "real-bad.jpg", quality=12)
