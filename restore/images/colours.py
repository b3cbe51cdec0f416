"""Luma and chroma of batches of pictures (ITU-T T.871, the matrix of JPEG)."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.images.device_constants import constant

YCC = (0.299, 0.587, 0.114, -0.168736, -0.331264, 0.5, 0.5, -0.418688, -0.081312)
RGB = (1.0, 0.0, 1.402, 1.0, -0.344136, -0.714136, 1.0, 1.772, 0.0)


def ycc_of(rgb: Tensor) -> Tensor:
    """Luma and the two chromas of colours ``(b, 3, h, w)``; chroma is 0 for gray.

    Examples
    --------
    >>> ycc_of(torch.full((1, 3, 1, 1), 0.5)).flatten().abs().round(decimals=3)
    tensor([0.5000, 0.0000, 0.0000])
    """
    return torch.einsum("ij,bjhw->bihw", constant(YCC, rgb.device, rgb.dtype).view(3, 3), rgb)


def rgb_of(ycc: Tensor) -> Tensor:
    """The colours of luma and chromas ``(b, 3, h, w)``.

    Examples
    --------
    >>> red = torch.tensor([0.8, 0.1, 0.1]).view(1, 3, 1, 1)
    >>> bool((rgb_of(ycc_of(red)) - red).abs().max() < 1e-4)
    True
    """
    return torch.einsum("ij,bjhw->bihw", constant(RGB, ycc.device, ycc.dtype).view(3, 3), ycc)
