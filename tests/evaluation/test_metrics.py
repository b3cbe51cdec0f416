"""PSNR, luma, SSIM, MS-SSIM, seams: exact on tiny arrays, against closed forms and other implementations."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from restore.evaluation.metrics import colour_shift, luma, ms_ssim, psnr, seam_ratio, ssim


def pictures(seed: int, shape: tuple[int, ...] = (2, 3, 19, 14)) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


# --- PSNR -----------------------------------------------------------------------------------------


@given(st.floats(1e-4, 1))
def test_psnr_of_a_constant_error(error: float) -> None:
    a = torch.zeros(1, 3, 2, 2, dtype=torch.float64)
    assert psnr(a, a + error).item() == pytest.approx(-20 * math.log10(error), abs=1e-9)


def test_psnr_is_one_number_for_each_picture() -> None:
    a = torch.zeros(3, 3, 4, 4)
    b = torch.stack([torch.zeros(3, 4, 4), torch.full((3, 4, 4), 0.5), torch.ones(3, 4, 4)])
    scores = psnr(a, b)
    assert scores.dtype == torch.float64
    assert scores.tolist() == [math.inf, pytest.approx(6.0205999), 0.0]


def test_psnr_is_that_of_scikit_image() -> None:
    from skimage.metrics import peak_signal_noise_ratio

    a, b = pictures(0), pictures(1)
    expected = [
        peak_signal_noise_ratio(x.double().numpy(), y.double().numpy(), data_range=1)
        for x, y in zip(a, b, strict=True)
    ]
    assert psnr(a, b).tolist() == pytest.approx(expected, abs=1e-9)


def test_psnr_where_sees_nothing_else() -> None:
    a, b = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    b[..., 0, 0], b[..., 0, 1] = 0.1, 0.2
    one, two = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)
    one[..., 0, 0] = 1
    two[..., 0, :] = 1
    assert psnr(a, b, where=one).item() == pytest.approx(20, abs=1e-6)
    assert psnr(a, b, where=two > 0).item() == pytest.approx(-10 * math.log10(0.025), abs=1e-6)
    assert psnr(a, b, where=torch.ones(1, 1, 2, 2)).item() == pytest.approx(psnr(a, b).item(), abs=1e-12)


@given(st.integers(0, 2**30), st.floats(0.05, 0.95))
def test_psnr_of_a_hole_and_of_the_rest_make_the_whole(seed: int, share: float) -> None:
    a, b = pictures(seed), pictures(seed + 1)
    hole = (pictures(seed + 2, (2, 1, 19, 14)) < share).double()
    part = hole.mean((1, 2, 3))
    error = part * 10 ** (-psnr(a, b, where=hole) / 10) + (1 - part) * 10 ** (
        -psnr(a, b, where=1 - hole) / 10
    )
    torch.testing.assert_close(-10 * error.log10(), psnr(a, b), rtol=0, atol=1e-9)


def test_psnr_refuses_what_does_not_fit() -> None:
    a = pictures(0)
    with pytest.raises(ValueError, match=r"got \(2, 3, 19, 14\) and \(2, 3, 14, 19\)"):
        psnr(a, a.mT)
    with pytest.raises(ValueError, match=r"got \(3, 19, 14\)"):
        psnr(a[0], a[0])
    with pytest.raises(TypeError, match=r"got torch\.uint8"):
        psnr((255 * a).byte(), a)
    with pytest.raises(ValueError, match=r"where is \(1, 1, 19, 14\), expected \(2, 1, 19, 14\)"):
        psnr(a, a, where=torch.ones(1, 1, 19, 14))
    where = torch.ones(2, 1, 19, 14)
    where[1] = 0
    with pytest.raises(ValueError, match="selects no pixel of picture 1"):
        psnr(a, a, where=where)


# --- luma -----------------------------------------------------------------------------------------


def test_luma_of_the_corners_of_the_colour_cube() -> None:
    corners = torch.tensor([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=torch.float64)
    y = 255 * luma(corners.view(5, 3, 1, 1))
    assert y.shape == (5, 1, 1, 1)
    assert y.flatten().tolist() == pytest.approx([16, 81.481, 144.553, 40.966, 235], abs=1e-9)


def test_luma_is_that_of_scikit_image() -> None:
    from skimage.color import rgb2ycbcr

    image = pictures(3, (1, 3, 5, 4)).double()
    expected = rgb2ycbcr(image[0].permute(1, 2, 0).numpy())[..., 0] / 255
    torch.testing.assert_close(luma(image)[0, 0], torch.from_numpy(expected), rtol=0, atol=1e-9)


def test_luma_refuses_other_channels() -> None:
    with pytest.raises(ValueError, match=r"got \(1, 1, 4, 4\)"):
        luma(torch.zeros(1, 1, 4, 4))


# --- SSIM -----------------------------------------------------------------------------------------


def ssim_by_hand(a: Tensor, b: Tensor) -> Tensor:
    """Wang et al. (2004), eq. 13, over every full 11x11 window."""
    line = torch.exp(-0.5 * (torch.arange(-5, 6, dtype=torch.float64) / 1.5) ** 2)
    window = (line[:, None] * line)[None, None] / line.sum() ** 2
    a, b = (x.double().flatten(0, 1)[:, None] for x in (a, b))

    def mean(x: Tensor) -> Tensor:
        return F.conv2d(x, window)

    var_a, var_b = mean(a * a) - mean(a) ** 2, mean(b * b) - mean(b) ** 2
    covariance = mean(a * b) - mean(a) * mean(b)
    numerator = (2 * mean(a) * mean(b) + 0.01**2) * (2 * covariance + 0.03**2)
    denominator = (mean(a) ** 2 + mean(b) ** 2 + 0.01**2) * (var_a + var_b + 0.03**2)
    return (numerator / denominator).mean((1, 2, 3))


@pytest.mark.parametrize("channels", [1, 3])
def test_ssim_is_the_paper_s(channels: int) -> None:
    a = pictures(4, (2, channels, 19, 14))
    b = (a + 0.2 * pictures(5, (2, channels, 19, 14))).clamp(0, 1)
    expected = ssim_by_hand(a, b).view(2, channels).mean(1)
    torch.testing.assert_close(ssim(a, b), expected, rtol=0, atol=1e-6)


def test_ssim_of_equal_pictures_is_one() -> None:
    assert ssim(pictures(6), pictures(6)).tolist() == pytest.approx([1, 1], abs=1e-12)


def test_ssim_of_flat_pictures_compares_their_means() -> None:
    a, b = torch.full((1, 3, 11, 11), 0.2), torch.full((1, 3, 11, 11), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert ssim(a, b).item() == pytest.approx(expected, abs=1e-6)


def test_ssim_refuses_small_pictures() -> None:
    with pytest.raises(ValueError, match=r"at least 11x11 pixels, got 10x14"):
        ssim(torch.zeros(1, 3, 10, 14), torch.zeros(1, 3, 10, 14))


@given(st.integers(0, 2**30))
def test_ssim_is_that_of_scikit_image(seed: int) -> None:
    from skimage.metrics import structural_similarity

    a, b = pictures(seed, (1, 3, 23, 19)), pictures(seed + 1, (1, 3, 23, 19))
    expected = structural_similarity(
        a[0].double().numpy(), b[0].double().numpy(), data_range=1, channel_axis=0, gaussian_weights=True,
        sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    assert ssim(a, b).item() == pytest.approx(expected, abs=1e-6)


def test_ssim_where_sees_the_windows_around_these_pixels() -> None:
    a = pictures(3, (1, 3, 40, 60))
    b = a.clone()
    b[..., 35:] = pictures(4, (1, 3, 40, 25))
    left, right = torch.zeros(1, 1, 40, 60), torch.zeros(1, 1, 40, 60)
    left[..., :28], right[..., 42:] = 1, 1
    assert ssim(a, b, where=left).item() == pytest.approx(1, abs=1e-12)
    assert ssim(a, b, where=right).item() < 0.2
    assert ssim(a, b, where=torch.ones(1, 1, 40, 60)).item() == pytest.approx(ssim(a, b).item(), abs=1e-12)
    edge = torch.zeros(1, 1, 40, 60)
    edge[..., :3, :] = 1  # no whole window around any of these
    assert math.isnan(ssim(a, b, where=edge).item())
    with pytest.raises(ValueError, match=r"where is \(1, 1, 60, 40\)"):
        ssim(a, b, where=left.mT)


# --- MS-SSIM --------------------------------------------------------------------------------------


def smooth(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Something with structure at several scales."""
    small = pictures(seed, (*shape[:2], 6, 7))
    return F.interpolate(small, size=shape[2:], mode="bicubic").clamp(0, 1)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(176, 176), (177, 201), (256, 190)])
