"""Linear degradations, against their explicit matrices."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import edited, mutant_tests, wrong
from PIL import Image
from scipy import ndimage
from torch import Tensor

from restore import testing
from restore.images.jpeg_coding import coding_of
from restore.images.resize import resize
from restore.inverse import eigenbasis, operators
from restore.inverse.conjugate_gradients import conjugate_gradients
from restore.inverse.jpeg import Jpeg
from restore.inverse.kernels import gaussian_kernel, motion_kernel
from restore.inverse.protocols import UNMEASURED, Operator, consistent

SIZES = [((7, 5), (4, 3)), ((6, 9), (4, 3)), ((5, 8), (2, 2)), ((3, 4), (1, 1))]


def random_image(h: int, w: int, *, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, h, w, generator=torch.Generator().manual_seed(seed))


def random_hole(h: int, w: int, *, seed: int = 0) -> Tensor:
    return (random_image(h, w, seed=seed)[:, :1] < 0.4).float()


def matrix_of(operator: Operator) -> Tensor:
    """The operator as a matrix, float64: a column for each number of a picture."""
    c, h, w = operator.x_shape
    return operator.forward(torch.eye(c * h * w).view(-1, c, h, w)).flatten(1).T.double()


def some_operators() -> dict[str, Operator]:
    resizes = {
        f"{kernel} {large} to {small}": operators.Resize(large, small, kernel=kernel)
        for large, small in SIZES
        for kernel in ("bicubic", "area")
    }
    return {
        **resizes,
        "hole": operators.Hole(random_hole(7, 5)),
        "gray": operators.Gray((7, 5)),
        "mean of colours": operators.Gray((7, 5), weights=(1 / 3, 1 / 3, 1 / 3)),
        "gaussian blur": operators.Blur(gaussian_kernel(0.6), (8, 7)),
        "motion blur": operators.Blur(motion_kernel(3, 30), (7, 8)),
        "uneven blur": operators.Blur(torch.tensor([[0.1, 0.2, 0.7]]), (5, 6)),
        "blur inside": operators.BlurInside(gaussian_kernel(0.6), (7, 5)),
        "crop": operators.Crop((7, 9), (1, 2), (4, 5)),
        "blur and reduction": operators.chain(
            operators.Blur(gaussian_kernel(0.6), (8, 8)), operators.Resize((8, 8), (3, 4), kernel="area")
        ),
        "hole in gray": operators.chain(operators.Gray((7, 5)), _GrayHole(random_hole(7, 5))),
    }


class _GrayHole(operators.Hole):
    """As somebody else may write one."""

    x_shape = y_shape = (1, 7, 5)


def check_contract() -> None:
    for name, operator in some_operators().items():
        try:
            testing.check_operator(operator, tolerance=1e-3 if hasattr(operator, "parts") else 1e-4)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error


def check_posterior_mean() -> None:
    """For a prior N(mean, std^2 I) `consistent` gives E[x | y], here from the normal equations."""
    prior_std, noise_std = 0.2, 0.05
    for name, operator in some_operators().items():
        A = matrix_of(operator)
        mean, x = random_image(*operator.x_shape[1:]), random_image(*operator.x_shape[1:], seed=2)
        y = operator.forward(x) + 0.01
        precision = A.T @ A / noise_std**2 + torch.eye(A.shape[1]) / prior_std**2
        evidence = y.flatten(1).double() @ A / noise_std**2 + mean.flatten(1).double() / prior_std**2
        expected = torch.linalg.solve(precision, evidence.mT).mT
        found = consistent(mean, y, operator, (noise_std / prior_std) ** 2).flatten(1).double()
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4, msg=lambda m, name=name: name + m)


def check_agreement() -> None:
    """Without noise what is well measured is met, with the least change; a second time changes nothing."""
    for name, operator in some_operators().items():
        x0, x = random_image(*operator.x_shape[1:]), random_image(*operator.x_shape[1:], seed=2)
        y = operator.forward(x)
        found = consistent(x0, y, operator)
        A = matrix_of(operator)
        weak = torch.linalg.svdvals(A).square().min() < UNMEASURED and name != "hole"
        chained = hasattr(operator, "parts")  # which are damped a little
        if not weak:
            assert (operator.forward(found) - y).abs().max() < (5e-3 if chained else 1e-4), name
        if not chained:
            assert (consistent(found, y, operator) - found).abs().max() < 2e-3, name
        # The least change has no part that the measurement cannot see.
        change = (found - x0).flatten(1).double()[0]
        seen = torch.linalg.pinv(A) @ (A @ change)
        assert (change - seen).abs().max() < 1e-4, name


def check_resizing() -> None:
    for large, small in SIZES:
        x = random_image(*large)
        found = operators.Resize(large, small).forward(x)
        torch.testing.assert_close(found, resize(x, small), rtol=0, atol=1e-6)


@pytest.mark.parametrize("check", [check_contract, check_posterior_mean, check_agreement, check_resizing])
def test_right_operators_pass(check: Callable[[], None]) -> None:
    check()


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
    assert (operator.forward(consistent(x, y, operator)) - y).abs().max() < 0.05 / 255


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
    found = consistent(x0, y, operators.Hole(hole))[0, 0, 0]
    assert found.tolist() == pytest.approx([0.9, 0.2, 0.7])
    assert found[1] == x0[0, 0, 0, 1]
    halfway = consistent(x0, y, operators.Hole(hole), damping=1.0)[0, 0, 0]
    assert halfway.tolist() == pytest.approx([0.5, 0.2, 0.5])


@pytest.mark.parametrize(("large", "small"), [((37, 31), (15, 12)), ((20, 33), (10, 11)), ((9, 9), (9, 4))])
def test_the_mean_over_areas_is_that_of_pillow(large: tuple[int, int], small: tuple[int, int]) -> None:
    x = random_image(*large)
    expected = np.asarray(Image.fromarray(x[0, 0].numpy()).resize(small[::-1], Image.Resampling.BOX))
    # Pillow takes a pixel whole if its middle is covered, and this by the share that is.
    whole = all(big % little == 0 for big, little in zip(large, small, strict=True))
    found = operators.Resize(large, small, kernel="area").forward(x)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if whole else 0.35)
    flat = operators.Resize(large, small, kernel="area").forward(torch.full((1, 3, *large), 0.7))
    torch.testing.assert_close(flat, torch.full((1, 3, *small), 0.7), rtol=0, atol=1e-6)


@pytest.mark.parametrize("kernel", ["gaussian", "motion"])
def test_blurring_is_that_of_scipy(kernel: str) -> None:
    weights = gaussian_kernel(1.3) if kernel == "gaussian" else motion_kernel(5, 20)
    x = random_image(19, 22)
    expected = ndimage.convolve(x[0, 0].double().numpy(), weights.numpy(), mode="wrap")
    found = operators.Blur(weights, (19, 22)).forward(x)[0, 0].numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    inside = operators.BlurInside(weights, (13, 12))
    x = random_image(*inside.x_shape[1:])
    (top, left), (h, w) = (reach // 2 for reach in weights.shape), (13, 12)
    expected = ndimage.convolve(x[0, 0].double().numpy(), weights.numpy())[top : top + h, left : left + w]
    np.testing.assert_allclose(inside.forward(x)[0, 0].numpy(), expected, rtol=0, atol=1e-5)
    shown = operators.without_margin(x, inside)
    assert torch.equal(shown, x[..., top : top + h, left : left + w])
    reduced = operators.chain(inside, operators.Resize((13, 12), (6, 6)))
    assert torch.equal(operators.without_margin(x, reduced), shown)
    assert torch.equal(operators.without_margin(x, operators.Gray((13, 12))), x)


def test_a_gaussian_kernel_has_its_deviation_and_a_movement_its_length_and_direction() -> None:
    def moments(kernel: Tensor) -> tuple[float, float, float]:
        reach = kernel.shape[0] // 2
        place = torch.arange(-reach, reach + 1, dtype=torch.float64)
        assert kernel.sum().item() == pytest.approx(1)
        across, down = kernel.sum(0), kernel.sum(1)
        both = (kernel * place[:, None] * place).sum()
        return (across * place**2).sum().item(), (down * place**2).sum().item(), both.item()

    x2, y2, xy = moments(gaussian_kernel(2.0))
    assert (x2**0.5, y2**0.5, xy) == pytest.approx((1.97, 1.97, 0), abs=0.02)
    # A uniform line of length L has L^2 / 12; sharing each place between two pixels adds at most a quarter.
    x2, y2, xy = moments(motion_kernel(20, 0))
    assert 20**2 / 12 <= x2 <= 20**2 / 12 + 0.25
    assert y2 == pytest.approx(0, abs=1e-12)
    x2, y2, xy = moments(motion_kernel(20, 45))
    assert x2 == pytest.approx(y2)
    assert xy < -0.9 * 20**2 / 24  # up to the right: rows count downwards


def test_jpeg_is_what_pillow_leaves_and_has_a_gradient() -> None:
    smooth = torch.nn.functional.interpolate(random_image(4, 5), size=(32, 48), mode="bicubic").clamp(0, 1)
    found = Jpeg(coding_of(50), (32, 48)).forward(smooth)
    file = io.BytesIO()
    bytes_ = (smooth[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(bytes_).save(file, "jpeg", quality=50)
    expected = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1)[None] / 255
    assert (found - expected).abs().mean() < 1.5 / 255
    x = (0.2 + 0.6 * smooth).requires_grad_()
    (Jpeg(coding_of(50), (32, 48)).forward(x) * random_image(32, 48)).sum().backward()
    assert x.grad is not None
    assert (x.grad.abs() > 1e-3).float().mean() > 0.9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: operators.Blur(torch.ones(4, 3) / 12, (9, 9)),
            "has odd sides, so .*; got 3x4",
        ),
        (
            lambda: operators.Blur(torch.ones(3, 11) / 33, (9, 9)),
            "11x3 .w x h., larger than .* 9x9",
        ),
        (lambda: operators.Resize((8, 8), (4, 4), kernel="lanczos"), "'bicubic' or 'area', got 'lanczos'"),
        (lambda: gaussian_kernel(0), "above 0 and up to 100 pixels, got 0"),
        (lambda: motion_kernel(0.5, 0), "1 to 400 pixels long, got 0.5"),
        (lambda: operators.chain(), "at least one operator"),
        (
            lambda: operators.chain(operators.Gray((8, 8)), Jpeg(coding_of(50), (8, 8))),
            r"Gray gives pictures of \(1, 8, 8\) .c, h, w., but Jpeg, which comes next, takes \(3, 8, 8\)",
        ),
    ],
)
def test_what_does_not_fit_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_the_contract_finds_what_is_wrong() -> None:
    class Doubled(operators.Hole):
        def adjoint(self, y: Tensor) -> Tensor:
            return 2 * super().adjoint(y)

    with pytest.raises(AssertionError, match=r"<A x, y> is not <x, A\^T y>: off by"):
        testing.check_operator(Doubled(random_hole(7, 5)))


def twice(right: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda self, r: 2 * right(self, r)


def of_the_known(right: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda self, r: r - right(self, r)


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_contract: [
            wrong(operators.Resize.adjoint, twice, "doubled"),
            wrong(operators.Hole.forward, of_the_known, "the hole is kept"),
            wrong(operators.Hole.adjoint, of_the_known, "the hole is kept"),
            edited(eigenbasis._divided, "spectrum / (values + damping)", "spectrum / (values + damping**2)"),
            edited(operators.Resize.__init__, "row_values[:, None] * column", "row_values[:, None] + column"),
            wrong(operators.Hole.solve, lambda right: lambda self, r, damping: r, "damping is ignored"),
            edited(operators.Blur.adjoint, "self._response.conj()", "self._response"),
            edited(operators.Blur.__init__, "abs().square()", "abs()"),
            edited(operators.Gray.adjoint, "return y * self._weights", "return y"),
            edited(operators.Gray.__init__, "self._weights.square().sum()", "self._weights.sum()"),
            edited(operators.LinearChain.solve, "self.adjoint(s)) + damping * s", "self.adjoint(s))"),
            edited(
                conjugate_gradients, "preconditioned + energy / before", "preconditioned - energy / before"
            ),
        ],
        check_posterior_mean: [
            wrong(
                consistent, lambda right: lambda x0, y, A, damping=0.0: right(x0, y, A), "damping is ignored"
            ),
            edited(consistent, "solve(y - operator.forward(x0), damping)", "solve(y, damping)"),
            wrong(
                consistent,
                lambda right: lambda x0, y, A, damping=0.0: right(x0, y, A, damping) - x0,
                "the correction alone",
            ),
        ],
        check_agreement: [
            edited(eigenbasis._divided, "spectrum / values, 0)", "spectrum, 0)"),
            edited(
                consistent, "operator.solve(y - operator.forward(x0), damping)", "y - operator.forward(x0)"
            ),
        ],
        check_resizing: [
            edited(
                operators._resize_matrix,
                "return resize(columns, (small, large))",
                "return 1.01 * resize(columns, (small, large))",
            ),
        ],
    }
)
