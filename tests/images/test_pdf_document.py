"""PDFs as documents: their parts, and what stays in a PDF whose images are replaced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pdf_files import Array, Dictionary, Name, PdfMaker, pikepdf, rendered, scene

from restore.errors import ImageError, OutputError
from restore.images import exif, pdf_check
from restore.images.documents import UNWANTED
from restore.images.opening import open_document
from restore.images.page_count import page_count
from restore.images.pdf_colours import srgb_profile
from restore.images.picture import Picture
from restore.images.told import Told, told_in

H, W = 48, 64


def parts(path: Path, pages: set[int] | None = None) -> list[tuple[str, str]]:
    document = open_document(path)
    assert document is not None
    with document:
        return [(part.label, part.keep) for part in document.parts(pages)]


def inverted(picture: Picture) -> Picture:
    return picture.with_pixels(np.iinfo(picture.pixels.dtype).max - picture.pixels)


def replaced(
    path: Path, change: Callable[[Picture], Picture] = inverted, *, quality: int | None = None
) -> Path:
    """Write a PDF with all images changed."""
    out = path.with_name(f"new-{path.name}")
    document = open_document(path)
    assert document is not None
    with document, document.writer(out, "pdf", name="new.pdf", quality=quality) as writer:
        for part in document.parts():
            writer.add(part, None if part.keep else change(document.picture(part)))
        writer.finish()
    return out


def images_of(path: Path) -> list[Any]:
    document = open_document(path)
    assert document is not None
    with document:
        return [document.picture(part) for part in document.parts() if not part.keep]


def a_book(folder: Path, **options: Any) -> Path:
    maker = PdfMaker()
    for page in range(3):
        maker.page(maker.flate(scene(H, W, seed=page)), text=f"Page {page + 1}")
    return maker.save(folder / "book.pdf", **options)


def test_pages_are_named_by_what_they_show(tmp_path: Path) -> None:
    maker = PdfMaker()
    one, small, mask = maker.flate(scene(H, W)), maker.flate(scene(9, 9)), maker.flate(scene(8, 8))
    maker.page(one)
    maker.page(maker.flate(scene(H, W, seed=1)), small, mask, maker.form(maker.flate(scene(H, W, seed=2))))
    maker.page(text="words")
    maker.page(drawing=b"0 0 m 9 9 l S")
    maker.page(one)
    maker.page(drawing=b"BI /W 2 /H 2 /BPC 8 /CS /G ID abcd EI")
    path = maker.save(tmp_path / "a.pdf")
    assert parts(path) == [
        ("page 1", ""),
        ("page 2, image 1", ""),
        ("page 2, image 4", ""),
        ("page 2, 2 images", "under 32 pixels on its shorter side"),
        ("page 3", "text"),
        ("page 4", "a drawing"),
        ("page 6", "an image within its text of commands"),
    ]
    assert [label for label, keep in parts(path, {2, 3}) if keep == UNWANTED] == [
        "page 1", "page 4", "page 5", "page 6"
    ]  # fmt: skip


def test_pages_that_share_their_resources_show_only_what_they_draw(tmp_path: Path) -> None:
    maker = PdfMaker()
    every = Dictionary({f"/I{k}": maker.flate(scene(H, W, seed=k)) for k in range(3)})
    resources = maker.pdf.make_indirect(Dictionary(XObject=every))
    for k in range(2):
        page = maker.page()
        page.Resources, page.Contents = resources, maker.pdf.make_stream(b"q /I%d Do Q" % k)
    assert parts(maker.save(tmp_path / "a.pdf")) == [("page 1", ""), ("page 2", "")]


def test_a_form_that_shows_itself_ends(tmp_path: Path) -> None:
    maker = PdfMaker()
    form = maker.form(maker.flate(scene(H, W)))
    form.Resources.XObject.X1 = form
    form.write(b"/X0 Do /X1 Do")
    maker.page(form)
    assert parts(maker.save(tmp_path / "a.pdf")) == [("page 1", "")]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"linearize": True},
        {"object_stream_mode": pikepdf.ObjectStreamMode.generate},
        {"encryption": pikepdf.Encryption(owner="o", user="")},
    ],
    ids=["plain", "linearized", "object streams", "encrypted"],
)
def test_images_are_replaced_and_all_else_stays(tmp_path: Path, options: dict[str, Any]) -> None:
    path = a_book(tmp_path, **options)
    out = replaced(path)
    before, after = images_of(path), images_of(out)
    assert len(after) == 3
    for old, new in zip(before, after, strict=True):
        assert np.array_equal(new.pixels, 255 - old.pixels)
    with pikepdf.open(path) as one, pikepdf.open(out) as other:
        assert other.is_linearized == one.is_linearized and other.is_encrypted == one.is_encrypted
        assert not other.check_pdf_syntax()
        for old, new in zip(one.pages, other.pages, strict=True):
            assert new.Contents.read_bytes() == old.Contents.read_bytes()
    if "encryption" not in options:
        first = out.read_bytes()
        assert replaced(path).read_bytes() == first  # the same bytes each time


def test_what_belongs_to_a_document_stays(tmp_path: Path) -> None:
    maker = PdfMaker()
    pdf, page = maker.pdf, maker.page(maker.jpeg(scene(150, 200)), text="over it")
    maker.page(text="second")
    page.Annots = Array(
        [Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=Dictionary(
            S=Name.URI, URI=pikepdf.String("mailto:a@b")))]
    )  # fmt: skip
    pdf.attachments["notes.txt"] = b"a note"
    pdf.Root.PageLabels = Dictionary(Nums=Array([0, Dictionary(S=Name.r)]))
    pdf.Root.AcroForm = Dictionary(Fields=Array([Dictionary(FT=Name.Tx, T=pikepdf.String("field"))]))
    with pdf.open_outline() as outline:
        outline.root.append(pikepdf.OutlineItem("Second", 1))
    with pdf.open_metadata() as meta:
        meta["dc:title"], meta["pdfaid:part"], meta["pdfaid:conformance"] = "A title", "2", "B"
    path = maker.save(tmp_path / "a.pdf")
    out = replaced(path)
    with pikepdf.open(path) as one, pikepdf.open(out) as other:
        assert other.Root.Metadata.read_bytes() == one.Root.Metadata.read_bytes()
        assert other.attachments["notes.txt"].get_file().read_bytes() == b"a note"
        assert str(other.pages[0].Annots[0].A.URI) == "mailto:a@b"
        assert other.pages[0].label == "i"
        assert str(other.Root.AcroForm.Fields[0].T) == "field"
        with other.open_outline() as outline:
            assert [item.title for item in outline.root] == ["Second"]
        assert other.docinfo == one.docinfo
    # The text is drawn over the new image, as over the old one.
    before, after = rendered(path), rendered(out)
    red = (before[..., 0] > 250) & (before[..., 1:] < 5).all(2)
    assert red.sum() > 40 and np.abs(after[red].astype(int) - before[red]).max() < 9
    assert np.abs(after[~red].astype(int) - (255 - before[~red].astype(int))).mean() < 12
    assert np.array_equal(rendered(path, 1), rendered(out, 1))


@pytest.mark.parametrize(("own", "asked", "wanted"), [(60, None, 85), (93, None, 93), (60, 70, 70)])
def test_a_jpeg_stays_one_near_its_own_quality(
    tmp_path: Path, own: int, asked: int | None, wanted: int
) -> None:
    maker = PdfMaker()
    maker.page(maker.jpeg(scene(H, W), own, maker.profile(srgb_profile(), 3), Interpolate=True))
    (picture,) = images_of(out := replaced(maker.save(tmp_path / "a.pdf"), quality=asked))
    assert picture.format == "jpeg" and picture.coding.quality == wanted
    assert picture.icc == srgb_profile()
    with pikepdf.open(out) as pdf:
        image = pdf.pages[0].Resources.XObject.X0
        assert image.Filter == Name.DCTDecode and bool(image.Interpolate) and "/DecodeParms" not in image


def test_a_soft_mask_and_inverted_samples_are_kept_in_their_sense(tmp_path: Path) -> None:
    maker = PdfMaker()
    soft = maker.flate(scene(20, 30, 1))
    maker.page(maker.flate(scene(H, W, 1), Decode=Array([1, 0]), SMask=soft))
    path = maker.save(tmp_path / "a.pdf")
    out = replaced(path, lambda picture: picture)
    assert np.array_equal(rendered(path), rendered(out))
    with pikepdf.open(out) as pdf:
        image = pdf.pages[0].Resources.XObject.X0
        assert "/Decode" not in image and int(image.SMask.Width) == 30


@pytest.mark.parametrize("top", [255, 65535])
def test_an_image_may_get_more_pixels(tmp_path: Path, top: int) -> None:
    maker = PdfMaker()
    maker.page(maker.flate(scene(H, W, 3, top=top)), text="over it")
    path = maker.save(tmp_path / "a.pdf")
    out = replaced(path, lambda picture: picture.with_pixels(picture.pixels.repeat(2, 0).repeat(2, 1)))
    (picture,) = images_of(out)
    assert picture.size == (2 * H, 2 * W) and picture.pixels.max() > 200 * (top // 255)
    assert np.abs(rendered(path).astype(int) - rendered(out)).mean() < 5


def test_colour_takes_the_place_of_gray_and_of_ink(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.page(maker.flate(scene(H, W, 1)))
    maker.page(maker.flate(scene(H, W, 4)))
    maker.page(maker.flate(scene(H, W, 3)))
    colours = [scene(H, W, 3, seed=k) for k in range(3)]
    left = iter(colours)

    def change(picture: Picture) -> Picture:
        pixels = next(left)
        gray = picture.icc == b"" and pixels is colours[2]
        pixels = pixels[..., :1].repeat(3, 2) if gray else pixels
        return replace(picture, pixels=pixels, gray=gray)

    for encryption in ({}, {"encryption": pikepdf.Encryption(owner="o", user="")}):
        left = iter(colours)
        first, second, third = images_of(replaced(maker.save(tmp_path / "a.pdf", **encryption), change))
        assert np.array_equal(first.pixels, colours[0]) and first.icc == srgb_profile()
        assert np.array_equal(second.pixels, colours[1]) and second.icc == srgb_profile()
        assert third.gray


def test_floats_become_sixteen_bits_and_palettes_become_their_colours(tmp_path: Path) -> None:
    maker = PdfMaker()
    table = Array([Name.Indexed, Name.DeviceRGB, 255, pikepdf.String(scene(16, 16).tobytes())])
    maker.page(maker.flate(scene(H, W, 1), table))

    def floats(picture: Picture) -> Picture:
        return replace(picture, pixels=picture.pixels.astype(np.float32) / 255)

    (before,) = images_of(path := maker.save(tmp_path / "a.pdf"))
    (after,) = images_of(replaced(path, floats))
    assert after.bits == 16 and np.array_equal(after.pixels, before.pixels.astype(np.uint16) * 257)


def test_the_record_of_the_pictures_becomes_that_of_the_document(tmp_path: Path) -> None:
    def recorded(picture: Picture) -> Picture:
        return replace(picture, exif=exif.with_comment(picture.exif, 'restore: [{"a": 1}]'))

    out = replaced(a_book(tmp_path), recorded)
    assert told_in(out) == Told("pdf", 'restore: [{"a": 1}]')
    assert told_in(tmp_path / "book.pdf") == Told("pdf")


def test_a_pdf_is_written_as_pdf_alone(tmp_path: Path) -> None:
    document = open_document(a_book(tmp_path))
    assert document is not None
    with document, pytest.raises(OutputError, match="as PDF alone"):
        document.writer(tmp_path / "a.tif", "tiff")


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    document = open_document(a_book(tmp_path))
    assert document is not None
    with document, pytest.raises(OutputError, match=r"new\.pdf: cannot write"):
        document.writer(tmp_path / "gone" / "a.part", "pdf", name="new.pdf")


def test_what_reads_back_wrong_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(image: Any, name: str) -> Picture:
        return Picture(np.zeros((H, W, 3), np.uint8))

    path = a_book(tmp_path)
    monkeypatch.setattr(pdf_check, "read_image", other)
    with pytest.raises(OutputError, match=r"new\.pdf: what was written reads back wrong"):
        replaced(path)


def test_signatures_and_encryption_are_told(tmp_path: Path) -> None:
    maker = PdfMaker()
    maker.page(maker.flate(scene(H, W)))
    maker.pdf.Root.AcroForm = Dictionary(SigFlags=3, Fields=Array([]))
    barred = pikepdf.Encryption(owner="o", user="", allow=pikepdf.Permissions(modify_other=False))
    document = open_document(maker.save(tmp_path / "a.pdf", encryption=barred))
    assert document is not None
    with document:
        encrypted, signed = document.notes
    assert "forbids changes" in encrypted and "signatures do not hold" in signed


def _portfolio(maker: PdfMaker) -> None:
    maker.page()
    maker.pdf.attachments["a.txt"] = b"hello"
    maker.pdf.Root.Collection = Dictionary(Type=Name.Collection)


@pytest.mark.parametrize(
    ("make", "options", "told"),
    [
        (lambda maker: None, {}, "got one without"),
        (_portfolio, {}, "got a portfolio of a file"),
        (PdfMaker.page, {"encryption": pikepdf.Encryption(owner="o", user="u")}, "without a password"),
    ],
    ids=["no pages", "portfolio", "password"],
)
def test_other_pdfs_get_one_line(tmp_path: Path, make: Any, options: dict[str, Any], told: str) -> None:
    maker = PdfMaker()
    make(maker)
    with pytest.raises(ImageError, match=told) as error:
        open_document(maker.save(tmp_path / "a.pdf", **options))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("data", [b"%PDF-1.7\n", b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n"])
def test_what_holds_nothing_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    with pytest.raises(ImageError, match="damaged file of which nothing can be read"):
        open_document(path)


def test_a_pdf_without_its_end_is_repaired(tmp_path: Path) -> None:
    path = a_book(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    document = open_document(path)
    assert document is not None
    with document:
        assert document.damage == "its list of objects is broken"
    assert [picture.size for picture in images_of(replaced(path))] == [(H, W)] * 3


def test_pages_are_counted(tmp_path: Path) -> None:
    path = a_book(tmp_path)
    assert page_count(path) == 3
    path.write_bytes(b"%PDF-1.7\n")
    assert page_count(path) == 1


def test_what_stands_before_a_pdf_is_passed_over(tmp_path: Path) -> None:
    path = a_book(tmp_path)
    path.write_bytes(b"GET /book HTTP\n\n" + path.read_bytes())
    assert len(images_of(replaced(path))) == 3


def test_without_the_packages_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = a_book(tmp_path)
    monkeypatch.setitem(sys.modules, "pikepdf", None)
    with pytest.raises(ImageError, match=r"pip install 'restore-diffusion\[pdf\]'"):
        open_document(path)


def test_a_page_that_looks_different_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = PdfMaker()
    maker.page(maker.flate(scene(H, W)))
    maker.page(text="words")
    path = maker.save(tmp_path / "a.pdf")
    look, looked = pdf_check._look, list[Any]()

    def other(file: Any, at: int, *, shown: bool) -> Any:
        looked.append(file)
        return look(file, at, shown=shown) if file != path.with_name("new-a.pdf") else ("", b"")

    monkeypatch.setattr(pdf_check, "_look", other)
    with pytest.raises(OutputError, match="page 2 looks different"):
        replaced(path)
    assert len(looked) == 5  # source, result, and the source as it is written without changes
