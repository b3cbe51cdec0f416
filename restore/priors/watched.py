"""A prior whose network calls are looked at, one by one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, Self

import torch
from torch import Tensor

from restore.diffusion.samplers import LearnedVariance
from restore.diffusion.schedule import Schedule
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.types import Denoiser


class Watched:
    """A prior whose denoisers tell of every call; in all else the prior that it is made of.

    Parameters
    ----------
    prior : any prior.
    """

    def __init__(self, prior: Prior):
        self._prior = prior
        self.facts = prior.facts

    def _watch(self, x: Tensor, sigma: float, x0: Tensor, *, nothing: bool) -> None:
        """Look at a call: the state, its level and its clean estimate.

        nothing: the network was told nothing where something could be told.
        """

    def __getattr__(self, name: str) -> Any:
        """What the prior has beside the protocol."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._prior, name)

    @property
    def ensemble(self) -> int:
        """How many orientations of a picture every call is the mean of."""
        return self._prior.ensemble

    @ensemble.setter
    def ensemble(self, count: int) -> None:
        self._prior.ensemble = count

    @property
    def calls(self) -> int:
        """Network calls since the prior was loaded."""
        return self._prior.calls

    @calls.setter
    def calls(self, count: int) -> None:
        self._prior.calls = count

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._prior.device

    @property
    def dtype(self) -> torch.dtype:
        """The precision of the weights."""
        return self._prior.dtype

    @property
    def conditional(self) -> bool:
        """Whether it can be shown a `Condition`."""
        return self._prior.conditional

    @property
    def sigma_min(self) -> float:
        """The lowest noise level it knows, [0, 1] units."""
        return self._prior.sigma_min

    @property
    def sigma_max(self) -> float:
        """The highest noise level it knows, [0, 1] units."""
        return self._prior.sigma_max

    @property
    def schedule(self) -> Schedule:
        """The DDPM schedule that timesteps are taken from."""
        return self._prior.schedule

    @property
    def parameters(self) -> int:
        """How many numbers it has learned."""
        return self._prior.parameters

    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        """Give how many pixels one call computes for a picture of ``size`` (h, w)."""
        return self._prior.computed(size, differentiable=differentiable)

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes that it can be told of; empty for none."""
        return self._prior.classes

    @property
    def needs_label(self) -> bool:
        """Whether it gives nothing without a class."""
        return self._prior.needs_label

    @property
    def label(self) -> int | None:
        """Number of the class that it is told of, where nothing else is given."""
        return self._prior.label

    @label.setter
    def label(self, number: int | None) -> None:
        self._prior.label = number

    def copy(self, dtype: torch.dtype) -> Self:
        """Give the same in another precision; its calls are told of in the same way."""
        other = copy.copy(self)
        other._prior = self._prior.copy(dtype)
        other.facts = other._prior.facts
        return other

    def denoiser(
        self,
        condition: Condition | None = None,
        *,
        given: Tensor | None = None,
        differentiable: bool = False,
    ) -> Denoiser:
        """Bind a condition and give ``(x, sigma) -> E[x0 | x]``, which tells of its calls.

        Takes and raises what that of the prior does. Learned variances pass through.
        """
        denoise = self._prior.denoiser(condition, given=given, differentiable=differentiable)
        watch = partial(self._watch, nothing=given is not None and not bool(given.any()))
        kind = _WatchedVariance if isinstance(denoise, LearnedVariance) else _WatchedDenoiser
        return kind(denoise, watch)


class _WatchedDenoiser:
    """A denoiser that tells what it was asked and what it answered."""

    def __init__(self, denoise: Denoiser, watch: Callable[[Tensor, float, Tensor], None]):
        self._denoise, self._watch = denoise, watch

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Give E[x0 | x]."""
        x0 = self._denoise(x, sigma)
        if sigma > 0:  # else the network was not called
            self._watch(x, sigma, x0)
        return x0


class _WatchedVariance(_WatchedDenoiser):
    """The same for a denoiser with learned variances."""

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Give E[x0 | x], and where its variance lies between the small and the large one."""
        denoise = self._denoise
        assert isinstance(denoise, LearnedVariance)  # else it was not wrapped so
        x0, between = denoise.with_variance(x, sigma)
        self._watch(x, sigma, x0)
        return x0, between
