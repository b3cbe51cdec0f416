"""A folder with a photo and a mask in it, and the network that the commands are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_photos import here as here

from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load


@pytest.fixture(scope="module")
def backbone(weights: Path) -> Backbone:
    """The network of the tiny weights."""
    return load(weights)


@pytest.fixture(autouse=True)
def no_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on whether the machine is so slow that a command tells how far it is."""
    monkeypatch.setattr("restore.cli.display.EVERY", float("inf"))
