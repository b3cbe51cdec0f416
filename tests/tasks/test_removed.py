"""Noise is told from texture by what a prior removes at rising levels."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from restore.tasks.removed import real_level, stored_level

GRAY = 0.5


class Removing:
    """A prior that removes all of the noise above its level, and little below; of texture ever more."""

    def __init__(self, noise: float, texture: float = 0.0, adapted: float = 1.0):
        self.noise, self.texture, self.adapted = noise, texture, adapted

    def denoiser(self, condition: Any = None) -> Any:
        times = 1.0 if condition is None else self.adapted

        def denoise(x: Tensor, sigma: float) -> Tensor:
            share = min(1.0, (times * sigma / self.noise) ** 1.8) if self.noise else 0.0
            removed = ((share * self.noise) ** 2 + (self.texture * sigma) ** 2) ** 0.5
            return x - removed * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

        return denoise


def removing(noise: float, texture: float = 0.0, adapted: float = 1.0) -> Any:
    return Removing(noise, texture, adapted)


PIECES = torch.full((4, 3, 64, 64), GRAY)


@pytest.mark.parametrize("level", [2.5, 5, 8])
def test_the_level_of_real_noise(level: float) -> None:
    found = real_level(PIECES, removing(level / 255))
    assert found is not None
    assert 255 * found == pytest.approx(1.35 * level, rel=0.05)


def test_noise_is_everywhere() -> None:
    assert real_level(PIECES, removing(1 / 255)) is None


def test_texture_has_no_level() -> None:
    assert real_level(PIECES, removing(0.0, texture=0.5)) is None
    assert real_level(PIECES, removing(2 / 255, texture=0.5)) is None


def test_what_the_adapters_alone_know() -> None:
    known = removing(12 / 255, adapted=2.0)
    found = real_level(PIECES, known)
    assert found is not None
    assert 255 * found == pytest.approx(1.35 * 12, rel=0.05)
    assert real_level(PIECES, removing(12 / 255)) is None


@pytest.mark.parametrize("level", [5, 10, 20, 40])
@pytest.mark.parametrize("texture", [0.0, 0.25])
def test_white_noise_in_a_jpeg(level: float, texture: float) -> None:
    found = stored_level(PIECES, level / 255, removing(level / 255, texture))
    assert found is not None
    assert 255 * found == pytest.approx(1.15 * level, rel=0.35)


def test_texture_is_no_white_noise() -> None:
    assert stored_level(PIECES, 0.1, removing(0.0, texture=0.5)) is None


def test_coding_leaves_no_less_than_two_thirds_of_white_noise() -> None:
    found = stored_level(PIECES, 10 / 255, removing(30 / 255))
    assert found == pytest.approx(15 / 255)
