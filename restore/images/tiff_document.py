"""TIFF files of several pages, read a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import cast

from restore.errors import DamagedError, ImageError, OutputError
from restore.images.documents import UNWANTED, Document, DocumentWriter, Part
from restore.images.file_bytes import FileBytes
from restore.images.formats import check_size
from restore.images.picture import Picture
from restore.images.reader import decode
from restore.images.tiff_copy import alone
from restore.images.tiff_tags import Directory, chain, layout

MASK = "a mask of transparency"
KIND = 254
"""NewSubfileType: bit 0 of a reduced copy, bit 1 of one of several pages, bit 2 of a mask."""

_ASPECT = 0.02  # by which the sides of a reduced copy may differ in shape, beside rounding


class TiffDocument(Document):
    """A TIFF of several pages. path: the file. name: what messages call it. Raises ValueError for no TIFF."""

    format, kinds = "tiff", ("tiff",)

    def __init__(self, path: Path, name: str):
        super().__init__(name)
        self.path, self._file = path, FileBytes(path)
        try:
            # It is sliced and measured like bytes, which is all that is done to it.
            self._data = cast("bytes", self._file)
            self.layout, first = layout(self._data)
            self._places, ends = chain(self._data, self.layout, first)
        except BaseException:
            self._file.close()
            raise
        self.pages = len(self._places)
        if not ends:
            self.damage = f"what follows page {self.pages} cannot be found"

    def directory(self, page: int) -> Directory:
        """The directory of a page, from 1. Raises ValueError where it is damaged."""
        return Directory.at(self._data, self.layout, self._places[page - 1])

    def parts(self, pages: Collection[int] | None = None) -> Iterator[Part]:
        """Give all pages; masks stay as they are, and copies of reduced size are made anew by the writer."""
        whole = 0  # the last page that is neither
        for page in range(1, self.pages + 1):
            keep = self._kept(page, whole)
            if not keep:
                whole = page
                keep = "" if pages is None or page in pages else UNWANTED
            yield Part(page, f"page {page}", keep)

    def _kept(self, page: int, whole: int) -> str:
        try:
            own = self.directory(page)
        except ValueError:
            return ""  # reading it tells
        kind = own.number(KIND, 0)
        if kind & 4:
            return MASK
        return (
            f"a reduced copy of page {whole}; it follows that"
            if whole and self.is_reduced(page, whole)
            else ""
        )

    def is_reduced(self, page: int, whole: int) -> bool:
        """Whether a page is said to be a smaller copy of another one, and has its shape."""
        try:
            small, large = self.directory(page), self.directory(whole)
        except ValueError:
            return False
        (w, h), (wide, high) = ((each.number(256, 0), each.number(257, 0)) for each in (small, large))
        if not small.number(KIND, 0) & 1 or not 0 < w <= wide or not 0 < h <= high:
            return False
        return abs(w * high - h * wide) <= _ASPECT * w * high + max(wide, high)

    def picture(self, part: Part, *, damaged: bool = False) -> Picture:
        """Read a page."""
        name = self.called(part)
        return decode(self.stored(part), name=name, finite=False, damaged=damaged)

    def stored(self, part: Part) -> bytes:
        """Give a page as a file of its own."""
        name = self.called(part)
        try:
            own = self.directory(part.page)
            deepest = max(own.numbers(258), default=1)
            each = max(1, own.number(277, 1) * deepest // 8)
            check_size(own.number(256, 0), own.number(257, 0), name, each=each)
            return alone(own)
        except ValueError as error:
            raise DamagedError(
                f"{name}: expected a whole picture, got a damaged page ({error}); get a fresh copy"
            ) from error
        except OSError as error:
            raise ImageError(f"{name}: cannot read the file ({error.strerror}); check the disk") from error

    def writer(self, path: Path, kind: str, *, name: str = "", quality: int | None = None) -> DocumentWriter:
        """Begin a TIFF of as many pages, of the same order of bytes."""
        from restore.images.tiff_pages import TiffWriter

        del quality  # it keeps every number
        if kind not in self.kinds:
            raise OutputError(f"{name or path}: a TIFF of {self.pages} pages is written as TIFF alone")
        return TiffWriter(self, path, name or str(path))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
