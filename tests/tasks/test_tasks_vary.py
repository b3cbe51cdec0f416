"""Variations: the noise level of a strength, what stays, what a mask keeps, what a reference gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from gaussian_oracle import assert_moments, generator_noise
from mutants import constant, edited, mutant_tests, wrong
from PIL import Image
from recording import CONFIG, PRIOR, Recorder, Reports, box_mask, picture
from restorations import IGNORED_SEEDS, assert_seeds, less_noise
from torch import Tensor

from restore.diffusion.sigmas import karras
from restore.images.resize import resize
from restore.inverse import frequencies
from restore.inverse.frequencies import exchanged, low_pass
from restore.tasks import vary as vary_task
from restore.tasks.consistency import low_frequencies_apart
from restore.tasks.vary import AT_ONCE, edge_levels, noise_level, vary
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

LEVELS = Recorder().schedule.sigmas
MASK = box_mask(40, 48, 8, 40, 10, 42)  # 32 x 32 at the lower edge


def check_noise_level() -> None:
    """That of a timestep, between two timesteps their geometric mean, and always one that the prior knows."""
    prior = Recorder()
    last = len(LEVELS) - 1
    for timestep in (1, 300, last):
        assert noise_level(timestep / last, prior) == pytest.approx(float(LEVELS[timestep]))
    between = math.sqrt(float(LEVELS[300] * LEVELS[301]))
    assert noise_level(300.5 / last, prior) == pytest.approx(between)
    levels = [noise_level(strength, prior) for strength in np.linspace(1e-9, 1, 3001)]
    assert all(low < high for low, high in pairwise(levels))
    steps = np.diff(np.log(levels))
    assert steps.max() < 0.5  # no jumps
    prior.sigma_min, prior.sigma_max = 0.1, 5.0
    assert (noise_level(1e-9, prior), noise_level(1, prior)) == (0.1, 5.0)


def check_start() -> None:
    """The picture with noise of the level, and the sampler's levels from there."""
    image, recorder, reports = picture(2, 3, 20, 24), Recorder(), Reports()
    vary(image, 0.3, steps=7, prior=recorder, progress=reports)
    sigma = noise_level(0.3, recorder)
    assert recorder.sigmas == karras(sigma, CONFIG.sigma_min, 7)[:-1]
    assert recorder.conditions == [None]
    assert_moments((recorder.states[0] - image) / sigma, mean=0, variance=1)
    reports.assert_complete(7)


def check_gray() -> None:
    """Colour in a clean estimate of a gray picture is taken out before the sampler goes on."""
    image, tint = picture(1, 20, 24), torch.tensor([0.2, -0.1, -0.1]).view(3, 1, 1)

    def tinted(x: Tensor, sigma: float) -> Tensor:
        return PRIOR.denoise(x, sigma) + tint

    recorder = Recorder(tinted)
    found = vary(image, 0.3, steps=4, prior=recorder)
    assert found.shape == image.shape
    assert torch.allclose(found, vary(image, 0.3, steps=4, prior=Recorder()), atol=1e-5)
    noise = recorder.states[-1] - recorder.states[-1].mean(1, keepdim=True)
    assert abs(float(noise.mean((2, 3)).abs().max())) < 0.01
    assert vary(image.expand(3, -1, -1), 0.3, steps=4, prior=Recorder(tinted)).std((1, 2)).min() > 0


def check_masked() -> None:
    """Outside nothing changes; at the edge less than within; what is re-injected has the state's noise."""
    image, recorder = picture(1, 3, 40, 48), Recorder()
    inside = torch.from_numpy(MASK > 0)
    found = vary(image, 0.5, mask=MASK, prior=recorder)
    assert torch.equal(found[..., ~inside], image[..., ~inside])
    assert not torch.equal(found[..., inside], image[..., inside])
    depth = vary_task.depth_of(inside[None, None].float())[0, 0]
    change = (found - image).abs().mean((0, 1))
    assert change[depth == 1].mean() < 0.3 * change[depth > 12].mean()
    for state, sigma in list(zip(recorder.states, recorder.sigmas, strict=True))[:-1]:
        assert_moments(((state - image) / sigma)[..., ~inside], mean=0, variance=1)


