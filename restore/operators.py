"""Linear degradations ``y = A x0 + noise``, and the correction that makes a picture agree with y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from restore.degradations import resize


class Operator(Protocol):
    """A linear degradation A: forward ``A x``, adjoint ``A^T y``, solve ``(A A^T + damping I)^-1 r``."""

    def forward(self, x: Tensor) -> Tensor: ...

    def adjoint(self, y: Tensor) -> Tensor: ...

    def solve(self, r: Tensor, damping: float) -> Tensor: ...


def consistent(x0: Tensor, y: Tensor, operator: Operator, damping: float = 0.0) -> Tensor:
    """Move x0 by the least that makes it agree with the measurement y.

    ``x0 + A^T (A A^T + damping I)^-1 (y - A x0)``. With damping 0 that is DDNM's projection (Wang et al.
    2023, eq. 13), with ``damping = (noise_std / r)^2`` the posterior mean for a Gaussian prior of standard
    deviation r around x0, as in DiffPIR (Zhu et al. 2023) and PiGDM (Song et al. 2023).
    """
    return x0 + operator.adjoint(operator.solve(y - operator.forward(x0), damping))


@dataclass(frozen=True)
class Hole:
    """Keep the known pixels: ``A x = known * x``. hole ``(b, 1, h, w)``, 1 where content is missing."""

    hole: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 - self.hole)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * (1 - self.hole)

    def solve(self, r: Tensor, damping: float) -> Tensor:
        # A A^T is the identity on known pixels; what lies in the hole is never measured.
        return r / (1 + damping)


class Resize:
    """Bicubic resizing from ``large`` to ``small`` (h, w), for any factor, fractions included.

    Separable: ``A x = R x C^T`` with one matrix for rows and one for columns, so that A A^T is
    diagonal in the product of their two eigenbases and solve is exact.
    """

    def __init__(self, large: tuple[int, int], small: tuple[int, int], device: torch.device | str = "cpu"):
        self.large, self.small = large, small
        rows, columns = _resize_matrix(large[0], small[0]), _resize_matrix(large[1], small[1])
        row_values, row_vectors = torch.linalg.eigh(rows @ rows.T)
        column_values, column_vectors = torch.linalg.eigh(columns @ columns.T)
        self._rows, self._columns = rows.float().to(device), columns.float().to(device)
        self._row_basis = row_vectors.float().to(device)
        self._column_basis = column_vectors.float().to(device)
        self._values = (row_values[:, None] * column_values).clamp_min(0).float().to(device)

    def forward(self, x: Tensor) -> Tensor:
        return self._rows @ x @ self._columns.T

    def adjoint(self, y: Tensor) -> Tensor:
        return self._rows.T @ y @ self._columns

    def solve(self, r: Tensor, damping: float) -> Tensor:
        spectrum: Tensor = self._row_basis.T @ r @ self._column_basis
        # Reductions up to 4 leave no eigenvalue under 0.01. The floor is for stronger ones, whose weakest
        # directions are all but unmeasured and would amplify rounding.
        spectrum = spectrum / (self._values + max(damping, 1e-6))
        answer: Tensor = self._row_basis @ spectrum @ self._column_basis.T
        return answer


def _resize_matrix(large: int, small: int) -> Tensor:
    """The matrix ``(small, large)``, float64, of one-dimensional antialiased bicubic resizing."""
    columns = torch.eye(large, dtype=torch.float64)[None, None]
    return resize(columns, (small, large))[0, 0]
