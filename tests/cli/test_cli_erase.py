"""``restore erase``, and --save-mask of the commands that fill holes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pytest
from command_photos import HOLE, PHOTO
from commands import cli
from PIL import Image

import restore
from restore import images
from restore.cli.job_plan import plan
from restore.cli.naming import Naming
from restore.cli.options import Settings
from restore.cli.provenance import read_history
from restore.cli.saved_masks import check_saved_masks, mask_path
from restore.errors import OutputError
from restore.priors.backbone import Backbone

pytestmark = pytest.mark.usefixtures("one_thread", "here")

INPAINT = ["inpaint", "photo.png", "--mask", "mask.png", "--steps", 2]


@pytest.fixture
def spot(here: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A picture with a dark square at 40,30, in spot.png."""
    image = np.full((80, 100, 3), 180, np.uint8)
    image[30:44, 40:60] = 60, 20, 90
    Image.fromarray(image).save("spot.png")
    return image


def test_boxes_in_pixels_and_per_cent(weights: Path, backbone: Backbone) -> None:
    words = ["--box", "3,5,4,2", "--box", "50%,50%,25%,10%", "--grow", 1, "--steps", 2, "--seed", 7]
    done = cli("erase", "photo.png", *words, "--weights", weights)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "photo-erased.png\n", "")
    # Of 37x31 pixels: from 18.5 to 27.75 across, from 15.5 to 18.6 down.
    boxes = [(3, 5, 4, 2), (18, 16, 10, 3)]
    expected = restore.erase(PHOTO, box=boxes, grow=1, steps=2, seed=7, prior=backbone)
    assert np.array_equal(images.read("photo-erased.png").pixels, expected)
    (record,) = read_history(Path("photo-erased.png")).records
    assert ("--box", "50%,50%,25%,10%") in record.arguments


def test_a_point(weights: Path, spot: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    done = cli(
        "erase", "spot.png", "--at", "50,37", "--save-mask", "m.png", "--steps", 1, "--weights", weights
    )
    assert done.exit_code == 0
    assert "note: spot.png: --at 50,37: an object of " in done.stderr
    expected = restore.erase_mask(spot, at=(50, 37))
    assert np.array_equal(images.read_mask("m.png").white, expected)
    with Image.open("m.png") as saved:
        assert (saved.mode, saved.size) == ("L", (100, 80))


def test_places_are_those_of_the_picture_as_it_is_seen(weights: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(PHOTO).save("turned.png", exif=exif)
    words = ["--box", "25,30,5,5", "--save-mask", "m.tif", "--steps", 1, "--weights", weights]
    assert cli("erase", "turned.png", *words).exit_code == 0
    white = images.read_mask("m.tif").white
    assert white.shape == (37, 31)
    assert white[30:35, 25:30].all() and white.sum() == 25


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ([], 2, "Error: nothing says what to erase; pass --box X,Y,W,H or --at X,Y"),
        (["--box", "1,2,3"], 2, "Error: Invalid value for '--box': '1,2,3' is not X,Y,W,H in whole"),
        (["--box", "1,2,3,-4"], 2, "Error: Invalid value for '--box'"),
        (["--at", "1.5,2"], 2, "Error: Invalid value for '--at': '1.5,2' is not X,Y"),
        (["--box", "1,2,3,4", "--radius", "5"], 2, "Error: --radius is of the objects of --at X,Y"),
        (["--box", "1,2,3,4", "--method", "repaint", "--steps", "8"], 2, "Error: --method repaint jumps back "
         "by 10 steps and takes more than that in all, got 8; pass more --steps"),
        (["--box", "30,2,9,4"], 1, "error: photo.png: --box 30,2,9,4: it is not within the picture"),
        (["--box", "1,2,0,4"], 1, "error: photo.png: --box 1,2,0,4: it is 0x4 pixels"),
        (["--box", "0,0,100%,100%"], 1, "error: photo.png: the hole is 100.0% of the picture"),
        (["--at", "37,1"], 1, "error: photo.png: --at 37,1: the point is outside the picture"),
        (["--at", "150%,50%"], 1, "error: photo.png: --at 56,16: the point is outside the picture"),
        (["--at", "100%,100%"], 1, "error: photo.png: --at 36,30: no small object there stands out"),
        (["--box", "3,3,30,25", "--feather", "64"], 1, "error: photo.png: with --feather 64 the hole is the "
         "whole picture, nothing is left to fill it from; lower --feather"),
        (["--box", "4,4,30,24", "--method", "exemplar"], 1, "error: photo.png: expected places of 9x9 known "
         "pixels outside the hole, to copy texture from, got too few; pass another --method, or a smaller"),
        (["--at", "18,15"], 1, "error: photo.png: --at 18,15: no small object there stands out from what is "
         "around it; pass --box X,Y,W,H around it"),
    ],
)  # fmt: skip
def test_what_cannot_be_erased_is_said_in_one_line(words: list[str], code: int, message: str) -> None:
    for more in ([], ["--dry-run"]):
        done = cli("erase", "photo.png", *words, *more)
        assert (done.exit_code, done.stdout) == (code, "")
        assert done.stderr.splitlines()[-1].startswith(message)
    assert not Path("photo-erased.png").exists()


