"""``restore inpaint``: the function by another name, and pixels outside the hole that stay as they are."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import tifffile
from command_photos import HOLE, ICC, KINDS, PHOTO, save_kind
from commands import cli
from numpy.typing import NDArray
from PIL import Image

import restore
from restore import images
from restore.cli.provenance import read_history
from restore.diffusion.samplers import SAMPLERS
from restore.priors.backbone import Backbone
from restore.tasks import inpaint_parts
from restore.tasks.deep_holes import Scene
from restore.tasks.inpaint_methods import Jumps
from restore.types import Rng

pytestmark = pytest.mark.usefixtures("one_thread", "here")


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
        ["inpaint", "photo.png", "--mask", "mask.png", "--invert-mask", "--steps", "2", "-q"],
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
    "inpaint sampler": (
        ["inpaint", "photo.png", "--mask", "mask.png", "--steps", "6", "--sampler", "heun"],
        lambda a, b: restore.inpaint(a, HOLE, sampler="heun", steps=6, prior=b),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_command_gives_what_the_function_gives(name: str, weights: Path, backbone: Backbone) -> None:
    arguments, call = SAME[name]
    done = cli(*arguments, "--weights", weights, "-o", "out.png")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "out.png\n", "")
    assert np.array_equal(images.read("out.png").pixels, call(PHOTO, backbone))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_repaint_takes_the_samplers_that_climb(sampler: str, weights: Path, backbone: Backbone) -> None:
    words = ["inpaint", "photo.png", "--mask", "mask.png", "--method", "repaint", "--sampler", sampler]
    done = cli(*words, "--weights", weights, "--steps", 4, "--jump-length", 2, "--jump-repeats", 2)

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


def test_a_mask_file_of_zeros_and_ones(weights: Path) -> None:
    Image.fromarray(HOLE.astype(np.uint8)).save("ones.png")
    for mask in ("mask.png", "ones.png"):
        done = cli(
            "inpaint", "photo.png", "--mask", mask, "--steps", 1, "--weights", weights, "-o", f"of-{mask}"
        )
        assert (done.exit_code, done.stderr) == (0, "")
    assert np.array_equal(images.read("of-mask.png").pixels, images.read("of-ones.png").pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_inpaint_keeps_every_pixel_outside_the_hole(kind: str, weights: Path) -> None:
    path = save_kind(kind)
    done = cli(
        "inpaint", path, "--mask", "mask.png", "--steps", 1, "--weights", weights, "-o", f"out{path.suffix}",
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


def test_jpeg_keeps_what_a_jpeg_can(weights: Path) -> None:
    Image.fromarray(PHOTO).save("in.jpg", quality=95, icc_profile=ICC, dpi=(72, 72))
    done = cli("inpaint", "in.jpg", "--mask", "mask.png", "--steps", 1, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "in-inpainted.jpg\n")
    assert done.stderr == (
        "note: JPEG stores pixels outside the hole only roughly; write .png to keep them bit for bit\n"
    )
    before, after = images.read("in.jpg"), images.read("in-inpainted.jpg")
    assert (after.format, after.icc, after.dpi) == ("jpeg", before.icc, before.dpi)
    assert np.abs(after.pixels.astype(int) - before.pixels)[:8].mean() < 6
    done = cli("inpaint", "in.jpg", "--mask", "mask.png", "--steps", 1, "--weights", weights, "-o", "out.png")
    assert (done.exit_code, done.stderr) == (0, "")
    assert np.array_equal(images.read("out.png").pixels[~HOLE], before.pixels[~HOLE])


def test_a_hole_of_nan_is_filled(weights: Path) -> None:
    pixels = np.where(HOLE[..., None] > 0, np.float32(np.nan), (PHOTO / 255).astype(np.float32))
    tifffile.imwrite("nan.tif", pixels, photometric="rgb")
    Image.fromarray((HOLE > 0).astype(np.uint8) * 255).save("hole.png")
    command = ["inpaint", "nan.tif", "--mask", "hole.png", "--weights", weights, "--steps", 2]
    assert cli(*command, "-o", "out.tif").exit_code == 0
    filled = tifffile.imread("out.tif")
    assert np.isfinite(filled).all()
    assert np.array_equal(filled[HOLE == 0], pixels[HOLE == 0])
    missing = HOLE > 0
    missing[tuple(np.argwhere(missing)[0])] = False
    Image.fromarray(missing.astype(np.uint8) * 255).save("hole.png")
    failed = cli(*command, "-o", "other.tif")
    assert failed.exit_code == 1
    assert "nan.tif: expected numbers, got NaN or infinity at 1 of" in failed.stderr


def test_what_was_copied_is_said(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two deep parts are copied, a thin one is drawn: in a note, in --json, in the record."""
    monkeypatch.setattr(inpaint_parts, "copies_win", lambda *_: True)
    monkeypatch.setattr(inpaint_parts, "filled_by_patches", lambda scene, *_: scene.image)
    tile = np.random.default_rng(0).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(np.tile(tile, (11, 16, 1))).save("tiles.png")
    hole = np.zeros((66, 96), bool)
    hole[10:36, 10:36] = hole[10:36, 60:86] = hole[46:50, :] = True
    Image.fromarray(hole).save("holes.png")
    words = ["inpaint", "tiles.png", "--mask", "holes.png", "--weights", weights]
    done = cli(*words, "--steps", 1)
    said = "2 parts copied from the picture (78% of it), 1 part drawn by the network"
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (0, f"note: tiles.png: of the hole, {said}")
    (record,) = read_history(Path("tiles-inpainted.png")).records
    assert record.method == f"auto, {said}"

    def told(*more: Any) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(cli(*words, "--json", "--overwrite", *more).stdout)
        return {name: facts.get(name) for name in ("method", "copied_parts", "drawn_parts", "copied_share")}

    assert told("--steps", 1) == {
        "method": "auto",
        "copied_parts": 2,
        "drawn_parts": 1,
        "copied_share": 0.778802,
    }
    assert told("--method", "exemplar") | {"method": None} == {
        "method": None, "copied_parts": 3, "drawn_parts": 0, "copied_share": 1.0
    }  # fmt: skip
    hole[:46] = False
    Image.fromarray(hole).save("holes.png")
    assert told("--steps", 1) == {
        "method": "alternating", "copied_parts": None, "drawn_parts": None, "copied_share": None
    }  # fmt: skip


