"""Commands find before they compute what would fail when the result is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import cli
from PIL import Image

from restore import images
from restore.cli.picture_run import PictureRun

pytestmark = pytest.mark.usefixtures("one_thread", "here")


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Computing anything is a mistake."""

    def computed(*_: object) -> None:
        raise AssertionError("computed")

    monkeypatch.setattr(PictureRun, "_restored", computed)


@pytest.mark.usefixtures("idle")
def test_a_result_too_long_for_webp(weights: Path) -> None:
    Image.fromarray(np.zeros((2, 9000, 3), np.uint8)).save("long.png")
    done = cli("upscale", "long.png", "-o", "long.webp", "--scale", 2, "--weights", weights)
    assert done.exit_code == 1
    line = "long.webp: WebP ends at 16383 pixels a side, got 18000x4 (w x h); write .png or .tif"
    assert done.stderr == f"error: {line}\n"


@pytest.mark.usefixtures("idle")
def test_a_name_that_is_too_long(weights: Path) -> None:
    name = "x" * 250 + ".png"  # with what was done to it in its name there is no room
    Path("photo.png").rename(name)
    done = cli("denoise", name, "--weights", weights)
    assert done.exit_code == 1 and done.stderr.count("\n") == 1
    assert "expected names of at most 255 bytes, got 263" in done.stderr


def test_a_profile_of_two_megabytes(weights: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (24, 32, 3)).astype(np.uint16)
    profile = bytes(16) + b"RGB " + bytes(2**21)
    tifffile.imwrite("in.tif", pixels, photometric="rgb", iccprofile=profile)
    done = cli("denoise", "in.tif", "-o", "out.png", "--sigma", 15, "--weights", weights)
    assert done.exit_code == 0, done.stderr
    assert "ICC" not in done.stderr
    assert images.read("out.png").icc == profile
