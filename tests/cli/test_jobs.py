"""Many inputs: the plan of outputs, the checks before anything is computed, one bad file alone."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore import images
from restore.cli import jobs as folder
from restore.cli.jobs import Job, plan, sort_out
from restore.cli.naming import Naming
from restore.errors import ImageError, OutputError


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that names are short and relative."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def pairs(inputs: list[str], output: str | None = None, *, ending: str = "done") -> list[tuple[str, str]]:
    planned = plan(inputs, output, Naming(ending))
    return [(str(job.source or "-"), str(job.target or "-")) for job in planned.jobs]


# ------------------------------------------------------------------------------------------- plan


def test_one_file_goes_beside_itself_or_where_it_is_told() -> None:
    touch("in/a.b.JPG")
    Path("out").mkdir()
    assert pairs(["in/a.b.JPG"], ending="x2.5") == [("in/a.b.JPG", "in/a.b-x2.5.JPG")]
    assert pairs(["in/a.b.JPG"], "new.png") == [("in/a.b.JPG", "new.png")]
    assert pairs(["in/a.b.JPG"], "out") == [("in/a.b.JPG", "out/a.b.JPG")]
    assert pairs(["in/a.b.JPG"], "missing/") == [("in/a.b.JPG", "missing/a.b.JPG")]
    assert pairs(["in/a.b.JPG"], "-") == [("in/a.b.JPG", "-")]
    assert plan(["in/a.b.JPG"], "new.png", Naming("done")).folder is None
    assert plan(["in/a.b.JPG"], "missing/", Naming("done")).folder == Path("missing")


def test_standard_input() -> None:
    Path("out").mkdir()
    assert pairs(["-"]) == [("-", "-")]
    assert pairs(["-"], "-") == [("-", "-")]
    assert pairs(["-"], "a.png") == [("-", "a.png")]
    assert plan(["-"], None, Naming("done")).jobs[0].name == "standard input"
    with pytest.raises(ValueError, match=r"^-o out is a folder, but standard input has no name; give a file"):
        plan(["-"], "out", Naming("done"))
    with pytest.raises(ValueError, match=r"^- \(standard input\) stands alone"):
        plan(["-", "a.png"], "out", Naming("done"))


def test_many_files_go_into_a_folder_under_their_names() -> None:
    touch("a.png", "in/b.tif", "file", "there.png")
    assert pairs(["a.png", "in/b.tif"], "new") == [("a.png", "new/a.png"), ("in/b.tif", "new/b.tif")]
    assert pairs(["a.png", "in/b.tif"]) == [("a.png", "a-done.png"), ("in/b.tif", "in/b-done.tif")]
    assert pairs(["a.png", "./a.png"], "new") == [("a.png", "new/a.png")]
    assert pairs(["a.png", "missing.png"], "new")[1] == ("missing.png", "new/missing.png")
    for name in ("new.png", "there.png", "file"):
        with pytest.raises(
            ValueError, match=f"^-o {name} is a file name, but many inputs need a folder; choose another$"
        ):
            plan(["a.png", "in/b.tif"], name, Naming("done"))
    with pytest.raises(ValueError, match=r"^-o - \(standard output\) takes one picture, got many"):
        plan(["a.png", "in/b.tif"], "-", Naming("done"))


def test_a_folder_is_mirrored() -> None:
    touch("in/b10.png", "in/b2.png", "in/notes.txt", "in/.hidden.png", "in/deep/er/c.jpg")
    mirrored = [
        ("in/b2.png", "out/b2.png"),
        ("in/b10.png", "out/b10.png"),
        ("in/deep/er/c.jpg", "out/deep/er/c.jpg"),
    ]
    assert pairs(["in"], "out") == mirrored
    assert pairs(["in", "in/b2.png"], "out") == mirrored
    assert pairs(["in/deep/"], "out") == [("in/deep/er/c.jpg", "out/er/c.jpg")]
    assert pairs(["in/deep/"]) == [("in/deep/er/c.jpg", "in/deep/er/c-done.jpg")]


def test_a_folder_without_pictures() -> None:
    touch("in/notes.txt")
    planned = plan(["in"], "out", Naming("done"))
    kinds = "(.png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl)"
    assert planned.jobs == ()
    assert planned.failures == (("in", f"in: expected a folder with pictures {kinds}, got none"),)
    touch("in/deep/a.png")
    assert pairs(["in"], "out") == [("in/deep/a.png", "out/deep/a.png")]


def test_results_of_an_earlier_run_are_not_inputs() -> None:
    touch("in/a.png", "in/a-done.png", "in/a-done-done.png")
    assert pairs(["in"]) == [("in/a.png", "in/a-done.png")]
    touch("in/out/a.png", "in/out/deep/b.png")
    assert {target for _, target in pairs(["in"], "in/out")} == {
        "in/out/a.png",
        "in/out/a-done.png",
        "in/out/a-done-done.png",
    }
    # Named alone, it is an input like any other; with its picture, as a glob catches it, it is not.
    assert pairs(["in/a-done.png"]) == [("in/a-done.png", "in/a-done-done.png")]
    assert pairs(["in/a.png", "in/a-done.png"]) == [("in/a.png", "in/a-done.png")]
    assert plan(["in/a.png", "in/a-done.png"], None, Naming("done")).results == (Path("in/a-done.png"),)
    # What is replaced by its own result is no result of another picture.
    assert pairs(["in/out"], "in/out") == [
        ("in/out/a.png", "in/out/a.png"),
        ("in/out/deep/b.png", "in/out/deep/b.png"),
    ]
    with pytest.raises(ImageError, match=r"^in: expected pictures, found only results in in/out$"):
        Path("in/a.png").unlink()
        Path("in/a-done.png").unlink()
        Path("in/a-done-done.png").unlink()
        plan(["in"], "in/out", Naming("done"))


def test_a_folder_into_the_one_it_lies_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies below the output is a result only where the output lies in the input."""
    touch("in/a.png", "in/deep/b.png")
    below = [("in/a.png", "a.png"), ("in/deep/b.png", "deep/b.png")]
    assert pairs(["in"], ".") == below
    assert pairs(["in"], str(Path.cwd())) == [(one, f"{Path.cwd()}/{two}") for one, two in below]
    assert pairs(["in/deep"], "in") == [("in/deep/b.png", "in/b.png")]
    monkeypatch.chdir("in")
    assert pairs(["../in"], "..") == [("../in/a.png", "../a.png"), ("../in/deep/b.png", "../deep/b.png")]
    assert pairs(["."], "./new/") == [("a.png", "new/a.png"), ("deep/b.png", "new/deep/b.png")]
    assert pairs(["deep"], ".") == [("deep/b.png", "b.png")]


