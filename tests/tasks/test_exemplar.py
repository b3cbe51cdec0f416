"""Holes that are filled by the patches of the picture itself, from coarse to fine."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from restore.diffusion.seeds import seeded_rng
from restore.inverse import patch_denoiser as denoiser_module
from restore.inverse import patches as patches_module
from restore.inverse.patches import patches_of
from restore.tasks import exemplar
from restore.tasks.exemplar import SIDE, STEPS, exemplar_fill, texture_of

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def box(h: int, w: int, rows: slice, columns: slice) -> Tensor:
    hole = torch.zeros(1, 1, h, w)
    hole[..., rows, columns] = 1
    return hole


def tiled(h: int, w: int, period: tuple[int, int], seed: int = 0) -> Tensor:
    """Random colours that are repeated."""
    down, right = period
    tile = drawn(1, 3, down, right, seed=seed)
    return tile.repeat(1, 1, -(-h // down), -(-w // right))[..., :h, :w].contiguous()


def squares(n: int, side: int) -> Tensor:
    """A checkerboard."""
    place = torch.arange(n) // side
    return ((place[:, None] + place) % 2).float().expand(1, 3, n, n).contiguous()


def stripes(n: int, wide: int, down: int = 0) -> Tensor:
    """Stripes, upright or slanted."""
    y, x = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    return ((x + down * y) // wide % 2).float().expand(1, 3, n, n).contiguous()


SMALL = box(40, 44, slice(14, 22), slice(16, 24))  # filled at its full size
LARGE = box(64, 64, slice(20, 48), slice(20, 48))  # filled at half its size first


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for what does not depend on how good the fill is."""
    monkeypatch.setattr(exemplar, "STEPS", 4)
    monkeypatch.setattr(exemplar, "CALLS", ((math.inf, 2),))


# ----- repetitions


@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(squares(64, 1), id="checkerboard of 1"),
        pytest.param(squares(64, 4), id="checkerboard of 4"),
        pytest.param(stripes(64, 3, down=1), id="slanted stripes"),
        pytest.param(tiled(64, 64, (3, 3)), id="tiles of 3x3"),
        pytest.param(tiled(64, 64, (5, 5)), id="tiles of 5x5"),
        pytest.param(tiled(64, 64, (4, 6)), id="tiles of 4x6"),
    ],
)
def test_a_periodic_texture_goes_on(picture: Tensor) -> None:
    filled = exemplar_fill(picture, LARGE, seeded_rng(0))
    torch.testing.assert_close(filled, picture, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "picture",
    [
        pytest.param(squares(128, 1), id="checkerboard of 1"),
        pytest.param(squares(128, 4), id="checkerboard of 4"),
        pytest.param(stripes(128, 2), id="stripes"),
        pytest.param(stripes(128, 3, down=1), id="slanted stripes"),
        pytest.param(tiled(128, 128, (2, 2)), id="tiles of 2x2"),
        pytest.param(tiled(128, 128, (5, 5)), id="tiles of 5x5"),
        pytest.param(tiled(128, 128, (8, 8)), id="tiles of 8x8"),
        pytest.param(tiled(128, 128, (8, 4)), id="tiles of 8x4"),
    ],
)
def test_a_periodic_texture_goes_on_through_a_large_hole(picture: Tensor) -> None:
    hole = box(128, 128, slice(44, 84), slice(44, 84))
    filled = exemplar_fill(picture, hole, seeded_rng(0))
    torch.testing.assert_close(filled, picture, rtol=0, atol=1e-5)


def test_a_constant_stays() -> None:
    picture = torch.tensor([0.2, 0.5, 0.7]).view(1, 3, 1, 1).expand(1, 3, 64, 64).contiguous()
    torch.testing.assert_close(exemplar_fill(picture, LARGE, seeded_rng(0)), picture, rtol=0, atol=1e-5)


def test_an_edge_goes_through_the_hole() -> None:
    picture = torch.zeros(1, 3, 40, 44)
    picture[..., 20:] = 1
    filled = exemplar_fill(picture, SMALL, seeded_rng(0))
    torch.testing.assert_close(filled, picture, rtol=0, atol=0.05)


