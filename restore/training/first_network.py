"""The network that a training run begins with."""

from __future__ import annotations

from dataclasses import replace

import torch

from restore.errors import ConfigError
from restore.priors import adapters, checkpoint
from restore.priors.unet import UNet
from restore.training.config import TrainConfig


def first_network(config: TrainConfig) -> tuple[UNet, str]:
    """Give the network with its first weights, and adapters where these are trained; the base's hash.

    Weights at random are drawn from the seed of the run. Raises ConfigError for a checkpoint of another
    network.
    """
    run = config.run
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)  # of weights only; data have their own generators
        network, digest = UNet(config.backbone.network), ""
        if run.weights:
            path = None if run.weights == "shipped" else run.weights
            base = checkpoint.load(path, device="cpu", dtype=torch.float32)
            low, high = config.backbone.sigma_min, config.backbone.sigma_max
            if base.config != config.backbone == replace(base.config, sigma_min=low, sigma_max=high):
                raise ConfigError(
                    f"{run.weights} was trained at noise levels from {base.config.sigma_min:.3g} to "
                    f"{base.config.sigma_max:.3g}, not {low:.3g} to {high:.3g}; set mix.levels = 'log-sigma' "
                    "or these as backbone.sigma_min and sigma_max"
                )
            if base.config != config.backbone:
                raise ConfigError(f"{run.weights} was trained as {base.config}, not as {config.backbone}")
            network.load_state_dict(base.network.state_dict())
            digest = str(base.facts["sha256"])
        if run.rank:
            adapters.add_adapters(network, run.rank)
    return network, digest
