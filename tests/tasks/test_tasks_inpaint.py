"""Inpainting by priors whose answers are known: what they are asked, and what comes back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from gaussian_oracle import GaussianPrior, assert_moments, generator_noise
from mutants import Mutant, edited, mutant_tests, wrong
from networks import random_backbone
from picture_kinds import EVERY_KIND, H, W, assert_same_kind, expected_kind, numbers
from PIL import Image
from recording import CONFIG, PRIOR, Recorder, Reports, box_mask, picture
from restorations import (
    IGNORED_SEEDS,
    INPAINT_METHODS,
    assert_seeds,
    inpaint_in_few_steps,
    less_noise,
    steps_of,
)
from torch import Tensor

from restore.images.canvas import hole_of
from restore.inverse.fill import push_pull
from restore.tasks import inpaint as inpaint_task
from restore.tasks import inpaint_methods, inpaint_parts
from restore.tasks.holes import CONTEXT, surroundings
from restore.tasks.inpaint import inpaint
from restore.tasks.inpaint_methods import FILLERS, Filler, strength_map

pytestmark = pytest.mark.usefixtures("one_thread")


def check_inpaint_keeps_the_rest() -> None:
    """Outside the hole every number is the input's own; inside, it is the network's."""
    rng = np.random.default_rng(0)
    mask = box_mask(37, 31, 5, 30, 20, 24)
    for image in (rng.integers(0, 65536, (37, 31, 3)).astype(np.uint16), rng.random((37, 31))):
        before, quarter = image.copy(), round(0.25 * 65535) if image.dtype == np.uint16 else 0.25
        for method, estimate in INPAINT_METHODS:
            for means, white in (("fill", mask > 0), ("keep", mask == 0)):
                recorder = Recorder(lambda x, sigma: 0.25 + 0 * x)
                found = inpaint_in_few_steps(image, white, method, estimate, mask_means=means, prior=recorder)
                np.testing.assert_array_equal(found[mask == 0], image[mask == 0])
                by_network = method != "exemplar"
                assert (found[mask > 0] == quarter).all() == by_network
                assert found.dtype == image.dtype
        np.testing.assert_array_equal(image, before)


def check_inpaint_conditional() -> None:
    """The hint is the filled picture, exact outside the hole; what the hole held is not shown."""
    image, mask = picture(1, 3, 37, 31), box_mask(37, 31, 5, 15, 20, 24)
    hole = torch.from_numpy(mask > 0).float()[None, None]
    recorder = Recorder()
    inpaint_in_few_steps(image, mask, "conditional", "mean", prior=recorder)
    assert recorder.sigmas == [CONFIG.sigma_max]
    (condition,) = recorder.conditions
    assert torch.equal(condition.known, 1 - hole)
    assert torch.equal(condition.hint, push_pull(image, hole))
    recorder = Recorder()
    inpaint_in_few_steps(image, mask, "conditional", "sample", prior=recorder)
    assert len(recorder.sigmas) == 30
    for x, sigma in zip(recorder.states, recorder.sigmas, strict=True):
        # Known pixels are at the state's own noise level all the way.
        noise = ((x - image) / sigma)[(hole == 0).expand_as(x)]
        if sigma > 0.05:  # below, rounding of the first, far noisier state shows
            assert_moments(noise, mean=0, variance=1)


def check_inpaint_starts_from_the_fill() -> None:
    """Splitting starts from the smooth fill, a sample from what splitting found."""
    image, mask = picture(1, 3, 37, 31), box_mask(37, 31, 5, 30, 10, 24)
    hole = torch.from_numpy(mask > 0).float()[None, None]
    for method, estimate in (("splitting", "mean"), ("splitting-ddnm", "sample")):
        recorder = Recorder()
        inpaint_in_few_steps(image, mask, method, estimate, prior=recorder)
        assert torch.equal(recorder.states[0], push_pull(image, hole))
        assert recorder.sigmas[0] == pytest.approx(inpaint_methods.START_SIGMA)
        assert recorder.sigmas[-1] == pytest.approx(inpaint_methods.LAST_SIGMA)
        assert recorder.conditions == [None]
    share, sigma = inpaint_methods.DRAWN[True]
    draws = steps_of("inpaint", "splitting-ddnm", "sample") // share
    assert recorder.sigmas[-draws] == sigma
    # Pixel by pixel splitting has come to rest long before: what is added is noise.
    noise = recorder.states[-draws] - PRIOR.denoise(recorder.states[-draws - 1], inpaint_methods.LAST_SIGMA)
    assert_moments(noise[hole.expand_as(noise) > 0], mean=0, variance=sigma**2)


def check_inpaint_alternates() -> None:
    """The branch is shown the smooth fill, the prior what the branch says, the branch that to draw from."""
    rough = torch.linspace(0, 1, 31).square()  # smooth on the left
    image, mask = 0.5 + 0.1 * rough * (picture(1, 3, 37, 31) - 0.5), box_mask(37, 31, 5, 30, 4, 28)
    hole = torch.from_numpy(mask > 0).float()[None, None]
    for estimate, calls in (("mean", 20), ("sample", 12)):
        recorder = Recorder(lambda x, sigma: 0.9 * x + 0.01)
        found = inpaint_in_few_steps(image, mask, "alternating", estimate, prior=recorder)
        condition, unconditional, *drawing = recorder.conditions
        assert unconditional is None
        assert torch.equal(condition.hint, push_pull(image, hole))
        assert torch.equal(condition.known, 1 - hole)
        assert torch.equal(recorder.states[0], condition.hint)
        assert recorder.sigmas[0] == CONFIG.sigma_max
        states = recorder.states[:calls]
        for before, after in pairwise(states):  # what is known is put in, and no noise
            torch.testing.assert_close(after, torch.where(hole > 0, 0.9 * before + 0.01, image))
        sigmas = recorder.sigmas[1:calls]
        assert (sigmas[0], sigmas[-1]) == inpaint_methods.AFTER_BRANCH
        assert all(above > below for above, below in pairwise(sigmas))
        mean = torch.where(hole > 0, 0.9 * states[-1] + 0.01, image)
        if estimate == "mean":
            assert drawing == []
            torch.testing.assert_close(found, mean)
    assert len(recorder.sigmas) == 24
    (shown,) = drawing
    torch.testing.assert_close(shown.hint, mean)
    assert torch.equal(shown.known, 1 - hole)
    levels, sigmas = strength_map(mean, hole), recorder.sigmas[calls:]
    assert (sigmas[0], sigmas[-1]) == (
        pytest.approx(float(levels.max())),
        pytest.approx(inpaint_methods.LAST_SIGMA),
    )
    noise = (recorder.states[calls] - mean) / sigmas[0]
    assert_moments(noise, mean=0, variance=1)
    later = (levels < 0.6 * sigmas[0]) & (hole > 0)
    assert 0.01 < later.sum() / hole.sum() < 0.99
    for number in range(1, 12):  # who has not joined stays at the mean, with noise
        state, waiting = recorder.states[calls + number], later & (levels < sigmas[number])
        spread = ((state - mean) / sigmas[number])[waiting.expand_as(state)]
        assert len(spread) == 0 or 0.7 < spread.std() < 1.3


def test_inpaint_batches_where_some_pictures_have_no_hole_there() -> None:
    """Each is filled as if it were alone, and the bar goes up to its end."""
    image, mask = picture(2, 3, 32, 300), torch.zeros(2, 1, 32, 300)
    mask[0, :, 10:13, 10:13] = 1
    recorder, reports = Recorder(), Reports()
    found = inpaint(image, mask, prior=recorder, steps=8, progress=reports)
    reports.assert_complete(8)
    alone = inpaint(image[:1], mask[:1], prior=Recorder(), steps=8)
    assert torch.equal(found, torch.cat([alone, image[1:]]))
    mask[1, :, 20:23, 290:293] = 1  # in a box of its own
    recorder, reports = Recorder(), Reports()
    found = inpaint(image, mask, prior=recorder, steps=8, progress=reports)
    assert len(recorder.sigmas) == 16
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


def check_strength_map() -> None:
    """As high as the texture that is missing near, and with the square of the depth; within limits."""
    hole = torch.zeros(1, 1, 64, 200)
    hole[..., 10:14, 20:180], hole[..., 40:52, 20:180] = 1, 1  # depths of 1 to 2 and 1 to 6 pixels
    coarse = torch.randn(1, 3, 64, 200, generator=torch.Generator().manual_seed(0))
    deviation = torch.linspace(0.0, 0.2, 200)
    textured = 0.5 + deviation * coarse
    mean = torch.where(hole > 0, 0.5, textured)
    levels = strength_map(mean, hole)
    assert levels.shape == hole.shape
    assert (levels[hole == 0] == 0).all()
    assert levels[hole > 0].min() == pytest.approx(inpaint_methods.LOWEST)
    assert levels.max() == pytest.approx(inpaint_methods.HIGHEST)
    # What a bell of FINE pixels leaves of white noise has most of its deviation.
    # Near the thin one the deep one is, far away, and the other way round.
    for row, columns, depth in ((11, slice(60, 160), 1.59), (45, slice(30, 60), 3.55)):
        expected = inpaint_methods.PER_TEXTURE * 0.95 * deviation[columns] * depth**2
        assert (levels[0, 0, row, columns] / expected).mean() == pytest.approx(1, abs=0.05)
    # With its texture in place nothing is missing.
    settled = strength_map(textured, hole)
    assert settled[hole > 0].mean() < 0.35 * levels[hole > 0].mean()
    assert settled[0, 0, 11].max() < 1.1 * inpaint_methods.LOWEST


def check_inpaint_seeds() -> None:
    mask = box_mask(9, 8, 2, 5, 2, 5)
    for method in ("alternating", "splitting-ddnm", "conditional", "repaint"):
        assert_seeds(
            lambda method=method, **o: inpaint_in_few_steps(picture(1, 3, 9, 8), mask, method, "sample", **o)
        )


def check_inpaint_computes_only_the_surroundings() -> None:
    image = picture(3, 1000, 1000)
    mask = box_mask(1000, 1000, 500, 510, 300, 320)
    recorder = Recorder()
    inpaint(image, mask, estimate="mean", steps=2, prior=recorder)
    assert len(recorder.states) == 2
    assert recorder.pixels <= 2 * (10 + 2 * 112) * (20 + 2 * 112)
    mask[900:910, 900:910] = 255  # far from the first: two boxes
    recorder, reports = Recorder(), Reports()
    found = inpaint(image, mask, estimate="mean", steps=2, prior=recorder, progress=reports)
    assert len(recorder.states) == 4
    assert recorder.pixels <= 2 * 2 * (20 + 2 * 112) ** 2
    reports.assert_complete(4)
    inside = torch.from_numpy(mask > 0).expand_as(image)
    assert torch.equal(found[~inside], image[~inside])
    assert (found[inside] != image[inside]).all()


@pytest.mark.slow
def test_inpaint_keeps_the_rest() -> None:
    check_inpaint_keeps_the_rest()


def test_inpaint_conditional() -> None:
    check_inpaint_conditional()


def test_inpaint_starts_from_the_fill() -> None:
    check_inpaint_starts_from_the_fill()


def test_inpaint_alternates() -> None:
    check_inpaint_alternates()


def test_strength_map() -> None:
    check_strength_map()


@pytest.mark.parametrize("estimate", ["mean", "sample"])
@pytest.mark.parametrize("steps", range(1, 9))
def test_inpaint_takes_as_many_steps_as_asked(steps: int, estimate: Any) -> None:
    recorder, reports = Recorder(), Reports()
    mask = box_mask(9, 8, 2, 5, 2, 5)
    inpaint(picture(3, 9, 8), mask, estimate=estimate, steps=steps, prior=recorder, progress=reports)
    reports.assert_complete(steps)
    assert len(recorder.sigmas) == steps


def test_inpaint_seeds() -> None:
    check_inpaint_seeds()


def test_inpaint_computes_only_the_surroundings() -> None:
    check_inpaint_computes_only_the_surroundings()


@EVERY_KIND
def test_inpaint_keeps_every_kind(image: Any) -> None:
    mask = box_mask(H, W, 2, 4, 1, 3)
    found = inpaint(image, mask, steps=2, prior=Recorder())
    assert_same_kind(found, image)
    exact = numbers(expected_kind(image))
    pasted, known = numbers(found), mask == 0
    if isinstance(image, Tensor):
        np.testing.assert_array_equal(pasted[..., known], exact[..., known])
    else:
        outside = (slice(None), known) if pasted.ndim == 4 else known
        np.testing.assert_array_equal(pasted[outside], exact[outside])


@pytest.mark.slow
def test_repaint_calls_as_in_the_paper() -> None:
    mask, recorder, reports = np.array([[1, 0]]), Recorder(), Reports()
    inpaint(picture(3, 1, 2), mask, method="repaint", prior=recorder, progress=reports)
    assert len(recorder.sigmas) == 2410
    assert recorder.sigmas[0] > 75
    reports.assert_complete(2410)


def check_repaint_starts_from_noise() -> None:
    mask = box_mask(48, 64, 0, 48, 0, 60)
    recorder = Recorder()
    inpaint_in_few_steps(picture(1, 3, 48, 64), mask, "repaint", "sample", prior=recorder)
    x, sigma = recorder.states[0][..., :60], recorder.sigmas[0]
    assert_moments((x - 0.5) / sigma, mean=0, variance=1)
    # Put there at the level of the state, the known pixels are as noisy.
    known = (recorder.states[0] - picture(1, 3, 48, 64))[..., 60:] / sigma
    assert_moments(known, mean=0, variance=1)


def test_repaint_starts_from_noise() -> None:
    check_repaint_starts_from_noise()


def test_repaint_draws_the_posterior_of_independent_pixels() -> None:
    prior = GaussianPrior(mean=0.5, std=0.1)  # draws of it lie between black and white
    recorder = Recorder(prior.posterior_draws(generator_noise(1)))
    mask = box_mask(64, 40, 0, 64, 0, 32)
    image = torch.tensor([0.9, 0.8, 0.9]).view(1, 3, 1, 1).repeat(1, 1, 64, 40)  # of colour, as draws are
    found = inpaint_in_few_steps(image, mask, "repaint", "sample", prior=recorder)
    assert_moments(found[..., :32].double(), mean=0.5, variance=0.1**2)


@pytest.mark.parametrize(("method", "estimate"), [each for each in INPAINT_METHODS if each[0] != "exemplar"])
def test_inpaint_reports_every_call(method: str, estimate: str) -> None:
    reports, recorder = Reports(), Recorder()
    inpaint_in_few_steps(
        picture(3, 5, 4), box_mask(5, 4, 1, 3, 1, 3), method, estimate, prior=recorder, progress=reports
    )
    reports.assert_complete(len(recorder.sigmas))
    if method != "repaint":
        assert len(recorder.sigmas) == steps_of("inpaint", method, estimate)


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


def test_two_holes_draw_different_noise() -> None:
    mask = box_mask(20, 1000, 5, 15, 32, 42) + box_mask(20, 1000, 5, 15, 832, 842)
    found = inpaint(torch.full((3, 20, 1000), 0.5), mask, prior=Recorder())
    assert not torch.equal(found[..., 32:42], found[..., 832:842])


def test_a_box_gives_what_the_whole_picture_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one call, where the surroundings are as wide as the network sees."""
    prior = random_backbone()
    assert prior.network.halo < CONTEXT
    image, mask = picture(3, 40, 500), box_mask(40, 500, 11, 20, 250, 259)

    def run() -> Tensor:
        return inpaint(image, mask, method="conditional", estimate="mean", prior=prior)

    part = run()
    monkeypatch.setattr(inpaint_parts, "CONTEXT", 500)
    torch.testing.assert_close(part, run(), rtol=0, atol=1e-5)
    monkeypatch.setattr(inpaint_parts, "CONTEXT", 0)
    assert (part - run()).abs().max() > 1e-3


