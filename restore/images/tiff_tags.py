"""Directories of TIFF files: what can be read of their tags, and one page as a file of its own."""

from __future__ import annotations

import contextlib
import struct
import zlib
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from restore.images.page_file import PageFile

ORDER = {b"II": "<", b"MM": ">"}
SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
"""field type -> bytes of one value (TIFF 6.0, section 2; from 16 on BigTIFF)"""

MOST_PAGES = 1_000_000
"""Pages beyond this are not counted: finding them in a damaged file could take minutes."""

MOST_SEGMENTS = 2**22
"""Strips or tiles that a picture may have."""

MOST_BEYOND = 65_536
"""Strips or tiles that may claim to reach past the end of the file; it is the last few of them in most."""

SPARE = 2**26
"""Bytes that a tile may have beyond what its picture needs, since small pictures may have large tiles."""

DEFLATE = 1032
"""Times that Deflate can shrink bytes at most (zlib's documentation)."""

SUSPECT = 2**30
"""Bytes that a strip or tile may unpack to before it is looked at: ordinary ones are far below."""

_SEGMENTS = ((273, 279), (324, 325))  # places and sizes of strips, and of tiles
# Fax codes and old JPEG: of data that end early their decoders make something without a word.
_SILENT = (2, 3, 4, 6, 32771)
_WHOLE = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_REAL = {11: "f", 12: "d"}
_MOST_ENTRIES = 65535  # in a directory of BigTIFF; others cannot have more
_PIXELS = {
    *(256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325, 332),
    *(338, 339, *range(512, 522), 530, 531),
}
_PIXELS_OTHERWISE = {347: (1, 7), 529: (5,), 532: (5, 10), 34675: (1, 7)}  # the profile is needed for CMYK


class Entry(NamedTuple):
    """A tag: its field type, how many values it has, and where they are."""

    kind: int
    number: int
    place: int

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return SIZES[self.kind] * self.number


@dataclass(frozen=True)
class Layout:
    """How the directories of a file are laid out. order: of bytes. big: whether it is a BigTIFF."""

    order: str
    big: bool

    @cached_property
    def offset(self) -> struct.Struct:
        """A place in the file."""
        return struct.Struct(self.order + ("Q" if self.big else "I"))

    @cached_property
    def number(self) -> struct.Struct:
        """The number of entries of a directory."""
        return struct.Struct(self.order + ("Q" if self.big else "H"))

    @cached_property
    def entry(self) -> struct.Struct:
        """Tag, field type and count, with the value or its place behind them."""
        return struct.Struct(self.order + ("HHQ8s" if self.big else "HHI4s"))

    def end(self, data: bytes, at: int) -> int:
        """Where the entries of a directory end. Raises ValueError where it is not whole."""
        head = self.number.size
        if not 0 < at <= len(data) - head:
            raise ValueError(f"no directory at byte {at}")
        (count,) = self.number.unpack(data[at : at + head])
        end = at + head + int(count) * self.entry.size
        if count > _MOST_ENTRIES or end > len(data):
            raise ValueError(f"the directory at byte {at} is cut off")
        return end


def layout(data: bytes) -> tuple[Layout, int]:
    """The layout of a file and where its first directory is. Raises ValueError where it is no TIFF."""
    order = ORDER.get(data[:2])
    version = struct.unpack(order + "H", data[2:4])[0] if order and len(data) >= 8 else 0
    if order is None or version not in (42, 43) or (version == 43 and len(data) < 16):
        raise ValueError(f"expected a TIFF header, got {data[:4]!r}")
    found = Layout(order, version == 43)
    return found, int(found.offset.unpack_from(data[:16], 8 if found.big else 4)[0])


