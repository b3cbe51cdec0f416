"""A method of a task, as the catalogue has it, and those of somebody else's. This does not import torch.

An installed package offers a method of a task by an entry point ``TASK.NAME`` of the group
``restore.methods``: a function of a `restore.tasks.own_methods.MethodRequest`, or a `Method` with one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from restore import plugins
from restore.diffusion.own_sampler import taken
from restore.diffusion.samplers import Sampler, named_sampler
from restore.errors import PluginError
from restore.plugins import Plugin
from restore.types import Estimate

OWN_STEPS = 20
OWN_SAMPLER = "ddim"


@dataclass(frozen=True)
class Method:
    """One way for a task to give one estimate.

    Parameters
    ----------
    task : str
        denoise, inpaint, upscale, dejpeg, solve or vary.
    name : str
        What users call it.
    estimate : {'mean', 'sample'}
        What comes out.
    steps : int
        How many steps are taken unless a number is given; 1 is a single network call, which takes no steps.
    default : bool
        Whether it is used where no method is named.
    sampler : str, optional
        The sampler that is used unless one is named; None refuses every sampler.
    drawn : callable
        ``drawn(steps)`` of the steps are the sampler's; the others are a network call each.
    before : int
        Network calls before the steps.
    useful : int, optional
        More steps than these make the mean worse, measured on validation pictures.
    jumps : bool
        Whether its noise levels rise again, as RePaint's do.
    guidable : bool
        Whether classifier-free guidance has an effect.
    gradient : bool
        Whether the network is differentiated.
    network : bool
        Whether the network is called at all.
    run : callable, optional
        ``run(request)`` of a method that is no part of this package; see
        `restore.tasks.own_methods.MethodRequest`.
    counted : bool
        Whether `calls` knows how many it takes.
    plugin : Plugin, optional
        The entry point that it comes from.

    Examples
    --------
    >>> from restore.tasks import catalogue
    >>> method = catalogue.find("upscale", "projection", "sample")
    >>> method.steps, method.sampler, method.calls(8)
    (8, 'dpmpp-2m', 10)
    """

    task: str
    name: str
    estimate: Estimate
    steps: int
    default: bool = False
    sampler: str | None = None
    drawn: Callable[[int], int] = int
    before: int = 0
    useful: int | None = None
    jumps: bool = False
    guidable: bool = False
    gradient: bool = False
    network: bool = True
    run: Callable[..., Any] | None = None
    counted: bool = True
    plugin: Plugin | None = None

    @property
    def one_call(self) -> bool:
        """Whether it takes no steps."""
        return self.steps == 1

    def calls(self, steps: int, sampler: str | Sampler | None = None, *, guidance: float = 1.0) -> int:
        """The network calls that so many steps take at most, each at the full size."""
        name = sampler or self.sampler
        if name is None:
            return self.before + steps
        drawn = self.drawn(steps)
        twice = 2 if guidance != 1 else 1
        return self.before + steps - drawn + twice * named_sampler(name).calls(drawn)


def own_method(task: str, function: object, estimate: Estimate) -> Method:
    """Give a function of one's own as a method of a task.

    Parameters
    ----------
    task : str
        The task that it does.
    function : callable or Method
        ``function(request)`` gives the result as a tensor; or a `Method` that has such a ``run``.
    estimate : {'mean', 'sample'}
        What is asked for, which a function is told and a `Method` has to give.

    Raises
    ------
    ValueError
        For a `Method` of another task or estimate, or without a function, and for what is no function of one
        argument.

    Examples
    --------
    >>> own_method("denoise", lambda request: request.image, "mean").steps
    20
    """
    if isinstance(function, Method):
        if function.run is None or (function.task, function.estimate) != (task, estimate):
            raise ValueError(
                f"expected a Method for {task} and estimate {estimate!r} with a function to run, got "
                f"{function.name!r} for {function.task} and {function.estimate!r}"
            )
        _check_takes(function.run)
        return replace(function, name=plugins.name_of(function.run))
    if not callable(function) or isinstance(function, type):
        raise ValueError(f"method is a name or a function method(request), got {function!r}")
    _check_takes(function)
    return _of_function(task, plugins.name_of(function), estimate, function)


def names_of_packages(task: str) -> list[str]:
    """List the names of the methods of a task that installed packages offer; none of them is imported."""
    start = f"{task}."
    return [name.removeprefix(start) for name in plugins.names("methods") if name.startswith(start)]


@cache
def method_of(plugin: Plugin, estimate: Estimate) -> Method | None:
    """Load the method that an installed package offers; None where it cannot give the estimate.

    Raises
    ------
    PluginError
        For what cannot be loaded, and for what is no method.
    """
    task, _, name = plugin.name.partition(".")
    found = plugin.load()
    if isinstance(found, Method) and found.run is not None and found.task == task:
        _check_takes(found.run, plugin)
        same = found.estimate == estimate
        return replace(found, name=name, plugin=plugin, default=False) if same else None
    if isinstance(found, Method | type) or not callable(found):
        raise plugin.wrong(f"a function method(request), or a Method for {task} with one to run", found)
    _check_takes(found, plugin)
    return replace(_of_function(task, name, estimate, found), plugin=plugin)


def _check_takes(run: Callable[..., Any], plugin: Plugin | None = None) -> None:
    """Raise PluginError for a function that cannot be called with a request."""
    if taken(run, 1, ()) is None:
        told = plugins.told_of("method", run, plugin)
        raise PluginError(f"{told}: expected a function of one request, got one of other arguments")


def _of_function(task: str, name: str, estimate: Estimate, run: Callable[..., Any]) -> Method:
    return Method(task, name, estimate, OWN_STEPS, sampler=OWN_SAMPLER, run=run, counted=False)
