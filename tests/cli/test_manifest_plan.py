"""Manifests as lists: of the same pictures and results as a command plans, and of what comes later."""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import pytest
from commands import check_events, cli
from PIL import Image

from restore.cli.job_plan import Plan, plan
from restore.cli.manifest import Manifest
from restore.cli.manifest_plan import Asked
from restore.cli.manifest_walk import natural_key
from restore.cli.manifest_write import write_manifest
from restore.cli.naming import Naming
from restore.errors import ImageError, RestoreError
from restore.images.extras import lacking

NAMES = [
    "a.png",
    "A2.png",
    "a10.png",
    "b-denoised.png",
    "b.png",
    "x.heic",
    "c.jpg",
    ".hid.png",
    "a-.png",
    "01.png",
]
FOLDERS = ["s", "s/one", "s/two", "s/two/out", "r", "r/one", "S2"]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def small(*names: str, shade: int = 0) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(("heic", "psd")):
            Path(name).touch()
        else:
            Image.fromarray(np.full((4, 4, 3), shade, np.uint8)).save(name)


def listed(path: str = "run.jsonl") -> list[tuple[str, str | None, str | None]]:
    with Manifest(Path(path)) as found:
        return [(each.input, each.output, each.inside) for each in found.items(range(len(found)))]


@pytest.mark.parametrize("seed", range(6))
def test_results_are_where_a_command_would_put_them(seed: int) -> None:
    rng = random.Random(seed)
    for folder in FOLDERS:
        Path(folder).mkdir(parents=True, exist_ok=True)
        small(*(f"{folder}/{name}" for name in rng.sample(NAMES, rng.randint(0, 5))))
    singles = [str(path) for path in sorted(Path("r").rglob("*.png"))[:2]]
    ignore = ("*/one",) if seed % 3 == 0 else ()
    for inputs in (["s"], ["s", "r"], ["r/one", "s"], ["s", "s/one"], ["s", *singles], [*singles, "r"]):
        for output, naming in (
            ("s/two/out", Naming("denoised")),
            (None, Naming("denoised")),
            ("new", Naming("denoised", format="tif")),
            ("s", Naming("x", suffix="_clean")),
            ("new", Naming("denoised", template="{number:03}-{stem}{ext}", seeds=(0,))),
            ("new", Naming("denoised", marks=("1", "2"), seeds=(0, 1))),
        ):
            Path("run.jsonl").unlink(missing_ok=True)
            wanted: Plan | None
            try:
                wanted = plan(inputs, output, naming, ignore=ignore)
            except RestoreError as error:
                wanted, refusal = None, type(error)
            asked = Asked(tuple(inputs), output, naming, ignore)
            if wanted is None or not wanted.jobs:  # of several messages one is told
                with pytest.raises(refusal if wanted is None else ImageError):
                    write_manifest(Path("run.jsonl"), asked)
                continue
            told = write_manifest(Path("run.jsonl"), asked)
            if naming.template and {*inputs} & {*singles}:
                continue  # a file that its folder lists, too, is numbered there
            jobs = [(job.name, job.output, job.inside and str(job.inside)) for job in wanted.jobs]
            found = listed()
            assert sorted(map(str, found)) == sorted(map(str, jobs)), (inputs, output, naming)
            if len(inputs) == 1:
                assert found == jobs
            assert told.results_count == len(wanted.results)
            assert sum(told.unread.values()) == len(wanted.unread)
            check_events(Path("run.jsonl").read_text())


def test_numbers_in_names_are_in_order() -> None:
    names = ["a10.png", "a2.png", "A1.png", "a-.png", "a.png", "a002b.png", "ab.png", "9" * 30 + ".png"]
    assert sorted(names, key=natural_key) == [
        "9" * 30 + ".png", "A1.png", "a2.png", "a002b.png", "a10.png", "a-.png", "a.png", "ab.png",
    ]  # fmt: skip


