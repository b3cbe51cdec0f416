"""What a run descends with: Muon's step against the singular value decomposition, states that go on."""

from __future__ import annotations

import math
from typing import Literal

import pytest
import torch
from networks import SMALL, random_network
from torch import Tensor, nn

from restore.priors.unet import UNet
from restore.training.config import OptimConfig
from restore.training.optimizer import WeightUpdater, orthogonal

pytestmark = pytest.mark.usefixtures("one_thread")

Kind = Literal["adamw", "muon"]


def network() -> UNet:
    made = random_network(SMALL).to(memory_format=torch.channels_last)
    return made.requires_grad_()


def with_gradients(net: UNet, seed: int = 0) -> dict[str, Tensor]:
    """Random gradients for all weights, in their memory layout; a copy of them."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.grad = torch.empty_like(parameter).copy_(torch.randn(parameter.shape, generator=generator))
    return {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}


def weights(net: UNet) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in net.named_parameters()}


def inner(net: UNet) -> list[str]:
    """Convolutions between stem and head, by name."""
    convolutions = (name for name, m in net.named_modules() if isinstance(m, nn.Conv2d))
    return [f"{name}.weight" for name in convolutions if name not in ("stem", "head")]


def test_muon_steps_along_the_nearest_orthogonal_matrix() -> None:
    """U V^T of the gradient's SVD, each singular value near 1, as far as Newton's and Schulz's steps come."""
    net = network()
    before, gradients = weights(net), with_gradients(net)
    WeightUpdater(net, OptimConfig(kind="muon", lr=1e-2)).step(1e-2)
    for name in inner(net):
        step = (before[name] - net.get_parameter(name).detach()).flatten(1)
        rows, columns = step.shape
        step = step / (1e-2 * 0.2 * math.sqrt(max(rows, columns)))
        u, _, v = torch.linalg.svd(gradients[name].flatten(1), full_matrices=False)
        assert torch.nn.functional.cosine_similarity(step.flatten(), (u @ v).flatten(), dim=0) > 0.95
        singular = torch.linalg.svdvals(step)
        assert singular.min() > 0.6 and singular.max() < 1.3


def test_steps_are_those_of_torch_s_muon() -> None:
    """Which takes matrices alone, and works in bf16: up to rounding."""
    net = network()
    before = weights(net)
    matrices = {n: nn.Parameter(before[n].permute(0, 2, 3, 1).flatten(1).clone()) for n in inner(net)}
    peer = torch.optim.Muon(
        matrices.values(), lr=1e-2, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"
    )
    updater = WeightUpdater(net, OptimConfig(kind="muon", weight_decay=0.1))
    for seed in range(4):
        gradients = with_gradients(net, seed)
        for name, matrix in matrices.items():
            matrix.grad = gradients[name].permute(0, 2, 3, 1).flatten(1)
        updater.step(1e-2)
        peer.step()
    for name, matrix in matrices.items():
        start = before[name].permute(0, 2, 3, 1).flatten(1)
        found = net.get_parameter(name).detach().permute(0, 2, 3, 1).flatten(1) - start
        expected = matrix.detach() - start
        assert (found - expected).norm() < 0.03 * expected.norm()


@pytest.mark.parametrize("rank", [1, 5, 40])
def test_gradients_of_low_rank_do_no_harm(rank: int) -> None:
    """What lies along them becomes orthogonal, what rounding leaves elsewhere stays next to nothing."""
    generator = torch.Generator().manual_seed(rank)
    sides = torch.randn(2, 160, rank, generator=generator), torch.randn(2, rank, 1440, generator=generator)
    with_scale = (sides[0] * torch.logspace(0, -2, rank)) @ sides[1]
    singular = torch.linalg.svdvals(orthogonal(with_scale).double())
    assert singular.max() < 1.3
    assert singular[:, :rank].min() > 0.5
    assert singular[:, rank:].max() < 0.05


def test_the_precision_of_products_is_left_as_it_was() -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        orthogonal(torch.randn(1, 4, 8))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_all_else_steps_as_with_adamw() -> None:
    one, two = network(), network()
    for net, config in (
        (one, OptimConfig(kind="muon", weight_decay=0.1)),
        (two, OptimConfig(kind="adamw", weight_decay=0.1)),
    ):
        updater = WeightUpdater(net, config)
        for seed in range(3):
            with_gradients(net, seed)
            updater.step(1e-3)
            assert all(p.grad is None for p in net.parameters())
    muon, adamw = weights(one), weights(two)
    different = [name for name in muon if not torch.equal(muon[name], adamw[name])]
    assert different == inner(one)


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_going_on_equals_never_stopping(kind: Kind) -> None:
    config = OptimConfig(kind=kind)
    whole = network()
    updater = WeightUpdater(whole, config)
    for seed in range(4):
        with_gradients(whole, seed)
        updater.step(1e-3)
    parts = network()
    first = WeightUpdater(parts, config)
    for seed in range(2):
        with_gradients(parts, seed)
        first.step(1e-3)
    second = WeightUpdater(parts, config)
    second.load({name: moment.clone().contiguous() for name, moment in first.tensors().items()})
    for seed in range(2, 4):
        with_gradients(parts, seed)
        second.step(1e-3)
    one, two = weights(whole), weights(parts)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_muon_takes_its_momentum_from_adamw() -> None:
    net = network()
    adamw = WeightUpdater(net, OptimConfig())
    gradients = with_gradients(net)
    adamw.step(1e-3)
    muon = WeightUpdater(net, OptimConfig(kind="muon"))
    muon.load(adamw.tensors())
    numbers = {name: number for number, (name, _) in enumerate(net.named_parameters())}
    found = muon.tensors()
    for name in inner(net):
        torch.testing.assert_close(
            found[f"optimizer.{numbers[name]}.exp_avg"], 0.1 * gradients[name]
        )  # 1 - beta_1


def test_adamw_starts_anew_where_muon_was() -> None:
    """Also when AdamW was there before: its second moments are of long ago."""
    net = network()
    first = WeightUpdater(net, OptimConfig())
    with_gradients(net)
    first.step(1e-3)
    muon = WeightUpdater(net, OptimConfig(kind="muon"))
    muon.load(first.tensors())
    with_gradients(net)
    muon.step(1e-3)
    adamw = WeightUpdater(net, OptimConfig())
    adamw.load(muon.tensors())
    known = {id(parameter) for parameter in adamw.optimizers[0][0].state}
    assert [name for name, p in net.named_parameters() if id(p) not in known] == inner(net)
    with_gradients(net)
    adamw.step(1e-3)  # and can step
