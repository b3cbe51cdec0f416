"""Samplers against the closed forms of a Gaussian prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from gaussian_oracle import GaussianPrior, assert_moments, generator_noise
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import edited, mutant_tests, wrong
from torch import Tensor

import restore
from restore.diffusion import dpm_solver, langevin, samplers, updates
from restore.diffusion import schedule as schedules
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import climbing, karras, log_sigma, network_calls, repaint_sigmas
from restore.errors import NumbersError
from restore.testing import tiny_prior
from restore.types import Denoiser, Rng

PRIOR = GaussianPrior(mean=0.4, std=0.2)
MANY = torch.zeros(2, 3, 64, 64, dtype=torch.float64)
COARSE = [2.0, 0.6, 0.2, 0.45, 0.1]  # climbs once and stops above 0
DETERMINISTIC = ("ddim", "heun", "dpmpp-2m")


def tiny(seed: int = 0) -> Tensor:
    return generator_noise(seed)(torch.zeros(1, 3, 4, 4))


def forgetful(multistep: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """A multistep sampler that takes every step as its first."""

    def run(denoise: Denoiser, x: Tensor, sigmas: list[float], *, rng: Rng) -> Tensor:
        for pair in pairwise(sigmas):
            x = multistep(denoise, x, pair, rng=rng)
        return x

    return run


# --- checks shared with the mutants ---------------------------------------------------------------


def check_exact_draws() -> None:
    """Given draws of x0 from p(x0 | x), every step keeps the exact distribution, however coarse."""
    samplings: list[Callable[..., Tensor]] = [
        lambda *args, **kw: samplers.ddim(*args, eta=0.0, **kw),
        lambda *args, **kw: samplers.ddim(*args, eta=0.6, **kw),
        lambda *args, **kw: samplers.ddim(*args, eta=1.0, **kw),
        lambda *args, **kw: samplers.ddpm(*args, variance="small", **kw),
        lambda *args, **kw: forgetful(samplers.dpmpp_2m_sde)(*args, **kw),
    ]
    draws = PRIOR.posterior_draws(generator_noise(1))
    for run in samplings:
        x = PRIOR.noisy(COARSE[0], generator_noise(2), like=MANY)
        x = run(draws, x, COARSE, rng=seeded_rng(0))
        assert_moments(x, mean=PRIOR.mean, variance=PRIOR.std**2 + COARSE[-1] ** 2)


def check_large_variance() -> None:
    """The large variance is the exact one when the prior is N(0, 1) in [-1, 1], at any noise levels."""
    prior = GaussianPrior(mean=0.5, std=0.5)
    x = prior.noisy(COARSE[0], generator_noise(3), like=MANY)
    x = samplers.ddpm(prior.denoise, x, COARSE, variance="large", rng=seeded_rng(0))
    assert_moments(x, mean=0.5, variance=0.25 + COARSE[-1] ** 2)


class Learned:
    """The oracle that also knows the exact reverse variance of each step between given noise levels."""

    def __init__(self, prior: GaussianPrior, sigmas: list[float]):
        self.prior = prior
        self.below = {sigma: below for sigma, below in pairwise(sigmas) if below < sigma}

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.prior.denoise(x, sigma)

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        below = self.below[sigma]
        small = below**2 * (1 - below**2 / sigma**2)
        # Var[x' | x] = small + (the weight of x0 in the mean)^2 Var[x0 | x]
        exact = small + (1 - below**2 / sigma**2) ** 2 * self.prior.posterior_variance(sigma)
        abar, abar_below = 1 / (1 + 4 * sigma**2), 1 / (1 + 4 * below**2)
        large = (1 - abar / abar_below) / abar_below / 4  # beta, in the units of x'
        between = 0.0 if below == 0 else math.log(exact / small) / math.log(large / small)
        return self(x, sigma), torch.full_like(x, between)


def check_learned_variance() -> None:
    """With the exact reverse variance five steps are enough for the exact prior."""
    sigmas = [3.0, 1.0, 0.4, 0.8, 0.1]
    denoise = Learned(PRIOR, sigmas)
    x = PRIOR.noisy(sigmas[0], generator_noise(4), like=MANY)
    x = samplers.ddpm(denoise, x, sigmas, variance="learned", rng=seeded_rng(0))
    assert_moments(x, mean=PRIOR.mean, variance=PRIOR.std**2 + sigmas[-1] ** 2)


def check_ancestral_prior() -> None:
    """From pure noise to clean pictures with the posterior mean: the prior's own mean and variance.

    With n steps the small variance is too small by O(1/n); the exact recursion of the variance says how
    much, and the result must follow it within standard errors and be within 2 % of the prior.
    """
    sigmas = log_sigma(10.0, 0.002, 500)
    v = PRIOR.std**2 + sigmas[0] ** 2
    for sigma, below in pairwise(sigmas):
        keep = (below / sigma) ** 2 + (1 - (below / sigma) ** 2) * PRIOR.std**2 / (PRIOR.std**2 + sigma**2)
        v = keep**2 * v + (below / sigma) ** 2 * (sigma**2 - below**2)
    assert v == pytest.approx(PRIOR.std**2, rel=0.02)
    like = MANY[:, :, :48, :48]
    for run in (lambda *a, **k: samplers.ddim(*a, eta=1.0, **k), samplers.ddpm):
        x = PRIOR.noisy(sigmas[0], generator_noise(5), like=like)
        x = run(PRIOR.denoise, x, sigmas, rng=seeded_rng(0))
        assert_moments(x, mean=PRIOR.mean, variance=v)


def check_langevin() -> None:
    """Annealed Langevin follows the exact recursion of its variance, and ends near the prior's."""
    for per_level, n in ((3, 40), (10, 10)):
        sigmas = log_sigma(1.0, 0.01, n)
        v = PRIOR.std**2 + sigmas[0] ** 2
        for sigma, below in pairwise(sigmas[:-1]):
            known = PRIOR.std**2 / (PRIOR.std**2 + sigma**2)
            kept = known + below / sigma * (1 - known)
            for _ in range(per_level - 1):
                v = kept**2 * v + sigma**2 - below**2
            v *= kept**2
        v *= (PRIOR.std**2 / (PRIOR.std**2 + 0.01**2)) ** 2  # the last call: the posterior mean
        assert v == pytest.approx(PRIOR.std**2, rel=0.25)
        x = PRIOR.noisy(sigmas[0], generator_noise(6), like=MANY[:, :, :48, :48])
        x = langevin.annealed_langevin(PRIOR.denoise, x, sigmas, rng=seeded_rng(0), per_level=per_level)
        assert_moments(x, mean=PRIOR.mean, variance=v)


