"""The command line at work: what it prints, what it writes, and that it is the Python API by another name."""

from __future__ import annotations

import inspect
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn, get_args

import click
import cv2
import numpy as np
import pytest
import tifffile
import torch
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image, ImageCms

import restore
from restore import images, types
from restore.cli import options
from restore.cli.main import main
from restore.diffusion import samplers
from restore.noise import estimate as noise
from restore.priors.backbone import Backbone
from restore.priors.checkpoint import load, save
from restore.priors.unet import UNet
from restore.tasks import denoise, inpaint, sample, upscale
from restore.tasks.inpaint_methods import Jumps
from restore.testing import tiny_prior
from restore.training.config import RunConfig

ROOT = Path(__file__).parents[2]
H, W = 31, 37

rows, columns = np.mgrid[:H, :W]
SMOOTH = np.stack([rows * 5 + 40, columns * 4 + 30, rows * 2 + columns * 3 + 20], axis=2)
PHOTO = (SMOOTH + np.random.default_rng(1).normal(0, 12, SMOOTH.shape)).clip(0, 255).astype(np.uint8)
HOLE = (rows > 8) & (rows < 14) & (columns > 5) & (columns < 30)


def tiny_weights(path: Path) -> Path:
    """A checkpoint of a network with random weights, far too small to be good and quick to run."""
    save(tiny_prior(), path)
    return path


def run(*arguments: object, stdin: bytes | None = None) -> Result:
    """Run ``restore ARGUMENTS`` in this process; a bug raises here."""
    words = [str(argument) for argument in arguments]
    return CliRunner().invoke(main, words, input=stdin, catch_exceptions=False, prog_name="restore")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tiny_weights(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="module")
def backbone(tiny: Path) -> Backbone:
    return load(tiny)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a photo and a mask in it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PHOTO).save("photo.png")
    Image.fromarray(HOLE).save("mask.png")
    return tmp_path


def files(folder: str = ".") -> list[str]:
    return sorted(str(path) for path in Path(folder).iterdir())


# ------------------------------------------------------------------------- the same words as the tasks


def test_literals_are_the_tasks_own() -> None:
    assert set(options.ESTIMATES) == set(get_args(types.Estimate))
    precisions = inspect.get_annotations(RunConfig, eval_str=True)["precision"]
    assert set(options.PRECISIONS) == set(get_args(precisions))
    assert list(options.SAMPLERS) == list(samplers.SAMPLERS)
    assert options.INPAINT_STEPS == inpaint.STEPS
    assert options.INPAINT_METHOD == inpaint.DEFAULT_METHOD
    assert Jumps() == Jumps(*options.JUMPS)
    assert options.DENOISE_STEPS == denoise.STEPS
    assert options.UPSCALE_STEPS == upscale.STEPS
    assert options.UPSCALE_METHOD == upscale.DEFAULT_METHOD
    assert options.SCALES == upscale.SCALES
    assert options.SAMPLE_STEPS == sample.STEPS
    assert Backbone.tile == options.TILE
    tables = (
        (inpaint, options.INPAINT_STEPS),
        (denoise, options.DENOISE_STEPS),
        (upscale, options.UPSCALE_STEPS),
    )
    for task, methods in tables:
        assert {method for method, _ in methods} == set(get_args(task.Method))


LEAST = {
    "inpaint": ["photo.png", "--mask", "mask.png"],
    "denoise": ["photo.png"],
    "upscale": ["photo.png", "--scale", "2"],
    "sample": ["-o", "out"],
}


@pytest.mark.parametrize("command", LEAST)
def test_defaults_are_the_functions_own(command: str) -> None:
    parameters = inspect.signature(getattr(restore, command)).parameters.values()
    # Given another way on the command line: jumps as two options, size as w x h.
    others = ("n", "size", "jumps", "backbone", "progress")
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty and p.name not in others}
    program = click.Context(main, **main.context_settings)
    given = main.commands[command].make_context(command, list(LEAST[command]), parent=program).params
    assert defaults == {name: given[name] for name in defaults}
    assert set(defaults) >= {"seed", "steps"}
    assert (
        command != "sample" or given["size"] == inspect.signature(restore.sample).parameters["size"].default
    )


# ---------------------------------------------------------------------------------------------- help


