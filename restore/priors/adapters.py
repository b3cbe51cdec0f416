"""Low-rank adapters: small changes to the convolutions of a network, kept apart from it (Hu et al. 2021)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from restore.images.outside import plain

FORMAT = "restore-adapter-1"
_PARAMETRIZED = ".parametrizations.weight.0."
_ORIGINAL = ".parametrizations.weight.original"


class LowRank(nn.Module):
    """``W + B A`` for a convolution's weight ``(o, i, k, k)``, with A ``(rank, i k k)`` and B ``(o, rank)``.

    B starts at zero, so that the network starts as it was. The weight itself is not trained.

    Parameters
    ----------
    weight : that of the convolution.
    rank : at least 1.

    References
    ----------
    Hu et al. (2021), "LoRA: Low-Rank Adaptation of Large Language Models", arXiv:2106.09685, eq. 3.

    Examples
    --------
    >>> weight = torch.ones(4, 3, 3, 3)
    >>> bool((LowRank(weight, 2)(weight) == weight).all())
    True
    """

    def __init__(self, weight: Tensor, rank: int):
        super().__init__()
        outputs, inputs = weight.shape[0], weight[0].numel()
        self.A = nn.Parameter(torch.randn(rank, inputs, device=weight.device) / inputs**0.5)
        self.B = nn.Parameter(torch.zeros(outputs, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        """Give the weight with its change."""
        return weight + (self.B @ self.A).view_as(weight)


def add_adapters(network: nn.Module, rank: int) -> list[nn.Parameter]:
    """Give every convolution of a network an adapter; all else is held fixed.

    Parameters
    ----------
    network : changed in place.
    rank : of the adapters, at least 1.

    Returns
    -------
    What is trained: A and B of every convolution.

    Raises
    ------
    ValueError
        For a rank below 1.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> len(add_adapters(tiny_prior().network, rank=1))
    20
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
    """Give the adapters of a network under the names of their convolutions, ``NAME.A`` and ``NAME.B``.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> network = tiny_prior().network
    >>> _ = add_adapters(network, rank=1)
    >>> adapter_tensors(network)["stem.A"].shape
    torch.Size([1, 324])
    """
    return plain_names({n: t for n, t in network.state_dict().items() if _PARAMETRIZED in n})


def plain_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the same tensors without what torch's parametrization puts into their names."""
    return {name.replace(_PARAMETRIZED, "."): tensor for name, tensor in tensors.items()}


def split(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Give the base and the adapters of the state of a network that `add_adapters` has changed.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> network = tiny_prior().network
    >>> names = set(network.state_dict())
    >>> _ = add_adapters(network, rank=1)
    >>> base, added = split(network.state_dict())
    >>> set(base) == names, len(added)
    (True, 20)
    """
    base = {name.replace(_ORIGINAL, ".weight"): t for name, t in state.items() if _PARAMETRIZED not in name}
    return base, plain_names({name: t for name, t in state.items() if _PARAMETRIZED in name})


def merged(
    base: Mapping[str, Tensor], adapters: Mapping[str, Tensor], share: float = 1.0
) -> dict[str, Tensor]:
    """Give the state of a network with its adapters added.

    Parameters
    ----------
    base : the network's tensors by name.
    adapters : its adapters, as `adapter_tensors` gives them.
    share : of their change that is added.

    Returns
    -------
    The tensors by name, in the precision of the base.

    Raises
    ------
    ValueError
        For adapters of another network; it names the tensor.

    Examples
    --------
    >>> base = {"c.weight": torch.ones(2, 3, 1, 1)}
    >>> found = merged(base, {"c.A": torch.ones(1, 3), "c.B": torch.ones(2, 1)})
    >>> float(found["c.weight"].mean())
    2.0
    """
    check(base, adapters)
    state = dict(base)
    for name in _convolutions(adapters):
        weight, A, B = state[f"{name}.weight"], adapters[f"{name}.A"], adapters[f"{name}.B"]
        change = share * (B.float() @ A.float()).view_as(weight)
        state[f"{name}.weight"] = (weight.float() + change).to(weight.dtype)
    return state


def check(base: Mapping[str, Tensor], adapters: Mapping[str, Tensor]) -> None:
    """Raise ValueError for adapters of another network, naming the tensor; only shapes are looked at.

    Examples
    --------
    >>> check({"c.weight": torch.ones(2, 3, 1, 1)}, {"c.A": torch.ones(1, 3), "c.B": torch.ones(2, 1)})
    """
    for name in _convolutions(adapters):
        weight, A, B = base.get(f"{name}.weight"), adapters.get(f"{name}.A"), adapters.get(f"{name}.B")
        if weight is None or weight.ndim != 4 or A is None or B is None:
            raise ValueError(f"there is no convolution {plain(name)}, or a half of its adapter is missing")
        outputs, inputs, rank = len(weight), weight[0].numel(), len(A) if A.ndim else 0
        if not rank or A.shape != (rank, inputs) or B.shape != (outputs, rank):
            raise ValueError(
                f"{name}.weight is {tuple(weight.shape)}, the adapter {tuple(B.shape)} x {tuple(A.shape)}"
            )


def _convolutions(adapters: Mapping[str, Tensor]) -> list[str]:
    """The names of what adapters change, sorted; ValueError for a tensor that is half of none."""
    for name in adapters:
        if name.rpartition(".")[2] not in ("A", "B"):
            raise ValueError(f"there is no convolution of which {plain(name)} is an adapter")
    return sorted({name.rpartition(".")[0] for name in adapters})


def stacked(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give adapters that change a network by as much as two others together; their ranks add up.

    Examples
    --------
    >>> one = {"c.A": torch.ones(1, 3), "c.B": torch.ones(2, 1)}
    >>> both = stacked(one, one)
    >>> both["c.A"].shape, both["c.B"].shape
    (torch.Size([2, 3]), torch.Size([2, 2]))
    >>> float(merged({"c.weight": torch.ones(2, 3, 1, 1)}, both)["c.weight"].mean())
    3.0
    """
    found = {**first, **second}
    for name in first.keys() & second.keys():
        one, other = first[name].float(), second[name].float()
        found[name] = torch.cat([one.to(other.device), other], 0 if name.endswith(".A") else 1)
    return found
