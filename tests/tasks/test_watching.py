"""What users see of a task while it runs: bars, steps, and what is left when they end it."""

from __future__ import annotations

import gc
import io
import sys
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
from restore.tasks.watching import BAR
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
LARGE = torch.rand(3, 80, 90, generator=torch.Generator().manual_seed(1)) / 4 + 0.3
DEEP = torch.zeros(80, 90)
DEEP[20:50, 20:52] = 1

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
    "upscale": lambda **how: restore.upscale(SEEN, 5, steps=2, **how),
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


@pytest.mark.parametrize("name", RUNS)
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
    assert counted == (reports if name != "inpaint deep" else [r for r in reports if r in counted])
    assert [done for done, _ in reports] == list(range(1, len(reports) + 1))
    assert reports[-1][0] == reports[-1][1]
