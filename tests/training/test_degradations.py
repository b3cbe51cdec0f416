"""What damages pictures: resizing, noise, JPEG and holes, against other people's code and closed forms."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import Generator, Tensor

from restore.images.resize import resize, small_size
from restore.training import degradations as damage
from restore.training.holes import HOLES, PAGE_SIZE, box_holes, grid_holes, text_holes, text_pages

pytestmark = pytest.mark.usefixtures("one_thread")

FAMILIES = list(HOLES)


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def astronaut(h: int = 176, w: int = 208) -> Tensor:
    """A part of a photograph, ``(1, 3, h, w)``, values k / 255."""
    from skimage import data

    crop = data.astronaut()[60 : 60 + h, 120 : 120 + w]
    return torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float() / 255


def pillow_resized(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Pillow's bicubic on float values, channel by channel."""
    planes = [Image.fromarray(p.numpy(), mode="F") for p in image[0]]
    resized = [np.array(p.resize((size[1], size[0]), Image.Resampling.BICUBIC)) for p in planes]
    return torch.from_numpy(np.stack(resized))[None]


# --- resizing -------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("size", [(88, 104), (44, 52), (59, 70), (37, 31), (175, 207), (300, 333)])
def test_resize_is_pillows_bicubic(size: tuple[int, int]) -> None:
    image = astronaut()
    torch.testing.assert_close(resize(image, size), pillow_resized(image, size), rtol=0, atol=1e-3)


def test_resize_keeps_a_constant_and_a_slope() -> None:
    slope = torch.linspace(0, 1, 64).expand(1, 1, 16, 64)
    small = resize(slope, (8, 32))
    expected = torch.nn.functional.avg_pool2d(slope, 2)
    torch.testing.assert_close(small[..., 3:-3], expected[..., 3:-3], rtol=0, atol=1e-6)
    torch.testing.assert_close(resize(torch.full((1, 1, 9, 7), 0.3), (4, 5)), torch.full((1, 1, 4, 5), 0.3))


def test_small_size() -> None:
    assert small_size((480, 321), 4) == (120, 80)
    assert small_size((481, 321), 1.5) == (321, 214)
    assert small_size((1, 2), 4) == (1, 1)


# --- noise ----------------------------------------------------------------------------------------


def assert_std(noise: Tensor, expected: float, *, correlated: int = 1) -> None:
    """Within 4.5 standard errors, when ``correlated`` neighbours share their noise."""
    n = noise.numel() / correlated
    assert abs(noise.std().item() / expected - 1) < 4.5 / (2 * n) ** 0.5, noise.std().item()
    assert abs(noise.mean().item()) < 4.5 * expected / n**0.5


def test_gaussian_noise_has_each_pictures_own_level() -> None:
    image = torch.rand(3, 3, 64, 64, generator=seeded(1))
    noise = damage.gaussian_noise(image, torch.tensor([0.0, 0.1, 2.0]), seeded()) - image
    assert not noise[0].any()
    assert_std(noise[1], 0.1)
    assert_std(noise[2], 2.0)  # not clipped


def test_poisson_gaussian_noise_grows_with_the_signal() -> None:
    levels = torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5]).view(1, 1, 5, 1).expand(2, 3, 5, 8000)
    gain, read_std = torch.tensor([0.04, 0.0]), torch.tensor([0.03, 0.2])
    noise = damage.poisson_gaussian_noise(levels, gain, read_std, seeded()) - levels
    for row, signal in enumerate((0.0, 0.0, 0.25, 1.0, 1.0)):
        assert_std(noise[0, :, row], (0.04 * signal + 0.03**2) ** 0.5)
        assert_std(noise[1, :, row], 0.2)


@pytest.mark.parametrize("radius", [0.4, 1.0, 1.4])
def test_correlated_noise_has_its_level_everywhere(radius: float) -> None:
    image = torch.zeros(400, 3, 16, 16)
    noise = damage.correlated_noise(image, torch.full((400,), 0.2), radius, seeded())
    assert_std(noise, 0.2, correlated=round(4 * 3.2 * radius**2) + 1)
    assert_std(noise[..., 0, 0], 0.2)  # the corner too
    assert_std(noise[..., 8, 8], 0.2)
    # Neighbours are as alike as the Gaussian and its shifted self.
    line = np.exp(-0.5 * (np.arange(-9, 10) / radius) ** 2)
    products = (noise[..., 1:] * noise[..., :-1]).mean() / 0.04
    assert products.item() == pytest.approx((line[1:] * line[:-1]).sum() / (line**2).sum(), abs=0.03)


# --- JPEG -----------------------------------------------------------------------------------------


def pillow_jpeg(image: Tensor, quality: int, subsampling: int) -> Tensor:
    pixels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    decoded = np.array(Image.open(io.BytesIO(file.getvalue())))
    return torch.from_numpy(decoded).permute(2, 0, 1)[None].float() / 255


def psnr(a: Tensor, b: Tensor) -> float:
    return -10 * (a - b).square().mean().log10().item()


