"""Losses and the bound against independent formulations and the closed forms of a Gaussian prior."""

from __future__ import annotations

import math

import pytest
import torch
from gaussian_oracle import ExactReverse, GaussianPrior, generator_noise
from hypothesis import given
from hypothesis import strategies as st
from mutants import Check, constant, edited, mutant_tests, wrong
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from restore.diffusion import schedule as schedules
from restore.diffusion.coordinates import eps_from, from_network, v_from, x0_from
from restore.training import bound as bounds
from restore.training import loss

KINDS = ("eps", "x0", "v")
PRIOR = GaussianPrior(mean=0.45, std=0.1)
SHORT = schedules.linear(40, start=0.01, end=0.3)


def eight_bit(b: int = 2, h: int = 4, w: int = 5, *, seed: int = 0) -> Tensor:
    """Draws from PRIOR, rounded to values k / 255."""
    x0 = PRIOR.noisy(0.0, generator_noise(seed), like=torch.zeros(b, 3, h, w))
    return (255 * x0).round().clamp(0, 255) / 255


def normal(mean: float, std: float) -> Normal:
    return Normal(torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64))


def states(seed: int = 1) -> tuple[loss.Noised, dict[str, Tensor]]:
    """Two noised pictures, and one imperfect prediction of X0 said in the three ways."""
    x0 = 2 * eight_bit() - 1
    sigma = torch.tensor([0.05, 1.3], dtype=torch.float64)
    state = loss.noised(x0, generator_noise(seed)(x0), sigma)
    x0_hat = x0 + 0.3 * generator_noise(seed + 1)(x0)
    names = {"eps": eps_from, "x0": x0_from, "v": v_from}
    return state, {
        kind: convert("x0", state.x_t, x0_hat, state.a, state.s) for kind, convert in names.items()
    }


# --- checks that the mutants must fail ---------------------------------------------------------------


def check_squared_errors() -> None:
    """One imperfect answer costs the same in whichever way it is given, and what the papers say."""
    state, predictions = states()
    snr = (1 / (2 * torch.tensor([0.05, 1.3], dtype=torch.float64))) ** 2
    torch.testing.assert_close(state.snr, snr)
    x0_error = ((predictions["x0"] - state.x0) ** 2).mean(dim=(1, 2, 3))
    v = state.a.reshape(2, 1, 1, 1) * state.eps - state.s.reshape(2, 1, 1, 1) * state.x0
    v_error = ((predictions["v"] - v) ** 2).mean(dim=(1, 2, 3))
    for kind in KINDS:
        torch.testing.assert_close(loss.simple(kind, predictions[kind], state), snr * x0_error)
        for gamma in (0.01, 5.0, 1e9):
            ours = loss.min_snr(kind, predictions[kind], state, gamma=gamma)
            torch.testing.assert_close(ours, snr.clamp(max=gamma) * x0_error)
    torch.testing.assert_close(
        loss.min_snr("v", predictions["v"], state), snr.clamp(max=5) / (snr + 1) * v_error
    )


def check_kl() -> None:
    """torch.distributions says the same."""
    noise = generator_noise(3)
    gap, log_p, log_q = (2 * noise(torch.zeros(50)) for _ in range(3))
    q = Normal(torch.zeros_like(gap), (log_q / 2).exp())
    expected = kl_divergence(q, Normal(gap, (log_p / 2).exp()))
    torch.testing.assert_close(bounds.normal_kl(gap, log_p, log_q), expected)


def check_likelihood() -> None:
    """The 256 bins hold all probability, each what the distribution function says."""
    x0 = 2 * torch.arange(256, dtype=torch.float64) / 255 - 1
    for mean, std in ((0.1, 0.3), (-0.99, 0.02), (0.7, 2.0), (0.0, 0.003)):
        log_variance = torch.full_like(x0, 2 * math.log(std))
        log_p = bounds.log_likelihood(x0, torch.full_like(x0, mean), log_variance)
        assert torch.isfinite(log_p).all()
        assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)
        edges = normal(mean, std).cdf((2 * torch.arange(255, dtype=torch.float64) + 1) / 255 - 1)
        expected = torch.cat([edges[:1], edges.diff(), 1 - edges[-1:]])
        torch.testing.assert_close(log_p.exp(), expected, rtol=1e-9, atol=1e-14)


