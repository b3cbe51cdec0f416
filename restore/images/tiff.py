"""TIFF: reading through tifffile, Pillow or OpenCV, and a writer that keeps every EXIF tag."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from restore.errors import ImageError
from restore.images.exif import EXTRA_SAMPLES, ORIENTATION, PIXEL_TAGS, directory, exif_of_tiff, patched, tree
from restore.images.formats import check_size
from restore.images.picture import TOP, Picture, assembled, channels_of
from restore.images.pillow import as_bytes, channels_of_image, sane_dpi
from restore.images.quiet import libtiff_quietly, opencv_quietly
from restore.images.tiff_parts import check_parts, lengthened_tiff, without_damaged_parts

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray


def decode_tiff(data: bytes, name: str, number: int = 0, *, damaged: bool = False) -> Picture:
    """Decode TIFF, also BigTIFF.

    The pixels are decoded by tifffile, or by Pillow and OpenCV where tifffile lacks the codec.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    number : the page, from 0; after the first, only those that tifffile decodes by itself.
    damaged : whether strips and tiles that are missing or damaged are taken as black.

    Raises
    ------
    ImageError
        For too large a picture, more than 4 channels, or samples and codecs that are not read. Damaged files
        raise whatever the decoders raise.
    """
    import tifffile

    if damaged:
        data = lengthened_tiff(data, number)
    with tifffile.TiffFile(BytesIO(data)) as tif:
        page: Any = tif.pages[number]
        check_size(page.imagewidth, page.imagelength, name)
        if not damaged:
            check_parts(page, data)
        tags = page.tags
        x, y = (tags.valueof(code, (0, 1)) for code in (282, 283))
        unit = {2: 1.0, 3: 2.54}.get(int(tags.valueof(296, 2)), 0.0)
        dpi = sane_dpi([unit * n / d if d else 0.0 for n, d in (x, y)])
        if number and not (_is_tifffiles(page) and page.photometric in (0, 1, 2)):
            raise ImageError(
                f"{name}: beyond the first page only plain gray and RGB are read, uncompressed, PackBits or "
                f"deflate; got compression {int(page.compression)}, photometric {int(page.photometric or 0)}"
            )
        if damaged and _is_tifffiles(page):
            without_damaged_parts(page, data)
        channels, notes = _tiff_channels(page, data, name, damaged=damaged)
        icc = bytes(tags.valueof(34675, b""))
        return assembled(
            channels,
            format="tiff",
            exif=exif_of_tiff(data, int(tags.valueof(ORIENTATION, 1))),
            icc=b"" if page.photometric == 5 else icc,
            xmp=as_bytes(tags.valueof(700, b"")),
            dpi=dpi,
            pages=len(tif.pages),
            notes=notes,
        )


def _tiff_channels(
    page: tifffile.TiffPage, data: bytes, name: str, *, damaged: bool
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels ``(h, w, c)`` of a page, alpha not premultiplied; and notes."""
    import numpy as np

    notes: tuple[str, ...] = ()
    depth = "" if page.dtype is None else page.dtype.name
    plain = page.photometric in (0, 1, 2) and depth in ("uint8", "uint16", "float16", "float32", "float64")
    if not plain or page.bitspersample not in (8, 16, 32, 64):
        if page.bitspersample > 8:
            kind = f"{page.bitspersample}-bit {depth} photometric {int(page.photometric or 0)}"
            wanted = "8 or 16 bit integers or floats, gray or RGB"
            raise ImageError(f"{name}: expected {wanted}, got {kind}; convert it first")
        return _tiff_by_pillow(data, name, damaged=damaged)
    if _is_tifffiles(page):
        channels = page.asarray().reshape(page.shape)
        if page.axes == "SYX":
            channels = channels.transpose(1, 2, 0)
    elif depth == "uint8":
        channels, notes = _tiff_by_pillow(data, name, damaged=damaged)
    else:
        channels = _tiff_by_opencv(data, page)
    channels = channels if channels.ndim == 3 else channels[..., None]
    if channels.shape[2] > 4:
        raise ImageError(f"{name}: expected 1 to 4 channels, got {channels.shape[2]}; split it first")
    if depth in ("float16", "float64"):
        notes += (f"{depth} is read as float32",)
        channels = channels.astype(np.float32)
    top = channels.dtype.type(TOP[channels.dtype.name])
    if page.photometric == 0 and depth.startswith("uint"):  # white is zero
        channels = np.concatenate([top - channels[..., :1], channels[..., 1:]], axis=2)
    if channels.shape[2] in (2, 4) and tuple(page.extrasamples) == (1,):
        channels = _unmultiplied(channels)
    return channels.astype(channels.dtype.newbyteorder("="), copy=False), notes


def _is_tifffiles(page: tifffile.TiffPage) -> bool:
    """Whether tifffile decodes a page by itself: no compression, Deflate (both numbers) or PackBits."""
    return page.compression in (1, 8, 32773, 32946) and page.predictor in (1, 2)


