"""Write pictures: encode, verify, rename."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from restore.errors import ImageError, OutputError
from restore.images.avif import encode_avif
from restore.images.extras import lacking
from restore.images.formats import FORMATS, HEIF_KINDS, LOSSLESS, check_side, fitted, kind_of
from restore.images.gif import encode_gif
from restore.images.heif import encode_heic
from restore.images.jxl import encode_jxl
from restore.images.paths import is_empty, name_problem, short_path
from restore.images.picture import TOP, Picture, meanings_of
from restore.images.pillow import encode_bmp, encode_with_pillow
from restore.images.png import encode_png
from restore.images.publishing import already_there, check_place, publish, sweep_once
from restore.images.reader import decode
from restore.images.temporary import temporary_beside
from restore.images.tiff_encoder import encode_tiff
from restore.turns import waiting


def write(
    path: str | Path,
    picture: Picture,
    *,
    overwrite: bool = False,
    quality: int | None = None,
    before: Callable[[Path], None] | None = None,
) -> None:
    """Write a picture in the format that the suffix of ``path`` names, all of it or nothing.

    The bytes go to a temporary file in the same folder, are flushed to the disk, read back, decoded and
    compared (of what is lossy only the size), and only then get their name.

    Parameters
    ----------
    path : the file to write.
    picture : what it will hold; `lossy_notes` tells what the format cannot keep.
    overwrite : whether a file that is already there, or appears meanwhile, is replaced. A link stays, and the
        file it points to is replaced. A file of several pages never is, for only one would be left. An empty
        file (0 bytes) counts as none.
    quality : of JPEG, WebP, HEIC, AVIF and JPEG XL, 1 to 100; None is 95 for JPEG, 70 for HEIC, 92 for
        AVIF, and 100 for WebP and JPEG XL, which then keep every number.
    before : called with the path of the temporary file when all is well with it, before it gets its name;
        what it raises ends the writing.

    Raises
    ------
    AlreadyThereError
        Where a file is there already (without ``overwrite``).
    OutputError
        Where it cannot be written; then no file is left behind.
    ValueError
        For a quality out of range, or of a format that has none.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "black.png"), Picture(np.zeros((4, 6, 3), np.uint8)))
    ...     [path.name for path in Path(folder).iterdir()]
    ['black.png']
    """
    check_place(path, overwrite=overwrite)
    path = Path(path)
    stored, data = _encoded(picture, kind_of(path), str(path), quality)
    lossy = _is_lossy(stored.format, quality)

    def check(there: Path) -> None:
        _verify(there, stored, str(path), lossy=lossy)
        if before is not None:
            before(there)

    write_bytes(path, data, overwrite=overwrite, check=check)


def write_bytes(
    path: str | Path, data: bytes, *, overwrite: bool = False, check: Callable[[Path], None] | None = None
) -> None:
    """Write a file, all of it or nothing: to a temporary file beside it, checked, then renamed.

    Parameters
    ----------
    path : the file to write.
    data : what it will hold.
    overwrite : whether a file that is already there is replaced.
    check : called with the path of the temporary file; what it raises ends the writing.

    Raises
    ------
    OutputError
        Where the file is already there (without ``overwrite``) or cannot be written.
    """
    with written(path, overwrite=overwrite) as temporary:
        _write_out(temporary, data)
        if check is not None:
            check(temporary)


@contextmanager
def written(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give the name of a new file, which is renamed to ``path`` in the end, if it is there.

    Parameters
    ----------
    path : the file to write.
    overwrite : whether a file that is already there is replaced.

    Raises
    ------
    OutputError
        As `write_bytes`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with written(Path(folder, "note.txt")) as temporary:
    ...         count = temporary.write_text("all of it")
    ...     Path(folder, "note.txt").read_text()
    'all of it'
    """
    if problem := name_problem(path):
        raise OutputError(f"{short_path(path)}: {problem}")
    path = Path(path)
    # Through a link, the file it points to is replaced.
    target = Path(os.path.realpath(path)) if overwrite or is_empty(path) else path
    sweep_once(target.parent)
    try:
        with temporary_beside(target) as temporary:
            yield temporary
            if temporary.exists():
                publish(temporary, target, overwrite=overwrite)
    except FileExistsError as error:
        raise already_there(path) from error
    except OSError as error:
        raise OutputError(told_disk(path, error)) from error


