"""Animated PNG, WebP and GIF: frames as they are seen, and results that play as their originals."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restore.errors import DamagedError, ImageError, OutputError
from restore.images.animation import Animation, PngAnimation
from restore.images.documents import Part
from restore.images.exif import comment, with_comment
from restore.images.opening import open_document
from restore.images.picture import Picture
from restore.images.png import encode_png, png_chunk, png_chunks
from restore.images.reader import decode, read
from restore.images.writer import write

H, W, COUNT = 20, 31, 5
TIMES = [50, 60, 70, 80, 90]
KINDS = ("png", "webp", "gif")
y, x = np.mgrid[:H, :W]


def frame(number: int, *, clear: bool) -> Image.Image:
    """A square that moves over a still ramp of few colours."""
    pixels = np.stack([x // 4 * 20, y // 4 * 30, (x + y) // 8 * 30], axis=2).astype(np.uint8)
    pixels[2 + number : 8 + number, 3:9] = 255, 0, 30 * number
    if clear:
        round_ = ((x - 15) ** 2 + (y - 10 - number) ** 2 < 120) * 255
        pixels = np.dstack([pixels, round_.astype(np.uint8)])
    return Image.fromarray(pixels)


def saved(path: Path, *, clear: bool = False, **options: Any) -> Path:
    first, *rest = (frame(number, clear=clear) for number in range(COUNT))
    options = {"duration": TIMES, "loop": 3} | options
    if path.suffix == ".webp":
        options |= {"lossless": True, "exact": True}
    first.save(path, save_all=True, append_images=rest, **options)
    return path


def played(path: Path) -> tuple[list[np.ndarray], list[float], Any]:
    """The frames as Pillow shows them, clear pixels black; how long each is shown; the repeats."""
    shown, times = [], []
    with Image.open(path) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            pixels = np.asarray(image.convert("RGBA")).copy()
            pixels[pixels[..., 3] == 0] = 0
            shown.append(pixels)
            times.append(image.info.get("duration"))
        return shown, times, image.info.get("loop")


def opened(path: Path) -> Animation:
    found = open_document(path)
    assert isinstance(found, Animation)
    return found


def rewritten(
    source: Path, target: Path, change: Any = None, *, pages: Any = None, kind: str = "", **options: Any
) -> list[str]:
    kind = kind or target.suffix[1:]
    with opened(source) as document, document.writer(target, kind, **options) as writer:
        for part in document.parts(pages):
            writer.add(part, None if part.keep or change is None else change(document.picture(part)))
        writer.finish()
        return writer.notes


def as_read(picture: Picture) -> Picture:
    return picture


@pytest.mark.parametrize("clear", [False, True], ids=["opaque", "clear"])
@pytest.mark.parametrize("source", KINDS)
def test_frames_are_what_is_seen(tmp_path: Path, source: str, clear: bool) -> None:
    path = saved(
        tmp_path / f"in.{source}", clear=clear, **({"disposal": 2} if clear and source == "gif" else {})
    )
    shown, _, _ = played(path)
    with opened(path) as document:
        assert (document.format, document.pages, document.unit) == (source, COUNT, "frame")
        assert [part.label for part in document.parts()] == [f"frame {n}" for n in range(1, COUNT + 1)]
        for part in [*document.parts(), Part(2, "frame 2")]:  # also back again
            picture = document.picture(part)
            assert (picture.alpha is not None) == clear
            seen = shown[part.page - 1]
            hidden = seen[..., 3] == 0
            np.testing.assert_array_equal(np.where(hidden[..., None], 0, picture.pixels), seen[..., :3])


@pytest.mark.parametrize("clear", [False, True], ids=["opaque", "clear"])
@pytest.mark.parametrize("target", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_it_plays_the_same(tmp_path: Path, source: str, target: str, clear: bool) -> None:
    path = saved(
        tmp_path / f"in.{source}", clear=clear, **({"disposal": 2} if clear and source == "gif" else {})
    )
    notes = rewritten(path, tmp_path / f"out.{target}", as_read, pages={1, 3, 4})
    (before, times, _), (after, now, loop) = played(path), played(tmp_path / f"out.{target}")
    assert [int(each) for each in now] == [int(each) for each in times] == TIMES
    for one, two in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, two)
    plays = 4 if source == "gif" else 3  # the first time, and the repeats
    assert loop == (plays - 1 if target == "gif" else plays)
    assert ("GIF: colours become at most 256; .webp and .png keep all" in notes) == (target == "gif")


def test_times_do_not_add_up_rounding(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.png", duration=1000 / 30)
    with opened(path) as document:
        total = sum(document.timing.seconds)
    rewritten(path, tmp_path / "out.webp", as_read)
    rewritten(path, tmp_path / "out.gif", as_read)
    for name in ("out.webp", "out.gif"):
        assert abs(sum(played(tmp_path / name)[1]) - 1000 * float(total)) <= 10


def test_metadata_are_those_of_the_file(tmp_path: Path) -> None:
    exif = with_comment(b"", "a note")
    for name in ("in.png", "in.webp"):
        path = saved(tmp_path / name, exif=b"Exif\0\0" + exif)
        with opened(path) as document:
            assert all(comment(document.picture(part).exif) == "a note" for part in document.parts())
        rewritten(path, tmp_path / f"out-{name}", lambda it: it, pages={2})
        assert comment(read(tmp_path / f"out-{name}").exif) == "a note"


@pytest.mark.parametrize("target", ["webp", "png"])
def test_frames_that_stay_get_the_new_size(tmp_path: Path, target: str) -> None:
    path = saved(tmp_path / f"in.{target}")

    def doubled(picture: Picture) -> Picture:
        return picture.with_pixels(picture.pixels.repeat(2, 0).repeat(2, 1))

    notes = rewritten(path, tmp_path / f"out.{target}", doubled, pages={2})
    assert notes == ["frames that stay are enlarged or reduced by interpolation"]
    shown, times, _ = played(tmp_path / f"out.{target}")
    assert {each.shape for each in shown} == {(2 * H, 2 * W, 4)} and [int(t) for t in times] == TIMES
    np.testing.assert_array_equal(shown[1][::2, ::2], played(path)[0][1])


def test_a_quality_of_webp(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.webp")
    rewritten(path, tmp_path / "out.webp", as_read, quality=60)
    shown, _, _ = played(tmp_path / "out.webp")
    errors = [np.abs(a.astype(int) - b).mean() for a, b in zip(shown, played(path)[0], strict=True)]
    assert len(shown) == COUNT and 0 < max(errors) < 20


def animated_png(
    path: Path, frames: list[tuple[Picture, int, int, int, int]], *, size: tuple[int, int]
) -> None:
    """An animated PNG by hand: picture, x, y, how it is disposed of, and whether it is blended."""
    chunks: list[tuple[bytes, bytes]] = []
    number = 0
    for picture, left, top, dispose, blend in frames:
        h, w = picture.size
        data = [body for kind, body in png_chunks(encode_png(picture)) if kind == b"IDAT"]
        chunks.append((b"fcTL", struct.pack(">5I2H2B", number, w, h, left, top, 1, 10, dispose, blend)))
        number += 1
        for body in data:
            first = picture is frames[0][0]
            chunks.append((b"IDAT", body) if first else (b"fdAT", struct.pack(">I", number) + body))
            number += not first
    header = next(body for _, body in png_chunks(encode_png(frames[0][0])))
    start = [(b"IHDR", header), (b"acTL", struct.pack(">2I", len(frames), 0))]
    parts = [*start, *chunks, (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*each) for each in parts))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pieces_of_png_are_put_together(tmp_path: Path, dtype: str) -> None:
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max

    def piece(h: int, w: int) -> Picture:
        # Pillow blends alpha itself by alpha, so that it is compared where that makes no difference.
        alpha = rng.choice([0, top] if dtype == "uint8" else [0, top // 3, top], (h, w)).astype(dtype)
        return Picture(rng.integers(0, top + 1, (h, w, 3)).astype(dtype), alpha=alpha)

    frames = [
        (piece(H, W), 0, 0, 0, 0),
        (piece(9, 8), 3, 4, 2, 1),
        (piece(7, 7), 5, 6, 1, 0),
        (piece(9, 9), 4, 4, 0, 1),
    ]
    animated_png(tmp_path / "in.png", frames, size=(H, W))
    with opened(tmp_path / "in.png") as document:
        found = [document.picture(part) for part in document.parts()]
        assert document.timing.seconds == (Fraction(1, 10),) * 4
    assert all(each.pixels.dtype == dtype for each in found)
    first, second = frames[0][0], found[1]
    np.testing.assert_array_equal(found[0].pixels, first.pixels)
    outside = np.ones((H, W), bool)
    outside[4:13, 3:11] = False
    np.testing.assert_array_equal(second.pixels[outside], first.pixels[outside])
    assert found[2].alpha is not None and found[3].alpha is not None
    np.testing.assert_array_equal(
        found[2].pixels[6:13, 5:12], frames[2][0].pixels
    )  # in place, after the first
    assert (found[2].pixels[4:6, 3:11] == first.pixels[4:6, 3:11]).all() and first.alpha is not None
    assert (found[2].alpha[4:6, 3:11] == first.alpha[4:6, 3:11]).all()
    inside = frames[3][0].alpha[2:9, 1:8] == 0  # over what was cleared
    assert (found[3].alpha[6:13, 5:12][inside] == 0).all()
    if dtype == "uint8":
        # Of what was drawn and is taken back, Pillow leaves pixels that were clear before.
        for one, two in zip(played(tmp_path / "in.png")[0][:2], found, strict=False):
            assert two.alpha is not None
            hidden = (one[..., 3] == 0) | (two.alpha == 0)
            np.testing.assert_allclose(one[..., 3], two.alpha, atol=2)
            np.testing.assert_allclose(one[~hidden][:, :3], two.pixels[~hidden], atol=3)
    rewritten(tmp_path / "in.png", tmp_path / "out.png", as_read)
    with opened(tmp_path / "out.png") as document:
        for part, before in zip(document.parts(), found, strict=True):
            np.testing.assert_array_equal(document.picture(part).pixels, before.pixels, strict=True)


def test_a_still_before_the_frames_stays_one(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.png", default_image=True, duration=TIMES[1:])
    rewritten(path, tmp_path / "out.png", as_read)
    with opened(tmp_path / "out.png") as document:
        assert document.pages == COUNT and document.timing.still
    notes = rewritten(path, tmp_path / "out.webp", as_read)
    assert notes == ["the still picture in place of the animation is left out"]
    assert len(played(tmp_path / "out.webp")[0]) == COUNT - 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_animation(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path / f"in.{kind}")
    path.write_bytes(path.read_bytes()[:-60])
    with opened(path) as document, pytest.raises(ImageError, match=r"in\..*damaged or truncated"):
        for part in document.parts():
            document.picture(part)
    with pytest.raises((ImageError, OutputError), match="damaged or truncated"):
        rewritten(path, tmp_path / "out", kind=kind)
    assert not (tmp_path / "out").exists()


def test_an_animation_is_no_tiff(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.webp")
    with opened(path) as document, pytest.raises(OutputError, match=r"out\.tif: an animation of 5 frames"):
        document.writer(tmp_path / "out.tif", "tiff")


def test_a_single_gif(tmp_path: Path) -> None:
    few = np.asarray(frame(0, clear=False))
    write(tmp_path / "few.gif", Picture(few))
    np.testing.assert_array_equal(read(tmp_path / "few.gif").pixels, few)
    rng = np.random.default_rng(0)
    many = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
    alpha = np.where(x[:64] < 0, 0, 255)[:1, :1].repeat(64, 0).repeat(64, 1).astype(np.uint8)
    alpha[:9] = 0
    write(tmp_path / "many.gif", Picture(many, alpha=alpha))
    found = read(tmp_path / "many.gif")
    assert found.alpha is not None
    np.testing.assert_array_equal(found.alpha, alpha)
    assert np.abs(found.pixels[9:].astype(int) - many[9:]).mean() < 30
    assert open_document(tmp_path / "few.gif") is None
    with pytest.raises(DamagedError):
        decode((tmp_path / "few.gif").read_bytes()[:-40], name="it")


def test_what_is_read_is_a_kind_of_its_own(tmp_path: Path) -> None:
    with opened(saved(tmp_path / "in.png")) as document:
        assert isinstance(document, PngAnimation) and document.kinds == ("png", "webp", "gif")
