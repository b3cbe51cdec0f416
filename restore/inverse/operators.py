"""Degradations ``y = A x0 + noise``.

The solvers in `restore.inverse.solvers` ask for no more than they need: `Degradation` (forward), `Operator`
(also adjoint and solve), `Spectral` (also the eigenbasis of A A^T), `Projecting` (not linear, see
`restore.inverse.jpeg`). A new operator is a class with these functions; `restore.testing.check_operator`
tests it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from restore.images.resize import resize
from restore.inverse.blur import Blur, BlurInside, inside_of, without_margin
from restore.inverse.chains import Chain, Crop, LinearChain, chain
from restore.inverse.eigenbasis import Eigenbasis
from restore.inverse.fill import push_pull
from restore.inverse.protocols import Shape

__all__ = [
    "Blur", "BlurInside", "Chain", "Crop", "Eigenbasis", "Gray", "Hole", "LinearChain", "Resize", "chain",
    "inside_of", "without_margin",
]  # fmt: skip


@dataclass(frozen=True)
class Hole:
    """Keep the known pixels: ``A x = known * x``.

    Parameters
    ----------
    hole : ``(b, 1, h, w)``, 1 where content is missing, 0 where it is known.

    Examples
    --------
    >>> import torch
    >>> hole = torch.tensor([[[[0.0, 1.0]]]])
    >>> Hole(hole).forward(torch.ones(1, 3, 1, 2))[0, 0]
    tensor([[1., 0.]])
    """

    hole: Tensor

    @property
    def x_shape(self) -> Shape:
        """Shape (c, h, w) of pictures."""
        return (3, *self.hole.shape[-2:])

    y_shape = x_shape

    @property
    def values(self) -> Tensor:
        """Eigenvalues of A A^T: 1 where a pixel is known, else 0."""
        return 1 - self.hole

    def forward(self, x: Tensor) -> Tensor:
        """Give x with 0 in the hole."""
        return x * (1 - self.hole)

    def guess(self, y: Tensor) -> Tensor:
        """Fill the hole smoothly from around it."""
        return push_pull(y, self.hole)

    def adjoint(self, y: Tensor) -> Tensor:
        """Give ``A^T y``."""
        return y * (1 - self.hole)

    def solve(self, r: Tensor, damping: float) -> Tensor:
        """Give ``(A A^T + damping I)^-1 r``."""
        # A A^T is the identity on known pixels; what lies in the hole is never measured.
        return r / (1 + damping)

    def to_spectrum(self, r: Tensor) -> Tensor:
        """Give r: pixels are the eigenbasis."""
        return r

    def from_spectrum(self, c: Tensor) -> Tensor:
        """Give c: pixels are the eigenbasis."""
        return c


class Resize(Eigenbasis):
    """Resizing from ``large`` to ``small`` (h, w), for any factor, fractions included.

    Separable: ``A x = R x C^T`` with one matrix for rows and one for columns, so that A A^T is diagonal in
    the product of their two eigenbases and solve is exact.

    Parameters
    ----------
    large : size (h, w) of pictures.
    small : size (h, w) of measurements.
    device : of the matrices.
    kernel : ``bicubic``, antialiased, as `restore.images.resize.resize`; or ``area``, the mean over the part
        of the large picture that a small pixel covers.

    Raises
    ------
    ValueError
        For another kernel.

    Examples
    --------
    >>> import torch
    >>> Resize((8, 8), (4, 4), kernel="area").forward(torch.ones(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    def __init__(
        self,
        large: tuple[int, int],
        small: tuple[int, int],
        device: torch.device | str = "cpu",
        *,
        kernel: Literal["bicubic", "area"] = "bicubic",
    ):
        if kernel not in ("bicubic", "area"):
            raise ValueError(f"kernel is 'bicubic' or 'area', got {kernel!r}")
        self.large, self.small = large, small
        rows, columns = (_resize_matrix(*sides, kernel) for sides in zip(large, small, strict=True))
        row_values, row_vectors = torch.linalg.eigh(rows @ rows.T)
        column_values, column_vectors = torch.linalg.eigh(columns @ columns.T)
        self._rows, self._columns = rows.float().to(device), columns.float().to(device)
        self._row_basis = row_vectors.float().to(device)
        self._column_basis = column_vectors.float().to(device)
        self.values = (row_values[:, None] * column_values).clamp_min(0).float().to(device)

    @property
    def x_shape(self) -> Shape:
        """Shape (c, h, w) of pictures."""
        return (3, *self.large)

    @property
    def y_shape(self) -> Shape:
        """Shape (c, h, w) of measurements."""
        return (3, *self.small)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce x."""
        return self._rows @ x @ self._columns.T

    def guess(self, y: Tensor) -> Tensor:
        """Enlarge y, bicubic."""
        return resize(y, self.large)

    def adjoint(self, y: Tensor) -> Tensor:
        """Give ``A^T y``."""
        return self._rows.T @ y @ self._columns

    def to_spectrum(self, r: Tensor) -> Tensor:
        """Give ``U^T r``."""
        spectrum: Tensor = self._row_basis.T @ r @ self._column_basis
        return spectrum

    def from_spectrum(self, c: Tensor) -> Tensor:
        """Give ``U c``."""
        r: Tensor = self._row_basis @ c @ self._column_basis.T
        return r


def _resize_matrix(large: int, small: int, kernel: str) -> Tensor:
    """The matrix ``(small, large)``, float64, of one-dimensional resizing."""
    if kernel == "bicubic":
        columns = torch.eye(large, dtype=torch.float64)[None, None]
        return resize(columns, (small, large))[0, 0]
    begin = torch.arange(small, dtype=torch.float64)[:, None] * (large / small)
    place = torch.arange(large, dtype=torch.float64)
    shared = torch.minimum(begin + large / small, place + 1) - torch.maximum(begin, place)
    return shared.clamp_min(0) * (small / large)


class Gray(Eigenbasis):
    """Colour to gray, ``(b, 1, h, w)``.

    Parameters
    ----------
    size : of pictures, (h, w).
    device : of the weights.
    weights : of red, green and blue; luma of ITU-R BT.601 unless others are given.

    Examples
    --------
    >>> import torch
    >>> Gray((2, 2)).forward(torch.ones(1, 3, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """

    def __init__(
        self,
        size: tuple[int, int],
        device: torch.device | str = "cpu",
        *,
        weights: Sequence[float] = (0.299, 0.587, 0.114),
    ):
        self.x_shape: Shape = (3, *size)
        self.y_shape: Shape = (1, *size)
        self._weights = torch.tensor(weights, device=device).view(1, 3, 1, 1)
        self.values = self._weights.square().sum()

    def forward(self, x: Tensor) -> Tensor:
        """Give the weighted sum of the colours."""
        return (x * self._weights).sum(1, keepdim=True)

    def guess(self, y: Tensor) -> Tensor:
        """Give y in three equal colours."""
        return (y / self._weights.sum()).expand(-1, 3, -1, -1)

    def adjoint(self, y: Tensor) -> Tensor:
        """Give ``A^T y``."""
        return y * self._weights

    def to_spectrum(self, r: Tensor) -> Tensor:
        """Give r: gray pixels are the eigenbasis."""
        return r

    def from_spectrum(self, c: Tensor) -> Tensor:
        """Give c: gray pixels are the eigenbasis."""
        return c
