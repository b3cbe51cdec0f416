"""The strips and tiles of a TIFF page: whether they are all there, and how to read on where they are not."""

from __future__ import annotations

import math
from io import BytesIO
from typing import Any

from restore.images.formats import MAX_PIXELS
from restore.images.jpeg_file import CutShortError, whole_jpeg

_JPEG = 7


def check_parts(page: Any, data: bytes) -> None:
    """Raise ValueError where strips or tiles are missing, or a JPEG in one ends early.

    The decoders fill such gaps with black or gray. Parts that hold too little otherwise they refuse.

    Parameters
    ----------
    page : of tifffile.
    data : the bytes of the file.
    """
    counts = page.databytecounts
    wanted = math.prod(page.chunked)
    if len(page.dataoffsets) < wanted or min(counts, default=0) < 1:
        raise ValueError("parts of the pixels are missing")
    if int(page.compression) != _JPEG:
        return
    tables = page.jpegtables or b""
    for number, (at, count) in enumerate(zip(page.dataoffsets, counts, strict=True)):
        part = data[at : at + count] + b"\xff\xd9"  # some leave the end marker out
        try:
            whole_jpeg(tables[:-2] + part[2:] if tables else part)
        except CutShortError as error:
            raise ValueError(f"part {number + 1} of {wanted}: {error}") from error
        except Exception:  # not as Pillow knows it; what decodes the page will tell
            return


def lengthened_tiff(data: bytes, number: int) -> bytes:
    """A file that is cut short, with zeros up to where the last strip or tile of a page would end."""
    import tifffile

    with tifffile.TiffFile(BytesIO(data)) as tif:
        page: Any = tif.pages[number]
        ends = [at + count for at, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
        most = 2 * int(page.size) * max(int(page.bitspersample), 8) // 8  # packed or not, hardly more
    most = min(most, 8 * MAX_PIXELS)
    return data + bytes(max(0, min(max(ends, default=0) - len(data), most)))


def without_damaged_parts(page: Any, data: bytes) -> None:
    """Mark strips and tiles that cannot be decoded as missing, which tifffile fills with black.

    Parameters
    ----------
    page : of tifffile, of a codec that it decodes by itself.
    data : the bytes of the file.
    """
    wanted = math.prod(page.chunked)
    offsets, counts = [0] * wanted, [0] * wanted
    for number, (at, count) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=False)):
        if number < wanted and count > 0 and at + count <= len(data):
            try:
                page.decode(data[at : at + count], number)
            except Exception:  # whatever decoders raise for damaged data
                continue
            offsets[number], counts[number] = at, count
    page.dataoffsets, page.databytecounts = tuple(offsets), tuple(counts)
