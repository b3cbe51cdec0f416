"""Options that commands share: samplers, ensembles, seeds, configuration files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_photos import PHOTO
from commands import cli

import restore
from restore import images
from restore.priors.backbone import Backbone
from restore.priors.unet import UNet

pytestmark = pytest.mark.usefixtures("one_thread", "here")


LEAST = {
    "inpaint": ["photo.png", "--mask", "mask.png"],
    "denoise": ["photo.png"],
    "upscale": ["photo.png", "--scale", "2"],
    "sample": ["-o", "out"],
}


@pytest.mark.slow
def test_the_samplers_named_as_defaults(weights: Path) -> None:
    """What the help says of the default, and that another sampler gives another picture."""
    conditional = ["inpaint", *LEAST["inpaint"], "--method", "conditional", "--steps", "2"]
    for words, default, other in (
        (["inpaint", *LEAST["inpaint"], "--steps", "6"], "dpmpp-2m-sde", "ddim"),
        (conditional, "dpmpp-2m-sde", "ddim"),
        (
            ["denoise", *LEAST["denoise"], "--sigma", "25", "--estimate", "sample", "--steps", "3"],
            "dpmpp-2m-sde",
            "ddim",
        ),
        (["upscale", *LEAST["upscale"], "--steps", "2"], "dpmpp-2m", "ddpm"),
    ):
        made = []
        for name, sampler in (("a", []), ("b", ["--sampler", default]), ("c", ["--sampler", other])):
            done = cli(*words, *sampler, "--weights", weights, "-o", f"{name}.png", "--overwrite")
            assert done.exit_code == 0
            made.append(images.read(f"{name}.png").pixels.tobytes())
        assert made[0] == made[1] != made[2]


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
    weights: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[object, ...]
) -> None:
    calls = []
    forward = UNet.forward

    def seen(self: UNet, x: torch.Tensor, log_snr: torch.Tensor, **told: Any) -> torch.Tensor:
        calls.append(tuple(x.shape[-2:]))
        return forward(self, x, log_snr, **told)

    monkeypatch.setattr(UNet, "forward", seen)
    numbers = []
    for more in ([], ["--ensemble", 4]):
        calls.clear()
        done = cli(*command, *more, "--weights", weights, "-o", f"out{len(more)}.png")
        assert done.exit_code == 0, done.output
        numbers.append(len(calls))
    assert numbers[1] == 4 * numbers[0] > 0


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
def test_the_seed_decides_every_byte(arguments: list[str], weights: Path) -> None:
    bytes_ = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1), ("d", 2**32 - 1)):
        output = name if arguments[0] == "sample" else f"{name}.png"
        assert cli(*arguments, "--seed", seed, "--weights", weights, "-o", output).exit_code == 0
        path = Path(output, "sample-000.png") if arguments[0] == "sample" else Path(output)
        bytes_.append(path.read_bytes())
    assert bytes_[0] == bytes_[1]
    assert len(set(bytes_)) == 3


def test_config_between_default_and_flag(weights: Path, backbone: Backbone) -> None:
    Path("my.toml").write_text(
        f"weights = '{weights}'\nestimate = 'sample'\nsteps = 2\nsigma = 20\noverwrite = true\n"
    )
    assert cli("denoise", "photo.png", "--config", "my.toml").exit_code == 0
    expected = restore.denoise(PHOTO, sigma=20, estimate="sample", steps=2, prior=backbone)
    assert np.array_equal(images.read("photo-denoised.png").pixels, expected)
    done = cli("denoise", "--config", "my.toml", "photo.png", "--no-overwrite")
    assert (done.exit_code, done.stdout) == (0, "")
    done = cli("denoise", "--config", "my.toml", "photo.png", "--no-overwrite", "--steps", 3)
    assert (done.exit_code, done.stdout) == (1, "")
    assert np.array_equal(images.read("photo-denoised.png").pixels, expected)
    done = cli("denoise", "photo.png", "--config", "my.toml", "--steps", 3)
    assert (done.exit_code, done.stdout) == (0, "photo-denoised.png\n")
    expected = restore.denoise(PHOTO, sigma=20, estimate="sample", steps=3, prior=backbone)
    assert np.array_equal(images.read("photo-denoised.png").pixels, expected)


def test_config_gives_a_required_option(weights: Path) -> None:
    Path("my.toml").write_text("scale = 2\nestimate = 'mean'\n")
    done = cli("upscale", "photo.png", "--config", "my.toml", "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "photo-x2.png\n")
