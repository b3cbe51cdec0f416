"""Simulated cameras, film, scanners and pages, and the crops that the denoising network sees of them."""

from __future__ import annotations

import dataclasses
import random

import pytest
import torch
from mutants import edited, mutant_tests
from torch import Generator, Tensor
from training_runs import batch_of

from restore.images.colours import ycc_of
from restore.priors.condition import PAGE
from restore.training import cameras, real_noise, scans
from restore.training.batches import Mix
from restore.training.cameras import CAMERA, camera_noise, coded, developed_noise, softened
from restore.training.scans import printed_pages, scan_noise, scanned_pages

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = dataclasses.replace(
    CAMERA, rows=0, smoothed=0, shelved=0, guided=0, faded=0, resized=0, sharpened=0, coded=0
)
REAL = Mix(0, 0, 0, 1, real=0.8, pages=0.2)


def even(value: float, size: int = 64, count: int = 4) -> Tensor:
    return torch.full((count, 3, size, size), value)


def drawn(seed: int = 0) -> tuple[Generator, random.Random]:
    return Generator().manual_seed(seed), random.Random(seed)


def neighbours(noise: Tensor) -> float:
    """Correlation of horizontal neighbours, ``(b, 1, h, w)``."""
    left, right = noise[..., :-1].flatten(), noise[..., 1:].flatten()
    return float(torch.corrcoef(torch.stack([left, right]))[0, 1])


def check_noise_grows_with_the_shot_noise() -> None:
    """Twice the deviation for four times the gain, where shot noise alone counts."""
    levels = []
    for shot in (1e-3, 4e-3):
        config = dataclasses.replace(PLAIN, shot=(shot, shot), read_offset=-30.0, read_spread=0.0)
        levels.append(developed_noise(even(0.4), config, *drawn()).std())
    assert levels[1] / levels[0] == pytest.approx(2, rel=0.1)


def check_the_sensor_sees_one_colour_a_pixel() -> None:
    """Demosaicking shares noise between neighbours."""
    noise = torch.cat([developed_noise(even(0.5), PLAIN, *drawn(seed)) for seed in range(4)])
    for channel in range(3):
        assert neighbours(noise[:, channel : channel + 1]) > 0.1


def test_a_pixel_has_one_colour() -> None:
    assert ((cameras.mosaic(even(0.5, 8)) > 0).sum(1) == 1).all()


def check_clipped_highlights_have_no_noise() -> None:
    noise = developed_noise(even(1.0), PLAIN, *drawn())
    inside = developed_noise(even(0.6), PLAIN, *drawn())
    assert noise.max() <= 1e-6
    assert noise.std() < 0.8 * inside.std()


def test_the_camera() -> None:
    check_noise_grows_with_the_shot_noise()
    check_the_sensor_sees_one_colour_a_pixel()
    check_clipped_highlights_have_no_noise()


def test_the_clean_picture_stays_below_the_noise() -> None:
    clean = batch_of(Mix()).clean
    faint = dataclasses.replace(PLAIN, shot=(1e-9, 1e-9), read_offset=-30.0)
    assert (camera_noise(clean, *drawn(), faint) - clean).abs().max() <= 1.01 / 255


def test_cameras_smooth_chroma_more_than_luma() -> None:
    smoothed = dataclasses.replace(PLAIN, smoothed=1.0)
    noisy = torch.cat([camera_noise(even(0.5), *drawn(seed), smoothed) for seed in range(6)])
    planes = ycc_of(noisy - 0.5)
    assert neighbours(planes[:, 1:2]) > neighbours(planes[:, :1]) + 0.1


def half_textured(count: int = 4) -> Tensor:
    """Even on the left, fine checks on the right."""
    clean = even(0.5, count=count)
    clean[..., 32:] += 0.2 * torch.tensor([1.0, -1.0]).repeat(16).view(1, 1, 1, 32)
    return clean


def test_guided_denoising_spares_texture() -> None:
    """As in the pictures of cameras, where noise is stronger on texture than on even surfaces."""
    guided, blind = (dataclasses.replace(PLAIN, shelved=1.0, guided=share) for share in (1.0, 0.0))
    clean, ratios = half_textured(), []
    for config in (guided, blind):
        noise = torch.cat([camera_noise(clean, *drawn(seed), config) - clean for seed in range(6)])
        luma = ycc_of(noise)[:, :1]
        fine = luma - cameras.blurred(luma, 1.5)
        ratios.append(float(fine[..., 40:].std() / fine[..., :24].std()))
    assert ratios[0] > 1.5 * ratios[1]


def test_evenness_is_a_share() -> None:
    clean = half_textured()
    noise = 0.02 * torch.randn(clean.shape, generator=drawn()[0])
    found = cameras.evenness(clean, noise, random.Random(0))
    assert found.shape == (4, 1, 64, 64)
    assert found[..., :24].min() > 0.99
    assert 0 < found[..., 40:].max() < 0.2


def test_cameras_fade_chroma_the_more_the_finer_it_is() -> None:
    faded = dataclasses.replace(PLAIN, faded=1.0)
    parts = []
    for config in (PLAIN, faded):
        noise = torch.cat([camera_noise(even(0.5), *drawn(seed), config) - 0.5 for seed in range(6)])
        luma, chroma = ycc_of(noise)[:, :1], ycc_of(noise)[:, 1:]
        coarse = cameras.blurred(chroma, 4.0)
        parts.append([float(each.std()) for each in (luma, coarse, chroma - coarse)])
    luma, coarse, fine = (after / before for before, after in zip(*parts, strict=True))
    assert luma == pytest.approx(1, abs=0.02)
    assert fine < 0.9 * coarse < 0.9