@pytest.mark.parametrize("command", ["inpaint", "denoise", "upscale", "sample", "train", "fit"])
def test_help(command: str) -> None:
    done = run(command, "--help")
    assert done.exit_code == 0
    for parameter in main.commands[command].params:
        assert not isinstance(parameter, click.Option) or parameter.help, parameter.name
    if command != "train":
        assert f"\n  restore {command} " in done.stdout  # an example
        assert "--no-overwrite" not in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def test_help_says_units_and_defaults() -> None:
    text = {name: " ".join(run(name, "--help").stdout.split()) for name in main.commands}
    assert "0 to 255 as 8-bit pixels count. Default: estimated for each picture." in text["denoise"]
    assert "1.5 to 4, fractions too" in text["upscale"]
    assert options.default_method({"sample": "a", "mean": "b"}) == "Default: a for a sample, b for the mean."
    assert options.default_method({"sample": "a", "mean": "a"}) == "Default: a."
    assert options.default_method(options.INPAINT_METHOD) in text["inpaint"]
    assert options.default_method(options.UPSCALE_METHOD) in text["upscale"]
    for table, name in ((options.INPAINT_STEPS, "inpaint"), (options.UPSCALE_STEPS, "upscale")):
        for (method, estimate), steps in table.items():
            assert (f"{method} {steps} ({estimate})" in text[name]) == (steps > 1)
    assert "[default: 50; 1<=x<=1000]" in text["sample"]
    for name, sampler in (
        ("inpaint", "ddpm, for conditional ddim"),
        ("denoise", "ddpm"),
        ("upscale", "ddim"),
    ):
        assert f"with langevin three. Default: {sampler}. --" in text[name]
    for name in LEAST:
        assert "the result is the same. [default: 2048; x>=64]" in text[name]
    assert "_RESTORE_COMPLETE=bash_source restore" in run("--help").stdout


def test_completion() -> None:
    complete = ShellComplete(main, {}, "restore", "_RESTORE_COMPLETE")
    assert [item.value for item in complete.get_completions([], "inp")] == ["inpaint"]
    assert [item.value for item in complete.get_completions(["denoise", "--method"], "b")] == ["blind"]
    assert "--sampler" in [item.value for item in complete.get_completions(["denoise"], "--s")]


# ------------------------------------------------------------------- the command line is the Python API

