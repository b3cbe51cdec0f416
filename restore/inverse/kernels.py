"""Blur kernels."""

from __future__ import annotations

import torch
from torch import Tensor


def gaussian_kernel(sigma: float) -> Tensor:
    """Give a Gaussian kernel, cut off at three standard deviations.

    Parameters
    ----------
    sigma : standard deviation in pixels, above 0 and up to 100.

    Returns
    -------
    The kernel ``(k, k)`` of odd k, float64, of sum 1.

    Raises
    ------
    ValueError
        For a sigma out of range.

    Examples
    --------
    >>> gaussian_kernel(1.0).shape
    torch.Size([7, 7])
    """
    if not 0 < sigma <= 100:
        raise ValueError(f"the blur's sigma lies above 0 and up to 100 pixels, got {sigma:g}")
    reach = max(1, round(3 * sigma))
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = line[:, None] * line
    return kernel / kernel.sum()


def motion_kernel(length: float, angle: float = 0.0) -> Tensor:
    """Give the kernel of a straight movement at constant speed.

    The line is sampled densely, and each place shared between its four nearest pixels.

    Parameters
    ----------
    length : of the movement, 1 to 400 pixels.
    angle : its direction in degrees, counted from the right and upwards.

    Returns
    -------
    The kernel ``(k, k)`` of odd k, float64, of sum 1.

    Raises
    ------
    ValueError
        For a length out of range.

    Examples
    --------
    >>> motion_kernel(5, 30).shape
    torch.Size([7, 7])
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
