"""Apply a local network to a picture of any size, piece by piece, with no seams, and in many orientations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional as F


def padded(network: Callable[[Tensor], Tensor], planes: Tensor, *, multiple: int) -> Tensor:
    """Apply ``network`` to planes ``(b, c, h, w)`` mirrored up to the next multiple, and crop back."""
    h, w = planes.shape[-2:]
    bottom, right = -h % multiple, -w % multiple
    if not bottom and not right:
        return network(planes)
    # Mirroring needs more pixels than it adds; a tiny picture repeats its edge instead.
    mode = "reflect" if bottom < h and right < w else "replicate"
    return network(F.pad(planes, (0, right, 0, bottom), mode=mode))[..., :h, :w]


def tiled(
    network: Callable[[Tensor], Tensor], planes: Tensor, *, tile: int, halo: int, multiple: int
) -> Tensor:
    """Apply a local ``network`` in tiles of ``tile`` pixels a side; equal to applying it to the whole.

    Each tile is computed with ``halo`` pixels around it and only its own part is kept. When no pixel
    depends on anything farther than ``halo``, and all cuts fall on multiples of the network's coarsest
    cell, nothing can differ at a border: no window, no blending, no seam.

    planes ``(b, c, h, w)``; tile and halo in pixels, rounded up to ``multiple``. Memory is bounded by
    ``(tile + 2 halo)^2``. Raises ValueError for a tile under one pixel.
    """
    if tile < 1:
        raise ValueError(f"tile must be at least 1 pixel, got {tile}")
    h, w = planes.shape[-2:]
    tile, halo = tile + -tile % multiple, halo + -halo % multiple
    if h <= tile and w <= tile:
        return padded(network, planes, multiple=multiple)
    out: Tensor | None = None
    # Pad once for the whole picture, so that a tile at the edge sees what the whole picture would.
    whole_h, whole_w = h + -h % multiple, w + -w % multiple
    mode = "reflect" if whole_h - h < h and whole_w - w < w else "replicate"
    planes = F.pad(planes, (0, whole_w - w, 0, whole_h - h), mode=mode)
    for top, bottom in _spans(whole_h, tile):
        for left, right in _spans(whole_w, tile):
            y, x = max(0, top - halo), max(0, left - halo)
            piece = network(planes[..., y : bottom + halo, x : right + halo])
            if out is None:
                out = piece.new_empty((*piece.shape[:2], whole_h, whole_w))
            out[..., top:bottom, left:right] = piece[..., top - y : bottom - y, left - x : right - x]
    assert out is not None  # at least one tile
    return out[..., :h, :w]


def computed_pixels(size: tuple[int, int], *, tile: int, halo: int, multiple: int) -> int:
    """How many pixels `tiled` hands to the network for a picture of ``size`` (h, w)."""
    tile, halo = tile + -tile % multiple, halo + -halo % multiple
    h, w = (side + -side % multiple for side in size)
    if size[0] <= tile and size[1] <= tile:
        return h * w
    rows, columns = (
        sum(min(end + halo, side) - max(0, start - halo) for start, end in _spans(side, tile))
        for side in (h, w)
    )
    return rows * columns


def _spans(length: int, tile: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, tile):
        yield start, min(start + tile, length)


def over_orientations(network: Callable[[Tensor], Tensor], planes: Tensor, count: int) -> Tensor:
    """The mean of ``network`` over the first ``count`` of the eight orientations of planes ``(b, c, h, w)``.

    They are the mirrored, the upside down, and both again transposed; each result is turned back. Raises
    ValueError for a count out of range.
    """
    if not 1 <= count <= 8:
        raise ValueError(f"a picture has 1 to 8 orientations, got {count}")
    results = (_turned(network(_turned(planes, k)), k, back=True) for k in range(count))
    return reduce(torch.add, results) / count


def _turned(planes: Tensor, orientation: int, *, back: bool = False) -> Tensor:
    """Mirrored for the first bit, upside down for the second, then transposed for the third; or back."""
    flips = [dim for bit, dim in ((1, -1), (2, -2)) if orientation & bit]
    if back:
        return (planes.mT if orientation & 4 else planes).flip(flips)
    flipped = planes.flip(flips)
    return flipped.mT if orientation & 4 else flipped
