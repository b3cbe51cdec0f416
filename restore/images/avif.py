"""AVIF: 8 bits through Pillow, and 10 and 12 bits, which Pillow does not have, through OpenCV."""

from __future__ import annotations

import struct
from dataclasses import replace
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError, OutputError
from restore.images.avif_metadata import with_metadata
from restore.images.extras import install
from restore.images.formats import AVIF_QUALITY, coded_bits
from restore.images.heif_coding import named_colours
from restore.images.heif_scale import at_bits
from restore.images.isobmff import Heif
from restore.images.picture import Picture, channels_of
from restore.images.quiet import opencv_quietly

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPEED = 8
"""Of libaom: 3 times faster than usual, in files 2 % longer."""


def avif_channels(data: bytes, head: Heif, bits: int, name: str) -> NDArray[Any]:
    """The channels ``(h, w, c)`` of an AVIF file, upright, on the scale of its bits.

    libavif neither crops nor turns the picture, which is done here.

    Parameters
    ----------
    data : the bytes of the file.
    head : what it says of itself.
    bits : of each number.
    name : what messages call the file.

    Raises
    ------
    ImageError
        Where Pillow or OpenCV was built without AVIF. Damaged files raise anything.
    """
    import numpy as np

    channels = _of_pillow(data, name) if bits == 8 else _of_opencv(data, bits, name)
    for kind, body in head.picture.properties:
        if kind == "clap":
            channels = _cropped(channels, body)
        elif kind == "irot" and body:
            channels = np.rot90(channels, body[0] & 3)
        elif kind == "imir" and body:
            channels = channels[:, ::-1] if body[0] & 1 else channels[::-1]
    return np.ascontiguousarray(channels)


def _of_pillow(data: bytes, name: str) -> NDArray[Any]:
    import numpy as np

    plugin = _plugin()
    if plugin is None:
        raise ImageError(f"{name}: AVIF needs a Pillow that was built with it; {install('heif')}")
    channels = np.asarray(plugin.AvifImageFile(BytesIO(data)))
    return channels if channels.ndim == 3 else channels[..., None]


def _of_opencv(data: bytes, bits: int, name: str) -> NDArray[Any]:
    import numpy as np

    with opencv_quietly() as cv2:
        if not cv2.haveImageWriter("a.avif"):
            raise ImageError(f"{name}: AVIF of {bits} bits needs OpenCV 4.12 or later; {install('heif')}")
        flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        channels: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if channels is None:
        raise ValueError("it cannot be decoded")
    if channels.ndim == 2:
        return channels[..., None]
    return channels[..., [2, 1, 0, 3][: channels.shape[2]]]


def _plugin() -> ModuleType | None:
    """Pillow's reader and writer of AVIF; None where it has none."""
    try:
        from PIL import AvifImagePlugin
    except ImportError:
        return None
    return AvifImagePlugin if AvifImagePlugin.SUPPORTED else None


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


def encode_avif(picture: Picture, quality: int | None = None) -> bytes:
    """Encode AVIF: with the bits that the picture had in its file, or 12 where it has more than 8.

    Colour is at full resolution in 8 bits, and at half of it (4:2:0) in 10 and 12, as OpenCV writes them.

    Parameters
    ----------
    picture : fitted to the format.
    quality : 1 to 100; None is AVIF_QUALITY.

    Raises
    ------
    OutputError
        Where Pillow or OpenCV was built without AVIF.
    """
    bits = coded_bits(picture, "avif")
    quality = AVIF_QUALITY if quality is None else quality
    encoded = _by_pillow(picture, quality) if bits == 8 else _by_opencv(picture, quality, bits)
    primaries, transfer = named_colours(picture)
    return with_metadata(
        encoded, exif=picture.exif, xmp=picture.xmp, icc=picture.icc, colours=(primaries, transfer)
    )


def _by_pillow(picture: Picture, quality: int) -> bytes:
    from PIL import Image

    if _plugin() is None:
        raise OutputError(f"AVIF needs a Pillow that was built with it; {install('heif')}")
    channels = channels_of(picture)
    image = Image.fromarray(channels[..., 0] if channels.shape[2] == 1 else channels)
    out = BytesIO()
    sampled = "4:0:0" if channels.shape[2] == 1 else "4:4:4"
    image.save(out, "AVIF", quality=quality, speed=_SPEED, subsampling=sampled)
    return out.getvalue()


def _by_opencv(picture: Picture, quality: int, bits: int) -> bytes:
    import numpy as np

    channels = at_bits(channels_of(replace(picture, gray=picture.gray and picture.alpha is None)), bits)
    if channels.shape[2] > 1:
        channels = np.ascontiguousarray(channels[..., [2, 1, 0, 3][: channels.shape[2]]])
    with opencv_quietly() as cv2:
        if not cv2.haveImageWriter("a.avif"):
            raise OutputError(f"AVIF of {bits} bits needs OpenCV 4.12 or later; {install('heif')}")
        options = {
            cv2.IMWRITE_AVIF_QUALITY: quality,
            cv2.IMWRITE_AVIF_DEPTH: bits,
            cv2.IMWRITE_AVIF_SPEED: _SPEED,
        }
        fine, data = cv2.imencode(".avif", channels, [each for pair in options.items() for each in pair])
    if not fine:
        raise ValueError("the encoder failed")
    return bytes(data)
