"""HEIC and AVIF: depth, alpha, turns, colours and text, as phones write them and back."""

from __future__ import annotations

import io
import struct
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from changed_files import check_changed, check_cut_short
from heif_files import H, W, avif, changed, exif_of, film, heic, named, quarters, top_level
from picture_files import SRGB, XMP
from PIL import Image, ImageCms

from restore import images
from restore.errors import DamagedError, ImageError, OutputError
from restore.images import Picture, decode, encode, heif, lossy_notes, page_count
from restore.images.exif import comment, number_of, with_comment
from restore.images.heif_coding import HeifCoding, others_in
from restore.images.isobmff import Heif, Item, heif_in
from restore.images.named_profiles import profile_for, srgb_profile
from restore.images.picture import TOP
from restore.images.reader import turned
from restore.images.stored_depth import stored_bits
from restore.images.told import told_in, told_size

pillow_heif = pytest.importorskip("pillow_heif", reason="comes with the extra heif")
BOTH = ("heic", "avif")


def ramp(dtype: str = "uint8") -> np.ndarray:
    y, x = np.mgrid[:41, :63]
    planes = np.stack([x / 63, y / 41, (x + y) / 104], axis=2)
    return np.rint(planes * TOP[dtype]).astype(dtype)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """How far pixels are apart in the mean, of 1."""
    full = [pixels / TOP[pixels.dtype.name] for pixels in (one, other)]
    return float(np.abs(full[0] - full[1]).mean())


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize(("dtype", "gray", "alpha"), [
    ("uint8", False, False), ("uint8", False, True), ("uint8", True, False), ("uint16", False, True),
    ("uint16", True, False), ("uint8", True, True),
])  # fmt: skip
def test_pictures_come_back_in_kind(kind: str, dtype: str, gray: bool, alpha: bool, tmp_path: Path) -> None:
    pixels = ramp(dtype)
    pixels = np.repeat(pixels[..., :1], 3, axis=2) if gray else pixels
    icc = profile_for(1, 4, gray=True) if gray else profile_for(12, 13)
    picture = Picture(
        pixels,
        alpha=np.ascontiguousarray(pixels[..., 1]) if alpha else None,
        gray=gray,
        icc=b"" if gray and alpha else icc,
        exif=with_comment(b"", "a note"),
        xmp=XMP.replace(b'"6"', b'"1"'),
    )
    path = tmp_path / f"a.{kind}"
    images.write(path, picture)
    again = images.read(path)
    assert (again.format, again.pixels.dtype, again.size) == (kind, pixels.dtype, picture.size)
    assert again.gray == (gray and not (kind == "avif" and alpha))
    assert (again.icc, again.exif, again.xmp) == (picture.icc, picture.exif, picture.xmp)
    assert apart(again.pixels, pixels) < 0.01
    if alpha:
        assert again.alpha is not None and picture.alpha is not None
        assert apart(again.alpha, picture.alpha) < 0.01
    assert (told_size(path), told_in(path).comment, page_count(path)) == (picture.size, "a note", 1)
    bits = 8 if dtype == "uint8" else {"heic": 10, "avif": 12}[kind]
    assert again.heif is not None and again.heif.bits == bits == stored_bits(path.read_bytes())
    assert again.notes == ()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_phone_turned_its_picture_once(orientation: int) -> None:
    """10 bits with alpha, turned by its file as its EXIF repeats; and the same as AVIF."""
    deep = quarters(1023, alpha=True)
    shallow = (deep // 4).astype(np.uint8)
    for data, top in (
        (heic(deep, 10, exif=exif_of(orientation)), 1023),
        (avif(shallow, exif=exif_of(orientation)), 255),
    ):
        wanted = turned(deep if top == 1023 else shallow, orientation) / top
        picture = decode(data, name="phone")
        full = TOP[picture.pixels.dtype.name]
        assert picture.size == wanted.shape[:2]
        assert picture.turned == orientation
        assert np.abs(picture.pixels / full - wanted[..., :3]).mean() < 0.02
        assert picture.alpha is not None
        assert np.abs(picture.alpha / full - wanted[..., 3]).mean() < 0.01
        assert number_of(picture.exif, 0x112) in (0, 1) if picture.exif else True
        again = decode(encode(picture, picture.format), name="again")
        assert (again.turned, again.size, again.heif) == (1, picture.size, picture.heif)
        assert apart(again.pixels, picture.pixels) < 0.02


def test_white_is_white_in_all_depths() -> None:
    for bits in (10, 12):
        picture = decode(heic(np.full((16, 16, 3), 2**bits - 1, np.uint16), bits), name="white")
        assert picture.pixels.min() == 65535
    for kind, bits in (("heic", 12), ("avif", 10)):
        deep = Picture(ramp("uint16"), heif=HeifCoding(bits=bits))
        assert lossy_notes(f"a.{kind}", deep) == []
        assert stored_bits(encode(deep, kind)) == bits


def test_what_is_lost_is_said() -> None:
    deep = Picture(ramp("uint16"))
    assert lossy_notes("a.heic", deep) == ["HEIC: 16 bits a channel become 10"]
    assert lossy_notes("a.avif", deep) == [
        "AVIF: 16 bits a channel become 12", "AVIF: colour of 12 bits is kept at half the resolution (4:2:0)",
    ]  # fmt: skip
    floats = Picture(ramp().astype(np.float32) / 255, dpi=(72.0, 72.0))
    clipped = "32 bits a channel become 10, clipped to [0, 1]"
    assert lossy_notes("a.heic", floats) == [f"HEIC: {clipped}", "HEIC: dpi is dropped"]
    phone = replace(deep, heif=HeifCoding(bits=10))
    assert lossy_notes("a.jpg", phone) == ["JPEG: 10 bits a channel become 8"]
    assert lossy_notes("a.png", phone) == []
    wide = np.full((1, 8193), 128, np.uint8)
    clear = Picture(np.zeros((1, 8193, 3), np.uint8), alpha=wide)
    assert lossy_notes("a.heic", clear) == ["HEIC: alpha is dropped: there is none above 8192 pixels a side"]


def test_a_picture_longer_than_hevc_is_made_of_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heif, "MOST_HEVC", 99)
    monkeypatch.setattr(heif, "_TILE", 64)
    pixels = np.zeros((70, 200, 3), np.uint8)
    pixels[:, 99:, 1] = 200
    picture = Picture(pixels, icc=profile_for(12, 13))
    data = encode(picture, "heic")
    assert heif_in(io.BytesIO(data)).picture.kind == "grid"
    again = decode(data, name="long")
    assert (again.size, again.icc, again.pages) == (picture.size, picture.icc, 1)
    assert apart(again.pixels, pixels) < 0.01
    with pytest.raises(OutputError, match="AVIF ends at 32768 pixels a side, got 32769x1"):
        encode(Picture(np.zeros((1, 32769, 3), np.uint8)), "avif")
    with pytest.raises(OutputError, match="AVIF ends at 268 megapixels, got 20000x20000"):
        images.check_side("avif", (20000, 20000), "a.avif")


