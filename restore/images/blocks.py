"""The blocks of 8x8 pixels that JPEG leaves, also where a picture was cropped and stored again."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.images.colours import YCC

SIDE = 8
LEAST_PIXELS = 200_000
"""In smaller pictures too few borders are seen: of 256x256 pixels, 9 % of those of quality 80 seem
to have none."""
BLOCKY = 0.014
"""A larger `block_excess` is that of blocks. Chosen on 35 pictures that were no JPEG, of which none was
above; of 75, these among them, two were: a page of a talk, and a zebra."""
PLAIN = 0.1
"""A larger one is that of blocks that are plain to see: of 75 JPEGs of quality 98 none was above 0.09, of
quality 30 all were above 0.12."""


def block_excess(picture: Tensor) -> float:
    """Measure how much more often steps between blocks are the largest of three than other steps are.

    In every row, a step between two neighbours is compared with the steps before and after it. Without blocks
    it is the largest as often at one place as at another; borders of blocks, eight pixels apart, are so more
    often. Where the first of them lies is found. The same is done in columns, and the smaller of both counts,
    so that stripes are no blocks.

    Parameters
    ----------
    picture : ``(3, h, w)``, of 18 pixels a side at least.

    Returns
    -------
    float
        A share, about 0 without blocks.

    Examples
    --------
    >>> noise = torch.rand(3, 256, 256, generator=torch.Generator().manual_seed(0))
    >>> blocks = noise + torch.rand(3, 32, 32).repeat_interleave(8, 1).repeat_interleave(8, 2)
    >>> block_excess(noise) < BLOCKY < block_excess(blocks)
    True
    """
    luma = (picture.float() * picture.new_tensor(YCC[:3]).float()[:, None, None]).sum(0)
    return min(_along(luma), _along(luma.T))


def _along(luma: Tensor) -> float:
    steps = luma.diff(dim=1).abs()
    largest = (steps[:, 1:-1] > torch.maximum(steps[:, :-2], steps[:, 2:])).double().mean(0)
    shares = torch.stack([largest[place::SIDE].mean() for place in range(SIDE)])
    most = shares.max()
    return float(most - (shares.sum() - most) / (SIDE - 1))


def without_blocks(picture: Tensor) -> bool:
    """Whether a picture ``(3, h, w)`` is large enough to see blocks in it, and has none.

    Of 38 pictures from JPEGs, cropped anywhere, blocks were seen in all of quality 80 and less, in 92 % of
    quality 90, and in 79 % of quality 95: where none are seen there is little to undo.

    Examples
    --------
    >>> noise = torch.rand(3, 512, 512, generator=torch.Generator().manual_seed(0))
    >>> without_blocks(noise), without_blocks(noise[:, :64, :64])
    (True, False)
    """
    pixels = picture.shape[-2] * picture.shape[-1]
    return pixels >= LEAST_PIXELS and min(picture.shape[-2:]) >= 4 * SIDE and block_excess(picture) <= BLOCKY
