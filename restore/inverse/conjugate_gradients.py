"""Conjugate gradients for batches of pictures."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradients(
    apply: Callable[[Tensor], Tensor],
    r: Tensor,
    precondition: Callable[[Tensor], Tensor],
    *,
    tolerance: float = 1e-4,
    most: int = 60,
) -> Tensor:
    """Solve ``apply(s) = r`` for each picture of a batch, to ``|apply(s) - r| < tolerance |r|``.

    apply is linear, symmetric and not negative; after ``most`` steps what was reached is given, which for
    values that are nearly unmeasured is a solution without them.
    """

    def dot(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).flatten(1).sum(1).view(-1, 1, 1, 1)

    s, left = torch.zeros_like(r), r
    direction = preconditioned = precondition(left)
    energy, enough = dot(left, preconditioned), tolerance**2 * dot(r, r)
    for _ in range(most):
        if bool((dot(left, left) <= enough).all()):
            break
        image = apply(direction)
        step = energy / dot(direction, image).clamp_min(torch.finfo(r.dtype).tiny)
        s, left = s + step * direction, left - step * image
        preconditioned = precondition(left)
        before, energy = energy, dot(left, preconditioned)
        direction = preconditioned + energy / before.clamp_min(torch.finfo(r.dtype).tiny) * direction
    return s
