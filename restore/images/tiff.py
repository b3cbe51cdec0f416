"""Read TIFF through tifffile, Pillow or OpenCV."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError
from restore.images.exif import EXTRA_SAMPLES, exif_of_tiff
from restore.images.formats import check_size
from restore.images.picture import TOP, Picture, split
from restore.images.pillow import channels_of_image, sane_dpi
from restore.images.quiet import libtiff_quietly, opencv_quietly
from restore.images.tiff_parts import check_parts, lengthened_tiff, without_damaged_parts
from restore.images.tiff_plain import plain_tiff
from restore.images.tiff_tags import Directory, chain, check_segments, layout, page

if TYPE_CHECKING:
    import tifffile
    from numpy.typing import NDArray


MOST_CHANNELS = 16
"""Files of more channels than these are refused: they are no photographs."""

FEW_LINES = 0.02
"""Of the lines of a fax, as a bad connection leaves some garbled; a page of more is refused."""

_GARBLED = re.compile(r"\w*Decode\w*: ")
_LACKING = re.compile(r"not configured|not supported|not implemented")  # a codec that is not built in

SCANNERS = (b"vuescan", b"silverfast", b"nikon scan", b"nikonscan", b"epson scan", b"plustek", b"reflecta")
"""Programs and makers whose fourth channel is infrared, in lower case."""

FEW_PIXELS = 4096
"""Of fewer nothing can be told."""

_OPENCVS = (1, 5, 8, 32773, 32946)
"""Codecs that every OpenCV decodes: none, LZW, Deflate and PackBits."""

FEW_ENDS = 0.001
"""Of the values of a channel at either end of the range; alpha has more."""


def decode_tiff(data: bytes, name: str, number: int = 0, *, damaged: bool = False) -> Picture:
    """Decode TIFF, also BigTIFF.

    The pixels are decoded by tifffile, or by Pillow and OpenCV where tifffile lacks the codec.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    number : the page, from 0.
    damaged : whether strips and tiles that are missing or damaged are taken as black.

    Raises
    ------
    ImageError
        For too large a picture, more than ``MOST_CHANNELS`` channels, or samples and codecs that are not
        read. Damaged files raise whatever the decoders raise.
    """
    import tifffile

    own, pages = page(data, number)
    deepest = max(own.numbers(258), default=1)
    each = max(1, own.number(277, 1) * deepest // 8)
    check_size(own.number(256, 0), own.number(257, 0), name, each=each)
    if damaged:
        own, pages = page(lengthened_tiff(data, number), number)
    check_segments(own, whole=not damaged)
    file: Any = own.alone()
    with tifffile.TiffFile(file) as tif:
        plain: Any = tif.pages[0]
        if not damaged:
            check_parts(plain, own.data)
        if damaged and _is_tifffiles(plain):
            without_damaged_parts(plain, own.data)
        channels, meanings, notes = _tiff_channels(plain, own, name, damaged=damaged)
    exif, dropped = exif_of_tiff(own)
    if dropped:
        notes += (f"{dropped} of its tags would be longer than the file and were dropped",)
    unit = {2: 1.0, 3: 2.54}.get(own.number(296, 2), 0.0)
    found = split(
        channels,
        meanings,
        format="tiff",
        exif=exif,
        icc=b"" if own.number(262, 0) == 5 else own.body(34675),
        xmp=own.body(700, (1, 2, 7)),
        dpi=sane_dpi([unit * own.real(282), unit * own.real(283)]),
        pages=pages,
        notes=notes,
    )
    return found if pages > 1 or _ends(data) else replace(found, damage="what follows page 1 cannot be found")


def _ends(data: bytes) -> bool:
    """Whether the list of pages ends; of a file of several pages that is cut short it may not."""
    form, first = layout(data)
    return chain(data, form, first, 2)[1]


Channels = tuple["NDArray[Any]", tuple[int, ...], tuple[str, ...]]
"""channels ``(h, w, c)``, the meanings of those after the colours, and notes"""


def _tiff_channels(plain: tifffile.TiffPage, own: Directory, name: str, *, damaged: bool) -> Channels:
    """The channels of a page, alpha not premultiplied."""
    import numpy as np

    notes: tuple[str, ...] = ()
    depth = "" if plain.dtype is None else plain.dtype.name
    known = plain.photometric in (0, 1, 2) and depth in ("uint8", "uint16", "float16", "float32", "float64")
    if not known or plain.bitspersample not in (8, 16, 32, 64):
        if plain.bitspersample > 8:
            kind = f"{plain.bitspersample}-bit {depth} photometric {int(plain.photometric or 0)}"
            wanted = "8 or 16 bit integers or floats, gray or RGB"
            raise ImageError(f"{name}: expected {wanted}, got {kind}; convert it first")
        channels, notes = _tiff_by_pillow(own, name, damaged=damaged)
        return channels, (2,) if channels.shape[2] in (2, 4) else (), notes
    channels, notes = _decoded(plain, own, name, damaged=damaged)
    meanings = _meanings(plain, own, channels)
    if depth in ("float16", "float64"):
        notes += (f"{depth} is read as float32",)
        channels = channels.astype(np.float32)
    top = channels.dtype.type(TOP[channels.dtype.name])
    if plain.photometric == 0 and depth.startswith("uint"):  # white is zero
        channels = np.concatenate([top - channels[..., :1], channels[..., 1:]], axis=2)
    if 1 in meanings[: (*meanings, 2).index(2)]:
        channels = _unmultiplied(channels, meanings)
    return channels.astype(channels.dtype.newbyteorder("="), copy=False), meanings, notes


def _decoded(
    plain: tifffile.TiffPage, own: Directory, name: str, *, damaged: bool
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels ``(h, w, c)`` of a page of whole bytes, gray or RGB, as they are stored; and notes."""
    count, depth = plain.samplesperpixel, "" if plain.dtype is None else plain.dtype.name
    notes: tuple[str, ...] = ()
    if count > MOST_CHANNELS:
        raise ImageError(f"{name}: expected 1 to {MOST_CHANNELS} channels, got {count}; split it first")
    if _is_tifffiles(plain):
        channels: NDArray[Any] = plain.asarray().reshape(plain.shape)
        if plain.axes == "SYX":
            channels = channels.transpose(1, 2, 0)
    elif count > 4 or (count == 2 and depth != "uint8"):
        kind = f"{count} channels of {depth} with compression {int(plain.compression)}"
        raise ImageError(f"{name}: {kind} are not read; save it uncompressed or with Deflate first")
    elif depth == "uint8":
        channels, notes = _tiff_by_pillow(own, name, damaged=damaged)
    else:
        channels = _tiff_by_opencv(own, plain, name)
    channels = channels if channels.ndim == 3 else channels[..., None]
    if channels.shape[2] != count:
        raise ValueError(f"{count} channels expected, {channels.shape[2]} decoded")
    return channels, notes


