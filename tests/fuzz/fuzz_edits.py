"""Random changes to a file that keep to its structure, and changes of plain bytes.

Chunks, segments, members and tags are changed, left out, doubled and taken from other files; lengths and
checksums are put right again, so that readers come as far as what was changed.
"""

from __future__ import annotations

import contextlib
import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from fuzz_texts import json_edited, looks_like_json, looks_like_toml, toml_edited

Parts = list[tuple[bytes, bytes]]
"""(kind, body) of each part of a file, in order"""

BOUNDARIES = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 2**15 - 1, 2**15, 2**16 - 1, 2**16, 2**24, 2**31 - 1)
BOUNDARIES += (2**31, 2**32 - 2, 2**32 - 1, 2**63, 2**64 - 1)
LARGEST = 200_000  # bytes of an input; files grow by duplication


@dataclass(frozen=True)
class Structure:
    """How the files of a format are taken apart and put together."""

    starts: tuple[bytes, ...]
    split: Callable[[bytes], Parts]
    join: Callable[[Parts], bytes]


def mutated(rng: Random, data: bytes, other: bytes) -> bytes:
    """The file with one to some changes; other: a file that pieces are taken from."""
    for _ in range(min(6, 1 + int(rng.expovariate(0.8)))):
        data = edited(rng, data, other)
    return data[:LARGEST]


def edited(rng: Random, data: bytes, other: bytes = b"") -> bytes:
    """One change, mostly one that its format understands."""
    if rng.random() < 0.25:
        return bytes_edited(rng, data, other)
    for structure in STRUCTURES:
        if data.startswith(structure.starts):
            return _parts_edited(rng, structure, data, other)
    if data.startswith((b"II", b"MM")):
        return tiff_edited(rng, data)
    if data.startswith(b"Exif\0\0"):
        return data[:6] + tiff_edited(rng, data[6:])
    if data[8:9] == b"{" and data[1:2] != b"\0":  # safetensors: the length of a header, then JSON
        (size,) = struct.unpack_from("<Q", data)
        header = json_edited(rng, data[8 : 8 + size])
        return struct.pack("<Q", len(header)) + header + data[8 + size :]
    if looks_like_json(data):
        return json_edited(rng, data)
    if looks_like_toml(data):
        return toml_edited(rng, data, other)
    return _unpacked_edited(rng, data) if rng.random() < 0.7 else bytes_edited(rng, data, other)


def number(rng: Random, size: int, order: str = "") -> bytes:
    """A number at a boundary, or any, in so many bytes."""
    value = rng.choice(BOUNDARIES) if rng.random() < 0.8 else rng.getrandbits(8 * size)
    return (value % 2 ** (8 * size)).to_bytes(size, {"<": "little", ">": "big"}.get(order) or _either(rng))


def bytes_edited(rng: Random, data: bytes, other: bytes = b"") -> bytes:
    """One change of plain bytes."""
    out = bytearray(data)
    at = rng.randrange(len(out) + 1)
    end = min(len(out), at + 1 + int(rng.expovariate(0.1)))
    match rng.randrange(8):
        case 0:
            out[at:end] = bytes(each ^ 1 << rng.randrange(8) for each in out[at : at + 1])
        case 1:
            out[at:end] = rng.randbytes(end - at)
        case 2:
            value = number(rng, rng.choice((1, 2, 4, 8)))
            out[at : at + len(value)] = value
        case 3:
            del out[at:end]
        case 4:
            out[at:at] = out[at:end] * rng.choice((1, 1, 2, 50))
        case 5:
            del out[at:]
        case 6:
            out[at:end] = bytes(end - at) if rng.random() < 0.5 else b"\xff" * (end - at)
        case 7:
            start = rng.randrange(len(other) + 1)
            out[at:end] = other[start : start + rng.randrange(1, 64)]
    return bytes(out)


def _either(rng: Random) -> str:
    return "little" if rng.random() < 0.5 else "big"


def _parts_edited(rng: Random, structure: Structure, data: bytes, other: bytes) -> bytes:
    parts = structure.split(data)
    if not parts:
        return bytes_edited(rng, data, other)
    at, to = rng.randrange(len(parts)), rng.randrange(len(parts))
    kind, body = parts[at]
    match rng.randrange(12):
        case 0:
            del parts[at]
        case 1:
            parts.insert(to, parts[at])
        case 2:
            parts[at], parts[to] = parts[to], parts[at]
        case 3 if other.startswith(structure.starts) and (theirs := structure.split(other)):
            parts.insert(to, rng.choice(theirs))
        case 4:
            parts[at] = (parts[to][0], body)
        case 5:
            parts[at] = (kind, body[: rng.randrange(len(body) + 1)])
        case _:
            parts[at] = (kind, edited(rng, body, other))
    with contextlib.suppress(struct.error, ValueError, OverflowError):
        return structure.join(parts)
    return data


