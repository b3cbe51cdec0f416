"""What measures noise quickly finds exactly what plain code finds, on small pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from restore.noise import borders, estimate, planes, specks, stripes
from restore.noise.cosines import cosine_basis
from restore.noise.line_offsets import PARTS

SHAPES = pytest.mark.parametrize("shape", [(64, 80, 3), (47, 33, 1), (50, 49, 3), (33, 90, 4)])
LAYOUTS = pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
Layout = Callable[[np.ndarray], np.ndarray]


def picture(shape: tuple[int, ...], sigma: float = 12, seed: int = 0) -> np.ndarray:
    """A ramp with noise, rounded to 8 bits and clipped at both ends."""
    ramp = np.linspace(-0.05, 1.05, shape[1])[:, None]
    noisy = ramp + np.random.default_rng(seed).normal(0, sigma / 255, shape)
    pixels: np.ndarray = (np.rint(noisy.clip(0, 1) * 255) / 255).astype(np.float32)
    return pixels


def cells(pixels: np.ndarray, side: int) -> np.ndarray:
    """Cells side by side ``(rows, columns, side, side, c)``."""
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    whole = pixels[: rows * side, : columns * side]
    return whole.reshape(rows, side, columns, side, -1).swapaxes(1, 2)


@SHAPES
@LAYOUTS
def test_ends_of_cells(shape: tuple[int, ...], layout: Layout) -> None:
    pixels = layout(picture(shape))
    low, high = planes.cell_ends(planes.one_by_one(pixels), 8)
    plain = cells(pixels, 8)
    np.testing.assert_array_equal(np.moveaxis(low, 0, 2), plain.min((2, 3)))
    np.testing.assert_array_equal(np.moveaxis(high, 0, 2), plain.max((2, 3)))
    np.testing.assert_array_equal(np.moveaxis(borders._spans(pixels), 0, 2), np.ptp(plain, axis=(2, 3)))


@pytest.mark.parametrize("step", [0.0, 0.4, 0.6])
def test_channels_that_differ_in_one_pixel(step: float) -> None:
    pixels = np.repeat(picture((70, 65, 1)), 3, 2).clip(0, 0.9)
    pixels[33, 7, 1] += step / 255
    assert planes.planes_of(pixels).shape[2] == (3 if step > 0.5 else 1)


@SHAPES
@LAYOUTS
def test_differences_in_lively_cells(shape: tuple[int, ...], layout: Layout) -> None:
    pixels = picture(shape)
    pixels[:16, :16], pixels[16:32, :20] = 0.5, 0
    ends = float(pixels.min()), float(pixels.max())
    plain = cells(pixels, 16)
    at_ends = np.maximum((plain <= ends[0]).mean((2, 3, 4)), (plain >= ends[1]).mean((2, 3, 4)))
    lively = plain[(np.ptp(plain, axis=(2, 3)).max(-1) > estimate.EVEN) & (at_ends < 0.9)]
    steps = np.abs(np.diff(np.diff(lively, axis=1), axis=2))
    expected = float(np.median(steps) / 2 / estimate.MEDIAN_DEVIATION)
    assert estimate._in_most_places(layout(pixels), None, ends) == expected
    assert estimate._in_most_places(layout(pixels), np.zeros(shape[:2], bool), ends) is None


def test_energies() -> None:
    spectra = np.random.default_rng(0).standard_normal((130, 3, 64)).astype(np.float32)
    low, high = estimate._energies(spectra)
    np.testing.assert_allclose(low, (spectra[..., estimate._LOW] ** 2).mean(2), rtol=1e-5)
    np.testing.assert_allclose(high, (spectra[..., estimate._HIGH] ** 2).mean(2), rtol=1e-5)


@pytest.mark.parametrize("shape", [(9, 400, 3), (400, 12, 1)])
def test_a_strip_without_a_whole_cell(shape: tuple[int, ...]) -> None:
    noisy = 0.5 + np.random.default_rng(0).normal(0, 20 / 255, shape)
    assert 255 * estimate.estimate_sigma(noisy) == pytest.approx(20, rel=0.1)


@SHAPES
@LAYOUTS
def test_medians_of_parts_of_lines(shape: tuple[int, ...], layout: Layout) -> None:
    pixels = layout(picture(shape, sigma=3))
    some = stripes._some(pixels, 2048, 1024)
    differences, inside = stripes._differences(some)
    found = stripes._part_medians(differences, inside, 0.3)
    c, length = shape[2], some.shape[1] // PARTS
    mean = (differences * inside).sum(2) / inside.sum(2).clip(1)
    rotated = np.concatenate([c**0.5 * mean[..., None], differences @ cosine_basis(c)[1:].T], 2)
    known = np.concatenate([inside.any(2, keepdims=True)] + (c - 1) * [inside.all(2, keepdims=True)], 2)
    values = np.where(known, rotated, np.nan)[:, : PARTS * length]
    parts = values.reshape(len(values), PARTS, length, c)
    enough = np.isfinite(parts).sum(2) >= 0.3 * length
    expected = np.where(enough, np.nanmedian(np.where(enough[:, :, None], parts, 0), axis=2), np.nan)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


def speckled(kind: str, share: float) -> np.ndarray:
    rng = np.random.default_rng(2)
    pixels = picture((96, 90, 3), sigma=2).clip(0.1, 0.7)
    where = rng.random((96, 90, 1)) < share
    if kind == "salt":
        return np.where(where, rng.random((96, 90, 1)) < 0.5, pixels).astype(np.float32)
    return np.where(where & (rng.random(pixels.shape) < 0.4), 0.95, pixels).astype(np.float32)


@pytest.mark.parametrize("kind", ["salt", "hot"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.002, 0.02, 0.2])
def test_screened_pictures_have_no_specks(kind: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = speckled(kind, share)
    found = specks.find_specks(pixels)
    monkeypatch.setattr(specks, "_may_have", lambda *_: (True, True))
    plain = specks.find_specks(pixels)
    assert (found is None) == (plain is None)
    if found is not None and plain is not None:
        assert found.kind == plain.kind
        np.testing.assert_array_equal(found.values, plain.values)
    assert (found is not None) == (share >= 0.002)


def some_picture(seed: int) -> np.ndarray:
    """A small picture of one of many kinds: constant or lively, gray or not, with specks anywhere or none."""
    rng = np.random.default_rng(seed)
    h, w, c = rng.integers(32, 90), rng.integers(32, 90), rng.choice([1, 3, 4])
    step = rng.choice([0, 0.2]) * rng.random((1 + h // 8, 1 + w // 8, c)).repeat(8, 0).repeat(8, 1)[:h, :w]
    pixels = 0.3 + step + rng.choice([0, 1, 4, 20]) / 255 * rng.standard_normal((h, w, c))
    pixels = pixels[..., :1].repeat(3, 2) if seed % 5 == 0 else pixels
    share = rng.choice([0, 0.0001, 0.001, 0.003, 0.01, 0.05])
    where = rng.random((h, w, rng.choice([1, pixels.shape[2]]))) < share
    if seed % 7 == 0:  # at the edges
        where[1:-1, 1:-1] = False
    values = rng.random(where.shape) < 0.5 if seed % 2 else np.minimum(1, pixels + rng.uniform(0.05, 0.6))
    pixels = np.where(where, values, pixels)
    levels = rng.choice([0, 255, 65535])
    pixels = np.rint(pixels.clip(0, 1) * levels) / levels if levels else pixels
    scaled: np.ndarray = (rng.choice([1, 1, 40]) * pixels).astype(rng.choice([np.float32, np.float64]))
    return scaled


def test_pictures_of_many_kinds_are_screened_rightly(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [some_picture(seed) for seed in range(60)]
    found = [specks.find_specks(each) for each in pictures]
    monkeypatch.setattr(specks, "_may_have", lambda *_: (True, True))
    kinds = [None if each is None else each.kind for each in found]
    assert {*kinds} == {None, "hot pixels", "salt and pepper"}
    for each, pixels in zip(found, pictures, strict=True):
        plain = specks.find_specks(pixels)
        assert (each is None) == (plain is None)
        if each is not None and plain is not None:
            assert each.kind == plain.kind and np.array_equal(each.values, plain.values)
