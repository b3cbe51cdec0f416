"""Losses: noise prediction, v prediction with min-SNR weights, the variational bound in bits.

All losses are per picture, ``(b,)``, and take a network's prediction of any kind. Pictures X0, noise and
predictions are ``(b, 3, h, w)`` in the network's coordinates, [-1, 1] (see `restore.diffusion.coordinates`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.coordinates import (
    Prediction,
    eps_from,
    per_picture,
    signal_and_noise_of,
    target,
    to_network,
    x0_from,
)
from restore.diffusion.samplers import learned_variance
from restore.diffusion.schedule import Schedule, at, signal_and_noise_at
from restore.types import Denoiser, Progress, Rng

HALF_BIN = 1 / 255
"""Half the distance between two values of an 8-bit picture in [-1, 1]."""


@dataclass(frozen=True, eq=False)
class Noised:
    """Clean pictures X0 with noise eps, at signal and noise scales a and s ``(b,)``."""

    x0: Tensor
    eps: Tensor
    a: Tensor
    s: Tensor

    @cached_property
    def x_t(self) -> Tensor:
        """What the network sees: ``a X0 + s eps``."""
        return per_picture(self.a, self.x0) * self.x0 + per_picture(self.s, self.x0) * self.eps

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio ``a^2 / s^2``, ``(b,)``."""
        return (self.a / self.s) ** 2


def noised(x0: Tensor, eps: Tensor, sigma: Tensor) -> Noised:
    """Noise X0 at any noise levels sigma ``(b,)``, [0, 1] units, above 0."""
    return Noised(x0, eps, *signal_and_noise_of(sigma))


def noised_at(schedule: Schedule, x0: Tensor, eps: Tensor, t: Tensor) -> Noised:
    """Noise X0 at timesteps t ``(b,)`` of a schedule; ValueError when one lies outside 0..T - 1."""
    a, s = signal_and_noise_at(schedule, t)
    return Noised(x0, eps, a.to(x0.dtype), s.to(x0.dtype))


def noised_again(noisy: Tensor, eps: Tensor, sigma: Tensor, data_std: float) -> tuple[Noised, Tensor]:
    """Noise pictures that are noisy already, and what a prior can learn from them alone.

    Daras, Dimakis and Daskalakis (2024): with y = x0 + data_std n and x = y + (sigma^2 - data_std^2)^.5 eps,
    Tweedie's formula holds at both levels, so that the network's E[x0 | x] also gives ::

        E[y | x] = w E[x0 | x] + (1 - w) x        w = 1 - data_std^2 / sigma^2

    whose error against y is minimised. That is w^2 times the error against ``x0* = (y - (1 - w) x) / w``: the
    state returned is that of x0*, and w^2 ``(b,)`` is what its loss is multiplied by. noisy in the network's
    coordinates; sigma ``(b,)`` and data_std in [0, 1] units. ValueError unless every sigma is above data_std.
    """
    if not (sigma > data_std).all():
        raise ValueError(f"noise levels must be above that of the data, {data_std:g}; got {sigma.min():g}")
    a, s = signal_and_noise_of(sigma)
    shape = (-1, 1, 1, 1)
    more = (sigma**2 - data_std**2).sqrt().to(noisy).view(shape)
    x = noisy + 2 * more * eps  # levels count in [0, 1], the network's coordinates in [-1, 1]
    w = (1 - data_std**2 / sigma**2).to(noisy).view(shape)
    target_x0 = (noisy - (1 - w) * x) / w
    left = (x - target_x0) / (2 * sigma).to(noisy).view(shape)
    return Noised(target_x0, left, a, s), w.flatten().square()


def simple(kind: Prediction, prediction: Tensor, state: Noised, *, where: Tensor | None = None) -> Tensor:
    """Give ``mean |eps_hat - eps|^2``, L_simple (Ho et al. 2020, eq. 14).

    where: ``(b, 1, h, w)`` weights of the pixels, for losses that count in a part of the picture.
    """
    eps_hat = eps_from(kind, state.x_t, prediction, state.a, state.s)
    return _mean((eps_hat - state.eps) ** 2, where)


def min_snr(
    kind: Prediction, prediction: Tensor, state: Noised, *, gamma: float = 5.0, where: Tensor | None = None
) -> Tensor:
    """Give the error in what the network predicts, times `min_snr_weight`; for v, the v loss.

    Whatever the kind, the value is ``min(SNR, gamma) mean |X0_hat - X0|^2`` (Hang et al. 2023).
    """
    wanted = target(kind, state.x0, state.eps, state.a, state.s)
    return min_snr_weight(kind, state.snr, gamma=gamma) * _mean((prediction - wanted) ** 2, where)


