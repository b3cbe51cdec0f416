"""Metadata of pictures that their decoder has turned upright already."""

from __future__ import annotations

import re
import struct
from contextlib import suppress

from restore.images.exif import ORIENTATION, patched


def upright_exif(exif: bytes) -> bytes:
    """The same EXIF with orientation 1; as it is where it is damaged, which `restore.images.decode` says."""
    with suppress(KeyError, ValueError, struct.error):
        return patched(exif, {ORIENTATION: 1}) if exif else b""
    return exif


def upright_xmp(xmp: bytes) -> bytes:
    """The same XMP with orientation 1.

    Examples
    --------
    >>> upright_xmp(b'<x tiff:Orientation="6"/>')
    b'<x tiff:Orientation="1"/>'
    """
    return re.sub(rb'(tiff:Orientation(?:\s*=\s*["\']|>))[2-8]', rb"\g<1>1", xmp)
