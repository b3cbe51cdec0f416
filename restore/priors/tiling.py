"""Apply a local network to a picture of any size, piece by piece, with no seams, and in many orientations."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F


def padded(network: Callable[[Tensor], Tensor], planes: Tensor, *, multiple: int) -> Tensor:
    """Apply a network to planes ``(b, c, h, w)`` mirrored up to the next multiple, and crop back.

    Examples
    --------
    >>> padded(lambda planes: planes, torch.zeros(1, 3, 5, 7), multiple=4).shape
    torch.Size([1, 3, 5, 7])
    """
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
    """Apply a local network in tiles; the result is equal to that of the whole.

    Each tile is computed with ``halo`` pixels around it and only its own part is kept. When no pixel depends
    on anything farther than ``halo``, and all cuts fall on multiples of the network's coarsest cell, nothing
    can differ at a border: no window, no blending, no seam. Memory is bounded by ``(tile + 2 halo)^2``.

    Parameters
    ----------
    network : from ``(b, c, h, w)`` to ``(b, c', h, w)``.
    planes : ``(b, c, h, w)`` of any size.
    tile : side of the tiles in pixels, at least 1; rounded up to ``multiple``.
    halo : how far the network sees, in pixels; rounded up to ``multiple``.
    multiple : sides of what the network takes are multiples of this.

    Returns
    -------
    ``(b, c', h, w)``.

    Raises
    ------
    ValueError
        For a tile under one pixel.

    Examples
    --------
    >>> planes = torch.rand(1, 3, 20, 30)
    >>> torch.equal(tiled(lambda piece: 2 * piece, planes, tile=8, halo=4, multiple=4), 2 * planes)
    True
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
    """Give how many pixels `tiled` hands to the network for a picture of ``size`` (h, w).

    Examples
    --------
    >>> computed_pixels((16, 16), tile=8, halo=4, multiple=4)
    576
    """
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
    """Give the mean of a network over orientations of a picture, each result turned back.

    They are the mirrored, the upside down, and both again transposed.

    Parameters
    ----------
    network : from ``(b, c, h, w)`` to ``(b, c', h, w)``.
    planes : ``(b, c, h, w)``.
    count : how many of the eight orientations, 1 to 8.

    Raises
    ------
    ValueError
        For a count out of range.

    References
    ----------
    Timofte, Rothe and Van Gool (2016), arXiv:1511.02228, section 3.6.

    Examples
    --------
    >>> planes = torch.rand(1, 3, 4, 6)
    >>> torch.allclose(over_orientations(lambda turned: turned, planes, 8), planes)
    True
    """
    if not 1 <= count <= 8:
        raise ValueError(f"a picture has 1 to 8 orientations, got {count}")
    total = _turned(network(_turned(planes, 0)), 0, back=True)
    for k in range(1, count):  # no generator: it would make another exception of a StopIteration
        total = torch.add(total, _turned(network(_turned(planes, k)), k, back=True))
    return total / count


def _turned(planes: Tensor, orientation: int, *, back: bool = False) -> Tensor:
    """Mirrored for the first bit, upside down for the second, then transposed for the third; or back."""
    flips = [dim for bit, dim in ((1, -1), (2, -2)) if orientation & bit]
    if back:
        return (planes.mT if orientation & 4 else planes).flip(flips)
    flipped = planes.flip(flips)
    return flipped.mT if orientation & 4 else flipped
