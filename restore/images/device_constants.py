"""Small tables of numbers on the device that they are used on, put there once.

Copying from the CPU waits for all that a GPU was told before: done in every step of training, nothing could
be prepared while the GPU works.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def constant(values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor of these numbers, kept for good; not to be changed in place."""
    with torch.inference_mode(False):  # or a gradient could not pass what was first used without
        return torch.tensor(values, dtype=dtype, device=device)
