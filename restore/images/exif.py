"""EXIF: a TIFF structure without a picture in it (TIFF 6.0; CIPA DC-008)."""

from __future__ import annotations

import struct
from typing import Any

ORDER = {b"II": "<", b"MM": ">"}
_ITEM = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""field type -> bytes of one value (TIFF 6.0, section 2)"""

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

Fields = dict[int, Any]
"""tag -> (type, count, bytes), or again fields for a directory within"""


def _entries(tiff: bytes, at: int) -> tuple[dict[int, tuple[int, int, int]], int]:
    """A directory: tag -> (type, count, where its value is), and where the directory ends."""
    order = ORDER[tiff[:2]]
    (count,) = struct.unpack_from(order + "H", tiff, at)
    end = at + 2 + 12 * count
    found = {}
    for start in range(at + 2, end, 12):
        tag, kind, number, where = struct.unpack_from(order + "HHII", tiff, start)
        size = _ITEM.get(kind, 0) * number
        place = start + 8 if size <= 4 else where
        if size and place + size <= len(tiff):  # broken entries are left out
            found[tag] = (kind, number, place)
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
    """
    out, order = bytearray(tiff), ORDER[tiff[:2]]
    directories = [_entries(tiff, _first(tiff))[0]]
    if inner := number_of(tiff, _EXIF_DIRECTORY):
        directories.append(_entries(tiff, inner)[0])
    for entries in directories:
        for tag, value in numbers.items():
            kind, number, place = entries.get(tag, (0, 0, 0))
            if number == 1 and kind == 4:
                struct.pack_into(order + "I", out, place, value)
            elif number == 1 and kind == 3:
                struct.pack_into(order + "H", out, place, min(value, 65535))
    return bytes(out)


def without_thumbnail(tiff: bytes) -> bytes:
    """The same bytes with the second directory unlinked and the JPEG that it points to blanked."""
    out, order = bytearray(tiff), ORDER[tiff[:2]]
    _, end = _entries(tiff, _first(tiff))
    if end + 4 > len(tiff):
        return tiff
    (second,) = struct.unpack_from(order + "I", tiff, end)
    struct.pack_into(order + "I", out, end, 0)
    if 0 < second <= len(tiff) - 2:
        entries = _entries(tiff, second)[0]
        if 0x201 in entries and 0x202 in entries:
            at, size = (struct.unpack_from(order + "I", tiff, entries[tag][2])[0] for tag in (0x201, 0x202))
            size = max(0, min(size, len(out) - at))
            out[at : at + size] = bytes(size)
    return bytes(out)


def exif_of_tiff(tiff: bytes, orientation: int) -> bytes:
    """What a TIFF file tells about its picture, without the pixels.

    Parameters
    ----------
    tiff : the file.
    orientation : its orientation, which is all that is kept of a BigTIFF.

    Returns
    -------
    bytes
        Empty where there is nothing to tell.
    """
    order = ORDER[tiff[:2]]
    if struct.unpack_from(order + "H", tiff, 2) == (42,):
        fields = of_picture(tree(tiff))
    else:
        fields = {} if orientation == 1 else {ORIENTATION: (3, 1, struct.pack(order + "H", orientation))}
    return tiff[:2] + struct.pack(order + "HI", 42, 8) + directory(fields, order, 8) if fields else b""


def of_picture(fields: Fields) -> Fields:
    """The fields that describe the picture.

    So does the resolution where it has no unit, as in files of microscopes, whose unit is in the description;
    any other is the dpi of the picture.
    """
    kept = {tag: field for tag, field in fields.items() if tag not in PIXEL_TAGS}
    unit = fields.get(296)
    if isinstance(unit, tuple) and unit[2].strip(b"\0") == b"\1":
        kept |= {tag: fields[tag] for tag in (282, 283, 296) if tag in fields}
    return kept


def tree(tiff: bytes) -> Fields:
    """The fields of the first directory, and of the Exif, GPS and interoperability directories within."""

    def fields(at: int, inner: tuple[int, ...]) -> Fields:
        found: Fields = {}
        for tag, (kind, number, place) in _entries(tiff, at)[0].items():
            body = tiff[place : place + _ITEM[kind] * number]
            if tag not in inner:
                found[tag] = (kind, number, body)
            elif number == 1 and kind in (4, 13):
                (where,) = struct.unpack(ORDER[tiff[:2]] + "I", body)
                found[tag] = fields(where, (_INTEROP_DIRECTORY,) if tag == _EXIF_DIRECTORY else ())
        return found

    return fields(_first(tiff), (_EXIF_DIRECTORY, _GPS_DIRECTORY))


def directory(fields: Fields, order: str, at: int) -> bytes:
    """Build the bytes of a directory, its longer values behind it.

    Parameters
    ----------
    fields : tag -> (type, count, bytes), or again fields for a directory within.
    order : byte order, ``<`` or ``>``.
    at : where the directory will lie, an even number.
    """
    entries, values = bytearray(), bytearray()
    behind = at + 2 + 12 * len(fields) + 4
    for tag, field in sorted(fields.items()):
        here = behind + len(values)
        if isinstance(field, dict):
            kind, number, body = 4, 1, struct.pack(order + "I", here)
            values += directory(field, order, here)
        else:
            kind, number, body = field
            if len(body) > 4:
                values += body + b"\0" * (len(body) % 2)
                body = struct.pack(order + "I", here)
        entries += struct.pack(order + "HHI", tag, kind, number) + body.ljust(4, b"\0")
    return struct.pack(order + "H", len(fields)) + bytes(entries) + bytes(4) + bytes(values)


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
    body = exif[place : place + number] if kind else b""
    if not body.strip(b" \0"):
        return ""
    wide = "utf-16-le" if exif[:2] == b"II" else "utf-16-be"
    code = wide if body[:8] == b"UNICODE\0" else _CODES.get(body[:8])
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
    """
    before = exif or _EMPTY
    order = ORDER[before[:2]]
    inner, first = number_of(before, _EXIF_DIRECTORY), _first(before)
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
