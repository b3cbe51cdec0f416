"""What lies under alpha 0 changes nothing that is seen, and says nothing of the noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from recording import Recorder

from restore import denoise, upscale
from restore.tasks.noise_choice import choose, even_pieces
from restore.testing import tiny_prior


def knowing(denoise: Any) -> Recorder:
    """A prior that has learned the noise of cameras."""
    recorder = Recorder(denoise)
    recorder.facts = {"noise_adapters": "0"}
    return recorder


def cut_out(hidden: float, size: int = 64) -> NDArray[np.float32]:
    """A noisy picture ``(size, size, 4)`` of which the upper half is hidden."""
    rng = np.random.default_rng(0)
    pixels = np.full((size, size, 4), 0.5, np.float32)
    pixels[..., :3] += (15 / 255 * rng.standard_normal((size, size, 3))).astype(np.float32)
    pixels[: size // 2, :, :3] = hidden
    pixels[..., 3] = np.arange(size)[:, None] >= size // 2
    return pixels


@pytest.mark.parametrize("method", ["projection", "conditional"])
def test_upscale_sees_nothing_that_is_hidden(method: str) -> None:
    results = [
        upscale(cut_out(hidden, 16), 2, method=method, steps=2, prior=tiny_prior()) for hidden in (0, 1)
    ]
    assert np.array_equal(results[0], results[1])


def test_the_level_is_that_of_what_is_seen() -> None:
    found = []
    for hidden in (0.0, 1.0):
        recorder = Recorder()
        denoise(cut_out(hidden), method="gaussian", prior=recorder)
        found += recorder.sigmas
    assert found[0] == found[1] == pytest.approx(15 / 255, rel=0.1)


def test_noise_is_chosen_by_what_is_seen() -> None:
    pixels = torch.from_numpy(cut_out(0.5)).permute(2, 0, 1)
    choice = choose(pixels[:3], tiny_prior(), pixels[3] > 0)
    assert choice.method == "gaussian"
    assert choice.noise_std == pytest.approx(15 / 255, rel=0.1)


def test_pieces_that_are_seen_come_first() -> None:
    picture = torch.full((3, 512, 512), 0.5)
    picture[:, 256:] += 0.1 * torch.randn(3, 256, 512, generator=torch.Generator().manual_seed(0))
    visible = torch.zeros(512, 512, dtype=torch.bool)
    visible[256:] = True
    assert all(piece.std() > 0.05 for piece in even_pieces(picture, visible.numpy()).pixels)


def halved(x: torch.Tensor, sigma: float) -> torch.Tensor:
    """Half of what differs from gray."""
    return (x + 0.5) / 2


def soft(h: int, w: int) -> torch.Tensor:
    """Gray with the noise of a camera, which neighbours share."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(np.random.default_rng(0).standard_normal((h, w, 3)), (1, 1, 0))
    return torch.from_numpy(0.5 + 0.03 * noise / noise.std()).permute(2, 0, 1).float()


@pytest.mark.parametrize("size", [256, 640])
@pytest.mark.parametrize("hidden", ["border", "alpha"])
def test_even_parts_do_not_hide_the_noise_of_cameras(size: int, hidden: str) -> None:
    picture = soft(size, size)
    whole = choose(picture, knowing(halved))
    assert whole.method == "real"
    half = picture.clone()
    half[:, :, : size // 2] = 0.9
    visible = None
    if hidden == "alpha":
        half[:, :, : size // 2] = 0.5
        visible = torch.ones(size, size, dtype=torch.bool)
        visible[:, : size // 2] = False
    found = choose(half, knowing(halved), visible)
    assert found.method == "real"
    assert found.noise_std == pytest.approx(whole.noise_std, rel=0.15)
