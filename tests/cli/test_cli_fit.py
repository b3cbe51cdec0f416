"""``restore fit`` as a command: options, exit codes, what is printed; and denoising with what was fitted."""

from __future__ import annotations

import dataclasses
import itertools
import json
import tomllib
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile
from commands import cli
from fitting_runs import clean, different, interrupt_at, load, noisy, singles, tensors_of
from PIL import Image
from ramps import RAMP

import restore
from restore import images
from restore.cli.commands import fit
from restore.fitting import fitter as fitters
from restore.fitting.set_noise import measure_set
from restore.fitting.views import read_noisy
from restore.priors.checkpoint import save
from restore.testing import tiny_prior
from restore.training.config import FitConfig, Loss, Method

ROOT = Path(__file__).parents[2]


pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_thread")]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with noisy pictures in it, and a fit without a compiler."""
    monkeypatch.chdir(tmp_path)
    for k in range(4):
        Path("in").mkdir(exist_ok=True)
        Image.fromarray(noisy(k)).save(f"in/{k}.png")
    monkeypatch.setattr(fitters, "as_called", lambda network, *_: network)
    return tmp_path


QUICK = ("--minutes", 0, "--steps", 12, "--batch", 4, "--crop", 32, "--lr", 0.3, "--held-out", 0.25)


def options_of(weights: Path) -> tuple[object, ...]:
    return (*QUICK, "--weights", weights, "--device", "cpu", "--precision", "fp32")


@pytest.mark.slow
def test_the_command(here: Path, weights: Path) -> None:
    done = cli("fit", "in", "-o", "own.safetensors", *options_of(weights))
    assert (done.exit_code, done.stdout) == (0, "own.safetensors\n")
    assert done.stderr.startswith("4 scenes, 0.0 megapixels\nnoise sigma ")
    assert "on those kept aside: mean squared error lower by " in done.stderr.splitlines()[-1]
    facts = load(Path("own.safetensors")).facts["fit"]
    config = facts["config"]
    assert (config["minutes"], config["steps"], config["batch"], config["crop"]) == (0, 12, 4, 32)
    assert (config["lr"], config["held_out"], config["seed"], config["rank"]) == (0.3, 0.25, 0, 0)
    quiet = cli("fit", "in", "-o", "b.safetensors", *options_of(weights), "-q")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "b.safetensors\n", "")
    a, b = (tensors_of(Path(f"{name}.safetensors")) for name in ("own", "b"))
    assert different(a, b) == []


def test_the_command_says_what_the_function_reports(here: Path, weights: Path) -> None:
    (here / "in" / "bad.png").write_bytes(b"no picture")
    done = cli("fit", "in", "-o", "own.safetensors", *options_of(weights), "--json")
    assert done.exit_code == 0
    (line,) = done.stdout.splitlines()
    facts = json.loads(line)
    assert (facts["saved"], facts["skipped"], facts["scenes"]) == ("own.safetensors", 1, 3)
    assert facts["method"] == "recorrupted"
    kept = load(Path("own.safetensors")).facts["fit"]
    noise = facts.pop("noise")
    assert {k: v for k, v in facts.items() if k in kept} == {k: v for k, v in kept.items() if k in facts}
    assert (noise["sigma_255"], noise["gain"]) == (kept["noise"]["sigma"], kept["noise"]["gain"])
    assert "4 scenes, 0.0 megapixels, 1 left out\n" in done.stderr


def test_dry_run(here: Path) -> None:
    done = cli("fit", "in", "-o", "own.safetensors", "--dry-run", "--json", "-q")
    assert done.exit_code == 0
    facts = json.loads(done.stdout)
    assert facts.keys() == {"event", "schema", "noise", "method", "scenes", "skipped", "output", "status"}
    assert (facts["status"], facts["method"], facts["scenes"]) == ("planned", "recorrupted", 4)
    assert facts["noise"]["sigma_255"] == pytest.approx(20, rel=0.15)
    done = cli("fit", "in", "-o", "own.safetensors", "--dry-run", "--sigma", 7)
    assert done.stdout.startswith("noise sigma 7.0 of 255")
    assert done.stdout.endswith("; recorrupted -> own.safetensors\n")
    assert [path.name for path in here.iterdir()] == ["in"]