def min_snr_weight(kind: Prediction, snr: Tensor, *, gamma: float = 5.0) -> Tensor:
    """Give the weight of a squared error: ``min(SNR, gamma)`` over 1 for x0, SNR for eps, SNR + 1 for v.

    Hang et al. (2023). snr and the result ``(b,)``. Raises ValueError unless gamma > 0, and
    for an unknown kind.
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be positive; got {gamma}")
    per_x0_error = {"x0": torch.ones_like(snr), "eps": snr, "v": snr + 1}
    if kind not in per_x0_error:
        raise ValueError(f"there is no prediction {kind!r}; choose one of eps, x0, v")
    return snr.clamp(max=gamma) / per_x0_error[kind]


def hybrid(
    schedule: Schedule, kind: Prediction, prediction: Tensor, interpolation: Tensor, state: Noised, t: Tensor
) -> Tensor:
    """Give ``L_simple + 0.001 L_vlb`` for learned variances (Nichol & Dhariwal 2021, eq. 16).

    ``state`` is ``noised_at(schedule, x0, eps, t)``; interpolation as in `hybrid_extra`.
    """
    x0_hat = x0_from(kind, state.x_t, prediction, state.a, state.s)
    return simple(kind, prediction, state) + hybrid_extra(schedule, state.x0, x0_hat, interpolation, t)


def hybrid_extra(
    schedule: Schedule,
    x0: Tensor,
    x0_hat: Tensor,
    interpolation: Tensor,
    t: Tensor,
    *,
    bound_weight: float = 0.001,
) -> Tensor:
    """Give ``0.001 L_vlb``, which teaches the variance alone: x0_hat is cut off the gradient.

    L_vlb is T times `bound_term` at t, in bits per dimension: averaged over a uniform t it is the bound
    without its constant prior term. interpolation ``(b, 3, h, w)`` lies between the small variance, 0,
    and the large one, 1.
    """
    log_variance = learned_log_variance(schedule, t, interpolation)
    return bound_weight * schedule.steps * bound_term(schedule, x0, x0_hat.detach(), t, log_variance)


def fixed_log_variance(schedule: Schedule, t: Tensor, variance: Literal["small", "large"]) -> Tensor:
    """Give log beta tilde (``small``) or log beta (``large``) ``(b,)`` (Ho et al. 2020, section 3.2).

    At t = 0 both are the log beta tilde of t = 1, for no noise is drawn there and a decoder with variance
    beta would be needlessly wide. Raises ValueError for another name.
    """
    small = at(schedule.posterior.log_variance, t)
    if variance == "small":
        return small
    if variance == "large":
        return torch.where(t == 0, small, at(schedule.betas, t).log())
    raise ValueError(f"there is no fixed variance {variance!r}; choose one of small, large")


def learned_log_variance(schedule: Schedule, t: Tensor, interpolation: Tensor) -> Tensor:
    """Give ``v log beta + (1 - v) log beta tilde`` (Nichol & Dhariwal 2021, eq. 15); v in [0, 1]."""
    small = per_picture(at(schedule.posterior.log_variance, t), interpolation)
    large = per_picture(at(schedule.betas, t).log(), interpolation)
    return small + interpolation * (large - small)


def normal_kl(mean_gap: Tensor, log_variance: Tensor, true_log_variance: Tensor) -> Tensor:
    """Give ``KL(N(0, e^true_log_variance) || N(mean_gap, e^log_variance))`` per element, in nats."""
    ratio = true_log_variance - log_variance
    return 0.5 * (torch.expm1(ratio) - ratio + mean_gap**2 * (-log_variance).exp())


def log_likelihood(x0: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Give the log probability of 8-bit pictures under a Gaussian cut into bins (Ho et al. 2020, eq. 13).

    Per element, in nats. X0 holds values ``2 k / 255 - 1``; the outermost bins reach to infinity.
    """
    precision = (-0.5 * log_variance).exp()
    low, high = (x0 - HALF_BIN - mean) * precision, (x0 + HALF_BIN - mean) * precision
    # Both ends are moved into the lower tail, where log Phi keeps its digits.
    flip = low > 0
    low_tail, high_tail = torch.where(flip, -high, low), torch.where(flip, -low, high)
    top = torch.special.log_ndtr(high_tail)
    inside = top + torch.log(-torch.expm1(torch.special.log_ndtr(low_tail) - top))
    below = torch.where(x0 < -1 + HALF_BIN, torch.special.log_ndtr(high), inside)
    return torch.where(x0 > 1 - HALF_BIN, torch.special.log_ndtr(-low), below)


