"""The rows of a table: restore's own functions as users call them, and the classical baselines."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from restore.errors import ConfigError
from restore.evaluation.baselines import DAMAGED, baselines
from restore.evaluation.cases import Protocol, Restorer
from restore.evaluation.protocols import Degraded
from restore.evaluation.results import Candidate, Kind
from restore.evaluation.selection import Selection, default_estimates
from restore.inverse.build import chain_of
from restore.inverse.spec import solvers_for
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.solve import solved
from restore.tasks.upscale import upscale


def own_rows(
    protocol: Protocol, prior: Prior, selection: Selection, name: str = "restore"
) -> list[Candidate]:
    """The rows of restore itself, or those of another checkpoint under its name.

    Parameters
    ----------
    protocol : Protocol
        What is done to the pictures; its task says which function is called.
    prior : Prior
        The network.
    selection : Selection
        Which methods, estimates and options.
    name : str
        How the rows' names begin.

    Returns
    -------
    list of Candidate
        Each row once, where values of a sweep have no effect on some methods.

    Raises
    ------
    ConfigError
        Nothing can be done as selected.

    Examples
    --------
    >>> from restore.evaluation.protocols import BicubicDown
    >>> from restore.testing import tiny_prior
    >>> [row.name for row in own_rows(BicubicDown(2), tiny_prior(), Selection())]
    ['restore mean, projection', 'restore sample, projection']
    """
    task = protocol.task
    selection.check(task)
    rows: list[Candidate] = []
    for values in itertools.product(*selection.sweep.values()):
        varied = dict(zip(selection.sweep, values, strict=True))
        for method in _methods(protocol, selection, varied):
            options, swept = _options(method, selection.options, varied)
            rows += _rows(name, protocol, prior, options, swept)
    unique = {(row.name, *row.sweep.items()): row for row in rows}
    if not unique:
        able = ", ".join(f"{m.name} ({m.estimate})" for m in catalogue.methods(task))
        raise ConfigError(f"{task} cannot do what was asked for; it can do {able}")
    # Methods that no row has by default may use what these do not.
    selection.check_used(task, {name for row in unique.values() for name in row.options})
    return list(unique.values())


def _methods(
    protocol: Protocol, selection: Selection, varied: Mapping[str, Any]
) -> Iterator[catalogue.Method]:
    """The methods of the rows at one point of the sweep."""
    task = protocol.task
    estimates = [varied["estimate"]] if "estimate" in varied else selection.estimates
    names = [varied["method"]] if "method" in varied else selection.methods
    for estimate in estimates or default_estimates(task):
        able = {method.name for method in catalogue.methods(task) if method.estimate == estimate}
        for name in names or _default_methods(protocol, estimate):
            if name in able:
                yield catalogue.find(task, name, estimate)


def _default_methods(protocol: Protocol, estimate: str) -> list[str]:
    if protocol.task == "denoise":
        # Without a known level the noise may be of any kind, and both ways are shown; for the noise of
        # photographs first the way that a user gets who says nothing.
        unknown = ["gaussian", "blind"]
        if protocol.any_noise:
            return ["auto", *unknown]
        return ["gaussian"] if protocol.level_name == "sigma" else unknown
    if isinstance(protocol, Degraded):
        return solvers_for(protocol.specs)
    return [catalogue.default(protocol.task, estimate)]


def _options(
    method: catalogue.Method, common: Mapping[str, Any], varied: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the options that the method uses, those of them that the sweep varies)."""
    options = {"steps": method.steps, "seed": 0, **common}
    swept = {key: value for key, value in varied.items() if key not in ("method", "estimate")}
    if method.one_call:
        options, swept = {}, {}
    elif method.estimate == "mean":
        # The mean draws nothing, so seed and sampler have no effect.
        options, swept = ({k: v for k, v in each.items() if k == "steps"} for each in (options, swept))
    if not method.jumps:
        options.pop("jumps", None)
    return {"method": method.name, "estimate": method.estimate, **options}, swept


def _rows(
    name: str, protocol: Protocol, prior: Prior, options: dict[str, Any], swept: dict[str, Any]
) -> Iterator[Candidate]:
    label = f"{name} {options['estimate']}, {options['method']}"
    kind: Kind = "restore" if name == "restore" else "peer"
    device = f"{prior.device} {str(prior.dtype).removeprefix('torch.')}"
    weights = str(prior.facts.get("sha256", ""))[:12]
    for suffix, run in _restorers(protocol, options["method"], options | swept | {"prior": prior}):
        yield Candidate(label + suffix, run, kind, device, weights, options | swept, swept, prior)


def _restorers(protocol: Protocol, method: str, call: Mapping[str, Any]) -> Iterator[tuple[str, Restorer]]:
    """The function of the task with these arguments, and what its row's name ends with.

    Where the protocol tells the noise level there is a second row that is not told it.
    """
    if protocol.task == "upscale":
        yield "", lambda given: upscale(given.image, _told(given.scale), **call)
    elif protocol.task == "inpaint":
        yield "", lambda given: inpaint(given.image, _told(given.hole), **call)
    elif protocol.task == "dejpeg":
        yield "", lambda given: dejpeg(given.image, coding=_told(given.coding), **call)
    elif protocol.task == "solve":
        yield (
            "",
            lambda given: (
                solved(given.image, chain_of(given.specs), sigma=_told(given.sigma), **call).picture
            ),
        )
    elif protocol.level_name == "sigma" and method != "page":  # which takes none
        yield "", lambda given: denoise(given.image, sigma=given.sigma, **call)
        unknown = "estimated" if method == "gaussian" else "not told"
        yield f", sigma {unknown}", lambda given: denoise(given.image, **call)
    else:
        yield "", lambda given: denoise(given.image, **call)


def _told(value: Any) -> Any:
    if value is None:
        raise ValueError("the protocol does not tell what this task needs to know")
    return value


def baseline_rows(protocol: Protocol) -> list[Candidate]:
    """The rows of the classical methods; first the damaged picture itself where it can be scored.

    Examples
    --------
    >>> from restore.evaluation.protocols import BicubicDown
    >>> [row.name for row in baseline_rows(BicubicDown(4))]
    ['Pillow bicubic', 'Pillow Lanczos']
    """
    return [
        Candidate(name, run, "input" if name == DAMAGED else "baseline")
        for name, run in baselines(protocol).items()
    ]
