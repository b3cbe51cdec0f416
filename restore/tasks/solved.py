"""Solve a problem carefully: with the noise that a picture has, and a look at whether that explains it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from restore.inverse.innovation import LIMIT, Inexplicable, Judge
from restore.inverse.problem import Problem
from restore.inverse.protocols import Operator
from restore.types import Denoiser, Progress, from_255, to_255

TIMES = 3  # how often a problem is solved again with more noise, at most
LEAST_STEP, MOST_STEP = 2.0, 8.0  # by which it is raised
FURTHER = 2 / 255  # from the measurement than the picture itself: what results of few steps are never

Watch = Callable[[Denoiser], Denoiser]
Attempt = Callable[[Problem, Watch, Progress | None], Tensor]
"""Solves a problem with a watched denoiser."""


@dataclass(frozen=True)
class Answer:
    """A solution, and what is to be said of it.

    Parameters
    ----------
    x : ``(b, *x_shape)``.
    noise_std : that it was solved with, [0, 1] units.
    cautions : why it may be worse than the picture, one line each.
    """

    x: Tensor
    noise_std: float
    cautions: tuple[str, ...] = ()


def carefully(
    attempt: Attempt,
    problem: Problem,
    progress: Progress | None,
    *,
    measured: bool,
    judged: bool = True,
    again: int = TIMES,
) -> Answer:
    """Solve a problem; where its noise was measured and explains too little, again with more noise.

    Parameters
    ----------
    attempt : solves a problem.
    problem : with the noise to begin with.
    progress : as a task takes it; attempts that were given up count.
    measured : whether the noise is a measurement; what a user has told is not changed.
    judged : whether the solver uses the noise.
    again : how often it may be solved again.

    Returns
    -------
    The solution of the first attempt that explains the measurement, or of the last one.
    """
    if not (judged and isinstance(problem.operator, Operator)):
        x = attempt(problem, lambda denoise: denoise, progress)
        return Answer(x, problem.noise_std, _worse(problem, x))
    first, calls = problem.noise_std, _Calls(progress)
    for retries in reversed(range(again + 1)):
        judge = Judge(problem, stops=measured and retries > 0)
        try:
            x = attempt(problem, judge.watched, calls.report)
        except Inexplicable:
            step = min(MOST_STEP, max(LEAST_STEP, math.sqrt(judge.found)))
            problem = replace(problem, noise_std=step * max(problem.noise_std, from_255(0.05)))
            calls.restart()
            continue
        break
    told = None if measured else problem.noise_std
    doubts = _doubts(first, problem.noise_std, judge.found, told=told)
    return Answer(x, problem.noise_std, (*doubts, *_worse(problem, x)))


def _doubts(first: float, last: float, excess: float, *, told: float | None) -> tuple[str, ...]:
    """What to say where the noise does not explain the measurement."""
    if told is not None and excess > LIMIT:
        return (
            f"noise sigma {_level(told)} (of 255) does not explain this picture, which holds about "
            f"{math.sqrt(excess):.1f} times as much that this degradation does not leave: the result may be "
            "worse than the picture; leave sigma out, or try another kernel or operator",
        )
    raised = f", so {_level(last)} was used" if last > first else ""
    if told is None and excess > LIMIT:
        return (
            f"the picture does not fit this degradation with noise sigma {_level(first)} (of 255){raised}: "
            "the kernel or operator is another one, or the noise is not plain; the result may be worse than "
            "the picture",
        )
    if told is None and raised:
        return (
            f"noise sigma {_level(first)} (of 255) does not explain this picture{raised}: its noise is not "
            "plain, or the kernel or operator is another one, and then the result may be worse than the "
            "picture",
        )
    return ()


def _level(noise_std: float) -> str:
    return f"{to_255(noise_std):.3g}"


def _worse(problem: Problem, x: Tensor) -> tuple[str, ...]:
    """What to say where a result, degraded, is farther from the measurement than the picture itself is."""
    of_x, of_guess = (_misfit(problem, each) for each in (x, problem.operator.guess(problem.y)))
    if of_x <= FURTHER + max(of_guess, problem.noise_std):
        return ()
    return (
        f"the result, degraded again, is {to_255(of_x):.1f} (of 255) away from the picture, farther than the "
        f"picture as it was ({to_255(of_guess):.1f}); more steps, a lower sigma or another method may help",
    )


def _misfit(problem: Problem, x: Tensor) -> float:
    with torch.no_grad():
        return float(problem.missing(x).square().mean().sqrt())


class _Calls:
    """Reports the network calls of several attempts as those of one."""

    def __init__(self, progress: Progress | None):
        self._progress, self._before, self._now = progress, 0, 0

    def report(self, done: int, total: int) -> None:
        self._now = done
        if self._progress is not None:
            self._progress(self._before + done, self._before + total)

    def restart(self) -> None:
        self._before, self._now = self._before + self._now, 0
