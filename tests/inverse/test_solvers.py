"""The published solvers: each against its paper's own formulas, and against Gaussian priors in closed form.

The papers write pictures as X = 2 x - 1, states as x_t = sqrt(abar) X + sqrt(1 - abar) eps, and the
measurement as Y = A X + sigma_Y n; in the package it is x, x + sigma n and y, with sigma = sqrt((1 - abar) /
abar) / 2 and half the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from gaussian_oracle import GaussianPrior, assert_moments, generator_noise
from mutants import constant, edited, mutant_tests, wrong
from torch import Tensor

import restore
from restore.diffusion import samplers
from restore.diffusion.sigmas import log_sigma
from restore.diffusion.updates import Update, run_updates
from restore.images.jpeg_coding import coding_of
from restore.inverse import build as build_module
from restore.inverse import catalogue, gradient_solvers, guidance, operators, solvers
from restore.inverse.jpeg import Jpeg
from restore.inverse.kernels import gaussian_kernel
from restore.inverse.operators import Blur, Gray, Hole, Resize
from restore.inverse.problem import Problem
from restore.inverse.protocols import UNMEASURED, Degradation, Operator, Spectral, consistent
from restore.inverse.spec import parse_spec, solvers_for
from restore.testing import tiny_prior
from restore.types import Denoiser, Rng

ABAR, ABAR_BELOW = 0.3, 0.55  # a step of a DDPM schedule, from t to s
SIGMA, BELOW = (((1 - abar) / abar) ** 0.5 / 2 for abar in (ABAR, ABAR_BELOW))
NOISE = 0.05  # of the measurement, in [0, 1] units
SIZE = (6, 6)


def network(x: Tensor, sigma: float) -> Tensor:
    """Not linear, and no two pixels alike: whatever is forgotten shows."""
    weights = torch.linspace(0.2, 0.9, x[0].numel(), dtype=x.dtype).view(1, *x.shape[1:])
    return 0.5 + 0.3 * torch.tanh(weights * (x - 0.4) + 0.2 * x.roll(1, -1)) / (1 + sigma)


def in_ddpm(x_t: Tensor, abar: float) -> Tensor:
    """The same network as the papers have it: X0 from x_t."""
    sigma = ((1 - abar) / abar) ** 0.5 / 2
    return 2 * network((x_t / abar**0.5 + 1) / 2, sigma) - 1


def state() -> Tensor:
    return torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def to_ddpm(x: Tensor, abar: float) -> Tensor:
    return (2 * x - 1) * abar**0.5


def from_ddpm(x_t: Tensor, abar: float) -> Tensor:
    return (x_t / abar**0.5 + 1) / 2


class Matrix:
    """An operator on a picture of 6x6 as a matrix on X as a vector, in double precision."""

    def __init__(self, operator: Operator):
        n = 3 * math.prod(SIZE)
        self.A = operator.forward(torch.eye(n).view(n, 3, *SIZE)).flatten(1).T.double()
        self.y_shape = operator.y_shape

    def apply(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.A.T

    def pinv(self) -> Tensor:
        return torch.linalg.pinv(self.A, rtol=0.03)


def some_operators() -> dict[str, Operator]:
    hole = (torch.rand(1, 1, *SIZE, generator=torch.Generator().manual_seed(4)) < 0.4).float()
    return {
        "hole": Hole(hole),
        "bicubic": Resize(SIZE, (3, 2)),
        "area": Resize(SIZE, (3, 3), kernel="area"),
        "gray": Gray(SIZE),
        "blur": Blur(gaussian_kernel(0.7), SIZE),
    }


def measured(operator: Degradation, seed: int = 2) -> Tensor:
    y = operator.forward(torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed)))
    n = torch.randn(y.shape, generator=torch.Generator().manual_seed(3))
    return (y + NOISE * operator.forward(torch.ones(1, 3, *SIZE)).sign() * n).double()


def known_noise() -> tuple[Rng, Tensor]:
    z = torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    return lambda like: z, z


def step(update: Update) -> Tensor:
    """One step of what the package has, which is in single precision."""
    noise, _ = known_noise()
    with torch.no_grad():
        return update(state().float(), SIGMA, BELOW, lambda like: noise(like).float()).double()


def problem(operator: Degradation, noise_std: float = NOISE) -> Problem:
    return Problem(measured(operator).float(), operator, noise_std)


def paper_y(matrix: Matrix, y: Tensor) -> Tensor:
    """Y = A X + noise of Y: 2 y - A 1."""
    return 2 * y.double().flatten(1) - matrix.apply(torch.ones(1, 3, *SIZE, dtype=torch.float64))


def assert_same(found: Tensor, expected: Tensor, what: object) -> None:
    torch.testing.assert_close(
        found.flatten(), expected.flatten(), rtol=0, atol=5e-5, msg=lambda m: f"{what}: {m}"
    )


def check_ddrm() -> None:
    """Kawar et al. (2022), eq. 7 and 8, by the singular vectors of A; there x_t = X + sigma_t n."""
    for name, operator in some_operators().items():
        for noise_std, eta, eta_b in ((0.0, 0.85, 1.0), (NOISE, 0.85, 1.0), (0.3, 0.5, 0.7), (3.0, 1.0, 0.4)):
            given = problem(operator, noise_std)
            asked = {} if (eta, eta_b) == (0.85, 1.0) else {"eta": eta, "eta_b": eta_b}  # the defaults
            found = step(solvers.ddrm(network, given, **asked))
            matrix, (_, z) = Matrix(operator), known_noise()
            U, s, Vt = torch.linalg.svd(matrix.A, full_matrices=True)
            s = torch.cat([s, torch.zeros(len(Vt) - len(s))])
            s = torch.where(s > 0.0317, s, 0)
            Y, X_t = paper_y(matrix, given.y), (2 * state() - 1).flatten(1)
            X_theta = (2 * network(state(), SIGMA) - 1).flatten(1)
            X_bar, theta_bar, z_bar = (v.flatten(1) @ Vt.T for v in (X_t, X_theta, z))
            y_bar = torch.zeros(1, len(Vt), dtype=torch.float64)
            rank = min(U.shape[0], len(Vt))
            y_bar[:, :rank] = (Y @ U)[:, :rank] / s[:rank]
            sigma_t, sigma_above, sigma_y = 2 * BELOW, 2 * SIGMA, 2 * noise_std
            expected = torch.zeros(1, len(Vt), dtype=torch.float64)
            for i in range(len(Vt)):
                theta = theta_bar[0, i]
                if s[i] == 0:
                    ahead = (1 - eta**2) ** 0.5 * sigma_t * (X_bar[0, i] - theta) / sigma_above
                    expected[0, i] = theta + ahead + eta * sigma_t * z_bar[0, i]
                elif sigma_t < sigma_y / s[i]:
                    ahead = (1 - eta**2) ** 0.5 * sigma_t * (y_bar[0, i] - theta) / (sigma_y / s[i])
                    expected[0, i] = theta + ahead + eta * sigma_t * z_bar[0, i]
                else:
                    spread = (sigma_t**2 - sigma_y**2 / s[i] ** 2 * eta_b**2) ** 0.5
                    expected[0, i] = (1 - eta_b) * theta + eta_b * y_bar[0, i] + spread * z_bar[0, i]
            assert_same(found, (expected @ Vt + 1) / 2, (name, noise_std, eta))


def check_ddnm_plus() -> None:
    """Wang et al. (2023), eq. 17 to 19, and eq. 7 for the step, with a_t, b_t and sigma_t of DDPM."""
    soft = operators.chain(Blur(gaussian_kernel(0.7), SIZE), Resize(SIZE, (3, 3)))
    assert not isinstance(soft, Spectral)
    for name, operator in {**some_operators(), "chain": soft}.items():
        for noise_std in (0.0, NOISE, 2.0):
            given = problem(operator, noise_std)
            found = step(solvers.ddnm_plus(network, given))
            matrix, (_, z) = Matrix(operator), known_noise()
            alpha = ABAR / ABAR_BELOW
            beta = 1 - alpha
            a_t = ABAR_BELOW**0.5 * beta / (1 - ABAR)
            b_t = alpha**0.5 * (1 - ABAR_BELOW) / (1 - ABAR)
            sigma_t = ((1 - ABAR_BELOW) / (1 - ABAR) * beta) ** 0.5
            sigma_y = 2 * noise_std
            x_t = to_ddpm(state(), ABAR)
            X0, Y, z = in_ddpm(x_t, ABAR).flatten(1), paper_y(matrix, given.y), z.flatten(1)
            if isinstance(operator, Spectral):
                U, S, Vt = torch.linalg.svd(matrix.A, full_matrices=False)
                measured = S > UNMEASURED**0.5
                U, S, Vt = U[:, measured], S[measured], Vt[measured]
                share = (sigma_t * S / (a_t * sigma_y)).clamp(max=1) if sigma_y else torch.ones_like(S)
                X0 = X0 - share * ((X0 @ matrix.A.T - Y) @ U / S) @ Vt
                left = (sigma_t**2 - (a_t * share * sigma_y / S) ** 2).clamp(min=0) ** 0.5
                fresh = sigma_t * (z - z @ Vt.T @ Vt) + (left * (z @ Vt.T)) @ Vt
            else:  # damped, by the noise of the state to come
                rho = 8 * sigma_y**2 * ABAR_BELOW / (1 - ABAR_BELOW) or UNMEASURED
                gram = matrix.A @ matrix.A.T + rho * torch.eye(len(matrix.A), dtype=torch.float64)
                solved = torch.linalg.solve(gram, (Y - X0 @ matrix.A.T).mT).mT
                X0, fresh = X0 + solved @ matrix.A, sigma_t * z
            x_s = a_t * X0 + b_t * x_t.flatten(1) + fresh
            assert_same(found, from_ddpm(x_s, ABAR_BELOW), (name, noise_std))


def check_ddnm() -> None:
    """Wang et al. (2023), eq. 13, damped for noise eight times as strong, and DDIM with eta 0.85 (eq. 16)."""
    solver, (noise, z) = catalogue.solvers()["ddnm"], known_noise()
    assert solver.wrap is not None

    def draw(like: Tensor) -> Tensor:
        return noise(like).float()

    for name, operator in some_operators().items():
        for noise_std in (0.0, NOISE, 0.3):
            given, matrix = problem(operator, noise_std), Matrix(operator)
            denoise = solver.wrap(network, given, draw)
            found = solver.sampler(denoise, state().float(), [SIGMA, BELOW], rng=draw).double()
            X0 = network(state(), SIGMA).flatten(1)
            missing, rho = given.y.double().flatten(1) - matrix.apply(X0), 8 * (noise_std / SIGMA) ** 2
            gram = matrix.A @ matrix.A.T + rho * torch.eye(len(matrix.A), dtype=torch.float64)
            back = matrix.A.T @ torch.linalg.inv(gram) if rho else matrix.pinv()
            X0 = X0 + missing @ back.T
            sigma_t = 0.85 * ((1 - ABAR_BELOW) / (1 - ABAR) * (1 - ABAR / ABAR_BELOW)) ** 0.5
            eps = (state().flatten(1) - X0) / SIGMA
            ahead = (1 - ABAR_BELOW - sigma_t**2) ** 0.5 * eps + sigma_t * z.flatten(1)
            assert_same(found, X0 + ahead / ABAR_BELOW**0.5 / 2, (name, noise_std))


def check_diffpir() -> None:
    """Zhu et al. (2023), algorithm 1, the proximal point from its normal equations."""
    for name, operator in some_operators().items():
        for weight, zeta in ((8.0, 0.3), (3.0, 1.0), (20.0, 0.0)):
            given = problem(operator)
            asked = {} if (weight, zeta) == (8.0, 0.3) else {"weight": weight, "zeta": zeta}  # the defaults
            found = step(solvers.diffpir(network, given, **asked))
            matrix, (_, z) = Matrix(operator), known_noise()
            x_t, sigma_bar = to_ddpm(state(), ABAR), ((1 - ABAR) / ABAR) ** 0.5
            rho = weight * (2 * NOISE) ** 2 / sigma_bar**2
            X0, A, Y = in_ddpm(x_t, ABAR).flatten(1), matrix.A, paper_y(matrix, given.y)
            normal = A.T @ A + rho * torch.eye(A.shape[1], dtype=torch.float64)
            X0 = torch.linalg.solve(normal, (Y @ A + rho * X0).mT).mT
            eps = (x_t.flatten(1) - ABAR**0.5 * X0) / (1 - ABAR) ** 0.5
            mixed = (1 - zeta) ** 0.5 * eps + zeta**0.5 * z.flatten(1)
            x_s = ABAR_BELOW**0.5 * X0 + (1 - ABAR_BELOW) ** 0.5 * mixed
            assert_same(found, from_ddpm(x_s, ABAR_BELOW), (name, weight, zeta))


def check_pigdm() -> None:
    """Song et al. (2023), algorithm 1, with r_t^2 = 1 - abar, scaled as in the authors' code."""
    for name, operator in some_operators().items():
        for noise_std, eta in ((0.0, 1.0), (NOISE, 0.5), (0.5, 0.0)):
            given = problem(operator, noise_std)
            found = step(solvers.pigdm(network, given, **({} if eta == 1 else {"eta": eta})))
            matrix, (_, z) = Matrix(operator), known_noise()
            x_t, r2 = to_ddpm(state(), ABAR).requires_grad_(), 1 - ABAR
            X0 = in_ddpm(x_t, ABAR)
            missing = (paper_y(matrix, given.y) - matrix.apply(X0)).detach()
            A = matrix.A
            if noise_std == 0:
                weighed = missing @ matrix.pinv().T
            else:
                inner = r2 * A @ A.T + (2 * noise_std) ** 2 * torch.eye(len(A), dtype=torch.float64)
                weighed = r2 * torch.linalg.solve(inner, missing.mT).mT @ A
            (g,) = torch.autograd.grad((X0.flatten(1) * weighed).sum(), x_t)
            x_t, X0 = x_t.detach(), X0.detach()
            eps = (x_t - ABAR**0.5 * X0) / (1 - ABAR) ** 0.5
            c1 = eta * ((1 - ABAR / ABAR_BELOW) * (1 - ABAR_BELOW) / (1 - ABAR)) ** 0.5
            c2 = (1 - ABAR_BELOW - c1**2) ** 0.5
            x_s = ABAR_BELOW**0.5 * X0 + c1 * z + c2 * eps + ABAR_BELOW**0.5 * ABAR**0.5 * g
            assert_same(found, from_ddpm(x_s, ABAR_BELOW), (name, noise_std, eta))


