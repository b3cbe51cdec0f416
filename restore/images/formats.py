"""What each file format can hold, and how a picture is fitted to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError, OutputError
from restore.images.exif import patched, tree, usable
from restore.images.memory import check_need
from restore.images.picture import TOP, Picture, at_depth

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_EXIF = 65000  # bytes, in a JPEG file
MOST_PROFILE = 64 * 2**20
"""Bytes of a compressed ICC profile or XMP in a PNG file; longer ones are dropped, with a note."""

MAX_PIXELS = 500_000_000
"""Pictures with more pixels than this are refused before they are decoded."""

DECODING = 7
"""Bytes of memory for each byte of pixels while a file is read and written, itself included; measured as the
growth of the resident set: 4 to 8 for reading and for writing all formats but WebP, which takes 12."""

JPEG_QUALITY = 95
LOSSLESS = 100
"""The quality of WebP files that keep every number, which they do unless told otherwise."""


@dataclass(frozen=True)
class Format:
    """What a file format can hold.

    Parameters
    ----------
    name : as people write it.
    depths : names of the dtypes that it holds, the best last.
    alpha, gray : whether it has alpha, and pictures of one colour channel.
    extra : whether it has room for further channels.
    metadata : fields of `Picture` that it keeps.
    side : the longest side, in pixels.
    lossy : whether it has a quality, below which numbers are not kept.
    """

    name: str
    depths: tuple[str, ...]
    alpha: bool
    gray: bool
    metadata: tuple[str, ...]
    side: int
    extra: bool = False
    lossy: bool = False


FORMATS = {
    "png": Format("PNG", ("uint8", "uint16"), True, True, ("exif", "icc", "xmp", "dpi"), 2**31 - 1),
    "jpeg": Format("JPEG", ("uint8",), False, True, ("exif", "icc", "xmp", "dpi"), 65500, lossy=True),
    "tiff": Format(
        "TIFF", ("uint8", "uint16", "float32"), True, True, ("exif", "icc", "xmp", "dpi"), 2**32 - 1, True
    ),
    "webp": Format("WebP", ("uint8",), True, False, ("exif", "icc", "xmp"), 16383, lossy=True),
    "bmp": Format("BMP", ("uint8",), True, True, ("dpi",), 2**31 - 1),
    "gif": Format("GIF", ("uint8",), True, False, (), 65535),
}
FORMAT_OF_SUFFIX = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp",
    ".bmp": "bmp", ".apng": "png", ".jpe": "jpeg", ".jfif": "jpeg", ".jif": "jpeg", ".mpo": "jpeg",
    ".dib": "bmp", ".gif": "gif",
}  # fmt: skip

SUFFIXES = tuple(FORMAT_OF_SUFFIX)
"""File name endings that can be read and written, in lower case."""

PDF_SUFFIX = ".pdf"
"""The ending of files of pages that are no pictures by themselves."""

USUAL_SUFFIXES = SUFFIXES[:7]
"""Those that messages name."""


def sniffed(data: bytes, name: str) -> str:
    """The format of a file by its first bytes, whatever its name says.

    Raises
    ------
    ImageError
        For an empty file, and one of no known format.
    """
    if not data:
        raise ImageError(f"{name}: expected a picture, got an empty file (0 bytes); get a fresh copy")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    starts = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "bmp": b"BM", "gif": b"GIF8"}
    starts |= {"tiff": b"II*\0", "TIFF": b"MM\0*", "Tiff": b"II+\0", "tIFF": b"MM\0+"}
    for kind, start in starts.items():
        if data.startswith(start):
            return kind.lower()
    raise ImageError(
        f"{name}: expected a PNG, JPEG, TIFF, WebP or BMP picture, got a file that starts with "
        f"{data[:8]!r}; convert it first"
    )


def check_size(w: int, h: int, name: str, *, each: int = 3) -> None:
    """Refuse a picture without pixels, with more than ``MAX_PIXELS``, or that takes too much memory.

    Parameters
    ----------
    w, h : in pixels.
    name : what messages call the picture.
    each : bytes of a pixel.

    Raises
    ------
    ImageError
    """
    if w < 1 or h < 1:
        raise ImageError(f"{name}: expected a picture, got one of {w}x{h} pixels (w x h); get a fresh copy")
    if w * h > MAX_PIXELS:
        raise ImageError(
            f"{name}: {w}x{h} (w x h) is {w * h / 1e6:.0f} megapixels, more than the {MAX_PIXELS / 1e6:.0f} "
            "that are opened; crop or downscale it first"
        )
    check_need(
        DECODING * each * w * h, f"{name}: {w}x{h} (w x h)", "crop or downscale it, or allow more memory"
    )


def check_side(kind: str, size: tuple[int, int], name: str) -> None:
    """Refuse a size that a format cannot hold.

    Parameters
    ----------
    kind : png, jpeg, tiff, webp, bmp or gif.
    size : (h, w) in pixels.
    name : what the message calls the file.

    Raises
    ------
    OutputError
    """
    h, w = size
    if max(h, w) > FORMATS[kind].side:
        limit = f"{FORMATS[kind].name} ends at {FORMATS[kind].side} pixels a side"
        raise OutputError(f"{name}: {limit}, got {w}x{h} (w x h); write .png or .tif")


def lossy_notes(path: str | Path, picture: Picture) -> list[str]:
    """Say what ``write(path, picture)`` cannot keep.

    Returns
    -------
    list of str
        A line for each thing that is lost; empty where all is kept.

    Raises
    ------
    OutputError
        Where the suffix of ``path`` names no format.

    Examples
    --------
    >>> import numpy as np
    >>> lossy_notes("a.jpg", Picture(np.zeros((4, 6, 3), np.uint16)))
    ['JPEG: 16 bits a channel become 8']
    """
    return fitted(picture, kind_of(Path(path)))[1]


def kind_of(path: Path) -> str:
    """The format that a suffix names: png, jpeg, tiff, webp, bmp or gif.

    Raises
    ------
    OutputError
        For another suffix, or none.

    Examples
    --------
    >>> kind_of(Path("photo.JPG"))
    'jpeg'
    """
    kind = FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if path.suffix.lower() == PDF_SUFFIX:
        raise OutputError(f"{path}: a PDF is made from a PDF alone, got a picture; rename it")
    if kind is None:
        got = repr(path.suffix) if path.suffix else "none"
        raise OutputError(
            f"{path}: expected a suffix out of {' '.join(USUAL_SUFFIXES)}, got {got}; rename it"
        )
    return kind


def few_colours(picture: Picture, kind: str) -> bool:
    """Whether a format may not hold all colours of a picture: GIF has 256 of them."""
    return kind == "gif" and not picture.gray


def fitted(picture: Picture, kind: str) -> tuple[Picture, list[str]]:
    """Fit a picture to a format.

    Parameters
    ----------
    picture : what is to be written.
    kind : png, jpeg, tiff, webp, bmp or gif.

    Returns
    -------
    Picture
        As the format can hold it.
    list of str
        A line for each thing that is lost.
    """
    form, depth = FORMATS[kind], picture.pixels.dtype.name
    changes: dict[str, Any] = {
        "format": kind,
        "pixels": _one_gray(picture),
        "gray": picture.gray and form.gray,
    }
    notes = ["colours become at most 256; .webp and .png keep all"] if few_colours(picture, kind) else []
    if depth not in form.depths:
        changes["pixels"] = at_depth(changes["pixels"], form.depths[-1])
        clipped = ", clipped to [0, 1]" if depth == "float32" else ""
        notes.append(f"{picture.bits} bits a channel become {changes['pixels'].itemsize * 8}{clipped}")
    if picture.alpha is not None:
        changes["alpha"] = at_depth(picture.alpha, changes["pixels"].dtype.name) if form.alpha else None
        if not form.alpha and bool((picture.alpha != TOP[depth]).any()):
            notes.append("alpha is dropped")
    if picture.extra is not None:
        changes["extra"] = at_depth(picture.extra, changes["pixels"].dtype.name) if form.extra else None
        notes += [] if form.extra else [_dropped(picture.extra.shape[2])]
    # In JPEG each must fit into one segment, the profile into 255; more of a profile in PNG is not read back.
    limits = {
        "jpeg": {"exif": MOST_EXIF, "xmp": 65000, "icc": 255 * 65519},
        "png": {"icc": MOST_PROFILE},
    }.get(kind, {})
    for field, title in (("exif", "EXIF"), ("icc", "ICC profile"), ("xmp", "XMP"), ("dpi", "dpi")):
        value = getattr(picture, field)
        if value and field not in form.metadata:
            notes.append(f"{title} is dropped")
        elif value and field in limits and len(value) > limits[field]:
            notes.append(f"{title} is dropped: {len(value)} bytes, the most is {limits[field]}")
        else:
            continue
        changes[field] = None if field == "dpi" else b""
    result = replace(picture, **changes)
    space = b"GRAY" if result.gray else b"RGB "
    if result.icc and result.icc[16:20] != space:
        notes.append(f"ICC profile is dropped: made for {result.icc[16:20]!r}, the picture is {space!r}")
        result = replace(result, icc=b"")
    exif = _with_size(result)
    notes += ["EXIF is dropped: it is damaged"] if result.exif and not exif else []
    if kind == "tiff" and (count := tree(exif)[1]):
        notes.append(f"{count} EXIF tags are dropped: together they would be longer than all of it")
    return replace(result, exif=exif), [f"{form.name}: {note}" for note in notes]


def _one_gray(picture: Picture) -> NDArray[Any]:
    """The pixels; of a gray picture the mean of r, g and b in all three, exact for equal ones."""
    import numpy as np

    pixels = picture.pixels
    if not picture.gray:
        return pixels
    if pixels.dtype.kind == "f":
        mean = pixels.mean(axis=2, dtype=np.float64).astype(pixels.dtype)
    else:
        mean = ((pixels.sum(axis=2, dtype=np.uint32) + 1) // 3).astype(pixels.dtype)
    return np.repeat(mean[..., None], 3, axis=2)


def _with_size(picture: Picture) -> bytes:
    """The EXIF with the size that it states set to that of the picture; nothing where it is damaged."""
    h, w = picture.size
    if not picture.exif or not usable(picture.exif):
        return b""
    return patched(picture.exif, {0x100: w, 0x101: h, 0xA002: w, 0xA003: h})


def _dropped(count: int) -> str:
    """What is said of extra channels that a format has no room for."""
    what = "the extra channel is dropped, which is" if count == 1 else f"{count} extra channels are dropped,"
    return f"{what} neither colour nor alpha; TIFF has room for it"
