"""``--trajectory``: strips and animations of what was drawn, and where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_photos import PHOTO, H, W, files
from commands import cli
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from restore import images
from restore.cli import trajectory
from restore.diffusion.coordinates import to_network
from restore.priors.backbone import Backbone
from restore.priors.recording import Recording
from restore.tasks.vary import vary

pytestmark = pytest.mark.usefixtures("one_thread", "here")

VARY = ["vary", "photo.png", "--trajectory", "way", "-o", "out.png"]


def frames(path: str) -> list[NDArray[np.uint8]]:
    with Image.open(path) as film:
        return [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]


def test_states_above_and_estimates_below(weights: Path, backbone: Backbone) -> None:
    done = cli(*VARY, "--steps", 3, "--weights", weights, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["trajectory"] == ["way/out-trajectory.png", "way/out-trajectory.gif"]
    recorded = Recording(backbone)
    found = vary(PHOTO, steps=3, prior=recorded)
    assert np.array_equal(images.read("out.png").pixels, found)  # the same as without
    sheet = images.read("way/out-trajectory.png").pixels
    assert sheet.shape == (2 * H + 2, 3 * (W + 2) - 2, 3)
    for number, step in enumerate(recorded.runs[0].steps):
        seen = (to_network(step.state.float(), step.sigma) + 1) / 2
        for row, picture in enumerate((seen, step.x0.float())):
            expected = (255 * picture[0].clamp(0, 1)).round().permute(1, 2, 0).numpy()
            top, left = row * (H + 2), number * (W + 2)
            assert np.array_equal(sheet[top : top + H, left : left + W], expected)
    film = frames("way/out-trajectory.gif")
    assert [frame.shape for frame in film] == 3 * [(H, 2 * W + 2, 3)]
    last = np.concatenate([sheet[:H, -W:], sheet[-H:, -W:]], axis=1).astype(int)
    assert np.abs(np.delete(film[-1].astype(int), [W, W + 1], axis=1) - last).mean() < 16  # 256 colours
    with Image.open("way/out-trajectory.gif") as opened:
        assert opened.info["loop"] == 0


def test_at_most_twelve_columns_and_all_steps_in_the_animation(weights: Path) -> None:
    assert cli(*VARY, "--steps", 30, "--weights", weights).exit_code == 0
    assert images.read("way/out-trajectory.png").size == (2 * H + 2, 12 * (W + 2) - 2)
    assert len(frames("way/out-trajectory.gif")) == 30


def test_tiny_pictures_are_enlarged_and_large_ones_reduced(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(PHOTO[:8, :8]).save("photo.png")
    assert cli(*VARY, "--steps", 2, "--weights", weights).exit_code == 0
    assert images.read("way/out-trajectory.png").size == (2 * 64 + 2, 2 * 66 - 2)
    Image.fromarray(PHOTO).save("photo.png")
    monkeypatch.setattr(trajectory, "CELL", 20)
    assert cli(*VARY, "--steps", 2, "--weights", weights, "--overwrite").exit_code == 0
    assert images.read("way/out-trajectory.png").size == (2 * 16 + 2, 2 * 21 - 2)


@pytest.mark.parametrize(
    "words",
    [
        ["denoise", "photo.png", "--sigma", 20, "--estimate", "sample"],
        ["inpaint", "photo.png", "--mask", "mask.png"],
        ["upscale", "photo.png", "--scale", 2],
        ["dejpeg", "photo.png", "--quality", 30, "--estimate", "sample"],
        ["solve", "photo.png", "--operator", "gray", "--estimate", "sample", "--method", "ddnm"],
    ],
    ids=lambda words: words[0],
)
def test_every_command_that_draws(words: list[object], weights: Path) -> None:
    assert cli(*words, "--steps", 2, "--weights", weights, "-o", "out.png").exit_code == 0
    more = ["--trajectory", "way", "-o", "again.png"]
    done = cli(*words, "--steps", 2, "--weights", weights, *more)
    assert done.exit_code == 0
    assert files("way") == ["way/again-trajectory.gif", "way/again-trajectory.png"]
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()


def test_each_sample_and_each_hole_has_its_own(weights: Path) -> None:
    command = [*VARY, "--steps", 2, "--weights", weights]
    assert cli(*command, "--samples", 2).exit_code == 0
    names = [f"way/out-{k}-trajectory.{ending}" for k in (1, 2) for ending in ("gif", "png")]
    assert files("way") == names
    assert Path(names[1]).read_bytes() != Path(names[3]).read_bytes()
    tall, mask = np.full((420, 20, 3), 90, np.uint8), np.zeros((420, 20), bool)
    mask[2:6, 2:6] = mask[410:414, 2:6] = True
    Image.fromarray(tall).save("photo.png")
    Image.fromarray(mask).save("mask.png")
    command = ["inpaint", "photo.png", "--mask", "mask.png", "--steps", 2, "--weights", weights]
    done = cli(*command, "--trajectory", "holes", "--json")
    assert files("holes") == [
        f"holes/photo-inpainted-trajectory-{k}.{ending}" for k in (1, 2) for ending in ("gif", "png")
    ]
    assert sorted(json.loads(done.stdout)["trajectory"]) == files("holes")


def test_samples_out_of_pure_noise(weights: Path) -> None:
    command = ["sample", "-n", 10, "--size", 8, "--steps", 2, "--weights", weights]
    done = cli(*command, "-o", "drawn", "--trajectory", "way")
    assert done.exit_code == 0
    names = [f"way/sample-{k:03}-trajectory.{ending}" for k in range(10) for ending in ("gif", "png")]
    assert files("way") == names
    for k in (0, 9):  # of the first batch and of the second
        shown = images.read(f"way/sample-{k:03}-trajectory.png").pixels[-64:, -64:].astype(int)
        written = images.read(f"drawn/sample-{k:03}.png").pixels.repeat(8, axis=0).repeat(8, axis=1)
        assert np.abs(shown - written).max() <= 1  # the last clean estimate is the sample


def test_what_is_there_is_kept(weights: Path) -> None:
    command = [*VARY, "--steps", 2, "--weights", weights]
    assert cli(*command).exit_code == 0
    before = Path("way/out-trajectory.png").read_bytes()
    assert "note: out.png is there already and was kept" in cli(*command).stderr
    Path("out.png").unlink()
    done = cli(*command, "--seed", 1)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "error: 2 of 2 files are already there, the first is way/out-trajectory.gif; choose another folder "
        "or pass --overwrite\n"
    )
    assert not Path("out.png").exists()
    assert cli(*command, "--seed", 1, "--overwrite").exit_code == 0
    assert Path("way/out-trajectory.png").read_bytes() != before


def test_nothing_is_drawn(weights: Path) -> None:
    Image.fromarray(np.full_like(PHOTO, 128)).save("photo.png")
    done = cli("denoise", "photo.png", "--estimate", "sample", "--trajectory", "way", "-o", "out.png")
    assert done.exit_code == 0
    assert "note: photo.png: nothing was drawn, so there is no trajectory\n" in done.stderr
    assert not Path("way").exists()


def test_it_does_not_stand_in_the_record(weights: Path) -> None:
    assert cli(*VARY, "--steps", 2, "--weights", weights).exit_code == 0
    assert "trajectory" not in cli("info", "out.png").stdout


MEAN = (
    "--trajectory way shows how a sample is drawn, the mean is not; pass --estimate sample, or leave it out"
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["denoise", "photo.png"], MEAN),
        (["inpaint", "photo.png", "--mask", "mask.png", "--estimate", "mean"], MEAN),
        (["upscale", "photo.png", "--scale", "2", "--estimate", "mean"], MEAN),
        (["deblur", "photo.png", "--kernel", "gaussian:1"], MEAN),
        (
            ["vary", "photo.png", "mask.png", "-o", "out"],
            "--trajectory way is of one picture, got several; pass one",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(words: list[str], message: str) -> None:
    done = cli(*words, "--trajectory", "way")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == f"Error: {message}"
    assert files() == ["mask.png", "photo.png"]


def test_a_folder_that_cannot_be() -> None:
    Path("way").write_bytes(b"")
    done = cli(*VARY)
    assert done.exit_code == 1
    assert done.stderr == "error: way: cannot write there, way is a file; choose another folder\n"
    assert not Path("out.png").exists()