Call = Callable[[NDArray[Any], Backbone], NDArray[Any]]
SAME: dict[str, tuple[list[str], Call]] = {
    "inpaint": (
        ["inpaint", "photo.png", "--mask", "mask.png"],
        lambda a, b: restore.inpaint(a, HOLE, prior=b),
    ),
    "inpaint mean": (
        ["inpaint", "photo.png", "--mask", "mask.png", "--estimate", "mean", "--steps", "3"],
        lambda a, b: restore.inpaint(a, HOLE, estimate="mean", steps=3, prior=b),
    ),
    "inpaint keep": (
        ["inpaint", "photo.png", "--mask", "mask.png", "--mask-means", "keep", "--steps", "2", "-q"],
        lambda a, b: restore.inpaint(a, HOLE, mask_means="keep", steps=2, prior=b),
    ),
    "inpaint conditional": (
        [
            "inpaint",
            "photo.png",
            "--mask",
            "mask.png",
            "--method",
            "conditional",
            "--steps",
            "2",
            "--seed",
            "7",
        ],
        lambda a, b: restore.inpaint(a, HOLE, method="conditional", steps=2, seed=7, prior=b),
    ),
    "inpaint repaint": (
        [
            "inpaint",
            "photo.png",
            "--mask",
            "mask.png",
            "--method",
            "repaint",
            "--steps",
            "6",
            "--jump-length",
            "2",
            "--jump-repeats",
            "3",
        ],
        lambda a, b: restore.inpaint(a, HOLE, method="repaint", steps=6, jumps=Jumps(2, 3), prior=b),
    ),
    "denoise": (["denoise", "photo.png", "-q"], lambda a, b: restore.denoise(a, prior=b)),
    "denoise sigma": (
        ["denoise", "photo.png", "--sigma", "12.5"],
        lambda a, b: restore.denoise(a, sigma=12.5, prior=b),
    ),
    "denoise sample": (
        ["denoise", "photo.png", "--sigma", "25", "--estimate", "sample", "--steps", "3", "--seed", "3"],
        lambda a, b: restore.denoise(a, sigma=25, estimate="sample", steps=3, seed=3, prior=b),
    ),
    "denoise blind": (
        ["denoise", "photo.png", "--method", "blind"],
        lambda a, b: restore.denoise(a, method="blind", prior=b),
    ),
    "inpaint sampler": (
        ["inpaint", "photo.png", "--mask", "mask.png", "--steps", "6", "--sampler", "heun"],
        lambda a, b: restore.inpaint(a, HOLE, sampler="heun", steps=6, prior=b),
    ),
    "denoise sampler": (
        [
            "denoise",
            "photo.png",
            "--sigma",
            "25",
            "--estimate",
            "sample",
            "--steps",
            "3",
            "--sampler",
            "ddim",
        ],
        lambda a, b: restore.denoise(a, sigma=25, estimate="sample", sampler="ddim", steps=3, prior=b),
    ),
    "upscale sampler": (
        ["upscale", "photo.png", "--scale", "2", "--steps", "3", "--sampler", "langevin"],
        lambda a, b: restore.upscale(a, 2, sampler="langevin", steps=3, prior=b),
    ),
    "upscale": (
        ["upscale", "photo.png", "--scale", "1.5"],
        lambda a, b: restore.upscale(a, 1.5, prior=b),
    ),
    "upscale conditional": (
        ["upscale", "photo.png", "--scale", "2", "--method", "conditional", "--steps", "2"],
        lambda a, b: restore.upscale(a, 2, method="conditional", steps=2, prior=b),
    ),
    "upscale mean": (
        ["upscale", "photo.png", "--scale", "2", "--estimate", "mean"],
        lambda a, b: restore.upscale(a, 2, estimate="mean", prior=b),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_command_gives_what_the_function_gives(name: str, tiny: Path, backbone: Backbone) -> None:
    arguments, call = SAME[name]
    done = run(*arguments, "--weights", tiny, "-o", "out.png")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out.png\n", "")
    assert np.array_equal(images.read("out.png").pixels, call(PHOTO, backbone))


def test_the_samplers_named_as_defaults(tiny: Path) -> None:
    """What the help says of the default, and that another sampler gives another picture."""
    conditional = ["inpaint", *LEAST["inpaint"], "--method", "conditional", "--steps", "2"]
    for words, default, other in (
        (["inpaint", *LEAST["inpaint"], "--steps", "6"], "ddpm", "ddim"),
        (conditional, "ddim", "ddpm"),
        (
            ["denoise", *LEAST["denoise"], "--sigma", "25", "--estimate", "sample", "--steps", "3"],
            "ddpm",
            "ddim",
        ),
        (["upscale", *LEAST["upscale"], "--steps", "2"], "ddim", "ddpm"),
    ):
        made = []
        for name, sampler in (("a", []), ("b", ["--sampler", default]), ("c", ["--sampler", other])):
            done = run(*words, *sampler, "--weights", tiny, "-o", f"{name}.png", "--overwrite")
            assert done.exit_code == 0
            made.append(images.read(f"{name}.png").pixels.tobytes())
        assert made[0] == made[1] != made[2]


@pytest.mark.parametrize("sampler", options.SAMPLERS)
def test_repaint_takes_the_samplers_that_climb(sampler: str, tiny: Path, backbone: Backbone) -> None:
    words = ["inpaint", *LEAST["inpaint"], "--method", "repaint", "--sampler", sampler, "--weights", tiny]
    done = run(*words, "--steps", 4, "--jump-length", 2, "--jump-repeats", 2)

    def function() -> object:
        jumps = Jumps(2, 2)
        return restore.inpaint(
            PHOTO, HOLE, method="repaint", sampler=sampler, steps=4, jumps=jumps, prior=backbone
        )

    if sampler == "langevin":
        with pytest.raises(ValueError, match="cannot climb"):
            function()
        assert done.exit_code == 2
    else:
        assert done.exit_code == 0
        assert np.array_equal(images.read("photo-inpainted.png").pixels, function())


def test_the_tile_changes_the_work_and_not_the_result(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(np.tile(PHOTO, (3, 5, 1))).save("wide.png")
    sizes: list[tuple[int, ...]] = []
    forward = UNet.forward

    def seen(self: UNet, x: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        sizes.append(tuple(x.shape[-2:]))
        return forward(self, x, log_snr)

    monkeypatch.setattr(UNet, "forward", seen)
    made, calls = [], []
    for name, tile in (("whole", []), ("tiled", ["--tile", 64])):
        sizes.clear()
        options = ["--precision", "fp32", "--sigma", 20, "--weights", tiny, "-o", f"{name}.png"]
        assert run("denoise", "wide.png", *options, *tile).exit_code == 0
        made.append(images.read(f"{name}.png").pixels.astype(int))
        calls.append(list(sizes))
    assert len(calls[0]) == 1 < len(calls[1])
    assert np.abs(made[0] - made[1]).max() <= 1


@pytest.mark.parametrize(
    "command",
    [
        ("denoise", "photo.png", "--sigma", 20),
        ("upscale", "photo.png", "--scale", 2, "--estimate", "mean", "--steps", 1),
        ("inpaint", "photo.png", "--mask", "mask.png", "--steps", 1),
        ("sample", "--size", 32, "--steps", 1),
    ],
)
def test_an_ensemble_is_so_many_calls(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]
) -> None:
    calls = []
    forward = UNet.forward

    def seen(self: UNet, x: torch.Tensor, log_snr: torch.Tensor) -> torch.Tensor:
        calls.append(tuple(x.shape[-2:]))
        return forward(self, x, log_snr)

    monkeypatch.setattr(UNet, "forward", seen)
    numbers = []
    for more in ([], ["--ensemble", 4]):
        calls.clear()
        done = run(*command, *more, "--weights", tiny, "-o", f"out{len(more)}.png")
        assert done.exit_code == 0, done.output
        numbers.append(len(calls))
    assert numbers[1] == 4 * numbers[0] > 0


def test_a_mask_file_of_zeros_and_ones(tiny: Path) -> None:
    Image.fromarray(HOLE.astype(np.uint8)).save("ones.png")
    for mask in ("mask.png", "ones.png"):
        done = run(
            "inpaint", "photo.png", "--mask", mask, "--steps", 1, "--weights", tiny, "-o", f"of-{mask}"
        )
        assert (done.exit_code, done.stderr) == (0, "")
    assert np.array_equal(images.read("of-mask.png").pixels, images.read("of-ones.png").pixels)


def test_the_command_gives_what_the_function_gives_for_pillow_images(tiny: Path, backbone: Backbone) -> None:
    shades = Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]]))
    gray = Image.fromarray(PHOTO[..., 0])
    for image in (shades, gray):
        image.save("in.png")
        assert run("upscale", "in.png", "--scale", 2, "--weights", tiny, "--overwrite").exit_code == 0
        with Image.open("in-x2.png") as written:
            expected = restore.upscale(image, 2, prior=backbone)
            assert written.mode == expected.mode == image.mode
            assert np.array_equal(np.asarray(written), np.asarray(expected))