def check_dps() -> None:
    """Chung et al. (2023), algorithm 1: x_s = x'_s - zeta grad |Y - A X0|^2, zeta = strength / 2 |Y - A X0|.

    The released code descends the norm itself, which is half the square's gradient over the norm.
    """
    for name, operator in [*some_operators().items(), ("jpeg", Jpeg(coding_of(30), SIZE))]:
        for strength in (1.0, 0.3):
            given = problem(operator)
            found = step(solvers.dps(network, given, strength=strength))
            _, z = known_noise()
            x_t = to_ddpm(state(), ABAR).requires_grad_()
            X0 = in_ddpm(x_t, ABAR)
            misfit = 2 * (given.y - operator.forward(((X0 + 1) / 2).float()))
            (gradient,) = torch.autograd.grad(misfit.square().sum(), x_t)
            alpha = ABAR / ABAR_BELOW
            mean = (
                ABAR_BELOW**0.5 * (1 - alpha) / (1 - ABAR) * X0
                + alpha**0.5 * (1 - ABAR_BELOW) / (1 - ABAR) * x_t
            )
            spread = ((1 - ABAR_BELOW) / (1 - ABAR) * (1 - alpha)) ** 0.5
            x_s = mean + spread * z - strength / (2 * misfit.norm()) * gradient
            assert_same(found, from_ddpm(x_s.detach(), ABAR_BELOW), (name, strength))


