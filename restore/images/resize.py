"""Bicubic resizing of batches of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    pass


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic resize to ``size`` (h, w), antialiased when it shrinks, as MATLAB and Pillow do it.

    Keys' kernel with a = -0.5, widened by the reduction. image ``(b, c, h, w)``.
    """
    return F.interpolate(image, size=size, mode="bicubic", align_corners=False, antialias=True)


def small_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """The size of a picture of ``size`` (h, w) reduced by ``scale``, rounded, at least one pixel."""
    return max(1, round(size[0] / scale)), max(1, round(size[1] / scale))
