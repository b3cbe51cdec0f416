"""Denoise a picture: the noisy picture is itself a state of the diffusion, so the walk starts there."""

from __future__ import annotations

from itertools import count
from typing import Literal

import torch
from torch import Tensor

from restore import samplers, schedule
from restore.arrays import Picture, canvas
from restore.backbone import Backbone, Condition, shipped
from restore.noise import estimate_sigma
from restore.types import Estimate, Noise, Progress

Method = Literal["gaussian", "blind"]
STEPS = 20


def denoise(
    image: Picture,
    *,
    sigma: float | None = None,
    estimate: Estimate = "mean",
    method: Method = "gaussian",
    steps: int | None = None,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Remove noise from a picture and return the same kind of thing at its own depth.

    For white Gaussian noise the noisy picture is the diffusion's state x at ``sigma``; one network call
    gives the posterior mean ``E[x0 | x]`` and ancestral sampling from there a draw from the posterior
    (Ho et al. 2020; Kawar et al. 2021).

    sigma: standard deviation of the noise on the field's 0..255 scale; None estimates it for each picture
        (`restore.noise.estimate_sigma`).
    estimate: ``mean`` (one call, best PSNR) or ``sample`` (``steps`` calls, natural texture).
    method: ``gaussian`` uses the unconditional prior; ``blind`` the conditional branch with the noisy
        picture as its hint, for noise that is not white or not Gaussian: JPEG, film grain, scans. Without
        sigma it is told nothing about the level.
    steps: network calls of ``estimate="sample"``. seed: of its random numbers; the pictures of a batch draw
        different ones.

    Less noise than half of 8-bit rounding is none: a copy comes back. Raises ValueError for options out of
    range and pictures that are not numbers.
    """
    if sigma is not None and not 0 <= sigma <= 255:
        raise ValueError(f"sigma is a noise level from 0 to 255, got {sigma:g}")
    _check(estimate, method, steps)
    noise = samplers.seeded_noise(seed)
    picture = canvas(image)
    given = None if sigma is None else sigma / 255
    backbone = backbone or shipped()
    lowest, top = backbone.config.sigma_min, backbone.config.sigma_max
    noisy = picture.batch.to(backbone.device)
    if method == "blind":
        ladder = [top, 0.0] if estimate == "mean" else schedule.karras(top, lowest, steps or STEPS)
        result = _blind(noisy, given, ladder, noise, backbone, progress)
    else:
        # A given level is that of all pictures; otherwise each walks from its own.
        levels = estimated_sigmas(picture.batch) if given is None else [given]
        ladders = [_ladder(level, lowest, estimate, steps or STEPS) for level in levels]
        if not any(ladders):
            return picture.unchanged()  # type: ignore[no-any-return]
        result = _gaussian(noisy, ladders, noise, backbone, progress)
    return picture.like_original(result)  # type: ignore[no-any-return]


def estimated_sigmas(batch: Tensor) -> list[float]:
    """The estimated noise level of each picture of a batch ``(b, 3, h, w)``, in [0, 1] units."""
    return [estimate_sigma(picture.permute(1, 2, 0).cpu().numpy()) for picture in batch]


def _ladder(sigma: float, lowest: float, estimate: Estimate, steps: int) -> list[float]:
    """From the picture's own noise level down; empty when there is nothing to remove."""
    if sigma < lowest / 2:
        return []
    # A ladder of one step is one call: the posterior mean.
    single = estimate == "mean" or sigma <= 2 * lowest
    return [sigma, 0.0] if single else schedule.karras(sigma, lowest, steps)


def _gaussian(
    noisy: Tensor, ladders: list[list[float]], noise: Noise, backbone: Backbone, progress: Progress | None
) -> Tensor:
    """Walk down from the noisy pictures: all on one ladder, or each on its own."""
    prior = backbone.denoiser()
    calls, total = count(1), sum(len(ladder) - 1 for ladder in ladders if ladder)
    report = None if progress is None else lambda *_: progress(next(calls), total)
    pieces = noisy.chunk(len(ladders))
    return torch.cat(
        [
            samplers.ddpm(prior, piece, ladder, noise=noise, progress=report) if ladder else piece
            for piece, ladder in zip(pieces, ladders, strict=True)
        ]
    )


def _blind(
    noisy: Tensor, sigma: float | None, ladder: list[float], noise: Noise, backbone: Backbone,
    progress: Progress | None,
) -> Tensor:  # fmt: skip
    denoiser = backbone.denoiser(Condition(noisy, noise_std=sigma))
    # At the top the state says nothing, so for one call from there its noise need not be drawn.
    start = noisy if len(ladder) == 2 else noisy + ladder[0] * noise(noisy)
    return samplers.ddpm(denoiser, start, ladder, noise=noise, progress=progress)


def _check(estimate: str, method: str, steps: int | None) -> None:
    if estimate not in ("mean", "sample"):
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    if method not in ("gaussian", "blind"):
        raise ValueError(f"method is 'gaussian' or 'blind', got {method!r}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if estimate == "mean" and steps not in (None, 1):
        raise ValueError(f"estimate 'mean' is one network call, got steps={steps}; leave it out")
