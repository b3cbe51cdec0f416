"""The score, by which papers on score matching and stochastic differential equations write a denoiser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.types import Denoiser

if TYPE_CHECKING:
    from torch import Tensor


def score(denoise: Denoiser, x: Tensor, sigma: float) -> Tensor:
    """Give ``grad_x log p(x; sigma) = (E[x0 | x] - x) / sigma^2``, Tweedie's formula.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    x : state ``(b, c, h, w)`` at the noise level sigma, ``x = x0 + sigma n``.
    sigma : [0, 1] units, above 0.

    Returns
    -------
    The score ``(b, c, h, w)``. That of a network's eps is ``-eps / sigma``.

    References
    ----------
    Vincent (2011), "A Connection Between Score Matching and Denoising Autoencoders",
    doi:10.1162/NECO_a_00142; Song et al. (2021), "Score-Based Generative Modeling through Stochastic
    Differential Equations", arXiv:2011.13456, section 3.

    Examples
    --------
    >>> import torch
    >>> float(score(lambda x, sigma: x / 2, torch.ones(1, 3, 2, 2), 0.5).mean())
    -2.0
    """
    return (denoise(x, sigma) - x) / sigma**2
