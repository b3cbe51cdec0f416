"""Single damaged pixels: found, repaired as small holes, and left alone where they are none."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from restore.noise.specks import find_specks
from restore.tasks.denoise import denoise
from restore.tasks.specks import repair
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

Pixels = NDArray[np.uint8]


def photograph(size: int = 128) -> Pixels:
    return np.ascontiguousarray(skimage.data.astronaut()[:size, 100 : 100 + size])


def peppered(share: float = 0.05) -> tuple[Pixels, NDArray[np.bool_]]:
    """A photograph with salt and pepper, and where."""
    rng = np.random.default_rng(0)
    pixels = photograph()
    damaged = rng.random(pixels.shape[:2]) < share
    pixels[damaged] = (rng.random(damaged.sum()) < 0.5)[:, None] * 255
    return pixels, damaged


def test_salt_and_pepper_are_found() -> None:
    pixels, damaged = peppered()
    found = find_specks(pixels / 255)
    assert found is not None
    assert found.kind == "salt and pepper"
    assert (found.mask & damaged).sum() > 0.9 * damaged.sum()
    assert (found.mask & ~damaged).sum() < 0.02 * damaged.sum()
    assert found.share == pytest.approx(damaged.mean(), rel=0.1)


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_photographs_have_none(name: str) -> None:
    assert find_specks(getattr(skimage.data, name)()[:256, :256] / 255) is None


@pytest.mark.parametrize("sigma", [10, 50])
def test_clipped_noise_is_no_salt(sigma: int) -> None:
    rng = np.random.default_rng(0)
    noisy = photograph(192) + sigma * rng.standard_normal((192, 192, 3))
    assert find_specks(noisy.round().clip(0, 255) / 255) is None


def test_only_damaged_pixels_change() -> None:
    pixels, damaged = peppered()
    found = repair(pixels, steps=1, prior=tiny_prior())
    changed = (found != pixels).any(2)
    assert (changed & damaged).sum() > 0.8 * damaged.sum()
    assert not (changed & ~damaged).sum() > 0.02 * damaged.sum()
    assert found.dtype == np.uint8


def test_a_picture_without_specks_is_copied() -> None:
    pixels = photograph(96)
    found = repair(pixels, prior=tiny_prior())
    assert np.array_equal(found, pixels)
    assert not np.shares_memory(found, pixels)


def test_denoise_repairs_them_first() -> None:
    pixels, damaged = peppered()
    found = denoise(pixels, sigma=0, specks=True, prior=tiny_prior())
    assert np.array_equal(found, repair(pixels, prior=tiny_prior()))
    assert (found != pixels).any(2)[damaged].mean() > 0.8


def test_steps_below_1() -> None:
    with pytest.raises(ValueError, match="steps is 1 or more"):
        repair(photograph(64), steps=0, prior=tiny_prior())
