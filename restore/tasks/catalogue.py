"""What every task can do: its methods, their steps and samplers. Importing this does not import torch.

The tasks complete and check their options by it; the command line, budgets and evaluation read it. The
solvers of `restore.inverse.catalogue` are methods of ``solve`` and, as published, of ``inpaint``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from restore import plugins
from restore.diffusion.samplers import NamedSampler, Sampler, named_sampler
from restore.inverse import catalogue
from restore.tasks.method import Method as Method
from restore.tasks.method import method_of, own_method
from restore.tasks.method import names_of_packages as names_of_packages
from restore.types import Estimate

OwnMethod = Method | Callable[..., Any]
"""A function of one's own, as `restore.tasks.own_methods` documents it, or a `Method` with one."""

ESTIMATES: tuple[Estimate, ...] = ("sample", "mean")
JUMPS = (10, 10)  # RePaint's jumps: their length in steps, and how often these are taken
SCALES = (1.0, 8.0)
LEARNED = 1.5  # the smallest factor that the network was trained for
ONE_STEP = 4.0  # the largest factor that the network is asked for at once
SAMPLE_STEPS, SAMPLE_SAMPLER = 50, "dpmpp-2m"
STRENGTH, REFERENCE_SCALE, REFERENCE_SCALES = 0.3, 32, (2, 256)  # of variations
MAP_SAMPLES = 8  # between which uncertainty is measured
COLOUR_START = 1.0  # where colours are not decided yet
ROUNDING = 1 / 12**0.5  # deviation of 8-bit rounding, 0..255 scale: the least noise that such a file has
MOST_STEPS = 1000
# Measured on validation pictures with blurs and reductions, as are the solvers' own starts.
SOLVE_STEPS: dict[Estimate, int] = {"mean": 12, "sample": 20}
INPAINT_SOLVER_STEPS = 20


