"""Offsets of rows and columns: found, measured and taken out, and not seen where there are none."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.noise.stripes import Kind, Stripes, find_stripes, without_stripes
from restore.training.holes import text_pages

SIZE = 192
PICTURES = ("astronaut", "chelsea", "coffee", "rocket", "camera")


def photo(name: str) -> np.ndarray:
    pixels = getattr(skimage.data, name)()[40 : 40 + SIZE, 80 : 80 + SIZE] / 255
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)


def ramp(axis: int) -> np.ndarray:
    line = np.linspace(0.1, 0.9, SIZE).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    return np.broadcast_to(line, (SIZE, SIZE, 3)).copy()


def offsets(kind: str, sigma: float, seed: int, channels: int = 1) -> np.ndarray:
    """White offsets as they are added to a picture, sigma of 255."""
    drawn = np.random.default_rng(seed).normal(0, sigma / 255, (SIZE, channels))
    return drawn[:, None] if kind == "rows" else drawn[None]


def white(sigma: float, seed: int = 1, shape: tuple[int, ...] = (SIZE, SIZE, 3)) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, sigma / 255, shape)


def in_file(pixels: np.ndarray) -> np.ndarray:
    return np.rint(pixels.clip(0, 1) * 255) / 255


def line_deviation(error: np.ndarray, kind: str) -> float:
    return float(error.mean(1 if kind == "rows" else 0).std())


def squared(error: np.ndarray) -> float:
    return float((error**2).mean())


def check(clean: np.ndarray, kind: str, sigma: float, noise: float = 0, channels: int = 1) -> None:
    """Named and at least halved, at a sigma that is about right, and the picture is better for it."""
    noisy = in_file(clean + offsets(kind, sigma, 5, channels) + white(noise))
    found = find_stripes(noisy)
    assert found is not None
    assert found.kind == kind
    assert 0.6 * sigma < 255 * found.sigma < 1.15 * sigma
    better = without_stripes(noisy, found)
    assert line_deviation(better - clean, kind) < 0.5 * line_deviation(noisy - clean, kind)
    assert squared(better - clean) < squared(noisy - clean)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rows", "columns"])
@pytest.mark.parametrize("name", PICTURES)
def test_photographs_lose_their_stripes(name: str, kind: str) -> None:
    check(photo(name), kind, 8)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rows", "columns"])
def test_beside_other_noise(kind: str) -> None:
    check(photo("chelsea"), kind, 8, noise=10)
    check(photo("rocket"), kind, 4, noise=10)


@pytest.mark.parametrize("kind", ["rows", "columns"])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("noise", [0, 10])
def test_gradients(axis: int, kind: str, noise: float) -> None:
    check(ramp(axis), kind, 8, noise)


@pytest.mark.slow
def test_each_channel_has_its_own() -> None:
    check(photo("chelsea"), "rows", 6, channels=3)
    noisy = in_file(photo("chelsea") + offsets("rows", 6, 5, 3))
    found = find_stripes(noisy)
    assert found is not None
    correlation = np.corrcoef(found.offsets.T, offsets("rows", 6, 5, 3)[:, 0].T)[:3, 3:]
    assert correlation.diagonal().min() > 0.9
    assert np.abs(correlation - np.diag(correlation.diagonal())).max() < 0.4


def test_offsets_of_all_channels_are_the_same_number() -> None:
    found = find_stripes(in_file(photo("rocket") + offsets("columns", 6, 3)))
    assert found is not None
    assert found.offsets.shape == (SIZE, 3)
    assert np.ptp(found.offsets, axis=1).max() == 0
    assert np.abs(found.offsets.mean(0)).max() < 1e-9


@pytest.mark.parametrize("channels", [0, 1, 3])
def test_gray_pictures_count_once(channels: int) -> None:
    gray = in_file(photo("camera") + offsets("rows", 8, 2))[..., 0]
    found = find_stripes(gray if channels == 0 else np.repeat(gray[..., None], channels, 2))
    once = find_stripes(gray)
    assert found is not None
    assert once is not None
    assert found.offsets.shape == (SIZE, max(channels, 1))
    np.testing.assert_allclose(found.offsets, np.repeat(once.offsets, max(channels, 1), 1))
    repaired = without_stripes(gray, once)
    assert repaired.shape == gray.shape


@pytest.mark.parametrize("name", [*PICTURES, "brick", "grass", "gravel", "coins", "moon"])
def test_clean_photographs_have_none(name: str) -> None:
    assert find_stripes(photo(name)) is None


@pytest.mark.parametrize("sigma", [1, 5, 20, 60])
def test_white_noise_has_none(sigma: float) -> None:
    assert find_stripes(in_file(0.5 + white(sigma))) is None
    assert find_stripes(in_file(photo("chelsea") + white(sigma))) is None


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 10])
def test_pages_of_text_have_none(noise: float) -> None:
    page = 1 - text_pages(count=1, size=384).numpy()[0][:, :320, None] / 255
    assert find_stripes(in_file(page + white(noise, shape=page.shape))) is None
    assert find_stripes(in_file(0.9 - 0.8 * page + white(noise, shape=page.shape))) is None


def drawn() -> dict[str, np.ndarray]:
    """Pictures that are made of horizontal lines."""
    row = np.arange(SIZE)
    rules = np.random.default_rng(0).choice(row, 12, replace=False)
    shapes = {
        "every second line": 0.1 * (row % 2),
        "blinds": 0.3 * (row % 12 < 5),
        "fine blinds": 0.3 * (row % 3 < 1),
        "a table": 0.5 * np.isin(row, rules),
        "zebra": 0.07 * (row // 14 % 2),
        "letter box": -0.5 * ((row < 30) | (row >= SIZE - 30)),
        "horizon": 0.4 * (row < 90),
        "a wave": 0.2 * np.sin(row / 7),
        "steps": np.floor(row / 3) / 200,
        "nothing": 0.0 * row,
    }
    return {
        name: np.broadcast_to((0.5 + line)[:, None, None], (SIZE, SIZE, 3)) for name, line in shapes.items()
    }


@pytest.mark.parametrize("name", list(drawn()))
@pytest.mark.parametrize("noise", [0, 5])
def test_content_in_lines_is_no_stripe(name: str, noise: float) -> None:
    pixels = in_file(drawn()[name] + white(noise))
    assert find_stripes(pixels) is None
    assert find_stripes(pixels.swapaxes(0, 1)) is None


def test_grain_of_wood_is_no_stripe() -> None:
    """It is alike over a part of the line only."""
    from scipy.ndimage import gaussian_filter1d

    grain = gaussian_filter1d(white(255, shape=(SIZE, SIZE)), 15, axis=1)
    assert find_stripes(0.5 + 0.05 * (grain / grain.std())[..., None]) is None


def test_both_rows_and_columns() -> None:
    clean = photo("rocket")
    noisy = in_file(clean + offsets("rows", 8, 1) + offsets("columns", 5, 2))
    kinds, left = [], noisy
    while (found := find_stripes(left)) is not None:
        kinds.append(found.kind)
        left = without_stripes(left, found)
    assert sorted(kinds) == ["columns", "rows"]
    for kind in kinds:
        assert line_deviation(left - clean, kind) < 0.5 * line_deviation(noisy - clean, kind)


def test_shading_stays() -> None:
    """Only what changes from line to line is taken out."""
    clean = 0.2 + 0.6 * np.sin(np.linspace(0, 3, SIZE))[:, None, None] * np.ones((SIZE, SIZE, 3))
    noisy = in_file(clean + offsets("rows", 6, 4))
    found = find_stripes(noisy)
    assert found is not None
    means = (without_stripes(noisy, found) - clean).mean((1, 2))
    assert np.abs(np.convolve(means, np.ones(31) / 31, "valid")).max() < 3 / 255


def test_a_cut_off_sky_does_not_hide_them() -> None:
    clean = photo("rocket").copy()
    clean[:, :70] = 1.3
    clean[:40] = 1.3
    noisy = in_file(clean + offsets("rows", 8, 6))
    found = find_stripes(noisy)
    assert found is not None
    better = without_stripes(noisy, found)
    assert (better[clean > 1.2] == 1).all()
    below = (clean < 1) & (noisy > 0) & (noisy < 1)
    assert squared((better - clean)[below]) < 0.2 * squared((noisy - clean)[below])


def test_values_at_the_ends_stay_and_none_leaves_the_range() -> None:
    stripes = Stripes("columns", np.array([[0.2], [-0.2], [0.0]]), 0.2)
    pixels = np.array([[1.0, 0.9, 1.0], [0.0, 0.0, 0.5], [0.1, 0.3, 0.5]])
    expected = np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 0.5], [0.0, 0.5, 0.5]])
    np.testing.assert_allclose(without_stripes(pixels, stripes), expected)
    np.testing.assert_allclose(without_stripes(4 * pixels, stripes).max(), 4)


@settings(max_examples=20)
@given(
    kind=st.sampled_from(["rows", "columns"]),
    seed=st.integers(0, 1000),
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_known_offsets_are_taken_out(kind: Kind, seed: int, channels: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    clean = rng.uniform(0.2, 0.8, (6, 9, channels)).astype(dtype)
    drawn = rng.uniform(-0.1, 0.1, (6 if kind == "rows" else 9, channels))
    drawn -= drawn.mean(0)
    noisy = (clean + (drawn[:, None] if kind == "rows" else drawn[None])).astype(dtype)
    before = noisy.copy()
    found = without_stripes(noisy, Stripes(kind, drawn, 0.1))
    assert found.dtype == dtype
    np.testing.assert_allclose(found, clean, atol=1e-6)
    np.testing.assert_array_equal(noisy, before)
    assert found.mean() == pytest.approx(noisy.mean(), abs=1e-6)


def test_small_pictures_and_mistakes() -> None:
    assert find_stripes(np.full((20, 300, 3), 0.5)) is None
    assert find_stripes(np.full((300, 20), 0.5)) is None
    with pytest.raises(ValueError, match="expected a picture"):
        find_stripes(np.zeros(5))
    with pytest.raises(ValueError, match="not finite"):
        find_stripes(np.full((64, 64), np.nan))


def test_what_users_read() -> None:
    found = Stripes("columns", np.zeros((4, 1)), 2.04 / 255)
    assert found.describe() == "columns have offsets of sigma 2.0 (of 255)"
