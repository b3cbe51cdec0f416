"""Smooth values over what is known of them, and fill holes so: where every inpainting method starts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.images.device_constants import constant


def push_pull(image: Tensor, hole: Tensor) -> Tensor:
    """Fill holes by normalised convolution on a pyramid.

    Pull: average the known pixels into ever coarser levels, each weighted by how much of it is known. Push:
    from coarse to fine, blend every pixel towards the coarser level by what it lacks.

    Parameters
    ----------
    image : ``(b, c, h, w)``.
    hole : ``(b, 1, h, w)``, 1 where content is missing.

    Returns
    -------
    The picture ``(b, c, h, w)``. Known pixels come back unchanged; an image without a single known pixel is
    0.5 everywhere.

    References
    ----------
    Gortler et al. (1996), "The Lumigraph", doi:10.1145/237170.237200, section 3.5; Knutsson and Westin
    (1993), "Normalized and Differential Convolution", doi:10.1109/CVPR.1993.341081.

    Examples
    --------
    >>> import torch
    >>> hole = torch.zeros(1, 1, 8, 8)
    >>> hole[..., 2:5, 2:5] = 1
    >>> torch.allclose(push_pull(torch.full((1, 3, 8, 8), 0.25), hole), torch.tensor(0.25))
    True
    """
    known = 1 - hole
    return _pull_push(image * known, known)


def _pull_push(weighted: Tensor, weight: Tensor) -> Tensor:
    """Return the values at this level with no pixel left empty; the input is value times weight.

    Where the weight is 1 the values come back as they are, bit for bit.
    """
    h, w = weight.shape[-2:]
    if h == 1 and w == 1:
        return (weighted / weight.clamp_min(1e-6)).where(weight > 0, 0.5)
    pad = (1, 1 + w % 2, 1, 1 + h % 2)
    # A tent over 4x4 pixels, halved in size: smoother than 2x2, no blocks in the fill. Its taps sum to
    # four, so that one known pixel of four makes a known coarse pixel.
    kernel = constant((0.25, 0.75, 0.75, 0.25), weight.device, weight.dtype)
    kernel = (kernel[:, None] * kernel).expand(weighted.shape[1], 1, 4, 4)
    coarse_weighted = F.conv2d(F.pad(weighted, pad), kernel, stride=2, groups=weighted.shape[1])
    coarse_weight = F.conv2d(F.pad(weight, pad), kernel[:1], stride=2)
    # More than one known pixel is no more than known: saturate, or a far average outweighs a near pixel.
    saturated = coarse_weight.clamp_max(1)
    scale = saturated / coarse_weight.clamp_min(1e-6)
    coarse = _pull_push(coarse_weighted * scale, saturated)
    size = (2 * coarse.shape[-2], 2 * coarse.shape[-1])
    up = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)[..., :h, :w]
    return weighted + up * (1 - weight)


def smoothed(values: Tensor, radius: float, where: Tensor | None = None) -> Tensor:
    """Give Gaussian-weighted means, by normalised convolution: borders need no rule of their own.

    Parameters
    ----------
    values : ``(b, c, h, w)``.
    radius : standard deviation of the weights, in pixels.
    where : ``(b, 1, h, w)``, 1 for the pixels that count; None is all.

    Returns
    -------
    The means ``(b, c, h, w)``; 0 where no pixel that counts is within three times the radius.

    References
    ----------
    Knutsson and Westin (1993), doi:10.1109/CVPR.1993.341081.

    Examples
    --------
    >>> import torch
    >>> torch.allclose(smoothed(torch.ones(1, 1, 8, 8), 2.0), torch.tensor(1.0))
    True
    """
    known = torch.ones_like(values) if where is None else where.to(values).expand_as(values)
    reach = int(3 * radius)
    place = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    bell = torch.exp(-0.5 * (place / radius) ** 2)

    def blurred(planes: Tensor) -> Tensor:
        channels = planes.shape[1]
        upright = bell.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
        planes = F.conv2d(planes, upright, padding=(reach, 0), groups=channels)
        return F.conv2d(planes, upright.transpose(2, 3), padding=(0, reach), groups=channels)

    return blurred(values * known) / blurred(known).clamp_min(1e-6)
