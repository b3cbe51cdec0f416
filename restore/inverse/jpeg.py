"""JPEG as a degradation, and the pictures that a JPEG can have been made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.images.jpeg_coding import JpegCoding

UPSCALED = 16  # steps of finding the chroma that was enlarged
CLIPPED = 2.0  # times as wide: the interval of a block whose values were cut off at black or white


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The 8x8 DCT-II matrix, RGB to YCbCr and back."""
    with torch.inference_mode(False):
        k = torch.arange(8, dtype=torch.float32)
        dct = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) / 2
        dct[0] /= math.sqrt(2)
        ycc = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
        return dct.to(device), ycc.to(device), torch.linalg.inv(ycc).to(device)


def compressed(
    image: Tensor,
    tables: Sequence[Tensor],
    *,
    coarser: tuple[int, int] = (2, 2),
    rounding: Callable[[Tensor], Tensor] = torch.round,
) -> Tensor:
    """Give what JPEG leaves of a picture; entropy coding is lossless and left out.

    Parameters
    ----------
    image : ``(b, 3, h, w)`` in [0, 1]; padded inside to whole blocks.
    tables : quantisation tables of luma and chroma, ``(b or 1, 8, 8)`` each.
    coarser : how many times fewer chroma samples there are, (down, across).
    rounding : of the coefficients; another one is for those who need a gradient.

    Returns
    -------
    The decoded picture ``(b, 3, h, w)`` in [0, 1].

    References
    ----------
    ITU-T T.81 (1992), annex A.

    Examples
    --------
    >>> import torch
    >>> compressed(torch.full((1, 3, 8, 8), 0.5), [torch.ones(1, 8, 8)] * 2).shape
    torch.Size([1, 3, 8, 8])
    """
    h, w = image.shape[-2:]
    coded = []
    for plane, times, table in planes_of(image, tables, coarser):
        coefficients = rounding(blocks_of(plane) / table) * table
        coded.append(_enlarged(_joined(coefficients, plane), times))
    return _coloured(coded)[..., :h, :w].clamp(0, 1)


@dataclass(frozen=True)
class Cells:
    """The pictures that a JPEG can have been made of: each coefficient within its quantisation interval.

    Parameters
    ----------
    bounds : of luma and the two chromas, the least and the most of every coefficient.
    tables : quantisation tables of luma and chroma.
    coarser : how many times fewer chroma samples there are, (down, across).
    """

    bounds: tuple[tuple[Tensor, Tensor], ...]
    tables: tuple[Tensor, Tensor]
    coarser: tuple[int, int]

    def nearest(self, image: Tensor) -> Tensor:
        """Give the nearest of them to a picture ``(b, 3, h, w)``."""
        h, w = image.shape[-2:]
        moved = []
        whole = planes_of(image, self.tables, (1, 1), side=_side(self.coarser))
        for (plane, times, _), (full, _, _), (low, high) in zip(
            planes_of(image, self.tables, self.coarser), whole, self.bounds, strict=True
        ):
            coefficients = blocks_of(plane)
            change = _joined(torch.maximum(torch.minimum(coefficients, high), low) - coefficients, plane)
            # The least change of a plane that changes the means of its cells by so much is constant in them.
            moved.append(full + change.repeat_interleave(times[0], -2).repeat_interleave(times[1], -1))
        return _coloured(moved)[..., :h, :w]


def cells(decoded: Tensor, coding: JpegCoding) -> Cells:
    """Give the pictures that a decoded JPEG can have been made of.

    Parameters
    ----------
    decoded : ``(b, 3, h, w)`` in [0, 1], on the grid of its blocks.
    coding : how it was coded; its turn is not used.

    Examples
    --------
    >>> import torch
    >>> from restore.images.jpeg_coding import coding_of
    >>> cells(torch.full((1, 3, 16, 16), 0.5), coding_of(30)).coarser
    (2, 2)
    """
    tables = tables_of(coding, decoded.device)
    clipped = planes_of(((decoded <= 0) | (decoded >= 1)).float(), tables, coding.coarser, colours=False)
    bounds = []
    for (plane, times, table), (ends, _, _) in zip(
        planes_of(decoded, tables, coding.coarser), clipped, strict=True
    ):
        coded = before_enlarging(plane, times)
        coefficients = (blocks_of(coded) / table).round() * table
        # Short of the ends, where the rounding of the result to 8 bits would decide between two intervals.
        half = table / 2 - (table / 10).clamp_max(0.5)
        half = half + table * (CLIPPED - 1) / 2 * (_by_block(ends).amax((-2, -1), keepdim=True) > 0)
        bounds.append((coefficients - half, coefficients + half))
    return Cells(tuple(bounds), tables, coding.coarser)


