"""Denoising by priors whose answers are known: what they are asked, and what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from gaussian_oracle import GaussianPrior, assert_moments, generator_noise
from mutants import Mutant, constant, edited, mutant_tests, wrong
from recording import CONFIG, PRIOR, Recorder, Reports, picture
from restorations import (
    IGNORED_SEEDS,
    assert_seeds,
    less_noise,
    steps_of,
)
from torch import Tensor

from restore.diffusion.seeds import seeded_rng
from restore.noise.model import white_noise
from restore.tasks import catalogue, noise_choice
from restore.tasks import denoise as denoise_task
from restore.tasks import denoise_methods as methods
from restore.tasks.denoise import denoise
from restore.tasks.drawing import Drawing
from restore.types import from_255

pytestmark = pytest.mark.usefixtures("one_thread")


def check_denoise_mean() -> None:
    """The mean is one call, the picture itself being the state at its own noise level."""
    image = picture(1, 3, 37, 31)
    for options in ({}, {"method": "gaussian"}):
        recorder, reports = Recorder(), Reports()
        found = denoise(image, sigma=25, prior=recorder, progress=reports, **options)
        assert recorder.sigmas == [25 / 255]
        assert torch.equal(recorder.states[0], image)
        torch.testing.assert_close(found, PRIOR.denoise(image, 25 / 255), rtol=0, atol=1e-6)
        reports.assert_complete(1)


def check_denoise_sample() -> None:
    """With exact draws for answers, what comes out is a draw from the posterior."""
    level = 50 / 255
    recorder, reports = Recorder(PRIOR.posterior_draws(generator_noise(1))), Reports()
    image = torch.tensor([0.8, 0.7, 0.2]).view(1, 3, 1, 1).expand(1, 3, 64, 48)
    options = {"estimate": "sample", "sampler": "ddpm", "steps": 5}  # which is exact for exact draws
    found = denoise(image, sigma=50, prior=recorder, progress=reports, **options)
    error = (found - PRIOR.denoise(image, level)).double()
    assert_moments(error, mean=0, variance=PRIOR.posterior_variance(level))
    assert recorder.sigmas[0] == level
    assert recorder.sigmas == sorted(recorder.sigmas, reverse=True)
    reports.assert_complete(5)


@pytest.mark.parametrize("method", ["gaussian", "auto"])
def test_a_draw_is_one_from_the_posterior(method: str) -> None:
    """By default, to 3 %, where ancestral steps had 14 % too little."""
    recorder = Recorder(GaussianPrior(mean=0.5, std=0.2).denoise)
    image = torch.tensor([0.8, 0.7, 0.2]).view(1, 3, 1, 1).expand(1, 3, 64, 48)
    found = denoise(image, sigma=25, method=method, estimate="sample", prior=recorder)
    prior = GaussianPrior(mean=0.5, std=0.2)
    error = (found - prior.denoise(image, 25 / 255)).double()
    exact = prior.posterior_variance(25 / 255) ** 0.5
    assert exact == pytest.approx(0.0880, abs=1e-4)
    assert error.std().item() == pytest.approx(exact, rel=0.03 + 3 / (2 * error.numel()) ** 0.5)
    assert abs(error.mean().item()) < 0.005


def check_denoise_gray() -> None:
    """The posterior mean of a gray picture under a prior of gray pictures, N(mean, std^2), exactly.

    In three equal channels the prior has the covariance std^2 1 1^T; its denoiser at the noise level of the
    picture would leave most of the noise, which for it is three times as likely to be picture.
    """

    def answer(x: Tensor, sigma: float) -> Tensor:
        gray = (3 * PRIOR.std**2) / (3 * PRIOR.std**2 + sigma**2)
        return (PRIOR.mean + gray * (x.mean(1, keepdim=True) - PRIOR.mean)).expand_as(x)

    image = picture(1, 1, 9, 7)
    expected = PRIOR.denoise(image, 25 / 255)
    for kind in (image, image.expand(2, 3, 9, 7), image[0, 0].numpy(), image[0].permute(1, 2, 0).numpy()):
        recorder = Recorder(answer)
        found = torch.as_tensor(denoise(kind, sigma=25, prior=recorder))
        torch.testing.assert_close(
            found.flatten(), expected.expand(found.numel() // 63, *image.shape[1:]).flatten()
        )
        assert recorder.sigmas == pytest.approx([3**0.5 * 25 / 255])


def check_denoise_makes_up_for_noise_cut_off() -> None:
    """Where pixels lie at black or white, the first answer says what noise they lost; they get it back."""
    flat = torch.tensor([0.05, 0.95, 0.5]).view(3, 1, 1).expand(2, 3, 40, 30).clone()
    flat[1] = torch.linspace(0.3, 0.7, 30)
    noise = white_noise(25 / 255)
    image = (flat + noise.draw(flat, torch.Generator().manual_seed(5))).clamp(0, 1)
    noise = replace(noise, clipped=True)
    for options, calls in (
        ({"sigma": 25}, 1), ({"sigma": 25, "method": "blind"}, 1),
        ({"sigma": 25, "estimate": "sample", "steps": 4}, 4),
    ):  # fmt: skip
        recorder, reports = Recorder(), Reports()
        found = denoise(image, prior=recorder, progress=reports, **options)
        reports.assert_complete(1 + calls)
        first, then = recorder.states[:2]
        assert torch.equal(first, image[:1])  # of the other picture hardly a pixel is at an end
        assert recorder.sigmas[0] == recorder.sigmas[1]
        expected = image.clone()
        expected[:1] = noise.expected(image[:1], PRIOR.denoise(first, recorder.sigmas[0]).clamp(0, 1))
        torch.testing.assert_close(then, expected)
        assert (then[image == 1] > 1).all()
        assert 0 <= found[0].min() < found[0].max() <= 1
    for options, calls in (({"method": "gaussian"}, 3), ({"method": "blind"}, 2)):  # levels measured
        recorder, reports = Recorder(), Reports()
        denoise(image, prior=recorder, progress=reports, **options)
        reports.assert_complete(calls)
        assert (recorder.states[1][:1][image[:1] == 1] > 1).all()


def test_denoise_makes_up_for_noise_cut_off() -> None:
    check_denoise_makes_up_for_noise_cut_off()


@pytest.mark.parametrize("why", ["beyond the range", "too few", "fitted"])
def test_denoise_leaves_ends_alone(why: str) -> None:
    image, recorder = picture(1, 3, 37, 31).clamp(0.1, 0.9), Recorder()
    image[..., :12] = 1.0
    if why == "beyond the range":
        image[..., 13, 13] = 1.01
    elif why == "too few":
        image[..., :12] = 0.9
        image[..., :3, :3] = 1
    else:
        recorder.facts = {"fit": {"branch": "gaussian", "noise": {"clipped": True, "sigma": 25}}}
    denoise(image, sigma=25, prior=recorder)
    assert len(recorder.sigmas) == 1
    assert torch.equal(recorder.states[0], image)


def check_denoise_seeds() -> None:
    assert_seeds(
        lambda **options: denoise(picture(1, 3, 9, 8), sigma=50, estimate="sample", steps=3, **options)
    )


def test_denoise_mean() -> None:
    check_denoise_mean()


def test_denoise_sample() -> None:
    check_denoise_sample()


def test_denoise_gray() -> None:
    check_denoise_gray()


def test_denoise_of_gray_and_colour_in_one_batch() -> None:
    colour, gray = picture(1, 3, 9, 7), picture(1, 1, 9, 7).expand(1, 3, 9, 7)
    recorder, reports = Recorder(), Reports()
    found = denoise(torch.cat([colour, gray]), sigma=25, prior=recorder, progress=reports)
    assert recorder.sigmas == pytest.approx([25 / 255, 3**0.5 * 25 / 255])
    reports.assert_complete(2)
    assert torch.equal(found[:1], denoise(colour, sigma=25, prior=Recorder()))
    assert torch.equal(found[1:], denoise(gray, sigma=25, prior=Recorder()))


def test_denoise_seeds() -> None:
    check_denoise_seeds()


def test_denoise_sample_takes_its_default_steps() -> None:
    recorder = Recorder()
    denoise(picture(3, 5, 4), sigma=25, estimate="sample", prior=recorder)
    assert len(recorder.sigmas) == steps_of("denoise", "gaussian", "sample")
    assert recorder.sigmas[-1] == pytest.approx(CONFIG.sigma_min)


@pytest.mark.parametrize("sigma", [0, 0.2])
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_denoise_without_noise_gives_a_copy(sigma: float, estimate: Any) -> None:
    image = picture(1, 3, 8, 8).double() / 3
    recorder = Recorder()
    found = denoise(image, sigma=sigma, estimate=estimate, prior=recorder)
    assert torch.equal(found, image)
    found.zero_()
    assert image.any()
    assert not recorder.sigmas


def test_denoise_of_little_noise_is_one_call() -> None:
    recorder = Recorder()
    denoise(picture(1, 3, 8, 8), sigma=0.4, estimate="sample", prior=recorder)
    assert recorder.sigmas == [0.4 / 255]


def test_denoise_estimates_each_picture_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def estimate_sigma(pixels: np.ndarray[Any, Any], visible: object) -> float:
        seen.append((pixels.shape, pixels.dtype))
        return float(pixels.mean())

    monkeypatch.setattr(denoise_task, "estimate_sigma", estimate_sigma)
    tint = torch.tensor([0.9, 1.0, 1.1]).view(3, 1, 1)
    batch = torch.stack([level * tint.expand(3, 8, 6) for level in (0.2, 0.0, 0.4)])
    recorder, reports = Recorder(), Reports()
    found = denoise(batch, method="gaussian", prior=recorder, progress=reports)
    assert recorder.sigmas == pytest.approx([0.2, 0.4])
    assert seen == [((8, 6, 3), np.float32)] * 3
    reports.assert_complete(2)
    for one, whole in zip(batch, found, strict=True):
        assert torch.equal(denoise(one, method="gaussian", prior=Recorder()), whole)
    reports.clear()
    options = {"method": "gaussian", "estimate": "sample", "steps": 4}
    denoise(batch, prior=Recorder(), progress=reports, **options)
    reports.assert_complete(8)


def test_denoise_blind_shows_the_picture_as_a_hint() -> None:
    image = picture(1, 3, 9, 7)
    for sigma, told in ((None, None), (51, 0.2)):
        recorder, reports = Recorder(), Reports()
        found = denoise(image, sigma=sigma, method="blind", prior=recorder, progress=reports)
        (condition,) = recorder.conditions
        assert torch.equal(condition.hint, image)
        assert condition.known is None
        assert condition.noise_std == told
        assert recorder.sigmas == [CONFIG.sigma_max]
        assert torch.equal(found, PRIOR.denoise(image, CONFIG.sigma_max))
        reports.assert_complete(1)


def check_denoise_blind_sample() -> None:
    """Every state is as noisy as it says: no noise is used twice."""
    image, recorder = picture(1, 3, 37, 31), Recorder(lambda x, sigma: picture(1, 3, 37, 31))
    denoise(image, method="blind", estimate="sample", prior=recorder)
    assert len(recorder.sigmas) == steps_of("denoise", "blind", "sample")
    assert recorder.sigmas[0] == CONFIG.sigma_max
    for x, sigma in zip(recorder.states[:3], recorder.sigmas, strict=False):
        assert_moments((x - image) / sigma, mean=0, variance=1)


def test_denoise_blind_sample() -> None:
    check_denoise_blind_sample()


def more_steps(name: str) -> Mutant:
    """The method's mean in two steps."""
    methods = tuple(
        replace(m, steps=2) if (m.task, m.name, m.estimate) == ("denoise", name, "mean") else m
        for m in catalogue._METHODS
    )
    return constant(catalogue, "_METHODS", methods, f"two steps for the mean of {name}")


