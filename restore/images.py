"""Picture files in and out, in kind: depth, alpha, EXIF, ICC, XMP, dpi and rotation are kept.

``read`` gives a ``Picture``: pixels as RGB at their own depth and everything needed to write them back.
``write`` encodes to a temporary file in the same folder, decodes that file again, compares, and only
then renames, so that no half-written or wrong file ever carries the name that was asked for.

=======  ======================  =====================================================================
format   depths                  written as
=======  ======================  =====================================================================
PNG      8, 16 bit               lossless
TIFF     8, 16 bit, float32      lossless (Deflate). Floats are not limited to [0, 1], on either way
WebP     8 bit                   lossless, at most 16383 pixels a side
BMP      8 bit                   lossless; no EXIF, ICC or XMP
JPEG     8 bit                   quality 95, colour at full resolution (4:4:4); no alpha
=======  ======================  =====================================================================

Nothing heavy is imported before a picture is read.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import re
import secrets
import shutil
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from restore.coding import Coding
from restore.errors import ImageError, OutputError
from restore.exif import (
    EXTRA_SAMPLES,
    ORIENTATION,
    PIXEL_TAGS,
    directory,
    exif_of_tiff,
    number_of,
    patched,
    tree,
    without_thumbnail,
)

if TYPE_CHECKING:
    import numpy as np
    import tifffile
    from numpy.typing import NDArray
    from PIL.Image import Image
    from torch import Tensor

MOST_EXIF = 65000  # bytes, in a JPEG file
MAX_PIXELS = 500_000_000
"""Pictures with more pixels than this are refused before they are decoded."""

JPEG_QUALITY = 95


@dataclass(frozen=True, eq=False)
class Picture:
    """Pixels at their own depth, and what is needed to write them back in kind.

    pixels: (h, w, 3) RGB, upright; uint8, uint16, or float32 with nominal range [0, 1].
    alpha: (h, w) of the same dtype, not premultiplied; None where the file has none.
    gray: the file has one colour channel; ``pixels`` holds it three times, ``write`` their mean.
    format: png, jpeg, tiff, webp or bmp, as found in the file (not in its name).
    exif: a TIFF structure without the ``Exif`` prefix, orientation 1, no thumbnail (it would show
        the picture as it was before); empty where there is none.
    icc, xmp: as in the file; empty where there is none.
    dpi: (horizontal, vertical).
    chunks: PNG text and colour chunks, as in the file; written to PNG only.
    pages: pictures in the file; the first is the one read.
    coding: how a JPEG was compressed; None for other files and for colours that are not YCbCr.
    notes: what the user should know about how the file was read.

    Raises TypeError and ValueError for arrays of another dtype or shape.
    """

    pixels: NDArray[Any]
    alpha: NDArray[Any] | None = None
    gray: bool = False
    format: str = "png"
    exif: bytes = b""
    icc: bytes = b""
    xmp: bytes = b""
    dpi: tuple[float, float] | None = None
    chunks: bytes = b""
    pages: int = 1
    coding: Coding | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        pixels, alpha = self.pixels, self.alpha
        if pixels.dtype.name not in _TOP:
            raise TypeError(f"pixels must be uint8, uint16 or float32, got {pixels.dtype}")
        if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"pixels must be (h, w, 3) and not empty, got shape {pixels.shape}")
        if alpha is not None and alpha.dtype != pixels.dtype:
            raise TypeError(f"alpha must be {pixels.dtype} as the pixels are, got {alpha.dtype}")
        if alpha is not None and alpha.shape != pixels.shape[:2]:
            raise ValueError(f"alpha must be {pixels.shape[:2]} (h, w) as the pixels are, got {alpha.shape}")

    @property
    def bits(self) -> int:
        """Bits per sample: 8, 16, or 32 (float)."""
        return 8 * int(self.pixels.dtype.itemsize)

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def with_pixels(self, pixels: NDArray[Any], *, alpha: NDArray[Any] | None = None) -> Picture:
        """The same kind of picture with other pixels; a new size needs a new alpha where there is one.

        pixels: (h, w, 3) of the same dtype. alpha: (h, w); None keeps the present one.
        Raises TypeError for another dtype, ValueError for shapes that do not fit.
        """
        if pixels.dtype != self.pixels.dtype:
            raise TypeError(f"pixels must be {self.pixels.dtype} as before, got {pixels.dtype}")
        return replace(self, pixels=pixels, alpha=self.alpha if alpha is None else alpha)


@dataclass(frozen=True, eq=False)
class Mask:
    """A mask file. white: bool (h, w). gray_fraction: share of pixels neither near black nor near white."""

    white: NDArray[np.bool_]
    gray_fraction: float


@dataclass(frozen=True)
class _Format:
    """What a file format can hold. depths: best last. side: longest side in pixels."""

    name: str
    depths: tuple[str, ...]
    alpha: bool
    gray: bool
    metadata: tuple[str, ...]
    side: int


_FORMATS = {
    "png": _Format("PNG", ("uint8", "uint16"), True, True, ("exif", "icc", "xmp", "dpi"), 2**31 - 1),
    "jpeg": _Format("JPEG", ("uint8",), False, True, ("exif", "icc", "xmp", "dpi"), 65500),
    "tiff": _Format(
        "TIFF", ("uint8", "uint16", "float32"), True, True, ("exif", "icc", "xmp", "dpi"), 2**32 - 1
    ),
    "webp": _Format("WebP", ("uint8",), True, False, ("exif", "icc", "xmp"), 16383),
    "bmp": _Format("BMP", ("uint8",), True, True, ("dpi",), 2**31 - 1),
}
_SUFFIXES = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff", ".webp": "webp",
    ".bmp": "bmp",
}  # fmt: skip
SUFFIXES = tuple(_SUFFIXES)
"""File name endings that can be read and written, in lower case."""

_TOP = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}
"""dtype -> the value that stands for 1.0"""


# ---------------------------------------------------------------------------------------- tensors


def to_tensor(picture: Picture) -> Tensor:
    """The picture as an image, ``pixels / max``: float32 (1, 3, h, w), [0, 1] for integer pictures."""
    import numpy as np
    import torch

    planes = picture.pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    planes /= np.float32(_TOP[picture.pixels.dtype.name])
    return torch.from_numpy(planes[None])


def from_tensor(image: Tensor, like: Picture) -> NDArray[Any]:
    """The image at the depth of ``like``, the inverse of ``to_tensor``: exact for its own output.

    Integer depths: ``round(clip(image, 0, 1) * max)``. Floats are passed on as they are, not clipped.
    image: (1, 3, h, w), any h and w. Returns (h, w, 3).
    Raises ValueError for another shape and for values that are not finite.
    """
    import numpy as np

    if image.ndim != 4 or image.shape[:2] != (1, 3):
        raise ValueError(f"image must be (1, 3, h, w), got shape {tuple(image.shape)}")
    values = image[0].detach().float().cpu().numpy().transpose(1, 2, 0)
    if not np.isfinite(values).all():
        raise ValueError(f"image holds {int((~np.isfinite(values)).sum())} values that are not finite")
    return _at_depth(values, like.pixels.dtype.name)


def at_depth_of(like: Picture, pixels: NDArray[Any]) -> NDArray[Any]:
    """Pixels of any depth at that of another picture, as files of that depth hold them."""
    return _at_depth(pixels, like.pixels.dtype.name)


def _at_depth(values: NDArray[Any], depth: str) -> NDArray[Any]:
    """Samples on the scale of another depth, rounded and clipped where the new depth is integer."""
    import numpy as np

    if values.dtype.name == depth:
        return np.array(values, order="C")
    scaled = values.astype(np.float32) / np.float32(_TOP[values.dtype.name])
    if depth == "float32":
        return scaled
    rounded: NDArray[Any] = np.rint(np.clip(scaled, 0, 1) * np.float32(_TOP[depth])).astype(depth)
    return rounded


# ---------------------------------------------------------------------------------------- reading


def read(path: str | Path) -> Picture:
    """The first picture of a PNG, JPEG, TIFF, WebP or BMP file, upright (EXIF orientation applied once).

    Palettes become RGB or RGB with alpha, 1-bit pictures gray, CMYK RGB (with a note).
    Raises ImageError where the file is missing, not such a picture, damaged, cut short, larger than
    ``MAX_PIXELS``, or holds NaN or infinite values.
    """
    return decode(read_bytes(path), name=str(path))


def read_bytes(path: str | Path) -> bytes:
    """A picture file as it is, for `decode`. Raises ImageError where it is missing or cannot be read."""
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
    """All pages of a TIFF file, such as a burst of one scene; the one picture of any other file.

    Raises ImageError as `read` does, and for a page whose codec is not one of tifffile's.
    """
    data = read_bytes(path)
    first = decode(data, name=str(path))
    if first.format != "tiff" or first.pages == 1:
        return [first]
    rest = [decode(data, name=f"{path}, page {page + 1}", page=page) for page in range(1, first.pages)]
    return [replace(picture, pages=1, notes=()) for picture in (first, *rest)]


def decode(data: bytes, *, name: str, page: int = 0) -> Picture:
    """``read`` for a picture that is already in memory; ``name`` stands in messages. page: of a TIFF."""
    decoder = partial(_decode_tiff, number=page) if _sniffed(data, name) == "tiff" else _decode_with_pillow
    try:
        with warnings.catch_warnings():
            # Pillow warns about odd metadata, which is either repaired below or does not matter here.
            warnings.simplefilter("ignore")
            picture = decoder(data, name)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{name}: not enough memory to open it; downscale or crop it first") from error
    except Exception as error:  # foreign decoders raise whatever they meet in damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ImageError(
            f"{name}: expected a whole picture, got a damaged or truncated file ({reason}); get a fresh copy"
        ) from error
    _check_finite(picture, name)
    return _upright(picture)


def _sniffed(data: bytes, name: str) -> str:
    """The format by the first bytes; names lie more often than contents."""
    if not data:
        raise ImageError(f"{name}: expected a picture, got an empty file (0 bytes); get a fresh copy")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    starts = {"png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff", "bmp": b"BM"}
    starts |= {"tiff": b"II*\0", "TIFF": b"MM\0*", "Tiff": b"II+\0", "tIFF": b"MM\0+"}
    for kind, start in starts.items():
        if data.startswith(start):
            return kind.lower()
    raise ImageError(
        f"{name}: expected a PNG, JPEG, TIFF, WebP or BMP picture, got a file that starts with "
        f"{data[:8]!r}; convert it first"
    )


def _check_size(w: int, h: int, name: str) -> None:
    if w < 1 or h < 1:
        raise ImageError(f"{name}: expected a picture, got one of {w}x{h} pixels (w x h); get a fresh copy")
    if w * h > MAX_PIXELS:
        raise ImageError(
            f"{name}: {w}x{h} (w x h) is {w * h / 1e6:.0f} megapixels, more than the {MAX_PIXELS / 1e6:.0f} "
            "that are opened; crop or downscale it first"
        )


def _check_finite(picture: Picture, name: str) -> None:
    import numpy as np

    if picture.pixels.dtype.name != "float32":
        return
    bad = ~np.isfinite(picture.pixels).all(axis=2)
    if picture.alpha is not None:
        bad |= ~np.isfinite(picture.alpha)
    if bad.any():
        y, x = np.argwhere(bad)[0]
        raise ImageError(
            f"{name}: expected numbers, got NaN or infinity at {int(bad.sum())} of {bad.size} pixels, first "
            f"at x={x}, y={y}; replace them first"
        )


def _decode_with_pillow(data: bytes, name: str) -> Picture:
    """PNG, JPEG, WebP and BMP; 16-bit PNG pixels through OpenCV, since Pillow cuts them to 8 bits."""
    from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
    from PIL.Image import DecompressionBombError

    kind = _sniffed(data, name)
    openers: dict[str, Callable[..., Any]] = {
        "png": PngImagePlugin.PngImageFile,
        "jpeg": JpegImagePlugin.jpeg_factory,
        "webp": WebPImagePlugin.WebPImageFile,
        "bmp": BmpImagePlugin.BmpImageFile,
    }
    chunks = list(_png_chunks(data)) if kind == "png" else []
    # Opened by its own class: Image.open has a size limit that can only be moved for the whole process.
    try:
        image = openers[kind](BytesIO(data))
    except DecompressionBombError as error:  # WebP measures before it opens, by that limit
        reason = "expected a WebP picture of at most 179 megapixels, got a larger one"
        raise ImageError(f"{name}: {reason}; crop or downscale it first") from error
    _check_size(image.width, image.height, name)
    image.load()
    deep = bool(chunks) and chunks[0][1][8] == 16
    channels, notes = (_png16_channels(chunks), ()) if deep else _channels_of(image, name)
    return _assembled(
        channels,
        format=kind,
        exif=image.info.get("exif", b"").removeprefix(b"Exif\0\0"),
        icc=b"" if image.mode == "CMYK" else image.info.get("icc_profile") or b"",
        xmp=_as_bytes(image.info.get("xmp", b"")),
        dpi=_sane_dpi(image.info.get("dpi")),
        chunks=b"".join(png_chunk(kind, body) for kind, body in chunks if _is_carried(kind, body)),
        pages=getattr(image, "n_frames", 1),
        coding=coding_of_file(image) if kind == "jpeg" else None,
        notes=notes,
    )


def coding_of_file(image: Any) -> Coding | None:
    """How a JPEG that Pillow has opened was compressed; None for another file, or colours not YCbCr."""
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
        return None  # chroma of fractional sizes, or of two
    try:
        coarser = luma[2] // chroma[2], luma[1] // chroma[1]
        return Coding(tuple(tables[luma[3]]), tuple(tables[chroma[3]]), coarser)
    except (KeyError, ValueError, ZeroDivisionError):
        return None


def _assembled(channels: NDArray[Any], **rest: Any) -> Picture:
    """A picture from (h, w, 1..4): gray, gray and alpha, RGB, RGB and alpha."""
    import numpy as np

    count = channels.shape[2]
    gray = count < 3
    pixels = np.repeat(channels[..., :1], 3, axis=2) if gray else np.ascontiguousarray(channels[..., :3])
    alpha = np.ascontiguousarray(channels[..., -1]) if count in (2, 4) else None
    return Picture(pixels=pixels, alpha=alpha, gray=gray, **rest)


def _channels_of(image: Image, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels (h, w, 1..4) of an 8-bit Pillow image, and notes."""
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
    """CMYK as sRGB, through the file's own ICC profile where it has a usable one."""
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