@pytest.mark.parametrize("simulate", [camera_noise, scan_noise])
def test_files_have_eight_bits_and_repeat_with_their_seed(simulate: object) -> None:
    assert callable(simulate)
    clean = even(0.3)
    one, same, other = (simulate(clean, *drawn(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.shape == clean.shape
    assert one.min() >= 0
    assert one.max() <= 1
    assert torch.allclose(255 * one, (255 * one).round(), atol=1e-3)


def test_soft_pictures_have_less_fine_detail() -> None:
    clean = torch.rand(8, 3, 48, 48, generator=Generator().manual_seed(0))
    for seed in range(5):
        soft = softened(clean, *drawn(seed))
        assert soft.shape == clean.shape
        assert soft.diff(dim=3).square().mean() < 1.001 * clean.diff(dim=3).square().mean()


def test_film_grain_is_strongest_in_the_middle_tones() -> None:
    film = dataclasses.replace(scans.SCAN, film=1.0, stripes=0.0, dirt=0.0)
    dark, middle = (
        torch.stack([(scan_noise(even(v), *drawn(s), film) - v).std() for s in range(4)]).mean()
        for v in (0.05, 0.5)
    )
    assert middle > 1.5 * dark


def test_pages_are_white_and_their_scans_are_not() -> None:
    generator, rng = drawn(3)
    photos = even(0.5, count=6)
    page = printed_pages(photos, generator, rng)
    assert (page.amax((1, 2, 3)) == 1).all()
    assert page.min() < 0.7
    scan = scanned_pages(page, generator, rng)
    paper = page.amin(1, keepdim=True) == 1
    assert (page - scan)[paper.expand_as(page)].mean() > 0.05


def test_good_jpegs_change_little() -> None:
    clean = batch_of(Mix()).clean
    for quality, most in ((95.0, 4 / 255), (99.0, 2 / 255)):
        fine = dataclasses.replace(CAMERA, coded=1.0, quality=(quality, quality), halved=0.0)
        assert 0 < (coded(clean, *drawn(), fine) - clean).abs().mean() < most


# --- what the network sees ------------------------------------------------------------------------


def check_states_lie_at_the_level_of_their_noise() -> None:
    batch = batch_of(REAL, 64)
    states = batch.is_state & ((batch.state - batch.clean).abs().amax((1, 2, 3)) > 4 / 255)
    assert states.sum() > 10
    noise = (batch.state - batch.clean)[states]
    ratio = batch.sigma[states] / real_noise.luma_level(noise)
    assert float(ratio.log().mean().exp()) == pytest.approx(1, abs=0.25)
    assert not batch.planes[batch.is_state].any()


def test_states_lie_at_the_level_of_their_noise() -> None:
    check_states_lie_at_the_level_of_their_noise()


def test_white_noise_has_its_own_level() -> None:
    noise = 0.1 * torch.randn(2, 3, 64, 64, generator=Generator().manual_seed(0))
    assert real_noise.luma_level(noise).tolist() == pytest.approx([0.1, 0.1], rel=0.05)


def test_hints_are_told_their_noise_or_not() -> None:
    batch = batch_of(Mix(0, 0, 0, 1, real=1.0), 128)
    told = batch.planes[~batch.is_state][:, 5]
    levels = told.mean((1, 2))
    assert (levels == -1).any()
    assert (levels > 0).any()


def test_pages_are_asked_for() -> None:
    batch = batch_of(Mix(0, 0, 0, 1, pages=1.0), 8)
    assert (batch.planes[:, 5] == PAGE).all()
    assert not batch.is_state.any()


def test_without_real_noise_nothing_is_a_state() -> None:
    batch = batch_of(Mix())
    assert not batch.is_state.any()
    assert torch.equal(batch.importance, torch.ones(8))


def test_the_claimed_level_follows_the_signal() -> None:
    ramp = torch.linspace(0.1, 0.9, 64).expand(2, 3, 64, 64)
    noise = torch.randn(ramp.shape, generator=Generator().manual_seed(0))
    noisy = ramp + 0.1 * ramp.sqrt() * noise
    flat, level = (real_noise.claimed_noise(noisy, ramp, by_signal=way) for way in (False, True))
    assert flat.std() < 1e-3
    assert level[..., -8:].mean() > 1.5 * level[..., :8].mean()


@pytest.mark.parametrize("shares", [{"real": -0.1}, {"real": 0.7, "pages": 0.4}])
def test_shares_that_are_none(shares: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="shares of one part"):
        Mix(**shares)


test_the_check_finds_the_mutant = mutant_tests({
    check_noise_grows_with_the_shot_noise: [
        edited(cameras.developed_noise, "None, None] * raw +", "None, None] ** 2 * raw +"),
    ],
    check_states_lie_at_the_level_of_their_noise: [
        edited(real_noise.as_state, "luma_level(noisy - clean)", "luma_level(noisy - clean) / 2"),
        edited(real_noise.as_state, "no_condition(clean)", "Condition(noisy).planes()"),
    ],
})  # fmt: skip
