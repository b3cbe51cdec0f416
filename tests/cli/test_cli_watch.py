"""``--watch``: what is there, what comes, what is bad, a folder that vanishes, and the end."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_photos import PHOTO
from commands import check_events, cli
from copying_program import COPYING
from PIL import Image

from restore.cli import changes
from restore.cli.watching import Watching
from restore.errors import OutputError
from restore.images import Listing

ROOT = Path(__file__).parents[2]
SECONDS = 120  # until a test gives up

pytestmark = [
    pytest.mark.usefixtures("here"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals"),
]


class Watched:
    """The program, watching the folder ``in``."""

    def __init__(self, *words: str, copies: bool = True) -> None:
        Image.new("L", PHOTO.shape[1::-1]).save("black.png")
        # A mask without a hole: pictures are copied, and no network is needed.
        command = ["inpaint", "in", "--mask", "black.png"] if copies else ["denoise", "in", "--sigma", "20"]
        words = (*command, "--watch", "--settle", "0.2", "--json", "--no-config", *words)
        begin = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        begin += "from restore.cli import watching; watching.EVERY = 0.2\n"
        begin += "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        self._process = subprocess.Popen(
            [sys.executable, "-c", f"{begin}{COPYING}", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._rest = b""

    def line(self) -> dict[str, Any]:
        """The next event."""
        assert self._process.stdout is not None
        end = time.monotonic() + SECONDS
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], end - time.monotonic())
            assert ready, "no event came"
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            assert part, self._process.communicate()[1].decode()
            self._rest += part
        data, self._rest = self._rest.split(b"\n", 1)
        check_events(data.decode())
        told: dict[str, Any] = json.loads(data)
        return told

    def until(self, *status: str) -> list[tuple[str, str]]:
        """Names of pictures, and what became of them, until the folder is in such a state."""
        found = []
        while (told := self.line())["event"] != "watch" or told["status"] not in status:
            if told["event"] == "picture":
                found.append((Path(told["input"]).name, told["status"]))
        return found

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Its exit code, and what it said last."""
        self._process.send_signal(number)
        out, err = self._process.communicate(timeout=SECONDS)
        lines = (self._rest + out).decode().splitlines()
        assert json.loads(lines[-1])["status"] == "stopped", err
        return self._process.returncode, err.decode()

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


@pytest.fixture
def watch(here: Path) -> Iterator[Any]:
    running: list[Watched] = []

    def start(*words: str, **rest: Any) -> Watched:
        running.append(Watched(*words, **rest))
        return running[-1]

    Path("in").mkdir()
    yield start
    for each in running:
        each.close()


def put(name: str, data: bytes | None = None) -> None:
    """Let a picture be there at once."""
    path = Path("in", name)
    path.parent.mkdir(exist_ok=True, parents=True)
    Path("part").write_bytes(Path("photo.png").read_bytes() if data is None else data)
    Path("part").rename(path)


def test_the_wrong_words() -> None:
    Path("in").mkdir()

    def said(*words: str) -> str:
        done = cli("inpaint", *words, "--mask", "mask.png")
        assert done.exit_code == 2
        return done.stderr.splitlines()[-1]

    assert "--watch takes one folder, got a file" in said("photo.png", "--watch")
    assert "--watch takes one folder, got 2 inputs" in said("in", "in", "--watch")
    assert "--watch takes one folder, got none" in said("missing", "--watch")
    assert "--watch does not go with --dry-run" in said("in", "--watch", "--dry-run")
    assert "leave {number} out" in said("in", "--watch", "--output-template", "{number}{ext}")
    assert "--poll says how --watch looks for files" in said("in", "--poll")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in").mkdir()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    done = cli("inpaint", "in", "--mask", "mask.png", "--watch")
    assert done.exit_code == 1 and "pip install 'restore-diffusion[watch]', or pass --poll" in done.stderr


def test_what_is_there_what_comes_and_what_is_bad(watch: Any) -> None:
    """Within the folder that is watched: results, the report, and a copy of the mask's name."""
    pytest.importorskip("watchfiles")
    put("a.png")
    running = watch("-o", "in/out", "--report", "in/run.html")
    assert running.until("waiting") == [("a.png", "done")]
    put("b.png")
    put("sub/c.png")
    put("bad.png", b"bad")
    found = []
    while len(found) < 3:
        found += running.until("waiting")
    assert sorted(found) == [("b.png", "done"), ("bad.png", "failed"), ("c.png", "done")]
    put("notes.txt")
    put("bad.png")  # now it is none
    assert running.until("waiting") == [("bad.png", "done")]
    Image.fromarray(255 - PHOTO).save("photo.png")
    put("b.png")  # another picture: its result is replaced
    assert running.until("waiting") == [("b.png", "done")]
    with Image.open("in/out/b.png") as shown:
        assert (np.asarray(shown) == 255 - PHOTO).all()
    code, said = running.stop()
    assert code == 0 and said.endswith("note: stopped\n") and said.count("bad.png: expected a PNG") == 1
    names = sorted(str(path) for path in Path("in/out").rglob("*"))
    assert names == [f"in/out/{each}" for each in ("a.png", "b.png", "bad.png", "sub", "sub/c.png")]
    assert Path("in/run.html").read_bytes().count(b'"name":"in/') == 6
    assert not list(Path().rglob(".restore-*.part"))


