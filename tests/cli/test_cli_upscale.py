"""``restore upscale``: the function by another name, for every kind of picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_photos import KINDS, PHOTO, save_kind
from commands import cli
from numpy.typing import NDArray
from PIL import Image

import restore
from restore import images
from restore.cli.provenance import read_history
from restore.priors.backbone import Backbone

pytestmark = pytest.mark.usefixtures("one_thread", "here")


Call = Callable[[NDArray[Any], Backbone], NDArray[Any]]

SAME: dict[str, tuple[list[str], Call]] = {
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
def test_the_command_gives_what_the_function_gives(name: str, weights: Path, backbone: Backbone) -> None:
    arguments, call = SAME[name]
    done = cli(*arguments, "--weights", weights, "-o", "out.png")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out.png\n", "")
    assert np.array_equal(images.read("out.png").pixels, call(PHOTO, backbone))


def test_the_command_gives_what_the_function_gives_for_pillow_images(
    weights: Path, backbone: Backbone
) -> None:
    shades = Image.fromarray(np.dstack([PHOTO, PHOTO[..., 0]]))
    gray = Image.fromarray(PHOTO[..., 0])
    for image in (shades, gray):
        image.save("in.png")
        assert cli("upscale", "in.png", "--scale", 2, "--weights", weights, "--overwrite").exit_code == 0
        with Image.open("in-x2.png") as written:
            expected = restore.upscale(image, 2, prior=backbone)
            assert written.mode == expected.mode == image.mode
            assert np.array_equal(np.asarray(written), np.asarray(expected))


@pytest.mark.parametrize("kind", KINDS)
def test_upscale_keeps_the_kind(kind: str, weights: Path) -> None:
    path = save_kind(kind)
    done = cli("upscale", path, "--scale", 1.5, "--estimate", "mean", "--weights", weights, "--no-provenance")
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


def test_above_4_there_are_two_steps_and_it_says_so(weights: Path, backbone: Backbone) -> None:
    command = ["upscale", "photo.png", "--scale", 5, "--steps", 2, "--weights", weights, "-o", "out.png"]
    done = cli(*command, "--json", "--consistent", "--report-consistency")
    assert done.exit_code == 0
    assert "note: photo.png: x5 is reached in two steps, through 123x103 (w x h)\n" in done.stderr
    facts = json.loads(done.stdout)
    assert (facts["width_pixels"], facts["height_pixels"], facts["through"]) == (185, 155, ["123x103"])
    assert facts["apart_most_255"] <= 0.5  # the whole of it, not each step
    assert np.array_equal(
        images.read("out.png").pixels, restore.upscale(PHOTO, 5, steps=2, consistent=True, prior=backbone)
    )
    assert "through" not in cli(*command[:3], 4, *command[4:], "--dry-run").stderr


def test_a_budget_covers_both_steps(weights: Path) -> None:
    command = ["upscale", "photo.png", "--scale", 8, "--weights", weights, "--json", "-o", "out.png"]
    done = cli(*command, "--nfe", 9)
    assert "note: photo.png: plan: 8 network calls" in done.stderr  # two runs of two calls and two steps
    assert json.loads(done.stdout)["planned_calls"] == 8
    (record,) = read_history(Path("out.png")).records
    assert record.calls == 8
    done = cli(*command, "--nfe", 5, "--overwrite")
    assert done.stderr == (
        "note: photo.png: x8 is reached in two steps, through 148x124 (w x h)\n"
        "error: a budget of 5 network calls is too small: --method projection takes at least 6\n"
    )


def test_a_result_that_is_too_large_is_refused(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_PIXELS", 5 * 37 * 5 * 31)
    done = cli("upscale", "photo.png", "--scale", 8, "--weights", weights)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "296x248 (w x h) would be 0 megapixels" in done.stderr
