"""How sure a restoration is: a map of the standard deviation of what is not known, calibrated.

The deviation that is predicted is that of the posterior as the network sees it; how much too small it is, is
measured once on validation pictures: one temperature for each task (`restore.measured`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from restore import samplers
from restore.arrays import Picture, canvas, hole_of
from restore.backbone import Backbone
from restore.coding import Coding
from restore.fill import smoothed
from restore.measured import temperature
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.solve import Building, chain_of, solve
from restore.types import Denoiser, Noise
from restore.words import Word

# How far variances are smoothed, in pixels, and what is added to them: what the network's own errors leave at
# least. Chosen on validation pictures, as the temperatures are measured on them.
SMOOTH = {"denoise": 5.0, "blind": 1.0, "inpaint": 1.5, "upscale": 2.0, "dejpeg": 1.0, "run": 2.0}
FLOOR = {"denoise": (1.4 / 255) ** 2, "upscale": (0.4 / 255) ** 2, "run": (0.4 / 255) ** 2}
LEAST = 0.3 / 255  # rounding to 8 bits
PROBE = 0.2  # length of a finite difference, in deviations of the noise
STEPS = 10  # of every sample that only a deviation is measured from
FAR, SEEDS = 1 << 31, 1 << 32  # those samples draw other noise than a picture


def posterior_variance(
    denoise: Denoiser, x: Tensor, sigma: float, noise: Noise, *, probes: int = 1
) -> Tensor:
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
        v = torch.where(noise(x) > 0, 1.0, -1.0).to(x)
        step = PROBE * sigma
        slope = (denoise(x + step * v, sigma) - denoise(x - step * v, sigma)) / (2 * step)
        total = total + (v * slope).mean(1, keepdim=True)
    return sigma**2 * total / probes


def of_denoising(
    image: Picture, sigma: float, *, seed: int = 0, probes: int = 1, backbone: Backbone
) -> Tensor:
    """The deviation of what denoising white noise of ``sigma`` (0..255) gives, [0, 1] units ``(b, 1, h, w)``.

    In single precision, whatever the backbone's: differences are small.
    """
    x = canvas(image).batch.to(backbone.device)
    exact = backbone if backbone.dtype == torch.float32 else backbone.copy(torch.float32)
    noise = samplers.seeded_noise(seed)
    variance = posterior_variance(exact.denoiser(), x, sigma / 255, noise, probes=probes)
    backbone.calls += exact.calls if exact is not backbone else 0
    return calibrated(variance, "denoise", backbone)


def of_inpainting(image: Picture, mask: Any, *, count: int = 8, seed: int = 0, backbone: Backbone) -> Tensor:
    """The deviation of what a hole is filled with, [0, 1] units ``(b, 1, h, w)``; 0 outside it.

    image, mask: as `restore.inpaint` takes them. Between ``count`` samples by PiGDM, whose spread follows the
    errors best of all methods here.
    """
    size = canvas(image).batch.shape
    hole = hole_of(mask, (size[-2], size[-1]))

    def draw(number: int) -> Any:
        return inpaint(image, mask, method="pigdm", steps=STEPS, seed=number, backbone=backbone)

    return of_samples(draw, count, "inpaint", seed=seed, backbone=backbone, where=hole)


def of_upscaling(
    image: Picture, scale: float, *, count: int = 8, seed: int = 0, backbone: Backbone
) -> Tensor:
    """The deviation of an enlargement, [0, 1] units ``(b, 1, h', w')``."""
    return of_solving(
        image, chain_of([Word("down", (scale,))]), count=count, seed=seed, backbone=backbone, task="upscale"
    )


def of_solving(
    image: Picture,
    operator: Building,
    *,
    count: int = 8,
    seed: int = 0,
    backbone: Backbone,
    task: str = "run",
    **options: Any,
) -> Tensor:
    """The deviation of what `restore.solve` finds, [0, 1] units ``(b, 1, h', w')``; options: its own."""

    def draw(number: int) -> Any:
        walk = {"estimate": "sample", "steps": STEPS, "seed": number, **options}
        return solve(image, operator, backbone=backbone, **walk)

    return of_samples(draw, count, task, seed=seed, backbone=backbone)


def of_dejpeg(image: Picture, coding: Coding, *, count: int = 8, seed: int = 0, backbone: Backbone) -> Tensor:
    """The deviation of what is made of a JPEG, [0, 1] units ``(b, 1, h, w)``."""

    def draw(number: int) -> Any:
        return dejpeg(image, coding=coding, estimate="sample", seed=number, backbone=backbone)

    return of_samples(draw, count, "dejpeg", seed=seed, backbone=backbone)


def of_blind(
    image: Picture, sigma: float | None, *, count: int = 8, seed: int = 0, backbone: Backbone
) -> Tensor:
    """The deviation of blind denoising, [0, 1] units ``(b, 1, h, w)``; sigma: as it is told, 0..255."""

    def draw(number: int) -> Any:
        walk: dict[str, Any] = {"method": "blind", "estimate": "sample", "steps": STEPS, "seed": number}
        return denoise(image, sigma=sigma, backbone=backbone, **walk)

    return of_samples(draw, count, "blind", seed=seed, backbone=backbone)


def of_samples(
    draw: Callable[[int], Any],
    count: int,
    task: str,
    *,
    seed: int = 0,
    backbone: Backbone,
    where: Tensor | None = None,
) -> Tensor:
    """The deviation between ``count`` samples, ``draw(number)`` each, [0, 1] units ``(b, 1, h, w)``.

    The numbers, seeds for `draw`, are far from the seed itself. where ``(b or 1, 1, h, w)``: 1 where pictures
    can differ; nothing is uncertain elsewhere. Raises ValueError for fewer than two samples.
    """
    if count < 2:
        raise ValueError(f"a deviation is between two samples or more, got {count}")
    samples = torch.stack([canvas(draw((seed + FAR + k) % SEEDS)).batch for k in range(count)])
    variance = samples.var(0).mean(1, keepdim=True)
    return calibrated(variance, task, backbone, where=where)


def calibrated(variance: Tensor, task: str, backbone: Backbone, *, where: Tensor | None = None) -> Tensor:
    """The deviation of a predicted variance ``(b, 1, h, w)``: smoothed, times the measured temperature."""
    smooth = smoothed(variance, SMOOTH[task], where)
    deviation = (smooth + FLOOR.get(task, 0.0)).clamp_min(LEAST**2).sqrt()
    deviation = deviation * (known_temperature(task, backbone) or 1.0)
    return deviation if where is None else deviation * where.to(deviation)


def known_temperature(task: str, backbone: Backbone) -> float | None:
    """That of the backbone's weights; None where it was not measured."""
    return temperature(str(backbone.facts.get("sha256", "")), task)
