"""How a hole is filled, method by method, from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor

from restore.diffusion import schedule
from restore.diffusion.progress import part_of, twice
from restore.diffusion.sigmas import karras, log_sigma, repaint_sigmas
from restore.inverse.fill import push_pull, smoothed
from restore.inverse.guidance import enforce, half_quadratic_splitting, inject_known, join_at, share_of
from restore.inverse.operators import Hole
from restore.inverse.problem import Problem
from restore.inverse.solvers import all_methods, differentiates, guided
from restore.priors.backbone import Backbone
from restore.priors.condition import Condition
from restore.tasks import solve as solving
from restore.tasks.holes import CONTEXT, depth_of, enlarged, halved, halvings, surroundings
from restore.tasks.solve import ROUNDING, solved
from restore.types import Denoiser, Estimate, Noise, Progress

Solver = Literal["ddrm", "ddnm-plus", "diffpir", "pigdm", "dps"]

Method = Literal["alternating", "conditional", "repaint", "ddnm", "splitting", Solver]

SOLVERS = get_args(Solver)  # of `restore.inverse.solvers`, as they are

FROM_FILL = ("alternating", "splitting", "ddnm", *SOLVERS)  # the methods to which their first fill matters

# Splitting starts in the middle of the ladder, a sample lower, from what splitting found. Measured on the
# validation pictures, as are the defaults above.
START_SIGMA, LAST_SIGMA = 0.125, 0.01

# Which part of the steps draws a sample. By DDNM it begins at one noise level: in letters and hairlines less
# is to be invented than in holes that are deeper than THIN pixels.
DRAWN = {False: (3, 0.05), True: (2, 0.1)}

THIN = 6.0

# Alternating draws half of the steps, and begins where every pixel needs it: at so much, for a texture of
# deviation 1 that is left out one pixel deep in the hole, and by the square of the depth, within limits. Both
# are means over near pixels.
PER_TEXTURE, LOWEST, HIGHEST = 0.6, 0.05, 0.9

FEW = 4  # steps of drawing below which all pixels begin at one level

AT_SMALLER = 0.15  # where all pixels begin at a half, a quarter and so on of the size

FINE, NEAR = 1.5, 12.0  # radii in pixels: of what is no texture any more, and of what is near

SOLVER_SIGMA = 0.4  # where the published solvers start from the fill

AFTER_BRANCH = 0.06, 0.005  # where splitting begins and ends after the conditional branch

Walk = partial[Tensor]  # a sampler with its noise


@dataclass(frozen=True)
class Jumps:
    """RePaint's resampling: climb back ``length`` steps, walk each stretch ``repeats`` times.

    Raises ValueError for numbers below 1.
    """

    length: int = 10
    repeats: int = 10

    def __post_init__(self) -> None:
        if min(self.length, self.repeats) < 1:
            raise ValueError(
                f"jumps need length and repeats of 1 or more, got {self.length} and {self.repeats}"
            )


@dataclass(frozen=True)
class Plan:
    method: Method
    estimate: Estimate
    steps: int
    jumps: Jumps
    guidance: float


def fill_hole(
    image: Tensor,
    hole: Tensor,
    plan: Plan,
    walk: Walk,
    backbone: Backbone,
    begin: Callable[[], Progress | None],
) -> Tensor:
    """The picture with its hole filled: at ever larger sizes, each from what was found at the one before.

    begin: how the calls at the next size are to be reported.
    """
    levels = [(image, hole)]
    for _ in range(halvings_of(hole, plan)):
        levels.append(halved(*levels[-1]))
    fill = push_pull(*levels[-1])
    for number, (picture, missing) in enumerate(reversed(levels)):
        if number:
            fill = enlarged(fill, picture, missing)
        coarse = number < len(levels) - 1
        fill = _walked(picture, missing, fill, plan, walk, backbone, begin(), coarse=coarse)
    return fill


def halvings_of(hole: Tensor, plan: Plan) -> int:
    return halvings(hole, plan.estimate) if plan.method in FROM_FILL else 0


def _walked(
    image: Tensor,
    hole: Tensor,
    fill: Tensor,
    plan: Plan,
    walk: Walk,
    backbone: Backbone,
    progress: Progress | None,
    *,
    coarse: bool,
) -> Tensor:
    """From a first fill to a finished one, at one size; coarse: not the full one."""
    noise: Noise = walk.keywords["noise"]
    if plan.method in SOLVERS:
        problem = Problem(fill * (1 - hole), Hole(hole), ROUNDING / 255)
        method = all_methods()[plan.method]
        problem_plan = solving.Plan(method, None, plan.steps, min(SOLVER_SIGMA, method.start), LAST_SIGMA)
        return solved(problem, problem_plan, noise, backbone, progress, first=fill)
    top, lowest = backbone.config.sigma_max, backbone.config.sigma_min
    if plan.method == "conditional":
        branch = guided(backbone, Condition(fill, known=1 - hole), plan.guidance)
        denoiser = enforce(branch, fill, Hole(hole))
        progress = progress if plan.guidance == 1 else twice(progress)
        if plan.estimate == "mean":
            return walk(denoiser, fill, [top, 0.0], progress=progress)
        ladder = karras(top, lowest, plan.steps)
        return walk(denoiser, fill + top * noise(fill), ladder, progress=progress)
    if plan.method == "repaint":
        betas = schedule.named(backbone.config.schedule, backbone.config.steps)
        ladder = repaint_sigmas(betas, plan.steps, plan.jumps.length, plan.jumps.repeats)
        denoiser = inject_known(backbone.denoiser(), image, hole, noise)
        start = 0.5 + ladder[0] * noise(image)  # what the schedule ends in: mid-grey and noise
        return walk(denoiser, start, ladder, progress=progress)
    prior = enforce(backbone.denoiser(), fill, Hole(hole))
    if plan.method == "alternating":
        draws = plan.steps // 2 or 1 if plan.estimate == "sample" else 0
        to_mean = part_of(progress, 0, len(fill) * draws)
        mean = _alternate(prior, fill, hole, plan.steps - draws, backbone, to_mean)
        if not draws:
            return mean
        # Enlarged, what is drawn at a smaller size is no texture but shape, which is drawn from lower.
        levels = AT_SMALLER * hole if coarse else texture_levels(mean, hole)
        if draws < FEW:  # too few levels for pixels to join at their own
            levels = hole * levels.sum((1, 2, 3), keepdim=True) / hole.sum((1, 2, 3), keepdim=True)
        return _drawn(mean, hole, levels, draws, walk, backbone, part_of(progress, plan.steps - draws, 0))
    share, sigma = DRAWN[bool(depth_of(hole).max() > THIN)]
    draws = 0 if plan.estimate == "mean" else max(1, plan.steps // share)
    ends, before = (START_SIGMA, LAST_SIGMA), plan.steps - draws
    mean = _split(prior, fill, ends, before, part_of(progress, 0, draws))
    if not draws:
        return mean
    ladder = log_sigma(sigma, LAST_SIGMA, draws)
    start = mean + sigma * noise(mean)
    return walk(prior, start, ladder, progress=part_of(progress, before, 0))


def _alternate(
    prior: Denoiser, fill: Tensor, hole: Tensor, steps: int, backbone: Backbone, progress: Progress | None
) -> Tensor:
    """By the conditional branch, which knows what holes look like, then the prior, which knows pictures.

    That once: the branch, shown what both have found in place of the smooth fill, only makes it worse.
    """
    if not steps:
        return fill
    branch = _branch(fill, hole, backbone)
    x = branch(fill, backbone.config.sigma_max)
    if progress is not None:
        progress(1, steps)
    return _split(prior, x, AFTER_BRANCH, steps - 1, part_of(progress, 1, 0))


def _drawn(
    mean: Tensor,
    hole: Tensor,
    levels: Tensor,
    steps: int,
    walk: Walk,
    backbone: Backbone,
    progress: Progress | None,
) -> Tensor:
    """Samples around the means by the branch, which is shown each mean as its fill.

    levels ``(b, 1, h, w)``: where every pixel's walk begins.
    """
    finished: list[Tensor] = []
    for fill, missing, own in zip(*(planes.chunk(len(mean)) for planes in (mean, hole, levels)), strict=True):
        top, report = float(own.max()), part_progress(progress, len(finished), len(mean))
        denoiser = join_at(_branch(fill, missing, backbone), fill, own)
        start = fill + top * walk.keywords["noise"](fill)
        finished.append(walk(denoiser, start, log_sigma(top, LAST_SIGMA, steps), progress=report))
    return torch.cat(finished)


def _branch(fill: Tensor, hole: Tensor, backbone: Backbone) -> Denoiser:
    """The conditional branch, which sees a first fill, and what of it is known and to be kept."""
    return enforce(backbone.denoiser(Condition(fill, known=1 - hole)), fill, Hole(hole))


def texture_levels(mean: Tensor, hole: Tensor) -> Tensor:
    """The noise level at which a sample of every pixel should begin, [0, 1] units ``(b, 1, h, w)``.

    It grows with the texture that the mean in the hole has less of than the known pixels near, and with the
    depth of the hole there: a mean is smooth where its surroundings do not say what was there. In known
    pixels it is 0.
    """
    fine = (mean - smoothed(mean, FINE)).square().mean(1, keepdim=True)
    around = push_pull(smoothed(fine, NEAR, 1 - hole), hole)
    missing = (around - smoothed(fine, NEAR, hole)).clamp_min(0).sqrt()
    depth = smoothed(depth_of(hole).to(mean), NEAR, hole)
    return (PER_TEXTURE * missing * depth**2).clamp(LOWEST, HIGHEST) * hole


def _split(
    prior: Denoiser, start: Tensor, ends: tuple[float, float], steps: int, progress: Progress | None
) -> Tensor:
    if not steps:
        return start
    ladder = log_sigma(*ends, steps)
    return half_quadratic_splitting(prior, start, ladder, share=share_of(steps), progress=progress)


def workload(hole: Tensor, estimate: Estimate, method: str, backbone: Backbone) -> int:
    """How many pixels every step computes for a picture with a hole ``(1, 1, h, w)``, at all sizes."""
    total, gradient = 0, method in SOLVERS and differentiates(method)
    for top, bottom, left, right in surroundings(hole, CONTEXT):
        piece, size = hole[..., top:bottom, left:right], (bottom - top, right - left)
        for _ in range(1 + (halvings(piece, estimate) if method in FROM_FILL else 0)):
            total += backbone.computed(size, differentiable=gradient)
            size = (size[0] + 1) // 2, (size[1] + 1) // 2
    return total


def part_progress(progress: Progress | None, number: int, parts: int) -> Progress | None:
    """Report the calls for one hole at one size as a part of all calls; every part takes as many."""
    if progress is None:
        return None
    return lambda done, total: progress(number * total + done, parts * total)
