"""What a file says of its picture, read without its pixels."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from restore.images import exif
from restore.images.file_bytes import FileBytes
from restore.images.formats import HEIF_KINDS, sniffed
from restore.images.heif_coding import size_of, text_of
from restore.images.isobmff import heif_in
from restore.images.jxl_head import jxl_exif, jxl_head
from restore.images.page_count import HEAD_OF_PDF
from restore.images.paths import FILE, what_is
from restore.images.png import png_chunk
from restore.images.quiet import quietly
from restore.images.tiff_tags import Directory, chain, layout

MOST_TEXT = 2**26
"""Bytes of a PNG chunk that is read; longer ones are passed over."""

RECORD = "/restore"
"""The key under which the information of a PDF holds the record of what made it."""

MARK = "restore: "
"""Before the record of what made a picture, in a user comment, which may hold other things too."""

MOST_LOOKED_AT = 100
"""Pages of a TIFF whose comments are read: the record of a run may be in those alone that it has changed."""

_EXIF_DIRECTORY, _COMMENT = 0x8769, 0x9286


class Told(NamedTuple):
    """What a file says: its format, its user comment, and its PNG chunks of text, one after the other.

    All are empty where nothing can be read.
    """

    format: str = ""
    comment: str = ""
    chunks: bytes = b""


def told_in(path: str | Path) -> Told:
    """Read what a file says of its picture; nothing is decoded.

    Parameters
    ----------
    path : of a picture file or a PDF. Of any other file, and of one that is missing or damaged, nothing is
        read.

    Returns
    -------
    Told

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from restore.images import Picture, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "black.jpg")
    ...     write(path, Picture(np.zeros((4, 6, 3), np.uint8), exif=exif.with_comment(b"", "a note")))
    ...     told_in(path)
    Told(format='jpeg', comment='a note', chunks=b'')
    """
    if what_is(path) != FILE:
        return Told()
    kind = ""
    try:
        with Path(path).open("rb") as file, quietly():
            head = file.read(HEAD_OF_PDF)
            if b"%PDF-" in head:
                kind = "pdf"
                return Told(kind, _of_pdf(file))
            kind = sniffed(head, str(path))
            file.seek(0)
            if kind == "png":
                return _of_png(file)
            return Told(kind, _comments(path, 1)[0] if kind == "tiff" else _of_others(file, kind))
    except Exception:  # readers raise anything for damaged files
        return Told(kind)


def comments_in(path: str | Path) -> list[str]:
    """Read the user comments of the first pages of a TIFF file, ``MOST_LOOKED_AT`` at most.

    Parameters
    ----------
    path : as of `told_in`.

    Returns
    -------
    list of str
        One for each page; empty for other files, and where nothing can be read.

    Examples
    --------
    >>> comments_in("missing.tif")
    []
    """
    if what_is(path) != FILE:
        return []
    try:
        return _comments(path, MOST_LOOKED_AT)
    except (OSError, ValueError, struct.error):
        return []


def told_size(path: str | Path) -> tuple[int, int] | None:
    """Read the size (h, w) of a picture from the head of its file, as it is stored, before it is turned.

    Parameters
    ----------
    path : as of `told_in`.

    Returns
    -------
    None where nothing can be read.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from restore.images import Picture, write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "black.jpg")
    ...     write(path, Picture(np.zeros((4, 6, 3), np.uint8)))
    ...     told_size(path)
    (4, 6)
    """
    if what_is(path) != FILE:
        return None
    try:
        with Path(path).open("rb") as file, quietly(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = sniffed(file.read(64), "")
            file.seek(0)
            if kind in HEIF_KINDS:
                return size_of(heif_in(file))
            if kind == "jxl":
                return jxl_head(file).size
            from PIL import Image

            w, h = Image.open(file, formats=["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"]).size
    except Exception:  # readers raise anything for damaged files
        return None
    return h, w


def _of_png(file: BinaryIO) -> Told:
    """Text and EXIF up to the pixels."""
    file.seek(8)
    comment, chunks = "", b""
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        if kind in (b"IDAT", b"IEND"):
            break
        if kind not in (b"iTXt", b"eXIf") or size > MOST_TEXT:
            file.seek(size + 4, 1)
            continue
        body = file.read(size)
        file.seek(4, 1)
        if kind == b"eXIf":
            comment = exif.comment(body) or ""
        else:
            chunks += png_chunk(kind, body)
    return Told("png", comment, chunks)


def _of_others(file: BinaryIO, kind: str) -> str:
    """The user comment of a file of another format; of JPEG and WebP Pillow reads the headers."""
    if kind in ("bmp", "gif"):
        return ""
    if kind == "jxl":
        return exif.comment(jxl_exif(file)) or ""
    if kind in HEIF_KINDS:
        return exif.comment(text_of(heif_in(file), file)[0]) or ""
    from PIL import JpegImagePlugin, WebPImagePlugin

    opened = (JpegImagePlugin.JpegImageFile if kind == "jpeg" else WebPImagePlugin.WebPImageFile)(file)
    return exif.comment(opened.info.get("exif", b"").removeprefix(b"Exif\0\0")) or ""


def _of_pdf(file: BinaryIO) -> str:
    """The record in a PDF; its user comment is nothing else."""
    import pikepdf

    with pikepdf.open(file) as pdf:
        return record_of(pdf)


def record_of(pdf: Any) -> str:
    """The record in a PDF that pikepdf has opened; empty where there is none."""
    try:
        return str(pdf.docinfo.get(RECORD, "")) if "/Info" in pdf.trailer else ""
    except (AttributeError, TypeError, ValueError):
        return ""


def _comments(path: str | Path, most: int) -> list[str]:
    """The user comments of the first pages of a TIFF file: only its directories are read."""
    file = FileBytes(Path(path))
    try:
        data = cast("bytes", file)  # it is sliced and measured like bytes
        form, first = layout(data)
        places, _ = chain(data, form, first, most)
        pages = [Directory.at(data, form, place) for place in places]
        return [_comment(page) for page in pages]
    finally:
        file.close()


def _comment(page: Directory) -> str:
    place = page.number(_EXIF_DIRECTORY, 0)
    if not place:
        return ""
    body = Directory.at(page.data, page.layout, place).body(_COMMENT, (2, 7))
    return exif.comment_text(body, b"II" if page.layout.order == "<" else b"MM") or ""
