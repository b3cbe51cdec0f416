"""The task mix: turn clean crops into what each task's network call sees and must answer."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from restore.images.resize import resize, small_size
from restore.inverse.fill import push_pull
from restore.priors.condition import Condition, no_condition
from restore.training import degradations as damage
from restore.training.damaged import Damaged, as_gray, joined
from restore.training.holes import HOLES
from restore.training.levels import SPACINGS, NoiseLevels, Spacing
from restore.training.real_noise import page_noise, real_noise, weighted

TASKS = ("unconditional", "upscale", "inpaint", "denoise")
TOGETHER = 4  # crops of a batch that get one kind of noise


@dataclass(frozen=True)
class Mix:
    """Shares of the tasks in a batch, and the noise levels at which each is trained.

    Parameters
    ----------
    unconditional, upscale, inpaint, denoise : shares of at least 0; they are normalised to sum to one.
    levels : how noise levels are drawn, ``schedule``, ``importance`` or ``log-sigma``; see
        `restore.training.levels.NoiseLevels`.
    prior_share : of the unconditional part with log-sigma, how much is even in log sigma from sigma_low to
        sigma_mid; the rest goes up to the highest noise level, where sampling begins.
    top_share : of the conditional parts, how much is at the highest noise level, where one call gives the
        posterior mean.
    sigma_low, sigma_mid : noise levels of log-sigma, [0, 1] units.
    real : of the denoise part, the share with the noise of simulated cameras, film and scanners.
    pages : of the denoise part, the share of scanned pages, of which the ink is wanted on even paper.

    Raises
    ------
    ValueError
        For values out of range.

    Examples
    --------
    >>> Mix(unconditional=1, upscale=1, inpaint=0, denoise=0).counts(8)
    [4, 4, 0, 0]
    """

    unconditional: float = 0.5
    upscale: float = 0.25
    inpaint: float = 0.15
    denoise: float = 0.1
    levels: Spacing = "schedule"
    prior_share: float = 0.8
    top_share: float = 0.6
    sigma_low: float = 0.5 / 255
    sigma_mid: float = 0.5
    real: float = 0.0
    pages: float = 0.0

    def __post_init__(self) -> None:
        shares = [getattr(self, task) for task in TASKS]
        if min(shares) < 0 or not 0 < sum(shares) < math.inf:
            raise ValueError(f"{', '.join(TASKS)} are shares of at least 0, not all 0; got {shares}")
        if self.levels not in SPACINGS:
            raise ValueError(f"levels is one of {', '.join(SPACINGS)}, got {self.levels!r}")
        if not (0 <= self.prior_share <= 1 and 0 <= self.top_share <= 1):
            raise ValueError(
                f"prior_share and top_share lie in 0..1; got {self.prior_share} and {self.top_share}"
            )
        if not (min(self.real, self.pages) >= 0 and self.real + self.pages <= 1):
            raise ValueError(f"real and pages are shares of one part; got {self.real} and {self.pages}")
        if not 0 < self.sigma_low < self.sigma_mid < math.inf:
            raise ValueError(
                f"sigma_low and sigma_mid must rise from above 0; got {self.sigma_low} and {self.sigma_mid}"
            )

    def counts(self, batch: int) -> list[int]:
        """How many of ``batch`` crops go to each task, by largest remainder."""
        shares = [getattr(self, task) for task in TASKS]
        exact = [share / sum(shares) * batch for share in shares]
        counts = [int(number) for number in exact]
        by_remainder = sorted(range(len(TASKS)), key=lambda task: counts[task] - exact[task])
        for task in by_remainder[: batch - sum(counts)]:
            counts[task] += 1
        return counts


@dataclass(frozen=True)
class Batch:
    """Crops, and what the network is given and judged by.

    Parameters
    ----------
    clean : ``(b, 3, h, w)`` in [0, 1].
    planes : of the condition, ``(b, 6, h, w)``.
    sigma : noise levels ``(b,)``, [0, 1] units.
    weight : where the loss counts, ``(b, 1, h, w)``.
    task : numbers of TASKS ``(b,)``.
    importance : factor of each picture's loss ``(b,)``.
    state : noisy pictures ``(b, 3, h, w)`` that are the network's state themselves, where ``is_state``
        ``(b,)`` is true; elsewhere white noise of level sigma is drawn.
    given : what the network is told of the pictures, ``(b, d)``; None is nothing.
    """

    clean: Tensor
    planes: Tensor
    sigma: Tensor
    weight: Tensor
    task: Tensor
    importance: Tensor
    state: Tensor
    is_state: Tensor
    given: Tensor | None = None


def make_batch(
    clean: Tensor, mix: Mix, levels: NoiseLevels, *, generator: Generator | None, rng: random.Random
) -> Batch:
    """Split a batch of clean crops over the tasks and damage each part in its way.

    Parameters
    ----------
    clean : crops ``(b, 3, h, w)`` in [0, 1].
    mix : shares of the tasks and their noise levels.
    levels : draws the noise levels.
    generator : draws on the device of the crops.
    rng : makes the decisions for a whole part of the batch on the CPU, so that nothing waits for the device.
    """
    parts, drawn, weights, tasks = [], [], [], []
    for index, part in enumerate(torch.split(clean, mix.counts(len(clean)))):
        if not len(part):
            continue
        parts.append(_DAMAGE[index](part, mix, generator, rng))
        sigma, weight = levels.draw(len(part), prior=index == 0, generator=generator)
        drawn.append(sigma)
        weights.append(weight)
        tasks.append(torch.full((len(part),), index, device=part.device))
    whole = joined(parts)
    assert whole.sigma is not None and whole.importance is not None and whole.state is not None
    return Batch(
        clean=whole.clean,
        planes=whole.planes,
        sigma=torch.where(whole.sigma > 0, whole.sigma, torch.cat(drawn)),
        weight=whole.weight,
        task=torch.cat(tasks),
        importance=whole.importance * torch.where(whole.sigma > 0, 1.0, torch.cat(weights)),
        state=whole.state,
        is_state=whole.sigma > 0,
    )


def _unconditional(clean: Tensor, mix: Mix, generator: Generator | None, rng: random.Random) -> Damaged:
    return Damaged(clean, no_condition(clean), torch.ones_like(clean[:, :1]))


def _upscale(clean: Tensor, mix: Mix, generator: Generator | None, rng: random.Random) -> Damaged:
    """One factor a batch: 2, 3, 4 or anything between; mostly clean bicubic, some noise and JPEG."""
    size = (clean.shape[-2], clean.shape[-1])
    scale = (4.0, 4.0, 3.0, 2.0, 1.5 + 2.5 * rng.random())[int(rng.random() * 5)]
    small = resize(clean, small_size(size, scale))
    if rng.random() < 0.15:
        small = damage.gaussian_noise(small, _uniform(small, 0, 8 / 255, generator), generator)
        small = damage.jpeg(small.clamp(0, 1), _uniform(small, 50, 98, generator))
    if rng.random() < 0.5:  # as every file is; the other half as a picture still in work
        small = (small.clamp(0, 1) * 255).round() / 255
    hint = resize(small, size)
    return Damaged(clean, Condition(hint).planes(), torch.ones_like(clean[:, :1]))


_FAMILIES = ("strokes", "strokes", "text", "text", "scratches", "box", "random", "grid")


def _inpaint(clean: Tensor, mix: Mix, generator: Generator | None, rng: random.Random) -> Damaged:
    """A hole of one family for this batch, filled smoothly; the loss counts inside the hole only."""
    b, _, h, w = clean.shape
    family = _FAMILIES[int(rng.random() * len(_FAMILIES))]
    hole = HOLES[family]((b, h, w), clean.device, generator)
    if rng.random() < 0.1:
        hole = 1 - hole
    # A hole of one pixel at least, or the mean over the hole has no value; never the whole picture.
    hole[:, :, 0, 0], hole[:, :, -1, -1] = 1.0, 0.0
    return Damaged(clean, Condition(push_pull(clean, hole), known=1 - hole).planes(), hole)


def _denoise(clean: Tensor, mix: Mix, generator: Generator | None, rng: random.Random) -> Damaged:
    """Noisy pictures: of laboratory noise, of simulated cameras and scans, and of pages, a few at a time."""
    if not mix.real and not mix.pages:
        return _laboratory(clean, generator, rng)
    few = []
    for part in torch.split(clean, TOGETHER):
        u = rng.random()
        if u < mix.real:
            few.append(real_noise(part, generator, rng))
        elif u < mix.real + mix.pages:
            few.append(page_noise(part, generator, rng))
        else:
            few.append(weighted(_laboratory(part, generator, rng)))
    return joined(few)


def _laboratory(clean: Tensor, generator: Generator | None, rng: random.Random) -> Damaged:
    """White, Poisson, correlated and JPEG noise; half of the time the level of white noise is given."""
    kind = int(rng.random() * 5)
    noise_std = torch.exp(_uniform(clean, math.log(2 / 255), math.log(60 / 255), generator))
    if kind <= 1:
        hint = damage.gaussian_noise(clean, noise_std, generator)
        if kind:
            hint = (hint.clamp(0, 1) * 255).round() / 255
    elif kind == 2:
        gain = torch.exp(_uniform(clean, math.log(1e-3), math.log(0.05), generator))
        hint = damage.poisson_gaussian_noise(clean, gain, noise_std / 3, generator)
    elif kind == 3:
        hint = damage.correlated_noise(clean, noise_std / 2, 0.4 + rng.random(), generator)
        if rng.random() < 0.5:
            hint = damage.jpeg(hint.clamp(0, 1), _uniform(clean, 40, 98, generator))
    else:
        hint = damage.jpeg(clean, _uniform(clean, 15, 90, generator), halve_chroma=rng.random() < 0.7)
        if rng.random() < 0.5:
            hint = damage.scan_dirt(damage.gaussian_noise(hint, noise_std / 4, generator), 2, generator)
    hint = as_gray(hint, clean)
    given = noise_std if kind <= 1 and rng.random() < 0.5 else None
    return Damaged(clean, Condition(hint, noise_std=given).planes(), torch.ones_like(clean[:, :1]))


_DAMAGE: tuple[Callable[[Tensor, Mix, Generator | None, random.Random], Damaged], ...] = (
    _unconditional,
    _upscale,
    _inpaint,
    _denoise,
)


def _uniform(like: Tensor, low: float, high: float, generator: Generator | None) -> Tensor:
    """One number per picture of the batch, ``(b,)``."""
    return low + (high - low) * torch.rand(len(like), device=like.device, generator=generator)
