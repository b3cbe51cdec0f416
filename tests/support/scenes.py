"""Made-up photographs, different for every seed and the same in every run."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def scene(seed: int, h: int = 96, w: int = 128) -> NDArray[np.uint8]:
    """A made-up photograph: large shapes, small texture."""
    rng = np.random.default_rng(seed)
    whole = np.zeros((h, w, 3))
    for cells, weight in ((4, 70), (9, 40), (24, 20)):
        small = rng.normal(0, weight, (cells, cells, 3))
        whole += cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC)
    return (whole + 128).clip(0, 255).astype(np.uint8)
