"""Images of a PDF as pictures, and those that stay as they are (ISO 32000-2, 8.9)."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.images.exif import ORIENTATION, patched, usable, without_thumbnail
from restore.images.formats import check_size
from restore.images.jpeg_file import read_jpeg
from restore.images.pdf_colours import OddSpaceError, Space, colours_of, space_of
from restore.images.picture import Picture, assembled
from restore.images.pillow import decode_with_pillow, lengthened
from restore.images.reader import decoded_by

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST = 32
"""Pixels of the shorter side of images that are restored: smaller ones are logos, lines and dots."""

BILEVEL = ("/CCITTFaxDecode", "/CCF", "/JBIG2Decode")
_PLAIN = (
    "/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL", "/ASCII85Decode", "/A85",
    "/ASCIIHexDecode", "/AHx",
)  # fmt: skip
_MORE, _PIECE = 2**20, 2**22  # bytes
JPEG, JPEG_2000 = ("/DCTDecode", "/DCT"), ("/JPXDecode",)


def filters_of(image: Any) -> list[str]:
    """The names of the filters of a stream, in the order in which they are undone."""
    import pikepdf

    found = image.get("/Filter")
    if found is None:
        return []
    return [str(each) for each in found] if isinstance(found, pikepdf.Array) else [str(found)]


def parameters_of(image: Any) -> list[Any]:
    """The parameters of each filter: a dictionary, or None."""
    import pikepdf

    found = image.get("/DecodeParms", image.get("/DP"))
    listed = list(found) if isinstance(found, pikepdf.Array) else [found]
    count = len(filters_of(image))
    return (listed + [None] * count)[:count]


def why_kept(image: Any) -> str:
    """Why an image stays as it is; empty for one that is to be restored, or is damaged.

    Parameters
    ----------
    image : an image XObject, as pikepdf gives it.
    """
    try:
        return _kept_for_what_it_is(image) or _kept_for_its_colours(image)
    except OddSpaceError as error:
        return f"in the colour space {error}"
    except Exception:  # pikepdf raises anything for entries of other types: reading it tells what is wrong
        return ""


def _kept_for_what_it_is(image: Any) -> str:
    import pikepdf

    if image.get("/ImageMask"):
        return "a mask"
    filters = filters_of(image)
    last = filters[-1] if filters else ""
    if last in BILEVEL or (image.get("/BitsPerComponent") == 1 and last not in JPEG + JPEG_2000):
        return "black and white, 1 bit a pixel"
    w, h = int(image.Width), int(image.Height)
    if min(w, h) < SMALLEST:
        return f"under {SMALLEST} pixels on its shorter side"
    if "/F" in image:
        return "kept in another file"
    if unknown := [each for each in filters[:-1] if each not in _PLAIN]:
        return f"stored by {unknown[0].removeprefix('/')}"
    if last and last not in (*_PLAIN, *JPEG, *JPEG_2000):
        return f"stored by {last.removeprefix('/')}"
    if isinstance(image.get("/Mask"), pikepdf.Array):
        return "one of its colours is transparent"
    soft = image.get("/SMask")
    if soft is not None and "/Matte" in soft:
        return "its colours are mixed with those of its soft mask"
    if last in JPEG_2000 and image.get("/SMaskInData"):
        return "a JPEG 2000 with its own mask"
    return ""


def _kept_for_its_colours(image: Any) -> str:
    last = (filters_of(image) or [""])[-1]
    if last in JPEG and (own := parameters_of(image)[-1]) is not None and own.get("/ColorTransform") == 0:
        return "a JPEG of colours that are not YCbCr"
    if last in JPEG_2000 and image.get("/ColorSpace") is None:
        return ""
    space = space_of(image.ColorSpace)
    if space.converted and image.get("/BitsPerComponent") == 16:
        return f"{space.kind.upper()} of 16 bits"
    return ""


def read_image(image: Any, name: str, *, damaged: bool = False, profile: bytes = b"") -> Picture:
    """Read an image of a PDF as a picture, as it is stored: what its page does to it is not applied.

    Parameters
    ----------
    image : an image XObject, as pikepdf gives it, that is not kept.
    name : what messages call it.
    damaged : whether what is damaged is read as far as it goes.
    profile : the ICC profile of CMYK that says nothing of its own.

    Returns
    -------
    Picture
        Its ``format`` is jpeg where it was one, else png.

    Raises
    ------
    DamagedError
        Where it is damaged.
    ImageError
        Where it is too large.
    """
    return decoded_by(partial(_decoded, image, profile), b"", name, damaged=damaged)


def _decoded(image: Any, profile: bytes, _: bytes, name: str, *, damaged: bool = False) -> Picture:
    filters = filters_of(image)
    last = filters[-1] if filters else ""
    space = None if last in JPEG_2000 and image.get("/ColorSpace") is None else space_of(image.ColorSpace)
    if space is not None and space.kind == "cmyk" and not space.icc:
        space = replace(space, icc=profile)
    decode = [float(each) for each in image.get("/Decode", ())]
    if last in JPEG:
        data = _without_last(image)
        if not data.startswith(b"\xff\xd8"):
            raise ValueError("it is no JPEG")
        if space is not None and space.palette is None and not decode and not space.converted:
            picture = decode_with_pillow(data, name, damaged=damaged)
            if picture.gray != (space.kind == "gray") or picture.alpha is not None:
                raise ValueError("its JPEG has other colours than the PDF says")
            return replace(picture, icc=space.icc, dpi=None, pages=1, exif=_unturned(picture.exif))
        return _assembled(_jpeg_samples(data, name, damaged=damaged), 8, space, decode, format="jpeg")
    if last in JPEG_2000:
        codes = _jpeg_2000_samples(_without_last(image), name)
        return _assembled(codes, 8 * codes.itemsize, space, decode)
    w, h, bits = int(image.Width), int(image.Height), int(image.BitsPerComponent)
    assert space is not None
    check_size(w, h, name, each=max(1, space.channels * bits // 8))
    size = (w * space.channels * bits + 7) // 8 * h
    stored = _unfiltered(image, size, damaged=damaged)
    if len(stored) < size and not damaged:
        raise ValueError(f"expected {size} bytes of pixels, got {len(stored)}")
    return _assembled(unpacked(stored, (h, w, space.channels), bits), bits, space, decode)


def _assembled(
    codes: NDArray[Any], bits: int, space: Space | None, decode: list[float], *, format: str = "png"
) -> Picture:
    if space is None:
        space = Space("gray" if codes.shape[2] == 1 else "rgb")
    if codes.shape[2] != space.channels:
        raise ValueError(f"expected {space.channels} channels as the PDF says, got {codes.shape[2]}")
    if decode and len(decode) != 2 * codes.shape[2]:
        raise ValueError(f"expected 2 numbers a channel to decode it, got {len(decode)}")
    channels, notes = colours_of(codes, bits, space, decode)
    icc = b"" if space.converted else space.icc
    return assembled(channels, format=format, icc=icc, notes=notes)


def _unfiltered(image: Any, size: int, *, damaged: bool) -> bytes:
    """The samples as they are stored, of which there should be so many bytes."""
    import pikepdf

    try:
        if filters_of(image) not in (["/FlateDecode"], ["/Fl"]):
            return _through(image.read_raw_bytes(), filters_of(image), parameters_of(image))
        data = _inflated(image.read_raw_bytes(), 2 * size + _MORE, damaged=damaged)
        own = parameters_of(image)[0]
        if own is None or int(own.get("/Predictor", 1)) == 1:
            return data
        if not damaged:
            return bytes(image.read_bytes())
        return _through(zlib.compress(data, 1), ["/FlateDecode"], [own])
    except (pikepdf.PdfError, RuntimeError) as error:
        raise ValueError(f"its pixels cannot be unpacked: {_last_of(error)}") from error


def _last_of(error: Exception) -> str:
    """What a message says in the end, behind the place in a file that nobody knows."""
    return " ".join(str(error).split()).rsplit(": ", 1)[-1]


def _inflated(data: bytes, most: int, *, damaged: bool) -> bytes:
    """Undo Flate. most: bytes; more of them are no image's. damaged: whether the start is enough."""
    unpacker = zlib.decompressobj()
    pieces, left, at = [], most, 0
    step = _PIECE if not damaged else 2**8  # what comes before the damage in a piece is lost
    try:
        while at < len(data) and not unpacker.eof:
            given = data[at : at + step]
            pieces.append(unpacker.decompress(given, min(left, _PIECE)))
            at, left = at + len(given) - len(unpacker.unconsumed_tail), left - len(pieces[-1])
            if left <= 0:
                raise ValueError("there are far more bytes than pixels")
    except zlib.error as error:
        if not damaged:
            raise ValueError(f"its pixels cannot be unpacked: {_last_of(error)}") from error
    return b"".join(pieces)


