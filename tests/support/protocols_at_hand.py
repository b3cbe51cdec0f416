"""Every protocol, a clean picture, and restorers that leave a picture as it is or spoil it."""

from __future__ import annotations

from scenes import scene
from torch import Tensor

from restore.evaluation.cases import Given, Protocol, from_bytes
from restore.evaluation.columns import HOLES
from restore.evaluation.protocols import BicubicDown, Degraded, Gaussian, Holes, Jpeg, PoissonGaussian

ALL: list[Protocol] = [
    Gaussian(25),
    Gaussian(25, quantised=True),
    PoissonGaussian(0.02),
    Jpeg(20),
    BicubicDown(2),
    BicubicDown(4),
    Degraded(("blur=gaussian:1.2", "down=2")),
    Degraded(("blur=motion:9:20",), sigma=2),
    *(Holes(family) for family in HOLES),
]
CLEAN = from_bytes(scene(0, 70, 94))


def exact(given: Given) -> Tensor:
    return given.image


def halved(given: Given) -> Tensor:
    return given.image / 2