@pytest.mark.parametrize("kind", BOTH)
def test_quality_decides_on_the_size(kind: str) -> None:
    noisy = Picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    sizes = [len(encode(noisy, kind, quality=quality)) for quality in (20, 60, 95)]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[1] < len(encode(noisy, kind)) < sizes[2]


# --------------------------------------------------------------------------------------- colours


@pytest.mark.parametrize("encoder", [heic, avif])
def test_colours_named_by_numbers_get_their_profile(encoder: object) -> None:
    data = encoder(quarters(255))  # type: ignore[operator]
    assert decode(data, name="sRGB").icc == b""
    assert decode(named(data, 2, 2), name="unsaid").icc == b""
    for primaries, title in ((12, "Display P3"), (9, "BT.2020")):
        picture = decode(named(data, primaries, 13), name="wide")
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.icc))
        assert ImageCms.getProfileDescription(profile).strip() == title
        for kind in ("png", "heic", "avif"):
            assert decode(encode(picture, kind), name="again").icc == picture.icc


def test_the_profile_of_srgb_is_srgb() -> None:
    own, other = (ImageCms.ImageCmsProfile(io.BytesIO(icc)) for icc in (srgb_profile(), SRGB))
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8))
    same = np.asarray(ImageCms.profileToProfile(colours, own, other), int)
    assert np.abs(same - np.asarray(colours, int)).max() <= 1
    # The red of Display P3, as ICC profiles of phones have it.
    red = ImageCms.ImageCmsProfile(io.BytesIO(profile_for(12, 13))).profile.red_colorant[0]
    assert red == pytest.approx((0.5151, 0.2412, -0.0011), abs=2e-4)


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_hdr_is_said_and_kept_where_it_can_be(transfer: int, name: str) -> None:
    picture = decode(named(heic(quarters(1023), 10), 9, transfer), name="bright")
    assert picture.notes == (f"it is an HDR picture ({name}); its numbers are restored as they are",)
    assert picture.icc == b""
    for kind in BOTH:
        assert not [note for note in lossy_notes(f"a.{kind}", picture) if "HDR" in note]
        again = decode(encode(picture, kind), name="again")
        assert again.heif is not None and (again.heif.primaries, again.heif.transfer) == (9, transfer)
        assert apart(again.pixels, picture.pixels) < 0.03
    told = f"HDR ({name}) is dropped, so that it looks pale; PNG, HEIC and AVIF keep it"
    assert lossy_notes("a.tif", picture) == [f"TIFF: {told}"]
    chunk = struct.pack(">4s4B", b"cICP", 9, transfer, 0, 1)
    assert chunk in encode(picture, "png")


