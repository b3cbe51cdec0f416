"""What all tasks have in common: kinds of pictures, samplers, seeds, options that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from networks import random_backbone
from picture_kinds import EVERY_KIND, H, W, assert_same_kind, numbers
from recording import Recorder, Reports, box_mask, picture
from restorations import (
    INPAINT_METHODS,
    UPSCALE_METHODS,
    inpaint_in_few_steps,
)

from restore.diffusion import samplers
from restore.priors.condition import Condition
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint
from restore.tasks.inpaint_methods import Jumps
from restore.tasks.sample import sample
from restore.tasks.upscale import upscale
from restore.types import Denoiser

pytestmark = pytest.mark.usefixtures("one_thread")


@EVERY_KIND
def test_denoise_and_upscale_keep_every_kind(image: Any) -> None:
    before = numbers(image).copy()
    assert_same_kind(denoise(image, sigma=9, prior=Recorder()), image)
    large = upscale(image, 2, steps=2, prior=Recorder())
    assert_same_kind(large, image, (2 * H, 2 * W))
    np.testing.assert_array_equal(numbers(image), before)


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


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_every_task_with_every_sampler(sampler: str) -> None:
    """Each takes its own number of calls, all are reported, and the bar ends full."""
    calls = {"ddim": 4, "ddpm": 4, "heun": 7, "dpmpp-2m": 4, "dpmpp-2m-sde": 4, "langevin": 10}[sampler]
    image, mask = picture(1, 3, 9, 7), box_mask(9, 7, 2, 4, 2, 4)
    runs: list[tuple[Callable[..., Any], int]] = [
        (lambda **o: denoise(image, sigma=50, estimate="sample", steps=4, **o), calls),
        (lambda **o: denoise(image, method="blind", estimate="sample", steps=4, **o), calls),
        (lambda **o: upscale(image, 2, method="conditional", steps=4, **o), calls),
        (lambda **o: upscale(image, 2, method="projection", steps=4, **o), 2 + calls),
        (lambda **o: inpaint(image, mask, method="conditional", steps=4, **o), calls),
        (lambda **o: inpaint(image, mask, method="splitting-ddnm", steps=12, **o), 8 + calls),
        (lambda **o: inpaint(image, mask, steps=8, **o), 4 + calls),
    ]
    for run, expected in runs:
        recorder, reports = Recorder(), Reports()
        found = run(sampler=sampler, prior=recorder, progress=reports)
        assert torch.isfinite(found).all()
        assert len(recorder.sigmas) == expected
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
    "denoise method": (
        lambda: denoise(IMAGE, method="x"),
        "is one of auto, gaussian, blind, real, completed, page, got 'x'",
    ),
    "denoise steps": (lambda: denoise(IMAGE, estimate="sample", steps=0), "steps must be at least 1, got 0"),
    "denoise mean steps": (lambda: denoise(IMAGE, steps=5), "in one network call; leave out steps=5"),
    "scale": (lambda: upscale(IMAGE, 0.9), "scale is a factor from 1 to 8, got 0.9"),
    "large scale": (lambda: upscale(IMAGE, 9), "from 1 to 8, got 9"),
    "scale NaN": (lambda: upscale(IMAGE, float("nan")), "from 1 to 8, got nan"),
    "upscale estimate": (lambda: upscale(IMAGE, 2, estimate="x"), "estimate is 'mean' or 'sample', got 'x'"),
    "upscale method": (lambda: upscale(IMAGE, 2, method="x"), "is one of conditional, projection, got 'x'"),
    "upscale steps": (lambda: upscale(IMAGE, 2, steps=-3), "steps must be at least 1, got -3"),
    "upscale mean steps": (
        lambda: upscale(IMAGE, 2, estimate="mean", method="conditional", steps=5),
        "with method 'conditional', which gives the mean in one network call; leave out steps=5",
    ),
    "inpaint estimate": (lambda: inpaint(IMAGE, MASK, estimate="x"), "is 'mean' or 'sample', got 'x'"),
    "inpaint method": (
        lambda: inpaint(IMAGE, MASK, method="x"),
        "method for estimate 'sample' is one of auto, alternating, conditional, repaint, exemplar, "
        "splitting-ddnm, ddnm, ddnm-plus, diffpir, pigdm, dps, ddrm, got 'x'",
    ),
    "method of the other estimate": (
        lambda: inpaint(IMAGE, MASK, method="repaint", estimate="mean"),
        "method for estimate 'mean' is one of auto, alternating, conditional, exemplar, splitting, got "
        "'repaint'",
    ),
    "inpaint steps": (lambda: inpaint(IMAGE, MASK, steps=0), "steps must be at least 1, got 0"),
    "inpaint mean steps": (
        lambda: inpaint(IMAGE, MASK, method="conditional", estimate="mean", steps=5),
        "with method 'conditional', which gives the mean in one network call; leave out steps=5",
    ),
    "jumps of another method": (
        lambda: inpaint(IMAGE, MASK, jumps=Jumps()),
        "jumps belong to method 'repaint', got method 'auto'",
    ),
    "long jumps": (
        lambda: inpaint(IMAGE, MASK, method="repaint", steps=10),
        "jumps of 10 steps need more steps in all, got 10; pass shorter jumps or more steps",
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
        "sampler is one of ddim, ddpm, heun, dpmpp-2m, dpmpp-2m-sde, langevin, got 'euler'",
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


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 1), (2, 2), (3, 5)], ids=str)
def test_the_smallest_pictures(size: tuple[int, int]) -> None:
    prior, image = random_backbone(), picture(1, 3, *size)
    for options in ({}, {"estimate": "sample", "steps": 2}, {"method": "blind"}):
        found = denoise(image, sigma=25, prior=prior, **options)
        assert found.shape == image.shape
    h, w = size
    for method, estimate in UPSCALE_METHODS:
        steps = None if (method, estimate) == ("conditional", "mean") else 2
        for scale in (1.5, 2.5):
            found = upscale(image, scale, method=method, estimate=estimate, steps=steps, prior=prior)
            assert found.shape == (1, 3, round(scale * h), round(scale * w))
            assert torch.isfinite(found).all()
    if h * w > 1:
        mask = np.zeros(size)
        mask[0, 0] = 1
        for method, estimate in INPAINT_METHODS:
            if method == "exemplar":  # a patch is larger
                with pytest.raises(ValueError, match="no whole patch of 9x9"):
                    inpaint_in_few_steps(image, mask, method, estimate, prior=prior)
                continue
            found = inpaint_in_few_steps(image, mask, method, estimate, prior=prior)
            assert torch.isfinite(found).all()
            assert torch.equal(found.flatten(2)[..., 1:], image.flatten(2)[..., 1:])
    assert sample(1, size=size, steps=2, prior=prior).shape == (1, 3, *size)


def test_pictures_of_any_numbers_type_give_nearly_the_same() -> None:
    image, prior = picture(1, 3, 9, 7), random_backbone()
    expected = denoise(image, sigma=25, prior=prior)
    for dtype, tolerance in ((torch.float64, 1e-6), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)):
        found = denoise(image.to(dtype), sigma=25, prior=prior)
        assert found.dtype == dtype
        torch.testing.assert_close(found.float(), expected, rtol=tolerance, atol=tolerance)
    learns = denoise(image.clone().requires_grad_(), sigma=25, prior=prior)
    assert torch.equal(learns, expected)
    assert not learns.requires_grad


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
        recorder, reports = Shown(), Reports()
        options: dict[str, Any] = {
            "estimate": "sample", "method": "conditional", "steps": 4, "guidance": strength,
            "prior": recorder, "progress": reports,
        }  # fmt: skip
        found = inpaint(image, mask, **options) if task == "inpaint" else upscale(image, 2, **options)
        changed = found[:, 2:5, 2:5] if task == "inpaint" else found
        torch.testing.assert_close(changed, torch.full_like(changed, expected))
        assert len(recorder.states) == calls
        reports.assert_complete(calls)


def test_guidance_where_nobody_looks_at_it_is_refused() -> None:
    image, mask = picture(3, 9, 8), box_mask(9, 8, 2, 5, 2, 5)
    for options in ({"method": "splitting-ddnm"}, {"method": "conditional", "estimate": "mean"}, {}):
        with pytest.raises(ValueError, match="guidance is for samples of method 'conditional', not for"):
            inpaint(image, mask, guidance=2, **options)
    for strength in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="a strength of 0 or more, got"):
            upscale(image, 2, method="conditional", guidance=strength)
