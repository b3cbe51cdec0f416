"""Results in the places of their pictures, and the way back."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from commands import cli
from PIL import Image

from restore.cli import in_place
from restore.cli.in_place import back_up, file_hash, put_back
from restore.errors import OutputError

pytestmark = pytest.mark.usefixtures("one_thread", "inside")
NOISE = np.random.default_rng(0).normal(120, 25, (16, 18, 3)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/deep/b.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(NOISE).save(name)
        os.utime(name, ns=(10**18, 10**18))


def run(weights: Path, *more: object) -> Result:
    return cli("denoise", "in", "--in-place", "--sigma", 9, "--weights", weights, *more)


def pngs(folder: str) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*.png"))}


@pytest.fixture(params=["links", "copies"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With second names for files, and without, as across file systems."""
    if request.param == "copies":

        def refuse(*_: object) -> None:
            raise OSError(errno.EXDEV, "Invalid cross-device link")

        monkeypatch.setattr(in_place.os, "link", refuse)
        monkeypatch.setattr(Path, "replace", refuse_across(Path.replace))


def refuse_across(replace: object) -> object:
    def replaced(self: Path, target: Path) -> object:
        if "originals" in self.parts and self.suffix == ".png":
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)  # type: ignore[operator]

    return replaced


@pytest.mark.usefixtures("system")
def test_originals_go_and_come_back(weights: Path) -> None:
    before = pngs("in")
    done = run(weights, "--backup", "originals")
    assert (done.exit_code, done.stdout) == (0, "in/a.png\nin/deep/b.png\n")
    assert pngs("originals") == before
    results = pngs("in")
    assert all(results[name] != before[name] for name in before)
    for folder in ("in", "originals"):
        assert Path(folder, "a.png").stat().st_mtime_ns == 10**18
    assert run(weights, "--backup", "originals").stderr == "note: 0 restored, 2 done before (of 2 pictures)\n"
    done = cli("undo", "originals/run.jsonl", "--json")
    assert (done.exit_code, done.stdout.count('"undone"')) == (0, 2)
    assert pngs("in") == before and pngs("originals") == {}
    assert Path("in/a.png").stat().st_mtime_ns == 10**18
    assert cli("undo", "originals/run.jsonl").stderr == "note: all originals are back already\n"
    assert run(weights, "--backup", "originals").exit_code == 0
    assert pngs("in") == results


def test_what_was_changed_since_stays(weights: Path) -> None:
    before = pngs("in")
    run(weights, "--backup", "originals")
    Image.fromarray(NOISE[::-1]).save("in/a.png")
    edited = pngs("in")
    done = run(weights, "--backup", "originals")
    said = "note: 0 restored, 1 done before, 1 done before and changed since, which stay (of 2 pictures)\n"
    assert (done.exit_code, done.stderr, pngs("in")) == (0, said, edited)
    done = cli("undo", "originals/run.jsonl")
    assert done.exit_code == 1
    assert done.stderr == (
        "error: in/a.png: it has been changed since it was restored, so it stays; its original is "
        "originals/a.png\nerror: 1 originals are back, 1 are not\n"
    )
    assert pngs("in") == edited | {"deep/b.png": before["deep/b.png"]}
    shutil.copy("originals/a.png", "in/a.png")
    assert cli("undo", "originals/run.jsonl").exit_code == 0
    assert pngs("in") == before


def test_a_backup_is_never_written_over(weights: Path) -> None:
    Path("originals").mkdir()
    Path("originals/a.png").write_bytes(b"precious")
    before = pngs("in")
    done = run(weights, "--backup", "originals")
    assert (done.exit_code, done.stdout) == (1, "in/deep/b.png\n")
    assert "originals/a.png: another file is there already, which is not replaced" in done.stderr
    assert Path("originals/a.png").read_bytes() == b"precious"
    assert pngs("in")["a.png"] == before["a.png"]
    Path("originals/a.png").write_bytes(b"other")
    Path("in/deep/b.png").unlink()
    done = cli("undo", "originals/run.jsonl")  # a missing result is no reason to keep its original
    assert (done.exit_code, pngs("in")) == (0, before)


def test_a_backup_that_is_not_the_original_is_not_put_back(weights: Path) -> None:
    run(weights, "--backup", "originals")
    Path("originals/a.png").write_bytes(b"something else")
    Path("originals/deep/b.png").unlink()
    results = pngs("in")
    done = cli("undo", "originals/run.jsonl")
    assert (done.exit_code, pngs("in")) == (1, results)
    assert "originals/a.png is not its original; compare them yourself" in done.stderr
    assert "the original is not in the backup; originals/deep/b.png is missing" in done.stderr


def test_the_input_is_changed_while_it_is_read(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from restore.tasks import denoise

    clean = denoise.denoise

    def changed(*arguments: object, **options: object) -> object:
        os.utime("in/a.png")
        return clean(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(denoise, "denoise", changed)
    before = pngs("in")
    done = run(weights, "--backup", "originals", "--jobs", 1)
    assert "in/a.png: the file was changed while it was read" in done.stderr
    assert pngs("in")["a.png"] == before["a.png"]


def test_options_that_have_no_sense_in_place(weights: Path) -> None:
    for more, said in (
        ([], "go together"),
        (["--backup", "b", "-o", "out"], "leave out --output"),
        (["--backup", "b", "--suffix", "x"], "leave out --suffix"),
        (["--backup", "b", "--skip-unchanged"], "leave out --skip-unchanged"),
    ):
        done = run(weights, *more)
        assert (done.exit_code, said in " ".join(done.stderr.split())) == (2, True), more
    assert sorted(path.name for path in Path().iterdir()) == ["in"]
    run(weights, "--dry-run", "--backup", "b")
    assert sorted(path.name for path in Path().iterdir()) == ["in"]
    cli("denoise", "in", "-o", "out", "--manifest", "run.jsonl", "--sigma", 9, "--weights", weights)
    assert "expected the manifest of a run with --in-place" in cli("undo", "run.jsonl").stderr


@pytest.mark.usefixtures("system")
def test_a_file_is_backed_up_once() -> None:
    for _ in range(2):  # as after a run that was killed in between
        back_up(Path("in/a.png"), Path("originals/a.png"))
    digest = file_hash(Path("in/a.png"))
    assert file_hash(Path("originals/a.png")) == digest
    with pytest.raises(OutputError, match="another file is there already"):
        Path("in/deep/b.png").write_bytes(b"other")
        back_up(Path("in/deep/b.png"), Path("originals/a.png"))
    Path("in/a.png").unlink()
    put_back(Path("originals/a.png"), Path("in/a.png"))
    assert file_hash(Path("in/a.png")) == digest and not Path("originals/a.png").exists()
