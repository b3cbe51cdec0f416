"""Schedules and the closed-form diffusion process."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import edited, mutant_tests
from torch import Tensor

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import alphas_cumprod_of

NAMES = sorted(schedules.SCHEDULES)
quick = settings(max_examples=40)


def pictures(seed: int = 0, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 4, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def check_forward_process() -> None:
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


def check_posterior() -> None:
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


@pytest.mark.parametrize("check", [check_forward_process, check_posterior])
def test_right_functions_pass(check: Callable[[], None]) -> None:
    check()


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
    assert schedule.alphas_cumprod[-1] < (5e-3 if name == "scaled-linear" else 1e-4)
    assert schedule.alphas_cumprod[0] > 0.98


def test_schedules_by_their_formulas() -> None:
    assert schedules.linear(3, 0.1, 0.3).betas.tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert schedules.exponential(3, 0.01, 0.25).betas.tolist() == pytest.approx([0.01, 0.05, 0.25])
    assert schedules.constant(3, 0.2).betas.tolist() == [0.2] * 3
    assert schedules.scaled_linear(3, 0.01, 0.09).betas.tolist() == pytest.approx([0.01, 0.04, 0.09])
    # Lin et al. (2024), algorithm 1, in its own words
    root = schedules.linear(10, 0.1, 0.3).alphas_cumprod.sqrt()
    moved = (root - root[-1]) * root[0] / (root[0] - root[-1])
    found = schedules.zero_terminal_snr(10, 0.1, 0.3).alphas_cumprod
    assert found[:-1].tolist() == pytest.approx((moved**2)[:-1].tolist())
    assert found[-1].item() == pytest.approx(1e-3 * found[-2].item())
    half = (math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)) ** 2
    assert schedules.cosine(2).betas.tolist() == pytest.approx([1 - half, 0.999])
    assert schedules.sigmoid(2).betas.tolist() == pytest.approx([0.5, 0.999])  # half-way at its centre
    assert schedules.linear(1000).sigmas[0] == pytest.approx(0.5 * math.sqrt(1e-4 / (1 - 1e-4)))


def test_betas_of_checkpoints() -> None:
    given = schedules.with_betas("linear", 5, 0.1, 0.2).betas
    assert given.tolist() == schedules.linear(5, 0.1, 0.2).betas.tolist()
    assert schedules.with_betas("linear", 5).betas.tolist() == schedules.linear(5).betas.tolist()
    assert schedules.with_betas("linear", 5, beta_end=0.5).betas[-1] == 0.5
    assert schedules.with_betas("constant", 5, 0.3).betas.tolist() == [0.3] * 5
    with pytest.raises(
        ValueError, match=r"cosine schedule has no use for beta_start and beta_end, got 0 and 0.5"
    ):
        schedules.with_betas("cosine", 5, beta_end=0.5)
    with pytest.raises(ValueError, match=r"constant schedule has no use for beta_end, got 0 and 0.5"):
        schedules.with_betas("constant", 5, beta_end=0.5)


def test_named_takes_options() -> None:
    assert schedules.named("constant", 4, beta=0.5).betas.tolist() == [0.5] * 4
    with pytest.raises(
        ValueError, match="no schedule 'quadratic'; choose one of linear, scaled-linear, cosine, sigmoid"
    ):
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


@pytest.mark.parametrize("t", [[-1, 3], [0, 10]])
def test_timesteps_outside_the_schedule_are_refused(t: list[int]) -> None:
    x0 = pictures()
    with pytest.raises(ValueError, match=rf"timesteps must lie in 0..9; got {min(t)}..{max(t)}"):
        schedules.add_noise(schedules.linear(10), x0, x0, torch.tensor(t))


@given(steps=st.integers(1, 50), data=st.data())
@quick
def test_nearest_timestep_finds_each_timestep(steps: int, data: st.DataObject) -> None:
    schedule = schedules.cosine(steps)
    t = torch.tensor([data.draw(st.integers(0, steps - 1))])
    near = schedule.sigmas[t] * data.draw(st.floats(0.999, 1.001))
    assert schedules.nearest_timestep(schedule, near).equal(t)
    assert schedules.nearest_timestep(schedule, torch.tensor([1e-9, 1e9])).tolist() == [0, steps - 1]


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_forward_process: [
            edited(schedules.signal_and_noise_at, "abar.sqrt(), (1 - abar).sqrt()", "abar, 1 - abar"),
            edited(
                schedules.Schedule.alphas_cumprod.func,
                "torch.cumprod(1 - self.betas, dim=0)",
                "torch.cumprod(1 - self.betas, dim=0).sqrt()",
            ),
        ],
        check_posterior: [
            edited(
                schedules.Schedule.posterior.func,
                "x0_weight=self.betas * before",
                "x0_weight=self.betas * abar",
            ),
            edited(
                schedules.Schedule.posterior.func,
                "variance = self.betas * (1 - before) / (1 - abar)",
                "variance = self.betas.clone()",
            ),
        ],
    }
)
