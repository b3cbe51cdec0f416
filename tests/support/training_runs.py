"""Made-up photographs to train on, and runs of milliseconds a step."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from networks import SMALL
from PIL import Image

from restore.images.resize import resize
from restore.priors.backbone import BackboneConfig
from restore.training.config import DataConfig, OptimConfig, RunConfig, TrainConfig


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
