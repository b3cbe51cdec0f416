"""Pictures of every kind go in and come back in kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from mutants import edited, mutant_tests
from picture_kinds import (
    EVERY_KIND,
    H,
    W,
    assert_same_kind,
    expected_kind,
    name,
    numbers,
    random_array,
    random_pil,
)
from PIL import Image
from torch import Tensor

from restore.errors import ImageError
from restore.images import canvas, kinds


@EVERY_KIND
def test_there_and_back(image: Any) -> None:
    before = numbers(image)
    picture = canvas.canvas(image)
    assert picture.batch.dtype == torch.float32
    assert picture.batch.shape == (before.shape[0] if before.ndim == 4 else 1, 3, H, W)
    assert picture.batch.is_contiguous()
    assert 0 <= picture.batch.amin() <= picture.batch.amax() <= 1
    found = picture.like_original(picture.batch)
    assert_same_kind(found, image)
    exact = numbers(expected_kind(image))
    if "float64" in name(image) or ">f8" in name(image):
        np.testing.assert_allclose(numbers(found), exact, rtol=0, atol=1e-7)
    else:
        np.testing.assert_array_equal(numbers(found), exact)
    np.testing.assert_array_equal(numbers(image), before)


@EVERY_KIND
def test_another_size(image: Any) -> None:
    picture = canvas.canvas(image)
    found = picture.like_original(torch.full((len(picture.batch), 3, 2 * H + 1, 9), 0.25))
    assert_same_kind(found, image, (2 * H + 1, 9))


def channels(exact: Any) -> int:
    return 1 if exact.ndim == 2 else int(exact.shape[-1])


@EVERY_KIND
def test_what_is_pasted_lies_where_the_result_has_it(image: Any) -> None:
    picture = canvas.canvas(image)
    result = torch.rand(picture.batch.shape, generator=torch.Generator().manual_seed(0))
    hole = torch.zeros(len(picture.batch), 1, H, W)
    hole[:, :, 1, 2], hole[:, :, 4, 3] = 1, 1
    found = canvas.canvas(picture.paste(result, hole)).batch
    whole = canvas.canvas(picture.like_original(result)).batch
    assert torch.equal(found, torch.where(hole > 0, whole, canvas.canvas(expected_kind(image)).batch))


@EVERY_KIND
def test_paste_keeps_all_outside_the_hole(image: Any) -> None:
    before = numbers(image)
    picture = canvas.canvas(image)
    hole = torch.zeros(len(picture.batch), 1, H, W)
    hole[:, :, 2:4, 1:3] = 1
    found = picture.paste(torch.full_like(picture.batch, 0.25), hole)
    assert_same_kind(found, image)
    exact, pasted = numbers(expected_kind(image)), numbers(found)
    inside = hole[0, 0].numpy() > 0
    if not isinstance(image, Tensor):
        exact, pasted = exact.reshape(-1, H, W, channels(exact)), pasted.reshape(-1, H, W, channels(exact))
        exact, pasted = exact.transpose(0, 3, 1, 2), pasted.transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(pasted[..., ~inside], exact[..., ~inside])
    colours = 1 if pasted.shape[-3] < 3 else 3
    whole = found.dtype == torch.uint8 if isinstance(found, Tensor) else np.asarray(found).dtype.kind == "u"
    quarter = np.rint(0.25 * np.iinfo(np.asarray(found).dtype).max) if whole else 0.25
    assert (pasted[..., :colours, :, :][..., inside] == quarter).all()
    # Alpha is the picture's own, in the hole too.
    np.testing.assert_array_equal(pasted[..., colours:, :, :], exact[..., colours:, :, :])
    np.testing.assert_array_equal(numbers(image), before)


@EVERY_KIND
def test_unchanged_is_a_copy(image: Any) -> None:
    found = canvas.canvas(image).unchanged()
    assert found is not image
    if isinstance(image, Image.Image):
        assert found.mode == image.mode
        assert found.tobytes() == image.tobytes()
    else:
        assert found.dtype == image.dtype
        np.testing.assert_array_equal(numbers(found), numbers(image))
        found[...] = 0
        assert numbers(image).any()


def check_depth() -> None:
    """All values of 8 and of 16 bits survive, and fall where they should in [0, 1]."""
    for dtype, shape in (("uint8", (16, 16)), ("uint16", (256, 256)), (">u2", (256, 256))):
        top = np.iinfo(dtype).max
        ramp = np.arange(top + 1).reshape(shape).astype(dtype)
        for image in (ramp, np.stack([ramp, ramp[::-1], ramp.T], axis=2)):
            picture = canvas.canvas(image)
            assert picture.batch[0, 0, 0, 0] == 0
            assert picture.batch[0, 0, -1, -1] == 1
            np.testing.assert_array_equal(picture.like_original(picture.batch), image)


def check_rounding() -> None:
    """To the nearest whole number; integers are clamped, floats are not."""
    result = torch.tensor([-0.3, 1.3, 0.4 / 255, 0.6 / 255]).expand(1, 3, 1, 4)
    found = canvas.canvas(np.zeros((1, 4, 3), np.uint8)).like_original(result)
    assert found[0, :, 0].tolist() == [0, 255, 0, 1]
    found = canvas.canvas(np.zeros((1, 4, 3), np.uint16)).like_original(result)
    assert found[0, :, 0].tolist() == [0, 65535, 103, 154]
    found = canvas.canvas(np.zeros((1, 4, 3), np.float32)).like_original(result)
    assert found[0, :2, 0].tolist() == pytest.approx([-0.3, 1.3])


def check_mask() -> None:
    """White means fill, whatever the mask is made of; keep turns it round."""
    white = np.zeros((H, W), bool)
    white[2:4, 1:3] = True
    expected = torch.from_numpy(white).float()[None, None]
    masks: list[Any] = [
        white, white[..., None], white[None], white[None, None], white.tolist(), np.asfortranarray(white),
        *((white * top).astype(dtype) for dtype, top in (
            ("uint8", 255), ("uint8", 1), ("uint8", 128), ("uint16", 65535), (">u2", 65535), ("uint16", 1),
            ("int64", 1), ("int32", 1), ("float16", 1), ("float32", 0.5), ("float64", 1), (">f8", 1),
        )),
        *(expected[0, 0].to(dtype) for dtype in (torch.bool, torch.int64, torch.float32, torch.bfloat16)),
        torch.from_numpy(white * np.uint8(255)), torch.from_numpy(white)[None], expected.clone(),
        expected.clone().requires_grad_(),
        Image.fromarray(white), *(Image.fromarray(white).convert(mode) for mode in ("L", "RGB", "P", "RGBA")),
    ]  # fmt: skip
    for mask in masks:
        assert torch.equal(canvas.hole_of(mask, (H, W)), expected), repr(mask)
        assert torch.equal(canvas.hole_of(mask, (H, W), "keep"), 1 - expected), repr(mask)
    # A little ringing around black is black.
    assert torch.equal(canvas.hole_of(np.where(white, 250, 9).astype(np.uint8), (H, W)), expected)
    assert torch.equal(
        canvas.hole_of(torch.from_numpy(np.where(white, 250, 9).astype(np.uint8)), (H, W)), expected
    )


def test_depth() -> None:
    check_depth()


def test_rounding() -> None:
    check_rounding()


def test_mask() -> None:
    check_mask()


def test_a_mask_for_each_picture() -> None:
    masks = torch.rand(3, 1, H, W, generator=torch.Generator().manual_seed(0)) > 0.5
    assert torch.equal(canvas.hole_of(masks, (H, W)), masks.float())


def test_a_mask_of_nothing_or_all() -> None:
    assert not canvas.hole_of(np.zeros((H, W), np.uint8), (H, W)).any()
    assert canvas.hole_of(np.full((H, W), 255, np.uint8), (H, W)).all()
    assert canvas.hole_of(np.ones((H, W), np.int64), (H, W)).all()


def test_a_mask_given_as_an_image_is_read_as_a_file_is() -> None:
    alpha = Image.fromarray(np.array([[0, 255], [100, 200]], np.uint8))
    layer = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    layer.putalpha(alpha)  # a layer of one colour: the alpha is the drawing
    deep = Image.fromarray(np.array([[0, 65535], [30000, 40000]], np.uint16))
    modes = [alpha.convert(mode) for mode in ("CMYK", "YCbCr", "RGBX", "I", "F")]
    shares = Image.fromarray(np.array([[0, 1], [0.3, 0.7]], np.float32))
    wide = Image.fromarray(np.array([[0, 65535], [1000, 40000]], np.int32))  # 16 bits, as Pillow often gives
    for mask in (layer, alpha, deep, *modes, shares, wide):
        assert canvas.hole_of(mask, (2, 2)).tolist() == [[[[0, 1], [0, 1]]]]
    for beyond in (-1, 2**16):
        with pytest.raises(TypeError, match="masks of int32 are expected to hold zeros and ones, got"):
            canvas.hole_of(Image.fromarray(np.array([[0, beyond]], np.int32)), (1, 2))


def test_masks_that_cannot_be_meant() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    red = np.zeros((16, 16, 3), np.uint8)
    red[4:6, :, 0] = 255
    for mask, seen in (
        (Image.fromarray(photo), "looks like a photograph"),
        (photo[..., 0], "looks like a photograph"),
        (photo[..., 0] * np.uint16(257), "looks like a photograph"),
        (Image.fromarray(red), "has colours, red 255, green 0, blue 0 at 12% of it"),
    ):
        with pytest.raises(ValueError, match=f"^the mask {seen}"):
            canvas.hole_of(mask, (16, 16))
    probable = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)  # floats may be probabilities
    assert canvas.hole_of(probable, (16, 16)).mean() == 0.5


def test_rgb_order_and_position() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    image[0, 2] = (255, 51, 0)
    batch = canvas.canvas(image).batch
    torch.testing.assert_close(batch[0, :, 0, 2], torch.tensor([1, 0.2, 0]))
    assert batch.sum() == pytest.approx(1.2)


def test_gray_is_in_all_three_channels_and_comes_back_as_their_mean() -> None:
    picture = canvas.canvas(np.full((2, 2), 51, np.uint8))
    torch.testing.assert_close(picture.batch, torch.full((1, 3, 2, 2), 0.2))
    found = picture.like_original(torch.tensor([0.1, 0.2, 0.6]).view(1, 3, 1, 1).expand(1, 3, 2, 2))
    assert (found == round(0.3 * 255 + 1e-3)).all()


def test_alpha_is_resized_with_the_picture_and_does_not_overshoot() -> None:
    alpha = np.zeros((8, 8), np.uint8)
    alpha[:, 4:] = 200
    rgba = np.dstack([np.zeros((8, 8, 3), np.uint8), alpha])
    large = torch.zeros(1, 3, 16, 16)
    for found in (
        canvas.canvas(rgba).like_original(large)[..., 3],
        np.asarray(canvas.canvas(Image.fromarray(rgba)).like_original(large))[..., 3],
    ):
        assert found.shape == (16, 16)
        assert found.max() == 200
        assert (found[:, :6] == 0).all()
        assert (found[:, 10:] == 200).all()
        assert (np.diff(found.astype(int), axis=1) >= 0).all()
    planes = torch.from_numpy(rgba).permute(2, 0, 1).double() / 255
    found = canvas.canvas(planes).like_original(large)
    assert found.dtype == torch.float64
    assert found[3].amax() == pytest.approx(200 / 255)


def test_transparent_colours_become_alpha() -> None:
    for mode, value, kind in (("L", 7, "LA"), ("RGB", (7, 7, 7), "RGBA"), ("P", 7, "RGBA")):
        image = Image.new(mode, (W, H), value)
        image.info["transparency"] = value
        picture = canvas.canvas(image)
        found = picture.like_original(picture.batch)
        assert found.mode == kind
        assert found.getextrema()[-1] == (0, 0)
        assert "transparency" not in found.info


def test_pil_images_keep_what_they_carry() -> None:
    image = random_pil("RGB")
    image.info["icc_profile"] = b"a profile"
    picture = canvas.canvas(image)
    hole = torch.ones(1, 1, H, W)
    for found in (picture.like_original(picture.batch), picture.paste(picture.batch, hole)):
        assert found.info["icc_profile"] == b"a profile"
        assert found.info["dpi"] == (300, 300)


@pytest.mark.parametrize(
    "turn",
    [lambda a: a[::-1], lambda a: a[:, ::-1], lambda a: a.transpose(1, 0, 2), lambda a: a[::2, ::3]],
    ids=["flip", "mirror", "transpose", "stride"],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
def test_views(turn: Callable[[Any], Any], dtype: str) -> None:
    view = turn(random_array(dtype, (8, 9, 3)))
    view.setflags(write=False)
    picture, packed = canvas.canvas(view), canvas.canvas(np.ascontiguousarray(view))
    assert torch.equal(picture.batch, packed.batch)
    hole = torch.ones(1, 1, *view.shape[:2])
    hole[..., 0, :] = 0
    found = picture.paste(picture.batch, hole)
    np.testing.assert_array_equal(found, packed.paste(packed.batch, hole))
    assert found.flags.writeable
    assert torch.equal(canvas.hole_of(view[..., 0] > view.max() / 2, view.shape[:2]),
                       canvas.hole_of(np.array(view[..., 0] > view.max() / 2), view.shape[:2]))  # fmt: skip


def test_read_only_masks() -> None:
    mask = np.zeros((H, W), np.uint8)
    mask[1, 1] = 255
    mask.setflags(write=False)
    assert canvas.hole_of(mask, (H, W)).sum() == 1


def test_tensors_that_are_views_or_learn() -> None:
    image = torch.rand(H, W, 3).permute(2, 0, 1).requires_grad_()
    picture = canvas.canvas(image)
    hole = torch.zeros(1, 1, H, W)
    for found in (
        picture.paste(picture.batch, hole),
        picture.like_original(picture.batch),
        picture.unchanged(),
    ):
        assert torch.equal(found, image.detach())
        assert not found.requires_grad


def test_results_do_not_share_memory_with_the_picture() -> None:
    image = torch.rand(1, 3, H, W)
    picture = canvas.canvas(image)
    hole = torch.zeros(1, 1, H, W)
    for found in (picture.paste(picture.batch, hole), picture.unchanged()):
        assert found.data_ptr() != image.data_ptr()


BAD_PICTURES = {
    "a missing path": ("photo.png", ImageError, "^photo.png: .*no such file"),
    "a list": ([[1]], TypeError, "expected a picture: a path, .* a PIL image or a torch tensor; got list"),
    "int32": (np.zeros((4, 4), np.int32), TypeError, "expected as uint8, uint16 or float, got int32"),
    "uint32": (np.zeros((4, 4), np.uint32), TypeError, "expected as uint8, uint16 or float, got uint32"),
    "bool": (np.zeros((4, 4), bool), TypeError, "expected as uint8, uint16 or float, got bool"),
    "complex": (np.zeros((4, 4), complex), TypeError, "got complex128"),
    "a line": (np.zeros(4, np.uint8), ValueError, r"\(h, w, c\) or \(b, h, w, c\) with .* got \(4,\)"),
    "channels first": (np.zeros((3, 8, 9), np.uint8), ValueError, r"got \(3, 8, 9\)"),
    "five channels": (np.zeros((8, 9, 5), np.uint8), ValueError, r"got \(8, 9, 5\)"),
    "empty": (np.zeros((0, 9, 3), np.uint8), ValueError, r"has no pixels: its shape is \(1, 3, 0, 9\)"),
    "NaN": (np.full((4, 4), np.nan), ValueError, "not finite"),
    "infinity": (np.full((4, 4, 3), np.inf, np.float32), ValueError, "not finite"),
    "too much for float32": (np.full((4, 4), 1e300), ValueError, "not finite"),
    "0..255": (np.full((4, 4), 200.0), ValueError, r"in \[0, 1\], got values up to 200; divide by 255"),
    "int64 tensor": (torch.zeros(3, 4, 4, dtype=torch.int64), TypeError, "as uint8, or as floats .*int64"),
    "flat tensor": (torch.zeros(4, 4), ValueError, r"\(c, h, w\) or \(b, c, h, w\).* got \(4, 4\)"),
    "channels last": (torch.zeros(8, 9, 3), ValueError, r"got \(8, 9, 3\)"),
    "no pictures": (torch.zeros(0, 3, 4, 4), ValueError, "has no pixels"),
    "NaN tensor": (torch.full((3, 4, 4), torch.nan), ValueError, "not finite"),
    "CMYK": (Image.new("CMYK", (4, 4)), TypeError, "got CMYK; convert it first"),
    "32 bit PIL": (Image.new("I", (4, 4)), TypeError, "got I; convert it first"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_PICTURES)
def test_bad_pictures(case: str) -> None:
    image, error, message = BAD_PICTURES[case]
    with pytest.raises(error, match=message):
        canvas.canvas(image)


BAD_MASKS = {
    "another size": (np.zeros((5, 7), bool), ValueError, r"mask is 7x5 .* 5x7 \(w x h\); turn it by 90"),
    "another size, PIL": (Image.new("L", (9, 8)), ValueError, "mask is 9x8 but the picture is 5x7"),
    "colours": (np.zeros((7, 5, 3)), ValueError, r"\(h, w\), .* or \(b, 1, h, w\), got \(7, 5, 3\)"),
    "batch of colours": (torch.zeros(2, 3, 7, 5), ValueError, r"got \(2, 3, 7, 5\)"),
    "too many axes": (np.zeros((1, 1, 1, 7, 5)), ValueError, r"got \(1, 1, 1, 7, 5\)"),
    "a number": (np.zeros(()), ValueError, r"got \(\)"),
    "float 0..255": (np.full((7, 5), 255.0), ValueError, r"in \[0, 1\], got 255 to 255"),
    "negative": (np.full((7, 5), -1.0), ValueError, r"in \[0, 1\], got -1 to -1"),
    "NaN": (np.full((7, 5), np.nan), ValueError, r"in \[0, 1\], got nan"),
    "int64 0..255": (np.full((7, 5), 255), TypeError, "int64 are expected to hold zeros and ones, got 255"),
    "words": (np.full((7, 5), "white"), TypeError, "expected as bool, uint8, uint16 or float, got <U5"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MASKS)
def test_bad_masks(case: str) -> None:
    mask, error, message = BAD_MASKS[case]
    with pytest.raises(error, match=message):
        canvas.hole_of(mask, (H, W))


def test_mask_means_fill_or_keep() -> None:
    with pytest.raises(ValueError, match="mask_means is 'fill' or 'keep', got 'hole'"):
        canvas.hole_of(np.zeros((H, W), bool), (H, W), "hole")


test_the_check_finds_the_mutant = mutant_tests({
    check_depth: [
        edited(kinds.from_array, "np.iinfo(image.dtype).max", "np.iinfo(image.dtype).max + 1"),
        edited(kinds.from_array, "np.iinfo(image.dtype).max", "65535"),
        edited(kinds.to_array, "np.rint(values.clip(0, 1)", "np.floor(values.clip(0, 1)"),
    ],
    check_rounding: [
        edited(kinds.to_array, "np.rint(values.clip(0, 1)", "np.floor(values.clip(0, 1)"),
        edited(kinds.to_array, "values.clip(0, 1)", "values"),
    ],
    check_mask: [
        edited(canvas.hole_of, 'white if mask_means == "fill" else ~white',
               '~white if mask_means == "fill" else white'),
        edited(canvas._white_level, "np.iinfo(mask.dtype).max / 2", "0.5"),
    ],
})  # fmt: skip
