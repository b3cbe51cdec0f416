"""Undo a degradation that can be written down, by the prior alone: deblur, colorize, the general case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from restore.diffusion.progress import with_progress
from restore.diffusion.samplers import Sampler, run_updates
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import log_sigma, network_calls
from restore.images.canvas import Picture, canvas, in_colour
from restore.inverse import catalogue as solver_catalogue
from restore.inverse import operators
from restore.inverse.build import Building, chain_of
from restore.inverse.catalogue import Solver
from restore.inverse.problem import Problem
from restore.inverse.protocols import Operator, consistent
from restore.inverse.solvers import capabilities_of
from restore.inverse.spec import parse_spec
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.catalogue import COLOUR_START
from restore.types import Estimate, Progress, Rng, from_255

ROUNDING = 1 / 12**0.5  # deviation of 8-bit rounding, 0..255 scale: the least noise that a file has
LAST_SIGMA = 0.005
GUESS_STD = 0.1  # by which the operator's guess is taken to be wrong
MOST_SIGMA = 80.0


def solve(
    image: Picture,
    operator: Building,
    *,
    sigma: float = ROUNDING,
    estimate: Estimate = "mean",
    method: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    start: float | None = None,
    seed: int = 0,
    prior: Prior | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Find a picture that, degraded, is the given one; the same kind of thing comes back.

    operator: gives, for a size (h, w) and a device, the degradation whose measurement has that size.
    sigma: standard deviation of the noise in the picture, 0..255 scale; rounding to 8 bits unless said.
    estimate: ``mean`` (best PSNR) or ``sample`` (natural texture).
    method: one of `restore.inverse.catalogue.solvers`; None is splitting for the mean; for a sample PiGDM
        where the operator is linear, DDNM where it can only be projected, DPS for the rest.
    sampler: one of `restore.diffusion.samplers.SAMPLERS`, for a method that any sampler can run; None is its
    own. steps: of one network call each; None is 12 for the mean and 20 for a sample. start: the first noise
        level, [0, 1] units: the operator's guess with so much noise on it; None is the method's own, 0.25 for
        splitting, 0.1 for DPS, else 0.5: low enough for the prior to know what it says.
    seed: of the random numbers; the pictures of a batch draw different ones.

    Where the operator's measurement is gray, that is the picture's luma. Raises ValueError for options out
    of range and a method that cannot serve the operator.
    """
    check_numbers(steps, start)
    if not 0 <= sigma <= 255:
        raise ValueError(f"sigma is a noise level from 0 to 255, got {sigma:g}")
    if method is not None:
        plan_of(estimate, method, sampler, steps, start)  # refused before anything is loaded
    picture = canvas(image)
    prior = prior or shipped()
    batch = picture.batch.to(prior.device)
    size = batch.shape[-2], batch.shape[-1]
    degradation = operator(size, batch.device)
    if method is None:
        method = solver_catalogue.preferred(capabilities_of(degradation), estimate).name
    plan = plan_of(estimate, method, sampler, steps, start)
    y = operators.Gray(size, batch.device).forward(batch) if degradation.y_shape[0] == 1 else batch
    problem = Problem(y, degradation, from_255(sigma))
    x = solve_problem(problem, plan, seeded_rng(seed), prior, progress)
    return picture.like_original(operators.without_margin(x, degradation))


def deblur(image: Picture, kernel: Tensor | str, **options: Any) -> Picture:
    """Sharpen a picture that was blurred by a known kernel; the same kind of thing comes back.

    kernel: ``(kh, kw)`` of odd sides, or ``gaussian:SIGMA`` or ``motion:LENGTH:ANGLE`` in pixels and degrees.
    The scene went on outside the picture: nothing is assumed of its borders. options: those of `solve`.
    """
    if isinstance(kernel, str):
        return solve(image, chain_of([parse_spec(f"blur={kernel}")]), **options)
    return solve(image, lambda size, device: operators.BlurInside(kernel, size, device), **options)


def colorize(
    image: Picture, *, estimate: Estimate = "sample", start: float | None = None, **options: Any
) -> Picture:
    """Give a gray picture colours, whose luma is the picture; an RGB picture of its kind comes back.

    options: those of `solve`. A sample starts at COLOUR_START, where colours are not decided yet; the mean of
    all that is possible is nearly gray. The prior sees surroundings of a few hundred pixels and knows no
    objects: expect plausible tints, not the right ones.
    """
    if estimate == "sample":
        start = start or COLOUR_START
    options |= {"estimate": estimate, "start": start}
    return solve(in_colour(image), operators.Gray, **options)


@dataclass(frozen=True)
class Plan:
    """How a problem is solved. start, last: the first noise level and the lowest above 0, [0, 1] units.

    sampler: None is the solver's own.
    """

    solver: Solver
    sampler: Sampler | None
    steps: int
    start: float
    last: float = LAST_SIGMA


def plan_of(
    estimate: Estimate, name: str, sampler: str | None, steps: int | None, start: float | None
) -> Plan:
    """Complete checked options by their defaults; ValueError for those that do not go together."""
    method = catalogue.find("solve", name, estimate)
    chosen = catalogue.check(method, steps=steps, sampler=sampler)
    solver = solver_catalogue.solvers()[name]
    return Plan(solver, None if sampler is None else chosen, steps or method.steps, start or solver.start)


def check_numbers(steps: int | None, start: float | None) -> None:
    """Raise ValueError for a number of steps or a first noise level that cannot be."""
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if start is not None and not LAST_SIGMA < start <= MOST_SIGMA:
        raise ValueError(
            f"start is a noise level above {LAST_SIGMA:g} and up to {MOST_SIGMA:g}, in [0, 1] units; "
            f"got {start:g}"
        )


def solve_problem(
    problem: Problem,
    plan: Plan,
    rng: Rng,
    prior: Prior,
    progress: Progress | None,
    *,
    first: Tensor | None = None,
) -> Tensor:
    """Solve a problem from a first picture, `first_picture` unless given; x ``(b, *x_shape)``."""
    solver = plan.solver
    denoise = prior.denoiser(differentiable=solver.gradient)
    x = first_picture(problem) if first is None else first
    sigmas = log_sigma(plan.start, plan.last, plan.steps)
    if solver.estimate == "sample":
        x = x + sigmas[0] * rng(x)
    if solver.update is not None and solver.uses_update(plan.steps) and plan.sampler is None:
        denoise = with_progress(denoise, progress, network_calls(sigmas))
        return run_updates(solver.update(denoise, problem), x, sigmas, rng=rng)
    assert solver.wrap is not None  # a solver has one of the two
    run = plan.sampler or solver.sampler
    return run(solver.wrap(denoise, problem, rng), x, sigmas, rng=rng, progress=progress)


def first_picture(problem: Problem) -> Tensor:
    """The operator's guess, made to agree with the measurement as far as its noise allows."""
    operator = problem.operator
    guess = operator.guess(problem.y)
    if not isinstance(operator, Operator):
        return guess
    damping = (max(problem.noise_std, ROUNDING / 255) / GUESS_STD) ** 2
    return consistent(guess, problem.y, operator, damping)
