"""A network with random weights, far too small to be good and quick to run; checkpoints that are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from restore.errors import WeightsError
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.checkpoint import load
from restore.priors.unet import UNet, UNetConfig


def tiny_backbone(**facts: Any) -> Backbone:
    """The same weights every time."""
    config = BackboneConfig(network=UNetConfig(channels=(8, 8), blocks=1, embedding=8))
    network = UNet(config.network)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0, 0.05, generator=generator)
    return Backbone(network, config, facts)


def refused(path: Path) -> str:
    """What is said of a checkpoint that cannot be loaded: one line that names the file."""
    with pytest.raises(WeightsError) as caught:
        load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message
