"""Files of several pages on the command line: every page is restored, and none is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from command_photos import HOLE, PHOTO, H, W
from commands import cli
from PIL import Image

from restore import images
from restore.cli.provenance import history_in
from restore.errors import OutputError
from restore.tasks import denoise

pytestmark = pytest.mark.usefixtures("one_thread", "here")

CLEAN = np.full((40, 44, 3), 128, np.uint8)


def rolled(number: int) -> Image.Image:
    return Image.fromarray(np.roll(PHOTO, number, axis=0))


def pages(name: str, *more: Image.Image) -> bytes:
    """A file of three pictures, or of these; its bytes."""
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    first, *rest = more or tuple(map(rolled, range(3)))
    options: dict[str, Any] = {"lossless": True} if name.endswith(".webp") else {}
    first.save(name, save_all=True, append_images=rest, **options)
    return Path(name).read_bytes()


def read(name: str) -> list[images.Picture]:
    document = images.open_document(Path(name))
    assert document is not None
    with document:
        return [document.picture(part) for part in document.parts()]


def read_page(name: str, number: int) -> images.Picture:
    document = images.open_document(Path(name))
    assert document is not None
    with document:
        return document.picture(list(document.parts())[number - 1])


def quick(weights: Path) -> list[object]:
    return ["--sigma", 9, "--weights", weights]


@pytest.mark.parametrize("name", ["stack.tif", "film.webp", "film.png"])
def test_each_page_is_restored_as_alone(name: str, weights: Path) -> None:
    pages(name)
    for number in range(3):
        rolled(number).save(f"{number}.png")
        assert cli("denoise", f"{number}.png", "-o", f"o{number}.png", *quick(weights)).exit_code == 0
    done = cli("denoise", name, "-o", f"new-{name}", *quick(weights))
    assert (done.exit_code, done.stdout, done.stderr) == (0, f"new-{name}\n", "")
    for number, page in enumerate(read(f"new-{name}")):
        np.testing.assert_array_equal(page.pixels, images.read(f"o{number}.png").pixels)
    (record,) = history_in(Path(f"new-{name}")).records
    assert record.inputs[0] == (name, images.hash_of(name))
    again = cli("denoise", name, "-o", f"new-{name}", *quick(weights))
    assert again.stderr.startswith(f"note: new-{name} is there already and was kept")
    other = cli("denoise", name, "-o", f"new-{name}", "--sigma", 20, "--weights", weights)
    assert "is there, made with --sigma 9, now --sigma 20" in other.stderr


def test_a_gif_is_written_in_kind(weights: Path) -> None:
    pages("film.gif")
    done = cli("denoise", "film.gif", "-o", "new.gif", *quick(weights))
    assert (done.exit_code, done.stdout) == (0, "new.gif\n")
    assert done.stderr == "note: new.gif: GIF: colours become at most 256; .webp and .png keep all\n"
    assert images.page_count("new.gif") == 3
    done = cli("denoise", "film.gif", "--format", "webp", *quick(weights))
    assert (done.exit_code, done.stdout) == (0, "film-denoised.webp\n")
    assert images.page_count("film-denoised.webp") == 3


def test_some_pages(weights: Path) -> None:
    pages("stack.tif")
    done = cli("denoise", "stack.tif", "--pages", "3,1", "-o", "new.tif", *quick(weights))
    assert (done.exit_code, done.stderr) == (0, "")
    for number, page in enumerate(read("new.tif")):
        assert np.array_equal(page.pixels, np.roll(PHOTO, number, axis=0)) == (number == 1)
    (record,) = history_in(Path("new.tif")).records
    assert ("--pages", "3,1") in record.arguments
    done = cli("denoise", "stack.tif", "--pages", "2-", "-o", "new.tif", *quick(weights))
    assert "made with --pages 3,1, now --pages 2-" in done.stderr
    done = cli("denoise", "stack.tif", "--pages", "3", "-o", "three.tif", *quick(weights))
    assert history_in(Path("three.tif")).records  # on the third page alone
    assert "stack.tif --sigma 9.0 --pages 3" in cli("info", "three.tif").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["stack.tif", "--pages", "4"], "stack.tif: --pages 4: it holds 3 pages; name others"),
        (["film.webp", "--pages", "2,5-9"], "film.webp: --pages 5-9: it holds 3 frames; name others"),
        (["photo.png", "--pages", "2-3"], "photo.png: --pages 2-3: it holds one picture; name others"),
        (
            ["stack.tif", "-o", "new.png"],
            "new.png: PNG cannot hold the 3 pages of stack.tif; pass --pages with one of them, or write TIFF",
        ),
        (
            ["film.webp", "-o", "new.tif"],
            "new.tif: TIFF cannot hold the 3 frames of film.webp; pass --pages with one of them, or write "
            "WebP or PNG or GIF",
        ),
        (
            ["stack.tif", "--uncertainty", "map.png"],
            "stack.tif: --uncertainty is of one picture, and it holds 3 pages; name one with --pages",
        ),
        (
            ["stack.tif", "--estimate", "sample", "--trajectory", "way"],
            "stack.tif: --trajectory is of one picture, and it holds 3 pages; name one with --pages",
        ),
    ],
)
def test_what_is_refused(words: list[str], message: str, weights: Path) -> None:
    for name in ("stack.tif", "film.webp"):
        pages(name)
    before = sorted(Path().iterdir())
    for more in ([], ["--dry-run"]):
        done = cli("denoise", *words, *quick(weights), *more)
        assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: {message}\n")
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("value", ["0", "3-1", "1-2-3", "-2", "1,,2", "a", "1.5", "9999999", "٢"])
def test_what_are_no_pages(value: str) -> None:
    done = cli("denoise", "photo.png", f"--pages={value}")
    assert done.exit_code == 2 and "is not pages from 1, such as 1-3,7 or 5-" in done.stderr


def test_one_page_as_a_picture(weights: Path) -> None:
    pages("stack.tif")
    rolled(1).save("1.png")
    words = ["--pages", 2, "--uncertainty", "map.png", *quick(weights)]
    assert cli("denoise", "stack.tif", "-o", "new.png", *words).exit_code == 0
    assert cli("denoise", "1.png", "-o", "o1.png", *quick(weights)).exit_code == 0
    np.testing.assert_array_equal(images.read("new.png").pixels, images.read("o1.png").pixels)
    assert images.page_count("new.png") == 1 and Path("map.png").exists()


def test_events_and_progress(weights: Path) -> None:
    pages("stack.tif")
    done = cli("denoise", "stack.tif", "--json", *quick(weights))
    fact = json.loads(done.stdout)
    assert (fact["status"], fact["page_count"], fact["width_pixels"]) == ("done", 3, W)
    assert [(each["page"], each["label"], each["status"]) for each in fact["pages"]] == [
        (number, f"page {number}", "done") for number in (1, 2, 3)
    ]
    done = cli("denoise", "stack.tif", "-o", "x.tif", "--dry-run", *quick(weights))
    assert done.stdout == "stack.tif (3 pages) -> x.tif\n"


def test_a_damaged_page_stays_and_the_file_is_marked(weights: Path) -> None:
    Path("in").mkdir()
    first, *rest = map(rolled, range(3))
    first.save("in/bad.tif", save_all=True, append_images=rest, compression="tiff_adobe_deflate")
    data = bytearray(Path("in/bad.tif").read_bytes())
    with tifffile.TiffFile("in/bad.tif") as file:
        at, size = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    data[at + 9 : at + size] = bytes(size - 9)
    Path("in/bad.tif").write_bytes(data)
    Image.fromarray(PHOTO).save("in/good.png")
    done = cli("denoise", "in", "-o", "out", *quick(weights))
    assert (done.exit_code, done.stdout) == (1, "out/bad.tif\nout/good.png\n")
    lines = done.stderr.splitlines()
    assert lines[-1] == "note: 2 restored, 1 of them from damaged files (of 2 pictures)"
    assert lines[0].startswith("error: in/bad.tif, page 2: expected a whole picture, got a damaged")
    assert lines[0].endswith("or pass --allow-damaged to restore what is there; the page stays as it is")
    assert read_page("out/bad.tif", 3).size == (H, W)
    done = cli(
        "denoise", "in/bad.tif", "-o", "out/bad.tif", "--overwrite", "--allow-damaged", *quick(weights)
    )
    assert done.exit_code == 1
    assert done.stderr.startswith("warning: in/bad.tif, page 2: the file is damaged")
    assert read_page("out/bad.tif", 2).size == (H, W)


def test_a_page_that_fails_is_told(weights: Path) -> None:
    deep = np.full((H, W, 3), np.nan, np.float32)
    fine = np.random.default_rng(0).random((H, W, 3)).astype(np.float32)
    with tifffile.TiffWriter("floats.tif") as file:
        for page in (fine, deep, fine):
            file.write(page, photometric="rgb", metadata=None)
    done = cli("denoise", "floats.tif", "-o", "new.tif", "--json", *quick(weights))
    fact = json.loads(done.stdout)
    assert done.exit_code == 1 and fact["status"] == "damaged"
    assert fact["damage"] == "page 2 could not be restored"
    assert [each["status"] for each in fact["pages"]] == ["done", "failed", "done"]
    assert "error: floats.tif, page 2: expected numbers, got NaN" in done.stderr
    kept = read("new.tif")[1].pixels
    assert np.isnan(kept).all()
    with tifffile.TiffWriter("none.tif") as file:
        for _ in range(2):
            file.write(deep, photometric="rgb", metadata=None)
    done = cli("denoise", "none.tif", "-o", "gone.tif", *quick(weights))
    assert done.exit_code == 1 and not Path("gone.tif").exists()
    first, last = done.stderr.splitlines()
    assert first.startswith("error: none.tif, page 2: expected numbers, got NaN")
    assert last.startswith("error: none.tif, page 1: expected numbers, got NaN")
    assert last.endswith("; none of the 2 pages could be restored, so nothing is written")


def test_where_there_is_nothing_to_do_the_file_is_copied(weights: Path) -> None:
    clean = Image.fromarray(CLEAN)
    for name in ("clean.tif", "clean.png"):
        before = pages(name, clean, Image.fromarray(CLEAN + 9), clean)
        done = cli("denoise", name, "--json", "--weights", weights)
        fact = json.loads(done.stdout)
        assert (done.exit_code, fact["status"]) == (0, "unchanged")
        assert Path(fact["output"]).read_bytes() == before
    before = pages("half.tif", clean, rolled(0))
    done = cli("denoise", "half.tif", "-o", "new.tif", "--weights", weights)
    assert done.exit_code == 0
    first, second = read("new.tif")
    np.testing.assert_array_equal(first.pixels, CLEAN)
    assert not np.array_equal(second.pixels, PHOTO) and before != Path("new.tif").read_bytes()


def test_in_place_and_never_fewer_pages(weights: Path) -> None:
    pages("stack.tif")
    done = cli("denoise", "stack.tif", "-o", "stack.tif", "--overwrite", *quick(weights))
    assert done.exit_code == 0 and images.page_count("stack.tif") == 3
    assert not np.array_equal(read("stack.tif")[2].pixels, np.roll(PHOTO, 2, axis=0))
    before = Path("stack.tif").read_bytes()
    pages("two.tif", rolled(0), rolled(1))
    done = cli("denoise", "two.tif", "-o", "stack.tif", "--overwrite", *quick(weights))
    assert done.stderr == (
        "error: stack.tif: it holds 3 pictures and the result holds 2, so the others would be lost; write to "
        "another name\n"
    )
    assert Path("stack.tif").read_bytes() == before


def test_masks_of_pages(weights: Path) -> None:
    pages("stack.tif")
    pages("mask.tif", *(Image.fromarray(each) for each in (HOLE, HOLE[::-1], HOLE)))
    words = ["inpaint", "stack.tif", "--steps", 1, "--weights", weights, "--save-mask", "masks/"]
    assert cli(*words, "--mask", "mask.tif", "-o", "new.tif").exit_code == 0
    for number, page in enumerate(read("new.tif")):
        hole = HOLE[::-1] if number == 1 else HOLE
        np.testing.assert_array_equal(page.pixels[~hole], np.roll(PHOTO, number, axis=0)[~hole])
        assert (images.read(f"masks/stack-p{number + 1}.png").pixels[..., 0] > 0).tolist() == hole.tolist()
    done = cli(
        "inpaint", "stack.tif", "--steps", 1, "--weights", weights, "--mask", "mask.png", "-o", "x.tif"
    )
    assert done.exit_code == 0
    for number, page in enumerate(read("x.tif")):
        np.testing.assert_array_equal(page.pixels[~HOLE], np.roll(PHOTO, number, axis=0)[~HOLE])


def test_masks_with_empty_pages_and_of_other_numbers(weights: Path) -> None:
    pages("stack.tif")
    none = Image.fromarray(np.zeros_like(HOLE))
    pages("mask.tif", Image.fromarray(HOLE), none, Image.fromarray(HOLE))
    words = ["inpaint", "stack.tif", "--steps", 1, "--weights", weights]
    done = cli(*words, "--mask", "mask.tif", "-o", "new.tif")
    assert done.exit_code == 0
    assert (
        "note: stack.tif, page 2: mask.tif, page 2: nothing in it is white, so it stays as it is"
        in done.stderr
    )
    np.testing.assert_array_equal(read("new.tif")[1].pixels, np.roll(PHOTO, 1, axis=0))
    pages("mask.tif", none, none, none)
    done = cli(*words, "--mask", "mask.tif", "-o", "empty.tif")
    assert done.exit_code == 1 and not Path("empty.tif").exists()
    pages("mask.tif", Image.fromarray(HOLE), none)
    done = cli(*words, "--mask", "mask.tif", "-o", "few.tif")
    assert done.exit_code == 1 and not Path("few.tif").exists()
    assert done.stderr.startswith(
        "error: mask.tif: expected a mask of 1 page or of 3, as the picture has, got 2;"
    )
    assert len(done.stderr.splitlines()) == 1


def test_a_file_of_which_only_the_first_page_is_there_is_marked(weights: Path) -> None:
    with tifffile.TiffWriter("cut.tif") as file:
        for number in range(3):
            file.write(np.roll(PHOTO, number, axis=0), photometric="rgb", metadata=None)
    with tifffile.TiffFile("cut.tif") as tif:
        end = tif.pages[1].offset
    Path("cut.tif").write_bytes(Path("cut.tif").read_bytes()[:end])
    done = cli("denoise", "cut.tif", "-o", "new.tif", *quick(weights))
    assert (done.exit_code, done.stdout) == (1, "new.tif\n")
    told = "the file is damaged (what follows page 1 cannot be found); what is there is restored"
    assert done.stderr.startswith(f"warning: cut.tif: {told}")


def test_other_commands_and_new_sizes(weights: Path) -> None:
    pages("film.webp")
    words = ["upscale", "film.webp", "--scale", 2, "--steps", 1, "--weights", weights]
    assert cli(*words, "--pages", "1-2").exit_code == 0
    assert {page.size for page in read("film-x2.webp")} == {(2 * H, 2 * W)}
    pages("stack.tif")
    assert cli("upscale", "stack.tif", *words[2:], "--depth", 16).exit_code == 0
    assert [(page.size, page.bits) for page in read("stack-x2.tif")] == 3 * [((2 * H, 2 * W), 16)]


def test_standard_input_and_output(weights: Path) -> None:
    before = pages("stack.tif")
    done = cli("denoise", "-", "-o", "new.tif", *quick(weights), stdin=before)
    assert done.exit_code == 0 and images.page_count("new.tif") == 3
    done = cli("denoise", "stack.tif", "-o", "-", *quick(weights))
    Path("piped.tif").write_bytes(done.stdout_bytes)
    assert done.exit_code == 0
    for one, two in zip(read("piped.tif"), read("new.tif"), strict=True):
        np.testing.assert_array_equal(one.pixels, two.pixels)


def test_a_fault_of_the_disk_leaves_nothing(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages("in/stack.tif")

    def full(*_: object) -> None:
        raise OutputError("out/stack.tif: cannot write (No space left on device); free some space")

    monkeypatch.setattr("restore.images.tiff_pages.TiffWriter.finish", full)
    done = cli("denoise", "in", "-o", "out", *quick(weights))
    assert done.exit_code == 1 and not list(Path("out").iterdir())


@pytest.mark.parametrize(
    "words",
    [
        ["inpaint", "photo.png", "--mask", "mask.png"],
        ["upscale", "photo.png", "--scale", 2],
        ["deblur", "photo.png", "--kernel", "gaussian:1"],
        ["colorize", "photo.png"],
        ["vary", "photo.png"],
    ],
    ids=lambda words: words[0],
)
def test_a_picture_never_replaces_several(words: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    before = pages("out.tif")
    monkeypatch.setattr(denoise, "denoise", None)  # it is refused before anything is computed
    done = cli(*words, "-o", "out.tif", "--overwrite")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "error: out.tif: it holds 3 pictures and the result is one, so the others would be lost; write to "
        "another name"
    )
    assert Path("out.tif").read_bytes() == before


def test_info_tells_the_pages() -> None:
    pages("stack.tif")
    done = cli("info", "stack.tif")
    assert (done.exit_code, done.stdout) == (1, "stack.tif: 3 pages\n")
    assert "holds no record" in done.stderr
