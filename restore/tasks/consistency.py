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
from restore.inverse.frequencies import low_pass
from restore.inverse.jpeg import Jpeg, as_coded
from restore.inverse.operators import Gray, inside_of
from restore.inverse.protocols import Degradation
from restore.tasks.vary import reference_for

Pixels = NDArray[Any]
"""``(h, w, c)`` as `restore.images.canvas.canvas` takes them."""


def outside_hole(before: Pixels, after: Pixels, hole: NDArray[np.bool_]) -> int:
    """Count the pixels outside the hole that are not the input's own numbers.

    Parameters
    ----------
    before, after : array
        ``(h, w, c)`` of the same depth.
    hole : array
        ``(h, w)``, True in the hole.

    Returns
    -------
    int
        How many pixels differ.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.tasks.consistency import outside_hole
    >>> before = np.zeros((4, 4, 3), np.uint8)
    >>> after, hole = before.copy(), np.eye(4) > 0
    >>> after[0, :2] = 9
    >>> outside_hole(before, after, hole)
    1
    """
    return int(((before != after).any(axis=2) & ~hole).sum())


def residual(noisy: Pixels, clean: Pixels) -> float:
    """Measure the standard deviation of what was taken away, in gray levels of 255.

    Parameters
    ----------
    noisy, clean : array
        ``(h, w, c)``, each of its own depth.

    Returns
    -------
    float
        The deviation over all pixels and channels.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.tasks.consistency import residual
    >>> noisy = np.array([90, 110] * 6, np.uint8).reshape(2, 2, 3)
    >>> round(residual(noisy, np.full((2, 2, 3), 100, np.uint8)), 2)
    10.44
    """
    return float(255 * (canvas(noisy).batch - canvas(clean).batch).std())


def reduced(large: Pixels, small: Pixels) -> tuple[float, float]:
    """Measure how far an enlargement, reduced to the input's size, is from the input.

    Parameters
    ----------
    large, small : array
        ``(h, w, c)``, the result and the input.

    Returns
    -------
    (float, float)
        The largest and the mean difference, in gray levels of 255. Where the input is black or white, results
        beyond count as equal.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.tasks.consistency import reduced
    >>> most, mean = reduced(np.full((8, 8, 3), 92, np.uint8), np.full((4, 4, 3), 90, np.uint8))
    >>> round(most, 2), round(mean, 2)
    (2.0, 2.0)
    """
    y = canvas(small).batch
    return _apart(resize(canvas(large).batch, (y.shape[-2], y.shape[-1])), y)


def low_frequencies_apart(result: Pixels, reference: Pixels, factor: int) -> tuple[float, float]:
    """Measure how far the low frequencies of a picture are from those of another, resized to its size.

    Parameters
    ----------
    result, reference : array
        ``(h, w, c)``, of any sizes and depths. Where the result is gray the reference is taken in gray.
    factor : int
        What is coarser than so many pixels counts.

    Returns
    -------
    (float, float)
        The largest and the mean difference, in gray levels of 255.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.tasks.consistency import low_frequencies_apart
    >>> result, reference = np.full((8, 8, 3), 92, np.uint8), np.full((4, 4, 3), 90, np.uint8)
    >>> most, mean = low_frequencies_apart(result, reference, 4)
    >>> round(most, 2), round(mean, 2)
    (2.0, 2.0)
    """
    x = canvas(result).planes
    style = reference_for(reference, x)
    style = style if x.shape[1] == 3 else style.mean(1, keepdim=True)
    apart = 255 * low_pass(x - style, factor).abs()
    return float(apart.max()), float(apart.mean())


def misfit(result: Pixels, given: Pixels, operator: Degradation) -> tuple[float, float]:
    """Measure how far a result, degraded by the operator, is from the input.

    Parameters
    ----------
    result, given : array
        ``(h, w, c)``, the result and the input.
    operator : Degradation
        What the result is degraded by. Where it sees beyond the picture nothing is compared.

    Returns
    -------
    (float, float)
        The largest and the mean difference, in gray levels of 255.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.inverse.operators import Resize
    >>> from restore.tasks.consistency import misfit
    >>> result, given = np.full((8, 8, 3), 92, np.uint8), np.full((4, 4, 3), 90, np.uint8)
    >>> most, mean = misfit(result, given, Resize((8, 8), (4, 4)))
    >>> round(most, 2), round(mean, 2)
    (2.0, 2.0)
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
    """Measure how far a result, compressed again, is from the input.

    Parameters
    ----------
    result, given : array
        ``(h, w, c)``, the result and the decoded file.
    coding : JpegCoding
        How the file was compressed.

    Returns
    -------
    (float, float)
        The largest and the mean difference, in gray levels of 255.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images.jpeg_coding import coding_of
    >>> from restore.tasks.consistency import recompressed
    >>> flat = np.full((16, 16, 3), 128, np.uint8)
    >>> most, mean = recompressed(flat, flat, coding_of(30))
    >>> most < 1
    True
    """
    x, y = (as_coded(canvas(pixels).batch, coding.turn) for pixels in (result, given))
    return _apart(Jpeg(coding, (y.shape[-2], y.shape[-1])).forward(x), y)


def _apart(found: Tensor, given: Tensor) -> tuple[float, float]:
    # What was black or white may have been more than that.
    apart = 255 * (found.clamp(0, 1) - given).abs()
    return (float(apart.max()), float(apart.mean())) if apart.numel() else (0.0, 0.0)
