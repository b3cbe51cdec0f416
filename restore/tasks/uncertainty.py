"""How sure a restoration is: maps of the calibrated standard deviation of what is not known.

The variance is the posterior's as the network sees it, which is too small. Where it can be tried on the
picture itself, the error that is measured there corrects it, since a picture's grain and texture may be
unlike those of any validation picture (`restore.tasks.variance`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from restore.diffusion import watch
from restore.diffusion.seeds import seeded_rng
from restore.images.canvas import Picture, canvas, check_values, hole_of
from restore.images.jpeg_coding import JpegCoding
from restore.images.resize import resize
from restore.inverse.build import Building, chain_of
from restore.inverse.operators import Resize
from restore.inverse.protocols import Degradation
from restore.inverse.spec import Spec
from restore.priors.protocol import Prior
from restore.tasks.catalogue import ROUNDING
from restore.tasks.deep_holes import deep_parts
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.holes import check_masks
from restore.tasks.inpaint import filled, inpaint
from restore.tasks.inpaint_parts import Decided
from restore.tasks.solve import solved
from restore.tasks.upscale import check_scale, upscale
from restore.tasks.variance import Trial, between_samples, calibrated, posterior_variance, squared_error
from restore.types import from_255

STEPS = 10  # of every sample that only a deviation is measured from
TRIED = 12  # pixels a side that a trial takes at least


def of_denoising(image: Picture, sigma: float, *, seed: int = 0, probes: int = 1, prior: Prior) -> Tensor:
    """Estimate the deviation of what denoising white noise gives.

    Computed in single precision, whatever the prior's, since differences are small.

    Parameters
    ----------
    image : array, tensor or PIL image
        As the task takes it.
    sigma : float
        Standard deviation of the noise, 0 to 255 on the scale of 8 bits.
    seed : int
        Of the probes' random signs.
    probes : int
        How many; each takes two network calls.
    prior : Prior
        The network.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h, w)`` in [0, 1] units, calibrated.

    Examples
    --------
    >>> import torch
    >>> from restore.tasks.uncertainty import of_denoising
    >>> from restore.testing import tiny_prior
    >>> of_denoising(torch.rand(1, 3, 8, 12), 25, prior=tiny_prior()).shape
    torch.Size([1, 1, 8, 12])
    """
    x = canvas(image).batch.to(prior.device)
    exact = prior if prior.dtype == torch.float32 else prior.copy(torch.float32)
    rng = seeded_rng(seed)
    variance = posterior_variance(exact.denoiser(), x, from_255(sigma), rng, probes=probes)
    prior.calls += exact.calls if exact is not prior else 0
    return calibrated(variance, "denoise", prior)


def of_inpainting(
    image: Picture,
    mask: Any,
    *,
    count: int = 8,
    seed: int = 0,
    trial_seed: int | None = None,
    prior: Prior,
) -> Tensor:
    """Estimate the deviation of what a hole is filled with.

    It is the deviation between samples of PiGDM, whose spread follows the errors best of all methods here; in
    holes that have deep parts, which are invented, it is that between samples of the default method. It
    is tried on the picture itself first: the hole's mirror image, where it lies off the hole, is filled as
    well, and the error that is measured there corrects the map. Of deep holes that is the error of a sample.

    Parameters
    ----------
    image : array, tensor or PIL image
        As the task takes it.
    mask : array, tensor or PIL image
        As `restore.inpaint` takes it.
    count : int
        How many samples are compared, at least 2.
    seed : int
        0 to 2^32 - 1. The samples' seeds lie 2^31 further on, so that none of them is a result that a user
        has asked for.
    trial_seed : int, optional
        That of the trials which decide, once for all samples, what is copied; None is ``seed``.
    prior : Prior
        The network.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h, w)`` in [0, 1] units, calibrated; 0 outside the hole.

    Raises
    ------
    ValueError
        For fewer than two samples, and as the task does.
    """
    batch = canvas(image, checked=False).planes  # gray samples are means of their channels, as results are
    hole = hole_of(mask, (batch.shape[-2], batch.shape[-1])).to(batch)
    check_masks(hole, batch)
    batch = batch.masked_fill(hole > 0, 0)  # nothing there is read
    check_values(batch)
    hole = hole.expand(len(batch), -1, -1, -1)
    deep = any(deep_parts(each[None]) for each in hole)
    tried: dict[str, Any] = {"trial_seed": seed if trial_seed is None else trial_seed}

    def spread(picture: Tensor, missing: Tensor, decided: Decided) -> Tensor:
        def draw(number: int) -> Tensor:
            asked = tried if deep else {"method": "pigdm", "steps": STEPS}
            return filled(picture, missing, seed=number, prior=prior, decided=decided, **asked).picture

        return between_samples(draw, count, seed=seed)

    trial, elsewhere = None, mirrored_off(hole)
    if elsewhere.any():
        asked, decided = tried if deep else {"estimate": "mean"}, Decided()
        with watch.unwatched():  # these are short beside the samples
            whole = inpaint(batch, hole, estimate="mean", prior=prior)
            again = filled(whole, elsewhere, seed=seed, prior=prior, decided=decided, **asked).picture
        with watch.between(0.0, 0.5):
            trial = Trial(spread(whole, elsewhere, decided), squared_error(again, batch), elsewhere)
    with watch.between(0.0 if trial is None else 0.5, 1.0):
        return calibrated(spread(batch, hole, Decided()), "inpaint", prior, where=hole, trial=trial)


def mirrored_off(hole: Tensor) -> Tensor:
    """Find the mirror image of a hole of which most lies off the hole, and keep only what does.

    Parameters
    ----------
    hole : tensor
        ``(b, 1, h, w)``, 1 in the hole.

    Returns
    -------
    tensor
        Of the same shape; zeros where less than half of the hole, or too few pixels, would be left: a strip
        is no trial of a deep hole.
    """
    images = torch.stack([hole.flip(dims) * (1 - hole) for dims in ((-1,), (-2,), (-1, -2))])
    most = images.flatten(2).sum(2).argmax(0)
    best = images[most, torch.arange(len(hole), device=hole.device)]
    size, whole = (planes.sum((1, 2, 3), keepdim=True) for planes in (best, hole))
    return best * ((size >= TRIED**2) & (2 * size >= whole))


def of_upscaling(
    image: Picture,
    scale: float,
    *,
    size: tuple[int, int] | None = None,
    count: int = 8,
    seed: int = 0,
    prior: Prior,
) -> Tensor:
    """Estimate the deviation of an enlargement.

    It is tried on the picture itself first: the picture is reduced by ``scale`` and enlarged again, and the
    error that is measured there corrects the map, since textures look alike at several scales. That costs one
    part in ``scale^2`` more.

    Parameters
    ----------
    image : array, tensor or PIL image
        As the task takes it.
    scale : float
        1 to 8.
    size : (int, int), optional
        Height and width of the result, where it is not the rounded one.
    count : int
        How many samples are compared, at least 2.
    seed : int
        0 to 2^32 - 1. The samples' seeds lie 2^31 further on, so that none of them is a result that a user
        has asked for.
    prior : Prior
        The network.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h', w')`` in [0, 1] units, calibrated, of the enlarged size.

    Raises
    ------
    ValueError
        For fewer than two samples, and as the task does.
    """
    check_scale(scale)
    batch = canvas(image).planes
    given, rounded = tuple(batch.shape[-2:]), chain_of([Spec("down", (scale,))])

    def operator(small: tuple[int, int], device: torch.device | str) -> Degradation:
        return rounded(small, device) if size is None or small != given else Resize(size, small, device)

    def spread(picture: Tensor) -> Tensor:
        def draw(number: int) -> Tensor:
            asked: dict[str, Any] = {"estimate": "sample", "steps": STEPS, "seed": number, "sigma": ROUNDING}
            return solved(picture, operator, prior=prior, **asked).picture

        return between_samples(draw, count, seed=seed)

    small = int(batch.shape[-2] / scale), int(batch.shape[-1] / scale)
    trial, tried = None, 1 / (1 + scale**2)  # how much of the work the trial is
    if min(small) >= TRIED:
        h, w = (round(side * scale) for side in small)
        known = batch[..., :h, :w]
        reduced = (255 * resize(known, small)).round().clamp(0, 255) / 255
        with watch.unwatched():  # it is short beside the samples
            found = upscale(reduced, scale, estimate="mean", prior=prior)
        with watch.between(0.0, tried):
            trial = Trial(spread(reduced), squared_error(found, known))
    with watch.between(0.0 if trial is None else tried, 1.0):
        return calibrated(spread(batch), "upscale", prior, trial=trial)


def of_solving(
    image: Picture,
    operator: Building,
    *,
    count: int = 8,
    seed: int = 0,
    prior: Prior,
    **options: Any,
) -> Tensor:
    """Estimate the deviation of what `restore.solve` finds.

    Parameters
    ----------
    image : array, tensor or PIL image
        As the task takes it.
    operator : callable
        As `restore.solve` takes it.
    count : int
        How many samples are compared, at least 2.
    seed : int
        0 to 2^32 - 1. The samples' seeds lie 2^31 further on, so that none of them is a result that a user
        has asked for.
    prior : Prior
        The network.
    **options
        Those of `restore.solve`.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h', w')`` in [0, 1] units, calibrated, of the operator's size.

    Raises
    ------
    ValueError
        For fewer than two samples, and as the task does.
    """

    def draw(number: int) -> Any:
        asked = {"estimate": "sample", "steps": STEPS, "seed": number, **options}
        return solved(image, operator, prior=prior, **asked).picture

    return of_samples(draw, count, "solve", seed=seed, prior=prior)


def of_dejpeg(image: Picture, coding: JpegCoding, *, count: int = 8, seed: int = 0, prior: Prior) -> Tensor:
    """Estimate the deviation of what `restore.dejpeg` gives.

    Parameters
    ----------
    image : array, tensor or PIL image
        As the task takes it.
    coding : JpegCoding
        How the picture was compressed.
    count : int
        How many samples are compared, at least 2.
    seed : int
        0 to 2^32 - 1. The samples' seeds lie 2^31 further on, so that none of them is a result that a user
        has asked for.
    prior : Prior
        The network.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h, w)`` in [0, 1] units, calibrated.

    Raises
    ------
    ValueError
        For fewer than two samples, and as the task does.
    """

    def draw(number: int) -> Any:
        return dejpeg(image, coding=coding, estimate="sample", seed=number, prior=prior)

    return of_samples(draw, count, "dejpeg", seed=seed, prior=prior)


def of_blind(image: Picture, sigma: float | None, *, count: int = 8, seed: int = 0, prior: Prior) -> Tensor:
    """Estimate the deviation of blind denoising.

    Parameters
    ----------
    image : array, tensor or PIL image
        As the task takes it.
    sigma : float or None
        The noise level that the network is shown, 0 to 255 on the scale of 8 bits.
    count : int
        How many samples are compared, at least 2.
    seed : int
        0 to 2^32 - 1. The samples' seeds lie 2^31 further on, so that none of them is a result that a user
        has asked for.
    prior : Prior
        The network.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h, w)`` in [0, 1] units, calibrated.

    Raises
    ------
    ValueError
        For fewer than two samples, and as the task does.
    """

    def draw(number: int) -> Any:
        asked: dict[str, Any] = {"method": "blind", "estimate": "sample", "steps": STEPS, "seed": number}
        return denoise(image, sigma=sigma, prior=prior, **asked)

    return of_samples(draw, count, "blind", seed=seed, prior=prior)


def of_samples(draw: Callable[[int], Any], count: int, task: str, *, seed: int = 0, prior: Prior) -> Tensor:
    """Measure the deviation between samples and calibrate it.

    Parameters
    ----------
    draw : callable
        ``draw(seed)`` gives a sample.
    count : int
        How many are drawn, at least 2.
    task : str
        Whose temperature is used: denoise, blind, inpaint, upscale, dejpeg or solve.
    seed : int
        As for `between_samples`.
    prior : Prior
        The network that draws.

    Returns
    -------
    tensor
        Standard deviation ``(b, 1, h, w)`` in [0, 1] units, calibrated.

    Raises
    ------
    ValueError
        For fewer than two samples, and as the task does.

    Examples
    --------
    >>> import torch
    >>> from restore import sample
    >>> from restore.tasks.uncertainty import of_samples
    >>> from restore.testing import tiny_prior
    >>> prior = tiny_prior()
    >>> def draw(seed):
    ...     return sample(size=(8, 12), steps=1, seed=seed, prior=prior)
    >>> of_samples(draw, 2, "solve", prior=prior).shape
    torch.Size([1, 1, 8, 12])
    """
    return calibrated(between_samples(draw, count, seed=seed), task, prior)
