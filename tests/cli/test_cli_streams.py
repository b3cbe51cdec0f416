"""Full, closed and broken standard streams, and what terminals are shown: nothing is lost or misled."""

from __future__ import annotations

import errno
import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from command_photos import PHOTO
from commands import cli
from PIL import Image

from restore.cli.printable import MOST, bounded, message, printable, printable_lines
from restore.cli.streams import Lasting
from restore.cli.trouble import trouble

ROOT = Path(__file__).parents[2]
EVIL = "a\x1b[31m\nerror: b\u202e\x9b\u2028\udcff.png"
SHOWN = "a\\x1b[31m\\nerror: b\\xe2\\x80\\xae\\xc2\\x9b\\xe2\\x80\\xa8\\xff.png"

pytestmark = pytest.mark.usefixtures("here")
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
shell = pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")


def run(line: str) -> tuple[int, str, str]:
    """A command line of the shell, with ``restore`` as a program: exit code, standard output and error."""
    program = shlex.join([sys.executable, str(ROOT / "cli.py")])
    done = subprocess.run(
        ["sh", "-c", line.replace("restore", program, 1)],
        capture_output=True, check=False, text=True, timeout=120,
    )  # fmt: skip
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


# An empty hole: the picture is copied, without torch.
COPY = "restore inpaint photo.png --mask black.png -o out.png -q"
NO_SPACE = (
    "error: standard output: cannot write (No space left on device); free some space, or send it elsewhere\n"
)


@pytest.fixture
def copied(here: Path) -> Path:
    Image.new("L", PHOTO.shape[1::-1]).save("black.png")
    return here / "out.png"


@full
def test_a_full_disk_behind_a_stream(copied: Path) -> None:
    assert run(f"{COPY} > /dev/full") == (1, "", NO_SPACE)
    assert copied.read_bytes()[1:4] == b"PNG"
    copied.unlink()
    assert run(f"{COPY} 2> /dev/full") == (0, "out.png\n", "")
    assert copied.exists()
    assert run("restore inpaint photo.png --mask black.png -o - > /dev/full")[::2] == (
        1, "note: black.png: the hole is empty, photo.png is copied\n" + NO_SPACE,
    )  # fmt: skip
    assert run("restore denoise no.png 2> /dev/full") == (1, "", "")
    assert run("restore denoise --bla 2> /dev/full") == (2, "", "")


@full
@pytest.mark.parametrize("words", ["--help", "denoise --help", "--version"])
def test_texts_for_a_full_disk(words: str) -> None:
    code, _, said = run(f"restore {words} > /dev/full")
    assert code == 1
    assert said == NO_SPACE


@shell
@pytest.mark.parametrize(
    ("closed", "path"),
    [("2>&-", "out.png\n"), (">&-", ""), ("<&-", "out.png\n"), ("<&- >&- 2>&-", "")],
)
def test_closed_streams(copied: Path, closed: str, path: str) -> None:
    code, out, said = run(f"{COPY} {closed}")
    assert (code, said) == (0, "")
    assert out == ("" if ">&- " in f"{closed} " and closed != "2>&-" else "out.png\n")
    Image.open(copied).load()  # no line was printed into it
    assert run(f"restore --help {closed}")[0] == 0
    assert run(f"restore denoise no.png {closed}")[0] == 1


@shell
def test_closed_streams_that_are_needed() -> None:
    code, _, said = run("restore denoise - -o out.png <&-")
    assert (code, said) == (1, "error: standard input is closed; pipe a picture into it, or name a file\n")
    code, _, said = run("restore denoise photo.png -o - >&-")
    assert (code, said) == (1, "error: standard output is closed; give a file with -o\n")


@shell
def test_a_reader_that_leaves(copied: Path) -> None:
    """The rest of the pictures is written, and nothing is said."""
    Path("in").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(PHOTO).save(f"in/{name}")
    _, out, said = run("(restore upscale in --scale 2 -o out --dry-run; echo $? > code) | true")
    assert (out, said) == ("", "note: 3 planned (of 3 pictures)\n")
    assert Path("code").read_text() in ("0\n", "1\n")  # whether the reader had left by then


class Pipe(io.RawIOBase):
    """A pipe that takes three bytes at a time and, like one that does not wait, at times none."""

    def __init__(self, fails_after: int):
        self.taken, self.turn, self.fails_after = b"", 0, fails_after

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return sys.__stdout__.fileno()  # type: ignore[union-attr]

    def write(self, data: object) -> int | None:
        self.turn += 1
        if self.turn > self.fails_after:
            raise OSError(errno.EIO, "Input/output error")
        if self.turn % 2:
            return None
        piece = bytes(data)[:3]  # type: ignore[call-overload]
        self.taken += piece
        return len(piece)


