"""Noise levels for samplers."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import edited, mutant_tests, wrong

from restore.diffusion import schedule as schedules
from restore.diffusion.sigmas import (
    climbing,
    even_t,
    karras,
    log_sigma,
    network_calls,
    repaint,
    repaint_sigmas,
)

quick = settings(max_examples=40)


def check_repaint() -> None:
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


def check_sigmas() -> None:
    """Known levels."""
    assert log_sigma(1.0, 0.01, 3) == pytest.approx([1.0, 0.1, 0.01, 0.0])
    middle = ((1.0 + 0.01 ** (1 / 7)) / 2) ** 7
    assert karras(1.0, 0.01, 3) == pytest.approx([1.0, middle, 0.01, 0.0])
    schedule = schedules.linear(11)
    levels = schedule.sigmas.tolist()
    assert even_t(schedule, 3) == [levels[10], levels[5], levels[0], 0.0]
    assert even_t(schedule, 4) == [*(levels[t] for t in (10, 7, 3, 0)), 0.0]  # 6.67 and 3.33, rounded
    assert even_t(schedule, 1) == [levels[10], 0.0]
    assert even_t(schedule, 11) == [*levels[::-1], 0.0]


@pytest.mark.parametrize("check", [check_repaint, check_sigmas])
def test_right_functions_pass(check: Callable[[], None]) -> None:
    check()


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
def test_sigmas_meet_their_ends(sigma_min: float, ratio: float, n: int, rho: float) -> None:
    top = sigma_min * ratio
    for sigmas in (log_sigma(top, sigma_min, n), karras(top, sigma_min, n, rho)):
        assert_falls_to_zero(sigmas, n)
        assert sigmas[0] == top
        assert n == 1 or sigmas[-2] == sigma_min


@quick
@given(name=st.sampled_from(sorted(schedules.SCHEDULES)), steps=st.integers(1, 200), data=st.data())
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
        (lambda: climbing([1.0, 2.0, 0.0], 1, 2), "fall all the way to 0"),
        (lambda: climbing([2.0, 1.0], 1, 2), "fall all the way to 0"),
    ],
)
def test_impossible_sigmas_say_why(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def steps_by_stacking(t_T: int, jump_length: int, jump_repeats: int) -> list[int]:
    """RePaint's timesteps, written another way: unfold the highest stretch, then those below it."""
    timesteps = list(range(t_T - 1, -1, -1))
    for foot in reversed(range(0, t_T - jump_length, jump_length)):
        at = timesteps.index(foot)
        loop = [*range(foot + 1, foot + jump_length + 1), *range(foot + jump_length - 1, foot - 1, -1)]
        timesteps[at + 1 : at + 1] = loop * (jump_repeats - 1)
    return [*timesteps, -1]


@quick
@given(t_T=st.integers(2, 60), data=st.data(), jump_repeats=st.integers(1, 5))
def test_repaint_steps_as_published(t_T: int, data: st.DataObject, jump_repeats: int) -> None:
    jump_length = data.draw(st.integers(1, t_T - 1))
    timesteps = repaint(t_T, jump_length, jump_repeats)
    assert timesteps == steps_by_stacking(t_T, jump_length, jump_repeats)
    assert timesteps[0] == t_T - 1
    assert timesteps[-1] == -1
    assert {abs(after - before) for before, after in pairwise(timesteps)} == {1}
    feet = len(range(0, t_T - jump_length, jump_length))
    assert network_calls(timesteps) == t_T + feet * jump_length * (jump_repeats - 1)


def test_climbing_keeps_the_levels() -> None:
    assert climbing([4.0, 3.0, 2.0, 1.0, 0.0], 2, 2) == [4, 3, 2, 1, 2, 3, 2, 1, 0]
    assert climbing([4.0, 3.0, 2.0, 1.0, 0.0], 2, 1) == [4, 3, 2, 1, 0]
    schedule = schedules.linear(7)
    timesteps = [schedule.sigmas[t].item() if t >= 0 else 0.0 for t in repaint(7, 2, 3)]
    assert repaint_sigmas(schedule, 7, 2, 3) == timesteps


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_repaint: [
            wrong(
                repaint,
                lambda right: lambda t_T, length, repeats: right(t_T, length, repeats + 1),
                "one repeat more",
            ),
            edited(repaint, "t + jump_length + 1", "t + jump_length"),
            edited(repaint, "range(0, t_T - jump_length, jump_length)", "range(0, t_T, jump_length)"),
        ],
        check_sigmas: [
            edited(even_t, "last / max(n - 1, 1)", "last / n"),
            edited(even_t, "round(i", "int(i"),
            edited(karras, "into=lambda v: v ** (1 / rho)", "into=lambda v: v"),
            edited(log_sigma, "into=math.log, back=math.exp", "into=float, back=float"),
        ],
    }
)
