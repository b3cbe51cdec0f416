"""Undo JPEG: of all pictures that the file can have been of, the one that looks most like a photograph."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from restore.diffusion.progress import part_of
from restore.diffusion.seeds import seeded_rng
from restore.images.canvas import Picture, canvas
from restore.images.jpeg_coding import LUMA, JpegCoding, coding_of
from restore.inverse.catalogue import solvers
from restore.inverse.jpeg import Jpeg, as_coded, upright
from restore.inverse.problem import Problem
from restore.priors.checkpoint import shipped
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.solve import Plan, check_numbers, solve_problem
from restore.types import Estimate, Progress

# The first noise level: a b^c, b how many times coarser the tables are than those of quality 50. Measured
# on the validation pictures at qualities from 5 to 90.
START: dict[Estimate, tuple[float, float]] = {"mean": (0.025, 0.6), "sample": (0.016, 0.85)}
FALL: dict[Estimate, float] = {"mean": 3, "sample": 4}  # from the first level to the last
LEAST_SIGMA = 0.002  # what the network has seen


def dejpeg(
    image: Picture,
    *,
    quality: float | None = None,
    coding: JpegCoding | None = None,
    estimate: Estimate = "mean",
    method: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    start: float | None = None,
    seed: int = 0,
    prior: Prior | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Remove what JPEG has left in a picture and return the same kind of thing.

    The quantised coefficients of a file say in which interval each was before. The conditional branch, which
    has seen JPEG, gives a first answer; from there the prior is followed, every estimate projected onto those
    intervals (`restore.inverse.jpeg.cells`): the result, compressed again, is the file but for rounding.

    quality: 1 to 100, as the IJG's encoder counts. coding: the file's own tables, `images.Picture.coding`.
        One of the two is needed, except for a JPEG opened by PIL, which holds them, and for ``blind``.
    estimate: ``mean`` (best PSNR) or ``sample`` (natural texture).
    method: ``splitting``: half-quadratic splitting (Zhang et al. 2021); ``ddnm``: a sample, every estimate
        projected (Wang et al. 2023, whose A^+ y this is for what is not linear; Kawar et al. 2022b); ``dps``:
        by the gradient of JPEG without its rounding (Chung et al. 2023); ``blind``: the branch's answer
        alone, which needs neither quality nor grid.
    sampler: of ``ddnm``. steps: of the ladder; the branch's call comes before. start: its first noise
        level, [0, 1] units; None goes by the tables. seed: of the random numbers.

    The picture must lie on the grid it was compressed on, not cropped and not resized since. Raises
    ValueError for options out of range, and where nothing says how it was compressed.
    """
    plan = plan_of(estimate, method, sampler, steps, start)
    picture = canvas(image)
    prior = prior or shipped()
    y = picture.batch.to(prior.device)
    if plan is None:
        answer = _blind(y, prior)
        if progress is not None:
            progress(1, 1)
        return picture.like_original(answer)
    coding = coding or _coding_of(image, quality)
    y = as_coded(y, coding.turn)
    operator = Jpeg(coding, (y.shape[-2], y.shape[-1]), y.device)
    first = operator.projection(y)(_blind(y, prior))
    walk = _for_tables(plan, estimate, coding, start)
    if progress is not None:
        progress(1, 1 + walk.steps)
    rest = part_of(progress, 1, 0)
    x = solve_problem(Problem(y, operator), walk, seeded_rng(seed), prior, rest, first=first)
    return picture.like_original(upright(x, coding.turn))


def _for_tables(plan: Plan, estimate: Estimate, coding: JpegCoding, start: float | None) -> Plan:
    """The plan with noise levels that suit the tables."""
    factor, power = START[estimate]
    first = start or max(2 * LEAST_SIGMA, factor * (sum(coding.luma) / sum(LUMA)) ** power)
    return replace(plan, start=first, last=max(LEAST_SIGMA, first / FALL[estimate]))


def plan_of(
    estimate: Estimate, method: str | None, sampler: str | None, steps: int | None, start: float | None
) -> Plan | None:
    """Complete the options by their defaults, but for the noise levels; None for the branch alone.

    ValueError for options that do not go together.
    """
    chosen = catalogue.find("dejpeg", method, estimate)
    check_numbers(steps, start)
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


def _coding_of(image: object, quality: float | None) -> JpegCoding:
    """What was told, or what PIL knows of a file it has opened."""
    if quality is not None:
        return coding_of(quality)
    tables = getattr(image, "quantization", None)
    if not tables:
        raise ValueError(
            "nothing says how the picture was compressed: pass quality (1 to 100), or a JPEG opened by PIL; "
            "method='blind' needs neither"
        )
    from restore.images.pillow import coding_of_file

    found = coding_of_file(image)
    if found is None:
        raise ValueError(
            "the file is a JPEG of another kind than YCbCr or gray; pass quality, or use 'blind'"
        )
    return found
