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
    """Solve ``apply(s) = r`` for each picture of a batch.

    Parameters
    ----------
    apply : linear, symmetric and positive semidefinite.
    r : ``(b, c, h, w)``.
    precondition : approximately the inverse of apply, symmetric too.
    tolerance : enough is ``|apply(s) - r| < tolerance |r|`` for all pictures.
    most : number of steps after which what was reached is given. For directions that are nearly unmeasured
        that is a solution without them.

    Returns
    -------
    s ``(b, c, h, w)``.

    References
    ----------
    Hestenes and Stiefel (1952), "Methods of Conjugate Gradients for Solving Linear Systems",
    doi:10.6028/jres.049.044.

    Examples
    --------
    >>> import torch
    >>> s = conjugate_gradients(lambda s: 2 * s, torch.ones(1, 3, 2, 2), lambda s: s)
    >>> float(s.mean())
    0.5
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
