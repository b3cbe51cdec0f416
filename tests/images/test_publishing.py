"""Names for finished files: exclusive on every file system, and nothing of a killed process stays."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from restore import images
from restore.errors import AlreadyThereError, OutputError
from restore.images import publishing
from restore.images.publishing import OLD, publish, sweep, temporary_name

PICTURE = images.Picture(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))


def refusing(number: int) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return refuse


@pytest.fixture(params=["links", "renames", "markers"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a name can be taken: a file system with hard links, one without, one that has neither way."""
    if request.param != "links":
        monkeypatch.setattr(Path, "hardlink_to", refusing(errno.EPERM))
    if request.param == "markers":
        monkeypatch.setattr(publishing, "rename_new", refusing(errno.EINVAL))
    return str(request.param)


def test_a_name_is_taken_once(way: str, tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    images.write(target, PICTURE)
    assert np.array_equal(images.read(target).pixels, PICTURE.pixels)
    before = target.read_bytes()
    other = tmp_path / temporary_name()
    other.write_bytes(b"another's")
    with pytest.raises(FileExistsError):
        publish(other, target, overwrite=False)
    assert target.read_bytes() == before
    other.unlink()
    assert list(tmp_path.iterdir()) == [target]


def test_there_is_never_an_empty_file(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill at any moment leaves no file of that name, or the whole one."""
    target = tmp_path / "a.png"
    seen: list[int] = []

    def look(frame: object, event: str, argument: object) -> None:
        if target.exists():
            seen.append(target.stat().st_size)

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        images.write(target, PICTURE)
    finally:
        sys.setprofile(before)
    assert seen and set(seen) == {target.stat().st_size}


def test_an_empty_file_counts_as_none(way: str, tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.touch()
    images.write(target, PICTURE)
    assert images.read(target).size == (4, 5)
    (tmp_path / "void.png").touch()
    link = tmp_path / "link.png"
    link.symlink_to("void.png")
    with pytest.raises(AlreadyThereError):  # a link is not followed
        images.write(link, PICTURE)
    assert link.is_symlink() and (tmp_path / "void.png").read_bytes() == b""
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_many_at_once(way: str, tmp_path: Path) -> None:
    target, won, lost = tmp_path / "a.bin", [], []

    def write(k: int) -> None:
        try:
            images.write_bytes(target, bytes([k]) * 100)
            won.append(k)
        except AlreadyThereError:
            lost.append(k)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 7
    assert target.read_bytes() == bytes(won) * 100
    assert list(tmp_path.iterdir()) == [target]


def test_a_marker_of_a_killed_process_is_waited_for_and_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", refusing(errno.EPERM))
    monkeypatch.setattr(publishing, "rename_new", refusing(errno.ENOSYS))
    monkeypatch.setattr(publishing, "PATIENCE", 0.2)
    markers: list[Path] = []
    opened = os.open

    def note(path: Path, *rest: object) -> int:
        if ".restore-marker-" in str(path):
            markers.append(Path(path))
        return opened(path, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", note)
    images.write(tmp_path / "a.png", PICTURE)
    (tmp_path / "a.png").unlink()
    markers[0].touch()
    start = time.monotonic()
    images.write(tmp_path / "a.png", PICTURE)
    assert time.monotonic() - start >= 0.2
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="renameat2")
def test_the_system_renames_without_replacing(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        publishing.rename_new(source, target)
    assert target.read_bytes() == b"old"
    target.unlink()
    publishing.rename_new(source, target)
    assert target.read_bytes() == b"new" and not source.exists()


@pytest.mark.parametrize("kind", ["folder", "loose link", "pipe"])
def test_what_is_in_the_way(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.png"
    {
        "folder": path.mkdir,
        "loose link": lambda: path.symlink_to("nowhere.png"),
        "pipe": lambda: os.mkfifo(path),
    }[kind]()
    got = {"folder": "a folder", "loose link": "a link to nothing", "pipe": "a named pipe"}[kind]
    with pytest.raises(OutputError, match=f"expected a file name, got {got}; ") as caught:
        images.write(path, PICTURE)
    assert not isinstance(caught.value, AlreadyThereError)
    if kind != "loose link":
        with pytest.raises(OutputError, match=f"expected a file name, got {got}; "):
            images.write(path, PICTURE, overwrite=True)
    else:
        images.write(path, PICTURE, overwrite=True)
        assert images.read(tmp_path / "nowhere.png").size == (4, 5)


@pytest.mark.parametrize("name", ["", "a" * 252 + ".png", "a\0b.png", "x/" * 2100 + "a.png", "\ud800.png"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    for call in (lambda: images.write(name, PICTURE), lambda: images.write_bytes(name, b"x")):
        with pytest.raises(OutputError, match=r"^[^\n]*: expected ") as caught:
            call()
        assert len(str(caught.value).encode("utf-8", "replace")) < 300


# ------------------------------------------------------------------------------------ what is left behind


def gone() -> int:
    """The number of a process that has ended."""
    return int(subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"],
                              capture_output=True, check=True).stdout)  # fmt: skip


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    mine = temporary_name()
    dead = mine.replace(f"-{os.getpid()}-", f"-{gone()}-")
    elsewhere = mine.replace(publishing.machine_mark(), "0123456789ab")
    old = elsewhere.replace(".part", "").rpartition("-")[0] + "-0123456789abcdef.part"
    marker = ".restore-marker-0123456789abcdef.part"
    foreign = [".0123456789abcdef.part", "photo.part", ".restore.part", f"{dead}.png", ".restore-notes.part"]
    for name in (mine, dead, elsewhere, old, marker, *foreign):
        (tmp_path / name).write_bytes(b"x")
    day = time.time() - OLD - 60
    for name in (old, marker, *foreign):
        os.utime(tmp_path / name, (day, day))
    linked = dead[: -len("0.part")] + ("1.part" if dead.endswith("0.part") else "0.part")
    (tmp_path / linked).symlink_to("photo.part")
    sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {mine, elsewhere, linked, *foreign}
    sweep(tmp_path / "missing")


def test_python_cleans_a_folder_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = temporary_name().replace(f"-{os.getpid()}-", f"-{gone()}-")
    (tmp_path / dead).touch()
    images.write(tmp_path / "a.png", PICTURE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    monkeypatch.setattr(os, "scandir", refusing(errno.EIO))
    images.write(tmp_path / "b.png", PICTURE)


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys, numpy as np\n"
        "from restore import images\n"
        "os.fsync = lambda _: os.kill(os.getpid(), 9)\n"
        "images.write(sys.argv[1], images.Picture(np.zeros((4, 5, 3), np.uint8)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], check=False)
    assert done.returncode == -9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".restore-") and left.name.endswith(".part")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []
