"""The tasks, with backbones whose answers are known: what is asked of the network, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import test_arrays
import torch
from gaussian_oracle import GaussianPrior, assert_moments, generator_noise
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_backbone
from PIL import Image
from recording import CONFIG, PRIOR, Recorder, Reports, box_mask, picture
from torch import Tensor

from restore.diffusion import samplers
from restore.images.resize import resize
from restore.inverse.fill import push_pull
from restore.inverse.operators import Resize
from restore.noise.model import white_noise
from restore.priors.backbone import Backbone, BackboneConfig
from restore.priors.condition import Condition
from restore.priors.unet import UNetConfig
from restore.tasks import denoise as denoise_task
from restore.tasks import inpaint as inpaint_task
from restore.tasks import sample as sample_task
from restore.tasks import upscale as upscale_task
from restore.tasks.denoise import denoise
from restore.tasks.holes import CONTEXT, grown, surroundings
from restore.tasks.inpaint import inpaint
from restore.tasks.inpaint_methods import Jumps
from restore.tasks.sample import sample
from restore.tasks.upscale import upscale
from restore.types import Denoiser

INPAINT_METHODS = list(inpaint_task.STEPS)
UPSCALE_METHODS = list(upscale_task.STEPS)


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for the shipped weights is an error."""

    def shipped() -> Backbone:
        raise AssertionError("the weights were loaded for nothing")

    for module in (denoise_task, inpaint_task, upscale_task, sample_task):
        monkeypatch.setattr(module, "shipped", shipped)


# --- denoise --------------------------------------------------------------------------------------


def check_denoise_mean(module: ModuleType) -> None:
    """The mean is one call, the picture itself being the state at its own noise level."""
    image = picture(1, 3, 37, 31)
    for options in ({}, {"method": "gaussian"}):
        backbone, reports = Recorder(), Reports()
        found = module.denoise(image, sigma=25, prior=backbone, progress=reports, **options)
        assert backbone.sigmas == [25 / 255]
        assert torch.equal(backbone.states[0], image)
        torch.testing.assert_close(found, PRIOR.denoise(image, 25 / 255), rtol=0, atol=1e-6)
        reports.assert_complete(1)


def check_denoise_sample(module: ModuleType) -> None:
    """With exact draws for answers, what comes out is a draw from the posterior."""
    level = 50 / 255
    backbone, reports = Recorder(PRIOR.posterior_draws(generator_noise(1))), Reports()
    image = torch.tensor([0.8, 0.7, 0.2]).view(1, 3, 1, 1).expand(1, 3, 64, 48)
    found = module.denoise(image, sigma=50, estimate="sample", steps=5, prior=backbone, progress=reports)
    error = (found - PRIOR.denoise(image, level)).double()
    assert_moments(error, mean=0, variance=PRIOR.posterior_variance(level))
    assert backbone.sigmas[0] == level
    assert backbone.sigmas == sorted(backbone.sigmas, reverse=True)
    reports.assert_complete(5)


def check_denoise_gray(module: ModuleType) -> None:
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
        backbone = Recorder(answer)
        found = torch.as_tensor(module.denoise(kind, sigma=25, prior=backbone))
        torch.testing.assert_close(
            found.flatten(), expected.expand(found.numel() // 63, *image.shape[1:]).flatten()
        )
        assert backbone.sigmas == pytest.approx([3**0.5 * 25 / 255])


def check_denoise_makes_up_for_noise_cut_off(module: ModuleType) -> None:
    """Where pixels lie at black or white, the first answer says what noise they lost; they get it back."""
    flat = torch.tensor([0.05, 0.95, 0.5]).view(3, 1, 1).expand(2, 3, 40, 30).clone()
    flat[1] = 0.5
    noise = white_noise(25 / 255)
    image = (flat + noise.draw(flat, torch.Generator().manual_seed(5))).clamp(0, 1)
    noise = replace(noise, clipped=True)
    for options, calls in (
        ({"sigma": 25}, 1), ({"sigma": 25, "method": "blind"}, 1),
        ({"sigma": 25, "estimate": "sample", "steps": 4}, 4),
    ):  # fmt: skip
        backbone, reports = Recorder(), Reports()
        found = module.denoise(image, prior=backbone, progress=reports, **options)
        reports.assert_complete(1 + calls)
        first, then = backbone.states[:2]
        assert torch.equal(first, image[:1])  # of the other picture hardly a pixel is at an end
        assert backbone.sigmas[0] == backbone.sigmas[1]
        expected = image.clone()
        expected[:1] = noise.expected(image[:1], PRIOR.denoise(first, backbone.sigmas[0]).clamp(0, 1))
        torch.testing.assert_close(then, expected)
        assert (then[image == 1] > 1).all()
        assert 0 <= found[0].min() < found[0].max() <= 1
    for options, calls in (({"method": "gaussian"}, 3), ({"method": "blind"}, 2)):  # levels measured
        backbone, reports = Recorder(), Reports()
        module.denoise(image, prior=backbone, progress=reports, **options)
        reports.assert_complete(calls)
        assert (backbone.states[1][:1][image[:1] == 1] > 1).all()


def test_denoise_makes_up_for_noise_cut_off() -> None:
    check_denoise_makes_up_for_noise_cut_off(denoise_task)


@pytest.mark.parametrize("why", ["beyond the range", "too few", "fitted"])
def test_denoise_leaves_ends_alone(why: str) -> None:
    image, backbone = picture(1, 3, 37, 31).clamp(0.1, 0.9), Recorder()
    image[..., :12] = 1.0
    if why == "beyond the range":
        image[..., 13, 13] = 1.01
    elif why == "too few":
        image[..., :12] = 0.9
        image[..., :3, :3] = 1
    else:
        backbone.facts = {"fit": {"branch": "gaussian", "noise": {"clipped": True, "sigma": 25}}}
    denoise(image, sigma=25, prior=backbone)
    assert len(backbone.sigmas) == 1
    assert torch.equal(backbone.states[0], image)


def check_denoise_seeds(module: ModuleType) -> None:
    assert_seeds(
        lambda **options: module.denoise(picture(1, 3, 9, 8), sigma=50, estimate="sample", steps=3, **options)
    )


def assert_seeds(run: Callable[..., Tensor]) -> None:
    """The same seed gives the same bytes, another one others, and 0 is a seed like all."""
    first, again = run(seed=0, prior=Recorder()), run(seed=0, prior=Recorder())
    assert torch.equal(first, again)
    assert torch.equal(first, run(prior=Recorder()))  # the default
    assert not torch.equal(first, run(seed=1, prior=Recorder()))
    largest = run(seed=2**63 - 1, prior=Recorder())
    assert torch.isfinite(largest).all()
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match=r"seed must lie in 0\.\.2\^63 - 1"):
            run(seed=seed, prior=Recorder())


