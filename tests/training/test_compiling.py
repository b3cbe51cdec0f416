"""Compiling that fails: at the first call, in the first backward pass, and what it costs a run: nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fitting_runs import base as base
from fitting_runs import different, fit, quick, singles
from fitting_runs import tensors_of as fitted_tensors
from torch import Tensor, nn
from torch._dynamo.exc import BackendCompilerFailed
from torch._inductor.exc import CppCompileError, InductorError, InvalidCxxCompiler
from training_runs import photographs as photographs
from training_runs import tensors_of, tiny_run, train, with_run

from restore.errors import RestoreError, StoppedError
from restore.priors.backbone import Backbone
from restore.training import trainer as training
from restore.training.clock import RunClock
from restore.training.compiling import CompiledNetwork, as_called, once_more, reason
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")

NO_COMPILER = InductorError(InvalidCxxCompiler("/nonexistent"), None)
BROKEN = CppCompileError(["g++", "a.cpp"], "internal compiler error")
FAILURES = [
    (NO_COMPILER, r"\(there is no C\+\+ compiler; install g\+\+ or clang\)"),
    (InductorError(BROKEN, None), r"\(the C\+\+ compiler fails; see whether it is whole\)"),
    (BROKEN, r"\(the C\+\+ compiler fails; see whether it is whole\)"),
    (BackendCompilerFailed(compile, ValueError("odd graph"), None), "odd graph"),
    (OSError(28, "No space left on device"), "No space left on device"),
]


def failing_forward(error: Exception) -> Callable[..., Any]:
    """A stand-in for torch.compile whose networks raise at their first call."""

    def compiled(network: nn.Module, **_: object) -> Callable[..., Tensor]:
        def call(*_: Tensor) -> Tensor:
            raise error

        return call

    return compiled


class _Backward(torch.autograd.Function):
    error: Exception = NO_COMPILER

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> Tensor:
        raise _Backward.error


def failing_backward(error: Exception) -> Callable[..., Any]:
    """One whose networks raise when gradients first go through them, as lazy compiling does."""

    def compiled(network: nn.Module, **_: object) -> Callable[..., Tensor]:
        _Backward.error = error
        return lambda *arguments: _Backward.apply(network(*arguments))  # type: ignore[no-any-return,no-untyped-call]

    return compiled


@pytest.mark.parametrize(("error", "told"), FAILURES, ids=lambda value: type(value).__name__)
def test_a_network_that_cannot_be_compiled_is_called_as_it_is(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(torch, "compile", failing_forward(error))
    network = CompiledNetwork(nn.Linear(2, 1), said.append)
    first, second = network(torch.ones(1, 2)), network(torch.ones(1, 2))
    assert torch.equal(first, second)
    assert len(said) == 1
    assert re.search(told, said[0])
    assert "\n" not in said[0] and len(said[0]) < 300


def test_errors_of_the_network_itself_are_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", failing_forward(ValueError("of the compiled one")))

    def network(_: Tensor) -> Tensor:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        CompiledNetwork(network, len)(torch.ones(1))


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("too large"), MemoryError("too large"), RestoreError("our own")]
)
def test_lack_of_memory_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(torch, "compile", failing_forward(error))
    network = CompiledNetwork(nn.Identity(), pytest.fail)
    with pytest.raises(type(error)):
        network(torch.ones(1))
    with pytest.raises(type(error)):
        once_more(network, lambda: network(torch.ones(1)))


def test_a_step_is_tried_again_once_and_for_compiled_networks_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "compile", lambda network, **_: network)
    calls: list[int] = []

    def step() -> None:
        calls.append(1)
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        once_more(nn.Identity(), step)
    assert len(calls) == 1
    with pytest.raises(OSError, match="no space"):
        once_more(CompiledNetwork(nn.Identity(), len), step)
    assert len(calls) == 3


def test_a_short_time_is_not_spent_on_compiling() -> None:
    network, said = nn.Identity(), list[str]()
    assert as_called(network, RunClock(1), said.append) is network
    assert said == ["too little time is left for compiling the network: it is called as it is"]
    assert isinstance(as_called(network, RunClock(5), said.append), CompiledNetwork)
    assert isinstance(as_called(network, RunClock(0), said.append), CompiledNetwork)
    late = RunClock(5)
    late.earlier = 200.0  # by the parts of the run before a resume
    assert as_called(network, late, said.append) is network


def test_reasons_are_short() -> None:
    assert reason(RuntimeError("")) == "RuntimeError"
    assert reason(RuntimeError("one\ntwo")) == "one"
    assert len(reason(RuntimeError("long" * 1000))) < 300


@pytest.mark.slow
@pytest.mark.parametrize("failing", [failing_forward, failing_backward])
def test_training_without_a_compiler_is_the_same_run(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: Any
) -> None:
    """Bit for bit, also where a part of the run was not to be compiled at all."""
    plain = tiny_run(photographs, tmp_path / "plain", steps=6)
    train(plain)
    monkeypatch.setattr(torch, "compile", failing(NO_COMPILER))
    said: list[str] = []
    tried = with_run(plain, out=str(tmp_path / "tried"), compile=True)
    whole = Trainer.train_step

    def step(self: Trainer, *arguments: Any) -> Any:
        if self.step == 3:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "train_step", step)
        with pytest.raises(StoppedError, match="stopped at step 3; nothing is lost"):
            training.train(tried, say=said.append)
    assert sum("there is no C++ compiler" in line for line in said) == 1
    train(with_run(tried, compile=False), resume=True)
    one, two = (tensors_of(tmp_path / name / "state.safetensors") for name in ("plain", "tried"))
    assert one["optimizer.0.step"] == 6
    assert different(one, two) == []


@pytest.mark.slow
@pytest.mark.parametrize("failing", [failing_forward, failing_backward])
def test_fitting_without_a_compiler_is_the_same_fit(
    tmp_path: Path, base: Backbone, monkeypatch: pytest.MonkeyPatch, failing: Any
) -> None:
    fit(singles(), tmp_path / "plain.safetensors", quick(steps=3), base=base, say=len)
    monkeypatch.setattr(torch, "compile", failing(NO_COMPILER))
    said: list[str] = []
    config = quick(steps=3, compile=True)
    fit(singles(), tmp_path / "tried.safetensors", config, base=base, say=said.append)
    assert sum("there is no C++ compiler" in line for line in said) == 1
    states = [fitted_tensors(tmp_path / f"{name}.fit" / "state.safetensors") for name in ("plain", "tried")]
    assert different(*states) == []
