"""What solvers ask of a degradation ``y = A x0 + noise``, and no more than they need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor

# Eigenvalues of A A^T below this are taken for nothing: what they weigh is unmeasured, and to divide by them
# would make pictures of rounding. Singular values of .03, as in DDRM's and DDNM's released code.
UNMEASURED = 1e-3
Shape = tuple[int, int, int]
"""(channels, h, w)"""


@runtime_checkable
class Degradation(Protocol):
    """What is done to pictures of x_shape (c, h, w), differentiable; it gives ``(b, *y_shape)``.

    guess: a first picture ``(b, *x_shape)`` from what was measured, quick and smooth.
    """

    @property
    def x_shape(self) -> Shape: ...

    @property
    def y_shape(self) -> Shape: ...

    def forward(self, x: Tensor) -> Tensor: ...

    def guess(self, y: Tensor) -> Tensor: ...


@runtime_checkable
class Operator(Degradation, Protocol):
    """A linear degradation A: forward ``A x``, adjoint ``A^T y``, solve ``(A A^T + damping I)^-1 r``.

    With damping 0 solve is the pseudo-inverse.
    """

    def adjoint(self, y: Tensor) -> Tensor: ...

    def solve(self, r: Tensor, damping: float) -> Tensor: ...


@runtime_checkable
class Spectral(Operator, Protocol):
    """One whose ``A A^T = U diag(values) U^T`` is known: to_spectrum ``U^T r``, from_spectrum ``U c``.

    values: broadcast against the spectrum; 0 where nothing is measured.
    """

    @property
    def values(self) -> Tensor: ...

    def to_spectrum(self, r: Tensor) -> Tensor: ...

    def from_spectrum(self, c: Tensor) -> Tensor: ...


@runtime_checkable
class Projecting(Degradation, Protocol):
    """One that is not linear, but of which all pictures that give y can be projected onto.

    projection: for a y, the function from a picture ``(b, *x_shape)`` to the nearest of them.
    """

    def projection(self, y: Tensor) -> Callable[[Tensor], Tensor]: ...


def consistent(x0: Tensor, y: Tensor, operator: Operator, damping: float = 0.0) -> Tensor:
    """Move x0 by the least that makes it agree with the measurement y.

    ``x0 + A^T (A A^T + damping I)^-1 (y - A x0)``. With damping 0 that is DDNM's projection (Wang et al.
    2023, eq. 13), with ``damping = (noise_std / r)^2`` the posterior mean for a Gaussian prior of standard
    deviation r around x0, as in DiffPIR (Zhu et al. 2023) and PiGDM (Song et al. 2023).
    """
    return x0 + operator.adjoint(operator.solve(y - operator.forward(x0), damping))


def check_shape(found: Tensor, expected: Shape, what: str) -> None:
    """Raise ValueError, with both sizes, where a batch has not the expected shape (c, h, w)."""
    if tuple(found.shape[-3:]) != expected:
        (c, h, w), (ec, eh, ew) = found.shape[-3:], expected
        raise ValueError(
            f"{what} is {w}x{h} (w x h) with {c} channels, the operator is for {ew}x{eh} with {ec}"
        )
