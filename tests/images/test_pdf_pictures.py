"""Images of PDFs as pictures: every way in which they are stored."""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pdf_files import Array, Dictionary, Name, PdfMaker, pikepdf, rendered, scene

from restore.errors import DamagedError, ImageError
from restore.images import pdf_colours
from restore.images.pdf import open_pdf
from restore.images.pdf_colours import srgb_profile
from restore.images.picture import Picture

H, W = 48, 64
WHITE = Dictionary(WhitePoint=Array([0.9505, 1, 1.089]))


def palette(space: Any, colours: Any) -> Any:
    return Array([Name.Indexed, space, len(colours) - 1, pikepdf.String(colours.tobytes())])


def shown(maker: PdfMaker, image: Any, folder: Path, *, damaged: bool = False) -> Picture:
    """The picture of a page that shows one image."""
    maker.page(image)
    with open_pdf(maker.save(folder / "one.pdf")) as document:
        (part,) = document.parts()
        assert not part.keep, part.keep
        return document.picture(part, damaged=damaged)


def kept(maker: PdfMaker, image: Any, folder: Path) -> str:
    maker.page(image)
    with open_pdf(maker.save(folder / "one.pdf")) as document:
        return " ".join(part.keep for part in document.parts())


@pytest.mark.parametrize("top", [255, 65535])
@pytest.mark.parametrize("count", [1, 3])
def test_samples_come_as_they_are_stored(tmp_path: Path, count: int, top: int) -> None:
    maker, samples = PdfMaker(), scene(H, W, count, top=top)
    picture = shown(maker, maker.flate(samples), tmp_path)
    assert np.array_equal(picture.pixels, np.broadcast_to(samples, (H, W, 3)))
    assert (picture.gray, picture.format, picture.icc) == (count == 1, "png", b"")


@pytest.mark.parametrize("count", [1, 3])
def test_the_profile_of_an_image_is_the_pictures(tmp_path: Path, count: int) -> None:
    maker, icc = PdfMaker(), srgb_profile()
    icc = icc[:16] + b"GRAY" + icc[20:] if count == 1 else icc
    picture = shown(maker, maker.flate(scene(H, W, count), maker.profile(icc, count)), tmp_path)
    assert picture.icc == icc


def test_a_profile_for_other_colours_is_passed_over(tmp_path: Path) -> None:
    maker = PdfMaker()
    picture = shown(maker, maker.flate(scene(H, W, 1), maker.profile(srgb_profile(), 1)), tmp_path)
    assert (picture.icc, picture.gray) == (b"", True)


@pytest.mark.parametrize("family", ["CalGray", "CalRGB"])
def test_calibrated_colours_are_left_as_they_are(tmp_path: Path, family: str) -> None:
    maker, samples = PdfMaker(), scene(H, W, 1 if family == "CalGray" else 3)
    picture = shown(maker, maker.flate(samples, Array([Name("/" + family), WHITE])), tmp_path)
    assert np.array_equal(picture.pixels, np.broadcast_to(samples, (H, W, 3)))


@pytest.mark.parametrize(("bits", "by"), [(2, 85), (4, 17)])
def test_few_bits_become_eight(tmp_path: Path, bits: int, by: int) -> None:
    maker = PdfMaker()
    codes = scene(H, W + 1, 1)[..., 0] >> (8 - bits)
    picture = shown(maker, maker.packed(codes, bits, Name.DeviceGray), tmp_path)
    assert np.array_equal(picture.pixels[..., 0], codes * by)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_palettes_become_their_colours(tmp_path: Path, bits: int) -> None:
    maker, colours = PdfMaker(), scene(1, 2**bits, 3)[0]
    codes = scene(H, W, 1)[..., 0] >> (8 - bits)
    picture = shown(maker, maker.packed(codes, bits, palette(Name.DeviceRGB, colours)), tmp_path)
    assert np.array_equal(picture.pixels, colours[codes]) and not picture.gray


def test_a_palette_may_end_early_and_be_turned_round(tmp_path: Path) -> None:
    maker, codes = PdfMaker(), scene(H, W, 1)[..., 0] >> 4
    short = Array([Name.Indexed, Name.DeviceGray, 15, pikepdf.String(bytes(range(0, 160, 16)))])
    picture = shown(maker, maker.packed(codes, 4, short, Decode=Array([15, 0])), tmp_path)
    table = np.array([*range(0, 160, 16), *[0] * 6])
    assert np.array_equal(picture.pixels[..., 0], table[15 - codes]) and picture.gray


