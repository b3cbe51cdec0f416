"""How probable a diffusion model finds pictures, in bits per dimension: by its bound and by its flow.

Both take 8-bit pictures, values k / 255, and count the probability of the bins of width 1 / 255 around the
values, so that their numbers can be compared with each other and with those of other models of 8-bit
pictures. A dimension is one channel of one pixel. Papers referred to below:

Ho et al. (2020)
    "Denoising Diffusion Probabilistic Models", arXiv:2006.11239.
Nichol and Dhariwal (2021)
    "Improved Denoising Diffusion Probabilistic Models", arXiv:2102.09672.
Song et al. (2021)
    "Score-Based Generative Modeling through Stochastic Differential Equations", arXiv:2011.13456.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from restore.diffusion.coordinates import alphas_cumprod_of, from_network, signal_and_noise_of, to_network
from restore.diffusion.schedule import Schedule
from restore.diffusion.sigmas import known_levels, log_sigma
from restore.errors import NumbersError
from restore.training.bound import check_eight_bit
from restore.types import Denoiser, Progress, Rng

LEVELS = 255
"""Bins of width 1 / 255 around the values of 8-bit pictures."""


def known_process(schedule: Schedule, *, lowest: float, highest: float) -> Schedule:
    """Give the process of the timesteps between two noise levels, those that a network knows.

    Beyond its highest level a network sees what it was never trained on, and the bound would be of that.

    Parameters
    ----------
    schedule : of T timesteps.
    lowest, highest : noise levels, [0, 1] units.

    Raises
    ------
    WeightsError
        Where no timestep lies between them.

    Examples
    --------
    >>> from restore.diffusion.schedule import cosine
    >>> float(known_process(cosine(), lowest=0.01, highest=80.0).sigmas[-1]) <= 80
    True
    """
    levels = known_levels(schedule, lowest=lowest, highest=highest)
    return Schedule.of_signal(alphas_cumprod_of(torch.tensor(levels, dtype=torch.float64)))


def respaced(schedule: Schedule, steps: int) -> Schedule:
    """Give the process of some of a schedule's timesteps: ``beta' = 1 - abar_t / abar_(the one before)``.

    It keeps the first and the last timestep; those between have log SNRs as evenly spaced as whole timesteps
    allow. The bound of the shorter process is a bound, too, and the looser, the fewer steps it has. Evenly
    spaced timesteps, as samplers take them, would leave out the low noise, where most of the bits are.

    Parameters
    ----------
    schedule : of T timesteps.
    steps : how many of them, 2 to T, or 1 where T is 1.

    Raises
    ------
    ValueError
        For steps out of range.

    References
    ----------
    Nichol and Dhariwal (2021), section 4 (respacing); Watson et al. (2021), "Learning to Efficiently Sample
    from Diffusion Probabilistic Models", arXiv:2106.03802, section 3 (the spacing decides how tight the bound
    is; what is here is a plain rule, not their search).

    Examples
    --------
    >>> from restore.diffusion.schedule import linear
    >>> short = respaced(linear(), 10)
    >>> [round(sigma, 3) for sigma in short.sigmas.tolist()]
    [0.005, 0.015, 0.045, 0.129, 0.375, 1.09, 3.185, 9.309, 27.04, 78.704]
    """
    most = schedule.steps
    if not min(2, most) <= steps <= most:
        raise ValueError(f"this schedule has {most} timesteps; expected steps from 2 to {most}, got {steps}")
    return Schedule.of_signal(schedule.alphas_cumprod[_even_in_log_snr(schedule, steps)])


def _even_in_log_snr(schedule: Schedule, steps: int) -> list[int]:
    """Choose each timestep nearest to an even share of what is left to the last one."""
    log_snr = schedule.log_snr
    last = schedule.steps - 1
    chosen = [0]
    for left in range(steps - 1, 0, -1):
        start = chosen[-1] + 1
        target = log_snr[chosen[-1]] + (log_snr[last] - log_snr[chosen[-1]]) / left
        # One timestep must remain for each that is still to be chosen.
        near = (log_snr[start : last - left + 2] - target).abs()
        chosen.append(start + int(near.argmin()))
    return chosen


@dataclass(frozen=True)
class FlowPath:
    """The noise levels that the probability flow is followed through, and how its divergence is estimated.

    Parameters
    ----------
    sigma_min, sigma_max : the first and the last level, [0, 1] units.
    steps : of the classical Runge-Kutta method, even in log sigma; each takes four calls of the denoiser and
        their gradients.
    probes : random vectors for each estimate of the divergence.

    Raises
    ------
    ValueError
        For numbers out of range.

    Examples
    --------
    >>> [round(sigma, 6) for sigma in FlowPath(0.01, 1.0, steps=2).sigmas]
    [0.01, 0.1, 1.0]
    """

    sigma_min: float
    sigma_max: float
    steps: int = 25
    probes: int = 1

    def __post_init__(self) -> None:
        if self.steps < 1 or self.probes < 1:
            raise ValueError(f"expected at least 1 step and 1 probe; got {self.steps} and {self.probes}")
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(f"expected 0 < sigma_min < sigma_max; got {self.sigma_min} and {self.sigma_max}")

    @property
    def sigmas(self) -> list[float]:
        """The ``steps + 1`` levels, rising."""
        return log_sigma(self.sigma_max, self.sigma_min, self.steps + 1)[-2::-1]

    @property
    def calls(self) -> int:
        """Calls of the denoiser."""
        return 4 * self.steps


@dataclass(frozen=True, eq=False)
class FlowBits:
    """What ``-log2 p / dimensions`` of pictures ``(b,)`` is: ``total = prior + volume + bins``.

    The bits of 8-bit pictures are above 0, those of a density can be below.

    Parameters
    ----------
    prior : ``-log2 N(x_T; 0, 1)`` at the highest noise level.
    terms : how much the flow stretches in each step, ``(b, steps)``.
    bins : the change from the network's coordinates at the lowest level to those of the pictures, the same
        for all of them.
    """

    prior: Tensor
    terms: Tensor
    bins: float

    @property
    def volume(self) -> Tensor:
        """The sum of the terms."""
        return self.terms.sum(dim=1)

    @property
    def total(self) -> Tensor:
        """The sum of all parts."""
        return self.prior + self.volume + self.bins


def flow_bits(
    denoise: Denoiser, images: Tensor, path: FlowPath, *, rng: Rng, progress: Progress | None = None
) -> FlowBits:
    """Measure ``-log2 p`` of 8-bit pictures by the probability flow, in bits per dimension.

    The pictures are dequantised, ``x = k / 255 + u / 255`` with u uniform in -1/2..1/2, and

        bits = -log2 p(x) / dimensions + log2 255

    where p is the model's density at ``path.sigma_min`` (`flow_density`). Averaged over u this is at least
    ``-log2`` of the probability of the picture's bin, so it is a bound from above, up to the error of the
    steps; for pictures of a single u it scatters around that mean, and so it does for a single probe.

    What is measured is the model that stops at ``path.sigma_min``: its pictures have that much noise left.
    Such noise costs even a model that knows everything else the bits of `noise_bits`.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``, differentiable with respect to x, as
        ``prior.denoiser(differentiable=True)`` is.
    images : 8-bit pictures ``(b, 3, h, w)``, values k / 255 in [0, 1].
    path : the noise levels; those of the prior.
    rng : the random numbers of u and of the probes.
    progress : called after every call of denoise.

    Raises
    ------
    ValueError
        For other pictures.
    NumbersError
        When the state is no longer finite.

    References
    ----------
    Song et al. (2021), section 4.3 and appendix D.2; Theis, van den Oord and Bethge (2016), "A Note on the
    Evaluation of Generative Models", arXiv:1511.01844, section 3.1 (uniform dequantisation).

    Examples
    --------
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.testing import tiny_prior
    >>> prior, grey = tiny_prior(), torch.full((1, 3, 8, 8), 128 / 255)
    >>> path = FlowPath(prior.sigma_min, prior.sigma_max, steps=4)
    >>> bits = flow_bits(prior.denoiser(differentiable=True), grey, path, rng=seeded_rng(0))
    >>> bits.total.shape, bits.terms.shape
    (torch.Size([1]), torch.Size([1, 4]))
    """
    check_eight_bit(images)
    even = torch.special.ndtr(rng(images.double())) - 0.5
    density = flow_density(denoise, images.double() + even / LEVELS, path, rng=rng, progress=progress)
    return FlowBits(density.prior, density.terms, density.bins + math.log2(LEVELS))


def flow_density(
    denoise: Denoiser, x: Tensor, path: FlowPath, *, rng: Rng, progress: Progress | None = None
) -> FlowBits:
    """Measure ``-log2 p(x)`` of states at ``path.sigma_min`` as a density, in bits per dimension.

    x is carried to ``path.sigma_max`` along the probability flow, ``dx/dsigma = (x - D(x, sigma)) / sigma``.
    For the network's state ``x_t = a (2 x - 1)`` and log sigma, in which it is slow at both ends, that is

        dx_t / dlog sigma = a^2 x_t - a X0,    divergence a^2 dimensions - trace dD/dx

    with ``X0 = 2 D - 1``. Along it ``log p`` falls by the integral of the divergence. Both are followed by
    the classical Runge-Kutta method, of fourth order: at the same number of calls it is far nearer to the
    limit than Heun's. At sigma_max p is taken as the DDPM's prior, the standard normal density of x_t; at
    sigma_min it is brought back by ``p(x) = p(x_t) (2 a)^dimensions``.

    The trace is Hutchinson's estimate ``e^T (dD/dx) e`` with entries of e that are 1 or -1 (Rademacher),
    drawn anew for every call. The probes leave no bias in log p, which scatters less than with one e for all
    steps.

    Parameters
    ----------
    denoise : as for `flow_bits`.
    x : states ``(b, 3, h, w)`` in the coordinates of `restore.types`; computed in float64 but for denoise.
    path : the noise levels.
    rng : the random numbers of the probes.
    progress : called after every call of denoise.

    Raises
    ------
    NumbersError
        When the state is no longer finite.

    References
    ----------
    Song et al. (2021), eq. 13, 39 and appendix D.2; Karras et al. (2022), "Elucidating the Design Space of
    Diffusion-Based Generative Models", arXiv:2206.00364, eq. 4; Hutchinson (1989), "A Stochastic Estimator of
    the Trace of the Influence Matrix for Laplacian Smoothing Splines"; Skilling (1989), "The Eigenvalues of
    Mega-Dimensional Matrices".

    Examples
    --------
    A denoiser that knows nothing but the mean leaves x to scale with sigma: N(0.5, sigma_min^2).

    >>> from restore.diffusion.seeds import seeded_rng
    >>> x = torch.full((1, 3, 4, 4), 0.5)
    >>> path = FlowPath(0.1, 80.0, steps=20)
    >>> bits = flow_density(lambda x, sigma: 0 * x + 0.5, x, path, rng=seeded_rng(0))
    >>> round(float(bits.total), 2), round(math.log2(0.1 * math.sqrt(2 * math.pi)), 2)
    (-2.0, -2.0)
    """
    slope = _Slope(denoise, path, rng, progress)
    x_t = to_network(x.double(), path.sigma_min)
    terms = []
    for sigma, above in pairwise(path.sigmas):
        h, middle = math.log(above / sigma), math.sqrt(sigma * above)
        slope_1, divergence_1 = slope(x_t, sigma)
        slope_2, divergence_2 = slope(x_t + h / 2 * slope_1, middle)
        slope_3, divergence_3 = slope(x_t + h / 2 * slope_2, middle)
        slope_4, divergence_4 = slope(x_t + h * slope_3, above)
        x_t = x_t + h / 6 * (slope_1 + 2 * slope_2 + 2 * slope_3 + slope_4)
        terms.append(
            -h / 6 * (divergence_1 + 2 * divergence_2 + 2 * divergence_3 + divergence_4) / math.log(2)
        )
        if not torch.isfinite(x_t).all():
            raise NumbersError(f"the flow is no longer finite at sigma {above:.3g}; take more steps")
    nats = 0.5 * (x_t.square() + math.log(2 * math.pi)).mean(dim=(1, 2, 3))
    a, _ = signal_and_noise_of(path.sigma_min)
    return FlowBits(nats / math.log(2), torch.stack(terms, dim=1), -math.log2(2 * a))


class _Slope:
    """The slope of the flow in log sigma, and its divergence per dimension ``(b,)``."""

    def __init__(self, denoise: Denoiser, path: FlowPath, rng: Rng, progress: Progress | None):
        self._denoise, self._rng = denoise, rng
        self._probes, self._calls = path.probes, path.calls
        self._progress, self._done = progress, 0

    def __call__(self, x_t: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        a, _ = signal_and_noise_of(sigma)
        with torch.enable_grad():
            x = from_network(x_t, sigma).detach().requires_grad_()
            clean = self._denoise(x, sigma)
            trace = self._trace(clean, x)
        self._done += 1
        if self._progress is not None:
            self._progress(self._done, self._calls)
        return a * a * x_t - a * to_network(clean.detach(), 0.0), a * a - trace

    def _trace(self, clean: Tensor, x: Tensor) -> Tensor:
        """Hutchinson's estimate of ``trace dD/dx`` per dimension."""
        found = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for probe in range(self._probes):
            signs = torch.where(self._rng(x) < 0, -1.0, 1.0).to(x)
            (product,) = torch.autograd.grad(clean, x, signs, retain_graph=probe + 1 < self._probes)
            found += (product * signs).mean(dim=(1, 2, 3))
        return found / self._probes


def noise_bits(sigma: float) -> float:
    """Give what noise that a model leaves costs a model that knows the picture, in bits per dimension.

    ``-log2 N(u; 0, (255 sigma)^2)`` for u uniform in -1/2..1/2, in the mean: what `flow_bits` is for a model
    of that sigma_min that is sure of every pixel, and right.

    Parameters
    ----------
    sigma : noise level, [0, 1] units, above 0.

    Examples
    --------
    >>> round(noise_bits(0.5 / 255), 3)
    0.566
    """
    levels = sigma * LEVELS
    return math.log2(levels * math.sqrt(2 * math.pi)) + 1 / (24 * levels**2 * math.log(2))
