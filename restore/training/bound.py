"""The variational bound of a diffusion model, in bits per dimension, and the losses made of it.

Pictures X0 and their predictions are ``(b, 3, h, w)`` in the network's coordinates, [-1, 1]; the results are
per picture, ``(b,)``, but for those said to be per element. Papers referred to below:

Ho et al. (2020)
    "Denoising Diffusion Probabilistic Models", arXiv:2006.11239.
Nichol and Dhariwal (2021)
    "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.coordinates import Prediction, per_picture, to_network, x0_from
from restore.diffusion.samplers import learned_variance
from restore.diffusion.schedule import Schedule, at
from restore.training.loss import Noised, mean_over_picture, simple
from restore.types import Denoiser, Progress, Rng

HALF_BIN = 1 / 255
"""Half the distance between two values of an 8-bit picture in [-1, 1]."""

HYBRID_WEIGHT = 0.001
"""What the bound counts beside the simple loss (Nichol and Dhariwal 2021, section 3.1)."""


def hybrid(
    schedule: Schedule, kind: Prediction, prediction: Tensor, interpolation: Tensor, state: Noised, t: Tensor
) -> Tensor:
    """The simple loss and a thousandth of the bound, ``L_simple + 0.001 L_vlb``, for learned variances.

    Parameters
    ----------
    schedule : of T steps.
    kind : what the network predicts: ``eps``, ``x0`` or ``v``.
    prediction : its prediction ``(b, 3, h, w)``.
    interpolation : its log variance between the small one, 0, and the large one, 1, ``(b, 3, h, w)``.
    state : ``noised_at(schedule, x0, eps, t)``.
    t : timesteps ``(b,)``, 0 to T - 1.

    Returns
    -------
    The loss of each picture ``(b,)``.

    References
    ----------
    Nichol and Dhariwal (2021), eq. 16.
    """
    x0_hat = x0_from(kind, state.x_t, prediction, state.a, state.s)
    return simple(kind, prediction, state) + hybrid_extra(schedule, state.x0, x0_hat, interpolation, t)


def hybrid_extra(
    schedule: Schedule,
    x0: Tensor,
    x0_hat: Tensor,
    interpolation: Tensor,
    t: Tensor,
    where: Tensor | None = None,
) -> Tensor:
    """The part ``0.001 L_vlb`` of `hybrid`, which teaches the variance alone: x0_hat has no gradient.

    References
    ----------
    Nichol and Dhariwal (2021), section 3.1.
    """
    log_variance = learned_log_variance(schedule, t, interpolation)
    return HYBRID_WEIGHT * vlb(schedule, x0, x0_hat.detach(), t, log_variance, where)


def vlb(
    schedule: Schedule,
    x0: Tensor,
    x0_hat: Tensor,
    t: Tensor,
    log_variance: Tensor,
    where: Tensor | None = None,
) -> Tensor:
    """L_vlb by one timestep of each picture: T times `bound_term`, in bits per dimension.

    Averaged over a uniform t it is the bound without its constant prior term; other draws of t weight its
    terms. Mean and variance both have gradients.

    Parameters
    ----------
    schedule : of T steps.
    x0, x0_hat : clean pictures and their estimates ``(b, 3, h, w)``.
    t : timesteps ``(b,)``, 0 to T - 1.
    log_variance : of the reverse step, ``(b,)`` or ``(b, 3, h, w)``.
    where : weights of the pixels ``(b, 1, h, w)``, for losses that count in a part of the picture.

    Returns
    -------
    The loss of each picture ``(b,)``.

    References
    ----------
    Ho et al. (2020), eq. 5; Nichol and Dhariwal (2021), section 3.3.

    Examples
    --------
    >>> from restore.diffusion import schedule as schedules
    >>> schedule, x0, t = schedules.linear(10), torch.zeros(1, 3, 4, 4), torch.tensor([5])
    >>> vlb(schedule, x0, x0, t, fixed_log_variance(schedule, t, "small"))
    tensor([0.])
    """
    return schedule.steps * bound_term(schedule, x0, x0_hat, t, log_variance, where)


def fixed_log_variance(schedule: Schedule, t: Tensor, variance: Literal["small", "large"]) -> Tensor:
    """Log of the reverse variances that are not learned: beta tilde (``small``) or beta (``large``).

    At t = 0 both are the beta tilde of t = 1: no noise is drawn there, and a decoder with variance beta would
    be needlessly wide.

    Parameters
    ----------
    schedule : of T steps.
    t : timesteps ``(b,)``, 0 to T - 1.
    variance : which of the two.

    Raises
    ------
    ValueError
        For another name.

    References
    ----------
    Ho et al. (2020), section 3.2.
    """
    small = at(schedule.posterior.log_variance, t)
    if variance == "small":
        return small
    if variance == "large":
        return torch.where(t == 0, small, at(schedule.betas, t).log())
    raise ValueError(f"there is no fixed variance {variance!r}; choose one of small, large")


def learned_log_variance(schedule: Schedule, t: Tensor, interpolation: Tensor) -> Tensor:
    """Log variance ``v log beta + (1 - v) log beta tilde``; v in [0, 1].

    References
    ----------
    Nichol and Dhariwal (2021), eq. 15.
    """
    small = per_picture(at(schedule.posterior.log_variance, t), interpolation)
    large = per_picture(at(schedule.betas, t).log(), interpolation)
    return small + interpolation * (large - small)


def normal_kl(mean_gap: Tensor, log_variance: Tensor, true_log_variance: Tensor) -> Tensor:
    """Divergence ``KL(N(0, e^true_log_variance) || N(mean_gap, e^log_variance))`` per element, in nats.

    Examples
    --------
    >>> zero = torch.zeros(1)
    >>> normal_kl(torch.ones(1), zero, zero)
    tensor([0.5000])
    """
    ratio = true_log_variance - log_variance
    return 0.5 * (torch.expm1(ratio) - ratio + mean_gap**2 * (-log_variance).exp())


def log_likelihood(x0: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """Log probability of 8-bit pictures under a Gaussian that is cut into bins, per element, in nats.

    X0 holds values ``2 k / 255 - 1``; the outermost bins reach to infinity.

    References
    ----------
    Ho et al. (2020), eq. 13.
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


