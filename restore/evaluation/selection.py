"""Which of restore's own rows a table has. Importing this does not import torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from restore.diffusion.samplers import named_sampler
from restore.errors import ConfigError
from restore.tasks import catalogue

SWEPT = ("steps", "method", "estimate", "sampler", "seed")
"""The options that a sweep can vary."""


@dataclass(frozen=True)
class Selection:
    """Which of restore's rows are wanted.

    Parameters
    ----------
    estimates, methods : sequence of str
        Empty for those that a table has by default.
    options : mapping
        Keyword arguments of all rows: steps, sampler, seed, jumps.
    sweep : mapping
        The values of each option that is varied; every combination is a row.

    Examples
    --------
    >>> Selection(methods=["splitting"], sweep={"steps": (1, 2, 4)}).check("inpaint")
    >>> Selection(methods=["blind"]).check("inpaint")
    Traceback (most recent call last):
    restore.errors.ConfigError: inpaint has no method blind; it has auto, alternating, ...
    """

    estimates: Sequence[str] = ()
    methods: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    sweep: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    def values(self, name: str) -> Sequence[Any]:
        """The values of an option over all rows; empty where it is not given."""
        if name in self.sweep:
            return self.sweep[name]
        return [self.options[name]] if name in self.options else ()

    def check(self, task: str) -> None:
        """Refuse what no row of a task could make use of.

        Raises
        ------
        ConfigError
            A method, an estimate or an option has no effect; the message says what to leave out.
        """
        estimates = self._estimates(task)
        names = self.values("method") or self.methods
        able = [
            method
            for method in catalogue.methods(task)
            if method.estimate in estimates and (not names or method.name in names)
        ]
        for name in names:
            if name not in catalogue.names(task):
                raise ConfigError(f"{task} has no method {name}; it has {', '.join(catalogue.names(task))}")
            if name not in {method.name for method in able}:
                raise ConfigError(
                    f"--method {name} cannot give --estimate {' or '.join(estimates)}; pass another of them"
                )
        used = {"steps"} if any(not method.one_call for method in able) else set()
        if any(not method.one_call and method.estimate == "sample" for method in able):
            used.add("sampler")
        self.check_used(task, used)
        self._check_jumps(task, [method for method in able if method.jumps and method.name in names])

    def check_used(self, task: str, used: Collection[str]) -> None:
        """Refuse steps and sampler where they are not among the options that are used.

        Raises
        ------
        ConfigError
            One of them has no effect.
        """
        for name in ("steps", "sampler"):
            if self.values(name) and name not in used:
                estimates = ",".join(self._estimates(task))
                raise ConfigError(f"--{name} has no effect with --estimate {estimates}; leave it out")

    def _estimates(self, task: str) -> Sequence[str]:
        return self.values("estimate") or self.estimates or default_estimates(task)

    def _check_jumps(self, task: str, jumping: Sequence[catalogue.Method]) -> None:
        if "jumps" in self.options and not jumping:
            able = " or ".join(method.name for method in catalogue.methods(task) if method.jumps)
            raise ConfigError(f"--jump-length and --jump-repeats need --method {able}; leave them out")
        for sampler in self.values("sampler"):
            if jumping and not named_sampler(sampler).climbs:
                raise ConfigError(
                    f"--sampler {sampler} cannot climb, as --method {jumping[0].name} does; pass another one"
                )


def default_estimates(task: str) -> tuple[str, ...]:
    """The estimates that a table has by default: denoising is judged by its mean alone.

    Examples
    --------
    >>> default_estimates("denoise"), default_estimates("upscale")
    (('mean',), ('mean', 'sample'))
    """
    return ("mean",) if task == "denoise" else ("mean", "sample")
