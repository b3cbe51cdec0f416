"""What `denoise` is given: what it is told, and the range and the stripes of the picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.images.value_range import Range, exposures
from restore.noise.stripes import Stripes, find_stripes, without_stripes
from restore.tasks.noise_choice import pixels_of
from restore.types import from_255

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
    found = [stripes_of(pixels_of(picture)) for picture in batch]
    if not any(found):
        return batch
    return torch.stack([without(picture, each) for picture, each in zip(batch, found, strict=True)])


def without(picture: Tensor, stripes: list[Stripes]) -> Tensor:
    """A picture ``(3, h, w)`` without these stripes; itself where there are none."""
    if not stripes:
        return picture
    pixels = pixels_of(picture)
    for each in stripes:
        pixels = without_stripes(pixels, each)
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1).to(picture)


def ranges_of(picture: Tensor, bits: int, visible: Tensor | None = None) -> list[Range]:
    """The ranges at which a picture ``(3, h, w)`` of so many bits is denoised; visible: ``(h, w)``."""
    if min(picture.shape[-2:]) < SMALLEST:
        return [Range()]
    ranges = exposures(picture, visible, bits=bits)
    inside = ranges[0].low >= 0 and ranges[0].high <= 1
    return [Range()] if len(ranges) == 1 and inside and ranges[0].width > ENOUGH else ranges


def level_of(sigma: Any, batch: Tensor) -> float | Tensor | None:
    """The noise level in [0, 1] units: a number, a map ``(1, 1, h, w)``, or None. Raises ValueError."""
    if sigma is None:
        return None
    if isinstance(sigma, (np.ndarray, Tensor)) and sigma.ndim:
        given = torch.as_tensor(sigma).to(torch.float32)
        size = tuple(batch.shape[-2:])
        if given.numel() != size[0] * size[1] or tuple(given.shape[-2:]) != size:
            raise ValueError(
                f"a map of sigma has the picture's size, {size} (h, w); got {tuple(given.shape)}"
            )
        if not torch.isfinite(given).all() or given.min() < 0 or given.max() > 255:
            raise ValueError("a map of sigma holds noise levels from 0 to 255, all of them finite")
        return given.view(1, 1, *size) / 255
    if not 0 <= sigma <= 255:
        raise ValueError(f"sigma is a noise level from 0 to 255, got {sigma:g}")
    return from_255(float(sigma))


def amounts_of(strength: float, luma: float | None, chroma: float | None) -> tuple[float, float]:
    """How much of the change is made in luma and in chroma. Raises ValueError."""
    for name, amount in (("strength", strength), ("luma", luma), ("chroma", chroma)):
        if amount is not None and not 0 <= amount <= 1:
            raise ValueError(f"{name} is a share from 0 to 1, got {amount:g}")
    return strength if luma is None else luma, strength if chroma is None else chroma
