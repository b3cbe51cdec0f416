"""Views of pictures: every depth, transparency, profiles, sizes, and the part that tells most."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from soon import ends_soon

from restore import images
from restore.cli.report_views import PART, SIDE, views_of
from restore.images import Picture
from restore.images.views import fitted_size, gain_of, telling_part, view


def ramp(kind: str, top: float) -> np.ndarray:
    return np.repeat(np.linspace(0, top, 64)[None, :, None], 3, axis=2).repeat(16, axis=0).astype(kind)


@pytest.mark.parametrize(("kind", "top"), [("uint8", 255), ("uint16", 65535), ("float32", 1)])
def test_every_depth_looks_the_same(kind: str, top: float) -> None:
    shown = view(Picture(ramp(kind, top)), (4, 16)).astype(int)
    assert abs(shown[0, :, 0] - np.linspace(6, 249, 16)).max() < 3
    assert gain_of(Picture(ramp(kind, top))) == 1


def test_floats_outside_their_range_and_none_at_all() -> None:
    pixels = np.array([[[-3.0] * 3, [np.nan] * 3, [np.inf] * 3, [0.5] * 3]], np.float32)
    assert view(Picture(pixels))[0, :, 0].tolist() == [0, 0, 255, 128]


def test_twelve_bits_in_sixteen_are_shown_brighter_alike() -> None:
    before, after = Picture(ramp("uint16", 4095)), Picture(ramp("uint16", 2048))
    found = views_of(before, after)
    assert found.gain == gain_of(before) > 10  # the smaller one of both
    with Image.open(BytesIO(found.part)) as both:
        levels = np.asarray(both)[8, :, 0].astype(int)
    assert levels[63] > 220 and 100 < levels[127] < 130


def test_transparency_shows_squares_and_nothing_that_is_hidden() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, :32] = (0, 255, 0)  # hidden
    alpha = np.full((64, 64), 255, np.uint8)
    alpha[:, :32] = 0
    shown = view(Picture(pixels, alpha=alpha), (16, 16))
    assert (shown[:, :6, 0] == shown[:, :6, 1]).all() and set(shown[:, :6, 0].ravel()) == {204, 230}
    assert (shown[:, 10:] == 0).all()


def test_a_profile_is_followed_and_a_broken_one_is_not() -> None:
    """Pixels of a linear gray, and of a wide space, in sRGB; noise in place of a profile changes nothing."""
    gray = Picture(np.full((8, 8, 3), 99, np.uint8), gray=True, icc=gray_profile())
    plain = view(Picture(np.full((8, 8, 3), 99, np.uint8)))
    assert view(gray)[0, 0].tolist() != [99] * 3 and np.ptp(view(gray)) == 0
    assert (view(Picture(gray.pixels, icc=gray.icc)) == plain).all()  # a profile of gray in RGB
    assert (view(Picture(gray.pixels, icc=b"no profile" * 40)) == plain).all()
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red = Picture(np.full((8, 8, 3), (200, 40, 90), np.uint8), icc=srgb)
    assert abs(view(red)[0, 0].astype(int) - (200, 40, 90)).max() <= 1


def gray_profile() -> bytes:
    """Gray with a curve of 1.0, as ICC.1:2010 has it: header, three tags."""

    def tagged(kind: bytes, body: bytes) -> bytes:
        return kind + bytes(4) + body

    white = tagged(b"XYZ ", b"".join(round(v * 65536).to_bytes(4, "big") for v in (0.9642, 1, 0.8249)))
    text = tagged(b"desc", (2).to_bytes(4, "big") + b"g\0" + bytes(4 + 4 + 2 + 1 + 67))
    tags = {b"wtpt": white, b"kTRC": tagged(b"curv", bytes(4)), b"desc": text + bytes(-len(text) % 4)}
    at, table, data = 128 + 4 + 12 * len(tags), len(tags).to_bytes(4, "big"), b""
    for name, body in tags.items():
        table += name + (at + len(data)).to_bytes(4, "big") + len(body).to_bytes(4, "big")
        data += body
    head = (at + len(data)).to_bytes(4, "big") + bytes(4) + b"\2\x20\0\0mntrGRAYXYZ " + bytes(12) + b"acsp"
    head += bytes(28) + white[8:]
    return head.ljust(128, b"\0") + table + data


@pytest.mark.parametrize("size", [(1, 1), (1, 9000), (3000, 2), (7, 5), (700, 900)])
def test_sizes_of_all_kinds(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    found = views_of(Picture(noise), Picture(255 - noise))
    with Image.open(BytesIO(found.small)) as small, Image.open(BytesIO(found.part)) as part:
        h, w = fitted_size(size, SIDE)
        assert small.size == (2 * w, h)
        assert part.size == (2 * min(size[1], PART[1]), min(size[0], PART[0]))


def test_a_large_picture_is_made_small_in_no_time() -> None:
    pixels = np.zeros((6000, 4000, 3), np.uint8)
    pixels[:, 2000:] = 255
    with ends_soon():
        found = views_of(Picture(pixels), Picture(pixels))
    with Image.open(BytesIO(found.small)) as small:
        levels = np.asarray(small)[:, :, 0]
    assert (levels[:, :90] < 8).all() and (levels[:, 104:190] > 247).all()


@pytest.mark.parametrize("scale", [2, 3.5])
def test_a_larger_result_shows_the_same_part_before(scale: float) -> None:
    small = np.random.default_rng(1).integers(0, 256, (300, 400, 3), np.uint8)
    size = (round(400 * scale), round(300 * scale))
    large = np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))
    found = views_of(Picture(small), Picture(large))
    with Image.open(BytesIO(found.part)) as part:
        both = np.asarray(part).astype(float)
    before, after = both[:, : PART[1]], both[:, PART[1] :]
    assert both.shape == (PART[0], 2 * PART[1], 3)
    # A shift by a pixel would cost far more.
    assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.9


def test_the_part_is_where_something_was_done() -> None:
    rng = np.random.default_rng(2)
    before = np.full((900, 1200, 3), 120, np.uint8)
    before[500:800, 700:1100] = rng.integers(0, 256, (300, 400, 3))  # detail
    after = before.copy()
    after[600:640, 900:960] = 255
    top, left, h, w = telling_part(Picture(before), Picture(after), (200, 300))
    assert (h, w) == (200, 300) and top <= 600 and left <= 900 and top + h >= 640 and left + w >= 960
    same = telling_part(Picture(before), Picture(before), (200, 300))
    assert 400 <= same[0] <= 700 and 600 <= same[1] <= 900  # unchanged: where there is something to see


def test_a_view_of_a_file(tmp_path: object) -> None:
    picture = images.decode(images.encode(Picture(ramp("uint16", 65535)), "tiff"), name="a.tif")
    assert view(picture).dtype == np.uint8
