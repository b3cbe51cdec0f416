"""HEIC through pillow-heif, and what it has in common with AVIF."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError
from restore.images.avif import avif_channels
from restore.images.formats import HEIC_QUALITY, MOST_AVIF, MOST_HEVC, check_size, coded_bits
from restore.images.heif_coding import (
    coding_of,
    named_colours,
    orientation_of,
    others_in,
    profile_of,
    stored_size,
    text_of,
)
from restore.images.heif_scale import at_bits, at_full_scale
from restore.images.isobmff import Heif, frames_in, heif_in, top_boxes
from restore.images.named_profiles import profile_for
from restore.images.orientation import upright_exif, upright_xmp
from restore.images.picture import Picture, assembled, channels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PRESET = "veryfast"
"""Of x265: twice as fast as usual, in files at most 4 % longer."""

_TILE = 2048  # pixels a side of the tiles of pictures that HEVC ends short of

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
    channels = _heic_channels(data) if kind == "heic" else avif_channels(data, head, coding.bits, name)
    if coding.chroma == "400" and channels.shape[2] > 2:  # libheif has no gray with alpha
        channels = channels[..., [0, 3] if channels.shape[2] == 4 else [0]]
    picture = assembled(
        at_full_scale(channels, coding.bits),
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
    top = 2 ** int(str(image.info["bit_depth"])) - 1
    colours = np.rint(channels[..., :3] * (top / np.maximum(alpha, 1))).clip(0, top)
    return np.concatenate([colours.astype(channels.dtype), channels[..., 3:]], axis=2)


def encode_heic(picture: Picture, quality: int | None = None) -> bytes:
    """Encode HEIC: with the bits and the sampling of colour that the picture had in its file.

    Others become 10 bits where they have more than 8, which is what phones decode, and have colour at full
    resolution.

    Parameters
    ----------
    picture : fitted to the format.
    quality : 1 to 100; None is HEIC_QUALITY.
    """
    import pillow_heif

    bits = coded_bits(picture, "heic")
    channels = at_bits(channels_of(picture), bits)
    h, w, count = channels.shape
    names = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    chroma = "444" if picture.heif is None or picture.heif.chroma == "400" else picture.heif.chroma
    primaries, transfer = named_colours(picture)
    out = BytesIO()
    pillow_heif.encode(
        names[count] + (f";{bits}" if bits > 8 else ""),
        (w, h),
        channels.tobytes(),
        out,
        quality=HEIC_QUALITY if quality is None else quality,
        chroma=chroma,
        enc_params={"preset": _PRESET},
        tile_size=_TILE if max(h, w) > MOST_HEVC else 0,
        exif=picture.exif or None,
        xmp=picture.xmp or None,
        icc_profile=picture.icc or None,
        color_primaries=primaries,
        transfer_characteristics=transfer,
        matrix_coefficients=9 if primaries == 9 else 6,
        full_range_flag=1,
    )
    return out.getvalue()