def test_denoise_mean() -> None:
    check_denoise_mean(denoise_task)


def test_denoise_sample() -> None:
    check_denoise_sample(denoise_task)


def test_denoise_gray() -> None:
    check_denoise_gray(denoise_task)


def test_denoise_of_gray_and_colour_in_one_batch() -> None:
    colour, gray = picture(1, 3, 9, 7), picture(1, 1, 9, 7).expand(1, 3, 9, 7)
    backbone, reports = Recorder(), Reports()
    found = denoise(torch.cat([colour, gray]), sigma=25, prior=backbone, progress=reports)
    assert backbone.sigmas == pytest.approx([25 / 255, 3**0.5 * 25 / 255])
    reports.assert_complete(2)
    assert torch.equal(found[:1], denoise(colour, sigma=25, prior=Recorder()))
    assert torch.equal(found[1:], denoise(gray, sigma=25, prior=Recorder()))


def test_denoise_seeds() -> None:
    check_denoise_seeds(denoise_task)


def test_denoise_sample_takes_its_default_steps() -> None:
    backbone = Recorder()
    denoise(picture(3, 5, 4), sigma=25, estimate="sample", prior=backbone)
    assert len(backbone.sigmas) == denoise_task.STEPS["gaussian", "sample"]
    assert backbone.sigmas[-1] == pytest.approx(CONFIG.sigma_min)


@pytest.mark.parametrize("sigma", [0, 0.2])
@pytest.mark.parametrize("estimate", ["mean", "sample"])
def test_denoise_without_noise_gives_a_copy(sigma: float, estimate: Any) -> None:
    image = picture(1, 3, 8, 8).double() / 3
    backbone = Recorder()
    found = denoise(image, sigma=sigma, estimate=estimate, prior=backbone)
    assert torch.equal(found, image)
    found.zero_()
    assert image.any()
    assert not backbone.sigmas


def test_denoise_of_little_noise_is_one_call() -> None:
    backbone = Recorder()
    denoise(picture(1, 3, 8, 8), sigma=0.4, estimate="sample", prior=backbone)
    assert backbone.sigmas == [0.4 / 255]


def test_denoise_estimates_each_picture_of_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def estimate_sigma(pixels: np.ndarray[Any, Any]) -> float:
        seen.append((pixels.shape, pixels.dtype))
        return float(pixels.mean())

    monkeypatch.setattr(denoise_task, "estimate_sigma", estimate_sigma)
    tint = torch.tensor([0.9, 1.0, 1.1]).view(3, 1, 1)
    batch = torch.stack([level * tint.expand(3, 8, 6) for level in (0.2, 0.0, 0.4)])
    backbone, reports = Recorder(), Reports()
    found = denoise(batch, method="gaussian", prior=backbone, progress=reports)
    assert backbone.sigmas == pytest.approx([0.2, 0.4])
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
        backbone, reports = Recorder(), Reports()
        found = denoise(image, sigma=sigma, method="blind", prior=backbone, progress=reports)
        (condition,) = backbone.conditions
        assert torch.equal(condition.hint, image)
        assert condition.known is None
        assert condition.noise_std == told
        assert backbone.sigmas == [CONFIG.sigma_max]
        assert torch.equal(found, PRIOR.denoise(image, CONFIG.sigma_max))
        reports.assert_complete(1)


def check_denoise_blind_sample(module: ModuleType) -> None:
    """Every state is as noisy as it says: no noise is used twice."""
    image, backbone = picture(1, 3, 37, 31), Recorder(lambda x, sigma: picture(1, 3, 37, 31))
    module.denoise(image, method="blind", estimate="sample", prior=backbone)
    assert len(backbone.sigmas) == module.STEPS["blind", "sample"]
    assert backbone.sigmas[0] == CONFIG.sigma_max
    for x, sigma in zip(backbone.states[:3], backbone.sigmas, strict=False):
        assert_moments((x - image) / sigma, mean=0, variance=1)


def test_denoise_blind_sample() -> None:
    check_denoise_blind_sample(denoise_task)


# --- upscale --------------------------------------------------------------------------------------


def check_upscale_conditional(module: ModuleType) -> None:
    """The hint is the bicubic enlargement; the mean is one call at the top of the ladder."""
    image, backbone, reports = picture(1, 3, 9, 7), Recorder(), Reports()
    found = module.upscale(image, 2, estimate="mean", method="conditional", prior=backbone, progress=reports)
    bicubic = resize(image, (18, 14))
    assert backbone.sigmas == [CONFIG.sigma_max]
    (condition,) = backbone.conditions
    assert condition is not None
    assert torch.equal(condition.hint, bicubic)
    assert condition.known is None
    assert condition.noise_std == 0
    assert torch.equal(found, PRIOR.denoise(bicubic, CONFIG.sigma_max))
    reports.assert_complete(1)
    backbone = Recorder()
    module.upscale(image, 2, estimate="sample", method="conditional", prior=backbone)
    assert len(backbone.sigmas) == 30
    assert backbone.sigmas[0] == CONFIG.sigma_max
    assert backbone.sigmas[-1] == CONFIG.sigma_min
    assert_moments((backbone.states[0] - bicubic) / CONFIG.sigma_max, mean=0, variance=1)


