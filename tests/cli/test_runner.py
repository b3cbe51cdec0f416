"""One picture on its way through a command: what is said and when, faults on the way, and the record."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_photos import PHOTO
from commands import cli
from PIL import Image, ImageCms

from restore import images
from restore.cli import prior_loader
from restore.cli.budgets import Budgets
from restore.cli.options import Settings
from restore.cli.provenance import read_history
from restore.diffusion.seeds import draw_seed
from restore.errors import NumbersError
from restore.priors.unet import UNet
from restore.tasks import denoise, noise_choice, solve, uncertainty

pytestmark = pytest.mark.usefixtures("one_thread", "here")

DENOISE = ["denoise", "photo.png"]
INPAINT = ["inpaint", "photo.png", "--mask", "mask.png"]


def fails_first(right: Callable[..., Any], error: Exception, *, times: int = 1) -> Callable[..., Any]:
    """The function, but its first calls raise."""
    calls: list[None] = []

    def function(*arguments: Any, **options: Any) -> Any:
        calls.append(None)
        if len(calls) <= times:
            raise error
        return right(*arguments, **options)

    return function


# ------------------------------------------------------------------------------------- not finite


@pytest.mark.parametrize("budget", [[], ["--nfe", 2]])
def test_half_precision_that_fails_is_computed_again(
    weights: Path, monkeypatch: pytest.MonkeyPatch, budget: list[object]
) -> None:
    words = [*DENOISE, "--sigma", 12, *budget, "--weights", weights]
    assert cli(*words, "--precision", "fp32", "-o", "expected.png").exit_code == 0
    monkeypatch.setattr(
        denoise, "denoise", fails_first(denoise.denoise, NumbersError("not finite at step 1"))
    )
    done = cli(*words, "--precision", "bf16", "-o", "out.png")
    assert (done.exit_code, done.stdout) == (0, "out.png\n")
    again = "note: photo.png: not finite at step 1; computed again in float32"
    plan = ["note: photo.png: plan: 2 network calls, 2 orientations"] if budget else []
    assert done.stderr.splitlines() == [*plan, again, *plan]
    assert Path("out.png").read_bytes() == Path("expected.png").read_bytes()
    (record,) = read_history(Path("out.png")).records
    assert (record.precision, record.calls) == ("fp32", 1)


def test_a_choice_that_fails_in_half_precision_is_made_again(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noise_choice, "choose", fails_first(noise_choice.choose, NumbersError("not finite")))
    done = cli(*DENOISE, "--weights", weights, "--precision", "bf16")
    assert done.exit_code == 0
    first, second = done.stderr.splitlines()
    assert first == "note: photo.png: not finite; computed again in float32"
    assert second.startswith("note: photo.png: noise sigma estimated at ")


def test_single_precision_is_not_computed_again(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoise, "denoise", fails_first(denoise.denoise, NumbersError("not finite")))
    done = cli(*DENOISE, "--sigma", 9, "--weights", weights, "--precision", "fp32")
    assert (done.exit_code, done.stderr) == (1, "error: not finite\n")


# ------------------------------------------------------------------------------------------ failures


def test_a_failure_tells_the_facts_found_so_far(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denoise, "denoise", fails_first(denoise.denoise, MemoryError()))
    done = cli(*DENOISE, "--weights", weights, "--json", "--nfe", 3)
    assert done.exit_code == 1
    facts = json.loads(done.stdout)
    told = ["status", "error", "method", "noise", "sigma_255", "planned_calls"]
    assert list(facts) == ["event", "schema", "input", "output", *told]
    assert (facts["status"], facts["method"], facts["planned_calls"]) == ("failed", "gaussian", 3)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("CUDA out of memory")])
def test_memory_that_runs_out_while_choosing(
    weights: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    full = "error: photo.png: not enough memory; lower --tile or crop it\n"
    monkeypatch.setattr(noise_choice, "choose", fails_first(noise_choice.choose, error))
    done = cli(*DENOISE, "--weights", weights)
    assert (done.exit_code, done.stderr) == (1, full)
    monkeypatch.setattr(denoise, "denoise", fails_first(denoise.denoise, error))  # measuring the speed
    done = cli(*DENOISE, "--sigma", 9, "--weights", weights, "--seconds", 60, "--dry-run")
    assert (done.exit_code, done.stderr) == (1, full)


def test_notes_come_before_what_goes_wrong(weights: Path) -> None:
    missing = "error: none: no such weights file\n"
    done = cli(*DENOISE, "--method", "gaussian", "--weights", "none")
    assert done.exit_code == 1
    assert done.stderr.startswith("note: photo.png: noise sigma estimated at ")
    assert done.stderr.endswith(missing)
    Image.fromarray(PHOTO).save("photo.jpg", quality=40)
    done = cli("dejpeg", "photo.jpg", "--weights", "none")
    assert (done.exit_code, done.stderr) == (1, f"note: photo.jpg: JPEG of quality 40\n{missing}")
    done = cli(*DENOISE, "--weights", weights, "--seconds", 0.01)
    assert done.exit_code == 1
    note, error = done.stderr.splitlines()
    assert note.startswith("note: photo.png: noise sigma estimated at ")
    assert error.startswith("error: photo.png: --seconds 0.01 is not enough: reading and measuring took ")


@pytest.mark.parametrize("budget", [["--nfe", 3], ["--seconds", 30], ["--nfe", 3, "--dry-run"]])
def test_a_picture_too_small_for_its_blur(weights: Path, budget: list[object]) -> None:
    Image.fromarray(PHOTO[:3, :3]).save("small.png")
    words = ["solve", "small.png", "--operator", "blur=gaussian:9", "--weights", weights]
    for more in ([], budget):
        done = cli(*words, *more)
        assert (done.exit_code, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: small.png: ")


def test_what_is_about_one_picture_does_not_stop_the_others(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A budget in seconds that is too small for one, and a solver that cannot serve one."""
    Image.fromarray(PHOTO[:8, :8]).save("small.png")
    with monkeypatch.context() as patch:
        patch.setattr(Budgets, "_seconds_per_pixel", lambda *_: 0.02)
        words = ["--sigma", 9, "--seconds", 10, "--weights", weights]
        done = cli("denoise", "photo.png", "small.png", "-o", "out", *words)
    assert (done.exit_code, done.stdout) == (1, "out/small.png\n")
    assert "error: photo.png: --seconds 10 is not enough: reading" in done.stderr
    assert done.stderr.endswith("error: 1 restored, 1 failed (of 2 pictures)\n")

    error = ValueError("expected an operator of another kind")
    monkeypatch.setattr(solve, "solved", fails_first(solve.solved, error))
    words = ["--operator", "down=2", "--steps", 1, "--weights", weights, "--jobs", 1]
    done = cli("solve", "photo.png", "small.png", "-o", "solved", *words)
    assert (done.exit_code, done.stdout) == (1, "solved/small.png\n")
    assert f"error: photo.png: {error}\n" in done.stderr


