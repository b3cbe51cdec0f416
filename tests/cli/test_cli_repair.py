"""``restore repair``: damage that is found by itself, and infrared channels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from commands import cli
from PIL import Image

import restore
from restore import images
from restore.priors.backbone import Backbone

pytestmark = pytest.mark.usefixtures("one_thread", "here")


def ramp() -> np.ndarray:
    y, x = np.mgrid[:80, :96]
    return np.stack([60 + y, 80 + x, 90 + (x + y) // 2], 2).astype(np.uint8)


def scratched() -> np.ndarray:
    picture = ramp()
    picture[10:70, 40:42] = 252
    return picture


@pytest.fixture
def scan() -> np.ndarray:
    """Colours and infrared with dust, (80, 96, 4) of 16 bits."""
    rng = np.random.default_rng(0)
    channels = np.dstack([ramp(), np.full((80, 96), 200, np.uint8)]).astype(np.int64) * 200
    channels += rng.integers(-90, 90, channels.shape)
    channels[30:33, 20:60] = 3000
    return channels.astype(np.uint16)


def test_the_command_gives_what_the_function_gives(weights: Path, backbone: Backbone) -> None:
    Image.fromarray(scratched()).save("scan.png")
    done = cli("repair", "scan.png", "--steps", 2, "--weights", weights)
    assert (done.exit_code, done.stdout) == (0, "scan-repaired.png\n")
    assert "note: scan.png: 1 scratch, " in done.stderr and "are filled" in done.stderr
    expected = restore.repair(scratched(), steps=2, prior=backbone)
    assert np.array_equal(images.read("scan-repaired.png").pixels, expected)


def test_a_picture_without_damage_is_left_as_it_is(weights: Path) -> None:
    Path("in").mkdir()
    Image.fromarray(ramp()).save("in/clean.png")
    Image.fromarray(scratched()).save("in/scratched.png")
    done = cli("repair", "in", "-o", "out", "--steps", 1, "--weights", weights, "--json")
    assert done.exit_code == 0
    assert "clean.png: no damage was found, so the picture is left as it is" in done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["specks_count"], first["scratches_count"], first["filled_share"]) == (0, 0, 0)
    assert second["scratches_count"] == 1 and 0.015 < second["filled_share"] < 0.1
    assert np.array_equal(images.read("out/clean.png").pixels, ramp())
    assert (images.read("out/scratched.png").pixels != scratched()).any()


def test_a_scanners_fourth_channel_is_used_and_kept(weights: Path, scan: np.ndarray) -> None:
    for name, options in (("said.tif", {"extrasamples": [0]}), ("unsaid.tif", {})):
        with tifffile.TiffWriter(name) as tif:
            tif.write(scan, photometric="rgb", **options)
        if not options:
            _without_extra_samples(Path(name))
        done = cli("repair", name, "-o", f"out-{name}", "--steps", 1, "--weights", weights)
        assert done.exit_code == 0, done.stderr
        assert f"{name}: its infrared channel is used" in done.stderr
        with tifffile.TiffFile(f"out-{name}") as tif:
            found, meanings = tif.asarray(), tuple(map(int, tif.pages.first.extrasamples))
        assert meanings == (0,)
        assert np.array_equal(found[..., 3], scan[..., 3])
        changed = (found != scan).any(2)
        assert changed[31, 22:58].all() and changed.sum() < 0.04 * changed.size


def _without_extra_samples(path: Path) -> None:
    """Give the tag that says what the fourth channel is a number that says nothing."""
    data = path.read_bytes()
    at = data.index(b"\x52\x01\x03\x00\x01\x00\x00\x00")
    path.write_bytes(data[:at] + b"\xff\xff" + data[at + 2 :])


def test_infrared_in_a_file(weights: Path, scan: np.ndarray) -> None:
    tifffile.imwrite("scan.tif", scan[..., :3], photometric="rgb")
    tifffile.imwrite("ir.tif", scan[..., 3], photometric="minisblack")
    words = ["repair", "scan.tif", "--infrared", "ir.tif", "--steps", 1, "--weights", weights]
    done = cli(*words, "-o", "out.tif")
    assert done.exit_code == 0 and "ir.tif is used" in done.stderr
    changed = (tifffile.imread("out.tif") != scan[..., :3]).any(2)
    assert changed[31, 22:58].all() and changed.sum() < 0.04 * changed.size


def test_infrared_that_cannot_be_used(weights: Path, scan: np.ndarray) -> None:
    Image.fromarray(scratched()).save("scan.png")
    Image.fromarray(np.zeros((40, 30), np.uint8)).save("small.png")
    Image.fromarray(np.full((80, 96), 99, np.uint8)).save("flat.png")
    Image.fromarray(ramp()).save("colour.png")
    words = ["repair", "scan.png", "--steps", 1, "--weights", weights, "--overwrite", "--infrared"]
    done = cli(*words, "small.png")
    assert done.exit_code == 1
    assert "small.png is 30x40 but scan.png is 96x80 (w x h); scan both at one size" in done.stderr
    done = cli(*words, "colour.png")
    assert done.exit_code == 1 and "colour.png has colours; an infrared channel is gray" in done.stderr
    done = cli(*words, "missing.png")
    assert done.exit_code == 1 and "missing.png" in done.stderr
    assert not Path("scan-repaired.png").exists()
    done = cli(*words, "flat.png")
    assert done.exit_code == 1 and "flat.png: the infrared channel has no contrast" in done.stderr


def test_wrong_usage(weights: Path) -> None:
    for words, message in (
        (["photo.png", "photo.png", "--infrared", "mask.png"], "belongs to one picture"),
        ([".", "--infrared", "mask.png"], "belongs to one picture"),
        (["photo.png", "--sensitivity", "2"], "neither low, normal, high nor a number above 0 and below 1"),
        (["photo.png", "--method", "repaint", "--steps", "10"], "--method repaint jumps back by 10 steps and "
         "takes more than that in all, got 10; pass more --steps"),
    ):  # fmt: skip
        done = cli("repair", *words, "--weights", weights)
        assert done.exit_code == 2 and message in " ".join(done.stderr.split()), words