def check_upscale_projection(module: ModuleType) -> None:
    """Conditional answers, one mirrored, then the prior; it ends where pictures reduce to the input."""
    image = picture(1, 3, 9, 7) * 0.5 + 0.25
    operator = Resize((18, 14), (9, 7))
    for estimate in ("mean", "sample"):
        backbone, other, reports = Recorder(), Recorder(), Reports()
        options = {"estimate": estimate, "method": "projection"}
        found = module.upscale(image, 2, prior=backbone, progress=reports, **options)
        reports.assert_complete(2 + module.STEPS["projection", estimate])
        hint, mirrored, prior = backbone.conditions
        assert torch.equal(hint.hint, resize(image, (18, 14)))
        assert torch.equal(mirrored.hint, hint.hint.flip(-1))
        assert prior is None
        highest, lowest = module.LADDER[estimate]
        assert backbone.sigmas[:3] == [CONFIG.sigma_max, CONFIG.sigma_max, pytest.approx(highest)]
        assert backbone.sigmas[-1] == pytest.approx(lowest)
        assert len(backbone.sigmas) == len(reports)
        module.upscale(image, 2, seed=1, prior=other, **options)
        noise = (backbone.states[2] - other.states[2]) / 2**0.5
        if estimate == "mean":
            assert not noise.any()
            assert (operator.forward(backbone.states[2]) - image).abs().max() < 1e-4
        else:
            assert_moments(noise, mean=0, variance=highest**2)
        # The prior knows nothing of the picture; all likeness is the projection's.
        assert (operator.forward(found) - image).abs().max() < 0.5 / 255


def check_upscale_seeds(module: ModuleType) -> None:
    for method in ("projection", "conditional"):
        assert_seeds(
            lambda method=method, **o: module.upscale(picture(1, 3, 5, 4), 2, method=method, steps=3, **o)
        )


def test_upscale_conditional() -> None:
    check_upscale_conditional(upscale_task)


def test_upscale_projection() -> None:
    check_upscale_projection(upscale_task)


def test_upscale_seeds() -> None:
    check_upscale_seeds(upscale_task)


@pytest.mark.parametrize(("method", "estimate"), UPSCALE_METHODS)
@pytest.mark.parametrize("scale", [1.5, 1.7, 2, 2.25, 10 / 3, 4])
def test_upscale_sizes(method: Any, estimate: Any, scale: float) -> None:
    image = np.zeros((7, 5, 3), np.uint8)
    steps = None if (method, estimate) == ("conditional", "mean") else 2
    found = upscale(image, scale, method=method, estimate=estimate, steps=steps, prior=Recorder())
    assert found.shape == (round(7 * scale), round(5 * scale), 3)
    assert found.dtype == np.uint8


def test_upscale_reports_every_call() -> None:
    for method, estimate in UPSCALE_METHODS:
        reports = Reports()
        upscale(picture(3, 4, 4), 2, method=method, estimate=estimate, prior=Recorder(), progress=reports)
        more = upscale_task.ORIENTATIONS if method == "projection" else 0
        reports.assert_complete(upscale_task.STEPS[method, estimate] + more)


# --- inpaint --------------------------------------------------------------------------------------


def run_inpaint(
    image: Any, mask: Any, method: str, estimate: str, module: ModuleType = inpaint_task, **options: Any
) -> Any:
    """One call with few steps."""
    options.setdefault("backbone", Recorder())
    if method == "repaint":
        options.setdefault("steps", 6)
        options.setdefault("jumps", module.Jumps(2, 2))
    return module.inpaint(image, mask, method=method, estimate=estimate, **options)


def check_inpaint_keeps_the_rest(module: ModuleType) -> None:
    """Outside the hole every number is the input's own; inside, it is the network's."""
    rng = np.random.default_rng(0)
    mask = box_mask(37, 31, 5, 30, 20, 24)
    for image in (rng.integers(0, 65536, (37, 31, 3)).astype(np.uint16), rng.random((37, 31))):
        before, quarter = image.copy(), round(0.25 * 65535) if image.dtype == np.uint16 else 0.25
        for method, estimate in INPAINT_METHODS:
            for means, white in (("fill", mask > 0), ("keep", mask == 0)):
                backbone = Recorder(lambda x, sigma: 0.25 + 0 * x)
                found = run_inpaint(image, white, method, estimate, module, mask_means=means, prior=backbone)
                np.testing.assert_array_equal(found[mask == 0], image[mask == 0])
                assert (found[mask > 0] == quarter).all()
                assert found.dtype == image.dtype
        np.testing.assert_array_equal(image, before)


def check_inpaint_conditional(module: ModuleType) -> None:
    """The hint is the filled picture, exact outside the hole; what the hole held is not shown."""
    image, mask = picture(1, 3, 37, 31), box_mask(37, 31, 5, 15, 20, 24)
    hole = torch.from_numpy(mask > 0).float()[None, None]
    backbone = Recorder()
    run_inpaint(image, mask, "conditional", "mean", module, prior=backbone)
    assert backbone.sigmas == [CONFIG.sigma_max]
    (condition,) = backbone.conditions
    assert torch.equal(condition.known, 1 - hole)
    assert torch.equal(condition.hint, push_pull(image, hole))
    backbone = Recorder()
    run_inpaint(image, mask, "conditional", "sample", module, prior=backbone)
    assert len(backbone.sigmas) == 30
    for x, sigma in zip(backbone.states, backbone.sigmas, strict=True):
        # Known pixels are at the state's own noise level all the way.
        noise = ((x - image) / sigma)[(hole == 0).expand_as(x)]
        if sigma > 0.05:  # below, rounding of the first, far noisier state shows
            assert_moments(noise, mean=0, variance=1)


def check_inpaint_starts_from_the_fill(module: ModuleType) -> None:
    """Splitting starts from the smooth fill, a sample from what splitting found."""
    image, mask = picture(1, 3, 37, 31), box_mask(37, 31, 5, 30, 10, 24)
    hole = torch.from_numpy(mask > 0).float()[None, None]
    for method, estimate in (("splitting", "mean"), ("ddnm", "sample")):
        backbone = Recorder()
        run_inpaint(image, mask, method, estimate, module, prior=backbone)
        assert torch.equal(backbone.states[0], push_pull(image, hole))
        assert backbone.sigmas[0] == pytest.approx(module.START_SIGMA)
        assert backbone.sigmas[-1] == pytest.approx(module.LAST_SIGMA)
        assert backbone.conditions == [None]
    share, sigma = module.DRAWN[True]
    draws = module.STEPS["ddnm", "sample"] // share
    assert backbone.sigmas[-draws] == sigma
    # Pixel by pixel splitting has come to rest long before: what is added is noise.
    noise = backbone.states[-draws] - PRIOR.denoise(backbone.states[-draws - 1], module.LAST_SIGMA)
    assert_moments(noise[hole.expand_as(noise) > 0], mean=0, variance=sigma**2)