def _unmultiplied(channels: NDArray[Any]) -> NDArray[Any]:
    """Colours divided by alpha, so that premultiplied files are read as ordinary ones."""
    import numpy as np

    top = TOP[channels.dtype.name]
    alpha = channels[..., -1:]
    colour = channels[..., :-1].astype(np.float64) * top / np.where(alpha > 0, alpha, top)
    if channels.dtype.kind == "u":
        colour = np.clip(np.rint(colour), 0, top)
    return np.concatenate([colour.astype(channels.dtype), alpha], axis=2)


def _tiff_by_pillow(data: bytes, name: str, *, damaged: bool) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels of 8-bit TIFF of every compression and colour model that libtiff knows; and notes."""
    from PIL import ImageFile, TiffImagePlugin

    if data[2:4] in (b"+\0", b"\0+"):
        raise ImageError(f"{name}: expected a plain BigTIFF, got one with a codec or palette; convert it")
    # Pillow applies the orientation, and drops or divides by an extra channel; here both come later.
    image = TiffImagePlugin.TiffImageFile(BytesIO(patched(data, {ORIENTATION: 1, EXTRA_SAMPLES: 2})))
    ImageFile.ImageFile.load_prepare(image)  # the TIFF class compares with Pillow's own size limit here
    with libtiff_quietly() as errors:
        try:
            image.load()
        except OSError:
            if not damaged:
                raise
            image.tile = []  # what is decoded so far is all there is
    # Of some codes that are wrong, as of fax lines, it makes something, and goes on.
    garbled = [error for error in errors if "Decode: " in error]
    if garbled and not damaged:
        raise ValueError(f"the pixel data are garbled; {garbled[0].split(':')[0]}")
    return channels_of_image(image, name)


def _tiff_by_opencv(data: bytes, page: tifffile.TiffPage) -> NDArray[Any]:
    """The channels of 16-bit and float TIFF with LZW and the other codecs that tifffile lacks."""
    import numpy as np

    flat = np.frombuffer(patched(data, {ORIENTATION: 1}), np.uint8)
    with opencv_quietly() as cv2:
        decoded: Any = cv2.imdecode(flat, cv2.IMREAD_UNCHANGED)
    count = 0 if decoded is None else decoded.shape[2] if decoded.ndim == 3 else 1
    if decoded is None or count != page.samplesperpixel or decoded.dtype != page.dtype:
        raise ValueError(f"{page.bitspersample}-bit pixels with compression {page.compression} not decoded")
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
    channels: NDArray[Any] = (decoded if decoded.ndim == 3 else decoded[..., None])[..., order]
    return channels


def encode_tiff(picture: Picture) -> bytes:
    """Encode TIFF 6.0 with Deflate strips.

    It is written here so that all EXIF tags keep their type and bytes.
    """
    order: Literal["<", ">"] = ">" if picture.exif[:2] == b"MM" else "<"
    channels = channels_of(picture)
    h, w, count = channels.shape
    rows = min(h, max(1, 2**18 // (w * count * channels.itemsize)))
    out = bytearray(8)
    offsets, sizes = [], []
    for y in range(0, h, rows):
        strip = _strip(channels[y : y + rows], order)
        offsets.append(len(out))
        sizes.append(len(strip))
        out += strip + b"\0" * (len(strip) % 2)
    integer = channels.dtype.kind == "u"
    tags = {} if not picture.exif else tree(picture.exif)
    tags = {tag: field for tag, field in tags.items() if tag not in PIXEL_TAGS}

    def put(tag: int, kind: str, *values: int) -> None:
        body = struct.pack(f"{order}{len(values)}{kind}", *values)
        tags[tag] = ({"B": 7, "H": 3, "I": 4}[kind], len(values), body)

    put(256, "I", w)
    put(257, "I", h)
    put(258, "H", *[picture.bits] * count)
    put(259, "H", 8)
    put(262, "H", 1 if picture.gray else 2)
    put(273, "I", *offsets)
    put(277, "H", count)
    put(278, "I", rows)
    put(279, "I", *sizes)
    put(284, "H", 1)
    put(317, "H", 2 if integer else 1)
    put(339, "H", *[1 if integer else 3] * count)
    if picture.alpha is not None:
        put(EXTRA_SAMPLES, "H", 2)
    if picture.dpi:
        for tag, value in zip((282, 283), picture.dpi, strict=True):
            tags[tag] = (5, 1, struct.pack(order + "2I", round(value * 10000), 10000))
        put(296, "H", 2)
    for tag, data in ((34675, picture.icc), (700, picture.xmp)):
        if data:
            tags[tag] = (7 if tag == 34675 else 1, len(data), data)
    mark = b"II" if order == "<" else b"MM"
    out[:8] = mark + struct.pack(order + "HI", 42, len(out))
    return bytes(out) + directory(tags, order, len(out))


def _strip(block: NDArray[Any], order: Literal["<", ">"]) -> bytes:
    """Deflated rows; integers as differences along the row (TIFF 6.0, section 14: predictor 2)."""
    import numpy as np

    if block.dtype.kind == "u":
        block = np.diff(block, axis=1, prepend=np.zeros_like(block[:, :1]))
    return zlib.compress(block.astype(block.dtype.newbyteorder(order)).tobytes())
