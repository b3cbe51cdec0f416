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
    """Give the noise level of a share of signal, ``sqrt((1 - abar) / abar) / 2``.

    Parameters
    ----------
    alphas_cumprod : abar, the share of signal variance, in (0, 1]; a number or a tensor.

    Returns
    -------
    sigma in [0, 1] units, of the same type.

    Examples
    --------
    >>> sigma_of(0.5)
    0.5
    """
    sigma: Scalar = 0.5 * ((1 - alphas_cumprod) / alphas_cumprod) ** 0.5
    return sigma


def alphas_cumprod_of(sigma: Scalar) -> Scalar:
    """Give the share of signal variance, ``abar = 1 / (1 + 4 sigma^2)``: the inverse of `sigma_of`.

    Parameters
    ----------
    sigma : noise level, [0, 1] units, 0 or more; a number or a tensor.

    Returns
    -------
    abar in (0, 1], of the same type.

    Examples
    --------
    >>> alphas_cumprod_of(0.5)
    0.5
    """
    return 1 / (1 + 4 * sigma * sigma)


def signal_and_noise_of(sigma: Scalar) -> tuple[Scalar, Scalar]:
    """Give the scales a and s in ``x_t = a X0 + s eps``: ``a = 1 / sqrt(1 + 4 sigma^2)``, ``s = 2 sigma a``.

    Parameters
    ----------
    sigma : noise level, [0, 1] units, 0 or more; a number or a tensor.

    Returns
    -------
    (a, s) with ``a^2 + s^2 = 1``, of the same type.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239, eq. 4.

    Examples
    --------
    >>> signal_and_noise_of(0.0)
    (1.0, 0.0)
    """
    a: Scalar = alphas_cumprod_of(sigma) ** 0.5
    return a, 2 * sigma * a


def log_snr_of(sigma: Scalar) -> Scalar:
    """Give the logarithm of the signal-to-noise ratio, ``log(abar / (1 - abar)) = -2 log(2 sigma)``.

    Parameters
    ----------
    sigma : noise level, [0, 1] units, above 0; a number or a tensor.

    Examples
    --------
    >>> log_snr_of(0.25)
    1.3862943611198906
    """
    return -2 * (torch.log(2 * sigma) if isinstance(sigma, Tensor) else math.log(2 * sigma))


def sigma_of_log_snr(log_snr: Scalar) -> Scalar:
    """Give the noise level in [0, 1] units, ``exp(-log_snr / 2) / 2``: the inverse of `log_snr_of`.

    Examples
    --------
    >>> sigma_of_log_snr(0.0)
    0.5
    """
    return 0.5 * (torch.exp(-0.5 * log_snr) if isinstance(log_snr, Tensor) else math.exp(-0.5 * log_snr))


def to_network(x: Tensor, sigma: Coefficient) -> Tensor:
    """Give ``x_t = (2 x - 1) sqrt(abar)``: the one place where [0, 1] becomes [-1, 1].

    Parameters
    ----------
    x : state ``(b, c, h, w)`` in the coordinates of `restore.types`.
    sigma : its noise level, [0, 1] units; a number or one for each picture ``(b,)``. With 0 a clean picture
        becomes X0.

    Returns
    -------
    The state in DDPM coordinates, ``(b, c, h, w)``.

    Examples
    --------
    >>> import torch
    >>> to_network(torch.tensor([[[[0.0, 0.5, 1.0]]]]), 0.0)
    tensor([[[[-1.,  0.,  1.]]]])
    """
    return (2 * x - 1) * _signal(sigma, x)


def from_network(x_t: Tensor, sigma: Coefficient) -> Tensor:
    """Give ``x = (x_t / sqrt(abar) + 1) / 2``, the exact inverse of `to_network`.

    Examples
    --------
    >>> import torch
    >>> from_network(torch.tensor([[[[-1.0, 0.0, 1.0]]]]), 0.0)
    tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """
    return (x_t / _signal(sigma, x_t) + 1) / 2