def filler(right: Filler, old: str, new: str) -> Mutant:
    """One of the FILLERS with a piece of its source exchanged."""
    mutant = edited(right, old, new)

    def put(patch: pytest.MonkeyPatch) -> None:
        mutant.put(patch)
        for name, value in FILLERS.items():
            if value is right:
                patch.setitem(FILLERS, name, getattr(inpaint_methods, right.__name__))

    return Mutant(mutant.what, put)


test_the_check_finds_the_mutant = mutant_tests({
    check_inpaint_keeps_the_rest: [
        edited(inpaint_task.filled, "picture.paste(feathered, hole)", "picture.like_original(feathered)"),
        wrong(hole_of, lambda right: lambda mask, size, means="fill": right(mask, size), "always fill"),
        wrong(hole_of, lambda right: lambda *given: 1 - right(*given), "flipped holes"),
    ],
    check_inpaint_conditional: [
        filler(inpaint_methods.by_condition, "known=1 - level.hole", "known=level.hole"),
        filler(inpaint_methods.by_condition, "Condition(fill,", "Condition(level.image,"),
        less_noise(),
    ],
    check_inpaint_starts_from_the_fill: [
        less_noise(),
        filler(inpaint_methods.by_splitting, "drawing.noised(mean, sigma)", "level.fill"),
        edited(inpaint_methods.fill_hole, "fill = push_pull(*sizes[-1])", "fill = image"),
    ],
    check_inpaint_alternates: [
        edited(inpaint_methods._branch, "Condition(fill,", "Condition(0 * fill,"),
        edited(inpaint_methods._branch, "known=1 - hole", "known=hole"),
        edited(inpaint_methods._alternated, "_split(denoise, x,", "_split(denoise, level.fill,"),
        less_noise(),
        edited(inpaint_methods._drawn, "drawing.noised(fill, top)", "drawing.noised(0 * fill, top)"),
        edited(
            inpaint_methods._drawn,
            "per_pixel_start(_branch(fill, missing, drawing.prior), fill, own)",
            "_branch(fill, missing, drawing.prior)",
        ),
    ],
    check_strength_map: [
        edited(strength_map, "smoothed(fine, NEAR, 1 - hole)", "smoothed(fine, NEAR)"),
        edited(strength_map, "around - smoothed(fine, NEAR, hole)", "around"),
        edited(strength_map, "missing * depth**2", "missing * depth"),
        edited(strength_map, "missing * depth**2", "depth**2"),
        edited(
            strength_map,
            "smoothed(depth_of(hole).to(mean), NEAR, hole)",
            "smoothed(depth_of(hole).to(mean), NEAR)",
        ),
        edited(strength_map, ".clamp(LOWEST, HIGHEST) * hole", ".clamp(LOWEST, HIGHEST)"),
        edited(strength_map, ".clamp(LOWEST, HIGHEST) * hole", " * hole"),
    ],
    check_repaint_starts_from_noise: [
        filler(
            inpaint_methods.by_repaint,
            "sigmas[0] * drawing.rng(image)",
            "sigmas[0] * drawing.rng(image) / 2**0.5",
        ),
    ],
    check_inpaint_computes_only_the_surroundings: [
        wrong(
            surroundings, lambda right: lambda hole, _: [(0, hole.shape[-2], 0, hole.shape[-1])], "one box"
        ),
        wrong(surroundings, lambda right: lambda *given: right(*given)[:1], "the first box alone"),
        edited(inpaint_methods.part_progress, "number * total + done", "done"),
    ],
    check_inpaint_seeds: IGNORED_SEEDS,
})  # fmt: skip
