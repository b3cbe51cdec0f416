"""Pictures of another scale than their type's: judged, told by --data-range, and written back in it."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from command_photos import HOLE, PHOTO
from commands import cli
from numpy.typing import NDArray

from restore import denoise, images

pytestmark = pytest.mark.usefixtures("one_thread", "here")

UNIT = (PHOTO / 255).astype(np.float32)
GAUSSIAN = ("denoise", "--sigma", 20)
FILL = ("inpaint", "--mask", "mask.png", "--method", "conditional", "--steps", 2)


def save(name: str, pixels: NDArray[Any], **rest: Any) -> Path:
    images.write(name, images.Picture(pixels, format="tiff", **rest), overwrite=True)
    return Path(name)


def scaled(low: float, high: float) -> NDArray[np.float32]:
    return UNIT * np.float32(high - low) + np.float32(low)


def run(command: tuple[object, ...], name: str, weights: Path, *more: object) -> tuple[images.Picture, str]:
    """The result, and what was said."""
    target = more[more.index("-o") + 1] if "-o" in more else f"out-{name}"
    rest = () if "-o" in more else ("-o", target)
    done = cli(*command, name, *more, *rest, "--weights", weights, "--overwrite")
    assert done.exit_code == 0, done.stderr
    return images.read(str(target)), done.stderr


@pytest.mark.parametrize("command", [GAUSSIAN, FILL])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 4095), (-1, 1)])
def test_the_result_is_that_of_units_in_the_scale_of_the_picture(
    weights: Path, command: tuple[object, ...], low: int, high: int
) -> None:
    save("unit.tif", UNIT)
    save("other.tif", scaled(low, high))
    told = ["--data-range", f"{low},{high}"] if low < 0 else []
    expected, _ = run(command, "unit.tif", weights)
    found, said = run(command, "other.tif", weights, *told)
    np.testing.assert_allclose((found.pixels - low) / (high - low), expected.pixels, atol=2e-6)
    assert ("values were taken to be from" in said) == (not told)
    if not told:
        assert f"note: other.tif: values were taken to be from 0 to {high} (--data-range)\n" in said


def test_python_gives_the_same(weights: Path, backbone: Any) -> None:
    save("other.tif", scaled(0, 255))
    found, _ = run(GAUSSIAN, "other.tif", weights)
    expected = denoise(scaled(0, 255), sigma=20, prior=backbone)
    np.testing.assert_array_equal(found.pixels, expected)


def test_a_scale_that_cannot_be_told_is_refused_in_a_line(weights: Path) -> None:
    save("signed.tif", scaled(-1, 1))
    done = cli("denoise", "signed.tif", "--weights", weights)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: signed.tif: the scale of a picture of floats from -1 to ")
    assert done.stderr.endswith(
        "cannot be told; pass --data-range LOW,HIGH, the values of black and white, such as -1,1\n"
    )
    assert not Path("signed-denoised.tif").exists()


@pytest.mark.parametrize("value", ["1", "1,2,3", "a,b", "2,1", "1,1", "0,inf", "nan,1"])
def test_ranges_that_are_none(value: str) -> None:
    done = cli("denoise", "photo.png", "--data-range", value)
    assert done.exit_code == 2
    assert repr(value) in done.stderr


def test_a_range_that_the_values_are_far_from(weights: Path) -> None:
    save("whole.tif", PHOTO.astype(np.uint16) * 257)
    done = cli("denoise", "whole.tif", "--data-range", "0,255", "--weights", weights)
    assert done.exit_code == 1
    assert "more than 16; pass --data-range LOW,HIGH" in done.stderr


def test_12_bits_of_16_stay_so(weights: Path) -> None:
    """Alpha is of all 16 bits; outside the hole all numbers are the picture's."""
    pixels = np.rint(UNIT * 4095).astype(np.uint16)
    alpha = np.full(pixels.shape[:2], 30000, np.uint16)
    save("counts.tif", pixels, alpha=alpha)
    save("unit.tif", (pixels / 4095).astype(np.float32))
    found, said = run(FILL, "counts.tif", weights, "--data-range", "0,4095", "--report-consistency")
    known = HOLE == 0
    np.testing.assert_array_equal(found.pixels[known], pixels[known])
    np.testing.assert_array_equal(found.alpha, alpha)
    assert "0 pixels outside the hole are changed" in said
    expected, _ = run(FILL, "unit.tif", weights)
    expected_counts = (expected.pixels.clip(0, 1) * 4095)[~known]
    assert np.abs(found.pixels[~known] - expected_counts).max() <= 0.51
    eight, _ = run(FILL, "counts.tif", weights, "--data-range", "0,4095", "--depth", 8, "-o", "eight.png")
    assert np.abs(eight.pixels - 255.0 * found.pixels / 4095).max() < 0.6


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_other_formats_have_their_own_scale(weights: Path, ending: str) -> None:
    save("unit.tif", UNIT)
    save("other.tif", scaled(0, 1023))
    expected, _ = run(GAUSSIAN, "unit.tif", weights, "-o", f"unit.{ending}")
    found, said = run(GAUSSIAN, "other.tif", weights, "-o", f"other.{ending}", "--report-consistency")
    np.testing.assert_allclose(found.pixels, expected.pixels, atol=1)
    assert "clipped to [0, 1023]" in said
    apart = float(said.split("has a deviation of ")[1].split(",")[0].split(" ")[0])
    assert apart < 60  # of 255


