"""Measure the noise in pictures, and model it.

`estimate_sigma` and `neighbour_correlation` look at one picture; `measure_noise` and `noise_from_views` find
a `NoiseModel` for a set of pictures. Pictures are float arrays ``(h, w, c)`` in [0, 1], and so are the units
of all levels here.
"""

from restore.noise.estimate import NoiseReport, estimate_sigma, neighbour_correlation
from restore.noise.measure import is_clipped, measure_noise, noise_from_views, with_residuals
from restore.noise.model import NoiseModel, white_noise

__all__ = [
    "NoiseModel", "NoiseReport", "estimate_sigma", "is_clipped", "measure_noise", "neighbour_correlation",
    "noise_from_views", "white_noise", "with_residuals",
]  # fmt: skip
