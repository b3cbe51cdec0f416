"""Read PNG: the chunks here, the pixels through Pillow, those of 16 bits through OpenCV."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.images import png_pixels
from restore.images.formats import MOST_PROFILE, check_size
from restore.images.picture import Picture, assembled
from restore.images.pillow import channels_of_image, lacking_colours, sane_dpi
from restore.images.png import is_carried, png_chunk, png_chunks
from restore.images.png_pixels import Header
from restore.images.quiet import opencv_quietly

if TYPE_CHECKING:
    from numpy.typing import NDArray

Chunks = list[tuple[bytes, bytes]]
_XMP = b"XML:com.adobe.xmp"


def decode_png(data: bytes, name: str, *, damaged: bool = False) -> Picture:
    """Decode PNG of every depth.

    The decoders get only the chunks that the pixels need: their own limits for text and profiles are lower
    than ours, and they warn about metadata.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    damaged : whether what is missing is taken as black, and clear where there is alpha.

    Raises
    ------
    ImageError
        For too large a picture.
    ValueError
        For damage. Without ``damaged``, also where pixels, the palette or the end are missing.
    """
    chunks = list(png_chunks(data, damaged=damaged))
    header = Header.of(chunks)
    check_size(header.width, header.height, name, each=header.bits // 8 or 1)
    pixels = [body for kind, body in chunks if kind == b"IDAT"]
    _check_colours(header, chunks, damaged=damaged)
    reason, neat, surplus = png_pixels.checked(header, pixels)
    if reason and not damaged:
        raise ValueError(reason)
    if (
        reason or surplus or (header.depth == 16 and not neat)
    ):  # libpng would print a warning about what is left over
        pixels = [png_pixels.completed(header, pixels)]
    # The first of each, as by the specification there is one. What is clear at 16 bits is found here, since
    # libpng prints what it thinks of such a chunk.
    first = dict(reversed(chunks))
    kinds = (b"IHDR",) if header.depth == 16 else (b"IHDR", b"PLTE", b"tRNS")
    parts = [
        *((kind, first[kind]) for kind in kinds if kind in first),
        *((b"IDAT", body) for body in pixels),
        (b"IEND", b""),
    ]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(kind, body) for kind, body in parts)
    notes: tuple[str, ...] = ()
    if header.depth == 16:
        channels = _deep(file, header, first.get(b"tRNS"))
    else:
        channels, notes = _plain(file, name)
    if surplus:
        notes += ("it holds more rows than its header says; they are left out",)
    about, dropped = _metadata(chunks)
    return assembled(
        channels,
        format="png",
        chunks=b"".join(png_chunk(kind, body) for kind, body in chunks if is_carried(kind, body)),
        pages=_pages(chunks),
        notes=(*notes, *dropped),
        **about,
    )


def _check_colours(header: Header, chunks: Chunks, *, damaged: bool) -> None:
    """Refuse a palette or a transparent colour that is missing or cut.

    With ``damaged`` a missing palette becomes grays, and a transparent colour that is cut is left out.
    """
    named = dict(reversed(chunks))
    if header.colour_type == 3:
        palette = named.get(b"PLTE", b"")
        if not damaged and (not palette or len(palette) % 3 or len(palette) > 768):
            raise ValueError(f"expected a palette, got one of {len(palette)} bytes")
        if damaged:
            grays = bytes(value for value in range(256) for _ in range(3))
            whole = palette[: min(len(palette) // 3 * 3, 768)] or grays
            chunks[:] = [(kind, body) for kind, body in chunks if kind != b"PLTE"]
            chunks.insert(1, (b"PLTE", whole))
    wanted = {0: 2, 2: 6}.get(header.colour_type, 0)
    if len(named.get(b"tRNS", bytes(wanted))) < wanted:
        if not damaged:
            raise ValueError("the transparent colour is cut")
        chunks[:] = [(kind, body) for kind, body in chunks if kind != b"tRNS"]


def _plain(file: bytes, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels ``(h, w, c)``, uint8, of a file of up to 8 bits; and notes."""
    from PIL.PngImagePlugin import PngImageFile

    # Opened by its own class, since the size limit of Image.open holds for the whole process.
    image = PngImageFile(BytesIO(file))
    image.load()
    channels, notes = channels_of_image(image, name)
    return channels, (*notes, *lacking_colours(image))


