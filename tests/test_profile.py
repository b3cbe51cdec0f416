"""What `restore train --profile` prints, against numbers counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from test_training import photographs as photographs
from test_training import tiny
from test_unet import SMALL

from restore.cli import main
from restore.training.loop import Trainer
from restore.training.profile import Profile, convolution_peak, profile


def operations_by_hand(batch: int, side: int) -> float:
    """Multiplications and additions of SMALL's convolutions and linear layers, forward."""
    total = 0
    cells = [(side // 2 ** (i + 1)) ** 2 for i in range(len(SMALL.channels))]
    for i, (c, n) in enumerate(zip(SMALL.channels, cells, strict=True)):
        ways = 1 if i == len(cells) - 1 else 2
        total += ways * SMALL.blocks * (2 * 9 * c * c * n + SMALL.embedding * 2 * c)
    for i in range(1, len(cells)):
        a, b = SMALL.channels[i - 1], SMALL.channels[i]
        total += a * b * 4 * cells[i] * 2  # down by 2x2 cells, up by 1x1 to four planes
    total += 9 * 4 * (SMALL.inputs + SMALL.outputs) * SMALL.channels[0] * cells[0]
    total += (SMALL.embedding // 2) * SMALL.embedding + SMALL.embedding**2
    return 2.0 * batch * total


def test_operations_and_shares(photographs: Path, tmp_path: Path) -> None:
    found = profile(Trainer(tiny(photographs, tmp_path)))
    assert (found.crops, found.side, found.precision) == (6, 16, "float32")
    # Backward is twice forward, but for the input of the first layers, which needs no gradient.
    forward = operations_by_hand(6, 16)
    stem = 2.0 * 6 * 64 * 9 * 4 * SMALL.inputs * SMALL.channels[0]
    first_linear = 2.0 * 6 * (SMALL.embedding // 2) * SMALL.embedding
    assert found.operations == pytest.approx(3 * forward - stem - first_linear, rel=1e-6)
    assert all(seconds > 0 for seconds in found.parts.values())
    assert not (tmp_path / "state.safetensors").exists()


def test_shares_are_those_of_the_whole_step() -> None:
    found = Profile(
        crops=16, side=96, precision="bfloat16",
        parts={"forward": 0.1, "backward": 0.2, "optimiser": 0.02}, operations=64e9, peak=400e9,
    )  # fmt: skip
    assert found.crops_per_second == pytest.approx(50)
    assert found.share_of_peak == pytest.approx(0.5)
    text = str(found)
    assert "16 crops of 96x96: 50 crops a second" in text
    assert "4.00 GFLOP a crop" in text and "0.200 TFLOP/s" in text
    assert "50% of 0.400 TFLOP/s" in text


def test_peak_is_that_of_a_convolution_here() -> None:
    """At least that of a small one, at most what no CPU of today reaches."""
    assert 1e9 < convolution_peak(torch.device("cpu"), torch.float32) < 1e14


def test_profile_of_a_new_run_only(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["train", str(tmp_path / "a.toml"), "--profile", "--resume"])
    assert result.exit_code == 2
    assert "--profile takes steps of a new run; give it CONFIG alone" in result.output
