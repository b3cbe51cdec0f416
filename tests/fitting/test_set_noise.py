"""The noise of a set, as `denoise` finds it in the pictures."""

from __future__ import annotations

from typing import Any

import pytest
from fitting_runs import base as base
from fitting_runs import singles

from restore.fitting import set_noise
from restore.fitting.set_noise import as_denoised, measure_set
from restore.noise.model import white_noise
from restore.noise.picture_noise import white
from restore.priors.backbone import Backbone
from restore.tasks.noise_choice import Choice

pytestmark = pytest.mark.usefixtures("one_thread")


def choosing(monkeypatch: pytest.MonkeyPatch, *choices: Choice) -> None:
    each = iter(choices)
    monkeypatch.setattr(set_noise, "choose", lambda *_: next(each))


REAL = Choice("real", 0.03, "", noise=white(0.03))
NONE = Choice("none", 0.0, "")


def test_noise_that_denoise_finds_counts(monkeypatch: pytest.MonkeyPatch, base: Backbone) -> None:
    choosing(monkeypatch, REAL, REAL, REAL, NONE)
    found = as_denoised(white_noise(0.0), singles(), base)
    assert found.sigma == pytest.approx(0.03)


def test_noise_in_half_of_the_pictures_is_none_of_the_set(
    monkeypatch: pytest.MonkeyPatch, base: Backbone
) -> None:
    before = white_noise(0.0)
    choosing(monkeypatch, REAL, REAL, NONE, NONE)
    assert as_denoised(before, singles(), base) is before


def test_what_was_measured_on_the_set_is_kept_where_it_is_as_much(
    monkeypatch: pytest.MonkeyPatch, base: Backbone
) -> None:
    before = white_noise(0.028)
    choosing(monkeypatch, *4 * [REAL])
    assert as_denoised(before, singles(), base) is before


def test_what_white_noise_leaves_in_a_file_is_measured_on_what_is_removed(
    monkeypatch: pytest.MonkeyPatch, base: Backbone
) -> None:
    noisy = singles()
    choosing(monkeypatch, *4 * [Choice("gaussian", 0.05, "")])

    def halves(middle: Any, **_: Any) -> Any:
        return (middle + middle.mean()) / 2

    monkeypatch.setattr(set_noise, "denoise", halves)
    assert as_denoised(white_noise(0.0), noisy, base).sigma > 0.3 * measure_set(noisy).sigma
