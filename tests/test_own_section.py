"""The section of docs/solvers.md on samplers, methods and operators of one's own runs as it stands."""

from __future__ import annotations

import re
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import cli
from own_package import install
from PIL import Image

import restore
from restore import images
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

PAGE = (Path(__file__).parents[1] / "docs" / "solvers.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## Your own sampler, method, operator\n")[2].partition("\n## ")[0]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", SECTION, re.DOTALL)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a photo, and the module of the page as a package with its entry points."""
    points = tomllib.loads(blocks("toml")[0])["project"]["entry-points"]
    offered = {
        group: {key: value.partition(":")[2] for key, value in its.items()} for group, its in points.items()
    }
    folder = install(tmp_path / "site", blocks("python")[0], offered, name="of-the-page")
    (folder / "mine.py").write_text("from of_the_page_1_2 import *\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(90, 160, (12, 16, 3), np.uint8)).save("photo.png")
    return tmp_path


def test_the_examples_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prior = tiny_prior()
    monkeypatch.setattr(restore, "load", lambda: prior)
    found: dict[str, Any] = {}
    module, usage, check = blocks("python")
    assert "\nclass Faded:" in module
    exec(usage, found)
    photo = images.read("photo.png").pixels
    expected = restore.denoise(photo, sigma=20, estimate="sample", sampler="ddim", prior=prior)
    assert np.abs(found["drawn"].pixels.astype(int) - expected).max() <= 1  # ddim takes the same steps
    assert np.array_equal(found["picture"].pixels, restore.denoise(photo, sigma=10, prior=prior))
    assert found["vivid"].pixels.shape == photo.shape
    exec(check, found)
    found["test_faded"]()


def test_the_commands_run(here: Path, weights: Path) -> None:
    (commands,) = blocks("bash")
    lines = [shlex.split(line) for line in commands.splitlines()]
    assert lines.pop() == ["restore", "doctor"]
    for words in lines:
        done = cli(*words[1:], "--weights", weights)
        assert (done.exit_code, done.stdout.count("\n")) == (0, 1), done.stderr
        assert " of of-the-page 1.2" in cli("info", done.stdout.strip()).stdout
