"""Denoise a picture, which is itself a state of the diffusion, so that sampling starts from it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor

from restore.diffusion.progress import in_turn, reporter
from restore.diffusion.samplers import Sampler
from restore.diffusion.seeds import seeded_rng
from restore.images.canvas import Picture, canvas
from restore.images.colours import gray_as
from restore.images.value_range import Range, merged
from restore.noise.estimate import estimate_sigma
from restore.noise.picture_noise import SIDE, PictureNoise, white
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import OwnMethod
from restore.tasks.denoise_input import (
    amounts_of,
    cut_off,
    is_gray,
    is_negligible,
    levels_of,
    ranges_of,
    without_stripes_of,
)
from restore.tasks.denoise_jobs import OWN, Job, done
from restore.tasks.denoise_methods import alike, mixed
from restore.tasks.drawing import Drawing
from restore.tasks.holes import filled_where_hidden
from restore.tasks.noise_choice import FAINT, choose, measured, pixels_of
from restore.tasks.request import Request
from restore.tasks.specks import repair
from restore.types import Callback, Estimate, Progress

Method = Literal["auto", "gaussian", "real", "blind", "completed", "page"]


@any_kind
def denoise(
    image: Picture,
    *,
    sigma: float | Any | None = None,
    noise: PictureNoise | None = None,
    estimate: Estimate = "mean",
    method: Method | str | OwnMethod = "auto",
    strength: float = 1.0,
    luma: float | None = None,
    chroma: float | None = None,
    specks: bool = False,
    sampler: str | Sampler | None = None,
    steps: int | None = None,
    seed: int | None = 0,
    prior: Prior | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    data_range: tuple[float, float] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
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
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept.
    sigma : float, array or tensor, optional
        Standard deviation of the noise in each channel, 0 to 255 on the scale of 8 bits whatever the
        picture's depth and scale; one for all pictures or ``(b,)``, one for each; or a map of it ``(h, w)``,
        or ``(b, h, w)``, for the conditional branch. None measures the noise of each picture.
    noise : PictureNoise, optional
        What was measured before, as `restore.tasks.noise_choice.measured` gives it: for the pictures of one
        camera and setting. It takes the place of sigma.
    estimate : {'mean', 'sample'}
        ``mean`` approximates the posterior mean and has the best PSNR; ``sample`` is a draw from the
        posterior and has natural texture. The default is ``mean``.
    method : {'auto', 'gaussian', 'real', 'blind', 'completed', 'page'} or callable
        ``gaussian`` uses the unconditional prior, which is exact for white noise. ``real`` uses it with its
        adapters for the noise of cameras and scanners (`by_real_state`). ``blind`` uses the
        conditional branch, which is shown the noisy picture and has learned the noise of cameras, film,
        scanners and JPEG. ``completed`` adds what the measured noise lacks to be white, and uses the
        unconditional prior (`restore.tasks.completed`). ``page`` is for scans of print: it evens out the
        paper, with its stains and shadows, to white and keeps the ink. ``auto``, the default, is
        ``gaussian`` where sigma is a number; otherwise each picture is measured (`choose`), and one with
        hardly any noise is returned as a copy. Or a method of one's own (`restore.tasks.own_methods`), by its
        name or as a function.
    strength : float
        How much of what was taken for noise goes, 0 to 1.
    luma, chroma : float, optional
        The same in luma and in chroma apart; None is ``strength``.
    specks : bool
        Whether single damaged pixels, salt and pepper or hot pixels, are looked for and repaired first
        (`restore.tasks.specks.repair`).
    sampler : str or callable, optional
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`),
        for a sample; None is ``dpmpp-2m-sde``.
    steps : int, optional
        Steps of a sample, one noise level each; None is 20.
    seed : int, optional
        The seed of the random numbers, 0 to 2^63 - 1; None draws one and logs it. The pictures of a
        batch draw different ones.
    prior : Prior, optional
        The network, as `restore.load` gives it; None loads the weights in the package.
    progress : bool or callable, optional
        True shows a bar on standard error. ``progress(done, total)`` is called after every network call.
    callback : callable, optional
        ``callback(step)`` is called then, too, with a `restore.types.Step`; what it raises ends the task.
    data_range : (float, float), optional
        The values of black and white, for pictures of another scale than their type's range or [0, 1], which
        come back in it; see `restore.tasks.any_kind`.
    device, dtype : optional
        Where and in what precision the weights in the package are computed, as `restore.load` takes them; for
        other weights, pass them to `restore.load`.

    Returns
    -------
    array, tensor, PIL image, Picture or list
        The same kind as ``image``, a Picture for a path, of its size and depth. A noise level below half of
        the prior's lowest, about that of 8-bit rounding, gives a copy.

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
    chosen = catalogue.find("denoise", method, estimate)
    run = catalogue.check(chosen, steps=steps, sampler=sampler)
    amounts = amounts_of(strength, luma, chroma)
    rng = seeded_rng(seed)
    picture = canvas(image)
    levels = levels_of(sigma, picture.batch)
    if chosen.name == "page" and not (sigma is None and noise is None):
        raise ValueError("method 'page' takes no sigma and no noise; leave them out")
    prior = prior or shipped()
    begin = in_turn(reporter(progress))
    if specks:
        picture = canvas(repair(image, prior=prior, progress=begin()))
    own = None if chosen.run is None else chosen
    asked = [_Asked(chosen.name, estimate, level, noise, own) for level in levels]
    request = Request(Drawing(prior, rng, run), estimate, steps or chosen.steps, begin())
    # What alpha 0 hides must not leak into what is seen; it stays as it is.
    source = filled_where_hidden(picture.batch, picture.visible).to(prior.device)
    # Stripes are looked for where the noise is: a method that is named does what it is named for.
    none = all(is_negligible(each, prior) for each in levels)
    given = without_stripes_of(source) if chosen.name == "auto" and not none else source
    seen = [None] * len(source) if picture.visible is None else list(picture.visible[:, 0])
    ranges = [ranges_of(one, picture.bits, each) for one, each in zip(source.cpu(), seen, strict=True)]
    if all(len(each) == 1 and each[0].nominal for each in ranges):
        jobs = [_job(a, one.cpu(), prior, each) for a, one, each in zip(asked, given, seen, strict=True)]
        found = done(given, jobs, request)
    else:
        pictures = zip(given, ranges, asked, seen, strict=True)
        turns = in_turn(request.progress)
        found = [
            _at_ranges(one, each, a, replace(request, progress=turns()), hidden)
            for one, each, a, hidden in pictures
        ]
    changed = any(one is not None for one in found) or given is not source
    if not changed or not any(amounts):
        return picture.unchanged()
    results = [one if after is None else after for one, after in zip(given, found, strict=True)]
    whole = gray_as(mixed(source, torch.stack(alike(results)), amounts), picture.batch, picture.visible)
    if picture.visible is not None:
        whole = torch.where(picture.visible.to(whole.device), whole, picture.batch.to(whole))
    return picture.like_original(whole)


def _at_ranges(
    picture: Tensor, ranges: list[Range], asked: _Asked, request: Request, visible: Tensor | None
) -> Tensor | None:
    """Denoise a picture ``(3, h, w)`` at the ranges that it uses; None where nothing is to be done.

    What is done is decided at the first of them, and done at all others where the noise is still seen.
    """
    first, prior = ranges[0], request.drawing.prior
    known = replace(
        asked,
        level=None if asked.level is None else asked.level / first.width,
        noise=None if asked.noise is None else asked.noise.in_range(first.low, first.width),
    )
    inside = first.unit(picture)
    job = _job(known, inside.cpu(), prior, visible)
    if job.method == "none":
        return None
    level = _level_of(job, inside, prior)
    results, begin = [], in_turn(request.progress)
    for number, each in enumerate(ranges):
        inside = each.unit(picture)
        if number and level is not None and level * first.width / each.width < FAINT:
            results.append(inside)
            continue
        own = replace(request, progress=begin())
        (found,) = done(inside[None], [job.at(first, each, prior.sigma_max)], own)
        results.append(inside if found is None else found.to(inside))
    return merged(ranges, results)


def _level_of(job: Job, picture: Tensor, prior: Prior) -> float | None:
    """The most that is known of the noise level in a picture ``(3, h, w)``; None for a page."""
    if job.method == "page":
        return None
    if job.noise is not None:
        return job.noise.state_level
    if job.noise_std is None:
        return measured(picture, prior).state_level
    return float(torch.as_tensor(job.noise_std).max())


@dataclass(frozen=True)
class _Asked:
    """The method and the estimate that are asked for, and what is known of the noise.

    own: the method where it is none of this package.
    """

    method: str
    estimate: Estimate
    level: float | Tensor | None
    noise: PictureNoise | None
    own: catalogue.Method | None = None


def _job(asked: _Asked, picture: Tensor, prior: Prior, visible: Tensor | None) -> Job:
    """Decide what is done to a picture ``(3, h, w)``; visible: ``(h, w)``, as for `choose`."""
    if asked.own is not None or asked.method != "auto":
        return _as_told(asked, picture, prior, visible)
    if isinstance(asked.level, Tensor) or asked.noise is not None:
        return _as_told(replace(asked, method="blind"), picture, prior, visible)
    if asked.level is not None:
        return _as_told(replace(asked, method="gaussian"), picture, prior, visible)
    choice = choose(picture, prior, visible)
    method, level = choice.method, choice.noise_std
    if choice.method == "blind" or (choice.method == "real" and asked.estimate == "sample"):
        method, level = "blind", None  # which draws samples, and whose levels are those of white noise
    return _as_told(replace(asked, method=method, level=level, noise=choice.noise), picture, prior, visible)


def _as_told(asked: _Asked, picture: Tensor, prior: Prior, visible: Tensor | None) -> Job:
    """What a method other than auto does to a picture ``(3, h, w)``. Raises ValueError."""
    method, level, noise = asked.method, asked.level, asked.noise
    if asked.own is not None:
        return Job(OWN, _white_level(asked, picture, visible), own=asked.own)
    if method in ("none", "page"):
        return Job(method)
    if noise is None and is_negligible(level, prior):
        return Job("none")
    if method == "blind":
        known = level if noise is None else noise.sigma
        return Job("blind", level, noise, cut_off(picture, "blind", known, prior))
    if isinstance(level, Tensor):
        raise ValueError(f"method {method!r} takes one level; pass a number, or method='blind' for a map")
    if method in ("real", "completed"):
        if noise is None:
            if level is None and min(picture.shape[1:]) < SIDE:
                raise ValueError(f"noise is measured in pictures from {SIDE}x{SIDE} pixels on; pass sigma")
            noise = measured(picture, prior, visible) if level is None else _told_noise(picture, level)
        return Job(method, noise=noise)
    level = _white_level(asked, picture, visible)
    if is_negligible(level, prior):
        return Job("none")
    return Job("gaussian", level, None, cut_off(picture, "gaussian", level, prior))


def _told_noise(picture: Tensor, level: float) -> PictureNoise:
    """White noise of a level in each channel of a picture ``(3, h, w)``; all in luma where that is gray."""
    noise = white(level)
    if not is_gray(picture):
        return noise
    return replace(noise, luma=3**0.5 * noise.luma, chroma=0 * noise.chroma)


def _white_level(asked: _Asked, picture: Tensor, visible: Tensor | None) -> Any:
    """The level of white noise that is told, or measured where nothing is; or a map that is told."""
    if asked.noise is not None:
        return asked.noise.sigma
    if asked.level is not None:
        return asked.level
    return estimate_sigma(pixels_of(picture), None if visible is None else visible.numpy())
