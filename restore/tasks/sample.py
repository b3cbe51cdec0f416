"""Draw pictures from the unconditional prior, out of pure noise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from restore.diffusion import samplers
from restore.diffusion.seeds import seeded_noise
from restore.diffusion.sigmas import karras
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import shipped
from restore.types import Noise, Progress

STEPS = 50

BATCH = 8


def sample(
    n: int = 1,
    *,
    size: tuple[int, int] = (128, 128),
    sampler: str = "ddim",
    steps: int = STEPS,
    seed: int = 0,
    backbone: Backbone | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Draw ``n`` pictures ``(n, 3, h, w)`` in [0, 1] from pure noise.

    size (h, w) in pixels. sampler: one of `restore.diffusion.samplers.SAMPLERS`; ddim and dpmpp-2m need the
    fewest steps. The ladder is Karras et al.'s (2022). seed: 0..2^63 - 1. Picture k of a seed is the same
    whatever n is; the same seed gives the same pictures. Raises ValueError for options out of range.
    """
    if n < 1 or min(size) < 1 or steps < 1:
        raise ValueError(f"n, size and steps must be at least 1, got {n}, {size} and {steps}")
    if sampler not in samplers.SAMPLERS:
        raise ValueError(f"sampler is one of {', '.join(samplers.SAMPLERS)}, got {sampler!r}")
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must lie in 0..2^63 - 1; got {seed}")
    backbone = backbone or shipped()
    top = backbone.config.sigma_max
    ladder = karras(top, backbone.config.sigma_min, steps)
    pictures = []
    for first in range(0, n, BATCH):
        # Each picture draws from its own stream, so it does not depend on its neighbours.
        streams = [_stream(seed, k) for k in range(first, min(n, first + BATCH))]

        def noise(like: Tensor, streams: list[Noise] = streams) -> Tensor:
            return torch.cat([stream(like[:1]) for stream in streams])

        grey = torch.full((len(streams), 3, *size), 0.5, device=backbone.device)

        def part(done: int, total: int, first: int = first) -> None:
            if progress is not None:
                progress((first // BATCH) * total + done, -(-n // BATCH) * total)

        start = grey + top * noise(grey)
        walk = samplers.SAMPLERS[sampler]
        pictures.append(walk(backbone.denoiser(), start, ladder, noise=noise, progress=part).cpu())
    return torch.cat(pictures).clamp(0, 1)


def _stream(seed: int, picture: int) -> Noise:
    """The random numbers of one picture: a seed of its own, mixed from both numbers."""
    (mixed,) = np.random.SeedSequence((seed, picture)).generate_state(1, np.uint64)
    return seeded_noise(int(mixed) >> 1)
