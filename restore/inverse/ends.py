"""One-sided measurements: pixels that were cut off at black or white, and pixels that say nothing.

What a camera shows as white was at least white. Taken for exact, a lamp that was cut off contradicts its own
blur, and a solver explains the rest by rows of lamps that are not there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from restore.diffusion.thresholding import mapped
from restore.inverse.chains import LinearChain
from restore.inverse.conjugate_gradients import conjugate_gradients
from restore.inverse.protocols import UNMEASURED, Operator
from restore.types import Denoiser

BEYOND = 3.0  # deviations of the noise, above white: what is brighter is no noise
ROUNDS = 3  # of finding which of the one-sided pixels a picture lies within


@dataclass(frozen=True)
class Ends:
    """Which pixels of a measurement are one-sided.

    Parameters
    ----------
    low : bool ``(b, c, h, w)``, True where A x may be lower than y: black.
    high : bool ``(b, c, h, w)``, True where A x may be higher than y: white. Where both are True y says
        nothing, as under alpha 0.

    Examples
    --------
    >>> import torch
    >>> y = torch.tensor([[[[0.0, 0.5, 1.0]]]])
    >>> Ends(y <= 0, y >= 1).missing(y, torch.tensor([[[[-1.0, 0.25, 0.75]]]]))
    tensor([[[[0.0000, 0.2500, 0.2500]]]])
    """

    low: Tensor
    high: Tensor

    def free(self, r: Tensor) -> Tensor:
        """Where a residual ``r = y - A x`` is none: A x lies beyond the end."""
        return (self.low & (r > 0)) | (self.high & (r < 0))

    def missing(self, y: Tensor, found: Tensor) -> Tensor:
        """Give ``y - found``, 0 where found lies beyond an end."""
        r = y - found
        return r.masked_fill(self.free(r), 0)


def brighter(denoise: Denoiser) -> Denoiser:
    """Let what is plainly brighter than white pass a denoiser of pictures in [0, 1], such as lamps.

    What x holds beyond ``1 + BEYOND sigma`` is taken off before, and put back behind. A network knows no
    lamps of more than white, whose blur would then be explained by their surroundings.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.

    Returns
    -------
    A denoiser; a learned variance stays what it is.

    Examples
    --------
    >>> import torch
    >>> float(brighter(lambda x, sigma: x.clamp(0, 1))(torch.full((1, 3, 1, 1), 5.0), 0.25).mean())
    4.25
    """

    def beyond(x: Tensor, sigma: float) -> Tensor:
        return (x - 1 - BEYOND * sigma).clamp_min(0)

    return mapped(
        denoise, lambda x, x0, sigma: x0 + beyond(x, sigma), lambda x, sigma: x - beyond(x, sigma)
    )  # fmt: skip


def ends_of(y: Tensor, *, margin: float = 0.0, hidden: Tensor | None = None) -> Ends | None:
    """Find the one-sided pixels of a measurement; None where there are none.

    Parameters
    ----------
    y : ``(b, c, h, w)``, in [0, 1] where it was cut off; what goes beyond was not, and has no ends there.
    margin : how near to black or white they lie, [0, 1] units: what coding has changed them by.
    hidden : bool ``(b, 1, h, w)``, True where a pixel says nothing.

    Returns
    -------
    The ends.

    Examples
    --------
    >>> import torch
    >>> found = ends_of(torch.tensor([[[[0.0, 0.5, 1.0]]]]))
    >>> found.high
    tensor([[[[False, False,  True]]]])
    >>> ends_of(torch.full((1, 1, 2, 2), 0.5)) is None
    True
    """
    none = torch.zeros_like(y, dtype=torch.bool)
    low = y <= margin if float(y.min()) >= 0 else none
    high = y >= 1 - margin if float(y.max()) <= 1 else none
    if hidden is not None:
        low, high = low | hidden, high | hidden
    return Ends(low, high) if bool(low.any() or high.any()) else None


def data_step(x0: Tensor, y: Tensor, operator: Operator, damping: float, ends: Ends | None) -> Tensor:
    """Give ``A^T (A A^T + damping I)^-1 (y - A x0)``, with what is one-sided counted as such.

    Of the problem ``min |y - A x|^2 + damping |x - x0|^2`` it is the step from x0 to the answer. Pixels that
    the answer leaves beyond their end have no weight in it. Which those are is found by a few rounds, from
    all of them on.

    Parameters
    ----------
    x0 : pictures ``(b, *x_shape)``.
    y : measurements ``(b, *y_shape)``.
    operator : A.
    damping : 0 or more.
    ends : the one-sided pixels; None takes all for exact.

    Returns
    -------
    ``(b, *x_shape)``.

    References
    ----------
    J. Nocedal, S. Wright (2006), "Numerical Optimization", section 16.5, on active sets.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Gray
    >>> gray, white = Gray((1, 1)), torch.ones(1, 1, 1, 1)
    >>> ends = Ends(white < 0, white > 0)
    >>> bright, dark = 2 * torch.ones(1, 3, 1, 1), torch.zeros(1, 3, 1, 1)
    >>> float(data_step(bright, white, gray, 0.0, ends).abs().sum())
    0.0
    >>> round(float(gray.forward(dark + data_step(dark, white, gray, 0.0, ends))), 2)
    1.0
    """
    r = y - operator.forward(x0)
    if ends is None:
        return operator.adjoint(operator.solve(r, damping))
    free = ends.low | ends.high
    step = torch.zeros_like(x0)
    for _ in range(ROUNDS):
        step = operator.adjoint(solve_where(operator, r, damping, ~free))
        beyond = ends.free(r - operator.forward(step))
        if bool((beyond == free).all()):
            break
        free = beyond
    return step


def solve_where(operator: Operator, r: Tensor, damping: float, counted: Tensor) -> Tensor:
    """Give ``(W A A^T W + damping I)^-1 W r``, W the pixels that count.

    Parameters
    ----------
    operator : A.
    r : ``(b, *y_shape)``.
    damping : 0 or more; 0 is taken for UNMEASURED.
    counted : bool, of the shape of r.

    Returns
    -------
    Of the shape of r, 0 where a pixel does not count.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Gray
    >>> r = torch.ones(1, 1, 1, 2)
    >>> [round(float(each), 3) for each in solve_where(Gray((1, 2)), r, 1.0, r > 0)[0, 0, 0]]
    [0.691, 0.691]
    """
    if bool(counted.all()):
        return operator.solve(r, damping)
    damping, weight = damping or UNMEASURED, counted.to(r.dtype)

    def apply(s: Tensor) -> Tensor:
        return weight * operator.forward(operator.adjoint(s)) + damping * s

    def precondition(s: Tensor) -> Tensor:
        if isinstance(operator, LinearChain):  # whose solve is itself by conjugate gradients
            return weight * operator.preconditioned(s, damping)
        return weight * operator.solve(s, damping)

    return conjugate_gradients(apply, weight * r, precondition)
