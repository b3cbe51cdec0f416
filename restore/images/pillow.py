"""JPEG, WebP and BMP through Pillow."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError
from restore.images.exif import number_of
from restore.images.formats import JPEG_QUALITY, LOSSLESS, MAX_PIXELS, check_size, sniffed
from restore.images.jpeg_coding import JpegCoding
from restore.images.jpeg_file import read_jpeg
from restore.images.picture import Picture, assembled, channels_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_PICTURES = 0xB001  # the number of pictures (CIPA DC-007, tag NumberOfImages)
_MOST_SKIPPED = 4_000_000  # pixels of a BMP that no run holds
_MORE_WEBP = 2**20  # bytes


def decode_with_pillow(data: bytes, name: str, *, damaged: bool = False) -> Picture:
    """Decode JPEG, WebP and BMP.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    damaged : whether what is missing may be anything: gray in JPEG, black in BMP, smooth in WebP.

    Raises
    ------
    ImageError
        For another format, too large a picture, or a mode other than gray, RGB and CMYK. Damaged files raise
        whatever Pillow raises.
    """
    from PIL.Image import DecompressionBombError

    kind = sniffed(data, name)
    if damaged:
        data = lengthened(data, kind)
    try:
        image = _opened(data, kind)
    except DecompressionBombError as error:  # WebP compares with that limit as it opens
        reason = "expected a WebP picture of at most 179 megapixels, got a larger one"
        raise ImageError(f"{name}: {reason}; crop or downscale it first") from error
    check_size(image.width, image.height, name, each=len(image.getbands()))
    _check_runs(image, len(data))
    odd: tuple[str, ...] = ()
    if kind == "jpeg" and not damaged:
        image, odd = read_jpeg(data)
    else:
        image.load()
    channels, notes = channels_of_image(image, name)
    icc = image.info.get("icc_profile") or b""
    return assembled(
        channels,
        format=kind,
        exif=image.info.get("exif", b"").removeprefix(b"Exif\0\0"),
        icc=b"" if image.mode == "CMYK" else icc,
        xmp=as_bytes(image.info.get("xmp", b"")),
        dpi=sane_dpi(image.info.get("dpi")),
        pages=getattr(image, "n_frames", 1),
        coding=coding_of_file(image) if kind == "jpeg" else None,
        notes=(*notes, *odd, *lacking_colours(image), *_not_kept(image)),
    )


def _opened(data: bytes, kind: str) -> Any:
    """The file, its headers read: by its own class, as the size limit of Image.open holds for the process."""
    from PIL import BmpImagePlugin, JpegImagePlugin, WebPImagePlugin

    openers: dict[str, Callable[..., Any]] = {
        "jpeg": JpegImagePlugin.JpegImageFile,  # of several pictures in it, the first
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
    }
    return openers[kind](BytesIO(data))


def lengthened(data: bytes, kind: str) -> bytes:
    """A file that is cut short with what its decoder needs to go on: zeros, or an end marker."""
    if kind == "jpeg":
        return data + b"\xff\xd9"
    if kind == "webp":
        return lengthened_webp(data)
    image = _opened(data, kind)
    return data + bytes(4 * min(image.width * image.height + image.height, MAX_PIXELS))


def lengthened_webp(data: bytes) -> bytes:
    """A WebP file whose picture goes on with zeros: the decoder refuses one that ends early.

    An animation stays as it is.
    """
    at, out = 12, [b""]
    while at + 8 <= len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
        if kind in (b"VP8 ", b"VP8L", b"ALPH"):
            body += bytes(len(body) + _MORE_WEBP)
        elif kind == b"ANMF":
            return data
        out.append(kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2))
    rest = b"WEBP" + b"".join(out)
    return b"RIFF" + struct.pack("<I", len(rest)) + rest


def lacking_colours(image: Any) -> Iterator[str]:
    """Note that pixels name colours that the palette of the file lacks: those are black."""
    if image.mode == "P" and (palette := image.palette) is not None:
        there = len(palette.palette) // len(palette.mode)
        if count := sum(image.histogram()[there:]):
            yield (
                "1 pixel names a colour that its palette lacks; it is black"
                if count == 1
                else f"{count} pixels name colours that its palette lacks; they are black"
            )


def _check_runs(image: Any, size: int) -> None:
    """Raise ValueError for a BMP of runs (two bytes for up to 255 pixels) that most of the pixels are not in.

    Pillow fills what is skipped a pixel at a time, which takes minutes.
    """
    pixels = image.width * image.height
    coded = any(tile[0] == "bmp_rle" for tile in image.tile)
    if coded and pixels > _MOST_SKIPPED + 128 * size:
        raise ValueError(f"{size} bytes of runs cannot hold {image.width}x{image.height} pixels")


def _not_kept(image: Any) -> Iterator[str]:
    """Notes on what else a JPEG holds."""
    if image.info.get("icc_profile", b"") is None:
        yield "parts of its ICC profile are missing, it was dropped"
    try:
        count = number_of(image.info["mp"], _PICTURES)
    except (KeyError, ValueError, TypeError, struct.error):
        return
    if count > 1:
        yield f"it holds {count} pictures; all but the first, such as a gain map or a preview, are not kept"


def coding_of_file(image: Any) -> JpegCoding | None:
    """How a JPEG that Pillow has opened was compressed.

    Returns
    -------
    JpegCoding or None
        None for other files, for colours that are not YCbCr, and for chroma that is not sampled by whole
        numbers.
    """
    tables: Any = getattr(image, "quantization", None)
    layers: Sequence[Any] = getattr(image, "layer", ())
    kinds = {1: "L", 3: "RGB"}
    # Adobe's marker says 0 where the three channels are red, green and blue themselves.
    plain = len(layers) == 3 and image.info.get("adobe_transform") == 0
    if not tables or kinds.get(len(layers)) != image.mode or plain:
        return None
    luma, chroma = layers[0], layers[-1]
    if any(a % b for a, b in zip(luma[1:3], chroma[1:3], strict=True)) or (
        layers[1:2] and layers[1][1:3] != chroma[1:3]
    ):
        return None  # chroma is not sampled by whole numbers, or its two channels differ
    try:
        coarser = luma[2] // chroma[2], luma[1] // chroma[1]
        return JpegCoding(tuple(tables[luma[3]]), tuple(tables[chroma[3]]), coarser)
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def channels_of_image(image: Image, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels of an 8-bit Pillow image.

    Returns
    -------
    array ``(h, w, c)``
        uint8, c from 1 to 4.
    tuple of str
        What the user should know about the conversion.

    Raises
    ------
    ImageError
        For a mode other than gray, RGB and CMYK.
    """
    import numpy as np

    notes: tuple[str, ...] = ()
    clear = "transparency" in image.info
    wanted = {
        "1": "LA" if clear else "L", "L": "LA" if clear else "L", "LA": "LA", "La": "LA", "PA": "RGBA",
        "P": "RGBA" if clear else "RGB", "RGB": "RGBA" if clear else "RGB", "RGBX": "RGB", "YCbCr": "RGB",
        "RGBA": "RGBA", "RGBa": "RGBA",
    }  # fmt: skip
    if image.mode == "CMYK":
        image, note = cmyk_to_rgb(image)
        notes = (note,)
    elif image.mode not in wanted:
        raise ImageError(f"{name}: expected gray, RGB or CMYK, got mode {image.mode}; convert it first")
    if image.mode != "RGB" or clear:
        image = image.convert(wanted[image.mode])
    channels = np.asarray(image)
    return channels if channels.ndim == 3 else channels[..., None], notes


