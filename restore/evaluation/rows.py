"""The rows of a table: restore's own functions as users call them, the baselines, and peers from outside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from restore.errors import ConfigError
from restore.evaluation.baselines import baselines
from restore.evaluation.protocols import Degraded, Protocol, Restorer
from restore.evaluation.results import Kind, Method
from restore.inverse.build import chain_of
from restore.inverse.spec import solvers_for
from restore.priors.protocol import Prior
from restore.tasks import catalogue
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.solve import solve
from restore.tasks.upscale import upscale

BOTH = ("mean", "sample")
ESTIMATES = {"denoise": ("mean",), "upscale": BOTH, "inpaint": BOTH, "dejpeg": BOTH, "solve": BOTH}
SWEPT = ("steps", "method", "estimate", "sampler", "seed")


@dataclass(frozen=True)
class Asked:
    """Which of restore's rows are wanted.

    estimates, methods: empty for what the functions do unasked. options: keywords that all rows have in
    common (steps, sampler, seed). sweep: values of an option by its name, every combination a row.
    """

    estimates: Sequence[str] = ()
    methods: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Sequence[Any]] = field(default_factory=dict)


def own_methods(protocol: Protocol, prior: Prior, asked: Asked, name: str = "restore") -> list[Method]:
    """The rows of restore itself, or with another checkpoint under its name.

    Raises ConfigError where nothing can be done as asked.
    """
    task = protocol.task
    rows: list[Method] = []
    _check_asked(task, asked)
    for values in itertools.product(*asked.sweep.values()):
        varied = dict(zip(asked.sweep, values, strict=True))
        for method, estimate in _wanted(protocol, asked, varied):
            steps = catalogue.find(task, method, estimate).steps
            walk = {"steps": steps, "seed": 0, **asked.options}
            point = {k: v for k, v in varied.items() if k not in ("method", "estimate")}
            if steps == 1:  # nothing to walk, nothing to draw
                walk, point = {}, {}
            elif estimate == "mean":
                # What draws nothing has no use for a seed or a sampler.
                walk, point = ({k: v for k, v in d.items() if k == "steps"} for d in (walk, point))
            if method != "repaint":
                walk.pop("jumps", None)
            options = {"method": method, "estimate": estimate, **walk}
            rows += _rows(name, protocol, prior, options, point)
    unique = {(row.name, *row.sweep.items()): row for row in rows}
    if not unique:
        able = ", ".join(f"{m.name} ({m.estimate})" for m in catalogue.methods(task))
        raise ConfigError(f"{task} cannot do what was asked for; it can do {able}")
    return list(unique.values())


def _check_asked(task: str, asked: Asked) -> None:
    """Refuse what no row could make use of; ConfigError."""
    everything = {**{k: [v] for k, v in asked.options.items()}, **asked.sweep}
    estimates = everything.get("estimate", asked.estimates or ESTIMATES[task])
    methods = everything.get("method", asked.methods)
    able = [
        method
        for method in catalogue.methods(task)
        if method.estimate in estimates and (not methods or method.name in methods)
    ]
    for name in methods:
        if name not in catalogue.names(task):
            raise ConfigError(f"{task} has no method {name}; it has {', '.join(catalogue.names(task))}")
        if name not in {method.name for method in able}:
            raise ConfigError(
                f"--method {name} cannot give --estimate {' or '.join(estimates)}; pass another of them"
            )
    walks = {
        "steps": any(not method.one_call for method in able),
        "sampler": any(not method.one_call and method.estimate == "sample" for method in able),
    }
    for name, used in walks.items():
        if name in everything and not used:
            raise ConfigError(f"--{name} has no effect with --estimate {','.join(estimates)}; leave it out")
    if "jumps" in asked.options and "repaint" not in methods:
        raise ConfigError("--jump-length and --jump-repeats need --method repaint; leave them out")
    if "langevin" in everything.get("sampler", ()) and "repaint" in methods:
        raise ConfigError("--sampler langevin cannot climb, as --method repaint does; pass another one")


def _wanted(protocol: Protocol, asked: Asked, varied: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(method, estimate) of the rows at one point of the sweep."""
    task = protocol.task
    estimates = [varied["estimate"]] if "estimate" in varied else asked.estimates or ESTIMATES[task]
    methods = [varied["method"]] if "method" in varied else asked.methods
    pairs = []
    for estimate in estimates:
        default = _default_methods(protocol, estimate)
        able = {method.name for method in catalogue.methods(task) if method.estimate == estimate}
        pairs += [(name, estimate) for name in methods or default if name in able]
    return pairs


def _default_methods(protocol: Protocol, estimate: str) -> list[str]:
    if protocol.task == "denoise":
        # Where no level is told the noise may be of any kind, and users are shown both ways.
        told = protocol.level_name == "sigma"
        return ["gaussian"] if told else ["gaussian", "blind"]
    if isinstance(protocol, Degraded):
        return solvers_for(protocol.done)
    return [catalogue.default(protocol.task, estimate)]


def _rows(
    name: str, protocol: Protocol, prior: Prior, options: dict[str, Any], point: dict[str, Any]
) -> Iterator[Method]:
    label = f"{name} {options['estimate']}, {options['method']}"
    kind: Kind = "restore" if name == "restore" else "peer"
    device = f"{prior.device} {str(prior.dtype).removeprefix('torch.')}"
    weights = str(prior.facts.get("sha256", ""))[:12]

    def row(suffix: str, run: Restorer) -> Method:
        return Method(label + suffix, run, kind, device, weights, options | point, point, prior)

    call = options | point | {"prior": prior}
    if protocol.task == "upscale":
        yield row("", lambda given: upscale(given.image, _known(given.scale), **call))
    elif protocol.task == "inpaint":
        yield row("", lambda given: inpaint(given.image, _known(given.hole), **call))
    elif protocol.task == "dejpeg":
        yield row("", lambda given: dejpeg(given.image, coding=_known(given.coding), **call))
    elif protocol.task == "solve":
        yield row(
            "", lambda given: solve(given.image, chain_of(given.words), sigma=_known(given.sigma), **call)
        )
    elif protocol.level_name == "sigma":
        yield row("", lambda given: denoise(given.image, sigma=given.sigma, **call))
        unknown = "estimated" if options["method"] == "gaussian" else "not told"
        yield row(f", sigma {unknown}", lambda given: denoise(given.image, **call))
    else:
        yield row("", lambda given: denoise(given.image, **call))


def _known(value: Any) -> Any:
    if value is None:
        raise ValueError("the protocol does not tell what this task needs to know")
    return value


def baseline_rows(protocol: Protocol) -> list[Method]:
    """The classical rows; the damaged picture itself is the first where it can be scored."""
    return [
        Method(name, run, "input" if name == "the damaged picture" else "floor")
        for name, run in baselines(protocol).items()
    ]
