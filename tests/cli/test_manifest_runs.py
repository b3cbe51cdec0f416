"""Runs that take their pictures from a manifest: begun, ended, gone on with, killed, and several at once."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from command_photos import interrupt
from commands import check_events, cli
from PIL import Image

from restore.cli.manifest import Manifest
from restore.cli.manifest_file import ManifestFile
from restore.cli.manifest_lines import begun_line
from restore.cli.processes import is_there, this_process
from restore.tasks import denoise

pytestmark = pytest.mark.usefixtures("one_thread", "inside")
NOISE = np.random.default_rng(0).normal(120, 25, (16, 18, 3)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def photos(*names: str, shift: int = 0) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.roll(NOISE, shift, axis=0)).save(name)


def run(weights: Path, *more: object) -> Result:
    return cli("denoise", *more, "--sigma", 9, "--weights", weights, "--jobs", 1)


def states(path: str = "run.jsonl") -> dict[str, int]:
    check_events(Path(path).read_text())
    with Manifest(Path(path)) as found:
        return {name: count for name, count in found.counts().items() if count}


def last(done: Result) -> str:
    return done.stderr.splitlines()[-1]


def test_a_run_is_written_and_gone_on_with(weights: Path) -> None:
    photos("in/a.png", "in/b.png", "in/deep/c.png")
    Path("in/bad.png").write_bytes(Path("in/a.png").read_bytes()[:200])
    done = run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout) == (1, "out/a.png\nout/b.png\nout/deep/c.png\n")
    assert last(done) == "error: 3 restored, 1 failed (of 4 pictures)"
    assert states() == {"done": 3, "failed": 1}
    with Manifest(Path("run.jsonl")) as found:
        told = found.result(0)
    assert told is not None and told["output_size_bytes"] == Path("out/a.png").stat().st_size
    before = Path("out/a.png").stat()
    done = run(weights, "--manifest", "run.jsonl")
    tries = "1 failed before and not tried again (--retry-failed tries them)"
    assert (done.exit_code, done.stdout) == (1, "")
    assert last(done) == f"error: 0 restored, 3 done before, {tries} (of 4 pictures)"
    assert Path("out/a.png").stat().st_mtime_ns == before.st_mtime_ns
    # What is touched has another time and the same contents; what is missing or damaged is done again.
    os.utime("out/a.png")
    Path("out/b.png").unlink()
    Path("out/deep/c.png").write_bytes(Path("out/deep/c.png").read_bytes()[:200])
    done = run(weights, "--manifest", "run.jsonl")
    assert done.stdout == "out/b.png\nout/deep/c.png\n"
    assert done.stderr.splitlines()[:2] == [
        "note: out/b.png: it is missing, so in/b.png is restored again",
        "note: out/deep/c.png: it is damaged, so in/deep/c.png is restored again",
    ]
    photos("in/bad.png")
    done = run(weights, "--manifest", "run.jsonl", "--retry-failed")
    assert (done.exit_code, done.stdout) == (0, "out/bad.png\n")
    assert states() == {"done": 4}
    assert "runs" in cli("status", "run.jsonl").stdout
    assert cli("status", "run.jsonl", "--json").exit_code == 0


def test_changes_are_noticed(weights: Path) -> None:
    """An input is done again, over a result that is known to be ours; an edited result stays."""
    photos("in/a.png", "in/b.png")
    Path("in/c.png").write_bytes(b"no picture")
    run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    photos("in/a.png", "in/c.png", shift=3)
    photos("out/b.png", shift=5)
    edited = Path("out/b.png").read_bytes()
    done = run(weights, "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout) == (1, "out/a.png\nout/c.png\n")
    assert done.stderr.splitlines() == [
        "note: in/a.png: it has changed since it was restored, and is restored again",
        "note: out/b.png: it has been changed since it was written",
        "error: out/b.png is there, without a record of restore; pass --overwrite to replace it, or another "
        "-o",
        "error: 2 restored, 1 failed (of 3 pictures)",
    ]
    assert Path("out/b.png").read_bytes() == edited
    done = run(weights, "--manifest", "run.jsonl", "--retry-failed", "--overwrite")
    assert (done.exit_code, done.stdout, states()) == (0, "out/b.png\n", {"done": 3})


def test_another_run_is_refused(weights: Path) -> None:
    photos("in/a.png")
    run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    before = Path("run.jsonl").read_bytes()
    for words, said in (
        (["denoise", "--sigma", 12, "--weights", weights], "options were --sigma 9.0, now --sigma 12.0"),
        (["denoise", "--sigma", 9], "the weights were "),
        (["dejpeg", "--weights", weights], "the command was denoise, now dejpeg"),
        (["denoise", "other", "--sigma", 9, "--weights", weights], "it lists in; leave INPUT out"),
        (
            ["denoise", "-o", "new", "--sigma", 9, "--weights", weights],
            "it has --output out, now --output new",
        ),
    ):
        done = cli(*words, "--manifest", "run.jsonl")
        assert (done.exit_code, done.stdout) == (1, ""), words
        assert said in done.stderr and len(done.stderr.splitlines()) == 1
    assert Path("run.jsonl").read_bytes() == before
    done = cli("denoise", "--sigma", 12, "--weights", weights, "--manifest", "run.jsonl", "--force")
    assert (done.exit_code, last(done)) == (0, "note: 0 restored, 1 done before (of 1 pictures)")
    for words, said in (
        (["in", "--retry-failed"], "--retry-failed has an effect with --manifest FILE only"),
        (
            ["in", "--manifest", "run.jsonl", "--uncertainty", "map.png"],
            "--uncertainty map.png is of one picture",
        ),
        (["--manifest", "new.jsonl"], "new.jsonl is not there yet"),
        (["in", "-o", "-", "--manifest", "new.jsonl"], "a manifest is of files"),
    ):
        done = run(weights, *words)
        assert (done.exit_code, said in " ".join(done.stderr.split())) == (2, True), words


def test_a_dry_run_writes_nothing(weights: Path) -> None:
    photos("in/a.png")
    done = run(weights, "in", "-o", "out", "--manifest", "run.jsonl", "--dry-run")
    assert (done.exit_code, [path.name for path in Path().iterdir()]) == (0, ["in"])
    cli("plan", "in", "-o", "out", "--manifest", "run.jsonl")
    before = Path("run.jsonl").read_bytes()
    done = run(weights, "--manifest", "run.jsonl", "--dry-run", "--json")
    assert (done.exit_code, json.loads(done.stdout)["status"]) == (0, "planned")
    assert Path("run.jsonl").read_bytes() == before and not Path("out").exists()


def test_an_interrupt_and_a_full_disk_leave_the_rest_waiting(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos("in/a.png", "in/b.png", "in/c.png")
    clean = denoise.denoise

    def second(raises: Any) -> Any:
        calls: list[None] = []

        def denoised(*arguments: Any, **options: Any) -> Any:
            calls.append(None)
            return raises() if len(calls) == 2 else clean(*arguments, **options)

        return denoised

    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(denoise, "denoise", second(interrupt))
    done = run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    assert done.exit_code == 130
    assert last(done) == "error: interrupted with 1 of 3 done; run the same command again to go on"
    monkeypatch.setattr(denoise, "denoise", second(full))
    done = run(weights, "--manifest", "run.jsonl")
    assert done.exit_code == 1 and "No space left" in done.stderr
    assert states()["done"] == 2 and "failed" not in states()


def test_another_process_shares_the_work(weights: Path) -> None:
    """What one has begun another passes over, unless it is gone."""
    photos("in/a.png", "in/b.png", "in/c.png")
    cli("plan", "in", "-o", "out", "--manifest", "run.jsonl")
    other = f'{{"event": "run", "schema": 1, "run": 1, "time": "", "process": "{this_process()}", ' + (
        '"command": "denoise", "arguments": [], "weights": "", "version": ""}'
    )
    with ManifestFile(Path("run.jsonl")) as file:
        file.append(other, begun_line(1, 1))
    done = run(weights, "--manifest", "run.jsonl", "--force")
    assert (done.exit_code, done.stdout) == (0, "out/a.png\nout/c.png\n")
    assert last(done) == "note: 2 restored, 1 begun by another process (of 3 pictures)"
    Path("run.jsonl").write_text(Path("run.jsonl").read_text().replace(this_process(), "gone-1-2"))
    os.utime("run.jsonl", (0, 0))
    assert run(weights, "--manifest", "run.jsonl").stdout == "out/b.png\n"
    assert states() == {"done": 3}


def test_results_that_are_there_without_a_line_are_kept(weights: Path) -> None:
    photos("in/a.png", "in/b.png")
    run(weights, "in", "-o", "out")
    photos("out/b.png")
    done = run(weights, "in", "-o", "out", "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout, states()) == (1, "", {"skipped": 1, "failed": 1})
    assert last(done) == "error: 0 restored, 1 there already and kept, 1 failed (of 2 pictures)"


def test_shards_share_the_items(weights: Path) -> None:
    photos(*(f"in/{number}.png" for number in range(5)))
    first = run(weights, "in", "-o", "out", "--manifest", "run.jsonl", "--shard", "1/2")
    second = run(weights, "--manifest", "run.jsonl", "--shard", "2/2")
    assert (first.stdout, second.stdout) == ("out/0.png\nout/2.png\nout/4.png\n", "out/1.png\nout/3.png\n")
    assert states() == {"done": 5}
    # Without a manifest by the path within the folder, whatever else there is.
    parts = [run(weights, "in", "-o", "new", "--shard", f"{k}/3").stdout.split() for k in (1, 2, 3)]
    assert sorted(name for part in parts for name in part) == [f"new/{number}.png" for number in range(5)]
    photos("in/more.png")
    again = [run(weights, "in", "-o", "newer", "--shard", f"{k}/3").stdout.split() for k in (1, 2, 3)]
    for part, now in zip(parts, again, strict=True):
        assert {Path(name).name for name in part} <= {Path(name).name for name in now}


KILLED = """
import importlib, os, signal, sys
module, _, name = sys.argv[1].rpartition(".")
count = int(sys.argv[2])
owner = importlib.import_module(module.removesuffix(":ManifestRun"))
owner = getattr(owner, "ManifestRun") if module.endswith(":ManifestRun") else owner
real = getattr(owner, name)
def killed(*arguments, **options):
    global count
    count -= 1
    if count == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **options)
