"""A picture in memory: checked, resized, and turned into a tensor and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from picture_files import DEEP, PIXELS, picture_of, random_samples

from restore.images.picture import Picture, at_depth_of, to_tensor

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize(
    ("pixels", "alpha", "error"),
    [
        (PIXELS.astype(np.float64), None, TypeError),
        (PIXELS[..., 0], None, ValueError),
        (PIXELS[:0], None, ValueError),
        (PIXELS, DEEP[..., 0], TypeError),
        (PIXELS, PIXELS[1:, :, 0], ValueError),
    ],
)
def test_pictures_are_checked(pixels: np.ndarray, alpha: np.ndarray | None, error: type[Exception]) -> None:
    with pytest.raises(error, match="must be"):
        Picture(pixels, alpha=alpha)


def test_new_sizes_need_a_new_alpha() -> None:
    picture = picture_of(random_samples((4, 6, 4)), dpi=(10.0, 10.0))
    bigger = picture.with_pixels(random_samples((8, 12, 3)), alpha=random_samples((8, 12)))
    assert (bigger.size, bigger.dpi) == ((8, 12), (10.0, 10.0))
    with pytest.raises(ValueError, match=r"alpha must be \(8, 12\) \(h, w\).*got \(4, 6\)"):
        picture.with_pixels(random_samples((8, 12, 3)))
    with pytest.raises(TypeError, match="must be uint8 as before, got uint16"):
        picture.with_pixels(random_samples((4, 6, 3), "uint16"))


def from_tensor(image: torch.Tensor, like: Picture) -> np.ndarray:
    """The one image of a batch as pixels at the depth of a picture."""
    return at_depth_of(like, image[0].permute(1, 2, 0).numpy())


@settings(max_examples=60)
@given(
    dtype=st.sampled_from(["uint8", "uint16", "float32"]),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    gray=st.booleans(),
    seed=st.integers(0, 99),
)
def test_tensor_round_trip_is_the_identity(dtype: str, size: tuple[int, int], gray: bool, seed: int) -> None:
    picture = Picture(random_samples((*size, 3), dtype, seed), gray=gray)
    image = to_tensor(picture)
    assert image.shape == (1, 3, *size) and image.dtype == torch.float32
    np.testing.assert_array_equal(from_tensor(image, picture), picture.pixels, strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_level_survives_the_tensor(dtype: str) -> None:
    top = int(np.iinfo(dtype).max)
    levels = np.arange(top + 1, dtype=dtype).reshape(16, -1)
    picture = Picture(np.stack([levels, levels[::-1], levels], 2))
    image = to_tensor(picture)
    assert (float(image.min()), float(image.max())) == (0.0, 1.0)
    np.testing.assert_array_equal(from_tensor(image, picture), picture.pixels)
    below, above = image - 0.49 / top, image + 0.49 / top
    np.testing.assert_array_equal(from_tensor(below, picture), picture.pixels)
    np.testing.assert_array_equal(from_tensor(above, picture), picture.pixels)


def test_integers_are_clipped_and_floats_are_not() -> None:
    image = torch.tensor([-0.25, 0.5, 1.25]).reshape(1, 3, 1, 1)
    byte = from_tensor(image, Picture(random_samples((1, 1, 3))))
    assert byte.tolist() == [[[0, 128, 255]]]
    real = from_tensor(image, Picture(random_samples((1, 1, 3), "float32")))
    assert real.tolist() == [[[-0.25, 0.5, 1.25]]]


def test_tensors_do_not_share_memory_with_the_picture() -> None:
    picture = Picture(random_samples((4, 5, 3), "float32"))
    before = picture.pixels.copy()
    to_tensor(picture).fill_(7)
    np.testing.assert_array_equal(picture.pixels, before)
    image = to_tensor(picture)
    from_tensor(image, picture)[:] = 9
    np.testing.assert_array_equal(image.numpy(), to_tensor(picture).numpy())
