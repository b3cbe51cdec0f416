"""The prior alone as a differentiable function: the clean picture that is expected of a noisy one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from restore.priors.protocol import Prior


def posterior_mean(prior: Prior, x: Tensor, sigma: float | Tensor) -> Tensor:
    """Give ``E[x0 | x]`` for pictures in gray or in colour, each at its own noise level.

    It is differentiable with respect to x, where x requires a gradient. Neither the noise level nor the
    weights get one. Pictures of one level are computed together.

    Parameters
    ----------
    prior : the network.
    x : ``x0 + sigma n``, ``(b, 3, h, w)`` or gray ``(b, 1, h, w)`` of floats, nominal range [0, 1]. Gray
        pictures are computed as three equal channels, whose mean is given.
    sigma : noise level, [0, 1] units, clamped to the range that the prior knows; one for all, or ``(b,)``.
        Where it is 0 the picture itself is given.

    Returns
    -------
    Tensor
        Of the shape, type and device of x.

    Raises
    ------
    TypeError
        For what is no tensor of floats.
    ValueError
        For other shapes, and noise levels that are negative, not finite or of another number.

    Examples
    --------
    >>> from restore.testing import tiny_prior
    >>> x = torch.rand(2, 1, 8, 8)
    >>> clean = posterior_mean(tiny_prior(), x, torch.tensor([0.0, 0.1]))
    >>> clean.shape, bool((clean[0] == x[0]).all()), bool((clean[1] == x[1]).any())
    (torch.Size([2, 1, 8, 8]), True, False)
    """
    _check(x)
    levels = _levels(sigma, len(x))
    denoise = prior.denoiser(differentiable=x.requires_grad and torch.is_grad_enabled())
    colours = x.expand(-1, 3, -1, -1)
    results: dict[int, Tensor] = {}
    for level in sorted(set(levels)):
        places = [k for k, each in enumerate(levels) if each == level]
        found = denoise(colours if len(places) == len(x) else colours[places], level)
        results.update(zip(places, found, strict=True))
    whole = torch.stack([results[k] for k in range(len(x))])
    return whole if x.shape[1] == 3 else whole.mean(1, keepdim=True, dtype=torch.float64).to(x.dtype)


def _check(x: Tensor) -> None:
    if not isinstance(x, Tensor) or not x.is_floating_point():
        what = f"a tensor of {x.dtype}" if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"expected a tensor of floats in [0, 1], got {what}")
    if x.ndim != 4 or x.shape[1] not in (1, 3) or min(x.shape) < 1:
        raise ValueError(f"expected pictures (b, 3, h, w), or gray (b, 1, h, w), got {tuple(x.shape)}")


def levels_in(sigma: Any) -> Tensor:
    """Noise levels in double precision, without gradient. Raises TypeError for what is no number.

    Examples
    --------
    >>> levels_in([1, 2])
    tensor([1., 2.], dtype=torch.float64)
    """
    try:
        return torch.as_tensor(sigma).detach().double()
    except (TypeError, ValueError, RuntimeError):
        shown = repr(sigma) if isinstance(sigma, str) else type(sigma).__name__
        raise TypeError(f"sigma is a noise level, or one for each picture, got {shown}") from None


def _levels(sigma: float | Tensor, count: int) -> list[float]:
    """The noise level of each picture."""
    given = levels_in(sigma).flatten().tolist()
    levels = given * count if len(given) == 1 else given
    if len(levels) != count:
        raise ValueError(f"sigma has {len(levels)} levels for {count} pictures; pass one, or one for each")
    if not all(0 <= level < torch.inf for level in levels):
        raise ValueError(f"sigma is a noise level of 0 or more, got {min(levels):g} to {max(levels):g}")
    return levels
