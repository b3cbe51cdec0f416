"""What is looked at in a noisy picture before its noise: its depth, and stripes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.images.value_range import Range, exposures
from restore.noise.stripes import Stripes, find_stripes, without_stripes

MOST_STRIPED = 2  # rows, and then columns
SMALLEST = 32  # pixels a side, below which a picture says too little of the range that it uses


def bits_of(image: Any) -> int:
    """The depth of a picture's values: 8, 16, or 32 for floats.

    Examples
    --------
    >>> bits_of(np.zeros((2, 2), np.uint16)), bits_of(torch.zeros(3, 2, 2))
    (16, 32)
    """
    kind = image.dtype if isinstance(image, np.ndarray) else None
    if kind is None:
        if isinstance(image, Tensor):
            return 32
        return 16 if str(getattr(image, "mode", "")).startswith("I") else 8
    return 8 * kind.itemsize if kind.kind == "u" else 32


def stripes_of(pixels: Any) -> list[Stripes]:
    """The stripes of a picture ``(h, w, 3)``: of rows, of columns, or of both, the clearer ones first."""
    found: list[Stripes] = []
    for _ in range(MOST_STRIPED):
        stripes = find_stripes(pixels)
        if stripes is None:
            break
        found.append(stripes)
        pixels = without_stripes(pixels, stripes)
    return found


def without_stripes_of(batch: Tensor) -> Tensor:
    """Pictures ``(b, 3, h, w)`` without their stripes; the batch itself where there are none."""
    changed, results = False, []
    for picture in batch:
        pixels = picture.permute(1, 2, 0).cpu().numpy()
        for stripes in stripes_of(pixels):
            pixels, changed = without_stripes(pixels, stripes), True
        results.append(torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).to(batch))
    return torch.stack(results) if changed else batch


def ranges_of(picture: Tensor, image: Any) -> list[Range]:
    """The ranges at which a picture ``(3, h, w)`` is denoised; image: as users gave it."""
    if min(picture.shape[-2:]) < SMALLEST:
        return [Range()]
    return exposures(picture, bits=bits_of(image))
