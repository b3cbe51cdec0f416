"""Runs of manifests that are ended at bad moments, or whose files somebody else has changed since."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from commands import check_events, cli
from PIL import Image

from restore.cli import picture_run
from restore.cli.manifest import Manifest
from restore.cli.manifest_file import ManifestFile
from restore.cli.manifest_lines import begun_line
from restore.cli.processes import this_process
from restore.tasks import denoise

pytestmark = pytest.mark.usefixtures("one_thread", "inside")
NOISE = np.random.default_rng(0).normal(120, 25, (16, 18, 3)).clip(0, 255).astype(np.uint8)
IN_PLACE = ("in", "--in-place", "--backup", "originals")

KILLED = """
import os, signal, sys
from restore.cli import picture_run
def killed(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)
picture_run.PictureRun._made = killed
from restore.cli.main import main
main(sys.argv[1:], prog_name="restore")
"""


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photos("in/a.png", "in/b.png")


def photos(*names: str, shift: int = 0) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(NOISE, shift, axis=0)).save(name)


def run(weights: Path, *more: object) -> Result:
    return cli("denoise", *more, "--sigma", 9, "--weights", weights, "--jobs", 1)


def killed(weights: Path, *more: object) -> None:
    """Run restore in a process that is killed when the network is to restore a picture."""
    words = ["denoise", *more, "--sigma", 9, "--weights", weights, "--jobs", 1]
    folder = str(Path(denoise.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", KILLED, *map(str, words)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.png"))}


def states(path: str = "run.jsonl") -> dict[str, int]:
    check_events(Path(path).read_text())
    with Manifest(Path(path)) as found:
        return {name: count for name, count in found.counts().items() if count}


def test_a_result_in_place_that_is_gone_or_damaged_can_be_undone(weights: Path) -> None:
    before = contents("in")
    run(weights, *IN_PLACE)
    Path("in/a.png").unlink()
    Path("in/b.png").write_bytes(Path("in/b.png").read_bytes()[:200])
    done = run(weights, *IN_PLACE)
    said = "note: 0 restored, 2 done before and changed since, which stay (of 2 pictures)\n"
    assert (done.exit_code, done.stderr) == (0, said)
    done = cli("undo", "originals/run.jsonl")
    assert done.exit_code == 1 and "in/b.png: it has been changed since it was restored" in done.stderr
    assert Path("in/a.png").read_bytes() == before["a.png"]
    Path("in/b.png").unlink()
    assert cli("undo", "originals/run.jsonl").exit_code == 0
    assert contents("in") == before


def test_an_interrupt_after_a_result_took_its_place(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents("in")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(picture_run.PictureRun, "_beside", interrupt)
        assert run(weights, *IN_PLACE).exit_code == 130
    once = contents("in")
    assert once["a.png"] != before["a.png"] and once["b.png"] == before["b.png"]
    done = run(weights, *IN_PLACE)
    assert done.stderr.splitlines()[-1] == "note: 1 restored, 1 done before (of 2 pictures)"
    assert contents("in")["a.png"] == once["a.png"] and contents("originals") == before
    assert cli("undo", "originals/run.jsonl").stderr == "note: 2 originals are back\n"
    assert contents("in") == before


def test_a_result_that_is_replaced_is_so_after_a_kill(weights: Path) -> None:
    """Known to be ours: that of a picture that has changed, and one that was damaged."""
    run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    old = contents("out")
    photos("in/a.png", shift=3)
    Path("out/b.png").write_bytes(old["b.png"][:200])
    killed(weights, "--manifest", "run.jsonl")
    assert states()["begun"] > 0
    done = run(weights, "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout, states()) == (0, "out/a.png\nout/b.png\n", {"done": 2})
    assert contents("out")["b.png"] == old["b.png"] and contents("out")["a.png"] != old["a.png"]
    # Edited after the kill, it is somebody's.
    photos("in/a.png")
    killed(weights, "--manifest", "run.jsonl")
    photos("out/a.png", shift=5)
    done = run(weights, "--manifest", "run.jsonl")
    assert done.exit_code == 1 and "out/a.png is there, without a record of restore" in done.stderr


def test_trying_again_goes_on_after_a_kill(weights: Path) -> None:
    Path("in/a.png").write_bytes(b"no picture")
    run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    assert states() == {"failed": 1, "done": 1}
    photos("in/a.png")
    killed(weights, "--manifest", "run.jsonl", "--retry-failed")
    assert states() == {"begun": 1, "done": 1}
    done = run(weights, "--manifest", "run.jsonl", "--retry-failed")
    assert (done.exit_code, done.stdout, states()) == (0, "out/a.png\n", {"done": 2})


def test_what_a_run_is_at_is_not_undone(weights: Path) -> None:
    """The original would lie where the result is about to go, and nowhere else."""
    run(weights, *IN_PLACE)
    results = contents("in")
    path = Path("originals/run.jsonl")
    with Manifest(path) as found:
        told = found.result(0) or {}
    facts = {name: told[name] for name in ("input", "output", "input_sha256", "output_sha256")}
    text = path.read_text()
    process = text.partition('"process": "')[2].partition('"')[0]
    path.write_text(text.replace(process, this_process()))
    with ManifestFile(path) as file:
        file.append(begun_line(0, 1, facts))
    done = cli("undo", path, "--json")
    assert (done.exit_code, contents("in")["a.png"]) == (1, results["a.png"])
    assert "in/a.png: a run is at it; undo it again when that has ended" in done.stderr
    check_events(done.stdout)
    path.write_text(path.read_text().replace(this_process(), "gone-1-2"))
    os.utime(path, (0, 0))
    assert cli("undo", path).exit_code == 0


def test_a_file_and_a_link_to_it_are_not_restored_twice(weights: Path) -> None:
    Path("in/link.png").symlink_to("b.png")
    before = contents("in")
    done = run(weights, *IN_PLACE)
    assert (done.exit_code, done.stdout, contents("in")) == (1, "", before)
    assert "in/b.png and in/link.png are one file, which --in-place would restore twice" in done.stderr
    assert run(weights, *IN_PLACE, "--ignore", "link.png").exit_code == 0


def test_pictures_are_added_to_the_manifest_of_a_run(weights: Path) -> None:
    run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    photos("in/c.png")
    assert cli("plan", "in", "-o", "out", "--manifest", "run.jsonl").stderr.startswith(
        "note: 1 pictures added"
    )
    done = run(weights, "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout, states()) == (0, "out/c.png\n", {"done": 3})
