"""Degradations ``y = A x0 + noise``, and the correction that makes a picture agree with y.

The methods in `restore.inverse.solvers` ask for no more than they need: `Degradation` (forward), `Operator`
(also adjoint and solve), `Spectral` (also the eigenbasis of A A^T), `Projecting` (not linear, see
`restore.inverse.jpeg`). A new operator is a class with these functions; `restore.testing.check_operator`
tests it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from restore.images.resize import resize
from restore.inverse.conjugate_gradients import conjugate_gradients
from restore.inverse.fill import push_pull
from restore.inverse.protocols import UNMEASURED, Degradation, Operator, Shape, Spectral


class Eigenbasis:
    """solve, for operators with a spectrum."""

    def solve(self: Spectral, r: Tensor, damping: float) -> Tensor:
        return self.from_spectrum(_divided(self.to_spectrum(r), self.values, damping))


def _divided(spectrum: Tensor, values: Tensor, damping: float) -> Tensor:
    if damping > 0:
        return spectrum / (values + damping)
    return torch.where(values > UNMEASURED, spectrum / values, 0)


@dataclass(frozen=True)
class Hole:
    """Keep the known pixels: ``A x = known * x``. hole ``(b, 1, h, w)``, 1 where content is missing."""

    hole: Tensor

    @property
    def x_shape(self) -> Shape:
        return (3, *self.hole.shape[-2:])

    y_shape = x_shape

    @property
    def values(self) -> Tensor:
        return 1 - self.hole

    def forward(self, x: Tensor) -> Tensor:
        return x * (1 - self.hole)

    def guess(self, y: Tensor) -> Tensor:
        return push_pull(y, self.hole)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * (1 - self.hole)

    def solve(self, r: Tensor, damping: float) -> Tensor:
        # A A^T is the identity on known pixels; what lies in the hole is never measured.
        return r / (1 + damping)

    def to_spectrum(self, r: Tensor) -> Tensor:
        return r

    def from_spectrum(self, c: Tensor) -> Tensor:
        return c


class Resize(Eigenbasis):
    """Resizing from ``large`` to ``small`` (h, w), for any factor, fractions included.

    kernel: ``bicubic``, antialiased, as `restore.images.resize.resize`; or ``area``, the mean over the part
    of the large picture that a small pixel covers. Separable: ``A x = R x C^T`` with one matrix for rows and
    one for columns, so that A A^T is diagonal in the product of their two eigenbases and solve is exact.
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
        return (3, *self.large)

    @property
    def y_shape(self) -> Shape:
        return (3, *self.small)

    def forward(self, x: Tensor) -> Tensor:
        return self._rows @ x @ self._columns.T

    def guess(self, y: Tensor) -> Tensor:
        return resize(y, self.large)

    def adjoint(self, y: Tensor) -> Tensor:
        return self._rows.T @ y @ self._columns

    def to_spectrum(self, r: Tensor) -> Tensor:
        spectrum: Tensor = self._row_basis.T @ r @ self._column_basis
        return spectrum

    def from_spectrum(self, c: Tensor) -> Tensor:
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
    """Colour to gray, ``(b, 1, h, w)``: luma of ITU-R BT.601 unless other weights are given."""

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
        return (x * self._weights).sum(1, keepdim=True)

    def guess(self, y: Tensor) -> Tensor:
        return (y / self._weights.sum()).expand(-1, 3, -1, -1)

    def adjoint(self, y: Tensor) -> Tensor:
        return y * self._weights

    def to_spectrum(self, r: Tensor) -> Tensor:
        return r

    def from_spectrum(self, c: Tensor) -> Tensor:
        return c


