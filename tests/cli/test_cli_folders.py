"""Folders of pictures, outputs that are there already, and interrupts."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from command_photos import PHOTO, H, W, files, interrupt
from commands import cli
from PIL import Image

from restore import images
from restore.cli.main import main
from restore.cli.parameters import FileName
from restore.errors import WeightsError
from restore.tasks import denoise, sample

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def written(name: str) -> tuple[int, int]:
    """Which file has that name, and when it was written; reading changes the time of the last access."""
    found = Path(name).stat()
    return found.st_ino, found.st_mtime_ns


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
    before = written("out/a.png")
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
    assert written("out/a.png") == before
    done = cli(*arguments, "--overwrite")
    assert (done.exit_code, done.stderr) == (0, "note: 3 restored (of 3 pictures)\n")
    assert written("out/a.png") != before


def test_one_output_of_another_program_is_not_replaced(weights: Path) -> None:
    Path("out.png").write_bytes(b"old")
    Path("photo-x2.png").write_bytes(b"old")
    refused = "is there, without a record of restore; pass --overwrite to replace it, or another -o\n"
    for arguments, name in (
        (["denoise", "photo.png", "-o", "out.png"], "out.png"),
        (["denoise", "-", "-o", "out.png"], "out.png"),
        (["inpaint", "photo.png", "--mask", "mask.png", "-o", "out.png"], "out.png"),
        (["upscale", "photo.png", "--scale", "2"], "photo-x2.png"),
    ):
        for more in ([], ["--quiet"], ["--dry-run"]):
            done = cli(*arguments, *more)
            assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: {name} {refused}")
        assert Path(name).read_bytes() == b"old"
        done = cli(*arguments, "--no-provenance")
        assert (done.exit_code, done.stdout) == (0, "")
        assert done.stderr == (
            f"note: {name} is there already, without a record of what made it, and was kept; pass "
            "--overwrite to replace it\n"
        )
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
    words = ["denoise", "in", "-o", "out", "--sigma", 9, "--weights", weights, "--jobs", 1]
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (130, "out/0.png\n")
    assert done.stderr == "error: interrupted with 1 of 3 done; run the same command again to go on\n"
    assert files("out") == ["out/0.png"]
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (0, "out/1.png\nout/2.png\n")
    calls.clear()
    done = cli(*words, "--overwrite")
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


SIGMA = ("--sigma", 9)


def small(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO[:8, :9]).save(name)


def test_pictures_that_are_not_read_are_named(weights: Path) -> None:
    small("in/a.png")
    for name in ("in/x.psd", "in/Y.PSD", "in/z.kra", "in/Thumbs.db", "in/a.xmp"):
        Path(name).write_bytes(b"x")
    words = ["denoise", "in", "-o", "out", *SIGMA, "--weights", weights]
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (1, "out/a.png\n")
    assert done.stderr == (
        "error: not read: 2 .psd, 1 .kra; convert them first, or pass --ignore '*.psd' --ignore '*.kra'\n"
    )
    done = cli(*words, "--ignore", "*.psd", "--ignore", "*.kra", "--overwrite")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out/a.png\n", "")
    Path("my.toml").write_text("ignore = ['*.psd', 'z*']\noverwrite = true\n")
    assert cli(*words, "--config", "my.toml").exit_code == 0
    done = cli(*words, "--overwrite", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(each["input"], each["status"]) for each in told] == [
        ("in/a.png", "done"), ("in/x.psd", "failed"), ("in/Y.PSD", "failed"), ("in/z.kra", "failed"),
    ]  # fmt: skip
    done = cli(*words, "--ignore", "")
    assert done.exit_code == 2
    assert "'--ignore': expected a pattern, such as '*.nef', got an empty one" in done.stderr


def test_one_bad_input_does_not_stop_the_others(weights: Path) -> None:
    small("in/a.png", "b.png")
    Path("none").mkdir()
    os.mkfifo("in/pipe.png")
    Path("in/loose.png").symlink_to("nowhere.png")
    done = cli("denoise", "none", "missing.png", "in", "b.png", "-o", "out", *SIGMA, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "out/a.png\nout/b.png\n")
    assert done.stderr.splitlines() == [
        "error: none: expected a folder with pictures "
        "(.png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl), got none",
        "error: in/pipe.png: expected a picture file, got a named pipe; remove it from the folder",
        "error: missing.png: no such file; check the name",
        "error: in/loose.png: expected a picture file, got a link to nothing; mend the link",
        "error: 2 restored, 4 failed (of 6 pictures)",
    ]


def test_an_unreadable_file_is_a_failure_like_any_other(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small("a.png", "b.png")
    # The mode alone would not stop a test that runs as root.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "a.png")
    opened = os.open

    def locked(path: Any, *args: Any, **rest: Any) -> int:
        if path == Path("a.png"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *args, **rest)

    monkeypatch.setattr(os, "open", locked)
    done = cli("denoise", "a.png", "b.png", "-o", "out", *SIGMA, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "out/b.png\n")
    assert done.stderr.startswith("error: a.png: cannot read the file (Permission denied); check its perm")


def test_another_process_on_the_same_folder(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has finished is skipped, be it before or after this one has computed it."""
    small("in/a.png", "in/b.png", "in/c.png")
    clean, calls = denoise.denoise, []

    def meanwhile(*arguments: Any, **rest: Any) -> Any:
        calls.append(None)
        for name in ("a", "b"):
            small(f"out/{name}.png")
        return clean(*arguments, **rest)

    monkeypatch.setattr(denoise, "denoise", meanwhile)
    words = ["denoise", "in", "-o", "out", *SIGMA, "--weights", weights, "--jobs", 1]
    done = cli(*words, "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 0
    assert [(each["output"], each["status"]) for each in told] == [
        ("out/a.png", "skipped"), ("out/b.png", "skipped"), ("out/c.png", "done"),
    ]  # fmt: skip
    assert len(calls) == 2  # b was there before its turn
    assert done.stderr.splitlines() == [
        "note: out/a.png: another process has written it meanwhile, which is kept",
        "note: out/b.png: another process has written it meanwhile, which is kept",
        "note: 1 restored, 2 there already and kept (of 3 pictures); pass --overwrite to replace those there "
        "already",
    ]

    def in_the_way(*arguments: Any, **rest: Any) -> Any:
        Path("one.png").mkdir()
        return clean(*arguments, **rest)

    monkeypatch.setattr(denoise, "denoise", in_the_way)
    done = cli("denoise", "photo.png", "-o", "one.png", *SIGMA, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: one.png: expected a file name, got a folder; ")


def test_what_a_killed_run_left_is_removed(weights: Path) -> None:
    small("in/a.png", "in/deep/b.png")
    words = ["denoise", "in", "-o", "out", *SIGMA, "--weights", weights]
    assert cli(*words).exit_code == 0
    left = [Path(folder, ".restore-0123456789ab-1-0123456789abcdef.part") for folder in ("out", "out/deep")]
    for path in left:
        path.write_bytes(b"half")
        os.utime(path, (0, 0))
    assert cli(*words, "--overwrite", "--dry-run").exit_code == 0
    assert all(path.exists() for path in left)
    assert cli(*words, "--overwrite").exit_code == 0
    assert not any(path.exists() for path in left)


def path_options() -> list[tuple[list[str], click.Parameter]]:
    """Every argument and option of every command that names a file or a folder."""
    found: list[tuple[list[str], click.Parameter]] = []

    def walk(command: click.Command, words: list[str]) -> None:
        context = click.Context(command)
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                assert inner is not None
                walk(inner, [*words, name])
        named = ("FILE", "DIR", "PATH", "STATE", "PHOTO", "INPUT...", "OUTPUT...")
        for each in command.params:
            if isinstance(each.type, click.Path) or each.metavar in named:
                found.append((words, each))

    walk(main, [])
    return found


def test_names_that_cannot_be_are_refused_by_every_option() -> None:
    options = path_options()
    assert len(options) > 60
    for words, option in options:
        assert isinstance(option.type, FileName), (words, option.name)
        for name in ("", "a" * 256, "b/" * 2100, "a\0b"):
            with pytest.raises(click.BadParameter, match=r"^expected [^\n]*$"):
                option.type.convert(name, option, None)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["denoise", ""], "'INPUT...'"),
        (["denoise", "photo.png", ""], "'INPUT...'"),
        (["denoise", "photo.png", "-o", ""], "'-o' / '--output'"),
        (["denoise", "photo.png", "--weights", ""], "'--weights'"),
        (["denoise", "photo.png", "--config", ""], "'--config'"),
        (["inpaint", "", "--mask", "mask.png"], "'INPUT...'"),
        (["inpaint", "photo.png", "--mask", ""], "'--mask'"),
        (["vary", "photo.png", "--reference", ""], "'--reference'"),
        (["fit", "", "-o", "a.safetensors"], "'INPUT...'"),
        (["sample", "-o", "out", "--stages", "a,,b"], "'--stages'"),
        (["train", "my.toml", "--out", ""], "'--out'"),
        (["info", ""], "'FILE'"),
    ],
)
def test_empty_names(words: list[str], name: str) -> None:
    before = files()
    done = cli(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"Error: Invalid value for {name}: expected a file name, got an empty one; is a variable not set?"
    )
    assert files() == before


