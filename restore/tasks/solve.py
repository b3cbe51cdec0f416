"""Undo a degradation that can be written down, by the prior alone."""

from __future__ import annotations

import numbers
import warnings
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor

from restore.diffusion.progress import reporter, with_progress
from restore.diffusion.samplers import Sampler, run_updates
from restore.diffusion.seeds import seeded_rng
from restore.diffusion.sigmas import log_sigma, network_calls
from restore.errors import RestoreWarning
from restore.images.canvas import Picture, canvas
from restore.images.colours import gray_as
from restore.images.jpeg_coding import JpegCoding
from restore.images.picture import Picture as FilePicture
from restore.images.pillow import coding_of_file
from restore.inverse import catalogue as solver_catalogue
from restore.inverse import operators
from restore.inverse.build import Building
from restore.inverse.catalogue import Solver
from restore.inverse.ends import brighter, data_step
from restore.inverse.problem import Problem
from restore.inverse.protocols import Degradation, Operator
from restore.inverse.solvers import capabilities_of
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.any_kind import any_kind
from restore.tasks.catalogue import ROUNDING, OwnMethod
from restore.tasks.drawing import Drawing
from restore.tasks.measurement import measurement, noise_of, uses_noise
from restore.tasks.own_methods import MethodRequest, run_own
from restore.tasks.solved import TIMES, Watch, carefully
from restore.types import Callback, Estimate, Progress, Rng, from_255, to_255

LAST_SIGMA = 0.005
GUESS_STD = 0.1  # by which the operator's guess is taken to be wrong
MOST_SIGMA = 80.0