def test_sample(tiny: Path, backbone: Backbone) -> None:
    options = ["--size", "12x16", "--steps", 2, "--seed", 5, "--weights", tiny]
    done = run("sample", "-n", 3, "-o", "new/drawn", *options)
    names = ["sample-000.png", "sample-001.png", "sample-002.png", "grid.png"]
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "".join(f"new/drawn/{name}\n" for name in names)
    drawn = restore.sample(3, size=(16, 12), steps=2, seed=5, prior=backbone)
    expected = (drawn * 255).round().byte().permute(0, 2, 3, 1).numpy()
    for name, picture in zip(names[:3], expected, strict=True):
        assert np.array_equal(images.read(f"new/drawn/{name}").pixels, picture)
    grid = images.read("new/drawn/grid.png").pixels
    assert grid.shape == (2 + 2 * 18, 2 + 2 * 14, 3)  # two by two, two black pixels between
    assert np.array_equal(grid[2:18, 16:28], expected[1])
    assert np.array_equal(grid[20:36, 2:14], expected[2])
    assert not grid[:2].any()
    done = run("sample", "-n", 1, "-o", "new/drawn", "--weights", tiny)
    assert done.exit_code == 1
    assert done.stderr == (
        "error: 2 of 2 files are already there, the first is new/drawn/sample-000.png; choose another folder "
        "or pass --overwrite\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["inpaint", "photo.png", "--mask", "mask.png", "--steps", "2"],
        ["denoise", "photo.png", "--sigma", "20", "--estimate", "sample", "--steps", "2"],
        ["upscale", "photo.png", "--scale", "2", "--steps", "2"],
        ["sample", "--steps", "2", "--size", "16", "--sampler", "ddpm"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_the_seed_decides_every_byte(arguments: list[str], tiny: Path) -> None:
    bytes_ = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1), ("d", 2**32 - 1)):
        output = name if arguments[0] == "sample" else f"{name}.png"
        assert run(*arguments, "--seed", seed, "--weights", tiny, "-o", output).exit_code == 0
        path = Path(output, "sample-000.png") if arguments[0] == "sample" else Path(output)
        bytes_.append(path.read_bytes())
    assert bytes_[0] == bytes_[1]
    assert len(set(bytes_)) == 3


# ----------------------------------------------------------------------------------- what is printed


def test_default_names(tiny: Path) -> None:
    Path("in").mkdir()
    Image.fromarray(PHOTO).save("in/a.b.TIF")
    for arguments, expected in (
        (["denoise", "in/a.b.TIF", "--sigma", "9"], "in/a.b-denoised.TIF"),
        (["upscale", "in/a.b.TIF", "--scale", "1.75", "--estimate", "mean"], "in/a.b-x1.75.TIF"),
        (["upscale", "in/a.b.TIF", "--scale", "2.0", "--estimate", "mean"], "in/a.b-x2.TIF"),
        (["inpaint", "in/a.b.TIF", "--mask", "mask.png", "--steps", "1"], "in/a.b-inpainted.TIF"),
    ):
        done = run(*arguments, "--weights", tiny)
        assert (done.exit_code, done.stdout, done.stderr) == (0, f"{expected}\n", "")
        assert images.read(expected).format == "tiff"


def white_noise(sigma: float) -> NDArray[np.uint8]:
    noisy = 128 + np.random.default_rng(2).normal(0, sigma, (64, 64, 3))
    return noisy.round().clip(0, 255).astype(np.uint8)


def test_the_estimated_noise_is_told(tiny: Path) -> None:
    noisy = white_noise(20)
    Image.fromarray(noisy).save("noisy.png")
    done = run("denoise", "noisy.png", "--weights", tiny)
    sigma = 255 * noise.estimate_sigma(noisy.astype(np.float32) / np.float32(255))
    assert 15 < sigma < 22
    assert done.exit_code == 0
    assert done.stderr == (
        f"note: noisy.png: noise sigma estimated at {sigma:.1f} (of 255): --method gaussian is used\n"
    )
    done = run("denoise", "noisy.png", "--method", "gaussian", "--weights", tiny, "--overwrite")
    assert done.stderr == f"note: noisy.png: noise sigma estimated at {sigma:.1f} (of 255)\n"
    assert run("denoise", "noisy.png", "--weights", tiny, "--overwrite", "-q").stderr == ""


