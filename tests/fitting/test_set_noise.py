"""What is not learned from: noise of which the set itself tells too little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fitting_runs import base as base
from fitting_runs import fit, paired, quick, singles

from restore.fitting import set_noise
from restore.noise.picture_noise import white
from restore.priors.backbone import Backbone
from restore.tasks.noise_choice import Choice

pytestmark = pytest.mark.usefixtures("one_thread")

NONE = Choice("none", 0.0, "")


def white_of(sigma: float) -> Choice:
    return Choice("gaussian", sigma / 255, "")


def of_camera(sigma: float) -> Choice:
    return Choice("real", sigma / 255, "", noise=white(sigma / 255))


def choosing(monkeypatch: pytest.MonkeyPatch, *choices: Choice) -> None:
    """What `denoise` would do to the pictures that are looked at, one after the other."""
    each = iter(choices)
    monkeypatch.setattr(set_noise, "choose", lambda *_: next(each))


def said_of(base: Backbone, tmp_path: Path, *, force: bool = False) -> tuple[int, list[str]]:
    """The steps of a fit to pictures with white noise of 20, and what it says."""
    said: list[str] = []
    config, output = quick(steps=1), tmp_path / "own.safetensors"
    report = fit(singles(), output, config, base=base, say=said.append, force=force)
    return report.steps, said


@pytest.mark.parametrize("kind", [of_camera, white_of], ids=["camera", "white in JPEGs"])
def test_more_noise_than_the_set_tells_of_is_not_learned(
    monkeypatch: pytest.MonkeyPatch, base: Backbone, tmp_path: Path, kind: Callable[[float], Choice]
) -> None:
    choosing(monkeypatch, kind(36), kind(40), NONE)
    steps, said = said_of(base, tmp_path)
    assert steps == 0
    assert "finds noise of sigma 38.0" in said[-1]
    assert "--pairs" in said[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "choices",
    [(of_camera(24), of_camera(24), of_camera(24)), (of_camera(40), NONE, NONE), 3 * (white_of(20),)],
    ids=["as much", "in a third of them", "white"],
)
def test_what_is_learned_from(
    monkeypatch: pytest.MonkeyPatch, base: Backbone, tmp_path: Path, choices: tuple[Choice, ...]
) -> None:
    choosing(monkeypatch, *choices)
    assert said_of(base, tmp_path)[0] == 1


def test_force_and_pairs_are_learned_from_without_a_look(
    monkeypatch: pytest.MonkeyPatch, base: Backbone, tmp_path: Path
) -> None:
    choosing(monkeypatch)
    assert said_of(base, tmp_path, force=True)[0] == 1
    assert fit(paired(), tmp_path / "pairs.safetensors", quick(steps=1), base=base, say=len).steps == 1
