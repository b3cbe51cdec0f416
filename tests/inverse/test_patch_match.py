"""The search for similar patches, and what it says of a picture in twice the size."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import edited, mutant_tests
from torch import Tensor

from restore.inverse import patches as patches_module
from restore.inverse.patch_match import Found, Search, nearest
from restore.inverse.patches import Patches, patches_of

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def box(h: int, w: int, rows: slice, columns: slice) -> Tensor:
    hole = torch.zeros(1, 1, h, w)
    hole[..., rows, columns] = 1
    return hole


def any_sources(patches: Patches, seed: int) -> Tensor:
    """One source for each of the wanted, at random."""
    sources = patches.sources.nonzero()[:, 0]
    generator = torch.Generator().manual_seed(seed)
    return sources[torch.randint(len(sources), (len(patches.wanted),), generator=generator)]


def distances_one_by_one(patches: Patches, weights: Tensor, values: Tensor, sources: Tensor) -> Tensor:
    """Of all wanted patches, in float64."""
    apart = []
    for place, source in zip(patches.wanted.tolist(), sources.tolist(), strict=True):
        total = share = 0.0
        for offset in patches.offsets.tolist():
            weight = float(weights[place + offset])
            total += weight * float(
                (values[place + offset] - values[source + offset]).double().square().sum()
            )
            share += weight
        apart.append(total / share)
    return torch.tensor(apart)


def check_distances() -> None:
    """Distances are weighted means of squared differences."""
    patches = patches_of(box(12, 15, slice(4, 7), slice(5, 8)), 3)
    weights, values = drawn(180, seed=1) + 0.1, drawn(180, 4, seed=2)
    sources = any_sources(patches, 3)
    found = Search(patches, weights, 0).distances(values, sources, torch.arange(len(sources)))
    torch.testing.assert_close(found, distances_one_by_one(patches, weights, values, sources))
    some = torch.tensor([3, 0, 7])
    again = Search(patches, weights, 0).distances(values, sources[some], some)
    assert torch.equal(again, found[some])


def test_distances() -> None:
    check_distances()


def shifted_copy() -> tuple[Patches, Tensor, Tensor]:
    """A picture with a hole, its values, and the patches 14 rows up and 7 columns left that are the same."""
    patches = patches_of(box(32, 32, slice(18, 24), slice(18, 24)), 5)
    picture = drawn(32, 32, 3)
    picture[14:28, 14:28] = picture[:14, 7:21].clone()
    return patches, picture.view(-1, 3), patches.wanted - 14 * 32 - 7


def test_an_exact_copy_is_found_from_anywhere_near() -> None:
    patches, values, copies = shifted_copy()
    search = Search(patches, torch.ones(len(values)), seed=0)
    begin = nearest(patches.sources.view(32, 32))[patches.wanted - 10 * 32 - 3]
    assert not (begin == copies).any()
    sources, distances = search.improve(values, begin, 8)
    assert torch.equal(sources, copies)
    assert torch.equal(distances, torch.zeros(len(copies)))


def check_neighbours_pass_on() -> None:
    """One patch that knows the copy tells all others in one round; random places are not needed."""
    patches, values, copies = shifted_copy()
    far = patches.sources.nonzero()[-1, 0]  # nothing alike is near
    begin = far.repeat(len(copies))
    begin[37] = copies[37]
    search = Search(patches, torch.ones(len(values)), seed=0)
    sources, _ = search.improve(values, begin, 1)
    assert (sources == copies).float().mean() > 0.95
    sources, distances = search.improve(values, sources, 2)
    assert torch.equal(sources, copies)
    assert float(distances.max()) == 0


def test_neighbours_pass_on_what_they_found() -> None:
    check_neighbours_pass_on()


def test_neighbours_are_asked_at_a_stride() -> None:
    hole = box(40, 40, slice(20, 32), slice(20, 32))
    patches = patches_of(hole, 5, stride=3)
    picture = drawn(40, 40, 3)
    picture[16:36, 16:36] = picture[0:20, 3:23].clone()
    copies = patches.wanted - 16 * 40 - 13
    assert patches.sources[copies].all()
    begin = patches.sources.nonzero()[-1:, 0].repeat(len(copies))
    begin[7] = copies[7]
    sources, _ = Search(patches, torch.ones(1600), 0).improve(picture.view(-1, 3), begin, 2)
    assert torch.equal(sources, copies)


@settings(max_examples=25)
@given(
    h=st.integers(8, 20),
    w=st.integers(8, 20),
    side=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    seed=st.integers(0, 999),
)
def test_nothing_gets_worse_and_all_are_sources(h: int, w: int, side: int, stride: int, seed: int) -> None:
    hole = (drawn(1, 1, h, w, seed=seed) < 0.02).float()
    hole[..., seed % h, seed % w] = 1
    source = (drawn(1, 1, h, w, seed=seed + 1) < 0.97).float()
    patches = patches_of(hole, side, source, stride=min(side, stride))
    if not patches.sources.any():
        return
    weights, values = drawn(h * w, seed=seed + 2) + 0.01, drawn(h * w, 3, seed=seed + 3)
    begin = any_sources(patches, seed)
    kept = begin.clone()
    search = Search(patches, weights, seed)
    every = torch.arange(len(begin))
    before = search.distances(values, begin, every)
    for rounds in (0, 1, 2):
        sources, after = search.improve(values, begin, rounds)
        assert (after <= before).all()
        assert patches.sources[sources].all()
        assert torch.equal(after, search.distances(values, sources, every))
        assert torch.equal(begin, kept)  # the caller's
        if rounds == 0:
            assert torch.equal(sources, begin)


def test_the_seed_decides() -> None:
    patches = patches_of(box(32, 32, slice(12, 20), slice(12, 20)), 5)
    values, begin = drawn(1024, 3), any_sources(patches, 0)

    def found(seed: int) -> Tensor:
        return Search(patches, torch.ones(1024), seed).improve(values, begin, 1)[0]

    assert torch.equal(found(4), found(4))
    assert not torch.equal(found(4), found(5))


@pytest.mark.parametrize("most", [1, 1000])
def test_parts_make_no_difference(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    patches = patches_of(box(24, 24, slice(9, 15), slice(9, 15)), 3)
    values, begin, weights = drawn(576, 3), any_sources(patches, 0), drawn(576, seed=1) + 0.1
    whole = Search(patches, weights, 0).improve(values, begin, 1)
    monkeypatch.setattr(patches_module, "MOST_VALUES", most)
    parts = Search(patches, weights, 0).improve(values, begin, 1)
    assert torch.equal(whole[0], parts[0])
    torch.testing.assert_close(whole[1], parts[1])


def test_a_search_in_a_picture_without_a_hole() -> None:
    patches = patches_of(torch.zeros(1, 1, 8, 8), 3)
    sources, distances = Search(patches, torch.ones(64), 0).improve(
        torch.rand(64, 3), torch.zeros(0, dtype=torch.long), 1
    )
    assert len(sources) == len(distances) == 0


# ----- twice the size


def check_twice_the_size() -> None:
    """A constant shift is twice as long in twice the size."""
    for stride, size in ((1, (32, 48)), (2, (32, 48)), (3, (31, 47))):
        hole = box(16, 24, slice(8, 12), slice(14, 18))
        small = patches_of(hole, 3)
        shift = -4 * 24 - 6
        found = Found(small, small.wanted + shift)
        large_hole = hole.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., : size[0], : size[1]]
        large = patches_of(large_hole, 3, stride=stride)
        assert small.sources[found.sources].all()
        w = size[1]
        expected = large.wanted + 2 * (-4) * w + 2 * (-6)
        assert large.sources[expected].all()
        twice = found.in_twice_the_size(large)
        assert twice.patches is large
        assert torch.equal(twice.sources, expected)


def test_twice_the_size() -> None:
    check_twice_the_size()


def check_two_shifts() -> None:
    """Two halves with different shifts: a large patch has twice that of the small patch at its middle."""
    hole = box(20, 20, slice(8, 12), slice(8, 12))
    small = patches_of(hole, 3)
    right = small.wanted % 20 >= 10
    sources = small.wanted + torch.where(right, 6, -6)
    large = patches_of(hole.repeat_interleave(2, 2).repeat_interleave(2, 3), 3)
    twice = Found(small, sources).in_twice_the_size(large)
    assert torch.equal(twice.sources, large.wanted + torch.where(large.wanted % 40 >= 20, 12, -12))


def test_each_patch_follows_the_one_it_lies_in() -> None:
    check_two_shifts()


@settings(max_examples=25)
@given(
    h=st.integers(9, 24),
    w=st.integers(9, 24),
    stride=st.integers(1, 3),
    share=st.sampled_from([0.005, 0.02]),
    seed=st.integers(0, 999),
)
def test_only_sources_are_found_in_twice_the_size(
    h: int, w: int, stride: int, share: float, seed: int
) -> None:
    large_hole = (drawn(1, 1, h, w, seed=seed) < share).float()
    large_hole[..., seed % h, seed % w] = 1
    hole = torch.nn.functional.max_pool2d(large_hole, 2, ceil_mode=True)
    barred = (drawn(1, 1, h, w, seed=seed + 1) < 0.98).float()
    small, large = patches_of(hole, 3), patches_of(large_hole, 3, barred, stride=stride)
    if not small.sources.any() or not large.sources.any():
        return
    twice = Found(small, any_sources(small, seed)).in_twice_the_size(large)
    assert len(twice.sources) == len(large.wanted)
    assert large.sources[twice.sources].all()


def test_the_nearest_place() -> None:
    places = torch.zeros(9, 11, dtype=torch.bool)
    places[1, 2] = places[7, 8] = True
    near = nearest(places)
    assert set(near.tolist()) == {1 * 11 + 2, 7 * 11 + 8}
    y, x = torch.meshgrid(torch.arange(9), torch.arange(11), indexing="ij")
    first, second = (y - 1) ** 2 + (x - 2) ** 2, (y - 7) ** 2 + (x - 8) ** 2
    clear = ((first.sqrt() - second.sqrt()).abs() > 0.6).flatten()  # OpenCV's distances are not exact
    expected = torch.where(first < second, 13, 85).flatten()
    assert torch.equal(near[clear], expected[clear])
    everywhere = nearest(torch.ones(4, 6, dtype=torch.bool))
    assert torch.equal(everywhere, torch.arange(24))


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_distances: [
            edited(Search.distances, "self._share[numbers]", "self.patches.side**2"),
            edited(Search.distances, " * weights", ""),
        ],
        check_neighbours_pass_on: [
            edited(Search._ask_neighbours, "source // w - down", "source // w + down"),
            edited(Search._ask_neighbours, "source % w - right", "source % w"),
        ],
        check_two_shifts: [edited(Found.in_twice_the_size, "(x // 2)", "x")],
        check_twice_the_size: [
            edited(Found.in_twice_the_size, "2 * (from_ // w - near // w)", "(from_ // w - near // w)"),
        ],
    }
)
