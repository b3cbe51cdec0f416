"""Vary a picture: add noise to it up to a level, and draw another one from there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.diffusion.progress import part_progress, reporter
from restore.diffusion.samplers import Sampler
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import karras
from restore.diffusion.thresholding import mapped
from restore.images.canvas import Picture, canvas, hole_of
from restore.images.colours import are_gray
from restore.images.resize import resize
from restore.images.value_range import whole_range
from restore.inverse.frequencies import exchanged, follow_reference, settled
from restore.inverse.guidance import per_pixel_start
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import REFERENCE_SCALE, REFERENCE_SCALES, STRENGTH
from restore.tasks.drawing import Drawing
from restore.tasks.holes import CONTEXT, check_masks, depth_of, filled_where_hidden, surroundings
from restore.types import Callback, Denoiser, Progress

EDGE = 12.0  # pixels from the edge of a mask inwards over which the noise level rises to its full height
AT_ONCE = 2**22  # pixels of a batch that are computed together


@any_kind
def vary(
    image: Picture,
    strength: float = STRENGTH,
    *,
    mask: Any = None,
    reference: Any = None,
    reference_scale: int = REFERENCE_SCALE,
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
    """Draw a variation of a picture, or of its masked part.

    Noise is added up to a level, and a sampler takes it away again with the unconditional prior (SDEdit
    [1]_). What is stronger than the noise stays, what is weaker is drawn anew.

    Parameters
    ----------
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept. A gray
        picture stays gray at every step. A large batch is computed in parts.
    strength : float
        Above 0, to 1: the share of the timesteps of the prior's schedule that are gone back, t0 of [1]_.
        `noise_level` gives the noise level that it stands for. With the shipped weights 0.1 changes grain and
        fine texture, 0.3 also small objects, 0.5 all but large shapes; with 1 nothing is left of the picture.
    mask : array, tensor or PIL image, optional
        ``(h, w)`` of the picture's size, one for all pictures of a batch or ``(b, 1, h, w)``, one for each.
        Only what is white is varied; the rest of the result is the input's own, bit for bit. The noise level
        rises from the edge inwards over EDGE pixels, in narrow masks over fewer.
    reference : array, tensor or PIL image, optional
        The low frequencies of the result are those of this picture, resized to the size of ``image``; the
        rest comes from ``image``, as far as the noise leaves it, and from the prior (ILVR [2]_).
    reference_scale : int
        What is coarser than so many pixels, 2 to 256, comes from the reference: N of [2]_. About 32 takes
        over colour and light, 8 the shapes, too. The low frequencies of the result are within a level of 8
        bits of the reference's, mostly within a tenth.
    sampler : str or callable, optional
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`);
        None is ``dpmpp-2m``, whose randomness is that of the noise that was added, and which keeps more of
        the picture than samplers that draw more.
    steps : int, optional
        Steps from that noise level to a clean picture, spaced as Karras et al. [3]_ have it; None is 12.
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
        The same kind as ``image``, a Picture for a path, of its size and depth. An empty mask gives a copy.

    Raises
    ------
    ValueError
        For options out of range, a mask of another size, several references for another number of pictures,
        and pictures that hold NaN or infinity.

    References
    ----------
    .. [1] C. Meng et al. (2022). SDEdit: guided image synthesis and editing with stochastic differential
       equations. arXiv:2108.01073, algorithm 2 and, for masks, 3.
    .. [2] J. Choi et al. (2021). ILVR: conditioning method for denoising diffusion probabilistic models.
       arXiv:2108.02938, eq. 8.
    .. [3] T. Karras et al. (2022). Elucidating the design space of diffusion-based generative models.
       arXiv:2206.00364, eq. 5.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import vary
    >>> from restore.testing import tiny_prior
    >>> digit = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    >>> four = [vary(digit, 0.2, steps=2, seed=seed, prior=tiny_prior()) for seed in range(4)]
    >>> four[0].shape, four[0].dtype, bool((four[0] == four[1]).all())
    ((8, 8), dtype('uint8'), False)
    """
    check_strength(strength)
    if not REFERENCE_SCALES[0] <= reference_scale <= REFERENCE_SCALES[1]:
        low, high = REFERENCE_SCALES
        raise ValueError(f"reference_scale is from {low} to {high} pixels, got {reference_scale}")
    chosen = catalogue.find("vary", None, "sample")
    run = catalogue.check(chosen, steps=steps, sampler=sampler)
    rng = seeded_rng(seed)
    picture = canvas(image)
    batch = filled_where_hidden(picture.batch, picture.visible)
    area = _area(mask, batch)
    if not area.any():
        return picture.unchanged()
    style = None if reference is None else reference_for(reference, batch)
    ranges = [whole_range(each, seen, bits=picture.bits) for each, seen in _each(batch, picture.visible)]
    unit = torch.stack([used.unit(each) for used, each in zip(ranges, batch, strict=True)])
    drawing = Drawing(prior or shipped(), rng, run)
    plan = Plan(
        noise_level(strength, drawing.prior),
        steps or chosen.steps,
        masked=mask is not None,
        factor=reference_scale,
    )
    # Without a channel for it, or without any and no reference that has some, there is no colour.
    gray = are_gray(batch, picture.visible) & (picture.planes.shape[1] == 1 or style is None)
    pieces = _pieces(area, masked=plan.masked)
    result = unit.clone()
    for number, piece in enumerate(pieces):
        given = Given(unit[piece], area[piece], gray[piece[0]], None if style is None else style[piece])
        report = part_progress(reporter(progress), number, len(pieces))
        result[piece] = _varied(given.to(drawing.prior.device), plan, drawing, report).to(result)
    result = torch.stack([used.back(each) for used, each in zip(ranges, result, strict=True)])
    result = torch.where(gray.to(result.device), result.mean(1, keepdim=True), result)
    if picture.visible is not None:  # what is hidden stays as it is
        area = torch.minimum(area, picture.visible.to(area))
    return picture.like_original(result) if area.all() else picture.paste(result, area)


@dataclass(frozen=True)
class Given:
    """Pictures in [0, 1], where they are to be varied, which are gray, and references, if there are any."""

    image: Tensor
    area: Tensor
    gray: Tensor
    style: Tensor | None

    def to(self, device: torch.device) -> Given:
        """The same on a device."""
        style = None if self.style is None else self.style.to(device)
        return Given(self.image.to(device), self.area.to(device), self.gray.to(device), style)


@dataclass(frozen=True)
class Plan:
    """How pictures are varied: the noise level, the steps, and what constrains them."""

    sigma: float
    steps: int
    masked: bool
    factor: int


def noise_level(strength: float, prior: Prior) -> float:
    """Give the noise level that a strength stands for.

    That of the timestep ``strength (T - 1)`` of the prior's schedule, between two timesteps interpolated in
    its logarithm, and within the noise levels that the prior knows.

    Parameters
    ----------
    strength : float
        Above 0, to 1.
    prior : Prior
        The network.

    Returns
    -------
    float
        sigma in [0, 1] units, where 1 is white minus black. It rises with the strength.

    Raises
    ------
    ValueError
        For a strength out of range.

    Examples
    --------
    >>> from restore.tasks.vary import noise_level
    >>> from restore.testing import tiny_prior
    >>> [round(noise_level(strength, tiny_prior()), 2) for strength in (0.1, 0.3, 0.5, 0.7)]
    [0.17, 0.62, 1.72, 5.98]
    """
    check_strength(strength)
    logs = prior.schedule.sigmas.log().tolist()
    place = strength * (len(logs) - 1)
    below = min(int(place), len(logs) - 1)
    above = min(below + 1, len(logs) - 1)
    level = math.exp(logs[below] + (place - below) * (logs[above] - logs[below]))
    return min(max(level, prior.sigma_min), prior.sigma_max)


def check_strength(strength: float) -> None:
    """Raise ValueError for a strength that pictures are not varied by."""
    if not 0 < strength <= 1:
        raise ValueError(f"strength is a share above 0, up to 1, got {strength:g}")


def reference_for(reference: Any, batch: Tensor) -> Tensor:
    """Read a reference for pictures ``(b, 3, h, w)``: at their size, in [0, 1], one for each.

    Raises ValueError for another number of references than 1 or b.
    """
    found = canvas(reference)
    style = filled_where_hidden(found.batch, found.visible)
    if len(style) not in (1, len(batch)):
        raise ValueError(
            f"there are {len(style)} references for {len(batch)} pictures; pass one, or one for each"
        )
    style = torch.stack(
        [whole_range(each, seen, bits=found.bits).unit(each) for each, seen in _each(style, found.visible)]
    )
    style = resize(style, (batch.shape[-2], batch.shape[-1])).clamp(0, 1)
    return style.to(batch.device).expand(len(batch), -1, -1, -1)


def _area(mask: Any, batch: Tensor) -> Tensor:
    """What is varied, ``(b, 1, h, w)``: all without a mask."""
    if mask is None:
        return torch.ones_like(batch[:, :1])
    area = hole_of(mask, (batch.shape[-2], batch.shape[-1])).to(batch.device)
    check_masks(area, batch)
    return area.expand(len(batch), -1, -1, -1)


def _each(batch: Tensor, visible: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
    """The pictures of a batch, each with what is seen of it ``(h, w)``."""
    return [(each, None if visible is None else visible[k, 0]) for k, each in enumerate(batch)]


def _pieces(area: Tensor, *, masked: bool) -> list[tuple[slice, slice, slice, slice]]:
    """The parts of a batch that are computed one after the other: boxes around masks, and few pictures."""
    h, w = area.shape[-2:]
    boxes = surroundings(area, CONTEXT) if masked else [(0, h, 0, w)]
    pieces = []
    for top, bottom, left, right in boxes:
        few = max(1, AT_ONCE // ((bottom - top) * (right - left)))
        pieces += [
            (slice(first, first + few), slice(None), slice(top, bottom), slice(left, right))
            for first in range(0, len(area), few)
        ]
    return pieces


def workload(size: tuple[int, int], area: NDArray[np.bool_] | None, prior: Prior) -> int:
    """How many pixels every step computes for a picture of a size (h, w), with a mask or without."""
    white = np.ones(size, np.bool_) if area is None else area
    planes = torch.from_numpy(white)[None, None].float()
    boxes = (piece[2:] for piece in _pieces(planes, masked=area is not None))
    return sum(
        prior.computed((rows.stop - rows.start, columns.stop - columns.start)) for rows, columns in boxes
    )


def _varied(given: Given, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """Vary pictures from the plan's noise level."""
    prior, (image, area, style) = drawing.prior, (given.image, given.area, given.style)
    gray = given.gray
    start = image
    denoise = prior.denoiser()
    if gray.any():
        denoise = _in_gray(denoise, gray)
        style = None if style is None else torch.where(gray, style.mean(1, keepdim=True), style)
    if style is not None:
        start = torch.where(area > 0, exchanged(image, style, plan.factor), image)
        denoise = follow_reference(denoise, style, plan.factor)
    if plan.masked:
        denoise = per_pixel_start(denoise, start, edge_levels(area, plan.sigma, prior.sigma_min))
    sigmas = [plan.sigma, 0.0]
    if plan.sigma > prior.sigma_min:
        sigmas = karras(plan.sigma, prior.sigma_min, plan.steps)
    found = drawing(denoise, drawing.noised(start, plan.sigma), sigmas, progress=progress)
    return found if style is None else settled(found, style, plan.factor)


def _in_gray(denoise: Denoiser, gray: Tensor) -> Denoiser:
    """Hold every clean estimate of those that are gray ``(b, 1, 1, 1)`` to pictures without colour."""
    return mapped(denoise, lambda x, x0, sigma: torch.where(gray, x0.mean(1, keepdim=True), x0))


def edge_levels(area: Tensor, sigma: float, lowest: float) -> Tensor:
    """The noise level at which every pixel of a mask ``(b, 1, h, w)`` begins, [0, 1] units.

    From ``lowest`` at the edge it rises evenly in its logarithm to ``sigma``, EDGE pixels or half of the
    greatest depth inwards. Outside it is 0.
    """
    depth = depth_of(area).to(area)
    edge = (depth.amax((1, 2, 3), keepdim=True) / 2).clamp(1, EDGE)
    return area * lowest * (sigma / lowest) ** (depth / edge).clamp(max=1)
