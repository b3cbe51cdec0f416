"""The range that a picture uses: ordinary pictures are left alone, counts and floats of any scale are not."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import skimage.data
import torch
from torch import Tensor

from restore.images.value_range import Range, exposures, merged, used_range, whole_range


def photograph(name: str = "coffee", sigma: float = 0.0) -> Tensor:
    pixels = torch.from_numpy(getattr(skimage.data, name)()[:160, :192].copy()).permute(2, 0, 1)[None] / 255
    return pixels + sigma * noise(*pixels.shape)


def noise(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def sky(stars: int = 12) -> Tensor:
    """Counts of a camera of 16 bits: a sky of 500, noise of 20, stars of up to 40000."""
    rng = torch.Generator().manual_seed(1)
    counts = 500 + 20 * noise(1, 1, 128, 128)
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    for number in range(stars):
        y, x = (torch.rand(2, generator=rng) * 108 + 10).tolist()
        counts += 40000 * 0.6**number * torch.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 4.5)
    return (counts.round() / 65535).expand(1, 3, -1, -1).contiguous()


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
@pytest.mark.parametrize("sigma", [0.0, 2 / 255, 25 / 255, 100 / 255])
def test_ordinary_pictures_are_taken_as_they_are(name: str, sigma: float) -> None:
    picture = photograph(name, sigma)
    (found,) = exposures(picture)
    assert found == Range()
    assert found.unit(picture) is picture
    assert found.back(picture) is picture
    assert exposures((255 * picture).round().clamp(0, 255) / 255, bits=8) == [Range()]
    assert whole_range(picture) == Range()


@pytest.mark.parametrize("low", [0.0, 0.3, 0.7])
@pytest.mark.parametrize("bits", [8, 16])
def test_dark_pictures_and_faded_ones_are_ordinary(low: float, bits: int) -> None:
    assert exposures(low + 0.3 * photograph(sigma=0.02), bits=bits) == [Range()]
    assert exposures(photograph() ** 2.2, bits=bits) == [Range()]  # linear light


def test_pictures_without_noise_are_ordinary() -> None:
    ramp = torch.linspace(0.5, 0.51, 64).expand(1, 3, 64, 64)
    for picture in (ramp, torch.full((1, 3, 40, 40), 0.2), torch.zeros(1, 3, 1, 1)):
        assert exposures(picture, bits=16) == [Range()]


@pytest.mark.parametrize("sigma", [0.01, 0.1])
@pytest.mark.parametrize(
    ("scale", "start"), [(0.002, 0.5), (0.004, 0.0), (0.05, 0.9), (4.0, 0.0), (12.0, -9.0), (1e4, 2e4)]
)
def test_other_scales_are_mapped_to_the_same_picture(scale: float, start: float, sigma: float) -> None:
    """Also the other way round: what is done to the mapped picture is done to the picture."""
    picture = photograph(sigma=sigma).double()
    moved, reference = scale * picture + start, 2 * picture + 7
    found = used_range(moved)
    unit = found.unit(moved)
    assert torch.allclose(unit, used_range(reference).unit(reference), atol=1e-6)
    assert torch.allclose(found.back(unit), moved, rtol=1e-9, atol=1e-12)
    assert ((unit > 0) & (unit < 1)).double().mean() > 0.9
    assert unit.std() > 0.6 * picture.std()  # it fills the range
    assert exposures(moved) == [found]


def test_eight_bits_are_mapped_only_where_few_levels_are_used() -> None:
    for levels, mapped in ((20, True), (60, False)):
        dim = (levels * photograph() + 2 * noise(1, 3, 160, 192)).round().clamp(0, 255) / 255
        assert used_range(dim, bits=8).nominal != mapped
        assert not used_range(dim, bits=16).nominal


def test_noise_alone_does_not_fill_the_range() -> None:
    found = used_range(0.01 + 0.0003 * noise(1, 3, 96, 96))
    assert found.width == pytest.approx(10 * 0.0003, rel=0.1)
    assert (found.low + found.high) / 2 == pytest.approx(0.01, abs=0.0002)


def test_a_hot_pixel_does_not_set_the_range() -> None:
    counts = 0.003 * photograph(sigma=0.05)
    found = used_range(counts)
    counts[..., 40, 50] = 1.0
    hot = exposures(counts)
    assert [hot[0].low, hot[0].high] == pytest.approx([found.low, found.high], abs=0.01 * found.width)
    assert hot[-1].high >= 1
    unit = hot[0].unit(counts)
    assert unit.max() <= 1 + hot[0].room


def test_stars_are_seen_at_longer_ranges() -> None:
    counts = sky()
    ranges = exposures(counts, bits=16)
    assert 10 * 20 < 65535 * ranges[0].width < 100 * 20
    widths = [each.width for each in ranges]
    assert [b / a for a, b in pairwise(widths)] == pytest.approx([4] * (len(ranges) - 1))
    assert ranges[-1].high >= counts.max()
    assert [math.isinf(each.room) for each in ranges] == [False] * (len(ranges) - 1) + [True]
    # A method that takes all of the sky's noise away where it sees it.
    level = 500 / 65535
    results = [
        each.unit(torch.where(counts < 3000 / 65535, torch.tensor(level), counts))
        if number == 0
        else each.unit(counts)
        for number, each in enumerate(ranges)
    ]
    found = 65535 * merged(ranges, results)
    empty = 65535 * counts < 580
    assert found[empty] == pytest.approx(torch.full_like(found[empty], 500).numpy(), abs=0.1)
    bright = 65535 * counts > 3000
    assert torch.allclose(found[bright], 65535 * counts[bright], rtol=1e-4)


def test_what_lies_far_below_is_seen_at_longer_ranges() -> None:
    picture = photograph(sigma=0.05)
    picture[..., 10:12, 10:12] = -40.0
    ranges = exposures(picture)
    assert (ranges[0].low, ranges[0].high) == (0, 1)
    assert ranges[0].unit(picture).min() == -ranges[0].room
    assert ranges[-1].low <= -40
    back = merged(ranges, [each.unit(picture) for each in ranges])
    assert torch.allclose(back, picture, atol=1e-4)


def test_ranges_are_not_too_many() -> None:
    counts = 1e-6 * photograph(sigma=0.05)
    counts[..., 5, 5] = 1000.0
    ranges = exposures(counts)
    assert len(ranges) <= 7
    assert ranges[-1].high >= 1000


def test_hidden_pixels_do_not_count() -> None:
    counts = 0.003 * photograph(sigma=0.05)
    visible = torch.ones(counts.shape[-2:], dtype=torch.bool)
    visible[:80] = False
    found = exposures(counts, visible)
    counts[..., :80, :] = photograph("chelsea", 0.05)[..., :80, :]
    assert exposures(counts, visible) == found
    assert exposures(counts) == [Range()]
    assert exposures(counts, torch.zeros_like(visible)) == [Range()]
    assert whole_range(counts, torch.zeros_like(visible)) == Range()


def test_the_whole_range_holds_the_picture() -> None:
    bright = 4 * photograph()
    found = whole_range(bright)
    unit = found.unit(bright)
    assert -0.1 < unit.min() < unit.max() < 1.1
    bright[..., 3, 3] = 4000
    found = whole_range(bright)
    assert found.high < 5
    assert found.unit(bright).max() == 1 + found.room
    counts = 0.004 * photograph()
    unit = whole_range(counts, bits=16).unit(counts)
    assert 0 < unit.min() < 0.1 < 0.9 < unit.max() < 1
    assert whole_range(counts, bits=8) == Range()


def test_small_pictures() -> None:
    for side in (1, 2, 5, 15):
        tiny = 9 * torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(2))
        ranges = exposures(tiny)
        back = merged(ranges, [each.unit(tiny) for each in ranges])
        assert torch.allclose(back, tiny, atol=1e-5)


def ramp(width: float, sigma: float) -> Tensor:
    values = 0.3 + width * torch.linspace(0, 1, 128).expand(1, 3, 96, 128)
    return (values + sigma * noise(1, 3, 96, 128)).clamp(0, 1)


@pytest.mark.parametrize(("bits", "least"), [(8, 0.125), (16, 0.25), (32, 0.25)])
def test_the_share_of_the_range_that_ordinary_pictures_fill(bits: int, least: float) -> None:
    assert used_range(ramp(1.06 * least, 0.008), bits=bits) == Range()
    assert used_range(ramp(0.8 * least, 0.008), bits=bits) != Range()


def test_holes_are_filled_in_the_whole_range_from_a_sixteenth_on() -> None:
    assert whole_range(ramp(0.065, 0), bits=16) == Range()
    found = whole_range(ramp(0.06, 0), bits=16)
    assert (found.low, found.high) == pytest.approx((0.3 - 0.05 * 0.06, 0.36 + 0.05 * 0.06), abs=1e-6)
    assert whole_range(ramp(0.06, 0), bits=8) == Range()


@pytest.mark.parametrize(("sigma", "ordinary"), [(0.8 / 255, False), (1.8 / 255, True)])
def test_a_sky_of_stars_is_judged_by_itself_where_its_noise_is_unseen(sigma: float, ordinary: bool) -> None:
    picture = 0.1 + sigma * noise(1, 1, 128, 128).expand(1, 3, -1, -1)
    picture[..., :16, :16] = torch.linspace(0.1, 0.8, 16)  # 1.6 % of it is bright
    assert (used_range(picture.clamp(0, 1), bits=16) == Range()) == ordinary


@pytest.mark.parametrize("kind", ["bfloat16", "half", "double", "gradient"])
def test_tensors_that_numpy_does_not_take(kind: str) -> None:
    picture = sky().clone()
    plain = picture.bfloat16().float() if kind == "bfloat16" else picture
    given = plain.requires_grad_() if kind == "gradient" else plain.to(getattr(torch, kind))
    found = exposures(given)
    assert len(found) > 1
    assert [each.high for each in found] == pytest.approx([each.high for each in exposures(plain)], rel=0.01)
