"""Workers and machines of a cluster that are lost: everything is done once, with the bytes of one machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import check_events, cli
from PIL import Image

from restore.priors.checkpoint import save
from restore.testing import tiny_prior

pytest.importorskip("ray", reason="needs Ray: pip install 'restore-diffusion[ray]'")

COUNT = 40
OPTIONS = ["--weights", "tiny.safetensors", "--sigma", "20"]
COMMAND = [sys.executable, "-m", "restore", "denoise", "in", "-o", "out", *OPTIONS]
ON_RAY = [*COMMAND, "--engine", "ray", "--json"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of pictures, and what one machine makes of them."""
    folder = tmp_path_factory.mktemp("ray")
    rng = np.random.default_rng(0)
    (folder / "in").mkdir()
    for number in range(COUNT):
        pixels = rng.integers(0, 256, (96 + number, 256, 3), np.uint8)
        Image.fromarray(pixels).save(folder / "in" / f"{number:02d}.png")
    save(tiny_prior(), folder / "tiny.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert cli("denoise", "in", "-o", "alone", *OPTIONS).exit_code == 0
    return folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    for path in folder.glob("out/*"):
        path.unlink()
    return folder


def check_done_once(here: Path, events: str) -> None:
    """What was said, and what is there, is what one machine alone says and makes."""
    check_events(events)
    told = [json.loads(line) for line in events.splitlines()]
    assert [each["input"] for each in told] == [f"in/{number:02d}.png" for number in range(COUNT)]
    assert {each["status"] for each in told} == {"done"}
    assert sorted(path.name for path in (here / "out").iterdir()) == [f"{k:02d}.png" for k in range(COUNT)]
    for path in (here / "out").iterdir():
        assert path.read_bytes() == (here / "alone" / path.name).read_bytes(), path.name


def workers_of(process: int) -> list[int]:
    """The processes below one in which Ray has a worker of ours."""
    parents, titles = {}, {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            titles[int(entry.name)] = (entry / "cmdline").read_bytes()
        except OSError:
            continue

    def is_below(each: int) -> bool:
        # The numbers of processes begin anew after the largest: a child's can be smaller than its parent's.
        while each in parents and each != process:
            each = parents[each]
        return each == process

    ours = [each for each, title in titles.items() if b"RayWorker" in title or b"ray::pictures" in title]
    return sorted(filter(is_below, ours))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for the worker in /proc")
def test_a_worker_that_is_killed_is_replaced(here: Path) -> None:
    command = [*ON_RAY, "--jobs", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and len([*Path("out").glob("*.png")]) < 4:
            time.sleep(0.02)
        (worker,) = workers_of(process.pid)
        os.kill(worker, signal.SIGKILL)
        there = len([*Path("out").glob("*.png")])
        said, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert there < COUNT
    assert "was lost (it was killed or crashed); another takes its pictures" in errors
    check_done_once(here, said)


@pytest.mark.slow
def test_a_machine_that_is_taken_away_is_done_without(here: Path) -> None:
    script = Path(__file__).parents[1] / "support" / "ray_machines.py"
    command = [sys.executable, str(script), "out", "8", *ON_RAY, "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "is gone; its pictures are done elsewhere" in done.stderr
    check_done_once(here, done.stdout)
