"""Open a file of several pictures: which of the readers it needs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from restore.images.animation import Animation, GifAnimation, PngAnimation, WebPAnimation
from restore.images.documents import Document
from restore.images.gif import is_gif
from restore.images.page_count import page_count
from restore.images.paths import FILE, what_is
from restore.images.tiff_document import TiffDocument

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_HEAD = 1024  # bytes in which %PDF- may stand, as readers of PDF take it


def open_document(path: Path, *, name: str = "") -> Document | None:
    """Open a file of several pictures.

    Parameters
    ----------
    path : the file.
    name : what messages call it; empty for its path.

    Returns
    -------
    Document or None
        None for a file of one picture, for what is no picture, and for what cannot be opened: reading it as
        one picture tells what is wrong.

    Raises
    ------
    ImageError
        For a document that is encrypted, damaged as a whole, or needs a package that is not there.

    Examples
    --------
    >>> print(open_document(Path("missing.tif")))
    None
    """
    name = name or str(path)
    if what_is(path) != FILE:  # reading the others might never end
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    if b"%PDF-" in head:
        found: Document = import_module("restore.images.pdf").open_pdf(path, name)
        return found
    if head[:4] in _TIFF:
        return _several(path, name, TiffDocument)
    kind = _animation(head)
    if kind is None or page_count(path) < 2:
        return None
    return _several(path, name, kind)


def _animation(head: bytes) -> type[Animation] | None:
    """Which kind of animation a file can be by its start."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngAnimation
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WebPAnimation
    return GifAnimation if is_gif(head) else None


def _several(path: Path, name: str, kind: Callable[[Path, str], Document]) -> Document | None:
    """Open a document; None where it has one picture, or is too damaged to tell."""
    try:
        document = kind(path, name)
    except (OSError, ValueError):
        return None
    if document.pages > 1:
        return document
    document.close()
    return None