# ----- what is read


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("hole", [SMALL, LARGE], ids=["one size", "two sizes"])
@pytest.mark.parametrize("hidden", [7.0, torch.nan])
def test_what_is_in_the_hole_is_not_read(hole: Tensor, hidden: float) -> None:
    picture = tiled(*hole.shape[-2:], (5, 7)) + 0.1 * drawn(1, 3, *hole.shape[-2:])
    other = picture.where(hole == 0, hidden)
    assert torch.equal(exemplar_fill(picture, hole, seeded_rng(0)), exemplar_fill(other, hole, seeded_rng(0)))


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("hole", [SMALL, LARGE], ids=["one size", "two sizes"])
def test_forbidden_colours_do_not_get_into_the_fill(hole: Tensor) -> None:
    """Red is forbidden, and far enough from the hole not to be the colour of its rim."""
    h, w = hole.shape[-2:]
    picture = 0.5 + 0.2 * drawn(1, 1, h, w).expand(1, 3, h, w).contiguous()
    source = torch.ones_like(hole)
    source[..., :, :6] = source[..., -6:, :] = 0
    picture[:, 1:] *= source
    filled = exemplar_fill(picture, hole, seeded_rng(0), source=source)
    assert float((filled[:, 0] - filled[:, 1]).abs()[hole[:, 0] > 0].max()) < 1e-4


def test_where_all_is_forbidden_but_one_texture() -> None:
    """The hole lies in noise; only stripes may be copied."""
    picture = drawn(1, 3, 40, 60)
    picture[..., 36:] = torch.tensor([[0.0], [1.0]]).repeat(20, 24)  # rows
    hole, source = box(40, 60, slice(14, 22), slice(12, 20)), torch.zeros(1, 1, 40, 60)
    source[..., 36:] = 1
    patches = []

    def spy(*args: object, **kwargs: object) -> object:
        patches.append(right(*args, **kwargs))
        return patches[-1]

    right = exemplar.patch_denoiser
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exemplar, "patch_denoiser", spy)
        exemplar_fill(picture, hole, seeded_rng(0), source=source)
    found = patches[-1].found.sources
    assert patches[-1].patches.sources[found].all()
    assert (found % 60 >= 36 + SIDE // 2).all()


@settings(max_examples=8)
@given(seed=st.integers(0, 999), share=st.sampled_from([0.0005, 0.003]))
def test_random_holes_are_filled_with_numbers_of_the_picture(seed: int, share: float) -> None:
    h, w = 26 + seed % 5, 30
    picture = drawn(1, 3, h, w, seed=seed)
    hole = (drawn(1, 1, h, w, seed=seed + 1) < share).float()
    hole[..., seed % h, seed % w] = 1
    hole = torch.nn.functional.max_pool2d(hole, 3, 1, 1)
    if not patches_of(hole, SIDE).sources.any():
        return
    filled = exemplar_fill(picture.where(hole == 0, torch.nan), hole, seeded_rng(seed))
    known = (hole == 0).expand_as(picture)
    assert torch.equal(filled[known], picture[known])
    assert ((filled >= -1e-5) & (filled <= 1 + 1e-5)).all()


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_a_hole_in_a_corner(corner: tuple[int, int]) -> None:
    picture = tiled(40, 44, (4, 4))
    hole = torch.zeros(1, 1, 40, 44)
    hole[..., slice(0, 6) if corner[0] == 0 else slice(-6, None), :] = 1
    hole *= box(40, 44, slice(0, 40), slice(0, 7) if corner[1] == 0 else slice(-7, None))
    filled = exemplar_fill(picture, hole, seeded_rng(0))
    torch.testing.assert_close(filled, picture, rtol=0, atol=1e-4)


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("hole", [SMALL, LARGE], ids=["one size", "two sizes"])
def test_known_pixels_stay_bit_for_bit_and_arguments_are_left_alone(hole: Tensor) -> None:
    picture = drawn(1, 3, *hole.shape[-2:]) * 1.5 - 0.2
    source = (drawn(1, 1, *hole.shape[-2:], seed=1) < 0.999).float()
    copies = picture.clone(), hole.clone(), source.clone()
    filled = exemplar_fill(picture, hole, seeded_rng(0), source=source)
    known = (hole == 0).expand_as(picture)
    assert torch.equal(filled[known], picture[known])
    assert all(torch.equal(*pair) for pair in zip((picture, hole, source), copies, strict=True))


def test_without_a_hole_the_picture_comes_back() -> None:
    picture = drawn(1, 3, 20, 20)
    assert torch.equal(exemplar_fill(picture, torch.zeros(1, 1, 20, 20), seeded_rng(0)), picture)


# ----- seeds, chunks, progress


@pytest.mark.usefixtures("few_steps")
@pytest.mark.parametrize("hole", [SMALL, LARGE], ids=["one size", "two sizes"])
def test_the_seed_decides(hole: Tensor) -> None:
    picture = drawn(1, 3, *hole.shape[-2:])
    first = exemplar_fill(picture, hole, seeded_rng(0))
    assert torch.equal(exemplar_fill(picture, hole, seeded_rng(0)), first)
    other = exemplar_fill(picture, hole, seeded_rng(1))
    assert float((other - first).abs().max()) > 0.01


@pytest.mark.usefixtures("few_steps")
def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = tiled(64, 64, (5, 7)) + 0.1 * drawn(1, 3, 64, 64)
    whole = exemplar_fill(picture, LARGE, seeded_rng(0))
    monkeypatch.setattr(denoiser_module, "AT_ONCE", 20_000)
    monkeypatch.setattr(patches_module, "MOST_VALUES", 50_000)
    parts = exemplar_fill(picture, LARGE, seeded_rng(0))
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("hole", "larger"), [(SMALL, 0), (LARGE, 1)], ids=["one size", "two sizes"])
def test_progress(hole: Tensor, larger: int) -> None:
    calls: list[tuple[int, int]] = []
    exemplar_fill(
        drawn(1, 3, *hole.shape[-2:]), hole, seeded_rng(0), progress=lambda *call: calls.append(call)
    )
    total = STEPS + larger
    assert calls == [(done, total) for done in range(1, total + 1)]


