"""Coordinates and what a network's output means in them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from gaussian_oracle import generator_noise
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import edited, mutant_tests, wrong
from torch import Tensor

from restore.diffusion.coordinates import (
    alphas_cumprod_of,
    eps_from,
    from_network,
    log_snr_of,
    sigma_of,
    sigma_of_log_snr,
    signal_and_noise_of,
    target,
    to_network,
    v_from,
    x0_from,
)

KINDS = ("eps", "x0", "v")
quick = settings(max_examples=40)


def pictures(seed: int = 0, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def check_coordinates() -> None:
    """x in [0, 1] units and x_t in the network's are the same noisy picture."""
    x0, n = pictures(), generator_noise(1)(pictures())
    for sigma in (0.01, 0.25, 0.5, 3.0):
        a = (1 + (2 * sigma) ** 2) ** -0.5
        s = (1 - a**2) ** 0.5
        x_t = a * (2 * x0 - 1) + s * n
        torch.testing.assert_close(to_network(x0 + sigma * n, sigma), x_t, rtol=0, atol=1e-12)
        torch.testing.assert_close(from_network(x_t, sigma), x0 + sigma * n, rtol=0, atol=1e-12)
        assert alphas_cumprod_of(sigma) == pytest.approx(a**2, rel=1e-14)
        assert sigma_of(a**2) == pytest.approx(sigma, rel=1e-9)
        assert signal_and_noise_of(sigma) == pytest.approx((a, s), rel=1e-12)
        assert log_snr_of(sigma) == pytest.approx(math.log(a**2 / s**2), abs=1e-9)
    assert sigma_of(0.5) == 0.5  # as much noise as signal: std 1 in [-1, 1]


def check_conversions() -> None:
    """Every prediction turns into every other, and back, exactly."""
    x0, eps = 2 * pictures() - 1, generator_noise(3)(pictures())
    a, s = signal_and_noise_of(torch.tensor([0.1, 1.5], dtype=torch.float64))
    column_a, column_s = a.reshape(2, 1, 1, 1), s.reshape(2, 1, 1, 1)
    x_t = column_a * x0 + column_s * eps
    truth = {"eps": eps, "x0": x0, "v": column_a * eps - column_s * x0}
    for kind in KINDS:
        torch.testing.assert_close(target(kind, x0, eps, a, s), truth[kind], rtol=0, atol=1e-14)
        for wanted, convert in (
            ("eps", eps_from),
            ("x0", x0_from),
            ("v", v_from),
        ):
            torch.testing.assert_close(
                convert(kind, x_t, truth[kind], a, s), truth[wanted], rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("check", [check_coordinates, check_conversions])
def test_right_functions_pass(check: Callable[[], None]) -> None:
    check()


@quick
@given(sigma=st.floats(1e-3, 100))
def test_coordinates_round_trip(sigma: float) -> None:
    assert sigma_of_log_snr(log_snr_of(sigma)) == pytest.approx(sigma, rel=1e-12)
    tensor = torch.tensor([sigma], dtype=torch.float64)
    both = sigma_of(alphas_cumprod_of(tensor))
    # 1 - abar = 4 sigma^2 / (1 + 4 sigma^2) has lost digits by cancellation, no more than this
    assert both.item() == pytest.approx(sigma, rel=1e-15 / min(sigma, 1) ** 2 + 1e-12)
    assert sigma_of_log_snr(log_snr_of(tensor)).item() == pytest.approx(sigma, rel=1e-12)
    x = pictures()
    back = from_network(to_network(x, tensor), tensor)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-12)


def test_coordinates_take_one_sigma_for_each_picture() -> None:
    x = pictures()
    together = to_network(x, torch.tensor([0.2, 2.0], dtype=torch.float64))
    apart = torch.cat([to_network(x[:1], 0.2), to_network(x[1:], 2.0)])
    torch.testing.assert_close(together, apart, rtol=0, atol=1e-15)
    torch.testing.assert_close(to_network(x, 0.0), 2 * x - 1, rtol=0, atol=0)
    levels = torch.tensor([0.2, 2.0], dtype=torch.float64)
    assert to_network(x.float(), levels).dtype == torch.float32


@quick
@given(sigma=st.floats(0.01, 30), kind=st.sampled_from(KINDS), other=st.sampled_from(KINDS))
def test_predictions_round_trip(sigma: float, kind: str, other: str) -> None:
    convert = {"eps": eps_from, "x0": x0_from, "v": v_from}
    a, s = signal_and_noise_of(sigma)
    x_t, prediction = 2 * pictures(1) - 1, 2 * pictures(2) - 1
    there = convert[other](kind, x_t, prediction, a, s)
    back = convert[kind](other, x_t, there, a, s)
    torch.testing.assert_close(back, prediction, rtol=0, atol=1e-12)


@pytest.mark.parametrize("convert", [x0_from, eps_from, v_from, target], ids=lambda f: f.__name__)
def test_an_unknown_prediction_is_refused(convert: Callable[..., Tensor]) -> None:
    with pytest.raises(ValueError, match="no prediction 'score'; choose one of eps, x0, v"):
        convert("score", pictures(), pictures(), 0.6, 0.8)


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_coordinates: [
            wrong(
                to_network, lambda right: lambda x, sigma: right(x, sigma) / 2, "not from [0, 1] to [-1, 1]"
            ),
            edited(alphas_cumprod_of, "4 * sigma * sigma", "sigma * sigma"),
            wrong(sigma_of, lambda right: lambda abar: 2 * right(abar), "in [-1, 1] units"),
            edited(signal_and_noise_of, "2 * sigma * a", "sigma * a"),
        ],
        check_conversions: [
            edited(x0_from, "return a * x_t - s * prediction", "return a * x_t + s * prediction"),
            edited(eps_from, "return s * x_t + a * prediction", "return a * x_t + s * prediction"),
        ],
    }
)
