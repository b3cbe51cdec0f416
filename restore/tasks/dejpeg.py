"""Undo JPEG: of all pictures that give the file, find one that is probable as a photograph."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from restore.diffusion import watch
from restore.diffusion.progress import part_of, reporter
from restore.diffusion.samplers import Sampler
from restore.diffusion.seeds import seeded_rng
from restore.images.canvas import Picture, canvas
from restore.images.colours import gray_as
from restore.images.jpeg_coding import LUMA, JpegCoding, coding_of
from restore.images.picture import Picture as FilePicture
from restore.inverse.catalogue import solvers
from restore.inverse.jpeg import Jpeg, as_coded, upright
from restore.inverse.problem import Problem
from restore.priors.checkpoint import shipped
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import OwnMethod
from restore.tasks.dejpeg_need import nothing_to_undo
from restore.tasks.solve import Plan, check_numbers, own_plan, solve_problem
from restore.types import Callback, Estimate, Progress

# The first noise level: a b^c, b how many times coarser the tables are than those of quality 50. Measured
# on the validation pictures at qualities from 5 to 90.
START: dict[Estimate, tuple[float, float]] = {"mean": (0.025, 0.6), "sample": (0.016, 0.85)}
FALL: dict[Estimate, float] = {"mean": 3, "sample": 4}  # from the first level to the last
LEAST_SIGMA = 0.002  # what the network has seen


@any_kind
def dejpeg(
    image: Picture,
    *,
    quality: float | None = None,
    coding: JpegCoding | None = None,
    estimate: Estimate = "mean",
    method: str | OwnMethod | None = None,
    sampler: str | Sampler | None = None,
    steps: int | None = None,
    start: float | None = None,
    seed: int | None = 0,
    prior: Prior | None = None,
    progress: Progress | bool | None = None,
    callback: Callback | None = None,
    data_range: tuple[float, float] | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
) -> Picture:
    """Remove JPEG artefacts from a picture.

    The quantised coefficients of a file say in which interval each of them was before. The conditional
    branch, which was trained on JPEG, gives a first answer; from there the prior is followed, every estimate
    projected onto those intervals (`restore.inverse.jpeg.cells`). The result, compressed again, is the file
    but for rounding. The picture must lie on the grid it was compressed on: not cropped, not resized since.

    Parameters
    ----------
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept.
    quality : float, optional
        1 to 100, as the IJG's encoder counts. Unless ``coding`` is given, or ``image`` is a JPEG by its path,
        as `restore.images.read` gives it or opened by PIL, which holds its tables, it is needed for every
        method but ``blind``.
    coding : JpegCoding, optional
        The file's own tables, as `restore.images.Picture.coding` has them.
    estimate : {'mean', 'sample'}
        ``mean`` approximates the posterior mean and has the best PSNR; ``sample`` is a draw from the
        posterior and has natural texture. The default is ``mean``.
    method : str or callable, optional
        For the mean ``splitting``, the default: half-quadratic splitting [1]_; or ``blind``: the conditional
        branch's answer alone, which needs neither quality nor grid. For a sample ``ddnm``, the default: every
        estimate projected [2]_ [3]_; or ``dps``: by the gradient of JPEG without its rounding [4]_.
    sampler : str or callable, optional
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`),
        for a sample; None is ``ddim``. Only ``ddnm`` takes one.
    steps : int, optional
        Steps after the branch's call; None is 2 for ``splitting``, 6 for ``ddnm`` and 20 for ``dps``.
    start : float, optional
        The first noise level, [0, 1] units, above 0.005 and up to 80; None follows from the tables.
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
        The same kind as ``image``, a Picture for a path, of its size and depth. Where neither ``quality`` nor
        ``coding`` is told it is a copy of what needs nothing: of a picture of 200,000 pixels or more that is
        no JPEG and in which no blocks are seen, and of a JPEG of quality 98 or more with all its colours
        (4:4:4).

    Raises
    ------
    ValueError
        For options out of range or that have no effect, and where nothing says how the picture was
        compressed.

    References
    ----------
    .. [1] K. Zhang et al. (2021). Plug-and-play image restoration with deep denoiser prior. arXiv:2008.13751,
       eq. 6.
    .. [2] Y. Wang, J. Yu, J. Zhang (2023). Zero-shot image restoration using denoising diffusion null-space
       model. arXiv:2212.00490, eq. 13.
    .. [3] B. Kawar et al. (2022). JPEG artifact correction using denoising diffusion restoration models.
       arXiv:2209.11888.
    .. [4] H. Chung et al. (2023). Diffusion posterior sampling for general noisy inverse problems.
       arXiv:2209.14687, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import dejpeg
    >>> from restore.testing import tiny_prior
    >>> coarse = np.full((16, 24, 3), 90, np.uint8)
    >>> dejpeg(coarse, quality=30, prior=tiny_prior()).shape
    (16, 24, 3)
    """
    plan = plan_of(estimate, method, sampler, steps, start)
    picture = canvas(image)
    prior = prior or shipped()
    y = picture.batch.to(prior.device)
    watch.expect(1 if plan is None else 1 + plan.steps)
    report = reporter(progress)
    if plan is None:
        answer = _blind(y, prior)
        if report is not None:
            report(1, 1)
        return picture.like_original(gray_as(answer, picture.batch, picture.visible))
    if coding is None and quality is None and _is_fine(image, picture.batch):
        return picture.unchanged()
    coding = coding or _coding_of(image, quality)
    y = as_coded(y, coding.turn)
    operator = Jpeg(coding, (y.shape[-2], y.shape[-1]), y.device)
    plan = _for_tables(plan, estimate, coding, start)
    if plan.own is not None:
        x = solve_problem(Problem(y, operator), plan, seeded_rng(seed), prior, report)
        return picture.like_original(gray_as(upright(x, coding.turn), picture.batch, picture.visible))
    first = operator.projection(y)(_blind(y, prior))
    if report is not None:
        report(1, 1 + plan.steps)
    rest = part_of(report, 1, 0)
    x = solve_problem(Problem(y, operator), plan, seeded_rng(seed), prior, rest, first=first)
    return picture.like_original(gray_as(upright(x, coding.turn), picture.batch, picture.visible))


def _for_tables(plan: Plan, estimate: Estimate, coding: JpegCoding, start: float | None) -> Plan:
    """The plan with noise levels that suit the tables."""
    factor, power = START[estimate]
    first = start or max(2 * LEAST_SIGMA, factor * (sum(coding.luma) / sum(LUMA)) ** power)
    return replace(plan, start=first, last=max(LEAST_SIGMA, first / FALL[estimate]))


def plan_of(
    estimate: Estimate,
    method: str | OwnMethod | None,
    sampler: str | Sampler | None,
    steps: int | None,
    start: float | None,
) -> Plan | None:
    """Complete the options by their defaults, but for the noise levels; None for the branch alone.

    ValueError for options that do not go together.
    """
    chosen = catalogue.find("dejpeg", method, estimate)
    check_numbers(steps, start)
    if chosen.run is not None:
        run = catalogue.check(chosen, steps=steps, sampler=sampler)
        return own_plan(chosen, run, steps or chosen.steps, start)
    if chosen.one_call:
        if steps not in (None, 1) or start is not None or sampler is not None:
            raise ValueError(
                f"method {chosen.name!r} is one network call; leave out steps, start and sampler"
            )
        return None
    run = catalogue.check(chosen, steps=steps, sampler=sampler)
    own = None if sampler is None else run
    return Plan(solvers()[chosen.name], own, steps or chosen.steps, start or 1.0)


def _blind(y: Tensor, prior: Prior) -> Tensor:
    return prior.denoiser(Condition(y))(y, prior.sigma_max)


def _is_fine(image: object, batch: Tensor) -> bool:
    """Whether there is nothing to undo in what was given without a word about its compression."""
    if isinstance(image, FilePicture):
        known, jpeg = image.coding, image.format == "jpeg"
    else:
        jpeg = bool(getattr(image, "quantization", None))
        known = _coding_of_pil(image) if jpeg else None
    return (known is not None or not jpeg) and bool(nothing_to_undo(batch, known))


def _coding_of_pil(image: object) -> JpegCoding | None:
    from restore.images.pillow import coding_of_file

    return coding_of_file(image)


def _coding_of(image: object, quality: float | None) -> JpegCoding:
    """Take the coding from the quality, or from a file that PIL has opened."""
    if quality is not None:
        return coding_of(quality)
    if isinstance(image, FilePicture) and image.coding is not None:
        return image.coding
    tables = getattr(image, "quantization", None)
    if not tables:
        raise ValueError(
            "nothing says how the picture was compressed: pass quality (1 to 100), or a JPEG by its path or "
            "opened by PIL; method='blind' needs neither"
        )
    found = _coding_of_pil(image)
    if found is None:
        raise ValueError(
            "the file is a JPEG of another kind than YCbCr or gray; pass quality, or use 'blind'"
        )
    return found
