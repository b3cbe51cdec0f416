"""Write a PDF with other images: they go to a file behind the source, and both as one through pikepdf."""

from __future__ import annotations

import os
import tempfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import OutputError
from restore.images.documents import DocumentWriter, Part
from restore.images.exif import comment
from restore.images.page_file import PageFile
from restore.images.pdf_change import Change, changed, undescribed
from restore.images.pdf_check import check_pdf
from restore.images.pdf_colours import srgb_profile
from restore.images.pdf_opened import PdfPart, piked, save
from restore.images.pdf_pages import Where
from restore.images.pdf_parts import Update
from restore.images.pdf_pictures import JPEG, filters_of
from restore.images.picture import Picture
from restore.images.told import MARK, RECORD, record_of
from restore.images.writer import telling_disk

if TYPE_CHECKING:
    from restore.images.pdf import PdfDocument


class PdfWriter(DocumentWriter):
    """Writes a PDF like another one, with other images.

    Parameters
    ----------
    document : the source.
    path : the file to be written.
    name : what messages call it.
    quality : of JPEGs; None for near their own.
    """

    def __init__(self, document: PdfDocument, path: Path, name: str, quality: int | None):
        super().__init__()
        self.document, self.path, self.name, self.quality = document, path, name, quality
        self.made: dict[Where, Change] = {}
        self._record = ""
        self._srgb: Where | None = None
        with telling_disk(self.name):
            self._file = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  # closed by close()
            self._update = Update(document.file, document.pdf.trailer, self._file)

    def add(self, part: Part, picture: Picture | None) -> None:
        """Write an image."""
        if picture is None or not isinstance(part, PdfPart) or part.keep:
            return
        told = comment(picture.exif) or ""
        if not self._record and MARK in told:
            self._record = told[told.rindex(MARK) :]
        image = self.document.pdf.get_object(part.where)
        jpeg = (filters_of(image) or [""])[-1] in JPEG
        change, data = changed(image, picture, jpeg=jpeg, quality=self.quality)
        with telling_disk(self.name):
            if change.space == "srgb" and self._srgb is None:
                self._add_srgb()
            own, more = change.described(image), b""
            if change.space == "srgb" and self._srgb is not None:
                more = b" /ColorSpace [/ICCBased %d %d R]" % self._srgb
            self._update.add(part.where, own, data, more)
        self.made[part.where] = change

    def _add_srgb(self) -> None:
        import pikepdf

        self._srgb = self._update.new()
        about = pikepdf.Dictionary(N=3, Filter=pikepdf.Name.FlateDecode)
        self._update.add(self._srgb, about, zlib.compress(srgb_profile()))

    def finish(self) -> None:
        """Write the file and read it back."""
        import pikepdf

        try:
            with telling_disk(self.name):
                self._write()
        except (pikepdf.PdfError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise OutputError(f"{self.name}: cannot be written as PDF ({reason}); nothing is kept") from error
        self.notes += check_pdf(self.path, self.document, self.made, self.name)

    def _write(self) -> None:
        """Write the source with what stands behind it. Its objects are let go of with this."""
        document = self.document
        apart = document.pdf.is_encrypted or bool(document.damage)
        end = self._update.finish()
        pieces = [document.file] if apart else [document.file, end]
        with piked(PageFile(list(pieces)), self.name) as pdf:
            if apart:
                self._put(pdf)
            if "/Size" not in pdf.trailer:
                pdf.trailer["/Size"] = 0  # qpdf writes the right one where there is any
            if self._record:
                pdf.docinfo[RECORD] = self._record
            elif self.made and record_of(pdf):  # what made it before did not make what it is now
                del pdf.docinfo[RECORD]
            with self.path.open("w+b") as file:
                save(pdf, file, linear=document.pdf.is_linearized)
                file.flush()
                os.fsync(file.fileno())

    def _put(self, pdf: Any) -> None:
        """Replace the images of an encrypted or damaged PDF, which no other objects can be put behind."""
        import pikepdf

        srgb = None
        for where, change in self.made.items():
            image = pdf.get_object(where)
            if change.space == "srgb" and srgb is None:
                profile = pdf.make_stream(srgb_profile(), N=3)
                srgb = pikepdf.Array([pikepdf.Name.ICCBased, profile])
            name, about = change.filter()
            undescribed(image)
            image.write(self._update.data(where), filter=name, decode_parms=about)
            change.describe(image, srgb)

    def close(self) -> None:
        """Let go of the file of the new images."""
        self._file.close()
