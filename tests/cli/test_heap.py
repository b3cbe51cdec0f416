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


def test_arrays_after_it() -> None:
    run = subprocess.run([sys.executable, "-c", KEEPS], capture_output=True, text=True, check=True)
    assert run.stdout.split()[0] in ("True", "False")


def test_another_system(monkeypatch: pytest.MonkeyPatch) -> None:
    from restore.cli.heap import keep_memory

    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_memory()
