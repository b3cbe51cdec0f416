"""The two coordinate systems of a noisy picture, and what a network's output means in them."""

from __future__ import annotations

import math
from typing import Literal, TypeVar, overload

import torch
from torch import Tensor

Prediction = Literal["eps", "x0", "v"]
"""What a network's output means: the noise, the clean picture, or ``v = a eps - s X0``."""

Coefficient = float | Tensor
"""One number for all pictures, or one for each: ``(b,)``."""

Scalar = TypeVar("Scalar", float, Tensor)


def sigma_of(alphas_cumprod: Scalar) -> Scalar:
    """Give the noise level in [0, 1] units: ``sqrt((1 - abar) / abar) / 2``; abar in (0, 1]."""
    sigma: Scalar = 0.5 * ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5
    return sigma


def alphas_cumprod_of(sigma: Scalar) -> Scalar:
    """Give the share of signal variance ``abar = 1 / (1 + 4 sigma^2)``, the inverse of `sigma_of`."""
    return 1 / (1 + 4 * sigma * sigma)


def signal_and_noise_of(sigma: Scalar) -> tuple[Scalar, Scalar]:
    """Give ``a = 1 / sqrt(1 + 4 sigma^2)`` and ``s = 2 sigma a``, the scales in ``x_t = a X0 + s eps``."""
    a: Scalar = alphas_cumprod_of(sigma) ** 0.5
    return a, 2 * sigma * a


def log_snr_of(sigma: Scalar) -> Scalar:
    """Give ``log(abar / (1 - abar)) = -2 log(2 sigma)``; sigma above 0."""
    return -2 * (torch.log(2 * sigma) if isinstance(sigma, Tensor) else math.log(2 * sigma))


def sigma_of_log_snr(log_snr: Scalar) -> Scalar:
    """Give the noise level in [0, 1] units, ``exp(-log_snr / 2) / 2``: the inverse of `log_snr_of`."""
    return 0.5 * (torch.exp(-0.5 * log_snr) if isinstance(log_snr, Tensor) else math.exp(-0.5 * log_snr))


def to_network(x: Tensor, sigma: Coefficient) -> Tensor:
    """Give ``x_t = (2 x - 1) sqrt(abar)``: the one place where [0, 1] becomes [-1, 1].

    sigma is a number or one per picture, ``(b,)``; with ``sigma = 0`` a clean picture becomes X0.
    """
    return (2 * x - 1) * _signal(sigma, x)


def from_network(x_t: Tensor, sigma: Coefficient) -> Tensor:
    """Give ``x = (x_t / sqrt(abar) + 1) / 2``, the exact inverse of `to_network`."""
    return (x_t / _signal(sigma, x_t) + 1) / 2


@overload
def per_picture(values: Tensor, like: Tensor) -> Tensor: ...


@overload
def per_picture(values: Coefficient, like: Tensor) -> Coefficient: ...


def per_picture(values: Coefficient, like: Tensor) -> Coefficient:
    """Shape ``(b,)`` as ``(b, 1, 1, 1)``, of the dtype and on the device of like; the rest passes through."""
    if isinstance(values, Tensor) and values.ndim == 1:
        return values.to(like).reshape(-1, *(1,) * (like.ndim - 1))
    return values


def _signal(sigma: Coefficient, like: Tensor) -> Coefficient:
    """Give ``sqrt(abar)``, ready to multiply pictures."""
    if isinstance(sigma, Tensor):
        return per_picture(alphas_cumprod_of(sigma).sqrt(), like)
    return math.sqrt(alphas_cumprod_of(sigma))


def x0_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into X0: ``(x_t - s eps) / a``, X0 itself, or ``a x_t - s v``.

    Ho et al. (2020), eq. 15; Salimans & Ho (2022), appendix D. Raises ValueError for an unknown kind.
    """
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return (x_t - s * prediction) / a
    if kind == "x0":
        return prediction
    if kind == "v":
        return a * x_t - s * prediction
    raise _unknown(kind)


def eps_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into eps: eps itself, ``(x_t - a X0) / s``, or ``s x_t + a v``."""
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return prediction
    if kind == "x0":
        return (x_t - a * prediction) / s
    if kind == "v":
        return s * x_t + a * prediction
    raise _unknown(kind)


def v_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into v: ``(eps - s x_t) / a``, ``(a x_t - X0) / s``, or v itself."""
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return (prediction - s * x_t) / a
    if kind == "x0":
        return (a * x_t - prediction) / s
    if kind == "v":
        return prediction
    raise _unknown(kind)


def target(kind: Prediction, x0: Tensor, eps: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Give what a perfect network of that kind would answer: eps, X0, or ``a eps - s X0``."""
    if kind == "eps":
        return eps
    if kind == "x0":
        return x0
    if kind == "v":
        return per_picture(a, x0) * eps - per_picture(s, x0) * x0
    raise _unknown(kind)


def _unknown(kind: str) -> ValueError:
    return ValueError(f"there is no prediction {kind!r}; choose one of eps, x0, v")