def _sane_dpi(dpi: Any) -> tuple[float, float] | None:
    """(x, y) as floats; None where the file has no resolution, or zero, or not a number."""
    if dpi is None:
        return None
    x, y = float(dpi[0]), float(dpi[1])
    return (x, y) if all(math.isfinite(v) and 0.5 <= v <= 65535 for v in (x, y)) else None


def _as_bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)


def _upright(picture: Picture) -> Picture:
    """EXIF orientation applied once, its tag set to 1, and the thumbnail cut out of the EXIF."""
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
        pixels=_turned(picture.pixels, turn),
        alpha=None if picture.alpha is None else _turned(picture.alpha, turn),
        dpi=picture.dpi[::-1] if picture.dpi and turn >= 5 else picture.dpi,
        exif=exif,
        xmp=re.sub(rb'(tiff:Orientation(?:\s*=\s*["\']|>))[2-8]', rb"\g<1>1", picture.xmp),
        notes=notes,
    )


def _turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """(h, w, ...) as EXIF orientation 2..8 means it to be seen (EXIF 2.3, tag 0x0112)."""
    import numpy as np

    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return np.ascontiguousarray(array)


def read_mask(path: str | Path) -> Mask:
    """A picture as a mask: True where it is white, at half of the full scale or more.

    A picture of integers up to 1 is one of zeros and ones: 1 is white, as in a mask given as an array.
    A mask drawn on a layer of one colour is taken from its alpha channel; otherwise the value is the
    mean of r, g, b times alpha, so that clear pixels are black. Raises ImageError as ``read`` does.
    """
    return decode_mask(read_bytes(path), name=str(path))


