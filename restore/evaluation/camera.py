"""The noise of photographs: a simulated camera, and white noise in a JPEG. No level is told.

The camera has its numbers in common with the simulation that training draws its cameras from
(`restore.training.cameras`), but one fixed setting, true Poisson noise, another generator of random numbers
and the JPEGs of another encoder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from restore.evaluation.cases import Case, Protocol, rounded
from restore.evaluation.protocols import LegacyRng, jpeg_file
from restore.training.cameras import (
    CAMERA,
    XYZ_TO_CAMERA,
    Development,
    by_green,
    mosaic,
    raw_matrices,
    smoothed_noise,
)

SHOTS = (0.0004, 0.0016, 0.0064)
"""Shot noise of about ISO 400, 1600 and 6400, within the 1e-4 to 1.2e-2 of Brooks et al. (2019)."""
_ILCE_7R = 1  # the place of its matrix
_RED, _BLUE, _EXPOSURE = 2.15, 1.7, 0.8  # in the middle of the ranges of Brooks et al. (2019)
_LUMA, _CHROMA = 0.6, 2.5  # radii that the camera smooths its noise by, in pixels


@dataclass(frozen=True)
class Camera(Protocol):
    """The noise of a camera: made on the raw sensor, developed, smoothed and stored as JPEG.

    The clean picture is developed backwards to what the sensor of a Sony ILCE-7R would have seen of it in
    daylight: without the tone curve and the gamma, in the colours of the camera, without white balance and
    exposure. There a Poisson number of photons is counted at each site of the mosaic and read noise added
    [1]_. With and without the noise it is developed: demosaicked along the smaller gradient, balanced, with
    gamma and tone curve. The difference is smoothed, in chroma more than in luma as cameras do it [2]_, added
    to the clean picture, and that is stored.

    Parameters
    ----------
    shot : float
        Gain of the Poisson noise on the raw range 0..1: 1 / photons at white. About ISO / 1e6.
    quality : int
        Of the JPEG, 1 to 100; Pillow's encoder, chroma 4:2:0.
    seed : int
        Of the random numbers, the same for every picture.

    References
    ----------
    .. [1] T. Brooks et al., "Unprocessing Images for Learned Raw Denoising", CVPR 2019, arXiv:1811.11127:
       matrix, gains, tone curve, and read noise by shot noise.
    .. [2] S. Guo et al., "Toward Convolutional Blind Denoising of Real Photographs", CVPR 2019,
       arXiv:1807.04686.

    Examples
    --------
    >>> import torch
    >>> clean = torch.full((1, 3, 64, 64), 0.5)
    >>> stds = [255 * (Camera(shot).apply(clean).given.image - clean).std().item() for shot in SHOTS]
    >>> [round(std) for std in stds]
    [4, 9, 17]
    """

    task: ClassVar[str] = "denoise"
    level_name: ClassVar[str] = "shot noise"
    any_noise: ClassVar[bool] = True
    shot: float
    quality: int = 95
    seed: int = 0

    @property
    def name(self) -> str:
        return f"camera shot {self.shot:g} jpeg {self.quality}"

    @property
    def description(self) -> str:
        return (
            "Noise of a simulated camera, about "
            f"ISO {1e6 * self.shot:.0f}: numpy.random.RandomState({self.seed}) anew for each picture, "
            f"{self.shot:g} Poisson(raw / {self.shot:g}) + N(0, {self.read:.3g}) drawn as (h, w) on the raw "
            f"sensor of a Sony ILCE-7R (gains {_RED:g}, 1, {_BLUE:g}, exposure {_EXPOSURE:g}), demosaicked "
            "by green, with gamma and tone curve, its difference blurred by Gaussians of "
            f"{_LUMA:g} pixels in luma and {_CHROMA:g} in chroma, added, stored by Pillow as JPEG of quality "
            f"{self.quality}, chroma 4:2:0; the noise level is not told"
        )

    @property
    def level(self) -> float:
        return self.shot

    @property
    def series(self) -> str:
        return f"camera, jpeg {self.quality}"

    @property
    def read(self) -> float:
        """The standard deviation of the read noise that goes with the shot noise, on the raw range."""
        return math.exp((CAMERA.read_slope * math.log(self.shot) + CAMERA.read_offset) / 2)

    def developed(self, clean: Tensor, luma: float = _LUMA, chroma: float = _CHROMA) -> Tensor:
        """The noisy picture ``(1, 3, h, w)`` before it is stored: neither clipped nor rounded.

        luma, chroma: the radii that the camera smooths its noise by, in pixels.
        """
        cameras = torch.tensor(XYZ_TO_CAMERA[_ILCE_7R], dtype=torch.float64).view(1, 3, 3)
        gains = torch.tensor([[_RED, 1.0, _BLUE]], dtype=torch.float64) / _EXPOSURE
        development = Development(raw_matrices(cameras), gains, tone=True)
        raw = development.raw_of(clean.double())
        seen = mosaic(raw).sum(1)[0].numpy()
        rng = LegacyRng(self.seed)
        sensor = self.shot * rng.poisson(seen / self.shot) + rng.normal(0, self.read, seen.shape)
        noise = development.difference(raw, torch.from_numpy(sensor - seen)[None, None], by_green)
        return clean.double() + smoothed_noise(noise, luma, chroma)

    def apply(self, clean: Tensor) -> Case:
        if min(clean.shape[-2:]) < 8:
            raise ValueError(f"{clean.shape[-1]}x{clean.shape[-2]} pixels are too few for a camera")
        return Case(clean, jpeg_file(self.developed(clean), self.quality))


@dataclass(frozen=True)
class JpegOfNoisy(Protocol):
    """White Gaussian noise, rounded to 8 bits and then stored as JPEG; restorers are not told its level.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise before the JPEG, 0..255 scale.
    quality : int
        Of the JPEG, 1 to 100; Pillow's encoder, chroma 4:2:0.
    seed : int
        Of the random numbers, the same for every picture.
    """

    task: ClassVar[str] = "denoise"
    level_name: ClassVar[str] = "noise"
    any_noise: ClassVar[bool] = True
    sigma: float
    quality: int = 95
    seed: int = 0

    @property
    def name(self) -> str:
        return f"gaussian sigma {self.sigma:g} in jpeg {self.quality}"

    @property
    def description(self) -> str:
        return (
            f"White Gaussian noise: numpy.random.RandomState({self.seed}) anew for each picture, "
            f"N(0, {self.sigma:g}/255) drawn as (h, w, 3), clamped and rounded to 8 bits, stored by Pillow "
            f"as JPEG of quality {self.quality}, chroma 4:2:0; the noise level is not told"
        )

    @property
    def level(self) -> float:
        return self.sigma

    @property
    def series(self) -> str:
        return f"gaussian in jpeg {self.quality}"

    def apply(self, clean: Tensor) -> Case:
        noise = LegacyRng(self.seed).normal(0, self.sigma / 255, (*clean.shape[-2:], 3))
        noisy = clean.double() + torch.from_numpy(np.ascontiguousarray(noise)).permute(2, 0, 1)
        return Case(clean, jpeg_file(rounded(noisy), self.quality))
