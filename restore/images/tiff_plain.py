"""A page of a TIFF as a plain file of its own, for decoders that know neither BigTIFF nor separate planes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from io import BytesIO

from restore.images.exif import Fields, directory
from restore.images.tiff_encoder import CLASSIC, header
from restore.images.tiff_tags import MOST_SEGMENTS, Directory, Layout

_SEGMENTS = ((273, 279), (324, 325))  # places and sizes of strips, and of tiles
_NUMBERS = (256, 257, 258, 259, 262, 266, 277, 278, 284, 292, 293, 317, 320, 322, 323, 332, 338, 339, 530)
_RATIOS = (529, 532)
_BYTES = (347, 34675)  # tables of JPEG; the profile is needed for CMYK
_OLD_JPEG = 6  # its tables are places


def plain_tiff(own: Directory, plane: int | None = None) -> bytes:
    """Give a page as a plain TIFF, with those of its tags alone that the pixels need.

    Parameters
    ----------
    own : the directory of the page, also one of a BigTIFF.
    plane : of a page whose channels are stored one after the other, the one that is wanted, from 0, as gray.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        Where it cannot be one: it is longer than 4 GB, or its JPEG is of the old kind.
    """
    form, count = Layout(own.layout.order, big=False), own.number(277, 1)
    fields: Fields = {tag: _of(own, form, tag) for tag in _NUMBERS if tag in own.entries}
    for tag, kinds in [*((each, (5, 10)) for each in _RATIOS), *((each, (1, 7)) for each in _BYTES)]:
        if body := own.body(tag, kinds):
            fields[tag] = own.entries[tag].kind, own.entries[tag].number, body
    if own.number(259, 1) == _OLD_JPEG or sum(sum(sizes) for _, sizes in own.segments) > CLASSIC:
        raise ValueError("it cannot be laid out as a plain TIFF")
    if plane is not None:
        one = {258: max(own.numbers(258), default=1), 262: 1, 277: 1, 284: 1}
        fields |= {tag: (3, 1, struct.pack(form.order + "H", value)) for tag, value in one.items()}
        if kinds_of := own.numbers(339):
            fields[339] = 3, 1, struct.pack(form.order + "H", kinds_of[0])
        fields.pop(338, None)
    out = BytesIO(header(form, 0))
    out.seek(0, 2)
    for tags, (places, sizes) in zip(_SEGMENTS, own.segments, strict=True):
        each = len(places) // count
        chosen = slice(None) if plane is None else slice(plane * each, (plane + 1) * each)
        starts = [_put(out, own.data[at : at + size]) for at, size in
                  zip(places[chosen], sizes[chosen], strict=True)]  # fmt: skip
        for tag, values in zip(tags, (starts, sizes[chosen]), strict=True):
            if values:
                fields[tag] = _longs(form, values)
    place = out.tell()
    out.write(directory(fields, form, place))
    out.seek(0)
    out.write(header(form, place))
    return out.getvalue()


def _of(own: Directory, form: Layout, tag: int) -> tuple[int, int, bytes]:
    """A tag of whole numbers; those of BigTIFF become shorter."""
    entry, values = own.entries[tag], own.numbers(tag, most=MOST_SEGMENTS)
    if entry.kind == 3:
        return 3, len(values), struct.pack(f"{form.order}{len(values)}H", *values)
    return _longs(form, values)


def _longs(form: Layout, values: Sequence[int]) -> tuple[int, int, bytes]:
    return 4, len(values), struct.pack(f"{form.order}{len(values)}I", *values)


def _put(out: BytesIO, body: bytes) -> int:
    """Write bytes to the end of a file, which stays even; where they are."""
    place = out.tell()
    out.write(body + b"\0" * (len(body) % 2))
    return place
