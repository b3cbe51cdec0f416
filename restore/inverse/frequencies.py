"""Low frequencies that come from another picture, as in ILVR."""

from __future__ import annotations

import math

from torch import Tensor

from restore.images.resize import resize, small_size
from restore.types import Denoiser

ROUNDS, CLOSE = 60, 0.1 / 255  # of making a picture in [0, 1] agree with the low frequencies


def low_pass(x: Tensor, factor: int) -> Tensor:
    """Give the low frequencies of pictures: reduced by a factor, and enlarged again, both bicubic.

    Parameters
    ----------
    x : ``(b, c, h, w)``.
    factor : of the reduction, at least 1. What is finer than so many pixels is gone.

    Returns
    -------
    Of the same shape.

    References
    ----------
    Choi et al. (2021), "ILVR: Conditioning Method for Denoising Diffusion Probabilistic Models",
    arXiv:2108.02938, section 3.2, where it is called phi_N.

    Examples
    --------
    >>> import torch
    >>> stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(1, 3, 16, 16)
    >>> bool(((low_pass(stripes, 4) - 0.5).abs() < 0.1).all())
    True
    """
    size = x.shape[-2], x.shape[-1]
    return resize(resize(x, small_size(size, factor)), size)


def exchanged(x: Tensor, reference: Tensor, factor: int) -> Tensor:
    """Give pictures the low frequencies of others, ``x + phi(reference) - phi(x)``.

    Parameters
    ----------
    x, reference : ``(b, 3, h, w)``.
    factor : as `low_pass` takes it.

    Returns
    -------
    ``(b, 3, h, w)``.

    References
    ----------
    Choi et al. (2021), arXiv:2108.02938, eq. 8.

    Examples
    --------
    >>> import torch
    >>> dark, bright = torch.rand(1, 3, 8, 8) / 4, torch.full((1, 3, 8, 8), 0.75)
    >>> 0.7 < float(exchanged(dark, bright, 8).mean()) < 0.8
    True
    """
    return x + low_pass(reference - x, factor)


def follow_reference(denoise: Denoiser, reference: Tensor, factor: int) -> Denoiser:
    """Give every clean estimate the low frequencies of a reference before the sampler goes on from it.

    ILVR exchanges those of the state, with the reference at the state's noise level; of the mean of the state
    that is the same.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    reference : ``(b, 3, h, w)`` in [0, 1].
    factor : as `low_pass` takes it.

    Returns
    -------
    A denoiser.

    References
    ----------
    Choi et al. (2021), arXiv:2108.02938, eq. 8.

    Examples
    --------
    >>> import torch
    >>> from restore.testing import tiny_prior
    >>> reference = torch.full((1, 3, 8, 8), 0.25)
    >>> follow = follow_reference(tiny_prior().denoiser(), reference, 8)
    >>> 0.2 < float(follow(torch.rand(1, 3, 8, 8), 0.2).mean()) < 0.3
    True
    """
    return lambda x, sigma: exchanged(denoise(x, sigma), reference, factor)


def settled(x: Tensor, reference: Tensor, factor: int) -> Tensor:
    """Give a picture in [0, 1] whose low frequencies are those of a reference, near to another picture.

    What is cut off at black and white changes the low frequencies, and to reduce twice is not the same as
    once. So they are exchanged until nothing differs by more than CLOSE, or ROUNDS times, with Nesterov's
    momentum (Beck and Teboulle 2009, FISTA).

    Parameters
    ----------
    x : the other picture ``(b, 3, h, w)``.
    reference : ``(b, 3, h, w)`` in [0, 1].
    factor : as `low_pass` takes it.

    Returns
    -------
    ``(b, 3, h, w)`` in [0, 1].

    Examples
    --------
    >>> import torch
    >>> reference = torch.full((1, 3, 16, 16), 0.9)
    >>> found = settled(torch.rand(1, 3, 16, 16), reference, 8)
    >>> bool((low_pass(found - reference, 8).abs() < 0.5 / 255).all())
    True
    """
    x = ahead = x.clamp(0, 1)
    speed = 1.0
    for _ in range(ROUNDS):
        missing = low_pass(reference - ahead, factor)
        if float(missing.abs().max()) < CLOSE:
            return ahead.clamp(0, 1)
        moved = (ahead + missing).clamp(0, 1)
        faster = (1 + math.sqrt(1 + 4 * speed**2)) / 2
        ahead, x, speed = moved + (speed - 1) / faster * (moved - x), moved, faster
    return x
