"""Degradations one after the other, and pieces of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from torch import Tensor
from torch.nn.functional import pad

from restore.inverse.conjugate_gradients import conjugate_gradients
from restore.inverse.protocols import UNMEASURED, Degradation, Operator, Shape


@dataclass(frozen=True)
class Crop:
    """Keep a piece of a picture.

    Parameters
    ----------
    large : size (h, w) of pictures.
    corner : (row, column) of the first pixel that is kept.
    size : of the piece, (h, w).

    Examples
    --------
    >>> import torch
    >>> Crop((4, 4), (1, 1), (2, 2)).forward(torch.ones(1, 3, 4, 4)).shape
    torch.Size([1, 3, 2, 2])
    """

    large: tuple[int, int]
    corner: tuple[int, int]
    size: tuple[int, int]

    @property
    def x_shape(self) -> Shape:
        """Shape (c, h, w) of pictures."""
        return (3, *self.large)

    @property
    def y_shape(self) -> Shape:
        """Shape (c, h, w) of measurements."""
        return (3, *self.size)

    def forward(self, x: Tensor) -> Tensor:
        """Cut the piece out of x."""
        (row, column), (h, w) = self.corner, self.size
        return x[..., row : row + h, column : column + w]

    def guess(self, y: Tensor) -> Tensor:
        """Continue y's edges to the size of a picture."""
        return pad(y, self._margins(), mode="replicate")

    def adjoint(self, y: Tensor) -> Tensor:
        """Put y into a picture of zeros."""
        return pad(y, self._margins())

    def solve(self, r: Tensor, damping: float) -> Tensor:
        """Give ``(A A^T + damping I)^-1 r``."""
        return r / (1 + damping)

    def _margins(self) -> list[int]:
        """Left, right, top, bottom."""
        (row, column), (h, w) = self.corner, self.size
        return [column, self.large[1] - column - w, row, self.large[0] - row - h]


class Chain:
    """One degradation after the other; use `chain`, which makes a `LinearChain` where it can.

    Parameters
    ----------
    *parts : the degradations; the first comes first.
    precondition : ``(r, damping)`` to about ``(A A^T + damping I)^-1 r``, which makes solve quicker.

    Raises
    ------
    ValueError
        Without parts, and where one gives pictures of another shape than the next one takes.
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
        """Degrade x, part by part."""
        return reduce(lambda picture, part: part.forward(picture), self.parts, x)

    def guess(self, y: Tensor) -> Tensor:
        """Give a first picture from a measurement, by the guesses of all parts."""
        return reduce(lambda picture, part: part.guess(picture), reversed(self.parts), y)


class LinearChain(Chain):
    """One linear degradation after the other.

    solve is by conjugate gradients, to a part in 10^4; damping 0 is taken for UNMEASURED.

    References
    ----------
    Hestenes and Stiefel (1952), "Methods of Conjugate Gradients for Solving Linear Systems",
    doi:10.6028/jres.049.044.
    """

    parts: tuple[Operator, ...]

    def adjoint(self, y: Tensor) -> Tensor:
        """Give ``A^T y``, part by part."""
        return reduce(lambda picture, part: part.adjoint(picture), reversed(self.parts), y)

    def solve(self, r: Tensor, damping: float) -> Tensor:
        """Give ``(A A^T + damping I)^-1 r`` by conjugate gradients."""
        damping = damping or UNMEASURED

        def apply(s: Tensor) -> Tensor:
            return self.forward(self.adjoint(s)) + damping * s

        return conjugate_gradients(apply, r, lambda s: self.preconditioned(s, damping))

    def preconditioned(self, r: Tensor, damping: float) -> Tensor:
        """Give about ``(A A^T + damping I)^-1 r``, quickly; r itself where nothing is known."""
        return r if self._precondition is None else self._precondition(r, damping)


def chain(*parts: Degradation) -> Degradation:
    """Combine degradations, one after the other.

    Parameters
    ----------
    *parts : the degradations; the first comes first.

    Returns
    -------
    All of them as one; an `Operator` where all of them are.

    Raises
    ------
    ValueError
        Without parts, and where one gives pictures of another shape than the next one takes.

    Examples
    --------
    >>> from restore.inverse.operators import Gray, Resize
    >>> chain(Resize((8, 8), (4, 4)), Gray((4, 4))).y_shape
    (1, 4, 4)
    """
    if len(parts) == 1:
        return parts[0]
    return (LinearChain if all(isinstance(part, Operator) for part in parts) else Chain)(*parts)
