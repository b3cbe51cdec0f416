"""A prior that keeps what it was shown and what it answered, call by call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from restore.diffusion.samplers import LearnedVariance
from restore.diffusion.schedule import Schedule
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.types import Denoiser

SIDE = 512  # pixels a side that are kept of larger pictures
MEMORY = 2**29  # bytes that are kept in all; then every second step is dropped
FEWEST = 12  # steps of a run that are not thinned any more
SAME = 1e-6  # of noise levels, relative


@dataclass(frozen=True)
class Step:
    """One network call.

    Parameters
    ----------
    sigma : the noise level, [0, 1] units.
    state : what the network was shown, ``(b, 3, h, w)``, in the coordinates of `restore.types`.
    x0 : its clean estimate, of the same shape. Both are float16, on the CPU, at most SIDE pixels a side:
        the state by leaving pixels out, so that its noise stays as strong as it is, x0 by means.
    """

    sigma: float
    state: Tensor
    x0: Tensor

    @property
    def bytes(self) -> int:
        """The memory it takes."""
        return self.state.nbytes + self.x0.nbytes


@dataclass
class Run:
    """The calls of one run of a sampler over pictures of one size.

    Parameters
    ----------
    size : (b, c, h, w) of the pictures.
    kept : some of the steps, evenly spaced.
    calls : how many there were.
    every : which of them are kept.
    last : the last one, whether or not it is in ``kept``.
    """

    size: tuple[int, ...]
    kept: list[Step] = field(default_factory=list)
    calls: int = 0
    every: int = 1
    last: Step | None = None

    @property
    def steps(self) -> list[Step]:
        """The steps that are kept; the first and the last of the run are among them."""
        whole = not self.kept or self.last is None or self.last is self.kept[-1]
        return list(self.kept) if whole or self.last is None else [*self.kept, self.last]

    def add(self, step: Step) -> None:
        """Keep a step, or leave it out."""
        if self.calls % self.every == 0:
            self.kept.append(step)
        self.calls, self.last = self.calls + 1, step

    def thin(self) -> None:
        """Drop every second step."""
        self.kept, self.every = self.kept[::2], 2 * self.every


class Recording:
    """A prior whose denoisers record every call; in all else the prior itself.

    A new run begins with pictures of another size, and where the noise level comes back to the one that the
    run began with: at the next hole of a picture, the next batch of samples.

    Parameters
    ----------
    prior : any prior.

    Attributes
    ----------
    runs : list of Run
        What was recorded.

    Examples
    --------
    >>> from restore import sample
    >>> from restore.testing import tiny_prior
    >>> recording = Recording(tiny_prior())
    >>> drawn = sample(size=(8, 12), steps=3, prior=recording)
    >>> [len(run.steps) for run in recording.runs], recording.runs[0].steps[0].sigma
    ([3], 80.0)
    """

    def __init__(self, prior: Prior):
        self._prior = prior
        self.facts = prior.facts
        self.runs: list[Run] = []

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

    def copy(self, dtype: torch.dtype) -> Self:
        """Give the same in another precision; it records into the same runs."""
        other = type(self)(self._prior.copy(dtype))
        other.runs = self.runs
        return other

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

    def denoiser(
        self,
        condition: Condition | None = None,
        *,
        given: Tensor | None = None,
        differentiable: bool = False,
    ) -> Denoiser:
        """Bind a condition and give ``(x, sigma) -> E[x0 | x]``, which records its calls.

        Takes and raises what that of the prior does. Learned variances pass through. What is told nothing
        where something could be told is what guidance goes away from, and is not recorded.
        """
        denoise = self._prior.denoiser(condition, given=given, differentiable=differentiable)
        if given is not None and not given.any():
            return denoise
        if isinstance(denoise, LearnedVariance):
            return _RecordedVariance(denoise, self._record)
        return _Recorded(denoise, self._record)

    def _record(self, x: Tensor, sigma: float, x0: Tensor) -> None:
        if sigma <= 0:  # no call
            return
        run = self.runs[-1] if self.runs else None
        if run is None or run.size != tuple(x.shape) or _begins_again(run, sigma):
            run = Run(tuple(x.shape))
            self.runs.append(run)
        run.add(_step(x, sigma, x0))
        while sum(step.bytes for each in self.runs for step in each.kept) > MEMORY:
            long = [each for each in self.runs if len(each.kept) > FEWEST]
            if not long:
                break
            max(long, key=lambda each: len(each.kept)).thin()


class _Recorded:
    """A denoiser that tells what it was asked and what it answered."""

    def __init__(self, denoise: Denoiser, record: Callable[[Tensor, float, Tensor], None]):
        self._denoise, self._record = denoise, record

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        """Give E[x0 | x]."""
        x0 = self._denoise(x, sigma)
        self._record(x, sigma, x0)
        return x0


class _RecordedVariance(_Recorded):
    """The same for a denoiser with learned variances."""

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        """Give E[x0 | x], and where its variance lies between the small and the large one."""
        denoise = self._denoise
        assert isinstance(denoise, LearnedVariance)  # else it was not wrapped so
        x0, between = denoise.with_variance(x, sigma)
        self._record(x, sigma, x0)
        return x0, between


def _begins_again(run: Run, sigma: float) -> bool:
    """Whether the noise level is back at that of the run's first step."""
    if run.last is None:
        return False
    first = run.kept[0].sigma * (1 - SAME)
    return sigma >= first > run.last.sigma


def _step(x: Tensor, sigma: float, x0: Tensor) -> Step:
    """A call as it is kept."""
    by = -(-max(x.shape[-2:]) // SIDE)
    state, clean = x.detach()[..., ::by, ::by], x0.detach().float()
    if by > 1:
        clean = interpolate(clean, size=state.shape[-2:], mode="area")
    return Step(sigma, *(each.to("cpu", torch.float16, copy=True) for each in (state, clean)))
