"""Even borders, hidden pixels and texture all over do not change the noise that is measured."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from restore.noise.borders import counted
from restore.noise.estimate import estimate_sigma, measure
from restore.noise.measure import measure_noise
from restore.training.holes import text_pages

Pixels = NDArray[np.uint8]
SIGMA = 15


def photograph(name: str = "coffee", sigma: float = SIGMA) -> Pixels:
    """A noisy photograph of 8 bits."""
    clean = getattr(skimage.data, name)()[:208, :240].astype(float)
    noisy = clean + sigma * np.random.default_rng(0).standard_normal(clean.shape)
    return noisy.round().clip(0, 255).astype(np.uint8)


def letter_box(pixels: Pixels, share: float, value: int) -> Pixels:
    """Bars above and below, which together are a share of the height."""
    rows = round(share * len(pixels) / 2)
    boxed = pixels.copy()
    boxed[:rows] = boxed[-rows:] = value
    return boxed


def scanner_bed(pixels: Pixels, value: int) -> Pixels:
    bed = np.full((len(pixels) + 90, pixels.shape[1] + 70, 3), value, np.uint8)
    bed[: len(pixels), : pixels.shape[1]] = pixels
    return bed


def jpeg(pixels: Pixels) -> Pixels:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "jpeg", quality=95, subsampling=0)
    with Image.open(data) as file:
        return np.asarray(file)


def sigma_of(pixels: Pixels, **options: Any) -> float:
    return 255 * estimate_sigma((pixels / 255).astype(np.float32), **options)


def model_sigma(pixels: Pixels) -> float:
    return 255 * measure_noise([pixels / 255], most=2000).sigma


BORDERS = {
    "nine percent": lambda p: letter_box(p, 0.18, 90),
    "black": lambda p: letter_box(p, 0.3, 16),
    "most of it": lambda p: letter_box(p, 0.6, 200),
    "scanner bed": lambda p: scanner_bed(p, 240),
    "page margin": lambda p: np.pad(p, ((60, 60), (50, 50), (0, 0)), constant_values=250),
    "soft ramp": lambda p: np.concatenate([p, np.repeat(np.linspace(100, 120, 240)[None, :, None], 60, 0)
                                           .round().repeat(3, 2).astype(np.uint8)]),
}  # fmt: skip


@pytest.mark.parametrize("name", BORDERS)
@pytest.mark.parametrize("sigma", [5, 20])
def test_even_borders_do_not_hide_the_noise(name: str, sigma: int) -> None:
    pixels = BORDERS[name](photograph(sigma=sigma))
    assert sigma_of(pixels) == pytest.approx(sigma, rel=0.05)
    if sigma > 10 or name != "most of it":  # a fifth of the picture has little that is flat
        assert model_sigma(pixels) == pytest.approx(model_sigma(photograph(sigma=sigma)), rel=0.15)


def test_borders_with_what_jpeg_leaves_around_them() -> None:
    plain, boxed = jpeg(photograph()), jpeg(letter_box(photograph(), 0.3, 16))
    assert np.ptp(boxed[24:31]) > 0
    assert sigma_of(boxed) == pytest.approx(sigma_of(plain), rel=0.05)
    assert sigma_of(boxed) > 10


def test_gray_pictures_have_borders_too() -> None:
    gray = letter_box(photograph().mean(2).round().astype(np.uint8), 0.3, 16)
    assert sigma_of(gray) == pytest.approx(SIGMA / 3**0.5, rel=0.1)


def test_pictures_without_even_places_count_as_a_whole() -> None:
    noisy = (photograph() / 255).astype(np.float32)
    assert counted(noisy) is None
    seen = np.ones(noisy.shape[:2], bool)
    assert counted(noisy, seen) is None
    assert measure(noisy, seen) == measure(noisy)
    assert counted(np.zeros((5, 300, 3))) is None


def pages() -> dict[str, Pixels]:
    """Clean pictures with even places: graphics, pages, clean photographs in a border."""
    ink = text_pages(6, 224)[::2].numpy()
    found = {f"letters {k}": np.repeat((242 - 0.85 * i)[..., None], 3, 2) for k, i in enumerate(ink)}
    clean = skimage.data.chelsea()[:208, :240]
    found |= {"photograph on a page": np.pad(clean, ((60, 60), (50, 50), (0, 0)), constant_values=250)}
    found |= {"letter box": letter_box(clean, 0.3, 16), "bright": np.full((96, 96, 3), 250)}
    shapes = np.full((160, 160, 3), 90.0)
    shapes[20:90, 30:70] = 200, 20, 20
    shapes[60:140, 90:150] = 20, 90, 200
    found |= {"shapes": gaussian_filter(shapes, (0.6, 0.6, 0))}
    return {name: pixels.round().astype(np.uint8) for name, pixels in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", pages())
def test_clean_pictures_stay_clean(name: str) -> None:
    clean = pages()[name]
    assert sigma_of(clean) < 1
    assert sigma_of(jpeg(clean)) < 2


def test_hidden_pixels_do_not_count() -> None:
    pixels, seen = photograph(), np.ones((208, 240), bool)
    seen[:, 140:] = False
    for hidden in (0, 128):
        pixels[:, 140:] = hidden
        assert sigma_of(pixels, visible=seen) == pytest.approx(SIGMA, rel=0.05)
    values = pixels / 255
    values[:, 140:] = 7 * np.random.default_rng(1).standard_normal((208, 100, 3))
    assert 255 * estimate_sigma(values, seen) == pytest.approx(SIGMA, rel=0.05)
    model = measure_noise([values], most=2000, visible=[seen])
    assert 255 * model.sigma == pytest.approx(model_sigma(photograph()), rel=0.15)
    assert model.mean == pytest.approx(photograph()[:, :140].mean((0, 1)) / 255, abs=0.05)


def test_hidden_pixels_in_small_pictures() -> None:
    pixels = 0.5 + 0.1 * np.random.default_rng(0).standard_normal((24, 20, 3))
    seen = np.ones((24, 20), bool)
    pixels[:8], seen[:8] = 0, False
    assert estimate_sigma(pixels, seen) == pytest.approx(0.1, rel=0.15)
    assert estimate_sigma(pixels, np.zeros((24, 20), bool)) == 0


def test_masks_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match=r"visible is \(3, 4\) but the picture is \(24, 20\)"):
        estimate_sigma(np.zeros((24, 20, 3)), np.ones((3, 4), bool))
    with pytest.raises(ValueError, match="no patch lies between black and white"):
        measure_noise([np.full((32, 32, 3), 0.5)], visible=[np.zeros((32, 32), bool)])


def texture(kind: str) -> NDArray[np.floating[Any]]:
    """A clean picture of nothing but texture: soft fur in gray, or gravel in colour."""
    rng = np.random.default_rng(5)
    radius = (0.8, 2.5, 0) if kind == "fur" else (1.2, 1.2, 0)
    waves = gaussian_filter(rng.standard_normal((224, 224, 1)), radius)
    tint = np.array([1.0, 0.8, 0.6]) if kind == "fur" else np.array([1.0, 0.9, 1.1])
    found: NDArray[np.floating[Any]] = 128 + 40 * waves / waves.std() * tint
    return found


@pytest.mark.parametrize("kind", ["fur", "gravel"])
@pytest.mark.parametrize("sigma", [5, 15, 50])
def test_texture_all_over_is_hardly_taken_for_noise(kind: str, sigma: int) -> None:
    clean = texture(kind)
    noisy = clean + sigma * np.random.default_rng(1).standard_normal(clean.shape)
    assert sigma_of(noisy.round().clip(0, 255)) == pytest.approx(sigma, rel=0.06)


@pytest.mark.parametrize("sigma", [25, 50, 75])
def test_noise_that_was_cut_off_is_made_up_for(sigma: int) -> None:
    for name in ("astronaut", "coffee", "chelsea"):
        assert sigma_of(photograph(name, sigma)) == pytest.approx(sigma, rel=0.03)
