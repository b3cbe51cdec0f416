"""JPEG, WebP, BMP and 8-bit PNG through Pillow."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError
from restore.images.formats import JPEG_QUALITY, check_size, sniffed
from restore.images.jpeg_coding import JpegCoding
from restore.images.picture import Picture, assembled, channels_of
from restore.images.png import is_carried, png16_channels, png_chunk, png_chunks

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image


def decode_with_pillow(data: bytes, name: str) -> Picture:
    """Decode PNG, JPEG, WebP and BMP.

    The pixels of 16-bit PNG are decoded by OpenCV, since Pillow cuts them to 8 bits.

    Raises
    ------
    ImageError
        For another format, too large a picture, or a mode other than gray, RGB and CMYK. Damaged files raise
        whatever Pillow raises.
    """
    from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
    from PIL.Image import DecompressionBombError

    kind = sniffed(data, name)
    openers: dict[str, Callable[..., Any]] = {
        "png": PngImagePlugin.PngImageFile,
        "jpeg": JpegImagePlugin.jpeg_factory,
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
    }
    chunks = list(png_chunks(data)) if kind == "png" else []
    # Opened by its own class, since the size limit of Image.open holds for the whole process.
    try:
        image = openers[kind](BytesIO(data))
    except DecompressionBombError as error:  # WebP compares with that limit as it opens
        reason = "expected a WebP picture of at most 179 megapixels, got a larger one"
        raise ImageError(f"{name}: {reason}; crop or downscale it first") from error
    deep = bool(chunks) and chunks[0][1][8] == 16
    check_size(image.width, image.height, name, each=len(image.getbands()) * (2 if deep else 1))
    image.load()
    channels, notes = (png16_channels(chunks), ()) if deep else channels_of_image(image, name)
    return assembled(
        channels,
        format=kind,
        exif=image.info.get("exif", b"").removeprefix(b"Exif\0\0"),
        icc=b"" if image.mode == "CMYK" else image.info.get("icc_profile") or b"",
        xmp=as_bytes(image.info.get("xmp", b"")),
        dpi=sane_dpi(image.info.get("dpi")),
        chunks=b"".join(png_chunk(kind, body) for kind, body in chunks if is_carried(kind, body)),
        pages=getattr(image, "n_frames", 1),
        coding=coding_of_file(image) if kind == "jpeg" else None,
        notes=notes,
    )


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
        image, note = _cmyk_to_rgb(image)
        notes = (note,)
    elif image.mode not in wanted:
        raise ImageError(f"{name}: expected gray, RGB or CMYK, got mode {image.mode}; convert it first")
    if image.mode != "RGB" or clear:
        image = image.convert(wanted[image.mode])
    channels = np.asarray(image)
    return channels if channels.ndim == 3 else channels[..., None], notes


def _cmyk_to_rgb(image: Image) -> tuple[Image, str]:
    """CMYK as sRGB, through the ICC profile of the file where it has a usable one; and a note."""
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


def encode_with_pillow(picture: Picture) -> bytes:
    """Encode JPEG, lossless WebP, or BMP without alpha."""
    from PIL import Image

    channels = channels_of(picture)
    image = Image.fromarray(channels[..., 0] if channels.shape[2] == 1 else channels)
    defaults: dict[str, dict[str, Any]] = {
        "jpeg": {"quality": JPEG_QUALITY, "subsampling": 0},
        "webp": {"lossless": True, "exact": True},
        "bmp": {"dpi": (0, 0)},  # unknown; without it Pillow would write 96
    }
    options = defaults[picture.format]
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
