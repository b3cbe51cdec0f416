"""Channels of a TIFF that are neither colour nor alpha keep their numbers and their meaning."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from picture_files import H, W, message_for, random_samples, seen

from restore.images import Picture, decode, encode, lossy_notes, read, read_mask, write
from restore.images.picture import meanings_of


def stored(path: Path) -> tuple[np.ndarray, tuple[int, ...], int]:
    """Channels, meanings and photometric of a TIFF by other people's code."""
    with tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        return tif.asarray(), tuple(map(int, page.extrasamples)), int(page.photometric)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize(
    ("photometric", "meanings"),
    [
        ("minisblack", (0,)),
        ("minisblack", (0, 0)),
        ("minisblack", (0, 2, 0)),
        ("rgb", (0,)),
        ("rgb", (2, 0)),
        ("rgb", (0, 2)),
        ("rgb", (0, 0, 0)),
    ],
)
def test_channels_come_back_as_they_were(
    tmp_path: Path, dtype: str, planar: str, photometric: str, meanings: tuple[int, ...]
) -> None:
    count = (3 if photometric == "rgb" else 1) + len(meanings)
    channels = random_samples((H, W, count), dtype)
    data = channels if planar == "contig" else channels.transpose(2, 0, 1)
    source, result = tmp_path / "in.tif", tmp_path / "out.tif"
    tifffile.imwrite(source, data, photometric=photometric, planarconfig=planar, extrasamples=meanings)
    picture = read(source)
    assert picture.extra is not None and picture.extra.shape == (H, W, meanings.count(0))
    assert (picture.alpha is None) == (2 not in meanings)
    assert picture.gray == (photometric == "minisblack")
    assert lossy_notes(result, picture) == []
    write(result, picture)
    found, kept, _ = stored(result)
    np.testing.assert_array_equal(found, channels, strict=True)
    assert kept == meanings


def test_two_channels_of_which_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    channels = random_samples((H, W, 2), "uint16")
    tifffile.imwrite(path, channels, photometric="minisblack", planarconfig="contig", extrasamples=[0])
    with tifffile.TiffFile(path, mode="r+") as tif:
        place = tif.pages.first.tags["ExtraSamples"].offset
    data = bytearray(path.read_bytes())
    data[place : place + 2] = (340).to_bytes(2, "little")
    picture = decode(bytes(data), name="memory")
    assert picture.alpha is None and picture.extra is not None
    np.testing.assert_array_equal(picture.extra[..., 0], channels[..., 1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_extra_channels_are_turned_with_the_rest(tmp_path: Path, orientation: int) -> None:
    channels = random_samples((H, W, 4), "uint16")
    tags = [(0x0112, 3, 1, orientation, True)]
    tifffile.imwrite(tmp_path / "in.tif", channels, photometric="rgb", extrasamples=[0], extratags=tags)
    picture = read(tmp_path / "in.tif")
    assert picture.extra is not None
    np.testing.assert_array_equal(picture.extra[..., 0], seen(channels[..., 3], orientation))
    np.testing.assert_array_equal(picture.pixels, seen(channels[..., :3], orientation))


def test_premultiplied_colours_are_divided_by_alpha_alone(tmp_path: Path) -> None:
    channels = np.array([[[100, 50, 0, 7, 128], [0, 0, 0, 9, 0]]], np.uint8)
    tifffile.imwrite(
        tmp_path / "in.tif", channels, photometric="rgb", planarconfig="contig", extrasamples=[0, 1]
    )
    picture = read(tmp_path / "in.tif")
    assert picture.pixels.tolist() == [[[199, 100, 0], [0, 0, 0]]]
    assert picture.alpha is not None and picture.alpha.tolist() == [[128, 0]]
    assert picture.extra is not None and picture.extra[..., 0].tolist() == [[7, 9]]
    write(tmp_path / "out.tif", picture)
    assert stored(tmp_path / "out.tif")[1] == (0, 2)


def test_white_is_zero_for_the_gray_channel_alone(tmp_path: Path) -> None:
    channels = random_samples((H, W, 2))
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, channels, photometric="miniswhite", planarconfig="contig", extrasamples=[0])
    picture = read(path)
    np.testing.assert_array_equal(picture.pixels[..., 0], 255 - channels[..., 0])
    assert picture.extra is not None
    np.testing.assert_array_equal(picture.extra[..., 0], channels[..., 1])


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "bmp"])
def test_other_formats_have_no_room_and_say_so(kind: str) -> None:
    pixels = random_samples((H, W, 3))
    picture = Picture(pixels, extra=pixels[..., :1].copy(), meanings=(0,))
    notes = lossy_notes(f"a.{kind}", picture)
    assert len(notes) == 1 and "extra channel is dropped" in notes[0]
    again = decode(encode(picture, kind), name="memory")
    assert again.alpha is None and again.extra is None


def test_a_mask_is_not_taken_from_an_extra_channel(tmp_path: Path) -> None:
    channels = np.zeros((4, 6, 4), np.uint8)
    channels[..., :3], channels[:2, :, 3] = 255, 255
    tifffile.imwrite(tmp_path / "mask.tif", channels, photometric="rgb", extrasamples=[0])
    assert read_mask(tmp_path / "mask.tif").white.all()


def test_extra_channels_with_codecs_that_lose_them_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "in.tif"
    tifffile.imwrite(path, random_samples((H, W, 5)), photometric="rgb", extrasamples=[2, 0])
    data = path.read_bytes()
    tag = b"\x03\x01\x03\x00\x01\x00\x00\x00\x01\x00"
    assert data.count(tag) == 1
    path.write_bytes(data.replace(tag, tag[:-2] + b"\x05\x00"))
    assert "save it uncompressed or with Deflate first" in message_for(path)


def test_values_that_are_not_numbers_in_an_extra_channel(tmp_path: Path) -> None:
    extra = np.full((4, 6, 1), np.nan, np.float32)
    write(tmp_path / "a.tif", Picture(np.zeros((4, 6, 3), np.float32), extra=extra, format="tiff"))
    found = read(tmp_path / "a.tif").extra
    assert found is not None and np.isnan(found).all()


def test_extra_of_another_shape_or_depth_is_a_mistake() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    with pytest.raises(ValueError, match="extra must be"):
        Picture(pixels, extra=np.zeros((4, 6), np.uint8))
    with pytest.raises(TypeError, match="extra must be uint8"):
        Picture(pixels, extra=np.zeros((4, 6, 1), np.uint16))
    larger = Picture(pixels, extra=pixels[..., :1]).with_pixels(np.zeros((8, 12, 3), np.uint8))
    assert larger.extra is None


def test_meanings_that_do_not_fit_are_not_written() -> None:
    gray = np.zeros((4, 6), np.uint8)
    picture = Picture(np.dstack([gray] * 3), extra=np.dstack([gray, gray]), meanings=(2, 0))
    assert meanings_of(picture) == (0, 0)