# ----- texture


def test_texture_is_the_mean_step_between_neighbours() -> None:
    picture = torch.zeros(1, 3, 12, 14)
    picture[..., 1::2] = 0.6  # upright stripes of one pixel
    across, down = texture_of(picture, torch.zeros(1, 1, 12, 14))[0]
    torch.testing.assert_close(across, torch.full((12, 14), 0.6))
    torch.testing.assert_close(down, torch.zeros(12, 14))
    upright = texture_of(picture.mT.contiguous(), torch.zeros(1, 1, 14, 12))[0]
    torch.testing.assert_close(upright, torch.stack([down.T, across.T]))


def test_the_edge_of_a_hole_is_no_texture() -> None:
    hole = box(20, 20, slice(6, 14), slice(6, 14))
    picture = torch.full((1, 3, 20, 20), 0.7) * (1 - hole)
    assert float(texture_of(picture, hole).abs().max()) == 0


# ----- errors


def test_no_whole_patch() -> None:
    picture = drawn(1, 3, 40, 44)
    with pytest.raises(ValueError, match="no whole patch of 9x9 pixels to copy from"):
        exemplar_fill(picture, torch.ones(1, 1, 40, 44), seeded_rng(0))
    with pytest.raises(ValueError, match="no whole patch of 9x9 pixels to copy from"):
        exemplar_fill(picture, SMALL, seeded_rng(0), source=torch.zeros_like(SMALL))
    with pytest.raises(ValueError, match="no whole patch of 9x9 pixels to copy from"):
        exemplar_fill(picture, SMALL, seeded_rng(0), source=SMALL)


def test_patches_that_are_whole_at_half_the_size_only_are_none() -> None:
    """Of every 2x2 pixels one may be copied: enough for the smaller picture, none for the picture."""
    source = torch.zeros(1, 1, 64, 64)
    source[..., ::2, ::2] = 1
    with pytest.raises(ValueError, match="no whole patch of 9x9 pixels to copy from"):
        exemplar_fill(drawn(1, 3, 64, 64), LARGE, seeded_rng(0), source=source)


def test_a_picture_smaller_than_a_patch() -> None:
    with pytest.raises(ValueError, match="odd and at most that of the picture 12x8, got 9"):
        exemplar_fill(drawn(1, 3, 8, 12), box(8, 12, slice(2, 4), slice(2, 4)), seeded_rng(0))


def test_of_many_sources_some_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The search at the larger size finds what was left out at the first."""
    patches = patches_of(LARGE, SIDE)
    wanted, sources = len(patches.wanted), int(patches.sources.sum())
    monkeypatch.setattr(exemplar, "PAIRS", wanted * (sources // 3))
    thinned = exemplar._thinned(patches, seeded_rng(0))
    assert int(thinned.sources.sum()) == sources // 3
    assert not (thinned.sources & ~patches.sources).any()
    assert torch.equal(thinned.sources, exemplar._thinned(patches, seeded_rng(0)).sources)
    assert not torch.equal(thinned.sources, exemplar._thinned(patches, seeded_rng(1)).sources)
    monkeypatch.setattr(exemplar, "PAIRS", wanted * sources)
    assert exemplar._thinned(patches, seeded_rng(0)) is patches


@pytest.mark.slow
def test_a_texture_is_continued_by_some_of_its_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = stripes(64, 4)
    first = patches_of(torch.nn.functional.max_pool2d(LARGE, 2), SIDE)
    monkeypatch.setattr(exemplar, "PAIRS", len(first.wanted) * int(first.sources.sum()) // 2)
    filled = exemplar_fill(picture, LARGE, seeded_rng(0))
    assert float((filled - picture).abs().max()) < 0.05
