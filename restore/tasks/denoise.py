"""Denoise a picture, which is itself a state of the diffusion, so that sampling starts from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.progress import part_of
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import karras
from restore.images.canvas import Picture, canvas
from restore.noise.estimate import measure
from restore.noise.measure import SIDE, is_clipped, measure_noise
from restore.noise.model import NoiseModel, white_noise
from restore.priors.checkpoint import shipped
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.drawing import Drawing
from restore.tasks.noise_choice import CUT_OFF, FAINT, choose, estimated_sigmas
from restore.types import Estimate, Progress, from_255

Method = Literal["auto", "gaussian", "blind"]


def denoise(
    image: Picture,
    *,
    sigma: float | None = None,
    estimate: Estimate = "mean",
    method: Method = "auto",
    sampler: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    prior: Prior | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Remove noise from a picture.

    For white Gaussian noise the noisy picture is itself the diffusion's state x at ``sigma``. One network
    call gives the posterior mean ``E[x0 | x]``, and ancestral sampling from there a draw from the posterior
    [1]_ [2]_.

    Noise that was cut off at black and white, as in a file, is no longer Gaussian there. Where more than 1 %
    of the values are black, or white, a first network call estimates the clean picture; the noise that was
    cut off is replaced by its expectation (`NoiseModel.expected`), and the result is clipped to [0, 1]. That
    takes one more call.

    Parameters
    ----------
    image : array, tensor or PIL image
        A NumPy array ``(h, w)`` or ``(h, w, c)`` with 1 to 4 channels, a PIL image, or a tensor ``(c, h, w)``
        or ``(b, c, h, w)``. Integers span their type's range, floats span [0, 1]; alpha is kept.
    sigma : float, optional
        Standard deviation of the noise in each channel, 0 to 255 on the scale of 8 bits whatever the
        picture's depth. None estimates it for each picture (`estimated_sigmas`).
    estimate : {'mean', 'sample'}
        ``mean`` approximates the posterior mean and has the best PSNR; ``sample`` is a draw from the
        posterior and has natural texture. The default is ``mean``.
    method : {'auto', 'gaussian', 'blind'}
        ``gaussian`` uses the unconditional prior. ``blind`` uses the conditional branch, which is shown the
        noisy picture, for noise that is not white or not Gaussian: JPEG, film grain, scans. ``auto``, the
        default, is ``gaussian`` where sigma is given; otherwise each picture is measured (`choose`), and one
        with hardly any noise is returned as a copy.
    sampler : str, optional
        One of `restore.diffusion.samplers.SAMPLERS`, for a sample; None is ``ddpm``.
    steps : int, optional
        Steps of a sample, one noise level each; None is 20.
    seed : int
        The seed of the random numbers, 0 to 2^63 - 1. The pictures of a batch draw different ones.
    prior : Prior, optional
        The network, as `restore.load` gives it; None loads the weights in the package.
    progress : callable, optional
        ``progress(done, total)`` is called after every network call.

    Returns
    -------
    array, tensor or PIL image
        The same kind as ``image``, of its size and depth. A noise level below half of the prior's lowest,
        about that of 8-bit rounding, gives a copy.

    Raises
    ------
    ValueError
        For options out of range or that have no effect, and for pictures that hold NaN or infinity.

    References
    ----------
    .. [1] J. Ho, A. Jain, P. Abbeel (2020). Denoising diffusion probabilistic models. arXiv:2006.11239,
       algorithm 2.
    .. [2] B. Kawar, G. Vaksman, M. Elad (2021). Stochastic image denoising by sampling from the posterior
       distribution. arXiv:2101.09552.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import denoise
    >>> from restore.testing import tiny_prior
    >>> noisy = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
    >>> clean = denoise(noisy, sigma=25, prior=tiny_prior())
    >>> clean.shape, clean.dtype
    ((8, 12, 3), dtype('uint8'))
    """
    if sigma is not None and not 0 <= sigma <= 255:
        raise ValueError(f"sigma is a noise level from 0 to 255, got {sigma:g}")
    chosen = catalogue.find("denoise", method, estimate)
    run = catalogue.check(chosen, steps=steps, sampler=sampler)
    rng = seeded_rng(seed)
    picture = canvas(image)
    given = None if sigma is None else from_255(sigma)
    prior = prior or shipped()
    drawing = Drawing(prior, rng, run)
    noisy = picture.batch.to(prior.device)
    steps = steps or chosen.steps
    methods, levels = _decided(method, given, picture.batch, prior)
    by_level = [k for k, name in enumerate(methods) if name == "gaussian"]
    blind = [k for k, name in enumerate(methods) if name == "blind"]
    each_sigmas = [_sigmas(noisy[k], levels[k] or 0.0, prior.sigma_min, steps) for k in by_level]
    if not any(each_sigmas) and not blind:
        return picture.unchanged()
    results = list(noisy)
    if any(each_sigmas):
        lost = [_cut_off(picture.batch[k], "gaussian", levels[k], prior) for k in by_level]
        found = _gaussian(noisy[by_level], each_sigmas, lost, drawing, progress)
        results = _replaced(results, by_level, _ended(found, lost))
    if blind:
        lost = [_cut_off(picture.batch[k], "blind", given, prior) for k in blind]
        sigmas = [prior.sigma_max, 0.0]
        if estimate == "sample":
            sigmas = karras(prior.sigma_max, prior.sigma_min, steps)
        found = _blind(noisy[blind], sigmas, given, lost, drawing, progress)
        results = _replaced(results, blind, _ended(found, lost))
    return picture.like_original(torch.stack(results))


