"""Folders of pictures, outputs that are there already, and interrupts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from command_photos import PHOTO, H, W, files, interrupt
from commands import cli
from PIL import Image

from restore import images
from restore.tasks import denoise, sample

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def test_a_folder_with_a_bad_file(weights: Path) -> None:
    for name in ("in/a.png", "in/deep/b.png", "in/deep/c.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO[:8, :9]).save(name)
    Path("in/deep/bad.png").write_bytes(Path("photo.png").read_bytes()[:200])
    arguments = ["denoise", "in", "-o", "out", "--sigma", "10", "--weights", weights]
    done = cli(*arguments)
    assert done.exit_code == 1
    assert done.stdout == "out/a.png\nout/deep/b.png\nout/deep/c.png\n"
    error, count = done.stderr.splitlines()
    assert error.startswith("error: in/deep/bad.png: expected a whole picture, got a damaged or truncated")
    assert count == "error: 3 restored, 1 failed (of 4 pictures)"
    before = Path("out/a.png").stat()
    Path("out/deep/c.png").unlink()
    hint = "pass --overwrite to replace those there already"
    done = cli(*arguments)
    assert (done.exit_code, done.stdout) == (1, "out/deep/c.png\n")
    assert done.stderr.splitlines()[-1] == (
        f"error: 1 restored, 2 there already and kept, 1 failed (of 4 pictures); {hint}"
    )
    Path("in/deep/bad.png").unlink()
    done = cli(*arguments)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"note: 0 restored, 3 there already and kept (of 3 pictures); {hint}\n"
    assert Path("out/a.png").stat() == before
    done = cli(*arguments, "--overwrite")
    assert (done.exit_code, done.stderr) == (0, "note: 3 restored (of 3 pictures)\n")
    assert Path("out/a.png").stat() != before


def test_one_output_that_is_there_is_kept(weights: Path) -> None:
    Path("out.png").write_bytes(b"old")
    Path("photo-x2.png").write_bytes(b"old")
    kept = "is there already and was kept; pass --overwrite to replace it\n"
    for arguments, name in (
        (["denoise", "photo.png", "-o", "out.png"], "out.png"),
        (["denoise", "-", "-o", "out.png"], "out.png"),
        (["inpaint", "photo.png", "--mask", "mask.png", "-o", "out.png"], "out.png"),
        (["upscale", "photo.png", "--scale", "2"], "photo-x2.png"),
    ):
        done = cli(*arguments)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"note: {name} {kept}")
        assert cli(*arguments, "--quiet").stderr == ""
        assert Path(name).read_bytes() == b"old"
    done = cli("denoise", "photo.png", "-o", "out.png", "--overwrite", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out.png\n", "")
    assert images.read("out.png").size == (H, W)


def test_the_same_bytes_alone_and_in_a_folder(weights: Path) -> None:
    Path("in").mkdir()
    for k in range(3):
        Image.fromarray(PHOTO[:8, k : k + 9]).save(f"in/{k}.png")
    options = ["--sigma", "20", "--estimate", "sample", "--steps", "2", "--weights", weights]
    assert cli("denoise", "in", "-o", "out", *options).exit_code == 0
    assert cli("denoise", "in/2.png", "-o", "alone.png", *options).exit_code == 0
    assert Path("out/2.png").read_bytes() == Path("alone.png").read_bytes()


def test_interrupt_in_a_folder(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in").mkdir()
    for k in range(3):
        Image.fromarray(PHOTO[:8, :9]).save(f"in/{k}.png")
    calls: list[None] = []
    clean = denoise.denoise

    def second_time(*arguments: Any, **rest: Any) -> Any:
        calls.append(None)
        return interrupt() if len(calls) == 2 else clean(*arguments, **rest)

    monkeypatch.setattr(denoise, "denoise", second_time)
    done = cli("denoise", "in", "-o", "out", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout) == (130, "out/0.png\n")
    assert done.stderr == "error: interrupted with 1 of 3 done; run the same command again to go on\n"
    assert files("out") == ["out/0.png"]
    done = cli("denoise", "in", "-o", "out", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "out/1.png\nout/2.png\n")
    calls.clear()
    done = cli("denoise", "in", "-o", "out", "--sigma", 9, "--weights", weights, "--overwrite")
    assert (done.exit_code, done.stdout) == (130, "out/0.png\n")
    assert done.stderr == (
        "error: interrupted with 1 of 3 done; run the same command again to do all of them\n"
    )


def test_interrupt_leaves_no_file(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)  # the temporary file is there by now
        done = cli("denoise", "photo.png", "--sigma", 9, "--weights", weights)
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted with 0 of 1 done; nothing was written\n"
    monkeypatch.setattr(sample, "sample", interrupt)
    done = cli("sample", "-o", "out", "--weights", weights)
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "error: interrupted\n")
    assert files() == before
