"""Predicted variances, and the calibrated deviations that are made of them.

A variance is smoothed, corrected by a trial on the picture itself where there is one, and multiplied by a
temperature that was measured once for each task (`restore.priors.calibration`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from restore.diffusion import watch
from restore.diffusion.seeds import spare_seed
from restore.images.canvas import canvas
from restore.inverse.fill import smoothed
from restore.priors.calibration import temperature
from restore.priors.protocol import Prior
from restore.types import Denoiser, Rng

# How far variances are smoothed, in pixels, and what is added to them at least, for the network's own errors.
# Chosen on validation pictures, on which the temperatures were measured, too.
SMOOTH = {"denoise": 5.0, "blind": 1.0, "inpaint": 1.5, "upscale": 2.0, "dejpeg": 1.0, "solve": 2.0}
FLOOR = {"denoise": (1.4 / 255) ** 2, "upscale": (0.4 / 255) ** 2, "solve": (0.4 / 255) ** 2}
LEAST = 0.3 / 255  # rounding to 8 bits
PROBE = 0.2  # length of a finite difference, in deviations of the noise
PARTS = 10  # into which the pixels of a trial are divided, sorted by their variance
# By how much variances are too small where no trial could be made: that of validation pictures before theirs.
UNTRIED = {"upscale": 1.8**2, "inpaint": 2.0**2}


def posterior_variance(denoise: Denoiser, x: Tensor, sigma: float, rng: Rng, *, probes: int = 1) -> Tensor:
    """Estimate the diagonal of Cov[x0 | x] with random probes.

    By Tweedie's formula ``Cov = sigma^2 dD/dx`` [1]_ [2]_ [3]_. Its diagonal is the mean of v * (dD/dx v)
    over v of random signs [4]_ [5]_, and the derivative is a central difference: two network calls a probe.
    The elements beside the diagonal have random signs and average out when the map is smoothed.

    Parameters
    ----------
    denoise : callable
        ``denoise(x, sigma) -> E[x0 | x]``.
    x : tensor
        The state, ``(b, c, h, w)``.
    sigma : float
        Its noise level, [0, 1] units.
    rng : callable
        The random numbers, ``rng(like)``.
    probes : int
        How many, at least 1.

    Returns
    -------
    tensor
        The variance, the mean over the channels, ``(b, 1, h, w)``; not smoothed.

    References
    ----------
    .. [1] H. Robbins (1956). An empirical Bayes approach to statistics. Proc. Third Berkeley Symposium.
    .. [2] B. Efron (2011). Tweedie's formula and selection bias. DOI:10.1198/jasa.2011.tm11181.
    .. [3] H. Manor, T. Michaeli (2024). On the posterior distribution in denoising: application to
       uncertainty quantification. arXiv:2309.13598.
    .. [4] M. F. Hutchinson (1989). A stochastic estimator of the trace of the influence matrix.
       DOI:10.1080/03610918908812806.
    .. [5] C. Bekas, E. Kokiopoulou, Y. Saad (2007). An estimator for the diagonal of a matrix.
       DOI:10.1016/j.apnum.2007.01.003.

    Examples
    --------
    A prior of independent pixels with deviation 1 has the variance sigma^2 / (1 + sigma^2).

    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.tasks.variance import posterior_variance
    >>> variance = posterior_variance(lambda x, s: x / (1 + s**2), torch.rand(1, 3, 4, 4), 1.0, seeded_rng(0))
    >>> round(float(variance.mean()), 3)
    0.5
    """
    total = torch.zeros_like(x[:, :1])
    if sigma == 0:
        return total  # nothing was done
    for number in range(probes):
        v = torch.where(rng(x) > 0, 1.0, -1.0).to(x)
        step = PROBE * sigma
        with watch.stretch(2 * number, 2 * probes):
            above = denoise(x + step * v, sigma)
        with watch.stretch(2 * number + 1, 2 * probes):
            below = denoise(x - step * v, sigma)
        slope = (above - below) / (2 * step)
        total = total + (v * slope).mean(1, keepdim=True)
    return sigma**2 * total / probes


def between_samples(draw: Callable[[int], Any], count: int, *, seed: int) -> Tensor:
    """Measure the variance between samples.

    Parameters
    ----------
    draw : callable
        ``draw(seed)`` gives a sample.
    count : int
        How many are drawn, at least 2.
    seed : int
        The samples' seeds lie 2^31 further on (`restore.diffusion.seeds.spare_seed`).

    Returns
    -------
    tensor
        The variance, the mean over the channels, ``(b, 1, h, w)``; not smoothed.

    Raises
    ------
    ValueError
        For fewer than two samples.
    """
    if count < 2:
        raise ValueError(f"a deviation is between two samples or more, got {count}")
    rounds, drawn = watch.Rounds(count), []
    for number in range(count):
        with rounds.round(number):
            drawn.append(canvas(draw(spare_seed(seed, number))).batch)
    samples = torch.stack(drawn)
    return samples.var(0).mean(1, keepdim=True)


def squared_error(found: Tensor, known: Tensor) -> Tensor:
    """Give the squared error of pictures cut off at 0 and 1, the mean over the channels ``(b, 1, h, w)``."""
    return (found.clamp(0, 1) - known.to(found).clamp(0, 1)).square().mean(1, keepdim=True)


@dataclass(frozen=True)
class Trial:
    """A variance that was predicted where the truth is known, and the squared error that was found there.

    Parameters
    ----------
    variance, error : tensor
        Both ``(b, 1, h, w)``, for each picture its own.
    where : tensor, optional
        1 where it was tried, ``(b, 1, h, w)``; None is everywhere.
    """

    variance: Tensor
    error: Tensor
    where: Tensor | None = None


def calibrated(
    variance: Tensor,
    task: str,
    prior: Prior,
    *,
    where: Tensor | None = None,
    trial: Trial | None = None,
) -> Tensor:
    """Turn a predicted variance into a deviation: smoothed, corrected, times the measured temperature.

    Parameters
    ----------
    variance : tensor
        ``(b, 1, h, w)``.
    task : str
        Whose constants and temperature are used: denoise, blind, inpaint, upscale, dejpeg or solve.
    prior : Prior
        Whose temperature is used; none was measured for weights other than those in the package.
    where : tensor, optional
        1 where pictures can differ, ``(b or 1, 1, h, w)``; elsewhere the deviation is 0.
    trial : Trial, optional
        Of the same pictures; a line through it corrects the variance.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h, w)`` in [0, 1] units.

    Examples
    --------
    >>> import torch
    >>> from restore.tasks.variance import calibrated
    >>> from restore.testing import tiny_prior
    >>> deviation = calibrated(torch.full((1, 1, 8, 8), 0.04), "dejpeg", tiny_prior())
    >>> round(float(deviation.mean()), 3)
    0.2
    """
    smooth, untried = _smooth(variance, task, where), (UNTRIED.get(task, 1.0), 0.0)
    lines = [untried] * len(smooth)
    if trial is not None:
        tried = torch.ones_like(trial.error) if trial.where is None else trial.where
        seen = zip(_smooth(trial.variance, task, trial.where), trial.error.to(smooth), tried, strict=True)
        lines = [
            line_through(predicted[there > 0], error[there > 0]) if there.any() else untried
            for predicted, error, there in seen
        ]
    slope, grain = torch.tensor(lines).to(smooth)[..., None, None, None].unbind(1)
    smooth = slope * smooth + grain
    deviation = smooth.sqrt() * (known_temperature(task, prior) or 1.0)
    return deviation if where is None else deviation * where.to(deviation)


def _smooth(variance: Tensor, task: str, where: Tensor | None = None) -> Tensor:
    return (smoothed(variance, SMOOTH[task], where) + FLOOR.get(task, 0.0)).clamp_min(LEAST**2)


def line_through(variance: Tensor, error: Tensor) -> tuple[float, float]:
    """Fit a line from predicted variances to measured squared errors.

    Nearest in logarithms of the means of PARTS of the pixels, sorted by their variance. The offset is grain,
    which is the same where all else is smooth.

    Parameters
    ----------
    variance, error : tensor
        Of the same shape.

    Returns
    -------
    (float, float)
        (a, b) of ``a variance + b``, b not negative.
    """
    order = variance.flatten().argsort().tensor_split(PARTS)
    predicted, measured = (
        torch.stack([v.flatten()[part].double().mean() for part in order]) for v in (variance, error)
    )
    measured = measured.clamp_min(LEAST**2)

    def off(share: float) -> Tensor:  # but for a, by b / a
        return measured.log() - (predicted + share).log()

    shares = [0.0, *torch.logspace(-2, 2, 41).double().mul(float(predicted.median())).tolist()]
    share = min(shares, key=lambda share: float(off(share).var()))
    a = math.exp(float(off(share).mean()))
    return a, a * share


def known_temperature(task: str, prior: Prior) -> float | None:
    """Give the temperature of the prior's weights for a task; None where it was not measured."""
    return temperature(str(prior.facts.get("sha256", "")), task)
