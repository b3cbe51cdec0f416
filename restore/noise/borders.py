"""Find the even parts of a noisy picture that noise was not in: letter boxes, scanner beds, margins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from restore.noise.model import Floats
from restore.noise.planes import cell_ends, one_by_one

CELL = 8  # pixels along the side of a cell
EVEN = 1.5 / 255  # the values of an even cell differ by no more: a border, or a soft ramp, of 8 bits
NEAR = 2  # cells around an even one that may hold its edge, what JPEG leaves around that, and its shadow
FEWEST = 40  # cells that noise must be seen in
NOISY = 1.7 / 255  # a standard deviation above which a cell is not even by far
LIKE_NOISE = (
    0.75  # the least ratio of a robust to a common standard deviation in noise; in letters below half
)


def counted(planes: Floats, visible: NDArray[np.bool_] | None = None) -> NDArray[np.bool_] | None:
    """Say which pixels of a picture tell something of its noise.

    Noise is everywhere. A picture that has it in all places but some, which are even, has a border around
    it: that was drawn, or scanned, without the noise. A picture with all degrees between even and lively is
    a clean one, and so is one that is even nearly everywhere; of these every pixel counts. So does every
    pixel where nothing is even.

    Parameters
    ----------
    planes : ``(h, w, c)`` in [0, 1].
    visible : bool ``(h, w)``, False for pixels that do not count anyway; None for none of them.

    Returns
    -------
    bool array ``(h, w)``
        ``visible`` without even places and their surroundings; ``visible`` itself, or None, for no border.

    Examples
    --------
    >>> noisy = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((128, 128, 1))
    >>> counted(noisy) is None
    True
    >>> noisy[:32] = 0.3
    >>> counted(noisy)[::16, 0]
    array([False, False, False,  True,  True,  True,  True,  True])
    """
    if visible is not None and visible.all():
        visible = None
    cells = _cells(planes)
    if cells.size == 0:
        return visible
    even = _spans(planes).max(0) <= EVEN
    seen = np.ones(even.shape, bool) if visible is None else _cells(visible[..., None]).all((2, 3, 4))
    if not (even & seen).any():
        return visible
    edged = _around(even & seen, NEAR)
    far = seen & ~edged
    if far.sum() < FEWEST or not _is_noise(cells[far]):
        return visible
    rows, columns = (np.minimum(np.arange(planes.shape[k]) // CELL, far.shape[k] - 1) for k in (0, 1))
    inside: NDArray[np.bool_] = ~edged[rows][:, columns]
    return inside if visible is None else inside & visible


def _cells(planes: NDArray[Any]) -> NDArray[Any]:
    """Cells side by side ``(rows, columns, 8, 8, c)``."""
    rows, columns = planes.shape[0] // CELL, planes.shape[1] // CELL
    whole = planes[: rows * CELL, : columns * CELL]
    return whole.reshape(rows, CELL, columns, CELL, planes.shape[2]).swapaxes(1, 2)


def _spans(planes: Floats) -> Floats:
    """How far the values of each cell are apart, ``(c, rows, columns)``."""
    low, high = cell_ends(one_by_one(planes), CELL)
    spans: Floats = high - low
    return spans


def _around(cells: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """The cells that are set, or have a set one within so many cells."""
    side = 2 * reach + 1
    return np.asarray(sliding_window_view(np.pad(cells, reach), (side, side)).any((2, 3)))


def _is_noise(cells: Floats) -> bool:
    """Whether there is noise in all of the cells ``(n, 8, 8, c)``: none is nearly even, and few are letters.

    In the quietest of them neighbours differ as normal numbers do, where those of letters or of lines are
    mostly equal.
    """
    spread = np.sqrt(cells.astype(np.float64).var((1, 2)).mean(-1))
    if np.quantile(spread, 0.02) < NOISY:
        return False
    quiet = cells[np.argsort(spread)[: max(FEWEST // 2, len(spread) // 5)]].astype(np.float64)
    steps = np.diff(np.diff(quiet, axis=1), axis=2)
    robust = np.median(np.abs(steps), axis=(1, 2)) / 0.6745
    common = np.sqrt((steps**2).mean((1, 2)))
    return bool(np.median(robust / common.clip(1e-9)) >= LIKE_NOISE)