def decode_mask(data: bytes, *, name: str) -> Mask:
    """``read_mask`` for a mask that is already in memory; ``name`` stands in messages."""
    import numpy as np

    picture = decode(data, name=name)
    top = np.float32(_TOP[picture.pixels.dtype.name])
    brightest = picture.pixels.max()
    full = brightest if brightest == 1 and picture.bits < 32 else top
    value = picture.pixels.mean(axis=2, dtype=np.float32) / full
    if picture.alpha is not None:
        one_colour = bool((picture.pixels == picture.pixels[0, 0]).all())
        alpha = picture.alpha.astype(np.float32) / top
        value = alpha if one_colour and np.ptp(alpha) > 0 else value * alpha
    near = 16 / 255  # JPEG ringing on a black and white drawing stays mostly within this
    between = (value > near) & (value < 1 - near)
    return Mask(white=value >= 0.5, gray_fraction=float(between.mean()))


def list_inputs(paths: Iterable[str | Path], *, recursive: bool = True) -> list[Path]:
    """Files as they are, folders as the picture files in them: natural order, hidden ones skipped.

    Each file comes once. Raises ImageError for a path that does not exist, and for a folder that
    cannot be listed or has no picture in it.
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
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES
        ]
    return sorted(found, key=_natural_order)


def _natural_order(path: Path) -> list[list[str | int]]:
    """``a2`` before ``a10``."""
    return [
        [int(part) if i % 2 else part.casefold() for i, part in enumerate(re.split(r"([0-9]+)", name))]
        for name in path.parts
    ]


# ---------------------------------------------------------------------------------------- writing


def write(path: str | Path, picture: Picture, *, overwrite: bool = False) -> None:
    """Write the picture in the format that the suffix of ``path`` names, all of it or nothing.

    The bytes go to a temporary file in the same folder, are flushed to the disk, read back, decoded
    and compared (JPEG: the size), and only then get their name. Without ``overwrite`` a file that is
    there already, or appears meanwhile, is left alone.
    Raises OutputError where that cannot be done; then no file is left behind.
    """
    path = Path(path)
    kind = kind_of(path)
    if path.is_dir():
        raise OutputError(f"{path}: expected a file name, got a folder; add a name, as {path / 'out.png'}")
    if not overwrite and path.exists():
        raise _exists(path)
    stored, data = _encoded(picture, kind, str(path))
    write_bytes(path, data, overwrite=overwrite, check=lambda there: _verify(there, stored, str(path)))


def write_bytes(
    path: str | Path, data: bytes, *, overwrite: bool = False, check: Callable[[Path], None] | None = None
) -> None:
    """Write a file, all of it or nothing: beside its target, checked by ``check``, then renamed.

    Raises OutputError where it is there already (without ``overwrite``) or cannot be written.
    """
    path = Path(path)
    target = path.resolve() if overwrite else path  # through a link, the file it points to is replaced
    temporary = target.parent / f".{secrets.token_hex(8)}.part"
    try:
        try:
            _write_out(temporary, data)
            if check is not None:
                check(temporary)
            _publish(temporary, target, overwrite=overwrite)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise OutputError(_why_not(path, error)) from error


def encode(picture: Picture, format: str) -> bytes:
    """The bytes that ``write`` would write; ``format`` is png, jpeg, tiff, webp or bmp."""
    if format not in _FORMATS:
        raise ValueError(f"format must be one of {', '.join(_FORMATS)}, got {format!r}")
    return _encoded(picture, format, f"{format} output")[1]


def lossy_notes(path: str | Path, picture: Picture) -> list[str]:
    """What ``write(path, picture)`` cannot keep, a line for each; empty where all is kept.

    Raises OutputError where the suffix of ``path`` names no format.
    """
    return _fitted(picture, kind_of(Path(path)))[1]


def kind_of(path: Path) -> str:
    """The format that a suffix names: png, jpeg, tiff, webp or bmp. Raises OutputError for another."""
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        got = repr(path.suffix) if path.suffix else "none"
        raise OutputError(f"{path}: expected a suffix out of {' '.join(SUFFIXES)}, got {got}; rename it")
    return kind


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path}: the file is already there; choose another name or pass --overwrite")


def _why_not(path: Path, error: OSError) -> str:
    hints = {
        errno.ENOENT: "create the folder first",
        errno.ENOTDIR: "choose another folder",
        errno.ENOSPC: "free some space or write elsewhere",
        errno.EDQUOT: "free some space or write elsewhere",
    }
    reason = error.strerror or str(error)
    if error.errno == errno.ENOENT:
        reason = f"folder {path.parent} does not exist"
    hint = hints.get(error.errno or 0, "choose a folder that can be written to")
    return f"{path}: cannot write ({reason}); {hint}"


def _write_out(temporary: Path, data: bytes) -> None:
    with temporary.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _verify(temporary: Path, stored: Picture, name: str) -> None:
    """Decode what is on the disk and compare with what was to be stored."""
    import numpy as np

    try:
        again = decode(temporary.read_bytes(), name=name)
    except ImageError as error:
        raise OutputError(
            f"{name}: what was written cannot be read back, nothing is kept ({error})"
        ) from error
    same = again.pixels.shape == stored.pixels.shape and again.pixels.dtype == stored.pixels.dtype
    if same and stored.format != "jpeg":
        full = np.full(stored.size, _TOP[stored.pixels.dtype.name], stored.pixels.dtype)
        sent, came = (full if p.alpha is None else p.alpha for p in (stored, again))
        same = np.array_equal(again.pixels, stored.pixels) and np.array_equal(sent, came)
    if not same:
        raise OutputError(f"{name}: what was written reads back wrong, nothing is kept; check the disk")


def _publish(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Give the finished file its name, at once, and never over a file that is not ours to replace."""
    if overwrite:
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
        return
    try:
        target.hardlink_to(temporary)  # fails where the name is taken, unlike a rename
    except FileExistsError:
        raise
    except OSError:
        # No hard links on this file system: take the name with an empty file, then rename over it.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        try:
            temporary.replace(target)
        except BaseException:
            target.unlink()
            raise