def check_prior_term() -> None:
    """What is left of the picture at the end of the schedule, by torch.distributions."""
    x0 = 2 * eight_bit() - 1
    for steps in (10, 40):
        schedule = schedules.linear(steps, start=0.01, end=0.3)
        abar = schedule.alphas_cumprod[-1]
        last = Normal(abar.sqrt() * x0, (1 - abar).sqrt())
        nats = kl_divergence(last, Normal(torch.zeros_like(x0), torch.ones_like(x0)))
        torch.testing.assert_close(bounds.prior_term(schedule, x0), nats.mean(dim=(1, 2, 3)) / math.log(2))
    assert bounds.prior_term(schedules.linear(1000), x0).max() < 1e-4


def check_bound_is_tight() -> None:
    """With the exact reverse process the bound is the entropy, but for what the schedule leaves unhidden.

    E[bound] = H(x0) + KL(q(x_T) || N(0, 1)); the fixed variances can only be worse.
    """
    schedule = schedules.linear(16, start=0.01, end=0.7)
    images = eight_bit(32, 12, 12)
    bins = (torch.arange(257, dtype=torch.float64) - 0.5) / 255
    bins[0], bins[-1] = -math.inf, math.inf
    log_p = normal(PRIOR.mean, PRIOR.std).cdf(bins).diff().log2()
    surprise = -log_p[(255 * images).round().long()].mean(dim=(1, 2, 3))
    abar = schedule.alphas_cumprod[-1]
    last = Normal(abar.sqrt() * (2 * PRIOR.mean - 1), (4 * abar * PRIOR.std**2 + 1 - abar).sqrt())
    left = kl_divergence(last, Normal(torch.zeros_like(abar), torch.ones_like(abar))).item() / math.log(2)

    denoise, means = ExactReverse(PRIOR, schedule), {}
    for variance in ("learned", "small", "large"):
        bound = bounds.variational_bound(denoise, images, schedule, rng=generator_noise(4), variance=variance)
        torch.testing.assert_close(bound.total, bound.prior + bound.terms.sum(dim=1))
        gap = bound.total - surprise - left
        means[variance] = gap.mean().item()
        error = gap.std().item() / math.sqrt(len(gap))
        if variance == "learned":
            assert error < 0.01
            assert abs(means[variance]) < 4.5 * error, f"{means[variance]} bits, standard error {error}"
    assert means["small"] > means["learned"] + 0.02
    assert means["large"] > means["learned"] + 0.02


def check_bound_terms() -> None:
    """Each term of the oracle's bound: the weight of X0 squared, Var[X0 | x_t], over twice the variance."""
    images = eight_bit(16, 16, 16)
    n = images.numel()
    bound = bounds.variational_bound(PRIOR.denoise, images, SHORT, rng=generator_noise(5))
    posterior = SHORT.posterior
    for t in (1, 10, 39):
        spread = 4 * PRIOR.posterior_variance(SHORT.sigmas[t].item())
        nats = (posterior.x0_weight[t] ** 2 * spread / (2 * posterior.variance[t])).item()
        # The mean of n squares of normal numbers; rounding to 8 bits adds 1e-4 to their variance.
        tolerance = 4.5 * math.sqrt(2 / n) + 3e-4
        assert bound.terms[:, t].mean().item() == pytest.approx(nats / math.log(2), rel=tolerance)


