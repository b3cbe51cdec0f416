"""Scans of pages: whether a picture is one, and the paper below the ink."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

CELL = 8  # pixels along the side of a cell, whose mean has little noise
WIDEST = 9  # cells that ink may be wide; what is wider is taken for paper, or for a picture
DARKEST = 0.4  # of the brightest paper: what is darker is no shadow
LONGEST = 1600  # pixels of the longer side at which letters are looked for
SMOOTH = 0.8  # pixels that a picture is blurred by before, against noise
LETTERS = 40  # fewer are no page
HEIGHTS = 5, 80  # pixels that letters are high
ALIKE = 2.2  # times the height of a letter that the one beside it has at most
WIDTH = 6.0  # times their height that letters, or those that touch, are wide at most
PAPER = 0.55  # share of a page that is nearer to its paper than to its ink by far, at least
ON_LINES = 0.8  # share of the letters that have others beside them
OF_INK = 0.6  # share of what is dark that these are


def looks_like_page(pixels: NDArray[Any]) -> bool:
    """Whether a picture is one of print: paper, and on it letters side by side, upright or turned.

    Parameters
    ----------
    pixels : ``(h, w, c)`` in [0, 1].

    Returns
    -------
    bool

    Examples
    --------
    >>> page = np.full((128, 256, 1), 0.9)
    >>> for top in range(10, 110, 16):
    ...     for left in range(10, 240, 8):
    ...         page[top : top + 8, left : left + 4] = 0.1
    >>> looks_like_page(page), looks_like_page(1 - page)
    (True, False)
    """
    import cv2

    gray: NDArray[Any] = np.ascontiguousarray(pixels.mean(2), np.float32)
    times = LONGEST / max(gray.shape)
    if times < 1:
        gray = cv2.resize(gray, None, fx=times, fy=times, interpolation=cv2.INTER_AREA)
    gray = cv2.GaussianBlur(gray, (0, 0), SMOOTH)
    shade = on_even_paper(torch.from_numpy(gray).expand(1, 3, -1, -1))[0, 0].numpy()
    usual, ink = float(np.median(shade)), float(np.quantile(shade, 0.01))
    middle = (usual + ink) / 2
    if (shade > (usual + middle) / 2).mean() < PAPER:
        return False
    _, _, stats, _ = cv2.connectedComponentsWithStats((shade < middle).astype(np.uint8), connectivity=8)
    left, top, width, height, area = np.asarray(stats[1:], float).T
    boxes = np.stack([left, top, left + width, top + height], 1)
    return any(_on_lines(each, area) for each in (boxes, boxes[:, [1, 0, 3, 2]]))


def _on_lines(boxes: NDArray[Any], area: NDArray[Any]) -> bool:
    """Whether most of what is dark are letters with others beside them; boxes: ``(n, 4)`` as x, y, x, y."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    letters = (height >= HEIGHTS[0]) & (height <= HEIGHTS[1]) & (width <= WIDTH * height)
    if letters.sum() < LETTERS:
        return False
    left, top, right, bottom = boxes[letters].T
    height = bottom - top
    beside = np.zeros(len(left), bool)
    for k in range(len(left)):
        gap = left - right[k]
        shared = np.minimum(bottom, bottom[k]) - np.maximum(top, top[k])
        near = (gap > -0.5 * height[k]) & (gap < 1.2 * height[k])
        near &= (height < ALIKE * height[k]) & (height[k] < ALIKE * height)
        near &= shared > 0.5 * np.minimum(height, height[k])
        near[k] = False
        beside |= near
        beside[k] |= near.any()
    return bool(beside.mean() > ON_LINES and area[letters][beside].sum() > OF_INK * area.sum())


def on_even_paper(pages: Tensor) -> Tensor:
    """Divide scans of pages by the colour of their paper, which then is white but for texture and noise.

    The paper is what a grey-scale closing leaves of the means of cells [1]_: ink is narrower than its window.
    The network sees no farther than two hundred pixels, and wide shadows are wider than that.

    Parameters
    ----------
    pages : ``(b, 3, h, w)`` in [0, 1].

    Returns
    -------
    Tensor
        The same shape, in [0, 1].

    References
    ----------
    .. [1] J. Serra, "Image Analysis and Mathematical Morphology", Academic Press, 1982.

    Examples
    --------
    >>> import torch
    >>> shade = torch.linspace(0.7, 0.9, 192).expand(1, 3, 64, 192)
    >>> bool(on_even_paper(shade).min() > 0.9)
    True
    """
    h, w = pages.shape[-2:]
    whole = F.pad(pages, (0, -w % CELL, 0, -h % CELL), mode="replicate")
    cells = F.avg_pool2d(whole, CELL)
    reach = WIDEST // 2
    lightest = F.max_pool2d(cells, WIDEST, 1, reach)
    closed = -F.max_pool2d(-lightest, WIDEST, 1, reach)
    smooth = F.avg_pool2d(F.pad(closed, (2, 2, 2, 2), mode="replicate"), 5, 1)
    paper = F.interpolate(smooth, size=whole.shape[-2:], mode="bilinear", align_corners=False)[..., :h, :w]
    least = DARKEST * paper.amax((2, 3), keepdim=True)
    return (pages / paper.maximum(least).clamp(min=1e-3)).clamp(0, 1)
