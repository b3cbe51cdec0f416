"""Logs that cannot be written, and results that cannot be written where they belong."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
import torch

from restore.errors import OutputError
from restore.training.log import RunLog
from restore.training.rescue import write_or_rescue, write_or_say

GRID = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))


def log_of(out: Path, said: list[str]) -> RunLog:
    return RunLog(out, ("step", "loss"), fresh=True, say=said.append)


def filled(log: RunLog) -> None:
    log.row(1, (1, 0.5), {"loss": 0.5})
    log.validation(1, {"psnr": 30.0}, GRID)
    log.row(2, (2, 0.25), {"loss": 0.25})
    log.close()


def test_a_whole_log(tmp_path: Path) -> None:
    said: list[str] = []
    filled(log_of(tmp_path, said))
    assert said == []
    with (tmp_path / "log.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [["step", "loss"], ["1", "0.5"], ["2", "0.25"]]
    assert (tmp_path / "validation.csv").read_text().split() == ["step,psnr", "1,30.000"]
    assert (tmp_path / "validation.png").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("restore.training.log._appended", lambda path: Path("/dev/full").open("a"))
    filled(log_of(tmp_path, said))
    assert said == [
        f"warning: {tmp_path}: a log cannot be written (No space left on device); the run goes on"
    ]
    assert (tmp_path / "validation.png").exists()


@pytest.mark.parametrize("name", ["log.csv", "validation.csv", "validation.png"])
def test_a_folder_in_the_way_of_a_log(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    (tmp_path / name).mkdir()
    filled(log_of(tmp_path, said))
    assert len(said) == 1 and said[0].startswith(f"warning: {tmp_path}: a log cannot be written (")
    others = {"log.csv", "validation.csv", "validation.png"} - {name}
    assert all((tmp_path / other).is_file() for other in others)


def test_a_board_that_fails(tmp_path: Path) -> None:
    said: list[str] = []
    log = log_of(tmp_path, said)

    class Full:
        def __getattr__(self, name: str) -> Any:
            raise OSError(28, "No space left on device")

    if log._board is not None:
        log._board.close()
    log._board = Full()
    filled(log)
    assert len(said) == 1
    assert (tmp_path / "validation.png").exists()


def test_a_result_is_kept_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    target = tmp_path / "own.safetensors"

    def write(path: Path) -> None:
        if path == target:
            raise OutputError(f"{path}: cannot be written (disk full)")
        path.write_text("weights")

    with pytest.raises(OutputError) as caught:
        write_or_rescue(write, target)
    (kept,) = (tmp_path / "tmp").glob("restore-*/own.safetensors")
    assert kept.read_text() == "weights"
    assert str(caught.value) == (
        f"{target}: cannot be written (disk full); what was trained is kept in {kept}"
    )

    def never(path: Path) -> None:
        raise OutputError(f"{path}: cannot be written (disk full)")

    with pytest.raises(OutputError, match=r"own.safetensors: cannot be written \(disk full\)$"):
        write_or_rescue(never, target)
    said: list[str] = []
    write_or_say(lambda: never(target), said.append)
    assert said == [
        f"warning: {target}: cannot be written (disk full); the run goes on, and what was saved before stays"
    ]