def check_hybrid() -> None:
    """The bound teaches the variance alone, L_simple the mean; the optimum is the exact variance."""
    t = torch.tensor([7, 25])
    x0 = 2 * eight_bit(2, 64, 64) - 1
    state = loss.noised_at(SHORT, x0, generator_noise(6)(x0), t)
    oracle = ExactReverse(PRIOR, SHORT)
    sigmas = SHORT.sigmas[t].reshape(2, 1, 1, 1)
    x = from_network(state.x_t, SHORT.sigmas[t])
    x0_hat = 2 * (PRIOR.std**2 * x + sigmas**2 * PRIOR.mean) / (PRIOR.std**2 + sigmas**2) - 1
    prediction = v_from("x0", state.x_t, x0_hat, state.a, state.s).requires_grad_()
    optimum = torch.tensor([oracle.interpolation(7), oracle.interpolation(25)], dtype=torch.float64)
    interpolation = optimum.reshape(2, 1, 1, 1).expand_as(x0).clone().requires_grad_()

    each = bounds.hybrid(SHORT, "v", prediction, interpolation, state, t)
    assert each.shape == (2,)
    simple = loss.simple("v", prediction, state)
    wanted, _ = torch.autograd.grad(simple.sum(), (prediction, interpolation), allow_unused=True)
    got, slope = torch.autograd.grad(each.sum(), (prediction, interpolation))
    torch.testing.assert_close(got, wanted)
    _, curvature = (
        bounds.hybrid(SHORT, "v", prediction.detach(), interpolation.detach() + shift, state, t) - each
        for shift in (-0.1, 0.1)
    )
    assert (curvature > 0).all()
    # At the optimum the slope is a mean of n zero-mean numbers; away from it, a hundred times that.
    away = (optimum + 0.3).reshape(2, 1, 1, 1).expand_as(x0).clone().requires_grad_()
    (steep,) = torch.autograd.grad(
        bounds.hybrid(SHORT, "v", prediction.detach(), away, state, t).sum(), (away,)
    )
    assert (slope.sum(dim=(1, 2, 3)).abs() < 0.1 * steep.sum(dim=(1, 2, 3)).abs()).all()

    term = bounds.bound_term(SHORT, x0, x0_hat, t, bounds.learned_log_variance(SHORT, t, interpolation))
    torch.testing.assert_close(each - simple, 0.001 * 40 * term)


CHECKS = [
    check_squared_errors,
    check_kl,
    check_likelihood,
    check_prior_term,
    check_bound_is_tight,
    check_bound_terms,
    check_hybrid,
]


@pytest.mark.parametrize("check", CHECKS)
def test_loss(check: Check) -> None:
    check()


# --- the rest -------------------------------------------------------------------------------------


def test_a_perfect_denoiser_pays_for_the_decoder_alone() -> None:
    images = eight_bit()
    assert images.min() > 0
    assert images.max() < 1
    bound = bounds.variational_bound(lambda x, sigma: images, images, SHORT, rng=generator_noise(7))
    assert bound.terms[:, 1:].abs().max() < 1e-12
    std = SHORT.posterior.variance[1].sqrt().item()
    bits = -math.log2(math.erf(1 / 255 / std / math.sqrt(2)))  # the share within half a bin of the mean
    torch.testing.assert_close(bound.terms[:, 0], torch.full((2,), bits, dtype=torch.float64))


def test_kl_agrees_with_numerical_integration() -> None:
    x = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    q, p = normal(0.0, 0.8), normal(0.5, 1.7)
    integral = torch.trapezoid(q.log_prob(x).exp() * (q.log_prob(x) - p.log_prob(x)), x).item()
    one = torch.ones(1, dtype=torch.float64)
    ours = bounds.normal_kl(0.5 * one, 2 * math.log(1.7) * one, 2 * math.log(0.8) * one)
    assert ours.item() == pytest.approx(integral, rel=1e-9)


@given(log_std=st.floats(-8, 1), mean=st.floats(-3, 3), level=st.integers(0, 255))
def test_likelihood_and_its_slope_are_finite(log_std: float, mean: float, level: int) -> None:
    x0 = torch.full((1,), 2 * level / 255 - 1)
    at = torch.full((1,), mean, requires_grad=True)
    log_variance = torch.full((1,), 2 * log_std, requires_grad=True)
    log_p = bounds.log_likelihood(x0, at, log_variance)
    assert -math.inf < log_p.item() <= 0
    log_p.sum().backward()
    assert torch.isfinite(at.grad).all()
    assert torch.isfinite(log_variance.grad).all()
    # A mean farther than half a bin below or above the value is pulled towards it.
    if abs(mean - x0.item()) > 0.1 and 0 < level < 255:
        assert (at.grad.item() > 0) == (mean < x0.item())


