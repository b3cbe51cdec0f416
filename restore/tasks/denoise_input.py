"""What is looked at in a noisy picture before its noise: the range that it uses, and stripes."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.images.value_range import Range, exposures
from restore.noise.stripes import Stripes, find_stripes, without_stripes

MOST_STRIPED = 2  # rows, and then columns
ENOUGH = 0.5  # of the range: to be brought to all of it is not worth its while
SMALLEST = 32  # pixels a side, below which a picture says too little of the range that it uses


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


def ranges_of(picture: Tensor, bits: int, visible: Tensor | None = None) -> list[Range]:
    """The ranges at which a picture ``(3, h, w)`` of so many bits is denoised; visible: ``(h, w)``."""
    if min(picture.shape[-2:]) < SMALLEST:
        return [Range()]
    ranges = exposures(picture, visible, bits=bits)
    inside = ranges[0].low >= 0 and ranges[0].high <= 1
    return [Range()] if len(ranges) == 1 and inside and ranges[0].width > ENOUGH else ranges
