"""How far a step is, as whoever watches is told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import restore
from restore.diffusion import watch
from restore.inverse.patch_denoiser import patch_denoiser
from restore.priors.backbone import Backbone
from restore.testing import tiny_prior


@pytest.fixture(scope="module")
def prior() -> Backbone:
    return tiny_prior()


def shares(work: Callable[[], object]) -> list[float]:
    seen: list[float] = []
    with watch.watched(seen.append):
        work()
    return seen


def test_a_call_is_told_by_blocks(prior: Backbone) -> None:
    x = torch.full((1, 3, 16, 24), 0.5)
    assert shares(lambda: prior.denoiser()(x, 0.1)) == pytest.approx([1 / 3, 2 / 3, 1])
    assert prior.network.blocks == 3


def test_tiles_and_orientations_are_weighed_by_their_pixels(prior: Backbone) -> None:
    prior.tile, prior.ensemble = 64, 2
    seen = shares(lambda: prior.denoiser()(torch.full((1, 3, 64, 100), 0.5), 0.1))
    prior.tile, prior.ensemble = 2048, 1
    halo = prior.network.halo + -prior.network.halo % prior.config.network.multiple
    first, second = 64 * min(100, 64 + halo), 64 * (36 + halo)
    steps = [first] * 3 + [second] * 3
    expected = np.cumsum([*steps, *steps]) / (2 * sum(steps))
    assert seen == pytest.approx(expected.tolist())


def test_the_result_is_that_without_a_watcher(prior: Backbone) -> None:
    x = torch.rand(1, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    results = []
    shares(lambda: results.append(prior.denoiser()(x, 0.1)))
    assert torch.equal(results[0], prior.denoiser()(x, 0.1))


def test_a_differentiated_call_is_told_once(prior: Backbone) -> None:
    x = torch.full((1, 3, 16, 24), 0.5, requires_grad=True)
    seen = shares(lambda: prior.denoiser(differentiable=True)(x, 0.1).sum().backward())
    assert seen == [1.0]


def test_a_trial_is_not_told(prior: Backbone) -> None:
    def trial() -> None:
        with watch.unwatched():
            prior.denoiser()(torch.full((1, 3, 8, 8), 0.5), 0.1)
            watch.expect(7)

    assert shares(trial) == []


def test_a_thread_is_told_of_its_own_work(prior: Backbone) -> None:
    pictures = [torch.full((1, 3, 8, 8), 0.5)] * 3
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda x: shares(lambda: prior.denoiser()(x, 0.1)), pictures))
    assert found == [pytest.approx([1 / 3, 2 / 3, 1])] * 3


def test_the_watcher_goes_with_an_error() -> None:
    with pytest.raises(KeyboardInterrupt), watch.watched(print):
        raise KeyboardInterrupt
    assert watch.parts_of(1.0) is None


@pytest.mark.parametrize(
    ("options", "least"),
    [({}, 1), ({"estimate": "sample", "steps": 4}, 4), ({"method": "completed", "sigma": None}, 2)],
)
def test_steps_to_come_are_told_first(prior: Backbone, options: dict[str, object], least: int) -> None:
    rng = np.random.default_rng(0)
    noisy = (0.5 + 0.1 * rng.standard_normal((48, 48, 3))).clip(0, 1).astype(np.float32)
    events: list[object] = []
    with watch.watched(events.append, lambda steps: events.append(("steps", steps))):
        restore.denoise(noisy, prior=prior, progress=lambda *_: None, **{"sigma": 25, **options})
    assert next(each[1] for each in events if isinstance(each, tuple)) == least


def test_what_was_cut_off_takes_a_step_more(prior: Backbone) -> None:
    noisy = np.where(np.arange(48) < 24, 0.0, 0.4)[None].repeat(48, 0).astype(np.float32)
    events: list[int] = []
    with watch.watched(lambda share: None, events.append):
        restore.denoise(noisy, sigma=25, prior=prior, progress=lambda *_: None)
    assert events[0] == 2


def test_patches_are_told_of() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(1, 3, 16, 16).clone()
    hole = torch.zeros(1, 1, 16, 16)
    hole[..., 6:9, 7:9] = 1
    denoise = patch_denoiser(stripes, hole, side=5)
    assert shares(lambda: denoise(torch.full((1, 3, 16, 16), 0.5), 0.1)) == [1.0]


def test_a_stretch_is_a_part_of_a_step() -> None:
    def halves() -> None:
        for number in range(2):
            with watch.stretch(number, 2):
                told = watch.parts_of(2)
                assert told is not None
                told(1)
                told(1)

    assert shares(halves) == [0.25, 0.5, 0.75, 1.0]