def _blind(
    noisy: Tensor,
    sigmas: list[float],
    noise_std: float | None,
    lost: list[NoiseModel | None],
    drawing: Drawing,
    progress: Progress | None,
) -> Tensor:
    """Denoise by the conditional branch, which sees the noisy pictures and their noise level, if known."""
    prior, top = drawing.prior, sigmas[0]

    def answer(hint: Tensor) -> Tensor:
        return prior.denoiser(Condition(hint, noise_std=noise_std))(hint, top)

    hint, progress = _made_up(noisy, lost, answer, len(sigmas) - 1, progress)
    # At the top the state says nothing, so for one call from there its noise need not be drawn.
    start = hint if len(sigmas) == 2 else drawing.noised(hint, top)
    return drawing(prior.denoiser(Condition(hint, noise_std=noise_std)), start, sigmas, progress=progress)


def _replaced(pictures: list[Tensor], places: list[int], new: Tensor) -> list[Tensor]:
    """Put other pictures at some places; all get the precision of the new ones."""
    there = dict(zip(places, new, strict=True))
    return [there.get(k, picture.to(new)) for k, picture in enumerate(pictures)]


def _decided(
    method: Method, given: float | None, batch: Tensor, prior: Prior
) -> tuple[list[str], list[float | None]]:
    """Choose the method of each picture of a batch, and the noise level that the prior is called with."""
    if method == "auto" and given is None:
        choices = [choose(picture, prior) for picture in batch]
        return [choice.method for choice in choices], [choice.noise_std for choice in choices]
    if method == "blind":
        return ["blind"] * len(batch), [given] * len(batch)
    estimated: list[float | None] = [*estimated_sigmas(batch)] if given is None else [given] * len(batch)
    return ["gaussian"] * len(batch), estimated


def _sigmas(picture: Tensor, noise_std: float, lowest: float, steps: int) -> list[float]:
    """Noise levels from the picture's own down; empty when there is nothing to remove.

    Noise that is the same in all three channels, as in every gray picture, lies in their mean alone, where
    the white noise of a state of level sigma has a deviation of sigma / sqrt(3): the picture is a state of
    sqrt(3) times its noise. For a prior of gray pictures that is exact. picture ``(3, h, w)``.
    """
    if noise_std < lowest / 2:
        return []
    gray = bool((picture == picture[:1]).all())
    sigma = noise_std * 3**0.5 if gray else noise_std
    # One step is one network call, which gives the posterior mean.
    return [sigma, 0.0] if steps == 1 or sigma <= 2 * lowest else karras(sigma, lowest, steps)


def _cut_off(picture: Tensor, method: str, noise_std: float | None, prior: Prior) -> NoiseModel | None:
    """Measure noise of which some was cut off at black and white; None where that is little or unknown.

    picture ``(3, h, w)``; noise_std: of white noise, None for noise that is to be measured.
    """
    fitted = prior.facts.get("fit")
    if fitted and fitted["branch"] == method and fitted["noise"]["clipped"]:
        return None  # these weights have learned what it is like
    pixels = picture.permute(1, 2, 0).cpu().numpy()
    if not is_clipped(pixels, CUT_OFF):
        return None
    if noise_std is not None:
        noise = white_noise(noise_std)
    elif min(pixels.shape[:2]) >= SIDE:
        noise = measure_noise([pixels], most=3000)
        if noise.sigma > 3 * measure(pixels).sigma:  # texture, or letters
            return None
    else:
        return None
    return replace(noise, clipped=True) if noise.sigma >= FAINT else None


def _made_up(
    noisy: Tensor,
    lost: Sequence[NoiseModel | None],
    answer: Callable[[Tensor], Tensor],
    calls: int,
    progress: Progress | None,
) -> tuple[Tensor, Progress | None]:
    """Give pictures back the noise cut off at black and white; also give the progress of ``calls`` more."""
    models = {k: noise for k, noise in enumerate(lost) if noise is not None}
    if not models:
        return noisy, progress
    signals = answer(noisy[[*models]]).clamp(0, 1)
    if progress is not None:
        progress(1, calls + 1)
    whole = [models[k].expected(noisy[k : k + 1], s[None]) for k, s in zip(models, signals, strict=True)]
    return torch.stack(_replaced(list(noisy), [*models], torch.cat(whole))), part_of(progress, 1, 0)


def _ended(results: Tensor, lost: Sequence[NoiseModel | None]) -> Tensor:
    """Clip the results of pictures whose noise was cut off to [0, 1]."""
    pairs = zip(results, lost, strict=True)
    return torch.stack([result if noise is None else result.clamp(0, 1) for result, noise in pairs])


def _gaussian(
    noisy: Tensor,
    each_sigmas: list[list[float]],
    lost: list[NoiseModel | None],
    drawing: Drawing,
    progress: Progress | None,
) -> Tensor:
    """Denoise step by step: all pictures at the same noise levels, or each at its own."""
    denoiser = drawing.prior.denoiser()

    def down(
        noisy: Tensor, sigmas: list[float], lost: Sequence[NoiseModel | None], progress: Progress | None
    ) -> Tensor:
        start, rest = _made_up(noisy, lost, lambda x: denoiser(x, sigmas[0]), len(sigmas) - 1, progress)
        return drawing(denoiser, start, sigmas, progress=rest)

    if all(sigmas == each_sigmas[0] for sigmas in each_sigmas):
        return down(noisy, each_sigmas[0], lost, progress)
    each = zip(each_sigmas, lost, strict=True)
    calls, total = count(1), sum(len(sigmas) - 1 + (noise is not None) for sigmas, noise in each if sigmas)
    report = None if progress is None else lambda *_: progress(next(calls), total)
    results = [
        down(one, sigmas, [noise], report) if sigmas else one
        for one, sigmas, noise in zip(noisy.chunk(len(noisy)), each_sigmas, lost, strict=True)
    ]
    return torch.cat(results)