def _meanings(plain: tifffile.TiffPage, own: Directory, channels: NDArray[Any]) -> tuple[int, ...]:
    """What is said of each channel after the colours: 1 and 2 are alpha, 0 or nothing is not.

    RGB and one channel of which nothing is said is RGBA, as OpenCV writes it, unless it is a scanner's.
    """
    colours = 3 if plain.photometric == 2 and plain.samplesperpixel > 2 else 1
    further = plain.samplesperpixel - colours
    said = own.numbers(EXTRA_SAMPLES)
    if not said and (colours, further) == (3, 1) and not _is_infrared(channels[..., 3], own):
        said = (2,)
    return (*said, *[0] * further)[:further]


def _is_infrared(channel: NDArray[Any], own: Directory) -> bool:
    """Whether a fourth channel of which nothing is said is a scanner's infrared, and not alpha.

    Programs for scanners name themselves. Else it shows in the numbers: most of what is drawn or cut out is
    wholly opaque or wholly clear, of what a sensor has measured hardly anything.
    """
    told = (own.body(305) + own.body(271)).lower()
    if any(name in told for name in SCANNERS):
        return True
    top = TOP.get(channel.dtype.name, 1.0)
    ends = float(((channel <= 0) | (channel >= top)).mean())
    return bool(channel.size >= FEW_PIXELS and ends < FEW_ENDS)


def _is_tifffiles(plain: tifffile.TiffPage) -> bool:
    """Whether tifffile decodes a page by itself: no compression, Deflate (both numbers) or PackBits."""
    return plain.compression in (1, 8, 32773, 32946) and plain.predictor in (1, 2)