def test_a_folder_that_vanishes_and_results_beside(watch: Any) -> None:
    put("a.png")
    running = watch("--poll", "--suffix", "x")
    assert running.until("waiting") == [("a.png", "done")]
    Path("in").rename("gone")
    assert running.until("gone") == []
    Path("gone").rename("in")
    put("b.png")
    assert running.until("back") == []
    assert running.until("waiting") == [("b.png", "done")]
    assert sorted(each.name for each in Path("in").iterdir()) == ["a-x.png", "a.png", "b-x.png", "b.png"]
    assert running.stop(signal.SIGINT)[0] == 0
    again = watch("--poll", "--suffix", "x")  # results of the first are known
    found = again.until("waiting")
    assert [each for each in found if each[1] == "skipped"] == [("a.png", "skipped"), ("b.png", "skipped")]
    assert {status for _, status in found} <= {"skipped", "left out"}
    assert again.stop()[0] == 0


@pytest.mark.slow
def test_a_network_is_loaded_once_and_a_picture_at_hand_is_given_up(watch: Any, weights: Path) -> None:
    pytest.importorskip("watchfiles")
    put("a.png")
    running = watch("-o", "out", "--weights", str(weights), "--verbose", copies=False)
    assert running.until("waiting") == [("a.png", "done")]
    put("b.png")
    assert running.until("waiting") == [("b.png", "done")]
    Image.new("RGB", (300, 200), (90, 80, 70)).save("photo.png")
    for number in range(20):
        put(f"large{number}.png")
    while running.line().get("output") != "out/large0.png":
        pass
    code, said = running.stop()
    assert code == 143 and "the picture at hand was given up" in said
    assert said.count("weights") == said.count("weights", 0, said.index("b.png"))  # told as they are loaded
    done = list(Path("out").glob("large*"))
    assert 0 < len(done) < 20 and not list(Path("out").glob(".*"))
    for each in done:
        with Image.open(each) as whole:
            whole.load()


class Folder:
    """Watches in this process, with times that are short."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(changes, "TURN", 0.01)
        monkeypatch.setattr("restore.cli.watching.TURN", 0.01)
        monkeypatch.setattr("restore.cli.watching.EVERY", 0.02)
        monkeypatch.setattr("restore.cli.watching.RETRY", 0.05)
        Path("in").mkdir()
        self.found: list[list[str]] = []
        self.said: list[str] = []

    def run(self, restore: Any, tell: Any = lambda *_: None) -> None:
        watching = Watching(Path("in"), restore, settle=0.01, tell=tell, trouble=self.said.append)
        with pytest.raises(KeyboardInterrupt):
            watching.run(ours=lambda path: path.name == "ours.png", ignore=["old*"], poll=True)


def test_results_that_cannot_be_written_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(monkeypatch)
    for name in ("a.png", "ours.png", "old.png"):
        put(name)

    def restore(listing: Listing) -> None:
        folder.found.append([path.name for path in listing.pictures])
        if len(folder.found) < 4:
            raise OutputError("out: no permission")
        raise KeyboardInterrupt

    folder.run(restore)
    assert folder.found == [["a.png"]] * 4
    assert folder.said == ["out: no permission; tried again from time to time"]


def test_what_is_not_read_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(monkeypatch)
    put("a.psd")
    os.mkfifo("in/pipe.png")
    told: list[tuple[int, int]] = []

    def tell(status: str, _: str) -> None:
        if len(told) == 2:
            raise KeyboardInterrupt
        put("b.psd")

    def restore(listing: Listing) -> None:
        told.append((len(listing.unread), len(listing.problems)))

    folder.run(restore, tell)
    assert told == [(1, 1), (1, 0)]


def test_a_folder_that_is_replaced_is_watched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(monkeypatch)
    statuses: list[str] = []

    def tell(status: str, _: str) -> None:
        statuses.append(status)
        if statuses == ["waiting"]:
            shutil.move("in", "gone")
        if status == "gone":
            Path("in").mkdir()
            put("a.png")

    def restore(listing: Listing) -> None:
        folder.found.append([path.name for path in listing.pictures])
        raise KeyboardInterrupt

    folder.run(restore, tell)
    assert statuses[:3] == ["waiting", "gone", "back"] and folder.found == [["a.png"]]


def test_events_before_the_first_wait_are_noticed() -> None:
    pytest.importorskip("watchfiles")
    Path("in").mkdir()
    with changes.changes_in(Path("in"), lambda path: path.name != "ours.png", poll=False) as wait:
        put("ours.png")
        assert not wait()
        put("a.png")
        assert any(wait() for _ in range(20))
