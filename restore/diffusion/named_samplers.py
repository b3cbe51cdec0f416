"""Samplers by name: those of `restore.diffusion.samplers`, those registered, those of installed packages.

Importing this does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol

from restore import plugins
from restore.diffusion.own_sampler import OwnSampler
from restore.types import Denoiser, Progress, Rng

if TYPE_CHECKING:
    from torch import Tensor


class Sampler(Protocol):
    """What the command line can choose between; a function of one's own may leave out rng and progress."""

    def __call__(self, denoise: Denoiser, x: Tensor, sigmas: Any, /, *args: Any, **options: Any) -> Tensor:
        """Take x at ``sigmas[0]`` through all noise levels; options: ``rng`` and ``progress``."""
        ...


@dataclass(frozen=True)
class NamedSampler:
    """A sampler with what is known of it before it runs; called like the function itself.

    Parameters
    ----------
    name : what users call it.
    run : the function. One of your own may leave out ``rng`` and ``progress``, and what it gives is looked at
        (`restore.diffusion.own_sampler.OwnSampler`).
    order : of convergence, in the size of the steps, to the exact distribution.
    draws : whether it draws random numbers on the way; else the start alone decides what comes out.
    calls : the network calls that it takes for a number of steps to noise level 0.
    climbs : whether noise levels may rise in between, as RePaint's do.
    counted : whether ``calls`` is known; a budget of network calls needs it.
    options : the names of what can be chosen beside the noise levels.

    Examples
    --------
    >>> from restore.diffusion.samplers import SAMPLERS
    >>> SAMPLERS["heun"].calls(10)
    19
    >>> SAMPLERS["ddim"].with_options(eta=0.5).name
    'ddim'
    """

    name: str
    run: Sampler
    order: int = 1
    draws: bool = False
    calls: Callable[[int], int] = int
    climbs: bool = True
    counted: bool = True
    options: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError and PluginError for what cannot be run."""
        if not callable(self.run):
            raise ValueError(f"run is a function run(denoise, x, sigmas), got {type(self.run).__name__}")
        if not _is_of_package(self.run):
            object.__setattr__(self, "run", OwnSampler(self.run))

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        sigmas: Sequence[float],
        *,
        rng: Rng | None = None,
        progress: Progress | None = None,
    ) -> Tensor:
        """Run it with its options, the default ones unless chosen."""
        return self.run(denoise, x, sigmas, rng=rng, progress=progress)

    def with_options(self, **chosen: float | str | None) -> NamedSampler:
        """Give the same with other options; None leaves one as it is.

        Raises
        ------
        ValueError
            For an option that it does not have, saying which samplers do.
        """
        given: dict[str, Any] = {name: value for name, value in chosen.items() if value is not None}
        for name in given:
            if name not in self.options:
                able = ", ".join(other.name for other in SAMPLERS.values() if name in other.options)
                raise ValueError(
                    f"{name} is an option of {able or 'no sampler'}, not of {self.name}; leave it out"
                )
        return replace(self, run=partial(self.run, **given)) if given else self


SAMPLERS: dict[str, NamedSampler] = {}
"""All samplers by name. The command line, the tasks, budgets and evaluation know those that are in here."""


def register(sampler: NamedSampler) -> NamedSampler:
    """Make a sampler known by its name to the tasks and the command line; give it back.

    Raises
    ------
    ValueError
        Where there is one of that name already.

    Examples
    --------
    >>> from restore.diffusion.samplers import ddim
    >>> register(NamedSampler("mine", ddim)).name
    'mine'
    >>> unregister("mine")
    """
    if sampler.name in SAMPLERS:
        raise ValueError(f"there is a sampler {sampler.name!r} already; choose another name")
    SAMPLERS[sampler.name] = sampler
    return sampler


def unregister(name: str) -> None:
    """Forget a sampler that `register` has added; KeyError for an unknown one."""
    del SAMPLERS[name]


def sampler_names() -> list[str]:
    """List the names of all samplers, with those of other installed packages, which are not imported."""
    return [*SAMPLERS, *plugins.names("samplers", SAMPLERS)]


def named_sampler(sampler: str | Sampler) -> NamedSampler:
    """Give a sampler by its name, or a function of one's own as one.

    Parameters
    ----------
    sampler : a name, also one that an installed package offers under ``restore.samplers``; a `NamedSampler`;
        or a function ``sampler(denoise, x, sigmas)`` that gives the state at the last noise level, of x's
        shape. It is given ``rng`` and ``progress``, too, where it takes them by these names.

    Raises
    ------
    ValueError
        For an unknown name, saying which there are, and for a function that takes other arguments.
    PluginError
        For what an installed package offers and that cannot be loaded.

    Examples
    --------
    >>> named_sampler(lambda denoise, x, sigmas: denoise(x, sigmas[0])).counted
    False
    """
    if isinstance(sampler, str):
        if sampler in SAMPLERS:
            return SAMPLERS[sampler]
        if (plugin := plugins.find("samplers", sampler, SAMPLERS)) is not None:
            return sampler_of(plugin)
        raise ValueError(f"sampler is one of {', '.join(sampler_names())}, got {sampler!r}")
    if isinstance(sampler, NamedSampler):
        return sampler
    if not callable(sampler):
        raise ValueError(
            f"sampler is a name or a function sampler(denoise, x, sigmas), got {type(sampler).__name__}"
        )
    return _unknown(plugins.name_of(sampler), OwnSampler(sampler))


@cache
def sampler_of(plugin: plugins.Plugin) -> NamedSampler:
    """Load the sampler that an installed package offers: a function, or a `NamedSampler`. PluginError."""
    found = plugin.load()
    if isinstance(found, NamedSampler):
        own = found.run.function if isinstance(found.run, OwnSampler) else found.run
        return replace(found, name=plugin.name, run=OwnSampler(own, plugin))
    if not callable(found) or isinstance(found, type):
        raise plugin.wrong("a function sampler(denoise, x, sigmas) or a NamedSampler", found)
    return _unknown(plugin.name, OwnSampler(found, plugin))


def _is_of_package(run: Callable[..., Any]) -> bool:
    """Whether a function is one of this package, with options or without, which needs no looking at."""
    function = getattr(run, "func", run)  # of a partial
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, OwnSampler) or module.partition(".")[0] == "restore"


def _unknown(name: str, run: OwnSampler) -> NamedSampler:
    """A function of which nothing is known but what it takes and gives."""
    return NamedSampler(name, run, draws=True, climbs=False, counted=False)
