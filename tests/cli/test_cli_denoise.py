"""``restore denoise``: the function by another name, and what is said of the noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from command_photos import PHOTO, save_kind, white_noise
from commands import cli
from numpy.typing import NDArray
from PIL import Image

import restore
from restore import images
from restore.noise import estimate as noise
from restore.priors.backbone import Backbone
from restore.priors.unet import UNet

pytestmark = pytest.mark.usefixtures("one_thread", "here")


Call = Callable[[NDArray[Any], Backbone], NDArray[Any]]

SAME: dict[str, tuple[list[str], Call]] = {
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
}


@pytest.mark.parametrize("name", SAME)
def test_the_command_gives_what_the_function_gives(name: str, weights: Path, backbone: Backbone) -> None:
    arguments, call = SAME[name]
    done = cli(*arguments, "--weights", weights, "-o", "out.png")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out.png\n", "")
    assert np.array_equal(images.read("out.png").pixels, call(PHOTO, backbone))


def test_the_tile_changes_the_work_and_not_the_result(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        options = ["--precision", "fp32", "--sigma", 20, "--weights", weights, "-o", f"{name}.png"]
        assert cli("denoise", "wide.png", *options, *tile).exit_code == 0
        made.append(images.read(f"{name}.png").pixels.astype(int))
        calls.append(list(sizes))
    assert len(calls[0]) == 1 < len(calls[1])
    assert np.abs(made[0] - made[1]).max() <= 1


@pytest.mark.slow
def test_the_estimated_noise_is_told(weights: Path) -> None:
    noisy = white_noise(20)
    Image.fromarray(noisy).save("noisy.png")
    done = cli("denoise", "noisy.png", "--weights", weights)
    sigma = 255 * noise.estimate_sigma(noisy.astype(np.float32) / np.float32(255))
    assert 15 < sigma < 22
    assert done.exit_code == 0
    assert done.stderr == (
        f"note: noisy.png: noise sigma estimated at {sigma:.1f} (of 255): --method gaussian is used\n"
    )
    done = cli("denoise", "noisy.png", "--method", "gaussian", "--weights", weights, "--overwrite")
    assert done.stderr == f"note: noisy.png: noise sigma estimated at {sigma:.1f} (of 255)\n"
    assert cli("denoise", "noisy.png", "--weights", weights, "--overwrite", "-q").stderr == ""


def test_noise_that_is_not_white_is_told(weights: Path) -> None:
    blurred = cv2.GaussianBlur(white_noise(40), (0, 0), 0.7)
    Image.fromarray(blurred).save("grain.png")
    done = cli("denoise", "grain.png", "--weights", weights)
    assert done.stderr.startswith("note: grain.png: noise sigma ")
    assert "neighbouring pixels share it (correlation 0." in done.stderr
    assert done.stderr.endswith("): --method blind is used\n")
    done = cli("denoise", "grain.png", "--method", "gaussian", "--weights", weights, "--overwrite")
    first, second = done.stderr.splitlines()
    assert first.startswith("note: grain.png: noise sigma estimated at ")
    assert second.startswith("note: grain.png: neighbouring pixels share noise (correlation 0.")
    assert second.endswith(", which is taken for detail; --method blind removes more of it")
    assert cli("denoise", "grain.png", "--method", "blind", "--weights", weights, "--overwrite").stderr == ""


def test_faint_noise_is_told(weights: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save("clean.png")
    done = cli("denoise", "clean.png", "--weights", weights)
    assert (done.exit_code, done.stderr) == (
        0,
        "note: clean.png: noise sigma estimated at 0.0 (of 255): hardly any, so the picture is left as it is"
        "; if you do see noise, it is of another kind (JPEG, smooth grain): pass --method blind\n",
    )
    assert (images.read("clean-denoised.png").pixels == 90).all()


def test_what_a_format_cannot_hold_is_told(weights: Path) -> None:
    path = save_kind("png 16 rgba")
    done = cli("denoise", path, "--sigma", 9, "--weights", weights, "-o", "out.jpg")
    assert (done.exit_code, done.stdout) == (0, "out.jpg\n")
    assert done.stderr == (
        "note: out.jpg: JPEG: 16 bits a channel become 8\nnote: out.jpg: JPEG: alpha is dropped\n"
    )


def test_specks_are_said_and_repaired(weights: Path) -> None:
    rng = np.random.default_rng(0)
    ramp = (
        np.broadcast_to(np.linspace(60, 200, 96)[None, :, None], (96, 96, 3)).round().astype(np.uint8).copy()
    )
    damaged = rng.random((96, 96)) < 0.04
    ramp[damaged] = (rng.random(damaged.sum()) < 0.5)[:, None] * 255
    Image.fromarray(ramp).save("specks.png")
    done = cli("denoise", "specks.png", "-o", "seen.png", "--weights", weights)
    assert done.exit_code == 0
    assert "salt and pepper" in done.stderr
    assert "--specks repairs them" in done.stderr
    done = cli("denoise", "specks.png", "-o", "out.png", "--weights", weights, "--specks")
    assert done.exit_code == 0
    assert "which are repaired" in done.stderr
    changed = (images.read("out.png").pixels != ramp).any(2)
    assert changed[damaged].mean() > 0.8