def _half(steps: int) -> int:
    return max(1, steps // 2)


BRANCH_CALLS = 2  # of the conditional branch before upscaling's projection, one for each orientation

_METHODS = (
    Method("denoise", "auto", "mean", 1, default=True),
    Method("denoise", "auto", "sample", 20, default=True, sampler="dpmpp-2m-sde"),
    Method("denoise", "gaussian", "mean", 1),
    Method("denoise", "gaussian", "sample", 20, sampler="dpmpp-2m-sde"),
    Method("denoise", "blind", "mean", 1),
    Method("denoise", "blind", "sample", 20, sampler="dpmpp-2m-sde"),
    Method("denoise", "real", "mean", 1, before=1),
    Method("denoise", "completed", "mean", 2),
    Method("denoise", "completed", "sample", 20, sampler="dpmpp-2m-sde"),
    Method("denoise", "page", "mean", 1),
    Method("denoise", "page", "sample", 20, sampler="dpmpp-2m-sde"),
    Method("inpaint", "auto", "mean", 20, default=True),
    Method("inpaint", "auto", "sample", 24, default=True, sampler="dpmpp-2m-sde", drawn=_half),
    Method("inpaint", "alternating", "mean", 20),
    Method("inpaint", "alternating", "sample", 24, sampler="dpmpp-2m-sde", drawn=_half),
    Method("inpaint", "conditional", "mean", 1),
    Method("inpaint", "conditional", "sample", 30, sampler="dpmpp-2m-sde", guidable=True),
    Method("inpaint", "repaint", "sample", 250, sampler="ddpm", jumps=True),
    Method("inpaint", "exemplar", "mean", 1, network=False),
    Method("inpaint", "exemplar", "sample", 1, network=False),
    Method("inpaint", "splitting-ddnm", "sample", 24, sampler="dpmpp-2m-sde", drawn=_half),
    Method("inpaint", "splitting", "mean", 20),
    Method("upscale", "conditional", "mean", 1),
    Method("upscale", "conditional", "sample", 30, sampler="dpmpp-2m-sde", guidable=True),
    Method("upscale", "projection", "mean", 2, default=True, before=BRANCH_CALLS, useful=2),
    Method("upscale", "projection", "sample", 8, default=True, sampler="dpmpp-2m", before=BRANCH_CALLS),
    Method("dejpeg", "splitting", "mean", 2, default=True, before=1, useful=4),
    Method("dejpeg", "blind", "mean", 1),
    Method("dejpeg", "ddnm", "sample", 6, default=True, sampler="ddim", before=1),
    Method("dejpeg", "dps", "sample", 20, before=1, gradient=True),
    Method("vary", "sdedit", "sample", 12, default=True, sampler="dpmpp-2m"),
)
NEARLY_ALL = 0.95  # share of a picture that is a hole: too little is left to fill it from
COPYING = ("auto", "exemplar")  # these methods of inpaint copy texture from the picture
TASKS = ("denoise", "inpaint", "upscale", "dejpeg", "solve", "vary")


def methods(task: str) -> list[Method]:
    """List everything that a task can do.

    Parameters
    ----------
    task : str
        One of TASKS.

    Returns
    -------
    list of Method
        The task's own methods; for ``solve`` and ``inpaint`` those of the registered solvers, too.

    Raises
    ------
    KeyError
        For an unknown task.
    """
    if task not in TASKS:
        raise KeyError(task)
    own = [method for method in _METHODS if method.task == task]
    names = {method.name for method in own}
    if task == "solve":
        # One that fills holes alone is found by its name, where the operator is a hole.
        return [_by_solver(solver) for solver in catalogue.solvers().values() if solver.serves != ("hole",)]
    if task == "inpaint":
        own += [
            Method(task, solver.name, solver.estimate, INPAINT_SOLVER_STEPS, gradient=solver.gradient)
            for solver in catalogue.solvers().values()
            if solver.estimate == "sample" and solver.name not in names
        ]
    return own


def _by_solver(solver: catalogue.Solver) -> Method:
    """A solver as a method of ``solve``; any sampler can run what it makes of a denoiser."""
    free = solver.wrap is not None and solver.estimate == "sample"
    return Method(
        "solve",
        solver.name,
        solver.estimate,
        SOLVE_STEPS[solver.estimate],
        sampler="ddim" if free else None,
        useful=SOLVE_STEPS["mean"] if solver.estimate == "mean" else None,
        gradient=solver.gradient,
    )


def enlargements(
    size: tuple[int, int], scale: float, wanted: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """Give the sizes (h, w) that upscaling goes through, the last one that of the result.

    Above ONE_STEP there are two. The first step is as large as can be: in that order PSNR is highest.
    wanted: the last one, where it is not the rounded one.

    Examples
    --------
    >>> from restore.tasks import catalogue
    >>> catalogue.enlargements((20, 30), 4), catalogue.enlargements((20, 30), 8)
    ([(80, 120)], [(80, 120), (160, 240)])
    """
    factors = [scale] if scale <= ONE_STEP else [min(ONE_STEP, scale / LEARNED), scale]
    sizes = [(round(size[0] * factor), round(size[1] * factor)) for factor in factors]
    return sizes if wanted is None else [*sizes[:-1], wanted]


def names(task: str) -> list[str]:
    """List the names of a task's methods, each once; those of installed packages are not imported.

    Examples
    --------
    >>> from restore.tasks import catalogue
    >>> catalogue.names("upscale")
    ['conditional', 'projection']
    """
    own = [method.name for method in methods(task)]
    more = [*names_of_packages(task), *(plugins.names("solvers") if task == "solve" else ())]
    return list(dict.fromkeys((*own, *more)))


def is_tried(method: Method, source: object) -> bool:
    """Whether trials decide what fills deep parts of a hole. source: where texture may come from, or None."""
    return (method.name, method.estimate) == ("auto", "sample") and source is None


def find(task: str, name: str | OwnMethod | None, estimate: str) -> Method:
    """Find a method by its name, or take one that is none of this package's.

    Parameters
    ----------
    task : str
        One of TASKS.
    name : str, callable, Method or None
        A name, also one that an installed package offers; a function of one's own, or a `Method` with one.
        None is the task's default; ``solve`` has none, so there a name is needed.
    estimate : {'mean', 'sample'}
        What is asked for.

    Returns
    -------
    Method
        The method of that name that gives the estimate.

    Raises
    ------
    ValueError
        For an estimate or a method that the task does not have; the message lists those it has.
    PluginError
        For what an installed package offers and that cannot be loaded.

    Examples
    --------
    >>> from restore.tasks import catalogue
    >>> catalogue.find("inpaint", None, "mean").name
    'auto'
    """
    check_estimate(estimate)
    if not isinstance(name, str | None):
        return own_method(task, name, cast("Estimate", estimate))
    every = methods(task)
    if task == "solve":
        every = [_by_solver(solver) for solver in catalogue.solvers().values()]
    for method in every:
        if method.estimate == estimate and (method.name == name or (name is None and method.default)):
            return method
    if name is not None and (plugin := plugin_of(task, name)) is not None:
        if plugin.group == "solvers":
            catalogue.solver_of(plugin)  # says why it is not among the others
        elif (found := method_of(plugin, cast("Estimate", estimate))) is not None:
            return found
        raise ValueError(f"{plugin.told} cannot give estimate {estimate!r}; pass another one")
    listed = [method.name for method in methods(task) if method.estimate == estimate]
    listed += names_of_packages(task)
    raise ValueError(f"method for estimate {estimate!r} is one of {', '.join(listed)}, got {name!r}")


def plugin_of(task: str, name: str) -> plugins.Plugin | None:
    """Give the entry point that a method of a task comes from; None for those of this package."""
    taken = taken_methods(task)
    if f"{task}.{name}" in taken:
        return None
    if task in ("solve", "inpaint") and (solver := plugins.find("solvers", name)) is not None:
        return solver
    return plugins.find("methods", f"{task}.{name}", taken)


def taken_methods(task: str) -> set[str]:
    """Give what entry points for a task cannot be called: TASK.NAME of the methods of this package."""
    own = {method.name for method in _METHODS if method.task == task}
    if task in ("solve", "inpaint"):
        own |= catalogue.own_solvers()
    return {f"{task}.{name}" for name in own}


def check_estimate(estimate: str) -> None:
    """Raise ValueError for an estimate that there is not."""
    if estimate not in ESTIMATES:
        raise ValueError(f"estimate is 'mean' or 'sample', got {estimate!r}")


def default(task: str, estimate: str) -> str:
    """Give the name of the method that is used where none is named."""
    return find(task, None, estimate).name


def in_one_call(task: str) -> str | None:
    """Give the name of the method whose mean takes one network call; None where there is none."""
    single = (
        method.name
        for method in methods(task)
        if method.estimate == "mean" and method.one_call and method.network
    )
    return next(single, None)


def check(
    method: Method,
    *,
    steps: int | None = None,
    sampler: str | Sampler | None = None,
    guidance: float = 1.0,
) -> NamedSampler | None:
    """Refuse options that have no effect with a method.

    Parameters
    ----------
    method : Method
        The method.
    steps, sampler, guidance
        As the tasks take them.

    Returns
    -------
    NamedSampler or None
        The sampler to use; None where the method has steps of its own.

    Raises
    ------
    ValueError
        For an option that is out of range or has no effect; the message says what to leave out.
    """
    name, estimate = method.name, method.estimate
    if steps is not None and steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if method.one_call and steps not in (None, 1):
        calls = "one network call" if method.network else "no network call"
        raise ValueError(
            f"steps have no effect with method {name!r}, which gives the {estimate} in {calls}; "
            f"leave out steps={steps}"
        )
    if not 0 <= guidance < math.inf:
        raise ValueError(f"guidance is a strength of 0 or more, got {guidance:g}")
    if guidance != 1 and not method.guidable:
        raise ValueError(
            f"guidance is for samples of method 'conditional', not for {name!r} ({estimate}); leave it out"
        )
    if sampler is None:
        return None if method.sampler is None else named_sampler(method.sampler)
    chosen = named_sampler(sampler)
    if estimate == "mean":
        raise ValueError(f"a sampler draws samples, not the mean; leave out sampler={chosen.name!r}")
    if method.sampler is None:
        raise ValueError(f"method {name!r} has steps of its own; leave out sampler={chosen.name!r}")
    if method.jumps and not chosen.climbs:
        raise ValueError(f"sampler {chosen.name!r} cannot climb, as method {name!r} does; choose another one")
    return chosen
