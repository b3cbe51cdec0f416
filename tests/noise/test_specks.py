"""Salt and pepper and hot pixels: found where they are, and not where content looks like them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data

from restore.noise.specks import Specks, find_specks
from restore.training.holes import text_pages

SIZE = 256
PICTURES = ("astronaut", "chelsea", "coffee", "rocket")


def photo(name: str) -> np.ndarray:
    pixels = getattr(skimage.data, name)()[20 : 20 + SIZE, 60 : 60 + SIZE] / 255
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)


def in_file(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels.clip(0, 1) * 255) / 255


def white(sigma: float, shape: tuple[int, ...] = (SIZE, SIZE, 3)) -> np.ndarray:
    return np.random.default_rng(1).normal(0, sigma / 255, shape)


def salted(
    clean: np.ndarray, share: float, *, channels: int = 1, pepper: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """A picture with salt and pepper, and the values that were replaced."""
    drawn = np.random.default_rng(seed).random((*clean.shape[:2], channels))
    black, white = drawn < share * pepper, drawn > 1 - share * (1 - pepper)
    return np.where(black, 0, np.where(white, 1, clean)), np.broadcast_to(black | white, clean.shape)


def with_hot_pixels(clean: np.ndarray, share: float, *, alike: bool = False, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    place = rng.random(clean.shape[:2]) < share
    channel = rng.choice([0, 1, 1, 2], clean.shape[:2])
    where = place[..., None] & (alike | (channel[..., None] == np.arange(clean.shape[2])))
    height = rng.uniform(0.4, 1, (*clean.shape[:2], 1))
    return in_file(clean + where * height), where


def stars(fwhm: float, noise: float, colour: tuple[float, ...] = (1, 1, 1)) -> np.ndarray:
    """A sky of stars, most of them faint, as a lens of this sharpness shows them."""
    rng = np.random.default_rng(3)
    sky, (y, x) = np.zeros((SIZE, SIZE)), np.mgrid[:SIZE, :SIZE]
    for _ in range(250):
        row, column = rng.uniform(0, SIZE, 2)
        near = np.s_[max(0, int(row) - 8) : int(row) + 9, max(0, int(column) - 8) : int(column) + 9]
        distance = (y[near] - row) ** 2 + (x[near] - column) ** 2
        sky[near] += min(10 ** rng.uniform(-1.3, 0.5), 3) * np.exp(-2.7726 * distance / fwhm**2)
    return in_file((0.04 + sky)[..., None] * np.array(colour) + white(noise))


def seen(clean: np.ndarray, noisy: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Damaged pixels that look different."""
    return (where & (np.abs(noisy - clean) > 0.15)).any(2)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("share", [0.002, 0.05, 0.3])
@pytest.mark.parametrize("name", PICTURES)
def test_salt_and_pepper(name: str, share: float, channels: int) -> None:
    clean = photo(name)
    noisy, where = salted(clean, share, channels=channels)
    found = find_specks(noisy)
    assert found is not None
    assert found.kind == "salt and pepper"
    assert found.mask[seen(clean, noisy, where)].mean() > 0.95
    # Black and white content between the specks may be taken along, where it is little.
    assert (found.values & ~where).mean() < 0.02
    if channels == 1:
        assert np.ptp(found.values.astype(int), axis=2).max() == 0


def test_salt_and_pepper_beside_other_noise() -> None:
    clean = in_file(photo("chelsea") + white(15))
    noisy, where = salted(clean, 0.05)
    found = find_specks(noisy)
    assert found is not None
    assert found.share == pytest.approx(where.any(2).mean(), rel=0.05)


def test_pepper_alone() -> None:
    noisy, where = salted(photo("coffee"), 0.03, pepper=1)
    found = find_specks(noisy)
    assert found is not None
    assert found.kind == "salt and pepper"
    assert found.mask[seen(photo("coffee"), noisy, where)].mean() > 0.95


def test_a_page_with_pepper() -> None:
    """On white paper salt is not seen. The letters stay: their ink is not as black."""
    page = 0.95 - 0.7 * text_pages(count=1, size=384).numpy()[0][..., None] / 255
    noisy, where = salted(page, 0.02)
    found = find_specks(noisy)
    assert found is not None
    assert found.mask[seen(page, noisy, where)].mean() > 0.9
    assert (found.mask & ~where.any(2)).mean() < 0.002


@pytest.mark.parametrize("alike", [False, True])
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "rocket"])
def test_hot_pixels(name: str, alike: bool) -> None:
    clean = photo(name)
    noisy, where = with_hot_pixels(clean, 0.003, alike=alike)
    found = find_specks(noisy)
    assert found is not None
    assert found.kind == "hot pixels"
    assert found.mask[seen(clean, noisy, where)].mean() > 0.85
    assert (found.mask & ~where.any(2)).mean() < 0.001


