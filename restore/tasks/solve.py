"""Undo a degradation that can be written down, by the prior alone: deblur, colorize, the general case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from restore.diffusion import samplers
from restore.diffusion.progress import counted
from restore.diffusion.seeds import seeded_noise
from restore.diffusion.sigmas import log_sigma, network_calls
from restore.images.canvas import Picture, canvas, in_colour
from restore.inverse import operators, solvers
from restore.inverse.build import Building, chain_of
from restore.inverse.problem import Problem
from restore.inverse.protocols import Degradation, Operator, Projecting, consistent
from restore.inverse.spec import read_word
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import shipped
from restore.types import Estimate, Noise, Progress

ROUNDING = 1 / 12**0.5  # deviation of 8-bit rounding, 0..255 scale: the least noise that a file has

# Measured on validation pictures with blurs and reductions, as are the methods' own starts.
STEPS: dict[Estimate, int] = {"mean": 12, "sample": 20}

LAST_SIGMA = 0.005

GUESS_STD = 0.1  # by which the operator's guess is taken to be wrong

MOST_SIGMA = 80.0

COLOUR_START = 1.0  # where colours are not decided yet


def solve(
    image: Picture,
    operator: Building,
    *,
    noise: float = ROUNDING,
    estimate: Estimate = "mean",
    method: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    start: float | None = None,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Find a picture that, degraded, is the given one; the same kind of thing comes back.

    operator: gives, for a size (h, w) and a device, the degradation whose measurement has that size.
    noise: standard deviation of the noise in the picture, 0..255 scale; rounding to 8 bits unless said.
    estimate: ``mean`` (best PSNR) or ``sample`` (natural texture).
    method: one of `restore.inverse.solvers.all_methods`; None is splitting for the mean; for a sample PiGDM
        where the operator is linear, DDNM where it can only be projected, DPS for the rest.
    sampler: one of `restore.diffusion.samplers.SAMPLERS`, for a method that any sampler can walk; None is
    its own. steps: of the ladder, of one network call each; None is 12 for the mean and 20 for a sample.
        start: its first noise level, [0, 1] units: the operator's guess with so much noise on it; None is
        the method's own, 0.25 for splitting, 0.1 for DPS, else 0.5: low enough for the prior to know what it
        says.
    seed: of the random numbers; the pictures of a batch draw different ones.

    Where the operator's measurement is gray, that is the picture's luma. Raises ValueError for options out
    of range and a method that cannot serve the operator.
    """
    check_numbers(steps, start)
    if not 0 <= noise <= 255:
        raise ValueError(f"noise is a level from 0 to 255, got {noise:g}")
    if method is not None:
        plan_of(estimate, method, sampler, steps, start)  # refused before anything is loaded
    picture = canvas(image)
    backbone = backbone or shipped()
    batch = picture.batch.to(backbone.device)
    size = batch.shape[-2], batch.shape[-1]
    degradation = operator(size, batch.device)
    plan = plan_of(estimate, method or _preferred(degradation, estimate), sampler, steps, start)
    y = operators.Gray(size, batch.device).forward(batch) if degradation.y_shape[0] == 1 else batch
    x = solved(Problem(y, degradation, noise / 255), plan, seeded_noise(seed), backbone, progress)
    return picture.like_original(operators.without_margin(x, degradation))  # type: ignore[no-any-return]


def deblur(image: Picture, kernel: Tensor | str, **options: Any) -> Picture:
    """Sharpen a picture that was blurred by a known kernel; the same kind of thing comes back.

    kernel: ``(kh, kw)`` of odd sides, or ``gaussian:SIGMA`` or ``motion:LENGTH:ANGLE`` in pixels and degrees.
    The scene went on outside the picture: nothing is assumed of its borders. options: those of `solve`.
    """
    if isinstance(kernel, str):
        return solve(image, chain_of([read_word(f"blur={kernel}")]), **options)
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
    return solve(in_colour(image), operators.Gray, **options)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Plan:
    """How a problem is walked. start, last: the first noise level and the lowest above 0, [0, 1] units."""

    method: solvers.Method
    sampler: samplers.Sampler | None
    steps: int
    start: float
    last: float = LAST_SIGMA


def plan_of(
    estimate: Estimate, name: str, sampler: str | None, steps: int | None, start: float | None
) -> Plan:
    """Complete checked options by their defaults; ValueError for what cannot be walked."""
    if estimate not in STEPS:
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    known = solvers.all_methods()
    if name not in known or known[name].estimate != estimate:
        able = ", ".join(other for other, its in known.items() if its.estimate == estimate)
        raise ValueError(f"method for estimate {estimate!r} is one of {able}, got {name!r}")
    chosen = known[name]
    if sampler is not None and chosen.wrap is None:
        raise ValueError(f"method {name!r} has steps of its own; leave out sampler={sampler!r}")
    walker = None if sampler is None else samplers.choose(sampler, chosen.sampler, estimate)
    return Plan(chosen, walker, steps or STEPS[estimate], start or chosen.start)


def _preferred(operator: Degradation, estimate: Estimate) -> str:
    """As `words.preferred`, for an operator that has no words."""
    if estimate == "mean":
        return "splitting"
    if isinstance(operator, Operator):
        return "pigdm"
    return "ddnm" if isinstance(operator, Projecting) else "dps"


def check_numbers(steps: int | None, start: float | None) -> None:
    """Raise ValueError for steps or a first noise level that no ladder has."""
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if start is not None and not LAST_SIGMA < start <= MOST_SIGMA:
        raise ValueError(
            f"start is a noise level above {LAST_SIGMA:g} and up to {MOST_SIGMA:g}, in [0, 1] units; "
            f"got {start:g}"
        )


def solved(
    problem: Problem,
    plan: Plan,
    noise: Noise,
    backbone: Backbone,
    progress: Progress | None,
    *,
    first: Tensor | None = None,
) -> Tensor:
    """Walk a problem down from a first picture, `first_picture` unless given; x ``(b, *x_shape)``."""
    method = plan.method
    prior = backbone.denoiser(differentiable=method.gradient)
    x = first_picture(problem) if first is None else first
    sigmas = log_sigma(plan.start, plan.last, plan.steps)
    if method.estimate == "sample":
        x = x + sigmas[0] * noise(x)
    if method.update is not None and method.own(plan.steps) and plan.sampler is None:
        prior = counted(prior, progress, network_calls(sigmas))
        return samplers.walk(method.update(prior, problem), x, sigmas, noise=noise)
    assert method.wrap is not None  # a method has one of the two
    walk = plan.sampler or method.sampler
    return walk(method.wrap(prior, problem, noise), x, sigmas, noise=noise, progress=progress)


def first_picture(problem: Problem) -> Tensor:
    """The operator's guess, made to agree with the measurement as far as its noise allows."""
    operator = problem.operator
    guess = operator.guess(problem.y)
    if not isinstance(operator, Operator):
        return guess
    damping = (max(problem.noise_std, ROUNDING / 255) / GUESS_STD) ** 2
    return consistent(guess, problem.y, operator, damping)