def _deep(file: bytes, header: Header, key: bytes | None) -> NDArray[Any]:
    """The channels ``(h, w, c)``, uint16, of a 16-bit file; a transparent colour has become alpha."""
    import numpy as np

    with opencv_quietly() as cv2:
        decoded: Any = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise ValueError("the 16-bit pixels cannot be decoded")
    decoded = decoded if decoded.ndim == 3 else decoded[..., None]
    order = {0: [0], 2: [2, 1, 0], 4: [0, -1], 6: [2, 1, 0, 3]}[header.colour_type]
    channels: NDArray[Any] = decoded[..., order]
    if key is None or len(order) not in (1, 3):
        return channels
    clear = (channels == np.frombuffer(key, ">u2", len(order))).all(axis=2, keepdims=True)
    return np.concatenate([channels, np.where(clear, 0, 65535).astype(np.uint16)], axis=2)


def _pages(chunks: Chunks) -> int:
    """Number of pictures: the frames of an animation, and the still before them where it is none of them."""
    kinds = [kind for kind, _ in chunks]
    frames = kinds.count(b"fcTL")
    if b"acTL" not in kinds or not frames:
        return 1
    return frames + (kinds.index(b"fcTL") > kinds.index(b"IDAT"))


def _metadata(chunks: Chunks) -> tuple[dict[str, Any], tuple[str, ...]]:
    """EXIF, profile, XMP and resolution as fields of a picture; and notes on what was dropped.

    Of profiles and XMP the first counts, as a file has one; no other is unpacked.
    """
    about: dict[str, Any] = {}
    notes: dict[str, None] = {}
    seen: set[bytes] = set()
    for kind, body in chunks:
        if kind == b"eXIf":
            about["exif"] = body.removeprefix(b"Exif\0\0")
        elif kind == b"pHYs" and len(body) >= 9 and body[8] == 1:
            about["dpi"] = sane_dpi([0.0254 * value for value in struct.unpack_from(">II", body)])
        elif kind not in seen and (kind == b"iCCP" or (kind == b"iTXt" and body.startswith(_XMP + b"\0"))):
            seen.add(kind)
            what, packed = (
                ("ICC profile", True) if kind == b"iCCP" else ("XMP", body[len(_XMP) + 1 :][:1] == b"\1")
            )
            try:
                text = _profile(body) if kind == b"iCCP" else _xmp(body)
                about["icc" if kind == b"iCCP" else "xmp"] = _inflated(text) if packed else text
            except ValueError as error:
                notes[f"its {what} {error} and was dropped"] = None
    return about, tuple(notes)


def _profile(body: bytes) -> bytes:
    """The compressed profile of an iCCP chunk, behind its name."""
    name, _, rest = body.partition(b"\0")
    if len(name) > 79 or rest[:1] != b"\0":
        raise ValueError("is damaged")
    return rest[1:]


def _xmp(body: bytes) -> bytes:
    """The text of an iTXt chunk: keyword, whether and how it is compressed, language, its keyword, text."""
    parts = body[len(_XMP) + 3 :].split(b"\0", 2)
    if len(parts) < 3:
        raise ValueError("is damaged")
    return parts[2]


def _inflated(packed: bytes) -> bytes:
    """What was compressed, at most ``MOST_PROFILE`` bytes: a small file can hold very much."""
    machine = zlib.decompressobj()
    try:
        text = machine.decompress(packed, MOST_PROFILE + 1)
    except zlib.error as error:
        raise ValueError("is damaged") from error
    if len(text) > MOST_PROFILE:
        raise ValueError(f"is longer than {MOST_PROFILE >> 20} MB")
    # Of a profile that lacks only the checksum nothing is lost: it begins with its length.
    if not machine.eof and len(text) != int.from_bytes(text[:4]):
        raise ValueError("is damaged")
    return text