def check_inpaint_alternates(module: ModuleType) -> None:
    """The branch is shown the smooth fill, the prior what the branch says, the branch that to draw from."""
    rough = torch.linspace(0, 1, 31).square()  # smooth on the left
    image, mask = 0.5 + 0.1 * rough * (picture(1, 3, 37, 31) - 0.5), box_mask(37, 31, 5, 30, 4, 28)
    hole = torch.from_numpy(mask > 0).float()[None, None]
    for estimate, calls in (("mean", 20), ("sample", 12)):
        backbone = Recorder(lambda x, sigma: 0.9 * x + 0.01)
        found = run_inpaint(image, mask, "alternating", estimate, module, prior=backbone)
        prior, condition, *drawing = backbone.conditions
        assert prior is None
        assert torch.equal(condition.hint, push_pull(image, hole))
        assert torch.equal(condition.known, 1 - hole)
        assert torch.equal(backbone.states[0], condition.hint)
        assert backbone.sigmas[0] == CONFIG.sigma_max
        states = backbone.states[:calls]
        for before, after in pairwise(states):  # what is known is put in, and no noise
            torch.testing.assert_close(after, torch.where(hole > 0, 0.9 * before + 0.01, image))
        ladder = backbone.sigmas[1:calls]
        assert (ladder[0], ladder[-1]) == module.AFTER_BRANCH
        assert all(above > below for above, below in pairwise(ladder))
        mean = torch.where(hole > 0, 0.9 * states[-1] + 0.01, image)
        if estimate == "mean":
            assert drawing == []
            torch.testing.assert_close(found, mean)
    assert len(backbone.sigmas) == 24
    (shown,) = drawing
    torch.testing.assert_close(shown.hint, mean)
    assert torch.equal(shown.known, 1 - hole)
    levels, ladder = module.texture_levels(mean, hole), backbone.sigmas[calls:]
    assert (ladder[0], ladder[-1]) == (pytest.approx(float(levels.max())), pytest.approx(module.LAST_SIGMA))
    noise = (backbone.states[calls] - mean) / ladder[0]
    assert_moments(noise, mean=0, variance=1)
    later = (levels < 0.6 * ladder[0]) & (hole > 0)
    assert 0.01 < later.sum() / hole.sum() < 0.99
    for number in range(1, 12):  # who has not joined stays at the mean, with noise
        state, waiting = backbone.states[calls + number], later & (levels < ladder[number])
        spread = ((state - mean) / ladder[number])[waiting.expand_as(state)]
        assert len(spread) == 0 or 0.7 < spread.std() < 1.3


def test_inpaint_batches_where_some_pictures_have_no_hole_there() -> None:
    """Each is filled as if it were alone, and the bar goes up to its end."""
    image, mask = picture(2, 3, 32, 300), torch.zeros(2, 1, 32, 300)
    mask[0, :, 10:13, 10:13] = 1
    backbone, reports = Recorder(), Reports()
    found = inpaint(image, mask, prior=backbone, steps=8, progress=reports)
    reports.assert_complete(8)
    alone = inpaint(image[:1], mask[:1], prior=Recorder(), steps=8)
    assert torch.equal(found, torch.cat([alone, image[1:]]))
    mask[1, :, 20:23, 290:293] = 1  # in a box of its own
    backbone, reports = Recorder(), Reports()
    found = inpaint(image, mask, prior=backbone, steps=8, progress=reports)
    assert len(backbone.sigmas) == 16
    reports.assert_complete(16)
    assert (found[mask.expand_as(found) == 0] == image[mask.expand_as(found) == 0]).all()
    # In one box: the mean together, samples one by one.
    mask[1], reports = mask[0].roll(3, -1), Reports()
    inpaint(image, mask, prior=Recorder(), steps=8, progress=reports)
    reports.assert_complete(4 + 2 * 4)


@pytest.mark.parametrize("steps", [2, 3, 4, 6])
def test_samples_in_few_steps_differ_everywhere(steps: int) -> None:
    image, mask = 0.5 + 0.1 * (picture(1, 3, 40, 40) - 0.5), box_mask(40, 40, 8, 20, 8, 20)
    one, two = (inpaint(image, mask, steps=steps, seed=seed, prior=Recorder()) for seed in (0, 1))
    assert ((one != two).any(1).sum() / 144) > 0.9


def check_texture_levels(module: ModuleType) -> None:
    """As high as the texture that is missing near, and with the square of the depth; within limits."""
    hole = torch.zeros(1, 1, 64, 200)
    hole[..., 10:14, 20:180], hole[..., 40:52, 20:180] = 1, 1  # depths of 1 to 2 and 1 to 6 pixels
    coarse = torch.randn(1, 3, 64, 200, generator=torch.Generator().manual_seed(0))
    deviation = torch.linspace(0.0, 0.2, 200)
    textured = 0.5 + deviation * coarse
    mean = torch.where(hole > 0, 0.5, textured)
    levels = module.texture_levels(mean, hole)
    assert levels.shape == hole.shape
    assert (levels[hole == 0] == 0).all()
    assert levels[hole > 0].min() == pytest.approx(module.LOWEST)
    assert levels.max() == pytest.approx(module.HIGHEST)
    # What a bell of FINE pixels leaves of white noise has most of its deviation.
    # Near the thin one the deep one is, far away, and the other way round.
    for row, columns, depth in ((11, slice(60, 160), 1.59), (45, slice(30, 60), 3.55)):
        expected = module.PER_TEXTURE * 0.95 * deviation[columns] * depth**2
        assert (levels[0, 0, row, columns] / expected).mean() == pytest.approx(1, abs=0.05)
    # With its texture in place nothing is missing.
    settled = module.texture_levels(textured, hole)
    assert settled[hole > 0].mean() < 0.35 * levels[hole > 0].mean()
    assert settled[0, 0, 11].max() < 1.1 * module.LOWEST


def check_inpaint_seeds(module: ModuleType) -> None:
    mask = box_mask(9, 8, 2, 5, 2, 5)
    for method in ("alternating", "ddnm", "conditional", "repaint"):
        assert_seeds(
            lambda method=method, **o: run_inpaint(picture(1, 3, 9, 8), mask, method, "sample", module, **o)
        )


