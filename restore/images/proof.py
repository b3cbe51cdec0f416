"""What would fail at writing, found before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from restore.errors import OutputError
from restore.images.picture import Picture
from restore.images.reader import decode
from restore.images.writer import encode, same_stored

SIDE = 8  # pixels of the piece that is written for a trial

TITLES = {"exif": "EXIF", "xmp": "XMP", "icc": "ICC profile", "dpi": "dpi", "chunks": "PNG text"}


def writable(
    picture: Picture, format: str, *, finish: Callable[[Picture], Picture] | None = None
) -> tuple[Picture, list[str]]:
    """Take from a picture what cannot be written in a format, so that no result is lost by it.

    A piece of a few pixels with all that belongs to the picture is encoded and decoded.

    Parameters
    ----------
    picture : whose result will be written.
    format : one of those of `restore.images.encode`.
    finish : what else will be done to the result before it is written.

    Returns
    -------
    Picture
        With the same pixels.
    list of str
        A line for each thing that is dropped.

    Raises
    ------
    OutputError
        Where nothing that could be dropped makes it fit.

    Examples
    --------
    >>> import numpy as np
    >>> picture = Picture(np.zeros((40, 60, 3), np.uint8), chunks=b"no chunk", dpi=(72.0, 72.0))
    >>> kept, notes = writable(picture, "png")
    >>> kept.chunks, kept.dpi, notes
    (b'', (72.0, 72.0), ['PNG text is dropped: it cannot be written as PNG'])
    """
    reason = _trial(picture, format, finish)
    if not reason:
        return picture, []
    there = [field for field in TITLES if getattr(picture, field)]
    for fields in ([field] for field in there) if len(there) > 1 else ():
        less = _without(picture, fields)
        if not _trial(less, format, finish):
            return less, _notes(fields, format)
    bare = _without(picture, there)
    if reason := _trial(bare, format, finish):
        raise OutputError(f"a result cannot be written as {format.upper()} ({reason}); choose another format")
    for field in there:  # those that can come back do
        more = replace(bare, **{field: getattr(picture, field)})
        if not _trial(more, format, finish):
            bare = more
    return bare, _notes([field for field in there if not getattr(bare, field)], format)


def _trial(picture: Picture, format: str, finish: Callable[[Picture], Picture] | None) -> str:
    """Write and read a piece of a picture; what goes wrong, in one line, or nothing."""
    part = (slice(SIDE), slice(SIDE))
    piece = replace(
        picture,
        pixels=picture.pixels[part],
        alpha=None if picture.alpha is None else picture.alpha[part],
        extra=None if picture.extra is None else picture.extra[part],
    )
    try:
        data = encode(piece if finish is None else finish(piece), format)
        if same_stored(decode(data, name="it", finite=False), piece, format):
            return ""
        return "it reads back wrong"
    except Exception as error:  # whatever it is would come again when the result is there
        return " ".join(str(error).split()) or type(error).__name__


def _without(picture: Picture, fields: list[str]) -> Picture:
    nothing: dict[str, Any] = {field: None if field == "dpi" else b"" for field in fields}
    return replace(picture, **nothing)


def _notes(fields: list[str], format: str) -> list[str]:
    return [f"{TITLES[field]} is dropped: it cannot be written as {format.upper()}" for field in fields]
