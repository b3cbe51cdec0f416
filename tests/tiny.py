"""A network with random weights, far too small to be good and quick to run."""

from __future__ import annotations

from typing import Any

import torch

from restore.backbone import Backbone, BackboneConfig
from restore.unet import UNet, UNetConfig


def tiny_backbone(**facts: Any) -> Backbone:
    """The same weights every time."""
    config = BackboneConfig(network=UNetConfig(channels=(8, 8), blocks=1, embedding=8))
    network = UNet(config.network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.05, generator=generator)
    return Backbone(network, config, facts)