def check_inpaint_computes_only_the_surroundings(module: ModuleType) -> None:
    image = picture(3, 1000, 1000)
    mask = box_mask(1000, 1000, 500, 510, 300, 320)
    backbone = Recorder()
    module.inpaint(image, mask, estimate="mean", steps=2, prior=backbone)
    assert len(backbone.states) == 2
    assert backbone.pixels <= 2 * (10 + 2 * 112) * (20 + 2 * 112)
    mask[900:910, 900:910] = 255  # far from the first: two boxes
    backbone, reports = Recorder(), Reports()
    found = module.inpaint(image, mask, estimate="mean", steps=2, prior=backbone, progress=reports)
    assert len(backbone.states) == 4
    assert backbone.pixels <= 2 * 2 * (20 + 2 * 112) ** 2
    reports.assert_complete(4)
    inside = torch.from_numpy(mask > 0).expand_as(image)
    assert torch.equal(found[~inside], image[~inside])
    assert (found[inside] != image[inside]).all()


def test_inpaint_keeps_the_rest() -> None:
    check_inpaint_keeps_the_rest(inpaint_task)


def test_inpaint_conditional() -> None:
    check_inpaint_conditional(inpaint_task)


def test_inpaint_starts_from_the_fill() -> None:
    check_inpaint_starts_from_the_fill(inpaint_task)


def test_inpaint_alternates() -> None:
    check_inpaint_alternates(inpaint_task)


def test_texture_levels() -> None:
    check_texture_levels(inpaint_task)


@pytest.mark.parametrize("estimate", ["mean", "sample"])
@pytest.mark.parametrize("steps", range(1, 9))
def test_inpaint_takes_as_many_steps_as_asked(steps: int, estimate: Any) -> None:
    backbone, reports = Recorder(), Reports()
    mask = box_mask(9, 8, 2, 5, 2, 5)
    inpaint(picture(3, 9, 8), mask, estimate=estimate, steps=steps, prior=backbone, progress=reports)
    reports.assert_complete(steps)
    assert len(backbone.sigmas) == steps


def test_inpaint_seeds() -> None:
    check_inpaint_seeds(inpaint_task)


def test_inpaint_computes_only_the_surroundings() -> None:
    check_inpaint_computes_only_the_surroundings(inpaint_task)


@test_arrays.EVERY_KIND
def test_inpaint_keeps_every_kind(image: Any) -> None:
    mask = box_mask(test_arrays.H, test_arrays.W, 2, 4, 1, 3)
    found = inpaint(image, mask, steps=2, prior=Recorder())
    test_arrays.assert_same_kind(found, image)
    exact = test_arrays.numbers(test_arrays.expected_kind(image))
    pasted, known = test_arrays.numbers(found), mask == 0
    if isinstance(image, Tensor):
        np.testing.assert_array_equal(pasted[..., known], exact[..., known])
    else:
        np.testing.assert_array_equal(pasted[known], exact[known])


@test_arrays.EVERY_KIND
def test_denoise_and_upscale_keep_every_kind(image: Any) -> None:
    before = test_arrays.numbers(image).copy()
    test_arrays.assert_same_kind(denoise(image, sigma=9, prior=Recorder()), image)
    large = upscale(image, 2, steps=2, prior=Recorder())
    test_arrays.assert_same_kind(large, image, (2 * test_arrays.H, 2 * test_arrays.W))
    np.testing.assert_array_equal(test_arrays.numbers(image), before)


def test_repaint_calls_as_in_the_paper() -> None:
    mask, backbone, reports = np.array([[1, 0]]), Recorder(), Reports()
    inpaint(picture(3, 1, 2), mask, method="repaint", prior=backbone, progress=reports)
    assert len(backbone.sigmas) == 2410
    assert backbone.sigmas[0] > 75
    reports.assert_complete(2410)


def check_repaint_starts_from_noise(module: ModuleType) -> None:
    mask = box_mask(48, 64, 0, 48, 0, 60)
    backbone = Recorder()
    run_inpaint(picture(1, 3, 48, 64), mask, "repaint", "sample", module, prior=backbone)
    x, sigma = backbone.states[0][..., :60], backbone.sigmas[0]
    assert_moments((x - 0.5) / sigma, mean=0, variance=1)
    # Put there at the level of the state, the known pixels are as noisy.
    known = (backbone.states[0] - picture(1, 3, 48, 64))[..., 60:] / sigma
    assert_moments(known, mean=0, variance=1)


def test_repaint_starts_from_noise() -> None:
    check_repaint_starts_from_noise(inpaint_task)


def test_repaint_draws_the_posterior_of_independent_pixels() -> None:
    backbone = Recorder(PRIOR.posterior_draws(generator_noise(1)))
    mask = box_mask(64, 40, 0, 64, 0, 32)
    image = torch.full((1, 3, 64, 40), 0.9)
    found = run_inpaint(image, mask, "repaint", "sample", prior=backbone)
    assert_moments(found[..., :32].double(), mean=0.5, variance=0.25**2)


@pytest.mark.parametrize(("method", "estimate"), INPAINT_METHODS)
def test_inpaint_reports_every_call(method: str, estimate: str) -> None:
    reports, backbone = Reports(), Recorder()
    run_inpaint(
        picture(3, 5, 4), box_mask(5, 4, 1, 3, 1, 3), method, estimate, prior=backbone, progress=reports
    )
    reports.assert_complete(len(backbone.sigmas))
    if method != "repaint":
        assert len(backbone.sigmas) == inpaint_task.STEPS[method, estimate]


def test_an_empty_hole_gives_a_copy(no_weights: None) -> None:
    for image in (picture(2, 3, 7, 5).double(), np.zeros((7, 5), np.uint8), Image.new("P", (5, 7), 3)):
        found = inpaint(image, np.zeros((7, 5), np.uint8))
        assert found is not image
        assert type(found) is type(image)
        np.testing.assert_array_equal(np.asarray(found), np.asarray(image))


def test_a_hole_without_surroundings_is_refused(no_weights: None) -> None:
    for image, mask in (
        (picture(3, 7, 5), np.ones((7, 5))),
        (picture(3, 1, 1), np.ones((1, 1))),
        (picture(2, 3, 7, 5), torch.stack([torch.zeros(1, 7, 5), torch.ones(1, 7, 5)])),
    ):
        with pytest.raises(
            ValueError, match=r"no known pixel to start from; is it inverted\? \(mask_means\)"
        ):
            inpaint(image, mask)


