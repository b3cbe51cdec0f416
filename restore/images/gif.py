"""GIF: at most 256 colours a picture, so that photographs lose by it; animations are kept in kind."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.images.formats import check_size
from restore.images.page_count import pages_in
from restore.images.picture import Picture, assembled
from restore.images.pillow import channels_of_image, lacking_colours

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKED_AT = 2**20  # bytes in which further pictures are counted
END = b";"
MOST_COLOURS = 256
_HALF = 128  # alpha from which on a pixel is opaque


def is_gif(data: bytes) -> bool:
    """Whether a file begins like a GIF (GIF89a, section 17)."""
    return data[:6] in (b"GIF87a", b"GIF89a")


def decode_gif(data: bytes, name: str, *, damaged: bool = False) -> Picture:
    """Decode the first picture of a GIF; a transparent colour becomes alpha.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    damaged : whether what is missing may be anything.

    Raises
    ------
    ImageError
        For too large a picture. Damaged files raise whatever Pillow raises.
    """
    from PIL import GifImagePlugin

    image = GifImagePlugin.GifImageFile(BytesIO(data))
    check_size(image.width, image.height, name)
    try:
        image.load()
    except (OSError, EOFError):
        if not damaged:
            raise
        image.tile = []  # what is decoded so far is all there is
    channels, notes = channels_of_image(image, name)
    pages = pages_in(BytesIO(data[:LOOKED_AT]))
    return assembled(channels, format="gif", pages=pages, notes=(*notes, *lacking_colours(image)))


def encode_gif(picture: Picture) -> bytes:
    """Encode a picture of 8 bits as GIF: with its own colours where they are at most 256, else with as many.

    Colours are chosen by median cut, without dithering, which would put back the noise that was taken away.
    """
    return header(picture.size, 1) + frame(picture, (0, 0), 0) + END


def header(size: tuple[int, int], plays: int) -> bytes:
    """Give the start of a file. size: (h, w). plays: how often an animation is shown; 0 for without end."""
    h, w = size
    start = b"GIF89a" + struct.pack("<2H3B", w, h, 0x70, 0, 0)
    if plays == 1:
        return start
    repeats = struct.pack("<H", min(max(plays - 1, 0), 65535))
    return start + b"!\xff\x0bNETSCAPE2.0\x03\x01" + repeats + b"\0"


def frame(picture: Picture, place: tuple[int, int], hundredths: int, *, clears: bool = False) -> bytes:
    """Give a frame with a colour table of its own.

    Parameters
    ----------
    picture : what is drawn, of 8 bits.
    place : column and row of its corner.
    hundredths : of a second that it is shown.
    clears : whether what it has drawn is cleared before the next.
    """
    from PIL import Image

    indices, colours, clear = _with_colours(picture)
    h, w = indices.shape
    image = Image.frombytes("P", (w, h), indices.tobytes())
    image.putpalette(colours)
    out = BytesIO()
    image.save(out, "GIF", optimize=False, interlace=0)
    table, data = _table_and_data(out.getvalue())
    size = max(0, (len(table) // 3 - 1).bit_length() - 1)
    flags = (2 if clears else 1) << 2 | (clear is not None)
    told = struct.pack("<4BH2B", 0x21, 0xF9, 4, flags, min(hundredths, 65535), clear or 0, 0)
    return told + struct.pack("<B4HB", 0x2C, *place, w, h, 0x80 | size) + table + data


def _with_colours(picture: Picture) -> tuple[NDArray[Any], bytes, int | None]:
    """The number of each pixel's colour, the colours, and which of them is clear."""
    import numpy as np

    hidden = None if picture.alpha is None else picture.alpha < _HALF
    hidden = None if hidden is None or not hidden.any() else hidden
    most = MOST_COLOURS - (hidden is not None)
    pixels = picture.pixels.astype(np.uint32)
    codes = (pixels[..., 0] << 16) | (pixels[..., 1] << 8) | pixels[..., 2]
    seen = codes if hidden is None else codes[~hidden]
    found = np.unique(seen)
    if len(found) > most:
        indices, colours = _reduced(picture.pixels, most)
    else:
        found = found if len(found) else np.zeros(1, np.uint32)
        indices = np.searchsorted(found, codes).clip(0, len(found) - 1).astype(np.uint8)
        colours = np.stack([found >> 16, found >> 8 & 255, found & 255], axis=1).astype(np.uint8).tobytes()
    if hidden is None:
        return indices, colours, None
    clear = len(colours) // 3
    return np.where(hidden, np.uint8(clear), indices), colours + bytes(3), clear


def _reduced(pixels: NDArray[Any], most: int) -> tuple[NDArray[Any], bytes]:
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(pixels))
    reduced = image.quantize(most, method=Image.Quantize.MEDIANCUT, kmeans=1, dither=Image.Dither.NONE)
    colours = bytes(reduced.getpalette() or ())[: 3 * most]
    return np.asarray(reduced), colours


def _table_and_data(file: bytes) -> tuple[bytes, bytes]:
    """The colours and the compressed pixels of a file of one picture."""
    flags = file[10]
    at = 13 + (3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0)
    table = file[13:at]
    while file[at : at + 1] == b"!":  # extensions
        at += 2
        while size := file[at]:
            at += 1 + size
        at += 1
    local = file[at + 9]
    at += 10
    if local & 0x80:
        end = at + 3 * 2 ** ((local & 7) + 1)
        table, at = file[at:end], end
    return table, file[at:].removesuffix(END)
