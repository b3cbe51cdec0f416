"""Small constant tensors, put on the device that they are used on once.

Copying from the CPU waits until a GPU has done all that was queued before. In every step of training that
would keep the CPU from preparing the next one.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def constant(values: tuple[float, ...], device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """A tensor of these numbers, kept for good; it must not be changed in place.

    Parameters
    ----------
    values : the numbers.
    device, dtype : of the tensor.

    Returns
    -------
    Tensor
        ``(len(values),)``, the same object for the same arguments.

    Examples
    --------
    >>> constant((1.0, 2.0), torch.device("cpu"))
    tensor([1., 2.])
    """
    with torch.inference_mode(False):  # else no gradient could pass what inference made
        return torch.tensor(values, dtype=dtype, device=device)