@pytest.mark.parametrize(
    "check", [check_ddrm, check_ddnm, check_ddnm_plus, check_diffpir, check_pigdm, check_dps]
)
def test_each_solver_is_that_of_its_paper(check: Callable[[], None]) -> None:
    check()


# --- against Gaussian priors, in closed form ------------------------------------------------------

STD = 0.2
PRIOR = GaussianPrior(mean=0.4, std=STD)


def no_noise(like: Tensor) -> Tensor:
    """Of affine steps: their result with all noise at its mean is the mean of their results."""
    return torch.zeros_like(like)


def reduced(noise_std: float) -> tuple[Problem, Tensor, Tensor]:
    """A problem, a state far away from its answer, and the posterior mean E[x0 | y]."""
    operator = Resize((8, 8), (4, 4))
    y = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    x = 0.4 + 10 * torch.randn(1, 3, 8, 8, generator=torch.Generator().manual_seed(2))
    prior_mean = torch.full_like(x, PRIOR.mean)
    expected = consistent(prior_mean, y, operator, (noise_std / STD) ** 2)
    return Problem(y, operator, noise_std), x, expected


def order(run: Callable[[list[float]], Tensor]) -> float:
    """Order of convergence to its own limit, from runs of 40 to 320 steps."""
    ends = [run(log_sigma(10.0, 0.005, n)).double() for n in (40, 80, 160, 320)]
    apart = [float((coarse - fine).abs().max()) for coarse, fine in pairwise(ends)]
    orders = [math.log2(coarse / fine) for coarse, fine in pairwise(apart)]
    assert max(orders) - min(orders) < 0.15, orders
    return sum(orders) / len(orders)


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "expected"), [(samplers.ddim, 1.0), (samplers.heun, 2.0)])
def test_order_of_pigdm_as_a_denoiser(sampler: samplers.Sampler, expected: float) -> None:
    problem, x, _ = reduced(NOISE)
    denoise = solvers.pigdm_mean(PRIOR.denoise, problem, prior_std=STD)
    assert order(lambda sigmas: sampler(denoise, x, sigmas)) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    "make",
    [
        lambda problem: solvers.ddnm_plus(PRIOR.denoise, problem),
        lambda problem: solvers.diffpir(PRIOR.denoise, problem, weight=1.0, zeta=1.0),
    ],
    ids=["ddnm-plus", "diffpir"],
)
def test_order_of_transitions(make: Callable[[Problem], Update]) -> None:
    problem, x, _ = reduced(NOISE)
    found = order(lambda sigmas: run_updates(make(problem), x, sigmas, rng=no_noise))
    assert found == pytest.approx(1.0, abs=0.15)