class Jpeg:
    """JPEG coding as a degradation, which is not linear.

    Its gradient is that of JPEG without rounding (straight through).

    Parameters
    ----------
    coding : how it was coded, on the grid of the pictures.
    size : of the pictures, (h, w).
    device : of the tables.

    References
    ----------
    Bengio, Leonard and Courville (2013), "Estimating or Propagating Gradients Through Stochastic Neurons for
    Conditional Computation", arXiv:1308.3432.

    Examples
    --------
    >>> import torch
    >>> from restore.images.jpeg_coding import coding_of
    >>> Jpeg(coding_of(30), (16, 16)).forward(torch.full((1, 3, 16, 16), 0.5)).shape
    torch.Size([1, 3, 16, 16])
    """

    def __init__(self, coding: JpegCoding, size: tuple[int, int], device: torch.device | str = "cpu"):
        self.coding = coding
        self.x_shape = self.y_shape = (3, *size)
        self._tables = tables_of(coding, device)

    def forward(self, x: Tensor) -> Tensor:
        """Code and decode x."""

        def straight_through(values: Tensor) -> Tensor:
            return values + (values.round() - values).detach()

        return compressed(x, self._tables, coarser=self.coding.coarser, rounding=straight_through)

    def guess(self, y: Tensor) -> Tensor:
        """Give y."""
        return y

    def projection(self, y: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the function from a picture to the nearest one that the JPEG y can have been made of."""
        return cells(y, self.coding).nearest


def as_coded(x: Tensor, turn: int) -> Tensor:
    """Undo an EXIF orientation, 1 to 8, of a picture ``(b, c, h, w)``."""
    x = x.flip(_flipped(turn))
    return x.mT if turn >= 5 else x


def upright(x: Tensor, turn: int) -> Tensor:
    """Turn a picture ``(b, c, h, w)`` as coded by an EXIF orientation, 1 to 8."""
    x = x.mT if turn >= 5 else x
    return x.flip(_flipped(turn))


def _flipped(turn: int) -> list[int]:
    down, across = turn in (3, 4, 7, 8), turn in (2, 3, 6, 7)
    return [dim for dim, flips in ((-2, down), (-1, across)) if flips]


def tables_of(coding: JpegCoding, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Give the tables of luma and chroma, ``(1, 8, 8)`` each."""
    luma, chroma = (
        torch.tensor(table, dtype=torch.float32, device=device).view(1, 8, 8)
        for table in (coding.luma, coding.chroma)
    )
    return luma, chroma


def _side(coarser: tuple[int, int]) -> int:
    """Of what is coded together, at least 16 pixels."""
    return max(16, 8 * max(coarser))


def planes_of(
    image: Tensor,
    tables: Sequence[Tensor],
    coarser: tuple[int, int],
    *,
    side: int | None = None,
    colours: bool = True,
) -> list[tuple[Tensor, tuple[int, int], Tensor]]:
    """Luma and chroma ``(b, 1, h, w)`` of 0..255 in whole blocks, how much coarser, their tables.

    side: in pixels, of what the picture is padded to multiples of; that of the blocks unless given.
    """
    h, w = image.shape[-2:]
    side = side or _side(coarser)
    planes = F.pad(image, (0, -w % side, 0, -h % side), mode="replicate") * 255
    if colours:
        # The level shift of luma; it leaves chroma as it is, whose weights sum to zero.
        planes = torch.einsum("ij,bjhw->bihw", _constants(image.device)[1], planes - 128)
    found = []
    for number in range(3):
        times = coarser if number else (1, 1)
        plane = planes[:, number : number + 1]
        table = tables[min(number, 1)][:, None, None]
        found.append((F.avg_pool2d(plane, times) if times != (1, 1) else plane, times, table))
    return found


def _coloured(planes: Sequence[Tensor]) -> Tensor:
    """Luma and chroma of full size as RGB in [0, 1]."""
    rgb = _constants(planes[0].device)[2]
    return (torch.einsum("ij,bjhw->bihw", rgb, torch.cat(list(planes), 1)) + 128) / 255


def _by_block(plane: Tensor) -> Tensor:
    """``(b, 1, h, w)`` as ``(b, h / 8, w / 8, 8, 8)``."""
    b, _, h, w = plane.shape
    return plane.view(b, h // 8, 8, w // 8, 8).transpose(2, 3)


def blocks_of(plane: Tensor) -> Tensor:
    """The coefficients of every block."""
    dct = _constants(plane.device)[0]
    return dct @ _by_block(plane) @ dct.T


def _joined(coefficients: Tensor, like: Tensor) -> Tensor:
    dct = _constants(like.device)[0]
    return (dct.T @ coefficients @ dct).transpose(2, 3).reshape(like.shape)


def _enlarged(plane: Tensor, times: tuple[int, int]) -> Tensor:
    """Chroma at full size, as decoders make it."""
    if times == (1, 1):
        return plane
    return F.interpolate(plane, scale_factor=[float(side) for side in times], mode="bilinear")


def before_enlarging(means: Tensor, times: tuple[int, int]) -> Tensor:
    """The plane whose enlargement has these means: enlarging smooths (Richardson's iteration)."""
    plane = means
    for _ in range(UPSCALED if times != (1, 1) else 0):
        plane = plane + means - F.avg_pool2d(_enlarged(plane, times), times)
    return plane
