"""Random numbers: one rule for every seed."""

from __future__ import annotations

import torch

from restore.types import Noise

OWN_STREAM = 0x5EED0F2E5704E  # any number that nobody else takes


def seeded_noise(seed: int) -> Noise:
    """Give standard normal noise that is the same on every device: drawn on the CPU in float32.

    Each call goes on where the last one stopped; every seed counts, 0 included. The numbers are not those of
    ``torch.manual_seed(seed)``, by which the noise in the picture may have been drawn. Raises ValueError for
    a seed outside 0..2^63 - 1.
    """
    if not 0 <= seed < 2**63:
        raise ValueError(f"the seed must lie in 0..2^63 - 1; got {seed}")
    generator = torch.Generator("cpu").manual_seed(seed ^ OWN_STREAM)
    return lambda like: torch.randn(like.shape, generator=generator, dtype=torch.float32).to(like)
