"""Shared by ``solve``, ``deblur`` and ``colorize``: undo a chain of degradations with the prior alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from restore import images
from restore.cli.budgets import SMALL
from restore.cli.checks import check_common, check_method
from restore.cli.command import (
    Checked,
    Choice,
    Options,
    PictureCommand,
    Plan,
    Result,
    Source,
    Workload,
    check_result_size,
    task_pixels,
    with_task_pixels,
)
from restore.cli.kernel_files import KernelFile, known, read_kernels
from restore.cli.options import Settings, of_packages
from restore.cli.parameters import Number
from restore.cli.problem_options import problem_options
from restore.cli.run import run_command
from restore.errors import ConfigError, ImageError, RestoreError
from restore.inverse.catalogue import Solver, solvers
from restore.inverse.spec import Spec, gives_gray, preferred, size_before, solvers_for
from restore.tasks import catalogue
from restore.tasks.catalogue import SOLVE_STEPS
from restore.types import from_255

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import NDArray
    from torch import Tensor

    from restore.inverse.protocols import Degradation
    from restore.priors.protocol import Prior
    from restore.tasks.solve import Solved
    from restore.types import Progress

SIGMA = click.option(
    "--sigma", type=Number(0, 255), metavar="S",
    help="Standard deviation of the noise in the picture, 0 to 255 as 8-bit pixels count.  [default: "
    "measured]",
)  # fmt: skip


def method_help() -> str:
    mean, sample = (
        ", ".join(method.name for method in catalogue.methods("solve") if method.estimate == estimate)
        for estimate in ("mean", "sample")
    )
    ranked = sorted(
        (solver.rank, solver.name)
        for solver in solvers().values()
        if solver.rank is not None and solver.estimate == "sample"
    )
    first = ", ".join(name for _, name in ranked)
    return (
        f"For the mean {mean}; for a sample {sample}.{of_packages('solve')}  "
        f"[default: splitting; for a sample the first of {first} that can undo it]"
    )


def steps_help() -> str:
    return f"{SOLVE_STEPS['mean']} for the mean, {SOLVE_STEPS['sample']} for a sample"


def sampler_help() -> str:
    free = ", ".join(method.name for method in catalogue.methods("solve") if method.sampler is not None)
    return f"the methods that leave the choice: {free}"


def _start_help() -> str:
    usual = Solver.start
    own = [f"{s.name} {s.start:g}" for s in solvers().values() if s.start != usual and s.serves != ("hole",)]
    return f"{', '.join(own)}, else {usual:g}"


solver_options = problem_options(
    estimate="mean",
    method=method_help,
    steps=steps_help,
    sampler=sampler_help,
    start=_start_help,
)


def run_solver(
    inputs: tuple[str, ...],
    settings: Settings,
    words: Sequence[Spec | KernelFile],
    options: dict[str, Any],
    ending: str,
    *,
    sigma: float | None = None,
) -> None:
    """Check, and undo a chain of degradations; the kernels in files are read with the pictures.

    sigma: of commands that do not ask for it; None is what the options say, or measured.
    """
    _check(known(words), options)
    check_common(settings, options)
    given = {"sigma": sigma, **options}
    given = {name: value for name, value in given.items() if value is not None}
    if settings.budgeted:
        given["again"] = 0  # calls that are given up would be beyond the budget
    run_command(Solve(given, words, ending), inputs, settings)


def _check(words: Sequence[Spec], options: dict[str, Any]) -> None:
    """Check the chain and the options before anything is loaded."""
    if any(gives_gray([word]) for word in words[:-1]):
        raise click.UsageError("gray comes last in a chain, and once: what follows it is for colours")
    estimate, able = options["estimate"], solvers_for(words)
    name = options["method"] or preferred(words, estimate)
    try:
        own = catalogue.find("solve", name, estimate).run is not None
    except ValueError as error:
        if name not in solvers() or isinstance(error, RestoreError):
            raise ConfigError(str(error)) from error
        own = False
    if name not in able and not own:
        raise click.UsageError(
            f"--method {name} cannot undo this; --method {', '.join(able[:-1])} or {able[-1]} can"
            if len(able) > 1
            else f"--method {name} cannot undo this; pass --estimate sample --method {able[0]}"
        )
    among = None if own else [method for method in catalogue.methods("solve") if method.name in able]
    check_method("solve", {**options, "method": name}, among=among)
    projected = [word.kind for word in words] == ["jpeg"]
    if options.get("sigma") is not None and (name == "dps" or projected):
        what = "what JPEG has left" if projected else "--method dps"
        raise click.UsageError(f"--sigma has no effect with {what}; leave it out")
    if options.get("sigma") == 0 and name == "diffpir":
        raise click.UsageError("--method diffpir weighs by the noise, which is 0; pass --method ddnm-plus")


class Solve(PictureCommand):
    """Undo a chain of degradations."""

    def __init__(self, options: Options, words: Sequence[Spec | KernelFile], ending: str):
        super().__init__(options)
        self.words, self.ending = words, ending
        self._told = False
        self.reads = tuple(word.path for word in words if isinstance(word, KernelFile))

    def plan(self, source: Source) -> SolvePlan:
        words, notes = read_kernels(self.words, source.read)
        plan = SolvePlan(source, self.options, words)
        plan.notes = () if self._told else notes
        self._told = True
        return plan


class SolvePlan(Plan):
    """A degraded picture."""

    task = "solve"

    def __init__(self, source: Source, options: Options, words: Sequence[Spec]):
        super().__init__(source, options)
        self.words = words
        self._built: Degradation | None = None
        self._sigma: float | None = None  # of the noise that the result was solved with
        self.colours = gives_gray(words)
        self.size = size_before(words, source.picture.size)
        check_result_size(source.name, self.size, "the factor")
        picture = source.picture
        self.shown = replace(picture, gray=False) if self.colours else picture
        self.without_profile = bool(self.colours and picture.gray and picture.icc)

    @cached_property
    def pixels(self) -> NDArray[Any]:
        return task_pixels(self.shown, self.source.name)

    def check_picture(self) -> None:
        if any(word.kind != "gray" for word in self.words):
            self._operator("cpu")
            self._built = None  # the network may be elsewhere

    def choose(self, prior: Callable[[], Prior]) -> Choice:
        options = {"method": preferred(self.words, self.options["estimate"]), **self.options}
        notes: tuple[str, ...] = ()
        if self.without_profile:
            notes = (f"{self.source.name}: its profile is for gray; the result has colours, and none",)
        return Choice(options, notes=notes)

    def _operator(self, device: torch.device | str) -> Degradation:
        """Build the operator. Raises ImageError when the picture is too small for it."""
        from restore.inverse.build import chain_of

        if self._built is None:
            try:
                self._built = chain_of(self.words)(self.source.picture.size, device)
            except ValueError as error:
                raise ImageError(f"{self.source.name}: {error}") from error
        return self._built

    def workload(self, options: Options, prior: Prior) -> Workload:
        from restore.inverse.build import chain_of
        from restore.tasks.solve import solved

        self._operator(prior.device)  # a picture that is too small is refused before anything is planned
        pixels = self.pixels
        factor = size_before(self.words, (1000, 1000))[0] / 1000
        side = max(1, round(SMALL / factor))

        def trial(options: Options) -> int:
            # A blur's kernel may be larger than the piece: then all of it is computed.
            given = pixels[:side, :side]
            try:
                operator = chain_of(self.words)(given.shape[:2], prior.device)
            except ValueError:
                given = pixels
                operator = chain_of(self.words)(given.shape[:2], prior.device)
            # The noise does not matter for the time that it takes.
            solved(given, lambda *_: operator, prior=prior, **{"sigma": 1.0, **options, "steps": 2})
            return math.prod(operator.x_shape[1:])

        gradient = catalogue.find("solve", options["method"], options["estimate"]).gradient
        size = size_before(self.words, (pixels.shape[0], pixels.shape[1]))
        return Workload("solve", prior.computed(size, differentiable=gradient), trial)

    def restore(self, options: Options, prior: Prior, progress: Progress) -> Result:
        from restore.tasks.solve import solved

        picture, operator = self.shown, self._operator(prior.device)
        if self.without_profile:
            picture = replace(picture, icc=b"")
        pixels = task_pixels(picture, self.source.name)
        try:
            found = solved(
                pixels, lambda *_: operator, coding=picture.coding, prior=prior, progress=progress, **options
            )
        except ValueError as error:  # another package's method that cannot serve the operator
            raise ImageError(f"{self.source.name}: {error}") from error
        self._sigma = found.sigma
        return Result(with_task_pixels(picture, found.picture), *self._said(found))

    def _said(self, found: Solved[Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Give facts and notes on the noise of a picture, and on what is doubtful."""
        facts: dict[str, Any] = {}
        notes = list(found.cautions)
        if found.measured is not None and found.sigma is not None:
            from restore.tasks.measurement import described

            facts["sigma_255"] = round(found.sigma, 3)
            notes.insert(0, described(from_255(found.measured)))
        if found.cautions:
            facts["doubts"] = list(found.cautions)
        return facts, tuple(f"{self.source.name}: {note}" for note in notes)

    def check(self, result: images.Picture, choice: Choice) -> Checked:
        from restore.inverse.build import chain_of
        from restore.tasks.consistency import misfit

        picture = self.source.picture
        most, mean = misfit(result.pixels, picture.pixels, chain_of(self.words)(picture.size, "cpu"))
        line = f"damaged again it is {most:.2f} from the input at most, {mean:.3f} on average (of 255)"
        return Checked(line, {"apart_most_255": round(most, 4), "apart_mean_255": round(mean, 5)})

    def deviation(self, choice: Choice, prior: Prior, *, count: int, seed: int) -> Tensor:
        from restore.inverse.build import chain_of
        from restore.tasks.uncertainty import of_solving

        asked = {name: self.options[name] for name in ("sigma", "start") if name in self.options}
        if self._sigma is not None:
            asked["sigma"] = self._sigma
        asked |= {"coding": self.source.picture.coding, "again": 0}
        operator = chain_of(self.words)
        return of_solving(self.fine_pixels, operator, count=count, seed=seed, prior=prior, **asked)
