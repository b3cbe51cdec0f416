"""How a hole is filled, method by method, from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.diffusion import watch
from restore.diffusion.progress import part_of, part_progress, twice
from restore.diffusion.sigmas import check_pure_noise, known_levels, log_sigma, repaint_sigmas
from restore.diffusion.thresholding import thresholded
from restore.errors import WeightsError
from restore.inverse.catalogue import solvers
from restore.inverse.fill import push_pull, smoothed
from restore.inverse.guidance import (
    enforce,
    half_quadratic_splitting,
    inject_known,
    per_pixel_start,
    share_of,
)
from restore.inverse.operators import Hole
from restore.inverse.problem import Problem
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.catalogue import ROUNDING
from restore.tasks.drawing import Drawing
from restore.tasks.holes import CONTEXT, depth_of, enlarged, halved, halvings, surroundings
from restore.tasks.own_methods import MethodRequest, run_own
from restore.tasks.solve import Plan as SolverPlan
from restore.tasks.solve import solve_problem
from restore.types import Denoiser, Estimate, Progress

FROM_NOISE = ("conditional", "repaint")  # these start from noise, so the first fill does not matter
# The first and the last noise level of splitting. Measured on the validation pictures, as are those below.
START_SIGMA, LAST_SIGMA = 0.125, 0.01

# Which part of the steps draws a sample by DDNM, and the noise level it begins at, for holes that are deeper
# than THIN pixels (True) and for letters and hairlines, where less is to be invented.
DRAWN = {False: (3, 0.05), True: (2, 0.1)}
THIN = 6.0
# `strength_map`: the noise level for a texture of deviation 1 that is missing at depth 1, and its limits.
PER_TEXTURE, LOWEST, HIGHEST = 0.6, 0.05, 0.9

FEW = 4  # with fewer steps of drawing, all pixels begin at one noise level
AT_SMALLER = 0.15  # the noise level that drawing begins at, at sizes below the full one

FINE, NEAR = 1.5, 12.0  # radii in pixels: texture is finer than FINE, and compared within NEAR

SOLVER_SIGMA = 0.4  # where the published solvers start from the fill
AFTER_BRANCH = 0.06, 0.005  # where splitting begins and ends after the conditional branch


@dataclass(frozen=True)
class Jumps:
    """RePaint's resampling: the noise level rises by ``length`` steps, and they are taken again.

    Parameters
    ----------
    length : int
        How many steps a jump goes back, at least 1.
    repeats : int
        How often these steps are taken, at least 1; 1 never goes back.

    Raises
    ------
    ValueError
        For numbers below 1.

    References
    ----------
    .. [1] A. Lugmayr et al. (2022). RePaint: inpainting using denoising diffusion probabilistic models.
       arXiv:2201.09865, section 4.2.

    Examples
    --------
    >>> from restore.tasks.inpaint_methods import Jumps
    >>> Jumps(length=5)
    Jumps(length=5, repeats=10)
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
    """How a hole is filled: checked options."""

    method: catalogue.Method
    steps: int
    jumps: Jumps
    guidance: float

    @property
    def estimate(self) -> Estimate:
        """What comes out."""
        return self.method.estimate


@dataclass(frozen=True)
class Level:
    """A picture with its hole at one size, filled for a start; coarse: not the full size."""

    image: Tensor
    hole: Tensor
    fill: Tensor
    coarse: bool

    @property
    def operator(self) -> Hole:
        """The hole as an operator, which keeps the known pixels."""
        return Hole(self.hole)

    def enforced(self, denoise: Denoiser) -> Denoiser:
        """A denoiser whose answers have the known pixels."""
        return enforce(denoise, self.fill, self.operator)


Filler = Callable[[Level, Plan, Drawing, Progress | None], Tensor]
"""``fill(level, plan, drawing, progress)``: from a first fill to a finished one, at one size."""


