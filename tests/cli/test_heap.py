"""Keeping memory for the next arrays, where the C library can."""

from __future__ import annotations

import subprocess
import sys

import pytest

KEEPS = """
import sys
from restore.cli.heap import keep_memory
print(keep_memory())
import numpy as np
sums = [float(np.ones(20_000_000).sum()) for _ in range(3)]
assert sums == [2e7] * 3
"""

GIVES_BACK = """
from pathlib import Path
import numpy as np
from restore.cli.heap import keep_memory
from restore.images import memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

print(keep_memory())
arrays = [np.ones(2**22) for _ in range(8)]
pins = [bytes(2000) for _ in range(100)]  # these lie behind the arrays
del arrays
before = resident()
memory.available = lambda: 2**30
try:
    memory.check_need(2**31, "a.png", "crop it")
except memory.ImageError:
    print(before - resident() > 2**27)
"""


def test_arrays_after_it() -> None:
    run = subprocess.run([sys.executable, "-c", KEEPS], capture_output=True, text=True, check=True)
    assert run.stdout.split()[0] in ("True", "False")


def test_memory_is_given_back_before_a_picture_is_refused() -> None:
    run = subprocess.run([sys.executable, "-c", GIVES_BACK], capture_output=True, text=True, check=True)
    kept, gave_back = run.stdout.split()
    assert kept == "False" or gave_back == "True"


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    from restore.cli.heap import keep_memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_memory()
