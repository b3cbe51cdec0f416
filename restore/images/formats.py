"""What each file format can hold, and how a picture is fitted to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.errors import ImageError, OutputError
from restore.images.exif import tree
from restore.images.fits import dropped, not_below, one_gray, own_bits, with_size
from restore.images.jxl_head import SIGNATURES
from restore.images.memory import check_need
from restore.images.picture import TOP, Picture, at_depth
from restore.images.png import with_colours

if TYPE_CHECKING:
    pass

MOST_EXIF = 65000  # bytes, in a JPEG file
MOST_PROFILE = 64 * 2**20
"""Bytes of a compressed ICC profile or XMP in a PNG file; longer ones are dropped, with a note."""

MAX_PIXELS = 500_000_000
"""Pictures with more pixels than this are refused before they are decoded."""

DECODING = 7
"""Bytes of memory for each byte of pixels while a file is read and written, itself included; measured as the
growth of the resident set: 4 to 8 for reading, and for writing all formats but WebP (12), HEIC (14),
AVIF (16) and JPEG XL (17)."""

JPEG_QUALITY = 95
HEIC_QUALITY, AVIF_QUALITY = 70, 92
"""Qualities of about what JPEG_QUALITY gives; measured in docs/formats.md."""

LOSSLESS = 100
"""The quality of WebP and JPEG XL files that keep every number, which they do unless told otherwise."""

MOST_HEVC = 8192
"""Pixels a side of a HEIC file that is not made of tiles, as those with alpha are not."""

MOST_AVIF = 2**28
"""Pixels of an AVIF file that libavif decodes."""

HEIF_KINDS = ("heic", "avif")


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
    most_bits : of an integer, where those are fewer than its dtype has; else 0.
    """

    name: str
    depths: tuple[str, ...]
    alpha: bool
    gray: bool
    metadata: tuple[str, ...]
    side: int
    extra: bool = False
    lossy: bool = False
    most_bits: int = 0

    def holds(self, bits: int) -> bool:
        """Whether it holds integers of so many bits, 8 or 16, as they are."""
        return f"uint{bits}" in self.depths and not 0 < self.most_bits < bits


_ALL = ("exif", "icc", "xmp", "dpi")
FORMATS = {
    "png": Format("PNG", ("uint8", "uint16"), True, True, _ALL, 2**31 - 1),
    "jpeg": Format("JPEG", ("uint8",), False, True, _ALL, 65500, lossy=True),
    "tiff": Format("TIFF", ("uint8", "uint16", "float32"), True, True, _ALL, 2**32 - 1, extra=True),
    "webp": Format("WebP", ("uint8",), True, False, ("exif", "icc", "xmp"), 16383, lossy=True),
    "bmp": Format("BMP", ("uint8",), True, True, ("dpi",), 2**31 - 1),
    "heic": Format("HEIC", ("uint8", "uint16"), True, True, _ALL[:3], 32768, lossy=True, most_bits=10),
    "avif": Format("AVIF", ("uint8", "uint16"), True, True, _ALL[:3], 32768, lossy=True, most_bits=12),
    "jxl": Format("JPEG XL", ("uint8", "uint16", "float32"), True, True, _ALL[:3], 2**30, lossy=True),
    "gif": Format("GIF", ("uint8",), True, False, (), 65535),
}
FORMAT_OF_SUFFIX = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp",
    ".bmp": "bmp", ".heic": "heic", ".avif": "avif", ".jxl": "jxl",
    ".apng": "png", ".jpe": "jpeg", ".jfif": "jpeg", ".jif": "jpeg", ".mpo": "jpeg", ".dib": "bmp",
    ".heif": "heic", ".hif": "heic", ".heics": "heic", ".heifs": "heic", ".avifs": "avif", ".gif": "gif",
}  # fmt: skip

SUFFIXES = tuple(FORMAT_OF_SUFFIX)
"""File name endings that can be read and written, in lower case."""

PDF_SUFFIX = ".pdf"
"""The ending of files of pages that are no pictures by themselves."""

USUAL_SUFFIXES = SUFFIXES[:10]
"""Those that messages name."""


READ = "PNG, JPEG, TIFF, WebP, BMP, HEIC, AVIF or JPEG XL"
"""The formats that are read, for messages."""

_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))


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
    if data.startswith(SIGNATURES):
        return "jxl"
    if data[4:8] == b"ftyp" and (kind := _heif_kind(data)):
        return kind
    starts = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "bmp": b"BM", "gif": b"GIF8"}
    starts |= {"tiff": b"II*\0", "TIFF": b"MM\0*", "Tiff": b"II+\0", "tIFF": b"MM\0+"}
    for kind, start in starts.items():
        if data.startswith(start):
            return kind.lower()
    raise ImageError(
        f"{name}: expected a {READ} picture, got a file that starts with {data[:8]!r}; convert it first"
    )


def _heif_kind(data: bytes) -> str:
    """Which of the formats in boxes a file is by its brands (ISO/IEC 23008-12, 10); empty for none."""
    end = min(int.from_bytes(data[:4], "big"), len(data))
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))}
    if brands & {b"avif", b"avis"}:
        return "avif"
    return "heic" if brands & _HEIC else ""


_lower: list[int] = []


