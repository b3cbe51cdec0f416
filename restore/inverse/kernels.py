"""Blur kernels."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_kernel(sigma: float) -> Tensor:
    """A bell of standard deviation ``sigma`` pixels, cut off at three, float64 of sum 1."""
    if not 0 < sigma <= 100:
        raise ValueError(f"the blur's sigma lies above 0 and up to 100 pixels, got {sigma:g}")
    reach = max(1, round(3 * sigma))
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = line[:, None] * line
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float = 0.0) -> Tensor:
    """A straight even movement over ``length`` pixels, ``angle`` degrees from the right turning up.

    The line is sampled densely and shared between the four nearest pixels of each place; float64 of sum 1.
    """
    if not 1 <= length <= 400:
        raise ValueError(f"a movement is 1 to 400 pixels long, got {length:g}")
    reach = int(length / 2) + 1
    along = torch.linspace(-length / 2, length / 2, 64 * (2 * reach + 1), dtype=torch.float64)
    turn = torch.deg2rad(torch.tensor(angle, dtype=torch.float64))
    x, y = along * turn.cos(), -along * turn.sin()
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    across = (1 - (x[:, None] - place).abs()).clamp_min(0)
    down = (1 - (y[:, None] - place).abs()).clamp_min(0)
    kernel = down.T @ across
    return kernel / kernel.sum()
