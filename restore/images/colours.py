"""Luma and chroma of batches of pictures (ITU-T T.871, the matrix of JPEG), and pictures without colour."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.images.device_constants import constant

YCC = (0.299, 0.587, 0.114, -0.168736, -0.331264, 0.5, 0.5, -0.418688, -0.081312)
RGB = (1.0, 0.0, 1.402, 1.0, -0.344136, -0.714136, 1.0, 1.772, 0.0)
ROWS = 256  # that are looked at together


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


def gray_as(result: Tensor, given: Tensor, visible: Tensor | None = None) -> Tensor:
    """Take the colour out of results of pictures that have none, stored as RGB though they are.

    Parameters
    ----------
    result : ``(b, 3, h', w')``.
    given : ``(b, 3, h, w)``, the pictures that were restored.
    visible : bool ``(b, 1, h, w)``, where they are read; None for everywhere.

    Returns
    -------
    Tensor
        ``(b, 3, h', w')``: the mean of the channels where red, green and blue of all that is read are equal.

    Examples
    --------
    >>> tinted = torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1)
    >>> gray_as(tinted, torch.ones(1, 3, 2, 2)).flatten()
    tensor([0.5000, 0.5000, 0.5000])
    >>> bool((gray_as(tinted, tinted) == tinted).all())
    True
    """
    gray = are_gray(given, visible).to(result.device)
    return torch.where(gray, result.mean(1, keepdim=True), result) if gray.any() else result


def are_gray(given: Tensor, visible: Tensor | None = None) -> Tensor:
    """Which pictures ``(b, 3, h, w)`` have no colour where they are read, bool ``(b, 1, 1, 1)``.

    Examples
    --------
    >>> are_gray(torch.tensor([0.5, 0.5, 0.5]).view(1, 3, 1, 1)).item()
    True
    """
    gray = torch.ones(len(given), dtype=torch.bool, device=given.device)
    for top in range(0, given.shape[-2], ROWS):  # the first rows of most pictures with colour have some
        rows = slice(top, top + ROWS)
        equal = (given[..., rows, :] == given[:, :1, rows]).all(1, keepdim=True)
        if visible is not None:
            equal = equal | ~visible[..., rows, :].to(equal.device)
        gray &= equal.flatten(1).all(1)
        if not gray.any():
            break
    return gray.view(-1, 1, 1, 1)