@dataclass(frozen=True)
class Directory:
    """A directory of a file.

    place: where it is. entries: by tag, the first of each. outside: tags whose values are not in the file, as
    where it was cut.
    """

    data: bytes
    layout: Layout
    place: int
    entries: dict[int, Entry]
    outside: frozenset[int]

    @classmethod
    def at(cls, data: bytes, layout: Layout, place: int) -> Directory:
        """Read a directory. Raises ValueError where it is not whole."""
        shape, end = layout.entry, layout.end(data, place)
        room, entries = layout.offset.size, data[place:end]
        found: dict[int, Entry] = {}
        outside: set[int] = set()
        for start in range(place + layout.number.size, end, shape.size):
            tag, kind, count, inline = shape.unpack_from(entries, start - place)
            size = SIZES.get(kind, 0) * count
            where = start + shape.size - room if size <= room else layout.offset.unpack(inline)[0]
            if where + size > len(data):
                outside.add(tag)
            elif size:
                found.setdefault(tag, Entry(kind, count, where))
        return cls(data, layout, place, found, frozenset(outside - found.keys()))

    def numbers(self, tag: int, *, most: int = 64) -> tuple[int, ...]:
        """The whole numbers of a tag; none where it has another type, or more than ``most``."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in _WHOLE or entry.number > most:
            return ()
        return struct.unpack(f"{self.layout.order}{entry.number}{_WHOLE[entry.kind]}", self._value(entry))

    def _value(self, entry: Entry) -> bytes:
        return self.data[entry.place : entry.place + entry.size]

    def number(self, tag: int, missing: int) -> int:
        """The whole number of a tag; ``missing`` where it is not one such number."""
        found = self.numbers(tag)
        return found[0] if len(found) == 1 else missing

    def real(self, tag: int) -> float:
        """The number of a tag, a ratio in most cases; 0 where it is not one number."""
        entry = self.entries.get(tag)
        if entry is None or entry.number != 1:
            return 0.0
        if entry.kind == 5:
            top, bottom = struct.unpack(self.layout.order + "2I", self._value(entry))
            return top / bottom if bottom else 0.0
        letter = (_WHOLE | _REAL).get(entry.kind)
        return float(struct.unpack(self.layout.order + letter, self._value(entry))[0] if letter else 0)

    def body(self, tag: int, kinds: tuple[int, ...] = (1, 7)) -> bytes:
        """The bytes of a tag; none where it has another type than ``kinds``."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in kinds:
            return b""
        return self._value(entry)

    @cached_property
    def segments(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Places and sizes of strips, and of tiles; no size is beyond the end of the file.

        Writers give the last strip the size of the others, or round up, or write 2**32 - 1.
        """
        end, found = len(self.data), []
        for places, sizes in self._claims:
            cut = list(sizes)
            for k in self._beyond(places, sizes):
                cut[k] = max(0, min(sizes[k], end - places[k]))
            found.append((places, tuple(cut)))
        return found

    def _beyond(self, places: tuple[int, ...], sizes: tuple[int, ...]) -> list[int]:
        """Which of them end behind the end of the file."""
        end = len(self.data)
        pairs = enumerate(zip(places, sizes, strict=False))
        return [k for k, (place, size) in pairs if place + size > end]

    @cached_property
    def _claims(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        return [self._claimed(pair) for pair in _SEGMENTS]

    def _claimed(self, pair: tuple[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Places and sizes as the file tells; of what is not compressed, no more than the pixels need."""
        places, sizes = (self.numbers(tag, most=MOST_SEGMENTS) for tag in pair)
        w, h, samples = self.number(256, 0), self.number(257, 0), self.number(277, 1)
        bits = max(self.numbers(258), default=1)
        compression = self.number(259, 1)
        if not sizes and len(places) == 1:  # one strip may do without
            sizes = (w * h * samples * bits // 8 if compression == 1 else 1,)
        beyond = self._beyond(places, sizes) if compression == 1 and h > 0 else []
        if not 0 < len(beyond) <= MOST_BEYOND:
            return places, sizes
        tiled = pair != _SEGMENTS[0]
        across, rows = (self.number(322, 0), self.number(323, 0)) if tiled else (w, self.number(278, h))
        row = -(-across * (1 if self.number(284, 1) == 2 else samples) * bits // 8)
        rows = rows if tiled else min(rows or h, h)
        count = 0 if tiled else -(-h // rows)  # in a plane
        needed = list(sizes)
        for k in beyond:
            needed[k] = min(sizes[k], (rows if tiled else min(rows, h - k % count * rows)) * row)
        return places, tuple(needed)

    def lacks_pixels(self) -> bool:
        """Whether strips or tiles are not all in the file; what decodes compressed ones tells, too."""
        compression, end = self.number(259, 1), len(self.data)
        if compression == 1 or compression in _SILENT:
            return any(self._beyond(places, sizes) for places, sizes in self._claims)
        return any(places and max(places) >= end for places, _ in self._claims)

    def alone(self, **further: int) -> PageFile:
        """A file with this page alone, and only those of its tags that the pixels need.

        So that decoders neither stumble over the others nor read them. Sizes of strips and tiles that reach
        beyond the end are cut.

        Parameters
        ----------
        further : a tag, as ``t338``, and the number to put in its place.
        """
        own = self.layout
        put = {int(name[1:]): number for name, number in further.items()}
        kept: dict[int, bytes] = {}
        for tag, entry in self.entries.items():
            known = tag in _PIXELS and entry.kind in _WHOLE
            if tag not in put and (known or entry.kind in _PIXELS_OTHERWISE.get(tag, ())):
                value = self._value(entry) if entry.size <= own.offset.size else None
                inline = own.offset.pack(entry.place) if value is None else value
                kept[tag] = own.entry.pack(tag, entry.kind, entry.number, inline)
        for tag, number in put.items():
            kept[tag] = own.entry.pack(tag, 3, 1, struct.pack(own.order + "H", number))
        head = self.data[: 16 if own.big else 8]
        at = len(self.data) + len(self.data) % 2
        behind = at + own.number.size + len(kept) * own.entry.size + own.offset.size
        sizes = b""
        for (_, tag), (_, right) in zip(_SEGMENTS, self.segments, strict=True):
            if tag in kept and right != self.numbers(tag, most=MOST_SEGMENTS):
                packed = struct.pack(f"{own.order}{len(right)}{own.offset.format[-1]}", *right)
                inline = packed if len(right) == 1 else own.offset.pack(behind + len(sizes))
                kept[tag] = own.entry.pack(tag, 16 if own.big else 4, len(right), inline)
                sizes += packed if len(right) > 1 else b""
        start = head[: -own.offset.size] + own.offset.pack(at)
        body = own.number.pack(len(kept)) + b"".join(kept[tag] for tag in sorted(kept)) + own.offset.pack(0)
        rest = memoryview(self.data)[len(head) :]
        return PageFile([start, rest, bytes(at - len(self.data)) + body + sizes])


def page(data: bytes, number: int) -> tuple[Directory, int]:
    """A page of a file, and the number of pages, counted to ``MOST_PAGES``.

    Raises
    ------
    ValueError
        Where this is no TIFF file, and for a page that is not whole or not there.
    """
    own, first = layout(data)
    places, _ = chain(data, own, first)
    if number == 0:
        return Directory.at(data, own, first), len(places)
    if number >= len(places):
        raise ValueError(f"no page {number + 1}, the file has {len(places)}")
    return Directory.at(data, own, places[number]), len(places)


def chain(data: bytes, own: Layout, at: int, most: int | None = None) -> tuple[array[int], bool]:
    """Where the pages of a file are, and whether their chain ends: it may leave the file, or go in circles.

    Parameters
    ----------
    data : the file.
    own : how it is laid out.
    at : where its first directory is.
    most : pages at which it is left; None for ``MOST_PAGES``.
    """
    places, seen = array("Q"), set[int]()
    while at and at not in seen and len(places) < (most or MOST_PAGES):
        try:
            end = own.end(data, at)
        except ValueError:
            return places, False
        seen.add(at)
        places.append(at)
        link = data[end : end + own.offset.size]
        at = own.offset.unpack(link)[0] if len(link) == own.offset.size else 0
    return places, at == 0


def check_whole(own: Directory) -> None:
    """Raise ValueError for a page of which tags that the pixels need are not in the file."""
    if own.outside & _PIXELS:
        raise ValueError("what tells of the pixels is cut off")


def check_segments(own: Directory, *, whole: bool = True) -> None:
    """Refuse a page whose pixels are not all in the file, or claim more than a picture of its size can have.

    Such files are cut, damaged, or made to fill the memory. whole: whether all pixels must be there.

    Raises
    ------
    ValueError
    """
    w, h, samples = own.number(256, 0), own.number(257, 0), own.number(277, 1)
    bits = max(own.numbers(258), default=1)
    raw = w * h * samples * bits // 8
    check_whole(own)
    for tag in (273, 279, 324, 325):
        entry = own.entries.get(tag)
        if entry is not None and entry.number > min(MOST_SEGMENTS, w * h * samples):
            raise ValueError(f"{entry.number} strips or tiles for {w}x{h} pixels")
    tile = own.number(322, 0) * own.number(323, 0) * samples * bits // 8
    if tile > 2 * raw + SPARE:
        raise ValueError(f"tiles of {tile} bytes for pixels of {raw}")
    _check_places(own, raw, whole=whole)


def _check_places(own: Directory, raw: int, *, whole: bool) -> None:
    """The same for where strips and tiles are. raw: bytes of all pixels."""
    if whole and own.lacks_pixels():
        raise ValueError("parts of the pixels are missing")
    for places, sizes in own.segments:
        if sum(sizes) > 2 * (raw + len(own.data)):
            raise ValueError(f"strips or tiles of {sum(sizes)} bytes for pixels of {raw}")
        deflate = own.number(259, 1) in (8, 32946)
        for place, size in zip(places, sizes, strict=False) if deflate else ():
            with contextlib.suppress(zlib.error):  # what decodes it will tell
                _check_unpacked(memoryview(own.data)[place : place + size], raw)


def _check_unpacked(packed: memoryview, raw: int) -> None:
    """Refuse Deflate that unpacks to far more than ``raw`` bytes. Raises ValueError, or zlib.error."""
    if DEFLATE * len(packed) <= SUSPECT + raw:
        return
    unpacker, size, most = zlib.decompressobj(), 0, 2 * raw + SPARE
    for start in range(0, len(packed), 2**16):
        chunk: bytes | memoryview = packed[start : start + 2**16]
        while chunk:
            size += len(unpacker.decompress(chunk, 2**20))
            chunk = unpacker.unconsumed_tail
            if size > most:
                raise ValueError(f"a strip or tile that unpacks to more than {most} bytes")
