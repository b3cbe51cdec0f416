"""Read a PDF that was written, and compare it with the one that it was made from."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from restore.errors import ImageError, OutputError
from restore.images.file_bytes import FileBytes
from restore.images.page_file import PageFile
from restore.images.pdf_change import Change
from restore.images.pdf_opened import damage_of, piked, save
from restore.images.pdf_pages import Where, shown_on
from restore.images.pdf_pictures import read_image
from restore.images.pdfium import pdfium

if TYPE_CHECKING:
    from restore.images.pdf import PdfDocument

MOST_RENDERED = 40
"""Pages that are drawn for a comparison, spread over the document."""
SCALE = 0.5
"""Pixels of a point in those."""


def check_pdf(path: Path, document: PdfDocument, made: Mapping[Where, Change], name: str) -> list[str]:
    """Give notes on a PDF. Raises OutputError where it is not its source with other images.

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
        return _check_pages(path, document, touched)
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
            if (damage := damage_of(pdf)) and not document.pdf.get_warnings():
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


def _check_pages(path: Path, document: PdfDocument, touched: set[int]) -> list[str]:
    """Compare the text of pages, and how those look that show no new images. Raises ValueError.

    A source that PDFium cannot open, as a damaged one, is compared with nothing. Where pikepdf and PDFium
    take a damaged page for different ones, which a note says, it looks as pikepdf writes it without changes.
    """
    step = max(1, -(-document.pages // MOST_RENDERED))
    notes = []
    if _count(document.path) == document.pages != (count := _count(path)):
        raise ValueError(f"expected {document.pages} pages, PDFium finds {count}")
    for at in range(0, document.pages, step):
        shown = at + 1 not in touched
        before = _look(document.path, at, shown=shown)
        after = _look(path, at, shown=shown)
        if before is None or before == after:
            continue
        if not document.pdf.get_warnings():
            with tempfile.TemporaryFile(dir=path.parent) as file:
                save(document.pdf, file)
                if _look(file, at, shown=shown) != after:
                    raise ValueError(f"page {at + 1} looks different")
        notes.append(f"page {at + 1} is damaged, and may look different in some programs")
    return notes


def _count(path: Path) -> int:
    """How many pages PDFium finds in a document; 0 where it cannot open it."""
    with pdfium() as module:
        try:
            with module.PdfDocument(path) as found:
                return len(found)
        except module.PdfiumError:
            return 0


def _look(file: Path | IO[bytes], at: int, *, shown: bool) -> tuple[str, bytes] | None:
    """The text of a page, and how it looks, if that is wanted; None where PDFium cannot show it.

    The document is opened for this page alone, since PDFium holds all streams that it has read.
    """
    with pdfium() as module:
        try:
            with module.PdfDocument(file) as found:
                page = found[at]
                return _text(page), _pixels(page) if shown else b""
        except module.PdfiumError:
            return None


def _text(page: Any) -> str:
    text = page.get_textpage()
    return str(text.get_text_bounded())


def _pixels(page: Any) -> bytes:
    return bytes(page.render(scale=SCALE).to_numpy().tobytes())
