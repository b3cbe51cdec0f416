"""Tiles give what the whole picture gives, at any size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import random_network, random_planes
from torch import Tensor
from torch.nn import functional as F

from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.condition import Condition
from restore.priors.tiling import over_orientations, padded, tiled
from restore.priors.unet import UNetConfig


def highest(radius: int, multiple: int):  # type: ignore[no-untyped-def]
    """A network that sees exactly ``radius`` pixels: the highest value there; exact in any arithmetic."""

    def network(planes: Tensor) -> Tensor:
        assert planes.shape[-2] % multiple == 0
        assert planes.shape[-1] % multiple == 0
        return F.max_pool2d(planes, 2 * radius + 1, stride=1, padding=radius)

    return network


@pytest.mark.slow
@given(
    h=st.integers(1, 70),
    w=st.integers(1, 70),
    tile=st.integers(1, 40),
    radius=st.integers(0, 9),
    multiple=st.sampled_from([1, 2, 8]),
    seed=st.integers(0, 99),
)
def test_tiled_equals_whole(h: int, w: int, tile: int, radius: int, multiple: int, seed: int) -> None:
    planes, network = random_planes(1, 2, h, w, seed=seed), highest(radius, multiple)
    whole = padded(network, planes, multiple=multiple)
    result = tiled(network, planes, tile=tile, halo=radius, multiple=multiple)
    assert result.shape == planes.shape
    assert torch.equal(result, whole)


def test_a_halo_too_small_is_seen() -> None:
    planes, network = random_planes(1, 2, 37, 31), highest(4, 1)
    whole = padded(network, planes, multiple=1)
    assert torch.equal(tiled(network, planes, tile=8, halo=4, multiple=1), whole)
    assert not torch.equal(tiled(network, planes, tile=8, halo=3, multiple=1), whole)


def test_memory_is_bounded_by_the_tile() -> None:
    sizes = []

    def network(planes: Tensor) -> Tensor:
        sizes.append(tuple(planes.shape[-2:]))
        return planes

    planes = random_planes(1, 3, 100, 131)
    assert torch.equal(tiled(network, planes, tile=30, halo=5, multiple=8), planes)
    assert max(max(size) for size in sizes) == 32 + 2 * 8
    assert len(sizes) == 4 * 5


@pytest.mark.slow
def test_network_in_tiles_equals_network_in_one_piece() -> None:
    network = random_network()
    for h, w, tile in ((37, 131, 16), (97, 61, 33), (61, 64, 64), (1, 90, 20)):
        planes = random_planes(2, 9, h, w, seed=h)

        def run(piece: Tensor) -> Tensor:
            return network(piece, torch.tensor([0.7]))

        whole = padded(run, planes, multiple=4)
        pieces = tiled(run, planes, tile=tile, halo=network.halo, multiple=4)
        torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-5)
        assert whole.shape == (2, 3, h, w)
        assert whole.std() > 0.1


@pytest.mark.slow
def test_denoiser_in_tiles_equals_denoiser_in_one_piece() -> None:
    config = BackboneConfig(network=UNetConfig(channels=(8, 8), blocks=1, embedding=8))
    backbone = Backbone(random_network(config.network), config)
    x, hint = random_planes(1, 3, 75, 101), random_planes(1, 3, 75, 101, seed=1)
    for condition in (None, Condition(hint)):
        backbone.tile = 101
        whole = backbone.denoiser(condition)(x, 0.4)
        backbone.tile = 24
        pieces = backbone.denoiser(condition)(x, 0.4)
        torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-5)


def test_padding_mirrors_and_crops() -> None:
    seen = []

    def network(planes: Tensor) -> Tensor:
        seen.append(planes[0, 0])
        return planes

    planes = torch.arange(6.0).view(1, 1, 2, 3)
    assert torch.equal(padded(network, planes, multiple=2), planes)
    assert seen[-1].tolist() == [[0, 1, 2, 1], [3, 4, 5, 4]]
    assert torch.equal(padded(network, planes, multiple=4), planes)  # too small to be mirrored
    assert seen[-1].tolist() == [[0, 1, 2, 2], [3, 4, 5, 5], [3, 4, 5, 5], [3, 4, 5, 5]]
    assert padded(network, planes[..., :2, :2], multiple=2).shape == (1, 1, 2, 2)


def test_a_tile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="tile must be at least 1 pixel, got 0"):
        tiled(lambda planes: planes, random_planes(1, 3, 8, 8), tile=0, halo=1, multiple=1)


# --- orientations ---------------------------------------------------------------------------------


def test_the_orientations_are_the_eight_of_the_square() -> None:
    seen: list[Tensor] = []

    def network(planes: Tensor) -> Tensor:
        seen.append(planes)
        return planes

    planes = random_planes(1, 2, 5, 7)
    assert torch.allclose(over_orientations(network, planes, 8), planes)
    assert torch.equal(seen[0], planes)
    wanted = [
        turned for p in (planes, planes.flip(-1)) for turned in (p.rot90(k, (-2, -1)) for k in range(4))
    ]
    for expected in wanted:
        assert sum(torch.equal(expected, one) for one in seen if one.shape == expected.shape) == 1


@pytest.mark.parametrize("count", [0, 9])
def test_a_picture_has_eight_orientations(count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 8 orientations, got {count}"):
        over_orientations(lambda planes: planes, random_planes(1, 2, 5, 7), count)


@pytest.mark.parametrize(("count", "turn"), [(2, (-1,)), (4, (-2,)), (4, (-2, -1))])
def test_fewer_orientations_are_the_mirrored_ones(count: int, turn: tuple[int, ...]) -> None:
    """The mean over a group commutes with it, whatever the network."""
    torch.manual_seed(0)
    network = torch.nn.Conv2d(2, 2, 3, padding=1).requires_grad_(False)
    planes = random_planes(1, 2, 6, 9)
    mean = over_orientations(network, planes, count)
    torch.testing.assert_close(over_orientations(network, planes.flip(turn), count), mean.flip(turn))
    assert not torch.allclose(network(planes.flip(turn)), network(planes).flip(turn), atol=1e-3)


def test_eight_orientations_do_not_care_how_the_picture_lies() -> None:
    config = BackboneConfig(network=UNetConfig(channels=(8, 16), blocks=1))
    backbone = Backbone(random_network(config.network), config)
    x, hint = random_planes(1, 3, 17, 30), random_planes(1, 3, 17, 30, seed=1)
    once = backbone.denoiser(Condition(hint, noise_std=0.1))(x, 0.3)
    backbone.ensemble = 8
    backbone.tile = 16
    mean = backbone.denoiser(Condition(hint, noise_std=0.1))(x, 0.3)
    quarter = backbone.denoiser(Condition(hint.rot90(1, (2, 3)), noise_std=0.1))(x.rot90(1, (2, 3)), 0.3)
    torch.testing.assert_close(quarter, mean.rot90(1, (2, 3)), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(once, mean, atol=1e-3)
