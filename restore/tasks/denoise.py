"""Denoise a picture: the noisy picture is itself a state of the diffusion, so the walk starts there."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from restore import samplers, schedule
from restore.arrays import Picture, canvas
from restore.backbone import Backbone, Condition, shipped
from restore.noise import estimate_sigma
from restore.types import Estimate, Progress

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

    sigma: standard deviation of the noise on the field's 0..255 scale; None estimates it
        (`restore.noise.estimate_sigma`).
    estimate: ``mean`` (one call, best PSNR) or ``sample`` (``steps`` calls, natural texture).
    method: ``gaussian`` uses the unconditional prior; ``blind`` the conditional branch with the noisy
        picture as its hint, for noise that is not white or not Gaussian: JPEG, film grain, scans. Without
        sigma it is told nothing about the level.
    steps: network calls of ``estimate="sample"``. seed: of its random numbers.

    Raises ValueError for options out of range and pictures that are not numbers.
    """
    if sigma is not None and not 0 <= sigma <= 255:
        raise ValueError(f"sigma is a noise level from 0 to 255, got {sigma:g}")
    _check(estimate, method, steps)
    picture = canvas(image)
    noisy = picture.batch
    if method == "gaussian" and sigma is None:
        sigma = 255 * sum(estimated_sigmas(noisy)) / len(noisy)
    backbone = backbone or shipped()
    if method == "gaussian":
        result = _gaussian(noisy, float(sigma or 0) / 255, estimate, steps or STEPS, seed, backbone, progress)
    else:
        told = None if sigma is None else sigma / 255
        result = _blind(noisy, told, estimate, steps or STEPS, seed, backbone, progress)
    return picture.like_original(result)  # type: ignore[no-any-return]


def estimated_sigmas(batch: Tensor) -> list[float]:
    """The estimated noise level of each picture of a batch ``(b, 3, h, w)``, in [0, 1] units."""
    return [estimate_sigma(picture.permute(1, 2, 0).cpu().numpy()) for picture in batch]


def _gaussian(
    noisy: Tensor, sigma: float, estimate: Estimate, steps: int, seed: int, backbone: Backbone,
    progress: Progress | None,
) -> Tensor:  # fmt: skip
    lowest = backbone.config.sigma_min
    if sigma < lowest / 2:
        return noisy  # less noise than half of 8-bit rounding: nothing to remove
    prior = backbone.denoiser()
    # A ladder of one step is one call: the posterior mean.
    single = estimate == "mean" or sigma <= 2 * lowest
    ladder = [sigma, 0.0] if single else schedule.karras(sigma, lowest, steps)
    return samplers.ddpm(prior, noisy, ladder, noise=samplers.seeded_noise(seed), progress=progress)


def _blind(
    noisy: Tensor, sigma: float | None, estimate: Estimate, steps: int, seed: int, backbone: Backbone,
    progress: Progress | None,
) -> Tensor:  # fmt: skip
    noise = samplers.seeded_noise(seed)
    top = backbone.config.sigma_max
    denoiser = backbone.denoiser(Condition(noisy, noise_std=sigma))
    # At the top the state says nothing, so its noise need not be drawn for the mean.
    start = noisy + top * (torch.zeros_like(noisy) if estimate == "mean" else noise(noisy))
    ladder = [top, 0.0] if estimate == "mean" else schedule.karras(top, backbone.config.sigma_min, steps)
    return samplers.ddpm(denoiser, start, ladder, noise=noise, progress=progress)


def _check(estimate: str, method: str, steps: int | None) -> None:
    if estimate not in ("mean", "sample"):
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    if method not in ("gaussian", "blind"):
        raise ValueError(f"method is 'gaussian' or 'blind', got {method!r}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
