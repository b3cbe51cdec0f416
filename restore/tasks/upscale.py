"""Upscale a picture by any factor: learned guidance, or projection on the unconditional prior."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from restore.diffusion.progress import part_of, part_progress, reporter, twice, with_progress
from restore.diffusion.samplers import Sampler
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import log_sigma
from restore.images.canvas import Picture, canvas
from restore.images.colours import gray_as
from restore.images.resize import resize
from restore.inverse.guidance import enforce, half_quadratic_splitting
from restore.inverse.operators import Resize
from restore.inverse.protocols import consistent as projected
from restore.noise.estimate import estimate_sigma
from restore.priors.checkpoint import shipped
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.priors.tiling import over_orientations
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import BRANCH_CALLS, LEARNED, SCALES, Method, OwnMethod, enlargements
from restore.tasks.drawing import Drawing
from restore.tasks.holes import filled_where_hidden
from restore.tasks.own_methods import MethodRequest, run_own
from restore.tasks.sizes import check_larger, check_shape
from restore.types import Callback, Denoiser, Estimate, Progress

# The highest and the lowest noise level of projection; measured on the validation pictures.
ENDS: dict[Estimate, tuple[float, float]] = {"mean": (0.02, 0.01), "sample": (0.1, 0.01)}

NOISY = 4 / 255  # a picture with less noise is taken at its word; texture of reduced ones measures up to 3.7

ROUNDS, CLOSE = 60, 0.02 / 255  # of making a result agree with what was measured

HALF_LEVEL = 0.499 / 255  # what numbers in single precision leave is less than the rest
ROUNDING_STD = 1 / 255 / 12**0.5  # an 8-bit picture is its measurement up to rounding


@any_kind
def upscale(
    image: Picture,
    scale: float | None = None,
    *,
    size: tuple[int, int] | None = None,
    estimate: Estimate = "sample",
    method: str | OwnMethod | None = None,
    sampler: str | Sampler | None = None,
    steps: int | None = None,
    guidance: float = 1.0,
    seed: int | None = 0,
    consistent: bool | None = None,
    prior: Prior | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    data_range: tuple[float, float] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Picture:
    """Enlarge a picture by a factor from 1 to 8, fractions included, or to a size.

    The small picture is taken as a bicubic, antialiased reduction of the wanted one. A factor above 4 is
    reached in two steps, each of them a whole run: 8 as 4 and 2, 5 as 3.33 and 1.5
    (`restore.tasks.catalogue.enlargements`). By a factor of 1 the picture comes back as it is. The network
    was trained for factors from 1.5; below, what it answers is held by the projection alone.

    Parameters
    ----------
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept.
    scale : float, optional
        The factor, 1 to 8.
    size : (int, int), optional
        Height and width of the result, instead of a factor: of the picture's shape, within rounding, and 1 to
        8 times as large. `restore.tasks.sizes` has the sizes that fit.
    estimate : {'mean', 'sample'}
        ``mean`` approximates the posterior mean and has the best PSNR; ``sample`` is a draw from the
        posterior and has natural texture. The default is ``sample``.
    method : {'projection', 'conditional'} or callable, optional
        ``conditional``: the network is shown the bicubic enlargement at every step [1]_; of a consistent
        sample every estimate is projected, too; the mean is one call at the highest noise level.
        ``projection``, the default: the mean of two such calls, one for the mirrored picture, then the
        unconditional prior at low noise levels, every estimate projected onto the pictures that reduce to the
        input [2]_; the mean by half-quadratic splitting [3]_. One's own
        (`restore.tasks.own_methods`), by its name or as a function, enlarges in one step.
    sampler : str or callable, optional
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`),
        for a sample; None is ``dpmpp-2m`` for ``projection``, ``dpmpp-2m-sde`` for ``conditional``.
    steps : int, optional
        Steps of each run after its first calls; None is 30 for ``conditional``, 8 for a sample by
        ``projection``, 2 for its mean.
    guidance : float
        Strength of classifier-free guidance [4]_ for samples of ``conditional``, 0 or more. 1, the default,
        is the conditional branch itself; others take two calls a step.
    seed : int, optional
        The seed of the random numbers, 0 to 2^63 - 1; None draws one and logs it. The pictures of a
        batch draw different ones.
    consistent : bool, optional
        Whether the result, rounded to its depth and reduced again, has to be the input to half a level of 8
        bits, wherever a picture in [0, 1] can be that and alpha is not 0. None is yes, unless noise above
        NOISY is measured in a picture, which would be kept; below a factor of 1.5 only where that can be
        reached everywhere, which in a picture that is no reduction it cannot: forced, it draws patterns.
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
        The same kind as ``image``, a Picture for a path, of its depth, of the size ``size``, or with
        ``round(scale * side)`` pixels a side.

    Raises
    ------
    ValueError
        For options out of range or that have no effect, for a size that is smaller or has another shape, and
        for pictures that hold NaN or infinity.

    References
    ----------
    .. [1] C. Saharia et al. (2021). Image super-resolution via iterative refinement. arXiv:2104.07636.
    .. [2] Y. Wang, J. Yu, J. Zhang (2023). Zero-shot image restoration using denoising diffusion null-space
       model. arXiv:2212.00490, eq. 13.
    .. [3] K. Zhang et al. (2021). Plug-and-play image restoration with deep denoiser prior. arXiv:2008.13751,
       eq. 6.
    .. [4] J. Ho, T. Salimans (2022). Classifier-free diffusion guidance. arXiv:2207.12598, eq. 6.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import upscale
    >>> from restore.testing import tiny_prior
    >>> small = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    >>> upscale(small, 1.5, steps=2, prior=tiny_prior()).shape
    (12, 15, 3)
    >>> upscale(small, size=(13, 16), steps=2, prior=tiny_prior()).shape
    (13, 16, 3)
    """
    if scale is not None:
        check_scale(scale)
    chosen = catalogue.find("upscale", method, estimate)
    run = catalogue.check(chosen, steps=steps, sampler=sampler, guidance=guidance)
    rng, report = seeded_rng(seed), reporter(progress)
    steps = steps or chosen.steps
    picture = canvas(image)
    h, w = picture.batch.shape[-2:]
    factor = _factor((h, w), scale, size)
    sizes = enlargements((h, w), factor, size)
    if sizes[-1] == (h, w):
        return picture.unchanged()
    drawing = Drawing(prior or shipped(), rng, run)
    # The colours that alpha 0 hides would be drawn into the rim of what is seen.
    small = filled_where_hidden(picture.batch, picture.visible).to(drawing.prior.device)
    result, doubtful = small, consistent is None and factor < LEARNED
    if consistent is None:
        consistent = not is_noisy(small, picture.visible)
    if chosen.run is not None:
        sizes, result = sizes[-1:], _by_own(small, sizes[-1], chosen, steps, drawing, report)
    for number, size in enumerate(sizes if chosen.run is None else ()):
        result = _in_one_step(
            result, size, chosen, steps, guidance, drawing, part_progress(report, number, len(sizes)),
            consistent=consistent,
        )  # fmt: skip
    result = gray_as(result, picture.batch, picture.visible)
    if consistent:
        operator = Resize(sizes[-1], (h, w), small.device)
        agreeing = between_ends(result, small, operator)
        if doubtful and float(_missing(agreeing, small, operator).abs().max()) > HALF_LEVEL:
            return picture.like_original(result)
        returned = canvas(picture.like_original(agreeing))
        result = after_rounding(returned.batch.to(small), small, operator)
    return picture.like_original(result)


def _factor(size: tuple[int, int], scale: float | None, wanted: tuple[int, int] | None) -> float:
    """Give the factor that is asked for. Raises ValueError for a size that cannot be reached."""
    if (scale is None) == (wanted is None):
        got = "neither" if wanted is None else "both"
        raise ValueError(f"pass a factor, as scale=2, or size=(h, w), got {got}")
    if scale is not None:
        return scale
    assert wanted is not None
    factor = check_larger(size, wanted)
    check_shape(size, wanted)
    return factor


def is_noisy(small: Tensor, visible: Tensor | None) -> bool:
    """Whether there is more noise than NOISY in one of the pictures ``(b, 3, h, w)``."""
    seen = [None] * len(small) if visible is None else [mask[0].cpu().numpy() for mask in visible]
    planes = small.permute(0, 2, 3, 1).cpu().double().numpy()
    return any(estimate_sigma(each, mask) > NOISY for each, mask in zip(planes, seen, strict=True))


def _in_one_step(
    small: Tensor,
    size: tuple[int, int],
    method: Method,
    steps: int,
    guidance: float,
    drawing: Drawing,
    progress: Progress | None,
    *,
    consistent: bool,
) -> Tensor:
    """Enlarge pictures to a size (h, w) of at most ONE_STEP times theirs."""
    bicubic = resize(small, size)
    operator = Resize(size, (small.shape[-2], small.shape[-1]), small.device)
    if method.name == "conditional":
        denoise = drawing.guided(Condition(bicubic), guidance)
        if consistent:
            denoise = enforce(denoise, small, operator, noise_std=ROUNDING_STD)
        report = progress if guidance == 1 else twice(progress)
        return _conditional(denoise, bicubic, method.estimate, steps, drawing, report)
    return _projection((small, bicubic), operator, method.estimate, steps, drawing, progress)


def _by_own(
    small: Tensor,
    size: tuple[int, int],
    method: Method,
    steps: int,
    drawing: Drawing,
    progress: Progress | None,
) -> Tensor:
    """Enlarge pictures at once by a method that is no part of this package."""
    operator = Resize(size, (small.shape[-2], small.shape[-1]), small.device)
    request = MethodRequest(
        drawing, method.estimate, steps, progress, task="upscale", image=small.clone(), operator=operator,
        shape=(*small.shape[:2], *size),
    )  # fmt: skip
    return run_own(method, request)


def check_scale(scale: float) -> None:
    """Raise ValueError for a factor that pictures are not enlarged by."""
    if not SCALES[0] <= scale <= SCALES[1]:
        less = "; it enlarges, and this would reduce" if 0 < scale < SCALES[0] else ""
        raise ValueError(f"scale is a factor from {SCALES[0]:g} to {SCALES[1]:g}, got {scale:g}{less}")


def _conditional(
    denoise: Denoiser,
    bicubic: Tensor,
    estimate: Estimate,
    steps: int,
    drawing: Drawing,
    progress: Progress | None,
) -> Tensor:
    prior, top = drawing.prior, drawing.prior.sigma_max
    if estimate == "mean":
        return drawing(denoise, bicubic, [top, 0.0], progress=progress)
    sigmas = log_sigma(top, prior.sigma_min, steps)
    return drawing(denoise, drawing.noised(bicubic, top), sigmas, progress=progress)


def _projection(
    pictures: tuple[Tensor, Tensor],
    operator: Resize,
    estimate: Estimate,
    steps: int,
    drawing: Drawing,
    progress: Progress | None,
) -> Tensor:
    """Project; pictures: the small one, and its bicubic enlargement."""
    prior, (small, bicubic) = drawing.prior, pictures

    def regression(hint: Tensor, sigma: float) -> Tensor:
        return prior.denoiser(Condition(hint))(hint, sigma)

    call = with_progress(regression, progress, BRANCH_CALLS + steps)
    mean = over_orientations(lambda hint: call(hint, prior.sigma_max), bicubic, BRANCH_CALLS)
    start = projected(mean, small, operator)
    rest = part_of(progress, BRANCH_CALLS, 0)
    denoise = enforce(prior.denoiser(), small, operator, noise_std=ROUNDING_STD)
    highest, lowest = ENDS[estimate]
    sigmas = log_sigma(highest, lowest, steps)
    if estimate == "mean":
        return half_quadratic_splitting(denoise, start, sigmas, progress=rest)
    return drawing(denoise, drawing.noised(start, highest), sigmas, progress=rest)


def between_ends(large: Tensor, small: Tensor, operator: Resize) -> Tensor:
    """A picture in [0, 1] that reduces to ``small``, near to ``large``, where the search begins.

    Projections on the pictures that reduce to it and on those that can be shown, in turn, with Nesterov's
    momentum (Beck and Teboulle 2009, FISTA), until all is met to CLOSE, or ROUNDS times. What is black or
    white in ``small`` may have been cut off: there it may come out beyond.
    """
    x = ahead = large.clamp(0, 1)
    speed = 1.0
    for _ in range(ROUNDS):
        missing = _missing(ahead, small, operator)
        if float(missing.abs().max()) < CLOSE:
            return ahead.clamp(0, 1)
        moved = (ahead + operator.adjoint(operator.solve(missing, 0.0))).clamp(0, 1)
        faster = (1 + math.sqrt(1 + 4 * speed**2)) / 2
        ahead, x, speed = moved + (speed - 1) / faster * (moved - x), moved, faster
    return x


def after_rounding(large: Tensor, small: Tensor, operator: Resize) -> Tensor:
    """A picture whose rounding has moved what it reduces to by more than half a level, without that.

    Where what is missing is more, the pixel under it goes a level nearer: few do, and only at small scales,
    where a pixel is the mean of few.
    """
    (h, w), (tall, wide) = small.shape[-2:], large.shape[-2:]
    rows = ((torch.arange(h, device=large.device) + 0.5) * (tall / h)).long()[:, None]
    columns = ((torch.arange(w, device=large.device) + 0.5) * (wide / w)).long()
    x, best, least = large.clone(), large, large.new_full((len(large), 1, 1, 1), math.inf)
    for _ in range(ROUNDS):
        missing = _missing(x, small, operator)
        # Of each picture, of all its pixels: some may be out of reach.
        excess = (missing.abs() - HALF_LEVEL).clamp_min(0).sum((1, 2, 3), keepdim=True)
        best, least = torch.where(excess < least, x, best), torch.minimum(excess, least)
        if not least.any():
            break
        step = missing.sign() * (missing.abs() > HALF_LEVEL) / 255
        x[..., rows, columns] = (x[..., rows, columns] + step).clamp(0, 1)
    return best


def _missing(large: Tensor, small: Tensor, operator: Resize) -> Tensor:
    """By how much a picture reduces to too little; where what is black or white was cut off, to any less."""
    missing = small - operator.forward(large)
    met = ((small >= 1) & (missing < 0)) | ((small <= 0) & (missing > 0))
    return missing.masked_fill(met, 0)