def check_edge_levels() -> None:
    area = torch.zeros(1, 1, 1, 60)
    area[..., 10:] = 1  # up to the edge of the picture, which is none of the mask
    levels = edge_levels(area, 0.8, 0.002)[0, 0, 0]
    assert not levels[:10].any()
    assert levels[10] == pytest.approx(0.002 * 400 ** (1 / 12))
    assert levels[15] == pytest.approx(0.002 * 400 ** (6 / 12))
    assert levels[21:].tolist() == pytest.approx([0.8] * 39)
    thin = torch.zeros(1, 1, 1, 60)
    thin[..., 20:28] = 1  # four deep: over half of that
    levels = edge_levels(thin, 0.8, 0.002)[0, 0, 0]
    assert levels[20] == levels[27] == pytest.approx(0.04)
    assert levels[21:27].tolist() == pytest.approx([0.8] * 6)
    assert edge_levels(torch.ones(1, 1, 9, 9), 0.8, 0.002).unique().tolist() == pytest.approx([0.8])


def check_reference() -> None:
    """Low frequencies are the reference's to half a level of 8 bits; the rest is not."""
    image, style = picture(1, 3, 33, 40), picture(1, 3, 11, 7, seed=5)
    large = resize(style, (33, 40)).clamp(0, 1)
    for factor in (4, 8, 32):
        found = vary(image, 0.3, reference=style, reference_scale=factor, steps=3, prior=tiny_prior())
        assert (low_pass(found - large, factor)).abs().max() < 0.5 / 255
        assert found.min() >= 0 and found.max() <= 1
        rest = found - low_pass(found, factor)
        assert not torch.allclose(rest, large - low_pass(large, factor), atol=0.05)
    recorder = Recorder()
    vary(image, 0.2, reference=style, reference_scale=8, prior=recorder)
    noise = (recorder.states[0] - exchanged(image, large, 8)) / recorder.sigmas[0]
    assert_moments(noise, mean=0, variance=1)
    # Every estimate has them, so that the state keeps to them: its low frequencies are noise around them.
    apart = low_pass(recorder.states[-1] - large, 8).abs().max()
    assert apart < 0.02


def check_seeds() -> None:
    assert_seeds(lambda **options: vary(picture(1, 3, 9, 7), 0.2, steps=3, **options))


CHECKS = [check_noise_level, check_start, check_gray, check_masked, check_edge_levels, check_reference]


@pytest.mark.parametrize("check", [*CHECKS, check_seeds], ids=lambda check: check.__name__)
def test_vary(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("strength", [0.1, 0.2, 0.4])
def test_what_stays_is_what_the_noise_leaves(strength: float) -> None:
    """Correlation with the picture, for pictures from the prior: in closed form.

    DDPM with draws from the exact posterior gives a draw of x0 | x. The probability flow is linear here: it
    carries over the correlation of x, whatever its steps.
    """
    image = 0.5 + 0.25 * generator_noise(3)(torch.empty(1, 3, 96, 96)).float()
    share = PRIOR.std**2 / (PRIOR.std**2 + noise_level(strength, Recorder()) ** 2)
    drawn = vary(image, strength, sampler="ddpm", prior=Recorder(PRIOR.posterior_draws(generator_noise(1))))
    assert_moments(drawn, mean=0.5, variance=PRIOR.std**2)
    carried = vary(image, strength, prior=Recorder())
    for found, expected in ((drawn, share), (carried, math.sqrt(share))):
        kept = torch.corrcoef(torch.stack([image.flatten(), found.flatten().float()]))[0, 1]
        assert float(kept) == pytest.approx(expected, abs=0.02)


def test_with_hardly_any_noise_the_picture_stays() -> None:
    image = picture(1, 3, 16, 16)
    assert (vary(image, 1e-6, prior=Recorder()) - image).abs().max() < 0.03


def kinds() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (40, 48, 3), np.uint8)
    return {
        "gray": colours[..., 0],
        "colours": colours,
        "alpha": np.dstack([colours, np.full((40, 48), 200, np.uint8)]),
        "16 bit": colours.astype(np.uint16) * 257,
        "float": (colours / 255).astype(np.float32),
        "tensor": picture(3, 40, 48),
        "pil": Image.fromarray(colours[..., 0]),
    }


