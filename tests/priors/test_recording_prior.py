"""A prior that records its calls: what it keeps, what it changes (nothing), and how much."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from recording import PRIOR, Recorder, box_mask, picture
from torch import Tensor

import restore
from restore.diffusion.samplers import LearnedVariance, ddim
from restore.priors import recording
from restore.priors.recording import Recording
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")


def test_nothing_is_changed() -> None:
    prior = tiny_prior()
    recorded = Recording(prior)
    assert torch.equal(
        restore.sample(2, size=(8, 12), steps=4, prior=recorded),
        restore.sample(2, size=(8, 12), steps=4, prior=tiny_prior()),
    )
    assert (recorded.sigma_min, recorded.sigma_max) == (prior.sigma_min, prior.sigma_max)
    assert (recorded.device, recorded.dtype) == (prior.device, prior.dtype)
    assert recorded.calls == prior.calls == 4
    assert (recorded.parameters, recorded.computed((8, 8))) == (prior.parameters, prior.computed((8, 8)))
    assert recorded.config is prior.config  # what it has beside the protocol
    recorded.ensemble, recorded.calls = 2, 0
    assert (prior.ensemble, prior.calls) == (2, 0)
    with pytest.raises(AttributeError):
        _ = recorded.no_such_thing
    again = recorded.copy(torch.bfloat16)
    assert (again.dtype, again.runs) == (torch.bfloat16, recorded.runs)


def test_every_call_is_kept() -> None:
    inner = Recorder()
    recorded = Recording(inner)
    sigmas = [0.8, 0.4, 0.2, 0.0]
    ddim(recorded.denoiser(), picture(1, 3, 6, 7), sigmas)
    (run,) = recorded.runs
    assert run.size == (1, 3, 6, 7)
    assert [step.sigma for step in run.steps] == sigmas[:-1]
    for step, state in zip(run.steps, inner.states, strict=True):
        assert step.state.dtype == step.x0.dtype == torch.float16
        assert torch.allclose(step.state.float(), state, atol=2e-3)
        assert torch.allclose(step.x0.float(), PRIOR.denoise(state, step.sigma), atol=2e-3)


def test_what_is_kept_does_not_change_afterwards() -> None:
    recorded, x = Recording(Recorder()), torch.full((1, 3, 4, 4), 0.25)
    recorded.denoiser()(x, 0.5)
    x.fill_(9)
    assert float(recorded.runs[0].steps[0].state.max()) == 0.25


def test_runs_are_kept_apart() -> None:
    """By the size, and where the noise level is back at the top, also for holes of one size."""
    recorded = Recording(Recorder())
    restore.sample(10, size=(8, 8), steps=3, prior=recorded)
    assert [run.size for run in recorded.runs] == [(8, 3, 8, 8), (2, 3, 8, 8)]
    recorded = Recording(Recorder())
    restore.sample(16, size=(8, 8), steps=3, prior=recorded)
    assert [(run.size[0], len(run.steps)) for run in recorded.runs] == [(8, 3), (8, 3)]
    mask = box_mask(420, 20, 2, 6, 2, 6)
    mask[400:404, 2:6] = 255
    image = np.full((420, 20, 3), 90, np.uint8)
    recorded = Recording(Recorder())
    restore.inpaint(image, mask, steps=4, prior=recorded)
    assert len(recorded.runs) == 2
    recorded = Recording(Recorder())
    restore.upscale(picture(3, 8, 8), 8, steps=2, prior=recorded)
    assert [(run.size[-1], len(run.steps)) for run in recorded.runs] == [(32, 4), (64, 4)]
    # Two calls at one level, as guidance makes them, are no new run.
    recorded = Recording(Recorder())
    restore.upscale(picture(3, 8, 8), 2, method="conditional", guidance=2.0, steps=2, prior=recorded)
    assert [len(run.steps) for run in recorded.runs] == [4]


def test_large_pictures_are_kept_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "SIDE", 32)
    recorded = Recording(Recorder(lambda x, sigma: torch.ones_like(x) / 2))
    x = 0.5 + 2 * torch.randn(1, 3, 70, 100, generator=torch.Generator().manual_seed(0))
    recorded.denoiser()(x, 2.0)
    (step,) = recorded.runs[0].steps
    assert step.state.shape == step.x0.shape == (1, 3, 18, 25)
    assert float(step.state.float().std()) == pytest.approx(2, rel=0.1)  # noise is not averaged away
    assert (step.x0 == 0.5).all()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is dropped is every second step; the first and the last stay."""
    monkeypatch.setattr(recording, "MEMORY", 40 * 2 * 2 * 3 * 16)  # bytes of 40 steps of 4 x 4
    recorded = Recording(Recorder())
    ddim(recorded.denoiser(), picture(1, 3, 4, 4), [*np.geomspace(10, 0.01, 333).tolist(), 0.0])
    (run,) = recorded.runs
    assert run.calls == 333
    assert 12 < len(run.steps) <= 41
    levels = [step.sigma for step in run.steps]
    assert levels[0] == 10 and levels[-1] == pytest.approx(0.01)
    ratios = np.diff(np.log(levels))[:-1]
    assert np.allclose(ratios, ratios[0])


def test_differentiable_denoisers_and_learned_variances_pass_through() -> None:
    recorded = Recording(tiny_prior())
    x = picture(1, 3, 8, 8).requires_grad_()
    recorded.denoiser(differentiable=True)(x, 0.5).sum().backward()
    assert x.grad is not None
    assert not recorded.runs[0].steps[0].state.requires_grad
    assert not isinstance(recorded.denoiser(), LearnedVariance)

    class Learned:
        def __call__(self, x: Tensor, sigma: float) -> Tensor:
            return x

        def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
            return 0 * x, 0 * x + 0.25

    class Prior(Recorder):
        def denoiser(self, *_: Any, **__: Any) -> Learned:
            return Learned()

    recorded = Recording(Prior())  # type: ignore[arg-type] # more than this is not asked for
    denoise = recorded.denoiser()
    assert isinstance(denoise, LearnedVariance)
    x0, between = denoise.with_variance(torch.ones(1, 3, 2, 2), 0.5)
    assert (float(x0.max()), float(between.max())) == (0, 0.25)
    denoise(torch.ones(1, 3, 2, 2), 0.25)
    assert [float(step.x0.max()) for step in recorded.runs[0].steps] == [0, 1]


def test_a_call_at_level_0_is_none() -> None:
    recorded = Recording(tiny_prior())
    recorded.denoiser()(picture(1, 3, 8, 8), 0.0)
    assert recorded.runs == []