def bound_term(schedule: Schedule, x0: Tensor, x0_hat: Tensor, t: Tensor, log_variance: Tensor) -> Tensor:
    """Give the bound's term at t, bits per dimension ``(b,)`` (Ho et al. 2020, eq. 5 to 8 and 13).

    ``KL(q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t))`` for t > 0, ``-log p(x0 | x_t)`` at t = 0. p is the
    same Gaussian with x0_hat for x0 in its mean and variance ``e^log_variance``, ``(b,)`` or
    ``(b, 3, h, w)``. x_t adds the same to both means and drops out; at t = 0 it has no weight.
    """
    log_variance = per_picture(log_variance, x0)
    true_log_variance = per_picture(at(schedule.posterior.log_variance, t), x0)
    mean_gap = per_picture(at(schedule.posterior.x0_weight, t), x0) * (x0_hat - x0)
    divergence = normal_kl(mean_gap, log_variance, true_log_variance)
    surprise = -log_likelihood(x0, x0_hat, log_variance)
    nats = torch.where((t == 0).reshape(-1, 1, 1, 1), surprise, divergence)
    return _mean(nats) / math.log(2)


def prior_term(schedule: Schedule, x0: Tensor) -> Tensor:
    """Give ``KL(q(x_T | x0) || N(0, 1))``, bits per dimension ``(b,)``: what the schedule leaves unhidden."""
    abar = schedule.alphas_cumprod[-1].to(x0)
    nats = normal_kl(abar.sqrt() * x0, torch.zeros_like(abar), torch.log1p(-abar))
    return _mean(nats) / math.log(2)


@dataclass(frozen=True, eq=False)
class Bound:
    """The variational bound of pictures in bits per dimension: total and prior ``(b,)``, terms ``(b, T)``.

    ``terms[:, 0]`` is the decoder's, ``-log2 p(x0 | x_0th)``; ``total = prior + terms.sum(dim=1)``.
    """

    total: Tensor
    prior: Tensor
    terms: Tensor


@torch.no_grad()
def variational_bound(
    denoise: Denoiser,
    images: Tensor,
    schedule: Schedule,
    *,
    rng: Rng,
    variance: Literal["small", "large", "learned"] = "small",
    progress: Progress | None = None,
) -> Bound:
    """Measure a denoiser's bound on ``-log2 p(image)`` with one draw at each of the T timesteps.

    Ho et al. (2020), eq. 5. images ``(b, 3, h, w)`` in [0, 1], 8-bit values k / 255: ValueError otherwise,
    for a probability per 8-bit bin means nothing elsewhere. ``learned`` asks denoise.with_variance, as
    `restore.diffusion.samplers.ddpm` does. T network calls.
    """
    levels = 255 * images
    if not ((levels - levels.round()).abs() < 0.01).all() or not ((images >= 0) & (images <= 1)).all():
        raise ValueError("bits per dimension need 8-bit pictures, values k / 255 in 0..1; round them first")
    x0 = to_network(images, 0.0)
    terms = []
    for step, sigma in enumerate(schedule.sigmas.tolist()):
        t = torch.full((len(images),), step, device=images.device)
        x = images + sigma * rng(images)
        if variance == "learned":
            clean, between = learned_variance(denoise).with_variance(x, sigma)
            log_variance = learned_log_variance(schedule, t, between)
        else:
            clean, log_variance = denoise(x, sigma), fixed_log_variance(schedule, t, variance)
        terms.append(bound_term(schedule, x0, to_network(clean, 0.0), t, log_variance))
        if progress is not None:
            progress(step + 1, schedule.steps)
    prior = prior_term(schedule, x0)
    stacked = torch.stack(terms, dim=1)
    return Bound(total=prior + stacked.sum(dim=1), prior=prior, terms=stacked)


def _mean(errors: Tensor, where: Tensor | None = None) -> Tensor:
    """Average over each picture, ``(b,)``, weighted by where; 0 when nothing has weight."""
    if where is None:
        return errors.flatten(1).mean(dim=1)
    weights = where.expand_as(errors).flatten(1)
    return (errors.flatten(1) * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-12)
