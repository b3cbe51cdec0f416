"""Which patches of a picture are whole, and which ones cover its hole."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from mutants import edited, mutant_tests
from torch import Tensor

from restore.inverse import patches as module
from restore.inverse.patches import Patches, check_sources, means_over, patches_of

CORNERS = ((0, 0), (0, -1), (-1, 0), (-1, -1))


def random_mask(h: int, w: int, share: float, seed: int) -> Tensor:
    return (torch.rand(1, 1, h, w, generator=torch.Generator().manual_seed(seed)) < share).float()


def brute_force(hole: Tensor, side: int, source: Tensor) -> tuple[set[int], set[int]]:
    """The numbers of the whole patches, and of those that hold a missing pixel, one by one."""
    h, w = hole.shape[-2:]
    whole, holed = set(), set()
    for top in range(h - side + 1):
        for left in range(w - side + 1):
            rows, columns = slice(top, top + side), slice(left, left + side)
            number = (top + side // 2) * w + left + side // 2
            missing = hole[0, 0, rows, columns].any()
            if missing:
                holed.add(number)
            elif source[0, 0, rows, columns].all():
                whole.add(number)
    return whole, holed


def covered(patches: Patches) -> Tensor:
    """The pixels that a wanted patch holds, ``(h * w,)``."""
    count = torch.zeros(len(patches.known), dtype=torch.bool)
    count[patches.pixels(patches.wanted).flatten()] = True
    return count


@given(
    h=st.integers(3, 14),
    w=st.integers(3, 14),
    side=st.sampled_from([1, 3, 5, 7]),
    share=st.sampled_from([0.0, 0.02, 0.1, 0.5]),
    seed=st.integers(0, 999),
)
def test_patches_are_those_counted_one_by_one(h: int, w: int, side: int, share: float, seed: int) -> None:
    side = min(side, (min(h, w) - 1) // 2 * 2 + 1)
    hole, source = random_mask(h, w, share, seed), random_mask(h, w, 0.95, seed + 1)
    patches = patches_of(hole, side, source)
    whole, holed = brute_force(hole, side, source)
    assert set(patches.sources.nonzero()[:, 0].tolist()) == whole
    assert patches.wanted.tolist() == sorted(holed)
    assert torch.equal(patches.known, hole.flatten() == 0)
    assert patches.size == (h, w)


@pytest.mark.parametrize("side", [1, 3, 5, 9])
@pytest.mark.parametrize("size", [(9, 9), (9, 16), (17, 12)])
def test_every_missing_pixel_is_covered_at_every_stride(size: tuple[int, int], side: int) -> None:
    for stride in range(1, side + 1):
        for pixel in range(size[0] * size[1]):
            hole = torch.zeros(1, 1, *size)
            hole.view(-1)[pixel] = 1
            patches = patches_of(hole, side, stride=stride)
            assert covered(patches)[pixel], (pixel, stride)
            pixels = patches.pixels(patches.wanted)
            assert (pixels == pixel).any(1).all()  # and no patch is wanted that holds none


@given(
    side=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 7),
    h=st.integers(7, 20),
    w=st.integers(7, 20),
    share=st.floats(0, 1),
    seed=st.integers(0, 999),
)
@example(side=7, stride=7, h=20, w=13, share=1.0, seed=0)
def test_holes_of_any_shape_are_covered(
    side: int, stride: int, h: int, w: int, share: float, seed: int
) -> None:
    hole = random_mask(h, w, share, seed)
    for row, column in CORNERS:
        hole[..., row, column] = 1
    patches = patches_of(hole, side, stride=min(stride, side))
    pixels = patches.pixels(patches.wanted)
    assert pixels.min() >= 0
    assert pixels.max() < h * w
    assert (pixels % w).diff().unique().tolist() in ([], [1], [1 - side, 1])  # none goes around an edge
    assert covered(patches)[hole.flatten() > 0].all()


def test_a_stride_leaves_out_rows_and_columns_but_not_the_last() -> None:
    hole = torch.ones(1, 1, 8, 9)
    places = patches_of(hole, 3, stride=3).wanted
    assert sorted({int(place) // 9 for place in places}) == [1, 4, 6]
    assert sorted({int(place) % 9 for place in places}) == [1, 4, 7]


def test_a_soft_mask_is_missing_where_it_is_not_0() -> None:
    hole = torch.zeros(1, 1, 5, 5)
    hole[..., 2, 2] = 0.01
    patches = patches_of(hole, 3)
    assert not patches.sources.any()
    assert patches.known.logical_not().nonzero().tolist() == [[12]]


def test_taking_patches_out() -> None:
    values = torch.arange(20.0).view(20, 1) + torch.tensor([0.0, 100.0])
    patches = patches_of(torch.zeros(1, 1, 4, 5), 3)
    taken = patches.of(values, torch.tensor([6, 13]))
    expected = torch.tensor([[0, 1, 2, 5, 6, 7, 10, 11, 12], [7, 8, 9, 12, 13, 14, 17, 18, 19]]).float()
    assert torch.equal(taken[..., 0], expected)
    assert torch.equal(taken[..., 1], expected + 100)


@pytest.mark.parametrize("most", [1, 100, 2**24])
def test_parts_meet_every_number_once(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(module, "MOST_VALUES", most)
    patches = patches_of(torch.zeros(1, 1, 8, 8), 3)
    numbers = list(range(23))
    parts = [numbers[part] for part in patches.parts(23, 3)]
    assert [number for part in parts for number in part] == numbers
    assert max(len(part) for part in parts) == {1: 1, 100: 3, 2**24: 23}[most]


def check_means() -> None:
    """Every pixel is the weighted mean of the copies that lie over it."""
    hole = torch.zeros(1, 1, 1 + 2, 6)
    hole[..., 1, 2:4] = 1
    patches = patches_of(hole, 3)
    values = torch.rand(18, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = torch.tensor([7, 10, 8, 9])
    weights = torch.tensor([0.1, 2.0, 0.7, 3.0], dtype=torch.float64)
    total, count = torch.zeros(18, 2, dtype=torch.float64), torch.zeros(18, 1, dtype=torch.float64)
    assert patches.wanted.tolist() == [7, 8, 9, 10]
    for place, copied, weight in zip([7, 8, 9, 10], found.tolist(), weights.tolist(), strict=True):
        for down in (-6, 0, 6):
            for right in (-1, 0, 1):
                total[place + down + right] += weight * values[copied + down + right]
                count[place + down + right] += weight
    torch.testing.assert_close(means_over(patches, values, found, weights), total / count)


def test_means() -> None:
    check_means()


def test_means_are_0_where_no_patch_is() -> None:
    hole = torch.zeros(1, 1, 3, 8)
    hole[..., 1, 0] = 1
    patches = patches_of(hole, 3)
    means = means_over(patches, torch.ones(24, 1), torch.tensor([13]), torch.tensor([1e-30])).view(3, 8)
    assert torch.equal(means[:, :3], torch.ones(3, 3))
    assert torch.equal(means[:, 3:], torch.zeros(3, 5))


@pytest.mark.parametrize("side", [0, 2, 8, -3, 7, 11])
def test_sides_that_cannot_be(side: int) -> None:
    with pytest.raises(ValueError, match=rf"odd and at most that of the picture 9x6, got {side}$"):
        patches_of(torch.zeros(1, 1, 6, 9), side)


@pytest.mark.parametrize("stride", [0, -1, 4])
def test_strides_that_leave_pixels_out(stride: int) -> None:
    with pytest.raises(ValueError, match=f"at most their side 3, got {stride}$"):
        patches_of(torch.zeros(1, 1, 6, 9), 3, stride=stride)


def test_no_whole_patch() -> None:
    hole = torch.zeros(1, 1, 5, 5)
    check_sources(patches_of(hole, 5))
    hole[..., 4, 4] = 1
    with pytest.raises(ValueError, match="no whole patch of 5x5 pixels"):
        check_sources(patches_of(hole, 5))
    check_sources(patches_of(hole, 3))
    with pytest.raises(ValueError, match="no whole patch of 3x3 pixels"):
        check_sources(patches_of(hole, 3, torch.zeros_like(hole)))


def check_places() -> None:
    """Sources are whole, allowed and in the picture; what is wanted covers the hole."""
    hole, source = random_mask(11, 13, 0.03, 1), random_mask(11, 13, 0.97, 2)
    hole[..., -1, -1] = 1
    patches = patches_of(hole, 3, source, stride=3)
    whole, _ = brute_force(hole, 3, source)
    assert set(patches.sources.nonzero()[:, 0].tolist()) == whole
    assert covered(patches)[hole.flatten() > 0].all()


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_places: [
            edited(patches_of, "missing | (source <= 0)", "missing"),
            edited(patches_of, "missing | (source <= 0)", "(source <= 0)"),
            edited(patches_of, "(~touched(barred) & inside)", "~touched(barred)"),
            edited(module._every, "chosen[side - reach - 1] = True", "pass"),
        ],
        check_means: [
            edited(means_over, "weighted[found + offset]", "weighted[found]"),
            edited(means_over, " * weights[:, None]", ""),
        ],
    }
)
