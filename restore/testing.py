"""Help for tests of your own operators, solvers and samplers: a contract and a tiny prior."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from restore.inverse.protocols import Degradation, Operator, Spectral
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.unet import UNet, UNetConfig


def tiny_prior(**facts: Any) -> Backbone:
    """Give a backbone of a tiny random network, the same every time: quick to run, and useless otherwise.

    Parameters
    ----------
    **facts : what its checkpoint says of it.

    Examples
    --------
    >>> tiny_prior().parameters
    8076
    """
    config = BackboneConfig(network=UNetConfig(channels=(8, 8), blocks=1, embedding=8))
    network = UNet(config.network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.05, generator=generator)
    return Backbone(network, config, facts)


def check_operator(operator: Degradation, *, tolerance: float = 1e-4) -> None:
    """Check what solvers rely on; call it from a test of your own operator.

    Every degradation has shapes, a guess and a gradient. Of a linear one ``<A x, y> = <x, A^T y>`` and
    ``(A A^T + damping I) solve(A x, damping) = A x``. With a spectrum ``U^T`` is orthonormal,
    ``A A^T = U diag(values) U^T`` and ``A^+ A`` is a projection.

    Parameters
    ----------
    operator : any `Degradation`.
    tolerance : of the largest difference, relative to the largest value.

    Raises
    ------
    AssertionError
        Where one of these does not hold, saying which and by how much.

    Examples
    --------
    >>> from restore.inverse.operators import Gray
    >>> check_operator(Gray((4, 4)))
    """
    x = _random(operator.x_shape, 0)
    y = operator.forward(x)
    assert y.shape == (2, *operator.y_shape), f"forward gives {tuple(y.shape)}, y_shape is {operator.y_shape}"
    guess = operator.guess(y)
    assert guess.shape == x.shape, f"guess gives {tuple(guess.shape)}, x_shape is {operator.x_shape}"
    assert bool(torch.isfinite(guess).all()), "guess is not finite"
    moved = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(operator.forward(moved).sum(), moved)
    assert bool(gradient.abs().sum() > 0), "forward has no gradient"
    if isinstance(operator, Operator):
        _check_linear(operator, x, tolerance)
    if isinstance(operator, Spectral):
        _check_spectral(operator, x, tolerance)


def _check_linear(operator: Operator, x: Tensor, tolerance: float) -> None:
    other, r = _random(operator.x_shape, 1), _random(operator.y_shape, 2)
    both = operator.forward(2 * x - other)
    _same(
        both, 2 * operator.forward(x) - operator.forward(other), tolerance, "A (2 x - z) is not 2 A x - A z"
    )
    back = operator.adjoint(r)
    assert back.shape == x.shape, f"adjoint gives {tuple(back.shape)}, x_shape is {operator.x_shape}"
    left, right = (operator.forward(x) * r).sum(), (x * back).sum()
    _same(left, right, tolerance, "<A x, y> is not <x, A^T y>")
    seen = operator.forward(x)
    for damping in (0.01, 3.0):
        s = operator.solve(seen, damping)
        again = operator.forward(operator.adjoint(s)) + damping * s
        _same(again, seen, tolerance, f"(A A^T + {damping} I) solve(A x, {damping}) is not A x")


def _check_spectral(operator: Spectral, x: Tensor, tolerance: float) -> None:
    seen = operator.forward(x)
    spectrum = operator.to_spectrum(seen)
    _same(operator.from_spectrum(spectrum), seen, tolerance, "U U^T y is not y")
    assert bool((operator.values >= 0).all()), "there are negative values"
    projected = operator.adjoint(operator.solve(seen, 0.0))
    twice = operator.adjoint(operator.solve(operator.forward(projected), 0.0))
    _same(twice, projected, 100 * tolerance, "A^+ A is no projection")
    weighed = operator.from_spectrum(operator.values * operator.to_spectrum(seen))
    again = operator.forward(operator.adjoint(seen))
    _same(weighed, again, tolerance, "U diag(values) U^T y is not A A^T y")


def _random(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.rand(2, *shape, generator=torch.Generator().manual_seed(seed))


def _same(found: Tensor, expected: Tensor, tolerance: float, otherwise: str) -> None:
    error = float((found - expected).abs().max())
    scale = max(float(expected.abs().max()), 1e-12)
    assert error <= tolerance * scale, f"{otherwise}: off by {error:.2g} of {scale:.2g}"
