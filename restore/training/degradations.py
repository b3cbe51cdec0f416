"""What damages pictures, in batches on any device: down-sampling, noise, JPEG, holes."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from restore.images.device_constants import constant
from restore.images.jpeg_coding import CHROMA, LUMA
from restore.inverse.jpeg import compressed
from restore.training.holes import segments


def gaussian_noise(image: Tensor, noise_std: Tensor, generator: Generator | None = None) -> Tensor:
    """Add white Gaussian noise, neither clipped nor quantised; noise_std ``(b,)`` in [0, 1] units."""
    return image + noise_std[:, None, None, None] * _normal(image, generator)


def poisson_gaussian_noise(
    image: Tensor, gain: Tensor, read_std: Tensor, generator: Generator | None = None
) -> Tensor:
    """Add signal-dependent noise of variance ``gain * signal + read_std^2`` (Foi et al. 2008, eq. 3).

    The Poisson part is taken as Gaussian of the same variance. gain, read_std ``(b,)`` in [0, 1] units.
    """
    variance = gain[:, None, None, None] * image.clamp(0, 1) + read_std[:, None, None, None] ** 2
    return image + variance.sqrt() * _normal(image, generator)


def correlated_noise(
    image: Tensor, noise_std: Tensor, radius: float, generator: Generator | None = None
) -> Tensor:
    """Add Gaussian noise blurred by a Gaussian of ``radius`` pixels and rescaled to ``noise_std``.

    As demosaicking and JPEG leave it in real photographs.
    """
    b, channels, h, w = image.shape
    margin = math.ceil(2 * radius)
    grid = torch.arange(-margin, margin + 1, device=image.device, dtype=image.dtype)
    line = torch.exp(-0.5 * (grid / radius) ** 2)
    kernel = line[:, None] * line
    kernel = kernel / kernel.square().sum().sqrt()
    white = _normal(image.new_empty(b, channels, h + 2 * margin, w + 2 * margin), generator)
    noise = F.conv2d(white, kernel.expand(channels, 1, -1, -1), groups=channels)
    return image + noise_std[:, None, None, None] * noise


def jpeg(image: Tensor, quality: Tensor, *, halve_chroma: bool = True) -> Tensor:
    """What JPEG compression of ``quality`` ``(b,)`` in 1..100 leaves of an image in [0, 1].

    As `restore.inverse.jpeg.compressed`, with the IJG's quality scale and, halved, 4:2:0 chroma.
    """
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)[:, None, None] / 100
    tables = [
        (constant(table, image.device).view(8, 8) * scale).round().clamp(1, 255) for table in (LUMA, CHROMA)
    ]
    return compressed(image, tuple(tables), coarser=(2, 2) if halve_chroma else (1, 1))


def scan_dirt(image: Tensor, count: int, generator: Generator | None = None) -> Tensor:
    """Put ``count`` small dark or bright specks and hairs on each picture, as dust on a scanner's glass."""
    b, _, h, w = image.shape
    hole = segments((b, h, w), count, (0.01, 0.06), (0.4, 1.2), image.device, generator)
    tone = torch.rand(b, 1, 1, 1, device=image.device, generator=generator).round() * 0.8 + 0.1
    return image * (1 - hole) + tone * hole


def _normal(like: Tensor, generator: Generator | None) -> Tensor:
    return torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
