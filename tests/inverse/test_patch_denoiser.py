"""The denoiser that is made of a picture's patches, beside its formula patch by patch in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mutants import constant, edited, mutant_tests
from torch import Tensor

from restore.diffusion.samplers import ddim
from restore.diffusion.sigmas import log_sigma
from restore.inverse import patch_denoiser as module
from restore.inverse import patches as patches_module
from restore.inverse.patch_denoiser import MOST_STEP, PatchDenoiser, patch_denoiser, searching_denoiser
from restore.inverse.patch_match import Found
from restore.inverse.patches import means_over, patches_of

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def box(h: int, w: int, rows: slice, columns: slice) -> Tensor:
    hole = torch.zeros(1, 1, h, w)
    hole[..., rows, columns] = 1
    return hole


HOLE = box(12, 14, slice(4, 8), slice(6, 9))


def tiled(h: int, w: int, period: tuple[int, int], seed: int = 0) -> Tensor:
    """Random colours that are repeated."""
    down, right = period
    tile = drawn(1, 3, down, right, seed=seed)
    return tile.repeat(1, 1, -(-h // down), -(-w // right))[..., :h, :w].contiguous()


def formula(picture: Tensor, hole: Tensor, x: Tensor, sigma: float, side: int, source: Tensor) -> Tensor:
    """E[x0 | x] of one state (1, c, h, w): every patch with every other one, in float64."""
    clean, state = picture[0].double().numpy(), x[0].double().numpy()
    missing, allowed = hole[0, 0].numpy() > 0, source[0, 0].numpy() > 0
    values = np.where(missing, state, clean)
    h, w = missing.shape
    windows = [
        (slice(top, top + side), slice(left, left + side))
        for top in range(h - side + 1)
        for left in range(w - side + 1)
    ]
    whole = np.stack([clean[:, i, j] for i, j in windows if not missing[i, j].any() and allowed[i, j].all()])
    total, count = np.zeros_like(clean), np.zeros((h, w))
    for i, j in windows:
        if not missing[i, j].any():
            continue
        noise = np.where(missing[i, j], sigma, min(sigma, 0.05))
        exponents = -(((whole - values[:, i, j]) / noise) ** 2).sum((1, 2, 3)) / 2
        likely = np.exp(exponents - exponents.max())
        total[:, i, j] += np.tensordot(likely / likely.sum(), whole, 1)
        count[i, j] += 1
    return torch.from_numpy(np.where(missing, total / np.maximum(count, 1), clean))[None]


def check_formula() -> None:
    """With known pixels in every patch, and with patches that lie in the hole."""
    for side, rows in ((5, slice(4, 8)), (3, slice(3, 9))):
        picture = tiled(12, 14, (3, 4)) + 0.02 * drawn(1, 3, 12, 14, seed=1)  # many nearly alike
        hole = box(12, 14, rows, slice(5, 9))
        source = torch.ones_like(hole)
        source[..., :3, :2] = 0
        denoise = patch_denoiser(picture, hole, side=side, source=source)
        for sigma in (0.02, 0.05, 0.2, 0.7, 3.0):
            x = picture + sigma * torch.randn(picture.shape, generator=torch.Generator().manual_seed(2))
            expected = formula(picture, hole, x, sigma, side, source)
            torch.testing.assert_close(denoise(x, sigma).double(), expected, rtol=0, atol=1e-3)
            exact = PatchDenoiser(picture.double(), denoise.patches)(x.double(), sigma)
            torch.testing.assert_close(exact, expected, rtol=0, atol=1e-6)


def test_the_denoiser_is_its_formula() -> None:
    check_formula()


def test_one_channel_and_features_beside_the_colours() -> None:
    for channels in (1, 5):
        picture = drawn(1, channels, 12, 14)
        x = drawn(1, channels, 12, 14, seed=1)
        expected = formula(picture, HOLE, x, 0.4, 5, torch.ones_like(HOLE))
        found = patch_denoiser(picture, HOLE, side=5)(x, 0.4)
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=1e-4)


def test_of_a_single_patch_every_state_becomes_that_one() -> None:
    picture = drawn(1, 3, 5, 9)
    hole = box(5, 9, slice(0, 5), slice(5, 9))  # 5x5 pixels are known, and the border of the hole is straight
    denoise = patch_denoiser(picture, hole, side=5)
    assert int(denoise.patches.sources.sum()) == 1
    x0 = denoise(drawn(1, 3, 5, 9, seed=1), 1.0)
    # Column 8 is held by the last place alone, column 7 by two, and so on.
    columns = [picture[..., 4]]
    columns.insert(0, picture[..., 3:5].mean(-1))
    torch.testing.assert_close(x0[..., 8], columns[1])
    torch.testing.assert_close(x0[..., 7], columns[0])


def test_at_much_noise_all_patches_count_alike_if_nothing_is_known() -> None:
    """Patches that lie in the hole know nothing: the mean of all, whatever the state."""
    picture = drawn(1, 3, 24, 24)
    hole = box(24, 24, slice(8, 20), slice(8, 20))
    denoise = patch_denoiser(picture, hole, side=3)
    sources = denoise.patches.sources.nonzero()[:, 0]
    mean = denoise.patches.of(picture[0].flatten(1).T.contiguous(), sources).mean((0, 1))
    x0 = denoise(drawn(1, 3, 24, 24, seed=1), 1e4)
    inner = x0[..., 12:16, 12:16]
    torch.testing.assert_close(inner, mean.view(1, 3, 1, 1).expand_as(inner), rtol=0, atol=0.02)


def test_known_pixels_come_back_bit_for_bit_and_the_state_is_left_alone() -> None:
    picture, x = drawn(1, 3, 12, 14), drawn(1, 3, 12, 14, seed=1)
    copies = picture.clone(), x.clone()
    known = (HOLE == 0).expand_as(picture)
    for denoise, sigma in ((patch_denoiser(picture, HOLE, side=5), 0.3), (searching(picture, HOLE), 0.0)):
        assert torch.equal(denoise(x, sigma)[known], picture[known])
        assert torch.equal(denoise.pasted()[known], picture[known])
        assert torch.equal(picture, copies[0])
        assert torch.equal(x, copies[1])


def searching(picture: Tensor, hole: Tensor, seed: int = 0, source: Tensor | None = None) -> PatchDenoiser:
    """A denoiser that searches and begins anywhere."""
    patches = patches_of(hole, 5, source)
    sources = patches.sources.nonzero()[:, 0]
    generator = torch.Generator().manual_seed(99)
    begin = sources[torch.randint(len(sources), (len(patches.wanted),), generator=generator)]
    return searching_denoiser(picture, patches, torch.ones_like(hole), Found(patches, begin), seed)


# ----- textures


@pytest.mark.parametrize("period", [(2, 2), (1, 4), (3, 5), (4, 3)])
def test_a_repeated_tile_goes_on_through_the_hole(period: tuple[int, int]) -> None:
    picture = tiled(32, 36, period)
    hole = box(32, 36, slice(10, 20), slice(12, 24))
    start = torch.where(hole > 0, 0.5 + 0.25 * drawn(1, 3, 32, 36, seed=3), picture)
    filled = ddim(patch_denoiser(picture, hole, side=7), start, log_sigma(0.5, 0.02, 12))
    torch.testing.assert_close(filled, picture, rtol=0, atol=1e-4)


def test_a_search_that_knows_the_period_copies_without_a_fault() -> None:
    picture = tiled(32, 36, (4, 6))
    hole = box(32, 36, slice(20, 28), slice(12, 24))
    patches = patches_of(hole, 5)
    begin = patches.wanted - 4 * 4 * 36  # four periods up
    assert patches.sources[begin].all()
    denoise = searching_denoiser(picture, patches, torch.ones_like(hole), Found(patches, begin), 0)
    torch.testing.assert_close(denoise.pasted(), picture, rtol=0, atol=1e-6)
    torch.testing.assert_close(denoise(denoise.pasted(), 0.0), picture, rtol=0, atol=1e-6)


def test_what_copies_miss_at_the_rim_is_spread_over_the_hole() -> None:
    """Copies from a darker part take on the brightness around the hole."""
    picture = 0.3 * tiled(40, 40, (2, 2)) + 0.2
    picture[..., 20:] += 0.08
    hole = box(40, 40, slice(15, 23), slice(28, 36))
    source = torch.ones_like(hole)
    source[..., 20:] = 0
    denoise = searching(picture, hole, source=source)
    x = denoise.pasted()
    for _ in range(6):
        x = denoise(x, 0.0)
    torch.testing.assert_close(x.mean(), picture.mean(), rtol=0, atol=0.01)
    assert float((x - picture).abs().max()) < 0.04
    assert denoise.found is not None
    values, weights = picture[0].flatten(1).T, torch.ones(len(denoise.patches.wanted))
    copied = means_over(denoise.patches, values, denoise.found.sources, weights)
    assert float((copied - values).abs()[~denoise.patches.known].max()) > 0.06  # that is darker


def test_what_is_no_step_of_light_is_not_spread() -> None:
    picture = 0.3 * tiled(40, 40, (2, 2)) + 0.2
    picture[..., 20:] += 0.4
    hole = box(40, 40, slice(15, 23), slice(28, 36))
    source = torch.ones_like(hole)
    source[..., 20:] = 0
    pasted = searching(picture, hole, source=source).pasted()
    assert 0.2 < float((picture - pasted)[hole.expand_as(picture) > 0].mean()) < 0.4


# ----- what patches are taken of


@settings(max_examples=20)
@given(seed=st.integers(0, 999), share=st.sampled_from([0.01, 0.05]), sigma=st.sampled_from([0.02, 0.3, 2.0]))
def test_nothing_hidden_or_forbidden_gets_into_the_fill(seed: int, share: float, sigma: float) -> None:
    """What may be copied is below 1; what may not be is NaN in the hole and 100 elsewhere."""
    h, w = 14, 17
    hole = (drawn(1, 1, h, w, seed=seed) < share).float()
    hole[..., seed % h, seed % w] = 1
    source = (drawn(1, 1, h, w, seed=seed + 1) > share).float()
    picture = torch.where(source > 0, drawn(1, 3, h, w, seed=seed + 2), 100.0)
    picture = torch.where(hole > 0, torch.nan, picture)
    if not patches_of(hole, 3, source).sources.any():
        return
    denoise = patch_denoiser(picture, hole, side=3, source=source)
    fill = denoise(drawn(1, 3, h, w, seed=seed + 3), sigma)[(hole > 0).expand_as(picture)]
    assert ((fill >= 0) & (fill <= 1.0001)).all()
    pasted = denoise.pasted()[(hole > 0).expand_as(picture)]
    assert ((pasted >= -MOST_STEP) & (pasted <= 1 + MOST_STEP)).all()


@pytest.mark.parametrize("fill", [0.0, 7.0, torch.nan, torch.inf])
def test_what_the_picture_holds_in_the_hole_is_not_read(fill: float) -> None:
    picture, x = drawn(1, 3, 20, 20), drawn(1, 3, 20, 20, seed=1)
    hole = box(20, 20, slice(8, 14), slice(8, 14))
    other = torch.where(hole > 0, fill, picture)
    exact = [patch_denoiser(each, hole, side=5)(x, 0.2) for each in (picture, other)]
    assert torch.equal(*exact)
    searched = [searching(each, hole)(x, 0.0) for each in (picture, other)]
    assert torch.equal(*searched)


def test_what_the_state_holds_beside_the_hole_is_not_read() -> None:
    picture, x = drawn(1, 3, 12, 14), drawn(1, 3, 12, 14, seed=1)
    denoise = patch_denoiser(picture, HOLE, side=5)
    assert torch.equal(denoise(x, 0.2), denoise(torch.where(HOLE > 0, x, torch.nan), 0.2))


def test_a_search_takes_sources_only() -> None:
    picture = drawn(1, 3, 24, 24)
    hole, source = box(24, 24, slice(10, 15), slice(4, 9)), box(24, 24, slice(0, 24), slice(12, 24))
    denoise = searching(picture, hole, source=source)
    x = denoise.pasted()
    for _ in range(3):
        x = denoise(x, 0.0)
        assert denoise.found is not None
        assert denoise.patches.sources[denoise.found.sources].all()
        assert (denoise.found.sources % 24 >= 14).all()


# ----- chunks, batches, seeds


@pytest.mark.parametrize(("pairs", "values"), [(1, 1), (1000, 500)])
def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch, pairs: int, values: int) -> None:
    picture, x = drawn(1, 3, 20, 20), drawn(1, 3, 20, 20, seed=1)
    hole = box(20, 20, slice(8, 12), slice(8, 12))
    whole = [patch_denoiser(picture, hole, side=5)(x, 0.2), searching(picture, hole)(x, 0.0)]
    monkeypatch.setattr(module, "AT_ONCE", pairs)
    monkeypatch.setattr(patches_module, "MOST_VALUES", values)
    parts = [patch_denoiser(picture, hole, side=5)(x, 0.2), searching(picture, hole)(x, 0.0)]
    torch.testing.assert_close(parts, whole, rtol=0, atol=1e-5)


def test_each_of_a_batch_is_as_if_alone() -> None:
    picture, batch = drawn(1, 3, 12, 14), drawn(3, 3, 12, 14, seed=1)
    denoise = patch_denoiser(picture, HOLE, side=5)
    together = denoise(batch, 0.2)
    assert together.shape == batch.shape
    for number in range(3):
        assert torch.equal(together[number : number + 1], denoise(batch[number : number + 1], 0.2))
    assert not torch.equal(together[0], together[1])


def test_a_search_takes_one_state() -> None:
    with pytest.raises(ValueError, match="one state at a time, got 2"):
        searching(drawn(1, 3, 12, 14), HOLE)(drawn(2, 3, 12, 14), 0.0)


def test_the_seed_of_a_search_decides() -> None:
    picture, x = drawn(1, 3, 24, 24), drawn(1, 3, 24, 24, seed=1)
    hole = box(24, 24, slice(10, 16), slice(10, 16))
    assert torch.equal(searching(picture, hole, seed=3)(x, 0.0), searching(picture, hole, seed=3)(x, 0.0))
    assert not torch.equal(searching(picture, hole, seed=3)(x, 0.0), searching(picture, hole, seed=4)(x, 0.0))


# ----- borders


def test_without_a_hole_the_picture_comes_back() -> None:
    picture, hole = drawn(1, 3, 9, 9), torch.zeros(1, 1, 9, 9)
    x0 = patch_denoiser(picture, hole, side=5)(drawn(2, 3, 9, 9), 0.1)
    assert torch.equal(x0, picture.expand_as(x0))
    assert torch.equal(searching(picture, hole)(drawn(1, 3, 9, 9), 0.0), picture)


@pytest.mark.parametrize("side", [4, 13])
def test_sides_that_cannot_be(side: int) -> None:
    with pytest.raises(ValueError, match=f"picture 14x12, got {side}$"):
        patch_denoiser(drawn(1, 3, 12, 14), HOLE, side=side)


def test_no_whole_patch() -> None:
    with pytest.raises(ValueError, match="no whole patch of 9x9 pixels to copy from"):
        patch_denoiser(drawn(1, 3, 12, 14), HOLE, side=9)
    with pytest.raises(ValueError, match="no whole patch of 3x3 pixels to copy from"):
        patch_denoiser(drawn(1, 3, 12, 14), HOLE, side=3, source=torch.zeros_like(HOLE))


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_formula: [
            constant(module, "KNOWN_NOISE", 0.5),
            edited(PatchDenoiser._by_all, ".clamp_min(-60) / 2", ".clamp_min(-60)"),
            edited(PatchDenoiser._by_all, "sigma**-2", "sigma**-1"),
            edited(module._overlapped, "clamp_min(1)", "clamp_min(99)"),
        ],
    }
)
