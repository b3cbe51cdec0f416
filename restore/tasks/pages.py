"""Scans of pages: whether a picture is one, and the paper below the ink."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

PAPER = 0.5  # share of a page that is paper at least
LIGHT = 0.45  # paper is brighter than this
NEAR = 0.22  # and differs less than this from its own middle value
CELL = 8  # pixels along the side of a cell, whose mean has little noise
WIDEST = 9  # cells that ink may be wide; what is wider is taken for paper, or for a picture
DARKEST = 0.4  # of the brightest paper: what is darker is no shadow


def looks_like_page(pixels: NDArray[Any]) -> bool:
    """Whether most of a picture is one bright colour, as paper is, and the rest darker.

    Parameters
    ----------
    pixels : ``(h, w, c)`` in [0, 1].

    Returns
    -------
    bool

    Examples
    --------
    >>> page = np.full((64, 64, 1), 0.9)
    >>> page[20:24, 8:56] = 0.1
    >>> looks_like_page(page), looks_like_page(1 - page)
    (True, False)
    """
    gray = pixels.mean(2)
    paper = float(np.quantile(gray, 0.7))
    return paper > LIGHT and float((np.abs(gray - paper) < NEAR).mean()) > PAPER


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
