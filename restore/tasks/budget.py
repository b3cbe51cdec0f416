"""A budget of network calls: what a method takes, and which steps, jumps or orientations fit into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from restore.diffusion.samplers import named_sampler
from restore.errors import ConfigError
from restore.tasks import catalogue
from restore.tasks.catalogue import JUMPS, MOST_STEPS

MOST_ORIENTATIONS = 8
MOST_REPEATS = 10  # of RePaint's jumps
REPAINT_STEPS = 250


@dataclass(frozen=True)
class Plan:
    """What a budget is spent on.

    Parameters
    ----------
    calls : int
        Network calls, at each size that a picture is computed in.
    options : dict
        In place of those asked for.
    ensemble : int
        How many orientations of the picture every call is the mean of.
    """

    calls: int
    options: dict[str, Any] = field(default_factory=dict)
    ensemble: int = 1


def plan(task: str, options: Mapping[str, Any], calls: int, *, extra: int = 0, times: int = 1) -> Plan:
    """Choose the options of a task that make the most of a number of network calls.

    Parameters
    ----------
    task : str
        One of `restore.tasks.catalogue.TASKS`.
    options : mapping
        ``method`` and ``estimate``, and ``sampler``, ``guidance`` and ``jumps`` as far as the task has them.
    calls : int
        The most network calls, at each size that a picture is computed in.
    extra : int
        Calls that come before the steps.
    times : int
        How often all of it is run for one picture, as upscaling by more than 4 is twice.

    Returns
    -------
    Plan
        What takes at most so many calls, and as many of them as the method can use.

    Raises
    ------
    ConfigError
        Where the method takes more calls at least.

    Examples
    --------
    >>> from restore.tasks.budget import plan
    >>> plan("inpaint", {"method": "alternating", "estimate": "mean"}, 10)
    Plan(calls=10, options={'steps': 10}, ensemble=1)
    >>> plan("denoise", {"method": "gaussian", "estimate": "mean"}, 4)
    Plan(calls=4, options={}, ensemble=4)
    >>> plan("upscale", {"method": "projection", "estimate": "sample"}, 13, times=2)
    Plan(calls=12, options={'steps': 4}, ensemble=1)
    """
    method = catalogue.find(task, options["method"], options["estimate"])
    _check_counted(method, options.get("sampler"))
    if times > 1:
        return _several(task, options, calls, extra, times)
    if not method.network:
        return Plan(0)
    if method.one_call:
        each = extra + method.calls(1)
        orientations = min(MOST_ORIENTATIONS, calls // each)
        _enough(orientations, calls, each, method.name)
        return Plan(orientations * each, {}, orientations)
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


def _check_counted(method: catalogue.Method, sampler: str | None) -> None:
    """Raise ConfigError for a method or a sampler of which nobody says how many network calls it takes."""
    unknown = None if method.counted else f"method {method.name!r}"
    if sampler is not None and not named_sampler(sampler).counted:
        unknown = f"sampler {sampler!r}"
    if unknown is not None:
        raise ConfigError(f"nothing says how many network calls {unknown} takes; pass steps, not a budget")


def _several(task: str, options: Mapping[str, Any], calls: int, extra: int, times: int) -> Plan:
    """Plan every one of several runs with its share of the calls."""
    fewest = next(n for n in count(1) if _fits(task, options, n, extra))
    _enough(calls // (times * fewest), calls, times * fewest, options["method"])
    each = plan(task, options, calls // times, extra=extra)
    return replace(each, calls=times * each.calls)


def _fits(task: str, options: Mapping[str, Any], calls: int, extra: int) -> bool:
    try:
        plan(task, options, calls, extra=extra)
    except ConfigError:
        return False
    return True


def repaint_calls(steps: int, length: int, repeats: int) -> int:
    """Count the network calls that RePaint takes.

    Parameters
    ----------
    steps, length, repeats : int
        t_T, and the length and the number of the jumps.

    Returns
    -------
    int
        The calls.

    References
    ----------
    .. [1] A. Lugmayr et al. (2022). RePaint: inpainting using denoising diffusion probabilistic models.
       arXiv:2201.09865, appendix B.

    Examples
    --------
    >>> from restore.tasks.budget import repaint_calls
    >>> repaint_calls(250, 10, 10)
    2410
    """
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