@any_kind
def solve(
    image: Picture,
    operator: Building,
    *,
    sigma: float | None = None,
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
    """Find a picture that, degraded by a known operator, is the given one.

    Parameters
    ----------
    image : array, tensor, PIL image, path, Picture or list
        A NumPy array ``(h, w)``, ``(h, w, c)`` or ``(b, h, w, c)`` with 1 to 4 channels, a tensor
        ``(c, h, w)`` or ``(b, c, h, w)``, a PIL image, a path, what `restore.images.read` gives, or a list of
        these. Integers span their type's range, floats span [0, 1]; alpha is kept.
    operator : callable
        ``operator(size, device)`` gives the degradation whose measurement has that size (h, w): a class of
        `restore.inverse.operators`, or what `restore.inverse.build.chain_of` makes of a description.
    sigma : float
        Standard deviation of the noise in the picture, 0 to 255 on the scale of 8 bits. None measures it; in
        a JPEG that PIL has opened the error of its coding counts, too. Where the measurement cannot be
        explained with the noise that was measured, it is solved again with more, up to three times.
    estimate : {'mean', 'sample'}
        ``mean`` approximates the posterior mean and has the best PSNR; ``sample`` is a draw from the
        posterior and has natural texture. The default is ``mean``.
    method : str or callable, optional
        A solver of `restore.inverse.catalogue.solvers`. None is ``splitting`` [1]_ for the mean. For a sample
        it is ``pigdm`` [2]_ where the operator is linear, ``ddnm`` [3]_ where it can only be projected, and
        ``dps`` [4]_ for the rest. Or a method of one's own
        (`restore.tasks.own_methods`), by its name or as a function.
    sampler : str or callable, optional
        One of `restore.diffusion.samplers.SAMPLERS`, or one's own (`restore.diffusion.samplers.Sampler`),
        for a sample; None is the solver's own. Only solvers that any sampler can run take one.
    steps : int, optional
        Steps of one network call each; None is 12 for the mean and 20 for a sample.
    start : float, optional
        The first noise level, [0, 1] units, above 0.005 and up to 80: the operator's guess with so much noise
        added. None is the solver's own: 0.25 for ``splitting``, 0.1 for ``dps``, 0.5 for the others.
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
        The same kind as ``image``, a Picture for a path, of its depth and of the operator's size. Where the
        measurement is gray, the picture's luma is used. Pixels that are black or white count as at most, and
        at least, that; those that alpha hides do not count.

    Warns
    -----
    RestoreWarning
        Where the picture cannot be what the operator gives, with that noise, so that the result may be worse
        than the picture.

    Raises
    ------
    ValueError
        For options out of range or that have no effect, and for a solver that cannot undo the operator.

    References
    ----------
    .. [1] K. Zhang et al. (2021). Plug-and-play image restoration with deep denoiser prior. arXiv:2008.13751,
       eq. 6.
    .. [2] J. Song et al. (2023). Pseudoinverse-guided diffusion models for inverse problems. ICLR 2023,
       algorithm 1.
    .. [3] Y. Wang, J. Yu, J. Zhang (2023). Zero-shot image restoration using denoising diffusion null-space
       model. arXiv:2212.00490, eq. 13.
    .. [4] H. Chung et al. (2023). Diffusion posterior sampling for general noisy inverse problems.
       arXiv:2209.14687, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from restore import solve
    >>> from restore.inverse.build import chain_of
    >>> from restore.inverse.spec import parse_spec
    >>> from restore.testing import tiny_prior
    >>> small = np.full((8, 8, 3), 90, np.uint8)
    >>> blurred_and_reduced = chain_of([parse_spec("blur=gaussian:1"), parse_spec("down=2")])
    >>> solve(small, blurred_and_reduced, steps=1, prior=tiny_prior()).shape
    (16, 16, 3)
    """
    options: dict[str, Any] = {
        "steps": steps,
        "start": start,
        "method": method,
        "sampler": sampler,
        "seed": seed,
    }
    found = solved(
        image, operator, sigma=sigma, estimate=estimate, prior=prior, progress=reporter(progress), **options
    )  # fmt: skip
    for caution in found.cautions:
        warnings.warn(caution, RestoreWarning, stacklevel=4)  # past `any_kind`
    return found.picture


@dataclass(frozen=True)
class Solved(Generic[Picture]):
    """A solution: of the kind of the input, and what is to be said of it, one line each.

    sigma: of the noise that it was solved with, 0 to 255; None where that has no effect. measured: what was
    measured of it; None where it was told.
    """

    picture: Picture
    sigma: float | None
    measured: float | None
    cautions: tuple[str, ...]


def solved(
    image: Picture,
    operator: Building,
    *,
    coding: JpegCoding | None = None,
    prior: Prior | None = None,
    progress: Progress | None = None,
    again: int = TIMES,
    **options: Any,
) -> Solved[Picture]:
    """Do what `solve` does, and give what is to be said of it, too.

    Parameters
    ----------
    image, operator, prior, progress : as `solve` takes them.
    coding : how the picture was compressed, if it was; a JPEG that PIL has opened says so itself.
    again : how often it may be solved again with more noise.
    **options : the others of `solve`.
    """
    asked = _Asked(**options)
    asked.check()
    picture, prior = canvas(image), prior or shipped()
    size = picture.batch.shape[-2], picture.batch.shape[-1]
    degradation = operator(size, prior.device)
    if not isinstance(degradation, Degradation):
        raise TypeError(
            "the function that was given has to give an operator, with x_shape, y_shape, forward and guess; "
            f"it gave {type(degradation).__name__}"
        )
    plan = asked.plan(degradation)
    coding = coding or (image.coding if isinstance(image, FilePicture) else coding_of_file(image))
    given = measurement(picture, coding, gray=degradation.y_shape[0] == 1, device=prior.device)
    used = uses_noise(plan.solver, degradation)
    found = noise_of(given, picture) if used and asked.sigma is None else None
    noise_std = from_255(asked.sigma or 0) if found is None else found
    problem = Problem(given.y, degradation, noise_std, given.ends)

    def attempt(problem: Problem, watch: Watch, report: Progress | None) -> Tensor:
        return solve_problem(problem, plan, seeded_rng(asked.seed), prior, report, watch=watch)

    answer = carefully(attempt, problem, progress, measured=found is not None, judged=used, again=again)
    x = operators.without_margin(answer.x, degradation)
    if degradation.y_shape[0] > 1:  # else colours are what was lost
        x = gray_as(x, picture.batch, picture.visible)
    return Solved(
        picture.like_original(x),
        to_255(answer.noise_std) if used else None,
        None if found is None else to_255(found),
        answer.cautions,
    )


@dataclass(frozen=True)
class _Asked:
    """The options of `solve`."""

    sigma: float | None = None
    estimate: Estimate = "mean"
    method: str | OwnMethod | None = None
    sampler: str | Sampler | None = None
    steps: int | None = None
    start: float | None = None
    seed: int = 0

    def check(self) -> None:
        """Raise ValueError for what cannot be, before anything is loaded."""
        catalogue.check_estimate(self.estimate)
        check_numbers(self.steps, self.start)
        if self.sigma is not None and not isinstance(self.sigma, numbers.Real):
            what = repr(self.sigma) if isinstance(self.sigma, str) else type(self.sigma).__name__
            raise TypeError(
                f"sigma is one number from 0 to 255, got {what}; for several pass a list of pictures"
            )
        if self.sigma is not None and not 0 <= self.sigma <= 255:
            raise ValueError(f"sigma is a noise level from 0 to 255, got {self.sigma:g}")
        if self.method is not None:
            plan_of(self.estimate, self.method, self.sampler, self.steps, self.start)

    def plan(self, operator: Degradation) -> Plan:
        """Complete the options for an operator."""
        name = self.method or solver_catalogue.preferred(capabilities_of(operator), self.estimate).name
        return plan_of(self.estimate, name, self.sampler, self.steps, self.start)


@dataclass(frozen=True)
class Plan:
    """How a problem is solved. start, last: the first noise level and the lowest above 0, [0, 1] units.

    sampler: None is the solver's own. own: the method that is run in place of the solver, if it is none of
    this package.
    """

    solver: Solver
    sampler: Sampler | None
    steps: int
    start: float
    last: float = LAST_SIGMA
    own: catalogue.Method | None = None


def plan_of(
    estimate: Estimate,
    name: str | OwnMethod,
    sampler: str | Sampler | None,
    steps: int | None,
    start: float | None,
) -> Plan:
    """Complete checked options by their defaults; ValueError for those that do not go together."""
    method = catalogue.find("solve", name, estimate)
    chosen = catalogue.check(method, steps=steps, sampler=sampler)
    if method.run is not None:
        return own_plan(method, chosen, steps or method.steps, start)
    solver = solver_catalogue.solvers()[method.name]
    return Plan(solver, None if sampler is None else chosen, steps or method.steps, start or solver.start)


def own_plan(method: catalogue.Method, sampler: Sampler | None, steps: int, start: float | None) -> Plan:
    """Give the plan for a method that is none of this package; it stands where a solver would."""
    stand_in = Solver(method.name, "", (), wrap=lambda denoise, problem, rng: denoise)
    return Plan(stand_in, sampler, steps, start or stand_in.start, own=method)


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
    watch: Watch | None = None,
) -> Tensor:
    """Solve a problem from a first picture, `first_picture` unless given; x ``(b, *x_shape)``.

    watch: wraps the denoiser before the solver does.
    """
    if plan.own is not None:
        return _by_own(problem, plan, plan.own, Drawing(prior, rng, plan.sampler), progress)
    solver = plan.solver
    denoise = prior.denoiser(differentiable=solver.gradient)
    if problem.ends is not None and bool(problem.ends.high.any()):
        denoise = brighter(denoise)
    denoise = denoise if watch is None else watch(denoise)
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


def _by_own(
    problem: Problem, plan: Plan, method: catalogue.Method, drawing: Drawing, progress: Progress | None
) -> Tensor:
    """Solve a problem by a method that is no part of this package."""
    y, operator = problem.y, problem.operator
    noise_std = torch.full((len(y), 1, 1, 1), problem.noise_std, device=y.device)
    request = MethodRequest(
        drawing, method.estimate, plan.steps, progress, task=method.task, image=y.clone(),
        noise_std=noise_std if method.task == "solve" else None, operator=operator,
        start=plan.start, shape=(len(y), *operator.x_shape),
    )  # fmt: skip
    return run_own(method, request)


def first_picture(problem: Problem) -> Tensor:
    """The operator's guess, made to agree with the measurement as far as its noise allows."""
    operator = problem.operator
    guess = operator.guess(problem.y)
    if not isinstance(operator, Operator):
        return guess
    damping = (max(problem.noise_std, ROUNDING / 255) / GUESS_STD) ** 2
    return guess + data_step(guess, problem.y, operator, damping, problem.ends)
