"""Read a PDF that was written, and compare it with the one that it was made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError, OutputError
from restore.images.file_bytes import FileBytes
from restore.images.page_file import PageFile
from restore.images.pdf_change import Change
from restore.images.pdf_opened import damage_of, piked
from restore.images.pdf_pages import Where, shown_on
from restore.images.pdf_pictures import read_image
from restore.images.pdfium import pdfium

if TYPE_CHECKING:
    from restore.images.pdf import PdfDocument

MOST_RENDERED = 40
"""Pages that are drawn for a comparison, spread over the document."""
SCALE = 0.5
"""Pixels of a point in those."""


def check_pdf(path: Path, document: PdfDocument, made: Mapping[Where, Change], name: str) -> None:
    """Raise OutputError for a PDF that is not its source with other images.

    Parameters
    ----------
    path : the PDF that was written.
    document : the one that it was made from.
    made : the images that were replaced, by their place in the source.
    name : what messages call it.
    """
    import pikepdf

    try:
        touched = _check_images(path, document, made)
        _check_pages(path, document, touched)
    except (ImageError, OSError, RuntimeError, ValueError, pikepdf.PdfError) as error:
        reason = " ".join(str(error).split())
        raise OutputError(
            f"{name}: what was written reads back wrong, nothing is kept; check the disk ({reason})"
        ) from error


def _check_images(path: Path, document: PdfDocument, made: Mapping[Where, Change]) -> set[int]:
    """Compare the images; give the pages that show new ones. Raises ValueError."""
    file, touched, left = FileBytes(path), set[int](), set(made)
    try:
        with piked(PageFile([file]), "it") as pdf:
            if len(pdf.pages) != document.pages:
                raise ValueError(f"expected {document.pages} pages, got {len(pdf.pages)}")
            if pdf.is_linearized != document.pdf.is_linearized:
                raise ValueError("it is not linearized as its source is")
            if damage := damage_of(pdf):
                raise ValueError(damage)
            for number, before, after in _side_by_side(document.pdf, pdf):
                if len(before) != len(after):
                    raise ValueError(f"page {number}: expected {len(before)} images, got {len(after)}")
                for where, image in zip(before, after.values(), strict=True):
                    touched |= {number} if where in made else set()
                    if where in left:
                        left.remove(where)
                        if not made[where].fits(read_image(image, "it")):
                            raise ValueError(f"page {number}: an image differs from what was made")
    finally:
        file.close()
    if left:
        raise ValueError(f"{len(left)} images are missing")
    return touched


def _side_by_side(one: Any, other: Any) -> Iterator[tuple[int, dict[Where, Any], dict[Where, Any]]]:
    for number, pages in enumerate(zip(one.pages, other.pages, strict=True), 1):
        before, after = (shown_on(page).images for page in pages)
        yield number, before, after


def _check_pages(path: Path, document: PdfDocument, touched: set[int]) -> None:
    """Compare the text of pages, and how those look that show no new images. Raises ValueError.

    A source that PDFium cannot open, as a damaged one, is compared with nothing.
    """
    step = max(1, -(-document.pages // MOST_RENDERED))
    for at in range(0, document.pages, step):
        # Each page from a document that is opened for it: PDFium holds all streams that it has read.
        with pdfium() as module, module.PdfDocument(path) as found:
            if len(found) != document.pages:
                raise ValueError(f"expected {document.pages} pages, PDFium finds {len(found)}")
            try:
                source = module.PdfDocument(document.path)
            except module.PdfiumError:
                return
            with source:
                _compare(source, found, at, shown=at + 1 not in touched)


def _compare(source: Any, found: Any, at: int, *, shown: bool) -> None:
    """Compare a page. shown: also how it looks."""
    before, after = source[at], found[at]
    try:
        if _text(before) != _text(after):
            raise ValueError(f"page {at + 1}: its text has changed")
        if shown and _pixels(before) != _pixels(after):
            raise ValueError(f"page {at + 1} looks different, though its images are the same")
    finally:
        before.close()
        after.close()


def _text(page: Any) -> str:
    text = page.get_textpage()
    try:
        return str(text.get_text_bounded())
    finally:
        text.close()


def _pixels(page: Any) -> bytes:
    bitmap = page.render(scale=SCALE)
    try:
        return bytes(bitmap.to_numpy().tobytes())
    finally:
        bitmap.close()
