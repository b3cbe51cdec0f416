"""Errors to train on: of the noise, of the picture, of v, weighted by the signal-to-noise ratio.

All losses are per picture, ``(b,)``, and take a network's prediction of any kind. Pictures X0, noise and
predictions are ``(b, 3, h, w)`` in the network's coordinates, [-1, 1] (see `restore.diffusion.coordinates`).
The variational bound is in `restore.training.bound`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.coordinates import Prediction, eps_from, per_picture, signal_and_noise_of, target
from restore.diffusion.schedule import Schedule, signal_and_noise_at

Norm = Literal["l2", "l1", "huber"]
"""What is averaged of an error r: ``r^2``, ``|r|``, or Huber's penalty, which goes from one to the other."""


@dataclass(frozen=True, eq=False)
class Noised:
    """Noisy states ``a X0 + s eps``, and what they were made of.

    Parameters
    ----------
    x0 : clean pictures ``(b, 3, h, w)``.
    eps : noise ``(b, 3, h, w)``.
    a, s : signal and noise scales ``(b,)``.
    """

    x0: Tensor
    eps: Tensor
    a: Tensor
    s: Tensor

    @cached_property
    def x_t(self) -> Tensor:
        """What the network sees: ``a X0 + s eps``."""
        return per_picture(self.a, self.x0) * self.x0 + per_picture(self.s, self.x0) * self.eps

    @property
    def snr(self) -> Tensor:
        """Signal-to-noise ratio ``a^2 / s^2``, ``(b,)``."""
        return (self.a / self.s) ** 2


def noised(x0: Tensor, eps: Tensor, sigma: Tensor) -> Noised:
    """Add noise at any noise levels.

    Parameters
    ----------
    x0, eps : pictures and noise ``(b, 3, h, w)``.
    sigma : noise levels ``(b,)``, [0, 1] units, above 0.

    Examples
    --------
    >>> state = noised(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2), torch.tensor([0.5]))
    >>> state.snr
    tensor([1.])
    >>> round(state.x_t.max().item(), 4)
    0.7071
    """
    return Noised(x0, eps, *signal_and_noise_of(sigma))


def noised_at(schedule: Schedule, x0: Tensor, eps: Tensor, t: Tensor) -> Noised:
    """Add noise at timesteps of a schedule.

    Parameters
    ----------
    schedule : of T steps.
    x0, eps : pictures and noise ``(b, 3, h, w)``.
    t : timesteps ``(b,)``, 0 to T - 1.

    Raises
    ------
    ValueError
        When a timestep lies outside 0 to T - 1.
    """
    a, s = signal_and_noise_at(schedule, t)
    return Noised(x0, eps, a.to(x0.dtype), s.to(x0.dtype))


def noised_again(noisy: Tensor, eps: Tensor, sigma: Tensor, data_std: float) -> tuple[Noised, Tensor]:
    """Add noise to pictures that are noisy already, for a prior that learns from them alone.

    With ``y = x0 + data_std n`` and ``x = y + (sigma^2 - data_std^2)^.5 eps``, Tweedie's formula holds at
    both levels, so that the network's E[x0 | x] also gives ::

        E[y | x] = w E[x0 | x] + (1 - w) x        w = 1 - data_std^2 / sigma^2

    whose error against y is minimised. That is w^2 times the error against ``x0* = (y - (1 - w) x) / w``.

    Parameters
    ----------
    noisy, eps : noisy pictures y and more noise ``(b, 3, h, w)``, in the network's coordinates.
    sigma : noise levels of x ``(b,)``, [0, 1] units, above data_std.
    data_std : standard deviation of the white noise in y, [0, 1] units.

    Returns
    -------
    The state of ``x0*``, and the weights w^2 ``(b,)`` of its loss.

    Raises
    ------
    ValueError
        Unless every sigma is above data_std.

    References
    ----------
    G. Daras, A. Dimakis, C. Daskalakis, "Consistent Diffusion Meets Tweedie: Training Exact Ambient Diffusion
    Models with Noisy Data", 2024, arXiv:2404.10177.
    """
    if not (sigma > data_std).all():
        raise ValueError(f"noise levels must be above that of the data, {data_std:g}; got {sigma.min():g}")
    a, s = signal_and_noise_of(sigma)
    shape = (-1, 1, 1, 1)
    more = (sigma**2 - data_std**2).sqrt().to(noisy).view(shape)
    x = noisy + 2 * more * eps  # levels count in [0, 1], the network's coordinates in [-1, 1]
    w = (1 - data_std**2 / sigma**2).to(noisy).view(shape)
    target_x0 = (noisy - (1 - w) * x) / w
    left = (x - target_x0) / (2 * sigma).to(noisy).view(shape)
    return Noised(target_x0, left, a, s), w.flatten().square()


