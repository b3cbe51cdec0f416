"""Samplers that are no part of this package: what they are given, and what is asked of what they give."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from restore import plugins
from restore.diffusion.sigmas import network_calls
from restore.errors import NumbersError, PluginError
from restore.plugins import Plugin
from restore.types import Denoiser, Progress, Rng

if TYPE_CHECKING:
    from torch import Tensor

BY_NAME = ("rng", "progress")
"""What a function is given by name where it takes it."""


class OwnSampler:
    """A function of somebody else's as a sampler, checked before and after it runs.

    Parameters
    ----------
    function : ``function(denoise, x, sigmas)``, with ``rng`` and ``progress`` where it takes them by name. It
        gives the state at the last noise level, of x's shape.
    plugin : where it comes from an installed package.

    Raises
    ------
    PluginError
        For a function that takes other arguments.

    Examples
    --------
    >>> import torch
    >>> from restore.testing import tiny_prior
    >>> once = OwnSampler(lambda denoise, x, sigmas: denoise(x, sigmas[0]))
    >>> once(tiny_prior().denoiser(), torch.full((1, 3, 8, 8), 0.5), [0.2, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, function: Callable[..., Tensor], plugin: Plugin | None = None):
        self.function, self.plugin = function, plugin
        self.told = plugins.told_of("sampler", function, plugin)
        takes = taken(function, 3, BY_NAME)
        if takes is None:
            raise PluginError(
                f"{self.told}: expected a function of (denoise, x, sigmas), and of rng and progress by name "
                f"where it uses them, got one of {inspect.signature(function)}; change what it takes"
            )
        self._takes = takes

    def __call__(
        self,
        denoise: Denoiser,
        x: Tensor,
        sigmas: Sequence[float],
        *,
        rng: Rng | None = None,
        progress: Progress | None = None,
        **options: Any,
    ) -> Tensor:
        """Run it. PluginError for a result of another kind or shape, NumbersError for one of no numbers."""
        given = {name: value for name, value in (("rng", rng), ("progress", progress)) if name in self._takes}
        if progress is not None and "progress" not in given:
            denoise = _counted(denoise, progress, network_calls(sigmas))
        # It may write in what it is given.
        found = plugins.call(self.function, self.plugin, denoise, x.clone(), list(sigmas), **given, **options)
        return checked(found, tuple(x.shape), self.told).to(x)


def taken(function: Callable[..., Any], placed: int, by_name: Sequence[str]) -> tuple[str, ...] | None:
    """Which names a function takes beside its first arguments; None where it cannot be called with these.

    One that takes any name is given rng, and not progress, which it would hardly call.

    placed : how many are given by their places.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of some functions in C nothing is known
        return tuple(by_name)
    parameters = list(signature.parameters.values())
    every = any(each.kind is each.VAR_KEYWORD for each in parameters)
    named = {
        each.name
        for each in parameters[placed:]
        if each.kind in (each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD)
    }
    found = tuple(name for name in by_name if name in named or (every and name != "progress"))
    try:
        signature.bind(*[None] * placed, **dict.fromkeys(found))
    except TypeError:
        return None
    return found


def checked(found: Any, shape: tuple[int, ...], told: str) -> Tensor:
    """Give back what a function of somebody else's has given, if it is what it has to be.

    Parameters
    ----------
    found : what it gave.
    shape : of the tensor that was expected.
    told : what gave it.

    Raises
    ------
    PluginError
        For what is no tensor of floats of that shape.
    NumbersError
        For NaN or infinity.

    Examples
    --------
    >>> import torch
    >>> checked(torch.zeros(2), (3,), "sampler 'mine'")
    Traceback (most recent call last):
    restore.errors.PluginError: sampler 'mine' gave a tensor (2,), expected (3,); change what it gives
    """
    import torch

    if not isinstance(found, torch.Tensor):
        raise PluginError(
            f"{told} gave {type(found).__name__}, expected a tensor {shape}; change what it gives"
        )
    if tuple(found.shape) != shape:
        raise PluginError(
            f"{told} gave a tensor {tuple(found.shape)}, expected {shape}; change what it gives"
        )
    if not found.is_floating_point():
        raise PluginError(f"{told} gave a tensor of {found.dtype}, expected floats; change what it gives")
    if found.is_meta or found.layout != torch.strided:
        kind = "meta" if found.is_meta else found.layout
        raise PluginError(f"{told} gave a tensor of {kind}, expected a dense one; change what it gives")
    if not bool(torch.isfinite(found).all()):
        raise NumbersError(f"{told} gave values that are not finite, expected numbers; change what it gives")
    return found.detach()


def _counted(denoise: Denoiser, progress: Progress, total: int) -> Denoiser:
    """Report the calls for a function that does not; it may take more of them than there are steps."""
    calls = 0

    def counted(x: Tensor, sigma: float) -> Tensor:
        nonlocal calls
        found = denoise(x, sigma)
        calls += 1
        progress(calls, max(calls, total))
        return found

    return counted