@pytest.mark.parametrize("top", [255, 65535])
def test_inverted_samples_are_turned_back(tmp_path: Path, top: int) -> None:
    maker, samples = PdfMaker(), scene(H, W, 1, top=top)
    picture = shown(maker, maker.flate(samples, Decode=Array([1, 0])), tmp_path)
    assert np.array_equal(picture.pixels[..., 0], top - samples[..., 0])


def test_predictors_and_chains_of_filters_are_undone(tmp_path: Path) -> None:
    maker, samples = PdfMaker(), scene(H, W, 3)
    rows = np.concatenate([np.zeros((H, 1), np.uint8), samples.reshape(H, -1)], axis=1)
    about = Dictionary(Predictor=15, Colors=3, Columns=W, BitsPerComponent=8)
    data = base64.a85encode(zlib.compress(rows.tobytes())) + b"~>"
    image = maker.image(
        data, (H, W), Name.DeviceRGB, Filter=Array([Name.ASCII85Decode, Name.FlateDecode]),
        DecodeParms=Array([Dictionary(), about]),
    )  # fmt: skip
    assert np.array_equal(shown(maker, image, tmp_path).pixels, samples)


@pytest.mark.parametrize("count", [1, 3])
def test_a_jpeg_is_read_as_one(tmp_path: Path, count: int) -> None:
    maker, samples = PdfMaker(), scene(H, W, count)
    picture = shown(maker, maker.jpeg(samples, 83), tmp_path)
    assert picture.format == "jpeg" and picture.coding is not None and picture.coding.quality == 83
    assert np.abs(picture.pixels.astype(int) - samples).mean() < 8


def test_no_page_follows_the_orientation_in_a_jpeg(tmp_path: Path) -> None:
    from PIL import Image

    maker, exif = PdfMaker(), Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a page"
    picture = shown(maker, maker.jpeg(scene(H, W), exif=exif.tobytes()), tmp_path)
    assert picture.size == (H, W) and picture.turned == 1 and b"a page" in picture.exif


def test_a_jpeg_may_stand_behind_another_filter(tmp_path: Path) -> None:
    maker = PdfMaker()
    plain = maker.jpeg(scene(H, W), 90)
    image = maker.image(
        zlib.compress(plain.read_raw_bytes()), (H, W), Name.DeviceRGB,
        Filter=Array([Name.FlateDecode, Name.DCTDecode]),
    )  # fmt: skip
    picture = shown(maker, image, tmp_path)
    assert picture.coding is not None and picture.coding.quality == 90


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("way", ["flate", "jpeg"])
def test_cmyk_becomes_what_pdfium_shows(tmp_path: Path, way: str, inverted: bool) -> None:
    maker = PdfMaker()
    samples = scene(150, 200, 4)
    more = {"Decode": Array([1, 0] * 4)} if inverted else {}
    image = maker.flate(samples, **more) if way == "flate" else maker.jpeg(samples, 95, **more)
    picture = shown(maker, image, tmp_path)
    assert np.abs(picture.pixels.astype(int) - rendered(tmp_path / "one.pdf")).max() <= 2
    assert any("CMYK became sRGB" in note for note in picture.notes)


