"""Parts of pictures as files of their own, in kind, for previews."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from restore import images
from restore.images.exif import ORIENTATION, patched
from restore.images.formats import kind_of
from restore.images.reader import turned

Box = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

_BACK = {6: 8, 8: 6}  # the orientations that another one takes back; all others do so themselves
_SAMPLINGS = {(1, 1): 0, (1, 2): 1, (2, 2): 2}  # as Pillow numbers them


def write_crop(picture: images.Picture, box: Box, path: Path) -> Box:
    """Write a part of a picture: lossless, or as a JPEG with the tables and the blocks of its own.

    box: within the picture. Gives what was written, which in a JPEG begins with a block.
    """
    coding = picture.coding if kind_of(path) == "jpeg" else None
    if coding is not None and coding.coarser in _SAMPLINGS:
        box = _whole_blocks(picture, box)
        images.write_bytes(path, _jpeg(picture, box), overwrite=True)
    elif kind_of(path) in ("png", "tiff", "bmp"):
        images.write(path, cut(picture, box), overwrite=True)
    else:  # files are known by what is in them
        images.write_bytes(path, images.encode(cut(picture, box), "png"), overwrite=True)
    return box


def cut(picture: images.Picture, box: Box) -> images.Picture:
    """Give a part of a picture, in kind."""
    x, y, w, h = box
    part = slice(y, y + h), slice(x, x + w)
    alpha, extra = (None if each is None else each[part].copy() for each in (picture.alpha, picture.extra))
    return replace(picture, pixels=picture.pixels[part].copy(), alpha=alpha, extra=extra, pages=1)


def _whole_blocks(picture: images.Picture, box: Box) -> Box:
    """The box with all of the blocks that it has parts of, on the grid of the pixels as they were coded."""
    coding = picture.coding
    if coding is None:
        return box
    back = _BACK.get(coding.turn, coding.turn)
    x, y, w, h = turned_box(box, picture.size, back)
    size = picture.size[::-1] if coding.turn >= 5 else picture.size
    down, across = (8 * times for times in coding.coarser)
    left, top = x // across * across, y // down * down
    right, bottom = min(size[1], -(-(x + w) // across) * across), min(size[0], -(-(y + h) // down) * down)
    return turned_box((left, top, right - left, bottom - top), size, coding.turn)


def turned_box(box: Box, size: tuple[int, int], orientation: int) -> Box:
    """Where a box in a picture of a size (h, w) lies once that is turned by an EXIF orientation."""
    (x, y, w, h), (height, width) = box, size
    if orientation >= 5:
        x, y, w, h, height, width = y, x, h, w, width, height
    if orientation in (3, 4, 7, 8):
        y = height - y - h
    if orientation in (2, 3, 6, 7):
        x = width - x - w
    return x, y, w, h


def _jpeg(picture: images.Picture, box: Box) -> bytes:
    """A part of a JPEG, coded as it was: what was rounded to its tables stays nearly as it is."""
    from PIL import Image

    part, coding = cut(picture, box), picture.coding
    if coding is None:
        raise ValueError("the picture must be a JPEG")
    pixels = turned(part.pixels, _BACK.get(coding.turn, coding.turn))
    options: dict[str, Any] = {"qtables": [list(coding.luma), list(coding.chroma)]}
    if picture.gray:
        options = {"qtables": [list(coding.luma)]}
    else:
        options["subsampling"] = _SAMPLINGS[coding.coarser]
    exif = picture.exif
    if exif and coding.turn != 1:
        with suppress(KeyError, ValueError, struct.error):
            exif = patched(exif, {ORIENTATION: coding.turn})
    options |= {"exif": b"Exif\0\0" + exif} if exif else {}
    options |= {"icc_profile": picture.icc} if picture.icc else {}
    sink = BytesIO()
    Image.fromarray(pixels[..., 0] if picture.gray else pixels).save(sink, "JPEG", **options)
    return sink.getvalue()
