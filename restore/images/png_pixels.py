"""The pixel data of PNG files: how many bytes they must be, and whether they are there (ISO/IEC 15948)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_AT_ONCE = 2**18  # bytes


@dataclass(frozen=True)
class Header:
    """The header chunk of a PNG file."""

    width: int
    height: int
    depth: int
    colour_type: int
    interlaced: bool

    @classmethod
    def of(cls, chunks: Sequence[tuple[bytes, bytes]]) -> Header:
        """Read the first chunk. Raises ValueError where it is no header, or says what PNG does not know."""
        kind, body = chunks[0] if chunks else (b"", b"")
        if kind != b"IHDR" or len(body) != 13:
            raise ValueError("the header is missing")
        w, h, depth, colours, packing, filtering, interlace = struct.unpack(">IIBBBBB", body)
        if depth not in _DEPTHS.get(colours, ()) or packing or filtering or interlace > 1:
            raise ValueError(f"the header is wrong: {body[8:].hex(' ')}")
        return cls(w, h, depth, colours, bool(interlace))

    @property
    def bits(self) -> int:
        """Bits of a pixel."""
        return self.depth * _SAMPLES[self.colour_type]

    @property
    def passes(self) -> list[tuple[int, int]]:
        """Rows, and bytes of a row with its filter byte, of every pass that has pixels."""
        found = []
        for x, y, dx, dy in _ADAM7 if self.interlaced else ((0, 0, 1, 1),):
            w, h = -(-(self.width - x) // dx), -(-(self.height - y) // dy)
            if w > 0 and h > 0:
                found.append((h, 1 + -(-w * self.bits // 8)))
        return found


class _Inflated:
    """The contents of a zlib stream (RFC 1950), a piece at a time. garbled: whether an error ended it.

    Its checksum is looked at here, since zlib would throw away what it has ready when that is wrong.
    """

    def __init__(self, parts: Iterable[bytes], piece: int):
        self._pieces = (part[at : at + piece] for part in parts for at in range(0, len(part), piece))
        self._rest = self._next(2)
        head = int.from_bytes(self._rest[:2])
        # Deflate, and no dictionary; 31 divides every head.
        self.garbled = len(self._rest) >= 2 and (head % 31 != 0 or head & 0x0F20 != 0x0800)
        self._rest = self._rest[2:]
        self._machine = zlib.decompressobj(-zlib.MAX_WBITS)
        self._sum = zlib.adler32(b"")

    def _next(self, size: int) -> bytes:
        """So many bytes of the file or more, fewer at its end."""
        got = b""
        while len(got) < size and (piece := next(self._pieces, b"")):
            got += piece
        return got

    def read(self, size: int) -> bytes:
        """So many bytes, or fewer where there are no more."""
        out: list[bytes] = []
        while size > 0 and not self._machine.eof and not self.garbled:
            self._rest = self._rest or self._next(1)
            last = not self._rest
            try:
                got = self._machine.decompress(self._rest, size)
            except zlib.error:
                self.garbled = True
                break
            self._rest = self._machine.unconsumed_tail
            self._sum = zlib.adler32(got, self._sum)
            size -= len(got)
            out.append(got)
            if last and not got:
                break
        return b"".join(out)

    def end(self) -> tuple[bool, bool]:
        """Whether the checksum is right, or missing, and whether it is there with nothing behind it."""
        if not self._machine.eof:
            return True, False
        behind = self._machine.unused_data
        behind += self._next(5 - len(behind))
        right = behind[:4] == self._sum.to_bytes(4)
        return right or len(behind) < 4, right and len(behind) == 4


class Findings(NamedTuple):
    """What was found of pixel data.

    reason: what is wrong; empty where they are whole. neat: whether the compressed data end where the rows
    do. surplus: whether there are further rows, which libpng leaves out, too.
    """

    reason: str
    neat: bool = False
    surplus: bool = False


def checked(header: Header, parts: Iterable[bytes], kept: list[bytes] | None = None) -> Findings:
    """Look whether the pixel data are all there, and no more.

    They are inflated a piece at a time, and never further than the header demands.

    Parameters
    ----------
    header : what the file says of itself.
    parts : the bodies of its IDAT chunks.
    kept : takes the rows that are there, as they are stored: a filter byte, then the filtered row.

    Returns
    -------
    Findings
    """
    import numpy as np

    # What zlib has ready when it meets an error is lost, so that small pieces lose less.
    stream = _Inflated(parts, 65536 if kept is None else 256)
    for number, (rows, stride) in enumerate(header.passes):
        band = max(1, _AT_ONCE // stride)
        for y in range(0, rows, band):
            block = stream.read(min(band, rows - y) * stride)
            filters = np.frombuffer(block, np.uint8)[::stride]
            unknown = np.flatnonzero(filters > 4)  # 0 to 4 are there
            good = len(block) if not unknown.size else int(unknown[0]) * stride
            if kept is not None:
                kept.append(block[:good])
            if good < min(band, rows - y) * stride:
                what = "are garbled" if unknown.size or stream.garbled else "end"
                where = f" in pass {number + 1}" if header.interlaced else ""
                return Findings(f"the pixel data {what} after {y + good // stride} of {rows} rows{where}")
    more = stream.read(stride)
    right, neat = stream.end()
    if not right:
        return Findings("the checksum of the pixel data is wrong")
    return Findings("", neat and not more, len(more) == stride)


def completed(header: Header, parts: Iterable[bytes]) -> bytes:
    """Compressed pixel data with zeros in place of what is missing."""
    kept: list[bytes] = []
    checked(header, parts, kept)
    size = sum(rows * stride for rows, stride in header.passes)
    packer = zlib.compressobj(1)
    out = [packer.compress(block) for block in kept]
    left = size - sum(map(len, kept))
    while left > 0:
        out.append(packer.compress(bytes(min(left, _AT_ONCE))))
        left -= _AT_ONCE
    return b"".join([*out, packer.flush()])
