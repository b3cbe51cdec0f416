"""``restore sample``: the function by another name, and a grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from commands import cli

import restore
from restore import images
from restore.priors.backbone import Backbone

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def test_sample(weights: Path, backbone: Backbone) -> None:
    options = ["--size", "12x16", "--steps", 2, "--seed", 5, "--weights", weights]
    done = cli("sample", "-n", 3, "-o", "new/drawn", *options)
    names = ["sample-000.png", "sample-001.png", "sample-002.png", "grid.png"]
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "".join(f"new/drawn/{name}\n" for name in names)
    drawn = restore.sample(3, size=(16, 12), steps=2, seed=5, prior=backbone)
    expected = (drawn * 255).round().byte().permute(0, 2, 3, 1).numpy()
    for name, picture in zip(names[:3], expected, strict=True):
        assert np.array_equal(images.read(f"new/drawn/{name}").pixels, picture)
    grid = images.read("new/drawn/grid.png").pixels
    assert grid.shape == (2 + 2 * 18, 2 + 2 * 14, 3)  # two by two, two black pixels between
    assert np.array_equal(grid[2:18, 16:28], expected[1])
    assert np.array_equal(grid[20:36, 2:14], expected[2])
    assert not grid[:2].any()
    done = cli("sample", "-n", 1, "-o", "new/drawn", "--weights", weights)
    assert done.exit_code == 1
    assert done.stderr == (
        "error: 2 of 2 files are already there, the first is new/drawn/sample-000.png; choose another folder "
        "or pass --overwrite\n"
    )
