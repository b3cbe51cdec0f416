"""Whether a picture is a scan of a page."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

PAPER = 0.5  # share of a page that is paper at least
LIGHT = 0.45  # paper is brighter than this
NEAR = 0.22  # and differs less than this from its own middle value


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
