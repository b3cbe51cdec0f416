"""Tasks as tests run them: every method in few steps, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from mutants import Mutant, wrong
from recording import Recorder
from torch import Tensor

from restore.diffusion.seeds import seeded_rng
from restore.tasks import catalogue
from restore.tasks import inpaint as inpaint_task
from restore.tasks.drawing import Drawing
from restore.tasks.inpaint_methods import Jumps

INPAINT_METHODS = [(method.name, method.estimate) for method in catalogue.methods("inpaint")]
UPSCALE_METHODS = [(method.name, method.estimate) for method in catalogue.methods("upscale")]

IGNORED_SEEDS = [
    wrong(seeded_rng, lambda right: lambda seed: right(seed or 1), "0 is no seed"),
    wrong(seeded_rng, lambda right: lambda seed: right(7), "the seed is ignored"),
]


def less_noise() -> Mutant:
    """States that are less noisy than they are said to be."""
    return wrong(
        Drawing.noised,
        lambda right: lambda self, x, sigma: right(self, x, sigma / 2**0.5),
        "half the variance",
    )


def steps_of(task: str, method: str, estimate: str) -> int:
    """How many steps a method takes unless it is told."""
    return catalogue.find(task, method, estimate).steps


def inpaint_in_few_steps(image: Any, mask: Any, method: str, estimate: Any, **options: Any) -> Any:
    """Fill a hole, by RePaint with short jumps."""
    options.setdefault("prior", Recorder())
    if method == "repaint":
        options.setdefault("steps", 6)
        options.setdefault("jumps", Jumps(2, 2))
    return inpaint_task.inpaint(image, mask, method=method, estimate=estimate, **options)


def assert_seeds(run: Callable[..., Tensor]) -> None:
    """The same seed gives the same bytes, another one others, and 0 is a seed like all."""
    first, again = run(seed=0, prior=Recorder()), run(seed=0, prior=Recorder())
    assert torch.equal(first, again)
    assert torch.equal(first, run(prior=Recorder()))  # the default
    assert not torch.equal(first, run(seed=1, prior=Recorder()))
    largest = run(seed=2**63 - 1, prior=Recorder())
    assert torch.isfinite(largest).all()
    for seed in (-1, 2**63):
        with pytest.raises(ValueError, match=r"seed must lie in 0\.\.2\^63 - 1"):
            run(seed=seed, prior=Recorder())