def test_diffpir_of_weight_1_has_the_posterior_mean() -> None:
    """With all noise fresh its steps forget the start, and the last correction is the exact one."""
    problem, x, expected = reduced(NOISE)
    update = solvers.diffpir(PRIOR.denoise, problem, weight=1.0, zeta=1.0)
    found = run_updates(update, x, log_sigma(10.0, 0.005, 600), rng=no_noise)
    assert (found - expected).abs().max() < 0.003
    # Its default trusts the prior eight times as much, which is for networks, not for Gaussians.
    update = solvers.diffpir(PRIOR.denoise, problem)
    found = run_updates(update, x, log_sigma(10.0, 0.005, 600), rng=no_noise)
    assert (found - expected).abs().max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ddrm", "ddnm-plus", "pigdm"])
def test_the_others_end_at_the_measurement_noise_included(name: str) -> None:
    """With many steps they return ``A x = y`` even where y is noisy: no posterior mean."""
    problem, x, expected = reduced(NOISE)
    make = {"ddrm": solvers.ddrm, "ddnm-plus": solvers.ddnm_plus, "pigdm": solvers.pigdm}[name]
    sigmas = log_sigma(10.0, 0.005, 1000)
    found = run_updates(make(PRIOR.denoise, problem), x, sigmas, rng=no_noise)

    def misfit(picture: Tensor) -> float:
        return float((problem.operator.forward(picture) - problem.y).square().mean() ** 0.5)

    assert misfit(found) < 0.4 * misfit(expected)