def unpacked(stored: bytes, shape: tuple[int, int, int], bits: int) -> NDArray[Any]:
    """Samples out of rows that each begin with a whole byte; what is missing is 0.

    Parameters
    ----------
    stored : the rows.
    shape : (h, w, c).
    bits : of each sample; 1, 2, 4, 8 or 16.

    Examples
    --------
    >>> unpacked(bytes([0x1B, 0x40]), (2, 3, 1), 2)[..., 0].tolist()
    [[0, 1, 2], [1, 0, 0]]
    """
    import numpy as np

    h, w, count = shape
    row = (w * count * bits + 7) // 8
    if bits not in (1, 2, 4, 8, 16):
        raise ValueError(f"expected samples of 1, 2, 4, 8 or 16 bits, got {bits}")
    data = np.frombuffer(stored[: row * h].ljust(row * h, b"\0"), np.uint8).reshape(h, row)
    if bits == 16:
        return data.view(">u2").astype(np.uint16).reshape(shape)
    if bits < 8:
        shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
        data = ((data[..., None] >> shifts) & np.uint8(2**bits - 1)).reshape(h, -1)[:, : w * count]
    return data.reshape(shape)


def _without_last(image: Any) -> bytes:
    """The data of a stream with all filters undone but the last."""
    filters, own = filters_of(image), parameters_of(image)
    data: bytes = image.read_raw_bytes()
    return data if len(filters) == 1 else _through(data, filters[:-1], own[:-1])