def test_samples_share_one_trial(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn with --seed, and the record of each sample says so: alone it is the same again."""
    tried = []

    def trial(scene: Scene, part: Any, rng: Rng, *_: Any) -> bool:
        tried.append(float(rng(part).sum()))
        return True

    monkeypatch.setattr(inpaint_parts, "copies_win", trial)
    monkeypatch.setattr(
        inpaint_parts, "filled_by_patches", lambda scene, part, rng, *_: scene.image + part * rng(part) / 9
    )
    Image.fromarray(np.full((66, 96, 3), 120, np.uint8)).save("gray.png")
    hole = np.zeros((66, 96), bool)
    hole[20:46, 10:36] = True
    Image.fromarray(hole).save("holes.png")
    words = ["inpaint", "gray.png", "--mask", "holes.png", "--weights", weights]
    assert cli(*words, "--seed", 7, "-o", "single.png").exit_code == 0
    assert cli(*words, "--seed", 7, "--samples", 3, "-o", "out.png").exit_code == 0
    assert len(tried) == 2
    names = sorted(map(str, Path().glob("out*.png")))
    single, *found = (images.read(name).pixels for name in ("single.png", *names))
    assert np.array_equal(single, found[0])
    assert all(not np.array_equal(one, found[0]) for one in found[1:])
    records = [read_history(Path(name)).records[0] for name in names]
    assert [dict(record.arguments).get("--trial-seed") for record in records] == [None, "7", "7"]
    again = shlex.split(records[2].line("again.png"))[1:]
    assert cli(*again, "--weights", weights).exit_code == 0
    assert np.array_equal(images.read("again.png").pixels, found[2])
    assert len(tried) == 3
    assert len(set(tried)) == 1


def test_wrong_usage_of_a_seed_of_trials() -> None:
    for more in (["--method", "exemplar"], ["--estimate", "mean"], ["--source", "mask.png"]):
        done = cli("inpaint", "photo.png", "--mask", "mask.png", "--trial-seed", 1, *more)
        assert done.exit_code == 2
        assert "--trial-seed is for samples of --method auto without --source; leave it out" in done.stderr


def test_what_leaves_nothing_to_fill_from_is_said_in_one_line(weights: Path) -> None:
    """With and without the network, in a dry run, too."""
    clear = np.where(HOLE, np.uint8(255), np.uint8(0))
    Image.fromarray(np.dstack([PHOTO, clear])).save("clear.png")
    source = np.zeros(HOLE.shape, bool)
    source[16:31, 5:30] = True
    Image.fromarray(source).save("source.png")
    for name, more, message in (
        ("clear.png", [], "clear.png: alpha 0 hides all that the mask leaves; there is no known"),
        ("photo.png", ["--feather", 64], "photo.png: with --feather 64 the hole is the whole picture"),
        ("photo.png", ["--source", "source.png", "--feather", 12], "source.png: expected places of 9x9"),
    ):
        for last in ([], ["--dry-run"]):
            done = cli("inpaint", name, "--mask", "mask.png", "--weights", weights, *more, *last)
            assert done.exit_code == 1, done.stderr
            assert done.stderr.startswith(f"error: {message}"), done.stderr
            assert len(done.stderr.splitlines()) == 1


def test_a_dry_run_copies_nothing(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on to the first network call, which copies would come before."""

    def never(*_: object) -> NoReturn:
        raise AssertionError("nothing is to be copied")

    monkeypatch.setattr(inpaint_parts, "copies_win", never)
    monkeypatch.setattr(inpaint_parts, "filled_by_patches", never)
    Image.fromarray(np.full((66, 96, 3), 120, np.uint8)).save("gray.png")
    hole = np.zeros((66, 96), bool)
    hole[20:46, 10:36] = True
    Image.fromarray(hole).save("holes.png")
    Image.fromarray(~hole).save("source.png")
    words = ["inpaint", "gray.png", "--mask", "holes.png", "--weights", weights, "--dry-run"]
    for more in ([], ["--nfe", 20], ["--method", "exemplar"], ["--source", "source.png"]):
        done = cli(*words, *more)
        assert done.exit_code == 0, done.stderr
        assert done.stdout == "gray.png (96x66) -> gray-inpainted.png (96x66)\n"