def order(run: Callable[..., Tensor], levels: Callable[[int], list[float]]) -> float:
    """Order of convergence to the probability flow: minus the slope of log error against log n."""
    x = PRIOR.mean + 1.5 * tiny()
    points = []
    for n in (40, 80, 160, 320):
        sigmas = levels(n)
        exact = PRIOR.flow(x, sigmas[0], sigmas[-1])
        error = (run(PRIOR.denoise, x, sigmas) - exact).abs().max().item()
        points.append((math.log(n), math.log(error)))
    slopes = [(a[1] - b[1]) / (b[0] - a[0]) for a, b in pairwise(points)]
    assert max(slopes) - min(slopes) < 0.15, f"not in the range where an order shows: {slopes}"
    return sum(slopes) / len(slopes)


def check_orders() -> None:
    """DDIM converges with order 1, Heun and DPM-Solver++(2M) with order 2, with uneven steps too."""

    def limping(n: int) -> list[float]:
        """Every other step, in log sigma, is three times as long."""
        fine = log_sigma(2.0, 0.02, 2 * n + 1)[:-1]
        return [sigma for i, sigma in enumerate(fine) if i % 4 in (0, 1)]

    spacings = (
        lambda n: log_sigma(2.0, 0.02, n + 1)[:-1],
        lambda n: karras(2.0, 0.02, n + 1, rho=3.0)[:-1],
        limping,
    )
    for levels in spacings:
        assert order(samplers.ddim, levels) == pytest.approx(1, abs=0.1)
        assert order(samplers.heun, levels) == pytest.approx(2, abs=0.1)
        assert order(samplers.dpmpp_2m, levels) == pytest.approx(2, abs=0.1)


