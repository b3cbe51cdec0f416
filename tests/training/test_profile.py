"""What `restore train --profile` prints, against numbers counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from networks import SMALL
from training_runs import photographs as photographs
from training_runs import tiny_run

from restore.cli.main import main
from restore.training import profile as profiling
from restore.training.profile import Profile, convolution_peak, profile
from restore.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")


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


@pytest.mark.slow
def test_operations_and_shares(photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiling, "PEAK_CHANNELS", (16,))
    found = profile(Trainer(tiny_run(photographs, tmp_path)))
    assert (found.crops, found.side, found.precision) == (6, 16, "float32")
    # Backward is twice forward, but for the input of the first layers, which needs no gradient.
    forward = operations_by_hand(6, 16)
    stem = 2.0 * 6 * 64 * 9 * 4 * SMALL.inputs * SMALL.channels[0]
    first_linear = 2.0 * 6 * (SMALL.embedding // 2) * SMALL.embedding
    assert found.operations == pytest.approx(3 * forward - stem - first_linear, rel=1e-6)
    assert all(seconds > 0 for seconds in found.parts.values())
    assert found.seconds > 0


def test_shares_are_those_of_the_whole_step() -> None:
    found = Profile(
        crops=16, side=96, precision="bfloat16", seconds=0.32,
        parts={"forward": 0.1, "backward": 0.2, "optimiser": 0.1}, operations=64e9, peak=400e9,
    )  # fmt: skip
    assert found.crops_per_second == pytest.approx(50)
    assert found.share_of_peak == pytest.approx(0.5)
    text = str(found)
    assert "320.0 ms: 50 crops of 96x96 a second" in text
    assert "backward" in text and "200.0 ms  50.0%" in text
    assert "4.00 GFLOP a crop" in text and "0.200 TFLOP/s" in text
    assert "50% of 0.400 TFLOP/s" in text


def test_the_peak_is_the_fastest_of_all_forward_and_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock on which a convolution of 4 channels takes a second and one of 8 three."""
    clock = iter([float(t) for k in (1, 3) for t in range(0, 12 * k, k)])
    monkeypatch.setattr(profiling, "now", lambda wait: next(clock))
    monkeypatch.setattr(profiling, "PEAK_CHANNELS", (4, 8))
    found = convolution_peak(torch.device("cpu"), torch.float32)
    one_pass = 2 * 9 * 8 * 8 * (8 * 48 * 48)  # a multiplication and an addition for each weight and pixel
    assert found == 3 * one_pass / 3


def test_profile_of_a_new_run_only(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["train", str(tmp_path / "a.toml"), "--profile", "--resume"])
    assert result.exit_code == 2
    assert "--profile takes steps of a new run; leave out --resume" in result.output


def test_profile_is_of_one_process(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main, ["train", str(tmp_path / "a.toml"), "--profile"], env={"WORLD_SIZE": "2"}
    )
    assert result.exit_code == 2
    assert "--profile measures one process; run it without torchrun" in result.output


@pytest.mark.slow
def test_profile_is_printed_and_nothing_written(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiling, "PEAK_CHANNELS", (16,))
    path = tmp_path / "a.toml"
    path.write_text(f"""
        data = {{train = ["{photographs}"], crop = 16, text = 0.0}}
        backbone.network = {{channels = {list(SMALL.channels)}, blocks = {SMALL.blocks}}}
        run = {{steps = 9, batch = 6, compile = false, device = "cpu", precision = "fp32"}}
        """)
    result = CliRunner().invoke(main, ["train", str(path), "--profile", "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    assert "crops of 16x16 a second" in result.output
    assert list(tmp_path.iterdir()) == [path]
