"""A budget of network calls: what a method takes, and which steps, jumps or orientations fit into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from restore.errors import ConfigError
from restore.tasks import catalogue
from restore.tasks.catalogue import JUMPS, MOST_STEPS

MOST_ORIENTATIONS = 8
MOST_REPEATS = 10  # of RePaint's jumps
REPAINT_STEPS = 250


@dataclass(frozen=True)
class Plan:
    """What a budget is spent on.

    calls: of the network, at each size a picture is computed in. options: in place of those asked for.
    ensemble: orientations that every call is the mean of.
    """

    calls: int
    options: dict[str, Any] = field(default_factory=dict)
    ensemble: int = 1


def plan(task: str, options: Mapping[str, Any], calls: int, *, extra: int = 0) -> Plan:
    """The options of a task that take at most so many calls, and as many of them as they can.

    options: method, estimate, and sampler, guidance, jumps as far as the task has them. extra: calls that
    come before the steps. Raises ConfigError where the fewest are more.
    """
    method = catalogue.find(task, options["method"], options["estimate"])
    if method.one_call:
        orientations = min(MOST_ORIENTATIONS, calls // (1 + extra))
        _enough(orientations, calls, 1 + extra, method.name)
        return Plan(orientations * (1 + extra), {}, orientations)
    if method.jumps:
        return _with_jumps(method.name, options, calls)

    def taken(steps: int) -> int:
        return extra + method.calls(steps, options.get("sampler"), guidance=options.get("guidance", 1))

    if taken(1) > calls:
        single = catalogue.in_one_call(task)
        if method.estimate == "mean" and single is not None and calls >= 1:
            return Plan(1, {"method": single})
        _enough(0, calls, taken(1), method.name)
    most = method.useful or MOST_STEPS
    steps = max(steps for steps in range(1, most + 1) if steps == 1 or taken(steps) <= calls)
    # More steps would smooth away what was found: the rest goes into orientations.
    turns = min(MOST_ORIENTATIONS, calls // taken(steps)) if steps == method.useful else 1
    return Plan(turns * taken(steps), {"steps": steps}, turns)


def repaint_calls(steps: int, length: int, repeats: int) -> int:
    """The network calls that RePaint takes: 2410 for (250, 10, 10)."""
    return steps + (repeats - 1) * length * len(range(0, steps - length, length))


def _with_jumps(name: str, options: Mapping[str, Any], calls: int) -> Plan:
    """RePaint's nearest below: as many repeats as leave at least four jumps' worth of steps."""
    length, repeats = options.get("jumps") or (JUMPS[0], None)
    found = [
        (repaint_calls(steps, length, each), each, steps)
        for each in ([repeats] if repeats else range(1, MOST_REPEATS + 1))
        for steps in range(length + 1, REPAINT_STEPS + 1)
        if repaint_calls(steps, length, each) <= calls and (each == 1 or steps >= 4 * length)
    ]
    if not found:
        _enough(0, calls, length + 1, name)
    most = max(total for total, _, _ in found)
    # Of those that use nearly all of it the one with the most repeats.
    total, each, steps = max((f for f in found if f[0] >= 0.9 * most), key=lambda f: (f[1], f[0]))
    return Plan(total, {"steps": steps, "jumps": (length, each)})


def _enough(possible: int, calls: int, fewest: int, method: str) -> None:
    if possible < 1:
        raise ConfigError(
            f"a budget of {calls} network calls is too small: --method {method} takes at least {fewest}"
        )