def test_pairs_and_bursts_on_the_command_line(here: Path) -> None:
    for k in range(2):
        for view in range(2):
            Path(f"v{view}").mkdir(exist_ok=True)
            Image.fromarray(noisy(k, view, sigma=5)).save(f"v{view}/{k}.png")
    done = cli("fit", ".", "-o", "o.safetensors", "--pairs", "v{view}/{scene}", "--dry-run", "--json")
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["method"], facts["scenes"]) == ("noise2noise", 2)
    assert "do not fit the pattern" in done.stderr
    # Of one scene a part is kept aside, which must not be too small.
    views = [np.concatenate([noisy(k, view, sigma=5) for k in range(4)]) for view in range(3)]
    tifffile.imwrite("burst.tif", np.stack(views), photometric="rgb")
    facts = json.loads(cli("fit", "burst.tif", "-o", "o.safetensors", "--dry-run", "--json").stdout)
    assert (facts["method"], facts["scenes"]) == ("noise2noise", 1)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["in", "-o", "own.pt"], 2, "Error: -o own.pt: weights are a .safetensors file; name it so"),
        (["in"], 2, "Missing option '-o' / '--output'"),
        (["in", "-o", "none/own.safetensors"], 1, "none: the output folder does not exist; create it first"),
        (["in", "-o", "folder.safetensors"], 1, "expected a file name, got a folder"),
        (["in", "-o", "there.safetensors"], 1, "there.safetensors is there already; pass --resume to go on"),
        (["in", "-o", "begun.safetensors"], 1, "state.safetensors is there already; pass --resume"),
        (["nowhere", "-o", "own.safetensors"], 1, "error: nowhere: no such file or folder; check the name"),
        (["in", "-o", "own.safetensors", "--pairs", "{scene}"], 1, "must hold {scene} and {view} once each"),
        (["in", "-o", "own.safetensors", "--minutes", "0"], 1, "a fit needs minutes or steps above 0"),
        (["in", "-o", "own.safetensors", "--method", "magic"], 2, "'magic' is not one of 'auto', 'noise2"),
        (["in", "-o", "own.safetensors", "--rank", "65"], 2, "65 is not in the range 0<=x<=64"),
        (["in", "-o", "own.safetensors", "--weights", "none"], 1, "none: no such weights file"),
        (
            ["in", "-o", "own.safetensors", "--method", "noise2noise"],
            1,
            "noise2noise needs two views or more",
        ),
        (["in", "-o", "own.safetensors", "--resume"], 1, "no saved state to go on from"),
    ],
)
def test_what_is_refused(here: Path, weights: Path, arguments: list[str], code: int, message: str) -> None:
    Path("folder.safetensors").mkdir()
    Path("there.safetensors").touch()
    Path("begun.fit").mkdir()
    Path("begun.fit/state.safetensors").touch()
    extra = ["--weights", weights] if "--weights" not in arguments else []
    done = cli("fit", *arguments, *extra)
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stdout == ""
    assert not Path("own.safetensors").exists()


def test_tiny_pictures_are_one_line_not_a_traceback(here: Path, weights: Path) -> None:
    Path("small").mkdir()
    for k in range(3):
        Image.fromarray(noisy(k)[:12, :40]).save(f"small/{k}.png")
        Image.fromarray(noisy(k, 1)[:12, :40]).save(f"small/{k}b.png")
    for extra in ([], ["--dry-run"], ["--pairs", "{scene}b{view}"]):
        done = cli("fit", "small", "-o", "own.safetensors", "--weights", weights, *extra)
        assert done.exit_code == 1
        assert done.stderr.splitlines()[-1].startswith("error: ")


