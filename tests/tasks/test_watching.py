"""What users see of a task while it runs: bars, steps, and what is left when they end it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import restore
from restore.errors import RestoreError
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.priors.backbone import Backbone
from restore.tasks.cascade import cascade
from restore.testing import tiny_prior
from restore.types import Step

pytestmark = pytest.mark.usefixtures("one_thread")

H, W = 20, 16
SEEN = torch.rand(3, H, W, generator=torch.Generator().manual_seed(0))
MASK = torch.zeros(1, 1, H, W)
MASK[..., 8:11, 5:9] = 1
HALF = chain_of([parse_spec("down=2")])
SPECKLED = (0.5 * SEEN + 0.2).clone()
SPECKLED[:, 4::6, 3::5] = 1
LARGE = torch.rand(3, 44, 84, generator=torch.Generator().manual_seed(1)) / 4 + 0.3
DEEP = torch.zeros(44, 84)
DEEP[8:34, 8:34] = 1

RUNS: dict[str, Callable[..., Any]] = {
    "denoise": lambda **how: restore.denoise(SEEN, sigma=25, **how),
    "denoise sample": lambda **how: restore.denoise(SEEN, sigma=25, estimate="sample", steps=3, **how),
    "denoise cut off": lambda **how: restore.denoise(SEEN.round(), sigma=25, method="blind", **how),
    "denoise specks": lambda **how: restore.denoise(SPECKLED, sigma=25, specks=True, **how),
    "denoise measured": lambda **how: restore.denoise(LARGE, method="completed", steps=2, **how),
    "denoise real": lambda **how: restore.denoise(torch.stack([LARGE, LARGE]), method="real", **how),
    "denoise each": lambda **how: restore.denoise(
        torch.stack([SEEN, SEEN]), sigma=[10, 30], method="blind", estimate="sample", steps=2, **how
    ),
    "inpaint": lambda **how: restore.inpaint(SEEN, MASK, steps=4, **how),
    "inpaint deep": lambda **how: restore.inpaint(LARGE, DEEP, steps=4, **how),
    "inpaint guided": lambda **how: restore.inpaint(
        SEEN, MASK, method="conditional", guidance=2, steps=2, **how
    ),
    "upscale": lambda **how: restore.upscale(SEEN[:, :10, :8], 5, steps=2, **how),
    "upscale guided": lambda **how: restore.upscale(
        SEEN, 2, method="conditional", guidance=0.5, steps=2, **how
    ),
    "dejpeg": lambda **how: restore.dejpeg(SEEN, quality=30, **how),
    "dejpeg blind": lambda **how: restore.dejpeg(SEEN, method="blind", **how),
    "deblur": lambda **how: restore.deblur(SEEN, "gaussian:1", sigma=2, steps=2, **how),
    "solve": lambda **how: restore.solve(SEEN, HALF, steps=3, **how),
    "solve by gradients": lambda **how: restore.solve(
        SEEN, HALF, sigma=2, method="dps", estimate="sample", steps=2, **how
    ),
    "colorize": lambda **how: restore.colorize(SEEN[:1], estimate="mean", steps=2, **how),
    "vary": lambda **how: restore.vary(SEEN, 0.2, steps=2, mask=MASK, **how),
    "repair": lambda **how: restore.repair(scratched(), steps=4, **how),
    "erase": lambda **how: restore.erase(SEEN, box=(5, 8, 4, 3), steps=4, **how),
    "sample": lambda **how: restore.sample(9, size=(8, 8), steps=2, **how),
    "sample heun": lambda **how: restore.sample(1, size=(8, 8), steps=2, sampler="heun", **how),
    "cascade": lambda prior, **how: cascade(1, [prior, prior], size=(32, 32), scale=2, steps=2, **how),
}


def scratched() -> Any:
    image = np.full((64, 64, 3), 90, np.uint8)
    image[8:56, 30:32] = 250
    return image


class Counting(Backbone):
    """The tiny network, which keeps what each of its calls was asked and has answered."""

    def __init__(self) -> None:
        tiny = tiny_prior()
        super().__init__(tiny.network, tiny.config)
        self.answers: list[tuple[float, Tensor]] = []

    def denoiser(self, *args: Any, **options: Any) -> Any:
        denoise = super().denoiser(*args, **options)

        def call(x: Tensor, sigma: float) -> Tensor:
            x0 = denoise(x, sigma)
            self.answers.append((sigma, x0.detach().clone()))
            return x0

        return call


def same(a: Any, b: Any) -> bool:
    return bool((torch.as_tensor(a) == torch.as_tensor(b)).all())


SLOW = ("inpaint deep",)
ALL = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in RUNS]


@pytest.mark.parametrize("name", ALL)
def test_every_call_is_told_of_with_its_estimate_and_changes_nothing(name: str) -> None:
    prior, steps, reports = Counting(), list[Step](), list[tuple[int, int]]()

    def callback(step: Step) -> None:
        steps.append(step)
        kept.append(step.estimate.clone())
        assert not step.estimate.requires_grad
        step.estimate.fill_(torch.nan)

    kept: list[Tensor] = []
    found = RUNS[name](
        prior=prior, callback=callback, progress=lambda done, total: reports.append((done, total))
    )
    assert same(found, RUNS[name](prior=tiny_prior()))
    answers = prior.answers
    if name == "denoise measured" or name == "denoise real":  # the first calls measure the noise
        answers = answers[-len(steps) :]
    assert [step.sigma for step in steps] == [sigma for sigma, _ in answers]
    assert all(torch.equal(a, b) for a, (_, b) in zip(kept, answers, strict=True))
    counted = [(step.number, step.total) for step in steps]
    if name == "inpaint deep":  # first trials by the network, then copying, which is reported alone
        assert counted == reports[: len(counted)]
        assert 0 < len(counted) < len(reports)
    else:
        assert counted == reports
    assert [done for done, _ in reports] == list(range(1, len(reports) + 1))
    assert reports[-1][0] == reports[-1][1]


# ----- lists


def test_a_list_is_counted_as_one() -> None:
    steps: list[Step] = []
    reports: list[tuple[int, int]] = []
    restore.denoise(
        [SEEN, SEEN[:, :12]], sigma=25, estimate="sample", steps=2, prior=tiny_prior(),
        callback=steps.append, progress=lambda done, total: reports.append((done, total)),
    )  # fmt: skip
    assert [(step.number, step.total, step.picture) for step in steps] == [
        (1, 4, 0), (2, 4, 0), (3, 4, 1), (4, 4, 1)
    ]  # fmt: skip
    assert reports == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [tuple(step.estimate.shape) for step in steps[1:3]] == [(1, 3, H, W), (1, 3, 12, W)]


def test_the_estimate_of_one_call_is_the_result() -> None:
    steps: list[Step] = []
    found = restore.denoise(SEEN, sigma=51, prior=tiny_prior(), callback=steps.append)
    (step,) = steps
    assert torch.equal(step.estimate[0], found)
    assert (step.number, step.total, step.picture) == (1, 1, 0)
    assert step.sigma == pytest.approx(0.2)


# ----- bars


def told(capsys: pytest.CaptureFixture[str], **how: Any) -> str:
    restore.denoise([SEEN, SEEN], sigma=25, prior=tiny_prior(), **how)
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err


def test_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    before = threading.active_count()
    shown = told(capsys, progress=True)
    assert shown.count("\n") == 1  # one bar for both pictures
    assert "denoise 100%" in shown and "call 2 of 2" in shown and "left" in shown
    assert threading.active_count() == before


@pytest.mark.parametrize("progress", [None, False])
def test_no_bar(progress: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, progress=progress) == ""


def test_a_bar_of_sample(capsys: pytest.CaptureFixture[str]) -> None:
    restore.sample(size=(8, 8), steps=2, prior=tiny_prior(), progress=True)
    assert "sample 100%" in capsys.readouterr().err


def test_a_bar_is_closed_where_nothing_is_done_and_where_it_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    restore.inpaint(SEEN, 0 * MASK, prior=tiny_prior(), progress=True)
    assert "\n" not in capsys.readouterr().err
    with pytest.raises(ValueError, match="strength"):
        restore.vary(SEEN, 7, prior=tiny_prior(), progress=True)
    assert capsys.readouterr().err.endswith("\r")


@pytest.mark.parametrize("run", ["denoise", "sample", "cascade"])
@pytest.mark.parametrize("wrong", ["yes", 1, 0])
def test_what_is_no_function(run: str, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"progress is True, or a function of \(done, total\), got"):
        RUNS[run](prior=tiny_prior(), progress=wrong)
    with pytest.raises(TypeError, match=r"callback is a function of a step, got"):
        RUNS[run](prior=tiny_prior(), callback=wrong)


# ----- an exception ends it


class EndedError(Exception):
    """What a user raises."""


def ends_at(number: int, error: BaseException) -> Callable[..., None]:
    calls = iter(range(1, 1000))

    def end(*_: Any) -> None:
        if next(calls) == number:
            raise error

    return end


@pytest.mark.parametrize("through", ["progress", "callback"])
@pytest.mark.parametrize(
    "error",
    [
        EndedError("enough", 3),
        ValueError("mine"),
        RestoreError("mine"),
        StopIteration(1),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_of_the_user_pass_through_unchanged(through: str, error: BaseException) -> None:
    args = error.args
    runs: list[Callable[..., Any]] = [
        lambda **how: restore.upscale(SEEN, 2, steps=2, **how),  # its first calls are means over two
        lambda **how: restore.upscale([SEEN, SEEN], 2, steps=2, **how),
        lambda **how: restore.sample(size=(8, 8), steps=2, **how),
        lambda **how: restore.solve(SEEN, HALF, sigma=2, steps=3, **how),
    ]
    for run in runs:
        for number in (1, 2):
            with pytest.raises(type(error)) as caught:
                run(prior=tiny_prior(), **{through: ends_at(number, error)})
            assert caught.value is error and error.args == args and error.__cause__ is None


def test_errors_of_ours_still_say_which_picture() -> None:
    with pytest.raises(ValueError, match="picture 2 of 2: "):
        restore.denoise(
            [SEEN, torch.full((3, 8, 8), torch.nan)], sigma=25, prior=tiny_prior(), callback=len_of
        )


def len_of(step: Step) -> None:
    assert step.total


@contextmanager
def without_collecting() -> Iterator[None]:
    gc.disable()
    gc.freeze()  # what is there already is not looked at: looking takes a second
    try:
        yield
    finally:
        gc.unfreeze()
        gc.enable()


def new_tensors() -> int:
    """How many there are that came since the collection of garbage was stopped."""
    return sum(1 for each in gc.get_objects() if type(each) is Tensor)


@pytest.mark.parametrize("name", [each for each in ALL if each.values[0] != "denoise measured"])
def test_nothing_is_left_when_a_callback_ends_it(name: str) -> None:
    prior = tiny_prior()
    prior.ensemble, prior.tile = 2, 500
    state = {n: t.clone() for n, t in prior.network.state_dict().items()}
    expected = RUNS[name](prior=prior)
    before, held = vars(prior).keys(), list[weakref.ref[Tensor]]()

    def end(step: Step) -> None:
        held.append(weakref.ref(step.estimate))
        if step.number == min(2, step.total):
            raise EndedError

    with without_collecting():
        threads, grad = threading.active_count(), torch.is_grad_enabled()
        try:
            RUNS[name](prior=prior, callback=end)
            raise AssertionError("it went on")
        except EndedError:
            pass
        assert [ref() for ref in held] == [None] * len(held)
        assert new_tensors() == 0
    assert (threading.active_count(), torch.is_grad_enabled()) == (threads, grad)
    assert (prior.ensemble, prior.tile, vars(prior).keys()) == (2, 500, before)
    assert not any(module._forward_hooks or module._backward_hooks for module in prior.network.modules())
    assert all(torch.equal(t, state[n]) for n, t in prior.network.state_dict().items())
    assert same(RUNS[name](prior=prior), expected)
