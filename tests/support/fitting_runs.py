"""Noisy views of made-up scenes, and fits of milliseconds a step."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from scenes import scene
from torch import Tensor

from restore.fitting import fit as fits
from restore.fitting.fit import FitOptions, FitReport
from restore.fitting.fitter import Fitter
from restore.fitting.views import NoisySet, Scene
from restore.priors import checkpoint
from restore.priors.backbone import Backbone
from restore.training.config import FitConfig

Pixels = NDArray[np.uint8]


def fit(noisy: NoisySet, output: Path, config: FitConfig, *, base: Backbone, **options: Any) -> FitReport:
    return fits.fit(noisy, output, config, base=base, options=FitOptions(**options))


def load(path: Path) -> Backbone:
    return checkpoint.load(path, device="cpu", dtype=torch.float32)


@pytest.fixture
def base(weights: Path) -> Backbone:
    return load(weights)


def clean(number: int) -> NDArray[np.float64]:
    """A made-up scene, soft, less dark and less bright than it can be."""
    return 40 + 0.7 * scene(number, 216, 264)[:72, :88]


def noisy(number: int, view: int = 0, *, sigma: float = 20, blur: bool = False) -> Pixels:
    """A view of it."""
    rng = np.random.default_rng((number, view))
    noise = rng.normal(0, 1, (72, 88, 3))
    if blur:
        noise = (noise + noise[:, np.r_[1:88, 0]] + noise[np.r_[1:72, 0]]) / 3**0.5
    pixels = clean(number) + sigma * noise
    return pixels.round().clip(0, 255).astype(np.uint8)


def singles(count: int = 4, **options: Any) -> NoisySet:
    return NoisySet(tuple(Scene(str(k), (noisy(k, **options),)) for k in range(count)), skipped=2)


def paired(count: int = 4) -> NoisySet:
    return NoisySet(tuple(Scene(str(k), (noisy(k, 0), noisy(k, 1))) for k in range(count)))


def quick(**changes: Any) -> FitConfig:
    """Few steps, and enough at once for them to be a gain: the tiny network knows nothing yet."""
    options: dict[str, Any] = {
        "minutes": 0.0, "steps": 12, "batch": 4, "crop": 32, "compile": False, "lr": 0.3, "held_out": 0.25,
        **changes,
    }  # fmt: skip
    return FitConfig(**options)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def tensors_of(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}


def different(one: dict[str, Tensor], two: dict[str, Tensor]) -> list[str]:
    assert one.keys() == two.keys()
    return [name for name in one if not torch.equal(one[name], two[name])]


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Interrupt a fit before it takes this step."""
    whole = Fitter.train_step

    def interrupted(self: Fitter, f: Any) -> Tensor:
        if self.step == step:
            raise KeyboardInterrupt
        return whole(self, f)

    monkeypatch.setattr(Fitter, "train_step", interrupted)
