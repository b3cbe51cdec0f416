"""Noise of a known kind is measured as such, from single pictures and from views of one scene."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st
from noise_models import bell_model, correlation_of_blur
from numpy.typing import NDArray
from ramps import RAMP, SIZE
from scenes import scene
from scipy.ndimage import gaussian_filter

from restore.noise.measure import measure_noise, noise_from_views
from restore.noise.model import CLEAN, NoiseModel, white_noise
from restore.noise.variance_line import nonnegative_line, variance_line

Floats = NDArray[np.float64]
Noise = Callable[[Floats, np.random.Generator], Floats]


def photograph(seed: int) -> Floats:
    return scene(seed, SIZE, SIZE) / 255


def white(clean: Floats, rng: np.random.Generator) -> Floats:
    return rng.standard_normal(clean.shape)


def blurred(blur: float) -> Noise:
    def noise(clean: Floats, rng: np.random.Generator) -> Floats:
        found = gaussian_filter(rng.standard_normal(clean.shape), (blur, blur, 0))
        return found / found.std()

    return noise


def poisson_gaussian(gain: float, read_std: float) -> Noise:
    """Divided by 20/255, as all noises here are of that level."""

    def noise(clean: Floats, rng: np.random.Generator) -> Floats:
        return np.sqrt(gain * clean + read_std**2) * rng.standard_normal(clean.shape) * 255 / 20

    return noise


def as_file(picture: Floats) -> Floats:
    """What eight bits hold of it."""
    return np.round(255 * picture.clip(0, 1)) / 255


def noisy_set(noise: Noise, sigma: float = 20.0, *, count: int = 3) -> list[Floats]:
    rng = np.random.default_rng(int(10 * sigma))
    cleans = [photograph(seed) for seed in range(count)]
    return [as_file(clean + sigma / 255 * noise(clean, rng)) for clean in cleans]


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [5, 10, 25, 50])
def test_white_noise(sigma: int) -> None:
    found = measure_noise(noisy_set(white, sigma))
    own = 255 * measure_noise([photograph(seed) for seed in range(3)]).sigma  # texture that passes for noise
    assert own < 6
    assert 0.95 * sigma < 255 * found.sigma < 1.06 * math.hypot(sigma, own)
    if sigma > own:
        assert found.kernel.shape == (1, 1)
        assert (found.correlation, found.correlated) == (0, False)
    assert found.signal_dependence < 0.15
    assert found.channels == pytest.approx(np.eye(3), abs=0.05)


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "read"), [(0.01, 5), (0.03, 2)])
def test_gain_and_read_noise_on_an_even_scene(gain: float, read: int) -> None:
    rng = np.random.default_rng(3)
    noise = poisson_gaussian(gain, read / 255)
    found = measure_noise([RAMP + 20 / 255 * noise(RAMP, rng) for _ in range(3)])
    assert found.gain == pytest.approx(np.full(3, gain), rel=0.15)
    dark = 0.1 * found.gain + found.read_std**2
    assert dark == pytest.approx(np.full(3, 0.1 * gain + (read / 255) ** 2), rel=0.25)
    assert 255 * found.sigma == pytest.approx(255 * math.hypot((gain / 2) ** 0.5, read / 255), rel=0.07)
    assert found.signal_dependence > 0.8
    assert not found.correlated


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "read"), [(0.01, 5), (0.03, 2)])
def test_gain_on_photographs(gain: float, read: int) -> None:
    found = measure_noise(noisy_set(poisson_gaussian(gain, read / 255)))
    cleans = np.stack([photograph(seed) for seed in range(3)])
    assert found.gain.mean() == pytest.approx(gain, rel=0.2)
    assert found.sigma == pytest.approx((gain * cleans.mean() + (read / 255) ** 2) ** 0.5, rel=0.1)
    assert found.signal_dependence > 0.75


@pytest.mark.slow
def test_gain_where_nothing_is_clipped() -> None:
    """Deep files keep what noise has below zero; dark parts are then not left out."""
    rng = np.random.default_rng(5)
    cleans = [0.1 + 0.8 * photograph(seed) for seed in range(10, 13)]
    found = measure_noise([c + 20 / 255 * poisson_gaussian(0.02, 0.0)(c, rng) for c in cleans])
    assert found.gain == pytest.approx(np.full(3, 0.02), rel=0.3)


@pytest.mark.parametrize("blur", [0.8, 1.2])
def test_noise_that_neighbours_share(blur: float) -> None:
    found = measure_noise(noisy_set(blurred(blur)))
    assert 255 * found.sigma == pytest.approx(20, rel=0.1)
    assert found.correlation == pytest.approx(correlation_of_blur(blur), abs=0.05)
    assert found.correlated
    assert found.signal_dependence < 0.15
    assert found.kernel.shape == (15, 15)
    assert (found.kernel**2).sum() == pytest.approx(1)
    assert found.kernel == pytest.approx(found.kernel.T, abs=0.03)
    assert found.kernel == pytest.approx(found.kernel[::-1, ::-1])


def test_gray_pictures_have_one_channel() -> None:
    rng = np.random.default_rng(0)
    cleans = [photograph(seed).mean(2, keepdims=True) for seed in range(3)]
    noisy = [as_file(clean + 20 / 255 * white(clean, rng)) for clean in cleans]
    one = measure_noise(noisy)
    assert one.gain.shape == one.read_std.shape == one.mean.shape == (1,)
    assert one.channels.shape == (1, 1)
    assert 255 * one.sigma == pytest.approx(20, rel=0.08)
    three = measure_noise([np.repeat(picture, 3, axis=2) for picture in noisy])
    assert three.facts() == one.facts()


@pytest.mark.parametrize("rho", [0.5, 0.9])
def test_noise_that_channels_share(rho: float) -> None:
    wanted = np.full((3, 3), rho) + (1 - rho) * np.eye(3)
    root = np.linalg.cholesky(wanted)
    found = measure_noise(noisy_set(lambda clean, rng: rng.standard_normal(clean.shape) @ root.T))
    assert found.channels == pytest.approx(wanted, abs=0.06)
    assert 255 * found.sigma == pytest.approx(20, rel=0.08)
    assert not found.correlated


def test_channels_of_different_levels() -> None:
    levels = np.array([10, 20, 40]) / 20
    found = measure_noise(noisy_set(lambda clean, rng: levels * rng.standard_normal(clean.shape)))
    each = 255 * np.sqrt(found.gain * found.mean + found.read_std**2)
    assert each == pytest.approx(20 * levels, rel=0.1)


@pytest.mark.parametrize("clean", [RAMP, as_file(RAMP)], ids=["as it is", "of 8 bits"])
def test_clean_pictures_have_none(clean: Floats) -> None:
    found = measure_noise([clean])
    assert found.sigma < 0.8 * CLEAN
    assert not found.correlated


def test_soft_pictures_have_next_to_none() -> None:
    assert 255 * measure_noise([gaussian_filter(photograph(2), (8, 8, 0))]).sigma < 2


def test_a_photograph_without_added_noise_has_little() -> None:
    assert 255 * measure_noise([skimage.data.astronaut()[:288, :320] / 255]).sigma < 2.5


@pytest.mark.parametrize("level", [0.0, 0.5, 90 / 255, 1.0])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_one_value_have_none(level: float, channels: int) -> None:
    found = measure_noise([np.full((64, 48, channels), level)])
    assert found.sigma < 0.1 / 255
    assert found.correlation <= 1
    assert not found.correlated


def test_a_dot_on_paper_is_no_noise() -> None:
    paper = np.full((64, 64, 3), 0.9)
    paper[20, 30] = 0.1
    assert measure_noise([paper]).sigma < 0.1 / 255


def test_clipped_paper_does_not_hide_the_noise() -> None:
    clean = 0.2 + 0.6 * photograph(3)
    clean[:, SIZE // 2 :] = 1.0
    found = measure_noise([as_file(clean + 20 / 255 * white(clean, np.random.default_rng(0)))])
    assert 255 * found.sigma == pytest.approx(20, rel=0.08)


def test_alpha_and_pictures_too_small_say_nothing() -> None:
    (noisy,) = noisy_set(white, count=1)
    alone = measure_noise([noisy]).facts()
    assert measure_noise([noisy, np.zeros((15, 300, 3))]).facts() == alone
    assert measure_noise([np.dstack([noisy, np.full(noisy.shape[:2], 0.5)])]).facts() == alone


def test_gray_and_colour_pictures_together() -> None:
    colour, gray = noisy_set(white, count=1)[0], noisy_set(white, count=2)[1][..., :1]
    found = measure_noise([colour, gray])
    assert len(found.gain) == 3
    assert 255 * found.sigma == pytest.approx(20, rel=0.08)


@pytest.mark.slow
def test_fewer_patches_measure_the_same_roughly() -> None:
    noisy = noisy_set(white, 25)
    assert measure_noise(noisy, most=600).sigma == pytest.approx(measure_noise(noisy).sigma, rel=0.08)


def test_nothing_to_measure_on() -> None:
    for pictures in ([], [np.zeros((15, 200, 3))]):
        with pytest.raises(ValueError, match="in patches of 16x16 pixels; no picture is as large"):
            measure_noise(pictures)


def test_a_channel_that_is_black_everywhere_hides_nothing() -> None:
    """As the blue of a picture of two dyes."""
    clean = 0.3 + 0.4 * RAMP
    clean[..., 2] = 0
    noisy = as_file(clean + 10 / 255 * white(clean, np.random.default_rng(0)) * (clean > 0))
    assert 255 * measure_noise([noisy]).sigma == pytest.approx(10 * (2 / 3) ** 0.5, rel=0.1)


@pytest.mark.parametrize("paper", [0.9, 0.97])
def test_noise_on_paper_is_measured_as_before_it_was_cut_off(paper: float) -> None:
    clean = np.full((SIZE, SIZE, 3), paper)
    clean[: SIZE // 3] = RAMP[: SIZE // 3]
    found = measure_noise([as_file(clean + 20 / 255 * white(clean, np.random.default_rng(0)))])
    assert found.clipped
    assert 255 * found.sigma == pytest.approx(20, rel=0.12)
    assert not measure_noise([0.2 + 0.6 * RAMP]).clipped


@pytest.mark.parametrize(
    "model",
    [white_noise(0.08), bell_model(0.8, 0.06), bell_model(1.2, 0.08, rho=0.5)],
    ids=["white", "shared by neighbours", "and by channels"],
)
def test_what_is_drawn_is_measured_again(model: NoiseModel) -> None:
    signal = torch.from_numpy(RAMP).permute(2, 0, 1)[None]
    drawn = signal + model.draw(signal, torch.Generator().manual_seed(1))
    found = measure_noise([drawn[0].permute(1, 2, 0).numpy()])
    assert found.sigma == pytest.approx(model.sigma, rel=0.08)
    assert found.correlation == pytest.approx(model.correlation, abs=0.04)
    assert found.channels == pytest.approx(model.channels, abs=0.06)


def views_of(clean: Floats, noise: Noise, *, sigma: float = 20.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(11)
    first, second = (clean + sigma / 255 * noise(clean, rng) for _ in range(2))
    return first, second


@pytest.mark.slow
def test_texture_is_not_mistaken_for_noise_in_views() -> None:
    """A picture of random pixels: nothing but the difference of views tells its noise."""
    texture = 0.2 + 0.6 * np.random.default_rng(1).random((SIZE, SIZE, 3))
    found = noise_from_views([views_of(texture, white)])
    assert 255 * found.sigma == pytest.approx(20, rel=0.02)
    assert found.kernel.shape == (1, 1)
    assert 255 * measure_noise([views_of(texture, white)[0]]).sigma > 40
    found = noise_from_views([views_of(texture, blurred(0.8))])
    assert 255 * found.sigma == pytest.approx(20, rel=0.03)
    assert found.correlation == pytest.approx(correlation_of_blur(0.8), abs=0.03)


def test_gain_and_read_noise_from_views() -> None:
    clean = 0.1 + 0.8 * photograph(3)
    found = noise_from_views([views_of(clean, poisson_gaussian(0.02, 8 / 255))])
    assert found.gain == pytest.approx(np.full(3, 0.02), rel=0.06)
    assert 255 * found.read_std == pytest.approx(np.full(3, 8), abs=2)
    assert found.mean == pytest.approx(clean.mean((0, 1)), abs=0.01)


def test_views_may_have_several_sizes_and_one_channel() -> None:
    pairs = [views_of(photograph(k)[: 80 + 16 * k, :, :1], white) for k in range(4)]
    found = noise_from_views(pairs)
    assert len(found.gain) == 1
    assert 255 * found.sigma == pytest.approx(20, rel=0.03)


def test_clipped_paper_in_views_does_not_hide_the_noise() -> None:
    clean = 0.2 + 0.6 * photograph(3)
    clean[:, SIZE // 2 :] = 1.0
    first, second = map(as_file, views_of(clean, white))
    assert 255 * noise_from_views([(first, second)]).sigma == pytest.approx(20, rel=0.08)


def test_identical_views_have_no_noise() -> None:
    assert noise_from_views([(photograph(0), photograph(0))]).sigma < 0.1 / 255


def test_no_views() -> None:
    with pytest.raises(ValueError, match="expected at least one pair of views"):
        noise_from_views([])


@given(
    gain=st.floats(0, 0.1), read=st.floats(1e-6, 0.05), seed=st.integers(0, 100), textured=st.integers(0, 3)
)
def test_a_line_is_found_below_texture(gain: float, read: float, seed: int, textured: int) -> None:
    mean = np.random.default_rng(seed).uniform(0.05, 0.95, 600)
    variance = gain * mean + read
    variance[(mean > 0.4) & (mean < 0.4 + 0.1 * textured)] *= 30
    found = variance_line(mean, variance)
    assert found[0] * 0.9 + found[1] == pytest.approx(gain * 0.9 + read, rel=0.1)
    assert found[0] * 0.1 + found[1] == pytest.approx(gain * 0.1 + read, rel=0.1)


@given(
    points=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 9)), min_size=2, max_size=9)
)
def test_neither_gain_nor_read_noise_is_negative(points: list[tuple[float, float, float]]) -> None:
    x, y, weights = map(np.array, zip(*points, strict=True))
    gain, read = nonnegative_line(x, y, weights)
    assert gain >= 0
    assert read >= 0
    error = (weights * (gain * x + read - y) ** 2).sum()
    for other in ((0.0, np.average(y, weights=weights)), (gain + 0.01, read), (gain, read + 0.01)):
        assert error <= (weights * (other[0] * x + other[1] - y) ** 2).sum() + 1e-9


def test_one_brightness_tells_no_gain() -> None:
    assert variance_line(np.full(100, 0.5), np.full(100, 0.01)) == (0.0, pytest.approx(0.01))
