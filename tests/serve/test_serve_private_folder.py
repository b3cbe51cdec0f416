"""The private folder: for one user alone, and gone in the end, whatever the end is."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restore.cli.serve import private_folder as module
from restore.cli.serve.private_folder import LOCK, PREFIX, PrivateFolder, check_room, remove_leftovers
from restore.cli.serve.refusals import Refusal
from restore.errors import OutputError

ROOT = Path(__file__).parents[2]
SERVER = """
import sys, time
from pathlib import Path
from restore.cli import signals
from restore.cli.serve.private_folder import PrivateFolder
signals.install(), signals.begin()
with PrivateFolder(Path(sys.argv[1])) as private:
    (private.folder("session") / "photo.png").write_bytes(b"x")
    print(private.path, flush=True)
    if sys.argv[2] == "fault":
        raise RuntimeError("a fault")
    if sys.argv[2] == "exit":
        sys.exit(3)
    time.sleep(60)
"""


def begun(parent: Path, end: str = "wait") -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(parent), end], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout:
        return process, Path(process.stdout.readline().strip())


def left(parent: Path) -> list[str]:
    return sorted(path.name for path in parent.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_for_one_user_alone_and_removed(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with PrivateFolder(tmp_path) as private:
            assert private.path.parent == tmp_path
            assert mode(private.path) == 0o700
            inner = private.folder("session")
            assert private.folder("session") == inner
            (inner / "photo.png").write_bytes(b"x")
            assert mode(inner) == 0o700
            assert mode(inner / "photo.png") == 0o600
            subprocess.run(["touch", inner / "of-a-child"], check=True)
            assert mode(inner / "of-a-child") == 0o600
        assert left(tmp_path) == []
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_what_resists_is_removed_and_what_links_lead_to_is_not(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    with PrivateFolder(tmp_path) as private:
        inner = private.folder("session")
        (inner / "link").symlink_to(outside)
        (inner / "file").symlink_to(outside / "kept.txt")
        (inner / "deep" / "er").mkdir(parents=True)
        (inner / "deep" / "er" / "x").write_bytes(b"x")
        (inner / "deep").chmod(0)
        inner.chmod(0o500)
        outside.chmod(0o755)
    assert left(tmp_path) == ["outside"]
    assert (outside / "kept.txt").read_text() == "kept"
    assert mode(outside) == 0o755


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    with PrivateFolder(tmp_path) as private:
        (private.path / "session").symlink_to(tmp_path)
        with pytest.raises(OutputError, match="expected a folder, got a link"):
            private.folder("session")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
@pytest.mark.parametrize("end", ["SIGTERM", "SIGINT", "SIGHUP", "fault", "exit"])
def test_it_goes_with_the_program(tmp_path: Path, end: str) -> None:
    process, path = begun(tmp_path, end)
    if end.startswith("SIG"):
        assert path.is_dir()
        process.send_signal(getattr(signal, end))
    assert process.wait(30) != 0
    assert left(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_the_next_server_removes_what_a_killed_one_left_and_nothing_else(tmp_path: Path) -> None:
    killed, dead = begun(tmp_path)
    alive, living = begun(tmp_path)
    killed.kill()
    killed.wait(30)
    assert dead.is_dir()
    try:
        others = (f"{PREFIX}young", f"{PREFIX}link", f"{PREFIX}file", "restore-else")
        (tmp_path / others[0]).mkdir()
        (tmp_path / others[1]).symlink_to(living)
        (tmp_path / others[2]).write_text("a file")
        (tmp_path / others[3]).mkdir()
        with PrivateFolder(tmp_path) as private:
            assert left(tmp_path) == sorted([living.name, private.path.name, *others])
        assert (living / "session" / "photo.png").is_file()
    finally:
        alive.kill()
        alive.wait(30)


def test_an_old_folder_without_a_lock_is_a_leftover(tmp_path: Path) -> None:
    old = tmp_path / f"{PREFIX}old"
    old.mkdir()
    past = time.time() - 2 * module.YOUNG
    os.utime(old, (past, past))
    assert remove_leftovers(tmp_path) == [old]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_lock_that_is_no_file_is_left_alone(tmp_path: Path) -> None:
    for name, make in (
        ("pipe", os.mkfifo),
        ("link", lambda path: Path(path).symlink_to(tmp_path / "elsewhere")),
        ("folder", os.mkdir),
    ):
        folder = tmp_path / f"{PREFIX}{name}"
        folder.mkdir()
        make(folder / LOCK)
    assert remove_leftovers(tmp_path) == []


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_locked", lambda file: None)
    with PrivateFolder(tmp_path) as first, PrivateFolder(tmp_path) as second:
        assert first.path.is_dir()
        assert second.path.is_dir()
    assert left(tmp_path) == []


def test_a_folder_that_another_server_took_for_a_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([False, True])
    monkeypatch.setattr(module, "_locked", lambda file: next(answers))
    with PrivateFolder(tmp_path) as private:
        assert len(left(tmp_path)) == 2
        assert private.path.is_dir()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_that_was_forked_leaves_it(tmp_path: Path) -> None:
    with PrivateFolder(tmp_path) as private:
        child = os.fork()
        if child == 0:
            private.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert private.path.is_dir()


def test_no_place_for_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        with pytest.raises(OutputError, match=r"cannot make a private folder there .* set TMPDIR"):
            PrivateFolder(tmp_path / "missing")
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_what_would_fill_the_disk_is_refused(tmp_path: Path) -> None:
    check_room(tmp_path, 0)
    with pytest.raises(Refusal) as caught:
        check_room(tmp_path, 10**18)
    assert caught.value.status == 507
    assert caught.value.message.startswith(
        "expected at least 953,674,316,470 MB free on the server's disk, got"
    )
    assert str(tmp_path) not in caught.value.message