def fill_hole(
    image: Tensor, hole: Tensor, plan: Plan, drawing: Drawing, begin: Callable[[], Progress | None]
) -> Tensor:
    """The picture with its hole filled: at ever larger sizes, each from what was found at the one before.

    begin: how the calls at the next size are to be reported.
    """
    sizes = [(image, hole)]
    for _ in range(halvings_of(hole, plan)):
        sizes.append(halved(*sizes[-1]))
    filler = by_own if plan.method.run is not None else FILLERS.get(plan.method.name, by_solver)
    fill = push_pull(*sizes[-1])
    for number, (picture, missing) in enumerate(reversed(sizes)):
        if number:
            fill = enlarged(fill, picture, missing)
        level = Level(picture, missing, fill, coarse=number < len(sizes) - 1)
        fill = filler(level, plan, drawing, begin())
    return fill


def halvings_of(hole: Tensor, plan: Plan) -> int:
    """How often a picture is halved before its hole is filled."""
    return 0 if _at_one_size(plan.method) else halvings(hole, plan.estimate)


def _at_one_size(method: catalogue.Method) -> bool:
    """Whether a hole is filled at its own size alone."""
    return method.name in FROM_NOISE or method.run is not None


def by_own(level: Level, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """Run a method that is no part of this package."""
    request = MethodRequest(
        drawing, plan.estimate, plan.steps, progress, task="inpaint", image=level.fill.clone(),
        hole=level.hole.clone(), shape=tuple(level.fill.shape),
    )  # fmt: skip
    return run_own(plan.method, request)


def by_solver(level: Level, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """Run a solver as published, from a smooth fill with noise added."""
    solver = solvers()[plan.method.name]
    problem = Problem(level.fill * (1 - level.hole), level.operator, ROUNDING / 255)
    steps = SolverPlan(solver, None, plan.steps, min(SOLVER_SIGMA, solver.start), LAST_SIGMA)
    return solve_problem(problem, steps, drawing.rng, drawing.prior, progress, first=level.fill)


def by_condition(level: Level, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """The network is shown the picture with a smooth fill, and the mask (SR3, Palette)."""
    fill, top = level.fill, drawing.prior.sigma_max
    denoise = level.enforced(drawing.guided(Condition(fill, known=1 - level.hole), plan.guidance))
    progress = progress if plan.guidance == 1 else twice(progress)
    if plan.estimate == "mean":
        return drawing(denoise, fill, [top, 0.0], progress=progress)
    sigmas = log_sigma(top, drawing.prior.sigma_min, plan.steps)
    return drawing(denoise, drawing.noised(fill, top), sigmas, progress=progress)


def by_repaint(level: Level, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """From pure noise, known pixels put in at every step (Lugmayr et al. 2022)."""
    image, prior = level.image, drawing.prior
    sigmas = _sigmas_of_repaint(plan, prior)
    denoise = inject_known(thresholded(prior.denoiser()), image, level.hole, drawing.rng)
    start = 0.5 + sigmas[0] * drawing.rng(image)  # what the schedule ends in: mid-grey and noise
    return drawing(denoise, start, sigmas, progress=progress)


def _sigmas_of_repaint(plan: Plan, prior: Prior) -> list[float]:
    """The timesteps of the network's own schedule, with RePaint's jumps.

    Raises WeightsError where it has too few for what was asked, and where it ends before noise.
    """
    ends = {"lowest": prior.sigma_min, "highest": prior.sigma_max}
    known = len(known_levels(prior.schedule, **ends))
    steps = min(plan.steps, known) if plan.steps == plan.method.steps else plan.steps
    if steps > known or plan.jumps.length >= steps:
        raise WeightsError(
            f"the schedule of these weights has {known} timesteps; repaint was asked for {steps} steps with "
            f"jumps of {plan.jumps.length}; pass at most {known} steps and shorter jumps"
        )
    sigmas = repaint_sigmas(prior.schedule, steps, plan.jumps.length, plan.jumps.repeats, **ends)
    check_pure_noise(sigmas[0])
    return sigmas


def by_alternating(level: Level, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """The conditional branch, then splitting from there; for a sample the branch then draws the texture."""
    draws = plan.steps // 2 or 1 if plan.estimate == "sample" else 0
    steps = plan.steps - draws
    watch.expect(steps + len(level.fill) * draws)
    mean = _alternated(level, steps, drawing.prior, part_of(progress, 0, len(level.fill) * draws))
    if not draws:
        return mean
    hole = level.hole
    # Enlarged, what is drawn at a smaller size is no texture but shape, which is drawn from lower.
    levels = AT_SMALLER * hole if level.coarse else strength_map(mean, hole)
    if draws < FEW:  # too few noise levels for pixels to begin at their own
        levels = hole * levels.sum((1, 2, 3), keepdim=True) / hole.sum((1, 2, 3), keepdim=True)
    return _drawn(mean, hole, levels, draws, drawing, part_of(progress, steps, 0))


def by_splitting(level: Level, plan: Plan, drawing: Drawing, progress: Progress | None) -> Tensor:
    """The prior alone: splitting from a smooth fill; of a sample the last steps draw around that (DDNM)."""
    share, sigma = DRAWN[bool(depth_of(level.hole).max() > THIN)]
    draws = 0 if plan.estimate == "mean" else max(1, plan.steps // share)
    steps, denoise = plan.steps - draws, level.enforced(drawing.prior.denoiser())
    watch.expect(plan.steps)
    mean = _split(denoise, level.fill, (START_SIGMA, LAST_SIGMA), steps, part_of(progress, 0, draws))
    if not draws:
        return mean
    sigmas = log_sigma(sigma, LAST_SIGMA, draws)
    return drawing(denoise, drawing.noised(mean, sigma), sigmas, progress=part_of(progress, steps, 0))


FILLERS: dict[str, Filler] = {
    "alternating": by_alternating,
    "conditional": by_condition,
    "repaint": by_repaint,
    "splitting-ddnm": by_splitting,
    "splitting": by_splitting,
}
"""By the name of their method; what is not here is a solver (`by_solver`)."""


def _alternated(level: Level, steps: int, prior: Prior, progress: Progress | None) -> Tensor:
    """By the conditional branch, which knows what holes look like, then the prior, which knows pictures.

    That once: the branch, shown what both have found in place of the smooth fill, only makes it worse.
    """
    if not steps:
        return level.fill
    x = _branch(level.fill, level.hole, prior)(level.fill, prior.sigma_max)
    if progress is not None:
        progress(1, steps)
    denoise = level.enforced(prior.denoiser())
    return _split(denoise, x, AFTER_BRANCH, steps - 1, part_of(progress, 1, 0))


def _drawn(
    mean: Tensor,
    hole: Tensor,
    levels: Tensor,
    steps: int,
    drawing: Drawing,
    progress: Progress | None,
) -> Tensor:
    """Samples around the means by the branch, which is shown each mean as its fill.

    levels ``(b, 1, h, w)``: the noise level at which every pixel begins.
    """
    finished: list[Tensor] = []
    for fill, missing, own in zip(*(planes.chunk(len(mean)) for planes in (mean, hole, levels)), strict=True):
        top, report = float(own.max()), part_progress(progress, len(finished), len(mean))
        denoise = per_pixel_start(_branch(fill, missing, drawing.prior), fill, own)
        sigmas = log_sigma(top, LAST_SIGMA, steps)
        finished.append(drawing(denoise, drawing.noised(fill, top), sigmas, progress=report))
    return torch.cat(finished)


def _branch(fill: Tensor, hole: Tensor, prior: Prior) -> Denoiser:
    """The conditional branch, which sees a first fill, and what of it is known and to be kept."""
    return enforce(prior.denoiser(Condition(fill, known=1 - hole)), fill, Hole(hole))


def strength_map(mean: Tensor, hole: Tensor) -> Tensor:
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
    denoise: Denoiser, start: Tensor, ends: tuple[float, float], steps: int, progress: Progress | None
) -> Tensor:
    if not steps:
        return start
    sigmas = log_sigma(*ends, steps)
    return half_quadratic_splitting(denoise, start, sigmas, share=share_of(steps), progress=progress)


def workload(hole: Tensor, missing: Tensor, method: catalogue.Method, prior: Prior) -> int:
    """How many pixels every step computes for a picture with a hole ``(1, 1, h, w)``, at all sizes.

    missing: the hole and what alpha hides.
    """
    total = 0
    for top, bottom, left, right in surroundings(hole, CONTEXT):
        piece, size = missing[..., top:bottom, left:right], (bottom - top, right - left)
        for _ in range(1 + (0 if _at_one_size(method) else halvings(piece, method.estimate))):
            total += prior.computed(size, differentiable=method.gradient)
            size = (size[0] + 1) // 2, (size[1] + 1) // 2
    return total
