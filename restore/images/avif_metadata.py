"""Put EXIF, XMP and a colour profile into an AVIF file, whose encoder writes pixels alone.

ISO/IEC 23008-12, annex A, and ISO/IEC 14496-12, 8.11.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from restore.images.isobmff import Heif, Place, box, boxes, heif_of

_HEAD = 8  # bytes of a box before its contents


def with_metadata(
    data: bytes, *, exif: bytes = b"", xmp: bytes = b"", icc: bytes = b"", colours: tuple[int, int] = (1, 13)
) -> bytes:
    """A file of one picture with more that belongs to it.

    Parameters
    ----------
    data : the file, as libavif writes it: its description stands before all that it describes.
    exif, xmp, icc : what is added; empty for nothing.
    colours : primaries and transfer, as in ITU-T H.273, tables 2 and 3, in place of those in the file.

    Raises
    ------
    ValueError, struct.error
        For a file that is laid out otherwise.
    """
    items = [("Exif", "", struct.pack(">I", 0) + exif)] * bool(exif)
    items += [("mime", "application/rdf+xml", xmp)] * bool(xmp)
    meta = next((each for each in boxes(data, 0, len(data)) if each.kind == "meta"), None)
    if meta is None:
        raise ValueError("the encoder wrote no description")
    head = heif_of(data[meta.start : meta.end])
    first = max(head.items) + 1
    kept: list[bytes] = []
    for child in boxes(data, meta.start + 4, meta.end):
        body = data[child.start : child.end]
        if child.kind == "iinf":
            body = _more_infos(body, items, first)
        elif child.kind == "iprp":
            body = _more_properties(body, box("colr", b"prof", icc) if icc else b"", head, colours)
        if child.kind not in ("iref", "iloc"):  # those are written anew
            kept.append(box(child.kind, body))
    kept.append(_references(head, range(first, first + len(items))))
    before = {number: item.place for number, item in head.items.items()}
    added = {first + n: Place(0, ((0, len(body)),)) for n, (_, _, body) in enumerate(items)}
    length = len(_meta(kept, before | added))
    shift = length - (meta.end - meta.start + _HEAD)
    after = {number: _moved(place, shift, meta.end) for number, place in before.items()}
    at = len(data) + shift + _HEAD
    for n, (_, _, body) in enumerate(items):
        after[first + n] = Place(0, ((at, len(body)),))
        at += len(body)
    behind = box("mdat", *[body for _, _, body in items]) if items else b""
    return data[: meta.start - _HEAD] + _meta(kept, after) + data[meta.end :] + behind


def _meta(kept: Sequence[bytes], places: dict[int, Place]) -> bytes:
    """The description: what is kept, and where the items are."""
    entries = [
        struct.pack(">HHHH", number, place.method, 0, len(place.parts))
        + b"".join(struct.pack(">II", *part) for part in place.parts)
        for number, place in places.items()
    ]
    # Version 1; offsets and lengths of four bytes, no base.
    iloc = box("iloc", bytes((1, 0, 0, 0, 0x44, 0)), struct.pack(">H", len(entries)), *entries)
    return box("meta", bytes(4), *kept, iloc)


def _moved(place: Place, shift: int, behind: int) -> Place:
    """Where an item is after the description has become longer. behind: where it ended."""
    if place.method != 0:
        return place
    if any(at < behind for at, _ in place.parts):
        raise ValueError("the encoder put pixels before their description")
    return Place(0, tuple((at + shift, size) for at, size in place.parts))


def _more_infos(iinf: bytes, items: Sequence[tuple[str, str, bytes]], first: int) -> bytes:
    """The list of items with further ones, which are not to be shown."""
    size = 4 if iinf[0] else 2
    count = int.from_bytes(iinf[4 : 4 + size], "big") + len(items)
    entries = [
        box("infe", bytes((2, 0, 0, 1)), struct.pack(">HH", first + n, 0), kind.encode("ascii"), b"\0")
        if not content
        else box(
            "infe",
            bytes((2, 0, 0, 1)),
            struct.pack(">HH", first + n, 0),
            kind.encode("ascii"),
            b"\0" + content.encode("ascii") + b"\0",
        )
        for n, (kind, content, _) in enumerate(items)
    ]
    return iinf[:4] + count.to_bytes(size, "big") + iinf[4 + size :] + b"".join(entries)


def _references(head: Heif, added: range) -> bytes:
    """Which item belongs to which, among them the new ones."""
    there = [box(kind, struct.pack(f">HH{len(to)}H", of, len(to), *to)) for kind, of, to in head.references]
    there += [box("cdsc", struct.pack(">HHH", number, 1, head.primary)) for number in added]
    return box("iref", bytes(4), *there) if there else b""


def _more_properties(iprp: bytes, added: bytes, head: Heif, colours: tuple[int, int]) -> bytes:
    """The list of properties with one more, of the picture that is shown, and with other colours."""
    out, count = [], 0
    for child in boxes(iprp, 0, len(iprp)):
        body = iprp[child.start : child.end]
        if child.kind == "ipco":
            there = [(each.kind, body[each.start : each.end]) for each in boxes(body, 0, len(body))]
            count, named = len(there), struct.pack(">4sHH", b"nclx", *colours)
            body = b"".join(
                box(kind, named + part[8:] if (kind, part[:4]) == ("colr", b"nclx") else part)
                for kind, part in there
            )
            body += added
        elif child.kind == "ipma" and added:
            body = _associated(body, head.primary, count + 1)
        out.append(box(child.kind, body))
    return b"".join(out)


def _associated(ipma: bytes, number: int, index: int) -> bytes:
    """The list of which property is of which item with one more."""
    if ipma[:4] != bytes(4) or index > 127:
        raise ValueError("the encoder wrote long associations")
    out, at = [ipma[:8]], 8
    while at < len(ipma):
        (item,) = struct.unpack_from(">H", ipma, at)
        there = ipma[at + 3 : at + 3 + ipma[at + 2]]
        at += 3 + len(there)
        if item == number:
            # A colour profile stands before what turns the picture.
            there += bytes([index])
        out.append(struct.pack(">HB", item, len(there)) + there)
    return b"".join(out)