def test_a_picture_where_another_ones_result_would_go_is_not_lost() -> None:
    touch("in/a.png", "in/in/a.png")
    with pytest.raises(
        OutputError, match=r"^a.png: |^in/a.png: the output of in/in/a.png would replace in/a"
    ):
        sort_out(plan(["in"], ".", Naming("done")), overwrite=True)
    touch("one/x.png", "two/x.png")
    assert pairs(["one", "two"], "one") == [("one/x.png", "one/one/x.png"), ("two/x.png", "one/two/x.png")]


def test_one_bad_input_among_several(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("in/a.png", "none/notes.txt", "films/x.psd", "b.png")
    planned = plan(["in", "none", "films", "missing.png", "b.png"], "out", Naming("done"))
    assert [job.name for job in planned.jobs] == ["in/a.png", "missing.png", "b.png"]
    kinds = "(.png .jpg .jpeg .tif .tiff .webp .bmp .heic .avif .jxl)"
    assert planned.failures == (
        ("none", f"none: expected a folder with pictures {kinds}, got none"),
        ("films", f"films: expected a folder with pictures {kinds}, got 1 .psd; convert them first"),
    )
    # The mode alone would not stop a test that runs as root.
    listed = os.scandir

    def locked(path: str) -> object:
        if Path(path).name == "none":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    touch("in/none/c.png", "in/z/d.png")
    monkeypatch.setattr(os, "scandir", locked)
    planned = plan(["in"], "out", Naming("done"))
    assert [job.name for job in planned.jobs] == ["in/a.png", "in/z/d.png"]
    refused = "in/none: cannot list the folder (Permission denied); check its permissions"
    assert planned.failures == (("in/none", refused),)
    assert plan(["in/none"], "out", Naming("done")).failures == (("in/none", refused),)
    assert plan(["in"], "out", Naming("done"), ignore=["none"]).failures == ()


def test_what_is_left_out() -> None:
    touch("in/a.png", "in/A2.PNG", "in/old/b.png", "in/old/deep/c.png", "in/x.heic", "in/y.HEIC", "in/z.pdf")
    touch("in/Thumbs.db", "in/a.xmp", "in/.DS_Store", "in/notes.txt", "in/.hidden.heic", "in/.restore-x.part")

    def names(*ignore: str, inputs: tuple[str, ...] = ("in",)) -> list[str]:
        planned = plan(inputs, "out", Naming("done"), ignore=ignore)
        return [str(path) for path in (*(job.source for job in planned.jobs), *planned.unread)]

    pictures = ["in/A2.PNG", "in/a.png", "in/old/b.png", "in/old/deep/c.png"]
    others = ["in/x.heic", "in/y.HEIC", "in/z.pdf"]
    assert sorted(names()) == sorted(pictures + others)
    assert sorted(names("*.heic")) == sorted([*pictures, "in/z.pdf"])
    for pattern in ("old", "old/", "./old", "OLD/*", "o?d"):
        assert sorted(names(pattern, "*.heic", "*.pdf")) == ["in/A2.PNG", "in/a.png"]
    assert sorted(names("old/*.png", "a.png", "[xyz].*")) == ["in/A2.PNG"]
    assert names("b.*", inputs=("in/a.png", "in/old/b.png")) == ["in/a.png"]
    with pytest.raises(ImageError, match=r"^in/a.png: expected pictures, --ignore leaves out all of them$"):
        names("a*", inputs=("in/a.png",))


def test_links_that_lead_in_circles() -> None:
    touch("in/a.png")
    Path("in/up").symlink_to("..")
    Path("in/here").symlink_to(".")
    Path("in/self.png").symlink_to("self.png")
    Path("in/loose.png").symlink_to("nowhere.png")
    assert sorted(pairs(["in"], "out")) == [
        ("in/a.png", "out/a.png"), ("in/loose.png", "out/loose.png"), ("in/self.png", "out/self.png"),
    ]  # fmt: skip
    planned = plan(["in"], "out", Naming("done"))
    assert len(sort_out(planned, overwrite=False)[0]) == 3


def test_one_file_by_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.png", "in/b.png")
    Path("A.PNG").hardlink_to("a.png")
    assert len(pairs(["a.png", "A.PNG"], "out")) == 2  # two names of one file
    assert pairs(["a.png", "in/../a.png"], "out") == [("a.png", "out/a.png")]
    Path("in/link.png").symlink_to("b.png")
    with pytest.raises(OutputError, match=r"^in/b.png and in/link.png would both be written to in/link.png"):
        plan(["in"], "in", Naming("done"))
    assert len(pairs(["in"], "out")) == 2
    # A file system that ignores case has one entry for both.
    Path("A.PNG").unlink()
    monkeypatch.setattr(Path, "samefile", lambda *_: True)
    assert pairs(["a.png", "./a.png", "A.PNG"], "out") == [("a.png", "out/a.png")]


def test_two_inputs_with_one_output() -> None:
    touch("in/a.png", "in/a.jpg", "other/a.png")
    expected = (
        "^in/a.png and in/a.jpg would both be written to out/a.png; rename one, or choose another folder "
        "for it$"
    )
    with pytest.raises(OutputError, match=expected):
        plan(["in/a.png", "in/a.jpg"], "out", Naming("done", format="png"))
    Path("link").symlink_to("in")  # the same place under another name
    assert pairs(["in/a.png", "link/a.png"]) == [("in/a.png", "in/a-done.png")]


def test_a_picture_named_beside_its_folder_keeps_its_place() -> None:
    touch("in/a.png", "in/sub/a.png", "in/b.png", "in/b-done.png")
    mirrored = {"in/a.png": "out/a.png", "in/sub/a.png": "out/sub/a.png", "in/b.png": "out/b.png"}
    for inputs in (
        ["in", "in/sub/a.png"],
        ["in/sub/a.png", "in"],
        ["in", "in/../in/sub/a.png", "./in/sub/a.png", str(Path("in/sub/a.png").absolute())],
        ["in", "in/../in"],
    ):
        assert dict(pairs(inputs, "out")) == mirrored | {"in/b-done.png": "out/b-done.png"}
    for inputs in (["in"], ["in", "in/b-done.png"], ["in/b-done.png", "in"]):
        assert ("in/b-done.png", "in/b-done-done.png") not in pairs(inputs)
    # Of two folders the first gives the place.
    assert ("in/sub/a.png", "out/sub/a.png") in pairs(["in", "in/sub"], "out")


@pytest.mark.slow
@given(
    names=st.lists(
        st.tuples(
            st.sampled_from(["in", "in/x", "in/y"]), st.sampled_from("abc"), st.sampled_from(["png", "jpg"])
        ),
        unique=True,
        min_size=1,
    )
)
def test_no_output_twice_and_none_lost(names: list[tuple[str, str, str]], tmp_path_factory: object) -> None:
    root = tmp_path_factory.mktemp("tree")  # type: ignore[attr-defined]
    files = {root / where / f"{name}.{suffix}" for where, name, suffix in names}
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    jobs = plan([str(root / "in")], str(root / "out"), Naming("done")).jobs
    assert {job.source for job in jobs} == files
    targets = [job.target for job in jobs]
    assert len(set(targets)) == len(files)
    for job in jobs:
        assert job.source and job.target
        assert job.source.relative_to(root / "in") == job.target.relative_to(root / "out")


# ----------------------------------------------------------------------------------------- checks


def check(
    inputs: list[str], output: str | None = None, *, overwrite: bool = False
) -> tuple[list[str], list[str]]:
    planned = plan(inputs, output, Naming("done"))
    todo, done = sort_out(planned, overwrite=overwrite)
    return [str(job.target) for job in todo], [str(job.target) for job in done]


def test_outputs_that_are_there_already() -> None:
    touch("a.png", "b.png", "c.png", "out/b.png")
    assert check(["b.png"], "out") == ([], ["out/b.png"])
    assert check(["a.png", "b.png", "c.png"], "out") == (["out/a.png", "out/c.png"], ["out/b.png"])
    assert check(["a.png", "b.png"], "out", overwrite=True) == (["out/a.png", "out/b.png"], [])
    # A folder of that name is no result: writing to it will fail, which is told.
    Path("out/a.png").mkdir()
    assert check(["a.png", "b.png"], "out") == (["out/a.png"], ["out/b.png"])


def test_an_empty_output_is_not_done() -> None:
    touch("a.png", "b.png", "out/b.png")
    Path("out/a.png").touch()
    assert check(["a.png", "b.png"], "out") == (["out/a.png"], ["out/b.png"])


def test_a_name_that_becomes_too_long() -> None:
    touch("a" * 248 + ".png", "b.png")
    planned = plan(["a" * 248 + ".png", "b.png"], None, Naming("denoised"))
    todo, _ = sort_out(planned, overwrite=False)
    with pytest.raises(OutputError, match="expected names of at most 255 bytes, got 261: "):
        folder.check(todo[0], overwrite=False)
    folder.check(todo[1], overwrite=False)


def test_a_result_that_another_process_has_written_meanwhile() -> None:
    touch("out/a.png")
    Path("out/b.png").mkdir()
    with pytest.raises(folder.Overtaken):
        folder.check(Job(Path("a.png"), Path("out/a.png")), overwrite=False)
    folder.check(Job(Path("a.png"), Path("out/a.png")), overwrite=True)
    with pytest.raises(OutputError, match="expected a file name, got a folder"):
        folder.check(Job(Path("b.png"), Path("out/b.png")), overwrite=False)


def test_an_output_folder_that_is_a_loose_link() -> None:
    touch("a.png", "b.png")
    Path("out").symlink_to("nowhere")
    with pytest.raises(OutputError, match=r"^out: expected a folder, got a link to nothing; choose another"):
        check(["a.png", "b.png"], "out")


@pytest.mark.parametrize("kind", ["same", "symlink", "hardlink", "other spelling"])
def test_the_output_is_the_input(kind: str) -> None:
    touch("a.png")
    target = {"same": "a.png", "other spelling": "../" + Path.cwd().name + "/a.png"}.get(kind, "b.png")
    if kind == "symlink":
        Path("b.png").symlink_to("a.png")
    if kind == "hardlink":
        Path("b.png").hardlink_to("a.png")
    with pytest.raises(OutputError) as caught:
        check(["a.png"], target)
    assert str(caught.value) == (
        f"{target}: the output is the input a.png itself; choose another name, or pass --overwrite to "
        "replace it"
    )
    assert check(["a.png"], target, overwrite=True) == ([target], [])


def test_an_output_never_replaces_another_input() -> None:
    touch("in/a.png", "b.png", "mask.png")
    Path("out").mkdir()
    Path("out/a.png").symlink_to("../b.png")
    with pytest.raises(OutputError) as caught:
        check(["in/a.png", "b.png"], "out", overwrite=True)
    assert str(caught.value) == (
        "out/a.png: the output of in/a.png would replace b.png, which is read too; choose another name or "
        "folder"
    )
    planned = plan(["b.png"], "mask.png", Naming("done"))
    with pytest.raises(OutputError, match=r"^mask.png: the output of b.png would replace mask.png, which"):
        sort_out(planned, overwrite=True, reads=[Path("mask.png")])


def test_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    touch("a.png", "b.png", "file")
    with pytest.raises(OutputError) as caught:
        check(["a.png"], "new/a.png")
    assert str(caught.value) == "new: the output folder does not exist; create it first"
    with pytest.raises(OutputError) as caught:
        check(["a.png", "b.png"], "file/new")
    assert str(caught.value) == "file/new: cannot write there, file is a file; choose another folder".replace(
        "file is", f"{Path.cwd() / 'file'} is"
    )
    assert check(["a.png", "b.png"], "new/er") == (["new/er/a.png", "new/er/b.png"], [])
    assert not Path("new").exists()
    Path("locked").mkdir()
    # The mode alone would not stop a test that runs as root.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "locked")
    with pytest.raises(OutputError) as caught:
        check(["a.png"], "locked/a.png")
    assert str(caught.value) == "locked: no permission to write in this folder; choose another one"


def test_new_files() -> None:
    paths = [Path("out/a.png"), Path("out/b.png")]
    folder.check_new(paths, Path("out"), overwrite=False)
    touch("out/b.png")
    with pytest.raises(OutputError) as caught:
        folder.check_new(paths, Path("out"), overwrite=False)
    assert str(caught.value) == (
        "1 of 2 files are already there, the first is out/b.png; choose another folder or pass --overwrite"
    )
    folder.check_new(paths, Path("out"), overwrite=True)


# ------------------------------------------------------------------------------------------ write


def test_write() -> None:
    picture = images.Picture(np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    job = Job(Path("a.png"), Path("out/deep/a.png"))
    folder.write(job, picture, overwrite=False)
    assert np.array_equal(images.read("out/deep/a.png").pixels, picture.pixels)
    with pytest.raises(OutputError, match=r"^out/deep/a.png: the file is already there"):
        folder.write(job, picture, overwrite=False)
    with pytest.raises(ValueError, match="standard output"):
        folder.write(Job(None, None), picture, overwrite=False)
    touch("file")
    with pytest.raises(OutputError, match=r"^file/new: cannot create the folder \(Not a directory\)$"):
        folder.write(Job(None, Path("file/new/a.png")), picture, overwrite=False)