def _unpacked_edited(rng: Random, data: bytes) -> bytes:
    """A change within what zlib has packed, which is packed again; else one of plain bytes."""
    start = data.find(b"\0\0") + 2 if data.startswith((b"ICC", b"Comment")) else 0
    try:
        inner = zlib.decompressobj().decompress(data[start:], 1_000_000)
    except zlib.error:
        return bytes_edited(rng, data)
    return data[:start] + zlib.compress(bytes_edited(rng, inner))


# ---------------------------------------------------------------------------------- formats in parts


def _png_split(data: bytes) -> Parts:
    parts, at = [], 8
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        parts.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return parts


def _png_join(parts: Parts) -> bytes:
    chunks = [struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _jpeg_split(data: bytes) -> Parts:
    """Segments by their marker; what is coded between markers is a part without one."""
    parts, at = [], 2
    while at + 4 <= len(data):
        marker = data[at : at + 2]
        if marker[:1] != b"\xff" or marker == b"\xff\xd9":
            break
        (size,) = struct.unpack_from(">H", data, at + 2)
        parts.append((marker, data[at + 4 : at + 2 + size]))
        at += 2 + max(size, 2)
        if marker == b"\xff\xda":
            following = re.compile(rb"\xff[^\0\xd0-\xd7]", re.DOTALL).search(data, at)
            end = following.start() if following else len(data)
            parts.append((b"", data[at:end]))
            at = end
    return [*parts, (b"", data[at:])]


def _jpeg_join(parts: Parts) -> bytes:
    segments = [kind + struct.pack(">H", len(body) + 2) + body if kind else body for kind, body in parts]
    return b"\xff\xd8" + b"".join(segments)


def _riff_split(data: bytes) -> Parts:
    parts, at = [], 12
    while at + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        parts.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return parts


def _riff_join(parts: Parts) -> bytes:
    body = b"".join(k + struct.pack("<I", len(b)) + b + bytes(len(b) % 2) for k, b in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _box_split(data: bytes) -> Parts:
    """The boxes of a file, and within the one that describes its pictures."""
    parts, at = [], 0
    while at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        head = {b"meta": 12, b"iprp": 8, b"ipco": 8}.get(kind, max(8, size))
        parts.append((kind, data[at : at + head]))
        at += head
    return parts


def _bmp_split(data: bytes) -> Parts:
    """The file's header, the picture's, each number of both by itself, and the pixels."""
    end = 14 + min(124, int.from_bytes(data[14:18], "little"))
    cuts = [0, 2, 6, 10, *range(14, end, 4), end, len(data)]
    return [(b"", data[a:b]) for a, b in pairwise(cuts)]


def _zip_split(data: bytes) -> Parts:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [(name.encode(), archive.read(name)) for name in archive.namelist()]
    except Exception:
        return []


def _zip_join(parts: Parts) -> bytes:
    out = io.BytesIO()
    names = set()
    with zipfile.ZipFile(out, "w") as archive:
        for name, body in parts:
            if name not in names:
                names.add(name)
                archive.writestr(zipfile.ZipInfo(name.decode()), body)
    return out.getvalue()


STRUCTURES = (
    Structure((b"\x89PNG",), _png_split, _png_join),
    Structure((b"\xff\xd8",), _jpeg_split, _jpeg_join),
    Structure((b"RIFF",), _riff_split, _riff_join),
    Structure((b"BM",), _bmp_split, lambda parts: b"".join(body for _, body in parts)),
    Structure((b"PK\3\4",), _zip_split, _zip_join),
    Structure(
        (b"\0\0\0\x1cftyp", b"\0\0\0 ftyp", b"\0\0\0$ftyp", b"\0\0\0,ftyp", b"\0\0\0\x0cJXL "),
        _box_split,
        lambda parts: b"".join(body for _, body in parts),
    ),
)


# ------------------------------------------------------------------------------------------- TIFF

TAGS = (254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 296, 317, 320, 322, 323)
TAGS += (324, 325, 330, 338, 339, 347, 513, 514, 529, 530, 531, 532, 700, 34377, 34665, 34675, 34853, 37510)
TAGS += (40965, 50341)
INNER = (330, 34665, 34853, 40965)  # tags that point to directories


@dataclass(frozen=True)
class Layout:
    """Where the numbers of a TIFF structure are. order: of bytes. wide: bytes of a pointer, 8 in BigTIFF."""

    order: str
    wide: int

    @property
    def entry(self) -> int:
        """Bytes of an entry: tag, type, count, value."""
        return 4 + 2 * self.wide

    @property
    def head(self) -> int:
        """Bytes of the number of entries."""
        return 8 if self.wide == 8 else 2

    def number(self, data: bytes, at: int, size: int) -> int:
        """A number of the structure; struct.error beyond its end."""
        if at > len(data):
            raise struct.error(f"{at} is beyond the end")
        return int(struct.unpack_from(self.order + {2: "H", 4: "I", 8: "Q"}[size], data, at)[0])

    def packed(self, value: int, size: int) -> bytes:
        """A number as the structure holds it."""
        return struct.pack(self.order + {2: "H", 4: "I", 8: "Q"}[size], value % 2 ** (8 * size))


def tiff_edited(rng: Random, data: bytes) -> bytes:
    """A change to a field of a tag, or to a number or pointer of a directory; also of BigTIFF and EXIF."""
    layout = Layout("<" if data[:2] == b"II" else ">", 8 if data[2:4] in (b"+\0", b"\0+") else 4)
    directories = _directories(data, layout)
    entries = [start for starts in directories.values() for start in starts]
    if not entries or rng.random() < 0.1:
        return bytes_edited(rng, data)
    if rng.random() < 0.25:
        at, value = _of_directories(rng, data, layout, directories)
    else:
        at, value = _of_entry(rng, data, layout, entries)
    return data[:at] + value + data[at + len(value) :]


def _of_entry(rng: Random, data: bytes, layout: Layout, entries: list[int]) -> tuple[int, bytes]:
    """Where a part of an entry is, and what to put there."""
    start, wide = rng.choice(entries), layout.wide
    value_at = start + 4 + wide
    match rng.randrange(6):
        case 0:
            return start, layout.packed(rng.choice(TAGS), 2)
        case 1:
            return start + 2, layout.packed(rng.choice((*range(19), 255, 65535)), 2)
        case 2:
            return start + 4, number(rng, wide, layout.order)
        case 3:
            return value_at, number(rng, rng.choice((2, wide)), layout.order).ljust(wide, b"\0")
        case 4:  # as another tag has it
            source, skipped = rng.choice(entries), rng.choice((2, 4 + wide))
            return start + skipped, data[source + skipped : source + layout.entry]
        case _:  # what the tag points to
            where = min(layout.number(data, value_at, wide), len(data))
            return where, bytes_edited(rng, data[where : where + 40])[:40]


def _of_directories(
    rng: Random, data: bytes, layout: Layout, directories: dict[int, list[int]]
) -> tuple[int, bytes]:
    """Where a number of a directory is, and what to put there; also such as make circles."""
    at = rng.choice([*directories])
    if rng.random() < 0.4:
        return at, number(rng, layout.head, layout.order)
    ends = [at + layout.head + layout.entry * len(directories[at]), layout.wide]
    values = [start + 4 + layout.wide for start in directories[at]]
    target = rng.choice((*directories, len(data), len(data) - 2, at + 1))
    return rng.choice((*ends, *values)), layout.packed(target, layout.wide)


def _directories(data: bytes, layout: Layout) -> dict[int, list[int]]:
    """Where directories are -> where their entries are, following chains and inner directories."""
    found: dict[int, list[int]] = {}
    wide, entry, head = layout.wide, layout.entry, layout.head
    with contextlib.suppress(struct.error):
        todo = [layout.number(data, wide, wide)]
        while todo and len(found) < 8:
            at = todo.pop()
            if not at or at in found:
                continue
            count = layout.number(data, at, head)
            starts = range(at + head, min(at + head + entry * min(count, 60), len(data) - entry + 1), entry)
            found[at] = [*starts]
            inner = [start for start in starts if layout.number(data, start, 2) in INNER]
            todo += [layout.number(data, start + 4 + wide, wide) for start in inner]
            if len(starts) == count:
                todo.append(layout.number(data, at + head + entry * count, wide))
    return found
