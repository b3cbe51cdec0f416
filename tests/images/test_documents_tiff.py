"""TIFF files of several pages: every page with its own size, depth and tags, one at a time in memory."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import DamagedError, OutputError
from restore.images import tiff_encoder
from restore.images.documents import UNWANTED, Document, Part
from restore.images.opening import open_document
from restore.images.page_count import page_count
from restore.images.picture import Picture
from restore.images.reader import read_pages
from restore.images.tiff_document import MASK, TiffDocument

RNG = np.random.default_rng(0)
H, W = 24, 36


def opened(path: Path) -> Document:
    found = open_document(path)
    assert found is not None
    return found


def rewritten(source: Path, target: Path, change: Any = None, *, pages: Any = None) -> list[str]:
    """Write a document like another, its pictures changed; the notes of the writer."""
    with opened(source) as document, document.writer(target, "tiff") as writer:
        for part in document.parts(pages):
            picture = None if part.keep or change is None else change(document.picture(part))
            writer.add(part, picture)
        writer.finish()
        return writer.notes


def inverted(picture: Picture) -> Picture:
    top = {"uint8": 255, "uint16": 65535, "float32": 1}[picture.pixels.dtype.name]
    return picture.with_pixels((top - picture.pixels).astype(picture.pixels.dtype))


def doubled(picture: Picture) -> Picture:
    alpha = None if picture.alpha is None else picture.alpha.repeat(2, 0).repeat(2, 1)
    return picture.with_pixels(picture.pixels.repeat(2, 0).repeat(2, 1), alpha=alpha)


def mixed(path: Path, **options: Any) -> list[np.ndarray]:
    """Pages of several kinds; their channels."""
    pages = [
        RNG.integers(0, 65536, (H, W)).astype(np.uint16),
        RNG.random((H + 4, W, 3)).astype(np.float32),
        RNG.integers(0, 256, (64, 48, 4)).astype(np.uint8),
    ]
    with tifffile.TiffWriter(path, **options) as file:
        file.write(
            pages[0], description="of page one", resolution=(300, 300), resolutionunit=2, metadata=None
        )
        file.write(pages[1], photometric="rgb", extratags=[(315, 2, 0, "Ada", True)], metadata=None)
        file.write(pages[2], photometric="rgb", extrasamples=["unassalpha"], tile=(16, 16), metadata=None)
        small = pages[2][::4, ::4]
        file.write(small, photometric="rgb", extrasamples=["unassalpha"], subfiletype=1, metadata=None)
        file.write(RNG.random((64, 48)) > 0.5, photometric="mask", subfiletype=4, metadata=None)
    return pages


@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"bigtiff": True}], ids=["II", "MM", "big"])
def test_each_page_keeps_what_it_is(tmp_path: Path, options: dict[str, Any]) -> None:
    pages = mixed(tmp_path / "in.tif", **options)
    assert rewritten(tmp_path / "in.tif", tmp_path / "out.tif", inverted) == []
    with opened(tmp_path / "in.tif") as before, opened(tmp_path / "out.tif") as after:
        assert (before.pages, before.format, before.unit, before.damage) == (5, "tiff", "page", "")
        parts = list(before.parts())
        assert parts == list(after.parts())
        kept = ["", "", "", "a reduced copy of page 3; it follows that", MASK]
        assert [(part.page, part.label, part.keep) for part in parts] == [
            (n, f"page {n}", keep) for n, keep in enumerate(kept, 1)
        ]
        for part in parts[:3]:
            old, new = before.picture(part), after.picture(part)
            np.testing.assert_array_equal(inverted(old).pixels, new.pixels, strict=True)
            assert (new.exif, new.dpi, new.gray, new.pages) == (old.exif, old.dpi, old.gray, 1)
        alpha = after.picture(parts[2]).alpha
        assert alpha is not None
        np.testing.assert_array_equal(alpha, pages[2][..., 3])
        mean = (255 - pages[2][..., :3].astype(float)).reshape(16, 4, 12, 4, 3).mean((1, 3))
        np.testing.assert_allclose(after.picture(parts[3]).pixels, mean, atol=0.6)
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        assert (file.byteorder, file.is_bigtiff) == (options.get("byteorder", "<"), "bigtiff" in options)
        assert [int(page.subfiletype) for page in file.pages] == [0, 0, 0, 1, 4]
        assert file.pages[0].description == "of page one" and file.pages[1].tags[315].value == "Ada"
        with tifffile.TiffFile(tmp_path / "in.tif") as source:
            np.testing.assert_array_equal(file.pages[4].asarray(), source.pages[4].asarray())


def test_pictures_within_pages_are_named_where_they_are_left_out(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for _ in range(2):
            file.write(np.zeros((32, 32, 3), np.uint8), photometric="rgb", subifds=1, metadata=None)
            file.write(np.zeros((16, 16, 3), np.uint8), photometric="rgb", subfiletype=1, metadata=None)
    notes = rewritten(tmp_path / "in.tif", tmp_path / "out.tif", inverted)
    assert notes == ["pictures within its pages (SubIFDs, such as reduced copies) are left out"]


def test_pages_that_stay_are_copied_as_they_are_stored(tmp_path: Path) -> None:
    mixed(tmp_path / "in.tif")
    rewritten(tmp_path / "in.tif", tmp_path / "out.tif", inverted, pages={2})
    with TiffDocument(tmp_path / "in.tif", "in") as one, TiffDocument(tmp_path / "out.tif", "out") as two:
        kept = [part.keep for part in two.parts({2})]
        assert kept == [UNWANTED, "", UNWANTED, "a reduced copy of page 3; it follows that", MASK]
        for page in (1, 3, 4, 5):
            part = Part(page, "")
            assert one.stored(part) == two.stored(part)


@pytest.mark.parametrize("codec", ["tiff_lzw", "jpeg", "packbits", "tiff_adobe_deflate", "raw", "group4"])
def test_every_page_is_read_whatever_its_codec(tmp_path: Path, codec: str) -> None:
    mode = "1" if codec == "group4" else "RGB"
    images = [Image.fromarray(np.full((H, W + k, 3), 60 + 40 * k, np.uint8)).convert(mode) for k in range(3)]
    images[0].save(tmp_path / "in.tif", save_all=True, append_images=images[1:], compression=codec)
    rewritten(tmp_path / "in.tif", tmp_path / "out.tif", lambda picture: picture, pages={1, 3})
    with opened(tmp_path / "in.tif") as before, opened(tmp_path / "out.tif") as after:
        assert after.pages == 3
        for part in before.parts():
            one, two = before.picture(part), after.picture(part)
            assert one.size == (H, W + part.page - 1)
            np.testing.assert_array_equal(one.pixels, two.pixels, strict=True)
    assert [picture.size[1] for picture in read_pages(tmp_path / "in.tif")] == [W, W + 1, W + 2]


@pytest.mark.parametrize("order", ["<", ">"])
def test_beyond_4_gb_it_goes_on_as_bigtiff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    mixed(tmp_path / "in.tif", byteorder=order)
    exif = Image.Exif()
    exif[0x010E] = "a scan"
    exif.get_ifd(0x8769)[0x9003] = "2023:01:02 03:04:05"
    first = [Image.fromarray(RNG.integers(0, 256, (H, W, 3)).astype(np.uint8)) for _ in range(3)]
    first[0].save(tmp_path / "exif.tif", save_all=True, append_images=first[1:], exif=exif)
    rewritten(tmp_path / "in.tif", tmp_path / "plain.tif", inverted, pages={1, 3})
    rewritten(tmp_path / "exif.tif", tmp_path / "exif-plain.tif", inverted)
    monkeypatch.setattr(tiff_encoder, "CLASSIC", 20_000)
    rewritten(tmp_path / "in.tif", tmp_path / "big.tif", inverted, pages={1, 3})
    monkeypatch.setattr(tiff_encoder, "CLASSIC", 6000)
    rewritten(tmp_path / "exif.tif", tmp_path / "exif-big.tif", inverted)
    for plain, big in (("plain.tif", "big.tif"), ("exif-plain.tif", "exif-big.tif")):
        assert (tmp_path / big).read_bytes()[2:4].strip(b"\0") == b"+"
        assert (tmp_path / plain).read_bytes()[2:4].strip(b"\0") == b"*"
        with opened(tmp_path / plain) as one, opened(tmp_path / big) as two:
            for part in one.parts():
                if part.keep != MASK:
                    before, after = one.picture(part), two.picture(part)
                    np.testing.assert_array_equal(before.pixels, after.pixels, strict=True)
                    assert (before.exif, before.dpi) == (after.exif, after.dpi)
        with tifffile.TiffFile(tmp_path / big) as file:
            assert file.is_bigtiff and len(file.pages) == page_count(tmp_path / plain)
            assert all(page.asarray().size for page in file.pages)


def test_memory_does_not_grow_with_the_pages(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path, out = tmp_path / f"{count}.tif", tmp_path / f"{count}-out.tif"
        with tifffile.TiffWriter(path) as file:
            for _ in range(count):
                file.write(RNG.integers(0, 256, (300, 400)).astype(np.uint8), metadata=None)
        tracemalloc.start()
        rewritten(path, out, inverted)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    few = peak(3)
    assert peak(20) < few + 10 * 300 * 400  # those 17 pages more have 51 times as many bytes in memory


def test_a_damaged_page_stays_and_the_others_are_read(tmp_path: Path) -> None:
    images = [Image.fromarray(RNG.integers(0, 256, (H, W, 3)).astype(np.uint8)) for _ in range(3)]
    images[0].save(
        tmp_path / "in.tif", save_all=True, append_images=images[1:], compression="tiff_adobe_deflate"
    )
    data = bytearray((tmp_path / "in.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        at, size = file.pages[1].dataoffsets[0], file.pages[1].databytecounts[0]
    data[at + 2 : at + size] = bytes(size - 2)
    (tmp_path / "in.tif").write_bytes(data)
    with opened(tmp_path / "in.tif") as document, document.writer(tmp_path / "out.tif", "tiff") as writer:
        for part in document.parts():
            if part.page == 2:
                with pytest.raises(DamagedError, match=r"in\.tif, page 2: expected a whole picture"):
                    document.picture(part)
                assert document.picture(part, damaged=True).damage
                writer.add(part, None)
            else:
                writer.add(part, inverted(document.picture(part)))
        writer.finish()
    with tifffile.TiffFile(tmp_path / "out.tif") as file:
        now = file.pages[1].dataoffsets[0]
    assert (tmp_path / "out.tif").read_bytes()[now : now + size] == data[at : at + size]


def test_a_page_that_is_cut_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for _ in range(2):
            file.write(np.full((H, W), 200, np.uint8), rowsperstrip=4, metadata=None)
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        data, last = bytearray((tmp_path / "in.tif").read_bytes()), file.pages[1]
        at, end = last.offset, last.dataoffsets[0]
    # The directory before the pixels, and the file cut in the middle of these.
    assert at < end
    (tmp_path / "cut.tif").write_bytes(data[: end + H * W // 2])
    with opened(tmp_path / "cut.tif") as document, document.writer(tmp_path / "out.tif", "tiff") as writer:
        part = list(document.parts())[1]
        with pytest.raises(DamagedError, match=r"page 2: .*parts of the pixels are missing"):
            document.picture(part)
        rows = document.picture(part, damaged=True).pixels[..., 0]
        assert (rows[: H // 2] == 200).all() and (rows[H // 2 :] == 0).all()
        for each in document.parts():
            writer.add(each, None)
        writer.finish()
    assert page_count(tmp_path / "out.tif") == 2


def test_a_broken_list_of_pages_is_told(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "in.tif") as file:
        for _ in range(3):
            file.write(np.zeros((H, W), np.uint8), metadata=None)
    with tifffile.TiffFile(tmp_path / "in.tif") as file:
        link = file.pages[1].offset + 2 + 12 * len(file.pages[1].tags)
    data = bytearray((tmp_path / "in.tif").read_bytes())
    data[link : link + 4] = struct.pack("<I", 10**9)
    (tmp_path / "in.tif").write_bytes(data)
    with opened(tmp_path / "in.tif") as document:
        assert (document.pages, document.damage) == (2, "what follows page 2 cannot be found")


def test_descriptions_of_stacks_stay_unless_sizes_change(tmp_path: Path) -> None:
    stack = RNG.integers(0, 65536, (4, H, W)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "ome.ome.tif", stack, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "ij.tif", stack, imagej=True, metadata={"unit": "um"})
    for name in ("ome.ome.tif", "ij.tif"):
        assert rewritten(tmp_path / name, tmp_path / f"out-{name}", inverted) == []
        np.testing.assert_array_equal(tifffile.imread(tmp_path / f"out-{name}"), 65535 - stack)
    notes = rewritten(tmp_path / "ome.ome.tif", tmp_path / "twice.tif", doubled)
    assert notes == ["the description of its planes is dropped, as their size or depth has changed"]
    assert tifffile.imread(tmp_path / "twice.tif").shape == (4, 2 * H, 2 * W)


def test_what_is_no_document(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "one.tif")
    (tmp_path / "rubbish.tif").write_bytes(b"II*\0\xff\xff")
    for name in ("one.tif", "rubbish.tif", "missing.tif", "."):
        assert open_document(tmp_path / name) is None


def test_pages_are_written_as_tiff_alone(tmp_path: Path) -> None:
    mixed(tmp_path / "in.tif")
    with opened(tmp_path / "in.tif") as document:
        with pytest.raises(OutputError, match=r"out\.png: a TIFF of 5 pages is written as TIFF alone"):
            document.writer(tmp_path / "part", "png", name="out.png")
        assert not (tmp_path / "part").exists()


def test_what_reads_back_wrong_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed(tmp_path / "in.tif")
    monkeypatch.setattr("restore.images.tiff_pages.same_stored", lambda *_: False)
    with opened(tmp_path / "in.tif") as document, document.writer(tmp_path / "o", "tiff", name="out") as to:
        part = next(document.parts())
        with pytest.raises(
            OutputError, match="out: page 1 reads back wrong, nothing is kept; check the disk"
        ):
            to.add(part, document.picture(part))