def test_an_unknown_solver(weights: Path) -> None:
    for more in ([], ["--nfe", 3], ["--dry-run"]):
        done = cli("solve", "photo.png", "--operator", "down=2", "--method", "magic", *more)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr == "error: method for estimate 'mean' is one of splitting, got 'magic'\n"


# --------------------------------------------------------------------------------- dry runs and plans


def test_a_profile_for_gray_is_told_before_the_plan(weights: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    profile = profile[:16] + b"GRAY" + profile[20:]
    Image.fromarray(PHOTO[..., 0]).save("gray.png", icc_profile=profile)
    done = cli("colorize", "gray.png", "--weights", weights, "--nfe", 2, "-o", "out.png")
    assert done.exit_code == 0
    told = [line for line in done.stderr.splitlines() if line.startswith("note: gray.png")]
    assert told[:2] == [
        "note: gray.png: its profile is for gray; the result has colours, and none",
        "note: gray.png: plan: 2 network calls",
    ]
    assert images.read("out.png").icc == b""


def test_a_dry_run_computes_nothing(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UNet, "forward", fails_first(UNet.forward, AssertionError("computed")))
    for more, notes in (
        ([], []),
        (["--nfe", 9], ["note: photo.png: plan: 9 network calls"]),
        (["--uncertainty", "map.tif"], []),
    ):
        done = cli(*INPAINT, "--weights", weights, "--dry-run", *more)
        assert (done.exit_code, done.stderr.splitlines()) == (0, notes)
        assert done.stdout == "photo.png (37x31) -> photo-inpainted.png (37x31)\n"


def test_what_is_copied_has_no_plan(weights: Path) -> None:
    Image.fromarray(np.full_like(PHOTO, 128)).save("photo.png")
    for more in (["--nfe", 9, "--dry-run"], ["--nfe", 9]):
        done = cli("denoise", "photo.png", "--weights", weights, "--nfe", 9, *more)
        assert done.exit_code == 0
        (note,) = done.stderr.splitlines()
        assert note.startswith("note: photo.png: noise sigma estimated at 0.0")
    assert Path("photo-denoised.png").read_bytes() == Path("photo.png").read_bytes()


# ------------------------------------------------------------------------------------ maps and records


def test_a_map_that_fails_leaves_the_picture(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        uncertainty, "of_inpainting", fails_first(uncertainty.of_inpainting, NumbersError("not finite"))
    )
    words = ["--steps", 2, "--samples", 2, "--uncertainty", "map.tif", "--json"]
    done = cli(*INPAINT, *words, "--weights", weights, "-o", "out.png")
    assert done.exit_code == 0
    assert not Path("map.tif").exists()
    assert "error: photo.png: no map of uncertainty: not finite" in done.stderr.splitlines()
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["status"], second["status"]) == ("done", "done")
    assert "uncertainty" not in first.keys() | second.keys()


