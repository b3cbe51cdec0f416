"""16-bit PNG."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from picture_files import SRGB, XMP, H, W, intact_file, message_for, png_by_hand, random_samples

from restore.images import png_reader
from restore.images.reader import decode, read


@pytest.mark.parametrize("count", [1, 3])
def test_colour_key_of_a_16_bit_png_becomes_alpha(tmp_path: Path, count: int) -> None:
    channels = random_samples((H, W, count), "uint16")
    key = channels[5, 6].astype(">u2").tobytes()
    path = tmp_path / "in.png"
    path.write_bytes(png_by_hand(channels, (b"tRNS", key)))
    picture = read(path)
    assert picture.alpha is not None and picture.alpha.dtype == np.uint16
    assert picture.alpha[5, 6] == 0 and int((picture.alpha == 65535).sum()) == H * W - 1
    np.testing.assert_array_equal(picture.pixels, channels if count == 3 else channels[..., [0, 0, 0]])


def test_a_damaged_png_chunk(tmp_path: Path) -> None:
    path, data = tmp_path / "a.png", bytearray(intact_file("png16"))
    data[data.index(b"IDAT") + 10] ^= 1
    path.write_bytes(data)
    assert "the b'IDAT' chunk at byte 33 is damaged" in message_for(path)


def test_only_the_first_profile_and_xmp_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of many, each of which becomes 60 MB, would take a minute."""
    head = b"XML:com.adobe.xmp\0\1\0\0\0"
    bomb = zlib.compress(bytes(10_000))
    parts = [(b"iCCP", b"ICC\0\0" + zlib.compress(SRGB)), (b"iTXt", head + zlib.compress(XMP))]
    parts += [(b"iCCP", b"ICC\0\0" + bomb), (b"iTXt", head + bomb)] * 20
    times = []
    whole = png_reader._inflated
    monkeypatch.setattr(png_reader, "_inflated", lambda packed: times.append(1) or whole(packed))
    picture = decode(png_by_hand(random_samples((9, 7, 3)), *parts), name="x")
    assert (picture.icc, picture.xmp, picture.notes, len(times)) == (SRGB, XMP, (), 2)
