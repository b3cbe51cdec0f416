"""JPEG XL through pyjpegxl: 8 and 16 bits and floats, with profiles, EXIF and XMP."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from restore.errors import ImageError
from restore.images.formats import LOSSLESS, check_size
from restore.images.isobmff import box, boxes
from restore.images.jxl_head import SIGNATURES, exif_in, jxl_head
from restore.images.named_profiles import srgb_profile
from restore.images.orientation import upright_exif, upright_xmp
from restore.images.picture import Picture, assembled, channels_of

_MADE, _USUAL = b"jxl ", tuple(name.encode("utf-16-be") for name in ("sRGB", "Gra_D65_Rel_SRG"))
"""The maker of profiles that libjxl makes for files without one, and what it calls those of sRGB."""


def decode_jxl(data: bytes, name: str, *, damaged: bool = False) -> Picture:
    """Decode a JPEG XL file.

    The file says itself how the picture is turned, which libjxl applies; EXIF orientation only repeats that
    (ISO/IEC 18181-2), and becomes 1.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    damaged : nothing can be read of a file that is cut short, so that it makes no difference.

    Raises
    ------
    ImageError
        For an animation, and too large a picture. Damaged files raise anything.
    """
    import pyjpegxl

    head = jxl_head(BytesIO(data))
    if head.animated:
        raise ImageError(f"{name}: expected a still picture, got an animation; extract a frame of it first")
    h, w = head.size
    check_size(w, h, name, each=4 * (1 if head.bits <= 8 else 2 if head.bits < 32 else 4))
    told, channels = pyjpegxl.decode_to_numpy(data)
    icc = told.icc or b""
    made = icc[4:8] == _MADE and any(name in icc for name in _USUAL)
    picture = assembled(
        channels if channels.ndim == 3 else channels[..., None],
        format="jxl",
        exif=upright_exif(exif_in(told.exif or b"")),
        icc=b"" if made or icc in (srgb_profile(), srgb_profile(gray=True)) else icc,
        xmp=upright_xmp(told.xmp or b""),
    )
    return replace(picture, turned=head.turn)


def encode_jxl(picture: Picture, quality: int | None = None) -> bytes:
    """Encode JPEG XL, lossless unless a quality below 100 is given.

    Parameters
    ----------
    picture : fitted to the format.
    quality : 1 to 100; None is 100.
    """
    import pyjpegxl

    lossless = quality in (None, LOSSLESS)
    # Without a profile the encoder would call floats linear.
    icc = picture.icc or (srgb_profile(gray=picture.gray) if picture.bits == 32 else b"")
    data: bytes = pyjpegxl.encode_from_numpy(
        channels_of(picture),
        lossless=lossless,
        # Up to 15 it would be a distance; qualities as low differ little.
        quality=1.0 if quality is None or lossless else float(max(16, quality)),
        icc=icc or None,
    )
    return _with_metadata(data, picture.exif, picture.xmp)


def _with_metadata(data: bytes, exif: bytes, xmp: bytes) -> bytes:
    """The same file with EXIF and XMP (ISO/IEC 18181-2), before the picture, so that they are found at once.

    The encoder would compress them, which not all programs undo.
    """
    added = b"".join((
        box("Exif", bytes(4), exif) if exif else b"",
        box("xml ", xmp) if xmp else b"",
    ))  # fmt: skip
    if not added:
        return data
    if data.startswith(SIGNATURES[0]):
        data = SIGNATURES[1] + box("ftyp", b"jxl ", bytes(4), b"jxl ") + box("jxlc", data)
    at = max(each.end for each in boxes(data, 0, len(data)) if each.kind in ("JXL ", "ftyp", "jxll"))
    return data[:at] + added + data[at:]
