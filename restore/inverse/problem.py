"""An inverse problem: a measurement, its operator and its noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from restore.inverse.protocols import Degradation, check_shape


@dataclass(frozen=True)
class Problem:
    """What was measured, ``(b, c, h, w)``, through which operator, with white noise of which level.

    noise_std: [0, 1] units. Raises ValueError for a measurement of another size than the operator's, and for
    a level below 0.
    """

    y: Tensor
    operator: Degradation
    noise_std: float = 0.0

    def __post_init__(self) -> None:
        check_shape(self.y, self.operator.y_shape, "the measurement")
        if not 0 <= self.noise_std < math.inf:
            raise ValueError(f"noise_std is 0 or more, in [0, 1] units; got {self.noise_std}")
