"""What solvers ask of a degradation ``y = A x0 + noise``."""

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
    """Something done to pictures, differentiable."""

    @property
    def x_shape(self) -> Shape:
        """Shape (c, h, w) of pictures."""
        ...

    @property
    def y_shape(self) -> Shape:
        """Shape (c, h, w) of measurements."""
        ...

    def forward(self, x: Tensor) -> Tensor:
        """Degrade pictures ``(b, *x_shape)``; give ``(b, *y_shape)``."""
        ...

    def guess(self, y: Tensor) -> Tensor:
        """Give a first picture ``(b, *x_shape)`` from a measurement, quick and smooth."""
        ...


@runtime_checkable
class Operator(Degradation, Protocol):
    """A linear degradation A: forward gives ``A x``."""

    def adjoint(self, y: Tensor) -> Tensor:
        """Give ``A^T y``, ``(b, *x_shape)``."""
        ...

    def solve(self, r: Tensor, damping: float) -> Tensor:
        """Give ``(A A^T + damping I)^-1 r``, ``(b, *y_shape)``; with damping 0 by the pseudo-inverse."""
        ...


@runtime_checkable
class Spectral(Operator, Protocol):
    """An operator whose ``A A^T = U diag(values) U^T`` is known."""

    @property
    def values(self) -> Tensor:
        """Eigenvalues of A A^T, broadcast against the spectrum; 0 where nothing is measured."""
        ...

    def to_spectrum(self, r: Tensor) -> Tensor:
        """Give ``U^T r`` for r of ``(b, *y_shape)``."""
        ...

    def from_spectrum(self, c: Tensor) -> Tensor:
        """Give ``U c``, ``(b, *y_shape)``."""
        ...


@runtime_checkable
class Projecting(Degradation, Protocol):
    """A degradation that is not linear, but where pictures can be projected onto those that give y."""

    def projection(self, y: Tensor) -> Callable[[Tensor], Tensor]:
        """Give the function from a picture ``(b, *x_shape)`` to the nearest one that gives y."""
        ...


def consistent(x0: Tensor, y: Tensor, operator: Operator, damping: float = 0.0) -> Tensor:
    """Move x0 by the least that makes it agree with the measurement y.

    ``x0 + A^T (A A^T + damping I)^-1 (y - A x0)``.

    Parameters
    ----------
    x0 : pictures ``(b, *x_shape)``.
    y : measurements ``(b, *y_shape)``.
    operator : A.
    damping : 0 is DDNM's projection; ``(noise_std / r)^2`` gives the posterior mean for a Gaussian prior of
        standard deviation r around x0, as in DiffPIR and PiGDM.

    Returns
    -------
    Pictures ``(b, *x_shape)``.

    References
    ----------
    Wang, Yu and Zhang (2023), arXiv:2212.00490, eq. 13; Zhu et al. (2023), arXiv:2305.08995;
    Song et al. (2023), "Pseudoinverse-Guided Diffusion Models for Inverse Problems", ICLR.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Hole
    >>> hole = torch.tensor([[[[0.0, 1.0]]]])
    >>> consistent(torch.zeros(1, 3, 1, 2), torch.ones(1, 3, 1, 2), Hole(hole))[0, 0]
    tensor([[1., 0.]])
    """
    return x0 + operator.adjoint(operator.solve(y - operator.forward(x0), damping))


def check_shape(found: Tensor, expected: Shape, what: str) -> None:
    """Raise ValueError, with both sizes, where a batch has not the expected shape (c, h, w)."""
    if tuple(found.shape[-3:]) != expected:
        (c, h, w), (ec, eh, ew) = found.shape[-3:], expected
        raise ValueError(
            f"{what} is {w}x{h} (w x h) with {c} channels, the operator is for {ew}x{eh} with {ec}"
        )
