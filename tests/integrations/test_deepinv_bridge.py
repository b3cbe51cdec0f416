"""The prior in deepinv's own optimisers and samplers, and deepinv's physics in ours."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import restore
from restore.inverse.operators import Hole
from restore.testing import check_operator, tiny_prior

deepinv = pytest.importorskip("deepinv")

from restore.integrations import deepinv as bridge  # noqa: E402
from restore.integrations.deepinv import Denoiser, PhysicsOperator, operator_of  # noqa: E402

TINY = tiny_prior()
SIDE = 16


def pictures(channels: int = 3, *, count: int = 2) -> Tensor:
    return torch.rand(count, channels, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def mask() -> Tensor:
    return (torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(2)) > 0.3).float()


def inpainting(noise: float = 0.0) -> Any:
    model = deepinv.physics.GaussianNoise(noise, rng=torch.Generator().manual_seed(3)) if noise else None
    return deepinv.physics.Inpainting((3, SIDE, SIDE), mask=mask().expand(3, -1, -1), noise_model=model)


def blur(**options: Any) -> Any:
    kernel = deepinv.physics.functional.gaussian_blur((5, 5), 1.0)
    return deepinv.physics.Blur(kernel, padding="circular", **options)


def test_it_is_one_of_their_denoisers_in_their_units() -> None:
    denoiser, x = Denoiser(TINY), pictures()
    assert isinstance(denoiser, deepinv.models.Denoiser)
    expected = TINY.denoiser()(x, 0.1)
    for sigma in (
        0.1,
        torch.tensor(0.1),
        torch.full((2,), 0.1),
        torch.full((2, 1, 1, 1), 0.1),
        np.float64(0.1),
    ):
        torch.testing.assert_close(denoiser(x, sigma), expected)
    each = denoiser(x, torch.tensor([0.1, 0.3]))
    torch.testing.assert_close(each[1:], TINY.denoiser()(x[1:], 0.3))
    assert denoiser(pictures(1).double(), 0.1).shape == (2, 1, SIDE, SIDE)


def test_it_moves_as_their_models_do() -> None:
    denoiser = Denoiser(TINY).to(device="cpu", dtype=torch.float64)
    assert (denoiser.prior.dtype, TINY.dtype) == (torch.float64, torch.float32)
    with pytest.raises(ValueError, match="device and dtype are for the weights in the package"):
        Denoiser(TINY, device="cpu")


class GaussianPrior:
    """Pictures drawn from N(0.5, 0.3^2), whose posterior mean is known."""

    device, dtype = torch.device("cpu"), torch.float32

    def denoiser(self, *, differentiable: bool = False) -> Callable[[Tensor, float], Tensor]:
        return lambda x, sigma: 0.5 + (x - 0.5) * 0.09 / (0.09 + sigma**2)


class GaussianDenoiser(torch.nn.Module):
    """The same, as a user of deepinv would write it."""

    def forward(self, x: Tensor, sigma: float | Tensor) -> Tensor:
        level = torch.as_tensor(sigma).to(x).view(-1, *[1] * 3)
        found: Tensor = 0.5 + (x - 0.5) * 0.09 / (0.09 + level**2)
        return found


def optimised(name: str, prior: Any) -> Any:
    return deepinv.optim.optim_builder(
        name,
        prior=prior,
        data_fidelity=deepinv.optim.L2(),
        max_iter=3,
        params_algo={"stepsize": 1.0, "g_param": 0.1, "lambda": 0.5},
    )


THEIRS: dict[str, Callable[[Any], Any]] = {
    "PnP, PGD": lambda denoiser: optimised("PGD", deepinv.optim.PnP(denoiser)),
    "PnP, HQS": lambda denoiser: optimised("HQS", deepinv.optim.PnP(denoiser)),
    "PnP, ADMM": lambda denoiser: optimised("ADMM", deepinv.optim.PnP(denoiser)),
    "RED, GD": lambda denoiser: optimised("GD", deepinv.optim.RED(denoiser)),
    "DPIR": lambda denoiser: deepinv.optim.DPIR(sigma=0.05, denoiser=denoiser),
    "DDRM": lambda denoiser: deepinv.sampling.DDRM(denoiser=denoiser, sigmas=np.linspace(1, 0, 4)),
    "DiffPIR": lambda denoiser: deepinv.sampling.DiffPIR(
        model=denoiser, data_fidelity=deepinv.optim.L2(), sigma=0.05, max_iter=3
    ),
    "DPS": lambda denoiser: deepinv.sampling.DPS(denoiser, num_steps=4, rng=torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("name", THEIRS)
def test_their_algorithms_do_with_it_what_they_do_with_one_of_their_own(name: str) -> None:
    y, physics = inpainting(0.05)(pictures()), inpainting(0.05)
    results = []
    for denoiser in (Denoiser(GaussianPrior()), GaussianDenoiser()):  # type: ignore[arg-type]
        torch.manual_seed(0)
        results.append(THEIRS[name](denoiser)(y, physics).float())  # DPS computes in double precision
    assert not torch.allclose(results[0], y, atol=0.01)
    torch.testing.assert_close(results[0], results[1], atol=1e-5, rtol=1e-5)


def test_dps_differentiates_the_network() -> None:
    torch.manual_seed(0)
    denoiser = Denoiser(TINY)
    physics = inpainting(0.05)
    results = [
        deepinv.sampling.DPS(denoiser, num_steps=3, weight=weight, rng=torch.Generator().manual_seed(0))(
            physics(pictures(count=1)), physics
        )
        for weight in (0.0, 1.0)
    ]
    assert all(torch.isfinite(result).all() for result in results)
    assert not torch.allclose(results[0], results[1], atol=1e-3)


@pytest.mark.parametrize(
    ("physics", "y_shape"),
    [
        (blur(), (3, SIDE, SIDE)),
        (inpainting(), (3, SIDE, SIDE)),
        (
            deepinv.physics.Downsampling((3, SIDE, SIDE), factor=2, filter="bicubic"),
            (3, SIDE // 2, SIDE // 2),
        ),
        (deepinv.physics.Decolorize(), (1, SIDE, SIDE)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_their_physics_keep_what_our_solvers_rely_on(physics: Any, y_shape: tuple[int, int, int]) -> None:
    operator = operator_of(physics, channels=y_shape[0])(y_shape[1:], "cpu")
    assert operator.x_shape == (3, SIDE, SIDE)
    check_operator(operator)


def test_their_inpainting_is_solved_as_our_hole() -> None:
    hole = 1 - mask()[None]
    y = inpainting()(pictures())
    operators = [operator_of(inpainting()), lambda size, device: Hole(hole)]
    for operator in operators:
        built = operator((SIDE, SIDE), "cpu")
        torch.testing.assert_close(built.forward(pictures()), y)
        torch.testing.assert_close(built.solve(y, 0.5), y / 1.5, atol=1e-4, rtol=1e-4)
    results = [restore.solve(y, each, sigma=5, steps=2, prior=TINY) for each in operators]
    known = mask()[None].expand_as(y) > 0
    torch.testing.assert_close(results[0][known], results[1][known], atol=0.05, rtol=0)


def test_a_physics_that_does_not_fit_is_refused() -> None:
    with pytest.raises(TypeError, match="expected a LinearPhysics of deepinv, got Physics"):
        operator_of(deepinv.physics.Physics())((SIDE, SIDE), "cpu")
    with pytest.raises(ValueError, match=r"Inpainting is not for measurements \(3, 9, 9\)"):
        operator_of(inpainting())((9, 9), "cpu")
    gray = deepinv.physics.Inpainting((1, SIDE, SIDE), mask=mask())
    with pytest.raises(ValueError, match=r"is for pictures \(1, 16, 16\); expected \(3, h, w\)"):
        PhysicsOperator(gray, (1, SIDE, SIDE))


def test_without_deepinv_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepinv", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"needs deepinv: pip install 'restore-diffusion\[deepinv\]'"
    ):
        runpy.run_path(str(bridge.__file__))
