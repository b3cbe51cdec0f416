"""How true a result is to what was given, in gray levels of 255: what the tasks promise, measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.images.canvas import canvas
from restore.images.jpeg_coding import JpegCoding
from restore.images.resize import resize
from restore.inverse.jpeg import Jpeg, as_coded
from restore.inverse.operators import Gray, inside_of
from restore.inverse.protocols import Degradation

Pixels = NDArray[Any]
"""``(h, w, c)`` as `restore.images.canvas.canvas` takes them."""


def outside_hole(before: Pixels, after: Pixels, hole: NDArray[np.bool_]) -> int:
    """How many pixels outside the hole ``(h, w)`` are not the input's own numbers."""
    return int(((before != after).any(axis=2) & ~hole).sum())


def residual(noisy: Pixels, clean: Pixels) -> float:
    """The standard deviation of what was taken away."""
    return float(255 * (canvas(noisy).batch - canvas(clean).batch).std())


def reduced(large: Pixels, small: Pixels) -> tuple[float, float]:
    """How far the result, reduced to the input's size, is from the input: (at most, on average)."""
    y = canvas(small).batch
    return _apart(resize(canvas(large).batch, (y.shape[-2], y.shape[-1])), y)


def misfit(result: Pixels, given: Pixels, operator: Degradation) -> tuple[float, float]:
    """How far the result, degraded by the operator, is from what was given: (at most, on average).

    Where the operator sees beyond the picture nothing can be said, and nothing is.
    """
    x, y = canvas(result).batch, canvas(given).batch
    if operator.y_shape[0] == 1:
        y = Gray((y.shape[-2], y.shape[-1])).forward(y)
    if (inside := inside_of(operator)) is None:
        return _apart(operator.forward(x), y)
    anything = torch.rand((1, *operator.x_shape), generator=torch.Generator().manual_seed(0))
    beyond = anything - inside.adjoint(inside.forward(anything))
    seen = operator.forward(beyond).abs() < 1e-5
    return _apart(operator.forward(inside.guess(x))[seen], y[seen])


def recompressed(result: Pixels, given: Pixels, coding: JpegCoding) -> tuple[float, float]:
    """How far the result, compressed again, is from what was given: (at most, on average)."""
    x, y = (as_coded(canvas(pixels).batch, coding.turn) for pixels in (result, given))
    return _apart(Jpeg(coding, (y.shape[-2], y.shape[-1])).forward(x), y)


def _apart(found: Tensor, given: Tensor) -> tuple[float, float]:
    # What was black or white may have been more than that.
    apart = 255 * (found.clamp(0, 1) - given).abs()
    return (float(apart.max()), float(apart.mean())) if apart.numel() else (0.0, 0.0)
