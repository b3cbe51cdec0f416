"""How many words tesseract reads from noisy scans of print, before and after `restore.denoise`.

python benchmarks/recognised_words.py --pages 5 --methods page auto
"""

from __future__ import annotations

import argparse
import difflib
import subprocess
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from pages import page

from restore import denoise

Pixels = NDArray[np.float32]
SIZE = 700, 700


def white(clean: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    return clean + deviation * rng.standard_normal(clean.shape, np.float32)


def shadowed(clean: Pixels, rng: np.random.Generator) -> Pixels:
    return white(clean * np.linspace(1, 0.45, clean.shape[1], dtype=np.float32)[:, None], 20, rng)


def grainy(clean: Pixels, rng: np.random.Generator) -> Pixels:
    grain = cv2.GaussianBlur(rng.standard_normal(clean.shape[:2], np.float32), (0, 0), 1.0)
    return clean.mean(2, keepdims=True).repeat(3, 2) + 30 * (grain / grain.std())[..., None]


def small(clean: Pixels, rng: np.random.Generator) -> Pixels:
    size = clean.shape[1] * 2 // 3, clean.shape[0] * 2 // 3
    return white(np.asarray(cv2.resize(clean, size, interpolation=cv2.INTER_AREA), np.float32), 25, rng)


def compressed(clean: Pixels, rng: np.random.Generator) -> Pixels:
    _, file = cv2.imencode(".jpg", as_bytes(white(clean, 15, rng)), [cv2.IMWRITE_JPEG_QUALITY, 30])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.float32)


SCANS: dict[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "clean": lambda clean, rng: clean,
    "white noise, 25 of 255": lambda clean, rng: white(clean, 25, rng),
    "white noise, 50 of 255": lambda clean, rng: white(clean, 50, rng),
    "shadow to 45 %, noise 20": shadowed,
    "grain of 3 pixels, 30": grainy,
    "small letters, noise 25": small,
    "noise 15, JPEG of quality 30": compressed,
}


def as_bytes(picture: Pixels) -> NDArray[np.uint8]:
    return picture.clip(0, 255).round().astype(np.uint8)


def share_read(picture: NDArray[np.uint8], words: list[str]) -> float:
    """The share of the words that are recognised, in their order."""
    file = cv2.imencode(".png", picture[..., ::-1])[1].tobytes()
    command = ["tesseract", "stdin", "stdout", "--dpi", "150"]
    found = subprocess.run(command, input=file, capture_output=True, check=True).stdout.decode().split()
    blocks = difflib.SequenceMatcher(None, found, words, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=["page", "auto"])
    options = parser.parse_args()
    print(f"| scan | as it is | {' | '.join(options.methods)} |")
    print("|---|" + "--:|" * (1 + len(options.methods)))
    for name, scan in SCANS.items():
        shares = []
        for number in range(1, options.pages + 1):
            clean, text = page(number, SIZE)
            noisy = as_bytes(scan(clean.astype(np.float32), np.random.default_rng(number)))
            tried = [noisy, *(denoise(noisy, method=method) for method in options.methods)]
            shares.append([share_read(each, text.split()) for each in tried])
        print(f"| {name} | " + " | ".join(f"{100 * x:.0f} %" for x in np.mean(shares, 0)) + " |", flush=True)


if __name__ == "__main__":
    main()