def test_a_folder_is_refused(here: Path) -> None:
    assert "takes one picture" in cli("erase", ".", "--box", "1,2,3,4").stderr


def test_the_methods_help_is_short_and_the_options_are_those_that_matter() -> None:
    text = cli("erase", "--help").stdout
    assert "\n  restore erase photo.jpg --box 120,80,60,40\n" in text
    assert "--mask " not in text
    assert all(len(line) <= 80 for line in text.splitlines())


# --------------------------------------------------------------------------------------- --save-mask


def test_the_saved_mask_gives_the_same_again(weights: Path) -> None:
    words = ["--samples", 2, "--weights", weights, "--json"]
    done = cli(*INPAINT, "--grow", 2, "--save-mask", "saved.png", *words, "-o", "first.png")
    assert done.exit_code == 0
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert facts[0]["saved_mask"] == "saved.png" and "saved_mask" not in facts[1]
    assert images.read_mask("saved.png").white.sum() > HOLE.sum()
    again = ["inpaint", "photo.png", "--mask", "saved.png", "--steps", 2]
    assert cli(*again, *words, "-o", "again.png").exit_code == 0
    for k in (1, 2):
        first, second = images.read(f"first-{k}.png"), images.read(f"again-{k}.png")
        assert np.array_equal(first.pixels, second.pixels)
    (record,) = read_history(Path("first-1.png")).records
    assert not any(argument[0] == "--save-mask" for argument in record.arguments)


def test_a_folder_holds_a_mask_under_the_name_of_the_picture(weights: Path) -> None:
    words = ["--steps", 1, "--weights", weights, "-o", "out.tif", "--save-mask", "masks"]
    assert cli("erase", "photo.png", "--box", "1,2,3,4", *words).exit_code == 0
    assert [path.name for path in Path("masks").iterdir()] == ["photo.png"]


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("m.jpg", 2, "Error: --save-mask m.jpg: a mask is written as .png or .tif; name it so"),
        ("photo.png", 2, "Error: --save-mask photo.png is a file that is read, or written as a result"),
        ("mask.png", 2, "Error: --save-mask mask.png is a file that is read, or written as a result"),
        ("out.png", 2, "Error: --save-mask out.png is a file that is read, or written as a result"),
        ("nowhere/m.png", 1, "error: nowhere/m.png: the folder nowhere does not exist; create it first"),
        ("there.png", 1, "error: there.png is there already; pass --overwrite to replace it"),
        ("file", 1, "error: file: cannot write there"),
        ("masks", 1, "error: 1 of 1 files are already there, the first is masks/photo.png"),
    ],
)
def test_masks_that_cannot_be_saved_are_refused_first(
    weights: Path, path: str, code: int, message: str
) -> None:
    Image.fromarray(HOLE).save("there.png")
    Path("file").touch()
    Path("masks").mkdir()
    Image.fromarray(HOLE).save("masks/photo.png")
    words = [*INPAINT, "-o", "out.png", "--save-mask", path, "--weights", weights]
    for more in ([], ["--dry-run"]):
        done = cli(*words, *more)
        assert done.exit_code == code
        assert done.stderr.splitlines()[-1].startswith(message)
    assert not Path("out.png").exists()
    if path in ("there.png", "masks"):
        assert cli(*words, "--overwrite").exit_code == 0


def test_a_dry_run_saves_no_mask(weights: Path) -> None:
    done = cli(*INPAINT, "--save-mask", "saved.png", "--weights", weights, "--dry-run")
    assert done.exit_code == 0
    assert not Path("saved.png").exists()


def test_where_the_masks_of_many_pictures_go(here: Path) -> None:
    Path("in/sub").mkdir(parents=True)
    for name in ("in/a.png", "in/sub/a.png", "in/sub/b.jpg"):
        Image.fromarray(PHOTO).save(name)
    found = plan(["in"], "out", Naming("inpainted")).jobs
    assert [str(mask_path("masks", job)) for job in found] == [
        "masks/a.png",
        "masks/sub/a.png",
        "masks/sub/b.png",
    ]
    named = plan(["in/a.png", "in/sub/b.jpg"], None, Naming("inpainted")).jobs
    assert [str(mask_path("masks/", job)) for job in named] == ["masks/a.png", "masks/b.png"]
    settings = Settings(None, False, None, "auto", "auto", 64, False, False, False)
    apart = plan(["in/a.png", "in/sub/a.png"], None, Naming("x")).jobs
    assert [str(mask_path("masks/", job)) for job in apart] == ["masks/in/a.png", "masks/sub/a.png"]
    Image.fromarray(PHOTO).save("in/a.jpg")
    alike = plan(["in/a.png", "in/a.jpg"], None, Naming("x")).jobs
    for given, jobs, message in (
        ("m.png", named, "--save-mask m.png is one file, but there are several pictures; give a folder"),
        ("m.gif", named[:1], "--save-mask m.gif: a mask is written as .png or .tif; name it so"),
        (
            "m",
            alike,
            "masks of in/a.png and in/a.jpg would",
        ),
    ):
        with pytest.raises((click.UsageError, OutputError), match=message):
            check_saved_masks(replace(settings, save_mask=given), jobs, jobs, ())
    check_saved_masks(replace(settings, save_mask="masks/"), found, found, ())
