"""The network: local to the pixel, one noise level or many, within its limits of size and cost."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import torch
from networks import SMALL, random_network, random_planes
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from restore.priors.backbone import BackboneConfig
from restore.priors.unet import Attention, UNet, UNetConfig
from restore.training.config import read_config

ROOT = Path(__file__).parents[2]
LEVEL = torch.zeros(1)
# --- locality -------------------------------------------------------------------------------------

SHAPES = [
    (UNetConfig(channels=(3,), blocks=1, embedding=4, inputs=1, outputs=1), 9),
    (UNetConfig(channels=(3, 3), blocks=1, embedding=4, inputs=1, outputs=1), 23),
    (UNetConfig(channels=(3, 3, 3), blocks=1, embedding=4, inputs=1, outputs=1), 51),
    (UNetConfig(channels=(3, 3), blocks=2, embedding=4, inputs=1, outputs=1), 39),
    (UNetConfig(channels=(3, 3, 3, 3), blocks=2, embedding=4, inputs=1, outputs=1), 195),
]


@pytest.mark.parametrize(("config", "halo"), SHAPES, ids=lambda v: str(getattr(v, "channels", v)))
def test_halo_is_exactly_how_far_a_pixel_sees(config: UNetConfig, halo: int) -> None:
    network = random_network(config).double()
    for parameter in network.parameters():
        parameter.abs_()  # nothing cancels and no unit is dead: what can be seen, is
    assert network.halo == halo
    cell = config.multiple
    middle = (halo // cell + 2) * cell
    planes = torch.rand(1, 1, cell, 2 * middle, dtype=torch.float64).requires_grad_()
    output = network(planes, LEVEL.double())
    reach = []
    for x in range(middle, middle + cell):  # a pixel at each place in its coarsest cell
        (slope,) = torch.autograd.grad(output[0, 0, 0, x], planes, retain_graph=True)
        seen = slope[0, 0].ne(0).any(0).nonzero()[:, 0]
        reach += [x - int(seen[0]), int(seen[-1]) - x]
    assert max(reach) == halo


def test_nothing_outside_the_halo_changes_a_pixel() -> None:
    network = random_network().double()
    y, x, halo = 42, 45, network.halo
    planes = random_planes(1, 9, 88, 96, dtype=torch.float64)
    other = random_planes(1, 9, 88, 96, dtype=torch.float64, seed=1)
    inside = (..., slice(y - halo, y + halo + 1), slice(x - halo, x + halo + 1))
    other[inside] = planes[inside]
    here, there = network(planes, LEVEL.double()), network(other, LEVEL.double())
    assert torch.equal(here[..., y, x], there[..., y, x])
    assert not torch.equal(here[..., 0, 0], there[..., 0, 0])


# --- noise levels ---------------------------------------------------------------------------------


def test_one_level_for_all_equals_the_same_level_for_each() -> None:
    network, planes = random_network().double(), random_planes(3, 9, 16, 24, dtype=torch.float64)
    folded = network(planes, torch.tensor([1.3], dtype=torch.float64))
    unfolded = network(planes, torch.full((3,), 1.3, dtype=torch.float64))
    torch.testing.assert_close(folded, unfolded, rtol=1e-12, atol=1e-12)


def test_each_picture_has_its_own_level() -> None:
    network, planes = random_network().double(), random_planes(2, 9, 8, 8, dtype=torch.float64)
    levels = torch.tensor([-4.0, 7.0], dtype=torch.float64)
    together = network(planes, levels)
    for k in range(2):
        alone = network(planes[k : k + 1], levels[k : k + 1])
        torch.testing.assert_close(together[k : k + 1], alone, rtol=1e-12, atol=1e-12)
    assert (network(planes, levels.flip(0)) - together).abs().max() > 1e-3


def test_gradients_of_both_ways_agree() -> None:
    network, planes = random_network().double(), random_planes(2, 9, 8, 8, dtype=torch.float64)
    gradients = []
    for levels in (torch.tensor([0.5], dtype=torch.float64), torch.full((2,), 0.5, dtype=torch.float64)):
        network.requires_grad_(True).zero_grad()
        network(planes, levels).square().sum().backward()
        gradients.append([p.grad.clone() for p in network.parameters() if p.grad is not None])
    assert len(gradients[0]) == len(list(network.parameters()))  # none is unused
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


def test_levels_are_seen_as_waves_of_the_log_snr() -> None:
    """sin and cos at frequencies in geometric progression from 0.05 to 2."""
    network = UNet(UNetConfig((4, 4), 1, embedding=12))
    seen: list[Tensor] = []
    network.embed.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    network(torch.zeros(2, 9, 4, 4), torch.tensor([-3.0, 0.5]))
    phase = torch.tensor([[-3.0], [0.5]]) * torch.tensor([[0.05, 0.1**0.5, 2.0]])
    torch.testing.assert_close(seen[0], torch.cat([phase.sin(), phase.cos()], 1))


def test_a_fresh_network_answers_zero() -> None:
    assert not UNet(SMALL)(random_planes(1, 9, 8, 8), LEVEL).any()


# --- size and cost --------------------------------------------------------------------------------


TRAINING = [path for path in sorted((ROOT / "configs").glob("*.toml")) if "[backbone]" in path.read_text()]


@pytest.mark.parametrize("path", TRAINING, ids=lambda p: p.name)
def test_configured_networks_are_within_limits(path: Path) -> None:
    config = read_config(path, noisy=path.name == "from_noisy.toml").backbone.network
    network = UNet(config).to("meta")
    with torch.device("meta"):
        planes, level = torch.empty(1, config.inputs, 256, 256), torch.empty(1)
    assert sum(p.numel() for p in network.parameters()) <= 16_000_000
    with FlopCounterMode(display=False) as counter:
        network(planes, level)
    assert counter.get_total_flops() / 2 / 256**2 <= 300_000  # multiplications a pixel


def test_cpu_configuration_is_the_default_network() -> None:
    """Whoever changes one of the two should mean it: the comments in the file speak of both."""
    values = tomllib.loads((ROOT / "configs" / "cpu.toml").read_text(encoding="utf-8"))
    assert tuple(values["backbone"]["network"]["channels"]) == UNetConfig().channels
    assert BackboneConfig().network == UNetConfig()


def test_names_and_shapes_of_the_weights_stay() -> None:
    """Checkpoints are read by these names; changing one needs a new format version."""
    shapes = {name: tuple(t.shape) for name, t in UNet(UNetConfig((8, 12), 1, 8)).state_dict().items()}
    block = {"conv1.weight": (3, 3), "film.weight": (8,), "conv2.weight": (3, 3)}
    expected: dict[str, tuple[int, ...]] = {
        "frequencies": (2,),
        "embed.0.weight": (8, 4), "embed.0.bias": (8,), "embed.2.weight": (8, 8), "embed.2.bias": (8,),
        "stem.weight": (8, 36, 3, 3), "stem.bias": (8,),
        "down.0.weight": (12, 8, 2, 2), "down.0.bias": (12,),
        "up.0.weight": (32, 12, 1, 1), "up.0.bias": (32,),
        "head.weight": (12, 8, 3, 3), "head.bias": (12,),
    }  # fmt: skip
    for level, width in (("encoder.0.0", 8), ("encoder.1.0", 12), ("decoder.0.0", 8)):
        for name, rest in block.items():
            out = 2 * width if name == "film.weight" else width
            expected[f"{level}.{name}"] = (out, *(rest if name == "film.weight" else (width, *rest)))
            expected[f"{level}.{name.replace('weight', 'bias')}"] = (out,)
    assert shapes == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": ()}, "channels must be a list of widths"),
        ({"channels": (8, 0)}, r"each at least 1; got \[8, 0\]"),
        ({"blocks": 0}, "blocks, inputs and outputs must be at least 1; got 0, 9 and 3"),
        ({"embedding": 10}, "embedding must be a multiple of 4; got 10"),
    ],
)
def test_impossible_shapes_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UNetConfig(**changes)  # type: ignore[arg-type]


def test_attention_sees_the_whole_picture_and_starts_as_nothing() -> None:
    config = UNetConfig(channels=(8, 16), blocks=1, embedding=8, attention=(1,))
    network = random_network(config)
    assert not network.local
    x = random_planes(1, 9, 64, 64)
    moved = x.clone()
    moved[..., :2, :2] += 1
    change = (network(moved, torch.zeros(1)) - network(x, torch.zeros(1))).abs()
    assert change[..., -4:, -4:].max() > 0
    fresh = UNet(config)
    assert not fresh.encoder[1][1].project.weight.any()
    plain = UNet(UNetConfig(channels=(8, 16), blocks=1, embedding=8))
    assert plain.local


def test_attention_is_the_papers() -> None:
    """By torch's own, with the same weights."""
    torch.manual_seed(0)
    attention = Attention(64)
    torch.nn.init.normal_(attention.project.weight)
    theirs = torch.nn.MultiheadAttention(64, attention.heads, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(attention.look.weight)
        theirs.in_proj_bias.copy_(attention.look.bias)
        theirs.out_proj.weight.copy_(attention.project.weight)
        theirs.out_proj.bias.copy_(attention.project.bias)
    x = random_planes(2, 64, 3, 5)
    cells = torch.nn.functional.layer_norm(x.flatten(2).mT, (64,))
    expected = x + theirs(cells, cells, cells)[0].mT.reshape(x.shape)
    torch.testing.assert_close(attention(x, torch.zeros(1, 8)), expected, rtol=0, atol=1e-5)


def test_what_is_given_is_told_to_every_block() -> None:
    network = random_network(UNetConfig(channels=(8, 8), blocks=1, embedding=8, given=3))
    x, level = random_planes(2, 9, 8, 8), torch.zeros(1)
    nothing = network(x, level)
    assert torch.equal(network(x, level, torch.zeros(1, 3)), nothing)
    both = network(x, level, torch.eye(3)[:2])
    for k in range(2):
        alone = network(x[k : k + 1], level, torch.eye(3)[k : k + 1])
        torch.testing.assert_close(both[k : k + 1], alone, rtol=0, atol=1e-5)
    assert (both - nothing).abs().max() > 1e-3