def encode(picture: Picture, format: str, *, quality: int | None = None) -> bytes:
    """Encode a picture to the bytes that `write` would write.

    Parameters
    ----------
    picture : what to encode.
    format : png, jpeg, tiff, webp, bmp, heic, avif, jxl or gif.
    quality : as `write` takes it.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        For another format, and for a quality as `write` does.
    OutputError
        For a picture that the format cannot hold.

    Examples
    --------
    >>> import numpy as np
    >>> encode(Picture(np.zeros((4, 6, 3), np.uint8)), "png")[1:4]
    b'PNG'
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    return _encoded(picture, format, f"{format} output", quality)[1]


@contextmanager
def telling_disk(name: str | Path) -> Iterator[None]:
    """Raise what goes wrong with a file that is written as OutputError.

    Parameters
    ----------
    name : of the file.

    Examples
    --------
    >>> with telling_disk("a.tif"):
    ...     pass
    """
    try:
        yield
    except OSError as error:
        raise OutputError(told_disk(Path(name), error)) from error


def told_disk(path: Path, error: OSError) -> str:
    """What went wrong with writing a file, and what to do about it."""
    hints = {
        errno.ENOENT: "create the folder first",
        errno.ENOTDIR: "choose another folder",
        errno.ENAMETOOLONG: "choose a shorter name",
        errno.ENOSPC: "free some space or write elsewhere",
        errno.EDQUOT: "free some space or write elsewhere",
    }
    reason = error.strerror or str(error)
    if error.errno == errno.ENOENT:
        reason = f"folder {path.parent} does not exist"
    hint = hints.get(error.errno or 0, "choose a folder that can be written to")
    return f"{path}: cannot write ({reason}); {hint}"


def _write_out(temporary: Path, data: bytes) -> None:
    """Write a new file, down to the disk."""
    with temporary.open("xb") as file:
        file.write(data)
        file.flush()
        with waiting():
            os.fsync(file.fileno())


def _verify(temporary: Path, stored: Picture, name: str, *, lossy: bool) -> None:
    """Decode what is on the disk and compare with what was to be stored."""
    try:
        again = decode(temporary.read_bytes(), name=name)
    except ImageError as error:
        raise OutputError(
            f"{name}: what was written cannot be read back, nothing is kept ({error})"
        ) from error
    if not same_stored(again, stored, stored.format, lossy=lossy):
        raise OutputError(f"{name}: what was written reads back wrong, nothing is kept; check the disk")


def same_stored(again: Picture, picture: Picture, kind: str, *, lossy: bool | None = None) -> bool:
    """Whether a picture that was read again is what was written; of what is lossy only the size is compared.

    Parameters
    ----------
    again : what was read.
    picture : what was written.
    kind : the format.
    lossy : whether numbers were lost; None is yes for JPEG, HEIC, AVIF and GIF.
    """
    import numpy as np

    stored, _ = fitted(picture, kind) if picture.format != kind else (picture, [])
    same = again.pixels.shape == stored.pixels.shape and again.pixels.dtype == stored.pixels.dtype
    if same and not (_is_lossy(kind, None) if lossy is None else lossy):
        full = np.full(stored.size, TOP[stored.pixels.dtype.name], stored.pixels.dtype)
        sent, came = (full if p.alpha is None else p.alpha for p in (stored, again))
        same = np.array_equal(again.pixels, stored.pixels) and np.array_equal(sent, came)
        same = same and _same_extra(again, stored)
    return same


def _same_extra(one: Picture, other: Picture) -> bool:
    """Whether two pictures have the same extra channels, bit for bit, which may hold NaN."""
    import numpy as np

    if one.extra is None or other.extra is None:
        return one.extra is other.extra
    bits = f"u{one.extra.itemsize}"
    same = one.extra.dtype == other.extra.dtype and meanings_of(one) == meanings_of(other)
    return same and np.array_equal(one.extra.view(bits), other.extra.view(bits))


def _is_lossy(kind: str, quality: int | None) -> bool:
    """Whether a file of this format and quality holds other numbers than it was given."""
    always = kind in ("jpeg", "gif", *HEIF_KINDS)
    return always or (kind in ("webp", "jxl") and quality not in (None, LOSSLESS))


def _check_quality(kind: str, quality: int | None) -> None:
    if quality is None:
        return
    if not FORMATS[kind].lossy:
        able = ", ".join(form.name for form in FORMATS.values() if form.lossy)
        raise ValueError(f"quality is for {able}; {FORMATS[kind].name} has none; leave it out")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is 1 to 100, got {quality}")


def _encoded(picture: Picture, kind: str, name: str, quality: int | None) -> tuple[Picture, bytes]:
    """What the file will hold, and its bytes."""
    _check_quality(kind, quality)
    check_side(kind, picture.size, name)
    stored, _ = fitted(picture, kind)
    plain = {"png": encode_png, "tiff": encode_tiff, "bmp": encode_bmp, "gif": encode_gif}
    others = {"heic": encode_heic, "avif": encode_avif, "jxl": encode_jxl}
    if problem := lacking(kind):
        raise OutputError(f"{name}: {problem}")
    try:
        if kind in plain:
            return stored, plain[kind](stored)
        return stored, others.get(kind, encode_with_pillow)(stored, quality)
    except (MemoryError, OutputError):
        raise
    except Exception as error:  # encoders raise anything for odd metadata
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OutputError(f"{name}: cannot encode as {FORMATS[kind].name} ({reason}); try .png") from error