@pytest.mark.parametrize("kind", kinds())
def test_the_kind_is_kept_and_what_is_outside_the_mask(kind: str) -> None:
    image = kinds()[kind]
    whole = vary(image, 0.2, steps=2, prior=Recorder())
    assert type(whole) is type(image)
    found = vary(image, 0.2, mask=MASK, steps=2, prior=Recorder())
    before, after, free = np.asarray(image), np.asarray(found), np.asarray(whole)
    assert before.shape == after.shape == free.shape
    assert before.dtype == after.dtype == free.dtype
    rows = (slice(None),) if kind == "tensor" else ()
    assert np.array_equal(after[*rows, MASK == 0], before[*rows, MASK == 0])
    assert not np.array_equal(after[*rows, MASK > 0], before[*rows, MASK > 0])
    if kind == "alpha":
        assert (free[..., 3] == 200).all()


def test_an_empty_mask_gives_a_copy_without_the_network() -> None:
    recorder, image = Recorder(), picture(3, 40, 48)
    assert torch.equal(vary(image, mask=MASK * 0, prior=recorder), image)
    assert recorder.sigmas == []


def test_only_the_surroundings_of_a_mask_are_computed() -> None:
    mask, recorder, reports = np.zeros((400, 420), np.uint8), Recorder(), Reports()
    mask[:20, :20] = mask[390:, 410:] = 255
    vary(np.full((400, 420), 99, np.uint8), mask=mask, steps=2, prior=recorder, progress=reports)
    assert [tuple(x.shape[-2:]) for x in recorder.states] == 2 * [(128, 128)] + 2 * [(112, 116)]
    reports.assert_complete(4)
    assert vary_task.workload((400, 420), mask > 0, _Counting()) == 128 * 128 + 112 * 116
    assert vary_task.workload((400, 420), None, _Counting()) == 400 * 420


class _Counting(Recorder):
    def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
        return math.prod(size)


def test_a_large_batch_is_computed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AT_ONCE >= 1000 * 32 * 32
    monkeypatch.setattr(vary_task, "AT_ONCE", 3 * 8 * 8)
    recorder, reports, digits = Recorder(), Reports(), picture(7, 1, 8, 8)
    found = vary(digits, 0.1, steps=2, prior=recorder, progress=reports)
    assert found.shape == digits.shape
    assert [len(x) for x in recorder.states] == [3, 3, 3, 3, 1, 1]
    reports.assert_complete(6)
    assert (found - digits).abs().mean((1, 2, 3)).min() > 0.02
    masks = torch.stack([torch.zeros(1, 8, 8), *torch.ones(6, 1, 8, 8)])
    found = vary(digits, 0.1, mask=masks, steps=2, prior=Recorder())
    assert torch.equal(found[0], digits[0])
    assert not torch.equal(found[1], digits[1])


def test_what_alpha_hides_has_no_influence_and_stays() -> None:
    rgba = np.random.default_rng(0).integers(0, 256, (24, 24, 4), np.uint8)
    rgba[..., 3] = 255
    rgba[:, :6, 3] = 0
    other = rgba.copy()
    other[:, :6, :3] = 255 - other[:, :6, :3]
    found, again = (vary(each, 0.3, steps=2, prior=tiny_prior()) for each in (rgba, other))
    assert np.array_equal(found[:, 6:], again[:, 6:])
    assert np.array_equal(found[:, :6], rgba[:, :6])
    assert not np.array_equal(found[:, 6:], rgba[:, 6:])