def test_huber_is_smooth_where_it_turns_and_leads_to_between_mean_and_median() -> None:
    error = torch.tensor([-0.5 - 1e-6, -0.5, 0.2, 0.5 + 1e-6], dtype=torch.float64, requires_grad=True)
    cost = loss.penalty(error, "huber", delta=0.5)
    torch.testing.assert_close(cost, error.detach() ** 2, rtol=0, atol=1e-9)
    cost.sum().backward()
    torch.testing.assert_close(error.grad, 2 * error.detach(), rtol=0, atol=1e-5)
    draws, best = torch.tensor([0.0, 0.0, 0.0, 1.0]), {}
    guesses = torch.linspace(0, 1, 1001)[:, None]
    for norm in ("l2", "huber", "l1"):
        costs = loss.penalty(guesses - draws, norm, delta=0.2).mean(1)
        best[norm] = guesses[costs.argmin()].item()
    assert best == {"l2": 0.25, "huber": pytest.approx(0.2 / 3, abs=1e-3), "l1": 0.0}


def test_fixed_variances() -> None:
    t = torch.tensor([0, 1, 30])
    small = bounds.fixed_log_variance(SHORT, t, "small").exp()
    large = bounds.fixed_log_variance(SHORT, t, "large").exp()
    variance = SHORT.posterior.variance
    torch.testing.assert_close(small, variance[[1, 1, 30]])
    torch.testing.assert_close(large, torch.stack([variance[1], SHORT.betas[1], SHORT.betas[30]]))
    with pytest.raises(ValueError, match="no fixed variance 'learned'; choose one of small, large"):
        bounds.fixed_log_variance(SHORT, t, "learned")


def test_learned_variance_meets_both_ends() -> None:
    t = torch.tensor([5])
    one = torch.ones(1, 3, 2, 2, dtype=torch.float64)
    for value, variance in ((0.0, SHORT.posterior.variance[5]), (1.0, SHORT.betas[5])):
        torch.testing.assert_close(bounds.learned_log_variance(SHORT, t, value * one).exp(), variance * one)


def test_both_ways_of_noising_agree() -> None:
    x0 = 2 * eight_bit() - 1
    eps, t = generator_noise(8)(x0), torch.tensor([0, 39])
    by_step, by_sigma = loss.noised_at(SHORT, x0, eps, t), loss.noised(x0, eps, SHORT.sigmas[t])
    torch.testing.assert_close(by_step.x_t, by_sigma.x_t)
    torch.testing.assert_close(by_step.x_t, schedules.add_noise(SHORT, x0, eps, t))
    torch.testing.assert_close(by_step.snr, by_sigma.snr)


@pytest.mark.parametrize("name", ["simple", "min_snr"])
def test_losses_count_where_they_are_told(name: str) -> None:
    state, predictions = states()
    where = torch.zeros(2, 1, 4, 5, dtype=torch.float64)
    where[0, :, 1:3, 2:4] = 1
    inside = loss.Noised(state.x0[:1, :, 1:3, 2:4], state.eps[:1, :, 1:3, 2:4], a=state.a[:1], s=state.s[:1])
    each = getattr(loss, name)("v", predictions["v"], state, where=where)
    alone = getattr(loss, name)("v", predictions["v"][:1, :, 1:3, 2:4], inside)
    torch.testing.assert_close(each, torch.cat([alone, torch.zeros(1, dtype=torch.float64)]))


def test_the_bound_reports_every_call_and_leaves_the_images_alone() -> None:
    images = eight_bit().float()
    before, reports = images.clone(), []
    noise = generator_noise(9)
    bound = bounds.variational_bound(
        PRIOR.denoise,
        images,
        schedules.cosine(6),
        rng=lambda like: noise(like).float(),
        progress=lambda done, total: reports.append((done, total)),
    )
    assert reports == [(done, 6) for done in range(1, 7)]
    assert images.equal(before)
    assert bound.terms.shape == (2, 6)
    assert torch.isfinite(bound.total).all()


@pytest.mark.parametrize("images", [torch.full((1, 3, 2, 2), 0.001), torch.full((1, 3, 2, 2), 2.0)])
def test_the_bound_needs_eight_bit_pictures(images: Tensor) -> None:
    with pytest.raises(ValueError, match="bits per dimension need 8-bit pictures"):
        bounds.variational_bound(PRIOR.denoise, images, SHORT, rng=generator_noise(0))


