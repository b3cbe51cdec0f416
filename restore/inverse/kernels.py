"""Blur kernels."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

MOST_SIDE = 1001  # pixels of a kernel
FINE = 16  # pieces a side that a pixel of a disc is divided into


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


def disc_kernel(radius: float) -> Tensor:
    """Give the kernel of a lens that is out of focus: an even disc, its rim shared by area.

    Parameters
    ----------
    radius : in pixels, 0.5 to 200.

    Returns
    -------
    The kernel ``(k, k)`` of odd k, float64, of sum 1.

    Raises
    ------
    ValueError
        For a radius out of range.

    Examples
    --------
    >>> disc_kernel(2.5).shape
    torch.Size([5, 5])
    """
    if not 0.5 <= radius <= 200:
        raise ValueError(f"the blur's disc has a radius of 0.5 to 200 pixels, got {radius:g}")
    reach = math.ceil(radius - 0.5)
    place = (torch.arange((2 * reach + 1) * FINE, dtype=torch.float64) + 0.5) / FINE - reach - 0.5
    inside = (place[:, None].square() + place.square() <= radius**2).double()
    kernel = inside.view(2 * reach + 1, FINE, 2 * reach + 1, FINE).sum((1, 3))
    return kernel / kernel.sum()


def kernel_of_array(values: Any) -> Tensor:
    """Read a kernel from numbers, such as the gray values of a picture of it.

    Even sides get a row or a column of zeros, where it leaves the centre of mass nearer to the middle. Zeros
    all around are cut off.

    Parameters
    ----------
    values : array or tensor ``(kh, kw)`` of finite numbers of 0 or more.

    Returns
    -------
    The kernel of odd sides, float64, of sum 1.

    Raises
    ------
    TypeError
        For what is no array of real numbers.
    ValueError
        For another shape, no numbers, negative ones or ones that are not finite, nothing but zeros, and more
        than 1001 pixels a side.

    Examples
    --------
    >>> import numpy as np
    >>> kernel_of_array(np.array([[0, 3, 1]])).tolist()
    [[0.0, 0.75, 0.25]]
    """
    try:
        given = torch.as_tensor(values).detach()
    except (TypeError, ValueError, RuntimeError):
        given = None
    if given is None or given.is_complex():
        told = type(values).__name__
        raise TypeError(
            f"a blur kernel is an array (h, w) of numbers, or words such as 'gaussian:1.5', got {told}"
        )
    kernel = given.to("cpu", torch.float64)
    if kernel.ndim != 2 or not kernel.numel():
        raise ValueError(f"a blur kernel is expected as (h, w), got shape {tuple(kernel.shape)}")
    if not bool(kernel.isfinite().all()) or float(kernel.min()) < 0:
        raise ValueError("a blur kernel holds finite numbers of 0 or more; this one holds others")
    if float(kernel.max()) == 0:
        raise ValueError("the blur kernel is empty: it holds nothing but zeros")
    for dim in (0, 1):
        kernel = _trimmed(_odd(kernel, dim), dim)
    if max(kernel.shape) > MOST_SIDE:
        h, w = kernel.shape
        raise ValueError(f"a blur kernel has at most {MOST_SIDE} pixels a side, got {w}x{h} (w x h)")
    return kernel / kernel.sum()


def _odd(kernel: Tensor, dim: int) -> Tensor:
    """With a line of zeros more where a side is even."""
    side = kernel.shape[dim]
    if side % 2:
        return kernel
    mass = kernel.sum(1 - dim)
    centre = float((mass * torch.arange(side)).sum() / mass.sum())
    zeros = torch.zeros_like(kernel.narrow(dim, 0, 1))
    return torch.cat([zeros, kernel] if centre < (side - 1) / 2 else [kernel, zeros], dim)


def _trimmed(kernel: Tensor, dim: int) -> Tensor:
    """Without the zeros at both ends, as many at each."""
    used = kernel.sum(1 - dim).nonzero().flatten()
    margin = min(int(used[0]), kernel.shape[dim] - 1 - int(used[-1]))
    return kernel.narrow(dim, margin, kernel.shape[dim] - 2 * margin)
