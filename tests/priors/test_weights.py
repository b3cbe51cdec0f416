"""The shipped weights: small fixed crops, what they measured when shipped, and tolerances from their spread.

The pictures are those inside the scikit-image package; none was trained on. A margin is three times the
spread over eight noise seeds, or of both precisions, whichever is more.
"""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

import restore
from restore.evaluation.metrics import psnr
from restore.images.resize import resize
from restore.inverse.fill import push_pull
from restore.priors.checkpoint import shipped_weights
from restore.training.degradations import correlated_noise, poisson_gaussian_noise

pytestmark = pytest.mark.slow


def crop(name: str, top: int, left: int, size: int = 96) -> Tensor:
    picture = getattr(skimage.data, name)()[top : top + size, left : left + size]
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255


def clean() -> Tensor:
    return torch.cat([crop("astronaut", 0, 180), crop("chelsea", 60, 130), crop("coffee", 130, 240)])


def strokes(size: int = 96) -> Tensor:
    hole = torch.zeros(1, 1, size, size)
    hole[..., 20:24, 8:80] = hole[..., 40:90, 30:33] = hole[..., 60:64, 50:90] = 1
    return hole


def mean_psnr(a: Tensor, b: Tensor, where: Tensor | None = None) -> float:
    return float(torch.as_tensor(psnr(a.clamp(0, 1), b, where=where)).mean())


def drift(a: Tensor, b: Tensor) -> float:
    """Largest difference of a picture's mean colour, in grey levels of 255."""
    return float((a - b).mean((2, 3)).abs().max()) * 255


def test_shipped_file_is_small_and_says_where_it_comes_from() -> None:
    backbone = restore.load()
    assert shipped_weights().stat().st_size < 32e6
    assert sum(p.numel() for p in backbone.network.parameters()) < 16e6
    assert {"pictures", "crops", "steps", "sha256"} <= backbone.facts.keys()


@pytest.mark.parametrize(("sigma", "measured"), [(15, 34.27), (25, 32.07), (50, 29.20)])
def test_denoise(sigma: float, measured: float) -> None:
    picture = clean()
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(picture.shape, dtype=np.float32))
    restored = restore.denoise(picture + sigma / 255 * noise, sigma=sigma)
    assert mean_psnr(restored, picture) == pytest.approx(measured, abs=0.2)
    assert drift(restored, picture) < 0.06 * sigma  # the noise's own mean over a crop moves the colour too


def as_file(picture: Tensor) -> Tensor:
    return (picture.clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize(("sigma", "lost", "spread"), [(25, 0.04, 0.012), (50, 0.09, 0.039)])
def test_noise_cut_off_at_black_and_white_costs_little(sigma: float, lost: float, spread: float) -> None:
    """In a file noise ends at black and white; not made up for, that loses 0.77 and 2.29 dB."""
    picture = clean()
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(picture.shape, dtype=np.float32))
    noisy = picture + sigma / 255 * noise
    whole, file = restore.denoise(noisy, sigma=sigma), restore.denoise(as_file(noisy), sigma=sigma)
    assert mean_psnr(whole, picture) - mean_psnr(file, picture) == pytest.approx(lost, abs=3 * spread)


def test_eight_orientations_are_better_than_one() -> None:
    picture, backbone = clean(), restore.load()
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(picture.shape, dtype=np.float32))
    scores = []
    for backbone.ensemble in (1, 8):
        restored = restore.denoise(picture + 25 / 255 * noise, sigma=25, prior=backbone)
        scores.append(mean_psnr(restored, picture))
    assert scores[1] - scores[0] == pytest.approx(0.18, abs=0.06)


@pytest.mark.parametrize(("kind", "measured"), [("growing with the signal", 11.2), ("shared", 6.3)])
def test_blind_noise(kind: str, measured: float) -> None:
    picture, generator = clean(), torch.Generator().manual_seed(0)
    if kind == "shared":
        noisy = correlated_noise(picture, torch.full((3,), 15 / 255), 1.0, generator)
    else:
        noisy = poisson_gaussian_noise(
            picture, torch.full((3,), 0.02), torch.full((3,), 4 / 255), generator
        )  # fmt: skip
    restored = restore.denoise(as_file(noisy), method="blind")
    gain = mean_psnr(restored, picture) - mean_psnr(as_file(noisy), picture)
    assert gain == pytest.approx(measured, abs=0.4)


def test_faded_prints_stay_faded() -> None:
    """Noise is removed; contrast and colour are left as they are, within what smoothing takes."""
    faded = (0.3 + 0.4 * clean()) * torch.tensor([1.0, 0.9, 0.75]).view(1, 3, 1, 1)
    noise = torch.randn(faded.shape, generator=torch.Generator().manual_seed(0))
    restored = restore.denoise(as_file(faded + 15 / 255 * noise), method="blind")
    assert mean_psnr(restored, faded) > 36.5
    texture, found = (p - p.mean((2, 3), keepdim=True) for p in (faded, restored))
    assert float((found * texture).sum() / texture.square().sum()) == pytest.approx(0.98, abs=0.02)
    assert drift(restored, faded) < 1


@pytest.mark.slow
def test_upscale() -> None:
    picture = clean()
    small = (resize(picture, (32, 32)).clamp(0, 1) * 255).round() / 255
    mean = restore.upscale(small, 3, estimate="mean")
    assert mean_psnr(mean, picture) > mean_psnr(resize(small, (96, 96)), picture) + 1.5  # 1.70 measured
    assert drift(mean, picture) < 1
    sample = restore.upscale(small, 3)
    assert float((resize(sample, (32, 32)) - small).abs().mean()) * 255 < 0.5
    assert drift(sample, picture) < 1


@pytest.mark.slow
def test_inpaint() -> None:
    picture, hole = clean(), strokes().expand(3, -1, -1, -1)
    fill = push_pull(picture, hole)
    mean = restore.inpaint(picture, hole, estimate="mean")
    assert mean_psnr(mean, picture, hole) > mean_psnr(fill, picture, hole) + 2.3  # 2.57 measured
    assert torch.equal(mean * (1 - hole), picture * (1 - hole))
    sample = restore.inpaint(picture, hole)
    assert mean_psnr(sample, picture, hole) > mean_psnr(fill, picture, hole) + 1.6  # 1.89 measured


def test_samples_look_like_pictures_not_noise() -> None:
    pictures = restore.sample(2, size=(64, 64), steps=12)
    rough = (pictures[..., 1:] - pictures[..., :-1]).abs().mean()
    assert float(pictures.std()) > 0.02
    assert float(rough) < 0.1  # pure noise clipped to [0, 1] gives 0.4


def test_half_and_single_precision_agree() -> None:
    picture = clean()
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(picture.shape, dtype=np.float32))
    scores = [
        mean_psnr(
            restore.denoise(picture + 25 / 255 * noise, sigma=25, prior=restore.load(dtype=dtype)), picture
        )
        for dtype in (torch.bfloat16, torch.float32)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
