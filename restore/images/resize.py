"""Bicubic resizing of batches of pictures."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a batch with the bicubic kernel, antialiased when it shrinks, as MATLAB and Pillow do it.

    Parameters
    ----------
    image : ``(b, c, h, w)``.
    size : the new height and width.

    Returns
    -------
    Tensor
        ``(b, c, *size)``; it may overshoot the range of the image.

    References
    ----------
    .. [1] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981,
       :doi:`10.1109/TASSP.1981.1163711`. The kernel has a = -0.5, widened by the reduction.

    Examples
    --------
    >>> import torch
    >>> resize(torch.zeros(1, 3, 8, 12), (4, 6)).shape
    torch.Size([1, 3, 4, 6])
    """
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)


def small_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """The size of a picture after a reduction.

    Parameters
    ----------
    size : height and width, in pixels.
    scale : the factor of the reduction.

    Returns
    -------
    height, width
        Rounded, at least one pixel.

    Examples
    --------
    >>> small_size((481, 321), 2)
    (240, 160)
    """
    return max(1, round(size[0] / scale)), max(1, round(size[1] / scale))
