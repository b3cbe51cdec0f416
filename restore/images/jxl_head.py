"""What a JPEG XL file says of its picture (ISO/IEC 18181-1, annex D; 18181-2): nothing is decoded."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from restore.images.isobmff import top_boxes

SIGNATURES = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # w / h
_ENOUGH = 64  # bytes of the picture
_MOST_EXIF = 2**26


class JxlHead(NamedTuple):
    """What a JPEG XL file says.

    Parameters
    ----------
    size : (h, w), before it is turned.
    bits : of each number; 32 or 16 for floats, too.
    turn : the orientation, as that of EXIF, 1 to 8.
    animated : whether there are several frames.
    """

    size: tuple[int, int]
    bits: int
    turn: int
    animated: bool


class _Bits:
    """Numbers of so many bits, the lowest first."""

    def __init__(self, data: bytes):
        self.left, self.value = 8 * len(data), int.from_bytes(data, "little")

    def number(self, count: int) -> int:
        """The next one. Raises ValueError at the end."""
        if count > self.left:
            raise ValueError("it ends early")
        found = self.value & ((1 << count) - 1)
        self.value >>= count
        self.left -= count
        return found

    def one_of(self, *kinds: tuple[int, int]) -> int:
        """A number that is written in one of four ways: (what is added, bits)."""
        start, count = kinds[self.number(2)]
        return start + self.number(count)

    def size(self) -> tuple[int, int]:
        """(h, w)."""
        small = self.number(1)
        ways = ((1, 9), (1, 13), (1, 18), (1, 30))
        h = 8 * (self.number(5) + 1) if small else self.one_of(*ways)
        ratio = self.number(3)
        if ratio:
            over, under = _RATIOS[ratio - 1]
            return h, h * over // under
        return h, 8 * (self.number(5) + 1) if small else self.one_of(*ways)


def jxl_head(file: BinaryIO) -> JxlHead:
    r"""Read what an open JPEG XL file says.

    Raises
    ------
    ValueError
        Where it says nothing.

    Examples
    --------
    >>> from io import BytesIO
    >>> jxl_head(BytesIO(b"\xff\x0a\x41\x02" + bytes(8))).size
    (8, 8)
    """
    start = file.read(12)
    if not start.startswith(SIGNATURES[0]):
        start = _in_boxes(file)
    else:
        start += file.read(_ENOUGH)
    if not start.startswith(SIGNATURES[0]):
        raise ValueError("it holds no picture")
    bits = _Bits(start[2:])
    size = bits.size()
    turn, animated, depth = 1, False, 8
    if not bits.number(1):
        if bits.number(1):
            turn = 1 + bits.number(3)
            if bits.number(1):
                bits.size()
            if bits.number(1):
                _pass_preview(bits)
            if animated := bool(bits.number(1)):
                bits.one_of((100, 0), (1000, 0), (1, 10), (1, 30))
                bits.one_of((1, 0), (1001, 0), (1, 8), (1, 10))
                bits.one_of((0, 0), (0, 3), (0, 16), (0, 32))
                bits.number(1)
        if bits.number(1):
            depth = bits.one_of((32, 0), (16, 0), (24, 0), (1, 6))
        else:
            depth = bits.one_of((8, 0), (10, 0), (12, 0), (1, 6))
    return JxlHead(size, depth, turn, animated)


def _pass_preview(bits: _Bits) -> None:
    """Pass over the size of a preview."""
    eighths = bits.number(1)
    ways = ((16, 0), (32, 0), (1, 5), (33, 9)) if eighths else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.one_of(*ways)
    if not bits.number(3):
        bits.one_of(*ways)


def _in_boxes(file: BinaryIO) -> bytes:
    """The first bytes of the picture in a file of boxes."""
    found = b""
    for kind, start, size in top_boxes(file):
        if kind in ("jxlc", "jxlp"):
            skipped = 4 if kind == "jxlp" else 0
            file.seek(start + skipped)
            found += file.read(max(0, min(size - skipped, _ENOUGH - len(found))))
            if len(found) >= _ENOUGH:
                break
    return found


def jxl_exif(file: BinaryIO) -> bytes:
    """The EXIF of an open JPEG XL file, where it is not compressed; else nothing."""
    for kind, start, size in top_boxes(file):
        if kind == "Exif" and 4 < size <= _MOST_EXIF:
            file.seek(start)
            body = file.read(size)
            return exif_in(body)
    return b""


def exif_in(body: bytes) -> bytes:
    """The EXIF in a box of that name, behind a number that says where it begins, or without one.

    Examples
    --------
    >>> exif_in(bytes(4) + b"II*"), exif_in(b"II*")
    (b'II*', b'II*')
    """
    if body[:2] in (b"II", b"MM"):
        return body
    return body[4 + int.from_bytes(body[:4], "big") :].removeprefix(b"Exif\0\0")