def test_odd_names(weights: Path) -> None:
    names = [
        "in/a b.png",
        "in/\nline.png",
        "in/-dash.png",
        "in/\u00fc\U0001f600.png",
        "in/[x]*.png",
        "in/.a/b.png",
    ]
    small(*names)
    done = cli("denoise", "in", "-o", ".", *SIGMA, "--weights", weights)
    assert done.exit_code == 0
    for name in names[:-1]:
        assert images.read(name.removeprefix("in/")).size == (8, 9)
    assert not Path(".a").exists()
    small("x" * 247 + ".png", "y.png")
    done = cli("denoise", "x" * 247 + ".png", "y.png", *SIGMA, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "y-denoised.png\n")
    assert "expected names of at most 255 bytes, got 260: " in done.stderr


def test_a_link_to_an_empty_file_is_not_followed(weights: Path) -> None:
    small("a.png")
    Path("secret").touch()
    Path("out").mkdir()
    Path("out/a.png").symlink_to("../secret")
    done = cli("denoise", "a.png", "-o", "out", *SIGMA, "--weights", weights)
    assert (done.exit_code, Path("secret").read_bytes()) == (1, b"")
    assert "out/a.png is there, without a record of restore" in done.stderr


@pytest.mark.parametrize("mode", [[], ["--dry-run"]])
def test_a_file_where_a_folder_has_to_go_hinders_only_what_goes_there(weights: Path, mode: list[str]) -> None:
    small("in/a.png", "in/b/b.png", "in/c/c.png", "in/d/d.png")
    Path("out").mkdir()
    Path("out/b").touch()
    Path("out/c").symlink_to("nowhere")
    done = cli("denoise", "in", "-o", "out", *SIGMA, "--weights", weights, "--json", *mode)
    told = {each["input"]: each["status"] for each in map(json.loads, done.stdout.splitlines())}
    well = "planned" if mode else "done"
    assert told == {"in/a.png": well, "in/b/b.png": "failed", "in/c/c.png": "failed", "in/d/d.png": well}
    assert done.exit_code == 1
    assert "error: out/b: cannot write there, out/b is a file; choose" in done.stderr
    # Also where nothing can go anywhere, as long as the folder itself could be written.
    done = cli("denoise", "in", "-o", "out", "--json", "--ignore", "[ad]*")
    assert [json.loads(line)["status"] for line in done.stdout.splitlines()] == ["failed", "failed"]
    done = cli("denoise", "nowhere/a.png", *SIGMA, *mode)
    assert done.stderr == "error: nowhere/a.png: no such file; check the name\n"


