"""Undoing what was done to a picture: the words for it, the task, the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from gaussian_oracle import GaussianPrior
from networks import random_backbone
from own_package import install
from PIL import Image
from recording import Reports, picture
from scenes import scene
from torch import Tensor

from restore import images
from restore.cli.prior_loader import load_backbone
from restore.errors import PluginError
from restore.inverse import catalogue, operators
from restore.inverse.build import chain_of
from restore.inverse.kernels import gaussian_kernel
from restore.inverse.protocols import consistent
from restore.inverse.solvers import capabilities_of
from restore.inverse.spec import Spec, capabilities, parse_spec, preferred, size_before, solvers_for
from restore.priors.backbone import Backbone
from restore.priors.device import TILE
from restore.tasks.catalogue import COLOUR_START
from restore.tasks.colorize import colorize
from restore.tasks.deblur import deblur
from restore.tasks.solve import solve
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")

PRIOR = GaussianPrior(mean=0.5, std=0.25)


# ------------------------------------------------------------------------------------------- words


def test_words() -> None:
    assert parse_spec("blur=gaussian:1.6") == Spec("gaussian", (1.6,))
    assert parse_spec("blur=motion:15") == Spec("motion", (15,))
    assert parse_spec("blur=motion:15:-30") == Spec("motion", (15, -30))
    assert parse_spec("down=2.5") == Spec("down", (2.5,))
    assert parse_spec("gray") == Spec("gray")
    assert parse_spec("jpeg=30") == Spec("jpeg", (30,))
    words = [parse_spec(word) for word in ("down=2.5", "blur=gaussian:1", "area=2")]
    assert size_before(words, (10, 7)) == (50, 35)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("", "'' is no degradation; expected one such as blur=gaussian:1.6, blur=motion:15:30, down=4"),
        ("gaussian:2", "'gaussian:2' is no degradation"),
        ("blur=down:2", "'blur=down:2' is no degradation"),
        ("blur=gaussian", "is no degradation"),
        ("blur=gaussian:1:2", "is no degradation"),
        ("blur=gaussian:wide", "is no degradation"),
        ("gray=1", "is no degradation"),
        ("down=1", "'down=1' is out of range; down goes from 1.01 to 16"),
        ("blur=gaussian:nan", "'blur=gaussian:nan' holds what is no finite number"),
        ("jpeg=0", "'jpeg=0' is out of range; jpeg goes from 1 to 100"),
    ],
)
def test_wrong_words_say_what_is_right(word: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_spec(word)


def test_words_become_operators() -> None:
    words = [parse_spec(word) for word in ("blur=gaussian:0.8", "down=2", "gray")]
    operator = chain_of(words)((9, 12), "cpu")
    assert operator.y_shape == (1, 9, 12)
    x = picture(1, *operator.x_shape)
    kernel = gaussian_kernel(0.8)
    blurred = operators.BlurInside(kernel, (18, 24)).forward(x)
    expected = operators.Gray((9, 12)).forward(operators.Resize((18, 24), (9, 12)).forward(blurred))
    torch.testing.assert_close(operator.forward(x), expected)
    assert operators.without_margin(x, operator).shape == (1, 3, 18, 24)


# -------------------------------------------------------------------------------------------- task


def test_the_answer_is_the_posterior_mean_of_a_gaussian_prior() -> None:
    """Splitting ends where the prior and the measurement agree; here that is known."""

    class Oracle(Backbone):
        def __init__(self) -> None:
            super().__init__(random_backbone().network, random_backbone().config)

        def denoiser(self, *_: Any, **__: Any) -> Any:
            return PRIOR.denoise

    operator = operators.Resize((16, 12), (8, 6))
    truth = picture(1, 3, 16, 12)
    y = operator.forward(truth)
    found = solve(y, lambda size, device: operator, sigma=0, steps=50, prior=Oracle())
    expected = consistent(torch.full_like(truth, PRIOR.mean), y, operator)
    assert (operator.forward(found) - y).abs().max() < 1e-4
    before = consistent(operator.guess(y), y, operator)
    assert (found - expected).abs().max() < 0.5 * (before - expected).abs().max()


@pytest.mark.parametrize("name", [name for name in catalogue.solvers() if name != "repaint"])
def test_every_method_at_any_size_with_any_number_of_calls(name: str) -> None:
    y, backbone = picture(2, 3, 19, 14), random_backbone()
    estimate = catalogue.solvers()[name].estimate
    for steps in (1, 5):
        reports = Reports()
        found = solve(
            y, lambda size, device: operators.Resize((37, 29), size), sigma=2, method=name, estimate=estimate,
            steps=steps, prior=backbone, progress=reports,
        )  # fmt: skip
        assert found.shape == (2, 3, 37, 29)
        assert torch.isfinite(found).all()
        reports.assert_complete(steps)


def test_pigdm_takes_few_steps_by_its_own_transition_and_many_by_its_mean() -> None:
    """Many of its own add up to more than the measurement says; the mean converges."""
    operator, truth = operators.Resize((16, 12), (8, 6)), picture(1, 3, 16, 12)
    y = operator.forward(truth) + 0.02

    class Oracle(Backbone):
        def __init__(self) -> None:
            super().__init__(random_backbone().network, random_backbone().config)

        def denoiser(self, *_: Any, **__: Any) -> Any:
            return PRIOR.denoise

    def found(steps: int, **options: Any) -> Tensor:
        asked = {"estimate": "sample", "method": "pigdm", "sigma": 255 * 0.1, "prior": Oracle(), **options}
        return solve(y, lambda *_: operator, steps=steps, **asked)

    assert torch.equal(found(60), found(60, sampler="ddpm"))
    assert not torch.equal(found(30), found(30, sampler="ddpm"))


def test_seeds_count_and_are_kept() -> None:
    y, backbone = picture(1, 3, 16, 16), random_backbone()

    def drawn(seed: int) -> Tensor:
        return deblur(y, "gaussian:1", estimate="sample", steps=2, seed=seed, prior=backbone)

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
    assert not torch.equal(drawn(1), drawn(7))


def test_a_sampler_of_ones_own() -> None:
    y, backbone = picture(1, 3, 16, 16), random_backbone()
    options: dict[str, Any] = {"estimate": "sample", "method": "ddnm", "steps": 3, "prior": backbone}
    assert not torch.equal(
        deblur(y, "gaussian:1", **options), deblur(y, "gaussian:1", **options, sampler="dpmpp-2m")
    )


def test_deblurring_keeps_the_kind_and_the_size() -> None:
    backbone = random_backbone()
    for image in (scene(0, 23, 31), scene(0, 23, 31)[..., 0], Image.fromarray(scene(0, 23, 31))):
        found = deblur(image, "motion:5:20", steps=2, prior=backbone)
        assert type(found) is type(image)
        assert np.asarray(found).shape == np.asarray(image).shape
        assert np.asarray(found).dtype == np.uint8


def test_colorizing_gives_colours_whose_luma_is_the_picture() -> None:
    backbone = tiny_prior()
    gray = scene(0, 24, 32)[..., 0]
    for image in (gray, gray[..., None], Image.fromarray(gray), torch.from_numpy(gray / 255.0)[None]):
        found = colorize(image, estimate="mean", steps=3, start=0.1, prior=backbone)
        if isinstance(found, Tensor):
            assert found.shape == (3, 24, 32)
            luma = operators.Gray((24, 32)).forward(found[None].float())[0]
            assert (luma - image).abs().max() < 0.02  # type: ignore[operator]
        else:
            pixels = np.asarray(found)
            assert pixels.shape == (24, 32, 3)
            luma_ = pixels @ np.array([0.299, 0.587, 0.114])
            assert np.abs(luma_ - gray).max() < 6
    with_alpha = np.dstack([gray, gray])
    assert colorize(with_alpha, estimate="mean", steps=1, prior=backbone).shape == (24, 32, 4)
    assert np.array_equal(colorize(with_alpha, estimate="mean", steps=1, prior=backbone)[..., 3], gray)


def test_colours_are_drawn_unasked() -> None:
    gray, backbone = scene(0, 24, 32)[..., 0], tiny_prior()
    asked = {"steps": 2, "prior": backbone}
    found = colorize(gray, **asked)
    told = {"estimate": "sample", "method": "pigdm", "start": COLOUR_START}
    assert np.array_equal(found, colorize(gray, **asked, **told))
    assert not np.array_equal(found, colorize(gray, **asked, seed=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimate": "best"}, "'mean' or 'sample', got 'best'"),
        ({"method": "ddrm"}, "method for estimate 'mean' is one of splitting, got 'ddrm'"),
        ({"estimate": "sample", "method": "ddim"}, "is one of ddnm, .*, ddrm, got 'ddim'"),
        ({"estimate": "sample", "method": "ddrm", "sampler": "heun"}, "has steps of its own; leave out"),
        ({"sampler": "heun"}, "a sampler draws samples, not the mean"),
        ({"steps": 0}, "at least 1, got 0"),
        ({"start": 0.001}, "above 0.005 and up to 80, .*; got 0.001"),
        ({"sigma": 256}, "sigma is a noise level from 0 to 255, got 256"),
        ({"estimate": "sample", "sigma": 0, "method": "diffpir"}, "which is 0; use ddnm"),
        ({"estimate": "sample", "method": "ddrm"}, "those of Crop after Blur are not known"),
        ({"estimate": "sample", "method": "repaint"}, "RePaint fills holes, it cannot serve Crop after Blur"),
    ],
)
def test_wrong_options_say_what_is_right(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deblur(picture(1, 3, 16, 16), "gaussian:1", prior=random_backbone(), **options)


def test_repaint_solves_holes() -> None:
    """It is not among the methods of chains in words, but a hole is an operator like others."""
    y, hole = picture(1, 3, 16, 16), torch.zeros(1, 1, 16, 16)
    hole[..., 5:9, 5:9] = 1
    found = solve(
        y * (1 - hole),
        lambda size, device: operators.Hole(hole),
        estimate="sample",
        method="repaint",
        steps=3,
        prior=random_backbone(),
    )
    torch.testing.assert_close(found * (1 - hole), y * (1 - hole))
    assert found[..., 5:9, 5:9].std() > 0


def test_solvers_of_other_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {"mine": "MINE", "ddrm": "MINE", "other": "OTHER", "lost": "LOST"}
    monkeypatch.syspath_prepend(str(install(tmp_path, SOLVERS, {"restore.solvers": points}, name="solver")))
    found = deblur(
        picture(1, 3, 16, 16), "gaussian:1", estimate="sample", method="mine", steps=2,
        prior=random_backbone(),
    )  # fmt: skip
    assert (found == 0.25).all()
    assert catalogue.solvers()["ddrm"].reference == "Kawar et al. 2022"
    assert "mine" in catalogue.solvers()
    for name, message in (
        ("other", "solver 'other' of solver 1.2: expected a restore.inverse.catalogue.Solver, got int"),
        ("lost", "solver 'lost' of solver 1.2 cannot be loaded \\(AttributeError: "),
    ):
        assert name not in catalogue.solvers()
        with pytest.raises(PluginError, match=message):
            deblur(picture(1, 3, 16, 16), "gaussian:1", method=name, prior=random_backbone())


SOLVERS = """
import torch
from restore.inverse.catalogue import Solver

