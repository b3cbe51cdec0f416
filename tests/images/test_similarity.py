"""SSIM and MS-SSIM with gradients: against the ones that are reported, and what their gradients lead to."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.evaluation import metrics
from restore.images.similarity import ms_ssim, scale_terms, scales, ssim

pytestmark = pytest.mark.usefixtures("one_thread")


def smooth(seed: int, *shape: int) -> Tensor:
    """Something with structure at several scales."""
    small = torch.rand(*shape[:2], 6, 7, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(small, size=shape[2:], mode="bicubic").clamp(0, 1)


def noisy(clean: Tensor, level: float, seed: int = 7) -> Tensor:
    return clean + level * torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


def test_ssim_is_the_reported_one() -> None:
    a = smooth(0, 2, 3, 40, 33)
    b = noisy(a, 0.1)
    torch.testing.assert_close(ssim(a, b).double(), metrics.ssim(a, b), atol=1e-5, rtol=0)
    where = torch.zeros(2, 1, 40, 33)
    where[..., 8:30, 4:20] = 1
    found = ssim(a, b, where=where).double()
    torch.testing.assert_close(found, metrics.ssim(a, b, where=where), atol=1e-5, rtol=0)


def test_ms_ssim_is_the_reported_one_where_five_scales_fit() -> None:
    a = smooth(1, 2, 3, 177, 180)
    b = noisy(a, 0.1)
    torch.testing.assert_close(ms_ssim(a, b).double(), metrics.ms_ssim(a, b), atol=5e-5, rtol=0)
    everywhere = torch.ones(2, 1, 177, 180)
    torch.testing.assert_close(ms_ssim(a, b, where=everywhere), ms_ssim(a, b))


def test_small_crops_have_fewer_scales_whose_exponents_sum_to_one() -> None:
    a = smooth(2, 1, 3, 30, 30)
    b = noisy(a, 0.1)
    fine, coarse = (terms.mean((2, 3)) for terms in scale_terms(a, b, 2))
    total = 0.0448 + 0.2856
    expected = (fine ** (0.0448 / total) * coarse ** (0.2856 / total)).mean(1)
    torch.testing.assert_close(ms_ssim(a, b), expected)
    torch.testing.assert_close(
        ms_ssim(a[..., :20, :20], b[..., :20, :20]), ssim(a[..., :20, :20], b[..., :20, :20])
    )
    assert [scales((side, 500)) for side in (11, 21, 22, 43, 44, 87, 88, 175, 176)] == [
        1,
        1,
        2,
        2,
        3,
        3,
        4,
        4,
        5,
    ]
    with pytest.raises(
        ValueError, match="SSIM at 1 scales needs pictures of at least 11x11 pixels, got 10x14"
    ):
        ssim(a[..., :10, :14], b[..., :10, :14])


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_only_the_windows_around_what_counts_are_seen(measure: Callable[..., Tensor]) -> None:
    a = smooth(3, 1, 3, 48, 48)
    b = a.clone()
    b[..., 38:] = 0
    left, edge = torch.zeros(1, 1, 48, 48), torch.zeros(1, 1, 48, 48)
    left[..., 8:14], edge[..., :2, :] = 1, 1
    assert measure(a, b, where=left).item() == pytest.approx(1, abs=1e-5)
    assert measure(a, b).item() < 0.95
    assert measure(a, b, where=edge).item() == 1  # no whole window around any of these


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
def test_the_gradient_leads_to_the_picture(measure: Callable[..., Tensor]) -> None:
    clean = smooth(4, 2, 3, 32, 32)
    found = noisy(clean, 0.2).requires_grad_()
    start, error = measure(found.detach(), clean), (found.detach() - clean).square().mean()
    optimizer = torch.optim.Adam([found], lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        (1 - measure(found, clean)).sum().backward()
        optimizer.step()
    assert (start < 0.85).all()
    assert (measure(found.detach(), clean) > 0.95).all()
    assert (found.detach() - clean).square().mean() < 0.2 * error


@pytest.mark.parametrize("measure", [ssim, ms_ssim])
@pytest.mark.parametrize("kind", ["flat", "equal", "negative"])
def test_gradients_are_finite(measure: Callable[..., Tensor], kind: str) -> None:
    clean = smooth(5, 1, 3, 48, 48)
    a = {"flat": torch.full_like(clean, 0.5), "equal": clean.clone(), "negative": 1 - clean}[
        kind
    ].requires_grad_()
    measure(a, clean).sum().backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()