def bound_term(
    schedule: Schedule,
    x0: Tensor,
    x0_hat: Tensor,
    t: Tensor,
    log_variance: Tensor,
    where: Tensor | None = None,
) -> Tensor:
    """The bound's term at timestep t, bits per dimension ``(b,)``.

    ``KL(q(x_{t-1} | x_t, x0) || p(x_{t-1} | x_t))`` for t > 0, ``-log p(x0 | x_t)`` at t = 0. p is the
    same Gaussian with x0_hat for x0 in its mean and variance ``e^log_variance``, ``(b,)`` or
    ``(b, 3, h, w)``. x_t adds the same to both means and drops out; at t = 0 it has no weight. where weights
    the pixels, ``(b, 1, h, w)``.

    References
    ----------
    Ho et al. (2020), eq. 5 to 8 and 13.
    """
    log_variance = per_picture(log_variance, x0)
    true_log_variance = per_picture(at(schedule.posterior.log_variance, t), x0)
    mean_gap = per_picture(at(schedule.posterior.x0_weight, t), x0) * (x0_hat - x0)
    divergence = normal_kl(mean_gap, log_variance, true_log_variance)
    last = (t == 0).reshape(-1, 1, 1, 1)
    # Elsewhere the pictures themselves: a gradient that is not taken must be finite, too.
    surprise = -log_likelihood(x0, torch.where(last, x0_hat, x0), log_variance)
    nats = torch.where(last, surprise, divergence)
    return mean_over_picture(nats, where) / math.log(2)


def prior_term(schedule: Schedule, x0: Tensor) -> Tensor:
    """What the schedule leaves of the picture, ``KL(q(x_T | x0) || N(0, 1))``, in bits per dimension."""
    abar = schedule.alphas_cumprod[-1].to(x0)
    nats = normal_kl(abar.sqrt() * x0, torch.zeros_like(abar), torch.log1p(-abar))
    return mean_over_picture(nats) / math.log(2)


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
    """Measure a denoiser's bound on ``-log2 p(image)``, with one draw at each of the T timesteps.

    Parameters
    ----------
    denoise : called T times.
    images : 8-bit pictures ``(b, 3, h, w)``, values k / 255 in [0, 1].
    schedule : of T steps.
    rng : the random numbers.
    variance : of the reverse process; ``learned`` asks ``denoise.with_variance``, as
        `restore.diffusion.samplers.ddpm` does.
    progress : called after every call of denoise.

    Raises
    ------
    ValueError
        For other pictures: a probability per 8-bit value means nothing for them.

    References
    ----------
    Ho et al. (2020), eq. 5.

    Examples
    --------
    A denoiser that knows the picture pays for little but its rounding to 8 bits.

    >>> from restore.diffusion import schedule as schedules
    >>> grey = torch.full((1, 3, 4, 4), 128 / 255)
    >>> bound = variational_bound(lambda x, sigma: grey, grey, schedules.linear(10), rng=torch.zeros_like)
    >>> bound.terms.shape
    torch.Size([1, 10])
    """
    check_eight_bit(images)
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


def check_eight_bit(images: Tensor) -> None:
    """Raise ValueError for pictures in [0, 1] of other values than k / 255: only those have a probability."""
    values = 255 * images
    if not ((values - values.round()).abs() < 0.01).all() or not ((images >= 0) & (images <= 1)).all():
        raise ValueError("bits per dimension need 8-bit pictures, values k / 255 in 0..1; round them first")