@pytest.mark.parametrize("name", ["ddrm", "ddnm", "ddnm-plus", "pigdm"])
def test_without_noise_what_is_measured_is_met(name: str) -> None:
    problem, x, expected = reduced(0.0)
    sigmas = log_sigma(10.0, 0.005, 60)
    if name == "ddnm":
        found = samplers.ddim(solvers.ddnm(PRIOR.denoise, problem, no_noise), x, sigmas)
    else:
        make = {"ddrm": solvers.ddrm, "ddnm-plus": solvers.ddnm_plus, "pigdm": solvers.pigdm}[name]
        found = run_updates(make(PRIOR.denoise, problem), x, sigmas, rng=no_noise)
    assert (problem.operator.forward(found) - problem.y).abs().max() < 1e-4
    if name in ("ddrm", "ddnm-plus"):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)


def test_pigdm_as_a_denoiser_draws_from_the_posterior() -> None:
    """Known pixels with noise: N((s^2 y + n^2 m) / (s^2 + n^2), s^2 n^2 / (s^2 + n^2)); holes: the prior."""
    noise_std = 0.1
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., :32] = 1
    y = torch.full((1, 3, 64, 64), 0.9) * (1 - hole)
    problem = Problem(y, Hole(hole), noise_std)
    denoise = solvers.pigdm_mean(PRIOR.denoise, problem, prior_std=STD)
    variance = STD**2 * noise_std**2 / (STD**2 + noise_std**2)
    mean = (STD**2 * 0.9 + noise_std**2 * 0.4) / (STD**2 + noise_std**2)
    x = PRIOR.noisy(10.0, generator_noise(3), like=y).float()
    x[..., 32:] = mean + (x[..., 32:] - 0.4) * ((variance + 100) / (STD**2 + 100)) ** 0.5
    x = samplers.heun(denoise, x, log_sigma(10.0, 0.002, 60))
    assert_moments(x[..., :32].double(), mean=0.4, variance=STD**2)
    assert_moments(x[..., 32:].double(), mean=mean, variance=variance)


