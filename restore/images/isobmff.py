"""What HEIF and AVIF files say of their pictures: boxes (ISO/IEC 14496-12) and items (ISO/IEC 23008-12).

Nothing is decoded, and no other package is needed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import BinaryIO, NamedTuple

MOST_META = 2**26
"""Bytes of the description of a file at most; longer ones are no pictures."""

MOST_BOXES = 100_000
"""Boxes, items and references that are looked at; what comes after them is passed over."""


class Box(NamedTuple):
    """A box: its type, where its contents begin, and where it ends."""

    kind: str
    start: int
    end: int


class Place(NamedTuple):
    """Where an item is: how its bytes are found (0 in the file, 1 beside the list), and their parts."""

    method: int
    parts: tuple[tuple[int, int], ...]


@dataclass
class Item:
    """A part of the file: a picture, or metadata.

    Parameters
    ----------
    kind : as hvc1, av01, grid, Exif or mime.
    content : the type of what is in a mime item.
    hidden : whether it is not to be shown by itself.
    properties : (type, contents) in the order in which they are applied.
    place : where its bytes are.
    """

    kind: str = ""
    content: str = ""
    hidden: bool = False
    properties: list[tuple[str, bytes]] = field(default_factory=list)
    place: Place = field(default_factory=lambda: Place(0, ()))

    def property(self, kind: str) -> bytes:
        """The contents of the first property of a type; empty where there is none."""
        return next((body for each, body in self.properties if each == kind), b"")


@dataclass
class Heif:
    """What a HEIF or AVIF file says of itself.

    Parameters
    ----------
    primary : the number of the picture that is shown.
    items : by their numbers.
    references : (type, from, to).
    beside : the bytes of items that stand beside the list of them.
    """

    primary: int = 0
    items: dict[int, Item] = field(default_factory=dict)
    references: list[tuple[str, int, tuple[int, ...]]] = field(default_factory=list)
    beside: bytes = b""

    @property
    def picture(self) -> Item:
        """The item that is shown. Raises ValueError where there is none."""
        if self.primary not in self.items:
            raise ValueError("it names no picture")
        return self.items[self.primary]

    @property
    def coded(self) -> Item:
        """The same, or the first of the tiles that it is made of."""
        found, number = self.picture, self.primary
        for _ in range(4):  # a grid of pictures that are shown turned
            tiles = [to for kind, of, to in self.references if kind == "dimg" and of == number and to]
            if not tiles or tiles[0][0] not in self.items:
                break
            number = tiles[0][0]
            found = self.items[number]
        return found

    @property
    def pages(self) -> int:
        """How many pictures there are that are shown by themselves."""
        parts = {of for kind, of, _ in self.references if kind in ("auxl", "thmb")}
        parts |= {each for kind, _, to in self.references if kind == "dimg" for each in to}
        shown = [
            number
            for number, item in self.items.items()
            if item.property("ispe") and not item.hidden and number not in parts and item.kind != "tmap"
        ]
        return max(1, len(shown))

    def about(self, reference: str) -> list[Item]:
        """The items that refer to the picture that is shown, as its preview (thmb) or its text (cdsc)."""
        return [
            self.items[of]
            for kind, of, to in self.references
            if kind == reference and self.primary in to and of in self.items
        ]

    def bytes_of(self, item: Item, file: BinaryIO) -> bytes:
        """The bytes of an item, as far as they are there, and ``MOST_META`` of them at most."""
        source, found = BytesIO(self.beside) if item.place.method == 1 else file, b""
        for at, size in item.place.parts:
            source.seek(at)
            room = MOST_META - len(found)
            found += source.read(min(size or room, room))  # without a length it goes to the end
        return found


def boxes(data: bytes | memoryview, at: int, end: int) -> Iterator[Box]:
    r"""Walk through boxes that stand one after the other, as far as they are whole.

    Parameters
    ----------
    data : holds them.
    at, end : where they begin and end.

    Examples
    --------
    >>> [box.kind for box in boxes(b"\0\0\0\x08free\0\0\0\x0cmdat1234", 0, 20)]
    ['free', 'mdat']
    """
    end = min(end, len(data))
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1 and at + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, at + 8)
            start = at + 16
        stop = end if size == 0 else at + size
        if stop < start or stop > end:
            return
        yield Box(kind.decode("latin-1"), start, stop)
        at = stop


def top_boxes(file: BinaryIO) -> Iterator[tuple[str, int, int]]:
    """Walk through the boxes of an open file: their type, where their contents begin, and how long those are.

    The last one may be cut short.
    """
    at = 0
    for _ in range(1000):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind, start = int.from_bytes(head[:4], "big"), head[4:8].decode("latin-1"), 8
        if size == 1 and len(head) == 16:
            size, start = int.from_bytes(head[8:], "big"), 16
        if size == 0:
            size = file.seek(0, 2) - at
        if size < start:
            return
        yield kind, at + start, size - start
        at += size


def heif_in(file: BinaryIO) -> Heif:
    """Read what an open HEIF or AVIF file says of itself.

    Raises
    ------
    ValueError, struct.error
        Where it says nothing, or what cannot be understood.
    """
    for kind, start, size in top_boxes(file):
        if kind == "meta":
            if size > MOST_META:
                raise ValueError(f"its description has {size} bytes")
            file.seek(start)
            body = file.read(size)
            if len(body) < size:
                raise ValueError("it ends early")
            return heif_of(body)
    raise ValueError("it describes no picture")


def heif_of(meta: bytes) -> Heif:
    """The same from the contents of the box that says it (ISO/IEC 14496-12, 8.11.1).

    Raises
    ------
    ValueError, struct.error
        As `heif_in`.
    """
    found, inside = Heif(), {box.kind: box for box in boxes(meta, 4, len(meta))}
    reader = _Reader(meta)
    if box := inside.get("pitm"):
        found.primary = reader.at(box.start + 4).number(4 if meta[box.start] else 2)
    if box := inside.get("iinf"):
        _read_infos(meta, box, found)
    if box := inside.get("iloc"):
        for number, place in places(meta[box.start : box.end]).items():
            found.items.setdefault(number, Item()).place = place
    if box := inside.get("iref"):
        _read_references(meta, box, found)
    if box := inside.get("iprp"):
        _read_properties(meta, box, found)
    if box := inside.get("idat"):
        found.beside = meta[box.start : box.end]
    return found


class _Reader:
    """Numbers one after the other, of one byte or more."""

    def __init__(self, data: bytes, place: int = 0):
        self.data, self.place = data, place

    def at(self, place: int) -> _Reader:
        self.place = place
        return self

    def number(self, size: int) -> int:
        """The next one. Raises ValueError at the end."""
        piece = self.data[self.place : self.place + size]
        if len(piece) < size:
            raise ValueError("its description ends early")
        self.place += size
        return int.from_bytes(piece, "big")


def _read_infos(meta: bytes, box: Box, found: Heif) -> None:
    """The kinds of items (8.11.6)."""
    first = box.start + (8 if meta[box.start] else 6)
    for entry in islice(boxes(meta, first, box.end), MOST_BOXES):
        version = meta[entry.start] if entry.end > entry.start else 0
        if entry.kind != "infe" or version < 2:
            continue
        reader = _Reader(meta, entry.start + 4)
        number = reader.number(4 if version == 3 else 2)
        reader.number(2)  # its protection
        kind = meta[reader.place : reader.place + 4].decode("latin-1")
        names = meta[reader.place + 4 : entry.end].split(b"\0")
        item = found.items.setdefault(number, Item())
        item.kind, item.hidden = kind, bool(meta[entry.start + 3] & 1)
        item.content = names[1].decode("latin-1") if len(names) > 1 else ""


def places(iloc: bytes) -> dict[int, Place]:
    """Where the bytes of items are (8.11.3).

    Parameters
    ----------
    iloc : the contents of the box of that name.

    Raises
    ------
    ValueError
        For one that ends early.
    """
    reader, found = _Reader(iloc), dict[int, Place]()
    version = reader.number(1)
    reader.at(4)
    sizes = reader.number(2)
    offset, length, base = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index = sizes & 15 if version else 0
    count = reader.number(4 if version == 2 else 2)
    left = MOST_BOXES
    for _ in range(min(count, MOST_BOXES)):
        number = reader.number(4 if version == 2 else 2)
        method = reader.number(2) & 15 if version else 0
        reader.number(2)  # 0: this file
        start, parts = reader.number(base), []
        for _ in range(reader.number(2)):
            reader.number(index)
            at = start + reader.number(offset)
            parts.append((at, reader.number(length)))
            left -= 1
            if left < 0:
                raise ValueError("its items are in too many parts")
        found[number] = Place(method, tuple(parts))
    return found


def _read_references(meta: bytes, box: Box, found: Heif) -> None:
    """Which item belongs to which (8.11.12)."""
    size = 4 if meta[box.start] else 2
    for entry in boxes(meta, box.start + 4, box.end):
        reader = _Reader(meta, entry.start)
        of, count = reader.number(size), reader.number(2)
        found.references.append((entry.kind, of, tuple(reader.number(size) for _ in range(count))))


def _read_properties(meta: bytes, box: Box, found: Heif) -> None:
    """What is said of the pictures, and of which (ISO/IEC 23008-12, 9.3)."""
    inside = list(boxes(meta, box.start, box.end))
    known: list[tuple[str, bytes]] = []
    for container in (each for each in inside if each.kind == "ipco"):
        known += [(each.kind, meta[each.start : each.end]) for each in boxes(meta, *container[1:])]
    left = MOST_BOXES
    for table in (each for each in inside if each.kind == "ipma"):
        reader = _Reader(meta, table.start)
        version, flags = reader.number(1), reader.number(3)
        for _ in range(min(reader.number(4), MOST_BOXES)):
            number = reader.number(4 if version else 2)
            for _ in range(reader.number(1)):
                index = reader.number(2) & 0x7FFF if flags & 1 else reader.number(1) & 0x7F
                left -= 1
                if 0 < index <= len(known) and number in found.items and left > 0:
                    found.items[number].properties.append(known[index - 1])


def box(kind: str, *parts: bytes) -> bytes:
    """Build a box.

    Parameters
    ----------
    kind : four ASCII letters.
    parts : of the contents.

    Examples
    --------
    >>> box("free", b"ab").hex()
    '0000000a667265656162'
    """
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind.encode("ascii")) + body


def frames_in(file: BinaryIO) -> int:
    """How many frames the longest film in an open file has; 0 where there is none."""
    for kind, start, size in top_boxes(file):
        if kind == "moov" and size <= MOST_META:
            file.seek(start)
            body = file.read(size)
            return max(_counts(body, 0, len(body)), default=0)
    return 0


def _counts(data: bytes, at: int, end: int, depth: int = 0) -> Iterator[int]:
    """The numbers of frames of all tracks (ISO/IEC 14496-12, 8.7.3)."""
    for each in boxes(data, at, end):
        if each.kind == "stsz" and each.end >= each.start + 12:
            yield int.from_bytes(data[each.start + 8 : each.start + 12], "big")
        elif each.kind in ("trak", "mdia", "minf", "stbl") and depth < 5:
            yield from _counts(data, each.start, each.end, depth + 1)
