"""The solvers by name, and what each needs of an operator. Importing this does not import torch.

A solver is one `Solver` record. `register` adds one at run time; an installed package adds its own by an
entry point of the group ``restore.solvers``, ``name = "module:SOLVER"``, which is imported with the others'
names, since its estimate and its rank decide where it is listed. One that cannot be loaded is left out, and
told of where it is asked for. The tasks, the command line, budgets and evaluation know every solver that is
in here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from restore import plugins
from restore.diffusion.samplers import Sampler, ddim, ddpm
from restore.diffusion.updates import Update
from restore.errors import PluginError
from restore.plugins import Plugin

if TYPE_CHECKING:
    from restore.inverse.problem import Problem
    from restore.types import Denoiser, Estimate, Rng

Capability = Literal["hole", "spectrum", "linear", "projection", "gradient"]
"""What an operator has to offer. ``hole``: it keeps some pixels. ``spectrum``: the eigenbasis of A A^T is
known (`Spectral`). ``linear``: adjoint and solve (`Operator`). ``projection``: not linear, but pictures can
be projected onto those that give y (`Projecting`). ``gradient``: it can be differentiated, as every
`Degradation`."""


@dataclass(frozen=True)
class Solver:
    """A published way to solve inverse problems, and the settings that it has unless others are given.

    Parameters
    ----------
    name : what users call it.
    reference : author and year.
    serves : it can undo every operator that has one of these capabilities.
    update : makes steps of its own out of a denoiser and a problem.
    wrap : makes a denoiser for any sampler out of a denoiser, a problem and random numbers. A solver has an
        update, a wrap, or both.
    sampler : for ``wrap``.
    gradient : whether the network is differentiated.
    estimate : what comes out.
    few : where there are both, up to how many steps ``update`` is used.
    start : the noise level, [0, 1] units, to start from a first guess at, measured on validation pictures.
    rank : of the solvers that serve an operator the one of the lowest rank is used unless one is named.
        None: only when it is named.

    Raises
    ------
    ValueError
        Without an update and a wrap.

    Examples
    --------
    >>> solvers()["dps"].gradient
    True
    """

    name: str
    reference: str
    serves: tuple[Capability, ...]
    update: Callable[[Denoiser, Problem], Update] | None = None
    wrap: Callable[[Denoiser, Problem, Rng], Denoiser] | None = None
    sampler: Sampler = ddim
    gradient: bool = False
    estimate: Estimate = "sample"
    few: int = 1000
    start: float = 0.5
    rank: int | None = None

    def __post_init__(self) -> None:
        if self.update is None and self.wrap is None:
            raise ValueError(f"solver {self.name!r} needs an update of its own, or a wrap for any sampler")

    def uses_update(self, steps: int) -> bool:
        """Whether so many steps are taken by its own update."""
        return self.update is not None and (self.wrap is None or steps <= self.few)


def _lazy(name: str) -> Callable[..., Any]:
    """Give a function of `restore.inverse.solvers`, which is imported when it is first called."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module("restore.inverse.solvers"), name)(*arguments, **options)

    return call


_SOLVERS = {
    solver.name: solver
    for solver in (
        Solver(
            "splitting",
            "Zhang et al. 2021",
            ("linear", "projection"),
            wrap=_lazy("splitting"),
            sampler=_lazy("splitting_sampler"),
            estimate="mean",
            start=0.25,
            rank=1,
        ),
        Solver(
            "ddnm",
            "Wang et al. 2023",
            ("linear", "projection"),
            wrap=_lazy("ddnm"),
            sampler=partial(ddim, eta=0.85),
            rank=2,
        ),
        Solver("ddnm-plus", "Wang et al. 2023", ("linear",), _lazy("ddnm_plus")),
        Solver("diffpir", "Zhu et al. 2023", ("linear",), _lazy("diffpir")),
        # In many steps its own update fits the noise of the measurement, too.
        Solver(
            "pigdm",
            "Song et al. 2023",
            ("linear",),
            _lazy("pigdm"),
            _lazy("pigdm_denoiser"),
            ddpm,
            gradient=True,
            few=30,
            rank=1,
        ),
        Solver("dps", "Chung et al. 2023", ("gradient",), _lazy("dps"), gradient=True, start=0.1, rank=3),
        Solver("ddrm", "Kawar et al. 2022", ("spectrum",), _lazy("ddrm")),
        Solver("repaint", "Lugmayr et al. 2022", ("hole",), wrap=_lazy("repaint"), sampler=ddpm),
    )
}


def register(solver: Solver) -> Solver:
    """Make a solver known by its name to the tasks and the command line; give it back.

    Raises
    ------
    ValueError
        Where there is one of that name already.

    Examples
    --------
    >>> from dataclasses import replace
    >>> register(replace(solvers()["dps"], name="mine", rank=None)).name
    'mine'
    >>> unregister("mine")
    """
    if solver.name in solvers():
        raise ValueError(f"there is a solver {solver.name!r} already; choose another name")
    _SOLVERS[solver.name] = solver
    return solver


def unregister(name: str) -> None:
    """Forget a solver that `register` has added; KeyError for an unknown one."""
    del _SOLVERS[name]


def solvers() -> dict[str, Solver]:
    """Give all solvers by name: those of this package, those registered, those of installed packages.

    Examples
    --------
    >>> list(solvers())[:3]
    ['splitting', 'ddnm', 'ddnm-plus']
    """
    return _SOLVERS | _installed()


def own_solvers() -> set[str]:
    """Give the names of those that come from no installed package's entry point."""
    return set(_SOLVERS)


@cache
def solver_of(plugin: Plugin) -> Solver:
    """Load the solver that an installed package offers. Raises PluginError where it is none."""
    found = plugin.load()
    if not isinstance(found, Solver):
        raise plugin.wrong("a restore.inverse.catalogue.Solver", found)
    return replace(found, name=plugin.name)


def _installed() -> dict[str, Solver]:
    """Those of installed packages that can be loaded and have names of their own."""
    found: dict[str, Solver] = {}
    for name in plugins.names("solvers"):
        with suppress(PluginError):
            if (plugin := plugins.find("solvers", name, _SOLVERS)) is not None:
                found[name] = solver_of(plugin)
    return found


def solvers_for(capabilities: Collection[Capability]) -> list[Solver]:
    """Give the solvers that can undo an operator of these capabilities.

    Examples
    --------
    >>> [solver.name for solver in solvers_for({"gradient"})]
    ['dps']
    """
    return [solver for solver in solvers().values() if set(solver.serves) & set(capabilities)]


def preferred(capabilities: Collection[Capability], estimate: str) -> Solver:
    """Give the solver that is used for an estimate unless one is named.

    Where none can undo the operator it is the first for that estimate, which says so itself.

    Examples
    --------
    >>> preferred({"linear", "gradient"}, "sample").name
    'pigdm'
    """
    ranked = sorted(
        (solver for solver in solvers().values() if solver.estimate == estimate and solver.rank is not None),
        key=lambda solver: solver.rank or 0,
    )
    able = (solver for solver in ranked if set(solver.serves) & set(capabilities))
    return next(able, ranked[0])
