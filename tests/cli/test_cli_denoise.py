"""``restore denoise``: the function by another name, and what is said of the noise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
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

    def seen(self: UNet, x: torch.Tensor, log_snr: torch.Tensor, **told: Any) -> torch.Tensor:
        sizes.append(tuple(x.shape[-2:]))
        return forward(self, x, log_snr, **told)

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


@pytest.mark.slow
def test_another_method_is_not_advised_where_it_would_do_worse(weights: Path) -> None:
    """It takes no stripes out, mends no specks, and knows less of counts that use little of the range."""
    plain = np.full((128, 128, 3), 0.35, np.float32) + np.linspace(0, 0.2, 128, dtype=np.float32)[:, None]
    striped = plain + np.random.default_rng(3).normal(0, 8 / 255, (128, 1, 1))
    Image.fromarray((striped * 255).round().astype(np.uint8)).save("striped.png")
    counts = plain * 4000 + np.random.default_rng(2).normal(0, 1.5, plain.shape)
    tifffile.imwrite("low.tif", counts.round().astype(np.uint16), photometric="rgb")
    specked = (plain * 255).round().astype(np.uint8)
    places = np.random.default_rng(4).integers(4, 124, (60, 2)).T
    specked[tuple(places)] = 255
    Image.fromarray(specked).save("specked.png")
    for name, told, *words in (
        ("striped.png", "hardly any is left, so no more is taken out"),
        ("specked.png", "hardly any is left, so no more is taken out", "--specks"),
        ("low.tif", "hardly any, so the picture is left as it is"),
    ):
        said = cli("denoise", name, "--weights", weights, "-o", "out.tif", "--overwrite", *words).stderr
        assert said.endswith(f": {told}\n")
        assert "blind" not in said


def test_the_level_of_low_counts_is_told_in_their_range(weights: Path) -> None:
    counts = 150 + 20 * np.linspace(0, 5, 96)[:, None] + np.random.default_rng(5).normal(0, 8, (96, 96))
    tifffile.imwrite("counts.tif", counts.round().astype(np.uint16))
    done = cli("denoise", "counts.tif", "--method", "gaussian", "--weights", weights, "--json")
    used, level = done.stderr.splitlines()
    assert "noise is judged by that" in used
    assert not level.endswith("estimated at 0.0 (of 255)")
    assert json.loads(done.stdout)["sigma_255"] == pytest.approx(255 * 8 / 65535, rel=0.15)


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
