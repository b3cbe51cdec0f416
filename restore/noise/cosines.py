"""The orthonormal cosine transform of square patches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cosine_basis(side: int) -> NDArray[np.float64]:
    """The basis of the orthonormal DCT-II.

    Parameters
    ----------
    side : pixels along the side of a patch.

    Returns
    -------
    array of shape ``(side, side)``
        One row for each order.

    Examples
    --------
    >>> basis = cosine_basis(8)
    >>> bool(np.allclose(basis @ basis.T, np.eye(8)))
    True
    """
    place = np.arange(side)
    basis: NDArray[np.float64] = np.sqrt(2 / side) * np.cos(
        np.pi * (2 * place + 1) * place[:, None] / (2 * side)
    )
    basis[0] /= np.sqrt(2)
    return basis
