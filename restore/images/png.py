"""The chunks of PNG files, and a writer for every depth (ISO/IEC 15948)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from restore.images.picture import Picture, channels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray


def png_chunks(data: bytes, *, damaged: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Walk through the chunks of a PNG file, up to IEND.

    Parameters
    ----------
    data : the file.
    damaged : whether to go as far as there are chunks. Of those with a wrong checksum, and the one that is
        cut, only pixels and what they need are given.

    Yields
    ------
    type, body

    Raises
    ------
    ValueError
        Where a checksum is wrong or the end is missing; not with ``damaged``.
    """
    at = 8
    while at + (8 if damaged else 12) <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        whole = data[at + 8 + size : at + 12 + size] == struct.pack(">I", zlib.crc32(kind + body))
        if not whole and not damaged:
            raise ValueError(f"the {kind!r} chunk at byte {at} is damaged")
        if whole or kind in (b"IHDR", b"PLTE", b"IDAT"):
            yield kind, body
        if kind == b"IEND":
            return
        at += 12 + size
    if not damaged:
        raise ValueError("the end is missing")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Build a chunk of a PNG file: length, type, body, checksum.

    Parameters
    ----------
    kind : four ASCII letters.
    body : the contents.

    Examples
    --------
    >>> png_chunk(b"IEND", b"").hex()
    '0000000049454e44ae426082'
    """
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def is_carried(kind: bytes, body: bytes) -> bool:
    """Whether a chunk of text or colour goes from PNG to PNG untouched. XMP has a field of its own."""
    carried = (b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"sRGB", b"cICP")
    return kind in carried and not body.startswith(b"XML:com.adobe.xmp\0")


def with_colours(chunks: bytes, primaries: int, transfer: int) -> bytes:
    r"""Chunks with one that names the colours by numbers (PNG 3, 11.3.2.6), where there is none.

    Parameters
    ----------
    chunks : as `Picture.chunks` has them.
    primaries, transfer : as in ITU-T H.273, tables 2 and 3.

    Examples
    --------
    >>> with_colours(b"", 9, 16)[4:12]
    b'cICP\t\x10\x00\x01'
    """
    named = b"cICP" in {kind for kind, _ in png_chunks(bytes(8) + chunks, damaged=True)}
    return chunks if named else chunks + png_chunk(b"cICP", bytes((primaries, transfer, 0, 1)))


def encode_png(picture: Picture) -> bytes:
    """Encode PNG of every depth.

    It is written here since Pillow has no 16-bit RGB and OpenCV no gray with alpha.
    """
    channels = channels_of(picture)
    h, w, count = channels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    out = [b"\x89PNG\r\n\x1a\n"]
    out.append(png_chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, picture.bits, colour_type, 0, 0, 0)))
    if picture.icc:
        out.append(png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)))
    out.append(picture.chunks)
    if picture.dpi:
        out.append(png_chunk(b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in picture.dpi), 1)))
    if picture.exif:
        out.append(png_chunk(b"eXIf", picture.exif))
    if picture.xmp:
        out.append(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    out += [png_chunk(b"IDAT", part) for part in _png_rows(channels)]
    return b"".join([*out, png_chunk(b"IEND", b"")])


def _png_rows(channels: NDArray[Any]) -> Iterator[bytes]:
    """Compress the rows, each with the Paeth filter (ISO/IEC 15948, 9.4), a band at a time."""
    import numpy as np

    h, w, count = channels.shape
    step = count * channels.itemsize  # bytes from a sample to its left neighbour
    packer = zlib.compressobj()
    above = np.zeros((1, w * step), np.int16)
    band = max(1, 2**18 // (w * step))
    for y in range(0, h, band):
        block = channels[y : y + band]
        raw = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(len(block), -1)
        rows = raw.astype(np.int16)
        up = np.concatenate([above, rows[:-1]])
        left, corner = (np.pad(a, ((0, 0), (step, 0)))[:, :-step] for a in (rows, up))
        to_left, to_up = np.abs(up - corner), np.abs(left - corner)
        to_corner = np.abs(left + up - 2 * corner)
        guess = np.where(to_up <= to_corner, up, corner)
        guess = np.where((to_left <= to_up) & (to_left <= to_corner), left, guess)
        coded = np.full((len(rows), w * step + 1), 4, np.uint8)  # 4 names the filter
        coded[:, 1:] = (rows - guess).astype(np.uint8)
        above = rows[-1:]
        if part := packer.compress(coded.tobytes()):
            yield part
    yield packer.flush()
