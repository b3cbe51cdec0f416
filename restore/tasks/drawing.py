"""How a sample is drawn from a prior: which sampler, which random numbers, which guidance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from restore.diffusion.samplers import Sampler, ddim
from restore.inverse.guidance import classifier_free
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.types import Denoiser, Progress, Rng


@dataclass(frozen=True)
class Drawing:
    """A sampler with its random numbers. For a mean, which draws nothing, any sampler serves."""

    rng: Rng
    sampler: Sampler | None = None

    def __call__(
        self, denoise: Denoiser, x: Tensor, sigmas: Sequence[float], *, progress: Progress | None = None
    ) -> Tensor:
        """Run the sampler from a noisy x at ``sigmas[0]``."""
        return (self.sampler or ddim)(denoise, x, sigmas, rng=self.rng, progress=progress)

    def noised(self, x: Tensor, sigma: float) -> Tensor:
        """A picture with white noise of a level, where a sampler can start."""
        return x + sigma * self.rng(x)


def guided(prior: Prior, condition: Condition, strength: float) -> Denoiser:
    """A prior shown a condition, by so much of `classifier_free`; 1 is the conditional branch itself."""
    branch = prior.denoiser(condition)
    return branch if strength == 1 else classifier_free(branch, prior.denoiser(), strength)
