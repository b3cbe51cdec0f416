"""Network calls of several threads: side by side, in parts of the threads, with the same numbers."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import pytest
import torch
from torch import Tensor

from restore.priors.levels import Known
from restore.priors.merged import MOST_PIXELS, Merged, apart
from restore.priors.unet import Attention, UNet, UNetConfig

LEVELS = (0.5, -1.0, 0.5, 3.0, 0.5)


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def network(given: int = 0) -> UNet:
    torch.manual_seed(0)
    made = UNet(UNetConfig(channels=(8, 16), blocks=1, embedding=8, given=given))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return made.requires_grad_(False)


def at_once(calls: Sequence[Callable[[], Tensor]]) -> list[Tensor]:
    """What calls from as many threads give."""
    found: list[Tensor | None] = [None] * len(calls)

    def run(number: int) -> None:
        found[number] = calls[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return [each for each in found if each is not None]


@pytest.mark.parametrize("folded", [True, False])
def test_levels_that_were_asked_for_before(folded: bool) -> None:
    net, merged = network(), Merged(lambda: len(LEVELS))
    pictures = torch.randn(len(LEVELS), 9, 16, 16)
    pairs = [
        (each[None].contiguous(memory_format=torch.channels_last), torch.tensor([level]))
        for each, level in zip(pictures, LEVELS, strict=True)
    ]
    expected = [apart(network(), *pair, folded=folded) for pair in pairs]
    for _ in range(3):
        found = at_once([partial(merged, net, *pair, folded=folded) for pair in pairs])
        assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("kept", [True, False])
def test_a_batch_at_several_levels(kept: bool) -> None:
    net, merged = network(given=0 if kept else 2), Merged()
    vectors = () if kept else (torch.randn(3, 2),)
    pictures, levels = torch.randn(3, 9, 8, 8), torch.tensor([0.5, -1.0, 2.0])
    merged(net, pictures[:1], levels[:1], *(each[:1] for each in vectors), folded=False)
    assert net.known is not None
    found = net(pictures, levels, *vectors, alone=True, folded=False)
    for k in range(3):
        alone = apart(
            network(given=0 if kept else 2),
            pictures[k : k + 1], levels[k : k + 1], *(each[k : k + 1] for each in vectors), folded=False,
        )  # fmt: skip
        assert torch.equal(found[k : k + 1], alone)


@pytest.mark.parametrize(
    ("side", "in_flight", "most_pixels", "expected"),
    [(8, 1, 1e9, 4), (8, 9, 1e9, 1), (400, 9, 1e9, 2), (400, 9, 200_000.0, 4), (400, 1, 1e9, 4)],
)
def test_threads_of_a_batch(
    four_threads: None, side: int, in_flight: int, most_pixels: float, expected: int
) -> None:
    assert (side**2 > MOST_PIXELS["cpu"]) == (side == 400)
    seen: list[int] = []

    def net(inputs: Tensor, level: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        return inputs

    merged = Merged(lambda: in_flight, most_pixels=most_pixels)
    merged(net, torch.zeros(1, 3, side, side), torch.zeros(1))  # type: ignore[arg-type]
    assert seen == [expected] and torch.get_num_threads() == 4


def test_large_pictures_side_by_side(four_threads: None) -> None:
    both, counts = threading.Barrier(2, timeout=30), list[int]()

    def net(inputs: Tensor, level: Tensor) -> Tensor:
        counts.append(torch.get_num_threads())
        both.wait()  # neither ends before the other has begun
        return inputs + level[0]

    merged = Merged(lambda: 2)
    inputs = torch.zeros(1, 3, 400, 400)
    calls = [partial(merged, net, inputs, torch.full((1,), float(n))) for n in range(2)]  # type: ignore[arg-type]
    assert [float(each.mean()) for each in at_once(calls)] == [0, 1] and counts == [2, 2]


def test_an_error_is_raised_where_it_belongs() -> None:
    def net(inputs: Tensor, level: Tensor) -> Tensor:
        if float(level[0]) > 0:
            raise MemoryError("no room")
        return inputs

    merged = Merged(lambda: 2)
    assert merged(net, torch.zeros(1, 3, 8, 8), torch.zeros(1)).shape == (1, 3, 8, 8)  # type: ignore[arg-type]
    with pytest.raises(MemoryError, match="no room"):
        merged(net, torch.zeros(1, 3, 8, 8), torch.ones(1))  # type: ignore[arg-type]
    assert merged._free == merged._threads


def changed(net: UNet, how: str) -> UNet:
    if how == "copy":
        net = copy.deepcopy(net)
    elif how == "precision":
        return net.to(torch.bfloat16)
    elif how == "load":
        net.load_state_dict({name: 2 * each for name, each in net.state_dict().items()})
        return net
    else:
        net.train()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter *= 2
    return net.eval()


@pytest.mark.parametrize("how", ["copy", "precision", "load", "training"])
def test_other_weights_make_something_else_of_a_level(how: str) -> None:
    net, level = network(), torch.tensor([0.5])
    inputs = torch.randn(1, 9, 16, 16)
    Merged()(net, inputs, level, folded=False)
    assert net.known is not None
    other = changed(net, how)
    expected = apart(changed(network(), how), inputs.to(other.stem.weight.dtype), level, folded=False)
    found = Merged()(other, inputs.to(other.stem.weight.dtype), level, folded=False)
    assert torch.equal(found, expected)


def test_levels_that_are_kept_are_few() -> None:
    known = Known()
    for number in range(3 * Known.MOST):
        known.of(float(number))
    assert len(known._levels) <= Known.MOST


@pytest.mark.parametrize("folded", [True, False])
def test_the_number_of_threads_changes_nothing(four_threads: None, folded: bool) -> None:
    net = UNet(UNetConfig(channels=(64, 96), blocks=1, embedding=64))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    net.requires_grad_(False).to(memory_format=torch.channels_last)
    found = []
    with torch.no_grad():
        for threads in (1, 2, 3, 6):
            torch.set_num_threads(threads)
            inputs = torch.randn(1, 9, 24, 16, generator=torch.Generator().manual_seed(0))
            found.append(net(inputs, torch.tensor([0.7]), folded=folded))
    assert all(torch.equal(each, found[0]) for each in found)


def test_attention_is_computed_in_all_threads(four_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    net, seen = UNet(UNetConfig(channels=(8, 8), blocks=1, embedding=8, attention=(1,))), list[int]()
    monkeypatch.setattr(Attention, "forward", lambda self, x, told: seen.append(torch.get_num_threads()) or x)
    Merged(lambda: 9)(net.requires_grad_(False), torch.zeros(1, 9, 8, 8), torch.zeros(1))
    assert seen == [4]
