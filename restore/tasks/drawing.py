"""How a result is drawn from a prior: which sampler, which random numbers, which guidance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from restore.diffusion.samplers import Sampler, ddim
from restore.diffusion.thresholding import thresholded
from restore.inverse.guidance import classifier_free
from restore.priors.condition import Condition
from restore.priors.protocol import Prior
from restore.types import Denoiser, Progress, Rng


@dataclass(frozen=True)
class Drawing:
    """A prior, and the sampler and random numbers that results are drawn from it with.

    Parameters
    ----------
    prior : the diffusion network.
    rng : the random numbers.
    sampler : None is `ddim`. A mean takes a single step, for which all samplers are the same.
    """

    prior: Prior
    rng: Rng
    sampler: Sampler | None = None

    def __call__(
        self, denoise: Denoiser, x: Tensor, sigmas: Sequence[float], *, progress: Progress | None = None
    ) -> Tensor:
        """Run the sampler from a noisy x at ``sigmas[0]``."""
        return (self.sampler or ddim)(denoise, x, sigmas, rng=self.rng, progress=progress)

    def noised(self, x: Tensor, sigma: float) -> Tensor:
        """Add white noise of a level to a picture, which gives a state that a sampler can start from."""
        return x + sigma * self.rng(x)

    def guided(self, condition: Condition, strength: float) -> Denoiser:
        """Give the prior's denoiser for a condition, with classifier-free guidance, held to [0, 1].

        strength: 1 is the conditional branch itself, which takes one call a step; others take two.
        """
        branch = self.prior.denoiser(condition)
        if strength != 1:
            branch = classifier_free(branch, self.prior.denoiser(), strength)
        return thresholded(branch)
