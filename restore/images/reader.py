"""Read pictures from files and bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import DamagedError, ImageError
from restore.images.exif import ORIENTATION, number_of, patched, usable, without_thumbnail
from restore.images.extras import lacking
from restore.images.files import read_picture_bytes
from restore.images.formats import sniffed
from restore.images.gif import decode_gif
from restore.images.heif import decode_heif
from restore.images.jxl import decode_jxl
from restore.images.memory import limited_to
from restore.images.orientation import upright_xmp
from restore.images.picture import Picture
from restore.images.pillow import decode_with_pillow
from restore.images.png_reader import decode_png
from restore.images.quiet import quietly
from restore.images.tiff import decode_tiff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read(path: str | Path, *, damaged: bool = False, max_memory: int | None = None) -> Picture:
    """Read the first picture of a PNG, JPEG, TIFF, WebP, GIF, BMP, HEIC, AVIF or JPEG XL file.

    The picture is upright: EXIF orientation is applied once. Palettes become RGB or RGB with alpha,
    1-bit pictures gray, CMYK RGB (with a note).

    Parameters
    ----------
    path : the file.
    damaged : whether a damaged file is read as far as it goes; see `decode`.
    max_memory : bytes of memory that reading may take; None for 80 % of what is available.

    Returns
    -------
    Picture

    Raises
    ------
    DamagedError
        Where the file is damaged or cut short, also where its decoder would fill in what is missing; not with
        ``damaged``, where something of it can be read.
    ImageError
        Where the file is missing, not such a picture, larger than ``MAX_PIXELS``, holds NaN or infinite
        values, or takes too much memory.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from restore.images import write
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "gray.tif")
    ...     write(path, Picture(np.full((4, 6, 3), 40000, np.uint16), gray=True))
    ...     picture = read(path)
    >>> picture.format, picture.size, picture.bits, picture.gray
    ('tiff', (4, 6), 16, True)
    """
    with nullcontext() if max_memory is None else limited_to(max_memory):
        return decode(read_picture_bytes(path), name=str(path), damaged=damaged)


def read_pages(path: str | Path) -> list[Picture]:
    """Read all pages of a TIFF file, such as a burst of one scene, or the one picture of any other file.

    Raises
    ------
    ImageError
        As `read`, and for a page after the first that tifffile cannot decode by itself.
    """
    data = read_picture_bytes(path)
    first = decode(data, name=str(path))
    if first.format != "tiff" or first.pages == 1:
        return [first]
    rest = [decode(data, name=f"{path}, page {page + 1}", page=page) for page in range(1, first.pages)]
    return [replace(picture, pages=1, notes=()) for picture in (first, *rest)]


def decode(data: bytes, *, name: str, page: int = 0, finite: bool = True, damaged: bool = False) -> Picture:
    """Decode a picture that is already in memory, as `read` does.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    page : the page of a TIFF, from 0; other files ignore it.
    finite : whether values that are not finite are refused; else that is left to the caller (`check_finite`).
    damaged : whether a damaged file is read as far as it goes. What is missing is gray in JPEG, black in
        other formats, and arbitrary in WebP; of HEIC, AVIF and JPEG XL nothing can be read.
        ``damage`` of the picture says what is wrong with the file.

    Returns
    -------
    Picture

    Raises
    ------
    ImageError
        As `read`.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images import encode
    >>> data = encode(Picture(np.full((4, 6, 3), 77, np.uint8)), "png")
    >>> decode(data, name="memory").pixels[0, 0].tolist()
    [77, 77, 77]
    >>> decode(data[:-12], name="memory", damaged=True).damage
    'the end is missing'
    """
    kind = sniffed(data, name)
    decoders: dict[str, Callable[..., Picture]] = {
        "tiff": partial(decode_tiff, number=page),
        "png": decode_png,
        "heic": decode_heif,
        "avif": decode_heif,
        "jxl": decode_jxl,
        "gif": decode_gif,
    }
    if problem := lacking(kind):
        raise ImageError(f"{name}: {problem}")
    decoder = decoders.get(kind, decode_with_pillow)
    picture = decoded_by(decoder, data, name, damaged=damaged)
    if finite:
        check_finite(picture, name)
    return _upright(picture)


def decoded_by(decoder: Callable[..., Picture], data: bytes, name: str, *, damaged: bool) -> Picture:
    """What a decoder makes of a file, as it lies there; of a damaged one what there is, if that is wanted.

    Parameters
    ----------
    decoder : takes the bytes of the file, its name, and ``damaged``.
    data : the bytes of the file.
    name : what messages call the file.
    damaged : as `decode` takes it.

    Raises
    ------
    DamagedError
        Where it is damaged, and not allowed to be.
    ImageError
        Where nothing can be read.
    """
    try:
        return decode_with(decoder, data, name)
    except DamagedError as error:
        if not damaged:
            raise
        reason = str(error.__cause__)
        try:
            picture = decode_with(decoder, data, name, damaged=True)
        except DamagedError:
            raise ImageError(
                f"{name}: expected a picture, got a damaged file of which nothing can be read ({reason}); "
                "get a fresh copy"
            ) from error
        return replace(picture, damage=reason)


def decode_with(decoder: Callable[..., Picture], data: bytes, name: str, **options: Any) -> Picture:
    """What a decoder makes of a file, as it lies there. Raises DamagedError for all that it may raise.

    Parameters
    ----------
    decoder : takes the bytes of the file, its name, and options.
    data : the bytes of the file.
    name : what messages call the file.
    options : for the decoder.
    """
    with telling_damage(name):
        return decoder(data, name, **options)


@contextmanager
def telling_damage(name: str) -> Iterator[None]:
    """Raise DamagedError for all that decoders may raise meanwhile. name: what messages call the file."""
    try:
        with quietly():
            yield
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: not enough memory to open it; downscale or crop it first") from error
    except Exception as error:  # decoders raise anything for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DamagedError(
            f"{name}: expected a whole picture, got a damaged or truncated file ({reason}); get a fresh copy"
        ) from ValueError(reason)


def check_finite(picture: Picture, name: str, *, unread: NDArray[np.bool_] | None = None) -> None:
    """Raise ImageError for a picture of floats that are not all finite.

    Parameters
    ----------
    picture : to be looked at.
    name : what the message calls it.
    unread : bool ``(h, w)``, True where pixels may be anything; None for nowhere.
    """
    import numpy as np

    if picture.pixels.dtype.name != "float32":
        return
    bad = ~np.isfinite(picture.pixels).all(axis=2)
    if picture.alpha is not None:
        bad |= ~np.isfinite(picture.alpha)
    if unread is not None:
        bad &= ~unread
    if bad.any():
        y, x = np.argwhere(bad)[0]
        raise ImageError(
            f"{name}: expected numbers, got NaN or infinity at {int(bad.sum())} of {bad.size} pixels, first "
            f"at x={x}, y={y}; replace them first"
        )


def _upright(picture: Picture) -> Picture:
    """Apply EXIF orientation once: its tag becomes 1, and the thumbnail is cut out of the EXIF."""
    notes = picture.notes
    if picture.pages > 1:
        notes += (f"the file holds {picture.pages} pictures; only the first is used",)
    try:
        turn = number_of(picture.exif, ORIENTATION) if picture.exif else 1
        exif = without_thumbnail(patched(picture.exif, {ORIENTATION: 1})) if picture.exif else b""
        if exif and not usable(exif):
            raise ValueError("it cannot be changed")
    except (KeyError, ValueError, struct.error):
        turn, exif = 1, b""
        notes += ("its EXIF data are damaged and were dropped",)
    if turn not in range(2, 9):
        return replace(picture, exif=exif, notes=notes)
    coding = picture.coding
    return replace(
        picture,
        turned=turn,
        coding=None if coding is None else replace(coding, turn=turn),
        pixels=turned(picture.pixels, turn),
        alpha=None if picture.alpha is None else turned(picture.alpha, turn),
        extra=None if picture.extra is None else turned(picture.extra, turn),
        dpi=picture.dpi[::-1] if picture.dpi and turn >= 5 else picture.dpi,
        exif=exif,
        xmp=upright_xmp(picture.xmp),
        notes=notes,
    )


def turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """An array turned upright.

    Parameters
    ----------
    array : ``(h, w, ...)``.
    orientation : EXIF orientation, 1 to 8 (CIPA DC-008, tag 0x0112).

    Returns
    -------
    array
        ``(h, w, ...)``, or ``(w, h, ...)`` for orientations 5 to 8.

    Examples
    --------
    >>> import numpy as np
    >>> turned(np.array([[1, 2, 3]]), 6).tolist()
    [[1], [2], [3]]
    """
    import numpy as np

    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)
