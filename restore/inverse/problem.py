"""An inverse problem: a measurement, its operator and its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from restore.inverse.ends import Ends
from restore.inverse.protocols import Degradation, check_shape


@dataclass(frozen=True)
class Problem:
    """A measurement, its operator and its noise: what a solver is given.

    Parameters
    ----------
    y : the measurement ``(b, *operator.y_shape)``, nominal range [0, 1].
    operator : the degradation that it was measured through.
    noise_std : standard deviation of its white noise, [0, 1] units, 0 or more.
    ends : which of its pixels are one-sided, such as lamps that were cut off at white; None for none.

    Raises
    ------
    ValueError
        For a measurement of another size than the operator's, and for a noise_std out of range.

    Examples
    --------
    >>> import torch
    >>> from restore.inverse.operators import Gray
    >>> Problem(torch.zeros(1, 1, 8, 8), Gray((8, 8)), noise_std=0.1).noise_std
    0.1
    """

    y: Tensor
    operator: Degradation
    noise_std: float = 0.0
    ends: Ends | None = None

    def __post_init__(self) -> None:
        check_shape(self.y, self.operator.y_shape, "the measurement")
        if not 0 <= self.noise_std < math.inf:
            raise ValueError(f"noise_std is 0 or more, in [0, 1] units; got {self.noise_std}")

    def missing(self, x: Tensor) -> Tensor:
        """Give ``y - A x``, 0 where x agrees with a one-sided pixel."""
        found = self.operator.forward(x)
        return self.y - found if self.ends is None else self.ends.missing(self.y, found)
