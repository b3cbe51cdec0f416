"""Solve ``y = A x0 + noise`` with a prior that knows nothing of A: the published methods, true to the papers.

A solver makes of a denoiser either a denoiser again, for any sampler, or a `samplers.Update`, a transition
of its own for `samplers.run_updates`. All formulas here are in the coordinates of `restore.types`, in which
a step from sigma to below has, with ``c = 1 - (below / sigma)^2``, the posterior
``q(x' | x, x0) = N(c x0 + (1 - c) x, below^2 c)``; the tests restate them in the papers' own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from restore.diffusion.samplers import check_share, ddim_step
from restore.diffusion.updates import Update
from restore.inverse.catalogue import Capability
from restore.inverse.guidance import enforce, half_quadratic_splitting, inject_known, share_of
from restore.inverse.operators import Hole
from restore.inverse.problem import Problem
from restore.inverse.protocols import UNMEASURED, Degradation, Operator, Projecting, Spectral, consistent
from restore.types import Denoiser, Progress, Rng

TRUST = 8.0  # how much more than its noise says a measurement gives way to the prior (Zhu et al. 2023)
UNIT_STD = 0.5  # of pictures in [-1, 1] that vary with a deviation of 1, which PiGDM's r_t assumes


def ddnm(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """Put what is measured into every clean estimate, ``x0 + A^+ (y - A x0)`` (Wang et al. 2023, eq. 13).

    That is for measurements without noise. Noise would be amplified by A^+, which is damped then, as in `diffpir`.
    """
    noise_std = math.sqrt(TRUST) * problem.noise_std
    return enforce(denoise, problem.y, _projectable(problem), noise_std=noise_std)


def repaint(
    denoise: Denoiser,
    problem: Problem,
    rng: Rng,
    *,
    variance: Literal["corrected", "printed"] = "corrected",
) -> Denoiser:
    """RePaint (Lugmayr et al. 2022): known pixels at the state's noise level, `guidance.inject_known`.

    Its resampling is a ladder that climbs. Raises ValueError for an operator that is not a `Hole`.
    """
    if not isinstance(problem.operator, Hole):
        raise ValueError(f"RePaint fills holes, it cannot serve {_name(problem)}; use ddnm or diffpir")
    return inject_known(denoise, problem.y, problem.operator.hole, rng, variance=variance)


def pigdm_mean(denoise: Denoiser, problem: Problem, *, prior_std: float = UNIT_STD) -> Denoiser:
    """E[x0 | x, y] where the prior's posterior is taken for N(D(x), r^2 I) (Song et al. 2023, eq. 7, 8).

    By Tweedie's formula ``x0 + sigma^2 J^T A^T (r^2 A A^T + noise_std^2 I)^-1 (y - A x0)``, J the network's
    Jacobian, ``r^2 = sigma^2 s^2 / (sigma^2 + s^2)``; exact for a prior N(m, s^2 I).
    """

    def mean(x: Tensor, sigma: float) -> Tensor:
        x0, pulled, r2 = _pulled_back(denoise, problem, x, sigma, prior_std)
        return x0 + sigma**2 / r2 * pulled

    return mean


def ddrm(denoise: Denoiser, problem: Problem, *, eta: float = 0.85, eta_b: float = 1.0) -> Update:
    """DDRM (Kawar et al. 2022, eq. 7, 8): each singular direction is stepped by what y knows of it.

    Where y is noisier than the state (``noise_std / s > below``) the step leans towards y, else x' is drawn
    around it. No singular vectors are needed but those of A A^T: ``V c = A^T U (c / s)``. Raises ValueError
    for an operator whose spectrum is not known.
    """
    check_share("eta", eta)
    check_share("eta_b", eta_b)
    operator, y = _spectral(problem), problem.y
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
        towards = operator.to_spectrum(y - operator.forward(x0)) / s
        noisier = level > below
        pull = torch.where(noisier, kept / level.clamp_min(1e-12), eta_b)
        spread = torch.where(noisier, drawn, (below**2 - (eta_b * level) ** 2).clamp_min(0).sqrt())
        change = pull * towards - kept * within(direction) + (spread - drawn) * within(fresh)
        return unmeasured + operator.adjoint(operator.from_spectrum(torch.where(measured, change / s, 0)))

    return update


def ddnm_plus(denoise: Denoiser, problem: Problem) -> Update:
    """DDNM+ (Wang et al. 2023, eq. 17 to 19): as much of y as its noise fits into the step's own noise.

    With posterior weight c and deviation u of the step, in each singular direction s the projection by
    ``lambda = min(1, u s / (c noise_std))``, which carries noise of ``c lambda noise_std / s``, and fresh
    noise that makes it u. Where the spectrum is not known A^+ is damped in place of that, as in `diffpir`.
    Its time travel is a ladder that climbs (`schedule.climbing`).
    """
    operator, y, noise_std = _linear(problem), problem.y, problem.noise_std

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0 = denoise(x, sigma)
        c = 1 - (below / sigma) ** 2
        u = below * math.sqrt(c)
        missing, fresh = y - operator.forward(x0), u * rng(x) if below else torch.zeros_like(x)
        if isinstance(operator, Spectral):
            correction, fresh = _by_direction(operator, missing, c * noise_std, fresh, u)
        elif noise_std and not below:  # damped for good: the answer is the prior's own
            correction = torch.zeros_like(x)
        else:
            damping = TRUST * (noise_std / below) ** 2 if noise_std else 0.0
            correction = operator.adjoint(operator.solve(missing, damping))
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
    """DiffPIR (Zhu et al. 2023, algorithm 1): the proximal point of the clean estimate, then re-noised.

    ``x0 <- argmin |y - A x|^2 + rho |x - x0|^2`` with ``rho = weight (noise_std / sigma)^2``, and
    ``x' = x0 + below (sqrt(1 - zeta) e + sqrt(zeta) z)``, e the noise that x has beside the new x0.
    Raises ValueError unless noise_std is above 0: without noise rho is nothing, and this is `ddnm`.
    """
    check_share("zeta", zeta)
    operator, y = _linear(problem), problem.y
    if problem.noise_std == 0:
        raise ValueError("DiffPIR weighs the prior by the noise of the measurement, which is 0; use ddnm")

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0 = consistent(denoise(x, sigma), y, operator, weight * (problem.noise_std / sigma) ** 2)
        direction = (x - x0) / sigma
        return x0 + below * (math.sqrt(1 - zeta) * direction + math.sqrt(zeta) * rng(x))

    return update


def pigdm(denoise: Denoiser, problem: Problem, *, eta: float = 1.0, prior_std: float = UNIT_STD) -> Update:
    """PiGDM (Song et al. 2023, algorithm 1): a DDIM step, and the measurement's gradient weighed by r^2.

    ``x' = DDIM(x, x0; eta) + r^2 J^T A^T (r^2 A A^T + noise_std^2 I)^-1 (y - A x0)``, as in the authors' code
    (their step is multiplied by the signal scales of both ends, which these coordinates have not).
    """
    check_share("eta", eta)

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        x0, pulled, _ = _pulled_back(denoise, problem, x, sigma, prior_std)
        return ddim_step(x, x0, sigma, below, eta, rng) + pulled

    return update


def dps(denoise: Denoiser, problem: Problem, *, strength: float = 1.0) -> Update:
    """DPS (Chung et al. 2023, algorithm 1): an ancestral step, then down the gradient of the misfit.

    In DDPM's coordinates ``x'_t <- x'_t - strength d|y - A x0| / dx_t`` with pictures in [-1, 1], the
    gradient taken through the network. For every operator that can be differentiated, JPEG included. The
    noise level is not used: the length of the gradient is not, either.
    """
    if not strength > 0:
        raise ValueError(f"the strength of DPS must be above 0, got {strength}")

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        with torch.enable_grad():
            start = x.detach().requires_grad_()
            x0 = _with_gradient(denoise(start, sigma))
            misfit = (problem.y - problem.operator.forward(x0)).flatten(1).norm(dim=1).sum()
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
    operator = _linear(problem)
    r2 = sigma**2 * prior_std**2 / (sigma**2 + prior_std**2)
    with torch.enable_grad():
        start = x.detach().requires_grad_()
        x0 = _with_gradient(denoise(start, sigma))
        missing = problem.y - operator.forward(x0.detach())
        towards = operator.adjoint(operator.solve(missing, problem.noise_std**2 / r2))
        (pulled,) = torch.autograd.grad(x0, start, towards)
    return x0.detach(), pulled, r2


def _with_gradient(x0: Tensor) -> Tensor:
    if not x0.requires_grad:
        raise ValueError("the denoiser gives no gradient; use backbone.denoiser(differentiable=True)")
    return x0


def _linear(problem: Problem) -> Operator:
    if isinstance(problem.operator, Operator):
        return problem.operator
    able = "splitting, ddnm or dps" if isinstance(problem.operator, Projecting) else "only dps"
    raise ValueError(f"{_name(problem)} is not linear; {able} can serve it")


def _projectable(problem: Problem) -> Operator | Projecting:
    return problem.operator if isinstance(problem.operator, Projecting) else _linear(problem)


def _spectral(problem: Problem) -> Spectral:
    operator = _linear(problem)
    if not isinstance(operator, Spectral):
        raise ValueError(
            f"DDRM steps by singular values, and those of {_name(problem)} are not known; use ddnm, "
            "ddnm-plus, diffpir, pigdm or dps"
        )
    return operator


def _name(problem: Problem) -> str:
    operator = problem.operator
    parts = getattr(operator, "parts", (operator,))
    return " after ".join(type(part).__name__ for part in reversed(parts))


def pigdm_denoiser(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """`pigdm_mean`, for any sampler."""
    return pigdm_mean(denoise, problem)


def splitting(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """The data step of half-quadratic splitting (Zhang et al. 2021, eq. 6a), `guidance.enforce`."""
    return enforce(denoise, problem.y, _projectable(problem), noise_std=problem.noise_std)


def splitting_sampler(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Half-quadratic splitting as a sampler; it draws nothing."""
    return half_quadratic_splitting(denoise, x, sigmas, share=share_of(len(sigmas) - 1), progress=progress)


def capabilities_of(operator: Degradation) -> set[Capability]:
    """What solvers can do with an operator."""
    found: set[Capability] = {"gradient"}
    if isinstance(operator, Projecting):
        found.add("projection")
    if isinstance(operator, Operator):
        found.add("linear")
    if isinstance(operator, Spectral):
        found.add("spectrum")
    if isinstance(operator, Hole):
        found.add("hole")
    return found