class Blur(Eigenbasis):
    """Convolution with a kernel ``(kh, kw)`` of odd sides on a picture that goes on at the other side.

    The spectrum is Fourier's. For photographs, which do not go on at the other side, see `BlurInside`.
    """

    def __init__(self, kernel: Tensor, size: tuple[int, int], device: torch.device | str = "cpu"):
        _check_kernel(kernel, size)
        self.x_shape: Shape = (3, *size)
        self.y_shape = self.x_shape
        (kh, kw), (h, w) = kernel.shape, size
        around = pad(kernel.double(), (0, w - kw, 0, h - kh)).roll((-(kh // 2), -(kw // 2)), (0, 1))
        response = torch.fft.rfft2(around)
        self._response = response.to(torch.complex64).to(device)
        self.values = response.abs().square().float().to(device)

    def forward(self, x: Tensor) -> Tensor:
        return self._filtered(x, self._response)

    def guess(self, y: Tensor) -> Tensor:
        return y

    def adjoint(self, y: Tensor) -> Tensor:
        return self._filtered(y, self._response.conj())

    def to_spectrum(self, r: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.rfft2(r, norm="ortho")
        return spectrum

    def from_spectrum(self, c: Tensor) -> Tensor:
        r: Tensor = torch.fft.irfft2(c, s=self.x_shape[1:], norm="ortho")
        return r

    def _filtered(self, picture: Tensor, response: Tensor) -> Tensor:
        return self.from_spectrum(self.to_spectrum(picture) * response)


def _check_kernel(kernel: Tensor, size: tuple[int, int]) -> None:
    (kh, kw), (h, w) = kernel.shape, size
    if not (kh % 2 and kw % 2):
        raise ValueError(f"a blur kernel has odd sides, so that it has a middle; got {kw}x{kh} (w x h)")
    if kh > h or kw > w:
        raise ValueError(f"the blur kernel is {kw}x{kh} (w x h), larger than the picture, {w}x{h}")


@dataclass(frozen=True)
class Crop:
    """Keep a piece of ``size`` (h, w) of pictures of ``large`` (h, w), from ``corner`` (row, column)."""

    large: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, int]

    @property
    def x_shape(self) -> Shape:
        return (3, *self.large)

    @property
    def y_shape(self) -> Shape:
        return (3, *self.size)

    def forward(self, x: Tensor) -> Tensor:
        (row, column), (h, w) = self.corner, self.size
        return x[..., row : row + h, column : column + w]

    def guess(self, y: Tensor) -> Tensor:
        return pad(y, self._margins(), mode="replicate")

    def adjoint(self, y: Tensor) -> Tensor:
        return pad(y, self._margins())

    def solve(self, r: Tensor, damping: float) -> Tensor:
        return r / (1 + damping)

    def _margins(self) -> list[int]:
        """Left, right, top, bottom."""
        (row, column), (h, w) = self.corner, self.size
        return [column, self.large[1] - column - w, row, self.large[0] - row - h]


class Chain:
    """One degradation after the other; the first in the list comes first. Linear if all of them are.

    solve is by conjugate gradients (Hestenes and Stiefel 1952), to a part in 10^4; damping 0 is taken for
    UNMEASURED. precondition: about ``(A A^T + damping I)^-1``, to be there sooner.
    """

    def __init__(
        self,
        *parts: Degradation,
        precondition: Callable[[Tensor, float], Tensor] | None = None,
    ):
        if not parts:
            raise ValueError("a chain needs at least one operator")
        for first, second in pairwise(parts):
            if first.y_shape != second.x_shape:
                raise ValueError(
                    f"{type(first).__name__} gives pictures of {first.y_shape} (c, h, w), but "
                    f"{type(second).__name__}, which comes next, takes {second.x_shape}"
                )
        self.parts, self._precondition = parts, precondition
        self.x_shape, self.y_shape = parts[0].x_shape, parts[-1].y_shape

    def forward(self, x: Tensor) -> Tensor:
        return reduce(lambda picture, part: part.forward(picture), self.parts, x)

    def guess(self, y: Tensor) -> Tensor:
        return reduce(lambda picture, part: part.guess(picture), reversed(self.parts), y)


class LinearChain(Chain):
    parts: tuple[Operator, ...]

    def adjoint(self, y: Tensor) -> Tensor:
        return reduce(lambda picture, part: part.adjoint(picture), reversed(self.parts), y)

    def solve(self, r: Tensor, damping: float) -> Tensor:
        damping = damping or UNMEASURED

        def apply(s: Tensor) -> Tensor:
            return self.forward(self.adjoint(s)) + damping * s

        def precondition(s: Tensor) -> Tensor:
            return s if self._precondition is None else self._precondition(s, damping)

        return conjugate_gradients(apply, r, precondition)


def chain(*parts: Degradation) -> Degradation:
    """Operators one after the other, as one; an `Operator` where all of them are.

    Raises ValueError where a picture that one gives is not of the shape that the next one takes.
    """
    if len(parts) == 1:
        return parts[0]
    return (LinearChain if all(isinstance(part, Operator) for part in parts) else Chain)(*parts)


class BlurInside(LinearChain):
    """A blurred photograph of ``size`` (h, w): the scene went on outside it, and was blurred into it.

    The picture x has a margin of at least half the kernel around ``inside``, of which y tells little.
    """

    def __init__(self, kernel: Tensor, size: tuple[int, int], device: torch.device | str = "cpu"):
        _check_kernel(kernel, size)
        (kh, kw), (h, w) = kernel.shape, size
        large = _quick_side(h + kh - 1), _quick_side(w + kw - 1)
        blur = Blur(kernel, large, device)
        self.inside = Crop(large, (kh // 2, kw // 2), size)

        def precondition(r: Tensor, damping: float) -> Tensor:
            return self.inside.forward(blur.solve(self.inside.adjoint(r), damping))

        super().__init__(blur, self.inside, precondition=precondition)


def _quick_side(side: int) -> int:
    """The shortest side of at least so many pixels that is quick to transform: no factor above 5."""
    while True:
        rest = side
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return side
        side += 1


def inside_of(operator: Degradation) -> Crop | None:
    """The part of a picture x that the operator's measurement is of; None for all of it."""
    if isinstance(operator, BlurInside):
        return operator.inside
    return inside_of(operator.parts[0]) if isinstance(operator, Chain) else None


def without_margin(x: Tensor, operator: Degradation) -> Tensor:
    """That part of a picture x."""
    inside = inside_of(operator)
    return x if inside is None else inside.forward(x)
