"""Wrong versions of the diffusion core, each of which its check must find.

A mutant is the module's own source with one piece exchanged. The checks are those of the ordinary tests,
so this shows that they can fail, and for the mistakes that diffusion code is prone to.
"""

from __future__ import annotations

import test_loss
import test_samplers
import test_schedule
from mutants import Mutations, mutant_tests

from restore.diffusion import samplers
from restore.diffusion import schedule as schedules
from restore.training import loss

MUTATIONS: Mutations = {
    (schedules, test_schedule.check_coordinates): [
        # the factor 2 between [0, 1] and [-1, 1]
        ("(2 * x - 1) * _signal", "(x - 0.5) * _signal"),
        ("1 / (1 + 4 * sigma * sigma)", "1 / (1 + sigma * sigma)"),
        ("0.5 * ((1 - alphas", "((1 - alphas"),
        ("return a, 2 * sigma * a", "return a, sigma * a"),
    ],
    (schedules, test_schedule.check_forward_process): [
        ("return abar.sqrt(), (1 - abar).sqrt()", "return abar, 1 - abar"),
        ("torch.cumprod(1 - self.betas, dim=0)", "torch.cumprod(1 - self.betas, dim=0).sqrt()"),
    ],
    (schedules, test_schedule.check_posterior): [
        ("x0_weight=self.betas * before.sqrt()", "x0_weight=self.betas * abar.sqrt()"),
        ("variance = self.betas * (1 - before) / (1 - abar)", "variance = self.betas.clone()"),
    ],
    (schedules, test_schedule.check_conversions): [
        ("return a * x_t - s * prediction", "return a * x_t + s * prediction"),
        ("return s * x_t + a * prediction", "return a * x_t + s * prediction"),
    ],
    (schedules, test_schedule.check_repaint): [
        ("jump_repeats - 1)", "jump_repeats)"),
        ("t + jump_length + 1", "t + jump_length"),
        ("range(0, t_T - jump_length, jump_length)", "range(0, t_T, jump_length)"),
    ],
    (schedules, test_schedule.check_ladders): [
        ("last / max(n - 1, 1)", "last / n"),
        ("into=lambda v: v ** (1 / rho)", "into=lambda v: v"),
        ("into=math.log, back=math.exp", "into=float, back=float"),
    ],
    (samplers, test_samplers.check_exact_draws): [
        ("return noise(like)", "return noise(like) / 2**0.5"),
        ("return x + up * noise(x) if up > 0 else x", "return x"),
        ("math.sqrt(below**2 - up**2)", "below"),
        ("math.sqrt(below**2 - sigma**2)", "(below - sigma)"),
        ("x = x0 + (below / sigma) ** 2 * (x - x0)", "x = x0 + below / sigma * (x - x0)"),
    ],
    (samplers, test_samplers.check_ancestral_prior): [
        ("return noise(like)", "return noise(like) / 2**0.5"),
        ("return x + up * noise(x) if up > 0 else x", "return x"),
    ],
    (samplers, test_samplers.check_ddim_is_ddpm): [
        ("1 - (below / sigma) ** 2)", "1 - below / sigma)"),
    ],
    (samplers, test_samplers.check_large_variance): [
        ("(1 + 4 * below**2)", "(1 + below**2)"),
        ("(1 + 4 * sigma**2)", "(1 + sigma**2)"),
    ],
    (samplers, test_samplers.check_learned_variance): [
        ("(large / small) ** between", "(large / small) ** (1 - between)"),
    ],
    (samplers, test_samplers.check_langevin): [
        ("x = x + alpha / 2 * score", "x = x + alpha * score"),
        ("alpha**0.5 * z", "alpha * z"),
    ],
    (samplers, test_samplers.check_orders): [
        ("(slope + slope_below) / 2", "slope"),
        ("h / (2 * last[1])", "h / last[1]"),
        ("h / (2 * last[1])", "1 / 2"),  # right on an even ladder only
        ("h / (2 * last[1])", "last[1] / (2 * h)"),
    ],
    (samplers, test_samplers.check_seeds): [
        (".manual_seed(seed ^", ".manual_seed((seed or 1) ^"),
        (".manual_seed(seed ^", ".manual_seed(7 ^"),
        ("dtype=torch.float32).to(like)", "dtype=like.dtype).to(like)"),
    ],
    (loss, test_loss.check_squared_errors): [
        ('"v": snr + 1', '"v": snr'),
        ("snr.clamp(max=gamma)", "snr.clamp(min=gamma)"),
    ],
    (loss, test_loss.check_kl): [
        ("torch.expm1(ratio) - ratio", "torch.expm1(ratio)"),
        ("ratio = true_log_variance - log_variance", "ratio = log_variance - true_log_variance"),
    ],
    (loss, test_loss.check_likelihood): [
        ("HALF_BIN = 1 / 255", "HALF_BIN = 0.5 / 255"),
        ("x0 > 1 - HALF_BIN", "x0 > 1 + HALF_BIN"),
    ],
    (loss, test_loss.check_prior_term): [
        ("torch.log1p(-abar)", "torch.zeros_like(abar)"),
        ("abar.sqrt() * x0", "abar * x0"),
    ],
    (loss, test_loss.check_bound_terms): [
        ("posterior.x0_weight, t), x0) *", "posterior.x_t_weight, t), x0) *"),
        ("x = images + sigma * noise(images)", "x = images + 2 * sigma * noise(images)"),
    ],
    (loss, test_loss.check_bound_is_tight): [
        ("(t == 0).reshape", "(t == 1).reshape"),
    ],
    (loss, test_loss.check_hybrid): [
        ("interpolation * (large - small)", "(1 - interpolation) * (large - small)"),
        ("x0_hat.detach()", "x0_hat"),
        ("bound_weight * schedule.steps", "bound_weight"),
    ],
}

test_the_check_finds_the_mutant, test_an_exact_copy_passes = mutant_tests(MUTATIONS)
