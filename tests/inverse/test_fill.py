"""The smooth fill that inpainting starts from."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from mutants import edited, mutant_tests
from torch import Tensor

from restore.inverse.fill import push_pull, smoothed
from restore.training.holes import HOLES


def random_image(h: int, w: int, *, b: int = 2, seed: int = 0) -> Tensor:
    return torch.rand(b, 3, h, w, generator=torch.Generator().manual_seed(seed))


@pytest.mark.slow
@given(
    h=st.integers(1, 40),
    w=st.integers(1, 40),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_known_pixels_stay_and_the_rest_lies_between_them(h: int, w: int, share: float, seed: int) -> None:
    image = random_image(h, w, seed=seed)
    hole = (torch.rand(2, 1, h, w, generator=torch.Generator().manual_seed(seed)) < share).float()
    filled = push_pull(image, hole)
    known = (1 - hole).expand_as(image).bool()
    assert torch.equal(filled[known], image[known])
    for number in range(2):
        if not known[number].any():
            assert (filled[number] == 0.5).all()
            continue
        for channel in range(3):
            values = image[number, channel][known[number, channel]]
            low, high = values.min() - 1e-5, values.max() + 1e-5
            assert ((filled[number, channel] >= low) & (filled[number, channel] <= high)).all()


def test_what_is_in_the_hole_does_not_matter() -> None:
    image, other = random_image(37, 31), random_image(37, 31, seed=1)
    hole = HOLES["box"]((2, 37, 31), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(push_pull(image, hole), push_pull(image * (1 - hole) + other * hole, hole))


@pytest.mark.slow
@pytest.mark.parametrize("family", HOLES)
def test_a_constant_stays(family: str) -> None:
    hole = HOLES[family]((2, 37, 31), generator=torch.Generator().manual_seed(3))
    image = torch.full((2, 3, 37, 31), 0.3)
    torch.testing.assert_close(push_pull(image, hole), image, rtol=0, atol=1e-6)


def test_a_slope_stays_nearly() -> None:
    image = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 28:36, 28:36] = 1
    error = (push_pull(image, hole) - image).abs().max()
    assert 0 < error < 0.03  # the slope rises by 0.13 over the hole


def test_near_pixels_count_more_than_far_ones() -> None:
    image = torch.zeros(1, 1, 9, 33)
    image[..., 16:] = 1
    hole = torch.ones(1, 1, 9, 33)
    hole[..., 0] = hole[..., -1] = 0
    row = push_pull(image, hole)[0, 0, 4]
    assert row[4] < 0.2
    assert row[28] > 0.8
    assert (row.diff() > -1e-3).all()


def test_without_a_known_pixel_all_is_grey() -> None:
    assert (push_pull(random_image(5, 8), torch.ones(2, 1, 5, 8)) == 0.5).all()
    # A picture with known pixels beside one without is not mixed up with it.
    hole = torch.ones(2, 1, 5, 8)
    hole[1] = 0
    image = random_image(5, 8)
    filled = push_pull(image, hole)
    assert (filled[0] == 0.5).all()
    assert torch.equal(filled[1], image[1])


def test_the_input_is_left_alone() -> None:
    image, hole = random_image(8, 8), torch.ones(2, 1, 8, 8)
    copies = image.clone(), hole.clone()
    push_pull(image, hole)
    assert torch.equal(image, copies[0])
    assert torch.equal(hole, copies[1])


def check_smoothing() -> None:
    """What is constant stays so up to the borders of the picture and of a hole; nothing else gets in."""
    constant = torch.tensor([0.3, 0.6]).view(1, 2, 1, 1).expand(1, 2, 13, 17)
    torch.testing.assert_close(smoothed(constant, 2.0), constant)
    hole = torch.zeros(1, 1, 13, 17)
    hole[..., 4:9, 4:9] = 1
    for outside in (0.0, 5.0):
        values = torch.where(hole > 0, constant, outside)
        found = smoothed(values, 2.0, hole)
        torch.testing.assert_close(found[..., 4:9, 4:9], constant[..., 4:9, 4:9])
    assert (smoothed(constant, 1.0, hole)[..., -1] == 0).all()  # too far to know


def test_smoothing() -> None:
    check_smoothing()


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_smoothing: [
            edited(smoothed, "/ blurred(known).clamp_min(1e-6)", ""),
            edited(smoothed, "blurred(values * known)", "blurred(values)"),
        ],
    }
)
