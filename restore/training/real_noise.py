"""Crops with the noise that pictures really have, as the denoising network sees them.

In most of them the noisy picture is itself the state of the diffusion, at the level of its noise in luma, as
if the noise were white: the network then starts from all that it knows of white noise. In the others it is
the hint of the conditional branch.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace

import torch
from torch import Generator, Tensor

from restore.priors.condition import Condition, no_condition, smooth_signal
from restore.training import degradations as damage
from restore.training.cameras import CameraConfig, camera_noise, coded, softened, uniform
from restore.training.damaged import Damaged, as_gray
from restore.training.scans import printed_pages, scan_noise, scanned_pages

SOFT = 0.65  # of the crops lie on pictures as soft as cameras and scanners make them
NOTHING, STORED, CAMERAS = 0.12, 0.15, 0.5
"""Shares of the crops: no noise, white noise stored as JPEG, cameras; the rest is film and scanners."""
STATES = 0.65  # of the crops are the state themselves
FINE_JPEG = CameraConfig(coded=0.6, quality=(88.0, 99.0))
LEVEL_ERROR = 0.25  # deviation of the logarithm of a level that was measured
FAINTEST, STRONGEST = 1 / 255, 0.4  # what a level is taken to be at least and at most


def real_noise(clean: Tensor, generator: Generator | None, rng: random.Random) -> Damaged:
    """Give crops ``(b, 3, h, w)`` one kind of real noise."""
    if rng.random() < SOFT:
        clean = softened(clean, generator, rng)
    kind = rng.random()
    if kind < NOTHING:
        # Without noise there is nothing to remove, not even what a good JPEG has done.
        clean = noisy = coded(clean, generator, rng, FINE_JPEG)
    elif kind < NOTHING + STORED:
        noise_std = torch.exp(uniform(clean, (math.log(2 / 255), math.log(40 / 255)), generator))
        noisy = coded(damage.gaussian_noise(clean, noise_std, generator), generator, rng)
    elif kind < NOTHING + STORED + CAMERAS:
        noisy = camera_noise(clean, generator, rng)
    else:
        noisy = scan_noise(clean, generator, rng)
    noisy = as_gray(noisy, clean)
    if rng.random() < STATES:
        return as_state(clean, noisy, generator)
    return weighted(_as_hint(clean, noisy, generator, rng))


def page_noise(photos: Tensor, generator: Generator | None, rng: random.Random) -> Damaged:
    """Give crops of pages, some of them with a photograph of ``photos``, what scans of pages have."""
    page = printed_pages(photos, generator, rng)
    planes = Condition(scanned_pages(page, generator, rng), page=True).planes()
    return weighted(Damaged(page, planes, torch.ones_like(page[:, :1])))


def as_state(clean: Tensor, noisy: Tensor, generator: Generator | None) -> Damaged:
    """The noisy pictures as states at the level of their noise, as well as it is known."""
    error = torch.randn(len(clean), device=clean.device, generator=generator)
    level = luma_level(noisy - clean) * torch.exp(LEVEL_ERROR * error)
    faint = FAINTEST * (1 + 3 * torch.rand(len(clean), device=clean.device, generator=generator))
    sigma = torch.where(level < FAINTEST, faint, level).clamp(FAINTEST, STRONGEST)
    return Damaged(clean, no_condition(clean), torch.ones_like(clean[:, :1]), state=noisy, sigma=sigma)


def luma_level(noise: Tensor) -> Tensor:
    """Standard deviation of noise ``(b, 3, h, w)`` in the mean of channels, times the root of 3, ``(b,)``.

    It is that of each channel where the noise is white. Chroma, where it is noisier, counts instead.
    """
    luma = noise.mean(1, keepdim=True)
    chroma = (noise - luma).square().sum(1).mean((1, 2)) / 2
    return torch.maximum(3 * luma.square().mean((1, 2, 3)), chroma).sqrt()


def weighted(part: Damaged) -> Damaged:
    """More for faint noise, whose error is small: what counts is the error relative to the noise."""
    hint = (part.planes[:, :3] + 1) / 2
    return replace(part, importance=0.01 / ((hint - part.clean).square().mean((1, 2, 3)) + 1e-4))


def _as_hint(clean: Tensor, noisy: Tensor, generator: Generator | None, rng: random.Random) -> Damaged:
    """The noisy pictures as hints, told their noise in most of the cases."""
    told, claimed = rng.random(), None
    if told < 0.7:
        error = torch.randn(len(clean), 1, 1, 1, device=clean.device, generator=generator)
        claimed = claimed_noise(noisy, clean, by_signal=told < 0.45) * torch.exp(0.15 * error)
    return Damaged(clean, Condition(noisy, noise_std=claimed).planes(), torch.ones_like(clean[:, :1]))


def claimed_noise(noisy: Tensor, clean: Tensor, *, by_signal: bool) -> Tensor:
    """What somebody who measures the noise of pictures says of it.

    Parameters
    ----------
    noisy, clean : ``(b, 3, h, w)`` in [0, 1].
    by_signal : by a line of the variance over the brightness; otherwise one level for each picture.

    Returns
    -------
    Tensor
        Standard deviation, ``(b, 1, h, w)``.
    """
    squared = (noisy - clean).square().mean(1, keepdim=True)
    mean = squared.mean((2, 3), keepdim=True)
    if not by_signal:
        return mean.sqrt().expand_as(squared)
    signal = smooth_signal(noisy)
    centre = signal.mean((2, 3), keepdim=True)
    spread = (signal - centre).square().mean((2, 3), keepdim=True) + 1e-4
    slope = ((signal - centre) * (squared - mean)).mean((2, 3), keepdim=True) / spread
    return (mean + slope * (signal - centre)).clamp(min=mean / 9, max=mean * 4).sqrt()
