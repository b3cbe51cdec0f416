"""PDFs on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from command_photos import PHOTO as SMALL
from commands import cli
from pdf_files import PdfMaker, pikepdf, rendered
from PIL import Image

from restore import images
from restore.cli.provenance import history_in

PHOTO = np.concatenate([SMALL, SMALL[::-1]])  # smaller ones stay as they are

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def a_scan(name: str = "scan.pdf", *, damaged: bool = False) -> Path:
    """Two pages of photographs with text over them, and one of text."""
    maker = PdfMaker()
    for number in range(2):
        image = maker.flate(np.roll(PHOTO, number, axis=0))
        maker.page(image, text=f"page {number + 1}")
    if damaged:
        broken = maker.pdf.pages[0].obj.Resources.XObject.X0
        broken.write(b"nothing", filter=pikepdf.Name.FlateDecode)
    maker.page(text="only words")
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    return maker.save(Path(name))


def pictures(name: str) -> list[images.Picture]:
    document = images.open_document(Path(name))
    assert document is not None
    with document:
        return [document.picture(part) for part in document.parts() if not part.keep]


def quick(weights: Path) -> list[object]:
    return ["--sigma", 9, "--weights", weights]


def test_the_images_of_a_pdf_are_restored_as_alone(weights: Path) -> None:
    a_scan()
    Image.fromarray(PHOTO).save("0.png")
    assert cli("denoise", "0.png", "-o", "o.png", *quick(weights)).exit_code == 0
    done = cli("denoise", "scan.pdf", "-o", "clean.pdf", *quick(weights))
    assert (done.exit_code, done.stdout) == (0, "clean.pdf\n")
    assert done.stderr == "note: scan.pdf: page 3: text, which stays as it is\n"
    first, _ = pictures("clean.pdf")
    np.testing.assert_array_equal(first.pixels, images.read("o.png").pixels)
    assert np.array_equal(rendered(Path("scan.pdf"), 2), rendered(Path("clean.pdf"), 2))
    (record,) = history_in(Path("clean.pdf")).records
    assert record.inputs == (("scan.pdf", images.hash_of("scan.pdf")),)
    told = cli("info", "clean.pdf")
    assert "\nrestore denoise scan.pdf --sigma 9.0 " in told.stdout and "-o clean.pdf" in told.stdout
    kept = cli("denoise", "scan.pdf", "-o", "clean.pdf", *quick(weights))
    assert kept.stderr.startswith("note: clean.pdf is there already and was kept")
    bare = cli("denoise", "clean.pdf", "-o", "bare.pdf", "--no-provenance", *quick(weights))
    assert bare.exit_code == 0 and not history_in(Path("bare.pdf")).records
    again = cli("denoise", "clean.pdf", "-o", "twice.pdf", *quick(weights))
    assert again.exit_code == 0 and len(history_in(Path("twice.pdf")).records) == 2


def test_the_same_command_gives_the_same_bytes(weights: Path) -> None:
    a_scan()
    found = []
    for name in ("a/x.pdf", "b/x.pdf"):
        Path(name).parent.mkdir()
        assert cli("denoise", "scan.pdf", "-o", name, *quick(weights)).exit_code == 0
        found.append(Path(name).read_bytes())
    assert found[0] == found[1]


def test_pages_are_named_by_number(weights: Path) -> None:
    a_scan()
    done = cli("denoise", "scan.pdf", "-o", "one.pdf", "--pages", "2", *quick(weights))
    assert done.exit_code == 0, done.stderr
    before, after = pictures("scan.pdf"), pictures("one.pdf")
    assert np.array_equal(after[0].pixels, before[0].pixels)
    assert not np.array_equal(after[1].pixels, before[1].pixels)
    assert " --pages 2 " in cli("info", "one.pdf").stdout


def test_pdfs_in_a_folder_are_restored_beside_pictures(weights: Path) -> None:
    a_scan("in/sub/scan.pdf")
    Image.fromarray(PHOTO).save("in/photo.png")
    done = cli("denoise", "in", "-o", "out", *quick(weights), "--json")
    assert done.exit_code == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    told = next(each for each in events if each.get("output") == "out/sub/scan.pdf")
    assert told["page_count"] == 3 and [each["label"] for each in told["pages"]] == ["page 1", "page 2"]
    assert len(pictures("out/sub/scan.pdf")) == 2


def test_a_folder_of_pdfs_without_the_extra_names_it(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_scan("in/scan.pdf")
    Image.fromarray(PHOTO).save("in/photo.png")
    monkeypatch.setitem(sys.modules, "pikepdf", None)
    done = cli("denoise", "in", "-o", "out", "--dry-run", *quick(weights))
    assert done.exit_code == 1
    assert "not read: 1 .pdf; pip install 'restore-diffusion[pdf]', or" in done.stderr
    alone = cli("denoise", "in/scan.pdf", "-o", "out.pdf", *quick(weights))
    assert (alone.exit_code, alone.stderr) == (
        1, "error: in/scan.pdf: PDF needs pikepdf; pip install 'restore-diffusion[pdf]'\n"
    )  # fmt: skip


def test_a_damaged_image_stays_and_the_others_are_restored(weights: Path) -> None:
    a_scan(damaged=True)
    done = cli("denoise", "scan.pdf", "-o", "clean.pdf", *quick(weights))
    assert done.exit_code == 1
    assert "error: scan.pdf, page 1: expected a whole picture" in done.stderr
    with pikepdf.open("clean.pdf") as pdf:
        assert pdf.pages[0].Resources.XObject.X0.read_raw_bytes() == b"nothing"
        assert len(pdf.pages) == 3


def test_images_get_more_pixels(weights: Path) -> None:
    a_scan()
    done = cli(
        "upscale", "scan.pdf", "--scale", 2, "-o", "large.pdf", "--pages", "1", "--weights", weights,
        "--steps", 1,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    h, w = PHOTO.shape[:2]
    assert [picture.size for picture in pictures("large.pdf")] == [(2 * h, 2 * w), (h, w)]


def test_a_pdf_in_which_there_is_nothing_to_do_is_copied(weights: Path) -> None:
    maker = PdfMaker()
    maker.page(text="words")
    path = maker.save(Path("words.pdf"))
    done = cli("denoise", "words.pdf", "-o", "same.pdf", *quick(weights))
    assert done.exit_code == 0
    assert Path("same.pdf").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["scan.pdf", "-o", "x.jpg"], "JPEG cannot hold the 3 pages of scan.pdf"),
        (["photo.png", "-o", "x.pdf"], "x.pdf: a PDF is made from a PDF alone"),
        (["scan.pdf", "photo.png", "-o", "x.pdf"], "-o x.pdf is a file name, but many inputs need a folder"),
    ],
)
def test_what_cannot_be_written_is_told_before_anything_is_done(
    weights: Path, words: list[str], told: str
) -> None:
    a_scan()
    Image.fromarray(PHOTO).save("photo.png")
    done = cli("denoise", *words, *quick(weights))
    assert done.exit_code != 0 and told in done.stderr
    assert not Path("x.pdf").exists()


def test_the_quality_of_jpegs_in_a_pdf_can_be_set(weights: Path) -> None:
    maker = PdfMaker()
    maker.page(maker.jpeg(PHOTO, 95))
    maker.save(Path("scan.pdf"))
    done = cli("denoise", "scan.pdf", "-o", "x.pdf", "--output-quality", 40, *quick(weights))
    assert done.exit_code == 0, done.stderr
    (picture,) = pictures("x.pdf")
    assert picture.coding is not None and picture.coding.quality == 40


def test_each_image_of_a_page_has_a_mask_of_its_own(weights: Path) -> None:
    maker = PdfMaker()
    maker.page(maker.flate(PHOTO), maker.flate(PHOTO[::-1].copy()))
    maker.save(Path("scan.pdf"))
    hole = np.zeros(PHOTO.shape[:2], np.uint8)
    hole[4:10, 4:10] = 255
    Image.fromarray(hole).save("hole.png")
    words = ["--mask", "hole.png", "--steps", 2, "--save-mask", "masks/"]
    done = cli("inpaint", "scan.pdf", "-o", "x.pdf", *words, "--weights", weights)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in Path("masks").iterdir()) == ["scan-p1-2.png", "scan.png"]