@pytest.mark.parametrize("name", ["ddrm", "ddnm-plus", "diffpir"])
def test_what_is_not_measured_is_drawn_from_the_prior(name: str) -> None:
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., :32] = 1
    problem = Problem(torch.full((1, 3, 64, 64), 0.9) * (1 - hole), Hole(hole), NOISE)
    make: Any = {"ddrm": solvers.ddrm, "ddnm-plus": solvers.ddnm_plus, "diffpir": solvers.diffpir}[name]
    draws = PRIOR.posterior_draws(lambda like: generator(like))
    numbers = torch.Generator().manual_seed(9)

    def generator(like: Tensor) -> Tensor:
        return torch.randn(like.shape, generator=numbers)

    x = PRIOR.noisy(10.0, generator, like=problem.y)
    x = run_updates(make(draws, problem), x, log_sigma(10.0, 0.01, 8), rng=generator)
    assert_moments(x[..., :32].double(), mean=PRIOR.mean, variance=STD**2)


def test_a_registered_solver_is_known_to_the_tasks() -> None:
    """It is one record: here steps back to the first estimate that agrees with the measurement."""

    def agreeing(denoise: Denoiser, problem: Problem) -> Update:
        assert isinstance(problem.operator, Operator)
        enforced = guidance.enforce(denoise, problem.y, problem.operator)

        def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
            return samplers.ddim_step(x, enforced(x, sigma), sigma, below, 0.0, rng)

        return update

    solver = catalogue.Solver("agreeing", "nobody", ("linear",), update=agreeing)
    prior, picture = tiny_prior(), torch.full((1, 3, 8, 8), 0.4)

    def restored() -> Tensor:
        build = build_module.chain_of([parse_spec("down=2")])
        return restore.solve(picture, build, method="agreeing", estimate="sample", steps=3, prior=prior)

    with pytest.raises(ValueError, match="agreeing"):
        restored()
    catalogue.register(solver)
    try:
        assert "agreeing" in solvers_for([parse_spec("down=2")])
        assert "agreeing" not in solvers_for([parse_spec("jpeg=30")])
        found = restored()
        with pytest.raises(ValueError, match="there is a solver 'agreeing' already"):
            catalogue.register(solver)
    finally:
        catalogue.unregister("agreeing")
    assert prior.calls == 3
    assert found.shape == (1, 3, 16, 16)
    torch.testing.assert_close(Resize((16, 16), (8, 8)).forward(found), picture, rtol=0, atol=1e-3)
    assert "agreeing" not in catalogue.solvers()