setattr(owner, name, killed)
from restore.cli.main import main
main(sys.argv[3:], prog_name="restore")
"""


def killed(place: str, count: int, *words: object) -> None:
    """Run restore in a process that is killed when it comes to a function for so many times."""
    command = [sys.executable, "-c", KILLED, place, str(count), *map(str, words)]
    folder = str(Path(denoise.__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": folder, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def test_a_killed_run_loses_the_picture_at_hand_alone(weights: Path) -> None:
    photos("in/a.png", "in/b.png", "in/c.png", "in/d.png")
    words = ["denoise", "in", "-o", "out", "--sigma", 9, "--weights", weights, "--jobs", 1]
    killed("restore.images.writer.publish", 3, *words, "--manifest", "run.jsonl")
    found = states()
    assert found.pop("done") == 2 and sum(found.values()) == 2  # one of them may be begun ahead
    assert len(list(Path("out").glob(".restore-*.part"))) == 1
    done = run(weights, "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout) == (0, "out/c.png\nout/d.png\n")
    assert last(done) == "note: 2 restored, 2 done before (of 4 pictures)"
    assert states() == {"done": 4} and not list(Path("out").glob(".*"))


@pytest.mark.parametrize(
    ("place", "count"),
    [("restore.cli.original.back_up", 1), ("restore.images.writer.publish", 1),
     ("restore.cli.manifest_run:ManifestRun.record", 1)],
)  # fmt: skip
def test_a_picture_is_whole_wherever_a_run_in_place_is_killed(place: str, count: int, weights: Path) -> None:
    photos("in/a.png", "in/b.png")
    before = {path.name: path.read_bytes() for path in Path("in").iterdir()}
    words = ["denoise", "in", "--sigma", 9, "--weights", weights, "--jobs", 1]
    killed(place, count, *words, "--in-place", "--backup", "originals")
    whole = [Path("in", name).read_bytes() == data for name, data in before.items()]
    assert whole == [not place.endswith("record"), True]
    done = run(weights, "in", "--in-place", "--backup", "originals")
    assert (done.exit_code, states("originals/run.jsonl")) == (0, {"done": 2})
    kept = "1 restored, 1 done before" if place.endswith("record") else "2 restored"
    assert last(done) == f"note: {kept} (of 2 pictures)"
    assert {path.name: path.read_bytes() for path in Path("originals").glob("*.png")} == before
    assert cli("undo", "originals/run.jsonl").stderr == "note: 2 originals are back\n"
    assert {path.name: path.read_bytes() for path in Path("in").iterdir()} == before


def test_processes_are_told_apart() -> None:
    machine, number, begun = this_process().split("-")
    assert is_there(this_process())
    assert is_there(f"{machine}-{number}-{begun}1") is False
    assert is_there(f"{machine}-999999999-{begun}") is False
    assert is_there(f"0{machine[1:]}x-{number}-{begun}") is None and is_there("") is None
