"""A prior whose answers are known and that remembers what it was asked; made-up batches and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gaussian_oracle import GaussianPrior
from networks import SMALL
from torch import Tensor

from restore.diffusion.schedule import named
from restore.priors.backbone import BackboneConfig
from restore.priors.condition import Condition
from restore.types import Denoiser

CONFIG = BackboneConfig(network=SMALL)
PRIOR = GaussianPrior(mean=0.5, std=0.25)


class Recorder:
    """A prior that answers by a formula and remembers what it was asked."""

    def __init__(self, answer: Denoiser = PRIOR.denoise) -> None:
        self.config = CONFIG
        self.sigma_min, self.sigma_max = CONFIG.sigma_min, CONFIG.sigma_max
        self.schedule = named(CONFIG.schedule, CONFIG.steps)
        self.conditional, self.ensemble, self.calls = True, 1, 0
        self.label, self.classes, self.needs_label = None, (), False
        self.facts: dict[str, Any] = {}
        self.device, self.dtype = torch.device("cpu"), torch.float32
        self.answer = answer
        self.states: list[Tensor] = []
        self.sigmas: list[float] = []
        self.conditions: list[Condition | None] = []

    def denoiser(
        self,
        condition: Condition | None = None,
        *,
        given: Tensor | None = None,
        differentiable: bool = False,
    ) -> Denoiser:
        self.conditions.append(condition)

        def denoise(x: Tensor, sigma: float) -> Tensor:
            self.states.append(x)
            self.sigmas.append(sigma)
            return self.answer(x, sigma)

        return denoise

    @property
    def pixels(self) -> int:
        return sum(x.shape[0] * x.shape[-2] * x.shape[-1] for x in self.states)


class Reports(list[tuple[int, int]]):
    """What a progress bar is told."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))

    def assert_complete(self, calls: int) -> None:
        assert self == [(done, calls) for done in range(1, calls + 1)]


def picture(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def box_mask(h: int, w: int, top: int, bottom: int, left: int, right: int) -> np.ndarray[Any, Any]:
    mask = np.zeros((h, w), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask
