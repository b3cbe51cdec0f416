"""HEIC through pillow-heif, and AVIF through imagecodecs, which has 10 and 12 bits."""

from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError
from restore.images.avif_metadata import with_metadata
from restore.images.formats import AVIF_QUALITY, HEIC_QUALITY, MOST_AVIF, check_size, coded_bits
from restore.images.heif_coding import (
    HeifCoding,
    coding_of,
    orientation_of,
    others_in,
    profile_of,
    stored_size,
    text_of,
)
from restore.images.isobmff import Heif, frames_in, heif_in, top_boxes
from restore.images.named_profiles import profile_for
from restore.images.orientation import upright_exif, upright_xmp
from restore.images.picture import Picture, assembled, channels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CODECS = {"hvcC": "heic", "av1C": "avif"}


def decode_heif(data: bytes, name: str, *, damaged: bool = False) -> Picture:
    """Decode the picture that a HEIF or AVIF file shows.

    The file says itself how the picture is turned and mirrored, which is applied; its EXIF orientation only
    repeats that (ISO/IEC 23000-22, 7.3.6.7), and becomes 1.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    damaged : nothing can be read of a file that is cut short, so that it makes no difference.

    Raises
    ------
    ImageError
        For a film, another codec, and too large a picture. Damaged files raise anything.
    """
    kinds = {kind for kind, _, _ in top_boxes(BytesIO(data))}
    if "moov" in kinds and "meta" not in kinds:
        raise ImageError(f"{name}: expected a still picture, got a film; extract a frame of it first")
    head = heif_in(BytesIO(data))
    try:
        coding = coding_of(head)
    except ValueError as error:
        raise ImageError(f"{name}: {error}; convert it first") from error
    kind = next(each for box, each in _CODECS.items() if head.coded.property(box))
    _check_whole(head, data)
    h, w = stored_size(head)
    alpha = any("alpha" in str(item.property("auxC")) for item in head.about("auxl"))
    each = ((1 if coding.chroma == "400" else 3) + alpha) * (1 if coding.bits == 8 else 2)
    check_size(w, h, name, each=each)
    if kind == "avif" and w * h > MOST_AVIF:
        reason = f"{w}x{h} (w x h) is more than the 268 megapixels that AVIF is decoded with"
        raise ImageError(f"{name}: {reason}; crop or downscale it first")
    exif, xmp = text_of(head, BytesIO(data))
    icc, notes = profile_of(head), others_in(head)
    if not icc and coding.hdr:
        notes.append(f"it is an HDR picture ({coding.hdr}); its numbers are restored as they are")
    elif not icc:
        icc = profile_for(coding.primaries, coding.transfer, gray=coding.chroma == "400")
    channels = _heic_channels(data) if kind == "heic" else _avif_channels(data, head)
    if coding.chroma == "400" and channels.shape[2] > 2:  # libheif has no gray with alpha
        channels = channels[..., [0, 3] if channels.shape[2] == 4 else [0]]
    picture = assembled(
        _at_full_scale(channels, coding.bits),
        format=kind,
        exif=upright_exif(exif),
        icc=icc,
        xmp=upright_xmp(xmp),
        pages=max(head.pages, frames_in(BytesIO(data))),
        notes=tuple(notes),
    )
    return replace(picture, heif=coding, turned=orientation_of(head))


def _check_whole(head: Heif, data: bytes) -> None:
    """Raise ValueError where a part of the picture lies behind the end of the file."""
    for item in head.items.values():
        room = len(head.beside) if item.place.method == 1 else len(data)
        if any(at + size > room for at, size in item.place.parts):
            raise ValueError("the end is missing")


def _heic_channels(data: bytes) -> NDArray[Any]:
    """The channels ``(h, w, c)`` of a HEIC file, upright, on the scale of its bits."""
    import numpy as np
    import pillow_heif

    file = pillow_heif.open_heif(data, convert_hdr_to_8bit=False, hdr_to_16bit=False)
    image = file[file.primary_index]
    channels = np.asarray(image)
    channels = channels if channels.ndim == 3 else channels[..., None]
    if not image.premultiplied_alpha:
        return channels
    alpha = channels[..., 3:].astype(np.float64)
    top = 2 ** int(image.info["bit_depth"]) - 1
    colours = np.rint(channels[..., :3] * (top / np.maximum(alpha, 1))).clip(0, top)
    return np.concatenate([colours.astype(channels.dtype), channels[..., 3:]], axis=2)


def _avif_channels(data: bytes, head: Heif) -> NDArray[Any]:
    """The same of an AVIF file, of which libavif neither crops nor turns the picture."""
    import imagecodecs
    import numpy as np

    channels: NDArray[Any] = imagecodecs.avif_decode(data, index=0)
    channels = channels if channels.ndim == 3 else channels[..., None]
    for kind, body in head.picture.properties:
        if kind == "clap":
            channels = _cropped(channels, body)
        elif kind == "irot" and body:
            channels = np.rot90(channels, body[0] & 3)
        elif kind == "imir" and body:
            channels = channels[:, ::-1] if body[0] & 1 else channels[::-1]
    return np.ascontiguousarray(channels)


def _cropped(channels: NDArray[Any], body: bytes) -> NDArray[Any]:
    """The clean aperture of a picture (ISO/IEC 14496-12, 12.1.4), in whole pixels."""
    numbers = struct.unpack(">iIiIiIiI", body[:32])
    w, h, right, down = (top / bottom for top, bottom in zip(numbers[::2], numbers[1::2], strict=True))
    left = round((channels.shape[1] - w) / 2 + right)
    above = round((channels.shape[0] - h) / 2 + down)
    part = channels[max(0, above) : above + round(h), max(0, left) : left + round(w)]
    if not part.size:
        raise ValueError("it is cropped to nothing")
    return part


def _at_full_scale(channels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Numbers of 10 or 12 bits as 16, so that white is white; `_at_bits` is the way back."""
    import numpy as np

    if bits == 8:
        return channels.astype(np.uint8, copy=False)
    top = 2**bits - 1
    return ((channels.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)


def _at_bits(channels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Numbers of 16 bits as 10 or 12."""
    import numpy as np

    if bits == 8:
        return channels
    top = 2**bits - 1
    return ((channels.astype(np.uint32) * top + 32767) // 65535).astype(np.uint16)


def encode_heic(picture: Picture, quality: int | None = None) -> bytes:
    """Encode HEIC: with the bits and the sampling of colour that the picture had in its file.

    Others become 10 bits where they have more than 8, and 4:2:0, which is what phones decode.

    Parameters
    ----------
    picture : fitted to the format.
    quality : 1 to 100; None is HEIC_QUALITY.
    """
    import pillow_heif

    bits = coded_bits(picture, "heic")
    channels = _at_bits(channels_of(picture), bits)
    h, w, count = channels.shape
    names = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    coding = picture.heif or HeifCoding()
    primaries, transfer, matrix = _colours_of(picture)
    out = BytesIO()
    pillow_heif.encode(
        names[count] + (f";{bits}" if bits > 8 else ""),
        (w, h),
        channels.tobytes(),
        out,
        quality=HEIC_QUALITY if quality is None else quality,
        chroma="420" if coding.chroma == "400" else coding.chroma,
        exif=picture.exif or None,
        xmp=picture.xmp or None,
        icc_profile=picture.icc or None,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=matrix,
        full_range_flag=1,
    )
    return out.getvalue()


def encode_avif(picture: Picture, quality: int | None = None) -> bytes:
    """Encode AVIF: with the bits that the picture had in its file, or 12, and colour at full resolution.

    Parameters
    ----------
    picture : fitted to the format.
    quality : 1 to 100; None is AVIF_QUALITY.
    """
    import imagecodecs

    bits = coded_bits(picture, "avif")
    channels = _at_bits(channels_of(picture), bits)
    gray = channels.shape[2] < 3
    primaries, transfer, matrix = _colours_of(picture)
    data = imagecodecs.avif_encode(
        channels[..., 0] if channels.shape[2] == 1 else channels,
        AVIF_QUALITY if quality is None else quality,
        speed=6,
        bitspersample=bits,
        pixelformat=None if gray else "444",
        primaries=primaries,
        transfer=transfer,
        matrix=matrix,
    )
    return with_metadata(bytes(data), exif=picture.exif, xmp=picture.xmp, icc=picture.icc)


def _colours_of(picture: Picture) -> tuple[int, int, int]:
    """Primaries, transfer and matrix (H.273) that a file of the picture names."""
    coding = picture.heif
    if picture.icc:
        return 2, 2, 6
    if coding is not None and coding.hdr:
        return coding.primaries, coding.transfer, 9 if coding.primaries == 9 else 6
    return 1, 13, 6
