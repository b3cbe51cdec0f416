"""Enlarging to exact sizes, and by factors near 1."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from recording import Recorder, picture

from restore.images.resize import resize
from restore.tasks import uncertainty
from restore.tasks.consistency import reduced
from restore.tasks.sizes import check_larger, check_shape, longest_of, size_of
from restore.tasks.uncertainty import of_upscaling
from restore.tasks.upscale import upscale
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = st.integers(1, 3000)


@given(h=SIDE, w=SIDE, factor=st.floats(1, 8))
def test_sizes_by_one_side_have_the_shape(h: int, w: int, factor: float) -> None:
    wide = min(8 * w, round(w * factor))
    found = size_of((h, w), width=wide)
    check_shape((h, w), found)
    assert 1 <= check_larger((h, w), found) <= 8
    assert size_of((w, h), height=wide) == found[::-1]


@pytest.mark.parametrize(("h", "w", "wide"), [(480, 640, 1920), (7, 5, 12), (3, 1000, 1001), (333, 501, 777)])
def test_the_heights_that_fit_are_those_of_a_factor(h: int, w: int, wide: int) -> None:
    factors = np.linspace((wide - 0.4999) / w, (wide + 0.4999) / w, 20001)
    reached = set(np.floor(h * factors + 0.5).astype(int).tolist())
    for tall in range(h, 8 * h):
        if tall in reached:
            check_shape((h, w), (tall, wide))
        elif min(abs(tall - each) for each in reached) > 1:
            with pytest.raises(ValueError, match="which has another shape; heights that fit"):
                check_shape((h, w), (tall, wide))


def test_the_longer_side() -> None:
    assert (longest_of((480, 640), 1000), longest_of((640, 480), 1000)) == ((750, 1000), (1000, 750))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"^pass a factor, as scale=2, or size=\(h, w\), got neither$"),
        ({"scale": 2, "size": (18, 14)}, "got both"),
        ({"scale": 0.5}, "from 1 to 8, got 0.5; it enlarges, and this would reduce"),
        ({"size": (8, 7)}, "7x9 cannot become 7x8.*upscaling enlarges, and this would reduce"),
        ({"size": (73, 57)}, "8.143 times as large; the most is 8 times, 56x72"),
        ({"size": (20, 14)}, "heights that fit a width of 14: 17 to 19"),
    ],
)
def test_sizes_that_cannot_be(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        upscale(picture(1, 3, 9, 7), prior=Recorder(), **options)


@pytest.mark.parametrize("size", [(10, 8), (17, 13), (19, 15), (36, 28), (63, 49), (72, 56)])
def test_the_size_is_exact(size: tuple[int, int]) -> None:
    found = upscale(np.zeros((9, 7, 3), np.uint8), size=size, steps=2, prior=Recorder())
    assert found.shape == (*size, 3)


def test_a_map_has_the_exact_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def drawn(y: torch.Tensor, operator: Any, *, seed: int, **_: Any) -> SimpleNamespace:
        shape = operator((y.shape[-2], y.shape[-1]), "cpu").x_shape
        return SimpleNamespace(picture=torch.full((1, *shape), float(seed % 2)))

    monkeypatch.setattr(uncertainty, "solved", drawn)
    deviation = of_upscaling(np.zeros((9, 7, 3), np.uint8), 2, size=(19, 15), count=2, prior=tiny_prior())
    assert deviation.shape == (1, 1, 19, 15)


def test_by_a_factor_of_1_it_is_a_copy() -> None:
    image = np.random.default_rng(0).integers(0, 65536, (9, 7), np.uint16)
    recorder = Recorder()
    for options in ({"scale": 1}, {"size": (9, 7)}, {"scale": 1.01}):
        found = upscale(image, prior=recorder, **options)
        assert found is not image
        assert np.array_equal(found, image)
    assert not recorder.sigmas


@pytest.mark.parametrize("size", [(33, 33), (38, 37), (45, 45)])
def test_near_1_a_reduced_picture_is_met_and_nothing_is_shifted(size: tuple[int, int]) -> None:
    """A slope stays where it is: half a pixel of shift would change it by 2 levels."""
    down, right = torch.meshgrid(*(torch.arange(side) / (side - 1) for side in size), indexing="ij")
    large = (0.25 + 0.25 * down + 0.25 * right).expand(1, 3, -1, -1)
    small = (255 * resize(large, (30, 30))).round()[0].permute(1, 2, 0).numpy().astype(np.uint8)
    found = upscale(small, size=size, estimate="mean", consistent=True, prior=Recorder())
    most, _ = reduced(found, small)
    assert most <= 0.5
    # What the network makes up is taken out by the projection; means of many pixels tell of a shift.
    apart = found.astype(float) - 255 * large[0].permute(1, 2, 0).numpy()
    assert np.abs(apart[2:-2, 2:-2].mean()) < 0.2


def test_near_1_what_cannot_be_a_reduction_is_not_forced() -> None:
    """A lone white pixel on black is no reduction by 1.1 of anything from black to white."""
    lone = np.zeros((20, 20, 3), np.uint8)
    lone[::7, ::7] = 255
    free, forced, usual = (
        upscale(lone, 1.1, estimate="mean", consistent=consistent, prior=tiny_prior())
        for consistent in (False, True, None)
    )
    assert np.array_equal(usual, free)
    assert not np.array_equal(usual, forced)
