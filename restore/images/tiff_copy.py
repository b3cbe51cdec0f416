"""Copy pages of TIFF as they are stored: into a file of their own, or behind the pages of another."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any, BinaryIO

from restore.images.exif import Fields, directory
from restore.images.tiff_encoder import Placed, header, put_directory
from restore.images.tiff_tags import MOST_SEGMENTS, SPARE, Directory, Layout, check_whole

SUB_PAGES = 330
_WITHIN = (SUB_PAGES, 34665, 34853, 40965)  # directories: further pictures, EXIF, GPS, interoperability
_SEGMENTS = ((273, 279), (324, 325), (513, 514))  # places and sizes of strips, tiles, and an old JPEG
_TABLES = (519, 520, 521)  # places of the tables of old JPEG
_DEEPEST = 4  # directories within directories
_MOST_WITHIN = 64  # directories that one tag names
_LONG = {4: 16, 13: 18}  # field types of places in a plain file, and in a BigTIFF


def alone(own: Directory) -> bytes:
    """A page as a file of its own, with all of its tags, but without the pictures within it (`SUB_PAGES`).

    Strips and tiles that claim to reach beyond the end of the file do so again.

    Parameters
    ----------
    own : the directory of the page.

    Raises
    ------
    ValueError
        For a page whose strips or tiles claim far more than its pixels can take.
    """
    check_whole(own)
    out = BytesIO()
    out.write(header(own.layout, 0))
    fields = _Copier(own, out).fields(own, without=(SUB_PAGES,))
    place, start = out.tell(), _tail(own)
    tail = b"" if start is None else own.data[start : len(own.data)]
    if start is not None:
        behind = place + len(directory(fields, own.layout, place))
        for tags in _SEGMENTS[:2]:
            _moved_beyond(fields, own, tags, behind - start)
    put_directory(out, fields, own.layout)
    out.write(tail)
    out.seek(0)
    out.write(header(own.layout, place))
    return out.getvalue()


def put_copy(sink: BinaryIO, own: Directory) -> Placed:
    """Copy a page with all that it holds to the end of a file of the same layout, which must be even.

    Of strips and tiles that claim to reach beyond the end of the file, what is there is copied.

    Parameters
    ----------
    sink : the file.
    own : the directory of the page.

    Raises
    ------
    ValueError
        As `alone`, and where what tells of the pixels is damaged.
    """
    check_whole(own)
    fields = _Copier(own, sink).fields(own)
    return put_directory(sink, fields, own.layout)


def put_big(sink: BinaryIO, own: Directory) -> Placed:
    """Write the directory of a page anew for BigTIFF, to the end of its own file; all else stays in place.

    Parameters
    ----------
    sink : the file, open for writing.
    own : the directory, as it was written for a plain TIFF.
    """
    form = Layout(own.layout.order, big=True)

    def put(here: Directory, depth: int = 0) -> int:
        entries = bytearray()
        for tag, entry in sorted(here.entries.items()):
            kind, count, value = entry.kind, entry.number, own.data[entry.place : entry.place + entry.size]
            if tag in _WITHIN and depth < _DEEPEST:
                places = [put(Directory.at(own.data, own.layout, at), depth + 1) for at in here.numbers(tag)]
                kind, value = 16, struct.pack(f"{form.order}{len(places)}Q", *places)
                inline = value if len(value) <= form.offset.size else form.offset.pack(_put(sink, value))
            else:
                inline = value if len(value) <= form.offset.size else form.offset.pack(entry.place)
            entries += form.entry.pack(tag, kind, count, inline)
        return _put(sink, form.number.pack(len(here.entries)) + entries + bytes(form.offset.size))

    place = put(own)
    return Placed(place, place + form.number.size + form.entry.size * len(own.entries))


def _put(sink: BinaryIO, body: bytes) -> int:
    """Write bytes to the end of a file, which stays even; where they are."""
    place = sink.tell()
    sink.write(body + b"\0" * (len(body) % 2))
    return place


class _Copier:
    """Copies what a page refers to. page: of which it is. sink: the file that is written to."""

    def __init__(self, page: Directory, sink: BinaryIO):
        self.page, self.sink, self.form = page, sink, page.layout
        self._seen = {page.place}
        self._copied: dict[tuple[int, int], int] = {}

    def fields(self, here: Directory, *, without: tuple[int, ...] = (), depth: int = 0) -> Fields:
        """The tags of a directory, those that are places with those in the new file."""
        fields: Fields = {}
        for tag, entry in here.entries.items():
            if tag in without or (tag in _WITHIN and depth >= _DEEPEST):
                continue
            if tag in _WITHIN and entry.number <= _MOST_WITHIN and (numbers := here.numbers(tag)):
                if within := self._within(here, numbers, depth):
                    fields[tag] = self._places(entry.kind, within)
            else:
                fields[tag] = entry.kind, entry.number, here.data[entry.place : entry.place + entry.size]
        for pair in _SEGMENTS:
            self._move(here, fields, pair)
        for tag in _TABLES:
            if tag in fields and (places := here.numbers(tag)):
                fields[tag] = self._places(here.entries[tag].kind, [self._table(tag, at) for at in places])
        return fields

    def _places(self, kind: int, places: list[int]) -> tuple[int, int, bytes]:
        kind = _LONG.get(kind, kind) if self.form.big else kind
        letter = "Q" if kind in (16, 18) else "I"
        kind = kind if kind in (4, 13, 16, 18) else 4
        return kind, len(places), struct.pack(f"{self.form.order}{len(places)}{letter}", *places)

    def _within(self, here: Directory, numbers: tuple[int, ...], depth: int) -> list[int]:
        """Copy directories within; those that are damaged, or were copied before, are left out."""
        places = []
        for at in numbers:
            if at in self._seen:
                continue
            self._seen.add(at)
            try:
                inner = Directory.at(here.data, here.layout, at)
                fields = self.fields(inner, depth=depth + 1)
            except ValueError:
                continue
            places.append(put_directory(self.sink, fields, self.form).place)
        return places

    def _move(self, here: Directory, fields: Fields, pair: tuple[int, int]) -> None:
        """Copy strips or tiles, and say where they are now."""
        if pair[0] not in here.entries:
            return
        places = here.numbers(pair[0], most=MOST_SEGMENTS)
        if not places:
            raise ValueError("what tells where the pixels are is damaged")
        sizes = _cut(here, pair)
        raw = _raw(here)
        if sum(sizes) > 2 * raw + SPARE and len(set(zip(places, sizes, strict=False))) > 1:
            raise ValueError(f"strips or tiles of {sum(sizes)} bytes for pixels of {raw}")
        if max(sizes, default=0) > 2 * raw + SPARE:
            raise ValueError(f"a strip or tile of {max(sizes)} bytes for pixels of {raw}")
        moved = [self._segment(at, size) for at, size in zip(places, sizes, strict=False)]
        kind = 16 if self.form.big else 4
        fields[pair[0]] = self._places(kind, moved + [0] * (len(places) - len(moved)))
        if pair[1] in here.entries:
            fields[pair[1]] = self._places(kind, list(sizes))

    def _segment(self, at: int, size: int) -> int:
        """Copy a strip or tile, each once; where it is now, 0 for none."""
        if not size:
            return 0
        if (at, size) not in self._copied:
            self._copied[at, size] = _put(self.sink, self.page.data[at : at + size])
        return self._copied[at, size]

    def _table(self, tag: int, at: int) -> int:
        """Copy a table of old JPEG (TIFF 6.0, section 22): 64 numbers, or 16 counts and as many codes."""
        data = self.page.data
        size = 64 if tag == _TABLES[0] else 16 + sum(data[at : at + 16])
        return self._segment(at, min(size, max(0, len(data) - at)))


def _cut(here: Directory, pair: tuple[int, int]) -> tuple[int, ...]:
    """The sizes of strips or tiles, none of which reaches beyond the end."""
    if pair in _SEGMENTS[:2]:
        places, sizes = here.segments[_SEGMENTS.index(pair)]
        if pair[1] not in here.entries and len(places) == 1:  # one strip may do without
            sizes = (max(0, min(len(here.data) - places[0], 2 * _raw(here) + SPARE // 2)),)
        return sizes
    end = len(here.data)
    pairs = zip(here.numbers(pair[0]), here.numbers(pair[1]), strict=False)
    return tuple(max(0, min(size, end - at)) for at, size in pairs)


def _raw(here: Directory) -> int:
    """The bytes of the pixels of a page."""
    bits = max(here.numbers(258), default=1)
    return here.number(256, 0) * here.number(257, 0) * here.number(277, 1) * bits // 8


def _tail(own: Directory) -> int | None:
    """Where the first strip or tile begins that reaches beyond the end of the file; None where none does."""
    found = []
    for places, sizes in ([own.numbers(tag, most=MOST_SEGMENTS) for tag in pair] for pair in _SEGMENTS[:2]):
        beyond = [at for at, size in zip(places, sizes, strict=False) if at + size > len(own.data)]
        found += beyond
    if not found:
        return None
    start = min(min(found), len(own.data))
    if len(own.data) - start > 2 * _raw(own) + SPARE:
        raise ValueError("parts of the pixels are missing")
    return start


def _moved_beyond(fields: Fields, own: Directory, pair: tuple[int, int], shift: int) -> None:
    """Let strips or tiles that reach beyond the end do so again, as many bytes further on."""
    places, sizes = (own.numbers(tag, most=MOST_SEGMENTS) for tag in pair)
    if not places or not sizes or pair[0] not in fields:
        return
    letter, most = ("Q", 2**64 - 1) if own.layout.big else ("I", 2**32 - 1)
    new: list[list[Any]] = [
        list(struct.unpack(f"{own.layout.order}{fields[tag][1]}{letter}", fields[tag][2])) for tag in pair
    ]
    for k, (at, size) in enumerate(zip(places, sizes, strict=False)):
        if at + size > len(own.data):
            new[0][k], new[1][k] = min(at + shift, most), size
    for tag, numbers in zip(pair, new, strict=True):
        kind, count, _ = fields[tag]
        fields[tag] = kind, count, struct.pack(f"{own.layout.order}{count}{letter}", *numbers)
