"""Made-up photographs to train on, and runs of milliseconds a step."""

from __future__ import annotations

import dataclasses
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import SMALL
from PIL import Image
from safetensors import safe_open
from torch import Tensor

from restore.images.resize import resize
from restore.priors.backbone import BackboneConfig
from restore.training import trainer
from restore.training.batches import Batch, Mix, make_batch
from restore.training.config import DataConfig, OptimConfig, RunConfig, TrainConfig
from restore.training.levels import NoiseLevels

ONLY_PRIOR = Mix(unconditional=1, upscale=0, inpaint=0, denoise=0)


def photograph(h: int, w: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """A smooth random picture, uint8 ``(h, w, 3)``."""
    coarse = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    smooth = resize(coarse, (h, w)).clamp(0, 1)[0].permute(1, 2, 0)
    return (smooth * 255).round().byte().numpy()


def encoded(picture: np.ndarray[Any, Any], kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind)
    return file.getvalue()


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photographs")
    for number in range(3):
        (folder / f"{number}.png").write_bytes(encoded(photograph(40, 48 + 8 * number, number)))
    return folder


def tiny_run(photographs: Path, out: Path, **run: Any) -> TrainConfig:
    """A run of milliseconds a step."""
    settings: dict[str, Any] = {
        "steps": 20,
        "batch": 6,
        "compile": False,
        "device": "cpu",
        "precision": "fp32",
        "log_every": 5,
        "save_every": 0,
        **run,
    }
    return TrainConfig(
        data=DataConfig(train=(str(photographs),), crop=16, text=0.0),
        backbone=BackboneConfig(network=SMALL),
        optim=OptimConfig(lr=0.01, warmup_steps=3),
        run=RunConfig(out=str(out), **settings),
    )


def train(config: TrainConfig, **options: Any) -> Path:
    """Train without a word."""
    return trainer.train(config, say=lambda line: None, **options)


def with_run(config: TrainConfig, **changes: object) -> TrainConfig:
    return dataclasses.replace(config, run=dataclasses.replace(config.run, **changes))


def with_validation(config: TrainConfig, folder: Path, pictures: int = 1) -> TrainConfig:
    """The configuration with validation pictures, which are made in a new folder."""
    folder.mkdir()
    for number in range(pictures):
        (folder / f"{number}.png").write_bytes(encoded(photograph(192, 192, 90 + number)))
    return dataclasses.replace(config, data=dataclasses.replace(config.data, val=str(folder)))


def batch_of(mix: Mix, n: int = 8, *, seed: int = 0, size: int = 16) -> Batch:
    """A batch of made-up photographs, damaged."""
    clean = torch.stack([torch.from_numpy(photograph(size, size, k)) for k in range(n)])
    clean = clean.permute(0, 3, 1, 2).float() / 255
    generator = torch.Generator().manual_seed(seed)
    levels = NoiseLevels(mix, BackboneConfig())
    return make_batch(clean, mix, levels, generator=generator, rng=random.Random(seed))


def tensors_of(path: Path) -> dict[str, Tensor]:
    """All tensors of a safetensors file."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}
