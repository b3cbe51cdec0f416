"""A budget of calls or seconds: what it is spent on, what is told, and that it is kept."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from commands import cli
from PIL import Image
from recording import Recorder, box_mask, picture
from scenes import scene

import restore
from restore import images
from restore.cli.prior_loader import load_backbone
from restore.cli.provenance import read_history
from restore.diffusion.sigmas import repaint
from restore.errors import ConfigError
from restore.inverse.build import chain_of
from restore.inverse.spec import parse_spec
from restore.priors import calibration, tiling
from restore.priors.backbone import Backbone
from restore.priors.calibration import Curve
from restore.tasks import catalogue
from restore.tasks.budget import Plan, plan, repaint_calls
from restore.tasks.dejpeg import dejpeg
from restore.tasks.denoise import denoise
from restore.tasks.inpaint import inpaint, missing_of
from restore.tasks.inpaint_methods import Jumps, workload
from restore.tasks.solve import solve
from restore.tasks.upscale import upscale
from restore.testing import tiny_prior

pytestmark = pytest.mark.usefixtures("one_thread")


def asking(method: str, estimate: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "estimate": estimate, "sampler": None, **more}


def made(task: str, asked: dict[str, Any], chosen: Plan) -> int:
    """The calls that a task makes when it is asked for what a plan has chosen."""
    backbone, image = tiny_prior(), picture(1, 3, 24, 20)
    backbone.ensemble = chosen.ensemble
    options = {**asked, **chosen.options}
    if "jumps" in options:
        options["jumps"] = Jumps(*options["jumps"])
    if task == "inpaint":
        inpaint(image, box_mask(24, 20, 8, 14, 6, 12), prior=backbone, **options)
    elif task == "upscale":
        upscale(image[..., :8, :8], 2, prior=backbone, **options)
    elif task == "denoise":
        denoise(image * 0.6 + 0.2, sigma=25, prior=backbone, **options)
    elif task == "dejpeg":
        dejpeg(image, quality=30, prior=backbone, **options)
    else:
        solve(image, chain_of([parse_spec("down=2")]), prior=backbone, **options)
    return backbone.calls


def calls_of(task: str, asked: dict[str, Any], steps: int) -> int:
    """What so many steps take at most, by the catalogue."""
    method = catalogue.find(task, asked["method"], asked["estimate"])
    return method.calls(steps, asked.get("sampler"), guidance=asked.get("guidance", 1.0))


CASES = [
    ("inpaint", asking("alternating", "mean")),
    ("inpaint", asking("alternating", "sample")),
    ("inpaint", asking("alternating", "sample", sampler="heun")),
    ("inpaint", asking("splitting-ddnm", "sample", sampler="langevin")),
    ("inpaint", asking("conditional", "mean")),
    ("inpaint", asking("conditional", "sample")),
    ("inpaint", asking("conditional", "sample", guidance=2.0)),
    ("inpaint", asking("repaint", "sample")),
    ("inpaint", asking("pigdm", "sample")),
    ("inpaint", asking("splitting", "mean")),
    ("upscale", asking("projection", "mean")),
    ("upscale", asking("projection", "sample", sampler="heun")),
    ("upscale", asking("conditional", "mean")),
    ("upscale", asking("conditional", "sample", guidance=0.5)),
    ("denoise", asking("gaussian", "mean")),
    ("denoise", asking("gaussian", "sample")),
    ("denoise", asking("blind", "mean")),
    ("dejpeg", asking("splitting", "mean")),
    ("dejpeg", asking("ddnm", "sample")),
    ("dejpeg", asking("dps", "sample")),
    ("dejpeg", asking("blind", "mean")),
    ("solve", asking("splitting", "mean")),
    ("solve", asking("ddnm", "sample", sampler="heun")),
    ("solve", asking("diffpir", "sample")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("task", "asked"), CASES, ids=lambda value: str(value)[:40])
def test_a_plan_takes_the_calls_that_it_says_and_no_more_than_allowed(
    task: str, asked: dict[str, Any]
) -> None:
    for allowed in (4, 13, 40):
        if asked["method"] == "repaint" and allowed == 4:
            continue
        chosen = plan(task, asked, allowed)
        calls = made(task, asked, chosen)
        assert calls <= chosen.calls <= allowed
        # Of inpainting by other samplers, a third of the steps or half of them are theirs.
        assert calls == chosen.calls or (task == "inpaint" and asked["sampler"])
        method = catalogue.find(task, asked["method"], asked["estimate"])
        if not method.one_call and not method.jumps:
            steps = chosen.options["steps"]
            if steps != method.useful:
                assert calls_of(task, asked, steps + 1) > allowed  # one step more would not fit


def test_the_least_budgets() -> None:
    assert plan("upscale", asking("projection", "mean"), 2) == Plan(1, {"method": "conditional"})
    assert plan("dejpeg", asking("splitting", "mean"), 1) == Plan(1, {"method": "blind"})
    assert plan("denoise", asking("gaussian", "mean"), 100) == Plan(8, {}, 8)
    # Where noise was cut off, every call has another before it.
    assert plan("denoise", asking("gaussian", "mean"), 7, extra=1) == Plan(6, {}, 3)
    assert plan("denoise", asking("gaussian", "sample"), 7, extra=1) == Plan(7, {"steps": 6})
    for task, asked, calls, least in (
        ("upscale", asking("projection", "sample"), 2, 3),
        ("dejpeg", asking("ddnm", "sample"), 1, 2),
        ("inpaint", asking("repaint", "sample"), 10, 11),
        ("denoise", asking("gaussian", "mean"), 0, 1),
    ):
        with pytest.raises(ConfigError, match=f"a budget of {calls} network calls is too small: .* {least}$"):
            plan(task, asked, calls)


def test_what_steps_cannot_use_goes_into_orientations() -> None:
    assert plan("dejpeg", asking("splitting", "mean"), 17) == Plan(15, {"steps": 4}, 3)
    assert plan("upscale", asking("projection", "mean"), 3) == Plan(3, {"steps": 1})
    assert plan("upscale", asking("projection", "mean"), 1000) == Plan(32, {"steps": 2}, 8)


def test_repaints_calls() -> None:
    assert repaint_calls(250, 10, 10) == 2410
    assert repaint_calls(100, 10, 4) == 370
    for steps, length, repeats in ((250, 10, 10), (100, 10, 4), (50, 5, 3), (20, 10, 2), (13, 4, 1)):
        walked = repaint(steps, length, repeats)
        assert repaint_calls(steps, length, repeats) == sum(b < a for a, b in pairwise(walked))
    assert plan("inpaint", asking("repaint", "sample"), 2410).options == {"steps": 250, "jumps": (10, 10)}
    for calls in (20, 60, 370, 1000):
        assert 0.8 * calls <= plan("inpaint", asking("repaint", "sample"), calls).calls <= calls


# ------------------------------------------------------------------------------------------ work


@pytest.mark.parametrize(("size", "tile"), [((50, 70), 64), ((130, 70), 64), ((200, 201), 96), ((30, 30), 8)])
def test_the_pixels_that_tiles_compute(size: tuple[int, int], tile: int) -> None:
    seen = []

    def network(planes: torch.Tensor) -> torch.Tensor:
        seen.append(planes.shape[-2] * planes.shape[-1])
        return planes

    tiling.tiled(network, torch.zeros(1, 1, *size), tile=tile, halo=19, multiple=16)
    assert tiling.computed_pixels(size, tile=tile, halo=19, multiple=16) == sum(seen)


@pytest.mark.parametrize("hidden", [0, 100])
def test_the_work_of_holes_is_what_the_network_is_given(hidden: int) -> None:
    mask = box_mask(400, 300, 40, 120, 30, 110)
    mask[380:384, 290:294] = 255  # one deep hole, one speck far from it
    hole = torch.from_numpy(mask > 0)[None, None].float()
    image = torch.cat([picture(3, 400, 300), torch.ones(1, 400, 300)])
    image[3, 400 - hidden :, 300 - hidden :] = 0  # the speck lies deep in what alpha hides
    missing = missing_of(hole, image[None, 3:] > 0)

    class Counting(Recorder):
        def computed(self, size: tuple[int, int], *, differentiable: bool = False) -> int:
            return size[0] * size[1]

    for estimate in ("mean", "sample"):
        backbone, method = Counting(), catalogue.find("inpaint", "alternating", estimate)
        inpaint(image, mask, method="alternating", estimate=estimate, steps=5, prior=backbone)  # type: ignore[arg-type]
        assert backbone.pixels == 5 * workload(hole, missing, method, backbone)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------- curves


def test_curves_say_what_lies_between_their_points() -> None:
    curve = Curve("strokes", ((4, 20, 0.04), (16, 22, 0.02)), default=16)
    assert curve.at(4) == (20, 0.04)
    assert curve.at(8) == pytest.approx((21, 0.03))
    assert curve.at(1) == (20, 0.04)
    assert curve.at(99) == (22, 0.02)
    assert curve.expected(8) == ("strokes: 21.00 dB, LPIPS 0.0300; with 16, the default: 22.00 dB, 0.0200")


def test_curves_are_of_the_shipped_weights_alone() -> None:
    told = json.loads((Path(restore.__file__).parent / "weights" / "calibration.json").read_text())
    for task in ("inpaint", "upscale", "dejpeg"):
        for estimate in catalogue.ESTIMATES:
            # Where nothing is deep the default of inpainting is the method alternating.
            method = catalogue.find(task, "alternating" if task == "inpaint" else None, estimate)
            found = calibration.curve(told["weights"], task, method.name, estimate)
            assert found is not None, (task, estimate)
            assert found.default == method.calls(method.steps)
            calls = [point[0] for point in found.points]
            assert calls == sorted(set(calls))
            assert calls[0] <= found.default <= calls[-1]
    assert calibration.curve("other", "inpaint", "alternating", "mean") is None


# ---------------------------------------------------------------------------------- command line


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "a.png"
    Image.fromarray(scene(0, 48, 40)).save(path)
    Image.fromarray(box_mask(48, 40, 10, 20, 10, 20)).save(tmp_path / "m.png")
    return path


def test_calls_are_kept_told_and_recorded(photo: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    arguments = ("inpaint", photo, "--mask", tmp_path / "m.png", "-o", out, "--weights", weights, "--json")
    result = cli(*arguments, "--nfe", 7)
    assert result.exit_code == 0, result.stderr
    assert f"note: {photo}: plan: 7 network calls\n" in result.stderr
    assert "expected" not in result.stderr  # other weights
    assert json.loads(result.stdout)["planned_calls"] == 7
    record = read_history(out).records[-1]
    assert record.calls == 7
    assert "--nfe 7" in record.line()
    by_steps = tmp_path / "s.png"
    cli(*arguments[:4], "-o", by_steps, "--weights", weights, "--steps", 7)
    assert np.array_equal(images.read(out).pixels, images.read(by_steps).pixels)


@pytest.mark.slow
def test_seconds_become_calls_and_are_recorded_as_such(photo: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "o.png"
    arguments = ("upscale", photo, "--scale", 2, "-o", out, "--weights", weights, "--json")
    result = cli(*arguments, "--seconds", 4)
    assert result.exit_code == 0, result.stderr
    said = json.loads(result.stdout)
    assert re.search(r"plan: \d+ network calls, \d+\.\d s in all, \d+\.\d s from here", result.stderr)
    record = read_history(out).records[-1]
    assert record.calls == said["planned_calls"] > 3
    assert f"--nfe {record.calls}" in record.line()
    assert "--seconds" not in record.line()
    again = tmp_path / "again.png"
    cli(*arguments[:4], "-o", again, "--weights", weights, "--nfe", record.calls)
    assert np.array_equal(images.read(out).pixels, images.read(again).pixels)


@pytest.mark.slow
def test_a_repaint_of_so_many_seconds_is_recorded_by_its_climbs(
    photo: Path, weights: Path, tmp_path: Path
) -> None:
    out = tmp_path / "o.png"
    more = ("--mask", tmp_path / "m.png", "--method", "repaint", "--weights", weights)
    result = cli("inpaint", photo, *more, "-o", out, "--seconds", 4)
    assert result.exit_code == 0, result.stderr
    line = read_history(out).records[-1].line()
    steps, length, repeats = (
        int(re.findall(rf"--{name} (\d+)", line)[0]) for name in ("steps", "jump-length", "jump-repeats")
    )
    assert repaint_calls(steps, length, repeats) == read_history(out).records[-1].calls
    assert "--nfe" not in line


def test_orientations_are_chosen_for_one_call(photo: Path, weights: Path, tmp_path: Path) -> None:
    results = []
    for budget_ in (("--nfe", 8), ("--ensemble", 4)):  # the scene touches black: a call before each
        out = tmp_path / f"{budget_[0]}.png"
        result = cli("denoise", photo, "--sigma", 9, "-o", out, "--weights", weights, *budget_)
        assert result.exit_code == 0, result.stderr
        results.append(images.read(out).pixels)
    assert np.array_equal(*results)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--nfe", "0"), 2, "0 is not in the range"),
        (("--seconds", "nan"), 2, "nan is not a number|not in the range"),
        (("--nfe", "4", "--seconds", "3"), 2, "are two budgets; pass one of them"),
        (("--nfe", "4", "--steps", "3"), 2, "--nfe chooses --steps itself; leave one of them out"),
        (("--nfe", "9", "--ensemble", "4"), 2, "--nfe chooses --ensemble itself; leave one of them out"),
        (("--nfe", "2"), 1, "a budget of 2 network calls is too small: --method projection takes at least 3"),
        (("--seconds", "0.01"), 1, "--seconds 0.01 is not enough: reading and measuring took"),
    ],
)
def test_budgets_that_cannot_be(
    photo: Path, weights: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = cli("upscale", photo, "--scale", "2", "--weights", weights, *arguments)
    assert result.exit_code == code, result.stderr
    assert re.search(message, result.stderr), result.stderr
    assert sorted(path.name for path in photo.parent.iterdir()) == ["a.png", "m.png"]


def test_shipped_weights_tell_what_to_expect(photo: Path, tmp_path: Path) -> None:
    result = cli("inpaint", photo, "--mask", tmp_path / "m.png", "--nfe", 3, "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"expected, as on .*: \d+\.\d\d dB, LPIPS 0\.\d+; with \d+, the default", result.stderr)


@pytest.mark.parametrize("budget_", [("--nfe", 5), ("--seconds", 60)])
def test_a_dry_run_tells_the_plan(
    photo: Path, weights: Path, tmp_path: Path, budget_: tuple[Any, ...]
) -> None:
    arguments = ("upscale", photo, "--scale", 2, "-o", tmp_path / "d.png", "--weights", weights, *budget_)
    done = cli(*arguments, "--dry-run", "--json")
    assert (done.exit_code, "plan: " in done.stderr) == (0, True)
    told = json.loads(done.stdout)
    assert (told["status"], told["planned_calls"] >= 3) == ("planned", True)
    assert not (tmp_path / "d.png").exists()


@pytest.mark.slow
def test_a_plan_says_that_a_map_is_not_in_it(photo: Path, weights: Path, tmp_path: Path) -> None:
    more = ("--nfe", 3, "--weights", weights, "--uncertainty", tmp_path / "u.tif", "--uncertainty-samples", 2)
    result = cli("upscale", photo, "--scale", 2, "-o", tmp_path / "o.png", *more)
    assert result.exit_code == 0, result.stderr
    assert "plan: 3 network calls, the map of --uncertainty on top of it" in result.stderr


def test_the_network_counts_its_calls(weights: Path) -> None:
    backbone: Backbone = load_backbone(weights, "cpu", "auto", 64)
    assert backbone.calls == 0
    backbone.denoiser()(torch.zeros(1, 3, 100, 100), 0.1)
    assert backbone.calls == 4  # a picture in tiles takes one for each
