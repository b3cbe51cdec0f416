"""A fit tells a callback of every training step, and ends where that raises."""

from __future__ import annotations

from pathlib import Path

import pytest
from fitting_runs import base, fit, paired, quick

from restore.fitting.fitter import FitStep
from restore.priors.backbone import Backbone

__all__ = ["base"]

pytestmark = pytest.mark.usefixtures("one_thread")


class EndedError(Exception):
    """What a user raises."""


@pytest.mark.slow
def test_steps_and_what_ends_them(tmp_path: Path, base: Backbone) -> None:
    seen: list[FitStep] = []
    error, output = EndedError(7), tmp_path / "own.safetensors"

    def end(step: FitStep) -> None:
        seen.append(step)
        if step.number == 3:
            raise error

    config = quick(steps=8, batch=1)
    with pytest.raises(EndedError) as caught:
        fit(paired(2), output, config, base=base, say=len, callback=end)
    assert caught.value is error and error.args == (7,)
    assert [(step.number, step.share) for step in seen] == [(1, 0.125), (2, 0.25), (3, 0.375)]
    assert all(step.loss.shape == () and not step.loss.requires_grad for step in seen)
    assert not output.exists()