def update(denoise, problem):
    return lambda x, *_: torch.full_like(denoise(x, 0.1), 0.25)

MINE = Solver("its name is that of the entry point", "nobody", ("gradient",), update)
OTHER = 3
"""


# ---------------------------------------------------------------------------------------- commands


def test_a_chain_in_words_has_the_capabilities_of_its_operator() -> None:
    for words in (
        ["gray"],
        ["down=2"],
        ["blur=gaussian:1"],
        ["down=2", "gray"],
        ["jpeg=30"],
        ["down=2", "jpeg=9"],
    ):
        read = [parse_spec(word) for word in words]
        operator = chain_of(read)((40, 40), "cpu")
        found = capabilities_of(operator)
        assert capabilities(read) == found
        assert solvers_for(read) == [solver.name for solver in catalogue.solvers_for(found)]
        assert preferred(read, "sample") == catalogue.preferred(found, "sample").name


def test_deblur_writes_beside_and_says_where(tmp_path: Path, weights: Path) -> None:
    source = tmp_path / "soft.png"
    Image.fromarray(scene(0, 30, 41)).save(source)
    result = cli("deblur", source, "--kernel", "gaussian:1.2", "--steps", 2, "--weights", weights, "--json")
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert said["output"] == str(tmp_path / "soft-deblurred.png")
    expected = deblur(scene(0, 30, 41), "gaussian:1.2", steps=2, prior=_loaded(weights))
    assert np.array_equal(images.read(tmp_path / "soft-deblurred.png").pixels, expected)


def _loaded(weights: Path) -> Backbone:
    return load_backbone(weights, "cpu", "auto", TILE)


def test_colorize_makes_a_gray_file_one_of_colours(tmp_path: Path, weights: Path) -> None:
    source = tmp_path / "old.png"
    Image.fromarray(scene(0, 30, 41)[..., 0]).save(source)
    result = cli("colorize", source, "--steps", 2, "--weights", weights)
    assert result.exit_code == 0, result.stderr
    found = images.read(tmp_path / "old-colorized.png")
    assert (found.gray, found.size) == (False, (30, 41))


def test_run_undoes_a_chain_and_its_size(tmp_path: Path, weights: Path) -> None:
    source = tmp_path / "small.png"
    Image.fromarray(scene(0, 12, 17)).save(source)
    done = ("--operator", "blur=gaussian:1", "--operator", "down=2")
    planned = cli("solve", source, *done, "--dry-run", "--json")
    assert (json.loads(planned.stdout)["width_pixels"], json.loads(planned.stdout)["height_pixels"]) == (
        34,
        24,
    )
    for estimate in ("mean", "sample"):
        target = tmp_path / f"{estimate}.png"
        options = ("--estimate", estimate, "--steps", 2, "--weights", weights)
        result = cli("solve", source, *done, *options, "-o", target)
        assert result.exit_code == 0, result.stderr
        assert images.read(target).size == (24, 34)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["deblur", "--kernel", "box:3"], 2, "--kernel box:3: a kernel is gaussian:SIGMA, sigma from"),
        (["deblur"], 2, "Missing option '--kernel'"),
        (["solve", "--operator", "down=99"], 2, "'down=99' is out of range; down goes from 1.01 to 16"),
        (
            ["colorize", "--estimate", "mean", "--method", "ddrm"],
            2,
            "ddrm cannot give --estimate mean; .* --method splitting",
        ),
        (
            ["colorize", "--estimate", "mean", "--sampler", "heun"],
            2,
            "--sampler draws a sample; it has no effect",
        ),
        (
            ["colorize", "--estimate", "sample", "--method", "magic"],
            1,
            "is one of ddnm, .*, ddrm, got 'magic'",
        ),
        (
            ["solve", "--operator", "down=2", "--operator", "jpeg=30"],
            2,
            "splitting cannot undo this; pass --estimate sample --method dps",
        ),
        (
            ["deblur", "--kernel", "gaussian:1", "--estimate", "sample", "--method", "ddrm"],
            2,
            "ddrm cannot undo this; --method splitting, ddnm, ddnm-plus, diffpir, pigdm or dps can",
        ),
        (["solve", "--operator", "gray", "--operator", "down=2"], 2, "gray comes last in a chain, and once"),
        (
            ["solve", "--operator", "jpeg=30", "--sigma", "4"],
            2,
            "--sigma has no effect with what JPEG has left; leave it out",
        ),
        (["colorize", "--estimate", "sample", "--method", "repaint"], 2, "repaint cannot undo this"),
        (
            ["colorize", "--estimate", "sample", "--method", "diffpir", "--sampler", "heun"],
            2,
            "--method diffpir has steps of its own; leave out --sampler",
        ),
        (
            ["solve", "--operator", "gray", "--estimate", "sample", "--method", "dps", "--sigma", "3"],
            2,
            "--sigma has no effect with --method dps; leave it out",
        ),
        (
            ["solve", "--operator", "gray", "--estimate", "sample", "--sigma", "0", "--method", "diffpir"],
            2,
            "--method diffpir weighs by the noise, which is 0; pass --method ddnm-plus",
        ),
        (["deblur", "--kernel", "gaussian:99"], 1, "595x595 .w x h., larger than the picture"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    tmp_path: Path, weights: Path, arguments: list[str], code: int, message: str
) -> None:
    source = tmp_path / "a.png"
    Image.fromarray(scene(0, 12, 17)).save(source)
    command, *rest = arguments
    result = cli(command, source, *rest, "--weights", weights)
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.stderr
    assert re.search(message, result.stderr), result.stderr
    assert sorted(tmp_path.iterdir()) == [source]
