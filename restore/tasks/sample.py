"""Draw pictures from the unconditional prior, out of pure noise."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.diffusion.samplers import named_sampler
from restore.diffusion.seeds import check_seed, picture_rng
from restore.diffusion.sigmas import karras
from restore.priors.checkpoint import shipped
from restore.priors.protocol import Prior
from restore.tasks.catalogue import SAMPLE_STEPS
from restore.types import Progress, Rng

BATCH = 8


def sample(
    n: int = 1,
    *,
    size: tuple[int, int] = (128, 128),
    sampler: str = "ddim",
    steps: int = SAMPLE_STEPS,
    seed: int = 0,
    prior: Prior | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Draw pictures from the unconditional prior, out of pure noise.

    Parameters
    ----------
    n : int
        How many, at least 1.
    size : (int, int)
        Height and width in pixels.
    sampler : str
        One of `restore.diffusion.samplers.SAMPLERS`; ``ddim``, the default, and ``dpmpp-2m`` need the fewest
        steps.
    steps : int
        Noise levels, spaced as Karras et al. [1]_ have it.
    seed : int
        0 to 2^63 - 1. Every picture has a stream of random numbers of its own, so picture k of a seed is the
        same whatever ``n`` is.
    prior : Prior, optional
        The network, as `restore.load` gives it; None loads the weights in the package.
    progress : callable, optional
        ``progress(done, total)`` is called after every network call.

    Returns
    -------
    tensor
        ``(n, 3, h, w)`` in [0, 1], on the CPU.

    Raises
    ------
    ValueError
        For options out of range.

    References
    ----------
    .. [1] T. Karras et al. (2022). Elucidating the design space of diffusion-based generative models.
       arXiv:2206.00364, eq. 5.

    Examples
    --------
    >>> from restore import sample
    >>> from restore.testing import tiny_prior
    >>> sample(2, size=(8, 12), steps=2, prior=tiny_prior()).shape
    torch.Size([2, 3, 8, 12])
    """
    if n < 1 or min(size) < 1 or steps < 1:
        raise ValueError(f"n, size and steps must be at least 1, got {n}, {size} and {steps}")
    run = named_sampler(sampler)
    check_seed(seed)
    prior = prior or shipped()
    top = prior.sigma_max
    sigmas = karras(top, prior.sigma_min, steps)
    pictures = []
    for first in range(0, n, BATCH):
        # Each picture draws from its own stream, so it does not depend on its neighbours.
        streams = [picture_rng(seed, k) for k in range(first, min(n, first + BATCH))]

        def rng(like: Tensor, streams: list[Rng] = streams) -> Tensor:
            return torch.cat([stream(like[:1]) for stream in streams])

        grey = torch.full((len(streams), 3, *size), 0.5, device=prior.device)

        def part(done: int, total: int, first: int = first) -> None:
            if progress is not None:
                progress((first // BATCH) * total + done, -(-n // BATCH) * total)

        start = grey + top * rng(grey)
        pictures.append(run(prior.denoiser(), start, sigmas, rng=rng, progress=part).cpu())
    return torch.cat(pictures).clamp(0, 1)