def check_ddim_is_ddpm() -> None:
    """With eta = 1 and the same noise, DDIM is DDPM with the small variance, number by number."""
    x = tiny()
    ddim = samplers.ddim(PRIOR.denoise, x, COARSE, eta=1.0, rng=generator_noise(7))
    ddpm = samplers.ddpm(PRIOR.denoise, x, COARSE, variance="small", rng=generator_noise(7))
    torch.testing.assert_close(ddim, ddpm, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "check",
    [
        check_exact_draws,
        check_large_variance,
        check_learned_variance,
        check_ancestral_prior,
        check_langevin,
        check_orders,
        check_ddim_is_ddpm,
    ],
)
def test_right_samplers_pass(check: Callable[[], None]) -> None:
    check()


# --- single steps and whole runs -----------------------------------------------------------------


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_many_steps_reach_the_closed_form(name: str) -> None:
    sigmas = karras(5.0, 0.002, 400)
    x = PRIOR.mean + 5 * tiny()
    result = samplers.SAMPLERS[name](PRIOR.denoise, x, sigmas)
    torch.testing.assert_close(result, PRIOR.flow(x, 5.0, 0.0), rtol=0, atol=4e-3 if name == "ddim" else 2e-5)


@pytest.mark.parametrize("name", sorted(samplers.SAMPLERS))
def test_one_step_to_zero_is_the_posterior_mean(name: str) -> None:
    x = tiny()
    result = samplers.SAMPLERS[name](PRIOR.denoise, x, [0.3, 0.0], rng=seeded_rng(0))
    torch.testing.assert_close(result, PRIOR.denoise(x, 0.3), rtol=0, atol=1e-15)


def test_dpmpp_first_step_is_ddim() -> None:
    x = tiny()
    ours = samplers.dpmpp_2m(PRIOR.denoise, x, [0.5, 0.2])
    torch.testing.assert_close(ours, samplers.ddim(PRIOR.denoise, x, [0.5, 0.2]), rtol=0, atol=1e-15)


def test_dpmpp_second_step_by_hand() -> None:
    answers = [torch.full((1, 3, 1, 1), value, dtype=torch.float64) for value in (0.5, 0.8)]
    calls = iter(answers)
    x = torch.zeros(1, 3, 1, 1, dtype=torch.float64)
    result = samplers.dpmpp_2m(lambda x, sigma: next(calls), x, [0.8, 0.4, 0.1])
    first = 0.5 * 0.0 + 0.5 * 0.5  # half-way to the first answer
    ahead = 0.8 + (0.8 - 0.5) * math.log(4) / (2 * math.log(2))
    torch.testing.assert_close(result, torch.full_like(x, ahead + 0.25 * (first - ahead)))


def test_dpmpp_forgets_at_a_climb() -> None:
    x = tiny()
    before = samplers.dpmpp_2m(PRIOR.denoise, x, [0.8, 0.4, 0.2])
    after = samplers.dpmpp_2m(PRIOR.denoise, before, [0.5, 0.3, 0.1])
    whole = samplers.dpmpp_2m(PRIOR.denoise, x, [0.8, 0.4, 0.2, 0.5, 0.3, 0.1], rng=torch.zeros_like)
    torch.testing.assert_close(whole, after, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["ddim", "ddpm", "heun", "dpmpp-2m", "dpmpp-2m-sde"])
def test_a_climb_renoises_without_a_call(name: str) -> None:
    def refuse(x: Tensor, sigma: float) -> Tensor:
        raise AssertionError("no network call on the way up")

    x = tiny()
    up = samplers.SAMPLERS[name](refuse, x, [0.3, 0.5], rng=generator_noise(8))
    torch.testing.assert_close(up, x + 0.4 * generator_noise(8)(x), rtol=0, atol=1e-15)


def test_repaint_steps_through_its_noise_levels() -> None:
    sigmas = repaint_sigmas(schedules.linear(), 20, 10, 2)
    seen = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        seen.append(sigma)
        return PRIOR.denoise(x, sigma)

    samplers.ddpm(denoise, tiny(), sigmas, rng=generator_noise(0))
    assert len(seen) == 30
    assert seen == [sigma for sigma, below in pairwise(sigmas) if below < sigma]


def test_langevin_keeps_the_noise_on_a_known_picture() -> None:
    """Around one picture alone the noise has its level, whatever the steps."""
    like = MANY[:, :, :48, :48]
    known = torch.full_like(like, 0.4)
    for sigmas in ([0.1, 0.09], [0.1, 0.02], log_sigma(3.0, 0.05, 8)[:-1]):
        x = 0.4 + sigmas[0] * generator_noise(9)(like)
        x = langevin.annealed_langevin(lambda x, sigma: known, x, sigmas, rng=seeded_rng(3))
        assert_moments(x, mean=0.4, variance=sigmas[-1] ** 2)