def test_lab_becomes_srgb(tmp_path: Path) -> None:
    maker = PdfMaker()
    space = Array([Name.Lab, Dictionary(WhitePoint=Array([0.96, 1, 0.82]), Range=Array([-128, 127] * 2))])
    samples = np.full((H, W, 3), 128, np.uint8)
    samples[:, : W // 2, 0] = 255
    picture = shown(maker, maker.flate(samples, space), tmp_path)
    assert picture.pixels[0, 0].tolist() == [255, 255, 255]
    assert picture.pixels[0, -1].tolist() == [119, 119, 119]
    assert picture.notes == ("Lab became sRGB",)


@pytest.mark.parametrize("stated", [False, True])
def test_jpeg_2000_is_read_with_its_colours_or_those_of_the_pdf(tmp_path: Path, stated: bool) -> None:
    maker, samples = PdfMaker(), scene(H, W)
    image = maker.encoded(samples, "JPEG2000", Name.JPXDecode)
    if not stated:
        del image["/ColorSpace"]
    assert np.array_equal(shown(maker, image, tmp_path).pixels, samples)


def _spot() -> Any:
    tint = Dictionary(FunctionType=2, N=1, Domain=Array([0, 1]), C0=Array([1]), C1=Array([0]))
    return Array([Name.Separation, Name.Gold, Name.DeviceGray, tint])


KEPT = {
    "a mask": lambda m: m.packed(scene(H, W, 1)[..., 0] >> 7, 1, None, ImageMask=True),
    "black and white, 1 bit a pixel": lambda m: m.packed(scene(H, W, 1)[..., 0] >> 7, 1, Name.DeviceGray),
    "in the colour space Separation": lambda m: m.flate(scene(H, W, 1), _spot()),
    "in the colour space ICC of Lab": lambda m: m.flate(
        scene(H, W), m.profile(srgb_profile()[:16] + b"Lab " + srgb_profile()[20:], 3)
    ),
    "under 32 pixels on its shorter side": lambda m: m.flate(scene(31, 400)),
    "one of its colours is transparent": lambda m: m.flate(scene(H, W), Mask=Array([0, 9] * 3)),
    "its colours are mixed with those of its soft mask": lambda m: m.flate(
        scene(H, W), SMask=m.flate(scene(H, W, 1), Matte=Array([0, 0, 0]))
    ),
    "CMYK of 16 bits": lambda m: m.flate(scene(H, W, 4, top=65535)),
    "a JPEG of colours that are not YCbCr": lambda m: m.jpeg(
        scene(H, W), DecodeParms=Dictionary(ColorTransform=0)
    ),
    "a JPEG 2000 with its own mask": lambda m: m.encoded(
        scene(H, W), "JPEG2000", Name.JPXDecode, SMaskInData=1
    ),
    "stored by Future": lambda m: m.flate(scene(H, W), Filter=Name.Future),
}


@pytest.mark.parametrize("reason", KEPT)
def test_what_stays_is_named(tmp_path: Path, reason: str) -> None:
    maker = PdfMaker()
    assert kept(maker, KEPT[reason](maker), tmp_path) == reason


@pytest.mark.parametrize(
    ("damage", "told"),
    [("cut", "got 4608|expected 9216 bytes"), ("flipped", "cannot be unpacked"), ("bomb", "far more bytes")],
)
def test_damaged_samples_are_told_and_read_where_that_is_allowed(
    tmp_path: Path, damage: str, told: str
) -> None:
    samples, packer = scene(H, W), zlib.compressobj()
    half = packer.compress(samples[: H // 2].tobytes()) + packer.flush(zlib.Z_FULL_FLUSH)
    data = {
        "cut": zlib.compress(samples[: H // 2].tobytes()),
        "flipped": half + b"\x07" + bytes(100),  # a block of a type that is not there
        "bomb": zlib.compress(bytes(8_000_000)),
    }[damage]
    maker = PdfMaker()
    with pytest.raises(DamagedError, match=told):
        shown(maker, maker.image(data, (H, W), Name.DeviceRGB, Filter=Name.FlateDecode), tmp_path)
    if damage == "bomb":
        return
    maker = PdfMaker()
    image = maker.image(data, (H, W), Name.DeviceRGB, Filter=Name.FlateDecode)
    picture = shown(maker, image, tmp_path, damaged=True)
    assert picture.damage and np.array_equal(picture.pixels[:12], samples[:12])


def test_a_jpeg_that_is_none_or_has_other_colours_is_damaged(tmp_path: Path) -> None:
    maker = PdfMaker()
    with pytest.raises(DamagedError, match="no JPEG"):
        shown(maker, maker.image(b"123", (H, W), Name.DeviceRGB, Filter=Name.DCTDecode), tmp_path)
    maker = PdfMaker()
    with pytest.raises(DamagedError, match="other colours"):
        shown(maker, maker.jpeg(scene(H, W, 1), space=Name.DeviceRGB), tmp_path)


def test_too_large_an_image_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    maker = PdfMaker()
    with pytest.raises(ImageError, match="megapixels"):
        shown(maker, maker.image(b"1", (60_000, 60_000), Name.DeviceRGB), tmp_path)


def test_the_profile_of_srgb_has_no_time_in_it() -> None:
    first = srgb_profile()
    pdf_colours.srgb_profile.cache_clear()
    assert srgb_profile() == first and first[16:20] == b"RGB "


def test_the_record_of_an_earlier_run_comes_with_each_picture(tmp_path: Path) -> None:
    from restore.images import exif

    maker = PdfMaker()
    maker.pdf.docinfo["/restore"] = "restore: []"
    picture = shown(maker, maker.flate(scene(H, W)), tmp_path)
    assert exif.comment(picture.exif) == "restore: []"
