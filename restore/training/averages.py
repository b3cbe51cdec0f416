"""Exponential moving averages of a network's weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from restore.training.state import fitting


class Averages:
    """Averages of a network's weights, one for each decay.

    ``states`` holds a state dictionary for each of ``decays``.
    """

    def __init__(self, network: nn.Module, decays: Sequence[float]):
        self.decays = tuple(decays)
        state = network.state_dict()
        self.states = [{n: t.detach().clone() for n, t in state.items()} for _ in self.decays]

    def update(self, network: nn.Module, steps: int) -> None:
        """Move the averages towards the weights, after so many steps in all runs.

        A young average forgets faster, so that the first weights do not linger.
        """
        young = (1 + steps) / (10 + steps)
        with torch.no_grad():
            state = network.state_dict()
            floats = [n for n, t in state.items() if t.is_floating_point()]
            for decay, average in zip(self.decays, self.states, strict=True):
                share = 1 - min(decay, young)
                torch._foreach_lerp_([average[n] for n in floats], [state[n] for n in floats], share)

    def tensors(self) -> dict[str, Tensor]:
        """All averages as ``average.NUMBER.NAME``, for a saved state."""
        return {
            f"average.{number}.{name}": tensor
            for number, average in enumerate(self.states)
            for name, tensor in average.items()
        }

    def load(self, tensors: Mapping[str, Tensor], decays: Sequence[float]) -> None:
        """Take the averages of a saved state, for each the one whose decay is nearest in memory length."""
        for decay, average in zip(self.decays, self.states, strict=True):
            nearest = min(range(len(decays)), key=lambda i: abs(math.log((1 - decays[i]) / (1 - decay))))
            for name, tensor in average.items():
                tensor.copy_(fitting(tensors, f"average.{nearest}.{name}", tensor))