def test_the_map_is_of_the_first_sample_and_its_calls_do_not_count(weights: Path) -> None:
    words = [*INPAINT, "--steps", 2, "--samples", 2, "--weights", weights, "--seed", 2**32 - 1]
    done = cli(*words, "--uncertainty", "map.tif", "--uncertainty-samples", 2, "--json", "-o", "out.png")
    assert done.exit_code == 0
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["uncertainty"] == "map.tif" and "uncertainty" not in second
    for draw, name in enumerate(("out-1.png", "out-2.png")):
        (record,) = read_history(Path(name)).records
        assert (record.calls, record.seed) == (2, draw_seed(2**32 - 1, draw))
        assert not any(argument[0].startswith("--uncertainty") for argument in record.arguments)


def test_a_record_names_the_method_that_was_asked_for(weights: Path) -> None:
    solve = ["solve", "photo.png", "--operator", "down=2", "--steps", 2]
    for words, method in (
        (solve, ""),
        ([*solve, "--method", "splitting"], "splitting"),
        ([*DENOISE, "--sigma", 9], "auto"),
        (DENOISE, "gaussian"),
        ([*INPAINT, "--steps", 2], "alternating"),
        (["upscale", "photo.png", "--scale", 2, "--estimate", "mean", "--nfe", 1], "conditional"),
    ):
        assert cli(*words, "--weights", weights, "-o", "out.png", "--overwrite").exit_code == 0
        (record,) = read_history(Path("out.png")).records
        assert record.method == method


def test_the_loader_loads_once_and_narrow_weights_again(weights: Path) -> None:
    settings = Settings(
        output=None, overwrite=False, weights=weights, device="cpu", precision="bf16", tile=2048, quiet=False,
        json=False, dry_run=False,
    )  # fmt: skip
    told: list[str] = []

    class Listener:
        def during(self, doing: str) -> AbstractContextManager[None]:
            told.append(doing)
            return nullcontext()

        def detail(self, text: str) -> None:
            told.append(text.partition(":")[0])

    loader = prior_loader.PriorLoader(settings, Listener())
    assert loader.used is None
    narrow = loader.prior
    assert loader.prior is loader.used is narrow
    assert told == ["loading the network", "weights"]
    assert loader.narrow
    with loader.in_float32():
        assert loader.prior.dtype == torch.float32
    assert loader.prior is narrow
