"""Enlarging by priors whose answers are known: what they are asked, and what comes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from gaussian_oracle import assert_moments
from mutants import constant, edited, mutant_tests, wrong
from recording import CONFIG, PRIOR, Recorder, Reports, picture
from restorations import (
    IGNORED_SEEDS,
    UPSCALE_METHODS,
    assert_seeds,
    less_noise,
    steps_of,
)

from restore.images.resize import resize
from restore.inverse.operators import Resize
from restore.tasks import catalogue
from restore.tasks import upscale as upscale_task
from restore.tasks.catalogue import BRANCH_CALLS
from restore.tasks.drawing import Drawing
from restore.tasks.upscale import upscale

pytestmark = pytest.mark.usefixtures("one_thread")


def check_upscale_conditional() -> None:
    """The hint is the bicubic enlargement; the mean is one call at the top of the sigmas."""
    image, recorder, reports = picture(1, 3, 9, 7), Recorder(), Reports()
    found = upscale(image, 2, estimate="mean", method="conditional", prior=recorder, progress=reports)
    bicubic = resize(image, (18, 14))
    assert recorder.sigmas == [CONFIG.sigma_max]
    (condition,) = recorder.conditions
    assert condition is not None
    assert torch.equal(condition.hint, bicubic)
    assert condition.known is None
    assert condition.noise_std == 0
    assert torch.equal(found, PRIOR.denoise(bicubic, CONFIG.sigma_max))
    reports.assert_complete(1)
    recorder = Recorder()
    upscale(image, 2, estimate="sample", method="conditional", prior=recorder)
    assert len(recorder.sigmas) == 30
    assert recorder.sigmas[0] == CONFIG.sigma_max
    assert recorder.sigmas[-1] == CONFIG.sigma_min
    assert_moments((recorder.states[0] - bicubic) / CONFIG.sigma_max, mean=0, variance=1)


def check_upscale_projection() -> None:
    """Conditional answers, one mirrored, then the prior; it ends where pictures reduce to the input."""
    image = picture(1, 3, 9, 7) * 0.5 + 0.25
    operator = Resize((18, 14), (9, 7))
    for estimate in ("mean", "sample"):
        recorder, other, reports = Recorder(), Recorder(), Reports()
        options = {"estimate": estimate, "method": "projection"}
        found = upscale(image, 2, prior=recorder, progress=reports, **options)
        reports.assert_complete(2 + steps_of("upscale", "projection", estimate))
        hint, mirrored, unconditional = recorder.conditions
        assert torch.equal(hint.hint, resize(image, (18, 14)))
        assert torch.equal(mirrored.hint, hint.hint.flip(-1))
        assert unconditional is None
        highest, lowest = upscale_task.ENDS[estimate]
        assert recorder.sigmas[:3] == [CONFIG.sigma_max, CONFIG.sigma_max, pytest.approx(highest)]
        assert recorder.sigmas[-1] == pytest.approx(lowest)
        assert len(recorder.sigmas) == len(reports)
        upscale(image, 2, seed=1, prior=other, **options)
        noise = (recorder.states[2] - other.states[2]) / 2**0.5
        if estimate == "mean":
            assert not noise.any()
            assert (operator.forward(recorder.states[2]) - image).abs().max() < 1e-4
        else:
            assert_moments(noise, mean=0, variance=highest**2)
        # The prior knows nothing of the picture; all likeness is the projection's.
        assert (operator.forward(found) - image).abs().max() < 0.5 / 255


def check_upscale_in_two_steps() -> None:
    """The second run is shown the first one's result; both are reported as one."""
    image, recorder, reports = picture(1, 3, 9, 7), Recorder(), Reports()
    found = upscale(image, 8, estimate="mean", method="conditional", prior=recorder, progress=reports)
    between = PRIOR.denoise(resize(image, (36, 28)), CONFIG.sigma_max)
    assert [tuple(x.shape[-2:]) for x in recorder.states] == [(36, 28), (72, 56)]
    assert torch.equal(found, PRIOR.denoise(resize(between, (72, 56)), CONFIG.sigma_max))
    reports.assert_complete(2)
    recorder, reports = Recorder(), Reports()
    found = upscale(image, 5, steps=3, prior=recorder, progress=reports)
    assert found.shape == (1, 3, 45, 35)
    assert [tuple(x.shape[-2:]) for x in recorder.states] == 5 * [(30, 23)] + 5 * [(45, 35)]
    reports.assert_complete(2 * (BRANCH_CALLS + 3))


def check_upscale_seeds() -> None:
    for method in ("projection", "conditional"):
        assert_seeds(lambda method=method, **o: upscale(picture(1, 3, 5, 4), 2, method=method, steps=3, **o))


def test_upscale_conditional() -> None:
    check_upscale_conditional()


def test_upscale_projection() -> None:
    check_upscale_projection()


def test_upscale_in_two_steps() -> None:
    check_upscale_in_two_steps()


@pytest.mark.parametrize(
    ("scale", "sizes"),
    [
        (1.5, [(15, 30)]),
        (4, [(40, 80)]),
        (4.2, [(28, 56), (42, 84)]),
        (6, [(40, 80), (60, 120)]),
        (8, [(40, 80), (80, 160)]),
    ],
)
def test_the_sizes_that_a_scale_goes_through(scale: float, sizes: list[tuple[int, int]]) -> None:
    assert catalogue.enlargements((10, 20), scale) == sizes


def test_upscale_seeds() -> None:
    check_upscale_seeds()


@pytest.mark.parametrize(("method", "estimate"), UPSCALE_METHODS)
@pytest.mark.parametrize("scale", [1.5, 1.7, 2, 2.25, 10 / 3, 4, 4.3, 6.5, 8])
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
        more = BRANCH_CALLS if method == "projection" else 0
        reports.assert_complete(steps_of("upscale", method, estimate) + more)


test_the_check_finds_the_mutant = mutant_tests({
    check_upscale_conditional: [
        less_noise(),
        wrong(
            Drawing.guided, lambda right: lambda self, *_: self.prior.denoiser(), "the unconditional branch"
        ),
    ],
    check_upscale_projection: [
        less_noise(),
        constant(upscale_task, "ROUNDING_STD", 0.5),
        edited(upscale_task._projection, "part_of(progress, BRANCH_CALLS, 0)", "progress"),
        edited(upscale_task._projection, "bicubic, BRANCH_CALLS)", "bicubic, 1)"),
    ],
    check_upscale_in_two_steps: [
        constant(catalogue, "ONE_STEP", 8.0),
        constant(catalogue, "LEARNED", 2.0),
        edited(upscale_task.upscale, "part_progress(report, number, len(sizes))", "report"),
    ],
    check_upscale_seeds: IGNORED_SEEDS,
})  # fmt: skip