def refuse_larger(pixels: int) -> None:
    """Refuse larger pictures than so, in all of this process from here on.

    Parameters
    ----------
    pixels : what more is refused than; above ``MAX_PIXELS`` that holds.

    Examples
    --------
    >>> refuse_larger(MAX_PIXELS)
    """
    _lower[:] = [pixels]


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
    most = min([MAX_PIXELS, *_lower])
    if w * h > most:
        raise ImageError(
            f"{name}: {w}x{h} (w x h) is {w * h / 1e6:.0f} megapixels, more than the {most / 1e6:.3g} "
            "that are opened; crop or downscale it first"
        )
    check_need(
        DECODING * each * w * h, f"{name}: {w}x{h} (w x h)", "crop or downscale it, or allow more memory"
    )


def check_side(kind: str, size: tuple[int, int], name: str) -> None:
    """Refuse a size that a format cannot hold.

    Parameters
    ----------
    kind : one of FORMATS.
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
    if kind == "avif" and w * h > MOST_AVIF:
        limit = f"AVIF ends at {MOST_AVIF / 1e6:.0f} megapixels"
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
    """The format that a suffix names, one of FORMATS.

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
    kind : one of FORMATS.

    Returns
    -------
    Picture
        As the format can hold it.
    list of str
        A line for each thing that is lost.
    """
    form = FORMATS[kind]
    changes: dict[str, Any] = {
        "format": kind,
        "pixels": one_gray(picture),
        # Neither encoder of AVIF has gray with alpha.
        "gray": picture.gray and form.gray and not (kind == "avif" and picture.alpha is not None),
    }
    notes = _at_its_depth(picture, kind, changes)
    notes += _with_its_planes(picture, kind, changes)
    notes += _with_its_metadata(picture, kind, changes)
    result = replace(picture, **changes)
    if kind == "jxl" and result.bits == 32:
        result, below = not_below(result)
        notes += ["numbers below 0 become 0, for its encoder fails on them; TIFF keeps them"] * below
    space = b"GRAY" if result.gray else b"RGB "
    if result.icc and result.icc[16:20] != space:
        notes.append(f"ICC profile is dropped: made for {result.icc[16:20]!r}, the picture is {space!r}")
        result = replace(result, icc=b"")
    exif = with_size(result)
    notes += ["EXIF is dropped: it is damaged"] if result.exif and not exif else []
    if kind == "tiff" and (count := tree(exif)[1]):
        notes.append(f"{count} EXIF tags are dropped: together they would be longer than all of it")
    return replace(result, exif=exif), [f"{form.name}: {note}" for note in notes]


def _at_its_depth(picture: Picture, kind: str, changes: dict[str, Any]) -> list[str]:
    """Change pixels to a depth that the format has; gives notes of what is lost."""
    form, depth = FORMATS[kind], picture.pixels.dtype.name
    if depth not in form.depths:
        changes["pixels"] = at_depth(changes["pixels"], form.depths[-1])
    before = own_bits(picture)
    bits = coded_bits(replace(picture, pixels=changes["pixels"], alpha=None, extra=None), kind)
    notes = ["colours become at most 256; .webp and .png keep all"] if few_colours(picture, kind) else []
    if depth not in form.depths or bits < before:
        clipped = ", clipped to [0, 1]" if depth == "float32" else ""
        notes.append(f"{before} bits a channel become {bits}{clipped}")
    coarse = picture.heif is not None and picture.heif.chroma == "420"
    if kind == "avif" and bits > 8 and not changes["gray"] and not coarse:
        notes.append(f"colour of {bits} bits is kept at half the resolution (4:2:0)")
    return notes


def _with_its_planes(picture: Picture, kind: str, changes: dict[str, Any]) -> list[str]:
    """Change alpha and further channels to what the format has; gives notes of what is lost."""
    form, depth, notes = FORMATS[kind], changes["pixels"].dtype.name, list[str]()
    if picture.alpha is not None:
        changes["alpha"] = at_depth(picture.alpha, depth) if form.alpha else None
        clear = bool((picture.alpha != TOP[picture.pixels.dtype.name]).any())
        if not form.alpha and clear:
            notes.append("alpha is dropped")
        elif kind == "heic" and max(picture.size) > MOST_HEVC:
            changes["alpha"] = None
            notes += [f"alpha is dropped: there is none above {MOST_HEVC} pixels a side"] if clear else []
    if picture.extra is not None:
        changes["extra"] = at_depth(picture.extra, depth) if form.extra else None
        notes += [] if form.extra else [dropped(picture.extra.shape[2])]
    return notes


def _with_its_metadata(picture: Picture, kind: str, changes: dict[str, Any]) -> list[str]:
    """Change metadata to what the format keeps; gives notes of what is lost."""
    form, notes = FORMATS[kind], list[str]()
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
    if picture.heif is not None and picture.heif.hdr and not picture.icc:
        if kind == "png":
            changes["chunks"] = with_colours(picture.chunks, picture.heif.primaries, picture.heif.transfer)
        elif kind not in HEIF_KINDS:
            keep = "so that it looks pale; PNG, HEIC and AVIF keep it"
            notes.append(f"HDR ({picture.heif.hdr}) is dropped, {keep}")
    return notes


def coded_bits(picture: Picture, kind: str) -> int:
    """The bits of each number in a file of the picture.

    Parameters
    ----------
    picture : what is to be written.
    kind : one of FORMATS, which has the depth of the picture.

    Returns
    -------
    int
        8, 16 or 32; 10 or 12 for deep pictures in HEIC and AVIF: as many as in the file that was read.

    Examples
    --------
    >>> import numpy as np
    >>> [coded_bits(Picture(np.zeros((4, 6, 3), np.uint16)), kind) for kind in ("png", "heic", "avif")]
    [16, 10, 12]
    """
    if kind not in HEIF_KINDS or picture.bits == 8:
        return picture.bits
    own = own_bits(picture)
    return own if own < 16 else FORMATS[kind].most_bits
