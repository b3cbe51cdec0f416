"""Schedules, coordinates, predictions and ladders."""

from __future__ import annotations

import dataclasses
import math
from itertools import pairwise
from types import ModuleType

import pytest
import torch
from gaussian_oracle import generator_noise
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from restore.diffusion import schedule as schedules
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
from restore.diffusion.sigmas import (
    climbing,
    even_t,
    karras,
    log_sigma,
    network_calls,
    repaint,
    repaint_sigmas,
)

NAMES = sorted(schedules.SCHEDULES)
KINDS = ("eps", "x0", "v")
quick = settings(max_examples=40)
sigmas_01 = st.floats(1e-3, 100)


def pictures(seed: int = 0, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- checks shared with the mutants ---------------------------------------------------------------


def check_coordinates(schedules: ModuleType) -> None:
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


def check_forward_process(schedules: ModuleType) -> None:
    """The closed form is what the single steps sqrt(1 - beta) x + sqrt(beta) eps add up to."""
    schedule = schedules.linear(20, start=0.01, end=0.3)
    signal, variance = 1.0, 0.0
    for step, beta in enumerate(schedule.betas.tolist()):
        signal, variance = signal * math.sqrt(1 - beta), variance * (1 - beta) + beta
        t = torch.tensor([step])
        one, zero = torch.ones(1, 3, 2, 2, dtype=torch.float64), torch.zeros(1, 3, 2, 2, dtype=torch.float64)
        assert schedules.add_noise(schedule, one, zero, t).unique().item() == pytest.approx(signal, rel=1e-12)
        spread = schedules.add_noise(schedule, zero, one, t).unique().item()
        assert spread**2 == pytest.approx(variance, rel=1e-12)


def check_posterior(schedules: ModuleType) -> None:
    """q(x_{t-1} | x_t, x0) is Bayes' rule for two Gaussians, by their precisions."""
    schedule = schedules.cosine(12)
    posterior, abar = schedule.posterior, schedule.alphas_cumprod
    for t in range(1, 12):
        beta, before = schedule.betas[t].item(), abar[t - 1].item()
        precision = (1 - beta) / beta + 1 / (1 - before)
        assert posterior.variance[t].item() == pytest.approx(1 / precision, rel=1e-9)
        assert posterior.log_variance[t].item() == pytest.approx(-math.log(precision), rel=1e-9)
        assert posterior.x_t_weight[t].item() == pytest.approx(
            math.sqrt(1 - beta) / beta / precision, rel=1e-9
        )
        assert posterior.x0_weight[t].item() == pytest.approx(
            math.sqrt(before) / (1 - before) / precision, rel=1e-9
        )


def check_conversions(schedules: ModuleType) -> None:
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


def check_repaint(schedules: ModuleType) -> None:
    """The published settings cost what the paper's code costs."""
    schedule = schedules.linear()
    for setting, calls, climbs in (
        ((250, 10, 10), 2410, 2160),
        ((100, 10, 4), 370, 270),
        ((50, 5, 3), 140, 90),
        ((20, 10, 2), 30, 10),
    ):
        sigmas = repaint_sigmas(schedule, *setting)
        assert network_calls(sigmas) == calls
        assert sum(below > sigma for sigma, below in pairwise(sigmas)) == climbs


def check_ladders(schedules: ModuleType) -> None:
    """Known rungs."""
    assert log_sigma(1.0, 0.01, 3) == pytest.approx([1.0, 0.1, 0.01, 0.0])
    middle = ((1.0 + 0.01 ** (1 / 7)) / 2) ** 7
    assert karras(1.0, 0.01, 3) == pytest.approx([1.0, middle, 0.01, 0.0])
    schedule = schedules.linear(11)
    rungs = schedule.sigmas.tolist()
    assert even_t(schedule, 3) == [rungs[10], rungs[5], rungs[0], 0.0]
    assert even_t(schedule, 1) == [rungs[10], 0.0]
    assert even_t(schedule, 11) == [*rungs[::-1], 0.0]


@pytest.mark.parametrize(
    "check",
    [
        check_coordinates,
        check_forward_process,
        check_posterior,
        check_conversions,
        check_repaint,
        check_ladders,
    ],
)
def test_schedule(check) -> None:
    check(schedules)


# --- schedules ------------------------------------------------------------------------------------


@quick
@given(name=st.sampled_from(NAMES), steps=st.integers(1, 300))
def test_noise_only_grows(name: str, steps: int) -> None:
    schedule = schedules.named(name, steps)
    assert schedule.steps == steps == len(schedule.sigmas)
    for values in (schedule.betas, schedule.alphas_cumprod, schedule.sigmas, schedule.log_snr):
        assert values.dtype == torch.float64
        assert torch.isfinite(values).all()
    assert ((schedule.betas > 0) & (schedule.betas < 1)).all()
    assert (schedule.alphas_cumprod.diff() < 0).all()
    assert (schedule.sigmas.diff() > 0).all()
    assert (schedule.log_snr.diff() < 0).all()
    torch.testing.assert_close(
        alphas_cumprod_of(schedule.sigmas), schedule.alphas_cumprod, rtol=1e-12, atol=0
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_thousand_steps_hide_the_picture(name: str) -> None:
    schedule = schedules.named(name, 1000)
    assert schedule.alphas_cumprod[-1] < 1e-4
    assert schedule.alphas_cumprod[0] > 0.98


def test_schedules_by_their_formulas() -> None:
    assert schedules.linear(3, 0.1, 0.3).betas.tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert schedules.exponential(3, 0.01, 0.25).betas.tolist() == pytest.approx([0.01, 0.05, 0.25])
    assert schedules.constant(3, 0.2).betas.tolist() == [0.2] * 3
    half = (math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    assert schedules.cosine(2).betas.tolist() == pytest.approx([1 - half, 0.999])
    assert schedules.sigmoid(2).betas.tolist() == pytest.approx([0.5, 0.999])  # half-way at its centre
    assert schedules.linear(1000).sigmas[0] == pytest.approx(0.5 * math.sqrt(1e-4 / (1 - 1e-4)))


def test_named_takes_options() -> None:
    assert schedules.named("constant", 4, beta=0.5).betas.tolist() == [0.5] * 4
    with pytest.raises(ValueError, match="no schedule 'quadratic'; choose one of linear, cosine, sigmoid"):
        schedules.named("quadratic", 10)
    with pytest.raises(ValueError, match="the linear schedule has no option 'beta'; it has start, end"):
        schedules.named("linear", 10, beta=0.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.Schedule(torch.zeros(0)), r"at least one number; got shape \(0,\)"),
        (lambda: schedules.Schedule(torch.full((2, 2), 0.5)), r"got shape \(2, 2\)"),
        (lambda: schedules.constant(5, 0.0), "between 0 and 1; got 0 at step 0 of 5"),
        (lambda: schedules.linear(3, 0.5, 1.5), "got 1 at step 1 of 3"),
        (lambda: schedules.constant(5, math.nan), "got nan at step 0 of 5"),
        (lambda: schedules.constant(1000, 0.999), "1000 betas of 0.999 on average leave no signal"),
        (lambda: schedules.cosine(0), "steps must be at least 1; got 0"),
        (lambda: schedules.exponential(5, 0.0, 0.5), "start and end must lie strictly between 0 and 1"),
        (lambda: schedules.sigmoid(5, 3, -3), "needs start < end and tau > 0; got 3, -3 and 1"),
    ],
)
def test_impossible_schedules_say_why(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_schedule_is_its_own() -> None:
    betas = torch.full((3,), 0.5)
    schedule = schedules.Schedule(betas)
    betas.zero_()
    assert schedule.betas.tolist() == [0.5] * 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        schedule.betas = betas


def test_posterior_has_a_finite_start() -> None:
    posterior = schedules.linear(10).posterior
    assert posterior.variance[0] == 0
    assert posterior.log_variance[0] == posterior.log_variance[1]
    assert (posterior.x0_weight[0].item(), posterior.x_t_weight[0].item()) == pytest.approx((1, 0))
    assert schedules.constant(1, 0.3).posterior.log_variance.tolist() == pytest.approx([math.log(0.3)])


def test_posterior_mean_weighs_each_picture_by_its_timestep() -> None:
    schedule = schedules.linear(10, 0.1, 0.5)
    x0, x_t = pictures(1), pictures(2)
    t = torch.tensor([0, 7])
    mean = schedules.posterior_mean(schedule, x0, x_t, t)
    torch.testing.assert_close(mean[0], x0[0])
    weights = schedule.posterior.x0_weight[7], schedule.posterior.x_t_weight[7]
    torch.testing.assert_close(mean[1], weights[0] * x0[1] + weights[1] * x_t[1])


@pytest.mark.parametrize("t", [[-1, 3], [0, 10]])
def test_timesteps_outside_the_schedule_are_refused(t: list[int]) -> None:
    x0 = pictures()
    with pytest.raises(ValueError, match=rf"timesteps must lie in 0..9; got {min(t)}..{max(t)}"):
        schedules.add_noise(schedules.linear(10), x0, x0, torch.tensor(t))


@given(steps=st.integers(1, 50), data=st.data())
@quick
def test_nearest_timestep_finds_each_rung(steps: int, data: st.DataObject) -> None:
    schedule = schedules.cosine(steps)
    t = torch.tensor([data.draw(st.integers(0, steps - 1))])
    near = schedule.sigmas[t] * data.draw(st.floats(0.999, 1.001))
    assert schedules.nearest_timestep(schedule, near).equal(t)
    assert schedules.nearest_timestep(schedule, torch.tensor([1e-9, 1e9])).tolist() == [0, steps - 1]


# --- coordinates and predictions ------------------------------------------------------------------


@quick
@given(sigma=sigmas_01)
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


@pytest.mark.parametrize("convert", ["x0_from", "eps_from", "v_from", "target"])
def test_an_unknown_prediction_is_refused(convert: str) -> None:
    with pytest.raises(ValueError, match="no prediction 'score'; choose one of eps, x0, v"):
        getattr(schedules, convert)("score", pictures(), pictures(), 0.6, 0.8)


# --- ladders --------------------------------------------------------------------------------------


def assert_falls_to_zero(sigmas: list[float], n: int) -> None:
    assert len(sigmas) == n + 1
    assert sigmas[-1] == 0.0
    assert all(below < sigma for sigma, below in pairwise(sigmas))
    assert network_calls(sigmas) == n


@quick
@given(
    sigma_min=st.floats(1e-4, 0.1),
    ratio=st.floats(1.01, 1000),
    n=st.integers(1, 60),
    rho=st.floats(0.5, 10),
)
def test_ladders_meet_their_ends(sigma_min: float, ratio: float, n: int, rho: float) -> None:
    top = sigma_min * ratio
    for sigmas in (log_sigma(top, sigma_min, n), karras(top, sigma_min, n, rho)):
        assert_falls_to_zero(sigmas, n)
        assert sigmas[0] == top
        assert n == 1 or sigmas[-2] == sigma_min


@quick
@given(name=st.sampled_from(NAMES), steps=st.integers(1, 200), data=st.data())
def test_even_t_visits_the_schedule(name: str, steps: int, data: st.DataObject) -> None:
    schedule = schedules.named(name, steps)
    n = data.draw(st.integers(1, steps))
    sigmas = even_t(schedule, n)
    assert_falls_to_zero(sigmas, n)
    timesteps = [schedule.sigmas.tolist().index(sigma) for sigma in sigmas[:-1]]
    gaps = [high - low for high, low in pairwise(timesteps)]
    assert timesteps[0] == steps - 1
    assert n == 1 or timesteps[-1] == 0
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: even_t(schedules.linear(10), 11), "1 to 10 steps; got 11"),
        (lambda: even_t(schedules.linear(10), 0), "1 to 10 steps; got 0"),
        (lambda: log_sigma(1.0, 0.1, 0), "n must be at least 1; got 0"),
        (lambda: log_sigma(0.1, 1.0, 5), "sigma_max > sigma_min > 0; got 0.1 and 1.0"),
        (lambda: karras(1.0, 0.0, 5), "sigma_max > sigma_min > 0; got 1.0 and 0.0"),
        (lambda: karras(math.nan, 0.1, 5), "got nan and 0.1"),
        (lambda: karras(1.0, 0.1, 5, rho=0), "rho must be positive; got 0"),
        (lambda: repaint(10, 10, 2), "1..9 when t_T is 10; got 10"),
        (lambda: repaint(10, 0, 2), "1..9 when t_T is 10; got 0"),
        (lambda: repaint(10, 2, 0), "jump_repeats must be at least 1; got 0"),
        (lambda: climbing([1.0, 2.0, 0.0], 1, 2), "falls all the way to 0"),
        (lambda: climbing([2.0, 1.0], 1, 2), "falls all the way to 0"),
    ],
)
def test_impossible_ladders_say_why(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def walk_by_stacking(t_T: int, jump_length: int, jump_repeats: int) -> list[int]:
    """RePaint's walk, written another way: unfold the highest stretch, then those below it."""
    walk = list(range(t_T - 1, -1, -1))
    for foot in reversed(range(0, t_T - jump_length, jump_length)):
        at = walk.index(foot)
        loop = [*range(foot + 1, foot + jump_length + 1), *range(foot + jump_length - 1, foot - 1, -1)]
        walk[at + 1 : at + 1] = loop * (jump_repeats - 1)
    return [*walk, -1]


@quick
@given(t_T=st.integers(2, 60), data=st.data(), jump_repeats=st.integers(1, 5))
def test_repaint_walks_as_published(t_T: int, data: st.DataObject, jump_repeats: int) -> None:
    jump_length = data.draw(st.integers(1, t_T - 1))
    walk = repaint(t_T, jump_length, jump_repeats)
    assert walk == walk_by_stacking(t_T, jump_length, jump_repeats)
    assert walk[0] == t_T - 1
    assert walk[-1] == -1
    assert {abs(after - before) for before, after in pairwise(walk)} == {1}
    feet = len(range(0, t_T - jump_length, jump_length))
    assert network_calls(walk) == t_T + feet * jump_length * (jump_repeats - 1)


def test_climbing_keeps_the_rungs() -> None:
    assert climbing([4.0, 3.0, 2.0, 1.0, 0.0], 2, 2) == [4, 3, 2, 1, 2, 3, 2, 1, 0]
    assert climbing([4.0, 3.0, 2.0, 1.0, 0.0], 2, 1) == [4, 3, 2, 1, 0]
    schedule = schedules.linear(7)
    walk = [schedule.sigmas[t].item() if t >= 0 else 0.0 for t in repaint(7, 2, 3)]
    assert repaint_sigmas(schedule, 7, 2, 3) == walk