def test_langevin_in_one_step_is_ddim() -> None:
    x, sigmas = tiny(), log_sigma(1.0, 0.1, 5)
    one = langevin.annealed_langevin(PRIOR.denoise, x, sigmas, per_level=1)
    torch.testing.assert_close(one, samplers.ddim(PRIOR.denoise, x, sigmas), rtol=0, atol=1e-14)


def test_a_registered_sampler_is_known_to_the_tasks() -> None:
    """It is one function: here Euler's method, which is DDIM without noise."""

    def euler(denoise, x, sigmas, *, rng=None, progress=None) -> Tensor:
        def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
            return x + (below - sigma) * (x - denoise(x, sigma)) / sigma

        return samplers.run_updates(update, x, sigmas, rng=rng)

    prior = tiny_prior()
    with pytest.raises(ValueError, match=r"sampler is one of .*, got 'euler'"):
        restore.sample(size=(16, 16), sampler="euler", steps=3, prior=prior)
    samplers.register(samplers.NamedSampler("euler", euler))
    try:
        drawn = restore.sample(size=(16, 16), sampler="euler", steps=3, prior=prior)
        assert prior.calls == 3
        with pytest.raises(ValueError, match="there is a sampler 'euler' already"):
            samplers.register(samplers.NamedSampler("euler", euler))
    finally:
        samplers.unregister("euler")
    same = restore.sample(size=(16, 16), sampler="ddim", steps=3, prior=prior)
    torch.testing.assert_close(drawn, same, rtol=0, atol=1e-5)
    assert "euler" not in samplers.SAMPLERS


# --- behaviour ------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(name=st.sampled_from(sorted(samplers.SAMPLERS)), n=st.integers(1, 8), seed=st.integers(0, 5))
def test_every_call_is_reported(name: str, n: int, seed: int) -> None:
    calls, reports = [], []
    sigmas = log_sigma(2.0, 0.05, n)
    if name != "langevin" and n > 2:
        sigmas = climbing(sigmas, 1, 2)
    x = tiny(seed).float()
    before = x.clone()

    def denoise(x: Tensor, sigma: float) -> Tensor:
        assert isinstance(sigma, float)
        assert sigma > 0
        calls.append(sigma)
        return PRIOR.denoise(x, sigma)

    def progress(done: int, total: int) -> None:
        assert done == len(calls)
        reports.append((done, total))

    def run() -> Tensor:
        return samplers.SAMPLERS[name](denoise, x, sigmas, rng=seeded_rng(seed), progress=progress)

    result = run()
    assert reports == [(done, len(calls)) for done in range(1, len(calls) + 1)]
    if name in ("ddim", "ddpm", "dpmpp-2m", "dpmpp-2m-sde"):
        assert len(calls) == network_calls(sigmas)
    assert x.equal(before), "the caller's tensor was changed"
    assert (result.dtype, result.shape) == (x.dtype, x.shape)
    calls.clear()
    assert run().equal(result), "the same seed must give the same picture"


def test_no_gradients_are_kept() -> None:
    weight = torch.ones((), requires_grad=True)
    result = samplers.ddim(lambda x, sigma: weight * x, tiny().float(), [0.5, 0.2, 0.0])
    assert not result.requires_grad


