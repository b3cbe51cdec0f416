"""Signals during a run: which work they end at once, which is completed, and what is told."""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor
from training_runs import photographs as photographs
from training_runs import tensors_of, tiny_run, with_run, with_validation

from restore.errors import StoppedError
from restore.training import clock, validation
from restore.training import interrupts as module
from restore.training import trainer as training
from restore.training.batches import Mix
from restore.training.config import TrainConfig
from restore.training.interrupts import Interrupts
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def at_the_terminal() -> Iterator[None]:
    """Where Ctrl-C is not ignored, as it is for jobs in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
    time.sleep(0)  # lets the handler run


def test_the_first_signal_waits_and_the_second_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAME", 0.0)
    with Interrupts() as interrupts:
        press(signal.SIGTERM)
        assert interrupts.number == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            press()
        assert interrupts.number == signal.SIGTERM  # which decides about the exit code
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_two_signals_within_a_second_are_one() -> None:
    with Interrupts() as interrupts:
        press()
        press()
        assert interrupts.number == signal.SIGINT


def test_what_can_be_thrown_away_ends_at_once() -> None:
    reached: list[str] = []
    with Interrupts() as interrupts:

        def work() -> None:
            with interrupts.at_once():
                press()
                reached.append("inside")

        assert interrupts.during(work) == signal.SIGINT
        assert interrupts.during(work) == signal.SIGINT  # nor does it begin again
        press()  # is the same one, outside
    assert reached == []


def test_what_must_be_whole_is_not_interrupted_by_a_second_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAME", 0.0)
    with Interrupts() as interrupts, interrupts.not_now():
        press()
        press()
        assert interrupts.number == signal.SIGINT


def test_signals_that_are_ignored_stay_so() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts, interrupts.at_once():
            press(signal.SIGTERM)
            assert interrupts.number == 0
    finally:
        signal.signal(signal.SIGTERM, before)


def stopped(run: Callable[[], object]) -> str:
    with pytest.raises(StoppedError) as caught:
        run()
    assert caught.value.number == signal.SIGINT
    assert "\n" not in str(caught.value)
    return str(caught.value)


def pressing(function: Callable[..., Any], *, times: int = 1) -> Callable[..., Any]:
    """A function in the middle of which Ctrl-C is pressed."""
    left = [times]

    def call(*arguments: Any, **options: Any) -> Any:
        if left[0]:
            left[0] -= 1
            press()
        return function(*arguments, **options)

    return call


@pytest.mark.slow
def test_an_interrupt_while_pictures_are_read(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny_run(photographs, tmp_path / "run", steps=4)
    monkeypatch.setattr(training, "read_training_set", pressing(training.read_training_set))
    told = stopped(lambda: training.train(config))
    assert told == "stopped at step 0; nothing was saved"
    assert list((tmp_path / "run").iterdir()) == []
    training.train(config, say=len)
    monkeypatch.setattr(training, "read_training_set", pressing(training.read_training_set))
    longer = dataclasses.replace(config, run=dataclasses.replace(config.run, steps=8))
    told = stopped(lambda: training.train(longer, resume=True))
    state = tmp_path / "run" / "state.safetensors"
    assert (
        told
        == f"stopped at step 4; nothing is lost: run the same command with --resume to go on from {state}"
    )


@pytest.mark.slow
@pytest.mark.parametrize("where", ["batch", "loss"])
def test_an_interrupted_step_is_as_if_it_had_not_begun(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """While crops are made, and in the network's call or its compiling; a resumed run is the whole one."""
    whole, parts = (tiny_run(photographs, tmp_path / name, steps=5) for name in ("whole", "parts"))
    training.train(whole, say=len)
    steps: list[int] = []
    function = getattr(Trainer, where)

    def interrupted(self: Trainer, *arguments: Any) -> Any:
        answer = function(self, *arguments)
        steps.append(self.step)
        if len(steps) == 3:
            press()
            pytest.fail("the step went on")
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, where, interrupted)
        assert stopped(lambda: training.train(parts, say=len)).startswith(
            "stopped at step 2; nothing is lost"
        )
    training.train(parts, resume=True, say=len)
    one, two = (tensors_of(tmp_path / name / "state.safetensors") for name in ("whole", "parts"))
    assert [name for name in one if not (one[name] == two[name]).all()] == []


