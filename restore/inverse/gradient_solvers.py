"""Solvers that differentiate the network: PiGDM and DPS."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from restore.diffusion.samplers import check_share, ddim_step
from restore.diffusion.updates import Update
from restore.inverse.ends import data_step
from restore.inverse.needs import linear_of
from restore.inverse.problem import Problem
from restore.types import Denoiser, Rng

UNIT_STD = 0.5  # of pictures in [-1, 1] that vary with a deviation of 1, which PiGDM's r_t assumes


def pigdm_mean(denoise: Denoiser, problem: Problem, *, prior_std: float = UNIT_STD) -> Denoiser:
    """PiGDM as a denoiser: E[x0 | x, y] where p(x0 | x) is taken for N(D(x), r^2 I).

    By Tweedie's formula ``x0 + sigma^2 J^T A^T (r^2 A A^T + noise_std^2 I)^-1 (y - A x0)``, J the network's
    Jacobian, ``r^2 = sigma^2 s^2 / (sigma^2 + s^2)``; exact for a prior N(m, s^2 I).

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``, differentiable: ``prior.denoiser(differentiable=True)``.
    problem : the measurement, its operator and its noise.
    prior_std : s, [0, 1] units, above 0.

    Returns
    -------
    A denoiser for any sampler.

    Raises
    ------
    ValueError
        For an operator that is not linear, and, when called, without a gradient.

    References
    ----------
    Song et al. (2023), "Pseudoinverse-Guided Diffusion Models for Inverse Problems", ICLR, eq. 7 and 8.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.samplers import ddim
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)))
    >>> denoise = pigdm_mean(tiny_prior().denoiser(differentiable=True), problem)
    >>> ddim(denoise, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """

    def mean(x: Tensor, sigma: float) -> Tensor:
        x0, pulled, r2 = _pulled_back(denoise, problem, x, sigma, prior_std)
        return x0 + sigma**2 / r2 * pulled

    return mean


def pigdm_denoiser(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """`pigdm_mean`, for any sampler."""
    return pigdm_mean(denoise, problem)


def pigdm(denoise: Denoiser, problem: Problem, *, eta: float = 1.0, prior_std: float = UNIT_STD) -> Update:
    """PiGDM: a DDIM step, and the measurement's gradient weighed by r^2.

    ``x' = DDIM(x, x0; eta) + r^2 J^T A^T (r^2 A A^T + noise_std^2 I)^-1 (y - A x0)``, as in the authors' code
    (their step is multiplied by the signal scales of both ends, which these coordinates do not have).

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``, differentiable: ``prior.denoiser(differentiable=True)``.
    problem : the measurement, its operator and its noise.
    eta : share of fresh noise, 0 to 1.
    prior_std : deviation of the prior, [0, 1] units, above 0; see `pigdm_mean`.

    Returns
    -------
    An `Update` for `run_updates`.

    Raises
    ------
    ValueError
        For an eta out of range; when called, for an operator that is not linear and without a gradient.

    References
    ----------
    Song et al. (2023), "Pseudoinverse-Guided Diffusion Models for Inverse Problems", ICLR, algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.diffusion.updates import run_updates
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)), noise_std=0.1)
    >>> update = pigdm(tiny_prior().denoiser(differentiable=True), problem)
    >>> run_updates(update, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    check_share("eta", eta)

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0, pulled, _ = _pulled_back(denoise, problem, x, sigma, prior_std)
        return ddim_step(x, x0, sigma, below, eta, rng) + pulled

    return update


def dps(denoise: Denoiser, problem: Problem, *, strength: float = 1.0) -> Update:
    """DPS: an ancestral step, then down the gradient of the misfit.

    In DDPM's coordinates ``x'_t <- x'_t - strength d|y - A x0| / dx_t`` with pictures in [-1, 1], the
    gradient taken through the network. For every operator that can be differentiated, JPEG included. Neither
    the measurement's noise level nor the length of the gradient is used.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``, differentiable: ``prior.denoiser(differentiable=True)``.
    problem : the measurement, its operator and its noise.
    strength : length of the step, above 0.

    Returns
    -------
    An `Update` for `run_updates`.

    Raises
    ------
    ValueError
        For a strength of 0 or less; when called, without a gradient.

    References
    ----------
    Chung et al. (2023), "Diffusion Posterior Sampling for General Noisy Inverse Problems", arXiv:2209.14687,
    algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.diffusion.updates import run_updates
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)), noise_std=0.1)
    >>> update = dps(tiny_prior().denoiser(differentiable=True), problem)
    >>> run_updates(update, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    if not strength > 0:
        raise ValueError(f"the strength of DPS must be above 0, got {strength}")

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        with torch.enable_grad():
            start = x.detach().requires_grad_()
            x0 = _with_gradient(denoise(start, sigma))
            misfit = problem.missing(x0).flatten(1).norm(dim=1).sum()
            (gradient,) = torch.autograd.grad(misfit, start)
        c = 1 - (below / sigma) ** 2
        x = c * x0.detach() + (1 - c) * x
        if below:
            x = x + below * math.sqrt(c) * rng(x)
        # x_t = a (2 x - 1): the misfit doubles, each derivative is over 2 a, and so is the way back to x'.
        scales = math.sqrt((1 + 4 * sigma**2) * (1 + 4 * below**2))
        return x - strength * scales / 2 * gradient

    return update


def _pulled_back(
    denoise: Denoiser, problem: Problem, x: Tensor, sigma: float, prior_std: float
) -> tuple[Tensor, Tensor, float]:
    """x0, ``r^2 J^T A^T (r^2 A A^T + noise_std^2 I)^-1 (y - A x0)`` and r^2, J the Jacobian of x0."""
    operator = linear_of(problem)
    r2 = sigma**2 * prior_std**2 / (sigma**2 + prior_std**2)
    with torch.enable_grad():
        start = x.detach().requires_grad_()
        x0 = _with_gradient(denoise(start, sigma))
        towards = data_step(x0.detach(), problem.y, operator, problem.noise_std**2 / r2, problem.ends)
        (pulled,) = torch.autograd.grad(x0, start, towards)
    return x0.detach(), pulled, r2


def _with_gradient(x0: Tensor) -> Tensor:
    if not x0.requires_grad:
        raise ValueError("the denoiser gives no gradient; use backbone.denoiser(differentiable=True)")
    return x0
