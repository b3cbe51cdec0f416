"""The process that shows pictures to a page: what it says of files, tiles, masks, and what becomes of it."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from picture_files import GRAY_ICC, SRGB, png_by_hand, smooth, store
from PIL import Image, ImageCms

import restore
from restore import images
from restore.cli.serve.viewer import Viewer, ViewerError
from restore.images.named_profiles import profile_for

T = TypeVar("T")
Pixels = NDArray[Any]


class Shown:
    """A viewer that is asked one thing after the other."""

    def __init__(self, folder: Path, **options: Any):
        self._runner = asyncio.Runner()
        self.viewer = Viewer(folder, **options)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def open(self, path: Path, **options: Any) -> dict[str, Any]:
        return self.do(self.viewer.open(path, name=path.name, **options))

    def tile(self, path: Path, level: int = 0, column: int = 0, row: int = 0) -> Pixels:
        """The pixels of a tile, as they are in its file."""
        data, kind = self.do(self.viewer.tile(path, level, column, row))
        assert kind in ("image/png",) if level == 0 else ("image/jpeg", "image/webp")
        with Image.open(io.BytesIO(data)) as image:
            assert kind == f"image/{(image.format or '').lower()}"
            return np.asarray(image)

    def refused(self, work: Coroutine[Any, Any, Any]) -> ViewerError:
        with pytest.raises(ViewerError) as refused:
            self.do(work)
        assert "\n" not in refused.value.message
        return refused.value

    def close(self) -> None:
        self.do(self.viewer.close())
        self._runner.close()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    shown = Shown(tmp_path_factory.mktemp("private"), pixels=8_000_000)
    yield shown
    shown.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "photo.png"


RNG = np.random.default_rng(3)
PHOTO = cv2.resize(RNG.integers(0, 256, (30, 41, 3), dtype=np.uint8), (1281, 927), interpolation=2)


def test_the_facts_of_a_picture(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    assert shown.open(path) == {
        **{"bytes": path.stat().st_size, "format": "png", "width": 1281, "height": 927, "bits": 8},
        **{"gray": False, "alpha": False, "pages": 1, "tile": 512, "levels": 3, "notes": []},
    }


def test_tiles_are_the_picture_and_averages_of_it(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    shown.open(path)
    for row, column in ((0, 0), (1, 2)):
        whole = PHOTO[512 * row : 512 * row + 512, 512 * column : 512 * column + 512]
        assert np.array_equal(shown.tile(path, 0, column, row), whole)
    even = cv2.copyMakeBorder(PHOTO, 0, 1, 0, 3, cv2.BORDER_REPLICATE)
    for level, size in ((1, (464, 641)), (2, (232, 321))):
        cell = 2**level
        found = np.concatenate([shown.tile(path, level, column) for column in range(3 - level)], axis=1)
        assert found.shape[:2] == size
        inner = even[: 927 // cell * cell, : 1281 // cell * cell].astype(float)
        means = inner.reshape(927 // cell, cell, 1281 // cell, cell, 3).mean(axis=(1, 3))
        assert np.abs(found[: 927 // cell, : 1281 // cell] - means).mean() < 2
    for place in ((0, 3, 0), (0, 0, 2), (3, 0, 0), (1, 0, -1)):
        assert shown.refused(shown.viewer.tile(path, *place)).status == 404


def test_a_small_view(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    data, kind = shown.do(shown.viewer.thumbnail(path))  # a picture that was not opened before
    with Image.open(io.BytesIO(data)) as image:
        assert (kind, image.size) == ("image/jpeg", (320, 232))
        near = cv2.resize(PHOTO, (320, 232), interpolation=cv2.INTER_AREA)
        assert np.abs(np.asarray(image).astype(int) - near).mean() < 6


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_depths_and_channels(shown: Shown, tmp_path: Path, suffix: str, channels: int, dtype: str) -> None:
    path, top = tmp_path / f"a{suffix}", np.iinfo(dtype).max
    stored = RNG.integers(0, top + 1, (40, 50, channels)).astype(dtype)
    store(path, stored)
    facts = shown.open(path)
    assert (facts["bits"], facts["gray"], facts["alpha"]) == (
        np.dtype(dtype).itemsize * 8, channels < 3, channels in (2, 4),
    )  # fmt: skip
    expected = np.rint(stored / top * 255).astype(np.uint8)
    if channels == 2:
        expected = expected[..., [0, 0, 0, 1]]
    assert np.array_equal(shown.tile(path), expected[..., 0] if channels == 1 else expected)


def test_what_lies_hidden_below_transparency_does_not_run_into_what_is_seen(shown: Shown, path: Path) -> None:
    stored = np.zeros((600, 700, 4), np.uint8)
    stored[..., 0] = 250  # red, where it is clear
    stored[:, ::2] = 0, 0, 250, 255
    store(path, stored)
    found = shown.tile(path, 1).astype(int)
    assert np.abs(found[100:-100, 100:-100] - [0, 0, 250, 128]).max() <= 6


@pytest.mark.parametrize(("top", "low"), [(1.0, 0.0), (255.0, 0.0), (4095.0, 0.0)])
def test_floats_are_shown_in_their_scale(shown: Shown, tmp_path: Path, top: float, low: float) -> None:
    path = tmp_path / "float.tif"
    ramp = np.linspace(low, top * 0.999, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3)
    tifffile.imwrite(path, ramp, photometric="rgb")
    assert shown.open(path)["bits"] == 32
    assert np.abs(shown.tile(path) - ramp / top * 255).max() <= 0.51


def test_values_beyond_white_are_white_and_holes_of_floats_are_told(shown: Shown, tmp_path: Path) -> None:
    path = tmp_path / "hdr.tif"
    values = np.linspace(0, 1, 64 * 64 * 3, dtype=np.float32).reshape(64, 64, 3)
    values[0, 0], values[0, 1], values[0, 2] = 9, -1, np.nan
    tifffile.imwrite(path, values, photometric="rgb")
    (note,) = shown.open(path)["notes"]
    assert "hdr.tif: expected numbers, got NaN or infinity at 1 of 4096 pixels" in note
    assert shown.tile(path)[0, :3].tolist() == [[255] * 3, [0] * 3, [0] * 3]


def test_dark_pictures_are_brighter_and_results_are_shown_like_them(shown: Shown, tmp_path: Path) -> None:
    before, after, eight = tmp_path / "before.png", tmp_path / "after.png", tmp_path / "eight.png"
    counts = RNG.integers(0, 4096, (40, 50, 3)).astype(np.uint16)
    store(before, counts)
    store(after, np.minimum(counts, 2000))
    store(eight, (counts // 257).astype(np.uint8))
    (note,) = shown.open(before)["notes"]
    assert note.startswith("it is dark, and shown 14.")
    assert shown.open(after, like=before)["notes"] == []
    shown.open(eight, like=before)
    known = shown.tile(before)[counts < 2000]
    assert known.max() > 100
    assert np.array_equal(known, shown.tile(after)[counts < 2000])
    assert np.abs(shown.tile(eight)[counts < 2000].astype(int) - known).max() <= 15


def in_srgb(pixels: Pixels, icc: bytes) -> Pixels:
    """What Little CMS makes of colours."""
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    how: dict[str, Any] = {"renderingIntent": 1, "flags": ImageCms.Flags.BLACKPOINTCOMPENSATION}
    mode = "L" if pixels.ndim == 2 else "RGB"
    image = Image.fromarray(pixels)
    done = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB", **how)
    assert done is not None
    assert image.mode == mode
    return np.asarray(done)


def test_profiles_are_converted_and_those_of_srgb_leave_pixels_alone(shown: Shown, path: Path) -> None:
    part, p3 = np.ascontiguousarray(PHOTO[:200, :300]), profile_for(12, 13)
    Image.fromarray(part).save(path, icc_profile=p3)
    assert shown.open(path)["notes"] == ["profile Display P3"]
    assert np.array_equal(shown.tile(path), in_srgb(part, p3))
    plain = path.with_name("plain.png")
    Image.fromarray(part).save(plain, icc_profile=SRGB)
    assert shown.open(plain)["notes"] == []
    assert np.array_equal(shown.tile(plain), part)


@pytest.mark.parametrize("channels", [1, 2])
def test_gray_stays_gray_whatever_its_profile(shown: Shown, path: Path, channels: int) -> None:
    icc, stored = profile_for(1, 8, gray=True), np.repeat(np.arange(256, dtype=np.uint8)[None], 4, axis=0)
    alpha = np.full_like(stored, 200)
    image = Image.fromarray(stored)
    if channels == 2:
        image.putalpha(Image.fromarray(alpha))
    image.save(path, icc_profile=icc)
    facts = shown.open(path)
    assert (facts["gray"], len(facts["notes"])) == (True, 1)
    found, expected = shown.tile(path), in_srgb(stored, icc)[..., 1]
    if channels == 2:
        assert (found[..., 0] == found[..., 2]).all()
        assert np.array_equal(found[..., 1], expected)
    else:
        assert np.array_equal(found, expected)


def test_a_profile_that_cannot_be_used_is_left_out(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO[:20, :30]).save(path, icc_profile=GRAY_ICC)
    shown.open(path)
    assert np.array_equal(shown.tile(path), PHOTO[:20, :30])


def test_turned_and_cmyk_pictures(shown: Shown, tmp_path: Path) -> None:
    turned, cmyk = tmp_path / "turned.jpg", tmp_path / "cmyk.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(smooth((40, 60, 3))).save(turned, quality=95, exif=exif)
    facts = shown.open(turned)
    assert (facts["width"], facts["height"]) == (40, 60)
    assert np.array_equal(shown.tile(turned), images.read(turned).pixels)
    Image.fromarray(smooth((40, 60, 3))).convert("CMYK").save(cmyk)
    (note,) = shown.open(cmyk)["notes"]
    assert note.startswith("CMYK became RGB")
    assert np.array_equal(shown.tile(cmyk), images.read(cmyk).pixels)


def test_pages_are_counted_and_the_first_is_shown(shown: Shown, tmp_path: Path) -> None:
    path, gif = tmp_path / "pages.tif", tmp_path / "film.gif"
    tifffile.imwrite(
        path, np.stack([PHOTO[:30, :40], PHOTO[30:60, :40], PHOTO[60:90, :40]]), photometric="rgb"
    )
    facts = shown.open(path)
    assert facts["pages"] == 3
    assert facts["notes"] == ["the file holds 3 pictures; only the first is used"]
    assert np.array_equal(shown.tile(path), PHOTO[:30, :40])
    frames = [Image.fromarray(np.full((9, 9), level, np.uint8)) for level in (0, 100, 200)]
    frames[0].save(gif, save_all=True, append_images=frames[1:])
    assert shown.open(gif)["pages"] == 3


def test_damaged_files_are_shown_as_far_as_they_go(shown: Shown, path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(PHOTO).save(out, "jpeg")
    path.write_bytes(out.getvalue()[: len(out.getvalue()) // 2])
    (note,) = shown.open(path)["notes"]
    assert note.startswith("damaged: photo.png: expected a whole picture, got a damaged or truncated file (")
    assert np.array_equal(shown.tile(path), images.read(path, damaged=True).pixels[:512, :512])
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(30))
    error = shown.refused(shown.viewer.open(path, name="a.png"))
    assert (error.status, error.option) == (415, "picture")
    assert error.message.startswith("a.png: expected a picture, got a damaged file of which nothing can be")


def test_bombs_and_what_is_no_picture_are_refused(shown: Shown, path: Path) -> None:
    bomb = png_by_hand(np.zeros((1, 1, 3), np.uint8))
    path.write_bytes(bomb[:16] + b"\x00\x00\xff\xff\x00\x00\xff\xff" + bomb[24:])
    cases = {"photo.png: 65535x65535 (w x h) is 4295 megapixels, more than the 8 that are opened": path}
    larger, text = path.with_name("larger.png"), path.with_name("text.png")
    Image.new("1", (4000, 2001)).save(larger)
    text.write_text("<svg onload=alert(1)>")
    cases["larger.png: 4000x2001 (w x h) is 8 megapixels, more than the 8"] = larger
    cases["text.png: expected a PNG, JPEG, TIFF"] = text
    cases["missing.png: no such file; check the name"] = path.with_name("missing.png")
    for message, file in cases.items():
        error = shown.refused(shown.viewer.open(file, name=file.name))
        assert (error.status, error.option) == (415, "picture")
        assert message in error.message


SPOT = np.full((80, 100, 3), 180, np.uint8)
SPOT[30:44, 40:60] = 60, 20, 90


def test_a_point_selects_what_the_command_line_does(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    shown.open(path)
    out = path.with_name("region.png")
    region = shown.do(shown.viewer.select(path, 50.7, 37.2, None, out))
    expected = restore.erase_mask(SPOT, at=(50, 37))
    assert np.array_equal(images.read_mask(out).white, expected)
    rows, columns = expected.nonzero()
    w, h = np.ptp(columns) + 1, np.ptp(rows) + 1
    assert region == {
        **{"x": columns.min(), "y": rows.min(), "width": w, "height": h, "area": expected.sum()},
        "words": f"a region of {w}x{h} pixels",
    }
    for x, words in ((5, "no small object there stands out"), (150, "it is not within the picture, which")):
        error = shown.refused(shown.viewer.select(path, x, 5, None, out))
        assert (error.status, error.option) == (422, "mask")
        assert error.message.startswith(f"photo.png: --at {x},5: {words}")


def test_masks_are_read_as_by_the_command_line(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    mask, out = path.with_name("mask.png"), path.with_name("region.png")
    drawn = np.zeros((40, 50), np.uint8)
    drawn[10:12, 20:25] = 255
    Image.fromarray(drawn).save(mask)
    error = shown.refused(shown.viewer.region(mask, path, out))
    assert (error.status, error.option) == (422, "mask")
    assert error.message.startswith("mask.png is 50x40 but photo.png is 100x80 (w x h); pass --fit-mask")
    region = shown.do(shown.viewer.region(mask, path, out, fit=True))
    assert (region["x"], region["y"], region["width"], region["height"]) == (40, 20, 10, 4)
    Image.fromarray(255 - drawn).save(mask)
    assert shown.do(shown.viewer.region(mask, path, out, fit=True, invert=True)) == region
    strokes = SPOT.copy()
    strokes[3:6, 2:90] = 255, 0, 0
    Image.fromarray(strokes).save(mask)
    assert shown.do(shown.viewer.region(mask, path, out))["area"] == 3 * 88
    Image.fromarray(drawn * 0).save(mask)
    error = shown.refused(shown.viewer.region(mask, path, out, fit=True, name="upload.png"))
    assert "upload.png: nothing in it is white: it is black, so there is nothing to fill" in error.message


def test_strokes_make_a_mask(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    shown.open(path)
    region, out = path.with_name("region.png"), path.with_name("x.png")
    shown.do(shown.viewer.select(path, 50, 37, None, region))
    strokes: list[dict[str, Any]] = [
        {"kind": "region", "region": "one"},
        {"kind": "box", "x": 0, "y": 0, "width": 50, "height": 80, "erase": True},
    ]
    found = shown.do(shown.viewer.mask(path, strokes, {"one": region}, out))
    expected = restore.erase_mask(SPOT, at=(50, 37))
    expected[:, :50] = False
    with Image.open(out) as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), expected * np.uint8(255))
    assert found["area"] == expected.sum()
    box = {"x": 45, "y": 30, "width": 20, "height": 10}
    shown.do(shown.viewer.mask(path, strokes, {"one": region}, out, box))
    assert np.array_equal(images.read_mask(out).white, expected[30:40, 45:65])
    strokes[1] |= {"width": 100}
    cases = [
        (strokes, 422, "photo-mask.png: nothing in it is white: it is black, so there is nothing to fill; "),
        (strokes[:1], 422, "a part of the mask is not known any more"),
        ([{"kind": "pen"}], 400, "strokes[0].kind"),
        ([{**strokes[1], "erase": False}], 422, "the hole is the whole picture"),
    ]
    for given, status, message in cases:
        known = {} if given == strokes[:1] else {"one": region}
        error = shown.refused(shown.viewer.mask(path, given, known, out))
        assert (error.status, error.option) == (status, "mask")
        assert message in error.message


def test_a_region_is_shown_on_the_grid_of_the_tiles(shown: Shown, path: Path) -> None:
    Image.fromarray(SPOT).save(path)
    strokes = [{"kind": "box", "x": 13, "y": 21, "width": 6, "height": 9}]
    out = path.with_name("mask.png")
    shown.do(shown.viewer.mask(path, strokes, {}, out))
    for level, size in ((0, (6, 9)), (2, (2, 3))):
        with Image.open(io.BytesIO(shown.do(shown.viewer.region_image(out, level)))) as image:
            assert (image.mode, image.size) == ("LA", size)
            white, cover = np.asarray(image).transpose(2, 0, 1)
            assert (white == 255).all()
            assert cover.sum() / 255 * 4**level == pytest.approx(54, abs=1)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_parts_are_written_in_kind(shown: Shown, tmp_path: Path, dtype: str, channels: int) -> None:
    path, out = tmp_path / "a.tif", tmp_path / "part.tif"
    values = RNG.random((40, 50, channels))
    stored = values.astype(dtype) if dtype == "float32" else (values * np.iinfo(dtype).max).astype(dtype)
    store(path, stored)
    box = {"x": 10, "y": 20, "width": 7, "height": 9}
    assert shown.do(shown.viewer.crop(path, box, out)) == box
    whole, part = images.read(path), images.read(out)
    assert (part.gray, part.bits) == (whole.gray, whole.bits)
    assert np.array_equal(part.pixels, whole.pixels[20:29, 10:17])
    if channels == 4:
        assert whole.alpha is not None
        assert part.alpha is not None
        assert np.array_equal(part.alpha, whole.alpha[20:29, 10:17])
    error = shown.refused(shown.viewer.crop(path, box | {"width": 41}, out))
    assert (error.status, error.option) == (422, "box")


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_part_of_a_jpeg_is_coded_as_it_was(shown: Shown, tmp_path: Path, turn: int, sampling: int) -> None:
    path, out = tmp_path / "a.jpg", tmp_path / "part.jpg"
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(PHOTO[:101, :155]).save(path, quality=40, subsampling=sampling, exif=exif)
    asked = {"x": 30, "y": 41, "width": 50, "height": 33}
    box = shown.do(shown.viewer.crop(path, asked, out))
    assert box["x"] <= 30
    assert box["y"] <= 41
    assert box["x"] + box["width"] >= 80
    assert box["y"] + box["height"] >= 74
    assert box["width"] <= 50 + 30
    whole, part = images.read(path), images.read(out)
    assert part.coding == whole.coding
    expected = whole.pixels[box["y"] :, box["x"] :][: box["height"], : box["width"]]
    assert part.pixels.shape == expected.shape
    # Blocks lie where they lay: their numbers are rounded as they were, but for chroma that was scaled.
    assert np.abs(part.pixels.astype(int) - expected).mean() < (0.4 if sampling == 0 else 4)


def test_the_server_stays_small() -> None:
    import subprocess

    heavy = "import sys, restore.cli.serve.viewer; print({'numpy', 'cv2', 'torch', 'PIL'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def process_of(viewer: Viewer) -> Any:
    assert viewer._process is not None
    return viewer._process._process


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_process_that_is_killed_is_started_again(tmp_path: Path, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    small = path.with_name("small.png")
    Image.fromarray(SPOT).save(small)
    shown = Shown(tmp_path / "private")

    async def killed() -> list[Any]:
        await shown.viewer.open(small, name="small.png")
        process = process_of(shown.viewer)
        os.kill(process.pid, signal.SIGSTOP)
        asked = [shown.viewer.open(path, name="photo.png"), shown.viewer.tile(small, 0, 0, 0)]
        waiting = [asyncio.create_task(each) for each in asked]
        await asyncio.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
        return await asyncio.gather(*waiting, return_exceptions=True)

    try:
        for error in shown.do(killed()):
            assert isinstance(error, ViewerError)
            assert error.status == 503
            assert error.message == (
                "the process that shows pictures has ended, probably for lack of memory; it is started "
                "again, try once more"
            )
        assert np.array_equal(shown.tile(small), SPOT)  # it is read again
        assert shown.open(path)["width"] == 1281
        left = [each.name for each in (tmp_path / "private" / "tiles").iterdir()]
        assert len(left) <= 4  # nothing of the process that was killed
    finally:
        shown.close()


def test_requests_that_are_cancelled_are_dropped(shown: Shown, path: Path) -> None:
    Image.fromarray(PHOTO).save(path)
    shown.open(path)

    async def cancelled() -> int:
        asked = [asyncio.create_task(shown.viewer.tile(path, 0, 0, 0)) for _ in range(8)]
        await asyncio.sleep(0)
        for each in asked[1:]:
            each.cancel()
        done = await asyncio.gather(*asked, return_exceptions=True)
        return sum(isinstance(each, tuple) for each in done)

    assert shown.do(cancelled()) == 1
    assert shown.viewer._waiting == {}


def test_what_takes_too_long_ends(shown: Shown, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(SPOT).save(path)
    shown.open(path)
    monkeypatch.setattr("restore.cli.serve.viewer.LONGEST", 0.0)
    error = shown.refused(shown.viewer.open(path, name="photo.png"))
    assert (error.status, error.message) == (503, "this takes too long; try a smaller picture")
    monkeypatch.undo()
    assert shown.open(path)["width"] == 100
