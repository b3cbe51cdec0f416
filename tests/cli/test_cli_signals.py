"""Ctrl-C, SIGTERM and SIGHUP: one line, the exit code of the signal, and no temporary file is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_photos import PHOTO, files
from copying_program import COPYING
from PIL import Image

ROOT = Path(__file__).parents[2]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if sys.platform != "win32" else []

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]

BEGIN = f"""
import os, pathlib, signal, sys
sys.path.insert(0, {str(ROOT)!r})
for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # a test run in the background has them turned off
    number = getattr(signal, name)
    signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)
def stop(*_):
    os.kill(os.getpid(), NUMBER)
"""
END = """
from restore.__main__ import main
main()
"""
IN_WRITING = """
os.fsync = stop
"""
IN_CLEANING_UP = """
real = pathlib.Path.unlink
def unlink(path, missing_ok=False):
    if str(path).endswith(".part") and not stopped:
        stopped.append(path)
        stop()
    real(path, missing_ok)
stopped = []
pathlib.Path.unlink = unlink
"""
IN_IMPORTING = """
class Finder:
    def find_spec(self, name, *_):
        if name == "click":
            stop()
sys.meta_path.insert(0, Finder())
"""
IN_A_FINALISER = """
import weakref
class Thing:
    pass
def write(fd):
    thing = Thing()
    reference = weakref.ref(thing, stop)
    del thing
    import time
    time.sleep(5)
os.fsync = write
"""
COPY = ["inpaint", "photo.png", "--mask", "black.png", "-o", "out.png", "-q"]  # without torch


def run(
    number: signal.Signals, moment: str, *words: str, before: str = "", end: str = COPYING
) -> tuple[int, str, str]:
    """The program, which sends itself a signal in a certain moment: exit code, standard output and error."""
    Image.new("L", PHOTO.shape[1::-1]).save("black.png")
    code = BEGIN.replace("NUMBER", str(int(number))) + before + moment + end
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, check=False, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def left() -> list[str]:
    return [name for name in files() if name not in ("black.png", "mask.png", "photo.png")]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_picture_is_written(number: signal.Signals) -> None:
    said = "error: interrupted with 0 of 1 done; nothing was written\n"
    assert run(number, IN_WRITING, *COPY) == (128 + number, "", said)
    assert left() == []


def test_a_signal_while_the_temporary_file_is_removed() -> None:
    code, _, said = run(signal.SIGTERM, IN_CLEANING_UP, *COPY)
    assert (code, said.splitlines()) == (143, ["error: interrupted with 0 of 1 done; nothing was written"])
    assert left() == ["out.png"]  # which had its name by then


def test_two_signals_are_one() -> None:
    code, _, said = run(signal.SIGINT, IN_WRITING + IN_CLEANING_UP, *COPY)
    assert (code, said.splitlines()) == (130, ["error: interrupted with 0 of 1 done; nothing was written"])
    assert left() == []


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_modules_are_imported(number: signal.Signals) -> None:
    assert run(number, IN_IMPORTING, *COPY, end=END) == (128 + number, "", "error: interrupted\n")


def test_an_interrupt_that_python_loses_is_repeated() -> None:
    code, _, said = run(signal.SIGINT, IN_A_FINALISER, *COPY)
    assert (code, said) == (130, "error: interrupted with 0 of 1 done; nothing was written\n")
    assert left() == []


def test_a_signal_that_is_ignored_stays_so() -> None:
    """As with nohup, and with Ctrl-C in a shell that has put the program into the background."""
    for number in (signal.SIGHUP, signal.SIGINT):
        ignored = f"signal.signal({int(number)}, signal.SIG_IGN)\n"
        assert run(number, IN_WRITING, *COPY, before=ignored) == (0, "out.png\n", "")
        Path("out.png").unlink()


@pytest.mark.slow
def test_a_folder_goes_on_after_a_signal() -> None:
    Path("in").mkdir()
    for name in "abc":
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(f"in/{name}.png")
    second = "real = os.fsync; calls = []\ndef write(fd):\n    calls.append(fd)\n"
    second += "    stop() if len(calls) == 2 else real(fd)\nos.fsync = write\n"
    nothing = (
        "import restore.cli.commands.vary as vary\nvary._area = lambda p, s: (__import__('numpy').zeros("
    )
    nothing += "s.picture.size, bool), ())\n"
    words = ["vary", "in", "-o", "out", "--mask", "mask.png", "-q", "--jobs", "1"]
    code, out, said = run(signal.SIGTERM, second + nothing, *words, end=END)
    assert (code, out) == (143, "out/a.png\n")
    assert said == "error: interrupted with 1 of 3 done; run the same command again to go on\n"
    assert files("out") == ["out/a.png"]
