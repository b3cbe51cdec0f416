"""``--report``, ``--compare`` and ``--preview`` of commands that restore pictures."""

from __future__ import annotations

import json
import re
import shlex
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_photos import PHOTO
from commands import cli
from PIL import Image

from restore import images
from restore.cli import report_file
from restore.cli.comparisons import side_by_side
from restore.cli.job_plan import Job
from restore.cli.reporting import with_page
from restore.cli.results import is_comparison
from restore.cli.spread import spread
from restore.errors import OutputError
from restore.images import Picture

pytestmark = pytest.mark.usefixtures("one_thread", "here")


@pytest.fixture(autouse=True)
def pictures(here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of pictures, a tiny network, and no browser."""
    (here / "w").symlink_to(weights)
    Path("in/sub").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "c.jpg", "sub/d.png", "sub/e.tif", "sub/f.png")):
        Image.fromarray(np.roll(PHOTO, number, axis=1)).save(Path("in", name))
    monkeypatch.setattr(webbrowser, "open", lambda _: pytest.fail("a browser was opened"))


def denoise(*words: object) -> Any:
    return cli("denoise", "in", "-o", "out", "--sigma", "20", "--weights", "w", *words)


def rows(page: str = "run.html") -> list[dict[str, Any]]:
    blocks = re.findall(rb'<script type="application/json">(.*)</script>\n', Path(page).read_bytes())
    return [json.loads(each) for each in blocks]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in found if "name" in each]


def tree(folder: str) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(Path(folder).rglob("*")) if path.is_file()}


def test_a_report_in_the_folder_of_the_pictures_and_a_run_that_goes_on() -> None:
    Path("in/bad.png").write_bytes(b"bad")
    done = denoise("--report", "in/run.html", "--ignore", "sub")
    assert done.exit_code == 1
    run, *found, end = rows("in/run.html")
    assert run["run"]["command"] == (
        "restore denoise in --sigma 20.0 -o out --ignore sub --report in/run.html --weights w"
    )
    assert names(found) == ["in/a.png", "in/b.png", "in/bad.png", "in/c.jpg"]
    assert [each["status"] for each in found] == ["done", "done", "failed", "done"]
    assert found[0]["in"] == "a.png" and found[0]["out"] == "../out/a.png"
    assert "expected a PNG" in found[2]["error"] and "out" not in found[2]
    assert end["end"]["kept"] == 0
    for each in found:
        if "pic" in each:
            files = Path("in/run-files", each["pic"][:2])
            assert (files / f"{each['pic']}.jpg").exists() and (files / f"{each['pic']}-part.jpg").exists()

    told = denoise("--report", "in/run.html", "--json")
    assert json.loads(told.stdout.splitlines()[-1]) == {
        "event": "page", "schema": 1, "output": "in/run.html", "status": "done",
    }  # fmt: skip
    more = rows("in/run.html")[len(found) + 2 :]
    assert names(more) == ["in/bad.png", "in/sub/d.png", "in/sub/e.tif", "in/sub/f.png"]  # no thumbnails
    assert more[-1]["end"]["kept"] == 3
    assert denoise("--report", "in/run.html", "--overwrite").exit_code == 1
    assert len(names(rows("in/run.html"))) == 7


def test_what_a_killed_run_could_not_add_is_added() -> None:
    denoise("--report", "run.html")
    lines = Path("run.html").read_bytes().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if b'"name":"in/b.png"' in line)
    Path("run.html").write_bytes(b"".join(lines[:at]) + lines[at][:40])
    Path("out/c.jpg").write_bytes(b"\xff\xd8bad")
    assert denoise("--report", "run.html", "--no-provenance").exit_code == 0
    found = [each for each in rows() if "name" in each]
    assert names(found) == [
        f"in/{name}" for name in ("a.png", "b.png", "c.jpg", "sub/d.png", "sub/e.tif", "sub/f.png")
    ]
    assert [each["status"] for each in found] == ["done"] + ["skipped"] * 5
    assert ["pic" in each for each in found] == [True, True, False, True, True, True]
    denoise("--report", "run.html", "--no-provenance")
    assert len(names(rows())) == 6  # once


def test_results_do_not_depend_on_what_is_shown() -> None:
    denoise()
    plain = tree("out")
    Path("out").rename("plain")
    assert denoise("--report", "run.html", "--compare", "--jobs", "2").exit_code == 0
    assert {path: data for path, data in tree("out").items() if "compare" not in path} == plain


def test_a_report_that_breaks_off_costs_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def store(self: object, views: object) -> str:
        raise OutputError("run.html: cannot write the report (No space left on device); check the disk")

    monkeypatch.setattr(report_file.Report, "_store", store)
    done = denoise("--report", "run.html")
    assert done.exit_code == 1 and done.stderr.count("cannot write the report") == 1
    assert len(tree("out")) == 6


def test_a_report_where_none_can_be() -> None:
    Path("mine.html").write_text("<p>mine</p>")
    assert "a file that is no report is there" in denoise("--report", "mine.html").stderr
    assert "a report is a page; name it .html" in denoise("--report", "run.json").stderr
    assert not Path("out").exists() and Path("mine.html").read_text() == "<p>mine</p>"
    assert denoise("--report", "run.html", "--dry-run").exit_code == 0
    assert not Path("run.html").exists()


def test_comparisons_are_written_and_never_taken_for_pictures() -> None:
    assert denoise("--compare").exit_code == 0
    for name in ("a", "b", "c", "sub/d", "sub/e", "sub/f"):
        assert is_comparison(Path("out", f"{name}-compare.png"))
    both = images.read("out/a-compare.png")
    h, w = PHOTO.shape[:2]
    assert both.size == (h, 2 * w + 2)
    assert (both.pixels[:, :w] == PHOTO).all() and (both.pixels[:, w : w + 2] == 255).all()
    assert (both.pixels[:, w + 2 :] == images.read("out/a.png").pixels).all()
    done = cli("denoise", "out", "-o", "more", "--sigma", "20", "--weights", "w", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == 12 and sum(each["status"] == "left out" for each in told) == 6
    beside = cli("denoise", "in/a.png", "--sigma", "20", "--weights", "w", "--compare", "--json")
    assert json.loads(beside.stdout)["comparison"] == "in/a-denoised-compare.png"
    assert not any("compare" in name for name in tree("more"))


def test_comparisons_that_would_replace_something() -> None:
    Image.fromarray(PHOTO).save("in/a-compare.png")
    said = denoise("--compare").stderr
    assert "out/a-compare.png: the comparison of in/a.png would have the name of another file" in said
    Path("in/a-compare.png").rename("in/a.jpg")
    said = denoise("--compare").stderr
    assert "the comparisons of in/a.jpg and in/a.png would both be out/a-compare.png" in said
    Path("in/a.jpg").unlink()
    Path("out").mkdir()
    Path("out/a-compare.png").write_bytes(b"mine")
    assert "out/a-compare.png is there already and no comparison" in denoise("--compare").stderr
    assert Path("out/a-compare.png").read_bytes() == b"mine"
    assert denoise("--compare", "--overwrite").exit_code == 0


@pytest.mark.parametrize(("kind", "stored"), [("uint8", 8), ("uint16", 16), ("float32", 16)])
def test_comparisons_of_every_depth_and_size(kind: str, stored: int) -> None:
    top = images.TOP[kind]
    before = Picture(
        np.full((20, 300, 3), 0.25 * top).astype(kind), alpha=np.full((20, 300), top).astype(kind)
    )
    after = Picture(np.full((40, 600, 3), 0.5 * top).astype(kind))
    both = side_by_side(before, after)
    assert both.bits == stored and both.size == (40, 1204) and both.alpha is not None
    levels = both.pixels[20, [300, 602, 900], 0] / images.TOP[both.pixels.dtype.name]
    assert abs(levels - (0.25, 1, 0.5)).max() < 0.01
    assert images.decode(images.encode(both, "png"), name="x").bits == stored


def test_a_preview_writes_nothing_into_the_output_and_tells_the_command() -> None:
    done = denoise("--preview", "3", "--report", "look.html", "--json", "--compare", "--no-open")
    assert done.exit_code == 0 and not Path("out").exists()
    *told, page = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(each["input"]).suffix for each in told] == [".png", ".jpg", ".tif"]
    assert all(Path(each["output"]).is_relative_to("look-files/results") for each in told)
    assert page["output"] == "look.html" and page["pictures_count"] == 6 and page["planned_seconds"] >= 0
    assert page["command"] == "restore denoise in --sigma 20.0 -o out --compare --weights w --json"
    assert "note: 6 pictures would take about " in done.stderr and page["command"] in done.stderr
    assert len(names(rows("look.html"))) == 3
    again = denoise("--preview", "2", "--report", "look.html")
    assert (
        again.exit_code == 0 and again.stdout.endswith("look.html\n") and len(names(rows("look.html"))) == 2
    )
    # The long run into the same page begins it anew; a preview never replaces it.
    assert cli(*shlex.split(page["command"])[1:], "--report", "look.html").exit_code == 0
    assert len(names(rows("look.html"))) == 6 and not Path("look-files/results").exists()
    refused = denoise("--preview", "2", "--report", "look.html", "--overwrite", "-o", "other")
    assert refused.exit_code == 0  # asked for
    denoise("--report", "run.html", "--overwrite")
    assert "the report of a run is there" in denoise("--preview", "2", "--report", "run.html").stderr


def test_a_preview_in_a_place_of_its_own_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda page: bool(opened.append(page)))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    Path("in/a.png").write_bytes(b"bad")
    done = denoise("--preview", "100", "--open")
    page = Path(done.stdout.splitlines()[-1])
    assert done.exit_code == 1 and page.is_relative_to(tmp_path) and opened == [page.as_uri()]
    assert len(names(rows(str(page)))) == 6
    assert f"no browser was found; open {page}" in done.stderr


def test_what_does_not_go_with_a_preview() -> None:
    assert "--preview restores some pictures, --dry-run none" in denoise("--preview", "2", "--dry-run").stderr
    assert "--no-open is of the page of --preview N" in denoise("--no-open").stderr
    said = cli("denoise", "photo.png", "-o", "-", "--preview", "1", "--weights", "w").stderr
    assert "--preview is of files" in said


def test_pictures_that_stand_for_many(tmp_path: Path) -> None:
    jobs = []
    for number in range(1000):
        suffix = ".tif" if number % 100 == 50 else ".png" if number == 999 else ".jpg"
        jobs.append(Job(tmp_path / f"{number:04}{suffix}", Path("out", f"{number}.png")))
    chosen = spread(jobs, 12)
    assert chosen == spread(list(jobs), 12) and len(chosen) == 12
    at = [jobs.index(job) for job in chosen]
    assert at == sorted(at) and at[0] < 120 and at[-1] == 999
    jpegs = [number for number in at if jobs[number].source.suffix == ".jpg"]  # type: ignore[union-attr]
    assert len(jpegs) == 10 and [number // 100 for number in jpegs] == list(range(10))
    assert spread(jobs[:3], 12) == jobs[:3] and len(spread(jobs, 1)) == 1
    samples = [Job(Path("a.png"), Path(f"{draw}.png"), draw=draw) for draw in range(4)]
    assert spread(samples, 12) == samples[:1]


def test_pages_of_a_document_each_have_a_row_and_a_comparison() -> None:
    pages = [Image.fromarray(np.roll(PHOTO, number, axis=0)) for number in range(18)]
    pages[0].save("in/doc.tif", save_all=True, append_images=pages[1:])
    words = ("--compare", "--pages", "1-17", "--ignore", "*.png", "--ignore", "*.jpg", "--ignore", "sub")
    done = denoise("--report", "run.html", *words)
    assert done.exit_code == 0, done.stderr
    found = [each for each in rows() if each.get("name", "").startswith("in/doc.tif")]
    assert [each["label"] for each in found] == [f"page {number}" for number in range(1, 17)]
    assert [each["name"] for each in found[:2]] == ["in/doc.tif", "in/doc.tif, page 2"]
    assert len({each["pic"] for each in found}) == 16 and {each["out"] for each in found} == {"out/doc.tif"}
    assert sum(map(is_comparison, Path("out").glob("doc-page-*-compare.png"))) == 17


def test_the_row_of_a_document_tells_what_its_first_page_does() -> None:
    document = {"input": "a.tif", "status": "done", "seconds": 3}
    page = {"label": "page 1", "status": "unchanged", "method": "none", "noise": "even"}
    assert with_page(document, page) == document | page
    assert with_page(document | {"status": "damaged"}, page)["status"] == "damaged"
    assert with_page(document, {}) == document