def test_a_lasting_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr("select.select", lambda *_: waits.append(1))
    pipe = Pipe(6)
    lasting = Lasting(pipe)
    with io.BufferedWriter(lasting) as stream:
        stream.write(b"abcdefgh")
        stream.flush()
        assert (pipe.taken, lasting.failure, len(waits)) == (b"abcdefgh", None, 3)
        stream.write(b"lost")
        stream.flush()
        assert lasting.failure is not None and lasting.failure.errno == errno.EIO
        stream.write(b"lost, too")
    assert pipe.taken == b"abcdefgh"


# ------------------------------------------------------------------------------- what a terminal is shown


def test_printable() -> None:
    assert (
        printable("caf\xe9 写真\u3000\U0001f468\u200d\U0001f469.png")
        == "caf\xe9 写真\u3000\U0001f468\u200d\U0001f469.png"
    )
    assert printable(EVIL) == SHOWN
    assert printable_lines("a\x07\nb\r") == "a\\x07\nb\\r"


def test_long_messages_keep_both_ends() -> None:
    assert bounded("a" * MOST) == "a" * MOST
    cut = message("name: " + 9000 * "x" + "\x1b; crop it")
    assert len(cut) == MOST
    assert cut.startswith("name: xxx") and " ... " in cut and cut.endswith("x\\x1b; crop it")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["denoise", EVIL], 1),
        (["denoise", "photo.png", "--weights", EVIL], 1),
        (["denoise", "photo.png", "--method", EVIL], 2),
        (["denoise", "photo.png", f"--{EVIL}"], 2),
        ([EVIL], 2),
        (["denoise", "photo.png", "--config", EVIL], 1),
        (["denoise", "photo.png", "--config", "evil.toml"], 1),
        (["info", EVIL], 1),
        (["train", EVIL], 1),
        (["convert", EVIL, "-o", "x.safetensors"], 1),
        (["eval", "denoise", "--data", EVIL], 1),
        (["deblur", "photo.png", "--kernel", EVIL], 2),
        (["denoise", f"{9000 * 'x'}.png"], 2),
    ],
)  # fmt: skip
def test_names_cannot_steer_the_terminal(words: list[str], code: int) -> None:
    Path("evil.toml").write_text('"a\\u001b[31m\\nerror: b\\u202e" = 1')
    done = cli(*words)
    assert done.exit_code == code
    line = done.stderr.splitlines()[-1]
    assert line.lower().startswith("error: ") and len(line) < MOST + 10
    assert not set(done.stderr) & set("\x1b\x9b\u202e\u2028")
    assert "\nerror: b" not in done.stderr


def test_a_path_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch, weights: Path) -> None:
    Path("photo.png").rename("p\x1b\n.png")
    words = ["denoise", "p\x1b\n.png", "--sigma", "9", "--weights", str(weights), "--overwrite"]
    assert cli(*words).stdout_bytes == b"p\x1b\n-denoised.png\n"
    assert cli(*words, "--dry-run").stdout == "p\\x1b\\n.png (37x31) -> p\\x1b\\n-denoised.png (37x31)\n"
    monkeypatch.setattr("restore.cli.reporter.on_terminal", lambda stream: stream is sys.stdout)
    assert cli(*words).stdout == "p\\x1b\\n-denoised.png\n"


def test_names_that_begin_with_a_dash(weights: Path) -> None:
    Path("photo.png").rename("-photo.png")
    words = ["--sigma", 9, "--weights", weights]
    done = cli("denoise", *words, "--", "-photo.png")
    assert (done.exit_code, done.stdout) == (0, "-photo-denoised.png\n")
    assert cli("denoise", *words, "-o", "-out.png", "--", "-photo.png").stdout == "-out.png\n"
    assert cli("denoise", *words, "-o", "-also.png", "./-photo.png").stdout == "-also.png\n"


# --------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "not enough memory; lower --tile, or crop the picture"),
        (RecursionError("deep"), "the input is nested too deeply; simplify it"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device; check the disk"),
        (OSError(errno.EIO, "I/O error", "a.png"), "a.png: I/O error; check the file and the disk"),
    ],
)
def test_trouble_outside_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception, said: str) -> None:
    assert trouble(error) == said

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("restore.cli.commands.info.read_named", fails)
    done = cli("info", "photo.png")
    assert (done.exit_code, done.stderr) == (1, f"error: {said}\n")
    monkeypatch.setattr("restore.images.decode", fails)
    done = cli("denoise", "photo.png")
    assert (done.exit_code, done.stderr) == (1, f"error: photo.png: {said}\n")


def test_a_fault_keeps_its_traceback_and_asks_for_a_report() -> None:
    code = (
        "import restore.cli.commands.info as info\n"
        "def fails(file): raise ZeroDivisionError('oh')\n"
        "info.read_named = fails\n"
        "from restore.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "info", "photo.png"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "ZeroDivisionError: oh" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: a fault in this program; please report it")
