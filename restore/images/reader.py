"""Read pictures from files, folders and bytes."""

from __future__ import annotations

import os
import re
import struct
import warnings
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError
from restore.images.exif import ORIENTATION, number_of, patched, without_thumbnail
from restore.images.formats import FORMAT_OF_SUFFIX, SUFFIXES, sniffed
from restore.images.picture import Picture
from restore.images.pillow import decode_with_pillow
from restore.images.tiff import decode_tiff

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def read(path: str | Path) -> Picture:
    """Read the first picture of a PNG, JPEG, TIFF, WebP or BMP file.

    The picture is upright: EXIF orientation is applied once. Palettes become RGB or RGB with alpha,
    1-bit pictures gray, CMYK RGB (with a note).

    Parameters
    ----------
    path : the file.

    Returns
    -------
    Picture

    Raises
    ------
    ImageError
        Where the file is missing, not such a picture, damaged, cut short, larger than ``MAX_PIXELS``, or
        holds NaN or infinite values.

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
    return decode(read_bytes(path), name=str(path))


def read_bytes(path: str | Path) -> bytes:
    """Read a picture file as it is, for `decode`.

    Raises
    ------
    ImageError
        Where the file is missing or cannot be read.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise ImageError(f"{path}: expected a picture file, got a folder; name a file in it")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file; check the name") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot read the file ({error.strerror}); check its permissions") from error


def read_pages(path: str | Path) -> list[Picture]:
    """Read all pages of a TIFF file, such as a burst of one scene, or the one picture of any other file.

    Raises
    ------
    ImageError
        As `read`, and for a page after the first that tifffile cannot decode by itself.
    """
    data = read_bytes(path)
    first = decode(data, name=str(path))
    if first.format != "tiff" or first.pages == 1:
        return [first]
    rest = [decode(data, name=f"{path}, page {page + 1}", page=page) for page in range(1, first.pages)]
    return [replace(picture, pages=1, notes=()) for picture in (first, *rest)]


def decode(data: bytes, *, name: str, page: int = 0, finite: bool = True) -> Picture:
    """Decode a picture that is already in memory, as `read` does.

    Parameters
    ----------
    data : the bytes of the file.
    name : what messages call the file.
    page : the page of a TIFF, from 0; other files ignore it.
    finite : whether values that are not finite are refused; else that is left to the caller (`check_finite`).

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
    """
    decoder = partial(decode_tiff, number=page) if sniffed(data, name) == "tiff" else decode_with_pillow
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata, which is either repaired below or does not matter here.
            warnings.simplefilter("ignore")
            picture = decoder(data, name)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: not enough memory to open it; downscale or crop it first") from error
    except Exception as error:  # decoders raise anything for damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{name}: expected a whole picture, got a damaged or truncated file ({reason}); get a fresh copy"
        ) from error
    if finite:
        check_finite(picture, name)
    return _upright(picture)


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
    except (KeyError, ValueError, struct.error):
        turn, exif = 1, b""
        notes += ("its EXIF data are damaged and were dropped",)
    if turn not in range(2, 9):
        return replace(picture, exif=exif, notes=notes)
    coding = picture.coding
    return replace(
        picture,
        coding=None if coding is None else replace(coding, turn=turn),
        pixels=turned(picture.pixels, turn),
        alpha=None if picture.alpha is None else turned(picture.alpha, turn),
        dpi=picture.dpi[::-1] if picture.dpi and turn >= 5 else picture.dpi,
        exif=exif,
        xmp=re.sub(rb'(tiff:Orientation(?:\s*=\s*["\']|>))[2-8]', rb"\g<1>1", picture.xmp),
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


def list_inputs(paths: Iterable[str | Path], *, recursive: bool = True) -> list[Path]:
    """List files as they are given, and the picture files in folders.

    Parameters
    ----------
    paths : files and folders.
    recursive : whether folders within folders are searched.

    Returns
    -------
    list of Path
        Each file once; within a folder in natural order (``a2`` before ``a10``), hidden files and folders
        left out.

    Raises
    ------
    ImageError
        For a path that does not exist, and for a folder that cannot be listed or has no picture in it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a10.png", "a2.jpg", "notes.txt"):
    ...         Path(folder, name).touch()
    ...     [path.name for path in list_inputs([folder])]
    ['a2.jpg', 'a10.png']
    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            inside = _pictures_in(path, recursive=recursive)
            if not inside:
                raise ImageError(f"{path}: expected a folder with pictures ({' '.join(SUFFIXES)}), got none")
            found |= dict.fromkeys(inside)
        elif path.exists():
            found[path] = None
        else:
            raise ImageError(f"{path}: no such file or folder; check the name")
    return list(found)


def _pictures_in(folder: Path, *, recursive: bool) -> list[Path]:
    """The picture files in a folder, in natural order."""

    def refuse(error: OSError) -> None:
        raise ImageError(
            f"{error.filename}: cannot list the folder ({error.strerror}); check its permissions"
        ) from error

    found = []
    for here, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        found += [
            Path(here, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in FORMAT_OF_SUFFIX
        ]
    return sorted(found, key=_natural_order)


def _natural_order(path: Path) -> list[list[str | int]]:
    """A key that sorts ``a2`` before ``a10``."""
    return [
        [int(part) if i % 2 else part.casefold() for i, part in enumerate(re.split(r"([0-9]+)", name))]
        for name in path.parts
    ]