@pytest.mark.parametrize("noise", [0.02, 0.1, 0.4])
def test_ms_ssim_is_the_paper_s(size: tuple[int, int], noise: float) -> None:
    """Eq. 7 from torchmetrics' contrast terms and scikit-image's SSIM of the coarsest scale.

    Torchmetrics' own last term has the padded edge in its mean, which neither the paper nor its SSIM has.
    """
    from torchmetrics.functional.image import structural_similarity_index_measure

    a = smooth(1, (1, 1, *size))
    b = (a + noise * torch.randn(a.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    found, expected = ms_ssim(a, b).item(), 1.0
    for weight in (0.0448, 0.2856, 0.3001, 0.2363):
        _, contrast = structural_similarity_index_measure(
            a, b, data_range=1.0, return_contrast_sensitivity=True
        )
        expected *= contrast.item() ** weight
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    assert found == pytest.approx(expected * ssim(a, b).item() ** 0.1333, abs=1e-5)


def test_ms_ssim_is_the_mean_over_the_channels() -> None:
    a = smooth(1, (2, 3, 180, 177))
    b = (a + 0.2 * torch.randn(a.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    split = torch.stack([ms_ssim(a[:, c : c + 1], b[:, c : c + 1]) for c in range(3)])
    torch.testing.assert_close(ms_ssim(a, b), split.mean(0))


def test_colour_shift_is_of_means_and_has_no_sign() -> None:
    """Channels that drift apart in two directions are no less off than in one; texture does not count."""
    picture = torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([[0.01, -0.02, 0.0], [0.0, 0.0, 0.03]])[:, :, None, None]
    checker = 0.1 * (-1.0) ** (torch.arange(20)[:, None] + torch.arange(30))
    torch.testing.assert_close(
        colour_shift(picture + shift + checker, picture),
        torch.tensor([0.01, 0.01]).double(),
        atol=1e-7,
        rtol=0,
    )
    with pytest.raises(ValueError, match="of one shape"):
        colour_shift(picture, picture[..., :-1])


def test_ms_ssim_of_equal_pictures_is_one_and_small_ones_are_refused() -> None:
    a = smooth(5, (1, 3, 176, 180))
    assert ms_ssim(a, a).item() == pytest.approx(1, abs=1e-6)
    assert ms_ssim(a, 1 - a).item() == 0  # negative contrast
    with pytest.raises(ValueError, match="at least 176x176 pixels, got 175x180"):
        ms_ssim(a[..., :175, :], a[..., :175, :])


# --- seams ----------------------------------------------------------------------------------------


def square(h: int = 20, w: int = 30) -> Tensor:
    hole = torch.zeros(1, 1, h, w)
    hole[..., 5:10, 8:20] = 1
    return hole


def test_seam_of_the_clean_picture_is_one() -> None:
    clean = pictures(0, (2, 3, 20, 30))
    assert seam_ratio(clean, clean, square().expand(2, -1, -1, -1)).tolist() == [1, 1]


def test_seam_counts_steps_across_the_border_alone() -> None:
    """A step of 51 levels into the hole, against one of a level everywhere: (51 + 1) / (1 + 1)."""
    y, x = torch.arange(20)[:, None], torch.arange(30)
    clean = (((x + y) % 2) / 255).expand(1, 3, 20, 30).double()
    flat = torch.zeros_like(clean)
    hole = square()
    assert seam_ratio(flat + 0.2 * hole, clean, hole).item() == pytest.approx(26)
    inside = torch.zeros(1, 1, 20, 30)
    inside[..., 6:9, 9:19] = 1  # not at the border
    assert seam_ratio(clean + 0.5 * inside, clean, hole).item() == pytest.approx(1)


def test_seam_at_an_edge_of_the_picture_is_no_border() -> None:
    hole = torch.zeros(1, 1, 8, 8)
    hole[..., 4:] = 1  # its only border is the column between 3 and 4
    clean = torch.zeros(1, 1, 8, 8)
    result = clean.clone()
    result[..., 4:] = torch.linspace(0, 1, 8)[:, None]
    assert seam_ratio(result, clean, hole).item() == pytest.approx(1 + 255 * 0.5)


def test_seam_of_smooth_and_of_pasted_fills() -> None:
    clean = pictures(1, (1, 3, 64, 64))
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 16:48, 16:48] = 1
    smear = clean * (1 - hole) + 0.5 * hole  # E|u - 1/2| is 1/4, E|u - v| 1/3
    assert seam_ratio(smear, clean, hole).item() == pytest.approx(0.75, abs=0.06)
    pasted = clean * (1 - hole) + (clean.roll(7, 3) + 1) * hole
    assert seam_ratio(pasted, clean, hole).item() == pytest.approx(3, abs=0.2)


def test_seam_without_a_border_is_undefined() -> None:
    clean = torch.zeros(2, 3, 6, 6)
    hole = torch.stack([torch.zeros(1, 6, 6), torch.ones(1, 6, 6)])
    assert seam_ratio(clean, clean, hole).isnan().all()
    with pytest.raises(ValueError, match=r"hole is \(1, 1, 6, 6\), expected \(2, 1, 6, 6\)"):
        seam_ratio(clean, clean, hole[:1])
