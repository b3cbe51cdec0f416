"""Damaged pixels are filled and all others stay, for pictures of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from recording import Recorder, Reports
from torch import Tensor

from restore.tasks import specks as specks_task
from restore.tasks.specks import STEPS, repair

pytestmark = pytest.mark.usefixtures("one_thread")

SIZE = 96


def photo() -> np.ndarray:
    return np.array(skimage.data.chelsea()[60 : 60 + SIZE, 120 : 120 + SIZE])


def salted(clean: np.ndarray, share: float = 0.05, channels: int = 1) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng(0).random((*clean.shape[:2], channels))
    where = np.broadcast_to(drawn < share, clean.shape)
    top = np.iinfo(clean.dtype).max if clean.dtype.kind == "u" else 1
    return np.where(where, np.where(drawn < share / 2, 0, top), clean).astype(clean.dtype), where


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(-10 * np.log10(((a.astype(float) - b.astype(float)) ** 2).mean() / 255**2))


def smoothing(x: Tensor, sigma: float) -> Tensor:
    """A mild blur: what it answers in a hole is near what is around."""
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32", "PIL", "tensor", "batch", "gray"])
def test_pictures_of_every_kind(kind: str) -> None:
    clean = photo()
    if kind == "gray":
        clean = clean[..., 1]
    if kind in ("uint16", "float32"):
        clean = (clean * 257.0).astype(np.uint16) if kind == "uint16" else (clean / 255).astype(np.float32)
    damaged, where = salted(clean[..., None] if kind == "gray" else clean)
    damaged, where = damaged.reshape(clean.shape), where.reshape(clean.shape)
    image: Any = damaged
    if kind == "PIL":
        image = Image.fromarray(damaged)
    if kind in ("tensor", "batch"):
        image = torch.from_numpy(damaged / 255).permute(2, 0, 1).float()
        image = image[None] if kind == "batch" else image
    found = repair(image, prior=Recorder(smoothing))
    assert type(found) is type(image)
    numbers = np.asarray(found)
    if kind in ("tensor", "batch"):
        assert found.shape == image.shape
        numbers = np.asarray(found.reshape(3, SIZE, SIZE).permute(1, 2, 0)) * 255
    assert numbers.shape == clean.shape
    np.testing.assert_allclose(numbers[~where], damaged[~where], atol=1e-4)
    scale = {"uint16": 257, "float32": 1 / 255}.get(kind, 1)
    assert np.abs(numbers[where] / scale - clean[where] / scale).mean() < 8


def test_the_network_never_sees_the_specks() -> None:
    damaged, _where = salted(np.full((64, 64, 3), 100, np.uint8))
    recorder = Recorder(smoothing)
    found = repair(damaged, prior=recorder)
    assert (np.abs(found.astype(int) - 100) <= 1).all()
    for condition in recorder.conditions:
        if condition is not None:
            assert float(condition.hint.max()) == pytest.approx(100 / 255, abs=1e-3)


def test_hot_pixels_are_gone() -> None:
    clean = photo() // 2
    place = np.random.default_rng(1).random((SIZE, SIZE)) < 0.004
    hot = clean.copy()
    hot[place, 1] = 255
    found = repair(hot, prior=Recorder(smoothing))
    assert found[place, 1].max() < 150
    assert psnr(found, clean) > psnr(hot, clean) + 10
    np.testing.assert_array_equal(found[..., ::2][place], clean[..., ::2][place])


def test_a_picture_without_specks_is_a_copy(no_weights: None, monkeypatch: pytest.MonkeyPatch) -> None:
    image = photo()
    found = repair(image)
    np.testing.assert_array_equal(found, image)
    assert found is not image
    found = repair(image, mask=np.zeros((SIZE, SIZE), bool))
    np.testing.assert_array_equal(found, image)


def test_a_mask_says_where() -> None:
    image, mask = photo(), np.zeros((SIZE, SIZE), bool)
    mask[10, 20] = mask[50, 60] = True
    found = repair(image, mask=mask, prior=Recorder(lambda x, sigma: 0 * x))
    np.testing.assert_array_equal(found[~mask], image[~mask])
    assert (found[mask] != image[mask]).any()


def test_steps_and_progress() -> None:
    damaged, _ = salted(photo())
    for steps in (1, 3):
        recorder, reports = Recorder(smoothing), Reports()
        repair(damaged, steps=steps, prior=recorder, progress=reports)
        assert len(recorder.sigmas) == steps
        reports.assert_complete(steps)
    with pytest.raises(ValueError, match="steps is 1 or more"):
        repair(damaged, steps=0)


def test_one_call_is_enough_in_a_noisy_picture() -> None:
    noise = np.random.default_rng(2).normal(0, 15, (SIZE, SIZE, 3))
    noisy = np.rint((photo() + noise).clip(1, 254)).astype(np.uint8)
    for image, calls in ((photo(), STEPS), (noisy, 1)):
        recorder = Recorder(smoothing)
        repair(salted(image)[0], prior=recorder)
        assert len(recorder.sigmas) == calls


def test_known_channels_stay_and_help_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pixel has detail that the other channels share and no neighbour knows."""
    detail = np.random.default_rng(4).uniform(-30, 30, (SIZE, SIZE, 1))
    clean = np.rint(120 + np.array([20, 0, -20]) + detail).astype(np.uint8)
    damaged, where = salted(clean, 0.06, channels=3)
    found = repair(damaged, prior=Recorder(smoothing), steps=2)
    np.testing.assert_array_equal(found[~where], clean[~where])
    partly = where & (where.sum(2, keepdims=True) < 3)
    error = np.abs(found[partly].astype(float) - clean[partly])
    assert error.mean() < 4
    alone = repair(damaged, mask=where.any(2), prior=Recorder(smoothing), steps=2)
    assert error.mean() < 0.4 * np.abs(alone[partly].astype(float) - clean[partly]).mean()


