"""Trunks of LPIPS with random weights: a distance all the same, and no file that tests would have to have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor


def random_trunk(net: str) -> dict[str, Tensor]:
    """A whole torchvision network's weights, classifier included, drawn at random."""
    import torchvision

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        build = {"squeeze": torchvision.models.squeezenet1_1, "alex": torchvision.models.alexnet}[net]
        weights: dict[str, Tensor] = build(weights=None).state_dict()
    return weights


@pytest.fixture(scope="module")
def random_trunk_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a random SqueezeNet, which RESTORE_LPIPS_TRUNK names."""
    path = tmp_path_factory.mktemp("trunk") / "random.pth"
    torch.save(random_trunk("squeeze"), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESTORE_LPIPS_TRUNK", str(path))
        yield path