@pytest.mark.slow
def test_an_interrupt_of_validation_keeps_the_step(
    validated: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "measure", pressing(validation.measure))
    assert stopped(lambda: training.train(validated, say=len)).startswith(
        "stopped at step 2; nothing is lost"
    )


@pytest.mark.slow
def test_a_second_interrupt_of_the_last_save_says_what_is_left(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAME", 0.0)
    config = tiny_run(photographs, tmp_path / "run", steps=9, save_every=2)
    saves: list[int] = []
    whole = Trainer.save

    def save(self: Trainer, out: Path | None = None) -> None:
        saves.append(self.step)
        if len(saves) > 1:
            press()
        whole(self, out)

    monkeypatch.setattr(Trainer, "save", save)
    update = Trainer.update_weights

    def interrupted(self: Trainer) -> None:
        update(self)
        if self.step == 3:
            press()

    monkeypatch.setattr(Trainer, "update_weights", interrupted)
    told = stopped(lambda: training.train(config, say=len))
    assert saves == [2, 3]
    assert told.startswith("stopped at step 3, which was not saved; run the same command with --resume")
    assert told.endswith("state.safetensors, of step 2")
    assert tensors_of(tmp_path / "run" / "state.safetensors")["optimizer.0.step"] == 2


@pytest.fixture
def validated(photographs: Path, tmp_path: Path) -> TrainConfig:
    """A run that is validated at every other step."""
    config = tiny_run(photographs, tmp_path / "run", steps=4, validate_every=2)
    return with_validation(config, tmp_path / "val", 9)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that moves by a second a step and by what the tests say for validation."""
    now = [50.0]
    monkeypatch.setattr(clock, "monotonic", lambda: now[0])
    step = Trainer.update_weights

    def taking(self: Trainer) -> None:
        now[0] += 1
        step(self)

    monkeypatch.setattr(Trainer, "update_weights", taking)
    return now


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seconds", "steps", "ended", "told"),
    [
        (0.0, 57, 57, "the best of them on 9 validation pictures, saved"),
        (0.5, 46, 60, "the best of them on 9 validation pictures, saved"),
        (1.0, 39, 60, "the best of them on 4 validation pictures, saved, of 9: the time is over"),
        (5.0, 17, 67, "the best of them on 4 validation pictures, saved, of 9: the time is over"),
    ],
)
def test_minutes_count_validation(  # noqa: PLR0913
    validated: TrainConfig, monkeypatch: pytest.MonkeyPatch, now: list[float],
    seconds: float, steps: int, ended: int, told: str,
) -> None:  # fmt: skip
    """Of a minute the last 3 s are left for the choice; a validation that would not fit is left out."""

    def measure(_: object, checks: Tensor) -> tuple[dict[str, float], Tensor]:
        now[0] += seconds
        return {"denoise 25": 1.0}, checks[0]

    monkeypatch.setattr(validation, "measure", measure)
    said: list[str] = []
    training.train(with_run(validated, minutes=1, steps=0), say=said.append)
    assert said[-1].startswith(f"trained {steps} steps")
    assert said[-2].endswith(told)
    assert now[0] - 50 == ended


def test_without_time_for_a_choice_the_first_average_is_saved() -> None:
    said: list[str] = []
    names = ("average 0.9", "average 0.99", "last weights")
    candidates: Any = [(name, None) for name in names]
    assert validation.best_of(candidates, "nowhere", Mix(), said.append, left=lambda: 0.0) == 0
    assert said == ["average 0.9: saved, as no time is left to compare it with average 0.99, last weights"]
