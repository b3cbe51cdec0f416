"""Solve ``y = A x0 + noise`` with a prior that knows nothing of A: published methods, as in their papers.

A solver turns a denoiser into a denoiser again, for any sampler, or into an `Update` for `run_updates`. All
formulas are in the coordinates of `restore.types`. In them a step from sigma to below has, with
``c = 1 - (below / sigma)^2``, the posterior ``q(x' | x, x0) = N(c x0 + (1 - c) x, below^2 c)``; the tests
restate them in the coordinates of the papers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.samplers import check_share
from restore.diffusion.updates import Update
from restore.inverse.ends import data_step
from restore.inverse.gradient_solvers import dps, pigdm, pigdm_denoiser, pigdm_mean
from restore.inverse.guidance import enforce, half_quadratic_splitting, inject_known, share_of
from restore.inverse.needs import capabilities_of, linear_of, name_of, projectable_of, spectral_of
from restore.inverse.operators import Hole
from restore.inverse.problem import Problem
from restore.inverse.protocols import UNMEASURED, Spectral
from restore.types import Denoiser, Progress, Rng

__all__ = [
    "capabilities_of", "ddnm", "ddnm_plus", "ddrm", "diffpir", "dps", "pigdm", "pigdm_denoiser", "pigdm_mean",
    "repaint", "splitting", "splitting_sampler",
]  # fmt: skip

TRUST = 8.0  # how much more than its noise says a measurement gives way to the prior (Zhu et al. 2023)


def ddnm(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """DDNM: put what is measured into every clean estimate, ``x0 + A^+ (y - A x0)``.

    The paper has no noise. For a noisy measurement A^+ would amplify the noise; it is damped, as in
    `diffpir`.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    problem : the measurement, its operator and its noise.
    rng : not used; every ``wrap`` of a `Solver` takes it.

    Returns
    -------
    A denoiser for any sampler.

    Raises
    ------
    ValueError
        For an operator that is neither linear nor can be projected onto.

    References
    ----------
    Wang, Yu and Zhang (2023), "Zero-Shot Image Restoration Using Denoising Diffusion Null-Space Model",
    arXiv:2212.00490, eq. 13.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.samplers import ddim
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)))
    >>> denoise = ddnm(tiny_prior().denoiser(), problem, seeded_rng(0))
    >>> ddim(denoise, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """
    noise_std = math.sqrt(TRUST) * problem.noise_std
    return enforce(denoise, problem.y, projectable_of(problem), noise_std=noise_std, ends=problem.ends)


def repaint(
    denoise: Denoiser,
    problem: Problem,
    rng: Rng,
    *,
    variance: Literal["corrected", "printed"] = "corrected",
) -> Denoiser:
    """RePaint: put the known pixels into the state, at its noise level.

    See `restore.inverse.guidance.inject_known`. Its resampling is noise levels that rise in between, those of
    `restore.diffusion.sigmas.repaint_sigmas`.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    problem : the measurement, its operator and its noise.
    rng : the random numbers.
    variance : ``corrected`` or ``printed``, see `inject_known`.

    Returns
    -------
    A denoiser for any sampler.

    Raises
    ------
    ValueError
        For an operator that is not a `Hole`.

    References
    ----------
    Lugmayr et al. (2022), arXiv:2201.09865, eq. 8.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.samplers import ddim
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.inverse.operators import Hole
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 3, 8, 8), 0.5), Hole(torch.ones(1, 1, 8, 8)))
    >>> denoise = repaint(tiny_prior().denoiser(), problem, seeded_rng(0))
    >>> ddim(denoise, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0]).shape
    torch.Size([1, 3, 8, 8])
    """
    if not isinstance(problem.operator, Hole):
        raise ValueError(f"RePaint fills holes, it cannot serve {name_of(problem)}; use ddnm or diffpir")
    return inject_known(denoise, problem.y, problem.operator.hole, rng, variance=variance)


def ddrm(denoise: Denoiser, problem: Problem, *, eta: float = 0.85, eta_b: float = 1.0) -> Update:
    """DDRM: step each singular direction by what y knows of it.

    Where y is noisier than the state (``noise_std / s > below``) the step leans towards y, else x' is drawn
    around it. No singular vectors are needed but those of A A^T: ``V c = A^T U (c / s)``.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    problem : the measurement, its operator and its noise.
    eta : share of fresh noise, 0 to 1.
    eta_b : weight of y where it is less noisy than the state, 0 to 1.

    Returns
    -------
    An `Update` for `run_updates`.

    Raises
    ------
    ValueError
        For an operator whose spectrum is not known and shares out of range.

    References
    ----------
    Kawar et al. (2022), "Denoising Diffusion Restoration Models", arXiv:2201.11793, eq. 7 and 8.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.diffusion.updates import run_updates
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)), noise_std=0.1)
    >>> update = ddrm(tiny_prior().denoiser(), problem)
    >>> run_updates(update, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    check_share("eta", eta)
    check_share("eta_b", eta_b)
    operator = spectral_of(problem)
    s = operator.values.clamp_min(0).sqrt()
    measured = operator.values > UNMEASURED
    level = torch.where(measured, problem.noise_std / s, 0)  # of the noise that A^+ y has

    def within(x: Tensor) -> Tensor:
        """The coefficients of x in the directions that are measured: V^T x."""
        return operator.to_spectrum(operator.forward(x)) / s

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0 = denoise(x, sigma)
        direction, fresh = (x - x0) / sigma, rng(x)
        kept, drawn = below * math.sqrt(1 - eta**2), below * eta
        unmeasured = x0 + kept * direction + drawn * fresh
        towards = operator.to_spectrum(problem.missing(x0)) / s
        noisier = level > below
        pull = torch.where(noisier, kept / level.clamp_min(1e-12), eta_b)
        spread = torch.where(noisier, drawn, (below**2 - (eta_b * level) ** 2).clamp_min(0).sqrt())
        change = pull * towards - kept * within(direction) + (spread - drawn) * within(fresh)
        return unmeasured + operator.adjoint(operator.from_spectrum(torch.where(measured, change / s, 0)))

    return update


def ddnm_plus(denoise: Denoiser, problem: Problem) -> Update:
    """DDNM+: as much of y as its noise fits into the step's own noise.

    With posterior weight c and deviation u of the step, in each singular direction s the projection by
    ``lambda = min(1, u s / (c noise_std))``, which carries noise of ``c lambda noise_std / s``, and fresh
    noise that makes it u. Where the spectrum is not known A^+ is damped in place of that, as in `diffpir`.
    Its time travel is noise levels that rise in between (`restore.diffusion.sigmas.climbing`).

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    problem : the measurement, its operator and its noise.

    Returns
    -------
    An `Update` for `run_updates`.

    Raises
    ------
    ValueError
        For an operator that is not linear.

    References
    ----------
    Wang, Yu and Zhang (2023), arXiv:2212.00490, eq. 17 to 19.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.diffusion.updates import run_updates
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)), noise_std=0.1)
    >>> update = ddnm_plus(tiny_prior().denoiser(), problem)
    >>> run_updates(update, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    operator, noise_std = linear_of(problem), problem.noise_std

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0 = denoise(x, sigma)
        c = 1 - (below / sigma) ** 2
        u = below * math.sqrt(c)
        fresh = u * rng(x) if below else torch.zeros_like(x)
        if isinstance(operator, Spectral):
            missing = problem.missing(x0)
            correction, fresh = _by_direction(operator, missing, c * noise_std, fresh, u)
        elif noise_std and not below:  # infinitely damped: the answer is that of the prior
            correction = torch.zeros_like(x)
        else:
            damping = TRUST * (noise_std / below) ** 2 if noise_std else 0.0
            correction = data_step(x0, problem.y, operator, damping, problem.ends)
        return c * (x0 + correction) + (1 - c) * x + fresh

    return update


def _by_direction(
    operator: Spectral, missing: Tensor, noise_std: float, fresh: Tensor, u: float
) -> tuple[Tensor, Tensor]:
    """DDNM+'s correction of x0, and what remains of the fresh noise of deviation u beside y's own.

    noise_std: of y, times the weight that x0 has in x'.
    """
    measured, s = operator.values > UNMEASURED, operator.values.clamp_min(UNMEASURED).sqrt()
    carried = noise_std / s
    share = torch.where(carried > u, u / carried.clamp_min(1e-12), 1)
    left = torch.where(carried > u, 0, (u**2 - carried**2).clamp_min(0).sqrt())

    def within(r: Tensor, scale: Tensor) -> Tensor:
        """From measurements to pictures by A^+, every direction scaled."""
        spectrum = scale * operator.to_spectrum(r) / s**2
        return operator.adjoint(operator.from_spectrum(torch.where(measured, spectrum, 0)))

    spread = within(operator.forward(fresh), left / u - 1) if u else 0
    return within(missing, share), fresh + spread


def diffpir(denoise: Denoiser, problem: Problem, *, weight: float = TRUST, zeta: float = 0.3) -> Update:
    """DiffPIR: the proximal point of the clean estimate, then noise again.

    ``x0 <- argmin |y - A x|^2 + rho |x - x0|^2`` with ``rho = weight (noise_std / sigma)^2``, and
    ``x' = x0 + below (sqrt(1 - zeta) e + sqrt(zeta) z)``, e the noise that x has beside the new x0.

    Parameters
    ----------
    denoise : ``(x, sigma) -> E[x0 | x]``.
    problem : the measurement, its operator and its noise.
    weight : how much more than its noise says y gives way to the prior, above 0.
    zeta : share of fresh noise, 0 to 1.

    Returns
    -------
    An `Update` for `run_updates`.

    Raises
    ------
    ValueError
        For an operator that is not linear, for a measurement without noise, where rho is 0 (`ddnm` is for
        that), and for a zeta out of range.

    References
    ----------
    Zhu et al. (2023), "Denoising Diffusion Models for Plug-and-Play Image Restoration", arXiv:2305.08995,
    algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from restore.diffusion.seeds import seeded_rng
    >>> from restore.diffusion.updates import run_updates
    >>> from restore.inverse.operators import Gray
    >>> from restore.testing import tiny_prior
    >>> problem = Problem(torch.full((1, 1, 8, 8), 0.5), Gray((8, 8)), noise_std=0.1)
    >>> update = diffpir(tiny_prior().denoiser(), problem)
    >>> run_updates(update, torch.full((1, 3, 8, 8), 0.5), [0.2, 0.1, 0.0], rng=seeded_rng(0)).shape
    torch.Size([1, 3, 8, 8])
    """
    check_share("zeta", zeta)
    operator, y = linear_of(problem), problem.y
    if problem.noise_std == 0:
        raise ValueError("DiffPIR weighs the prior by the noise of the measurement, which is 0; use ddnm")

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0 = denoise(x, sigma)
        x0 = x0 + data_step(x0, y, operator, weight * (problem.noise_std / sigma) ** 2, problem.ends)
        direction = (x - x0) / sigma
        return x0 + below * (math.sqrt(1 - zeta) * direction + math.sqrt(zeta) * rng(x))

    return update


def splitting(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """Half-quadratic splitting: its data step, for `splitting_sampler`.

    See `restore.inverse.guidance.enforce`.

    References
    ----------
    Zhang et al. (2021), "Plug-and-Play Image Restoration with Deep Denoiser Prior", arXiv:2008.13751, eq. 6a.
    """
    operator = projectable_of(problem)
    return enforce(denoise, problem.y, operator, noise_std=problem.noise_std, ends=problem.ends)


def splitting_sampler(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Half-quadratic splitting as a sampler; it draws nothing.

    Takes and gives what every sampler does; see `restore.inverse.guidance.half_quadratic_splitting`.
    """
    return half_quadratic_splitting(denoise, x, sigmas, share=share_of(len(sigmas) - 1), progress=progress)
