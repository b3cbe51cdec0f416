"""The catalogue of methods: complete, consistent, and open to samplers and solvers added at run time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from recording import Recorder, Reports, box_mask, picture

import restore
from restore.diffusion import samplers
from restore.diffusion.samplers import NamedSampler, ddim
from restore.errors import ConfigError
from restore.inverse import catalogue as solver_catalogue
from restore.inverse.catalogue import Solver
from restore.inverse.operators import Resize
from restore.tasks import catalogue
from restore.tasks.budget import Plan, plan
from restore.tasks.catalogue import Method

pytestmark = pytest.mark.usefixtures("one_thread")
LEVEL = 0.25  # of what MINE answers


@pytest.fixture
def sampler() -> Iterator[NamedSampler]:
    """DDIM with all of DDPM's noise, said to take three calls a step."""
    mine = samplers.register(NamedSampler("mine", partial(ddim, eta=1.0), calls=lambda steps: 3 * steps))
    yield mine
    del samplers.SAMPLERS["mine"]


@pytest.fixture
def solver() -> Iterator[Solver]:
    """One call a step, after which all is of one level."""
    mine = solver_catalogue.register(
        Solver(
            "mine",
            "nobody",
            ("gradient", "hole"),
            lambda denoise, problem: lambda x, sigma, *_: torch.full_like(denoise(x, sigma), LEVEL),
        )
    )
    yield mine
    solver_catalogue.unregister("mine")


def test_a_new_sampler_is_known_everywhere(sampler: NamedSampler) -> None:
    image, mask = picture(1, 3, 12, 10), box_mask(12, 10, 3, 6, 3, 6)
    noisy, known = {"sigma": 25, "estimate": "sample", "steps": 3}, torch.from_numpy(mask == 0)
    reports = Reports()
    found = restore.denoise(image, sampler="mine", prior=Recorder(), progress=reports, **noisy)
    reports.assert_complete(3)
    assert not torch.equal(found, restore.denoise(image, sampler="ddim", prior=Recorder(), **noisy))
    filled = restore.inpaint(image, mask, sampler="mine", steps=4, prior=Recorder())
    assert torch.equal(filled[..., known], image[..., known])
    assert restore.upscale(image, 2, sampler="mine", steps=2, prior=Recorder()).shape == (1, 3, 24, 20)
    options = {"estimate": "sample", "steps": 2, "sampler": "mine", "prior": Recorder()}
    assert restore.dejpeg(image, quality=30, **options).shape == image.shape
    assert restore.deblur(image, "gaussian:1", method="ddnm", **options).shape == image.shape
    assert restore.sample(2, size=(8, 8), sampler="mine", steps=2, prior=Recorder()).shape == (2, 3, 8, 8)
    asked = {"method": "gaussian", "estimate": "sample", "sampler": "mine"}
    assert plan("denoise", asked, 13) == Plan(12, {"steps": 4})
    with pytest.raises(ConfigError, match="takes at least 3"):
        plan("denoise", asked, 2)
    with pytest.raises(ValueError, match="there is a sampler 'mine' already"):
        samplers.register(sampler)


def test_a_sampler_that_cannot_climb_is_not_for_repaint() -> None:
    asked = {"method": "repaint", "sampler": "langevin", "prior": Recorder()}
    with pytest.raises(ValueError, match="sampler 'langevin' cannot climb, as method 'repaint' does"):
        restore.inpaint(picture(3, 12, 10), box_mask(12, 10, 3, 6, 3, 6), **asked)


def test_a_new_solver_is_known_everywhere(solver: Solver) -> None:
    image, mask = picture(1, 3, 12, 10), box_mask(12, 10, 3, 6, 3, 6)
    reports, inside = Reports(), torch.from_numpy(mask > 0)
    large = restore.solve(
        image,
        lambda size, device: Resize((24, 20), size),
        method="mine",
        estimate="sample",
        steps=3,
        prior=Recorder(),
        progress=reports,
    )
    reports.assert_complete(3)
    assert torch.equal(large, torch.full((1, 3, 24, 20), LEVEL))
    filled = restore.inpaint(image, mask, method="mine", steps=2, prior=Recorder())
    assert (filled[..., inside] == LEVEL).all()
    assert torch.equal(filled[..., ~inside], image[..., ~inside])
    assert "mine" in catalogue.names("solve")
    assert "mine" in catalogue.names("inpaint")
    for task in ("solve", "inpaint"):
        asked = {"method": "mine", "estimate": "sample", "sampler": None}
        assert plan(task, asked, 7) == Plan(7, {"steps": 7})
    with pytest.raises(ValueError, match="there is a solver 'mine' already"):
        solver_catalogue.register(solver)


def test_what_was_added_is_gone_again() -> None:
    assert "mine" not in samplers.SAMPLERS
    assert "mine" not in solver_catalogue.solvers()
    with pytest.raises(ValueError, match="got 'mine'"):
        restore.denoise(picture(3, 8, 8), estimate="sample", sampler="mine")
    with pytest.raises(ValueError, match="got 'mine'"):
        restore.inpaint(picture(3, 8, 8), box_mask(8, 8, 2, 4, 2, 4), method="mine")


@pytest.mark.parametrize("task", catalogue.TASKS)
def test_every_method_is_found_by_its_name_once(task: str) -> None:
    methods = catalogue.methods(task)
    assert {method.task for method in methods} == {task}
    assert len({(method.name, method.estimate) for method in methods}) == len(methods)
    for method in methods:
        assert catalogue.find(task, method.name, method.estimate) == method
        assert method.sampler is None or method.sampler in samplers.SAMPLERS
        assert method.calls(method.steps) >= method.steps
    for estimate in catalogue.ESTIMATES:
        defaults = [method for method in methods if method.estimate == estimate and method.default]
        none = task == "solve" or (task, estimate) == ("vary", "mean")
        assert len(defaults) == (0 if none else 1)


def test_the_methods_of_a_mean_in_one_call() -> None:
    expected = {"denoise": "auto", "inpaint": "conditional", "upscale": "conditional", "dejpeg": "blind"}
    assert {task: catalogue.in_one_call(task) for task in expected} == expected
    assert catalogue.in_one_call("solve") is None


def test_a_task_that_there_is_not() -> None:
    with pytest.raises(KeyError, match="dehaze"):
        catalogue.methods("dehaze")


def test_the_calls_of_guidance_and_of_steps_beside_the_sampler() -> None:
    method = Method(
        "a task", "a name", "sample", 10, sampler="ddim", drawn=lambda steps: steps // 2, before=2
    )
    assert method.calls(10) == 12
    assert method.calls(10, "heun") == 2 + 5 + 9
    assert method.calls(10, guidance=2.0) == 2 + 5 + 10
