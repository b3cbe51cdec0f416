"""A prior that keeps what it was shown and what it answered, call by call."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from restore.priors.protocol import Prior
from restore.priors.watched import Watched

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


class Recording(Watched):
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
        super().__init__(prior)
        self.runs: list[Run] = []

    def _watch(self, x: Tensor, sigma: float, x0: Tensor, *, nothing: bool) -> None:
        if not nothing:  # what guidance goes away from
            self._record(x, sigma, x0)

    def _record(self, x: Tensor, sigma: float, x0: Tensor) -> None:
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
