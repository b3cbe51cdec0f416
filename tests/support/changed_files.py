"""What decoding makes of files that are cut short, or have some other bytes."""

from __future__ import annotations

import numpy as np
import pytest

from restore.errors import ImageError
from restore.images import decode


def check_cut_short(data: bytes, *, start: int, step: int) -> None:
    """Nothing can be read of the first bytes of a file, from a number of them on."""
    for size in range(start, len(data), step):
        for damaged in (False, True):
            with pytest.raises(ImageError, match="expected"):
                decode(data[:size], name="cut", damaged=damaged)


def check_changed(data: bytes, *, start: int) -> None:
    """Files of which four bytes are others give a picture, or an error of one line; start: what stays."""
    rng = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(start, len(data), 4):
            broken[at] = rng.integers(256)
        try:
            assert decode(bytes(broken), name="broken").pixels.size
        except ImageError as error:
            assert "\n" not in str(error)
