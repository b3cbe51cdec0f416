"""Write TIFF files of several pages, a page at a time: classic up to 4 GB, BigTIFF above."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from restore.errors import ImageError, OutputError
from restore.images import tiff_encoder
from restore.images.documents import DocumentWriter, Part
from restore.images.exif import Fields
from restore.images.file_bytes import FileBytes
from restore.images.formats import check_side, fitted
from restore.images.picture import Picture, at_depth, channels_of
from restore.images.reader import decode
from restore.images.stacks import DESCRIPTION, IMAGEJ_TAGS, STACK_TAGS
from restore.images.tiff_copy import SUB_PAGES, alone, put_big, put_copy
from restore.images.tiff_encoder import Placed, header, longest, of_page, put_page
from restore.images.tiff_tags import Directory, Layout, chain, layout
from restore.images.writer import same_stored, telling_disk

if TYPE_CHECKING:
    from restore.images.tiff_document import TiffDocument

_OF_PAGES = (254, 297)  # NewSubfileType and PageNumber, which tell how pages belong together
_START = 16  # bytes of the longer header; that of a plain TIFF leaves room for it


class TiffWriter(DocumentWriter):
    """Writes a TIFF like another one.

    source: the document that it is made from. path: a temporary file. name: what messages call it.
    """

    def __init__(self, source: TiffDocument, path: Path, name: str):
        super().__init__()
        self.source, self.path, self.name = source, path, name
        self.form = Layout(source.layout.order, source.layout.big)
        self._places = array("Q")
        self._link = 0  # where the place of the next page is to stand
        self._small: dict[int, Picture] = {}  # copies of reduced size of the last page
        with telling_disk(self.name):
            self._file: BinaryIO = path.open("x+b")
            self._file.write(header(self.form, 0).ljust(_START, b"\0"))
        self._link = len(header(self.form, 0)) - self.form.offset.size

    def add(self, part: Part, picture: Picture | None) -> None:
        """Write a page, and make copies of reduced size anew that follow it."""
        picture = self._small.pop(part.page, picture)
        with telling_disk(self.name):
            if picture is None:
                self._copy(part)
            else:
                self._put(part, picture)

    def _put(self, part: Part, picture: Picture) -> None:
        stored, lost = fitted(picture, "tiff")
        if SUB_PAGES in self.source.directory(part.page).entries:
            lost = [*lost, "pictures within its pages (SubIFDs, such as reduced copies) are left out"]
        self.notes += [note for note in lost if note not in self.notes]
        check_side("tiff", stored.size, self.name)
        self._make_room(longest(stored))
        about = self._about(part, stored)
        self._linked(put_page(self._file, stored, self.form, about))
        self._check(part, stored)
        self._reduce(part, stored)

    def _copy(self, part: Part) -> None:
        """Copy a page as it is stored."""
        try:
            own = self.source.directory(part.page)
            self._make_room(sum(sum(sizes) for _, sizes in own.segments) + 2**20)
            own = self._in_form(own)
            self._linked(put_copy(self._file, own))
        except ValueError as error:
            raise OutputError(
                f"{self.name}: {part.label} is damaged and cannot be copied ({error}); get a fresh copy"
            ) from error
        self._check_copy(part, own)

    def _in_form(self, own: Directory) -> Directory:
        """A directory in the layout of this file, which may have become a BigTIFF."""
        if own.layout.big == self.form.big:
            return own
        data = BytesIO(alone(own))
        first = layout(data.getvalue())
        data.seek(0, 2)
        data.write(bytes(len(data.getvalue()) % 2))
        place = put_big(data, Directory.at(data.getvalue(), *first)).place
        return Directory.at(data.getvalue(), self.form, place)

    def _about(self, part: Part, stored: Picture) -> Fields:
        """The tags of a page that are not of its pixels."""
        own = self.source.directory(part.page)
        tags = of_page(stored, self.form.order)
        for tag in _OF_PAGES:
            if entry := own.entries.get(tag):
                body = own.data[entry.place : entry.place + entry.size]
                tags[tag] = entry.kind, entry.number, body
        count = channels_of(stored).shape[2]
        before = own.number(257, 0), own.number(256, 0), own.number(277, 1)
        if (*stored.size, count) != before or stored.bits != max(own.numbers(258), default=1):
            return self._without_sizes(tags)
        return tags

    def _without_sizes(self, tags: Fields) -> Fields:
        """The tags without what says how large planes are that have another size now."""
        told = tags[DESCRIPTION][2] if DESCRIPTION in tags else b""
        gone = set(STACK_TAGS)
        if told.startswith(b'{"shape"') or b"<OME" in told[:2000] or b":OME" in told[:2000]:
            gone |= {DESCRIPTION, *IMAGEJ_TAGS}
        if gone & tags.keys():
            note = "the description of its planes is dropped, as their size or depth has changed"
            self.notes += [note] if note not in self.notes else []
        return {tag: field for tag, field in tags.items() if tag not in gone}

    def _linked(self, page: Placed) -> None:
        """Let the page before lead to this one."""
        self._file.seek(self._link)
        self._file.write(self.form.offset.pack(page.place))
        self._file.seek(0, os.SEEK_END)
        self._link = page.link
        self._places.append(page.place)

    def _make_room(self, size: float) -> None:
        """Go on as BigTIFF where a page of so many bytes might not fit."""
        if self.form.big or self._file.tell() + size <= tiff_encoder.CLASSIC:
            return
        self._file.flush()
        before, self.form = self.form, Layout(self.form.order, big=True)
        self._file.seek(0)
        self._file.write(header(self.form, 0))
        self._file.seek(0, os.SEEK_END)
        self._link = len(header(self.form, 0)) - self.form.offset.size
        places, self._places = self._places, array("Q")
        with self._written() as data:
            for place in places:
                own = Directory.at(data, before, place)
                self._linked(put_big(self._file, own))

    @contextmanager
    def _written(self) -> Iterator[bytes]:
        """What is written so far, like bytes."""
        self._file.flush()
        data = FileBytes(self.path)
        try:
            yield cast("bytes", data)
        finally:
            data.close()

    def _check(self, part: Part, stored: Picture) -> None:
        """Decode the last page and compare it with what was to be stored."""
        with self._written() as data:
            own = Directory.at(data, self.form, self._places[-1])
            try:
                again = decode(alone(own), name=f"{self.name}, {part.label}", finite=False)
            except ImageError as error:
                raise OutputError(
                    f"{self.name}: what was written cannot be read back, nothing is kept ({error})"
                ) from error
        if not same_stored(again, stored, "tiff"):
            raise self._wrong(part)

    def _check_copy(self, part: Part, own: Directory) -> None:
        """Compare the strips and tiles of a page that was copied."""
        with self._written() as data:
            copy = Directory.at(data, self.form, self._places[-1])
            for (old, sizes), (new, _) in zip(own.segments, copy.segments, strict=True):
                for at, now, size in zip(old, new, sizes, strict=False):
                    if own.data[at : at + size] != data[now : now + size]:
                        raise self._wrong(part)

    def _wrong(self, part: Part) -> OutputError:
        told = f"{part.label} reads back wrong, nothing is kept; check the disk"
        return OutputError(f"{self.name}: {told}")

    def _reduce(self, part: Part, stored: Picture) -> None:
        """Make the reduced copies of a page that follow it, to be written in their turn."""
        self._small = {}
        for page in range(part.page + 1, self.source.pages + 1):
            if not self.source.is_reduced(page, part.page):
                return
            try:
                small = self.source.picture(Part(page, f"page {page}"))
            except ImageError:
                continue
            self._small[page] = _reduced(stored, small)

    def finish(self) -> None:
        """Complete the file, and look whether all pages are found in it."""
        with telling_disk(self.name):
            self._file.flush()
            os.fsync(self._file.fileno())
            with self._written() as data:
                form, first = layout(data)
                places, ends = chain(data, form, first)
            if not ends or form != self.form or places != self._places:
                told = f"{len(places)} pages are found of {len(self._places)} that were written"
                raise OutputError(f"{self.name}: {told}, nothing is kept; check the disk")
            self._file.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _reduced(large: Picture, small: Picture) -> Picture:
    """A picture at the size of its reduced copy, with the copy's own tags."""
    import numpy as np

    from restore.images.quiet import opencv_quietly

    h, w = small.size

    def shrunk(plane: Any) -> Any:
        with opencv_quietly() as cv2:
            found = cv2.resize(np.ascontiguousarray(plane), (w, h), interpolation=cv2.INTER_AREA)
        return at_depth(found, small.pixels.dtype.name)

    planes: dict[str, Any] = {"pixels": shrunk(large.pixels)}
    if small.alpha is not None:
        full = np.full(small.size, np.iinfo(small.alpha.dtype).max if small.bits < 32 else 1)
        planes["alpha"] = full.astype(small.alpha.dtype) if large.alpha is None else shrunk(large.alpha)
    return replace(small, **planes)
