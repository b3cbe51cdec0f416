"""How a JPEG file is laid out, and whether its pixels are all there (ITU-T T.81).

The decoder says nothing where the coded data of a scan end early: it takes zero bits for what is missing,
and the rest of the picture is gray. What is there can be told from it by the decoder itself, exactly:

- A file of one scan is given to it without its end marker. Then it waits for more data, in place of making
  them up, and has all rows only where all data were there. A few bytes of padding stand for the bits that it
  looks ahead. Where it never asks for the last bytes, something else was put behind the blocks, or the data
  were garbled; all blocks are there, and a note says so.
- Where there are restart markers, or several scans, each stretch has an end of its own. There (and in
  pictures up to ``EXACT`` pixels, since the padding above may stand for the last two blocks) the file is
  decoded once more with some bytes added before each end. They are skipped where the stretch was whole; where
  it was not, they become pixels that differ from those of the first time.

A plain file of more pixels, as most cameras write it, is decoded once.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

EXACT = 4_000_000
"""Pixels; pictures up to this are decoded twice to see whether the very last block is whole."""

_MARKER = re.compile(rb"\xff([\x01-\xfe])")
_ENDING = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_RESTART = re.compile(rb"\xff+[\xd0-\xd7]")
_AHEAD = b"\xff\x00" * 8  # ones, which are no code: at most three symbols are taken from them
_FILLING = b"\xab\xcd\xef\xf7" * 16  # arbitrary, with long codes, without 0xFF
_SPARE = 64  # bytes after the last block that cameras may leave
_SURPLUS = f"at least {_SPARE} bytes are left over behind its pixels; if it looks garbled, get a fresh copy"


class CutShortError(ValueError):
    """The pixel data of a JPEG are not all there."""


@dataclass(frozen=True)
class Scan:
    """A scan: where its coded data stand, and what they hold."""

    start: int
    stop: int
    components: tuple[int, ...]
    band: tuple[int, int]
    low: int
    interval: int


@dataclass
class Layout:
    """What the headers of a file say. end: where the end marker is, None where it is missing."""

    process: int = 0
    size: tuple[int, int] = (0, 0)
    sampling: dict[int, tuple[int, int]] = field(default_factory=dict)
    scans: list[Scan] = field(default_factory=list)
    end: int | None = None

    @property
    def arithmetic(self) -> bool:
        """Whether it is coded arithmetically, where zeros at the end of the data may be left out."""
        return self.process >= 0xC9

    @property
    def progressive(self) -> bool:
        """Whether later scans refine earlier ones."""
        return self.process in (0xC2, 0xCA)

    def blocks(self, scan: Scan) -> int:
        """How many units a scan holds: blocks of one component, or groups of blocks of several."""
        h, w = self.size
        most: list[int] = [max(sides) for sides in zip(*self.sampling.values(), strict=True)]
        if len(scan.components) > 1:
            return math.ceil(w / (8 * most[0])) * math.ceil(h / (8 * most[1]))
        across, down = self.sampling[scan.components[0]]
        return math.ceil(math.ceil(w * across / most[0]) / 8) * math.ceil(math.ceil(h * down / most[1]) / 8)


def laid_out(data: bytes) -> Layout:
    """Read the headers of a JPEG file."""
    layout, at, interval = Layout(), 2, 0
    while found := _MARKER.search(data, at):
        code, at = found[1][0], found.end()
        if code == 0xD9:
            layout.end = found.start()
            break
        if code == 0x01 or 0xD0 <= code <= 0xD8:
            continue
        size = int.from_bytes(data[at : at + 2])
        body, at = data[at + 2 : at + size], at + max(size, 2)
        if code == 0xDD:
            interval = int.from_bytes(body[:2])
        elif 0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC) and len(body) >= 6:
            layout.process, layout.size = code, struct.unpack_from(">HH", body, 1)
            parts = (body[k : k + 3] for k in range(6, len(body) - 2, 3))
            layout.sampling = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts}
        elif code == 0xDA and body:
            ending = _ENDING.search(data, at)
            stop = ending.start() if ending else len(data)
            names = tuple(body[1 : 1 + 2 * body[0] : 2])
            first, last, bits = body[-3:] if len(body) >= 4 else bytes(3)
            layout.scans.append(Scan(at, stop, names, (first, last), bits & 15, interval))
            at = stop
    return layout


def missing(layout: Layout, data: bytes) -> str:
    """What the headers say is missing: the end, scans, restart markers; empty where all is there."""
    if layout.end is None:
        return "the end is missing"
    if not layout.scans or any(
        name not in layout.sampling for scan in layout.scans for name in scan.components
    ):
        return "its pixels are not described"
    if layout.process in (0xC3, 0xC7, 0xCB, 0xCF):  # lossless: no blocks
        return ""
    for scan in layout.scans:
        marks = [mark[0][-1] - 0xD0 for mark in _RESTART.finditer(data, scan.start, scan.stop)]
        wanted = math.ceil(layout.blocks(scan) / scan.interval) - 1 if scan.interval else 0
        if len(marks) - wanted not in ((0, 1) if scan.interval else (0,)):  # some end on one, too
            return f"expected {wanted} restart markers, got {len(marks)}"
        if marks != [k % 8 for k in range(len(marks))]:
            return "its restart markers are out of order"
    return _missing_scans(layout)


def _missing_scans(layout: Layout) -> str:
    """Whether all components, and all bits of what is begun, have scans."""
    left: dict[tuple[int, int], int] = {}
    for scan in layout.scans:
        first, last = scan.band if layout.progressive else (0, 0)
        left |= {(name, k): scan.low for name in scan.components for k in range(first, last + 1)}
    if any((name, 0) not in left for name in layout.sampling):
        return "scans are missing"
    # A file may leave out scans of chroma that would be all zero, but nothing of luma.
    luma = next(iter(layout.sampling))
    if layout.progressive and (any(left.values()) or any((luma, k) not in left for k in range(64))):
        return "scans are missing"
    return ""


class _Parted(BytesIO):
    """A file that is read up to a boundary first."""

    def __init__(self, data: bytes, boundary: int):
        super().__init__(data)
        self.boundary = boundary

    def read(self, size: int | None = -1) -> bytes:
        left = self.boundary - self.tell()
        whole = size is None or size < 0
        return super().read(left if left > 0 and (whole or left < (size or 0)) else size)


def whole_jpeg(data: bytes) -> Any:
    """Decode a JPEG whose pixels are all there; see `read_jpeg`."""
    return read_jpeg(data)[0]


def read_jpeg(data: bytes) -> tuple[Any, tuple[str, ...]]:
    """Decode a JPEG whose pixels are all there; and notes on what is odd about it.

    Raises
    ------
    CutShortError
        Where some are missing. For other damage, whatever Pillow raises.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    layout = laid_out(data)
    image: Any = JpegImageFile(BytesIO(data))  # raises for headers that cannot be read
    if layout.end is None and _is_plain(layout) and layout.scans[0].stop == len(data):
        return _without_end(layout, data)
    if reason := missing(layout, data):
        raise CutShortError(reason)
    scans = layout.scans
    notes: tuple[str, ...] = ()
    if _is_plain(layout):
        image, surplus = _of_one_scan(scans[0], data)
        notes = (_SURPLUS,) if surplus else ()
    else:
        image.load()
    again = not _is_plain(layout) or bool(scans[0].interval) or image.width * image.height <= EXACT
    if again and not layout.arithmetic and _differs(image, padded(data, scans)):
        raise CutShortError("its pixel data end early")
    return image, notes


