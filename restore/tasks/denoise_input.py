"""What `denoise` is given: what it is told, and the range and the stripes of the picture."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.images.value_range import Range, exposures
from restore.noise.estimate import measure
from restore.noise.measure import SIDE, is_clipped, measure_noise
from restore.noise.model import NoiseModel, white_noise
from restore.noise.stripes import Stripes, find_stripes, without_stripes
from restore.priors.protocol import Prior
from restore.tasks.noise_choice import CUT_OFF, FAINT, pixels_of
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


def is_negligible(level: float | Tensor | None, prior: Prior) -> bool:
    """Whether a noise level is below half of the prior's lowest, so that the picture is left as it is."""
    return isinstance(level, float) and level < prior.sigma_min / 2


def levels_of(sigma: Any, batch: Tensor) -> list[float | Tensor | None]:
    """The noise level of each picture in [0, 1] units: a number, a map ``(1, 1, h, w)``, or None.

    Parameters
    ----------
    sigma : on the scale of 8 bits: None, a number, ``(b,)``, or maps ``(h, w)``, ``(b, h, w)`` or
        ``(b, 1, h, w)``.
    batch : ``(b, 3, h, w)``.

    Raises
    ------
    TypeError
        For what is no number and no array of numbers.
    ValueError
        For other sizes, and for levels that are not from 0 to 255.

    Examples
    --------
    >>> levels_of([51, 102], torch.zeros(2, 3, 8, 8))
    [0.2, 0.4]
    """
    count, size = len(batch), tuple(batch.shape[-2:])
    if sigma is None:
        return [None] * count
    given = _numbers(sigma)
    if given.ndim == 0 or given.shape == (1,):
        level = float(given)
        if not 0 <= level <= 255:
            raise ValueError(f"sigma is a noise level from 0 to 255, got {level:g}")
        return [from_255(level)] * count
    if given.ndim != 1 and tuple(given.shape[-2:]) != size:
        raise ValueError(f"a map of sigma has the picture's size, {size} (h, w); got {tuple(given.shape)}")
    each = given if given.ndim == 1 else given.reshape(-1, *size)
    if len(each) != count and (given.ndim == 1 or len(each) != 1):
        raise ValueError(
            f"sigma has {len(each)} levels for {count} pictures; pass a number for all, one for each, or a "
            f"map of the picture's size, {size} (h, w)"
        )
    if not torch.isfinite(given).all() or given.min() < 0 or given.max() > 255:
        what = "sigma" if given.ndim == 1 else "a map of sigma"
        raise ValueError(f"{what} holds noise levels from 0 to 255, all of them finite")
    if given.ndim == 1:
        return [from_255(level) for level in each.double().tolist()]
    return [level.float().view(1, 1, *size) / 255 for level in each.expand(count, *size)]


def _numbers(sigma: Any) -> Tensor:
    """What is given as sigma as a tensor in double precision. Raises TypeError."""
    if not isinstance(sigma, str | bytes | bool):
        if isinstance(sigma, Tensor):
            return sigma.detach().cpu().double()
        try:
            return torch.from_numpy(np.array(sigma, np.float64))
        except (TypeError, ValueError):
            pass
    shown = repr(sigma) if isinstance(sigma, str | bytes | bool) else type(sigma).__name__
    raise TypeError(f"sigma is a number from 0 to 255, one for each picture, or a map; got {shown}")


def amounts_of(strength: float, luma: float | None, chroma: float | None) -> tuple[float, float]:
    """How much of the change is made in luma and in chroma. Raises ValueError."""
    for name, amount in (("strength", strength), ("luma", luma), ("chroma", chroma)):
        if amount is not None and not 0 <= amount <= 1:
            raise ValueError(f"{name} is a share from 0 to 1, got {amount:g}")
    return strength if luma is None else luma, strength if chroma is None else chroma


def state_level(picture: Tensor, noise_std: Any) -> float:
    """Give the level of the state that a noisy picture ``(3, h, w)`` is.

    Noise that is the same in all three channels, as in every gray picture, lies in their mean alone, where
    the white noise of a state of level sigma has a deviation of sigma / sqrt(3): the picture is a state of
    sqrt(3) times its noise. For a prior of gray pictures that is exact.
    """
    gray = is_gray(picture)
    level = float(noise_std)
    return level * 3**0.5 if gray else level


def is_gray(picture: Tensor) -> bool:
    """Whether the channels of a picture ``(3, h, w)`` are all the same."""
    return all(torch.equal(picture[0], each) for each in picture[1:])


def cut_off(
    picture: Tensor, method: str, noise_std: float | Tensor | None, prior: Prior
) -> NoiseModel | None:
    """Measure noise of which some was cut off at black and white; None where that is little or unknown.

    picture ``(3, h, w)``; noise_std: of white noise, None for noise that is to be measured.
    """
    fitted = prior.facts.get("fit")
    if fitted and fitted["branch"] == method and fitted.get("noise", {}).get("clipped"):
        return None  # these weights have learned what it is like
    pixels = pixels_of(picture)
    if isinstance(noise_std, Tensor) or not is_clipped(pixels, CUT_OFF):
        return None
    if noise_std is not None:
        found = white_noise(noise_std)
    elif min(pixels.shape[:2]) >= SIDE:
        found = measure_noise([pixels], most=3000)
        if found.sigma > 3 * measure(pixels).sigma:  # texture, or letters
            return None
    else:
        return None
    return replace(found, clipped=True) if found.sigma >= FAINT else None