def _encoded(picture: Picture, kind: str, name: str) -> tuple[Picture, bytes]:
    """What the file will hold, and its bytes."""
    h, w = picture.size
    if max(h, w) > _FORMATS[kind].side:
        limit = f"{_FORMATS[kind].name} ends at {_FORMATS[kind].side} pixels a side"
        raise OutputError(f"{name}: {limit}, got {w}x{h} (w x h); write .png or .tif")
    stored, _ = _fitted(picture, kind)
    encoders = {"png": _encode_png, "tiff": _encode_tiff, "bmp": _encode_bmp}
    try:
        return stored, encoders.get(kind, _encode_with_pillow)(stored)
    except (OSError, ValueError, struct.error) as error:
        raise OutputError(f"{name}: cannot encode as {_FORMATS[kind].name} ({error}); try .png") from error


def _fitted(picture: Picture, kind: str) -> tuple[Picture, list[str]]:
    """The picture as this format can hold it, and a line for each thing that is lost."""
    form, depth = _FORMATS[kind], picture.pixels.dtype.name
    changes: dict[str, Any] = {
        "format": kind,
        "pixels": _one_gray(picture),
        "gray": picture.gray and form.gray,
    }
    notes = []
    if depth not in form.depths:
        changes["pixels"] = _at_depth(changes["pixels"], form.depths[-1])
        clipped = ", clipped to [0, 1]" if depth == "float32" else ""
        notes.append(f"{picture.bits} bits a channel become {changes['pixels'].itemsize * 8}{clipped}")
    if picture.alpha is not None:
        changes["alpha"] = _at_depth(picture.alpha, changes["pixels"].dtype.name) if form.alpha else None
        if not form.alpha and bool((picture.alpha != _TOP[depth]).any()):
            notes.append("alpha is dropped")
    room = {"exif": MOST_EXIF, "xmp": 65000} if kind == "jpeg" else {}  # one JPEG segment each
    for field, title in (("exif", "EXIF"), ("icc", "ICC profile"), ("xmp", "XMP"), ("dpi", "dpi")):
        value = getattr(picture, field)
        if value and field not in form.metadata:
            notes.append(f"{title} is dropped")
        elif value and field in room and len(value) > room[field]:
            notes.append(f"{title} is dropped: {len(value)} bytes, the most is {room[field]}")
        else:
            continue
        changes[field] = None if field == "dpi" else b""
    fitted = replace(picture, **changes)
    space = b"GRAY" if fitted.gray else b"RGB "
    if fitted.icc and fitted.icc[16:20] != space:
        notes.append(f"ICC profile is dropped: made for {fitted.icc[16:20]!r}, the picture is {space!r}")
        fitted = replace(fitted, icc=b"")
    return replace(fitted, exif=_with_size(fitted)), [f"{form.name}: {note}" for note in notes]


