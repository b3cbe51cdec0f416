"""Limits of clean estimates: what a network says of a picture is held to what a picture can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, get_args

from restore.diffusion.samplers import LearnedVariance
from restore.types import Denoiser

if TYPE_CHECKING:
    from torch import Tensor

Thresholding = Literal["static", "dynamic", "none"]
"""``static`` clips to [0, 1], ``dynamic`` scales what is beyond into it, ``none`` does nothing."""

THRESHOLDINGS: tuple[Thresholding, ...] = get_args(Thresholding)
PERCENTILE = 0.995  # of Saharia et al. (2022)


def thresholded(denoise: Denoiser, thresholding: Thresholding = "static") -> Denoiser:
    """Hold every clean estimate to pictures in [0, 1].

    A network that predicts eps is divided by the scale of the signal, so that at high noise its small errors
    become large ones of the picture, and samples run away. Denoisers that are exact need no limit.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``. Learned variances pass through.
    thresholding : ``static`` clips. ``dynamic`` clips each picture to the PERCENTILE of its distances from
        mid-gray, and scales it into [0, 1] where that lies beyond; strong guidance then saturates less.

    Returns
    -------
    A denoiser.

    Raises
    ------
    ValueError
        For an unknown name.

    References
    ----------
    Saharia et al. (2022), "Photorealistic Text-to-Image Diffusion Models with Deep Language Understanding",
    arXiv:2205.11487, section 2.3.

    Examples
    --------
    >>> import torch
    >>> thresholded(lambda x, sigma: 3 * x)(torch.ones(1, 3, 2, 2), 0.1).max()
    tensor(1.)
    """
    if thresholding == "none":
        return denoise
    if thresholding not in THRESHOLDINGS:
        raise ValueError(f"thresholding is one of {', '.join(THRESHOLDINGS)}, got {thresholding!r}")
    limit = _static if thresholding == "static" else _dynamic
    return mapped(denoise, lambda x, x0, sigma: limit(x0))


def mapped(
    denoise: Denoiser,
    after: Callable[[Tensor, Tensor, float], Tensor],
    before: Callable[[Tensor, float], Tensor] | None = None,
) -> Denoiser:
    """Change what a denoiser answers, and what it sees; a learned variance stays what it is.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    after : ``(x, x0, sigma)`` to the answer; x is the state before ``before``.
    before : ``(x, sigma)`` to what the denoiser sees; None is x itself.

    Returns
    -------
    A denoiser.

    Examples
    --------
    >>> import torch
    >>> half = mapped(lambda x, sigma: x, lambda x, x0, sigma: x0 / 2)
    >>> float(half(torch.ones(1, 3, 2, 2), 0.1).mean())
    0.5
    """
    if isinstance(denoise, LearnedVariance):
        return _MappedVariance(denoise, after, before)

    def changed(x: Tensor, sigma: float) -> Tensor:
        return after(x, denoise(x if before is None else before(x, sigma), sigma), sigma)

    return changed


class _MappedVariance:
    """A denoiser with learned variances and changed answers."""

    def __init__(
        self,
        denoise: LearnedVariance,
        after: Callable[[Tensor, Tensor, float], Tensor],
        before: Callable[[Tensor, float], Tensor] | None,
    ):
        self._denoise, self._after, self._before = denoise, after, before

    def __call__(self, x: Tensor, sigma: float) -> Tensor:
        return self.with_variance(x, sigma)[0]

    def with_variance(self, x: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
        x0, between = self._denoise.with_variance(
            x if self._before is None else self._before(x, sigma), sigma
        )
        return self._after(x, x0, sigma), between


def _static(x0: Tensor) -> Tensor:
    return x0.clamp(0, 1)


def _dynamic(x0: Tensor) -> Tensor:
    far = 2 * x0 - 1  # in [-1, 1], as the paper has it
    # Of a part of the values: quantile takes 16 million at most.
    values = far.abs().flatten(1)
    s = values[:, :: max(1, values.shape[1] // 1_000_000)].float().quantile(PERCENTILE, dim=1)
    s = s.clamp_min(1).to(far).view(-1, 1, 1, 1)
    return (far.clamp(-s, s) / s + 1) / 2