def test_plan_again_adds_what_has_come_and_lists_anew_what_has_changed() -> None:
    small("in/a.png", "in/c.png")
    done = cli("plan", "in", "-o", "out", "--manifest", "run.jsonl")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr.startswith("note: 2 pictures listed (")
    small("in/b.png", "in/c.png", shade=9)
    done = cli("plan", "in", "-o", "out", "--manifest", "run.jsonl", "--json")
    assert '"added_count": 1, "changed_count": 1' in done.stdout
    assert [each[0] for each in listed()] == ["in/a.png", "in/c.png", "in/b.png"]
    before = Path("run.jsonl").read_bytes()
    assert cli("plan", "in", "-o", "out", "--manifest", "run.jsonl").exit_code == 0
    assert Path("run.jsonl").read_bytes() == before
    done = cli("plan", "in", "-o", "other", "--manifest", "run.jsonl")
    assert done.exit_code == 1
    assert done.stderr == (
        "error: run.jsonl: the manifest has --output out, now --output other; choose another --manifest\n"
    )


def test_two_results_that_would_be_one_file_are_refused_and_nothing_is_written() -> None:
    small("in/a.png", "in/a.jpg")
    done = cli("plan", "in", "-o", "out", "--format", "png", "--manifest", "run.jsonl")
    assert (done.exit_code, Path("run.jsonl").exists()) == (1, False)
    assert "would both be written to out/a.png; rename one" in done.stderr
    assert [path.name for path in Path().iterdir()] == ["in"]
    small("other/a.png")
    Path("in/a.jpg").unlink()
    cli("plan", "in", "-o", "out", "--manifest", "run.jsonl")
    before = Path("run.jsonl").read_bytes()
    done = cli("plan", "other", "-o", "out", "--manifest", "run.jsonl")
    assert done.exit_code == 1 and "which is the output of another item" in done.stderr
    assert Path("run.jsonl").read_bytes() == before


def test_what_cannot_be_read_is_told_and_noted() -> None:
    small("in/a.png", "in/b.psd")
    os.mkfifo("in/pipe.png")
    done = cli("plan", "in", "missing.png", "-o", "out", "--manifest", "run.jsonl")
    assert done.exit_code == 1
    assert done.stderr.splitlines()[:3] == [
        "error: in/pipe.png: expected a picture file, got a named pipe; remove it from the folder",
        "error: missing.png: no such file; check the name",
        "error: not read: 1 .psd; convert them first, or pass --ignore '*.psd'",
    ]
    assert [each[0] for each in listed()] == ["in/a.png"]
    shown = cli("status", "run.jsonl").stdout
    assert "not read   3" in shown and "in/pipe.png" in shown


def test_a_plan_knows_no_command() -> None:
    small("in/a.png")
    for more, said in (
        ([], "pass -o DIR, or --suffix, or --in-place"),
        (["-o", "out", "--output-template", "{stem}-{command}{ext}"], "{command} is not known yet"),
        (["-o", "out", "--in-place", "--backup", "b"], "leave out --output"),
        (["--in-place"], "--in-place and --backup DIR go together"),
        (["-o", "-"], "a manifest is of files"),
    ):
        done = cli("plan", "in", "--manifest", "run.jsonl", *more)
        assert (done.exit_code, Path("run.jsonl").exists()) == (2, False)
        assert said in " ".join(done.stderr.split())


def test_pdfs_are_listed_as_a_plain_run_finds_them() -> None:
    small("in/a.png", "in/shown/b.png")
    Image.new("RGB", (8, 8)).save("in/c.PDF", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    Path("in/shown/.restore-aside").touch()  # the pictures of a report
    done = cli("plan", "in", "-o", "out", "--manifest", "run.jsonl")
    if lacking("pdf"):
        assert done.exit_code == 1 and "restore-diffusion[pdf]" in done.stderr
        return
    assert done.stderr.startswith("note: 2 pictures listed (") and ", 3 pages)" in done.stderr
    assert [name for name, *_ in listed()] == ["in/a.png", "in/c.PDF"]
    assert cli("plan", "in/c.PDF", "-o", "out/", "--manifest", "one.jsonl").exit_code == 0
    assert [target for _, target, *_ in listed("one.jsonl")] == ["out/c.PDF"]
