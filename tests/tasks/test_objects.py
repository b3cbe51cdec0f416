"""Objects found from points: their outline, and what is not taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from restore.errors import MaskError
from restore.tasks.objects import object_at

rows, columns = np.mgrid[:160, :200]


def scene(texture: float = 6.0) -> NDArray[np.uint8]:
    """A gradient with soft noise, as a wall in a photograph."""
    noise = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, (160, 200, 3)), (0, 0), 1.2)
    wall = np.stack([150 + rows / 8, 140 + columns / 10, 120 + rows / 10], axis=2)
    return (wall + texture * 4 * noise).clip(0, 255).astype(np.uint8)


def pasted(size: float, *, striped: bool = False) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The scene with an ellipse in it, with an antialiased edge and perhaps of two colours; and the truth."""
    away = np.hypot((columns - 90) / 1.4, rows - 70)
    share = (size - away + 0.5).clip(0, 1)[..., None]
    first, second = np.array([40, 60, 130]), np.array([150, 30, 40])
    paint = np.where((columns // 7 % 2 == 0)[..., None] | (not striped), first, second)
    return (scene() * (1 - share) + paint * share).round().astype(np.uint8), share[..., 0] > 0.5


def likeness(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize(("size", "striped"), [(6, False), (14, False), (26, False), (26, True)])
def test_an_object_is_found_to_its_edge(size: float, striped: bool) -> None:
    image, truth = pasted(size, striped=striped)
    found = object_at(image, 92, 71)
    assert found.shape == truth.shape and found.dtype == bool
    assert likeness(found, truth) > 0.9
    assert np.array_equal(found, object_at(image, 92, 71))


@pytest.mark.parametrize("texture", [0.0, 3.0, 12.0])
def test_nothing_is_found_where_there_is_nothing(texture: float) -> None:
    with pytest.raises(MaskError, match=r"^92,71: no small object there stands out"):
        object_at(scene(texture), 92, 71)


def test_a_point_beside_an_object_finds_nothing() -> None:
    image, _ = pasted(14)
    with pytest.raises(MaskError, match="no small object"):
        object_at(image, 170, 130)


@pytest.mark.parametrize("kind", ["uint16", "float", "bright", "gray", "tensor", "nan"])
def test_every_kind_of_picture(kind: str) -> None:
    image, truth = pasted(14)
    values = image / 255
    values[:, 150:] = np.nan if kind == "nan" else values[:, 150:]
    made = {
        "uint16": (values * 65535).astype(np.uint16) if kind != "nan" else image,
        "float": values,
        "bright": 8 * values,
        "gray": image[..., 0],
        "tensor": torch.from_numpy(values).permute(2, 0, 1).float(),
        "nan": values,
    }
    assert likeness(object_at(made[kind], 92, 71), truth) > 0.9


@pytest.mark.slow
def test_an_object_of_a_large_picture() -> None:
    image, truth = pasted(26)
    large = cv2.resize(image, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    found = object_at(large, 92 * 6, 71 * 6)
    expected = cv2.resize(truth.astype(np.float32), None, fx=6, fy=6) > 0.5
    assert found.shape == expected.shape
    assert likeness(found, expected) > 0.9


def test_the_radius_bounds_an_object() -> None:
    image, truth = pasted(14)
    assert likeness(object_at(image, 90, 70, radius=24), truth) > 0.9
    with pytest.raises(MaskError, match="there within 10 pixels stands out"):
        object_at(image, 90, 70, radius=10)


@pytest.mark.parametrize("shape", [(1, 1, 3), (8, 8), (20, 200, 3)])
def test_tiny_and_even_pictures_hold_no_object(shape: tuple[int, ...]) -> None:
    with pytest.raises(MaskError, match="no small object"):
        object_at(np.full(shape, 90, np.uint8), 0, 0)


def test_points_that_are_none() -> None:
    image, _ = pasted(14)
    for x, y in ((200, 10), (10, 160), (-1, 3), (float("nan"), 3)):
        with pytest.raises(ValueError, match=r"outside the picture, which is 200x160 \(w x h\)"):
            object_at(image, x, y)
    with pytest.raises(ValueError, match="above 0 pixels, got 0"):
        object_at(image, 1, 1, radius=0)
    with pytest.raises(ValueError, match="one picture, got a batch of 2"):
        object_at(torch.zeros(2, 3, 16, 16), 1, 1)