@pytest.mark.slow
def test_overwrite_begins_anew_and_resume_goes_on(here: Path, weights: Path) -> None:
    command = ("fit", "in", "-o", "own.safetensors", *options_of(weights))
    assert cli(*command).exit_code == 0
    assert cli(*command).exit_code == 1
    first = Path("own.safetensors").read_bytes()
    assert cli(*command, "--overwrite", "--seed", 3).exit_code == 0
    assert Path("own.safetensors").read_bytes() != first
    done = cli(*command, "--seed", 3, "--resume", "--steps", 16, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["steps"] == 16


def test_no_gain_is_exit_code_1(here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    errors = itertools.count(1.0)
    monkeypatch.setattr(fitters.HeldOut, "error", lambda self, f: next(errors))
    done = cli("fit", "in", "-o", "own.safetensors", *options_of(weights))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "not written (pass --force" in done.stderr
    assert not Path("own.safetensors").exists()
    done = cli("fit", "in", "-o", "own.safetensors", *options_of(weights), "--force", "--overwrite")
    assert (done.exit_code, done.stdout) == (0, "own.safetensors\n")


def test_clean_pictures_are_exit_code_0(here: Path, weights: Path) -> None:
    Path("clean").mkdir()
    for k in range(2):
        Image.fromarray(np.round(255 * RAMP).astype(np.uint8)).save(f"clean/{k}.png")
    done = cli("fit", "clean", "-o", "own.safetensors", *options_of(weights), "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["saved"] == ""
    assert "nothing to learn" in done.stderr


def test_an_interrupt_is_exit_code_130(here: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("fit", "in", "-o", "own.safetensors", *options_of(weights))
    with monkeypatch.context() as patch:
        interrupt_at(patch, 7)
        done = cli(*command)
    assert done.exit_code == 130
    assert done.stderr.splitlines()[-1] == "interrupted; --resume goes on from here"
    assert done.stdout == "own.safetensors\n"
    assert load(Path("own.safetensors")).facts["fit"]["steps"] == 7
    assert cli(*command, "--resume").exit_code == 0
    assert load(Path("own.safetensors")).facts["fit"]["steps"] == 12


def test_help_says_units_and_defaults() -> None:
    text = " ".join(cli("fit", "--help").stdout.split())
    assert "restore fit scans -o myscanner.safetensors" in text
    assert "[default: 8.0; x>=0]" in text
    assert f"[default: {FitConfig().rate:g}; adapters and from scratch {FitConfig(rank=1).rate:g}]" in text


@pytest.mark.parametrize("name", ["fit", "noise2noise", "neighbor2neighbor"])
def test_configurations_in_the_project_are_sound(here: Path, name: str) -> None:
    for k in range(4):
        for view in range(2):
            Path("bursts").mkdir(exist_ok=True)
            Image.fromarray(noisy(k, view, sigma=5)).save(f"bursts/{k}_{view}.png")
    source = "bursts" if name == "noise2noise" else "in"
    config = ROOT / "configs" / f"{name}.toml"
    done = cli("fit", source, "-o", "own.safetensors", "--config", config, "--dry-run", "--json", "-q")
    assert done.exit_code == 0
    facts = json.loads(done.stdout)
    assert (facts["method"], facts["scenes"]) == ("recorrupted" if name == "fit" else name, 4)
    with config.open("rb") as file:
        given = tomllib.load(file)
    if name == "fit":  # these are the defaults
        assert all(getattr(FitConfig(), key.replace("-", "_")) == value for key, value in given.items())


def test_the_options_are_the_configurations_own() -> None:
    assert set(fit.FIT_METHODS) == set(get_args(Method))
    assert set(fit.LOSSES) == set(get_args(Loss))
    defaults = {option.name: option.default for option in fit.fit.params}
    for field in dataclasses.fields(FitConfig):
        if field.name in defaults:
            assert defaults[field.name] == field.default, field.name
    assert {f.name for f in dataclasses.fields(FitConfig)} - defaults.keys() == {"ema", "compile"}


# --- using it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ["gaussian", "blind"])
def test_denoise_uses_the_branch_that_was_fitted(
    here: Path, tmp_path: Path, branch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = measure_set(singles()).facts()
    fitted = tiny_prior(fit={"branch": branch, "noise": noise})
    save(fitted, tmp_path / "own.safetensors")
    options = ("--weights", "own.safetensors", "--device", "cpu", "--precision", "fp32")
    done = cli("denoise", "in/0.png", "-o", "auto.png", *options)
    assert done.exit_code == 0
    assert f"--method {branch} is used" in done.stderr
    assert "the weights were fitted to noise of" in done.stderr
    told = ("--sigma", noise["sigma"]) if branch == "gaussian" else ()
    cli("denoise", "in/0.png", "-o", "told.png", "--method", branch, *told, *options)
    auto, wanted = (images.read(f"{name}.png").pixels for name in ("auto", "told"))
    assert np.array_equal(auto, wanted)
    function = restore.denoise(noisy(0), prior=load(tmp_path / "own.safetensors"))
    assert np.array_equal(auto, function)
    other = "blind" if branch == "gaussian" else "gaussian"
    assert not np.array_equal(auto, restore.denoise(noisy(0), method=other, prior=fitted))  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_fit_on_files_and_denoising_with_it(here: Path, weights: Path) -> None:
    """The whole way, and that it was worth it: nearer to the clean pictures than before."""
    assert cli("fit", "in", "-o", "own.safetensors", *options_of(weights)).exit_code == 0
    errors = []
    for name in (weights, "own.safetensors"):
        done = cli(
            "denoise", "in/0.png", "-o", "out.png", "--weights", name, "--device", "cpu", "--overwrite"
        )
        assert done.exit_code == 0
        errors.append(np.square(images.read("out.png").pixels - clean(0)).mean())
    assert errors[1] < 0.97 * errors[0]


def test_files_are_read_as_scenes(here: Path) -> None:
    found = read_noisy(["in"])
    assert [one.name for one in found.scenes] == ["0", "1", "2", "3"]
    assert np.array_equal(found.scenes[2].views[0], noisy(2))
    assert np.array_equal(found.scenes[2].floats()[0], noisy(2) / np.float32(255))
