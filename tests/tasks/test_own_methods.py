"""Samplers and methods of one's own, as functions: what they are given, and what is said of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from gaussian_oracle import GaussianPrior
from torch import Tensor

import restore
from restore.diffusion.samplers import NamedSampler, ddim, heun, named_sampler
from restore.errors import NumbersError, PluginError
from restore.tasks.catalogue import Method
from restore.tasks.own_methods import MethodRequest
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

PRIOR = tiny_prior()
PHOTO = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
MASK = np.zeros((24, 32), bool)
MASK[4:9, 6:12] = True

Task = Callable[..., Any]
SAMPLED: dict[str, Task] = {
    "denoise": partial(restore.denoise, PHOTO, sigma=20, estimate="sample"),
    "inpaint": partial(restore.inpaint, PHOTO, MASK, method="conditional"),
    "upscale": partial(restore.upscale, PHOTO, 1.5, method="conditional"),
    "dejpeg": partial(restore.dejpeg, PHOTO, quality=20, estimate="sample"),
    "deblur": partial(restore.deblur, PHOTO, "gaussian:1", estimate="sample", method="ddnm", sigma=2),
    "colorize": partial(restore.colorize, PHOTO[..., 0], method="ddnm"),
    "vary": partial(restore.vary, PHOTO, 0.2),
    "sample": partial(restore.sample, 1, size=(8, 8)),
}


def once(denoise: Any, x: Tensor, sigmas: list[float]) -> Tensor:
    return torch.as_tensor(denoise(x, sigmas[0]))


# ------------------------------------------------------------------------------------------- samplers


@pytest.mark.parametrize("task", SAMPLED)
def test_a_function_samples_as_the_same_by_its_name(task: str) -> None:
    def mine(denoise: Any, x: Tensor, sigmas: list[float], *, rng: Any, progress: Any) -> Tensor:
        return heun(denoise, x, sigmas, rng=rng, progress=progress)

    done: list[tuple[int, int]] = []
    options: dict[str, Any] = {"steps": 2, "prior": PRIOR}
    found = SAMPLED[task](sampler=mine, progress=lambda *at: done.append(at), **options)
    assert np.array_equal(np.asarray(found), np.asarray(SAMPLED[task](sampler="heun", **options)))
    assert done[-1][0] == done[-1][1] > 2


def test_calls_are_counted_for_a_function_that_reports_none() -> None:
    done: list[tuple[int, int]] = []
    SAMPLED["denoise"](sampler=once, steps=3, prior=PRIOR, progress=lambda *at: done.append(at))
    assert done == [(1, 3)]


def test_a_function_of_the_first_estimate_gives_the_posterior_mean() -> None:
    prior = GaussianPrior(mean=0.5, std=0.25)
    found = named_sampler(once)(prior.denoise, torch.full((1, 3, 4, 4), 0.9), [0.25, 0.1, 0.0])
    assert torch.allclose(found, torch.full_like(found, 0.7))


def test_a_sampler_with_its_facts_is_taken_as_it_is() -> None:
    mine = NamedSampler("mine", partial(ddim, eta=1.0))
    found = SAMPLED["inpaint"](sampler=mine, steps=2, prior=PRIOR)
    assert (found != SAMPLED["inpaint"](sampler="ddim", steps=2, prior=PRIOR)).any()
    assert named_sampler(mine) is mine


@pytest.mark.parametrize(
    ("sampler", "error", "said"),
    [
        (lambda x: x, PluginError, r"expected a function of \(denoise, x, sigmas\), and of rng and progress"),
        (lambda denoise, x, sigmas, extra: x, PluginError, r"got one of \(denoise, x, sigmas, extra\)"),
        (
            lambda denoise, x, sigmas: x[:, :1],
            PluginError,
            r"tensor \(1, 1, 24, 32\), expected \(1, 3,",
        ),
        (lambda denoise, x, sigmas: x.numpy(), PluginError, "gave ndarray, expected a tensor"),
        (lambda denoise, x, sigmas: x.int(), PluginError, "gave a tensor of torch.int32, expected floats"),
        (lambda denoise, x, sigmas: x / 0, NumbersError, "gave values that are not finite"),
        (3, ValueError, "sampler is a name or a function"),
        (["ddim"], ValueError, "sampler is a name or a function"),
        ("mine", ValueError, "sampler is one of ddim, ddpm, .*, got 'mine'"),
    ],
)
def test_a_wrong_sampler_is_told_in_one_line(sampler: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as found:
        SAMPLED["denoise"](sampler=sampler, prior=PRIOR)
    assert "\n" not in str(found.value)


def test_an_own_error_of_a_function_is_its_own() -> None:
    def mine(denoise: Any, x: Tensor, sigmas: list[float]) -> Tensor:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        SAMPLED["denoise"](sampler=mine, prior=PRIOR)


def test_a_named_function_is_looked_at_and_may_leave_out_what_it_does_not_use() -> None:
    def plain(denoise: Any, x: Tensor, sigmas: list[float]) -> Tensor:
        return once(denoise, x, sigmas)

    options: dict[str, Any] = {"steps": 2, "prior": PRIOR}
    expected = SAMPLED["denoise"](sampler=plain, **options)
    assert np.array_equal(SAMPLED["denoise"](sampler=NamedSampler("mine", plain), **options), expected)
    with pytest.raises(PluginError, match=r"gave a tensor \(1, 1, 24, 32\), expected \(1, 3, 24, 32\)"):
        SAMPLED["denoise"](sampler=NamedSampler("mine", lambda denoise, x, sigmas: x[:, :1]), **options)
    with pytest.raises(ValueError, match=r"^run is a function run\(denoise, x, sigmas\), got int$"):
        NamedSampler("mine", 3)  # type: ignore[arg-type]


def test_calls_are_counted_for_a_function_of_any_names() -> None:
    steps: list[Any] = []

    def mine(denoise: Any, x: Tensor, sigmas: list[float], **options: Any) -> Tensor:
        return once(denoise, x, sigmas)

    SAMPLED["denoise"](sampler=mine, steps=3, prior=PRIOR, callback=steps.append)
    assert [(step.number, step.total) for step in steps] == [(1, 3)]


def test_a_sampler_may_write_in_its_state() -> None:
    def writing(denoise: Any, x: Tensor, sigmas: list[float]) -> Tensor:
        found = once(denoise, x, sigmas)
        x.fill_(0.25)
        return found

    options: dict[str, Any] = {"steps": 2, "strength": 0.5, "prior": PRIOR}
    expected = SAMPLED["denoise"](sampler=once, **options)
    assert np.array_equal(SAMPLED["denoise"](sampler=writing, **options), expected)


def test_a_function_is_not_taken_to_climb() -> None:
    with pytest.raises(ValueError, match="cannot climb, as method 'repaint' does"):
        restore.inpaint(PHOTO, MASK, method="repaint", sampler=once, prior=PRIOR)


# -------------------------------------------------------------------------------------------- methods


def asked_of(task: Task, **options: Any) -> tuple[Any, MethodRequest]:
    """What a task gives by a method that gives a flat picture of 0.25, and what the method was asked."""
    asked: list[MethodRequest] = []

    def flat(request: MethodRequest) -> Tensor:
        asked.append(request)
        return request.image.new_full(request.shape, 0.25)

    found = task(method=flat, prior=PRIOR, **options)
    (request,) = asked
    return found, request


def test_what_a_denoiser_is_asked() -> None:
    found, asked = asked_of(partial(restore.denoise, PHOTO, sigma=51), steps=7)
    assert (found == 64).all()
    assert (asked.task, asked.estimate, asked.steps) == ("denoise", "mean", 7)
    assert asked.shape == (1, 3, 24, 32)
    assert asked.noise_std is not None
    assert asked.noise_std.flatten().tolist() == [pytest.approx(0.2)]
    assert torch.equal(asked.image[0].permute(1, 2, 0) * 255, torch.from_numpy(PHOTO).float())
    found, asked = asked_of(partial(restore.denoise, np.stack([PHOTO, PHOTO]), sigma=[0, 51]), strength=0.5)
    assert np.abs(found - (np.stack([PHOTO, PHOTO]) + 63.75) / 2).max() <= 1
    assert asked.noise_std is not None
    assert asked.noise_std.flatten().tolist() == [0, pytest.approx(0.2)]


def test_what_a_filler_is_asked_and_that_known_pixels_stay() -> None:
    found, asked = asked_of(partial(restore.inpaint, PHOTO, MASK), estimate="mean")
    assert (found[MASK] == 64).all()
    assert np.array_equal(found[~MASK], PHOTO[~MASK])
    assert asked.hole is not None
    assert np.array_equal(asked.hole[0, 0].numpy() > 0, MASK)
    assert torch.equal((asked.image * 255).round()[0].permute(1, 2, 0)[~torch.from_numpy(MASK)],
                       torch.from_numpy(PHOTO[~MASK]).float())  # fmt: skip


def test_what_the_other_tasks_ask() -> None:
    found, asked = asked_of(partial(restore.upscale, PHOTO, 5), consistent=False)
    assert found.shape == (120, 160, 3)
    assert asked.operator is not None
    assert (asked.operator.x_shape, asked.operator.y_shape) == ((3, 120, 160), (3, 24, 32))
    found, asked = asked_of(partial(restore.dejpeg, PHOTO, quality=20))
    assert (found == 64).all()
    assert type(asked.operator).__name__ == "Jpeg"
    found, asked = asked_of(partial(restore.deblur, PHOTO, "gaussian:1"), sigma=51, start=0.3)
    assert (found == 64).all()
    assert asked.noise_std is not None
    assert (asked.task, asked.start, float(asked.noise_std)) == ("solve", 0.3, pytest.approx(0.2))
    found, asked = asked_of(partial(restore.colorize, PHOTO[..., 0]))
    assert found.shape == (24, 32, 3)
    assert asked.image.shape == (1, 1, 24, 32)


def test_a_method_uses_the_sampler_the_seed_and_the_progress() -> None:
    def mine(request: MethodRequest) -> Tensor:
        return request.sample(request.prior.denoiser(), request.image, request.sigmas(0.2))

    done: list[tuple[int, int]] = []
    draw = partial(restore.denoise, PHOTO, sigma=51, estimate="sample", steps=3, prior=PRIOR)
    found = draw(method=mine, sampler="ddpm", seed=3, progress=lambda *at: done.append(at))
    assert np.array_equal(found, draw(method="gaussian", sampler="ddpm", seed=3))
    assert (found != draw(method=mine, sampler="ddpm", seed=4)).any()
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_a_method_may_write_in_what_it_is_given() -> None:
    def mine(request: MethodRequest) -> Tensor:
        assert request.hole is not None
        return request.image.fill_(0.5) * request.hole.fill_(1)

    before = PHOTO.copy()
    found = restore.inpaint(PHOTO, MASK, method=mine, prior=PRIOR)
    assert np.array_equal(PHOTO, before)
    assert np.array_equal(found[~MASK], PHOTO[~MASK])


def test_a_method_with_its_facts() -> None:
    def run(request: MethodRequest) -> Tensor:
        return request.image * 0 + request.steps / 255

    mine = Method("denoise", "mine", "mean", 9, run=run)
    assert (restore.denoise(PHOTO, sigma=9, method=mine, prior=PRIOR) == 9).all()
    for wrong in (Method("denoise", "mine", "sample", 9, run=run), Method("denoise", "mine", "mean", 9)):
        with pytest.raises(ValueError, match="expected a Method for denoise and estimate 'mean' with a"):
            restore.denoise(PHOTO, method=wrong, prior=PRIOR)


@pytest.mark.parametrize(
    ("method", "error", "said"),
    [
        (lambda: None, PluginError, "expected a function of one request"),
        (lambda request, more: None, PluginError, "expected a function of one request"),
        (lambda request: request.image[..., 1:], PluginError, r"gave a tensor \(1, 3, 24, 31\), expected"),
        (lambda request: None, PluginError, r"gave NoneType, expected a tensor \(1, 3, 24, 32\)"),
        (lambda request: request.image / 0, NumbersError, "gave values that are not finite"),
        (3, ValueError, r"method is a name or a function method\(request\), got 3"),
        ("mine", ValueError, "method for estimate 'mean' is one of auto, gaussian, .*, got 'mine'"),
    ],
)
def test_a_wrong_method_is_told_in_one_line(method: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said) as found:
        restore.denoise(PHOTO, sigma=20, method=method, prior=PRIOR)
    assert "\n" not in str(found.value)
