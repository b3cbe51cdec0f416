"""How sure a restoration is: a map of the standard deviation of what is not known, calibrated.

The deviation that is predicted is that of the posterior as the network sees it; how much too small it is, is
measured once on validation pictures: one temperature for each task (`restore.measured`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from restore import samplers
from restore.arrays import Picture, canvas
from restore.backbone import Backbone
from restore.measured import temperature
from restore.types import Denoiser, Noise

SMOOTH = {
    "denoise": 3.0,
    "blind": 1.5,
    "inpaint": 1.5,
    "upscale": 1.5,
    "dejpeg": 1.5,
    "run": 1.5,
}  # pixels, of variances
FLOOR = 0.8 / 255  # what rounding and the network's own arithmetic leave at least
PROBE = 0.2  # length of a finite difference, in deviations of the noise


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


def of_samples(
    draw: Callable[[int], Any], count: int, task: str, backbone: Backbone, *, where: Tensor | None = None
) -> Tensor:
    """The deviation between ``count`` samples, `draw(0)` and on, [0, 1] units ``(b, 1, h, w)``.

    where ``(b or 1, 1, h, w)``: 1 where pictures can differ; nothing is uncertain elsewhere. Raises
    ValueError for fewer than two samples.
    """
    if count < 2:
        raise ValueError(f"a deviation is between two samples or more, got {count}")
    first = total = square = None
    for k in range(count):
        sample = canvas(draw(k)).batch
        first = sample if first is None else first
        off = sample - first  # sums of squares of small numbers lose nothing
        total = off if total is None else total + off
        square = off.square() if square is None else square + off.square()
    assert total is not None and square is not None  # two samples at least
    variance = ((square - total.square() / count) / (count - 1)).mean(1, keepdim=True)
    return calibrated(variance, task, backbone, where=where)


def calibrated(variance: Tensor, task: str, backbone: Backbone, *, where: Tensor | None = None) -> Tensor:
    """The deviation of a predicted variance ``(b, 1, h, w)``: smoothed, times the measured temperature."""
    smooth = smoothed(variance, SMOOTH[task], where)
    deviation = (smooth.clamp_min(0) + FLOOR**2).sqrt() * (known_temperature(task, backbone) or 1.0)
    return deviation if where is None else deviation * where


def known_temperature(task: str, backbone: Backbone) -> float | None:
    """That of the backbone's weights; None where it was not measured."""
    return temperature(str(backbone.facts.get("sha256", "")), task)


def smoothed(values: Tensor, radius: float, where: Tensor | None = None) -> Tensor:
    """Means weighed by a bell of so many pixels, over what is within ``where`` only."""
    known = torch.ones_like(values) if where is None else where.to(values).expand_as(values)
    reach = int(3 * radius)
    place = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    bell = torch.exp(-0.5 * (place / radius) ** 2)

    def blurred(plane: Tensor) -> Tensor:
        plane = F.conv2d(plane, bell.view(1, 1, -1, 1), padding=(reach, 0))
        return F.conv2d(plane, bell.view(1, 1, 1, -1), padding=(0, reach))

    # Weighed by what is there, the border of the picture needs no rule of its own.
    return blurred(values * known) / blurred(known).clamp_min(1e-6)
