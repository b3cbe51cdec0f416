"""How many bits a file has for each number, from its head alone."""

from __future__ import annotations

import struct
from io import BytesIO

from restore.errors import ImageError
from restore.images.formats import HEIF_KINDS, sniffed
from restore.images.heif_coding import coding_of
from restore.images.isobmff import heif_in
from restore.images.jxl_head import jxl_head
from restore.images.tiff_tags import page

PALETTE = 3  # in PNG and in TIFF


def stored_bits(data: bytes) -> int:
    """Give the bits of each number in a picture file, as they are stored.

    A palette counts as 8: its colours have that many.

    Parameters
    ----------
    data : the bytes of the file.

    Returns
    -------
    int
        1 to 64; 0 for what is no picture, or damaged.

    Examples
    --------
    >>> import numpy as np
    >>> from restore.images import Picture, encode
    >>> [stored_bits(encode(Picture(np.zeros((4, 6, 3), kind)), "tiff")) for kind in ("uint8", "float32")]
    [8, 32]
    """
    try:
        kind = sniffed(data, "")
        if kind == "png":
            return 8 if data[25] == PALETTE else data[24]
        if kind == "bmp":
            return 5 if struct.unpack_from("<H", data, 28)[0] == 16 else 8
        if kind == "tiff":
            own = page(data, 0)[0]
            return 8 if own.number(262, 1) == PALETTE else max(own.numbers(258), default=1)
        if kind in HEIF_KINDS:
            return coding_of(heif_in(BytesIO(data))).bits
        if kind == "jxl":
            return jxl_head(BytesIO(data)).bits
    except (ImageError, ValueError, struct.error, IndexError):
        return 0
    return 8  # JPEG and WebP
