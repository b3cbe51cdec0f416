"""How a picture was coded in a HEIF or AVIF file, which its result is too, and what else the file holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from restore.images.isobmff import Heif

if TYPE_CHECKING:
    from restore.images.picture import Picture

HDR = {16: "PQ", 18: "HLG"}
"""Transfers of pictures that are brighter than white (ITU-T H.273, table 3)."""

_CHROMA = ("400", "420", "422", "444")  # ITU-T H.265, table 6-1
_MIRRORED = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 7: 8, 8: 7}  # EXIF orientation, then left to right
_FLIPPED = {1: 4, 2: 3, 3: 2, 4: 1, 5: 8, 6: 7, 7: 6, 8: 5}  # then top to bottom
_TURNED = {1: 8, 2: 5, 3: 6, 4: 7, 5: 4, 6: 1, 7: 2, 8: 3}  # then a quarter to the left


@dataclass(frozen=True)
class HeifCoding:
    """How a picture was coded in a HEIF or AVIF file.

    Parameters
    ----------
    bits : of each number: 8, 10 or 12.
    chroma : how colour is sampled: 400 (gray), 420, 422 or 444.
    primaries, transfer : of the colours where the file has no ICC profile (ITU-T H.273, tables 2 and 3): 1
        and 13 are sRGB, 2 is not told.

    Examples
    --------
    >>> HeifCoding(bits=10, primaries=9, transfer=16).hdr
    'PQ'
    """

    bits: int = 8
    chroma: str = "420"
    primaries: int = 2
    transfer: int = 2

    @property
    def hdr(self) -> str:
        """What the brightness of a picture brighter than white is called; empty for others."""
        return HDR.get(self.transfer, "")


def coding_of(head: Heif) -> HeifCoding:
    """How the picture that is shown is coded.

    Raises
    ------
    ValueError
        For a codec other than HEVC and AV1.
    """
    coded = head.coded
    if body := coded.property("av1C"):
        flags = body[2] if len(body) > 2 else 0
        bits = (12 if flags & 0x20 else 10) if flags & 0x40 else 8
        chroma = "400" if flags & 0x10 else {0: "444", 8: "422", 12: "420"}.get(flags & 12, "420")
    elif body := coded.property("hvcC"):
        if len(body) < 19:
            raise ValueError("it does not say how it is coded")
        bits, chroma = 8 + (body[17] & 7), _CHROMA[body[16] & 3]
    else:
        raise ValueError(f"its picture is coded as {coded.kind!a}, neither HEVC nor AV1")
    primaries = transfer = 2
    for body in _colours(head):
        if body[:4] == b"nclx" and len(body) >= 8:
            primaries, transfer = (int.from_bytes(body[at : at + 2], "big") for at in (4, 6))
    return HeifCoding(bits, chroma, primaries, transfer)


def named_colours(picture: Picture) -> tuple[int, int]:
    """Primaries and transfer that a file of a picture names, beside its ICC profile or without one.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images.picture import Picture
    >>> named_colours(Picture(np.zeros((4, 6, 3), np.uint8)))
    (1, 13)
    """
    if picture.icc:
        return 2, 2
    coding = picture.heif
    return (coding.primaries, coding.transfer) if coding is not None and coding.hdr else (1, 13)


def profile_of(head: Heif) -> bytes:
    """The ICC profile of the picture that is shown; empty where it has none."""
    return next((body[4:] for body in _colours(head) if body[:4] in (b"prof", b"rICC")), b"")


def _colours(head: Heif) -> Iterator[bytes]:
    """What is said of colours: of the picture, then of its tiles."""
    for item in (head.picture, head.coded):
        yield from (body for kind, body in item.properties if kind == "colr")


def stored_size(head: Heif) -> tuple[int, int]:
    """(h, w) of the picture that is shown, before it is cropped and turned. Raises ValueError."""
    body = head.picture.property("ispe") or head.coded.property("ispe")
    if len(body) < 12:
        raise ValueError("it does not say how large it is")
    return int.from_bytes(body[8:12], "big"), int.from_bytes(body[4:8], "big")


def size_of(head: Heif) -> tuple[int, int]:
    """(h, w) of the picture that is shown, before it is turned. Raises ValueError."""
    h, w = stored_size(head)
    if len(clean := head.picture.property("clap")) >= 16:
        numbers = [int.from_bytes(clean[at : at + 4], "big") for at in range(0, 16, 4)]
        w, h = min(w, numbers[0] // max(1, numbers[1])), min(h, numbers[2] // max(1, numbers[3]))
    return h, w


def orientation_of(head: Heif) -> int:
    """The EXIF orientation that stands for how the file has its picture turned and mirrored, 1 to 8."""
    turn = 1
    for kind, body in head.picture.properties:
        if kind == "irot" and body:
            for _ in range(body[0] & 3):
                turn = _TURNED[turn]
        elif kind == "imir" and body:
            turn = (_MIRRORED if body[0] & 1 else _FLIPPED)[turn]
    return turn


def text_of(head: Heif, file: BinaryIO) -> tuple[bytes, bytes]:
    """EXIF and XMP of the picture that is shown; empty where there is none."""
    exif = xmp = b""
    for item in head.about("cdsc"):
        if item.kind == "Exif" and not exif:
            body = head.bytes_of(item, file)
            exif = body[4 + int.from_bytes(body[:4], "big") :].removeprefix(b"Exif\0\0")
        elif item.kind == "mime" and item.content == "application/rdf+xml" and not xmp:
            xmp = head.bytes_of(item, file)
    return exif, xmp


def others_in(head: Heif) -> list[str]:
    """Notes on what else belongs to the picture and is not kept: maps and previews.

    The alpha of the picture is no map.
    """
    found = Counter[str]()
    for item in head.about("auxl"):
        name = item.property("auxC")[4:].split(b"\0")[0].decode("latin-1").lower()
        if "alpha" in name or name.endswith("auxid:1"):
            continue  # the alpha of the picture
        found["gain map" if "gainmap" in name else "depth map" if "depth" in name else "map"] += 1
    found["preview"] += len(head.about("thmb"))
    found["gain map"] += sum(item.kind == "tmap" for item in head.items.values())
    parts = [f"{count} {name}s" if count > 1 else f"a {name}" for name, count in found.items() if count]
    if not parts:
        return []
    return [f"beside the picture it holds {' and '.join(', '.join(parts).rsplit(', ', 1))}, not kept"]