# --- behaviour ------------------------------------------------------------------------------------


def test_guidance_without_a_classifier() -> None:
    def conditional(x: Tensor, sigma: float) -> Tensor:
        return x + 2

    def unconditional(x: Tensor, sigma: float) -> Tensor:
        return x - 1

    x = state()
    for strength, expected in ((0.0, -1.0), (1.0, 2.0), (1.5, 3.5)):
        found = guidance.classifier_free(conditional, unconditional, strength)(x, 0.3)
        torch.testing.assert_close(found, x + expected)


def test_repaint_with_the_noise_as_printed() -> None:
    """Algorithm 1 has (1 - abar) eps where eq. 8 has sqrt(1 - abar) eps."""
    y, hole = state(), torch.zeros(1, 1, *SIZE)
    noise, z = known_noise()
    seen: list[Tensor] = []

    def watched(x: Tensor, sigma: float) -> Tensor:
        seen.append(x)
        return x

    for variance, scale in (("corrected", (1 - ABAR) ** 0.5), ("printed", 1 - ABAR)):
        denoise = solvers.repaint(watched, Problem(y, Hole(hole)), noise, variance=variance)
        denoise(torch.zeros_like(y), SIGMA)
        x_t = ABAR**0.5 * (2 * y - 1) + scale * z
        torch.testing.assert_close(seen[-1], from_ddpm(x_t, ABAR))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Problem(state(), Resize((9, 9), SIZE[::-1]), -1.0), "0 or more, in .* got -1.0"),
        (
            lambda: Problem(state(), Resize((9, 9), (4, 5))),
            r"measurement is 6x6 \(w x h\) with 3 channels, the operator is for 5x4 with 3",
        ),
        (lambda: solvers.diffpir(network, Problem(state(), AllKnown())), "which is 0; use ddnm"),
        (
            lambda: solvers.ddrm(network, jpeg_problem()),
            "Jpeg is not linear; splitting, ddnm or dps can serve",
        ),
        (
            lambda: solvers.ddnm(network, after_jpeg(), no_noise),
            "Jpeg after Blur is not linear; only dps can serve it",
        ),
        (lambda: solvers.repaint(network, jpeg_problem(), no_noise), "cannot serve Jpeg; use ddnm"),
        (
            lambda: solvers.ddrm(
                network,
                Problem(
                    state()[..., :3, :3],
                    operators.chain(Blur(gaussian_kernel(0.4), SIZE), Resize(SIZE, (3, 3))),
                ),
            ),
            "those of Resize after Blur are not known; use ddnm",
        ),
        (
            lambda: solvers.ddrm(network, Problem(state(), AllKnown()), eta=2),
            "eta must lie in 0..1; got 2",
        ),
        (lambda: solvers.dps(network, jpeg_problem(), strength=0), "strength of DPS must be above 0, got 0"),
        (
            lambda: step(solvers.dps(lambda x, sigma: network(x.detach(), sigma), jpeg_problem())),
            "gives no gradient; use backbone.denoiser.differentiable=True.",
        ),
    ],
)
def test_what_cannot_be_served_is_said(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


class AllKnown(Hole):
    def __init__(self) -> None:
        super().__init__(torch.zeros(1, 1, *SIZE))


def jpeg_problem() -> Problem:
    return Problem(state().float(), Jpeg(coding_of(50), SIZE))


def after_jpeg() -> Problem:
    blurred = operators.chain(Blur(gaussian_kernel(0.5), SIZE), Jpeg(coding_of(50), SIZE))
    return Problem(state().float(), blurred)


test_the_check_finds_the_mutant = mutant_tests(
    {
        check_ddrm: [
            edited(
                solvers.ddrm,
                "kept, drawn = below * math.sqrt(1 - eta**2), below * eta",
                "kept, drawn = below, below * eta",
            ),
            edited(solvers.ddrm, "noisier = level > below", "noisier = level > sigma"),
            edited(solvers.ddrm, "kept / level.clamp_min(1e-12), eta_b", "kept / level.clamp_min(1e-12), 1"),
            edited(solvers.ddrm, "(eta_b * level) ** 2", "level**2"),
            edited(
                solvers.ddrm,
                "operator.to_spectrum(operator.forward(x)) / s",
                "operator.to_spectrum(operator.forward(x))",
            ),
        ],
        check_ddnm_plus: [
            edited(solvers.ddnm_plus, "missing, c * noise_std, fresh, u", "missing, noise_std, fresh, u"),
            edited(
                solvers._by_direction,
                "share = torch.where(carried > u, u / carried.clamp_min(1e-12), 1)",
                "share = torch.ones_like(s)",
            ),
            edited(solvers._by_direction, "(u**2 - carried**2).clamp_min(0).sqrt()", "u"),
            edited(solvers._by_direction, "carried = noise_std / s", "carried = noise_std * s"),
            edited(solvers.ddnm_plus, "TRUST * (noise_std / below) ** 2", "(noise_std / below) ** 2"),
        ],
        check_ddnm: [edited(solvers.ddnm, "math.sqrt(TRUST)", "TRUST"), constant(solvers, "TRUST", 4.0)],
        check_diffpir: [
            wrong(
                solvers.diffpir,
                lambda right: (
                    lambda denoise, problem, weight=8.0, zeta=0.3: right(
                        denoise, problem, weight=4 * weight, zeta=zeta
                    )
                ),
                "the noise is doubled",
            ),
            edited(solvers.diffpir, "math.sqrt(1 - zeta) * direction", "(1 - zeta) * direction"),
        ],
        check_pigdm: [
            wrong(
                solvers.pigdm,
                lambda right: partial(right, prior_std=1.0),
                "the prior's deviation is that of pictures in [-1, 1]",
            ),
            edited(solvers.pigdm, "eta, rng) + pulled", "eta, rng) + pulled / 2"),
            edited(gradient_solvers._pulled_back, "problem.noise_std**2 / r2", "problem.noise_std / r2"),
        ],
        check_dps: [
            wrong(
                solvers.dps,
                lambda right: (
                    lambda denoise, problem, strength: right(denoise, problem, strength=2 * strength)
                ),
                "the gradient is doubled",
            ),
            edited(solvers.dps, "(1 + 4 * sigma**2) * (1 + 4 * below**2)", "(1 + 4 * sigma**2) ** 2"),
            edited(solvers.dps, ".norm(dim=1).sum()", ".square().sum()"),
        ],
    }
)
