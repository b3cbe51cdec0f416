"""What a picture gets does not depend on the pictures that are computed with it."""

from __future__ import annotations

import pytest
import torch
from networks import random_network, random_planes
from torch.nn import functional as F

from restore.priors.convolution import Convolution, convolved
from restore.priors.unet import UNetConfig

SHAPES = [(64, 3, 1, 16), (256, 3, 1, 8), (256, 2, 2, 8), (384, 1, 1, 2), (384, 3, 1, 7)]
"""Channels, side of the filter, stride and side: for one picture PyTorch by itself takes another kernel."""

WIDE = UNetConfig(channels=(16, 64, 96), blocks=1, embedding=8, given=3)


@pytest.mark.parametrize(("channels", "filter_side", "stride", "side"), SHAPES)
def test_one_picture_is_convolved_as_several_are(
    channels: int, filter_side: int, stride: int, side: int
) -> None:
    x = random_planes(17, channels, side, side)
    weight, bias = random_planes(channels, channels, filter_side, filter_side, seed=1), torch.ones(channels)
    padding = filter_side // 2 if stride == 1 else 0
    all_of_them = convolved(x, weight, bias, stride=stride, padding=padding)
    each = [convolved(one, weight, bias, stride=stride, padding=padding) for one in x.split(1)]
    assert torch.equal(all_of_them, torch.cat(each))
    torch.testing.assert_close(all_of_them, F.conv2d(x, weight, bias, stride, padding))


def test_its_gradient_is_that_of_any_convolution() -> None:
    layer = Convolution(3, 4, 3, padding=1)
    other = torch.nn.Conv2d(3, 4, 3, padding=1)
    other.load_state_dict(layer.state_dict())
    x = random_planes(1, 3, 6, 6)
    for module in (layer, other):
        module(x).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, other.weight.grad)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("side", "folded"), [(32, False), (48, True)])
def test_pictures_in_a_batch_get_what_they_get_by_themselves(
    side: int, folded: bool, precision: torch.dtype
) -> None:
    network = random_network(WIDE).to(precision)
    x = random_planes(5, 9, side, side).to(precision)
    levels = torch.tensor([1.0, 1.0, 2.0, 3.0, 3.0])
    told = torch.eye(3)[[0, 0, 1, 1, 2]]
    rows = [slice(k, k + 1) for k in range(5)]
    with torch.no_grad():
        alone = torch.cat([network(x[k], levels[k], told[k], folded=folded) for k in rows])
        assert torch.equal(network(x, levels, told, alone=True, folded=folded), alone)
        at_one = torch.cat([network(x[k], levels[:1], folded=folded) for k in rows])
        assert torch.equal(network(x, levels[:1], folded=folded), at_one)
        assert torch.equal(network(x, levels[:1].expand(5), alone=True, folded=folded), at_one)


def test_pictures_told_different_things_differ() -> None:
    network = random_network(WIDE)
    x = random_planes(1, 9, 8, 8).expand(2, -1, -1, -1)
    one, other = network(x, torch.zeros(1), torch.eye(3)[:2], alone=True)
    assert not torch.equal(one, other)


def test_folding_changes_rounding_alone() -> None:
    network, x = random_network(WIDE), random_planes(2, 9, 16, 16)
    folded, unfolded = (network(x, torch.ones(1), folded=each) for each in (True, False))
    torch.testing.assert_close(folded, unfolded, rtol=1e-4, atol=1e-4)
