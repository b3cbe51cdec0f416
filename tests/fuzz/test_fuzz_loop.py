"""The loop finds what is wrong with a reader, says it in a line, and makes the input small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import fuzz_judge
import pytest
from fuzz_edits import STRUCTURES, mutated, tiff_edited
from fuzz_judge import Target, judged
from fuzz_loop import CORPUS, Guard, Limits, corpus_of, explore, noted
from fuzz_targets import TARGETS

from restore.errors import ImageError

MARK = b"\x00\x00\x00\x00"


def refuse(data: bytes) -> None:
    raise ImageError(f"{len(data)} bytes are no picture; get a fresh copy")


def stumble(data: bytes) -> None:
    if data.count(b"\xff") > 3:
        raise KeyError("of a damaged file")


def hang(data: bytes) -> None:
    while True:
        try:
            sum(data * 1000)
        except Exception as error:  # as readers do
            raise ImageError("damaged") from error


def fault_of(call: object, printed: object = lambda: "") -> str:
    return judged(Target("png", call), b"data", printed).fault  # type: ignore[arg-type]


def test_what_is_no_fault() -> None:
    assert fault_of(lambda data: None) == ""
    assert fault_of(refuse) == ""
    assert judged(Target("png", stumble, allowed=(KeyError,)), b"\xff" * 9).fault == ""


@pytest.mark.parametrize("message", ["", "two\nlines", "\x1b[31m red", "turned \u202e", "long " * 300])
def test_messages_are_one_short_line(message: str) -> None:
    def call(data: bytes) -> None:
        raise ImageError(message)

    assert "message" in fault_of(call)


def test_other_errors_are_faults_with_their_place() -> None:
    found = fault_of(lambda data: {}["x"])
    assert found.startswith("KeyError: 'x' at test_fuzz_loop.py:")


def test_slow_large_and_talkative_readers_are_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(data: bytes) -> None:
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass

    monkeypatch.setattr(fuzz_judge, "MOST_SECONDS", 0.01)
    assert fault_of(busy).startswith("took 0.0")
    assert fault_of(lambda data: busy(data) or 10**6) == ""
    monkeypatch.undo()
    monkeypatch.setattr(fuzz_judge, "STOPPED_AFTER", 0.05)
    assert fault_of(hang) == "took more than 0 s of computing"
    assert fault_of(lambda data: None, lambda: "a warning\n") == r"printed 'a warning\n'"
    held = iter((0, 2**40))
    monkeypatch.setattr(fuzz_judge, "_most_memory", lambda: next(held))
    assert fault_of(lambda data: None) == "took 1048576 MiB more memory than anything before"


def test_a_planted_fault_is_found_and_its_input_is_small() -> None:
    report = explore(Target("png", stumble), seed=1, limits=Limits(seconds=20, calls=500))
    ((fault, data),) = report.faults.values()
    assert fault.startswith("KeyError: 'of a damaged file' at test_fuzz_loop.py:")
    assert data == b"\xff" * 4


def test_the_same_seed_gives_the_same_inputs() -> None:
    def inputs(seed: int) -> list[bytes]:
        found: list[bytes] = []
        limits = Limits(seconds=60, calls=80)
        explore(Target("bmp", refuse), seed=seed, limits=limits, about_to=lambda _, data: found.append(data))
        return found

    first, corpus = inputs(3), list(corpus_of(TARGETS["bmp"]).values())
    assert first == inputs(3)
    assert first[: len(corpus)] == inputs(4)[: len(corpus)] == corpus
    assert first != inputs(4)


@pytest.mark.parametrize("folder", ["png", "jpeg", "webp", "bmp", "convert"])
def test_parts_put_together_are_the_file(folder: str) -> None:
    for path in sorted((CORPUS / folder).iterdir()):
        data = path.read_bytes()
        (structure,) = (each for each in STRUCTURES if data.startswith(each.starts))
        parts = structure.split(data)
        assert parts
        again = structure.join(parts)
        assert structure.split(again) == parts
        if folder not in ("webp", "convert"):  # chunks of Pillow, members that are packed
            assert again == data, path.name


def test_changes_of_tags_leave_the_rest() -> None:
    data = (CORPUS / "tiff" / "tiled.tif").read_bytes()
    changed = [tiff_edited(Random(seed), data) for seed in range(200)]
    same = [sum(a == b for a, b in zip(data, each, strict=False)) for each in changed]
    assert sum(count > len(data) - 40 for count in same) > 150
    assert sum(each != data for each in changed) > 150


def test_every_kind_of_file_is_changed() -> None:
    for target in TARGETS.values():
        for name, data in corpus_of(target).items():
            found = {mutated(Random(seed), data, data) for seed in range(20)}
            assert len(found) > (10 if len(data) > 50 else 3), name
            for each in found:  # also of what is hardly a file any more
                mutated(Random(0), mutated(Random(1), each, b""), b"")


def test_what_a_process_was_at_is_noted(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom fuzz_loop import Guard\n"
        "guard = Guard(Path(sys.argv[1]))\nguard.about_to(7, b'the input')\n"
        "os.write(2, b'four')\nassert (guard.printed(), guard.printed()) == ('four', '')\n"
        "guard.told.write('said')\nguard.told.flush()\nos.abort()"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=env, capture_output=True, check=False
    )
    assert done.returncode < 0
    assert (done.stdout, done.stderr) == (b"said", b"")
    assert noted(tmp_path) == (7, b"the input")
    assert "Aborted" in (tmp_path / "trace").read_text()
    assert Guard.__doc__
