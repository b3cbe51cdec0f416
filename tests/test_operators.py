"""Linear degradations, against their explicit matrices."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from restore import operators
from restore.degradations import resize

SIZES = [((7, 5), (4, 3)), ((6, 9), (4, 3)), ((5, 8), (2, 2)), ((3, 4), (1, 1))]


def random_image(h: int, w: int, *, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, h, w, generator=torch.Generator().manual_seed(seed))


def random_hole(h: int, w: int, *, seed: int = 0) -> Tensor:
    return (random_image(h, w, seed=seed)[:, :1] < 0.4).float()


def matrix_of(operator: operators.Operator, size: tuple[int, int]) -> Tensor:
    """The operator on one channel as a matrix, float64: a column for each pixel of (h, w)."""
    h, w = size
    return operator.forward(torch.eye(h * w).view(-1, 1, h, w)).flatten(1).T.double()


def some_operators(module: ModuleType) -> list[tuple[operators.Operator, tuple[int, int], tuple[int, int]]]:
    """Operators with the sizes of x and of y."""
    resizes = [(module.Resize(large, small), large, small) for large, small in SIZES]
    return [*resizes, (module.Hole(random_hole(7, 5)), (7, 5), (7, 5))]


def check_adjoint(module: ModuleType) -> None:
    """<A x, y> = <x, A^T y>."""
    for operator, large, small in some_operators(module):
        x, y = random_image(*large), random_image(*small, seed=1)
        left, right = (operator.forward(x) * y).sum(), (x * operator.adjoint(y)).sum()
        assert torch.isclose(left, right, rtol=1e-5), (large, small, left, right)


def check_solve(module: ModuleType) -> None:
    """(A A^T + damping I) solve(r) = r, on what is measured."""
    for operator, large, small in some_operators(module):
        for damping in (0.0, 0.01, 3.0):
            r = operator.forward(random_image(*large))
            s = operator.solve(r, damping)
            back = operator.forward(operator.adjoint(s)) + damping * s
            assert (back - r).abs().max() < 1e-4, (large, small, damping)


def check_posterior_mean(module: ModuleType) -> None:
    """For a prior N(mean, std^2 I) `consistent` gives E[x | y], here from the normal equations."""
    prior_std, noise_std = 0.2, 0.05
    for operator, large, small in some_operators(module):
        A = matrix_of(operator, large)
        mean, y = random_image(*large), operator.forward(random_image(*large, seed=2)) + 0.01
        precision = A.T @ A / noise_std**2 + torch.eye(A.shape[1]) / prior_std**2
        evidence = y.flatten(2).double() @ A / noise_std**2 + mean.flatten(2).double() / prior_std**2
        expected = torch.linalg.solve(precision, evidence.mT).mT
        found = module.consistent(mean, y, operator, (noise_std / prior_std) ** 2).flatten(2).double()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5, msg=str((large, small)))


def check_agreement(module: ModuleType) -> None:
    """Without noise the measurement is met, with the least change, and a second time changes nothing."""
    for operator, large, _ in some_operators(module):
        x0, y = random_image(*large), operator.forward(random_image(*large, seed=2))
        found = module.consistent(x0, y, operator)
        assert (operator.forward(found) - y).abs().max() < 1e-4
        assert (module.consistent(found, y, operator) - found).abs().max() < 2e-4
        A = matrix_of(operator, large)
        # The least change has no part that the measurement cannot see.
        change = (found - x0).flatten(2).double()[0].T
        seen = torch.linalg.pinv(A) @ (A @ change)
        assert (change - seen).abs().max() < 1e-5


def check_resizing(module: ModuleType) -> None:
    for large, small in SIZES:
        x = random_image(*large)
        found = module.Resize(large, small).forward(x)
        torch.testing.assert_close(found, resize(x, small), rtol=0, atol=1e-6)


def test_adjoint() -> None:
    check_adjoint(operators)


def test_solve() -> None:
    check_solve(operators)


def test_posterior_mean() -> None:
    check_posterior_mean(operators)


def test_agreement() -> None:
    check_agreement(operators)


def test_resizing() -> None:
    check_resizing(operators)


# torch's antialiased resizing to a width of 1 mixes up the rows, so w starts at 2.
@settings(max_examples=25)
@given(h=st.integers(1, 19), w=st.integers(2, 19), scale=st.floats(1.0, 4.0), seed=st.integers(0, 99))
def test_resizing_at_any_factor(h: int, w: int, scale: float, seed: int) -> None:
    large = (round(h * scale), round(w * scale))
    operator = operators.Resize(large, (h, w))
    x, y = random_image(*large, seed=seed), random_image(h, w, seed=seed + 1)
    torch.testing.assert_close(operator.forward(x), resize(x, (h, w)), rtol=0, atol=2e-6)
    assert torch.isclose((operator.forward(x) * y).sum(), (x * operator.adjoint(y)).sum(), rtol=1e-4)
    # Every factor from 1 to 4 is well measured: the input is met to a fraction of a gray level.
    assert (operator.forward(operators.consistent(x, y, operator)) - y).abs().max() < 0.05 / 255


@pytest.mark.parametrize(("large", "small"), [((37, 31), (15, 12)), ((20, 33), (10, 11)), ((9, 9), (9, 4))])
def test_resizing_is_that_of_pillow(large: tuple[int, int], small: tuple[int, int]) -> None:
    x = random_image(*large)
    expected = np.asarray(Image.fromarray(x[0, 0].numpy()).resize(small[::-1], Image.Resampling.BICUBIC))
    found = operators.Resize(large, small).forward(x)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_hole_leaves_every_pixel_in_it_alone() -> None:
    hole = torch.tensor([[[[0.0, 1.0, 0.0]]]])
    x0 = torch.tensor([[[[0.1, 0.2, 0.3]]]]).expand(1, 3, 1, 3)
    y = torch.tensor([[[[0.9, 5.0, 0.7]]]]).expand(1, 3, 1, 3)  # what y says in the hole does not count
    found = operators.consistent(x0, y, operators.Hole(hole))[0, 0, 0]
    assert found.tolist() == pytest.approx([0.9, 0.2, 0.7])
    assert found[1] == x0[0, 0, 0, 1]
    halfway = operators.consistent(x0, y, operators.Hole(hole), damping=1.0)[0, 0, 0]
    assert halfway.tolist() == pytest.approx([0.5, 0.2, 0.5])
