"""Denoise a picture: the noisy picture is itself a state of the diffusion, so the walk starts there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count
from typing import Literal

import torch
from torch import Tensor

from restore import samplers, schedule
from restore.arrays import Picture, canvas
from restore.backbone import Backbone, Condition, shipped
from restore.noise import estimate_sigma
from restore.types import Estimate, Progress

Method = Literal["gaussian", "blind"]
STEPS: dict[tuple[Method, Estimate], int] = {
    ("gaussian", "mean"): 1,
    ("gaussian", "sample"): 20,
    ("blind", "mean"): 1,
    ("blind", "sample"): 20,
}


def denoise(
    image: Picture,
    *,
    sigma: float | None = None,
    estimate: Estimate = "mean",
    method: Method = "gaussian",
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Remove noise from a picture and return the same kind of thing at its own depth.

    For white Gaussian noise the noisy picture is the diffusion's state x at ``sigma``; one network call
    gives the posterior mean ``E[x0 | x]`` and ancestral sampling from there a draw from the posterior
    (Ho et al. 2020; Kawar et al. 2021).

    sigma: standard deviation of the noise in each channel on the field's 0..255 scale; None estimates it for
        each picture (`restore.noise.estimate_sigma`).
    estimate: ``mean`` (one call, best PSNR) or ``sample`` (``steps`` calls, natural texture).
    method: ``gaussian`` uses the unconditional prior; ``blind`` the conditional branch with the noisy
        picture as its hint, for noise that is not white or not Gaussian: JPEG, film grain, scans. Without
        sigma it is told nothing about the level.
    sampler: of ``estimate="sample"``, one of `restore.samplers.SAMPLERS`; None is ancestral, ``ddpm``.
    steps: of its ladder. seed: of its random numbers; the pictures of a batch draw different ones.

    Less noise than half of 8-bit rounding is none: a copy comes back. Raises ValueError for options out of
    range and pictures that are not numbers.
    """
    if sigma is not None and not 0 <= sigma <= 255:
        raise ValueError(f"sigma is a noise level from 0 to 255, got {sigma:g}")
    _check(estimate, method, steps)
    noise = samplers.seeded_noise(seed)
    walk = partial(samplers.choose(sampler, samplers.ddpm, estimate), noise=noise)
    picture = canvas(image)
    given = None if sigma is None else sigma / 255
    backbone = backbone or shipped()
    lowest, top = backbone.config.sigma_min, backbone.config.sigma_max
    noisy = picture.batch.to(backbone.device)
    calls = steps or STEPS[method, estimate]
    if method == "blind":
        ladder = [top, 0.0] if estimate == "mean" else schedule.karras(top, lowest, calls)
        # At the top the state says nothing, so for one call from there its noise need not be drawn.
        start = noisy if len(ladder) == 2 else noisy + top * noise(noisy)
        blind = backbone.denoiser(Condition(noisy, noise_std=given))
        result = walk(blind, start, ladder, progress=progress)
    else:
        levels = estimated_sigmas(picture.batch) if given is None else [given] * len(noisy)
        ladders = [_ladder(one, level, lowest, calls) for one, level in zip(noisy, levels, strict=True)]
        if not any(ladders):
            return picture.unchanged()  # type: ignore[no-any-return]
        result = _gaussian(noisy, ladders, walk, backbone, progress)
    return picture.like_original(result)  # type: ignore[no-any-return]


def estimated_sigmas(batch: Tensor) -> list[float]:
    """The estimated noise level of each picture of a batch ``(b, 3, h, w)``, in [0, 1] units."""
    return [estimate_sigma(picture.permute(1, 2, 0).cpu().numpy()) for picture in batch]


def _ladder(picture: Tensor, noise_std: float, lowest: float, steps: int) -> list[float]:
    """From the picture's own noise level down; empty when there is nothing to remove.

    Noise that is the same in all three channels, as in every gray picture, lies in their mean alone, where
    the white noise of a state of level sigma has a deviation of sigma / sqrt(3): the picture is a state of
    sqrt(3) times its noise. For a prior of gray pictures that is exact. picture ``(3, h, w)``.
    """
    if noise_std < lowest / 2:
        return []
    gray = bool((picture == picture[:1]).all())
    sigma = noise_std * 3**0.5 if gray else noise_std
    # A ladder of one step is one call: the posterior mean.
    return [sigma, 0.0] if steps == 1 or sigma <= 2 * lowest else schedule.karras(sigma, lowest, steps)


def _gaussian(
    noisy: Tensor,
    ladders: list[list[float]],
    walk: Callable[..., Tensor],
    backbone: Backbone,
    progress: Progress | None,
) -> Tensor:
    """Walk down from the noisy pictures: all on the same ladder, or each on its own."""
    prior = backbone.denoiser()
    if all(ladder == ladders[0] for ladder in ladders):
        return walk(prior, noisy, ladders[0], progress=progress)
    calls, total = count(1), sum(len(ladder) - 1 for ladder in ladders if ladder)
    report = None if progress is None else lambda *_: progress(next(calls), total)
    results = [
        walk(prior, one, ladder, progress=report) if ladder else one
        for one, ladder in zip(noisy.chunk(len(noisy)), ladders, strict=True)
    ]
    return torch.cat(results)


def _check(estimate: str, method: str, steps: int | None) -> None:
    if estimate not in ("mean", "sample"):
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    if method not in ("gaussian", "blind"):
        raise ValueError(f"method is 'gaussian' or 'blind', got {method!r}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if estimate == "mean" and steps not in (None, 1):
        raise ValueError(f"estimate 'mean' is one network call, got steps={steps}; leave it out")