def test_what_is_in_holes_does_not_count(weights: Path) -> None:
    hole = HOLE > 0
    for filler in (np.nan, -9999.0, 1e6):
        pixels = np.where(hole[..., None], np.float32(filler), scaled(0, 255))
        tifffile.imwrite("holes.tif", pixels, photometric="rgb")
        found, said = run(FILL, "holes.tif", weights, "--report-consistency")
        assert "from 0 to 255 (--data-range)" in said
        np.testing.assert_array_equal(found.pixels[~hole], scaled(0, 255)[~hole])
        assert "0 pixels outside the hole are changed" in said
        assert found.pixels[hole].min() > -60 and found.pixels[hole].max() < 320


def test_what_is_left_alone_is_copied(weights: Path) -> None:
    before = save("other.tif", scaled(0, 255)).read_bytes()
    run(("denoise", "--strength", 0), "other.tif", weights, "-o", "copy.tif")
    assert Path("copy.tif").read_bytes() == before
    png, _ = run(("denoise", "--strength", 0), "other.tif", weights, "-o", "copy.png")
    np.testing.assert_array_equal(np.rint(png.pixels / 257), PHOTO)


def test_extra_channels_share_the_scale(weights: Path) -> None:
    """The second channel uses little of it; restored alone it would be of another scale."""
    first = scaled(0, 4095)[..., :1].repeat(3, axis=2)
    second = scaled(0, 200)[..., 1:2]
    for name, factor in (("unit.tif", np.float32(1 / 4095)), ("other.tif", np.float32(1))):
        save(name, first * factor, extra=second * factor, gray=True)
    expected, _ = run(GAUSSIAN, "unit.tif", weights)
    found, said = run(GAUSSIAN, "other.tif", weights)
    assert said.count("from 0 to 4095") == 1
    assert found.extra is not None and expected.extra is not None
    np.testing.assert_allclose(found.pixels / 4095, expected.pixels, atol=2e-6)
    np.testing.assert_allclose(found.extra / 4095, expected.extra, atol=2e-6)


def test_extra_channels_of_a_coloured_picture_and_alpha_are_carried(weights: Path) -> None:
    alpha, infrared = scaled(0, 255)[..., 0], scaled(0, 255)[..., 1:2]
    save("other.tif", scaled(0, 255), alpha=alpha, extra=infrared)
    found, _ = run(GAUSSIAN, "other.tif", weights)
    np.testing.assert_array_equal(found.alpha, alpha)
    np.testing.assert_array_equal(found.extra, infrared)
    png, _ = run(GAUSSIAN, "other.tif", weights, "-o", "out.png")
    assert png.alpha is not None
    np.testing.assert_array_equal(np.rint(png.alpha / 257), PHOTO[..., 0])  # not clipped at 1


def test_a_reference_of_another_scale(weights: Path) -> None:
    vary = ("vary", "--steps", 1, "--strength", 0.3)
    save("light.tif", UNIT[::-1].copy())
    save("light-255.tif", scaled(0, 255)[::-1].copy())
    save("other.tif", scaled(0, 1023))
    one, _ = run(vary, "other.tif", weights, "--reference", "light.tif")
    two, said = run(vary, "other.tif", weights, "--reference", "light-255.tif", "--report-consistency")
    np.testing.assert_allclose(one.pixels, two.pixels, atol=0.01)
    assert "low frequencies are" in said


def test_upscale_in_another_scale(weights: Path) -> None:
    save("other.tif", scaled(0, 255))
    save("unit.tif", UNIT)
    words = ("upscale", "--scale", 2, "--steps", 1)
    expected, _ = run(words, "unit.tif", weights)
    found, _ = run(words, "other.tif", weights)
    np.testing.assert_allclose(found.pixels / 255, expected.pixels, atol=1e-4)


def test_the_record_gives_the_same_bytes(weights: Path) -> None:
    save("signed.tif", scaled(-1, 1))
    words = ("signed.tif", "-o", "out.tif", "--weights", weights)
    assert cli(*GAUSSIAN, "--data-range=-1,1", *words).exit_code == 0
    before = Path("out.tif").read_bytes()
    command = next(line for line in cli("info", "out.tif").stdout.splitlines() if "restore denoise" in line)
    again = shlex.split(command[command.index("restore denoise") :])[1:]
    assert "--data-range" in again
    again[again.index("--weights") + 1] = str(weights)
    Path("out.tif").rename("first.tif")
    assert cli(*again).exit_code == 0
    assert Path("out.tif").read_bytes() == before
    assert "kept" in cli(*GAUSSIAN, "--data-range=-1,1", *words).stderr
    done = cli(*GAUSSIAN, "--data-range=-2,2", *words)
    assert done.exit_code == 1
    assert "made with --data-range -1,1, now --data-range -2,2" in done.stderr


def test_told_in_a_configuration_file_and_to_json(weights: Path) -> None:
    save("signed.tif", scaled(-1, 1))
    Path("mine.toml").write_text("data-range = [-1, 1]\n")
    words = ("signed.tif", "--config", "mine.toml", "--weights", weights, "--json", "--dry-run")
    assert json.loads(cli(*GAUSSIAN, *words).stdout)["data_range"] == [-1, 1]


def test_damage_is_looked_for_in_units(weights: Path) -> None:
    """A picture of another scale has the damage that it has in units."""
    picture = images.Picture(UNIT.copy(), format="tiff")
    picture.pixels[4:36, 20] = 1
    facts = []
    for name, factor in (("unit.tif", 1), ("other.tif", 255)):
        images.write(name, replace(picture, pixels=picture.pixels * np.float32(factor)))
        done = cli("repair", name, "--dry-run", "--json", "--weights", weights)
        facts.append({**json.loads(done.stdout)})
    assert facts[0]["hole_share"] == facts[1]["hole_share"]