def test_one_mask_for_all_or_one_for_each() -> None:
    images = picture(2, 3, 40, 30)
    masks = torch.zeros(2, 1, 40, 30)
    masks[0, :, 3:6, 4:9] = 1
    masks[1, :, 20:33] = 1
    found = inpaint(images, masks, estimate="mean", prior=Recorder())
    for image, mask, both in zip(images, masks, found, strict=True):
        alone = inpaint(image, mask, estimate="mean", prior=Recorder())
        torch.testing.assert_close(both, alone, rtol=0, atol=1e-6)
    found = inpaint(images, masks[:1], estimate="mean", prior=Recorder())
    outside = (masks[:1] == 0).expand_as(images)
    assert torch.equal(found[outside], images[outside])
    assert (found[~outside] != images[~outside]).all()
    with pytest.raises(ValueError, match="there are 2 masks for 3 pictures; pass one, or one for each"):
        inpaint(picture(3, 3, 40, 30), masks)
    with pytest.raises(ValueError, match="there are 2 masks for 1 pictures"):
        inpaint(np.zeros((40, 30, 3)), masks)


def test_pictures_of_a_batch_draw_different_noise() -> None:
    image = picture(1, 3, 9, 8)
    mask = box_mask(9, 8, 2, 5, 2, 5)
    twice = image.expand(2, -1, -1, -1)
    for first, second in (
        inpaint(twice, mask, prior=Recorder()),
        denoise(twice, sigma=50, estimate="sample", prior=Recorder()),
        upscale(twice, 2, prior=Recorder()),
    ):
        assert not torch.equal(first, second)
    for first, second in (
        inpaint(twice, mask, estimate="mean", prior=Recorder()),
        denoise(twice, sigma=50, prior=Recorder()),
        upscale(twice, 2, estimate="mean", prior=Recorder()),
    ):
        assert torch.equal(first, second)


def test_two_holes_draw_different_noise() -> None:
    mask = box_mask(20, 1000, 5, 15, 32, 42) + box_mask(20, 1000, 5, 15, 832, 842)
    found = inpaint(torch.full((3, 20, 1000), 0.5), mask, prior=Recorder())
    assert not torch.equal(found[..., 32:42], found[..., 832:842])


