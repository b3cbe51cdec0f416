"""Whether a measurement is one that an operator and a noise level can have given, judged while it is solved.

A clean estimate x0 at the noise level sigma is off by about sigma, so what y says beyond it,
``r = y - A x0``, has the covariance ``sigma^2 A A^T + noise_std^2 I``. Where r holds more than that, in some
band of frequencies, the noise is stronger than was told, or the operator is another one. A solver would
explain it by amplified noise or by ringing.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from restore.inverse.ends import solve_where
from restore.inverse.problem import Problem
from restore.inverse.protocols import Operator
from restore.types import Denoiser

JUDGED = 0.03  # the lowest noise level, [0, 1] units, at which what a network gets wrong is less than sigma
LIMIT = 1.8  # of the ratio: at most 1.45 with the right noise and operator, on validation pictures
CELL, MOST = 8, 16  # sides of a band of frequencies at least, and number of bands a side at most


def excess(x0: Tensor, sigma: float, problem: Problem) -> float:
    """Give by how much more than expected the residual of a clean estimate holds, in the worst band.

    ``r^T (A A^T + (noise_std / sigma)^2 I)^-1 r / sigma^2``, the normalised innovation squared, summed in
    cells of the two-dimensional spectrum and divided by their number of coefficients.

    Parameters
    ----------
    x0 : clean estimates ``(b, *x_shape)``.
    sigma : the noise level that they were made at, [0, 1] units, above 0.
    problem : the measurement, its operator, which is linear, and its noise.

    Returns
    -------
    The variance in the worst cell of the worst picture over that expected: up to about 1 where all is right.

    Raises
    ------
    TypeError
        For an operator that is not linear.

    References
    ----------
    Y. Bar-Shalom, X. R. Li, T. Kirubarajan (2001), "Estimation with Applications to Tracking and Navigation",
    section 5.4, on tests of the consistency of filters.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Gray
    >>> noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> flat = torch.full((1, 3, 64, 64), 0.5)
    >>> told = Problem(0.5 + 0.1 * noise, Gray((64, 64)), noise_std=0.1)
    >>> excess(flat, 0.02, told) < LIMIT
    True
    >>> excess(flat, 0.02, Problem(told.y, told.operator, noise_std=0.03)) > 5
    True
    """
    operator = problem.operator
    if not isinstance(operator, Operator):
        raise TypeError(f"the operator has to be linear, got {type(operator).__name__}")
    r, damping = problem.y - operator.forward(x0), (problem.noise_std / sigma) ** 2
    free = torch.zeros_like(r, dtype=torch.bool) if problem.ends is None else problem.ends.free(r)
    r = r.masked_fill(free, 0)
    weighed = solve_where(operator, r, damping, ~free)
    both = [torch.fft.fftshift(torch.fft.fft2(part, norm="ortho"), dim=(-2, -1)) for part in (r, weighed)]
    power = (both[0].conj() * both[1]).real.mean(1)
    rows, columns = (max(1, min(MOST, side // CELL)) for side in power.shape[-2:])
    share = (~free).to(power.dtype).mean((1, 2, 3)).clamp_min(0.01)
    worst = adaptive_avg_pool2d(power, (rows, columns)).amax((-2, -1)) / share
    return float(worst.max()) / sigma**2


class Judge:
    """Watches the clean estimates of a solver, and stops it where they cannot explain the measurement.

    Parameters
    ----------
    problem : what is solved.
    stops : whether the solver is stopped, by `Inexplicable`, where the last estimate that can be judged has
        an excess above LIMIT; else it is only kept.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Gray
    >>> y = torch.full((1, 1, 8, 8), 0.5)
    >>> judge = Judge(Problem(y, Gray((8, 8)), noise_std=0.01))
    >>> _ = judge.watched(lambda x, sigma: torch.zeros_like(x))(torch.rand(1, 3, 8, 8), 0.1)
    >>> judge.found > LIMIT
    True
    """

    def __init__(self, problem: Problem, *, stops: bool = False):
        self._problem, self._stops = problem, stops
        self._last: tuple[Tensor, float] | None = None
        self._found: float | None = None

    def watched(self, denoise: Denoiser) -> Denoiser:
        """Give the denoiser, which keeps the estimates that can be judged."""

        def watch(x: Tensor, sigma: float) -> Tensor:
            if sigma < JUDGED and self._stops and self.found > LIMIT:
                raise Inexplicable
            x0 = denoise(x, sigma)
            if sigma >= JUDGED:
                self._last, self._found = (x0.detach(), sigma), None
            return x0

        return watch

    @property
    def found(self) -> float:
        """The excess of the estimate at the lowest level of JUDGED or more; 0 before there is one."""
        if self._found is None:
            self._found = 0.0 if self._last is None else excess(*self._last, self._problem)
        return self._found


class Inexplicable(Exception):  # noqa: N818 - it is no error but a reason to try again
    """What was measured cannot be explained by the operator and the noise."""