def _unmultiplied(channels: NDArray[Any], meanings: tuple[int, ...]) -> NDArray[Any]:
    """Colours divided by alpha, so that premultiplied files are read as ordinary ones."""
    import numpy as np

    top = TOP[channels.dtype.name]
    colours = channels.shape[2] - len(meanings)
    at = colours + meanings.index(1)
    alpha = channels[..., at : at + 1]
    colour = channels[..., :colours].astype(np.float64) * top / np.where(alpha > 0, alpha, top)
    if channels.dtype.kind == "u":
        colour = np.clip(np.rint(colour), 0, top)
    return np.concatenate([colour.astype(channels.dtype), channels[..., colours:]], axis=2)


def _tiff_by_pillow(own: Directory, name: str, *, damaged: bool) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels of 8-bit TIFF of every compression and colour model that libtiff knows; and notes."""
    from PIL import ImageFile, TiffImagePlugin

    if own.layout.big:  # Pillow reads only some
        try:
            own, _ = page(plain_tiff(own), 0)
        except ValueError as error:
            told = f"expected a plain BigTIFF, got one with a codec or palette ({error}); convert it"
            raise ImageError(f"{name}: {told}") from error
    # Pillow drops or divides by a further channel; what it is comes later.
    further = {"t338": 2} if own.number(277, 1) in (2, 4) and own.number(262, 0) < 3 else {}
    codec = own.number(259, 1)
    unread = f"{name}: compression {codec} is not read; save it uncompressed or with Deflate first"
    if codec not in TiffImagePlugin.COMPRESSION_INFO:
        raise ImageError(unread)
    image = TiffImagePlugin.TiffImageFile(BytesIO(own.alone(**further).whole()))
    ImageFile.ImageFile.load_prepare(image)  # the TIFF class compares with Pillow's own size limit here
    with libtiff_quietly() as errors:
        try:
            image.load()
        except OSError as error:
            if any(_LACKING.search(each) for each in errors):
                raise ImageError(unread) from error
            if not damaged:
                raise
            image.tile = []  # what is decoded so far is all there is
    # Of some codes that are wrong, as of fax lines, it makes something, and goes on.
    garbled = [error for error in errors if _GARBLED.match(error)]
    few = own.number(259, 1) in (2, 3) and len(garbled) < FEW_LINES * image.height
    if garbled and not damaged and not few:
        raise ValueError(f"the pixel data are garbled; {garbled[0].split(':')[0]}")
    channels, notes = channels_of_image(image, name)
    if garbled and few:  # each line stands for itself
        notes += (f"{len(garbled)} of its {image.height} lines could not be read in full",)
    return channels, notes


def _tiff_by_opencv(own: Directory, plain: tifffile.TiffPage, name: str) -> NDArray[Any]:
    """The channels of 16-bit and float TIFF with LZW and the other codecs that tifffile lacks."""
    import numpy as np

    count = plain.samplesperpixel
    if count == 1 or plain.planarconfig == 1:
        return _by_opencv(own.alone().whole(), plain, count, name)
    # Of planes that are stored one after the other OpenCV decodes the first alone.
    planes = [_by_opencv(plain_tiff(own, plane), plain, 1, name) for plane in range(count)]
    return np.concatenate(planes, axis=2)


def _by_opencv(file: bytes, plain: tifffile.TiffPage, count: int, name: str) -> NDArray[Any]:
    """The ``count`` channels of a file that is like a page."""
    import numpy as np

    with opencv_quietly() as cv2:
        decoded: Any = cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_UNCHANGED)
    found = 0 if decoded is None else decoded.shape[2] if decoded.ndim == 3 else 1
    if found != count or decoded.dtype != plain.dtype:
        kind = f"{plain.bitspersample}-bit pixels with compression {_codec(plain)}"
        if int(plain.compression) not in _OPENCVS:
            raise ImageError(f"{name}: {kind} are not read; save it uncompressed or with Deflate first")
        raise ValueError(f"{kind} not decoded")
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
    channels: NDArray[Any] = (decoded if decoded.ndim == 3 else decoded[..., None])[..., order]
    return channels


def _codec(plain: tifffile.TiffPage) -> str:
    """A codec by its name and number."""
    name = getattr(plain.compression, "name", "")
    return f"{int(plain.compression)} ({name})" if name else f"{int(plain.compression)}"
