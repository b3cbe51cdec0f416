"""Noise of any spectrum, completed to white noise and brought under a tone curve."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from mutants import edited, mutant_tests, wrong
from recording import PRIOR, Recorder, Reports, picture
from torch import Tensor

from restore.diffusion.seeds import seeded_rng
from restore.noise.picture_noise import SIDE, PictureNoise, correlation_of, noise_between, white
from restore.tasks import completed, denoise_methods
from restore.tasks.completed import completion, tone_curve
from restore.tasks.denoise import denoise

pytestmark = pytest.mark.usefixtures("one_thread")

ORDER = np.hypot(np.arange(SIDE)[:, None], np.arange(SIDE))


def shared(luma: float = 0.06, chroma: float = 0.03) -> PictureNoise:
    """Noise that neighbours share."""
    spectrum = np.exp(-((ORDER / 7) ** 2))
    spectrum = spectrum / spectrum.mean()
    return dataclasses.replace(
        white(1.0), luma=np.array([luma]), chroma=np.array([chroma]),
        luma_spectrum=spectrum, chroma_spectrum=spectrum,
    )  # fmt: skip


def growing(low: float, high: float) -> PictureNoise:
    """White noise whose level rises with the brightness."""
    levels = np.linspace(low, high, 5)
    return dataclasses.replace(
        white(1.0), brightness=np.linspace(0.1, 0.9, 5), luma=levels, chroma=levels, weight=np.full(5, 0.2)
    )


def as_array(batch: Tensor) -> np.ndarray:
    return batch[0].permute(1, 2, 0).double().numpy()


def check_the_sum_is_white() -> None:
    """Drawn noise of the spectrum itself, plus what is missing, measures as white of the level."""
    noise = shared()
    found = completion(noise, 0.002)
    even = torch.full((1, 3, 192, 192), 0.5)
    power = torch.from_numpy(
        np.stack([0.06**2 * noise.luma_spectrum, *[0.03**2 * noise.chroma_spectrum] * 2])
    ).clamp(max=found.level**2)
    own = dataclasses.replace(found, missing=power).draw(even, seeded_rng(0))
    alone = noise_between(as_array(even + own.cpu()), as_array(even))
    assert alone.correlation == pytest.approx(correlation_of(power[0].numpy()), abs=0.05)
    total = noise_between(as_array(even + own + found.draw(even, seeded_rng(1))), as_array(even))
    assert total.luma_sigma == pytest.approx(found.level, rel=0.05)
    assert total.chroma_sigma == pytest.approx(found.level, rel=0.05)
    assert abs(total.correlation) < 0.05
    assert total.is_white


def test_the_sum_is_white() -> None:
    check_the_sum_is_white()


def test_white_noise_lacks_nothing() -> None:
    found = completion(white(0.08), 0.002)
    assert found.level == pytest.approx(0.08)
    assert found.missing.abs().max() < 1e-9


def test_the_level_is_one_that_the_prior_knows() -> None:
    assert completion(white(1e-5), 0.002).level == pytest.approx(0.002)


@pytest.mark.parametrize("size", [(64, 64), (37, 53), (16, 200)])
def test_missing_noise_of_any_size(size: tuple[int, int]) -> None:
    like = torch.zeros(2, 3, *size)
    drawn = completion(shared(), 0.002).draw(like, seeded_rng(0))
    assert drawn.shape == like.shape
    assert torch.isfinite(drawn).all()


def check_under_the_curve_the_noise_has_one_level() -> None:
    noise = growing(0.02, 0.05)
    curve = tone_curve(noise)
    spread = []
    for value in (0.2, 0.5, 0.8):
        drawn = value + float(noise.level(np.array(value))) * torch.randn(
            1, 3, 200, 200, generator=torch.Generator().manual_seed(0)
        )
        spread.append(float(curve.forward(drawn).std()))
    assert max(spread) / min(spread) < 1.08
    assert np.mean(spread) == pytest.approx(curve.level * noise.sigma, rel=0.08)


def test_under_the_curve_the_noise_has_one_level() -> None:
    check_under_the_curve_the_noise_has_one_level()


def test_the_curve_is_undone() -> None:
    curve = tone_curve(growing(0.02, 0.05))
    values = torch.linspace(-0.2, 1.2, 141).view(1, 1, 1, -1)
    assert torch.allclose(curve.back(curve.forward(values)), values, atol=1e-4)
    assert float(curve.forward(torch.zeros(1))) == 0
    assert float(curve.forward(torch.ones(1))) == pytest.approx(1)


# --- the method -----------------------------------------------------------------------------------


def check_the_mean_is_that_of_two_draws() -> None:
    noise, image = shared(), picture(1, 3, 40, 48)
    recorder, reports = Recorder(), Reports()
    found = denoise(image, noise=noise, method="completed", prior=recorder, progress=reports)
    level = completion(noise, 0.002).level
    assert recorder.sigmas == pytest.approx([level] * 2)
    assert not torch.equal(*recorder.states[:2])
    wanted = sum(PRIOR.denoise(state, level) for state in recorder.states[:2]) / 2
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)
    reports.assert_complete(2)


def test_the_mean_is_that_of_two_draws() -> None:
    check_the_mean_is_that_of_two_draws()


def test_a_sample_starts_at_the_completed_level() -> None:
    recorder = Recorder()
    denoise(
        picture(1, 3, 40, 48), noise=shared(), method="completed", estimate="sample", steps=4, prior=recorder
    )
    assert len(recorder.sigmas) == 4
    assert recorder.sigmas[0] == pytest.approx(completion(shared(), 0.002).level)


def test_seeds_give_other_draws() -> None:
    image, noise = picture(1, 3, 40, 48), shared()
    one, same, other = (
        denoise(image, noise=noise, method="completed", seed=seed, prior=Recorder()) for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


test_the_check_finds_the_mutant = mutant_tests({
    check_the_sum_is_white: [
        edited(completed._on_grid, "* 2 * SIDE\n    rows", "* SIDE\n    rows"),
        wrong(
            completion,
            lambda right: lambda *a: dataclasses.replace(right(*a), level=2 * right(*a).level),
            "twice the level",
        ),
    ],
    check_under_the_curve_the_noise_has_one_level: [
        edited(tone_curve, "slope = 1 / (", "slope = ("),
    ],
    check_the_mean_is_that_of_two_draws: [
        edited(denoise_methods.by_completion, "total / draws", "total"),
    ],
})  # fmt: skip
