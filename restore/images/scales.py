"""Pictures whose black and white are other numbers than 0 and 1, or than their type's range."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restore.images.kinds import colours_in, is_pil, pixels_of, rebuilt
from restore.images.picture import Picture as FilePicture

RANGE = "data_range is (low, high), the values of black and white, such as (0, 4095)"


def checked_range(data_range: Any) -> tuple[float, float]:
    """Give the values of black and white. Raises TypeError and ValueError for what is no range.

    Examples
    --------
    >>> checked_range((0, 4095))
    (0.0, 4095.0)
    """
    try:
        low, high = (float(each) for each in data_range)
    except (TypeError, ValueError):
        told = " ".join(repr(data_range).split())
        raise TypeError(f"{RANGE}; got {told[:80]}") from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{RANGE}, low below high; got ({low:g}, {high:g})")
    return low, high


@dataclass(frozen=True)
class Scaled:
    """A picture of any kind in units of its black and white, and the way back.

    Parameters
    ----------
    original : the picture as it was given.
    unit : the same with floats, 0 for black and 1 for white: an array, a tensor, or a picture of a file.
        Alpha has the numbers that it had.
    low, high : the values of black and white in the original.

    Examples
    --------
    >>> scaled = in_units(np.array([[0, 1023, 4095]], np.uint16), 0, 4095)
    >>> scaled.unit.round(2).tolist()
    [[0.0, 0.25, 1.0]]
    >>> scaled.back(scaled.unit / 2).tolist()
    [[0, 512, 2048]]
    """

    original: Any
    unit: Any
    low: float
    high: float

    def back(self, result: Any) -> Any:
        """A result in units as the kind, type and scale of the original.

        Numbers that are those of ``unit`` come back as the original's own, bit for bit. Whole numbers are
        rounded, and clipped to black and white.
        """
        if isinstance(result, Tensor):
            return self._values(result, self.unit, self.original, dim=result.ndim - 3)
        if isinstance(result, FilePicture):
            return self._file(result)
        pixels = _numbers_of(self.original)
        return rebuilt(self._values(result, self.unit, pixels, dim=_channels_at(result)), self.original)

    def _file(self, result: FilePicture) -> FilePicture:
        original: FilePicture = self.original
        pixels = self._values(result.pixels, self.unit.pixels, original.pixels, dim=2)
        alpha = None if result.alpha is None else _as_type(result.alpha, original.pixels)
        return replace(original.with_pixels(pixels, alpha=alpha), gray=result.gray)

    def _values(self, result: Any, unit: Any, original: Any, *, dim: int | None) -> Any:
        colours, alpha = _split(result, dim)
        values = colours * (self.high - self.low) + self.low
        if _is_whole(original):
            values = values.clip(self.low, self.high)
        values = _as_type(values, original)
        if colours.shape == _split(unit, dim)[0].shape:
            same = colours == _split(unit, dim)[0]
            choose = torch.where if isinstance(result, Tensor) else np.where
            values = choose(same, _split(original, dim)[0], values)
        if alpha is None or dim is None:
            return values
        join = torch.cat if isinstance(result, Tensor) else np.concatenate
        return join([values, _as_type(alpha, original)], dim)


def in_units(image: Any, low: float, high: float) -> Scaled:
    """Bring a picture of any kind to units in which black is 0 and white is 1.

    Parameters
    ----------
    image : an array or a tensor of any whole numbers or floats, a PIL image, or a picture of a file.
    low, high : its values of black and white.

    Returns
    -------
    Scaled

    Raises
    ------
    TypeError
        For what is no picture of numbers.
    """
    if isinstance(image, FilePicture):
        unit = _unit(image.pixels, low, high, dim=2).astype(np.float32)
        alpha = None if image.alpha is None else image.alpha.astype(np.float32)
        return Scaled(image, replace(image, pixels=unit, alpha=alpha, extra=None, meanings=()), low, high)
    if isinstance(image, Tensor):
        if image.dtype == torch.bool or image.is_complex() or image.ndim < 3:
            raise TypeError(
                f"tensors are expected as (c, h, w) or (b, c, h, w) of numbers, got {tuple(image.shape)} of "
                f"{image.dtype}"
            )
        return Scaled(image, _unit(image.detach(), low, high, dim=image.ndim - 3), low, high)
    if not isinstance(image, np.ndarray) and not is_pil(image):
        raise TypeError(
            "expected a picture: a path, what restore.images.read gives, a NumPy array, a PIL image or a "
            f"torch tensor; got {type(image).__name__}"
        )
    pixels = _numbers_of(image)
    if pixels.dtype.kind not in "uif" or pixels.ndim < 2:
        raise TypeError(f"arrays are expected to hold numbers, got {pixels.shape} of {pixels.dtype}")
    return Scaled(image, _unit(pixels, low, high, dim=_channels_at(pixels)), low, high)


def _numbers_of(image: Any) -> np.ndarray[Any, Any]:
    """The pixels of an array or a PIL image, of floats and of 32 bits among them."""
    if is_pil(image) and image.mode in ("F", "I"):
        return np.asarray(image)
    return pixels_of(image)


def _channels_at(pixels: np.ndarray[Any, Any]) -> int | None:
    """The axis of the channels; None for ``(h, w)``."""
    return None if pixels.ndim == 2 else pixels.ndim - 1


def _unit(values: Any, low: float, high: float, *, dim: int | None) -> Any:
    """Values in units, in double precision where they have more than 16 bits; alpha keeps its numbers."""
    if isinstance(values, Tensor):
        exact = values.element_size() > 4 or (not values.is_floating_point() and values.element_size() > 2)
        values = values.to(torch.float64 if exact else torch.float32)
    else:
        exact = values.dtype.itemsize > 4 or (values.dtype.kind != "f" and values.dtype.itemsize > 2)
        values = values.astype(np.float64 if exact else np.float32)
    colours, alpha = _split(values, dim)
    unit = (colours - low) / (high - low)
    if alpha is None or dim is None:
        return unit
    return (torch.cat if isinstance(values, Tensor) else np.concatenate)([unit, alpha], dim)


def _split(values: Any, dim: int | None) -> tuple[Any, Any]:
    """Colours, and alpha where there is any."""
    if dim is None:
        return values, None
    count = values.shape[dim]
    colours = colours_in(count)
    if count <= colours:
        return values, None
    before = (slice(None),) * dim
    return values[(*before, slice(0, colours))], values[(*before, slice(colours, None))]


def _is_whole(values: Any) -> bool:
    """Whether an array or a tensor is one of whole numbers."""
    return not (values.is_floating_point() if isinstance(values, Tensor) else values.dtype.kind == "f")


def _as_type(values: Any, like: Any) -> Any:
    """Values as the type of others: whole numbers rounded, and clipped to what the type holds."""
    if isinstance(values, Tensor):
        if _is_whole(like):
            held = torch.iinfo(like.dtype)
            values = values.double().round().clamp(held.min, held.max)
        return values.to(like.dtype)
    if _is_whole(like):
        ends = np.iinfo(like.dtype)
        values = np.rint(values.astype(np.float64)).clip(ends.min, ends.max)
    return values.astype(like.dtype)