def test_noise_that_is_not_white_is_told(tiny: Path) -> None:
    blurred = cv2.GaussianBlur(white_noise(40), (0, 0), 0.7)
    Image.fromarray(blurred).save("grain.png")
    done = run("denoise", "grain.png", "--weights", tiny)
    assert done.stderr.startswith("note: grain.png: noise sigma ")
    assert "neighbouring pixels share it (correlation 0." in done.stderr
    assert done.stderr.endswith("): --method blind is used\n")
    done = run("denoise", "grain.png", "--method", "gaussian", "--weights", tiny, "--overwrite")
    first, second = done.stderr.splitlines()
    assert first.startswith("note: grain.png: noise sigma estimated at ")
    assert second.startswith("note: grain.png: neighbouring pixels share noise (correlation 0.")
    assert second.endswith(", which is taken for detail; --method blind removes more of it")
    assert run("denoise", "grain.png", "--method", "blind", "--weights", tiny, "--overwrite").stderr == ""


def test_faint_noise_is_told(tiny: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save("clean.png")
    done = run("denoise", "clean.png", "--weights", tiny)
    assert (done.exit_code, done.stderr) == (
        0,
        "note: clean.png: noise sigma estimated at 0.0 (of 255): hardly any, so the picture is left as it is"
        "; if you do see noise, it is of another kind (JPEG, smooth grain): pass --method blind\n",
    )
    assert (images.read("clean-denoised.png").pixels == 90).all()


def test_json(tiny: Path) -> None:
    Image.fromarray(white_noise(20)).save("noisy.png")
    Path("bad.png").write_bytes(b"no picture")
    done = run("denoise", "noisy.png", "bad.png", "photo.png", "-o", "out", "--weights", tiny, "--json", "-q")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [line["status"] for line in lines] == ["done", "failed", "done"]
    about = {"input", "output", "width", "height", "status", "seconds"}
    assert lines[0].keys() == about | {"sigma", "method", "noise"}
    assert lines[0]["method"] == "gaussian"
    assert lines[0]["input"] == "noisy.png" and lines[0]["output"] == "out/noisy.png"
    assert (lines[0]["width"], lines[0]["height"]) == (64, 64) and 15 < lines[0]["sigma"] < 22
    assert lines[1]["error"].startswith("bad.png: expected a PNG, JPEG, TIFF, WebP or BMP picture")
    done = run("denoise", "noisy.png", "photo.png", "-o", "out", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line.keys() for line in lines] == [{"input", "output", "status"}] * 2
    assert [line["status"] for line in lines] == ["skipped", "skipped"]
    done = run("upscale", "photo.png", "--scale", 2, "--json", "--dry-run")
    assert json.loads(done.stdout) == {
        "input": "photo.png", "output": "photo-x2.png", "width": 74, "height": 62, "status": "planned",
    }  # fmt: skip


def test_a_path_is_printed_as_its_own_bytes(tiny: Path) -> None:
    name = os.fsdecode(b"caf\xe9 \xf0.png")  # Latin-1, as in old archives
    Image.fromarray(PHOTO).save("photo.png")
    Path("photo.png").rename(name)
    done = run("denoise", name, "--sigma", 9, "--weights", tiny)
    assert (done.exit_code, done.stdout_bytes) == (0, b"caf\xe9 \xf0-denoised.png\n")
    assert Path(os.fsdecode(b"caf\xe9 \xf0-denoised.png")).is_file()


def test_standard_input_and_output(tiny: Path, backbone: Backbone) -> None:
    expected = restore.denoise(PHOTO, sigma=10, prior=backbone)
    arguments = ["--sigma", "10", "--weights", tiny]
    done = run("denoise", "-", *arguments, stdin=Path("photo.png").read_bytes())
    assert (done.exit_code, done.stderr) == (0, "")
    assert np.array_equal(images.decode(done.stdout_bytes, name="out").pixels, expected)
    same = run("denoise", "photo.png", *arguments, "-o", "-")
    assert np.array_equal(images.decode(same.stdout_bytes, name="out").pixels, expected)
    done = run("denoise", "-", *arguments, "-o", "out.png", stdin=Path("photo.png").read_bytes())
    assert (done.exit_code, done.stdout) == (0, "out.png\n")
    assert np.array_equal(images.read("out.png").pixels, expected)
    done = run("denoise", "-", *arguments, "--json", stdin=b"")
    assert done.exit_code == 2
    assert done.stderr.endswith(
        "Error: --json and the picture both want standard output; give a file with -o\n"
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = main.Settings(
        output=None, overwrite=False, weights=None, device="auto", precision="auto", tile=2048, quiet=False,
        json=False, dry_run=False,
    )  # fmt: skip
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("tqdm.std.tqdm.monitor_interval", 0)  # no thread that outlives the test
    session = main.Session(settings, 4)
    assert session._bar is not None
    session._bar.mininterval = 0
    session.begin("a.png")
    session.progress(1, 2)
    session.end()
    session.begin("b.png")
    session.progress(1, 2)
    session.note("hear, hear")
    session.close()
    shown = terminal.getvalue()
    assert "a.png step 1/2  12% of 4 pictures |" in shown
    assert "b.png step 1/2  38% of 4 pictures |" in shown
    assert " left" in shown
    assert "note: hear, hear\n" in shown
    assert main.Session(replace(settings, quiet=True), 4)._bar is None
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert main.Session(settings, 4)._bar is None


def test_the_picture_does_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.cli.runner._on_terminal", lambda stream: True)
    done = run("denoise", "photo.png", "-o", "-")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith("standard output is a terminal; redirect it, or give a file with -o\n")


# ------------------------------------------------------------------------------------------- folders


def test_a_folder_with_a_bad_file(tiny: Path) -> None:
    for name in ("in/a.png", "in/deep/b.png", "in/deep/c.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO[:8, :9]).save(name)
    Path("in/deep/bad.png").write_bytes(Path("photo.png").read_bytes()[:200])
    arguments = ["denoise", "in", "-o", "out", "--sigma", "10", "--weights", tiny]
    done = run(*arguments)
    assert done.exit_code == 1
    assert done.stdout == "out/a.png\nout/deep/b.png\nout/deep/c.png\n"
    error, count = done.stderr.splitlines()
    assert error.startswith("error: in/deep/bad.png: expected a whole picture, got a damaged or truncated")
    assert count == "error: 3 restored, 1 failed (of 4 pictures)"
    before = Path("out/a.png").stat()
    Path("out/deep/c.png").unlink()
    hint = "pass --overwrite to replace those there already"
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (1, "out/deep/c.png\n")
    assert done.stderr.splitlines()[-1] == (
        f"error: 1 restored, 2 there already and kept, 1 failed (of 4 pictures); {hint}"
    )
    Path("in/deep/bad.png").unlink()
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"note: 0 restored, 3 there already and kept (of 3 pictures); {hint}\n"
    assert Path("out/a.png").stat() == before
    done = run(*arguments, "--overwrite")
    assert (done.exit_code, done.stderr) == (0, "note: 3 restored (of 3 pictures)\n")
    assert Path("out/a.png").stat() != before


def test_one_output_that_is_there_is_kept(tiny: Path) -> None:
    Path("out.png").write_bytes(b"old")
    Path("photo-x2.png").write_bytes(b"old")
    kept = "is there already and was kept; pass --overwrite to replace it\n"
    for arguments, name in (
        (["denoise", "photo.png", "-o", "out.png"], "out.png"),
        (["denoise", "-", "-o", "out.png"], "out.png"),
        (["inpaint", "photo.png", "--mask", "mask.png", "-o", "out.png"], "out.png"),
        (["upscale", "photo.png", "--scale", "2"], "photo-x2.png"),
    ):
        done = run(*arguments)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"note: {name} {kept}")
        assert run(*arguments, "--quiet").stderr == ""
        assert Path(name).read_bytes() == b"old"
    done = run("denoise", "photo.png", "-o", "out.png", "--overwrite", "--sigma", 9, "--weights", tiny)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out.png\n", "")
    assert images.read("out.png").size == (H, W)


def test_the_same_bytes_alone_and_in_a_folder(tiny: Path) -> None:
    Path("in").mkdir()
    for k in range(3):
        Image.fromarray(PHOTO[:8, k : k + 9]).save(f"in/{k}.png")
    options = ["--sigma", "20", "--estimate", "sample", "--steps", "2", "--weights", tiny]
    assert run("denoise", "in", "-o", "out", *options).exit_code == 0
    assert run("denoise", "in/2.png", "-o", "alone.png", *options).exit_code == 0
    assert Path("out/2.png").read_bytes() == Path("alone.png").read_bytes()


def interrupt(*_: object, **__: object) -> NoReturn:
    # A shell that starts the suite in the background turns the signal off.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    raise AssertionError("the signal did not arrive")


def test_interrupt_in_a_folder(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("in").mkdir()
    for k in range(3):
        Image.fromarray(PHOTO[:8, :9]).save(f"in/{k}.png")
    calls: list[None] = []
    clean = denoise.denoise

    def second_time(*arguments: Any, **rest: Any) -> Any:
        calls.append(None)
        return interrupt() if len(calls) == 2 else clean(*arguments, **rest)

    monkeypatch.setattr(denoise, "denoise", second_time)
    done = run("denoise", "in", "-o", "out", "--sigma", 9, "--weights", tiny)
    assert (done.exit_code, done.stdout) == (130, "out/0.png\n")
    assert done.stderr == "error: interrupted with 1 of 3 done; run the same command again to go on\n"
    assert files("out") == ["out/0.png"]
    done = run("denoise", "in", "-o", "out", "--sigma", 9, "--weights", tiny)
    assert (done.exit_code, done.stdout) == (0, "out/1.png\nout/2.png\n")
    calls.clear()
    done = run("denoise", "in", "-o", "out", "--sigma", 9, "--weights", tiny, "--overwrite")
    assert (done.exit_code, done.stdout) == (130, "out/0.png\n")
    assert done.stderr == (
        "error: interrupted with 1 of 3 done; run the same command again to do all of them\n"
    )


def test_interrupt_leaves_no_file(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = files()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)  # the temporary file is there by now
        done = run("denoise", "photo.png", "--sigma", 9, "--weights", tiny)
    assert (done.exit_code, done.stdout) == (130, "")
    assert done.stderr == "error: interrupted with 0 of 1 done; nothing was written\n"
    monkeypatch.setattr(sample, "sample", interrupt)
    done = run("sample", "-o", "out", "--weights", tiny)
    assert (done.exit_code, done.stdout, done.stderr) == (130, "", "error: interrupted\n")
    assert files() == before


# ------------------------------------------------------------------------------------------- dry run


def test_dry_run(here: Path) -> None:
    turned = Image.fromarray(PHOTO)
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save("turned.jpg", exif=exif)
    before = files()
    done = run("upscale", "photo.png", "turned.jpg", "--scale", 1.5, "-o", "out", "--dry-run")
    assert (done.exit_code, done.stderr) == (0, "note: 2 planned (of 2 pictures)\n")
    assert done.stdout == (
        "photo.png (37x31) -> out/photo.png (56x46)\nturned.jpg (31x37) -> out/turned.jpg (46x56)\n"
    )
    done = run("sample", "-n", 2, "-o", "out", "--dry-run", "--size", 32)
    assert done.stdout == (
        "out/sample-000.png (32x32)\nout/sample-001.png (32x32)\nout/grid.png (all of them)\n"
    )
    assert files() == before


def test_dry_run_and_a_real_run_as_programs(tiny: Path) -> None:
    """In processes of their own: a dry run without torch, a real run with its exit code and streams."""
    code = (
        "import sys, atexit; atexit.register(lambda: print('torch' in sys.modules)); import restore.__main__"
    )
    code += "; restore.__main__.main()"
    words = ["inpaint", "photo.png", "--mask", "mask.png"]
    done = subprocess.run(
        [sys.executable, "-c", code, *words, "--dry-run"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "photo.png (37x31) -> photo-inpainted.png (37x31)\nFalse\n"
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", *words, "--steps", "1", "--weights", tiny],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "photo-inpainted.png\n", "")


# -------------------------------------------------------------------------------------------- config


def test_config_between_default_and_flag(tiny: Path, backbone: Backbone) -> None:
    Path("my.toml").write_text(
        f"weights = '{tiny}'\nestimate = 'sample'\nsteps = 2\nsigma = 20\noverwrite = true\n"
    )
    assert run("denoise", "photo.png", "--config", "my.toml").exit_code == 0
    expected = restore.denoise(PHOTO, sigma=20, estimate="sample", steps=2, prior=backbone)
    assert np.array_equal(images.read("photo-denoised.png").pixels, expected)
    done = run("denoise", "--config", "my.toml", "photo.png", "--no-overwrite", "--steps", 3)
    assert (done.exit_code, done.stdout) == (0, "")
    assert np.array_equal(images.read("photo-denoised.png").pixels, expected)
    done = run("denoise", "photo.png", "--config", "my.toml", "--steps", 3)
    assert (done.exit_code, done.stdout) == (0, "photo-denoised.png\n")
    expected = restore.denoise(PHOTO, sigma=20, estimate="sample", steps=3, prior=backbone)
    assert np.array_equal(images.read("photo-denoised.png").pixels, expected)


def test_config_gives_a_required_option(tiny: Path) -> None:
    Path("my.toml").write_text("scale = 2\nestimate = 'mean'\n")
    done = run("upscale", "photo.png", "--config", "my.toml", "--weights", tiny)
    assert (done.exit_code, done.stdout) == (0, "photo-x2.png\n")


# ----------------------------------------------------------------------------------- pictures in kind

DEEP = PHOTO.astype(np.uint16) * 257 + np.arange(H * W * 3, dtype=np.uint16).reshape(H, W, 3) % 256
ALPHA = (columns * 1700).astype(np.uint16)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def save_kind(kind: str) -> Path:
    path = Path(f"in.{kind.partition(' ')[0]}")
    match kind:
        case "png 16 rgba":
            cv2.imwrite(str(path), np.dstack([DEEP[..., ::-1], ALPHA]))
        case "png 16 gray":
            cv2.imwrite(str(path), DEEP[..., 0])
        case "png gray alpha":
            Image.fromarray(np.dstack([PHOTO[..., 0], (ALPHA >> 8).astype(np.uint8)])).save(path)
        case "tif float":
            tifffile.imwrite(path, (PHOTO / 255 * 1.2 - 0.1).astype(np.float32), photometric="rgb")
        case "tif 16":
            tifffile.imwrite(path, DEEP, photometric="rgb")
        case "webp":
            Image.fromarray(PHOTO).save(path, lossless=True, icc_profile=ICC)
        case "bmp":
            Image.fromarray(PHOTO).save(path, dpi=(300, 300))
        case "png":
            image = Image.fromarray(PHOTO)
            exif = image.getexif()
            exif[0x010F] = "a camera"
            image.save(path, exif=exif, icc_profile=ICC, dpi=(300, 300))
    return path


KINDS = ["png 16 rgba", "png 16 gray", "png gray alpha", "tif float", "tif 16", "webp", "bmp", "png"]


@pytest.mark.parametrize("kind", KINDS)
def test_inpaint_keeps_every_pixel_outside_the_hole(kind: str, tiny: Path) -> None:
    path = save_kind(kind)
    done = run(
        "inpaint", path, "--mask", "mask.png", "--steps", 1, "--weights", tiny, "-o", f"out{path.suffix}",
        "--no-provenance",
    )  # fmt: skip
    assert (done.exit_code, done.stderr) == (0, "")
    before, after = images.read(path), images.read(f"out{path.suffix}")
    assert (after.bits, after.gray, after.format) == (before.bits, before.gray, before.format)
    assert (after.exif, after.icc, after.dpi) == (before.exif, before.icc, before.dpi)
    assert np.array_equal(after.pixels[~HOLE], before.pixels[~HOLE])
    assert (after.pixels[HOLE] != before.pixels[HOLE]).mean() > 0.5
    assert (after.alpha is None) == (before.alpha is None)
    assert before.alpha is None or np.array_equal(after.alpha, before.alpha)


@pytest.mark.parametrize("kind", KINDS)
def test_upscale_keeps_the_kind(kind: str, tiny: Path) -> None:
    path = save_kind(kind)
    done = run("upscale", path, "--scale", 1.5, "--estimate", "mean", "--weights", tiny, "--no-provenance")
    assert (done.exit_code, done.stderr) == (0, "")
    before, after = images.read(path), images.read(f"in-x1.5{path.suffix}")
    assert after.size == (46, 56)
    assert (after.bits, after.gray, after.format) == (before.bits, before.gray, before.format)
    assert (after.icc, after.dpi, bool(after.exif)) == (before.icc, before.dpi, bool(before.exif))
    if before.bits == 16:
        assert (after.pixels % 257 != 0).mean() > 0.9  # never through 8 bits
    if before.alpha is None:
        assert after.alpha is None
        return
    assert after.alpha is not None and after.alpha.dtype == before.alpha.dtype
    top = np.iinfo(before.alpha.dtype).max
    # A ramp along the rows stays that ramp; pixel centres are at (x + 0.5) 37 / 56 - 0.5.
    ramp = (1700 if top > 255 else 1700 / 256) * ((np.arange(56) + 0.5) * 37 / 56 - 0.5)
    assert np.abs(after.alpha.astype(float) - ramp)[:, 3:-3].max() <= (1 if top > 255 else 1.6)
    if top > 255:
        assert (after.alpha[:, 3:-3] % 257 != 0).mean() > 0.9


def test_jpeg_keeps_what_a_jpeg_can(tiny: Path) -> None:
    Image.fromarray(PHOTO).save("in.jpg", quality=95, icc_profile=ICC, dpi=(72, 72))
    done = run("inpaint", "in.jpg", "--mask", "mask.png", "--steps", 1, "--weights", tiny)
    assert (done.exit_code, done.stdout) == (0, "in-inpainted.jpg\n")
    assert done.stderr == (
        "note: JPEG stores pixels outside the hole only roughly; write .png to keep them bit for bit\n"
    )
    before, after = images.read("in.jpg"), images.read("in-inpainted.jpg")
    assert (after.format, after.icc, after.dpi) == ("jpeg", before.icc, before.dpi)
    assert np.abs(after.pixels.astype(int) - before.pixels)[:8].mean() < 6
    done = run("inpaint", "in.jpg", "--mask", "mask.png", "--steps", 1, "--weights", tiny, "-o", "out.png")
    assert (done.exit_code, done.stderr) == (0, "")
    assert np.array_equal(images.read("out.png").pixels[~HOLE], before.pixels[~HOLE])


def test_what_a_format_cannot_hold_is_told(tiny: Path) -> None:
    path = save_kind("png 16 rgba")
    done = run("denoise", path, "--sigma", 9, "--weights", tiny, "-o", "out.jpg")
    assert (done.exit_code, done.stdout) == (0, "out.jpg\n")
    assert done.stderr == (
        "note: out.jpg: JPEG: 16 bits a channel become 8\nnote: out.jpg: JPEG: alpha is dropped\n"
    )
