"""Structural similarity in torch: what is reported and what networks are trained on are made from it.

`ssim` and `ms_ssim` give gradients. `restore.evaluation.metrics` has those that are reported: the same
numbers, in double precision and for pictures large enough for all five scales.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

WINDOW = 11
"""Side of the Gaussian window, the smallest picture that has an SSIM."""

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales of MS-SSIM, the finest first (Wang et al. 2003, section 3.2)."""

_SMALLEST_TERM = 1e-3  # a root of 0 has no gradient


def ssim(a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Structural similarity of each picture of a batch with gradients, 1 for equal pictures.

    Gaussian windows of 11x11 pixels, sigma 1.5; those that reach over the edge are left out. Values outside
    [0, 1] are taken as they are, so that they have a gradient, too.

    Parameters
    ----------
    a, b : pictures ``(b, c, h, w)`` in [0, 1], at least 11x11 pixels.
    where : weights of the pixels ``(b, 1, h, w)``: only the windows around these count. A picture without
        such a window counts as equal.

    Returns
    -------
    Tensor
        ``(b,)``.

    Raises
    ------
    ValueError
        The shapes do not fit, or the pictures are smaller.

    References
    ----------
    Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity",
    doi:10.1109/TIP.2003.819861, eq. 13.

    Examples
    --------
    >>> picture = torch.rand(1, 3, 16, 16)
    >>> ssim(picture, picture)
    tensor([1.])
    """
    (terms,) = scale_terms(a, b, 1)
    return _weighted(terms, where).mean(1)


def ms_ssim(a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Multi-scale structural similarity of each picture with gradients, 1 for equal pictures.

    As many of the paper's five scales as a window fits into, `scales`; their exponents are divided by their
    sum, so that small crops have one, too. Of 176x176 pixels and more it is the paper's own, but for means of
    a scale below 0.001, which count as that: nearer to 0 a root has no useful gradient.

    Parameters
    ----------
    a, b : pictures ``(b, c, h, w)`` in [0, 1], at least 11x11 pixels.
    where : as for `ssim`.

    Returns
    -------
    Tensor
        ``(b,)``.

    Raises
    ------
    ValueError
        The shapes do not fit, or the pictures are smaller.

    References
    ----------
    Wang, Simoncelli and Bovik 2003, "Multiscale structural similarity for image quality assessment",
    doi:10.1109/ACSSC.2003.1292216, eq. 7.

    Examples
    --------
    >>> picture = torch.rand(1, 3, 44, 44)
    >>> ms_ssim(picture, picture).round(decimals=4)
    tensor([1.])
    """
    count = scales(a.shape[-2:])
    weights = SCALE_WEIGHTS[:count]
    product = torch.ones_like(a[:, :, 0, 0])
    for terms, weight in zip(scale_terms(a, b, count), weights, strict=True):
        mean = _weighted(terms, where).clamp_min(_SMALLEST_TERM)
        product = product * mean ** (weight / sum(weights))
        where = None if where is None else avg_pool2d(where, 2)
    return product.mean(1)


def scales(size: tuple[int, ...]) -> int:
    """Give how many scales of MS-SSIM a picture of ``size`` (h, w) has, five at most; at least 1.

    Examples
    --------
    >>> [scales((side, side)) for side in (16, 22, 64, 96, 176)]
    [1, 2, 3, 4, 5]
    """
    return max(1, min(len(SCALE_WEIGHTS), (min(size) // WINDOW).bit_length()))


def scale_terms(a: Tensor, b: Tensor, count: int) -> Iterator[Tensor]:
    """Yield what MS-SSIM averages at each scale: contrast and structure, at the last with the luminance.

    Each scale is the mean of 2x2 pixels of the finer one.

    Parameters
    ----------
    a, b : pictures ``(b, c, h, w)`` in [0, 1], at least ``11 * 2 ** (count - 1)`` pixels high and wide.
    count : of scales. 1 gives the map of SSIM.

    Yields
    ------
    Tensor
        One value for each window inside the picture, ``(b, c, h' - 10, w' - 10)``, the finest scale first.

    Raises
    ------
    ValueError
        The shapes do not fit, or the pictures are smaller.

    References
    ----------
    Wang, Simoncelli and Bovik 2003, doi:10.1109/ACSSC.2003.1292216, section 3.1.

    Examples
    --------
    >>> [terms.shape[-1] for terms in scale_terms(torch.zeros(1, 3, 44, 44), torch.zeros(1, 3, 44, 44), 3)]
    [34, 12, 1]
    """
    check_pair(a, b)
    smallest = WINDOW * 2 ** (count - 1)
    if min(a.shape[-2:]) < smallest:
        raise ValueError(
            f"SSIM at {count} scales needs pictures of at least {smallest}x{smallest} pixels, "
            f"got {a.shape[-2]}x{a.shape[-1]}"
        )
    for scale in range(count):
        if scale:
            a, b = avg_pool2d(a, 2), avg_pool2d(b, 2)
        luminance, contrast = _terms(a, b)
        yield luminance * contrast if scale == count - 1 else contrast


def check_pair(a: Tensor, b: Tensor) -> None:
    """Refuse what is not two batches of pictures of one shape: ValueError, TypeError for integers."""
    if a.shape != b.shape or a.ndim != 4:
        raise ValueError(
            f"expected two batches of pictures (b, c, h, w) of one shape, got {tuple(a.shape)} "
            f"and {tuple(b.shape)}"
        )
    if not (a.is_floating_point() and b.is_floating_point()):
        raise TypeError(f"expected floats in [0, 1], got {a.dtype} and {b.dtype}; divide by the peak first")


def _terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The luminance and the contrast-structure term of SSIM (2004, eqs. 6 and 13) around each inner pixel."""
    from kornia.filters import filter2d_separable, get_gaussian_kernel1d

    window = get_gaussian_kernel1d(WINDOW, 1.5, device=a.device, dtype=a.dtype)
    planes = torch.cat([a, b, a * a, b * b, a * b], 1)
    means = filter2d_separable(planes, window, window, padding="valid")
    mean_a, mean_b, square_a, square_b, mixed = means.chunk(5, 1)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    both = (square_a - mean_a**2) + (square_b - mean_b**2)
    return luminance, (2 * (mixed - mean_a * mean_b) + c2) / (both + c2)


def _weighted(terms: Tensor, where: Tensor | None) -> Tensor:
    """The mean of the windows around the pixels that count, ``(b, c)``; 1 where none of them does."""
    if where is None:
        return terms.mean((2, 3))
    edge = WINDOW // 2
    weight = where[..., edge : edge + terms.shape[-2], edge : edge + terms.shape[-1]]
    return 1 - ((1 - terms) * weight).sum((2, 3)) / weight.sum((2, 3)).clamp_min(1e-6)