def test_a_batch_is_repaired_as_each_alone() -> None:
    first, _ = salted(photo())
    second = photo()
    batch = torch.from_numpy(np.stack([first, second]) / 255).permute(0, 3, 1, 2).float()
    found = repair(batch, prior=Recorder(smoothing), steps=2)
    alone = repair(batch[0], prior=Recorder(smoothing), steps=2)
    torch.testing.assert_close(found[0], alone)
    assert torch.equal(found[1], batch[1])


def test_what_alpha_hides_is_left_alone() -> None:
    damaged, where = salted(photo())
    alpha = np.full((SIZE, SIZE, 1), 255, np.uint8)
    alpha[:, :30] = 0
    image = np.concatenate([damaged, alpha], axis=2)
    found = repair(image, prior=Recorder(smoothing), steps=2)
    np.testing.assert_array_equal(found[:, :30], image[:, :30])
    np.testing.assert_array_equal(found[..., 3], image[..., 3])
    seen = where[..., 0] & (alpha[..., 0] > 0)
    assert np.abs(found[..., :3][seen].astype(float) - photo()[seen]).mean() < 8


@pytest.mark.slow
def test_far_better_than_a_median_filter() -> None:
    """With the weights in the package."""
    import cv2

    clean = photo()
    damaged, _ = salted(clean)
    median = np.stack([cv2.medianBlur(np.ascontiguousarray(damaged[..., k]), 3) for k in range(3)], 2)
    assert psnr(repair(damaged, steps=2), clean) > psnr(median, clean) + 6


def test_the_module_asks_for_weights_once_there_is_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def fill(image: Any, mask: Any, **options: Any) -> Any:
        asked.append(options)
        return image

    monkeypatch.setattr(specks_task, "inpaint", fill)
    repair(photo())
    assert not asked
    repair(salted(photo())[0])
    assert asked[0]["estimate"] == "mean"


def test_the_scale_of_floats_is_judged_once() -> None:
    """What lies below 0 says nothing of the scale once the range is told."""
    from restore import denoise

    rng = np.random.default_rng(0)
    pixels = np.where(rng.random((SIZE, SIZE, 1)) < 0.03, 1.0, photo() / 255 - 0.5)
    found = denoise(pixels, sigma=10, specks=True, data_range=(0, 1), prior=Recorder(smoothing))
    assert np.isfinite(found).all()
    assert found.max() < 0.9
