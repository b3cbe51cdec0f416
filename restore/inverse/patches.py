"""The square patches of a picture with a hole: those that are whole, and those that are to be completed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

MOST_VALUES = 2**24  # of patches that are taken out of a picture at once: 64 MB
FEWEST = 16  # patches that texture is copied from


@dataclass(frozen=True, eq=False)
class Patches:
    """The patches of a picture, each named by the number of its middle pixel, counted along the rows.

    Parameters
    ----------
    size : (h, w) of the picture.
    side : pixels a side of a patch, odd.
    known : which pixels are known, bool ``(h * w,)``.
    sources : the patches that texture is copied from, bool ``(h * w,)``: all their pixels are known, may be
        copied, and lie in the picture.
    wanted : the patches that hold a missing pixel and lie in the picture, ``(q,)``.
    """

    size: tuple[int, int]
    side: int
    known: Tensor
    sources: Tensor
    wanted: Tensor

    @property
    def offsets(self) -> Tensor:
        """From the number of a patch to those of its pixels, ``(side^2,)``."""
        reach = torch.arange(self.side) - self.side // 2
        return (reach[:, None] * self.size[1] + reach).flatten().to(self.wanted)

    def pixels(self, patches: Tensor) -> Tensor:
        """The numbers of the pixels of some patches ``(n,)``, ``(n, side^2)``."""
        return patches[:, None] + self.offsets

    def of(self, values: Tensor, patches: Tensor) -> Tensor:
        """Take patches ``(n,)`` out of values of all pixels ``(h * w, c)``: ``(n, side^2, c)``."""
        taken = values[self.pixels(patches).flatten()]
        return taken.view(len(patches), self.side**2, values.shape[1])

    def parts(self, count: int, channels: int) -> Iterator[slice]:
        """Parts of so many patches of which each can be held in memory."""
        step = max(1, MOST_VALUES // (self.side**2 * channels))
        return (slice(start, start + step) for start in range(0, count, step))


def patches_of(hole: Tensor, side: int, source: Tensor | None = None, *, stride: int = 1) -> Patches:
    """Find the patches of a picture.

    Parameters
    ----------
    hole : ``(1, 1, h, w)``, 1 where content is missing.
    side : pixels a side of a patch, odd.
    source : ``(1, 1, h, w)``, 1 where texture may be copied from; None is everywhere.
    stride : the wanted patches are those of every so many rows and columns, and of the last ones; at most
        the side, so that they hold every missing pixel.

    Returns
    -------
    Patches

    Raises
    ------
    ValueError
        For a side that is even or larger than the picture, and a stride that leaves pixels out.

    Examples
    --------
    >>> hole = torch.zeros(1, 1, 5, 5)
    >>> hole[..., 0, 0] = 1
    >>> patches = patches_of(hole, 3)
    >>> patches.wanted.tolist(), int(patches.sources.sum())  # of 3 x 3 places
    ([6], 8)
    """
    h, w = hole.shape[-2:]
    if side % 2 == 0 or not 0 < side <= min(h, w):
        raise ValueError(f"the side of a patch is odd and at most that of the picture {w}x{h}, got {side}")
    if not 0 < stride <= side:
        raise ValueError(f"the stride of patches is at most their side {side}, got {stride}")
    reach = side // 2
    missing = hole > 0
    barred = missing if source is None else missing | (source <= 0)
    inside = torch.zeros(h, w, dtype=torch.bool, device=hole.device)
    inside[reach : h - reach, reach : w - reach] = True

    def touched(where: Tensor) -> Tensor:
        return max_pool2d(where.float(), side, 1, reach)[0, 0] > 0

    return Patches(
        size=(h, w),
        side=side,
        known=~missing.flatten(),
        sources=(~touched(barred) & inside).flatten(),
        wanted=(touched(missing) & inside & _every(inside, reach, stride)).flatten().nonzero()[:, 0],
    )


def check_sources(patches: Patches) -> None:
    """Raise ValueError where there is no whole patch to take."""
    if not patches.sources.any():
        raise ValueError(f"there is no whole patch of {patches.side}x{patches.side} pixels to copy from")


def _every(inside: Tensor, reach: int, stride: int) -> Tensor:
    """Every so many rows and columns of the places of patches, and the last ones."""
    h, w = inside.shape
    rows, columns = (torch.zeros(side, dtype=torch.bool, device=inside.device) for side in (h, w))
    for chosen, side in ((rows, h), (columns, w)):
        chosen[reach : side - reach : stride] = True
        chosen[side - reach - 1] = True
    return rows[:, None] & columns


def means_over(patches: Patches, values: Tensor, found: Tensor, weights: Tensor) -> Tensor:
    """Give every pixel the weighted mean of what the patches that hold it have there.

    Parameters
    ----------
    patches : whose wanted ones are put together.
    values : of all pixels, which the found patches are taken from, ``(h * w, c)``.
    found : one patch for each of the wanted, ``(q,)``.
    weights : of the wanted patches, above 0, ``(q,)``.

    Returns
    -------
    ``(h * w, c)``; 0 where no wanted patch is.
    """
    total = values.new_zeros(len(values), values.shape[1] + 1)
    weighted = torch.cat([values, values.new_ones(len(values), 1)], 1)
    for offset in patches.offsets.tolist():  # in this order whatever the size: sums are the same
        total.index_add_(0, patches.wanted + offset, weighted[found + offset] * weights[:, None])
    return total[:, :-1] / total[:, -1:].clamp_min(torch.finfo(values.dtype).tiny)
