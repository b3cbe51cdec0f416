"""EXIF: a TIFF structure without a picture in it (TIFF 6.0; CIPA DC-008)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Set
from typing import Any

from restore.images.tiff_tags import ORDER, SIZES, Directory, Entry, Layout, layout

_ITEM = {kind: size for kind, size in SIZES.items() if kind <= 13}

MOST_TAGS = 2**26
"""Bytes of tags that are taken from a file at most, and never more than the file has."""

ORIENTATION, EXTRA_SAMPLES = 0x0112, 0x0152

_EXIF_DIRECTORY, _GPS_DIRECTORY, _INTEROP_DIRECTORY, _COMMENT = 0x8769, 0x8825, 0xA005, 0x9286
_EMPTY = b"II*\0\x08\0\0\0" + bytes(6)  # a directory without entries
_CODES = {b"ASCII\0\0\0": "ascii", bytes(8): "utf-8"}

PIXEL_TAGS = {
    *(*range(254, 260), *range(262, 267), 273, *range(277, 285), *range(288, 294), 296, 297, 301),
    *(*range(317, 344), 346, 347, 351, *range(512, 522), *range(529, 533)),
    *(700, 34675),  # XMP and the colour profile have their own fields
    *(34377, 37724),  # Photoshop's thumbnails and layers show the picture as it was
}
"""Tags that describe how the pixels are stored; the rest describes the picture and is kept."""

_RESOLUTION = frozenset((282, 283, 296))

Fields = dict[int, Any]
"""tag -> (type, count, bytes), or again fields for a directory within"""


def _listed(tiff: bytes, at: int) -> Iterator[tuple[int, int, int, int, int]]:
    """The entries of a directory: where each is, its tag, type, count, and where its value is, or 0."""
    order = ORDER[tiff[:2]]
    (count,) = struct.unpack_from(order + "H", tiff, at)
    for start in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number, where = struct.unpack_from(order + "HHII", tiff, start)
        size = _ITEM.get(kind, 0) * number
        place = start + 8 if size <= 4 else where
        yield start, tag, kind, number, place if size and place + size <= len(tiff) else 0


def _entries(tiff: bytes, at: int) -> tuple[dict[int, tuple[int, int, int]], int]:
    """A directory: tag -> (type, count, where its value is), and where the directory ends."""
    found: dict[int, tuple[int, int, int]] = {}
    end = at + 2
    for start, tag, kind, number, place in _listed(tiff, at):
        end = start + 12
        if place:  # broken entries are left out
            found.setdefault(tag, (kind, number, place))
    return found, end


def _first(tiff: bytes) -> int:
    """Where the first directory is. Raises ValueError where this is no TIFF structure."""
    order = ORDER.get(tiff[:2])
    if order is None or struct.unpack_from(order + "H", tiff, 2) != (42,):
        raise ValueError(f"expected a TIFF header, got {tiff[:4]!r}")
    return int(struct.unpack_from(order + "I", tiff, 4)[0])


def number_of(tiff: bytes, tag: int) -> int:
    """A one-number tag of the first directory.

    Returns
    -------
    int
        0 where there is none.

    Raises
    ------
    ValueError, struct.error
        Where this is no TIFF structure, or a damaged one.
    """
    kind, number, place = _entries(tiff, _first(tiff))[0].get(tag, (0, 0, 0))
    letter = {3: "H", 4: "I", 13: "I"}.get(kind)
    if letter is None or number != 1:
        return 0
    return int(struct.unpack_from(ORDER[tiff[:2]] + letter, tiff, place)[0])


def patched(tiff: bytes, numbers: dict[int, int]) -> bytes:
    """Set one-number tags, in the first and in the Exif directory.

    Nothing is moved, since maker notes point into the file. Tags that are not there stay away.

    Parameters
    ----------
    tiff : the structure.
    numbers : tag -> value.

    Returns
    -------
    bytes
        Of the same length.

    Raises
    ------
    ValueError, struct.error
        As `number_of`.
    """
    first, inner = _first(tiff), number_of(tiff, _EXIF_DIRECTORY)
    out, order = bytearray(tiff), ORDER[tiff[:2]]
    for at in (first, inner) if inner else (first,):
        for start, tag, kind, number, place in _listed(tiff, at):
            if tag not in numbers:
                continue
            if number == 1 and kind == 4:
                struct.pack_into(order + "I", out, place, numbers[tag])
            elif number == 1 and kind == 3:
                struct.pack_into(order + "H", out, place, min(numbers[tag], 65535))
            elif tag == ORIENTATION:  # no number, of which other programs may make something
                struct.pack_into(order + "HIHH", out, start + 2, 3, 1, numbers[tag], 0)
    return bytes(out)


def usable(tiff: bytes) -> bool:
    """Whether EXIF is whole enough to be read, changed and written again.

    Examples
    --------
    >>> usable(with_comment(b"", "a note")), usable(b"rubbish")
    (True, False)
    """
    try:
        changed = patched(with_comment(tiff, "a note"), {0x100: 1})
        return comment(tiff) is None or comment(changed) == "a note"
    except (KeyError, ValueError, struct.error):
        return False


def without_thumbnail(tiff: bytes) -> bytes:
    """The same bytes with the second directory unlinked and the JPEG that it points to blanked.

    Raises
    ------
    ValueError, struct.error
        As `number_of`. A second directory that is damaged is unlinked all the same.
    """
    _, end = _entries(tiff, _first(tiff))
    out, order = bytearray(tiff), ORDER[tiff[:2]]
    if end + 4 > len(tiff):
        return tiff
    (second,) = struct.unpack_from(order + "I", tiff, end)
    struct.pack_into(order + "I", out, end, 0)
    if 0 < second <= len(tiff) - 2:
        try:
            entries = _entries(tiff, second)[0]
        except struct.error:
            entries = {}
        if 0x201 in entries and 0x202 in entries:
            at, size = (struct.unpack_from(order + "I", tiff, entries[tag][2])[0] for tag in (0x201, 0x202))
            size = max(0, min(size, len(out) - at))
            out[at : at + size] = bytes(size)
    return bytes(out)


def exif_of_tiff(page: Directory) -> tuple[bytes, int]:
    """What a page of a TIFF file tells about its picture, without the pixels.

    Parameters
    ----------
    page : its directory.

    Returns
    -------
    bytes
        Empty where there is nothing to tell.
    int
        The number of tags that are left out because together they would be longer than the file.
    """
    order, data = page.layout.order, page.data
    fields, dropped = _tree(page, PIXEL_TAGS - _RESOLUTION)
    fields = of_picture(fields)
    if ORIENTATION in fields and page.number(ORIENTATION, 0) == 0:
        del fields[ORIENTATION]  # other programs may make something of one that is no number
    if not fields:
        return b"", dropped
    form = Layout(order, False)
    return data[:2] + struct.pack(order + "HI", 42, 8) + directory(fields, form, 8), dropped


def of_picture(fields: Fields) -> Fields:
    """The fields that describe the picture.

    So does the resolution where it has no unit, as in files of microscopes, whose unit is in the description;
    any other is the dpi of the picture.
    """
    kept = {tag: field for tag, field in fields.items() if tag not in PIXEL_TAGS}
    unit = fields.get(296)
    if isinstance(unit, tuple) and unit[2].strip(b"\0") == b"\1":
        kept |= {tag: fields[tag] for tag in _RESOLUTION if tag in fields}
    return kept


def tree(tiff: bytes) -> tuple[Fields, int]:
    """The fields of the first directory, and of the Exif, GPS and interoperability directories within.

    Parameters
    ----------
    tiff : the structure.

    Returns
    -------
    fields
        Without tags that lie outside the structure.
    int
        The number of tags that are left out, the longest ones, because all are longer than the structure.
    """
    try:
        own, at = layout(tiff)
        return _tree(Directory.at(tiff, own, at))
    except ValueError:
        return {}, 0


def _tree(first: Directory, without: Set[int] = frozenset()) -> tuple[Fields, int]:
    """The same for a directory, without some of its tags; and how many are left out for their length."""
    data = first.data
    holders: list[tuple[Fields, int, Entry]] = []

    def collect(here: Directory, inner: tuple[int, ...]) -> Fields:
        fields: Fields = {}
        for tag, entry in here.entries.items():
            if tag in inner:
                try:
                    there = Directory.at(data, here.layout, here.number(tag, 0))
                except ValueError:
                    continue
                if there.place in (here.place, first.place):
                    continue
                fields[tag] = collect(there, (_INTEROP_DIRECTORY,) if tag == _EXIF_DIRECTORY else ())
            elif entry.kind <= 13 and not (here is first and tag in without):
                holders.append((fields, tag, entry))
        return fields

    found = collect(first, (_EXIF_DIRECTORY, _GPS_DIRECTORY))
    room, dropped = min(len(data), MOST_TAGS), 0
    for fields, tag, entry in sorted(holders, key=lambda each: each[2].size):
        room -= entry.size
        if room >= 0:
            fields[tag] = (entry.kind, entry.number, data[entry.place : entry.place + entry.size])
        else:
            dropped += 1
    return found, dropped


def directory(fields: Fields, form: Layout, at: int) -> bytes:
    """Build the bytes of a directory, its longer values behind it.

    Parameters
    ----------
    fields : tag -> (type, count, bytes), or again fields for a directory within.
    form : how it is laid out.
    at : where the directory will lie, an even number.
    """
    entries, values = bytearray(), bytearray()
    room = form.offset.size
    behind = at + form.number.size + form.entry.size * len(fields) + room
    for tag, field in sorted(fields.items()):
        here = behind + len(values)
        if isinstance(field, dict):
            kind, number, body = 16 if form.big else 4, 1, form.offset.pack(here)
            values += directory(field, form, here)
        else:
            kind, number, body = field
            if len(body) > room:
                values += body + b"\0" * (len(body) % 2)
                body = form.offset.pack(here)
        entries += form.entry.pack(tag, kind, number, body)
    return form.number.pack(len(fields)) + bytes(entries) + bytes(room) + bytes(values)


def comment(exif: bytes) -> str | None:
    """The user comment (CIPA DC-008, 4.6.5).

    Returns
    -------
    str or None
        Empty where there is none; None for one that cannot be read.

    Examples
    --------
    >>> comment(with_comment(b"", "a note"))
    'a note'
    """
    try:
        kind, number, place = _inner(exif).get(_COMMENT, (0, 0, 0))
    except (ValueError, struct.error):  # no EXIF at all
        return None
    return comment_text(exif[place : place + number] if kind else b"", exif[:2])


def comment_text(body: bytes, order: bytes) -> str | None:
    """`comment` of the bytes of its tag. order: of the bytes of numbers, II or MM."""
    if not body.strip(b" \0"):
        return ""
    code = (_CODES | {b"UNICODE\0": "utf-16-" + ("le" if order == b"II" else "be")}).get(body[:8])
    return None if code is None else body[8:].decode(code, "replace").strip(" \0")


def without_comment_from(exif: bytes, mark: str) -> bytes:
    """The same EXIF with the user comment blank from the last ``mark`` on; nothing is moved.

    Parameters
    ----------
    exif : EXIF whose user comment holds the mark.
    mark : ASCII characters.

    Examples
    --------
    >>> comment(without_comment_from(with_comment(b"", "a note; more"), "; "))
    'a note'
    """
    _, number, place = _inner(exif)[_COMMENT]
    body = exif[place : place + number]
    wide = "utf-16-le" if exif[:2] == b"II" else "utf-16-be"
    at = body.rindex(mark.encode(wide if body[:8] == b"UNICODE\0" else "ascii"))
    return exif[: place + at] + bytes(number - at) + exif[place + number :]


def _inner(tiff: bytes) -> dict[int, tuple[int, int, int]]:
    """The entries of the Exif directory."""
    place = number_of(tiff, _EXIF_DIRECTORY) if tiff else 0
    return _entries(tiff, place)[0] if place else {}


def with_comment(exif: bytes, text: str) -> bytes:
    """The same EXIF with another user comment.

    All that is there stays where it is, since maker notes point into the file. What is new stands behind it,
    in place of what this function put there before.

    Parameters
    ----------
    exif : EXIF, or nothing.
    text : the comment; it is stored as ASCII where it can be, else as Unicode.

    Raises
    ------
    ValueError, struct.error
        As `number_of`.
    """
    before = exif or _EMPTY
    inner, first = number_of(before, _EXIF_DIRECTORY), _first(before)
    order = ORDER[before[:2]]
    tiff = bytearray(before[: _own_tail(before, inner, first)])
    wide = "utf-16-le" if order == "<" else "utf-16-be"
    body = b"ASCII\0\0\0" + text.encode() if text.isascii() else b"UNICODE\0" + text.encode(wide)
    place = _appended(tiff, body)
    entry = struct.pack(order + "HHII", _COMMENT, 7, len(body), place)
    inner = _with_entry(tiff, before, inner, entry)
    kind, _, pointer = _entries(before, first)[0].get(_EXIF_DIRECTORY, (0, 0, 0))
    if kind in (4, 13) and pointer + 4 <= len(tiff) and first < place:
        struct.pack_into(order + "I", tiff, pointer, inner)
    else:
        entry = struct.pack(order + "HHII", _EXIF_DIRECTORY, 4, 1, inner)
        struct.pack_into(order + "I", tiff, 4, _with_entry(tiff, before, first, entry))
    return bytes(tiff)


def _own_tail(tiff: bytes, inner: int, first: int) -> int:
    """Where what `with_comment` put at the end begins: the comment, then one directory or two."""
    _, number, place = _inner(tiff).get(_COMMENT, (0, 0, 0))
    if not number or inner != place + number + number % 2:
        return len(tiff)
    end = _entries(tiff, inner)[1] + 4
    if first == end:
        end = _entries(tiff, first)[1] + 4
    return place if end == len(tiff) else len(tiff)


def _with_entry(tiff: bytearray, before: bytes, at: int, entry: bytes) -> int:
    """Append a copy of the directory at ``at`` (0: an empty one) with one entry more; where it is."""
    order = ORDER[before[:2]]
    count, following = 0, bytes(4)
    if at:
        (count,) = struct.unpack_from(order + "H", before, at)
        following = before[at + 2 + 12 * count :][:4].ljust(4, b"\0")
    entries = [before[at + 2 + 12 * n :][:12] for n in range(count)]

    def tag(of: bytes) -> int:
        return int(struct.unpack_from(order + "H", of)[0])

    there = [each for each in entries if tag(each) != tag(entry)]
    there.append(entry)
    there.sort(key=tag)
    return _appended(tiff, struct.pack(order + "H", len(there)) + b"".join(there) + following)


def _appended(tiff: bytearray, body: bytes) -> int:
    """Append bytes to the structure; where they are, which is even."""
    tiff += bytes(len(tiff) % 2)
    place = len(tiff)
    tiff += body
    return place
