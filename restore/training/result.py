"""The weights that a training run gives: assembled for use, and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restore.priors import adapters, checkpoint
from restore.priors.backbone import Backbone
from restore.priors.unet import UNet
from restore.training.config import TrainConfig


def network_with(state: Mapping[str, Tensor], config: TrainConfig) -> UNet:
    """A network of its own with copies of these weights; adapters among them become part of the others."""
    if config.run.rank:
        state = adapters.merged(*adapters.split(state))
    with torch.device("meta"):
        network = UNet(config.backbone.network)
    network.load_state_dict({n: t.detach().clone() for n, t in state.items()}, assign=True)
    return network


def recipe(config: TrainConfig) -> dict[str, Any]:
    """What a checkpoint tells of how its weights were trained."""
    return {
        "crop": config.data.crop,
        "mix": asdict(config.mix),
        "loss": asdict(config.loss),
        "optim": asdict(config.optim),
    }


def write_weights(
    backbone: Backbone, out: Path, adapted: Mapping[str, Tensor] | None, *, base: str
) -> None:  # fmt: skip
    """Write ``weights.safetensors`` into a folder.

    adapted: the weights with adapters among them where only these are written; base: what they adapt.
    """
    out.mkdir(exist_ok=True)
    path = out / "weights.safetensors"
    if adapted is None:
        checkpoint.save(backbone, path)
    else:
        checkpoint.save_adapters(adapters.split(adapted)[1], path, base=base, facts=backbone.facts)