@pytest.mark.parametrize("name", sorted(samplers.SAMPLERS))
@pytest.mark.parametrize(
    ("sigmas", "message"),
    [
        ([], r"at least two sigmas, one step; got \[\]"),
        ([1.0], r"at least two sigmas, one step; got \[1.0\]"),
        ([1.0, -0.5], "0 or more; number 1 of 2 is -0.5"),
        ([math.nan, 0.5], "0 or more; number 0 of 2 is nan"),
        ([math.inf, 0.5], "0 or more; number 0 of 2 is inf"),
        ([0.0, 1.0], "reach 0 at the end only; number 0 of 2 is 0"),
        ([1.0, 0.0, 0.5], "reach 0 at the end only; number 1 of 3 is 0"),
        ([1.0, 0.5, 0.5, 0.0], "must differ; step 1 of 3 stays at 0.5"),
    ],
)
def test_impossible_sigmas_say_why(name: str, sigmas: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samplers.SAMPLERS[name](PRIOR.denoise, tiny(), sigmas, rng=seeded_rng(0))


@pytest.mark.parametrize(
    ("name", "sigmas", "options", "message"),
    [
        ("ddim", [1, 0.5], {"eta": 1.5}, "eta must lie in 0..1; got 1.5"),
        ("ddim", [1, 0.5], {"eta": 0.5}, "pass rng=seeded_rng"),
        ("ddpm", [1, 0.5], {}, "pass rng=seeded_rng"),
        ("heun", [0.5, 1], {}, "pass rng=seeded_rng"),
        (
            "ddpm",
            [1, 0.5],
            {"variance": "learned"},
            "has no with_variance; choose the variance small or large",
        ),
        ("ddpm", [1, 0.5], {"variance": "big"}, "no variance 'big'; choose one of small, large, learned"),
        ("langevin", [0.5, 1], {}, "cannot climb from sigma 0.5 to 1"),
    ],
)
def test_wrong_arguments_say_why(name: str, sigmas: list[float], options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        samplers.SAMPLERS[name].run(PRIOR.denoise, tiny(), sigmas, **options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: langevin.annealed_langevin(PRIOR.denoise, tiny(), [0.2, 0.1], per_level=0),
            "per_level must be at least 1; got 0",
        ),
        (
            lambda: samplers.SAMPLERS["ddim"].with_options(variance="large"),
            "variance is an option of ddpm, not of ddim; leave it out",
        ),
        (
            lambda: samplers.SAMPLERS["ddpm"].with_options(eta=0.5),
            "eta is an option of ddim, not of ddpm; leave it out",
        ),
    ],
)
def test_wrong_settings_say_why(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", sorted(samplers.SAMPLERS))
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_result_that_is_no_number_is_an_error(name: str, value: float) -> None:
    def broken(x: Tensor, sigma: float) -> Tensor:
        return torch.full_like(x, value)

    with pytest.raises(NumbersError, match=r"not finite after step 1 of 2, from sigma 0.5; check the input"):
        samplers.SAMPLERS[name](broken, tiny(), [0.5, 0.2, 0.0], rng=seeded_rng(0))


def smaller_draws(right: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda rng, like: right(rng, like) / 2**0.5


SMALLER_DRAWS = wrong(updates.draw_from, smaller_draws, "smaller by the square root of 2")
NO_NOISE = edited(samplers.ddim_step, "return x + up * rng(x) if up > 0 else x", "return x")
test_the_check_finds_the_mutant = mutant_tests(
    {
        check_exact_draws: [
            SMALLER_DRAWS,
            NO_NOISE,
            edited(samplers.ddim_step, "math.sqrt(below**2 - up**2)", "below"),
            edited(updates.run_updates, "math.sqrt(below**2 - sigma**2)", "(below - sigma)"),
            edited(samplers.ddpm, "(below / sigma) ** 2 * (x - x0)", "below / sigma * (x - x0)"),
        ],
        check_ancestral_prior: [SMALLER_DRAWS, NO_NOISE],
        check_ddim_is_ddpm: [
            edited(samplers.ddim_step, "1 - (below / sigma) ** 2)", "1 - below / sigma)"),
        ],
        check_large_variance: [
            edited(samplers.ddpm, "(1 + 4 * below**2)", "(1 + below**2)"),
            edited(samplers.ddpm, "(1 + 4 * sigma**2)", "(1 + sigma**2)"),
        ],
        check_learned_variance: [
            edited(samplers.ddpm, "(large / small) ** between", "(large / small) ** (1 - between)"),
        ],
        check_langevin: [
            edited(langevin.annealed_langevin, "x = x + alpha / 2 * score", "x = x + alpha * score"),
            edited(langevin.annealed_langevin, "sigma**2 - below**2", "sigma**2"),
            edited(langevin.annealed_langevin, "sigma * (sigma - below)", "sigma - below"),
        ],
        check_orders: [
            edited(samplers.heun, "(slope + slope_below) / 2", "slope"),
            edited(dpm_solver._multistep, "h / (2 * last[1])", "h / last[1]"),
            edited(dpm_solver._multistep, "h / (2 * last[1])", "1 / 2"),  # right for even steps only
            edited(dpm_solver._multistep, "h / (2 * last[1])", "last[1] / (2 * h)"),
        ],
    }
)
