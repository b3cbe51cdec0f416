"""Every file of the corpus, and some changes of each, lead to a result or one of our errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_judge import judged
from fuzz_loop import CORPUS, Limits, corpus_of, explore
from fuzz_targets import TARGETS, warm

HEAVY = ("training", "weights", "convert")  # torch takes longer to import than a test may
CASES = [pytest.param(name, marks=pytest.mark.slow if name in HEAVY else ()) for name in TARGETS]


@pytest.mark.parametrize("name", CASES)
def test_every_file_of_the_corpus_keeps_the_promises(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    target = TARGETS[name]
    files = corpus_of(target)
    warm(target)
    faults = {file: judged(target, data).fault for file, data in files.items()}
    assert files
    assert {file: fault for file, fault in faults.items() if fault} == {}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", CASES)
def test_changed_files_keep_the_promises(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A few; `run.py` tries many, in a process of its own."""
    target = TARGETS[name]
    warm(target)
    report = explore(target, seed=0, limits=Limits(seconds=1.5, calls=300))
    assert report.calls > len(corpus_of(target))
    assert [fault for fault, _ in report.faults.values()] == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_the_command_finds_nothing_and_says_so(tmp_path: Path) -> None:
    script = Path(__file__).with_name("run.py")
    command = [sys.executable, str(script), "record", "--calls", "9", "--seed", "5", "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"record: 9 inputs, \d+ kept, 0 faults \(seed 5\)\n", done.stdout)


def test_every_folder_of_the_corpus_is_read_and_small() -> None:
    files = {path: path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()}
    read = {f"{CORPUS}/{name}" for target in TARGETS.values() for name in corpus_of(target)}
    unread = {str(path) for path in files} - read - {str(CORPUS / "make.py")}
    assert {path for path in unread if "__pycache__" not in path} == set()
    assert max(files.values()) < 20_000
    assert sum(files.values()) < 300_000