# ------------------------------------------------------------------------- what else a file holds


def test_previews_maps_and_further_pictures() -> None:
    import pillow_heif

    files = [Image.fromarray(np.full((H, W, 3), level, np.uint8)) for level in (40, 120, 200)]
    several = pillow_heif.HeifFile()
    for file in files:
        several.add_from_pillow(file)
    out = io.BytesIO()
    several.save(out, quality=95, primary_index=1)
    data = out.getvalue()
    picture = decode(data, name="burst")
    assert abs(int(picture.pixels.mean()) - 120) <= 1, "the one that is shown"
    assert picture.pages == 3
    assert picture.notes == ("the file holds 3 pictures; only the first is used",)
    preview = decode(heic(quarters(255), thumbnails=[16]), name="preview")
    assert preview.pages == 1
    assert preview.notes == ("beside the picture it holds a preview, not kept",)


def test_a_gain_map_is_named() -> None:
    head = Heif(primary=1, items={1: Item("hvc1"), 2: Item("hvc1"), 3: Item("hvc1"), 4: Item("hvc1")})
    names = ("urn:com:apple:photo:2020:aux:hdrgainmap", "urn:mpeg:hevc:2015:auxid:2 depth", "urn:x:alpha")
    for number, name in enumerate(names, 2):
        head.items[number].properties.append(("auxC", bytes(4) + name.encode() + b"\0"))
        head.references.append(("auxl", number, (1,)))
    assert others_in(head) == ["beside the picture it holds a gain map and a depth map, not kept"]
    head.items[5] = Item("tmap")
    assert others_in(head) == ["beside the picture it holds 2 gain maps and a depth map, not kept"]


def test_of_a_sequence_the_first_picture(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((H, W, 3), level, np.uint8)) for level in (200, 120, 40)]
    path = tmp_path / "film.avifs"
    frames[0].save(path, "AVIF", save_all=True, append_images=frames[1:])
    picture = images.read(path)
    assert abs(int(picture.pixels.mean()) - 200) <= 1
    assert (picture.pages, page_count(path)) == (3, 3)
    assert picture.notes == ("the file holds 3 pictures; only the first is used",)
    with pytest.raises(OutputError, match="it holds 3 pictures and the result is one"):
        images.write(path, picture, overwrite=True)
    with pytest.raises(ImageError, match="film: expected a still picture, got a film; extract a frame"):
        decode(film(7), name="film")


