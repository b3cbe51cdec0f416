"""Weights of another project's kind, tiny, as `restore convert` writes them."""

from __future__ import annotations

from pathlib import Path

import torch

from restore.priors.foreign import backbone as foreign
from restore.priors.foreign.attention_unet import AttentionUNet, AttentionUNetConfig


def foreign_weights(path: Path, *, classes: int = 0, steps: int = 1000) -> Path:
    config = AttentionUNetConfig(
        channels=(8, 8), blocks=1, attention=(False, False), residual=(False, False), groups=4,
        head_channels=8, classes=classes,
    )  # fmt: skip
    network = AttentionUNet(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.05, generator=generator)
    foreign.save(foreign.ForeignBackbone(network, foreign.ForeignConfig(config, steps=steps)), path)
    return path
