"""How sure a restoration is: a map of the standard deviation of what is not known, calibrated.

The deviation that is predicted is that of the posterior as the network sees it; how much too small it is, is
measured once on validation pictures: one temperature for each task (`restore.priors.calibration`). Where the
picture itself can be tried on, that comes first: its own grain and texture may be like no validation
picture's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from restore.diffusion.seeds import seeded_rng, spare_seed
from restore.images.canvas import Picture, canvas, hole_of
from restore.images.jpeg_coding import JpegCoding
from restore.images.resize import resize
from restore.inverse.build import Building, chain_of
from restore.inverse.fill import smoothed
from restore.inverse.spec import Spec
from restore.priors.calibration import temperature
from restore.priors.protocol import Prior
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.holes import check_masks
from restore.tasks.inpaint import inpaint
from restore.tasks.solve import solve
from restore.tasks.upscale import check_scale, upscale
from restore.types import Denoiser, Rng, from_255

# How far variances are smoothed, in pixels, and what is added to them: what the network's own errors leave at
# least. Chosen on validation pictures, as the temperatures are measured on them.
SMOOTH = {"denoise": 5.0, "blind": 1.0, "inpaint": 1.5, "upscale": 2.0, "dejpeg": 1.0, "solve": 2.0}
FLOOR = {"denoise": (1.4 / 255) ** 2, "upscale": (0.4 / 255) ** 2, "solve": (0.4 / 255) ** 2}
LEAST = 0.3 / 255  # rounding to 8 bits
PROBE = 0.2  # length of a finite difference, in deviations of the noise
STEPS = 10  # of every sample that only a deviation is measured from


TRIED = 12  # pixels a side that there are at least to be tried on
PARTS = 10  # of the pixels of a trial, by what is predicted, each with as many of them
# By what variances are too small where the picture itself could not be tried on: on the whole, what those of
# validation pictures are by before they are tried on themselves.
UNTRIED = {"upscale": 1.8**2, "inpaint": 2.0**2}


def posterior_variance(denoise: Denoiser, x: Tensor, sigma: float, rng: Rng, *, probes: int = 1) -> Tensor:
    """The diagonal of Cov[x0 | x], the mean over the channels ``(b, 1, h, w)``, to be smoothed.

    By Tweedie's formula ``Cov = sigma^2 dD/dx`` (Robbins 1956; Efron 2011; Manor and Michaeli 2024), its
    diagonal by v * (dD/dx v) for v of random signs (Hutchinson 1989; Bekas et al. 2007), the derivative by
    a central difference: two calls a probe. What stands beside the diagonal has random signs and averages
    out when the map is smoothed.
    """
    total = torch.zeros_like(x[:, :1])
    if sigma == 0:
        return total  # nothing was done
    for _ in range(probes):
        v = torch.where(rng(x) > 0, 1.0, -1.0).to(x)
        step = PROBE * sigma
        slope = (denoise(x + step * v, sigma) - denoise(x - step * v, sigma)) / (2 * step)
        total = total + (v * slope).mean(1, keepdim=True)
    return sigma**2 * total / probes


def of_denoising(image: Picture, sigma: float, *, seed: int = 0, probes: int = 1, prior: Prior) -> Tensor:
    """The deviation of what denoising white noise of ``sigma`` (0..255) gives, [0, 1] units ``(b, 1, h, w)``.

    In single precision, whatever the prior's: differences are small.
    """
    x = canvas(image).batch.to(prior.device)
    exact = prior if prior.dtype == torch.float32 else prior.copy(torch.float32)
    rng = seeded_rng(seed)
    variance = posterior_variance(exact.denoiser(), x, from_255(sigma), rng, probes=probes)
    prior.calls += exact.calls if exact is not prior else 0
    return calibrated(variance, "denoise", prior)


def of_inpainting(image: Picture, mask: Any, *, count: int = 8, seed: int = 0, prior: Prior) -> Tensor:
    """The deviation of what a hole is filled with, [0, 1] units ``(b, 1, h, w)``; 0 outside it.

    image, mask: as `restore.inpaint` takes them. Between ``count`` samples by PiGDM, whose spread follows the
    errors best of all methods here. Tried on the picture itself: the hole's mirror image, where it lies off
    the hole, is filled as well, and it is known by what that is off.
    """
    batch = canvas(image).planes  # gray samples are means of their channels, as results are
    hole = hole_of(mask, (batch.shape[-2], batch.shape[-1])).to(batch)
    check_masks(hole, batch)
    hole = hole.expand(len(batch), -1, -1, -1)

    def spread(picture: Tensor, missing: Tensor) -> Tensor:
        def draw(number: int) -> Tensor:
            return inpaint(picture, missing, method="pigdm", steps=STEPS, seed=number, prior=prior)

        return between_samples(draw, count, seed=seed)

    trial, elsewhere = None, mirrored_off(hole)
    if elsewhere.any():
        whole = inpaint(batch, hole, estimate="mean", prior=prior)
        again = inpaint(whole, elsewhere, estimate="mean", prior=prior)
        trial = Trial(spread(whole, elsewhere), squared_error(again, batch), elsewhere)
    return calibrated(spread(batch, hole), "inpaint", prior, where=hole, trial=trial)


def mirrored_off(hole: Tensor) -> Tensor:
    """The mirror image, of three, that most of lies off the hole ``(b, 1, h, w)``, and only what does.

    Nothing where that is less than half of it, or of too few pixels: a strip is no trial of a deep hole.
    """
    images = torch.stack([hole.flip(dims) * (1 - hole) for dims in ((-1,), (-2,), (-1, -2))])
    most = images.flatten(2).sum(2).argmax(0)
    best = images[most, torch.arange(len(hole), device=hole.device)]
    size, whole = (planes.sum((1, 2, 3), keepdim=True) for planes in (best, hole))
    return best * ((size >= TRIED**2) & (2 * size >= whole))


def of_upscaling(image: Picture, scale: float, *, count: int = 8, seed: int = 0, prior: Prior) -> Tensor:
    """The deviation of an enlargement, [0, 1] units ``(b, 1, h', w')``.

    Tried on the picture itself: reduced by ``scale`` and enlarged again, it is known by what that is off, and
    textures look alike at several scales. That costs one part in ``scale^2`` more.
    """
    check_scale(scale)
    operator, batch = chain_of([Spec("down", (scale,))]), canvas(image).planes

    def spread(picture: Tensor) -> Tensor:
        def draw(number: int) -> Tensor:
            return solve(picture, operator, estimate="sample", steps=STEPS, seed=number, prior=prior)

        return between_samples(draw, count, seed=seed)

    small = int(batch.shape[-2] / scale), int(batch.shape[-1] / scale)
    trial = None
    if min(small) >= TRIED:
        h, w = (round(side * scale) for side in small)
        known = batch[..., :h, :w]
        reduced = (255 * resize(known, small)).round().clamp(0, 255) / 255
        found = upscale(reduced, scale, estimate="mean", prior=prior)
        trial = Trial(spread(reduced), squared_error(found, known))
    return calibrated(spread(batch), "upscale", prior, trial=trial)


def of_solving(
    image: Picture,
    operator: Building,
    *,
    count: int = 8,
    seed: int = 0,
    prior: Prior,
    **options: Any,
) -> Tensor:
    """The deviation of what `restore.solve` finds, [0, 1] units ``(b, 1, h', w')``; options: its own."""

    def draw(number: int) -> Any:
        walk = {"estimate": "sample", "steps": STEPS, "seed": number, **options}
        return solve(image, operator, prior=prior, **walk)

    return of_samples(draw, count, "solve", seed=seed, prior=prior)


def of_dejpeg(image: Picture, coding: JpegCoding, *, count: int = 8, seed: int = 0, prior: Prior) -> Tensor:
    """The deviation of what is made of a JPEG, [0, 1] units ``(b, 1, h, w)``."""

    def draw(number: int) -> Any:
        return dejpeg(image, coding=coding, estimate="sample", seed=number, prior=prior)

    return of_samples(draw, count, "dejpeg", seed=seed, prior=prior)


def of_blind(image: Picture, sigma: float | None, *, count: int = 8, seed: int = 0, prior: Prior) -> Tensor:
    """The deviation of blind denoising, [0, 1] units ``(b, 1, h, w)``; sigma: as it is told, 0..255."""

    def draw(number: int) -> Any:
        walk: dict[str, Any] = {"method": "blind", "estimate": "sample", "steps": STEPS, "seed": number}
        return denoise(image, sigma=sigma, prior=prior, **walk)

    return of_samples(draw, count, "blind", seed=seed, prior=prior)


def of_samples(draw: Callable[[int], Any], count: int, task: str, *, seed: int = 0, prior: Prior) -> Tensor:
    """The deviation between ``count`` samples, ``draw(number)`` each, [0, 1] units ``(b, 1, h, w)``.

    Raises ValueError for fewer than two samples.
    """
    return calibrated(between_samples(draw, count, seed=seed), task, prior)


def between_samples(draw: Callable[[int], Any], count: int, *, seed: int) -> Tensor:
    """The variance between samples, the mean over the channels ``(b, 1, h, w)``.

    The numbers, seeds for `draw`, are far from the seed itself. Raises ValueError for fewer than two.
    """
    if count < 2:
        raise ValueError(f"a deviation is between two samples or more, got {count}")
    samples = torch.stack([canvas(draw(spare_seed(seed, k))).batch for k in range(count)])
    return samples.var(0).mean(1, keepdim=True)


def squared_error(found: Tensor, known: Tensor) -> Tensor:
    """Of what can be shown of both, the mean over the channels ``(b, 1, h, w)``."""
    return (found.clamp(0, 1) - known.to(found).clamp(0, 1)).square().mean(1, keepdim=True)


@dataclass(frozen=True)
class Trial:
    """What was predicted of something that is known, and by what it was off: variance and squared error.

    Both ``(b, 1, h, w)``, of each picture its own; where: 1 where it was tried.
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
    """The deviation of a predicted variance ``(b, 1, h, w)``: smoothed, times the measured temperature.

    where ``(b or 1, 1, h, w)``: 1 where pictures can differ; nothing is uncertain elsewhere. trial: of the
    same pictures, by which it is corrected before.
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
    """(a, b), b not negative: ``a variance + b`` is nearest to the squared error over the range of variances.

    Nearest in logarithms of the means of PARTS of the pixels; b is grain, which is no less where all else is
    smooth.
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
    """That of the prior's weights; None where it was not measured."""
    return temperature(str(prior.facts.get("sha256", "")), task)
