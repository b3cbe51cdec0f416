"""Undo a degradation that can be written down, with the unconditional prior: the general case, and blur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from restore import methods, samplers, schedule
from restore.arrays import Picture, canvas
from restore.backbone import Backbone, shipped
from restore.methods import Problem
from restore.operators import Degradation, Operator, Shape, consistent, without_margin
from restore.types import Estimate, Progress

ROUNDING = 1 / 12**0.5  # deviation of 8-bit rounding, 0..255 scale: the least noise that a file has
DEFAULT_METHOD: dict[Estimate, str] = {"mean": "splitting", "sample": "diffpir"}
STEPS = 20
# Where a ladder begins: low enough for the prior to know what it says, measured on the validation pictures.
START_SIGMA: dict[Estimate, float] = {"mean": 0.1, "sample": 0.5}
GUESS_STD = 0.1  # by which the operator's guess is taken to be wrong


def solve(
    image: Picture,
    operator: Callable[[Shape], Degradation],
    *,
    noise: float = ROUNDING,
    estimate: Estimate = "sample",
    method: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    start: float | None = None,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Picture:
    """Find a picture that, degraded, is the given one; the same kind of thing comes back.

    operator: gives the degradation for the shape (c, h, w) of what was measured.
    noise: standard deviation of the noise in the picture, 0..255 scale; rounding to 8 bits unless said.
    method: one of `restore.methods.all_methods`; None is splitting for the mean, DiffPIR for a sample.
    sampler: one of `restore.samplers.SAMPLERS`, for a method that any sampler can walk; None is its own.
    steps: of the ladder, of one network call each. start: its first noise level, [0, 1] units: the
        operator's guess with so much noise on it; None is what measured best.
    seed: of the random numbers; the pictures of a batch draw different ones.

    Raises ValueError for options out of range and a method that cannot serve the operator.
    """
    plan = plan_of(estimate, method, sampler, steps, start)
    if not 0 <= noise <= 255:
        raise ValueError(f"noise is a level from 0 to 255, got {noise:g}")
    picture = canvas(image)
    backbone = backbone or shipped()
    y = picture.batch.to(backbone.device)
    c, h, w = y.shape[1:]
    problem = Problem(y, operator((c, h, w)), noise / 255)
    x = solved(problem, plan, seed, backbone, progress)
    return picture.like_original(without_margin(x, problem.operator))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Plan:
    """How a problem is walked. start: the first noise level."""

    method: methods.Method
    sampler: samplers.Sampler | None
    steps: int
    start: float


def plan_of(
    estimate: Estimate, method: str | None, sampler: str | None, steps: int | None, start: float | None
) -> Plan:
    """Complete the options by their defaults; ValueError for what cannot be walked."""
    if estimate not in DEFAULT_METHOD:
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")
    known = methods.all_methods()
    name = method or DEFAULT_METHOD[estimate]
    if name not in known or known[name].estimate != estimate:
        able = ", ".join(other for other, its in known.items() if its.estimate == estimate)
        raise ValueError(f"method for estimate {estimate!r} is one of {able}, got {name!r}")
    chosen = known[name]
    if sampler is not None and chosen.wrap is None:
        raise ValueError(f"method {name!r} has steps of its own; leave out sampler={sampler!r}")
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if start is not None and not 0 < start <= 80:
        raise ValueError(f"start is a noise level above 0 and up to 80, in [0, 1] units; got {start:g}")
    walker = None if sampler is None else samplers.choose(sampler, chosen.sampler, estimate)
    return Plan(chosen, walker, steps or STEPS, start or START_SIGMA[estimate])


def solved(problem: Problem, plan: Plan, seed: int, backbone: Backbone, progress: Progress | None) -> Tensor:
    """Walk a problem down; x ``(b, *x_shape)``."""
    noise, method = samplers.seeded_noise(seed), plan.method
    prior = backbone.denoiser(differentiable=method.gradient)
    x, sigmas = first_picture(problem), _ladder(plan, backbone)
    if method.estimate == "sample":
        x = x + sigmas[0] * noise(x)
    if method.update is not None and plan.sampler is None:
        prior = samplers.counted(prior, progress, schedule.network_calls(sigmas))
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
    damping = max(problem.noise_std, ROUNDING / 255) ** 2 / GUESS_STD**2
    return consistent(guess, problem.y, operator, damping)


def _ladder(plan: Plan, backbone: Backbone) -> list[float]:
    lowest = max(backbone.config.sigma_min, 0.005)
    return schedule.log_sigma(plan.start, lowest, plan.steps) if plan.steps > 1 else [plan.start, 0.0]
