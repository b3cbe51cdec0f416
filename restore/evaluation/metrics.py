"""How close a picture is to its reference: PSNR, SSIM, MS-SSIM, the shift of colours, seams; and luma."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.images.similarity import SCALE_WEIGHTS, WINDOW, check_pair, scale_terms

SSIM_SMALLEST = WINDOW
MS_SSIM_SMALLEST = 16 * WINDOW  # a window at the coarsest of five scales


def psnr(a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio of each picture of a batch, in dB.

    ``-10 log10(mean((a - b)^2))``, for a peak of 1; equal pictures give infinity.

    Parameters
    ----------
    a, b : Tensor
        ``(b, c, h, w)``, nominal range [0, 1], taken as they are: clamp and round first where the protocol
        says so.
    where : Tensor, optional
        ``(b, 1, h, w)``: the mean is taken over these pixels only, all channels; weights between 0 and 1
        count in part.

    Returns
    -------
    Tensor
        float64 ``(b,)``.

    Raises
    ------
    ValueError
        The shapes do not fit, or ``where`` selects nothing of a picture.

    Examples
    --------
    >>> psnr(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.1)).round(decimals=2)
    tensor([20.], dtype=torch.float64)
    """
    check_pair(a, b)
    error = (a.double() - b.double()).square().mean(1, keepdim=True)
    if where is None:
        return -10 * error.mean((1, 2, 3)).log10()
    if where.shape != error.shape:
        raise ValueError(
            f"where is {tuple(where.shape)}, expected {tuple(error.shape)}: one plane for each picture"
        )
    weight = where.double()
    total = weight.sum((1, 2, 3))
    if not (total > 0).all():
        empty = int((total > 0).logical_not().nonzero()[0])
        raise ValueError(f"where selects no pixel of picture {empty}; PSNR over nothing is not defined")
    return -10 * ((error * weight).sum((1, 2, 3)) / total).log10()


def colour_shift(a: Tensor, b: Tensor) -> Tensor:
    """The distance of the mean colours of two pictures.

    ``mean over c of |mean(a_c) - mean(b_c)|``: a drift that PSNR hardly shows and the eye sees.

    Parameters
    ----------
    a, b : Tensor
        ``(b, c, h, w)``, nominal range [0, 1].

    Returns
    -------
    Tensor
        float64 ``(b,)``, in [0, 1] units.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> colour_shift(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.5))
    tensor([0.5000], dtype=torch.float64)
    """
    check_pair(a, b)
    return (a.double() - b.double()).mean((2, 3)).abs().mean(1)


def seam_ratio(result: Tensor, clean: Tensor, hole: Tensor) -> Tensor:
    """Steps across the border of a filled hole, as a multiple of those that the clean picture has there.

    ``(mean |d result| + 1/255) / (mean |d clean| + 1/255)`` over all channels and all pairs of pixels side by
    side or one above the other of which one lies in the hole, d being their difference. 1 is as in the clean
    picture; more is a visible border, less is a fill that is smoother than what it continues. A level of 8
    bits is added so that flat pictures have a ratio, too, and no step counts that nobody sees.

    Parameters
    ----------
    result, clean : Tensor
        ``(b, c, h, w)``, nominal range [0, 1].
    hole : Tensor
        ``(b, 1, h, w)``, above 0 where the picture was filled.

    Returns
    -------
    Tensor
        float64 ``(b,)``; NaN for a picture whose hole has no border.

    Raises
    ------
    ValueError
        The shapes do not fit.

    Examples
    --------
    >>> hole = torch.zeros(1, 1, 32, 32)
    >>> hole[..., 8:24, 8:24] = 1
    >>> flat = torch.full((1, 3, 32, 32), 0.5)
    >>> seam_ratio(flat + 0.1 * hole, flat, hole).round(decimals=3)
    tensor([26.5000], dtype=torch.float64)
    """
    check_pair(result, clean)
    b, _, h, w = clean.shape
    if hole.shape != (b, 1, h, w):
        raise ValueError(f"hole is {tuple(hole.shape)}, expected {(b, 1, h, w)}: one plane for each picture")
    inside = (hole > 0).double()
    pairs = [inside.diff(dim=axis).abs() for axis in (2, 3)]
    count = torch.stack([each.sum((1, 2, 3)) for each in pairs]).sum(0)

    def mean_step(image: Tensor) -> Tensor:
        steps = [image.double().diff(dim=axis).abs().mean(1, keepdim=True) for axis in (2, 3)]
        sums = [(step * each).sum((1, 2, 3)) for step, each in zip(steps, pairs, strict=True)]
        return torch.stack(sums).sum(0) / count  # 0 / 0 is NaN

    return (mean_step(result) + 1 / 255) / (mean_step(clean) + 1 / 255)


