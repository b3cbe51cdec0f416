"""A budget of network calls: what a method takes, and which steps, jumps or orientations fit into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from restore.cli.options import JUMPS, OWN_WALK, STEPS
from restore.errors import ConfigError

ORIENTATIONS = 2  # calls of the conditional branch before upscaling's projection; a test compares

MOST_STEPS, MOST_ORIENTATIONS = 1000, 8

REPAINT_JUMPS = 10


@dataclass(frozen=True)
class Plan:
    """What a budget is spent on. calls: of the network, at each size a picture is computed in.

    walk: options in place of those asked for. ensemble: orientations that every call is the mean of.
    """

    calls: int
    walk: dict[str, Any] = field(default_factory=dict)
    ensemble: int = 1


def plan(task: str, walk: Mapping[str, Any], calls: int, *, extra: int = 0) -> Plan:
    """The options of a task that take at most so many calls, and as many of them as they can.

    walk: method, estimate, and sampler, guidance, jumps as far as the task has them. extra: calls that come
    before the walk. Raises ConfigError where the fewest are more.
    """
    method, estimate = walk["method"], walk["estimate"]
    if STEPS[task].get((method, estimate)) == 1:
        orientations = min(MOST_ORIENTATIONS, calls // (1 + extra))
        _enough(orientations, calls, 1 + extra, method)
        return Plan(orientations * (1 + extra), {}, orientations)
    if method == "repaint":
        return _repaint(walk, calls)

    def taken(steps: int) -> int:
        return extra + calls_of(task, walk, steps)

    if taken(1) > calls:
        if estimate == "mean" and task in FEWEST and calls >= 1:
            return Plan(1, {"method": FEWEST[task]})
        _enough(0, calls, taken(1), method)
    useful = USEFUL.get((task, method, estimate))
    most = useful or MOST_STEPS
    steps = max(steps for steps in range(1, most + 1) if steps == 1 or taken(steps) <= calls)
    # More steps would smooth away what was found: the rest goes into orientations.
    turns = min(MOST_ORIENTATIONS, calls // taken(steps)) if steps == useful else 1
    return Plan(turns * taken(steps), {"steps": steps}, turns)


# Steps beyond which the mean becomes worse, measured on validation pictures.
USEFUL = {
    ("dejpeg", "splitting", "mean"): 4,
    ("upscale", "projection", "mean"): 2,
    ("run", "splitting", "mean"): 12,
}

FEWEST = {"upscale": "conditional", "dejpeg": "blind"}  # the mean in one call

BEFORE = {  # calls of the conditional branch
    ("upscale", "projection"): ORIENTATIONS,
    ("dejpeg", "splitting"): 1,
    ("dejpeg", "ddnm"): 1,
    ("dejpeg", "dps"): 1,
}


def calls_of(task: str, walk: Mapping[str, Any], steps: int) -> int:
    """The network calls that so many steps take at most, each at the full size."""
    method, estimate = walk["method"], walk["estimate"]
    before = BEFORE.get((task, method), 0)
    if estimate == "mean" or method in OWN_WALK:
        return before + steps
    sampler = walk.get("sampler")
    if task == "inpaint" and method in ("alternating", "ddnm"):
        draws = max(1, steps // 2)  # at most
        return steps - draws + _sampled(sampler, draws)
    twice = 2 if walk.get("guidance", 1) != 1 else 1
    return before + twice * _sampled(sampler, steps)


def _sampled(sampler: str | None, steps: int) -> int:
    """The calls of a sampler on a ladder of so many steps that ends with 0."""
    return {"heun": 2 * steps - 1, "langevin": 3 * steps + 1}.get(sampler or "", steps)


def repaint_calls(steps: int, length: int, repeats: int) -> int:
    """The network calls of RePaint's walk: (250, 10, 10) takes 2410."""
    return steps + (repeats - 1) * length * len(range(0, steps - length, length))


def _repaint(walk: Mapping[str, Any], calls: int) -> Plan:
    """The walk nearest below: as many repeats as leave a ladder of at least four jumps."""
    length, repeats = walk.get("jumps") or (JUMPS[0], None)
    found = [
        (repaint_calls(steps, length, each), each, steps)
        for each in ([repeats] if repeats else range(1, REPAINT_JUMPS + 1))
        for steps in range(length + 1, 251)
        if repaint_calls(steps, length, each) <= calls and (each == 1 or steps >= 4 * length)
    ]
    if not found:
        _enough(0, calls, length + 1, "repaint")
    most = max(total for total, _, _ in found)
    # Of those that use nearly all of it the one with the most repeats.
    total, each, steps = max((f for f in found if f[0] >= 0.9 * most), key=lambda f: (f[1], f[0]))
    return Plan(total, {"steps": steps, "jumps": (length, each)})


def _enough(possible: int, calls: int, fewest: int, method: str) -> None:
    if possible < 1:
        raise ConfigError(
            f"a budget of {calls} network calls is too small: --method {method} takes at least {fewest}"
        )