def test_few_hot_pixels_in_a_noisy_picture() -> None:
    clean = in_file(photo("rocket") + white(6))
    noisy, where = with_hot_pixels(clean, 0.0008)
    found = find_specks(noisy)
    assert found is not None
    assert found.kind == "hot pixels"
    assert found.mask[seen(clean, noisy, where)].mean() > 0.85


def test_hot_pixels_between_stars() -> None:
    """They are told apart: the stars stay."""
    clean = stars(2.2, 2)
    noisy, where = with_hot_pixels(clean, 0.001)
    found = find_specks(noisy)
    assert found is not None
    assert found.kind == "hot pixels"
    assert found.mask[seen(clean, noisy, where)].mean() > 0.9
    assert (found.mask & ~where.any(2)).sum() == 0


@pytest.mark.parametrize("noise", [0, 2, 8])
@pytest.mark.parametrize("fwhm", [1.7, 2.2, 3.5])
def test_stars_are_no_specks(fwhm: float, noise: float) -> None:
    assert find_specks(stars(fwhm, noise)) is None
    assert find_specks(stars(fwhm, noise)[..., :1]) is None
    assert find_specks(stars(fwhm, noise, (1, 0.5, 0.2))) is None


@pytest.mark.parametrize("name", [*PICTURES, "brick", "grass", "gravel", "coins", "moon", "camera"])
def test_clean_photographs_have_none(name: str) -> None:
    assert find_specks(photo(name)) is None
    assert find_specks(photo(name)[::2, ::2]) is None  # sharper than any lens


@pytest.mark.parametrize("level", [0.05, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("sigma", [5, 20, 50])
def test_noise_that_was_cut_off_is_no_salt(sigma: float, level: float) -> None:
    assert find_specks(in_file(level + white(sigma))) is None
    assert find_specks(in_file(level + white(sigma, (SIZE, SIZE, 1)))) is None


@pytest.mark.parametrize("name", PICTURES)
def test_noisy_photographs_have_none(name: str) -> None:
    assert find_specks(in_file(photo(name) + white(25))) is None
    assert find_specks(in_file(photo(name) + white(50))) is None


@pytest.mark.parametrize("two_tones", [False, True])
def test_pages_of_text_have_none(two_tones: bool) -> None:
    page = 1 - text_pages(count=1, size=384).numpy()[0][..., None] / 255
    page = np.round(page) if two_tones else page
    assert find_specks(page) is None
    assert find_specks(1 - page) is None
    assert find_specks(0.9 * page + 0.05) is None


def drawn() -> dict[str, np.ndarray]:
    """Drawings, screens and counts, all with pixels that stand alone."""
    rng = np.random.default_rng(5)
    row, column = np.mgrid[:SIZE, :SIZE]
    tone = photo("chelsea").mean(2)
    bayer = (np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) + 0.5) / 16
    spread = 0.5 * (row % 30 == 20) * (column % 2)
    return {
        "a grid of dots": 0.3 + 0.6 * ((row % 16 == 8) & (column % 16 == 8)),
        "dark dots": 0.9 - 0.7 * ((row % 10 == 4) & (column % 10 == 4)),
        "dotted lines": 0.3 + spread,
        "a screen": (tone > np.tile(bayer, (SIZE // 4, SIZE // 4))).astype(float),
        "a random screen": (tone > rng.random(tone.shape)).astype(float),
        "single photons": rng.poisson(0.008, tone.shape).clip(0, 4) / 4,
        "glitter in one place": 0.2 + 0.7 * ((rng.random(tone.shape) < 0.01) & (row > 200) & (column > 180)),
        "a checkerboard": ((row // 8 + column // 8) % 2).astype(float),
    }


@pytest.mark.parametrize("name", list(drawn()))
def test_drawings_and_screens_have_none(name: str) -> None:
    assert find_specks(drawn()[name]) is None
    assert find_specks(np.repeat(drawn()[name][..., None], 3, 2)) is None


def test_gray_pictures_count_once() -> None:
    noisy, _ = salted(photo("camera"), 0.05)
    once, three = find_specks(noisy[..., 0]), find_specks(noisy)
    assert once is not None
    assert three is not None
    assert once.values.shape == (SIZE, SIZE, 1)
    assert three.values.shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(three.mask, once.mask)


def test_small_pictures_and_mistakes() -> None:
    assert find_specks(salted(np.full((24, 24, 3), 0.5), 0.1)[0]) is None
    assert find_specks(np.full((64, 64), 0.5)) is None
    with pytest.raises(ValueError, match="expected a picture"):
        find_specks(np.zeros(5))
    with pytest.raises(ValueError, match="not finite"):
        find_specks(np.full((64, 64), np.inf))


def test_what_users_read() -> None:
    values = np.zeros((20, 20, 3), bool)
    values[3, 4, 1] = values[7, 8] = True
    found = Specks("salt and pepper", values)
    assert found.mask.sum() == 2
    assert found.share == pytest.approx(0.005)
    assert found.describe() == "salt and pepper: 0.5 % of the pixels"
