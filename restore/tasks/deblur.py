"""Sharpen a picture that was blurred by a known kernel."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from restore.images.canvas import Picture
from restore.inverse import operators
from restore.inverse.build import chain_of
from restore.inverse.kernels import kernel_of_array
from restore.inverse.spec import parse_spec
from restore.tasks.any_kind import any_kind
from restore.tasks.solve import solve


@any_kind
def deblur(image: Picture, /, kernel: NDArray[Any] | Tensor | str, **options: Any) -> Picture:
    """Sharpen a picture that was blurred by a known kernel.

    The scene is taken to go on outside the picture; nothing is assumed of what lies there.

    Parameters
    ----------
    image : array, tensor or PIL image
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept.
    kernel : array, tensor or str
        ``(kh, kw)`` of any numbers of 0 or more, whose sum is brought to 1; or ``gaussian:SIGMA``,
        ``motion:LENGTH:ANGLE`` or ``disc:RADIUS`` in pixels and degrees.
    **options
        Those of `solve`.

    Returns
    -------
    array, tensor or PIL image
        The same kind as ``image``, of its size and depth.

    Raises
    ------
    ValueError
        For a kernel that cannot be read, is empty, has negative numbers or is larger than the picture, and as
        `solve` does.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import deblur
    >>> from restore.testing import tiny_prior
    >>> soft = np.full((16, 16, 3), 90, np.uint8)
    >>> deblur(soft, "gaussian:1", steps=1, prior=tiny_prior()).shape
    (16, 16, 3)
    """
    if isinstance(kernel, str):
        return solve(image, chain_of([parse_spec(f"blur={kernel}")]), **options)
    weights = kernel_of_array(kernel)
    return solve(image, lambda size, device: operators.BlurInside(weights, size, device), **options)
