"""What a canvas says of a picture's depth, and of what alpha hides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from restore.images.canvas import canvas

ALPHA = np.array([[0, 1, 255], [0, 0, 128]], np.uint8)


def with_alpha(colours: int, dtype: Any) -> np.ndarray[Any, Any]:
    alpha = ALPHA.astype(dtype) / 255 if np.dtype(dtype).kind == "f" else ALPHA.astype(dtype)
    return np.dstack([np.full((2, 3, colours), 0.5 if alpha.dtype.kind == "f" else 100, dtype), alpha])


@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_alpha_above_0_is_seen(colours: int, dtype: Any) -> None:
    picture = canvas(with_alpha(colours, dtype))
    visible = picture.visible
    assert visible is not None
    assert visible.dtype == torch.bool
    assert visible[0, 0].tolist() == (ALPHA > 0).tolist()
    # What is pasted where it is seen leaves what is hidden, and alpha.
    pasted = picture.paste(0 * picture.batch, visible)
    assert np.array_equal(pasted[ALPHA == 0], picture.original[ALPHA == 0])
    assert (pasted[..., :-1][ALPHA > 0] == 0).all()


def test_tensors_and_pil_images() -> None:
    planes = torch.from_numpy(with_alpha(3, np.float32)).permute(2, 0, 1)
    batch = torch.stack([planes, planes.clone()])
    batch[1, 3] = 1
    visible = canvas(batch).visible
    assert visible is not None
    assert visible.shape == (2, 1, 2, 3)
    assert visible[0, 0].tolist() == (ALPHA > 0).tolist()
    assert visible[1].all()
    image = Image.fromarray(with_alpha(3, np.uint8))
    found = canvas(image).visible
    assert found is not None
    assert torch.equal(found, visible[:1])


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((2, 3), np.uint8),
        np.zeros((2, 3, 3), np.uint16),
        np.ones((2, 3, 4), np.float32),
        torch.zeros(1, 2, 3),
        torch.ones(1, 2, 2, 3),
        Image.new("P", (3, 2)),
    ],
)
def test_where_nothing_is_hidden(image: Any) -> None:
    assert canvas(image).visible is None


@pytest.mark.parametrize(
    ("image", "bits"),
    [
        (np.zeros((2, 3), np.uint8), 8),
        (np.zeros((2, 3, 4), np.uint16), 16),
        (np.zeros((2, 3), np.float16), 32),
        (np.zeros((2, 3), np.float64), 32),
        (torch.zeros(1, 2, 3), 32),
        (Image.new("RGB", (3, 2)), 8),
        (Image.new("I;16", (3, 2)), 16),
    ],
)
def test_bits(image: Any, bits: int) -> None:
    assert canvas(image).bits == bits


def test_units_of_another_kind() -> None:
    scan = np.linspace(-1000, 1500, 64).reshape(8, 8)
    with pytest.raises(ValueError, match=r"from -1000 to 1500; choose a window of them, as of Hounsfield"):
        canvas(scan)


def test_alpha_that_is_not_finite_is_refused() -> None:
    bad = with_alpha(3, np.float32)
    bad[0, 1, 3] = np.nan
    for given in (bad, torch.from_numpy(bad).permute(2, 0, 1)):
        with pytest.raises(ValueError, match="not finite"):
            canvas(given)
        assert canvas(given, checked=False).alpha is not None