def luma(image: Tensor) -> Tensor:
    """The Y of MATLAB's rgb2ycbcr, on which super-resolution is measured.

    ``Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255``, from 16/255 to 235/255, not rounded.

    Parameters
    ----------
    image : Tensor
        RGB ``(b, 3, h, w)`` in [0, 1].

    Returns
    -------
    Tensor
        ``(b, 1, h, w)``.

    Raises
    ------
    ValueError
        It has another number of channels.

    References
    ----------
    ITU-R Recommendation BT.601-7, 2011.

    Examples
    --------
    >>> (255 * luma(torch.ones(1, 3, 1, 1))).round()
    tensor([[[[235.]]]])
    """
    if image.ndim != 4 or image.shape[1] != 3:
        raise ValueError(f"expected an RGB image (b, 3, h, w), got {tuple(image.shape)}")
    weights = image.new_tensor([65.481, 128.553, 24.966]).view(1, 3, 1, 1)
    return (16 + (image * weights).sum(1, keepdim=True)) / 255


def ssim(a: Tensor, b: Tensor, *, where: Tensor | None = None) -> Tensor:
    """Structural similarity of each picture of a batch, 1 for equal pictures.

    Computed by scikit-image, channel by channel, and averaged; with the Gaussian window of the paper, 11x11
    pixels and sigma 1.5. Windows that reach over the edge are left out.

    Parameters
    ----------
    a, b : Tensor
        ``(b, c, h, w)`` in [0, 1], at least 11x11 pixels.
    where : Tensor, optional
        ``(b, 1, h, w)``: only the windows around these pixels count.

    Returns
    -------
    Tensor
        float64 ``(b,)``; NaN for a picture where no window lies inside ``where``.

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
    tensor([1.], dtype=torch.float64)
    """
    return mean_of_windows(ssim_map(a, b), where)


def ssim_map(a: Tensor, b: Tensor) -> Tensor:
    """The structural similarity of each window inside the pictures; `ssim` is its mean.

    Parameters
    ----------
    a, b : Tensor
        As for `ssim`.

    Returns
    -------
    Tensor
        float64 ``(b, c, h - 10, w - 10)``.
    """
    from skimage.metrics import structural_similarity

    check_pair(a, b)
    if min(a.shape[-2:]) < SSIM_SMALLEST:
        raise ValueError(
            f"SSIM needs pictures of at least {SSIM_SMALLEST}x{SSIM_SMALLEST} pixels, "
            f"got {a.shape[-2]}x{a.shape[-1]}"
        )
    maps = [
        structural_similarity(  # type: ignore[no-untyped-call] # scikit-image has no types
            one.detach().double().cpu().numpy(),
            other.detach().double().cpu().numpy(),
            data_range=1,
            channel_axis=0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )[1][:, 5:-5, 5:-5]
        for one, other in zip(a, b, strict=True)
    ]
    return torch.stack([torch.from_numpy(each) for each in maps])


def mean_of_windows(windows: Tensor, where: Tensor | None = None) -> Tensor:
    """The mean of a `ssim_map`, of the windows around the pixels of ``where`` only: float64 ``(b,)``."""
    if where is None:
        return windows.mean((1, 2, 3))
    b, _, h, w = windows.shape
    if where.shape != (b, 1, h + 10, w + 10):
        raise ValueError(f"where is {tuple(where.shape)}, expected {(b, 1, h + 10, w + 10)}")
    inside = where[..., 5:-5, 5:-5].cpu() > 0
    return (windows * inside).mean(1).sum((1, 2)) / inside.sum((1, 2, 3))  # 0 / 0 is NaN


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """Multi-scale structural similarity of each picture of a batch, 1 for equal pictures.

    Five scales with the weights of the paper, each the mean of 2x2 pixels of the finer one; windows as in
    `ssim`. A negative contrast term counts as 0.

    Parameters
    ----------
    a, b : Tensor
        ``(b, c, h, w)`` in [0, 1], at least 176x176 pixels, so that a window fits at the coarsest scale.

    Returns
    -------
    Tensor
        float64 ``(b,)``.

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
    >>> picture = torch.rand(1, 1, 176, 176)
    >>> ms_ssim(picture, picture).round(decimals=4)
    tensor([1.], dtype=torch.float64)
    """
    check_pair(a, b)
    if min(a.shape[-2:]) < MS_SSIM_SMALLEST:
        raise ValueError(
            f"MS-SSIM needs pictures of at least {MS_SSIM_SMALLEST}x{MS_SSIM_SMALLEST} pixels, "
            f"got {a.shape[-2]}x{a.shape[-1]}"
        )
    a, b = a.detach().float(), b.detach().float()
    product = torch.ones(a.shape[:2], dtype=torch.float64, device=a.device)
    for terms, weight in zip(scale_terms(a, b, len(SCALE_WEIGHTS)), SCALE_WEIGHTS, strict=True):
        product = product * terms.double().mean((2, 3)).clamp_min(0) ** weight
    return product.mean(1).cpu()
