"""Encode TIFF, a page at a time, with every EXIF tag: its type and its bytes are kept."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from restore.images.exif import EXTRA_SAMPLES, Fields, directory, of_picture, tree
from restore.images.picture import Picture, channels_of, meanings_of
from restore.images.stacks import DESCRIPTION, IMAGEJ_TAGS, STACK_TAGS, of_one_page
from restore.images.tiff_tags import Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray

CLASSIC = 2**32 - 2**16
"""Bytes of a file whose places fit into 32 bits, with some to spare; longer ones are BigTIFF."""

_NUMBERS = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}  # field type -> bytes that are turned


class Placed(NamedTuple):
    """Where a directory was written, and where in it the place of the next one stands."""

    place: int
    link: int


def encode_tiff(picture: Picture) -> bytes:
    """Encode TIFF 6.0 with Deflate strips, or BigTIFF where it might be longer than 4 GiB.

    It is written here so that all EXIF tags keep their type and bytes.
    """
    order = ">" if picture.exif[:2] == b"MM" else "<"
    form = Layout(order, longest(picture) > CLASSIC)
    out = BytesIO(header(form, 0))
    out.seek(0, 2)
    page = put_page(out, picture, form, of_one_picture(picture, order))
    out.seek(0)
    out.write(header(form, page.place))
    return out.getvalue()


def header(form: Layout, first: int) -> bytes:
    """What a file begins with. first: where its first directory is."""
    mark = b"II" if form.order == "<" else b"MM"
    version = (43, 8, 0) if form.big else (42,)
    return mark + struct.pack(f"{form.order}{len(version)}H", *version) + form.offset.pack(first)


def longest(picture: Picture) -> float:
    """How many bytes a page can have at most."""
    channels = channels_of(picture)
    h, rows = len(channels), _rows(channels)
    further = sum(map(len, (picture.exif, picture.icc, picture.xmp)))
    # Deflate adds at most five bytes to each 16 KiB; the rest is for the directory.
    return channels.nbytes * 1.001 + 100 * (h // rows + 1) + 2 * further


def _rows(channels: NDArray[Any]) -> int:
    """The rows of a strip."""
    h, w, count = map(int, channels.shape)
    return min(h, max(1, 2**18 // (w * count * channels.itemsize)))


def put_page(sink: BinaryIO, picture: Picture, form: Layout, about: Fields) -> Placed:
    """Write a page where a file ends, which must be an even place.

    Parameters
    ----------
    sink : the file.
    picture : the page.
    form : how the file is laid out.
    about : further tags, as `of_one_picture` gives them.

    Returns
    -------
    Placed
    """
    channels = channels_of(picture)
    rows, start = _rows(channels), sink.tell()
    offsets, sizes = [], []
    for y in range(0, len(channels), rows):
        strip = _strip(channels[y : y + rows], form.order)
        offsets.append(start)
        sizes.append(len(strip))
        start += sink.write(strip + b"\0" * (len(strip) % 2))
    tags = about | _of_pixels(picture, form.order)
    for tag, places in ((273, offsets), (279, sizes)):
        body = struct.pack(f"{form.order}{len(places)}{form.offset.format[-1]}", *places)
        tags[tag] = (16 if form.big else 4, len(places), body)
    tags[278] = (4, 1, struct.pack(form.order + "I", rows))
    return put_directory(sink, tags, form)


def put_directory(sink: BinaryIO, tags: Fields, form: Layout) -> Placed:
    """Write a directory where a file ends, which must be an even place."""
    place = sink.tell()
    sink.write(directory(tags, form, place))
    return Placed(place, place + form.number.size + form.entry.size * len(tags))


def _of_pixels(picture: Picture, order: str) -> Fields:
    """The tags that say how pixels are stored, but those of their strips; profile, XMP and resolution."""
    (h, w), meanings = picture.size, meanings_of(picture)
    count, integer = (1 if picture.gray else 3) + len(meanings), picture.bits < 32
    tags: Fields = {}

    def put(tag: int, kind: str, *values: int) -> None:
        tags[tag] = ({"H": 3, "I": 4}[kind], len(values), struct.pack(f"{order}{len(values)}{kind}", *values))

    put(256, "I", w)
    put(257, "I", h)
    put(258, "H", *[picture.bits] * count)
    put(259, "H", 8)
    put(262, "H", 1 if picture.gray else 2)
    put(277, "H", count)
    put(284, "H", 1)
    put(317, "H", 2 if integer else 1)
    put(339, "H", *[1 if integer else 3] * count)
    if meanings:
        put(EXTRA_SAMPLES, "H", *meanings)
    if picture.dpi:
        for tag, value in zip((282, 283), picture.dpi, strict=True):
            tags[tag] = (5, 1, struct.pack(order + "2I", round(value * 10000), 10000))
        put(296, "H", 2)
    for tag, data in ((34675, picture.icc), (700, picture.xmp)):
        if data:
            tags[tag] = (7 if tag == 34675 else 1, len(data), data)
    return tags


def of_page(picture: Picture, order: str) -> Fields:
    """The tags that tell of a picture, one of several in its file. order: of the bytes of the file."""
    fields, _ = tree(picture.exif)
    own = ">" if picture.exif[:2] == b"MM" else "<"
    return of_picture(fields if own == order else _turned(fields))


def _turned(fields: Fields) -> Fields:
    """The same fields in the other order of bytes; what is undefined stays as it is."""
    found: Fields = {}
    for tag, field in fields.items():
        if isinstance(field, dict):
            found[tag] = _turned(field)
            continue
        kind, count, body = field
        if size := _NUMBERS.get(kind, 0):
            body = b"".join(body[at : at + size][::-1] for at in range(0, len(body), size))
        found[tag] = kind, count, body
    return found


def of_one_picture(picture: Picture, order: str) -> Fields:
    """The tags of a picture alone in its file: without what describes other pages. order: of the bytes."""
    (h, w), count = picture.size, (1 if picture.gray else 3) + len(meanings_of(picture))
    tags = of_page(picture, order)
    tags = {tag: field for tag, field in tags.items() if tag not in STACK_TAGS}
    if DESCRIPTION not in tags:
        return tags
    kind, _, body = tags[DESCRIPTION]
    told = body.rstrip(b"\0").decode("latin-1")  # every byte is kept
    said = of_one_page(told, (h, w, count), picture.pixels.dtype.name)
    if said == told:
        return tags
    changed = said.encode("latin-1") + b"\0"
    tags = {tag: field for tag, field in tags.items() if tag not in {*IMAGEJ_TAGS, DESCRIPTION}}
    return tags | ({DESCRIPTION: (kind, len(changed), changed)} if said else {})


def _strip(block: NDArray[Any], order: str) -> bytes:
    """Deflated rows; integers as differences along the row (TIFF 6.0, section 14: predictor 2)."""
    import numpy as np

    if block.dtype.kind == "u":
        block = np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1]))
    return zlib.compress(block.astype(block.dtype.newbyteorder("<" if order == "<" else ">")).tobytes())
