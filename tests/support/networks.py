"""Networks of random weights, far too small to be good and quick to run."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.unet import UNet, UNetConfig

SMALL = UNetConfig(channels=(8, 8), blocks=1, embedding=8)


def random_network(config: UNetConfig = SMALL, *, seed: int = 0, scale: float = 0.2) -> UNet:
    """A network whose every weight is drawn at random: fresh ones answer 0 and would hide mistakes."""
    network = UNet(config)
    generator = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        fan = max(1, parameter[0].numel())
        nn.init.normal_(parameter, std=scale if parameter.ndim == 1 else fan**-0.5, generator=generator)
    return network.requires_grad_(False)


def random_planes(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def random_backbone(config: BackboneConfig | None = None) -> Backbone:
    """A backbone of such a network."""
    config = config or BackboneConfig(network=SMALL)
    return Backbone(random_network(config.network), config)
