"""Budgets of network calls or seconds: choose what fits and report the plan before the work starts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from restore.cli.command import Options, Plan, Workload
from restore.cli.options import Settings
from restore.errors import ConfigError, ImageError
from restore.priors.calibration import curve
from restore.tasks import budget

if TYPE_CHECKING:
    from restore.priors.protocol import Prior

SMALL = 256  # side in pixels of the picture that the speed of the machine is measured on


@dataclass(frozen=True)
class Spent:
    """What a budget has chosen.

    options: with the steps that fit. ensemble: orientations that every call is the mean of. facts: for
    ``--json``. notes: the plan, for the user. arguments: options that repeat a budget in seconds. share:
    calls for each channel that is restored.
    """

    options: dict[str, Any]
    ensemble: int
    facts: dict[str, Any]
    notes: tuple[str, ...]
    arguments: tuple[tuple[str, str], ...] = ()
    share: int = 0


class Budgets:
    """Plans one picture. The speed of the machine is measured once for each setting.

    speeds: seconds per pixel of a call, by setting; added to.
    """

    def __init__(self, settings: Settings, speeds: dict[tuple[Any, ...], float]):
        self.settings, self._speeds = settings, speeds
        self._first: tuple[Plan, Options, budget.Plan, Spent] | None = None

    def spend(self, channels: Sequence[Plan], options: Options, prior: Prior, began: float) -> Spent:
        """Choose the steps that fit the budget of a picture, once for all its channels.

        channels: this one, and those that are restored after it. began: when work on the picture began
        (`time.perf_counter`). Raises ImageError when the budget is too small for the picture, and ConfigError
        when it is for any picture.
        """
        work = channels[0].workload(options, prior)
        if self._first is not None and self._first[0] is not channels[0]:
            return self._as_before(channels[0].source.name, options, work)
        if len(channels) > 1:
            extra = max(work.extra, *(each.workload(options, prior).extra for each in channels[1:]))
            work = replace(work, extra=extra, times=work.times * len(channels))
        name = channels[0].source.name
        try:
            plan, spent = self._planned(name, options, work, prior, began)
        except ConfigError as error:
            if self.settings.seconds is None and not work.extra and len(channels) == 1:
                raise
            raise ImageError(f"{name}: {error}") from error
        spent = replace(spent, share=plan.calls // len(channels))
        self._first = channels[0], options, plan, spent
        return spent

    def _as_before(self, name: str, options: Options, work: Workload) -> Spent:
        """Give a further channel what was chosen for the first, or its share of the calls.

        The time that is left is not looked at again: what the first channel has become would be lost.
        """
        assert self._first is not None
        _, first, plan, spent = self._first
        if options["method"] != first["method"]:  # the noise of this channel is of another kind
            try:
                plan = budget.plan(work.task, options, spent.share, extra=work.extra, times=work.times)
            except ConfigError as error:
                if self.settings.seconds is None:
                    raise ImageError(f"{name}: {error}") from error
                plan = budget.Plan(0, {} if options["estimate"] == "mean" else {"steps": 1})
        facts = {"method": plan.options["method"]} if "method" in plan.options else {}
        return Spent({**options, **plan.options}, plan.ensemble, facts, (), spent.arguments, spent.share)

    def _planned(
        self, name: str, options: Options, work: Workload, prior: Prior, began: float
    ) -> tuple[budget.Plan, Spent]:
        """Plan a picture. Raises ConfigError and ImageError when the budget is too small."""
        seconds = self.settings.seconds
        per_call, calls = 0.0, self.settings.nfe or 0
        if seconds is not None:
            per_call = self._seconds_per_pixel(options, work, prior) * work.pixels
            gone = time.perf_counter() - began
            calls = int((seconds - gone) / per_call)
            if calls < 1:
                raise ImageError(
                    f"{name}: --seconds {seconds:g} is not enough: reading and measuring took "
                    f"{gone:.1f} s, and one network call takes about {per_call:.2g} s here; pass more"
                )
        plan = budget.plan(work.task, options, calls, extra=work.extra, times=work.times)
        facts: dict[str, Any] = {}
        if "method" in plan.options:
            facts["method"] = plan.options["method"]
        options = {**options, **plan.options}
        parts = [*_parts(plan, options), *self._times(plan, per_call, began, facts)]
        if self.settings.uncertainty is not None:
            parts.append("the map of --uncertainty on top of it")
        facts["planned_calls"] = plan.calls
        notes = [f"{name}: plan: {', '.join(parts)}"]
        method = "gaussian" if options["method"] == "auto" else options["method"]  # a noise level was given
        weights = str(prior.facts.get("sha256", ""))
        known = curve(weights, work.task, method, options["estimate"])
        if known and work.times == 1:  # else it was not measured
            notes.append(f"{name}: expected, as on {known.expected(plan.calls)}")
        arguments = () if seconds is None else _arguments(plan)
        return plan, Spent(options, plan.ensemble, facts, tuple(notes), arguments)

    def _times(self, plan: budget.Plan, per_call: float, began: float, facts: dict[str, Any]) -> list[str]:
        if not per_call:
            return []
        rest = plan.calls * per_call
        whole = time.perf_counter() - began + rest
        facts["planned_seconds"] = round(whole, 3)
        return [f"{whole:.1f} s in all, {rest:.1f} s from here"]

    def _seconds_per_pixel(self, options: Options, work: Workload, prior: Prior) -> float:
        """Measure the speed once for each setting: the best of two runs, after one to warm up."""
        key = (work.task, prior.dtype, *sorted((k, str(v)) for k, v in options.items() if k != "seed"))
        if key not in self._speeds:
            found = []
            for _ in range(3):
                before, start = prior.calls, time.perf_counter()
                pixels = work.trial(options)
                found.append((time.perf_counter() - start) / (pixels * max(1, prior.calls - before)))
            self._speeds[key] = min(found[1:])
        return self._speeds[key]


def _parts(plan: budget.Plan, options: Options) -> list[str]:
    parts = [f"{plan.calls} network call{'s' if plan.calls > 1 else ''}"]
    if plan.ensemble > 1:
        parts.append(f"{plan.ensemble} orientations")
    if "jumps" in plan.options:
        length, repeats = plan.options["jumps"]
        parts.append(f"{options['steps']} steps, jumps of {length}, {repeats} times")
    return parts


def _arguments(plan: budget.Plan) -> tuple[tuple[str, str], ...]:
    """Give the options that repeat a plan on any machine."""
    if "jumps" not in plan.options:
        return (("--nfe", str(plan.calls)),)
    length, repeats = plan.options["jumps"]  # several plans take nearly as many calls
    options = {"--steps": plan.options["steps"], "--jump-length": length, "--jump-repeats": repeats}
    return tuple((name, str(value)) for name, value in options.items())