def test_a_locked_folder_hinders_only_its_own_pictures(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small("locked/a.png", "open/b.png")
    allowed = os.access
    # The mode alone would not stop a test that runs as root.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked" and allowed(path, mode))
    done = cli("denoise", "locked/a.png", "open/b.png", *SIGMA, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "open/b-denoised.png\n")
    assert done.stderr.splitlines()[0] == (
        "error: locked: no permission to write in this folder; choose another one"
    )


def statuses(stdout: str) -> list[tuple[str, str]]:
    """The inputs and statuses of a run with --json."""
    told = map(json.loads, stdout.splitlines())
    return [(each["input"], each["status"]) for each in told if each["event"] == "picture"]


def test_every_input_has_its_object_also_where_it_is_no_picture(weights: Path) -> None:
    small("results/a.png")
    Path("none").mkdir()
    kinds = ".png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl"
    none = f"none: expected a folder with pictures ({kinds}), got none"
    done = cli("denoise", "none", "-o", "out", "--json")
    assert (done.exit_code, done.stderr) == (1, f"error: {none}\n")
    about = {"event": "picture", "schema": 1, "input": "none", "output": None}
    assert json.loads(done.stdout) == {**about, "status": "failed", "error": none}
    done = cli("denoise", "none", "-o", "out")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: {none}\n")
    # Where all is refused at once, too.
    done = cli("denoise", ".", "-o", "results", "--ignore", "photo*", "--ignore", "mask*", "--json")
    assert (done.exit_code, statuses(done.stdout)) == (1, [(".", "not tried")])
    assert done.stderr == "error: .: expected pictures, found only results in results\n"
    Path("file").touch()
    done = cli("denoise", "photo.png", "results/a.png", "-o", "file/out", "--json")
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert statuses(done.stdout) == [("photo.png", "not tried"), ("results/a.png", "not tried")]


def test_what_was_not_tried_is_told(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After Ctrl-C, where the disk is full, and where the weights cannot be used."""
    small("in/a.png", "in/b.png", "in/c.png")
    clean, rest = denoise.denoise, ("in/c.png", "not tried")
    words = ["denoise", "in", *SIGMA, "--jobs", 1, "--json", "--weights"]

    def second(error: BaseException) -> Any:
        calls: list[None] = []

        def raises(*arguments: Any, **options: Any) -> Any:
            calls.append(None)
            if len(calls) == 2:
                raise error
            return clean(*arguments, **options)

        return raises

    for error, code, status in (
        (KeyboardInterrupt(), 130, "not tried"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "failed"),
        (WeightsError("these weights know no classes"), 1, "failed"),
    ):
        monkeypatch.setattr(denoise, "denoise", second(error))
        done = cli(*words, weights, "-o", "out", "--overwrite")
        assert done.exit_code == code
        assert statuses(done.stdout) == [("in/a.png", "done"), ("in/b.png", status), rest]
    assert done.stderr == "error: these weights know no classes\n"
    done = cli(*words, "none.safetensors", "-o", "new", "--dry-run")
    assert (done.exit_code, done.stderr) == (1, "error: none.safetensors: no such weights file\n")
    assert statuses(done.stdout) == [("in/a.png", "failed"), ("in/b.png", "not tried"), rest]
    assert json.loads(done.stdout.splitlines()[0])["error"] == "none.safetensors: no such weights file"
    assert cli(*words[:-2], "--weights", "none.safetensors", "-o", "new").stdout == ""