# ------------------------------------------------------------------- damaged, large and odd files


@pytest.mark.parametrize("encoder", [heic, avif])
def test_files_that_are_cut_short_or_changed(encoder: object) -> None:
    data = encoder(quarters(255), exif=exif_of(6))  # type: ignore[operator]
    check_cut_short(data, start=20, step=max(1, len(data) // 40))
    check_changed(data, start=16)


@pytest.mark.parametrize("encoder", [heic, avif])
def test_a_size_that_is_too_large_is_refused_before_it_is_decoded(encoder: object) -> None:
    data = encoder(quarters(255))  # type: ignore[operator]
    bomb = changed(data, "ispe", bytes(4) + struct.pack(">II", 60000, 60000))
    with pytest.raises(ImageError, match=r"60000x60000 \(w x h\) is 3600 megapixels"):
        decode(bomb, name="bomb")
    unsaid = changed(data, "ispe", bytes(12))
    with pytest.raises(ImageError, match="got one of 0x0 pixels"):
        decode(unsaid, name="unsaid")


def test_other_codecs_and_other_files_of_boxes() -> None:
    data = heic(quarters(255))
    other = data.replace(b"hvcC", b"vvcC").replace(b"hvc1", b"vvc1")
    with pytest.raises(ImageError, match="its picture is coded as 'vvc1', neither HEVC nor AV1; convert it"):
        decode(other, name="other")
    with pytest.raises(ImageError, match=r"expected a PNG, .* got a file that starts with"):
        decode(b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(40), name="film")
    with pytest.raises(DamagedError, match="it describes no picture"):
        decode(data[: top_level(data)[0].end], name="nothing")
    # A name is no format: AVIF in a file of another name, and in one of the general brand.
    general = avif(quarters(255)).replace(b"ftypavif", b"ftypmif1")
    assert decode(general, name="a.heic").format == "avif"


def test_without_pillow_heif_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.heic").write_bytes(heic(quarters(255)))
    images.write(tmp_path / "b.png", Picture(ramp()))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    remedy = "HEIC needs pillow-heif; pip install 'restore-diffusion[heif]'"
    with pytest.raises(ImageError, match=r"a\.heic: HEIC needs pillow-heif; pip install"):
        images.read(tmp_path / "a.heic")
    with pytest.raises(OutputError) as refused:
        images.write(tmp_path / "c.heic", Picture(ramp()))
    assert str(refused.value) == f"{tmp_path / 'c.heic'}: {remedy}"
    listing = images.survey(tmp_path)
    assert [path.name for path in listing.pictures] == ["b.png"]
    assert images.unread_note(listing.unread) == (
        "not read: 1 .heic; pip install 'restore-diffusion[heif]', or pass --ignore '*.heic'"
    )
    assert told_size(tmp_path / "a.heic") == (H, W), "its head is read without the extra"
    (tmp_path / "b.png").unlink()
    assert images.no_pictures("in", listing.unread).endswith(
        "got 1 .heic; pip install 'restore-diffusion[heif]'"
    )


def test_avif_of_10_bits_needs_opencv_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2

    data = encode(Picture(ramp("uint16")), "avif")
    monkeypatch.setattr(cv2, "haveImageWriter", lambda name: False)
    with pytest.raises(ImageError, match=r"deep: AVIF of 12 bits needs OpenCV 4\.12 or later; pip install"):
        decode(data, name="deep")
    with pytest.raises(OutputError, match=r"AVIF of 12 bits needs OpenCV 4\.12 or later"):
        encode(Picture(ramp("uint16")), "avif")


def test_comments_without_decoding() -> None:
    data = heic(quarters(255), exif=with_comment(exif_of(1)[6:], "a note"))
    assert comment(decode(data, name="a").exif) == "a note"
    head = heif_in(io.BytesIO(data))
    assert head.picture.kind == "hvc1"