def test_wrong_arguments_say_why() -> None:
    state, predictions = states()
    with pytest.raises(ValueError, match="delta must be positive; got 0"):
        loss.penalty(state.x0, "huber")
    with pytest.raises(ValueError, match="no norm 'l3'; choose one of l2, l1, huber"):
        loss.penalty(state.x0, "l3")
    with pytest.raises(ValueError, match="gamma must be positive; got 0"):
        loss.min_snr("v", predictions["v"], state, gamma=0)
    with pytest.raises(ValueError, match="no prediction 'score'; choose one of eps, x0, v"):
        loss.min_snr_weight("score", state.snr)
    with pytest.raises(ValueError, match="has no with_variance"):
        bounds.variational_bound(
            PRIOR.denoise, eight_bit(), SHORT, rng=generator_noise(0), variance="learned"
        )


# --- mutants --------------------------------------------------------------------------------------

test_the_check_finds_the_mutant = mutant_tests(
    {
        check_squared_errors: [
            edited(loss.min_snr_weight, '"v": snr + 1', '"v": snr'),
            edited(loss.min_snr_weight, "snr.clamp(max=gamma)", "snr.clamp(min=gamma)"),
        ],
        check_kl: [
            edited(bounds.normal_kl, "torch.expm1(ratio) - ratio", "torch.expm1(ratio)"),
            edited(
                bounds.normal_kl,
                "ratio = true_log_variance - log_variance",
                "ratio = log_variance - true_log_variance",
            ),
        ],
        check_likelihood: [
            constant(bounds, "HALF_BIN", 0.5 / 255),
            edited(bounds.log_likelihood, "x0 > 1 - HALF_BIN", "x0 > 1 + HALF_BIN"),
        ],
        check_prior_term: [
            edited(bounds.prior_term, "torch.log1p(-abar)", "torch.zeros_like(abar)"),
            edited(bounds.prior_term, "abar.sqrt() * x0", "abar * x0"),
        ],
        check_bound_terms: [
            edited(bounds.bound_term, "posterior.x0_weight, t), x0) *", "posterior.x_t_weight, t), x0) *"),
            wrong(
                bounds.variational_bound,
                lambda right: (
                    lambda *pictures, rng, **options: right(
                        *pictures, rng=lambda like: 2 * rng(like), **options
                    )
                ),
                "twice the noise",
            ),
        ],
        check_bound_is_tight: [
            edited(bounds.bound_term, "(t == 0).reshape", "(t == 1).reshape"),
        ],
        check_hybrid: [
            wrong(
                bounds.learned_log_variance,
                lambda right: lambda schedule, t, interpolation: right(schedule, t, 1 - interpolation),
                "the small variance and the large one exchanged",
            ),
            edited(bounds.hybrid_extra, "x0_hat.detach()", "x0_hat"),
            wrong(
                bounds.hybrid_extra,
                lambda right: lambda schedule, *state: right(schedule, *state) / schedule.steps,
                "the term of one step in place of the sum over all",
            ),
        ],
    }
)


def test_noise_is_added_to_noisy_pictures_up_to_the_level() -> None:
    """Variances add up: of 0.3 and 0.4 comes 0.5. Daras et al. (2024), section 3, in [-1, 1]."""
    noisy, eps = (torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(k)) for k in range(2))
    sigma = torch.tensor([0.5, 0.5])
    state, weights = loss.noised_again(noisy, eps, sigma, 0.3)
    a = 1 / math.sqrt(1 + 4 * 0.5**2)
    x = state.x_t / a
    torch.testing.assert_close(x, noisy + 2 * 0.4 * eps)
    w = 1 - 0.3**2 / 0.5**2
    torch.testing.assert_close(weights, torch.tensor([w**2, w**2]))
    torch.testing.assert_close(w * state.x0 + (1 - w) * x, noisy)  # E[y | x] where E[x0 | x] is x0*
    torch.testing.assert_close(x, state.x0 + 2 * 0.5 * state.eps)
