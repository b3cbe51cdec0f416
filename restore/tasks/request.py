"""What the methods of a task are given."""

from __future__ import annotations

from dataclasses import dataclass

from restore.diffusion.sigmas import karras
from restore.tasks.drawing import Drawing
from restore.types import Estimate, Progress


@dataclass(frozen=True)
class Request:
    """What all methods are given.

    Parameters
    ----------
    drawing : the prior, with its sampler and random numbers.
    estimate : the mean or a draw.
    steps : of a sample, or the draws that a completed mean is the mean of.
    progress : called after every network call.

    Examples
    --------
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.testing import tiny_prior
    >>> Request(Drawing(tiny_prior(), seeded_rng(0)), "mean", 1, None).sigmas(0.1)
    [0.1, 0.0]
    """

    drawing: Drawing
    estimate: Estimate
    steps: int
    progress: Progress | None

    def sigmas(self, top: float) -> list[float]:
        """Noise levels from ``top`` down; one step is one network call, which gives the posterior mean."""
        lowest = self.drawing.prior.sigma_min
        steps = self.steps
        return [top, 0.0] if steps == 1 or top <= 2 * lowest else karras(top, lowest, steps)
