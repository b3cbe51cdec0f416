"""The noise of one picture, measured on what a denoiser has found below it."""

from __future__ import annotations

import numpy as np
import pytest
from mutants import edited, mutant_tests
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from restore.noise import picture_noise
from restore.noise.picture_noise import OPPONENT, PictureNoise, correlation_of, noise_between, white

Floats = NDArray[np.float64]


def scene(size: int = 160) -> Floats:
    """Shades of gray from dark to bright, with an edge."""
    ramp = np.linspace(0.15, 0.85, size)
    picture = np.broadcast_to(ramp[None, :, None], (size, size, 3)).copy()
    picture[: size // 3] *= 0.9
    return picture


def unit(seed: int, blur: tuple[float, float] = (0, 0), size: int = 160) -> Floats:
    noise = gaussian_filter(np.random.default_rng(seed).standard_normal((size, size)), blur)
    return noise / noise.std()


def with_noise(luma: float, chroma: float, blur: float = 0.0) -> PictureNoise:
    planes = np.stack(
        [luma * unit(0, (blur, blur)), chroma * unit(1, (blur, blur)), chroma * unit(2, (blur, blur))], 2
    )
    clean = scene()
    return noise_between(clean + planes @ OPPONENT, clean)


def check_luma_and_chroma_are_measured_apart() -> None:
    found = with_noise(0.04, 0.015)
    assert found.luma_sigma == pytest.approx(0.04, rel=0.05)
    assert found.chroma_sigma == pytest.approx(0.015, rel=0.05)
    assert found.sigma == pytest.approx(((0.04**2 + 2 * 0.015**2) / 3) ** 0.5, rel=0.05)
    assert found.state_level == found.luma_sigma
    assert found.sure


def test_luma_and_chroma_are_measured_apart() -> None:
    check_luma_and_chroma_are_measured_apart()


@pytest.mark.parametrize("blur", [0.0, 0.6, 1.2])
def test_the_spectrum_gives_the_correlation_of_neighbours(blur: float) -> None:
    found, noise = with_noise(0.04, 0.04, blur), unit(0, (blur, blur))
    correlation = float((noise[1:] * noise[:-1]).mean())
    assert found.correlation == pytest.approx(correlation, abs=0.08)
    assert found.chroma_correlation == pytest.approx(correlation, abs=0.08)
    assert found.is_white == (blur == 0)


def test_rows_are_told_from_columns() -> None:
    clean = scene()
    noise = 0.05 * unit(0, (0, 2.0))[..., None]
    spectrum = noise_between(clean + noise, clean).luma_spectrum
    assert spectrum[12:, 0].mean() > 5 * spectrum[0, 12:].mean()


def check_the_level_follows_the_brightness() -> None:
    clean = scene()
    rng = np.random.default_rng(0)
    found = noise_between(clean + 0.06 * np.sqrt(clean) * rng.standard_normal(clean.shape), clean)
    for signal in (0.25, 0.7):
        assert float(found.level(np.array(signal))) == pytest.approx(0.06 * signal**0.5, rel=0.12)
    assert found.growth > 1.4
    assert not white(0.05).growth > 1.0


def test_the_level_follows_the_brightness() -> None:
    check_the_level_follows_the_brightness()


def test_texture_that_was_taken_away_is_left_out_where_the_picture_is_not_even() -> None:
    clean = scene()
    clean[:, 80:] += 0.2 * unit(3, (1.5, 1.5))[:, 80:, None]
    noisy = clean + 0.02 * np.random.default_rng(0).standard_normal(clean.shape)
    smooth = clean.copy()
    smooth[:, 80:] = 0.5 * clean[:, 80:] + 0.5 * gaussian_filter(clean, (2, 2, 0))[:, 80:]
    assert noise_between(noisy, smooth).luma_sigma < 0.045


def test_words() -> None:
    assert white(0.1).describe().endswith("independent in each pixel")
    said = with_noise(0.04, 0.01, 0.8).describe()
    assert "luma 10" in said
    assert "shared by neighbours" in said
    facts = with_noise(0.04, 0.01).facts()
    assert facts["luma_255"] == pytest.approx(10.2, rel=0.06)
    assert facts["chroma_255"] == pytest.approx(2.55, rel=0.06)


def test_twice_the_level() -> None:
    once = with_noise(0.04, 0.01)
    assert once.scaled(2).sigma == pytest.approx(2 * once.sigma)
    assert once.scaled(2).correlation == once.correlation


def test_correlation_by_hand() -> None:
    assert correlation_of(np.ones((16, 16))) == pytest.approx(0, abs=1e-9)
    one = np.zeros((16, 16))
    one[0, 0] = 1
    assert correlation_of(one) == pytest.approx(1)


def test_pictures_that_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="from 16x16"):
        noise_between(np.zeros((8, 40, 3)), np.zeros((8, 40, 3)))
    with pytest.raises(ValueError, match="one size"):
        noise_between(np.zeros((40, 40, 3)), np.zeros((40, 48, 3)))


test_the_check_finds_the_mutant = mutant_tests({
    check_luma_and_chroma_are_measured_apart: [
        edited(PictureNoise.sigma.fget, "2 * self.chroma_sigma**2", "self.chroma_sigma**2"),
        edited(picture_noise._power, "picture @ OPPONENT.T", "picture"),
    ],
    check_the_level_follows_the_brightness: [
        edited(
            PictureNoise.level,
            "np.interp(signal, self.brightness, levels)",
            "np.full_like(signal, levels.mean())",
        ),
    ],
})  # fmt: skip