def cmyk_to_rgb(image: Image) -> tuple[Image, str]:
    """CMYK as sRGB, through the ICC profile of the file where it has a usable one; and a note.

    Parameters
    ----------
    image : its profile, where it has one, is in ``info``.
    """
    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (KeyError, OSError, ImageCms.PyCMSError):
        converted = None
    if converted is None:
        return image.convert("RGB"), "CMYK became RGB without a colour profile; colours are approximate"
    return converted, "CMYK became sRGB through the picture's own ICC profile"


def sane_dpi(dpi: Any) -> tuple[float, float] | None:
    """Horizontal and vertical dpi; None where they are missing, not finite, or outside 0.5 to 65535."""
    if dpi is None:
        return None
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if all(math.isfinite(v) and 0.5 <= v <= 65535 for v in (x, y)) else None


def as_bytes(text: Any) -> bytes:
    """Text as UTF-8; bytes as they are."""
    return text.encode() if isinstance(text, str) else bytes(text)


def encode_with_pillow(picture: Picture, quality: int | None = None) -> bytes:
    """Encode JPEG, WebP, or BMP without alpha."""
    from PIL import Image

    channels = channels_of(picture)
    image = Image.fromarray(channels[..., 0] if channels.shape[2] == 1 else channels)
    defaults: dict[str, dict[str, Any]] = {
        "jpeg": {"quality": quality or JPEG_QUALITY, "subsampling": 0},
        "webp": {"lossless": quality in (None, LOSSLESS), "exact": True},
        "bmp": {"dpi": (0, 0)},  # unknown; without it Pillow would write 96
    }
    options = defaults[picture.format]
    if picture.format == "webp" and not options["lossless"]:
        options["quality"] = quality
    for key, value in (("icc_profile", picture.icc), ("xmp", picture.xmp), ("dpi", picture.dpi)):
        if value:
            options[key] = value
    if picture.exif:
        options["exif"] = b"Exif\0\0" + picture.exif
    out = BytesIO()
    image.save(out, picture.format.upper(), **options)
    return out.getvalue()


def encode_bmp(picture: Picture) -> bytes:
    """Encode BMP.

    With alpha it gets a BITMAPV4HEADER, since the file that Pillow writes is read as one without alpha.
    """
    if picture.alpha is None:
        return encode_with_pillow(picture)
    h, w = picture.size
    rows = channels_of(replace(picture, gray=False))[::-1, :, [2, 1, 0, 3]].tobytes()
    per_metre = [round(v / 0.0254) for v in picture.dpi or (0.0, 0.0)]
    header = struct.pack("<IiiHHIIiiII", 108, w, h, 1, 32, 3, len(rows), *per_metre, 0, 0)
    header += struct.pack("<4I4s48x", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    start = 14 + len(header)
    return struct.pack("<2sI4xI", b"BM", start + len(rows), start) + header + rows