def test_a_mask_and_a_reference() -> None:
    image, style = picture(1, 3, 40, 48), torch.full((1, 3, 4, 4), 0.9)
    inside = torch.from_numpy(MASK > 0)
    found = vary(image * 0.3, 0.3, mask=MASK, reference=style, reference_scale=8, prior=Recorder())
    assert torch.equal(found[..., ~inside], (image * 0.3)[..., ~inside])
    assert found[..., 20:, 20:30].mean() > 0.8


def test_a_gray_picture_and_a_reference_in_colours() -> None:
    image, style = picture(1, 32, 32), picture(3, 32, 32, seed=2)
    found = vary(image, 0.2, reference=style, reference_scale=8, steps=3, prior=tiny_prior())
    assert found.shape == image.shape
    most, mean = low_frequencies_apart(found[0].numpy(), style.permute(1, 2, 0).numpy(), 8)
    assert most < 0.5 and mean < 0.1


def test_pictures_beyond_the_nominal_range() -> None:
    image = 6 * picture(3, 40, 48)
    found = vary(image, 0.1, prior=Recorder())
    assert 4 < found.max() < 8 and found.min() > -1.5


IMAGE = np.zeros((7, 5, 3), np.uint8)
WRONG: dict[str, tuple[Callable[[], Any], str]] = {
    "no strength": (lambda: vary(IMAGE, 0), "strength is a share above 0, up to 1, got 0"),
    "strength": (lambda: vary(IMAGE, 1.01), "up to 1, got 1.01"),
    "strength NaN": (lambda: vary(IMAGE, float("nan")), "up to 1, got nan"),
    "steps": (lambda: vary(IMAGE, steps=0), "steps must be at least 1, got 0"),
    "sampler": (lambda: vary(IMAGE, sampler="euler"), "sampler is one of ddim, .* got 'euler'"),
    "mask": (lambda: vary(IMAGE, mask=np.zeros((5, 7))), "mask is 7x5 but the picture is 5x7"),
    "masks": (lambda: vary(picture(3, 3, 7, 5), mask=np.zeros((2, 1, 7, 5))), "2 masks for 3 pictures"),
    "references": (
        lambda: vary(picture(3, 3, 7, 5), reference=picture(2, 3, 7, 5)),
        "there are 2 references for 3 pictures; pass one, or one for each",
    ),
    "scale": (lambda: vary(IMAGE, reference_scale=1), "reference_scale is from 2 to 256 pixels, got 1"),
    "seed": (lambda: vary(IMAGE, seed=-1), "seed must lie in"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_options(name: str, no_weights: None) -> None:
    call, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        call()


test_the_check_finds_the_mutant = mutant_tests({
    check_noise_level: [
        edited(noise_level, "(len(logs) - 1)", "len(logs)"),
        edited(noise_level, "(place - below) * ", ""),
        edited(noise_level, "math.exp(logs[below] + (place - below) * (logs[above] - logs[below]))",
               "math.exp(logs[below])"),
        edited(noise_level, "min(max(level, prior.sigma_min), prior.sigma_max)", "level"),
    ],
    check_start: [less_noise()],
    check_gray: [wrong(vary_task._in_gray, lambda right: lambda denoise, gray: denoise, "colours stay")],
    check_masked: [
        less_noise(),
        constant(vary_task, "EDGE", 0.01),
        edited(vary_task._varied, "denoise = per_pixel_start(", "per_pixel_start("),
    ],
    check_edge_levels: [
        constant(vary_task, "EDGE", 24.0),
        edited(edge_levels, "/ 2).clamp(1, EDGE)", "* 2).clamp(1, EDGE)"),
        edited(edge_levels, "(sigma / lowest) **", "(sigma / lowest) *"),
    ],
    check_reference: [
        constant(frequencies, "ROUNDS", 0),
        edited(vary_task._varied, "denoise = follow_reference(", "follow_reference("),
        edited(vary_task._varied, "exchanged(image, style, plan.factor)", "image"),
    ],
    check_seeds: IGNORED_SEEDS,
})  # fmt: skip
