"""What tests of the tasks share."""

from __future__ import annotations

import pytest

from restore.priors.backbone import Backbone
from restore.tasks import denoise, inpaint, sample, upscale, vary


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking for the shipped weights is an error."""

    def shipped() -> Backbone:
        raise AssertionError("the weights were loaded for nothing")

    for module in (denoise, inpaint, upscale, sample, vary):
        monkeypatch.setattr(module, "shipped", shipped)