test_the_check_finds_the_mutant = mutant_tests({
    check_denoise_mean: [
        wrong(from_255, lambda right: lambda sigma: right(sigma) / 2, "half the level"),
        wrong(from_255, lambda right: lambda sigma: right(sigma) * 2, "twice the level"),
        more_steps("auto"),
        more_steps("gaussian"),
    ],
    check_denoise_sample: [
        edited(methods.Request.sigmas, "karras(top, lowest, steps)", "karras(2 * top, lowest, steps)"),
        edited(methods.Request.sigmas, "karras(top, lowest, steps)", "karras(top, lowest, steps + 1)"),
    ],
    check_denoise_blind_sample: [
        less_noise(),
        wrong(
            Drawing.noised,
            lambda right: lambda self, x, sigma: x + sigma * seeded_rng(0)(x),
            "the sampler draws the same noise once more",
        ),
    ],
    check_denoise_gray: [
        edited(methods.level_of_state, "level * 3**0.5 if gray", "level if gray"),
        edited(methods.level_of_state, "level * 3**0.5 if gray", "level * 3 if gray"),
    ],
    check_denoise_makes_up_for_noise_cut_off: [
        edited(noise_choice.cut_off, "white_noise(noise_std)", "white_noise(noise_std / 2)"),
        edited(
            methods._made_up,
            "answer(noisy[[*models]]).clamp(0, 1)",
            "answer(noisy[[*models]]).clamp(0.2, 0.8)",
        ),
        edited(
            methods._made_up,
            "return torch.stack(replaced(list(noisy), [*models], torch.cat(whole))), part_of",
            "return noisy, part_of",
        ),
        edited(methods._made_up, "part_of(progress, 1, 0)", "progress"),
    ],
    check_denoise_seeds: IGNORED_SEEDS,
})  # fmt: skip
