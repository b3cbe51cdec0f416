"""A sampler and a solver that are registered at run time have rows without any other change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from commands import cli
from torch import Tensor

from restore.diffusion import samplers
from restore.diffusion.samplers import NamedSampler, run_updates
from restore.inverse import catalogue
from restore.inverse.catalogue import Solver
from restore.inverse.problem import Problem
from restore.priors.checkpoint import save
from restore.testing import tiny_prior
from restore.types import Denoiser, Progress, Rng

QUICK = ("--no-baselines", "--metrics", "psnr", "--precision", "fp32", "--limit", "1")


def euler(
    denoise: Denoiser,
    x: Tensor,
    sigmas: Sequence[float],
    *,
    rng: Rng | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Euler's steps along dx/ds = (x - x0)/s."""

    def update(x: Tensor, sigma: float, below: float, rng: Rng) -> Tensor:
        return x + (below - sigma) * (x - denoise(x, sigma)) / sigma

    return run_updates(update, x, sigmas, rng=rng)


def consistent(denoise: Denoiser, problem: Problem, rng: Rng) -> Denoiser:
    """The estimate moved towards the pictures that give the measurement."""
    operator = problem.operator

    def estimate(x: Tensor, sigma: float) -> Tensor:
        x0 = denoise(x, sigma)
        return x0 + operator.adjoint(operator.solve(problem.y - operator.forward(x0), 0.1))

    return estimate


@pytest.fixture
def mine() -> Iterator[None]:
    """Both are called mine, while a test runs."""
    samplers.register(NamedSampler("mine", euler))
    try:
        catalogue.register(Solver("mine", "nobody", ("linear",), wrap=consistent))
        try:
            yield
        finally:
            catalogue.unregister("mine")
    finally:
        del samplers.SAMPLERS["mine"]


def table(*arguments: object) -> list[list[str]]:
    """The cells of the table that `restore eval` prints."""
    result = cli("eval", *arguments, *QUICK)
    assert result.exit_code == 0, result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    save(tiny_prior(), tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


@pytest.mark.usefixtures("mine")
def test_a_registered_solver_is_measured(folder: Path, weights: Path) -> None:
    data = ("--data", folder, "--weights", weights)
    head, row = table("solve", *data, "--operator", "down=2", "--method", "mine", "--steps", "3")
    assert row[0] == "**restore sample, mine**"
    assert row[head.index("calls")] == "3"
    _, *rows = table("solve", *data, "--operator", "down=2", "--estimate", "sample", "--steps", "1")
    assert "**restore sample, mine**" in [row[0] for row in rows]
    head, row = table("inpaint", *data, "--holes", "box", "--method", "mine", "--steps", "2")
    assert row[0] == "**restore sample, mine**"
    assert "mine" in cli("eval", "solve", "--help").stdout


@pytest.mark.usefixtures("mine")
def test_a_registered_sampler_is_measured(folder: Path, weights: Path) -> None:
    data = ("--data", folder, "--weights", weights)
    sample = ("--scale", "2", "--method", "conditional", "--estimate", "sample", "--steps", "3")
    _, mine = table("upscale", *data, *sample, "--sampler", "mine")
    head, *rows = table("upscale", *data, *sample, "--sweep", "sampler=ddim,mine,heun")
    names = [f"**restore sample, conditional, sampler={name}**" for name in ("ddim", "mine", "heun")]
    assert [row[0] for row in rows] == names
    assert [row[head.index("calls")] for row in rows] == ["3", "3", "5"]
    assert rows[1][1] == mine[1]
    # Euler's steps are those of DDIM in these coordinates.
    assert float(mine[1]) == pytest.approx(float(rows[0][1]), abs=0.011)
    both = ("--operator", "down=2", "--method", "mine", "--sampler", "mine", "--steps", "2")
    assert table("solve", *data, *both)[1][0] == "**restore sample, mine**"


def test_nothing_stays_registered() -> None:
    assert "mine" not in samplers.SAMPLERS
    assert "mine" not in catalogue.solvers()