def as_picture(x: Tensor, sigma: Coefficient) -> Tensor:
    """Give a state as a picture to look at: in DDPM coordinates, whose deviation stays the same, in [0, 1].

    Examples
    --------
    >>> import torch
    >>> as_picture(torch.tensor([[[[0.0, 0.5, 9.0]]]]), 0.0)
    tensor([[[[0.0000, 0.5000, 1.0000]]]])
    """
    return ((to_network(x, sigma) + 1) / 2).clamp(0, 1)


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

    Parameters
    ----------
    kind : what the prediction means: ``eps``, ``x0`` or ``v``.
    x_t : state ``(b, c, h, w)`` in DDPM coordinates.
    prediction : the network's output, ``(b, c, h, w)``.
    a, s : the signal and noise scales of the state, numbers or one for each picture ``(b,)``.

    Returns
    -------
    The clean picture X0 ``(b, c, h, w)``, [-1, 1] units.

    Raises
    ------
    ValueError
        For an unknown kind.

    References
    ----------
    Ho, Jain and Abbeel (2020), arXiv:2006.11239, eq. 15; Salimans and Ho (2022), "Progressive Distillation
    for Fast Sampling of Diffusion Models", arXiv:2202.00512, appendix D.

    Examples
    --------
    >>> import torch
    >>> ones = torch.ones(1, 3, 2, 2)
    >>> float(x0_from("v", ones, ones, 0.75, 0.5).mean())  # 0.75 x_t - 0.5 v
    0.25
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
    """Turn any prediction into eps: eps itself, ``(x_t - a X0) / s``, or ``s x_t + a v``.

    Takes and raises what `x0_from` does.

    Examples
    --------
    >>> import torch
    >>> ones = torch.ones(1, 3, 2, 2)
    >>> float(eps_from("x0", ones, ones, 0.5, 0.25).mean())  # (x_t - 0.5 X0) / 0.25
    2.0
    """
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return prediction
    if kind == "x0":
        return (x_t - a * prediction) / s
    if kind == "v":
        return s * x_t + a * prediction
    raise _unknown(kind)


def v_from(kind: Prediction, x_t: Tensor, prediction: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Turn any prediction into v: ``(eps - s x_t) / a``, ``(a x_t - X0) / s``, or v itself.

    Takes and raises what `x0_from` does.

    Examples
    --------
    >>> import torch
    >>> ones = torch.ones(1, 3, 2, 2)
    >>> float(v_from("eps", ones, ones, 0.5, 0.75).mean())  # (eps - 0.75 x_t) / 0.5
    0.5
    """
    a, s = per_picture(a, x_t), per_picture(s, x_t)
    if kind == "eps":
        return (prediction - s * x_t) / a
    if kind == "x0":
        return (a * x_t - prediction) / s
    if kind == "v":
        return prediction
    raise _unknown(kind)


def target(kind: Prediction, x0: Tensor, eps: Tensor, a: Coefficient, s: Coefficient) -> Tensor:
    """Give the answer of a perfect network: eps, X0, or ``v = a eps - s X0``.

    Parameters
    ----------
    kind : what the network predicts: ``eps``, ``x0`` or ``v``.
    x0 : clean pictures ``(b, c, h, w)``, [-1, 1] units.
    eps : their standard normal noise, ``(b, c, h, w)``.
    a, s : the signal and noise scales, numbers or one for each picture ``(b,)``.

    Returns
    -------
    What the network is trained to give, ``(b, c, h, w)``.

    Raises
    ------
    ValueError
        For an unknown kind.

    References
    ----------
    Salimans and Ho (2022), arXiv:2202.00512, appendix D.

    Examples
    --------
    >>> import torch
    >>> ones = torch.ones(1, 3, 2, 2)
    >>> float(target("v", ones, ones, 0.75, 0.25).mean())
    0.5
    """
    if kind == "eps":
        return eps
    if kind == "x0":
        return x0
    if kind == "v":
        return per_picture(a, x0) * eps - per_picture(s, x0) * x0
    raise _unknown(kind)


def _unknown(kind: str) -> ValueError:
    return ValueError(f"there is no prediction {kind!r}; choose one of eps, x0, v")
