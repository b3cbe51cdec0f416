"""Models of noise for tests."""

from __future__ import annotations

import numpy as np

from restore.noise.model import NoiseModel


def bell_model(blur: float, sigma: float, *, rho: float = 0.0, gain: float = 0.0) -> NoiseModel:
    """Gaussian noise blurred by a Gaussian of ``blur`` pixels, with correlation rho between the channels."""
    bell = np.exp(-(np.arange(-7, 8) ** 2) / (2 * blur**2))
    kernel = np.outer(bell, bell) / (bell**2).sum()
    channels = np.full((3, 3), rho) + (1 - rho) * np.eye(3)
    return NoiseModel(np.full(3, gain), np.full(3, sigma), kernel, channels, np.full(3, 0.5))


def correlation_of_blur(blur: float) -> float:
    """Correlation between neighbours of white noise blurred by a Gaussian."""
    bell = np.exp(-(np.arange(-9, 10) ** 2) / (2 * blur**2))
    return float((bell[1:] * bell[:-1]).sum() / (bell**2).sum())