def test_a_box_gives_what_the_whole_picture_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one call, where the surroundings are as wide as the network sees."""
    backbone = random_backbone()
    assert backbone.network.halo < CONTEXT
    image, mask = picture(3, 40, 500), box_mask(40, 500, 11, 20, 250, 259)

    def run() -> Tensor:
        return inpaint(image, mask, method="conditional", estimate="mean", prior=backbone)

    part = run()
    monkeypatch.setattr(inpaint_task, "CONTEXT", 500)
    torch.testing.assert_close(part, run(), rtol=0, atol=1e-5)
    monkeypatch.setattr(inpaint_task, "CONTEXT", 0)
    assert (part - run()).abs().max() > 1e-3


@settings(max_examples=30)
@given(
    h=st.integers(1, 90),
    w=st.integers(1, 90),
    holes=st.lists(st.tuples(st.integers(0, 89), st.integers(0, 89)), min_size=1, max_size=5),
    context=st.integers(0, 40),
)
def test_boxes_cover_every_hole_and_its_surroundings(
    h: int, w: int, holes: list[tuple[int, int]], context: int
) -> None:
    hole = torch.zeros(1, 1, h, w)
    for y, x in holes:
        hole[..., y % h, x % w] = 1
    boxes = surroundings(hole, context)
    covered = torch.zeros(h, w)
    for top, bottom, left, right in boxes:
        covered[top:bottom, left:right] += 1
        assert hole[..., top:bottom, left:right].any()
        assert top % 16 == left % 16 == 0
        assert bottom % 16 == 0 or bottom == h
        assert right % 16 == 0 or right == w
    assert covered.max() == 1  # nothing is computed twice
    for y, x in holes:
        near = covered[
            max(0, y % h - context) : y % h + context + 1, max(0, x % w - context) : x % w + context + 1
        ]
        assert near.min() == 1


def test_many_specks_are_few_boxes() -> None:
    hole = (picture(1, 1, 2000, 1500) < 0.003).float()
    assert hole.sum() > 8000
    assert surroundings(hole, 96) == [(0, 2000, 0, 1500)]


# --- sample ---------------------------------------------------------------------------------------


def check_sample(module: ModuleType) -> None:
    """Noise at the top of the ladder around mid-gray; a picture does not depend on its neighbours."""
    for sampler in ("ddim", "ddpm"):
        options = {"size": (9, 6), "steps": 3, "sampler": sampler}
        backbone, reports = Recorder(), Reports()
        many = module.sample(10, prior=backbone, progress=reports, **options)
        assert many.shape == (10, 3, 9, 6)
        reports.assert_complete(6)  # in two batches
        assert [backbone.sigmas[0], backbone.sigmas[2]] == [CONFIG.sigma_max, CONFIG.sigma_min]
        assert_moments((torch.cat(backbone.states[::3]) - 0.5) / CONFIG.sigma_max, mean=0, variance=1)
        for n in (1, 3, 9):
            assert torch.equal(module.sample(n, prior=Recorder(), **options), many[:n])
        assert len({each.numpy().tobytes() for each in many}) == 10
    wild = module.sample(1, size=(9, 6), steps=1, prior=Recorder(lambda x, sigma: x))
    assert (wild.amin(), wild.amax()) == (0, 1)


def check_sample_seeds(module: ModuleType) -> None:
    for sampler in ("ddim", "ddpm"):
        assert_seeds(
            lambda sampler=sampler, **o: module.sample(2, size=(8, 8), steps=3, sampler=sampler, **o)
        )


def test_sample() -> None:
    check_sample(sample_task)


def test_sample_seeds() -> None:
    check_sample_seeds(sample_task)


def test_pictures_of_neighbouring_seeds_are_all_different() -> None:
    drawn = torch.cat([sample(9, size=(4, 4), steps=1, seed=seed, prior=Recorder()) for seed in range(4)])
    assert len({each.numpy().tobytes() for each in drawn}) == 36


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_sample_with_every_sampler(sampler: str) -> None:
    reports, backbone = Reports(), Recorder()
    found = sample(9, size=(5, 4), sampler=sampler, steps=4, prior=backbone, progress=reports)
    assert found.shape == (9, 3, 5, 4)
    reports.assert_complete(len(backbone.sigmas))
    calls = {"ddim": 4, "ddpm": 4, "heun": 7, "dpmpp-2m": 4, "langevin": 13}
    assert len(backbone.sigmas) == 2 * calls[sampler]


# --- all tasks ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_every_task_with_every_sampler(sampler: str) -> None:
    """Each takes its own number of calls, all are reported, and the bar ends full."""
    calls = {"ddim": 4, "ddpm": 4, "heun": 7, "dpmpp-2m": 4, "langevin": 13}[sampler]
    image, mask = picture(1, 3, 9, 7), box_mask(9, 7, 2, 4, 2, 4)
    runs: list[tuple[Callable[..., Any], int]] = [
        (lambda **o: denoise(image, sigma=50, estimate="sample", steps=4, **o), calls),
        (lambda **o: denoise(image, method="blind", estimate="sample", steps=4, **o), calls),
        (lambda **o: upscale(image, 2, method="conditional", steps=4, **o), calls),
        (lambda **o: upscale(image, 2, method="projection", steps=4, **o), 2 + calls),
        (lambda **o: inpaint(image, mask, method="conditional", steps=4, **o), calls),
        (lambda **o: inpaint(image, mask, method="ddnm", steps=12, **o), 8 + calls),
        (lambda **o: inpaint(image, mask, steps=8, **o), 4 + calls),
    ]
    for run, expected in runs:
        backbone, reports = Recorder(), Reports()
        found = run(sampler=sampler, prior=backbone, progress=reports)
        assert torch.isfinite(found).all()
        assert len(backbone.sigmas) == expected
        assert [done for done, _ in reports] == list(range(1, expected + 1))
        assert reports[-1] == (expected, expected)
        assert all(done < total for done, total in reports[:-1])


IMAGE = np.zeros((7, 5, 3), np.uint8)
MASK = np.eye(7, 5)
WRONG_OPTIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "sigma": (lambda: denoise(IMAGE, sigma=256), "sigma is a noise level from 0 to 255, got 256"),
    "negative sigma": (lambda: denoise(IMAGE, sigma=-1), "from 0 to 255, got -1"),
    "sigma NaN": (lambda: denoise(IMAGE, sigma=float("nan")), "from 0 to 255, got nan"),
    "denoise estimate": (lambda: denoise(IMAGE, estimate="x"), "estimate is 'mean' or 'sample', got 'x'"),
    "denoise method": (lambda: denoise(IMAGE, method="x"), "is 'auto', 'gaussian' or 'blind', got 'x'"),
    "denoise steps": (lambda: denoise(IMAGE, estimate="sample", steps=0), "steps must be at least 1, got 0"),
    "denoise mean steps": (lambda: denoise(IMAGE, steps=5), "takes no steps, got steps=5; leave it out"),
    "scale": (lambda: upscale(IMAGE, 1.4), "scale is a factor from 1.5 to 4, got 1.4"),
    "large scale": (lambda: upscale(IMAGE, 4.1), "from 1.5 to 4, got 4.1"),
    "scale NaN": (lambda: upscale(IMAGE, float("nan")), "from 1.5 to 4, got nan"),
    "upscale estimate": (lambda: upscale(IMAGE, 2, estimate="x"), "estimate is 'mean' or 'sample', got 'x'"),
    "upscale method": (lambda: upscale(IMAGE, 2, method="x"), "'conditional' or 'projection', got 'x'"),
    "upscale steps": (lambda: upscale(IMAGE, 2, steps=-3), "steps must be at least 1, got -3"),
    "upscale mean steps": (
        lambda: upscale(IMAGE, 2, estimate="mean", method="conditional", steps=5),
        "method 'conditional' gives the mean in one network call, got steps=5; leave it out",
    ),
    "inpaint estimate": (lambda: inpaint(IMAGE, MASK, estimate="x"), "is 'mean' or 'sample', got 'x'"),
    "inpaint method": (
        lambda: inpaint(IMAGE, MASK, method="x"),
        "method for estimate 'sample' is one of alternating, conditional, repaint, ddnm, ddrm, ddnm-plus, "
        "diffpir, pigdm, dps, got 'x'",
    ),
    "method of the other estimate": (
        lambda: inpaint(IMAGE, MASK, method="repaint", estimate="mean"),
        "method for estimate 'mean' is one of alternating, conditional, splitting, got 'repaint'",
    ),
    "inpaint steps": (lambda: inpaint(IMAGE, MASK, steps=0), "steps must be at least 1, got 0"),
    "inpaint mean steps": (
        lambda: inpaint(IMAGE, MASK, method="conditional", estimate="mean", steps=5),
        "method 'conditional' gives the mean in one network call, got steps=5; leave it out",
    ),
    "jumps of another method": (
        lambda: inpaint(IMAGE, MASK, jumps=Jumps()),
        "jumps belong to method 'repaint', got method 'alternating'",
    ),
    "long jumps": (
        lambda: inpaint(IMAGE, MASK, method="repaint", steps=10),
        "jumps of 10 steps need a ladder of more, got 10 steps; pass shorter jumps or more steps",
    ),
    "jump length": (lambda: Jumps(0, 1), "length and repeats of 1 or more, got 0 and 1"),
    "jump repeats": (lambda: Jumps(1, 0), "length and repeats of 1 or more, got 1 and 0"),
    "mask means": (lambda: inpaint(IMAGE, MASK, mask_means="x"), "mask_means is 'fill' or 'keep', got 'x'"),
    "mask size": (
        lambda: inpaint(IMAGE, np.zeros((6, 5))),
        r"mask is 5x6 but the picture is 5x7 \(w x h\); resize the mask",
    ),
    "no pictures": (lambda: sample(0), "n, size and steps must be at least 1, got 0"),
    "no size": (lambda: sample(1, size=(0, 8)), r"got 1, \(0, 8\) and 50"),
    "no steps": (lambda: sample(1, steps=0), r"at least 1, got 1, \(128, 128\) and 0"),
    "sampler": (
        lambda: sample(1, sampler="euler"),
        "sampler is one of ddim, ddpm, heun, dpmpp-2m, langevin, got 'euler'",
    ),
    "denoise sampler": (lambda: denoise(IMAGE, estimate="sample", sampler="x"), "is one of .* got 'x'"),
    "denoise mean sampler": (lambda: denoise(IMAGE, sampler="ddim"), "leave out sampler='ddim'"),
    "upscale sampler": (lambda: upscale(IMAGE, 2, sampler="x"), "sampler is one of .* got 'x'"),
    "upscale mean sampler": (
        lambda: upscale(IMAGE, 2, estimate="mean", sampler="ddpm"), "leave out sampler='ddpm'",
    ),
    "inpaint sampler": (lambda: inpaint(IMAGE, MASK, sampler="x"), "sampler is one of .* got 'x'"),
    "inpaint mean sampler": (
        lambda: inpaint(IMAGE, MASK, estimate="mean", sampler="heun"), "leave out sampler='heun'",
    ),
    "grow": (lambda: inpaint(IMAGE, MASK, grow=-1), "grows by 0 pixels or more, got -1"),
    "sample seed": (lambda: sample(1, seed=-1), r"seed must lie in 0\.\.2\^63 - 1; got -1"),
    "picture": (lambda: denoise(np.full((4, 4), np.nan), sigma=3), "not finite"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_OPTIONS)
def test_wrong_options_are_refused_before_the_weights_are_loaded(case: str, no_weights: None) -> None:
    run, message = WRONG_OPTIONS[case]
    with pytest.raises(ValueError, match=message):
        run()


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 5)], ids=str)
def test_the_smallest_pictures(size: tuple[int, int]) -> None:
    backbone, image = random_backbone(), picture(1, 3, *size)
    for options in ({}, {"estimate": "sample", "steps": 2}, {"method": "blind"}):
        found = denoise(image, sigma=25, prior=backbone, **options)
        assert found.shape == image.shape
    h, w = size
    for method, estimate in UPSCALE_METHODS:
        steps = None if (method, estimate) == ("conditional", "mean") else 2
        for scale in (1.5, 2.5):
            found = upscale(image, scale, method=method, estimate=estimate, steps=steps, prior=backbone)
            assert found.shape == (1, 3, round(scale * h), round(scale * w))
            assert torch.isfinite(found).all()
    if h * w > 1:
        mask = np.zeros(size)
        mask[0, 0] = 1
        for method, estimate in INPAINT_METHODS:
            found = run_inpaint(image, mask, method, estimate, prior=backbone)
            assert torch.isfinite(found).all()
            assert torch.equal(found.flatten(2)[..., 1:], image.flatten(2)[..., 1:])
    assert sample(1, size=size, steps=2, prior=backbone).shape == (1, 3, *size)


def test_pictures_of_any_numbers_type_give_nearly_the_same() -> None:
    image, backbone = picture(1, 3, 9, 7), random_backbone()
    expected = denoise(image, sigma=25, prior=backbone)
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)):
        found = denoise(image.to(dtype), sigma=25, prior=backbone)
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=tolerance)
    learns = denoise(image.clone().requires_grad_(), sigma=25, prior=backbone)
    assert torch.equal(learns, expected)
    assert not learns.requires_grad


@settings(max_examples=25)
@given(
    h=st.integers(1, 20),
    w=st.integers(1, 20),
    holes=st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=4),
    pixels=st.integers(0, 9),
)
def test_grown_hole_is_a_disc_around_it(h: int, w: int, holes: list[tuple[int, int]], pixels: int) -> None:
    hole, expected = torch.zeros(2, 1, h, w), torch.zeros(2, 1, h, w)
    for y, x in holes:
        hole[1, 0, y % h, x % w] = 1
        distance = (torch.arange(h)[:, None] - y % h) ** 2 + (torch.arange(w) - x % w) ** 2
        expected[1, 0][distance <= pixels**2] = 1
    assert torch.equal(grown(hole, pixels), expected)


def test_a_grown_hole_is_filled_as_one() -> None:
    image, mask = picture(3, 9, 7), box_mask(9, 7, 4, 5, 3, 4)
    found = inpaint(image, mask, grow=2, prior=Recorder())
    inside = grown(torch.from_numpy(mask > 0).float()[None, None], 2)[0].expand_as(image) > 0
    assert torch.equal(found[~inside], image[~inside])
    assert (found[inside] != image[inside]).all()
    with pytest.raises(ValueError, match="leaves no known pixel"):
        inpaint(image, mask, grow=9)


# ---------------------------------------------------------------------------------------- guidance


@pytest.mark.parametrize("task", ["inpaint", "upscale"])
def test_guidance_goes_beyond_the_branch_in_two_calls_a_step(task: str) -> None:
    image, mask = picture(3, 9, 8), box_mask(9, 8, 2, 5, 2, 5)

    class Shown(Recorder):
        """Says .3 when it is shown something, and .5 else."""

        def denoiser(self, condition: Condition | None = None, *, differentiable: bool = False) -> Denoiser:
            self.answer = lambda x, sigma: x  # not used
            calls = super().denoiser(condition)
            return lambda x, sigma: 0 * calls(x, sigma) + (0.5 if condition is None else 0.3)

    for strength, expected, calls in ((1.0, 0.3, 4), (1.5, 0.2, 8), (0.0, 0.5, 8)):
        backbone, reports = Shown(), Reports()
        walk: dict[str, Any] = {
            "estimate": "sample", "method": "conditional", "steps": 4, "guidance": strength,
            "backbone": backbone, "progress": reports,
        }  # fmt: skip
        found = inpaint(image, mask, **walk) if task == "inpaint" else upscale(image, 2, **walk)
        changed = found[:, 2:5, 2:5] if task == "inpaint" else found
        torch.testing.assert_close(changed, torch.full_like(changed, expected))
        assert len(backbone.states) == calls
        reports.assert_complete(calls)


def test_guidance_where_nobody_looks_at_it_is_refused() -> None:
    image, mask = picture(3, 9, 8), box_mask(9, 8, 2, 5, 2, 5)
    for walk in ({"method": "ddnm"}, {"method": "conditional", "estimate": "mean"}, {}):
        with pytest.raises(ValueError, match="guidance is for samples of method 'conditional', not for"):
            inpaint(image, mask, guidance=2, **walk)
    for strength in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a strength of 0 or more, got"):
            upscale(image, 2, method="conditional", guidance=strength)
