"""Make noisy files once, for fits that see nothing else: ``python benchmarks/noisy.py DATA OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from restore import images
from restore.training.data import halved, read_pictures

SIGMA = 25


def freeze(clean: np.ndarray, path: Path, rng: np.random.Generator) -> None:
    """White Gaussian noise of sigma 25, neither clipped nor quantised, as a float TIFF."""
    noisy = clean.astype(np.float32) / 255 + SIGMA / 255 * rng.standard_normal(clean.shape, dtype=np.float32)
    images.write(path, images.Picture(pixels=noisy))


def main(data: Path, out: Path, shards: int = 2) -> None:
    """Half-size training pictures, cut to at most 1200 pixels a side, with noise of their own that stays."""
    rng = np.random.default_rng(123)
    out.mkdir(parents=True, exist_ok=True)
    number = 0
    for shard in sorted((data / "train").glob("*.tar"))[:shards]:
        for picture in read_pictures([shard]):
            small = halved(picture)[:1200, :1200]
            if min(small.shape[:2]) >= 96:
                freeze(small, out / f"{number:04}.tif", rng)
                number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