def _one_gray(picture: Picture) -> NDArray[Any]:
    """The pixels; for a gray picture the mean of r, g and b in all three (exact where they are equal)."""
    import numpy as np

    pixels = picture.pixels
    if not picture.gray:
        return pixels
    if pixels.dtype.kind == "f":
        mean = pixels.mean(axis=2, dtype=np.float64).astype(pixels.dtype)
    else:
        mean = ((pixels.sum(axis=2, dtype=np.uint32) + 1) // 3).astype(pixels.dtype)
    return np.repeat(mean[..., None], 3, axis=2)


def _channels(picture: Picture) -> NDArray[Any]:
    """(h, w, 1..4) as the file holds them."""
    import numpy as np

    colour = picture.pixels[..., :1] if picture.gray else picture.pixels
    if picture.alpha is None:
        return np.ascontiguousarray(colour)
    return np.concatenate([colour, picture.alpha[..., None]], axis=2)


def _encode_with_pillow(picture: Picture) -> bytes:
    from PIL import Image

    channels = _channels(picture)
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


def _encode_bmp(picture: Picture) -> bytes:
    """BMP; with alpha as BITMAPV4HEADER, since what Pillow writes without it is read as having none."""
    if picture.alpha is None:
        return _encode_with_pillow(picture)
    h, w = picture.size
    rows = _channels(replace(picture, gray=False))[::-1, :, [2, 1, 0, 3]].tobytes()
    per_metre = [round(v / 0.0254) for v in picture.dpi or (0.0, 0.0)]
    header = struct.pack("<IiiHHIIiiII", 108, w, h, 1, 32, 3, len(rows), *per_metre, 0, 0)
    header += struct.pack("<4I4s48x", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    start = 14 + len(header)
    return struct.pack("<2sI4xI", b"BM", start + len(rows), start) + header + rows


# -------------------------------------------------------------------------------------------- PNG


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) up to IEND. Raises ValueError where a checksum is wrong or the end is missing."""
    at = 8
    while at + 12 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        if data[at + 8 + size : at + 12 + size] != struct.pack(">I", zlib.crc32(kind + body)):
            raise ValueError(f"the {kind!r} chunk at byte {at} is damaged")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + size
    raise ValueError("the end is missing")


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG file: length, type of four letters, body, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _is_carried(kind: bytes, body: bytes) -> bool:
    """Text and colour chunks that go from PNG to PNG untouched; XMP is text too, but has its own way."""
    carried = (b"tEXt", b"zTXt", b"iTXt", b"gAMA", b"cHRM", b"sRGB", b"cICP")
    return kind in carried and not body.startswith(b"XML:com.adobe.xmp\0")


def _png16_channels(chunks: list[tuple[bytes, bytes]]) -> NDArray[Any]:
    """The channels (h, w, 1..4) of a 16-bit PNG."""
    import cv2
    import numpy as np

    # Only what the pixels need: the decoder complains aloud about metadata that are not its business.
    needed = b"".join(png_chunk(kind, body) for kind, body in chunks if kind in (b"IHDR", b"IDAT", b"IEND"))
    data = np.frombuffer(b"\x89PNG\r\n\x1a\n" + needed, np.uint8)
    decoded: Any = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16:
        raise ValueError("the 16-bit pixels cannot be decoded")
    decoded = decoded if decoded.ndim == 3 else decoded[..., None]
    order = {0: [0], 2: [2, 1, 0], 4: [0, -1], 6: [2, 1, 0, 3]}[chunks[0][1][9]]
    channels: NDArray[Any] = decoded[..., order]
    key = dict(chunks).get(b"tRNS")
    if key is None or len(order) not in (1, 3):
        return channels
    clear = (channels == np.frombuffer(key, ">u2", len(order))).all(axis=2, keepdims=True)
    return np.concatenate([channels, np.where(clear, 0, 65535).astype(np.uint16)], axis=2)


def _encode_png(picture: Picture) -> bytes:
    """PNG (ISO/IEC 15948); written here since Pillow has no 16-bit RGB and OpenCV no gray with alpha."""
    channels = _channels(picture)
    h, w, count = channels.shape
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[count]
    out = [b"\x89PNG\r\n\x1a\n"]
    out.append(png_chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, picture.bits, colour_type, 0, 0, 0)))
    if picture.icc:
        out.append(png_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(picture.icc)))
    out.append(picture.chunks)
    if picture.dpi:
        out.append(png_chunk(b"pHYs", struct.pack(">IIB", *(round(v / 0.0254) for v in picture.dpi), 1)))
    if picture.exif:
        out.append(png_chunk(b"eXIf", picture.exif))
    if picture.xmp:
        out.append(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + picture.xmp))
    out += [png_chunk(b"IDAT", part) for part in _png_rows(channels)]
    return b"".join([*out, png_chunk(b"IEND", b"")])


def _png_rows(channels: NDArray[Any]) -> Iterator[bytes]:
    """The compressed rows, each with the Paeth filter (ISO/IEC 15948, 9.4), a band at a time."""
    import numpy as np

    h, w, count = channels.shape
    step = count * channels.itemsize  # bytes from a sample to its left neighbour
    packer = zlib.compressobj()
    above = np.zeros((1, w * step), np.int16)
    band = max(1, 2**18 // (w * step))
    for y in range(0, h, band):
        block = channels[y : y + band]
        raw = block.astype(block.dtype.newbyteorder(">")).view(np.uint8).reshape(len(block), -1)
        rows = raw.astype(np.int16)
        up = np.concatenate([above, rows[:-1]])
        left, corner = (np.pad(a, ((0, 0), (step, 0)))[:, :-step] for a in (rows, up))
        to_left, to_up = np.abs(up - corner), np.abs(left - corner)
        to_corner = np.abs(left + up - 2 * corner)
        guess = np.where(to_up <= to_corner, up, corner)
        guess = np.where((to_left <= to_up) & (to_left <= to_corner), left, guess)
        coded = np.full((len(rows), w * step + 1), 4, np.uint8)  # 4 names the filter
        coded[:, 1:] = (rows - guess).astype(np.uint8)
        above = rows[-1:]
        if part := packer.compress(coded.tobytes()):
            yield part
    yield packer.flush()


# ------------------------------------------------------------------------------------------- TIFF


_SILENT = logging.NullHandler()
"""Without any handler tifffile's complaints would go to stderr; what matters is said by our errors."""


def _decode_tiff(data: bytes, name: str, number: int = 0) -> Picture:
    """TIFF, also BigTIFF; the pixels by tifffile, or by Pillow and OpenCV where it lacks the codec."""
    import tifffile

    logging.getLogger("tifffile").addHandler(_SILENT)
    with tifffile.TiffFile(BytesIO(data)) as tif:
        page: Any = tif.pages[number]
        _check_size(page.imagewidth, page.imagelength, name)
        if min(page.databytecounts, default=0) < 1:  # tifffile would fill the gap with black
            raise ValueError("parts of the pixels are missing")
        tags = page.tags
        x, y = (tags.valueof(code, (0, 1)) for code in (282, 283))
        unit = {2: 1.0, 3: 2.54}.get(int(tags.valueof(296, 2)), 0.0)
        dpi = _sane_dpi([unit * n / d if d else 0.0 for n, d in (x, y)])
        if number and not (_is_tifffiles(page) and page.photometric in (0, 1, 2)):
            raise ImageError(
                f"{name}: beyond the first page only plain gray and RGB are read, uncompressed, PackBits or "
                f"deflate; got compression {int(page.compression)}, photometric {int(page.photometric or 0)}"
            )
        channels, notes = _tiff_channels(page, data, name)
        icc = bytes(tags.valueof(34675, b""))
        return _assembled(
            channels,
            format="tiff",
            exif=exif_of_tiff(data, int(tags.valueof(ORIENTATION, 1))),
            icc=b"" if page.photometric == 5 else icc,
            xmp=_as_bytes(tags.valueof(700, b"")),
            dpi=dpi,
            pages=len(tif.pages),
            notes=notes,
        )


def _tiff_channels(page: tifffile.TiffPage, data: bytes, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The channels (h, w, 1..4) of a page, alpha not premultiplied, and notes."""
    import numpy as np

    notes: tuple[str, ...] = ()
    depth = "" if page.dtype is None else page.dtype.name
    plain = page.photometric in (0, 1, 2) and depth in ("uint8", "uint16", "float16", "float32", "float64")
    if not plain or page.bitspersample not in (8, 16, 32, 64):
        if page.bitspersample > 8:
            kind = f"{page.bitspersample}-bit {depth} photometric {int(page.photometric or 0)}"
            wanted = "8 or 16 bit integers or floats, gray or RGB"
            raise ImageError(f"{name}: expected {wanted}, got {kind}; convert it first")
        return _tiff_by_pillow(data, name)
    if _is_tifffiles(page):
        channels = page.asarray().reshape(page.shape)
        if page.axes == "SYX":
            channels = channels.transpose(1, 2, 0)
    elif depth == "uint8":
        channels, notes = _tiff_by_pillow(data, name)
    else:
        channels = _tiff_by_opencv(data, page)
    channels = channels if channels.ndim == 3 else channels[..., None]
    if channels.shape[2] > 4:
        raise ImageError(f"{name}: expected 1 to 4 channels, got {channels.shape[2]}; split it first")
    if depth in ("float16", "float64"):
        notes += (f"{depth} is read as float32",)
        channels = channels.astype(np.float32)
    top = channels.dtype.type(_TOP[channels.dtype.name])
    if page.photometric == 0 and depth.startswith("uint"):  # white is zero
        channels = np.concatenate([top - channels[..., :1], channels[..., 1:]], axis=2)
    if channels.shape[2] in (2, 4) and tuple(page.extrasamples) == (1,):
        channels = _unmultiplied(channels)
    return channels.astype(channels.dtype.newbyteorder("="), copy=False), notes


def _is_tifffiles(page: tifffile.TiffPage) -> bool:
    """Whether tifffile decodes it by itself: none, deflate, PackBits, deflate by its old number."""
    return page.compression in (1, 8, 32773, 32946) and page.predictor in (1, 2)


def _unmultiplied(channels: NDArray[Any]) -> NDArray[Any]:
    """Colours divided by alpha: premultiplied files come back as ordinary ones."""
    import numpy as np

    top = _TOP[channels.dtype.name]
    alpha = channels[..., -1:]
    colour = channels[..., :-1].astype(np.float64) * top / np.where(alpha > 0, alpha, top)
    if channels.dtype.kind == "u":
        colour = np.clip(np.rint(colour), 0, top)
    return np.concatenate([colour.astype(channels.dtype), alpha], axis=2)


def _tiff_by_pillow(data: bytes, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """8-bit TIFF of every compression and colour model that libtiff knows."""
    from PIL import ImageFile, TiffImagePlugin

    if data[2:4] in (b"+\0", b"\0+"):
        raise ImageError(f"{name}: expected a plain BigTIFF, got one with a codec or palette; convert it")
    # Pillow turns TIFFs by itself and drops or divides by an extra channel; here all of that comes later.
    image = TiffImagePlugin.TiffImageFile(BytesIO(patched(data, {ORIENTATION: 1, EXTRA_SAMPLES: 2})))
    ImageFile.ImageFile.load_prepare(image)  # the TIFF class measures here, by the limit of the whole process
    image.load()
    return _channels_of(image, name)


def _tiff_by_opencv(data: bytes, page: tifffile.TiffPage) -> NDArray[Any]:
    """16-bit and float TIFF with LZW and the other codecs that tifffile has not."""
    import cv2
    import numpy as np

    log: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging  # OpenCV 4 and 5
    level = log.getLogLevel()
    log.setLogLevel(0)  # what is wrong with the file is said once, by the caller
    try:
        flat = np.frombuffer(patched(data, {ORIENTATION: 1}), np.uint8)
        decoded: Any = cv2.imdecode(flat, cv2.IMREAD_UNCHANGED)
    finally:
        log.setLogLevel(level)
    count = 0 if decoded is None else decoded.shape[2] if decoded.ndim == 3 else 1
    if decoded is None or count != page.samplesperpixel or decoded.dtype != page.dtype:
        raise ValueError(f"{page.bitspersample}-bit pixels with compression {page.compression} not decoded")
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[count]
    channels: NDArray[Any] = (decoded if decoded.ndim == 3 else decoded[..., None])[..., order]
    return channels


def _encode_tiff(picture: Picture) -> bytes:
    """TIFF 6.0 with Deflate strips; written here so that all EXIF tags keep their type and bytes."""
    order: Literal["<", ">"] = ">" if picture.exif[:2] == b"MM" else "<"
    channels = _channels(picture)
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


def _with_size(picture: Picture) -> bytes:
    """The EXIF with its width and height set to the picture's, where it tells them."""
    h, w = picture.size
    return patched(picture.exif, {0x100: w, 0x101: h, 0xA002: w, 0xA003: h}) if picture.exif else b""
