"""Write a PDF with other images: beside the source in a second file, then both as one by pikepdf."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError, OutputError
from restore.images.documents import DocumentWriter, Part
from restore.images.exif import comment
from restore.images.formats import FORMATS
from restore.images.pdf import RECORD, PdfDocument, PdfPart, open_pdf
from restore.images.pdf_colours import OddSpaceError, space_of, srgb_profile
from restore.images.pdf_pages import Where
from restore.images.pdf_parts import Update, as_file
from restore.images.pdf_pictures import JPEG, filters_of
from restore.images.picture import Picture, at_depth, channels_of
from restore.images.png import encode_png, png_chunks
from restore.images.told import MARK
from restore.images.writer import encode, why_not

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_QUALITY = 85
"""The quality of JPEGs whose own is lower: once more at that, they would lose more than they did."""
USUAL_QUALITY = 95

_REPLACED = ("/Filter", "/DecodeParms", "/DP", "/Decode", "/Length", "/F", "/FFilter", "/FDecodeParms")


@dataclass(frozen=True)
class New:
    """An image that was replaced.

    Parameters
    ----------
    size : (h, w).
    digest : of its samples; empty where they are lossy.
    """

    size: tuple[int, int]
    digest: bytes = b""

    def fits(self, picture: Picture) -> bool:
        """Whether a picture that was read again is this one."""
        return picture.size == self.size and self.digest in (b"", digest_of(channels_of(picture)))


def digest_of(channels: NDArray[Any]) -> bytes:
    """A digest of samples and their depth."""
    import numpy as np

    made = hashlib.blake2b(np.ascontiguousarray(channels), digest_size=16)
    made.update(channels.dtype.name.encode())
    return made.digest()


class PdfWriter(DocumentWriter):
    """Writes a PDF like another one, with other images.

    Parameters
    ----------
    document : the source.
    path : the file to be written.
    quality : of JPEGs; None for near their own.
    """

    def __init__(self, document: PdfDocument, path: Path, quality: int | None):
        super().__init__()
        self.document, self.path, self.quality = document, path, quality
        self.made: dict[Where, New] = {}
        self._record = ""
        self._srgb: Where | None = None
        try:
            self._file = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  # closed by close()
        except OSError as error:
            raise OutputError(why_not(path, error)) from error
        self._update = Update(document.file, document.pdf.trailer, self._file)

    def add(self, part: Part, picture: Picture | None) -> None:
        """Write an image."""
        if picture is None or not isinstance(part, PdfPart) or part.keep:
            return
        told = comment(picture.exif) or ""
        if not self._record and MARK in told:
            self._record = told[told.rindex(MARK) :]
        try:
            self._replace(part.where, self.document.pdf.get_object(part.where), picture)
        except OSError as error:
            raise OutputError(why_not(self.path, error)) from error

    def _replace(self, where: Where, image: Any, picture: Picture) -> None:
        lossy = (filters_of(image) or [""])[-1] in JPEG
        stored, entries, data = _stored(picture, lossy=lossy, quality=self.quality)
        own = image.stream_dict.copy()
        for key in _REPLACED:
            if key in own:
                del own[key]
        own |= entries
        if (space := self._space(image, stored)) is not None:
            own["/ColorSpace"] = space
        if "/SMaskInData" in own:
            del own["/SMaskInData"]
        self._update.add(where, own, data)
        digest = b"" if entries["/Filter"] == "/DCTDecode" else digest_of(channels_of(stored))
        self.made[where] = New(stored.size, digest)
