"""PDF files, whose images are replaced in place by pikepdf: all else of the pages stays (extra ``pdf``)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from restore.errors import DamagedError, ImageError, OutputError
from restore.images.documents import UNWANTED, Document, DocumentWriter, Part
from restore.images.exif import comment, with_comment
from restore.images.extras import lacking
from restore.images.file_bytes import FileBytes
from restore.images.page_file import PageFile
from restore.images.pdf_opened import PdfPart, damage_of, piked, reason_of
from restore.images.pdf_pages import Shown, Where, shown_on
from restore.images.pdf_pictures import filters_of, read_image, why_kept
from restore.images.picture import Picture
from restore.images.told import record_of


class PdfDocument(Document):
    """A PDF and its images.

    Each image is one part, wherever it is used: at the first page that shows it. What stays as it is on a
    page is one part for each reason.

    Parameters
    ----------
    path : the file.
    name : what messages call it.

    Raises
    ------
    ImageError
        Where pikepdf is missing, or the file is encrypted, has no pages, or cannot be read.
    """

    format, unit, kinds = "pdf", "page", ("pdf",)

    def __init__(self, path: Path, name: str):
        super().__init__(name)
        if missing := lacking("pdf"):
            raise ImageError(f"{name}: {missing}")
        self.path = path
        self.file = FileBytes(path)
        try:
            self.pdf = piked(PageFile([self.file]), self.name)
            self.damage = damage_of(self.pdf)
            self.pages = _count(self.pdf, self.name)
            self.notes = tuple(_notes(self.pdf))
        except ImageError:
            self.file.close()
            raise
        self._profile: bytes | None = None

    def parts(self, pages: Collection[int] | None = None) -> Iterator[Part]:
        """Give the images of each page, and what else is on it."""
        seen: set[Where] = set()
        for number, page in enumerate(self.pdf.pages, 1):
            if pages is not None and number not in pages:
                yield PdfPart(number, f"page {number}", UNWANTED)
                continue
            yield from _parts_of(number, shown_on(page), seen)

    def picture(self, part: Part, *, damaged: bool = False) -> Picture:
        """Read an image."""
        name = self.called(part)
        if not isinstance(part, PdfPart) or part.keep:
            raise ImageError(f"{name}: expected an image to be restored, got {part.keep or 'none'}")
        if self._profile is None:
            self._profile = _output_profile(self.pdf)
        image = self.pdf.get_object(part.where)
        picture = read_image(image, name, damaged=damaged, profile=self._profile)
        if told := record_of(self.pdf):
            own = comment(picture.exif) or ""
            if told not in own:
                text = f"{own}\n{told}" if own else told
                picture = replace(picture, exif=with_comment(picture.exif, text))
        return picture

    def stored(self, part: Part) -> bytes:
        """Give the file of an image that is stored as JPEG; nothing for others."""
        if not isinstance(part, PdfPart) or part.keep:
            return b""
        image = self.pdf.get_object(part.where)
        return image.read_raw_bytes() if filters_of(image) in (["/DCTDecode"], ["/DCT"]) else b""

    def writer(self, path: Path, kind: str, *, name: str = "", quality: int | None = None) -> DocumentWriter:
        """Begin a PDF with other images."""
        from restore.images.pdf_writer import PdfWriter

        name = name or str(path)
        if kind not in self.kinds:
            raise OutputError(f"{name}: a PDF is written as PDF alone; choose a name that ends with .pdf")
        return PdfWriter(self, path, name, quality)

    def close(self) -> None:
        """Close the file."""
        self.pdf.close()
        self.file.close()


def open_pdf(path: Path, name: str = "") -> PdfDocument:
    """Open a PDF as a document.

    Parameters
    ----------
    path : the file.
    name : what messages call it; empty for its path.

    Raises
    ------
    ImageError
        As `PdfDocument`, and where the file cannot be read.
    """
    name = name or str(path)
    try:
        return PdfDocument(path, name)
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file; check the name") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ImageError(f"{name}: cannot read the file ({reason}); check its permissions") from error


def _count(pdf: Any, name: str) -> int:
    """How many pages there are. Raises ImageError for none, and for a portfolio."""
    import pikepdf

    try:
        files = len(pdf.attachments) if "/Collection" in pdf.Root else 0
        count = len(pdf.pages)
    except (pikepdf.PdfError, RuntimeError, ValueError, AttributeError, TypeError) as error:
        raise DamagedError(
            f"{name}: expected a PDF with pages, got one whose pages cannot be found ({reason_of(error)}); "
            "get a fresh copy"
        ) from ValueError(reason_of(error))
    if files:
        many = "a file" if files == 1 else f"{files} files"
        raise ImageError(f"{name}: expected a PDF of pages, got a portfolio of {many}; take them out first")
    if not count:
        raise ImageError(f"{name}: expected a PDF with pages, got one without; get a fresh copy")
    return count


def _notes(pdf: Any) -> Iterator[str]:
    """What the user should know about the file."""
    if pdf.is_encrypted:
        barred = "" if pdf.allow.modify_other else ", and forbids changes, which is not enforced here"
        yield f"it is encrypted, without a password to open it{barred}; the result is encrypted as it is"
    if _is_signed(pdf):
        yield "it is signed; the signatures do not hold for a result with other images"


def _is_signed(pdf: Any) -> bool:
    try:
        form = pdf.Root.get("/AcroForm")
        signed = form is not None and bool(int(form.get("/SigFlags", 0)) & 1)
        return signed or "/Perms" in pdf.Root
    except (AttributeError, TypeError, ValueError):
        return False


def _parts_of(number: int, shown: Shown, seen: set[Where]) -> Iterator[Part]:
    """The parts of a page: its new images, and one for each reason for which others stay."""
    page, count = f"page {number}", len(shown.images)
    kept: Counter[str] = Counter()
    first: dict[str, int] = {}
    for at, (where, image) in enumerate(shown.images.items(), 1):
        if where in seen:
            continue
        seen.add(where)
        label = page if count == 1 else f"{page}, image {at}"
        if reason := why_kept(image):
            kept[reason] += 1
            first.setdefault(reason, at)
        else:
            yield PdfPart(number, label, number=at, where=where)
    for reason, times in kept.items():
        which = f"image {first[reason]}" if times == 1 else f"{times} images"
        yield PdfPart(number, page if count == 1 else f"{page}, {which}", reason, first[reason])
    if not count or shown.inline:
        yield PdfPart(number, page, shown.other)


def _output_profile(pdf: Any) -> bytes:
    """The profile of CMYK that a PDF/A or PDF/X says it is meant for; empty for none."""
    try:
        for intent in pdf.Root.get("/OutputIntents", ()):
            stream = intent.get("/DestOutputProfile")
            if stream is not None and (icc := stream.read_bytes())[16:20] == b"CMYK":
                return bytes(icc)
    except (RuntimeError, AttributeError, TypeError, ValueError):
        pass
    return b""
