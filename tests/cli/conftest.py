"""A folder with a photo and a mask in it, and the network that the commands are given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from command_photos import HOLE, PHOTO
from PIL import Image

from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load

if TYPE_CHECKING:
    from shown_pictures import Shown


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a photo and a mask in it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("photo.png")
    Image.fromarray(HOLE).save("mask.png")
    return tmp_path


@pytest.fixture(scope="module")
def backbone(weights: Path) -> Backbone:
    """The network of the tiny weights."""
    return load(weights)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A process that shows pictures to a page."""
    from shown_pictures import Shown

    shown = Shown(tmp_path_factory.mktemp("private"), pixels=8_000_000)
    yield shown
    shown.close()


@pytest.fixture(autouse=True)
def no_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test depends on whether the machine is so slow that a command tells how far it is."""
    monkeypatch.setattr("restore.cli.display.EVERY", float("inf"))
