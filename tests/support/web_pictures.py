"""Pictures for the tests of the page."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import skimage.data
import tifffile
from numpy.typing import NDArray
from picture_files import SRGB
from PIL import Image

SCRATCH = ((60, 40), (150, 120))
"""From where to where the scratch goes."""


def scratched(width: int = 240, height: int = 160) -> NDArray[np.uint8]:
    """A part of a photograph with a white scratch."""
    photo = np.ascontiguousarray(skimage.data.coffee()[100 : 100 + height, 150 : 150 + width])
    cv2.line(photo, *SCRATCH, (255, 255, 255), 3)
    return photo


def scratched_png(folder: Path, name: str = "scratched.png") -> Path:
    Image.fromarray(scratched()).save(folder / name)
    return folder / name


def noisy_png(folder: Path, name: str = "noisy.png", sigma: float = 25, seed: int = 0) -> Path:
    photo = skimage.data.coffee()[100:260, 150:390].astype(float)
    noise = np.random.default_rng(seed).normal(0, sigma, photo.shape)
    Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8)).save(folder / name)
    return folder / name


def deep_tiff(folder: Path, name: str = "deep.tif") -> Path:
    """16 bits that are no multiples of 257, and a profile."""
    rng = np.random.default_rng(1)
    photo = scratched().astype(np.uint16) * 256 + rng.integers(0, 256, (160, 240, 3), np.uint16)
    tifffile.imwrite(folder / name, photo, photometric="rgb", iccprofile=SRGB, resolution=(300, 300))
    return folder / name


def large_jpeg(folder: Path, name: str = "large.jpg", size: tuple[int, int] = (6000, 4000)) -> Path:
    """24 megapixels."""
    photo = cv2.resize(skimage.data.coffee(), size, interpolation=cv2.INTER_LINEAR)
    cv2.imwrite(str(folder / name), photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return folder / name