def simple(kind: Prediction, prediction: Tensor, state: Noised, *, where: Tensor | None = None) -> Tensor:
    """Squared error of the noise, ``mean |eps_hat - eps|^2``.

    Parameters
    ----------
    kind : what the network predicts: ``eps``, ``x0`` or ``v``.
    prediction : its prediction ``(b, 3, h, w)``.
    state : what it saw.
    where : weights of the pixels ``(b, 1, h, w)``, for losses that count in a part of the picture.

    Returns
    -------
    The loss of each picture ``(b,)``.

    References
    ----------
    J. Ho, A. Jain, P. Abbeel, "Denoising Diffusion Probabilistic Models", 2020, arXiv:2006.11239, eq. 14.

    Examples
    --------
    >>> zeros, ones = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    >>> simple("eps", zeros, noised(zeros, 2 * ones, torch.tensor([0.1])))
    tensor([4.])
    """
    eps_hat = eps_from(kind, state.x_t, prediction, state.a, state.s)
    return mean_over_picture((eps_hat - state.eps) ** 2, where)


def min_snr(
    kind: Prediction, prediction: Tensor, state: Noised, *, gamma: float = 5.0, where: Tensor | None = None
) -> Tensor:
    """Squared error of what the network predicts, times `min_snr_weight`.

    Whatever the kind, the value is ``min(SNR, gamma) mean |X0_hat - X0|^2``.

    Parameters
    ----------
    kind : what the network predicts: ``eps``, ``x0`` or ``v``.
    prediction : its prediction ``(b, 3, h, w)``.
    state : what it saw.
    gamma : the largest weight of an error of X0; above 0.
    where : weights of the pixels ``(b, 1, h, w)``, for losses that count in a part of the picture.

    Returns
    -------
    The loss of each picture ``(b,)``.

    References
    ----------
    T. Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", 2023, arXiv:2303.09556.
    """
    wanted = target(kind, state.x0, state.eps, state.a, state.s)
    return min_snr_weight(kind, state.snr, gamma=gamma) * mean_over_picture((prediction - wanted) ** 2, where)


def min_snr_weight(kind: Prediction, snr: Tensor, *, gamma: float = 5.0) -> Tensor:
    """Weight of a squared error: ``min(SNR, gamma)`` over 1 for x0, SNR for eps, SNR + 1 for v.

    Parameters
    ----------
    kind : what the error is of: ``eps``, ``x0`` or ``v``.
    snr : signal-to-noise ratios ``(b,)``.
    gamma : above 0.

    Returns
    -------
    The weights ``(b,)``.

    Raises
    ------
    ValueError
        Unless gamma is above 0, and for an unknown kind.

    References
    ----------
    T. Hang et al., "Efficient Diffusion Training via Min-SNR Weighting Strategy", 2023, arXiv:2303.09556.

    Examples
    --------
    >>> min_snr_weight("v", torch.tensor([1.0, 9.0]))
    tensor([0.5000, 0.5000])
    """
    if not gamma > 0:
        raise ValueError(f"gamma must be positive; got {gamma}")
    per_x0_error = {"x0": torch.ones_like(snr), "eps": snr, "v": snr + 1}
    if kind not in per_x0_error:
        raise ValueError(f"there is no prediction {kind!r}; choose one of eps, x0, v")
    return snr.clamp(max=gamma) / per_x0_error[kind]


def penalty(error: Tensor, norm: Norm = "l2", *, delta: float = 0.0) -> Tensor:
    """What an error costs, element by element: ``r^2``, ``|r|``, or Huber's penalty.

    Huber's is taken twice, so that it is ``r^2`` up to delta, and ``2 delta |r| - delta^2`` beyond. The mean
    is what minimises l2, the median what minimises l1; samplers assume the mean.

    Parameters
    ----------
    error : r, any shape, in the units of what is predicted.
    norm : ``l2``, ``l1`` or ``huber``.
    delta : where Huber's penalty turns linear, above 0; the others have no use for it.

    Returns
    -------
    The penalties, of the shape of error.

    Raises
    ------
    ValueError
        For an unknown norm, and unless delta is above 0 for ``huber``.

    References
    ----------
    P. J. Huber, "Robust Estimation of a Location Parameter", 1964, doi:10.1214/aoms/1177703732, section 3.

    Examples
    --------
    >>> penalty(torch.tensor([0.5, 3.0]), "huber", delta=1.0)
    tensor([0.2500, 5.0000])
    """
    if norm == "l2":
        return error.square()
    if norm == "l1":
        return error.abs()
    if norm != "huber":
        raise ValueError(f"there is no norm {norm!r}; choose one of l2, l1, huber")
    if not delta > 0:
        raise ValueError(f"delta must be positive; got {delta}")
    size = error.abs()
    return torch.where(size <= delta, error.square(), delta * (2 * size - delta))


def mean_over_picture(errors: Tensor, where: Tensor | None = None) -> Tensor:
    """Average over each picture, ``(b,)``, weighted by where; 0 when nothing has weight."""
    if where is None:
        return errors.flatten(1).mean(dim=1)
    weights = where.expand_as(errors).flatten(1)
    return (errors.flatten(1) * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-12)
