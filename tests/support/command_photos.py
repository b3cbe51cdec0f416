"""A photo with a hole, pictures of many kinds, and what else tests of the command line are given."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import NoReturn

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

H, W = 31, 37
rows, columns = np.mgrid[:H, :W]
SMOOTH = np.stack([rows * 5 + 40, columns * 4 + 30, rows * 2 + columns * 3 + 20], axis=2)
PHOTO = (SMOOTH + np.random.default_rng(1).normal(0, 12, SMOOTH.shape)).clip(0, 255).astype(np.uint8)
HOLE = (rows > 8) & (rows < 14) & (columns > 5) & (columns < 30)

DEEP = PHOTO.astype(np.uint16) * 257 + np.arange(H * W * 3, dtype=np.uint16).reshape(H, W, 3) % 256
ALPHA = (columns * 1700).astype(np.uint16)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = ["png 16 rgba", "png 16 gray", "png gray alpha", "tif float", "tif 16", "webp", "bmp", "png"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a photo and a mask in it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("photo.png")
    Image.fromarray(HOLE).save("mask.png")
    return tmp_path


def files(folder: str = ".") -> list[str]:
    return sorted(str(path) for path in Path(folder).iterdir())


def white_noise(sigma: float) -> NDArray[np.uint8]:
    noisy = 128 + np.random.default_rng(2).normal(0, sigma, (64, 64, 3))
    return noisy.round().clip(0, 255).astype(np.uint8)


def save_kind(kind: str) -> Path:
    path = Path(f"in.{kind.partition(' ')[0]}")
    match kind:
        case "png 16 rgba":
            cv2.imwrite(str(path), np.dstack([DEEP[..., ::-1], ALPHA]))
        case "png 16 gray":
            cv2.imwrite(str(path), DEEP[..., 0])
        case "png gray alpha":
            Image.fromarray(np.dstack([PHOTO[..., 0], (ALPHA >> 8).astype(np.uint8)])).save(path)
        case "tif float":
            tifffile.imwrite(path, (PHOTO / 255 * 1.2 - 0.1).astype(np.float32), photometric="rgb")
        case "tif 16":
            tifffile.imwrite(path, DEEP, photometric="rgb")
        case "webp":
            Image.fromarray(PHOTO).save(path, lossless=True, icc_profile=ICC)
        case "bmp":
            Image.fromarray(PHOTO).save(path, dpi=(300, 300))
        case "png":
            image = Image.fromarray(PHOTO)
            exif = image.getexif()
            exif[0x010F] = "a camera"
            image.save(path, exif=exif, icc_profile=ICC, dpi=(300, 300))
    return path


def interrupt(*_: object, **__: object) -> NoReturn:
    # A shell that starts the suite in the background turns the signal off.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    raise AssertionError("the signal did not arrive")
