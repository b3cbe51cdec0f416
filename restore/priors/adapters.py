"""Low-rank adapters: small changes to the convolutions of a network, kept apart from it (Hu et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

FORMAT = "restore-adapter-1"
_PARAMETRIZED = ".parametrizations.weight.0."


class LowRank(nn.Module):
    """``W + B A`` for a convolution's weight ``(o, i, k, k)``, with A ``(rank, i k k)`` and B ``(o, rank)``.

    B starts at zero, so that the network starts as it was. The weight itself is not trained.
    """

    def __init__(self, weight: Tensor, rank: int):
        super().__init__()
        outputs, inputs = weight.shape[0], weight[0].numel()
        self.A = nn.Parameter(torch.randn(rank, inputs, device=weight.device) / inputs**0.5)
        self.B = nn.Parameter(torch.zeros(outputs, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.B @ self.A).view_as(weight)


def add_adapters(network: nn.Module, rank: int) -> list[nn.Parameter]:
    """Give every convolution of a network an adapter; return what is trained. All else is held fixed.

    Raises ValueError for a rank below 1.
    """
    if rank < 1:
        raise ValueError(f"rank must be at least 1, got {rank}")
    network.requires_grad_(False)
    parameters: list[nn.Parameter] = []
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d):
            adapter = LowRank(module.weight, rank)
            parametrize.register_parametrization(module, "weight", adapter)
            parameters += [adapter.A, adapter.B]
    return parameters


def adapter_tensors(network: nn.Module) -> dict[str, Tensor]:
    """The adapters of a network, each under the name of its convolution: ``NAME.A`` and ``NAME.B``."""
    return plain_names({n: t for n, t in network.state_dict().items() if _PARAMETRIZED in n})


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors without what torch's parametrization puts into their names."""
    return {name.replace(_PARAMETRIZED, "."): tensor for name, tensor in tensors.items()}


def merged(base: Mapping[str, Tensor], adapters: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of the base with its adapters added, in the base's precision.

    Raises ValueError, naming the tensor, for adapters of another network.
    """
    state = dict(base)
    for name in sorted({name.rpartition(".")[0] for name in adapters}):
        weight, A, B = state.get(f"{name}.weight"), adapters.get(f"{name}.A"), adapters.get(f"{name}.B")
        if weight is None or A is None or B is None:
            raise ValueError(f"there is no convolution {name}, or a half of its adapter is missing")
        if (len(B), A.shape[1]) != (len(weight), weight[0].numel()) or len(A) != B.shape[1]:
            raise ValueError(
                f"{name}.weight is {tuple(weight.shape)}, the adapter {tuple(B.shape)} x {tuple(A.shape)}"
            )
        change = (B.float() @ A.float()).view_as(weight)
        state[f"{name}.weight"] = (weight.float() + change).to(weight.dtype)
    return state