def _through(data: bytes, filters: list[str], parameters: list[Any]) -> bytes:
    """Undo filters. Raises what pikepdf raises."""
    import pikepdf

    plain = [  # numbers alone belong to these filters; qpdf wants nothing where there are none
        pikepdf.Dictionary({key: int(value) for key, value in each.items()}) if each else None
        for each in parameters
    ]
    with pikepdf.new() as scratch:
        names = pikepdf.Array([pikepdf.Name(each) for each in filters])
        stream = scratch.make_stream(data, Filter=names, DecodeParms=pikepdf.Array(plain))
        return bytes(stream.read_bytes())


def _jpeg_samples(data: bytes, name: str, *, damaged: bool) -> NDArray[Any]:
    """The samples ``(h, w, c)`` of a JPEG, those of CMYK as the file has them."""
    import numpy as np
    from PIL.JpegImagePlugin import JpegImageFile

    image: Any = JpegImageFile(BytesIO(lengthened(data, "jpeg") if damaged else data))
    check_size(image.width, image.height, name, each=len(image.getbands()))
    if damaged:
        image.load()
    else:
        image = read_jpeg(data)[0]
    samples = np.asarray(image)
    if image.mode == "CMYK":
        return 255 - samples  # Pillow takes all of them for inverted
    return samples if samples.ndim == 3 else samples[..., None]


def _jpeg_2000_samples(data: bytes, name: str) -> NDArray[Any]:
    import numpy as np
    from PIL.Jpeg2KImagePlugin import Jpeg2KImageFile

    image: Any = Jpeg2KImageFile(BytesIO(data))
    check_size(image.width, image.height, name, each=2 * len(image.getbands()))
    image.load()
    if image.mode not in ("L", "I;16", "RGB", "CMYK"):
        raise ValueError(f"expected a JPEG 2000 of gray, RGB or CMYK, got mode {image.mode}")
    samples = np.asarray(image)
    return samples if samples.ndim == 3 else samples[..., None]


def _unturned(exif: bytes) -> bytes:
    """The EXIF of a JPEG in a PDF, whose orientation no page follows; empty where it is damaged."""
    try:
        kept = without_thumbnail(patched(exif, {ORIENTATION: 1})) if exif else b""
    except (KeyError, ValueError, struct.error):
        return b""
    return kept if usable(kept) else b""
