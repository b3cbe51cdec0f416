"""A tiny backbone and a folder of three pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from scenes import scene

from restore.priors.backbone import Backbone
from restore.testing import tiny_prior


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return tiny_prior(sha256="0123456789abcdef")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures of different sizes."""
    (tmp_path / "set").mkdir()
    for name, size in (("a2.png", (60, 72)), ("a10.png", (64, 64)), ("b.png", (81, 57))):
        Image.fromarray(scene(len(name) + size[0], *size)).save(tmp_path / "set" / name)
    return tmp_path / "set"
