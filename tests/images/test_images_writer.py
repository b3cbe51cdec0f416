"""Writing: verified, then renamed; where that fails, one clear line and nothing left half done."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from picture_files import PIXELS, random_samples, refusal

from restore import images
from restore.errors import OutputError
from restore.images import publishing, writer
from restore.images.picture import Picture
from restore.images.reader import read
from restore.images.writer import write


def test_missing_folders_and_folders_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "no" / "a.png"
    assert refusal(path) == f"cannot write (folder {path.parent} does not exist); create the folder first"
    (tmp_path / "a.png").mkdir()
    assert refusal(tmp_path / "a.png", overwrite=True).startswith("expected a file name, got a folder; ")
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "a.png") == "cannot write (Not a directory); choose another folder"


def test_existing_files_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    assert refusal(path) == "the file is already there; choose another name or pass --overwrite"
    assert path.read_bytes() == b"old"


def test_new_files_have_ordinary_permissions_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    plain, path = tmp_path / "plain", tmp_path / "out.png"
    plain.touch()
    write(path, Picture(random_samples((4, 5, 3))))
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o640)
    write(path, Picture(random_samples((4, 5, 3))), overwrite=True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_overwriting_a_link_replaces_what_it_points_to(tmp_path: Path) -> None:
    target, link = tmp_path / "target.png", tmp_path / "link.png"
    target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(OutputError, match="already there"):
        write(link, Picture(random_samples((4, 5, 3))))
    write(link, Picture(random_samples((4, 5, 3))), overwrite=True)
    assert link.is_symlink() and read(target).size == (4, 5)


@pytest.fixture(params=["new", "old"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A path to write to, in an empty folder or over an older file; afterwards all is as before."""
    path = tmp_path / "a.png"
    if request.param == "old":
        path.write_bytes(b"old")
    before = sorted(tmp_path.iterdir())
    yield path
    assert sorted(tmp_path.iterdir()) == before
    assert not before or path.read_bytes() == b"old"


def failing(error: BaseException) -> object:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "cannot write (No space left on device); free some space or write elsewhere"),
        (errno.EACCES, "cannot write (Permission denied); choose a folder that can be written to"),
        (errno.EROFS, "cannot write (Read-only file system); choose a folder that can be written to"),
    ],
)
def test_failing_in_the_middle(target: Path, monkeypatch: pytest.MonkeyPatch, code: int, hint: str) -> None:
    monkeypatch.setattr(os, "fsync", failing(OSError(code, os.strerror(code))))
    assert refusal(target, overwrite=True) == hint


def test_failing_at_the_rename(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "replace", failing(PermissionError(errno.EPERM, "Operation not permitted")))
    assert refusal(target, overwrite=True).startswith("cannot write (Operation not permitted)")


def test_a_write_that_really_stops_half_way(target: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(OutputError) as caught:
            write(target, Picture(PIXELS), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot write (File too large)" in str(caught.value)


def test_interrupted(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        write(target, Picture(PIXELS), overwrite=True)


def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    message = refusal(tmp_path / "a.png")
    tmp_path.chmod(0o700)
    assert message == "cannot write (Permission denied); choose a folder that can be written to"


@pytest.mark.parametrize("harm", ["cut", "other"])
def test_what_reads_back_wrong_is_not_kept(target: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    right = writer._write_out
    other = images.encode(Picture(PIXELS[::-1].copy()), "png")

    def wrong(temporary: Path, data: bytes) -> None:
        right(temporary, data[:-20] if harm == "cut" else other)

    monkeypatch.setattr(writer, "_write_out", wrong)
    found = "cannot be read" if harm == "cut" else "reads back wrong"
    assert found in refusal(target, overwrite=True)


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "a.png"

    def appear(_: int) -> None:
        path.write_bytes(b"somebody else's")

    monkeypatch.setattr(os, "fsync", appear)
    if not links:
        monkeypatch.setattr(Path, "hardlink_to", failing(OSError(errno.EPERM, "no links here")))
    assert refusal(path) == "the file is already there; choose another name or pass --overwrite"
    assert path.read_bytes() == b"somebody else's"
    assert list(tmp_path.iterdir()) == [path]


def test_file_systems_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    monkeypatch.setattr(Path, "hardlink_to", failing(OSError(errno.EPERM, "no links here")))
    write(path, Picture(PIXELS))
    np.testing.assert_array_equal(read(path).pixels, PIXELS)
    path.unlink()
    monkeypatch.setattr(publishing, "rename_new", failing(OSError(errno.EIO, "Input/output error")))
    assert refusal(path).startswith("cannot write (Input/output error)")
    assert list(tmp_path.iterdir()) == []
