"""Film, scanners and printed pages: the grain, the stripes and the paper that scans hold."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from restore.training.cameras import CameraConfig, blurred, coded, uniform
from restore.training.degradations import scan_dirt
from restore.training.holes import box_holes, text_crops

_SCANNER = CameraConfig(coded=0.7, quality=(65.0, 98.0))


@dataclass(frozen=True)
class ScanConfig:
    """The scans that are simulated; every number is drawn for each picture within these ranges.

    Parameters
    ----------
    film : share of the pictures with film grain; the others have the texture of paper.
    grain, texture : deviation of the grain in the mid-tones and of the paper's texture, [0, 1] units.
    size : radius in pixels of the Gaussian that gives grain and texture their size [1]_; that of blue is up
        to half as large again, since its layer has the largest grains.
    stripes : share of the pictures with stripes, as a line of sensors leaves them.
    dirt : share of the pictures with dust and hairs.

    References
    ----------
    .. [1] A. Newson et al., "A Stochastic Film Grain Model for Resolution-Independent Rendering", Computer
       Graphics Forum 36(8), 2017, :doi:`10.1111/cgf.13159`.
    """

    film: float = 0.6
    grain: tuple[float, float] = (0.008, 0.1)
    texture: tuple[float, float] = (0.004, 0.06)
    size: tuple[float, float] = (0.35, 1.6)
    stripes: float = 0.15
    dirt: float = 0.1


SCAN = ScanConfig()
PAPER = ScanConfig(film=0.0, dirt=0.05)


def scan_noise(
    clean: Tensor, generator: Generator | None, rng: random.Random, config: ScanConfig = SCAN
) -> Tensor:
    """Give pictures ``(b, 3, h, w)`` in [0, 1] what film or paper and a scanner put on them; 8 bits."""
    low, high = config.size
    radius = low + (high - low) * rng.random()
    if rng.random() < config.film:
        # Grain is a matter of the density: it vanishes in clear film and where all grains are exposed.
        level = uniform(clean, config.grain, generator)[:, None, None, None]
        density = clean.clamp(0.02, 0.98)
        strength = level * (4 * density * (1 - density)).sqrt()
        coarse = 1 + 0.5 * rng.random()
        layers = (clean[:, :2], radius), (clean[:, 2:], radius * coarse)
        grain = torch.cat([_grain(layer, size, generator) for layer, size in layers], 1)
        if rng.random() < 0.4:  # black-and-white film, or a print of one: the same grain in all channels
            grain = grain[:, 1:2].expand_as(grain)
        noisy = clean + strength * grain
    else:
        level = uniform(clean, config.texture, generator)[:, None, None, None]
        shared, own = _grain(clean[:, :1], radius, generator), _grain(clean, 0.3, generator)
        noisy = clean + level * clean.sqrt() * (shared + 0.3 * own)
    if rng.random() < config.stripes:
        noisy = noisy + _stripes(clean, (0.0, 0.03), generator, rng)
    noisy = noisy.clamp(0, 1)
    if rng.random() < config.dirt:
        noisy = scan_dirt(noisy, 2, generator)
    return coded(noisy, generator, rng, _SCANNER)


def printed_pages(photos: Tensor, generator: Generator | None, rng: random.Random) -> Tensor:
    """Give pages of print on white paper, the size of photographs ``(b, 3, h, w)``; half of them show one."""
    ink = text_crops((len(photos), *photos.shape[-2:]), photos.device, generator)
    tone = torch.rand(len(photos), 1, 1, 1, device=photos.device, generator=generator) * 0.45
    colour = tone + 0.2 * torch.rand(len(photos), 3, 1, 1, device=photos.device, generator=generator)
    page = 1 - ink * (1 - colour)
    if rng.random() < 0.5:
        hole = box_holes((len(photos), *photos.shape[-2:]), photos.device, generator)
        page = page * (1 - hole) + photos * hole
    return page


def scanned_pages(page: Tensor, generator: Generator | None, rng: random.Random) -> Tensor:
    """Give pages on white paper ``(b, 3, h, w)`` what scans of pages have.

    The colour and the texture of the paper, stains, shadows, the print of the other side, soft optics, noise.
    """
    b = len(page)

    def share(low: float, high: float) -> Tensor:
        return uniform(page, (low, high), generator)[:, None, None, None]

    soft = blurred(page, 0.9 * rng.random())
    paper = share(0.7, 1.0) * (1 - 0.2 * torch.rand(b, 3, 1, 1, device=page.device, generator=generator))
    light = 1 - _cloud(page, 24, generator) * share(0.0, 0.4)
    stain = (_cloud(page, 10, generator) * 3 - 1.6).clamp(0, 1) * share(0.0, 0.25)
    tint = torch.rand(b, 3, 1, 1, device=page.device, generator=generator)
    if rng.random() < 0.3:
        behind = blurred((1 - page).mean(1, keepdim=True).flip(3).roll((7, 5), (2, 3)), 1.5)
        soft = soft - 0.25 * rng.random() * behind
    noisy = (soft * paper * light * (1 - tint * stain)).clamp(0, 1)
    return scan_noise(noisy, generator, rng, PAPER)


def _grain(like: Tensor, radius: float, generator: Generator | None) -> Tensor:
    """Gaussian noise of variance 1 blurred by a Gaussian of ``radius`` pixels."""
    white = torch.randn(like.shape, dtype=like.dtype, device=like.device, generator=generator)
    soft = blurred(white, radius)
    return soft / soft.flatten(2).std(2)[:, :, None, None].clamp(min=1e-3)


def _cloud(like: Tensor, cell: int, generator: Generator | None) -> Tensor:
    """Smooth random shapes of 0 to 1, a few cells wide, ``(b, 1, h, w)``."""
    b, _, h, w = like.shape
    coarse = torch.rand(b, 1, h // cell + 2, w // cell + 2, device=like.device, generator=generator)
    return F.interpolate(coarse, size=(h, w), mode="bicubic", align_corners=False).clamp(0, 1)


def _stripes(
    like: Tensor, level: tuple[float, float], generator: Generator | None, rng: random.Random
) -> Tensor:
    """Offsets of the rows, or of the columns, the same in all channels or not."""
    b, _, h, w = like.shape
    channels = 1 if rng.random() < 0.5 else 3
    shape = (b, channels, h, 1) if rng.random() < 0.5 else (b, channels, 1, w)
    lines = torch.randn(shape, device=like.device, generator=generator)
    return uniform(like, level, generator)[:, None, None, None] * lines
