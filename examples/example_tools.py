"""What the examples share: scikit-learn's digits as pictures, and a parser of options."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def options_of(doc: str | None) -> argparse.ArgumentParser:
    """A parser that says what the script does."""
    return argparse.ArgumentParser(description=(doc or "").splitlines()[0])


def digits(side: int = 16) -> list[tuple[str, Image.Image]]:
    """All digits with their labels, in an order at random that is always the same."""
    known = load_digits()
    order = np.random.default_rng(0).permutation(len(known.target))
    small = [Image.fromarray((known.images[k] * 255 / 16).round().astype(np.uint8)) for k in order]
    large = [each.convert("RGB").resize((side, side), Image.Resampling.BICUBIC) for each in small]
    return [(str(known.target[k]), picture) for k, picture in zip(order, large, strict=True)]


def write_digits(folder: Path, side: int = 16, few: int | None = None) -> None:
    """Write every digit, or the first few, in a folder of its label."""
    for number, (label, picture) in enumerate(digits(side)[:few]):
        (folder / label).mkdir(parents=True, exist_ok=True)
        picture.save(folder / label / f"{number:04}.png")
