"""Write pictures: encode, verify, rename."""

from __future__ import annotations

import errno
import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from restore.errors import ImageError, OutputError
from restore.images.formats import FORMATS, fitted, kind_of
from restore.images.picture import TOP, Picture
from restore.images.pillow import encode_bmp, encode_with_pillow
from restore.images.png import encode_png
from restore.images.reader import decode
from restore.images.temporary import temporary_beside
from restore.images.tiff import encode_tiff


def write(path: str | Path, picture: Picture, *, overwrite: bool = False) -> None:
    """Write a picture in the format that the suffix of ``path`` names, all of it or nothing.

    The bytes go to a temporary file in the same folder, are flushed to the disk, read back, decoded and
    compared (JPEG: only the size), and only then get their name.

    Parameters
    ----------
    path : the file to write.
    picture : what it will hold; `lossy_notes` tells what the format cannot keep.
    overwrite : whether a file that is already there, or appears meanwhile, is replaced. A link stays, and the
        file it points to is replaced.

    Raises
    ------
    OutputError
        Where that cannot be done; then no file is left behind.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(Path(folder, "black.png"), Picture(np.zeros((4, 6, 3), np.uint8)))
    ...     [path.name for path in Path(folder).iterdir()]
    ['black.png']
    """
    path = Path(path)
    check_target(path, picture.size, overwrite=overwrite)
    stored, data = _encoded(picture, kind_of(path), str(path))
    write_bytes(path, data, overwrite=overwrite, check=lambda there: _verify(there, stored, str(path)))


def check_target(path: Path, size: tuple[int, int], *, overwrite: bool = False) -> None:
    """Refuse to write a picture to a file, as far as that can be known before there is one.

    Parameters
    ----------
    path : the file.
    size : of the picture, (h, w).
    overwrite : as for `write`.

    Raises
    ------
    OutputError
        For a name of no format, or too long, a folder, a file that is there, a size that the format cannot
        hold.
    """
    kind = kind_of(path)
    if path.is_dir():
        raise OutputError(f"{path}: expected a file name, got a folder; add a name, as {path / 'out.png'}")
    if not overwrite and (path.exists() or path.is_symlink()):
        raise _exists(path)
    try:
        path.lstat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise OutputError(_why_not(path, error)) from error
    if path.is_symlink() and not path.resolve().parent.is_dir():
        raise OutputError(
            f"{path}: is a link into a folder that does not exist; create that, or remove the link"
        )
    check_side(kind, size, str(path))


def check_side(kind: str, size: tuple[int, int], name: str) -> None:
    """Raise OutputError for a size (h, w) that a format cannot hold; name: in the message."""
    h, w = size
    if max(h, w) > FORMATS[kind].side:
        limit = f"{FORMATS[kind].name} ends at {FORMATS[kind].side} pixels a side"
        raise OutputError(f"{name}: {limit}, got {w}x{h} (w x h); write .png or .tif")


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
    path = Path(path)
    target = path.resolve() if overwrite else path  # through a link, the file it points to is replaced
    try:
        with temporary_beside(target) as temporary:
            _write_out(temporary, data)
            if check is not None:
                check(temporary)
            _publish(temporary, target, overwrite=overwrite)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise OutputError(_why_not(path, error)) from error


def encode(picture: Picture, format: str) -> bytes:
    """Encode a picture to the bytes that `write` would write.

    Parameters
    ----------
    picture : what to encode.
    format : png, jpeg, tiff, webp or bmp.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        For another format.
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
    return _encoded(picture, format, f"{format} output")[1]


def _exists(path: Path) -> OutputError:
    return OutputError(f"{path}: the file is already there; choose another name or pass --overwrite")


def _why_not(path: Path, error: OSError) -> str:
    """What went wrong with a file, and what to do about it."""
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
        full = np.full(stored.size, TOP[stored.pixels.dtype.name], stored.pixels.dtype)
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
    check_side(kind, picture.size, name)
    stored, _ = fitted(picture, kind)
    encoders = {"png": encode_png, "tiff": encode_tiff, "bmp": encode_bmp}
    try:
        return stored, encoders.get(kind, encode_with_pillow)(stored)
    except (OSError, ValueError, struct.error) as error:
        raise OutputError(f"{name}: cannot encode as {FORMATS[kind].name} ({error}); try .png") from error