@pytest.mark.parametrize("quality", [15, 30, 50, 75, 95])
@pytest.mark.parametrize("halve_chroma", [True, False], ids=["4:2:0", "4:4:4"])
def test_jpeg_is_what_a_real_encoder_leaves(quality: int, halve_chroma: bool) -> None:
    image = astronaut()
    real = pillow_jpeg(image, quality, subsampling=2 if halve_chroma else 0)
    ours = damage.jpeg(image, torch.tensor([float(quality)]), halve_chroma=halve_chroma)
    assert psnr(ours, real) > 40
    assert psnr(ours, real) > psnr(image, real) + 5


def test_jpeg_takes_each_pictures_own_quality_and_odd_sizes() -> None:
    image = astronaut(37, 31).expand(2, -1, -1, -1)
    both = damage.jpeg(image, torch.tensor([10.0, 90.0]))
    assert both.shape == image.shape
    assert both.min() >= 0
    assert both.max() <= 1
    assert psnr(both[0], image[0]) < psnr(both[1], image[1]) - 5
    torch.testing.assert_close(both[:1], damage.jpeg(image[:1], torch.tensor([10.0])))


def test_jpeg_keeps_grey() -> None:
    grey = torch.full((1, 3, 16, 16), 128 / 255)
    torch.testing.assert_close(damage.jpeg(grey, torch.tensor([50.0])), grey, rtol=0, atol=1e-4)


# --- dirt and holes -------------------------------------------------------------------------------


def test_dirt_is_small_and_of_one_tone() -> None:
    image = torch.full((8, 3, 96, 96), 0.5)
    dirty = damage.scan_dirt(image, 3, seeded())
    changed = dirty != image
    assert changed.any(dim=(1, 2, 3)).sum() >= 6
    assert changed.float().mean() < 0.02
    for picture, where in zip(dirty, changed, strict=True):
        values = picture[where].unique()
        assert len(values) <= 1
        assert all(any(abs(v - tone) < 1e-6 for tone in (0.1, 0.9)) for v in values.tolist())


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@given(h=st.integers(8, 80), w=st.integers(8, 80), seed=st.integers(0, 999))
def test_holes_are_zeros_and_ones_of_the_shape(family: str, h: int, w: int, seed: int) -> None:
    hole = HOLES[family]((2, h, w), generator=seeded(seed))
    assert hole.shape == (2, 1, h, w)
    assert hole.dtype == torch.float32
    assert ((hole == 0) | (hole == 1)).all()
    assert torch.equal(hole, HOLES[family]((2, h, w), generator=seeded(seed)))


COVERAGE = {  # lowest and highest share of the picture, on average over many
    "strokes": (0.1, 0.35),
    "scratches": (0.02, 0.12),
    "box": (0.06, 0.14),
    "text": (0.03, 0.5),
    "random": (0.45, 0.55),
    "grid": (0.5, 0.68),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_holes_cover_a_sensible_share_and_differ(family: str) -> None:
    holes = HOLES[family]((64, 96, 96), generator=seeded())
    low, high = COVERAGE[family]
    assert low < holes.mean().item() < high
    assert len({hole.numpy().tobytes() for hole in holes}) > (2 if family == "grid" else 50)


def test_box_sides_are_an_eighth_to_a_half() -> None:
    holes = box_holes((200, 64, 80), generator=seeded())[:, 0]
    heights, widths = holes.amax(2).sum(1), holes.amax(1).sum(1)
    assert torch.equal(holes.sum((1, 2)), heights * widths)  # full rectangles
    assert 7 <= heights.min() < 12
    assert 28 < heights.max() <= 33
    assert 9 <= widths.min() < 14
    assert 36 < widths.max() <= 41


def test_grids_have_three_kinds() -> None:
    holes = grid_holes((40, 4, 4), generator=seeded())
    rows = torch.tensor([0.0, 1, 0, 1]).view(4, 1).expand(4, 4)
    kinds = [rows, rows.T, torch.maximum(rows, rows.T)]
    found = [sum(torch.equal(hole[0], kind) for hole in holes) for kind in kinds]
    assert sum(found) == 40
    assert min(found) > 0


def test_text_is_made_of_letters_not_noise() -> None:
    hole = text_holes((8, 128, 128), generator=seeded())
    edges = (hole.diff(dim=-1) != 0).float().mean() / hole.mean()
    assert 0.02 < edges < 1  # letters are several pixels wide
    with pytest.raises(ValueError, match=f"at most {PAGE_SIZE}x{PAGE_SIZE}, got 800x64"):
        text_holes((1, 800, 64))


@pytest.mark.slow
def test_pages_are_the_same_every_time() -> None:
    pages = text_pages()
    assert pages.shape == (6, PAGE_SIZE, PAGE_SIZE)
    assert pages.dtype == torch.uint8
    assert torch.equal(pages, text_pages.__wrapped__())
    assert all(0.02 < page.gt(127).float().mean() < 0.4 for page in pages)


@pytest.mark.parametrize("family", [*FAMILIES, "gaussian", "dirt"])
def test_global_random_state_is_left_alone(family: str) -> None:
    before = torch.get_rng_state()
    image = torch.zeros(1, 3, 16, 16)
    if family == "gaussian":
        damage.gaussian_noise(image, torch.ones(1), seeded())
    elif family == "dirt":
        damage.scan_dirt(image, 2, seeded())
    else:
        HOLES[family]((1, 16, 16), generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)
