"""Features of pictures by a fixed random convolutional network, which knows nothing of what pictures show.

They tell sets of pictures apart by colour, contrast and texture at four scales, and by little else. Distances
between them are no FID, whose features come from a network that was trained on ImageNet, and cannot be
compared with one. They need no download and favour no class of pictures.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

CHANNELS = (16, 24, 32, 40)
SLOPE = 0.2
SEED = 0
SMALLEST = 16
"""The smallest side of a picture in pixels: each layer halves it."""

DESCRIPTION = (
    f"random convolutional network of {len(CHANNELS)} layers ({', '.join(map(str, CHANNELS))} channels, 3x3, "
    f"stride 2, leaky ReLU {SLOPE}), weights of He et al. 2015 by RandomState({SEED}), mean and standard "
    f"deviation of every channel: {2 * sum(CHANNELS)} features"
)


def random_features(image: Tensor) -> Tensor:
    """Give the features of pictures.

    Parameters
    ----------
    image : ``(b, 3, h, w)`` in [0, 1], 16 pixels at least on each side.

    Returns
    -------
    float64 ``(b, 224)``: means and standard deviations over the picture of every channel of every layer.

    Raises
    ------
    ValueError
        For smaller pictures.

    References
    ----------
    Naeem et al. (2020), "Reliable Fidelity and Diversity Metrics for Generative Models", arXiv:2002.09797,
    section 5 (a randomly initialised VGG-16 as an embedding that is not tied to ImageNet); He et al. (2015),
    "Delving Deep into Rectifiers", arXiv:1502.01852, eq. 15 (the weights).

    Examples
    --------
    >>> random_features(torch.full((2, 3, 16, 16), 0.5)).shape
    torch.Size([2, 224])
    """
    h, w = image.shape[-2:]
    if min(h, w) < SMALLEST:
        raise ValueError(
            f"features need pictures of at least {SMALLEST}x{SMALLEST} pixels; got {w}x{h} (w x h)"
        )
    planes = 2 * image.cpu().double() - 1
    found = []
    for weight in _weights():
        planes = F.leaky_relu(
            F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="replicate"), weight, stride=2), SLOPE
        )
        found += [planes.mean(dim=(2, 3)), planes.std(dim=(2, 3), unbiased=False)]
    return torch.cat(found, dim=1)


@cache
def _weights() -> tuple[Tensor, ...]:
    """The filters; drawn by NumPy, whose RandomState gives the same numbers in every version."""
    random, inputs, weights = np.random.RandomState(SEED), 3, []
    for outputs in CHANNELS:
        std = np.sqrt(2 / ((1 + SLOPE**2) * 9 * inputs))
        weights.append(torch.from_numpy(random.normal(0, std, (outputs, inputs, 3, 3))))
        inputs = outputs
    return tuple(weights)
