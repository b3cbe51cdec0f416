"""Masks of other programs: soft edges, formats, layers, erased parts, strokes over the photograph."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from restore import images
from restore.errors import ImageError, MaskError
from restore.images.mask_colours import name_of, rgb_of
from restore.images.mask_edges import covered, scaled, way_to_fit

H, W = 96, 128
rows, columns = np.mgrid[:H, :W]
STROKE = np.hypot(rows - 40, (columns - 60) / 3) < 9


def scene() -> NDArray[np.uint8]:
    """A photograph: shades, texture and noise."""
    noise = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 60, (H, W, 3)), (0, 0), 1.5)
    shades = np.stack([60 + rows, 190 - columns, 90 + (rows + columns) / 3], axis=2)
    return (shades + noise).clip(0, 255).astype(np.uint8)


PHOTO = scene()


def painted(colour: tuple[int, int, int], opacity: float = 1.0) -> NDArray[np.uint8]:
    """The photograph with a stroke over it, its edge antialiased."""
    soft = (cv2.GaussianBlur(STROKE.astype(np.float32), (0, 0), 0.5) * opacity)[..., None]
    return (PHOTO * (1 - soft) + soft * np.array(colour)).round().astype(np.uint8)


def encoded(values: Any, kind: str, **options: Any) -> bytes:
    """A file as another program writes it."""
    image = values if isinstance(values, Image.Image) else Image.fromarray(np.asarray(values))
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def mask(data: bytes, **options: Any) -> images.Mask:
    """The mask in a file, for the photograph."""
    return images.decode_mask(data, name="m", photo=images.Picture(PHOTO), **options)


def text_of(size: int, blur: float = 0) -> NDArray[np.uint8]:
    """An antialiased caption, as opacity."""
    image = Image.new("L", (260, 2 * size + 20))
    ImageDraw.Draw(image).text((8, 6), "Old fil.-,'m 1/2", fill=255, font=ImageFont.load_default(size=size))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(blur)) if blur else image)


@pytest.mark.parametrize("size", [10, 14, 20, 32])
@pytest.mark.parametrize("blur", [0, 0.6, 1.5])
def test_no_ghost_of_a_caption_remains(size: int, blur: float) -> None:
    """Where the mask leaves a pixel, less than a hundredth of the caption is seen there."""
    opacity = text_of(size, blur)
    if not (opacity >= 128).any():
        pytest.skip("blurred so far that it is white nowhere, which is refused")
    left = opacity[~covered(opacity)]
    assert left.max() <= 3 + 6 * (blur > 1)
    assert covered(opacity).mean() < 0.6


@pytest.mark.parametrize("quality", [90, 75, 50])
@pytest.mark.parametrize("size", [12, 18, 32])
def test_no_ghost_of_a_caption_whose_mask_is_a_jpeg(size: int, quality: int) -> None:
    opacity = text_of(size)
    found = images.decode_mask(encoded(opacity, "JPEG", quality=quality), name="m")
    assert opacity[~found.covers].max() <= 12
    # Up to three pixels around, and the ringing between letters.
    assert found.covers.mean() < 1.2 * (cv2.dilate(opacity, np.ones((5, 5))) > 0).mean()


def test_what_is_no_rim_is_not_covered() -> None:
    level = np.zeros((40, 60), np.uint8)
    level[5:15, 5:25] = 255
    level[5:15, 25:55] = 90  # an even gray beside it
    found = covered(level)
    assert found[5:15, 5:25].all()
    assert not found[:, 29:].any()
    level[25:35, 30:50] = 10  # ringing
    assert not covered(level)[25:35].any()
    assert not covered(np.full((9, 9), 90, np.uint8)).any()
    hard = np.where(level > 200, np.uint8(255), np.uint8(0))
    np.testing.assert_array_equal(covered(hard), hard > 0)


def formats() -> dict[str, bytes]:
    """The stroke in the formats of other programs."""
    gray = Image.fromarray(STROKE).convert("L")
    clear = Image.fromarray(np.where(STROKE, 1, 0).astype(np.uint8)).convert("P")
    clear.putpalette([255, 0, 0, 0, 0, 0])
    return {
        "gif": encoded(gray, "GIF"),
        "gif with a clear colour": encoded(clear, "GIF", transparency=0),
        "webp": encoded(gray.convert("RGB"), "WEBP", lossless=True),
        "bmp": encoded(gray, "BMP"),
        "png of one bit": encoded(STROKE, "PNG"),
        "tiff of one bit": encoded(STROKE, "TIFF", compression="group4"),
        "png with a palette": encoded(gray.convert("P"), "PNG"),
        "png of 16 bits": encoded(STROKE.astype(np.uint16) * 65535, "PNG"),
        "red on black, gif": encoded(Image.fromarray(np.uint8(STROKE[..., None] * (255, 0, 0))), "GIF"),
    }


@pytest.mark.parametrize("kind", formats())
def test_formats(kind: str) -> None:
    found = mask(formats()[kind])
    np.testing.assert_array_equal(found.covers, STROKE)
    np.testing.assert_array_equal(found.white, STROKE)


def test_jpeg_and_lossy_webp_cover_all_of_it() -> None:
    gray = Image.fromarray(STROKE).convert("RGB")
    for data in (encoded(gray, "JPEG", quality=60), encoded(gray, "WEBP", quality=60)):
        found = mask(data).covers
        assert found[STROKE].all()
        assert not found[~(cv2.dilate(STROKE.astype(np.uint8), np.ones((9, 9))) > 0)].any()


def test_a_damaged_gif_is_refused() -> None:
    data = encoded(Image.fromarray(STROKE).convert("L"), "GIF")
    with pytest.raises(ImageError, match="m: expected a whole picture, got a damaged or truncated file"):
        mask(data[:-60])


def test_painted_layers_and_erased_photographs_are_told_apart() -> None:
    opacity = np.uint8(STROKE) * 255
    layer = mask(encoded(np.dstack([np.full_like(PHOTO, 200), opacity]), "PNG"))
    assert (layer.kind, layer.told) == ("layer", "the mask is strokes on a clear layer")
    np.testing.assert_array_equal(layer.white, STROKE)
    for pixels in (PHOTO, np.where(STROKE[..., None], 0, PHOTO), np.roll(PHOTO, 9, axis=1)):
        erased = mask(encoded(np.dstack([pixels, 255 - opacity]).astype(np.uint8), "PNG"))
        assert (erased.kind, erased.told) == ("erased", "the mask is a picture with clear parts")
        np.testing.assert_array_equal(erased.covers, STROKE)


def test_the_picture_itself_with_clear_parts() -> None:
    alpha = 255 - cv2.GaussianBlur(np.uint8(STROKE) * 255, (0, 0), 1.2)
    photo = images.Picture(PHOTO, alpha=alpha)
    data = encoded(np.dstack([PHOTO, alpha]), "PNG")
    found = images.decode_mask(data, name="m", photo=photo)
    assert found.told == "the mask is the picture itself"
    assert alpha[~found.covers].min() >= 252
    # Painted over, and clear elsewhere as before: the strokes are meant.
    corner = np.where((rows < 20) & (columns < 20), 0, 255).astype(np.uint8)
    data = encoded(np.dstack([painted((255, 0, 0)), corner]), "PNG")
    found = images.decode_mask(data, name="m", photo=images.Picture(PHOTO, alpha=corner))
    assert (found.kind, found.colour) == ("strokes", "red")
    assert not found.covers[:20, :20].any()


COLOURS = ["red", "lime", "blue", "yellow", "magenta", "cyan", "black", "white"]


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_strokes_over_the_photograph(colour: str, opacity: float) -> None:
    marked = painted(rgb_of(colour), opacity)
    found = mask(encoded(marked, "PNG"))
    assert found.kind == "strokes"
    assert found.colour == {"lime": "green"}.get(colour, colour)
    assert found.covers[STROKE].mean() > 0.99
    assert not found.covers[(marked == PHOTO).all(axis=2)].any() or colour in ("black", "white")
    assert not found.covers[~(cv2.dilate(STROKE.astype(np.uint8), np.ones((9, 9))) > 0)].any()
    named = mask(encoded(marked, "PNG"), colour=colour)
    assert named.covers[STROKE].mean() > 0.99


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("quality", [95, 75])
def test_strokes_in_a_jpeg(colour: str, quality: int) -> None:
    found = mask(encoded(painted(rgb_of(colour)), "JPEG", quality=quality))
    assert found.kind == "strokes"
    assert found.covers[STROKE].mean() > 0.97
    assert found.covers[~(cv2.dilate(STROKE.astype(np.uint8), np.ones((15, 15))) > 0)].mean() < 0.002


def test_a_colour_that_is_named_is_found_where_others_are_painted() -> None:
    marked = painted((255, 0, 0))
    marked[80:90, 10:50] = (0, 0, 255)
    with pytest.raises(MaskError, match=r"m is the photograph, changed at .*not by strokes of one colour"):
        mask(encoded(marked, "PNG"))
    found = mask(encoded(marked, "PNG"), colour="blue")
    assert found.covers[80:90, 10:50].all()
    assert not found.covers[:75].any()
    with pytest.raises(MaskError, match="with nothing green painted on it"):
        mask(encoded(PHOTO, "PNG"), colour="green")
    other = np.roll(marked, 30, axis=1)  # not the photograph: by the colour alone
    found = mask(encoded(other, "PNG"), colour="#0000ff")
    assert found.covers[81:89, 41:79].all()


def test_strokes_of_a_colour_on_black_and_white() -> None:
    soft = cv2.GaussianBlur(STROKE.astype(np.float32), (0, 0), 0.7)[..., None]
    for colour in ((255, 0, 0), (0, 128, 0), (255, 0, 255)):
        for ground, name in ((0, "black"), (255, "white")):
            drawn = (ground * (1 - soft) + soft * np.array(colour)).round().astype(np.uint8)
            found = mask(encoded(drawn, "PNG"))
            assert (found.kind, found.told) == ("colour", f"the mask is {name_of(colour)} on {name}")
            np.testing.assert_array_equal(found.white, soft[..., 0] >= 0.5)
            assert soft[~found.covers].max() < 0.02
    green = np.where(STROKE[..., None], (0, 255, 0), 255).astype(np.uint8)  # CSS calls another one green
    np.testing.assert_array_equal(mask(encoded(green, "PNG"), colour="green").white, STROKE)
    with pytest.raises(MaskError, match="m: nothing in it is blue"):
        mask(encoded(green, "PNG"), colour="blue")


def test_sizes_that_fit() -> None:
    assert way_to_fit((96, 128), (96, 128)) == "same"
    assert way_to_fit((128, 96), (96, 128), 6) == "turn"
    assert way_to_fit((64, 48), (96, 128), 8) == "turn"
    assert way_to_fit((128, 96), (96, 128), 3) == ""
    assert way_to_fit((15, 18), (31, 37)) == "scale"  # but for the rounding of a pixel
    assert way_to_fit((96, 132), (96, 128)) == ""


@pytest.mark.parametrize("factor", [0.1, 0.4, 0.9, 1.7, 5])
def test_a_thin_stroke_survives_scaling(factor: float) -> None:
    thin = np.zeros((200, 300), np.uint8)
    cv2.line(thin, (10, 15), (290, 180), 1)
    h, w = round(200 * factor), round(300 * factor)
    found = scaled(thin > 0, (h, w))
    assert found.shape == (h, w)
    parts, _ = cv2.connectedComponents(found.astype(np.uint8), connectivity=8)
    assert parts == 2  # it has no gap
    assert found.sum() < 4 * max(1, factor) * np.hypot(280, 165) * factor


def test_colours_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="expected a colour, such as red or #ff8800, got 'reddish'"):
        rgb_of("reddish")


def test_the_mask_of_all_that_is_left(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(encoded(STROKE, "PNG"))
    rest = images.read_mask(tmp_path / "m.png").inverted()
    np.testing.assert_array_equal(rest.covers, ~STROKE)
    assert rest.meant == "all but what is white"
