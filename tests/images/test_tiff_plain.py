"""Codecs of other libraries: separate planes, BigTIFF, and codecs that none of them has."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from restore.errors import ImageError
from restore.images import read
from restore.images.exif import directory
from restore.images.tiff_encoder import header
from restore.images.tiff_tags import Layout

LZW = 5


def lzw(data: bytes) -> bytes:
    """Encode as LZW without gain: literals of 9 bits, and the table cleared before it needs more."""
    codes = []
    for start in range(0, len(data), 250):
        codes += [256, *data[start : start + 250]]
    bits = "".join(f"{code:09b}" for code in (*codes, 257))
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def tiff(
    path: Path, pixels: NDArray[np.generic], order: str, *, big: bool, apart: bool, codec: int = LZW
) -> Path:
    """Write a TIFF of two strips, or of two for each plane."""
    form, (h, w, count) = Layout(order, big), pixels.shape
    stored = pixels.astype(pixels.dtype.newbyteorder("<" if order == "<" else ">"))
    planes = [stored[..., k] for k in range(count)] if apart else [stored]
    strips = [lzw(plane[y : y + h // 2].tobytes()) for plane in planes for y in (0, h // 2)]
    body, places = header(form, 0).ljust(16, b"\0"), []
    for strip in strips:
        places.append(len(body))
        body += strip + bytes(len(strip) % 2)
    numbers = {256: [w], 257: [h], 278: [h // 2], 273: places, 279: [len(strip) for strip in strips]}
    short = {258: [8 * pixels.itemsize] * count, 259: [codec], 262: [2], 277: [count], 284: [1 + apart]}
    kind, letter = (16, "Q") if big else (4, "I")
    fields = {tag: (kind, len(v), struct.pack(f"{order}{len(v)}{letter}", *v)) for tag, v in numbers.items()}
    fields |= {tag: (3, len(v), struct.pack(f"{order}{len(v)}H", *v)) for tag, v in short.items()}
    path.write_bytes(
        header(form, len(body)) + body[len(header(form, 0)) :] + directory(fields, form, len(body))
    )
    return path


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_compressed_planes_and_large_files_are_read(
    tmp_path: Path, order: str, big: bool, apart: bool, depth: type[np.generic]
) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(depth).max, (12, 10, 3)).astype(depth)
    found = read(tiff(tmp_path / "a.tif", pixels, order, big=big, apart=apart))
    np.testing.assert_array_equal(found.pixels, pixels)


@pytest.mark.parametrize(("depth", "codec"), [(np.uint8, 34712), (np.uint16, 34712), (np.uint16, 50000)])
def test_a_codec_that_is_not_read_is_no_damage(tmp_path: Path, depth: type[np.generic], codec: int) -> None:
    path = tiff(tmp_path / "a.tif", np.zeros((12, 10, 3), depth), "<", big=False, apart=False, codec=codec)
    with pytest.raises(ImageError, match=rf"compression {codec}.* not read; save it uncompressed") as error:
        read(path)
    assert "damaged" not in str(error.value)