def _is_plain(layout: Layout) -> bool:
    """Whether a file has one scan of Huffman codes."""
    return len(layout.scans) == 1 and not layout.progressive and not layout.arithmetic


def _of_one_scan(scan: Scan, data: bytes) -> tuple[Any, bool]:
    """The picture of a file of one scan, and whether more than ``_SPARE`` bytes of it were not needed."""
    from PIL.JpegImagePlugin import JpegImageFile

    tail = data[: scan.stop].rstrip(b"\xff")
    used = len(data[scan.start : scan.stop].rstrip(b"\0\xff"))
    source = _Parted(tail + _AHEAD, scan.start + max(used - _SPARE, 0))
    image: Any = JpegImageFile(source)
    try:
        image.load()
    except OSError as error:
        raise CutShortError("its pixel data end early") from error
    return image, source.tell() <= source.boundary and used > _SPARE


def _without_end(layout: Layout, data: bytes) -> tuple[Any, tuple[str, ...]]:
    """Decode a file of one scan without an end marker, where something else stands in its place, as zeros.

    A file that just ends is one that was cut.
    """
    coded = data.rstrip(b"\0")
    coded += b"\0" if coded.endswith(b"\xff") and len(coded) < len(data) else b""
    ended = coded + b"\xff\xd9"
    found = laid_out(ended)
    try:
        if missing(found, ended):
            raise CutShortError
        image, surplus = _of_one_scan(found.scans[0], ended)
        if _differs(image, padded(ended, found.scans)) or not (surplus or len(coded) < len(data)):
            raise CutShortError
    except CutShortError:
        raise CutShortError("the end is missing") from None
    return image, ("its end marker is missing, its pixels are all there",)


def padded(data: bytes, scans: list[Scan]) -> bytes:
    """The file with bytes added before each end in its coded data, which a whole file has no use for."""
    out, at = [], 0
    for scan in scans:
        out.append(data[at : scan.start])
        coded = data[scan.start : scan.stop].rstrip(b"\xff")
        out.append(_RESTART.sub(lambda mark: _FILLING + mark[0], coded) + _FILLING)
        at = scan.stop
    return b"".join([*out, data[at:]])


def _differs(image: Any, data: bytes) -> bool:
    """Whether a file shows another picture."""
    from PIL import ImageChops
    from PIL.JpegImagePlugin import JpegImageFile

    other = JpegImageFile(BytesIO(data))
    other.load()
    return ImageChops.difference(image, other).getbbox() is not None
